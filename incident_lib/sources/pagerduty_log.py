"""PagerDuty's log entries, notes, alerts and webhook events as rows of ``timeline``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from incident_lib.column_texts import join_names
from incident_lib.errors import FieldError
from incident_lib.sources.fields import as_json, parse_severity
from incident_lib.sources.pagerduty_records import (
    Desk,
    Found,
    RowError,
    items,
    label,
    mapping,
    needed_id,
    person,
    slim,
    text,
)

NOTIFICATIONS = frozenset({"notify"})
_KINDS = {
    "trigger": "alert", "acknowledge": "acknowledged", "resolve": "resolved", "assign": "assigned",
    "delegate": "assigned", "escalate": "escalated", "repeat_escalation_path": "escalated",
    "exhaust_escalation_path": "escalated", "annotate": "note", "unacknowledge": "status", "reopen": "status",
    "status_update": "status",
}  # fmt: skip
_EVENTS = {
    "triggered": "alert", "acknowledged": "acknowledged", "resolved": "resolved", "reassigned": "assigned",
    "delegated": "assigned", "escalated": "escalated", "annotated": "note", "unacknowledged": "status",
    "reopened": "status", "status_update_published": "status", "priority_updated": "severity",
}  # fmt: skip
_NEW_VALUE = ("to", "new", "new_value", "after", "value")
_USED = frozenset({
    "id", "type", "self", "html_url", "summary", "created_at", "agent", "incident", "note", "service", "user",
})  # fmt: skip


def entry_type(record: Mapping[str, Any]) -> str:
    """Return a log entry's type without its ending: "acknowledge"."""
    return re.sub(r"_log_entry(_reference)?$", "", str(record.get("type", "")))


def log_row(found: Found, desk: Desk) -> dict[str, Any]:
    """Return a log entry as a row.

    Raises:
        RowError: if it has no time.
    """
    record, kind = found.record, entry_type(found.record)
    severity = _new_severity(record, desk) if re.search("priority|severity|field_value", kind) else None
    return _row(
        found,
        desk,
        kind="severity" if severity else _KINDS.get(kind, "note"),
        text=_entry_text(record, kind),
        who=person(record.get("agent")),
        severity=severity,
        url=text(record, "html_url") or _link(record),
        extra=as_json({"type": kind, **{key: slim(value) for key, value in record.items() if key not in _USED}}),
    )


def _row(found: Found, desk: Desk, **rest: Any) -> dict[str, Any]:
    incident_id = text(mapping(found.record.get("incident")), "id") or found.incident_id
    at = desk.needed_time(found, "created_at")
    return {"incident_id": incident_id, "at": at, "source": found.pointer, **rest}


def _entry_text(record: Mapping[str, Any], kind: str) -> str | None:
    """Return what happened: a note's own words, a change's description, else the summary."""
    channel = mapping(record.get("channel"))
    if kind == "annotate":
        return text(record, "note") or text(channel, "summary", "content") or text(record, "summary")
    if kind == "trigger":
        return text(channel, "summary", "subject", "description") or text(record, "summary")
    described = text(mapping(record.get("event_details")), "description") if "change" in kind else None
    return described or text(record, "summary") or kind.replace("_", " ") or None


def _new_severity(record: Mapping[str, Any], desk: Desk) -> str | None:
    """Return the severity that a change of priority leads to; None if it changes something else, or to nothing known.

    A change of urgency is none: "high" urgency means a phone call, not a major incident.
    """
    changes = record.get("changeset")
    for change in items(changes if isinstance(changes, list) else [changes]):
        if re.search("priority|severity", str(change.get("field") or change.get("name") or ""), re.IGNORECASE):
            for key in _NEW_VALUE:
                if severity := _severity(change.get(key), desk):
                    return severity
    described = text(mapping(record.get("event_details")), "description") or text(record, "summary") or ""
    match = re.search(r"\b(?:priority|severity)\b.*\bto ['\"]?([\w -]+?)['\"]?\.?$", described, re.IGNORECASE)
    return _severity(match[1], desk) if match else None


def _severity(value: Any, desk: Desk) -> str | None:
    word = value if isinstance(value, str) else label(value)
    try:
        return parse_severity(word, desk.settings.severities.aliases) if word else None
    except FieldError:
        return None


def _link(record: Mapping[str, Any]) -> str | None:
    """Return the address of the alert, graph or check that an entry or alert is about."""
    channel, body = mapping(record.get("channel")), mapping(record.get("body"))
    details = mapping(channel.get("cef_details")) or mapping(body.get("cef_details"))
    contexts = [one for holder in (record, channel, body, details) for one in items(holder.get("contexts"))]
    named = (text(holder, "html_url", "client_url", "source_url") for holder in (channel, body, details))
    found = [*named, *(text(one, "href") for one in contexts if one.get("type", "link") == "link")]
    return next((url for url in found if url and url.startswith(("http://", "https://"))), None)


def note_row(found: Found, desk: Desk) -> dict[str, Any]:
    """Return a note as a row; which incident it belongs to stands, at best, around it.

    Raises:
        RowError: if it has no time or no text.
    """
    content = text(found.record, "content")
    if not content:
        raise RowError("it has no content")
    row = _row(found, desk, kind="note", text=content, who=person(found.record.get("user")))
    if row["incident_id"] is None:
        message = "this note doesn't say which incident it belongs to; name its file after the incident's id"
        desk.kept("note-without-incident", message, found, None)
    return row


def alert_row(found: Found, desk: Desk) -> dict[str, Any]:
    """Return an alert as a row.

    Raises:
        RowError: if it has no time.
    """
    record = found.record
    rest = {key: slim(value) for key, value in record.items() if key not in _USED}
    return _row(
        found,
        desk,
        kind="alert",
        text=text(record, "summary", "alert_key"),
        url=text(record, "html_url") or _link(record),
        extra=as_json({"service": label(record.get("service")), **rest}),
    )


def event_row(found: Found, desk: Desk) -> dict[str, Any]:
    """Return a webhook's event (version 3) as a row.

    Raises:
        RowError: if it has no time.
    """
    record, data = found.record, mapping(found.record.get("data"))
    name = str(record.get("event_type", "")).removeprefix("incident.")
    kind = _EVENTS.get(name, "note")
    severity = _severity(data.get("priority"), desk) if kind == "severity" else None
    incident = _reference(record)
    title = text(incident, "title") if kind == "alert" else None
    said = title or text(data, "content", "message") or label(data.get("trimmed_message")) or name.replace("_", " ")
    return {
        "incident_id": text(incident, "id"),
        "at": desk.needed_time(found, "occurred_at"),
        "kind": "note" if kind == "severity" and not severity else kind,
        "text": f"priority updated to {label(data.get('priority'))}" if kind == "severity" else said,
        "who": person(record["agent"]) if record.get("agent") else None,
        "severity": severity,
        "url": text(incident, "html_url"),
        "source": found.pointer,
        "extra": as_json({"id": text(record, "id"), "type": text(record, "event_type")}),
    }


def incidents_of(entries: Iterable[tuple[Found, dict[str, Any]]]) -> list[dict[str, Any]]:
    """Return what log entries alone tell of their incidents: first trigger, first acknowledgement, last resolution."""
    grouped: dict[str, list[tuple[Found, dict[str, Any]]]] = {}
    for found, row in entries:
        if row["incident_id"]:
            grouped.setdefault(row["incident_id"], []).append((found, row))
    return [_incident_of(sorted(group, key=lambda one: one[1]["at"])) for group in grouped.values()]


def _incident_of(group: list[tuple[Found, dict[str, Any]]]) -> dict[str, Any]:
    rows = [row for _, row in group]
    first = {kind: next((row["at"] for row in rows if row["kind"] == kind), None) for kind in ("alert", "acknowledged")}
    states = [row for row in rows if row["kind"] in ("alert", "acknowledged", "resolved", "status")]
    references = [_reference(found.record) for found, _ in group]
    title = next((one for one in (text(reference, "title", "summary") for reference in references) if one), None)
    url = next((one for one in (text(reference, "html_url") for reference in references) if one), None)
    return {
        "incident_id": rows[0]["incident_id"],
        "title": re.sub(r"^\[#\d+\]\s*", "", title) if title else None,
        "detected_at": first["alert"],
        "acknowledged_at": first["acknowledged"],
        "resolved_at": states[-1]["at"] if states and states[-1]["kind"] == "resolved" else None,
        "first_seen_at": rows[0]["at"],
        "services": join_names(label(found.record.get("service") or _reference(found.record).get("service"))
                               for found, _ in group),
        "url": url,
        "references": join_names([rows[0]["incident_id"], url]),
        "source": rows[0]["source"],
    }


def _reference(record: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the incident that a log entry refers to, or that an event holds."""
    data = mapping(record.get("data"))
    return mapping(record.get("incident")) or mapping(data.get("incident")) or data


def log_id(found: Found) -> str:
    """Return what makes a log entry the same as another: its id, else its whole content."""
    try:
        return needed_id(found)
    except RowError:
        return as_json(found.record) or ""
