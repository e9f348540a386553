"""What the parts of PagerDuty's incidents mean that come again and again: people, services, policies, states.

Each different combination is looked at once, in the words of the careful way; what is unusual about it has no meaning
here. Texts that differ in each record have stand-ins.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from incident_lib.column_texts import join_names
from incident_lib.errors import FieldError
from incident_lib.settings import Settings
from incident_lib.sources.fields import as_json, parse_severity
from incident_lib.sources.json_shapes import STAND_IN
from incident_lib.sources.pagerduty_records import items, label, mapping, person, slim, text

ENTRY, TAKEN = "first_trigger_log_entry", "acknowledgements"
TIMES = ("created_at", "resolved_at", "last_status_change_at", "updated_at")
OWN = ("id", "title", "html_url", *TIMES, "incident_key", "incident_number")  # what differs in each record
_RARE = ("assignees", "conference_bridge", "external_references", "impacted_services", "incidents_responders")
_IN_EXTRA = ("alert_counts", "alert_grouping", "assigned_via", "escalation_policy", "incident_type", "is_mergeable",
             "pending_actions", "priority", "resolve_reason", "status", "teams", "urgency")  # fmt: skip
WORD_FIELDS = (*_IN_EXTRA, "service", "type", *_RARE, ENTRY, *OWN)
PEOPLE_FIELDS = ("last_status_change_by", "assignments", TAKEN, "status")
_EMPTY = (None, "", [], {})


class Unusual(ValueError):
    """Something that the careful way has to look at."""


@dataclass(frozen=True)
class Word:
    """What the usual fields of an incident mean, and the pieces of ``extra`` between those that differ each time."""

    severity: str | None
    services: str | None
    is_resolved: bool
    is_open: bool
    has_entry: bool
    before_entry: str
    after_entry: str
    after_number: str
    after_people: str
    after_update: str


@dataclass(frozen=True)
class Persons:
    """Who responded, whether somebody acknowledged, and the piece of ``extra`` about the last change of status."""

    responders: str | None
    is_taken: bool
    changed_by: str


def word(settings: Settings, record: Mapping[str, Any]) -> Word | None:
    """Return what ``WORD_FIELDS`` mean; None if anything about them is unusual."""
    try:
        return _word(settings, record)
    except (Unusual, FieldError):
        return None


def _word(settings: Settings, record: Mapping[str, Any]) -> Word:
    if record.get("type") != "incident" or any(record.get(name) not in _EMPTY for name in _RARE):
        raise Unusual
    if not text(record, "status") or any(not _stands_in(record.get(name, STAND_IN)) for name in OWN):
        raise Unusual
    entry, priority = record.get(ENTRY), label(record.get("priority"))
    rest = {name: slim(record.get(name)) for name in _IN_EXTRA} | {"priority": priority}
    return Word(
        severity=parse_severity(priority, settings.severities.aliases) if priority else None,
        services=join_names([label(record.get("service"))]),
        is_resolved=record["status"] == "resolved",
        is_open=record["status"] in ("triggered", "acknowledged"),
        has_entry=entry is not None,
        before_entry=_pieces(rest, "alert_counts", "alert_grouping", "assigned_via", "escalation_policy"),
        after_entry="" if entry is None else _entry(mapping(entry)),
        after_number=_pieces(rest, "incident_type", "is_mergeable"),
        after_people=_pieces(rest, "pending_actions", "priority", "resolve_reason", "status")[:-2]
        + _after(rest, "teams"),
        after_update=_after(rest, "urgency") + "}",
    )


def persons(record: Mapping[str, Any]) -> Persons | None:
    """Return what ``PEOPLE_FIELDS`` mean; None if there are several acknowledgements."""
    taken, changer = record.get(TAKEN), record.get("last_status_change_by")
    is_taken = taken not in _EMPTY
    if is_taken and not (isinstance(taken, list) and len(taken) == 1 and items(taken)):
        return None
    responders = [person(one.get("assignee")) for one in items(record.get("assignments"))]
    responders += [person(one.get("acknowledger")) for one in items(taken)]
    if record.get("status") in ("resolved", "acknowledged"):
        responders.append(person(changer))
    changed = _pieces({"last_status_change_by": slim(changer)}, "last_status_change_by")
    return Persons(join_names(responders), is_taken, changed)


def _stands_in(value: Any) -> bool:
    """Tell whether a value is missing, or stands for one that differs in each record."""
    return value is None or str(value).startswith(STAND_IN)


def _pieces(record: Mapping[str, Any], *names: str) -> str:
    """Return what the careful way writes for these fields, each with a comma after it; nothing for empty ones."""
    written = as_json({name: record[name] for name in names})
    return f"{written[1:-1]}, " if written else ""


def _after(record: Mapping[str, Any], *names: str) -> str:
    """Return what the careful way writes for these fields, with a comma before it; nothing for empty ones."""
    pieces = _pieces(record, *names) if names else ""
    return f", {pieces[:-2]}" if pieces else ""


def _entry(entry: Mapping[str, Any]) -> str:
    """Return what ``extra`` has of the first entry in the log after its id.

    Raises:
        Unusual: if it is more than a reference with an id.
    """
    if not (entry.get("id") and _stands_in(entry["id"]) and str(entry.get("type", "")).endswith("_reference")):
        raise Unusual
    kept = slim({key: value for key, value in entry.items() if key != "id"})
    return _after(kept, *kept) + "}, "
