"""GitHub's status incidents as JSON lines (github.com/mrshu/github-statuses).

The start is the first public update, unless a post-mortem stated an ``impact_window``. Only then can the time to
detection be measured, with the first update as the detection; elsewhere ``detected_at`` stays empty.
"""

from __future__ import annotations

from typing import Any

from incident_lib.column_texts import join_names
from incident_lib.sources.json_records import first_keys
from incident_lib.sources.reading import Batch, Reader, Source
from incident_lib.sources.record_fields import USED, Fields, Rows, needed_id, tell_records
from incident_lib.sources.statuspage import IMPACTS, MAINTENANCE, status_text

NAME = "github_status"


def recognises(source: Source) -> bool:
    """Return whether the file holds incidents with a downtime and an impact window."""
    return first_keys(source).have("downtime_start", "downtime_end", "updates")


def read(source: Source) -> Batch:
    """Return incidents, and their updates as timeline.

    Raises:
        SourceError: if the file is not JSON at all.
    """
    return tell_records(source, NAME, _tell)


def _tell(record: Fields, rows: Rows) -> str:
    if record.data.get("impact") == "maintenance":
        return MAINTENANCE
    incident_id = needed_id(record, "id")
    if incident_id is None:
        return "skipped: no id"
    updates = [row for update in record.records("updates") if (row := _update(update))]
    rows["timeline"] += updates
    rows["incidents"].append(_incident(record, incident_id, updates))
    return USED


def _incident(record: Fields, incident_id: str, updates: list[dict[str, Any]]) -> dict[str, Any]:
    first = min((row["at"] for row in updates), default=None)
    stated = record.data.get("impact_window") is not None
    return {
        "incident_id": incident_id,
        "title": record.text("title"),
        "severity": record.severity(record.raw("impact"), IMPACTS),
        "started_at": record.time("downtime_start"),
        "detected_at": first if stated else None,
        "mitigated_at": record.time("downtime_end"),
        "resolved_at": record.time("resolved_at"),
        "first_seen_at": first or record.time("started_at"),
        "services": record.names("components"),
        "url": record.text("url"),
        "references": join_names([incident_id, record.text("url")]),
        "source": record.place,
        "extra": record.rest(start_is="stated" if stated else "the first public update"),
    }


def _update(update: Fields) -> dict[str, Any] | None:
    at = update.time("at")
    if at is None:
        update.problem("no-time", "an update without a readable time")
        return None
    text = status_text(update.text("status"), update.text("message"))
    return {"incident_id": update.of, "at": at, "kind": "status", "text": text, "source": update.place}


READER = Reader(NAME, recognises, read)
