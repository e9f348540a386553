"""PagerDuty's incidents in JSON lines, many at once: those of the usual shape, of which nothing needs to be said.

Whatever is unusual about a line (another kind of record, an unknown field, a value that can't be read, an impossible
order, an id that comes again) leaves it to the careful way, record by record. Both give the same rows.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from functools import partial

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from incident_lib.sources.fields import EARLIEST_YEAR, LATEST_YEAR
from incident_lib.sources.json_lines import Stretch, each_stretch
from incident_lib.sources.json_shapes import Cut, Usual
from incident_lib.sources.json_texts import Part, Texts, untrimmed
from incident_lib.sources.pagerduty_words import ENTRY, OWN, PEOPLE_FIELDS, TAKEN, TIMES, WORD_FIELDS, persons, word
from incident_lib.sources.raw_table import places
from incident_lib.sources.reading import Source
from incident_lib.sources.texts import TEXT, octets_of
from incident_lib.sources.time_columns import Rules, parse_times
from incident_lib.tables import INCIDENTS, SEVERITIES

_UTC = pa.timestamp("us", "UTC")
_KINDS = {"time": _UTC, "severity": pa.dictionary(pa.int8(), TEXT, ordered=True)}
_SCHEMA = pa.schema([(column.name, _KINDS.get(column.kind, TEXT)) for column in INCIDENTS.columns])
_NUMBER, _ENTRY_ID, _TAKEN_AT = "incident_number", f"{ENTRY}.id", f"{TAKEN}[0].at"
_TEXTS = (*OWN, _ENTRY_ID, _TAKEN_AT)
_UNUSED = ("description", "summary", "self")
_OTHERS = (f"{ENTRY}.self", f"{ENTRY}.html_url", "assignments[].at", f"{TAKEN}[].at")
_WORD, _ODD = 8, np.uint64(0x9E3779B97F4A7C15)  # to mix the bits of one word before another is added
_EARLIEST, _LATEST = (
    int(np.datetime64(f"{year}-01-01", "us").astype(np.int64)) for year in (EARLIEST_YEAR, LATEST_YEAR + 1)
)
_NOTHING, _NO_TIME = pa.scalar("", TEXT), pa.scalar(None, _UTC)


def usual_incidents(source: Source) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """Return the incidents of the usual shape, their lines' numbers, and the numbers of all other lines."""
    usual = Usual(
        known={*WORD_FIELDS, *PEOPLE_FIELDS, *_UNUSED},
        texts={*_TEXTS, *_UNUSED, *_OTHERS} - {_NUMBER}, numbers={_NUMBER},
        parts={"words": (WORD_FIELDS, partial(word, source.settings)), "people": (PEOPLE_FIELDS, persons)},
        nesting=source.limits.nesting,
    )  # fmt: skip
    table, numbers, total = _whole_file(each_stretch(source.path, usual, partial(_in_turn, source.zone)))
    again = _again(table["incident_id"])
    if again.any():
        table, numbers = table.filter(pa.array(~again)), numbers[~again]
    pointers = places(f"{source.name} line ", pa.array(numbers))
    table = table.set_column(_SCHEMA.get_field_index("source"), "source", pointers)
    other = np.ones(total + 1, bool)
    other[0] = False
    other[numbers] = False
    return table.to_pandas(split_blocks=True, self_destruct=True), numbers, np.flatnonzero(other)


def _whole_file(stretches: list[Stretch]) -> tuple[pa.Table, np.ndarray, int]:
    """Return all rows, their lines' numbers in the file, and how many lines there are; nothing else is kept."""
    tables, lines, total = [_SCHEMA.empty_table()], [np.array([], int)], 0
    for stretch in stretches:
        for table, numbers in stretch.made:
            tables.append(table)
            lines.append(np.add(numbers, total + 1, out=numbers))
        total += stretch.lines
    return pa.concat_tables(tables), np.concatenate(lines), total


def _again(ids: pa.ChunkedArray) -> np.ndarray:
    """Return which ids several rows have."""
    if not _may_come_again(ids):
        return np.zeros(len(ids), bool)
    return ids.to_pandas().duplicated(keep=False).to_numpy()


def _may_come_again(ids: pa.ChunkedArray) -> bool:
    """Tell whether ids may be the same, by their first and last eight bytes."""
    sums, total = np.empty(len(ids), np.uint64), 0
    for chunk in ids.chunks:
        ends, content = octets_of(chunk)
        if (np.diff(ends) < _WORD).any():
            return True
        words = np.ndarray((max(len(content) - _WORD + 1, 0),), np.uint64, content, strides=(1,))
        sums[total : total + len(chunk)] = words[ends[:-1]] * _ODD + words[ends[1:] - _WORD]
        total += len(chunk)
    sums.sort()
    return bool((sums[1:] == sums[:-1]).any())


def _in_turn(zone: str | None, cuts: list[Cut]) -> tuple[pa.Table, np.ndarray]:
    """Return the usual lines of a block as rows, and the lines' numbers, in the order of the lines."""
    made = [_table(zone, cut) for cut in cuts]
    if len(made) == 1:
        return made[0]
    table, numbers = pa.concat_tables([table for table, _ in made]), np.concatenate([numbers for _, numbers in made])
    order = np.argsort(numbers)
    return table.take(pa.array(order)), numbers[order]


def _table(zone: str | None, cut: Cut) -> tuple[pa.Table, np.ndarray]:
    """Return the usual lines of one shape as rows, but for their source, and the lines' numbers."""
    rows = _Rows(cut)
    times = {name: _times(rows.texts[name].bare, zone) for name in (*TIMES, _TAKEN_AT)}
    resolved = pa.array(rows.words.flag("is_resolved"))
    ended = pc.coalesce(times["resolved_at"], pc.if_else(resolved, times["last_status_change_at"], _NO_TIME))
    good = rows.good() & _in_order(times, ended)
    ids, urls = _copied(rows.texts["id"].bare), _copied(rows.texts["html_url"].bare)
    columns = {
        "incident_id": ids, "title": _copied(rows.texts["title"].unescaped()),
        "severity": rows.words.coded("severity", SEVERITIES),
        "detected_at": times["created_at"], "acknowledged_at": times[_TAKEN_AT], "resolved_at": ended,
        "first_seen_at": times["created_at"], "services": rows.words.each("services"),
        "responders": rows.people.each("responders"), "url": urls, "references": _together(ids, urls),
        "extra": rows.extra(),
    }  # fmt: skip
    for name in ("incident_id", "title", "url"):
        good &= ~untrimmed(columns[name])
    good &= pc.not_equal(ids, urls).fill_null(True).to_numpy(zero_copy_only=False)  # one reference would do
    none = {kind: pa.nulls(len(ids), kind) for kind in (TEXT, _UTC)}  # the same one for all empty columns
    table = pa.table([columns[one.name] if one.name in columns else none[one.type] for one in _SCHEMA], _SCHEMA)
    return table if good.all() else table.filter(pa.array(good)), cut.numbers[good]


def _copied(texts: pa.Array) -> pa.Array:
    """Return texts without all that they were cut out of."""
    return pa.concat_arrays([texts])


class _Rows:
    """Lines' texts and what their parts mean, on their way into rows."""

    def __init__(self, cut: Cut) -> None:
        rows, plain = len(cut.numbers), cut.is_plain
        self.texts = {name: Texts(cut.texts.get(name), rows, plain=plain) for name in (*_TEXTS, "description")}
        self.words, self.people = cut.parts["words"], cut.parts["people"]

    def good(self) -> np.ndarray:
        """Return which rows are of the usual shape, as far as that can be told without looking at the times."""
        stated = {name: texts.stated for name, texts in self.texts.items()}
        good = self.words.known & self.people.known & stated["id"] & stated["title"] & stated["created_at"]
        good &= stated[_ENTRY_ID] == self.words.flag("has_entry")
        good &= stated[_TAKEN_AT] == self.people.flag("is_taken")
        good &= ~(self.words.flag("is_open") & stated["resolved_at"]) & ~self._described()
        for name in _TEXTS:
            good &= ~self.texts[name].with_bytes({"title": b"", "id": b"\\;", "html_url": b"\\;"}.get(name, b"\\"))
        return good

    def _described(self) -> np.ndarray:
        """Return which rows are described in other words than their title's."""
        other = pc.not_equal(self.texts["description"].bare, self.texts["title"].bare)
        return other.fill_null(False).to_numpy(zero_copy_only=False)

    def extra(self) -> pa.Array:
        """Return what has no column, as the careful way writes it."""
        pieces = [
            "{", Part("before_entry"), *self._keyed('"first_trigger_log_entry": {"id": "', _ENTRY_ID, '"'),
            Part("after_entry"), *self._keyed('"incident_key": "', "incident_key", '", '),
            *self._keyed('"incident_number": ', _NUMBER, ", "), Part("after_number"),
            *self._keyed('"last_status_change_at": "', "last_status_change_at", '", '),
            self.people.each("changed_by"),
            Part("after_people"), *self._keyed(', "updated_at": "', "updated_at", '"'), Part("after_update"),
        ]  # fmt: skip
        runs = itertools.groupby(pieces, key=lambda piece: isinstance(piece, str))
        each = [self.words.joined(list(run)) if is_coded else next(run) for is_coded, run in runs]
        return pc.binary_join_element_wise(*each, _NOTHING, null_handling="replace", null_replacement="")

    def _keyed(self, key: str, name: str, after: str) -> list[pa.Array | str]:
        """Return texts with what stands before and after each, as pieces; nothing for a missing one."""
        texts = self.texts[name]
        if texts.stated.all():
            return [key, texts.bare, after]
        around = pa.scalar(key, TEXT), texts.bare, pa.scalar(after, TEXT)
        return [pc.binary_join_element_wise(*around, _NOTHING)] if texts.stated.any() else []


def _times(texts: pa.Array, zone: str | None) -> pa.Array:
    """Return times; those that can't be read are marked by 1970, which no readable time can be."""
    try:
        times = texts.cast(_UTC)
        micros = pc.min_max(times.cast(pa.int64())).as_py()
        if micros["min"] is None or (micros["min"] >= _EARLIEST and micros["max"] < _LATEST):
            return times
    except pa.ArrowInvalid:
        pass  # an offset is missing, or it is no time: value by value, where needed
    parsed = parse_times(pa.chunked_array([texts]), Rules(zone))
    mask = np.zeros(len(texts), bool)
    mask[list(parsed.refused)] = True
    return pc.if_else(pa.array(mask), pa.scalar(0, _UTC), pa.array(parsed.values, _UTC, from_pandas=True))


def _in_order(times: Mapping[str, pa.Array], ended: pa.Array) -> np.ndarray:
    """Return which rows have readable times, and no end before the beginning."""
    micros = {name: time.cast(pa.int64()).fill_null(1).to_numpy() for name, time in times.items()}
    good = np.all([*micros.values()], axis=0)
    for end in (ended, times[_TAKEN_AT]):
        good &= end.cast(pa.int64()).fill_null(2**62).to_numpy() >= micros["created_at"]
    return good


def _together(one: pa.Array, other: pa.Array) -> pa.Array:
    """Return both names as one text, the first alone where there is no other."""
    return pc.coalesce(pc.binary_join_element_wise(one, other, pa.scalar("; ", TEXT)), one)
