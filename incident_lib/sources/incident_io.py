"""incident.io's incidents, follow-ups, updates and post-mortem documents (API v2)."""

from __future__ import annotations

from datetime import datetime

from incident_lib.column_texts import join_names
from incident_lib.sources.json_records import first_keys
from incident_lib.sources.reading import Batch, Reader, Source
from incident_lib.sources.record_fields import USED, Fields, Rows, needed_id, tell_records
from incident_lib.sources.statuspage import status_text

NAME = "incident_io"
SEVERITIES: dict[str, str | None] = {"critical": "critical", "major": "high", "minor": "medium"}
FOLLOW_UPS = {"outstanding": "open", "completed": "done", "not_doing": "declined"}
DOCUMENTS = {"in_progress": "draft", "in_review": "in review", "completed": "reviewed"}
_TIMES = {
    "started_at": ("impact started at", "impact started", "started at"),
    "detected_at": ("detected at", "reported at"),
    "acknowledged_at": ("acknowledged at", "accepted at"),
    "mitigated_at": ("mitigated at", "fixed at"),
    "resolved_at": ("resolved at",),
}
_NO_INCIDENTS = {"declined", "merged", "canceled"}
_ENVELOPES = ("incidents", "incident", "follow_ups", "incident_updates", "postmortem_documents")
_SIGNS = (
    ("incident_status", "reference", "mode"),
    ("incident_id", "message", "new_incident_status"),
    ("incident_id", "title", "status", "assignee", "labels"),
    ("incident_id", "document_url", "editors"),
)


def recognises(source: Source) -> bool:
    """Return whether the file holds incident.io's incidents, updates, follow-ups or documents."""
    keys = first_keys(source)
    return any(keys.have(*sign) for sign in _SIGNS)


def read(source: Source) -> Batch:
    """Return what the file holds: incidents, timeline, action items, or post-mortems.

    Raises:
        SourceError: if the file is not JSON.
    """
    return tell_records(source, NAME, _tell, envelopes=_ENVELOPES, kind="records")


def _tell(record: Fields, rows: Rows) -> str:
    if "incident_status" in record.data and "reference" in record.data:
        return _incident(record, rows)
    record.of = record.text("incident_id")
    if "new_incident_status" in record.data:
        return _update(record, rows)
    if "document_url" in record.data:
        return _document(record, rows)
    return _follow_up(record, rows)


def _incident(record: Fields, rows: Rows) -> str:
    if record.data.get("mode") in ("test", "tutorial"):
        return f"skipped: {record.data['mode']}"
    if record.text("incident_status", "category") in _NO_INCIDENTS:
        return f"skipped: {record.text('incident_status', 'category')}"
    incident_id = needed_id(record, "reference", "id")
    if incident_id is None:
        return "skipped: no id"
    people = _roles(record)
    rows["incidents"].append({
        "incident_id": incident_id,
        "title": record.text("name"),
        "severity": record.severity(record.raw("severity", "name"), SEVERITIES),
        **_times(record),
        "first_seen_at": record.time("created_at"),
        "incident_commander": next((name for role, name in people if role == "lead"), None),
        "responders": join_names(name for _, name in people),
        "channel": record.text("slack_channel_name"),
        "summary": record.text("summary"),
        "url": record.text("permalink"),
        "references": join_names([incident_id, record.text("id"), record.text("permalink"),
                                  record.text("external_issue_reference", "issue_permalink")]),
        "source": record.place,
        "extra": record.rest(),
    })  # fmt: skip
    return USED


def _times(record: Fields) -> dict[str, datetime | None]:
    """Return our times from the timestamps that the team gave names to."""
    found = {
        (stamp.text("incident_timestamp", "name") or "").casefold(): stamp.time("value", "value")
        for stamp in record.records("incident_timestamp_values")
    }
    return {ours: next((found[name] for name in names if found.get(name)), None) for ours, names in _TIMES.items()}


def _roles(record: Fields) -> list[tuple[str | None, str | None]]:
    return [
        (role.text("role", "role_type"), role.text("assignee", "name"))
        for role in record.records("incident_role_assignments")
    ]


def _update(record: Fields, rows: Rows) -> str:
    at = record.time("created_at")
    if at is None:
        record.problem("no-time", "an update without a readable time")
        return "skipped: no time"
    base = {"incident_id": record.of, "at": at, "source": record.place, "who": record.text("updater", "user", "name")}
    text = status_text(record.text("new_incident_status", "name"), record.text("message"))
    rows["timeline"].append({**base, "kind": "status", "text": text})
    severity = record.severity(record.raw("new_severity", "name"), SEVERITIES)
    if severity:
        rows["timeline"].append({**base, "kind": "severity", "text": f"Severity: {severity}", "severity": severity})
    return USED


def _document(record: Fields, rows: Rows) -> str:
    rows["postmortems"].append({
        "incident_id": record.of,
        "title": record.text("title"),
        "status": record.choice("status", DOCUMENTS),
        "created_at": record.time("created_at"),
        "source": record.place,
        "extra": record.rest(),
    })  # fmt: skip
    return USED


def _follow_up(record: Fields, rows: Rows) -> str:
    if record.data.get("status") == "deleted":
        return "skipped: deleted"
    rows["action_items"].append({
        "incident_id": record.of,
        "title": record.text("title"),
        "owner": record.text("assignee", "name"),
        "status": record.choice("status", FOLLOW_UPS),
        "created_on": record.date_of("created_at"),
        "done_on": record.date_of("completed_at"),
        "ticket": record.text("external_issue_reference", "issue_permalink"),
        "source": record.place,
        "extra": record.rest(),
    })  # fmt: skip
    return USED


READER = Reader(NAME, recognises, read)
