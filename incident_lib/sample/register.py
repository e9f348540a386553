"""``incidents.csv``: the register that the team keeps by hand."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from datetime import datetime

from incident_lib.sample.company import ZONE
from incident_lib.sample.facts import Facts

COLUMNS = (
    "incident_id", "title", "severity", "started_at", "detected_at", "acknowledged_at", "mitigated_at", "resolved_at",
    "customers", "services", "incident_commander", "responders", "channel", "summary", "tags", "references",
)  # fmt: skip


def register_text(incidents: Iterable[Facts]) -> str:
    """Return the register as CSV, one row for each incident."""
    file = io.StringIO()
    writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(map(_row, incidents))
    return file.getvalue()


def _row(facts: Facts) -> dict[str, str]:
    times = ("started_at", "detected_at", "acknowledged_at", "mitigated_at", "resolved_at")
    return {
        "incident_id": facts.incident_id,
        "title": facts.title,
        "severity": facts.severity,
        **{name: _time(getattr(facts, name), facts) for name in times},
        "customers": "; ".join(one.name for one in facts.customers),
        "services": facts.kind.service,
        "incident_commander": facts.commander.name if facts.commander else "",
        "responders": "; ".join(one.name for one in facts.responders),
        "channel": facts.channel or "",
        "summary": facts.say(facts.prose.summary),
        "tags": "; ".join(tags(facts)),
        "references": "; ".join(facts.references),
    }


def _time(at: datetime | None, facts: Facts) -> str:
    """Return a time: copied from the alert in UTC, or, where there was none, written by hand in local time."""
    if at is None:
        return ""
    if facts.pagerduty_id:
        return f"{at:%Y-%m-%dT%H:%M:%SZ}"
    return at.astimezone(ZONE).isoformat(timespec="minutes")


def tags(facts: Facts) -> tuple[str, ...]:
    """Return the labels of an incident: those of its tickets if it is critical, and its kind."""
    label = f"critical_{facts.started_at.astimezone(ZONE):%Y%m%d}"
    return (*(("critical", label) if facts.severity == "critical" else ()), facts.kind.name.replace("_", "-"))
