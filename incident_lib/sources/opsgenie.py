"""Opsgenie's incidents as its API lists them.

The list says that an incident is resolved, not when. Its last update is taken, which can only be too late, and every
such incident is told of.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from incident_lib.column_texts import join_names
from incident_lib.sources.json_records import first_keys
from incident_lib.sources.reading import Batch, Reader, Source
from incident_lib.sources.record_fields import USED, Fields, Rows, needed_id, tell_records

NAME = "opsgenie"
PRIORITIES: dict[str, str | None] = {"p1": "critical", "p2": "high", "p3": "medium", "p4": "low", "p5": "low"}
_FINISHED = {"resolved", "closed"}


def recognises(source: Source) -> bool:
    """Return whether the file holds incidents with a tiny id and a priority."""
    return first_keys(source).have("tinyId", "message", "createdAt", "priority")


def read(source: Source) -> Batch:
    """Return the incidents.

    Raises:
        SourceError: if the file is not JSON.
    """
    return tell_records(source, NAME, _tell, envelopes=("data",))


def _tell(record: Fields, rows: Rows) -> str:
    incident_id = needed_id(record, "id", "tinyId")
    if incident_id is None:
        return "skipped: no id"
    rows["incidents"].append(_incident(record, incident_id))
    return USED


def _incident(record: Fields, incident_id: str) -> dict[str, Any]:
    created, over = record.time("createdAt"), record.time("impactEndDate")
    return {
        "incident_id": incident_id,
        "title": record.text("message"),
        "severity": record.severity(record.raw("priority"), PRIORITIES),
        "started_at": record.time("impactStartDate"),
        "detected_at": created,
        "mitigated_at": over,
        "resolved_at": _resolved(record, over),
        "first_seen_at": created,
        "services": record.names("impactedServices"),
        "summary": record.text("description"),
        "tags": record.names("tags"),
        "references": join_names([incident_id, record.text("tinyId")]),
        "source": record.place,
        "extra": record.rest(),
    }


def _resolved(record: Fields, over: datetime | None) -> datetime | None:
    if record.data.get("status") not in tuple(_FINISHED):
        return None
    if over:
        return over
    message = "resolved, but the export doesn't say when; its last update is taken"
    record.problem("end-not-stated", message, effect="kept")
    return record.time("updatedAt")


READER = Reader(NAME, recognises, read)
