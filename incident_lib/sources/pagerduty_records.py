"""What the readers of PagerDuty's records share: where a record stands, its references, its times."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from incident_lib.errors import FieldError
from incident_lib.settings import Settings
from incident_lib.sources.fields import parse_severity, parse_time
from incident_lib.sources.reading import Batch


class RowError(FieldError):
    """A record can't be a row: it has no id, or no time."""


@dataclass(frozen=True)
class Found:
    """One record of an answer: its kind, its place, and what the answer around it says of it."""

    kind: str
    record: Mapping[str, Any]
    pointer: str
    zone: str | None = None
    incident_id: str | None = None


@dataclass
class Desk:
    """Where problems go while records become rows."""

    settings: Settings
    batch: Batch

    def time(self, found: Found, key: str, record: Mapping[str, Any] | None = None) -> datetime | None:
        """Return a time of the record, None if it has none; one that can't be read is a problem, and left out."""
        value = (found.record if record is None else record).get(key)
        if value in (None, ""):
            return None
        try:
            return parse_time(value, zone=found.zone)
        except FieldError as error:
            self._left_out("unreadable-time", f"{key}: {error}", found)
            return None

    def needed_time(self, found: Found, key: str) -> datetime:
        """Return a time without which the record can't be a row.

        Raises:
            RowError: if it is missing or can't be read.
        """
        try:
            return parse_time(found.record.get(key), zone=found.zone)
        except FieldError as error:
            raise RowError(f"{key}: {error}") from error

    def severity(self, found: Found, word: Any) -> str | None:
        """Return the severity that a priority stands for; a word that nobody knows is a problem, and left out."""
        if not isinstance(word, str) or not word.strip():
            return None
        try:
            return parse_severity(word, self.settings.severities.aliases)
        except FieldError as error:
            self._left_out("unknown-severity", f"{error}; state it under [severities.aliases] in workbook.toml", found)
            return None

    def kept(self, rule: str, message: str, found: Found, incident_id: str | None) -> None:
        """Note something that can't be right but is kept as it stands."""
        self.batch.problem(rule, message, found.pointer, effect="kept", incident_id=incident_id)

    def _left_out(self, rule: str, message: str, found: Found) -> None:
        incident_id = text(found.record, "id") if found.kind in ("incidents", "analytics") else found.incident_id
        self.batch.problem(rule, message, found.pointer, effect="value left out", incident_id=incident_id)


def mapping(value: Any) -> Mapping[str, Any]:
    """Return the value if it is an object, else an empty one."""
    return value if isinstance(value, Mapping) else {}


def items(value: Any) -> list[Mapping[str, Any]]:
    """Return the objects in a list; none if it is no list."""
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []


def text(record: Mapping[str, Any], *keys: str) -> str | None:
    """Return the first of these fields that holds a text; None if none does."""
    values = (record.get(key) for key in keys)
    return next((value.strip() for value in values if isinstance(value, str) and value.strip()), None)


def label(reference: Any) -> str | None:
    """Return the name under which a reference is shown."""
    return text(mapping(reference), "summary", "name")


def person(reference: Any) -> str | None:
    """Return the name of a user; None for a service, an integration, a policy or a schedule."""
    record = mapping(reference)
    return label(record) if str(record.get("type", "user")).startswith("user") else None


def needed_id(found: Found, *keys: str) -> str:
    """Return the record's id.

    Raises:
        RowError: if it has none.
    """
    value = text(found.record, *(keys or ("id",)))
    if value is None:
        raise RowError("it has no id")
    return value


def slim(value: Any) -> Any:
    """Return a value with references cut down to id and name, and without the API's own addresses."""
    if isinstance(value, list):
        return [slim(one) for one in value]
    if not isinstance(value, Mapping):
        return value
    if str(value.get("type", "")).endswith("_reference"):
        return {key: value[key] for key in ("id", "summary") if value.get(key)}
    return {key: slim(one) for key, one in value.items() if key not in ("self", "type")}
