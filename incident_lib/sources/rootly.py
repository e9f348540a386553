"""Rootly's incidents, action items, events and post-mortems (JSON:API).

The records hold passwords of calls and addresses that open them; those are dropped before anything is looked at.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from incident_lib.column_texts import join_names
from incident_lib.sources.json_records import first_keys
from incident_lib.sources.reading import Batch, Reader, Source
from incident_lib.sources.record_fields import USED, Fields, Rows, needed_id, tell_records

NAME = "rootly"
SEVERITIES: dict[str, str | None] = {"sev0": "critical"}
ACTION_ITEMS = {"open": "open", "in_progress": "open", "cancelled": "declined", "done": "done"}
POSTMORTEMS = {"draft": "draft", "published": "reviewed"}
_SECRET = re.compile(r"password|passcode|secret|token|credential|api_key|start_url|join_url|pin$", re.IGNORECASE)
_TIMES = ("started_at", "detected_at", "acknowledged_at", "mitigated_at", "resolved_at")
_NO_INCIDENTS = {"test": "test", "test_sub": "test", "example": "example", "example_sub": "example",
                 "scheduled": "scheduled maintenance", "scheduled_sub": "scheduled maintenance"}  # fmt: skip


def recognises(source: Source) -> bool:
    """Return whether the file is JSON:API with Rootly's kinds of records."""
    kinds = rb'"type"\s*:\s*"(?:incidents|incident_action_items|action_items|incident_events|incident_post_mortems)"'
    return first_keys(source).have("id", "type", "attributes") and re.search(kinds, source.head) is not None


def read(source: Source) -> Batch:
    """Return what the file holds: incidents, action items, timeline, or post-mortems.

    Raises:
        SourceError: if the file is not JSON.
    """
    return tell_records(source, NAME, _tell, envelopes=("data",), kind="records")


def without_secrets(value: Any) -> Any:
    """Return a JSON value without the fields whose names say that they hold a secret, at any depth."""
    if isinstance(value, Mapping):
        return {key: without_secrets(one) for key, one in value.items() if not _SECRET.search(key)}
    return [without_secrets(one) for one in value] if isinstance(value, list) else value


def _tell(record: Fields, rows: Rows) -> str:
    kind, attributes = record.data.get("type"), without_secrets(record.data.get("attributes"))
    if not isinstance(attributes, Mapping):
        record.problem("not-a-record", "a record without attributes")
        return "skipped: no attributes"
    data = {**attributes, "id": record.data.get("id")}
    fields = Fields(data, record.place, record.batch, record.rules, record.text("attributes", "incident_id"))
    if kind == "incidents":
        return _incident(fields, rows)
    if kind in ("action_items", "incident_action_items"):
        return _action_item(fields, rows)
    if kind == "incident_events":
        return _event(fields, rows)
    return _postmortem(fields, rows) if kind == "incident_post_mortems" else f"skipped: {kind}"


def _incident(record: Fields, rows: Rows) -> str:
    reason = _NO_INCIDENTS.get(str(record.data.get("kind"))) or (
        "cancelled" if record.data.get("status") == "cancelled" else None
    )
    if reason:
        return f"skipped: {reason}"
    incident_id = needed_id(record, "id")
    if incident_id is None:
        return "skipped: no id"
    words = (record.raw("severity", "data", "attributes", name) for name in ("severity", "slug", "name"))
    rows["incidents"].append({
        "incident_id": incident_id,
        "title": record.text("title"),
        "severity": record.severity(next((word for word in words if word), None), SEVERITIES),
        **{name: record.time(name) for name in _TIMES},
        "first_seen_at": record.time("created_at"),
        "services": _named(record, "services"),
        "channel": record.text("slack_channel_name"),
        "summary": record.text("summary"),
        "url": record.text("url"),
        "references": join_names([incident_id, record.text("slug"), record.text("url"), record.text("short_url")]),
        "source": record.place,
        "extra": record.rest(),
    })  # fmt: skip
    return USED


def _named(record: Fields, key: str) -> str | None:
    """Return the names in a relation, be it a list or JSON:API's ``{"data": […]}``."""
    values = record.raw(key)
    listed = values.get("data") if isinstance(values, Mapping) else values
    listed = listed if isinstance(listed, list) else []
    found = [one.get("attributes", one) for one in listed if isinstance(one, Mapping)]
    names = [one.get("name") for one in found if isinstance(one, Mapping)]
    return join_names(name for name in names if isinstance(name, str))


def _action_item(record: Fields, rows: Rows) -> str:
    rows["action_items"].append({
        "incident_id": record.of,
        "title": record.text("summary"),
        "owner": record.text("assigned_to", "data", "attributes", "name") or record.text("assigned_to", "name"),
        "status": record.choice("status", ACTION_ITEMS),
        "created_on": record.date_of("created_at"),
        "due_on": record.date_of("due_date"),
        "ticket": record.text("jira_issue_url") or record.text("url"),
        "source": record.place,
        "extra": record.rest(),
    })  # fmt: skip
    return USED


def _event(record: Fields, rows: Rows) -> str:
    at = record.time("occurred_at")
    if at is None:
        record.problem("no-time", "an event without a readable time")
        return "skipped: no time"
    row = {"incident_id": record.of, "at": at, "kind": "note", "text": record.text("event"), "source": record.place}
    rows["timeline"].append({**row, "extra": record.rest()})
    return USED


def _postmortem(record: Fields, rows: Rows) -> str:
    rows["postmortems"].append({
        "incident_id": record.of,
        "title": record.text("title"),
        "status": record.choice("status", POSTMORTEMS),
        "created_at": record.time("created_at"),
        "source": record.place,
        "extra": record.rest(),
    })  # fmt: skip
    return USED


READER = Reader(NAME, recognises, read)
