"""An optional summary by a command of the user's: facts in as JSON, text out, both redacted, marked as a machine's."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pandas as pd

from incident_lib.column_texts import split_names
from incident_lib.errors import WorkbookError
from incident_lib.records import Records
from incident_lib.redact import redact
from incident_lib.story.facts import guesses, minutes_in, severity_stays
from incident_lib.story.timeline import incident_timeline

MOST = 4_000  # characters of a summary


def summary_facts(records: Records, incident_id: str) -> dict[str, Any]:
    """Return what the command gets: the incident's facts, without secrets."""
    incident = records.incident(incident_id)
    timeline = incident_timeline(records, incident_id)
    times = ("started_at", "detected_at", "acknowledged_at", "mitigated_at", "resolved_at")
    facts = {
        "incident": incident_id,
        "title": _plain(incident["title"]),
        "severity": _plain(incident["severity"]),
        **{name: _plain(incident[name]) for name in times},
        **{name: split_names(incident[name]) for name in ("services", "customers")},
        "summary": _plain(incident["summary"]),
        "minutes_in_severity": minutes_in(severity_stays(records, incident_id)),
        "timeline": [{name: _plain(row[name]) for name in ("at", "text", "milestone")}
                     for row in timeline.to_dict("records")],
        "unconfirmed_guesses": list(guesses(records, incident_id)["text"]),
    }  # fmt: skip
    return json.loads(redact(json.dumps(facts, ensure_ascii=False)))


def machine_summary(records: Records, incident_id: str) -> str | None:
    """Return the text that the settings' command makes of an incident's facts; None if no command is set.

    Raises:
        WorkbookError: if the command can't be run, takes too long, or ends with an error.
    """
    page = records.settings.page
    if not page.summariser:
        return None
    facts = json.dumps(summary_facts(records, incident_id), ensure_ascii=False, sort_keys=True)
    try:
        done = subprocess.run(  # the user's own command, as a list, without a shell
            list(page.summariser), input=facts.encode(), capture_output=True, timeout=page.summariser_seconds,
            check=True, cwd=records.folder,
        )  # fmt: skip
    except FileNotFoundError as error:
        raise WorkbookError(
            f"there is no command {page.summariser[0]!r} (page.summariser); the draft needs none"
        ) from error
    except subprocess.TimeoutExpired as error:
        raise WorkbookError(
            f"the summariser took more than {page.summariser_seconds} seconds (page.summariser_seconds)"
        ) from error
    except (subprocess.CalledProcessError, OSError) as error:
        raise WorkbookError(f"the summariser failed: {error}") from error
    text = redact(" ".join(done.stdout.decode("utf-8", "replace").split()))
    return text[:MOST] or None


def _plain(value: Any) -> Any:
    if pd.isna(value):
        return None
    return f"{value:%Y-%m-%dT%H:%M:%SZ}" if isinstance(value, pd.Timestamp) else str(value)
