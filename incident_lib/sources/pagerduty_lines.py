"""PagerDuty's incidents in JSON lines, many at once: those of the usual shape, of which nothing needs to be said.

Whatever is unusual about a line (another kind of record, an unknown field, a value that can't be read, an impossible
order, an id that comes again) leaves it to the careful way, record by record. Both give the same rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from operator import attrgetter
from typing import Any, Literal

import msgspec
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from incident_lib.errors import FieldError
from incident_lib.settings import Settings
from incident_lib.sources.fields import as_json, parse_severity
from incident_lib.sources.pagerduty_records import label, person, slim
from incident_lib.sources.raw_table import places
from incident_lib.sources.reading import Source
from incident_lib.sources.texts import TEXT, json_pieces, json_records
from incident_lib.sources.time_columns import Rules, parse_times
from incident_lib.tables import INCIDENTS, join_names

_BLOCK = 8 << 20
_UNUSUAL = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, FieldError)
_NONE = INCIDENTS.frame().assign(line=pd.Series(dtype="int64"))
_ABSENT = msgspec.Raw()
_EMPTY = (b"", b"null", b"[]", b"{}", b'""')
_UTC = pa.timestamp("us", "UTC")
_TIMES = ("created_at", "resolved_at", "last_status_change_at", "updated_at")
_TEXTS = ("title", "summary", "description", "html_url", "self", "status", "urgency", "incident_key", "assigned_via",
          *_TIMES[1:])  # fmt: skip
_REST = ("alert_counts", "alert_grouping", "escalation_policy", "incident_type", "last_status_change_by",
         "pending_actions", "resolve_reason", "teams")  # fmt: skip
_RARE = ("assignees", "conference_bridge", "external_references", "impacted_services", "incidents_responders")
_decode = msgspec.json.Decoder().decode


class Assignment(msgspec.Struct, gc=False):
    """Who was assigned; the time is not used."""

    assignee: msgspec.Raw = _ABSENT


class Acknowledgement(msgspec.Struct, gc=False):
    """Who took it on, and when."""

    at: str
    acknowledger: msgspec.Raw = _ABSENT


class Reference(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    """Something that is different for each incident, so that it is not worth remembering."""

    id: str
    type: Literal["trigger_log_entry_reference"]
    summary: str | None = None
    self: str | None = None
    html_url: str | None = None


Usual = msgspec.defstruct(
    "Usual",
    [
        ("id", str), ("created_at", str), ("type", Literal["incident"]), *((name, str | None, None) for name in _TEXTS),
        ("incident_number", int | None, None), ("is_mergeable", bool | None, None),
        ("first_trigger_log_entry", Reference | None, None),
        *((name, msgspec.Raw, _ABSENT) for name in ("service", "priority", *_REST, *_RARE)),
        ("assignments", list[Assignment], ()), ("acknowledgements", list[Acknowledgement], ()),
    ],
    forbid_unknown_fields=True, gc=False,
)  # fmt: skip
_FIELDS = Usual.__struct_fields__
_fields = attrgetter(*_FIELDS)
_LINES = msgspec.json.Decoder(list[Usual])
_LINE = msgspec.json.Decoder(Usual)


def usual_incidents(source: Source) -> tuple[pd.DataFrame, np.ndarray]:
    """Return the incidents of the usual shape with their ``line``, and the numbers of all other lines."""
    shaper, parts, total = _Shaper(source), [], 0
    for first, block in _blocks(source):
        parts += shaper.tables(first, *_structs(block))
        total = first + block.count(b"\n")
    frame = pa.concat_tables(parts).to_pandas(self_destruct=True) if parts else _NONE
    frame = frame[~frame["incident_id"].duplicated(keep=False)].reset_index(drop=True)
    other = np.ones(total + 1, bool)
    other[[0, *frame["line"]]] = False
    return frame, np.flatnonzero(other)


def _blocks(source: Source) -> Iterator[tuple[int, bytes]]:
    """Yield a file in pieces of whole lines, each with the number of its first line."""
    number, rest = 1, b""
    with source.path.open("rb") as file:
        while piece := file.read(_BLOCK):
            whole, mark, rest = (rest + piece).rpartition(b"\n")
            if mark:
                yield number, whole
                number += whole.count(b"\n") + 1
    if rest:
        yield number, rest


def _structs(block: bytes) -> tuple[list[Any], np.ndarray]:
    """Return a block's usual incidents, and which lines of it they are; at once, else line by line."""
    lines = block.split(b"\n")
    try:
        # as one list: a JSON line can't hold a line break, so that each line is one value or the count is wrong
        found = _LINES.decode(b"[" + block.replace(b"\n", b",") + b"]")
        if len(found) == len(lines):
            return found, np.arange(len(lines))
    except _UNUSUAL:
        pass
    each = [_struct(line) for line in lines]
    return [one for one in each if one is not None], np.flatnonzero([one is not None for one in each])


def _struct(line: bytes) -> Any:
    try:
        return _LINE.decode(line)
    except _UNUSUAL:
        return None


class _Shaper:
    """Makes columns of many incidents; remembers references, which come again and again."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.people: dict[bytes, str | None] = {}
        self.joined: dict[tuple[str | None, ...], str | None] = {}

    def tables(self, first: int, rows: list[Any], at: np.ndarray) -> Iterator[pa.Table]:
        """Yield a block's incidents as columns of ``tables.INCIDENTS`` and ``line``, but for those with a blemish."""
        try:
            if rows:
                yield self._table(rows, at + first)
        except _UNUSUAL:
            half = len(rows) // 2
            if half:
                yield from self.tables(first, rows[:half], at[:half])
                yield from self.tables(first, rows[half:], at[half:])

    def _table(self, rows: list[Any], lines: np.ndarray) -> pa.Table:
        fields = dict(zip(_FIELDS, zip(*map(_fields, rows), strict=True), strict=True))
        texts = {name: pa.array(fields[name], TEXT) for name in ("id", *_TEXTS, "created_at")}
        first_taken = [taken[0].at if taken else None for taken in fields["acknowledgements"]]
        times = {name: self._times(texts[name]) for name in _TIMES}
        times["taken"] = self._times(pa.array(first_taken, TEXT))
        severity = self._words(fields["priority"], lambda value: _severity(label(value), self.source.settings))
        resolved = pc.equal(texts["status"], "resolved").fill_null(False)
        ended = pc.coalesce(times["resolved_at"], pc.if_else(resolved, times["last_status_change_at"], None))
        columns = {
            "incident_id": texts["id"], "title": texts["title"], "severity": severity,
            "detected_at": times["created_at"], "acknowledged_at": times["taken"], "resolved_at": ended,
            "first_seen_at": times["created_at"], "services": self._words(fields["service"], label),
            "responders": pa.array(map(self._responders, rows), TEXT), "url": texts["html_url"],
            "references": _together(texts["id"], texts["html_url"]),
            "source": places(f"{self.source.name} line ", pa.array(lines)).chunk(0),
            "extra": self._extra(fields, texts), "line": pa.array(lines),
        }  # fmt: skip
        good = _in_order(times, ended, texts["status"]) & _is_usual(fields, texts)
        good &= pc.not_equal(severity, "").fill_null(True).to_numpy(zero_copy_only=False)
        return pa.table(columns).filter(pa.array(good))

    def _times(self, texts: pa.Array) -> pa.Array:
        """Return times; those that can't be read are marked by 1970, which no readable time can be."""
        parsed = parse_times(pa.chunked_array([texts]), Rules(self.source.zone))
        times = pa.array(parsed.values, _UTC, from_pandas=True)
        mask = np.zeros(len(texts), bool)
        mask[list(parsed.refused)] = True
        return pc.if_else(pa.array(mask), pa.scalar(0, _UTC), times) if mask.any() else times

    def _words(self, raws: Sequence[Any], make: Callable[[Any], str | None]) -> pa.Array:
        """Return what ``make`` makes of pieces of JSON, done once for each different one.

        Raises:
            FieldError, msgspec.MsgspecError, UnicodeDecodeError: if one is nested deeply, or no JSON in UTF-8.
        """
        coded = pa.array(map(bytes, raws), pa.large_binary()).dictionary_encode()
        return pa.array([self._made(raw, make) for raw in coded.dictionary.to_pylist()], TEXT).take(coded.indices)

    def _made(self, raw: bytes, make: Callable[[Any], str | None]) -> str | None:
        if raw.count(b"[") + raw.count(b"{") > self.source.limits.nesting:
            raise FieldError("nested deeply")
        return None if raw in _EMPTY else make(_decode(raw))

    def _responders(self, row: Any) -> str | None:
        raws = [one.assignee for one in row.assignments] + [one.acknowledger for one in row.acknowledgements]
        if row.status in ("resolved", "acknowledged"):
            raws.append(row.last_status_change_by)
        names = tuple(map(self._person, raws))
        if names not in self.joined:
            self.joined[names] = join_names(names)
        return self.joined[names]

    def _person(self, raw: Any) -> str | None:
        piece = bytes(raw)
        if piece not in self.people:
            self.people[piece] = self._made(piece, person)
        return self.people[piece]

    def _extra(self, fields: Mapping[str, Sequence[Any]], texts: Mapping[str, pa.Array]) -> pa.Array:
        """Return what has no column, as the careful way writes it."""
        kept = {name: texts[name] for name in ("status", "urgency", "incident_key", "assigned_via", *_TIMES[2:])}
        kept["priority"] = self._words(fields["priority"], label)
        pieces = {name: json_pieces(pa.chunked_array([_stated(column)])) for name, column in kept.items()}
        for name in _REST:
            pieces[name] = pa.chunked_array([self._words(fields[name], lambda value: _json(slim(value)))])
        for name in ("incident_number", "is_mergeable"):
            pieces[name] = pa.chunked_array([pa.array(fields[name])]).cast(TEXT)
        pieces["first_trigger_log_entry"] = _references(fields["first_trigger_log_entry"])
        return json_records(pieces).combine_chunks()


def _references(entries: Sequence[Reference | None]) -> pa.ChunkedArray:
    texts = {name: [getattr(one, name) if one else None for one in entries] for name in ("id", "summary")}
    return json_records({name: json_pieces(pa.chunked_array([_stated(pa.array(column, TEXT))]))
                         for name, column in texts.items()})  # fmt: skip


def _json(value: Any) -> str | None:
    """Return a value as the careful way writes it."""
    written = as_json({"": value})
    return written[5:-1] if written else None


def _severity(word: str | None, settings: Settings) -> str | None:
    """Return a priority's severity; an empty text for a word that nobody knows."""
    try:
        return parse_severity(word, settings.severities.aliases) if word else None
    except FieldError:
        return ""


def _stated(texts: pa.Array) -> pa.Array:
    return pc.if_else(pc.equal(texts, ""), pa.scalar(None, TEXT), texts)


def _together(*columns: pa.Array) -> pa.Array:
    return pc.binary_join_element_wise(*columns, pa.scalar("; ", TEXT), null_handling="skip")


def _in_order(times: Mapping[str, pa.Array], ended: pa.Array, status: pa.Array) -> np.ndarray:
    """Return which rows have readable times, no end before the beginning, and none while they are still open."""
    micros = {name: time.cast(pa.int64()).fill_null(1).to_numpy() for name, time in times.items()}
    good = times["created_at"].is_valid().to_numpy(zero_copy_only=False) & np.all([*micros.values()], axis=0)
    for end in (ended, times["taken"]):
        good &= end.cast(pa.int64()).fill_null(2**62).to_numpy() >= micros["created_at"]
    open_still = pc.is_in(status, pa.array(["triggered", "acknowledged"], TEXT))
    return good & ~pc.and_(open_still, times["resolved_at"].is_valid()).to_numpy(zero_copy_only=False)


def _is_usual(fields: Mapping[str, Sequence[Any]], texts: Mapping[str, pa.Array]) -> np.ndarray:
    """Return which rows have a title of their own, no second acknowledgement, and nothing that is rarely there."""
    described = pc.and_(pc.not_equal(texts["description"], ""), pc.not_equal(texts["description"], texts["title"]))
    good = ~described.fill_null(False).to_numpy(zero_copy_only=False)
    for name in ("id", "title", "html_url"):
        bare = pc.and_not(pc.equal(pc.utf8_trim_whitespace(texts[name]), texts[name]), pc.equal(texts[name], ""))
        plain = pc.and_not(bare, pc.match_substring(texts[name], ";")) if name != "title" else bare
        good &= plain.fill_null(name == "html_url").to_numpy(zero_copy_only=False)
    good &= np.array([len(taken) < 2 for taken in fields["acknowledgements"]])
    for name in _RARE:
        good &= np.array([bytes(raw) in _EMPTY for raw in fields[name]])
    return good
