"""Statuspage's incidents, as its private API and the public page's ``/api/v2/incidents.json`` give them.

Impact began with the first update's ``display_at`` where that lies before ``created_at``: such incidents were written
down afterwards (back-filled), and nobody reading the page knew of them before ``created_at``. When the impact was
detected the page doesn't say.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from incident_lib.column_texts import join_names
from incident_lib.sources.fields import as_json
from incident_lib.sources.json_records import first_keys
from incident_lib.sources.reading import Batch, Reader, Source
from incident_lib.sources.record_fields import USED, Fields, Rows, earliest, needed_id, tell_records

NAME = "statuspage"
IMPACTS: dict[str, str | None] = {"critical": "critical", "major": "high", "minor": "medium", "none": "low"}
MAINTENANCE = "skipped: scheduled maintenance"
_MAINTENANCE_STATES = {"scheduled", "in_progress", "verifying", "completed"}


def recognises(source: Source) -> bool:
    """Return whether the file holds incidents with updates and an impact, or a status page's answer."""
    keys = first_keys(source)
    return keys.have("incident_updates", "impact") or keys.top.issuperset({"page", "incidents"})


def read(source: Source) -> Batch:
    """Return incidents, their updates as timeline, and published post-mortems.

    Raises:
        SourceError: if the file is not JSON.
    """
    return tell_records(source, NAME, _tell, envelopes=("incidents", "scheduled_maintenances"))


def _tell(record: Fields, rows: Rows) -> str:
    if is_maintenance(record):
        return MAINTENANCE
    incident_id = needed_id(record, "id")
    if incident_id is None:
        return "skipped: no id"
    updates = _updates(record)
    resolving = earliest(*(row["at"] for row, status in updates if status == "resolved"))
    rows["timeline"] += (row for row, _ in updates)
    rows["postmortems"] += _postmortem(record, incident_id)
    rows["incidents"].append(_incident(record, incident_id, earliest(*(row["at"] for row, _ in updates)), resolving))
    return USED


def is_maintenance(record: Fields) -> bool:
    """Return whether a record is planned work: no incident."""
    state = record.data.get("status")
    return record.data.get("impact") == "maintenance" or bool(record.data.get("scheduled_for")) or (
        isinstance(state, str) and state in _MAINTENANCE_STATES
    )  # fmt: skip


def _incident(
    record: Fields, incident_id: str, first: datetime | None, resolving: datetime | None
) -> dict[str, Any]:
    created = record.time("created_at")
    return {
        "incident_id": incident_id,
        "title": record.text("name"),
        "severity": record.severity(record.raw("impact_override") or record.raw("impact"), IMPACTS),
        "started_at": earliest(first, created, record.time("started_at")),
        "mitigated_at": record.time("monitoring_at"),
        "resolved_at": record.time("resolved_at") or resolving,
        "first_seen_at": created or first,
        "services": record.names("components"),
        "url": record.text("shortlink"),
        "references": join_names([incident_id, record.text("shortlink")]),
        "source": record.place,
        "extra": record.rest(),
    }


def _updates(record: Fields) -> list[tuple[dict[str, Any], str | None]]:
    """Return the updates as timeline rows with their status, oldest first (Statuspage lists the newest first)."""
    rows = [row for update in reversed(record.records("incident_updates")) if (row := _update(update))]
    link = {"url": record.text("shortlink")}
    return sorted(((row | link, status) for row, status in rows), key=lambda row: row[0]["at"])


def _update(update: Fields) -> tuple[dict[str, Any], str | None] | None:
    at = update.time("display_at") or update.time("created_at")
    if at is None:
        update.problem("no-time", "an update without a readable display_at or created_at")
        return None
    status = update.text("status")
    row = {
        "incident_id": update.of,
        "at": at,
        "kind": "status",
        "text": status_text(status, update.text("body")),
        "source": update.place,
        "extra": update.rest("incident_id"),
    }
    return row, status


def status_text(status: str | None, body: str | None) -> str | None:
    """Return an update as one text: "Monitoring: A fix is in place."."""
    return ": ".join(part for part in ((status or "").replace("_", " ").capitalize(), body) if part) or None


def _postmortem(record: Fields, incident_id: str) -> list[dict[str, Any]]:
    """Return the published or drafted post-mortem as a row; none where there is no text."""
    body = record.text("postmortem_body")
    if body is None:
        return []
    published = record.time("postmortem_published_at")
    return [{
        "incident_id": incident_id,
        "title": record.text("name"),
        "status": "in review" if published else "draft",
        "created_at": earliest(record.time("postmortem_body_last_updated_at"), published),
        "completed_at": published,
        "source": record.place,
        "extra": as_json({"body": body, "url": record.text("shortlink")}),
    }]  # fmt: skip


READER = Reader(NAME, recognises, read)
