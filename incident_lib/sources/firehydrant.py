"""FireHydrant's incidents with their milestones, and its tickets."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from incident_lib.column_texts import join_names
from incident_lib.sources.json_records import first_keys
from incident_lib.sources.reading import Batch, Reader, Source
from incident_lib.sources.record_fields import USED, Fields, Rows, earliest, needed_id, tell_records

NAME = "firehydrant"
SEVERITIES: dict[str, str | None] = {"unset": None, "gameday": None, "maintenance": None}
TICKETS = {"open": "open", "in_progress": "open", "cancelled": "declined", "done": "done"}
_MILESTONES = {
    "started": "started_at", "detected": "detected_at", "acknowledged": "acknowledged_at",
    "mitigated": "mitigated_at", "resolved": "resolved_at",
}  # fmt: skip
_SIGNS = (("current_milestone", "severity", "number"), ("state", "incident_id", "incident_name", "summary"))


def recognises(source: Source) -> bool:
    """Return whether the file holds incidents with milestones, or tickets of incidents."""
    keys = first_keys(source)
    return any(keys.have(*sign) for sign in _SIGNS)


def read(source: Source) -> Batch:
    """Return incidents, their milestones as timeline, their retrospectives, or tickets as action items.

    Raises:
        SourceError: if the file is not JSON.
    """
    return tell_records(source, NAME, _tell, envelopes=("data",), kind="records")


def _tell(record: Fields, rows: Rows) -> str:
    return _incident(record, rows) if "current_milestone" in record.data else _ticket(record, rows)


def _incident(record: Fields, rows: Rows) -> str:
    if record.raw("discarded_at"):
        return "skipped: discarded"
    if str(record.data.get("severity")).casefold() in ("gameday", "maintenance"):
        return f"skipped: {str(record.data['severity']).casefold()}"
    incident_id = needed_id(record, "id", "number")
    if incident_id is None:
        return "skipped: no id"
    reached = _milestones(record)
    times: dict[str, datetime | None] = {ours: reached.get(theirs) for theirs, ours in _MILESTONES.items()}
    times["started_at"] = times["started_at"] or record.time("started_at")
    rows["incidents"].append(_row(record, incident_id, times))
    rows["postmortems"] += _retrospective(record, reached)
    return USED


def _milestones(record: Fields) -> dict[str, datetime]:
    """Return when each milestone was reached; where newer files have phases, from those."""
    phases = [one for phase in record.records("lifecycle_phases") for one in phase.records("milestones")]
    found: dict[str, datetime] = {}
    for milestone in (*phases, *record.records("milestones")):
        kind, at = milestone.text("type") or milestone.text("slug"), milestone.time("occurred_at")
        if kind and at:
            found[kind] = at
    return found


def _row(record: Fields, incident_id: str, times: dict[str, datetime | None]) -> dict[str, Any]:
    assigned = record.records("role_assignments")
    people = [(one.text("incident_role", "name"), one.text("user", "name")) for one in assigned]
    return {
        "incident_id": incident_id,
        "title": record.text("name"),
        "severity": record.severity(record.raw("severity"), SEVERITIES),
        **times,
        "first_seen_at": earliest(record.time("created_at")) or earliest(*times.values()),
        "services": record.names("services"),
        "incident_commander": next((name for role, name in people if role and "commander" in role.casefold()), None),
        "responders": join_names(name for _, name in people),
        "channel": record.text("channel_name"),
        "summary": record.text("summary") or record.text("description"),
        "tags": record.names("tag_list"),
        "url": record.text("incident_url"),
        "references": join_names([incident_id, record.text("incident_url"), record.text("ticket", "link", "href")]),
        "source": record.place,
        "extra": record.rest("milestones", "lifecycle_phases", "lifecycle_measurements"),
    }


def _retrospective(record: Fields, reached: dict[str, datetime]) -> list[dict[str, Any]]:
    begun, done = reached.get("postmortem_started"), reached.get("postmortem_completed")
    if not (begun or done):
        return []
    return [{
        "incident_id": record.of, "title": record.text("name"), "status": "in review" if done else "draft",
        "created_at": earliest(begun, done), "completed_at": done, "source": record.place,
    }]  # fmt: skip


def _ticket(record: Fields, rows: Rows) -> str:
    record.of = record.text("incident_id")
    if record.data.get("type") == "incident":
        return "skipped: the incident's own ticket"
    assignees = record.records("assignees")
    rows["action_items"].append({
        "incident_id": record.of,
        "title": record.text("summary"),
        "owner": assignees[0].text("name") if assignees else None,
        "status": record.choice("state", TICKETS),
        "created_on": record.date_of("created_at"),
        "due_on": record.date_of("due_at"),
        "ticket": record.text("link", "href"),
        "source": record.place,
        "extra": record.rest("incident_name"),
    })  # fmt: skip
    return USED


READER = Reader(NAME, recognises, read)
