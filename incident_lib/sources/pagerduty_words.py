"""What the parts of PagerDuty's incidents mean that come again and again: people, services, policies, states.

Each different text is looked at once, in the words of the careful way; what is unusual about it has no meaning here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from incident_lib.column_texts import join_names
from incident_lib.errors import FieldError, SourceError
from incident_lib.settings import Settings
from incident_lib.sources.fields import as_json, parse_severity
from incident_lib.sources.pagerduty_records import items, label, mapping, person, slim, text
from incident_lib.sources.reading import parse_json

SEPARATOR = "\x1f"  # which stands in no JSON
ENTRY, TAKEN = "first_trigger_log_entry", "acknowledgements"
RARE = ("assignees", "conference_bridge", "external_references", "impacted_services", "incidents_responders")
WORD_FIELDS = ("alert_counts", "alert_grouping", "assigned_via", "escalation_policy", "incident_type", "is_mergeable",
               "pending_actions", "priority", "resolve_reason", "status", "teams", "urgency", "service", "type",
               *RARE)  # fmt: skip
PEOPLE_FIELDS = ("last_status_change_by", "assignments")
_ID, _INCIDENT, _STOOD = "\x01", "\x02", "\ufff1"  # where the entry's and the incident's id stood
_EMPTY = (None, "", [], {})
Meaning = TypeVar("Meaning")


class Unusual(ValueError):
    """A text that the careful way has to look at."""


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


class Words:
    """Tells what a text of ``WORD_FIELDS`` and the entry's words means, each parted by ``SEPARATOR``."""

    def __init__(self, settings: Settings) -> None:
        self._settings, self._known = settings, {}

    def __call__(self, word: str) -> Word | None:
        """Return what it means; None if anything about it is unusual."""
        return _remembered(self._known, word, self._meaning)

    def _meaning(self, word: str) -> Word:
        *pieces, entry = word.split(SEPARATOR)
        nesting = self._settings.sources.limits.nesting
        values = {name: _value(piece, nesting) for name, piece in zip(WORD_FIELDS, pieces, strict=True)}
        if values["type"] != "incident" or any(values[name] not in _EMPTY for name in RARE):
            raise Unusual
        if not text(values, "status"):
            raise Unusual
        priority = label(values["priority"])
        rest = {name: slim(values[name]) for name in WORD_FIELDS[:12]} | {"priority": priority}
        return Word(
            severity=parse_severity(priority, self._settings.severities.aliases) if priority else None,
            services=join_names([label(values["service"])]),
            is_resolved=values["status"] == "resolved",
            is_open=values["status"] in ("triggered", "acknowledged"),
            has_entry=bool(entry) and entry != "null",
            before_entry=_pieces(rest, "alert_counts", "alert_grouping", "assigned_via", "escalation_policy"),
            after_entry=_entry(entry, nesting),
            after_number=_pieces(rest, "incident_type", "is_mergeable"),
            after_people=_pieces(rest, "pending_actions", "priority", "resolve_reason", "status")[:-2]
            + _after(rest, "teams"),
            after_update=_after(rest, "urgency") + "}",
        )


class People:
    """Tells what a text of ``PEOPLE_FIELDS``, the acknowledgement's words and the status means."""

    def __init__(self, nesting: int) -> None:
        self._nesting, self._known = nesting, {}

    def __call__(self, word: str) -> Persons | None:
        """Return what it means; None if anything about it is unusual."""
        return _remembered(self._known, word, self._meaning)

    def _meaning(self, word: str) -> Persons:
        changed_by, assigned, taken, status = word.split(SEPARATOR)
        changer = _value(changed_by, self._nesting)
        is_taken = taken.startswith(",")  # what stands after the time of the first acknowledgement
        acknowledged = _value('[{"at": ""' + taken if is_taken else taken, self._nesting)
        if not isinstance(acknowledged or [], list) or len(acknowledged or ()) != is_taken:
            raise Unusual
        responders = [person(one.get("assignee")) for one in items(_value(assigned, self._nesting))]
        responders += [person(one.get("acknowledger")) for one in items(acknowledged)]
        if status in ('"resolved"', '"acknowledged"'):
            responders.append(person(changer))
        changed = _pieces({"last_status_change_by": slim(changer)}, "last_status_change_by")
        return Persons(join_names(responders), is_taken, changed)


def _remembered(known: dict[str, Meaning | None], word: str, meaning: Callable[[str], Meaning]) -> Meaning | None:
    if word not in known:
        try:
            known[word] = meaning(word)
        except (Unusual, FieldError, SourceError, RecursionError):
            known[word] = None
    return known[word]


def _value(piece: str, nesting: int) -> Any:
    """Return a piece's value, None for none; it stands within a record, so it may be one level less deep."""
    return parse_json(piece, "", nesting=nesting - 1) if piece else None


def _pieces(record: Mapping[str, Any], *names: str) -> str:
    """Return what the careful way writes for these fields, each with a comma after it; nothing for empty ones."""
    written = as_json({name: record[name] for name in names})
    return f"{written[1:-1]}, " if written else ""


def _after(record: Mapping[str, Any], *names: str) -> str:
    """Return what the careful way writes for these fields, with a comma before it; nothing for empty ones."""
    pieces = _pieces(record, *names) if names else ""
    return f", {pieces[:-2]}" if pieces else ""


def _entry(rest: str, nesting: int) -> str:
    """Return what ``extra`` has of the first entry in the log after its id.

    Raises:
        Unusual: if it is more than a reference with an id, or that id stands where it must not.
    """
    if rest in ("", "null"):
        return ""
    if not rest.startswith((",", "}")):
        raise Unusual
    entry = mapping(_value('{"id": ""' + rest.replace(_ID, _STOOD).replace(_INCIDENT, _STOOD), nesting))
    kept = slim({key: value for key, value in entry.items() if key != "id"})
    kind = str(entry.get("type", ""))
    if not kind.endswith("_reference") or _STOOD in "".join([kind, *entry, *map(str, kept.values())]):
        raise Unusual
    return _after(kept, *kept) + "}, "
