"""PagerDuty's incidents in JSON lines, many at once: those of the usual shape, of which nothing needs to be said.

Whatever is unusual about a line (another kind of record, an unknown field, a value that can't be read, an impossible
order, an id that comes again) leaves it to the careful way, record by record. Both give the same rows.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from incident_lib.sources.fields import EARLIEST_YEAR, LATEST_YEAR
from incident_lib.sources.json_lines import EngineError, Fields, Query, each_stretch
from incident_lib.sources.json_texts import Coded, Texts, untrimmed
from incident_lib.sources.pagerduty_words import ENTRY, PEOPLE_FIELDS, TAKEN, WORD_FIELDS, People, Words
from incident_lib.sources.raw_table import places
from incident_lib.sources.reading import Source
from incident_lib.sources.texts import TEXT
from incident_lib.sources.time_columns import Rules, parse_times
from incident_lib.tables import INCIDENTS, SEVERITIES

_UTC = pa.timestamp("us", "UTC")
_KINDS = {"time": _UTC, "severity": pa.dictionary(pa.int8(), TEXT, ordered=True)}
_SCHEMA = pa.schema([(column.name, _KINDS.get(column.kind, TEXT)) for column in INCIDENTS.columns])
_TIMES = ("created_at", "resolved_at", "last_status_change_at", "updated_at")
_TEXTS = ("id", "title", "html_url", *_TIMES, "incident_key")
_KNOWN = frozenset({*_TEXTS, "incident_number", "description", "summary", "self", ENTRY, TAKEN, *WORD_FIELDS,
                    *PEOPLE_FIELDS})  # fmt: skip
_EARLIEST, _LATEST = (
    int(np.datetime64(f"{year}-01-01", "us").astype(np.int64)) for year in (EARLIEST_YEAR, LATEST_YEAR + 1)
)
_NOTHING, _OPEN, _NO_TIME = pa.scalar("", TEXT), pa.scalar("{", TEXT), pa.scalar(None, _UTC)
_NULL = "NULL::VARCHAR"
# without what is different in each record, so that few different texts remain
_ENTRY_WORDS = (
    f"""CASE WHEN starts_with("{ENTRY}", '{{"id":' || "{ENTRY}.id") THEN replace(replace(substr("{ENTRY}", 7 + """
    f"""length("{ENTRY}.id")), substr("{ENTRY}.id", 2, length("{ENTRY}.id") - 2), chr(1)), """
    f"""substr("id", 2, length("id") - 2), chr(2)) ELSE "{ENTRY}" END"""
)
_TAKEN_WORDS = (
    f"""CASE WHEN starts_with("{TAKEN}", '[{{"at":' || "{TAKEN}[0].at") """
    f"""THEN substr("{TAKEN}", 8 + length("{TAKEN}[0].at")) ELSE "{TAKEN}" END"""
)


def usual_incidents(source: Source) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """Return the incidents of the usual shape, their lines' numbers, and the numbers of all other lines."""
    try:
        stretches = each_stretch(source.path, _KNOWN.issuperset, _query, _Shaper(source).table)
    except EngineError:
        with source.path.open("rb") as file:
            return INCIDENTS.frame(), np.array([], int), np.arange(1, sum(1 for _ in file) + 1)
    tables, lines, total = [_SCHEMA.empty_table()], [np.array([], int)], 0
    for stretch in stretches:
        tables += [table for table, _ in stretch.made]
        lines += [numbers + total + 1 for _, numbers in stretch.made]
        total += stretch.lines
    stretches.clear()
    table, numbers = pa.concat_tables(tables), np.concatenate(lines)
    tables.clear()
    again = _again(table["incident_id"])
    if again.any():
        table, numbers = table.filter(pa.array(~again)), numbers[~again]
    pointers = places(f"{source.name} line ", pa.array(numbers))
    table = table.set_column(_SCHEMA.get_field_index("source"), "source", pointers)
    other = np.ones(total + 1, bool)
    other[0] = False
    other[numbers] = False
    return table.to_pandas(split_blocks=True, self_destruct=True), numbers, np.flatnonzero(other)


def _again(ids: pa.ChunkedArray) -> np.ndarray:
    """Return which ids several rows have."""
    if pc.count_distinct(ids).as_py() == len(ids):
        return np.zeros(len(ids), bool)
    return ids.to_pandas().duplicated(keep=False).to_numpy()


class _Shaper:
    """Makes rows of lines' fields; remembers the words that come again and again."""

    def __init__(self, source: Source) -> None:
        self.zone = source.zone
        self.words, self.people = Words(source.settings), People(source.limits.nesting)

    def table(self, fields: Fields) -> tuple[pa.Table, np.ndarray]:
        """Return the usual lines as rows, but for their source, and the lines' numbers."""
        rows = _Rows(fields, self.words, self.people)
        times = {name: _times(rows.texts[name].bare(), self.zone) for name in (*_TIMES, "taken")}
        resolved = pa.array(rows.words.flag("is_resolved"))
        ended = pc.coalesce(times["resolved_at"], pc.if_else(resolved, times["last_status_change_at"], _NO_TIME))
        good = rows.good() & _in_order(times, ended)
        ids, urls = rows.texts["id"].bare(), rows.texts["html_url"].bare()
        columns = {
            "incident_id": ids, "title": rows.texts["title"].unescaped(),
            "severity": rows.words.coded("severity", SEVERITIES),
            "detected_at": times["created_at"], "acknowledged_at": times["taken"], "resolved_at": ended,
            "first_seen_at": times["created_at"], "services": rows.words.each("services"),
            "responders": rows.people.each("responders"), "url": urls, "references": _together(ids, urls),
            "extra": rows.extra(),
        }  # fmt: skip
        for name in ("incident_id", "title", "url"):
            good &= ~untrimmed(columns[name])
        table = pa.table([columns.get(one.name, pa.nulls(len(ids), one.type)) for one in _SCHEMA], _SCHEMA)
        return table if good.all() else table.filter(pa.array(good)), fields.numbers[good]


class _Rows:
    """A block's columns on their way into rows."""

    def __init__(self, fields: Fields, words: Words, people: People) -> None:
        self.fields = fields
        self.texts = {name: Texts(fields.columns[name]) for name in (*_TEXTS, "entry", "taken")}
        self.words = Coded(fields.columns["words"], words)
        self.people = Coded(fields.columns["people"], people)

    def good(self) -> np.ndarray:
        """Return which rows are of the usual shape, as far as that can be told without looking at the times."""
        good = self.fields.usual & self.words.known & self.people.known
        good &= self.texts["id"].stated & self.texts["title"].stated & self.texts["created_at"].stated
        good &= self.texts["entry"].stated == self.words.flag("has_entry")
        good &= self.texts["taken"].stated == self.people.flag("is_taken")
        good &= ~(self.words.flag("is_open") & self.texts["resolved_at"].stated)
        good &= ~self.fields.columns["described"].to_numpy(zero_copy_only=False)
        for name, texts in self.texts.items():
            good &= ~texts.odd & ~texts.with_bytes({"title": b"", "id": b"\\;", "html_url": b"\\;"}.get(name, b"\\"))
        return good & self._numbered()

    def _numbered(self) -> np.ndarray:
        """Return which rows have a whole number, or none."""
        numbers = self.fields.columns["incident_number"]
        usual = pc.match_substring_regex(numbers, r"^(?:\d{1,18}|null)$")
        return usual.fill_null(True).to_numpy(zero_copy_only=False)

    def extra(self) -> pa.Array:
        """Return what has no column, as the careful way writes it."""
        numbers = self.fields.columns["incident_number"]
        stated = pc.if_else(pc.equal(numbers, "null"), pa.scalar(None, TEXT), numbers)
        pieces = [
            _OPEN, self.words.each("before_entry"),
            _keyed('"first_trigger_log_entry": {"id": ', self.texts["entry"].pieces), self.words.each("after_entry"),
            _keyed('"incident_key": ', self.texts["incident_key"].pieces, ", "),
            _keyed('"incident_number": ', stated, ", "), self.words.each("after_number"),
            _keyed('"last_status_change_at": ', self.texts["last_status_change_at"].pieces, ", "),
            self.people.each("changed_by"), self.words.each("after_people"),
            _keyed(', "updated_at": ', self.texts["updated_at"].pieces), self.words.each("after_update"),
        ]  # fmt: skip
        return pc.binary_join_element_wise(*pieces, _NOTHING, null_handling="replace", null_replacement="")


def _query(known: frozenset[str]) -> Query:
    """Return what to take out of each line, given which fields there are."""
    names = [name for name in (*_TEXTS, "incident_number", "description", *WORD_FIELDS, *PEOPLE_FIELDS, ENTRY, TAKEN)
             if name in known or name in ("id", "title")]  # fmt: skip
    parts = {name: f'"{name}"' for name in names}
    columns = {name: parts.get(name, _NULL) for name in (*_TEXTS, "incident_number")}
    columns["described"] = (
        "coalesce(\"description\" <> \"title\" AND \"description\" NOT IN ('null', '\"\"'), false)"
        if "description" in known else "false"
    )  # fmt: skip
    columns["entry"], columns["taken"] = _NULL, _NULL
    if ENTRY in known:
        columns["entry"], parts[ENTRY] = f'"{ENTRY}.id"', _ENTRY_WORDS
        names.append(f"{ENTRY}.id")
    if TAKEN in known:
        columns["taken"], parts[TAKEN] = f'"{TAKEN}[0].at"', _TAKEN_WORDS
        names.append(f"{TAKEN}[0].at")
    for column, fields in (("words", (*WORD_FIELDS, ENTRY)), ("people", (*PEOPLE_FIELDS, TAKEN, "status"))):
        columns[column] = "concat(" + ", chr(31), ".join(parts.get(name, "''") for name in fields) + ")"
    return Query(names, columns)


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
    for end in (ended, times["taken"]):
        good &= end.cast(pa.int64()).fill_null(2**62).to_numpy() >= micros["created_at"]
    return good


def _keyed(key: str, pieces: pa.Array, after: str = "") -> pa.Array:
    return pc.binary_join_element_wise(pa.scalar(key, TEXT), pieces, pa.scalar(after, TEXT), _NOTHING)


def _together(one: pa.Array, other: pa.Array) -> pa.Array:
    """Return both names as one text, the first alone where there is no other."""
    return pc.coalesce(pc.binary_join_element_wise(one, other, pa.scalar("; ", TEXT)), one)
