"""What readers of other tools' records share: a record's fields read strictly, and the rows that they become.

A value that can't be read is left out and becomes a problem; a record that can't be a row is left out and becomes one
too; fields that nobody asked for are kept as ``extra``.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from incident_lib.column_texts import join_names
from incident_lib.errors import FieldError
from incident_lib.sources.fields import as_json, parse_date, parse_severity, parse_time
from incident_lib.sources.json_records import read_records
from incident_lib.sources.reading import Batch, Source
from incident_lib.sources.texts import text_of
from incident_lib.sources.time_columns import Rules, parse_formatted
from incident_lib.tables import INCIDENTS, TABLES

USED = "used"


@dataclass
class Fields:
    """One record: its data, its place, and the batch that takes its problems.

    ``of`` is the id of the incident that it belongs to, for the problems.
    """

    data: Mapping[str, Any]
    place: str
    batch: Batch
    rules: Rules
    of: str | None = None
    asked: set[str] = field(default_factory=set)

    def raw(self, key: str, *inner: str) -> Any:
        """Return a field as it stands, or one within it; None where there is none."""
        self.asked.add(key)
        value = self.data.get(key)
        for name in inner:
            value = value.get(name) if isinstance(value, Mapping) else None
        return value

    def text(self, key: str, *inner: str) -> str | None:
        """Return a field as a text."""
        return self._read(".".join((key, *inner)), self.raw(key, *inner), text_of)

    def time(self, key: str, *inner: str) -> datetime | None:
        """Return a field as a UTC time."""
        return self.time_of(".".join((key, *inner)), self.raw(key, *inner))

    def time_of(self, name: str, value: Any) -> datetime | None:
        """Return a value that was found elsewhere as a UTC time; ``name`` is for the problem."""
        return self._read(name, value, lambda text: _time(text, self.rules))

    def date_of(self, key: str) -> date | None:
        """Return a field as a date: that of the field's day, or of its time in UTC."""
        value = self.raw(key)
        if isinstance(value, str) and ":" in value:
            time = self.time(key)
            return time.date() if time else None
        return self._read(key, value, parse_date)

    def severity(self, word: Any, words: Mapping[str, str | None]) -> str | None:
        """Return one of our severities for the tool's word; ``words`` are its vocabulary, the settings' aliases win."""
        if not isinstance(word, str) or not word.strip():
            return None
        known = word.strip().casefold()
        if known in words and known not in {alias.casefold() for alias in self.rules.aliases}:
            return words[known]
        return self._read("severity", word, lambda text: parse_severity(text, self.rules.aliases))

    def choice(self, key: str, words: Mapping[str, str]) -> str | None:
        """Return our word for the tool's; one that is not in its vocabulary is a problem."""

        def translated(word: Any) -> str:
            try:
                return words[str(word).strip().casefold()]
            except KeyError as error:
                raise FieldError(f"unknown {key} {word!r}; expected {', '.join(words)}") from error

        return self._read(key, self.raw(key), translated)

    def records(self, key: str, *inner: str) -> list[Fields]:
        """Return the records in a list within this one; what is none becomes a problem."""
        values = self.raw(key, *inner)
        return [one for at, value in enumerate(values if isinstance(values, list) else []) for one in
                self._within(value, f"{key}/{at}")]  # fmt: skip

    def _within(self, value: Any, way: str) -> Iterable[Fields]:
        place = f"{self.place}{'' if '#' in self.place else '#'}/{way}"
        if isinstance(value, Mapping):
            yield Fields(value, place, self.batch, self.rules, self.of)
        else:
            message = f"expected an object, found {str(value)[:60]!r}"
            self.batch.problem("not-a-record", message, place, incident_id=self.of)

    def names(self, key: str, name: str = "name") -> str | None:
        """Return the names in a list of records or texts ("mail; dns")."""
        values = self.raw(key)
        listed = values if isinstance(values, list) else [values]
        return join_names(_name(value, name) for value in listed)

    def rest(self, *without: str, **more: Any) -> str | None:
        """Return the fields that nobody asked for as JSON, but for those named; and some more."""
        kept = {key: value for key, value in self.data.items() if key not in self.asked and key not in without}
        return as_json({**kept, **more})

    def problem(self, rule: str, message: str, effect: str = "row left out") -> None:
        """Note a problem with this record."""
        self.batch.problem(rule, message, self.place, effect=effect, incident_id=self.of)

    def _read(self, name: str, value: Any, parse: Callable[[Any], Any]) -> Any:
        if value is None or value == "" or (isinstance(value, str) and not value.strip()):
            return None
        try:
            return parse(value)
        except FieldError as error:
            rule = "unknown-severity" if name == "severity" else "unreadable-value"
            message = str(error) if name == "severity" else f"{name}: {error}"
            self.problem(rule, message, effect="value left out")
            return None


def _time(value: Any, rules: Rules) -> datetime:
    if rules.time_format:
        return parse_formatted(str(value).strip(), rules)
    return parse_time(value, zone=rules.zone)


def _name(value: Any, name: str) -> str | None:
    found = value.get(name) if isinstance(value, Mapping) else value
    return found if isinstance(found, str) else None


def earliest(*times: datetime | None) -> datetime | None:
    """Return the earliest of some times, None if there is none."""
    return min((time for time in times if time), default=None)


Rows = defaultdict[str, list[dict[str, Any]]]
Teller = Callable[[Fields, Rows], str]


def tell_records(
    source: Source, name: str, tell: Teller, *, envelopes: tuple[str, ...] = (), kind: str = INCIDENTS.name
) -> Batch:
    """Return a JSON file's records as rows: ``tell`` adds a record's rows to the tables, and says "used", or why not.

    Raises:
        SourceError: if the file can't be read at all.
    """
    batch = Batch()
    placed = read_records(source, batch.problems, envelopes)
    outcomes = Counter({"skipped: not a record": len(batch.problems)})
    rows: Rows = defaultdict(list)
    for place, record in placed:
        outcomes[tell(Fields(record, place, batch, rules_of(source)), rows)] += 1
    add_rows(batch, rows)
    batch.account(source.name, name, kind, outcomes)
    return batch


def rules_of(source: Source) -> Rules:
    """Return what the settings say of a file's values."""
    return Rules(source.zone, source.rule.time_format, source.settings.severities.aliases)


def add_rows(batch: Batch, rows: Mapping[str, list[dict[str, Any]]]) -> None:
    """Add rows to the batch's tables by name."""
    for table in (table for table in TABLES if rows.get(table.name)):
        batch.add(table, rows[table.name])


def needed_id(fields: Fields, *keys: str) -> str | None:
    """Return the record's id, the first of these keys that it has; without one there is a problem, and None."""
    for key in keys:
        fields.of = fields.of or fields.text(key)
    if fields.of is None:
        fields.problem("no-incident-id", f"no {keys[0]}; every incident needs one")
    return fields.of
