"""Tables in CSV, JSON, JSON lines or Parquet whose columns are named as in ``tables.py`` (or by a ``[[files]]`` rule).

The columns decide which table it is. Every row is used, or becomes a problem with its line; a value that can't be read
costs that value only, unless the row can't do without it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import reduce

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from incident_lib.errors import SourceError
from incident_lib.sources import delimited, parquet
from incident_lib.sources.columns import parse_column
from incident_lib.sources.json_records import first_keys, read_records
from incident_lib.sources.raw_table import RawTable, Values, table_of_records
from incident_lib.sources.reading import Batch, Reader, Source
from incident_lib.sources.texts import TEXT, json_pieces, json_records, json_values, over_words, trimmed
from incident_lib.sources.time_columns import Parsed, Rules
from incident_lib.tables import (
    ACTION_ITEM_KINDS,
    ACTION_ITEM_STATUSES,
    ACTION_ITEMS,
    DECISION_STATUSES,
    DECISIONS,
    FOLLOW_UPS,
    INCIDENTS,
    MESSAGES,
    PEOPLE,
    POSTMORTEM_STATUSES,
    POSTMORTEMS,
    TIMELINE,
    TIMELINE_KINDS,
    Problem,
)
from incident_lib.typed_table import Column, Table

_OURS = {"source", "extra"}
_TABLES = (INCIDENTS, ACTION_ITEMS, TIMELINE, POSTMORTEMS, MESSAGES, FOLLOW_UPS, PEOPLE, DECISIONS)
_NEEDED: dict[str, tuple[str, ...]] = {
    "incidents": ("incident_id",),
    "action_items": ("incident_id", "title"),
    "timeline": ("at", "text"),
    "postmortems": ("incident_id",),
    "messages": ("at", "text"),
    "follow_ups": ("incident_id", "step", "state"),
    "people": ("name",),
    "decisions": ("review", "text"),
}
_CHOICES: dict[tuple[str, str], tuple[str, ...]] = {
    ("timeline", "kind"): TIMELINE_KINDS,
    ("postmortems", "status"): POSTMORTEM_STATUSES,
    ("action_items", "kind"): ACTION_ITEM_KINDS,
    ("action_items", "status"): ACTION_ITEM_STATUSES,
    ("follow_ups", "state"): ("done", "not needed"),
    ("decisions", "status"): DECISION_STATUSES,
}
MOST_PROBLEMS = 10_000  # per column of a file; the rest are counted in one more problem


def recognises(source: Source) -> bool:
    """Return whether the columns at the file's beginning are those of one of our tables."""
    if source.path.is_dir():
        return False
    return best_table(_our_names(_first_names(source), source), source) is not None


def _first_names(source: Source) -> list[str]:
    if parquet.is_parquet(source):
        return parquet.names(source)
    keys = first_keys(source)
    return sorted(keys.top | keys.record) or delimited.header(source)


def best_table(columns: Iterable[str], source: Source) -> Table | None:
    """Return the table that the file's rule names, else the one that has most of these columns; None if none fits."""
    columns = set(columns)
    if source.rule.table:
        return next(table for table in _TABLES if table.name == source.rule.table)
    fitting = [table for table in _TABLES if _fits(table, columns)]
    return max(fitting, key=lambda table: len(columns & set(table.names)), default=None)


def _fits(table: Table, columns: set[str]) -> bool:
    """Return whether a file with these columns can be this table: what a row needs, and two columns at least."""
    if table is INCIDENTS and "title" in columns and columns & set(table.of_kind("time")):
        return True
    return columns.issuperset(_NEEDED[table.name]) and len(columns & set(table.names) - _OURS) > 1


def _our_names(names: Iterable[str], source: Source) -> dict[str, str]:
    """Return our name of each of the file's columns → the file's own; the rule's names win, then likeness.

    Case, and spaces or hyphens for underscores, make no difference ("Incident ID" is ``incident_id``).
    """
    ours = {name.strip().casefold().replace(" ", "_").replace("-", "_"): name for name in reversed(list(names))}
    stated = {ours_: theirs for ours_, theirs in source.rule.columns.items() if theirs in set(ours.values())}
    return {name: theirs for name, theirs in ours.items() if theirs not in stated.values()} | stated


def read(source: Source) -> Batch:
    """Return the file's rows as one table of the workbook.

    Raises:
        SourceError: if it can't be read at all, or its incidents have no ids.
    """
    raw = _raw_table(source)
    ours = _our_names(raw.columns, source)
    table = best_table(ours, source)
    if table is None or not ours.keys() & set(table.names):
        raise SourceError(f"{source.name} has none of our columns: {', '.join(raw.columns)[:200]}")
    missing = [name for name in _NEEDED[table.name] if name not in ours]
    if missing:
        raise SourceError(
            f"{source.name} has no column {missing[0]!r}, which every row of {table.name} needs; if it is called "
            "otherwise, say so under [[files]] in workbook.toml"
        )
    rules = Rules(source.zone, source.rule.time_format, source.settings.severities.aliases)
    return typed_batch(raw, table, ours, Origin(source.name, "tabular", rules))


def _raw_table(source: Source) -> RawTable:
    if parquet.is_parquet(source):
        return parquet.read_parquet(source)
    if not (first_keys(source).top or source.head.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"[", b"{")):
        return delimited.read_delimited(source, _arrow_kinds(source))
    problems: list[Problem] = []
    placed = read_records(source, problems, None)
    raw = table_of_records([record for _, record in placed], [place for place, _ in placed])
    raw.problems += problems
    raw.skipped["skipped: not a record"] += len(problems)
    return raw


def _arrow_kinds(source: Source) -> dict[str, pa.DataType]:
    """Return the types by which Arrow can read columns of a CSV file faster than as texts."""
    ours = _our_names(delimited.header(source), source)
    table = best_table(ours, source)
    kinds = {"severity": pa.dictionary(pa.int32(), TEXT)}
    if not source.rule.time_format:
        kinds["time"] = pa.timestamp("us", "UTC")
    columns = {column.name: column for column in (table.columns if table else ()) if column.name not in _OURS}
    # fields that have no column here are mostly words that come again and again
    rest = {theirs: pa.dictionary(pa.int32(), TEXT) for name, theirs in ours.items() if name not in columns}
    return rest | {ours[name]: kinds[column.kind] for name, column in columns.items()
                   if name in ours and column.kind in kinds}  # fmt: skip


@dataclass(frozen=True)
class Origin:
    """Where a raw table comes from, and how its values are read: by ``parse``, column by column, under ``rules``.

    ``needed`` names, per table, the columns without which a row is none; where ``dates_unseen`` is False, a missing
    ``first_seen_at`` stays missing.
    """

    name: str
    reader: str
    rules: Rules
    parse: Callable[[Values, Column, Rules, tuple[str, ...]], Parsed] = parse_column
    needed: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: _NEEDED)
    dates_unseen: bool = True


def typed_batch(raw: RawTable, table: Table, ours: dict[str, str], origin: Origin) -> Batch:
    """Return the raw table's rows typed, with the rows left out that can't do without what they lack.

    ``ours`` gives our name of a column → its own.
    """
    batch = Batch(problems=raw.problems)
    own = {name: ours[name] for name in table.names if name in ours and name not in _OURS}
    rest = {name: values for name, values in raw.columns.items() if name not in own.values()}

    def parse(column: Column) -> Parsed:
        choices = _CHOICES.get((table.name, column.name), ())
        return origin.parse(raw.columns.pop(own[column.name]), column, origin.rules, choices)

    columns = {column.name: column for column in table.columns if column.name in own}
    with ThreadPoolExecutor(os.cpu_count()) as pool:  # Arrow and numpy let go of the interpreter's lock
        extra = pool.submit(_extra, rest) if rest and "extra" in table.names else None
        parsed = dict(zip(columns, pool.map(parse, columns.values()), strict=True))
    frame = pd.DataFrame({name: column.values for name, column in parsed.items()})
    frame["source"] = raw.places.to_pandas()
    if extra:
        frame["extra"] = extra.result()
    kept = _needed(frame, table, parsed, raw, origin.needed[table.name])
    _explain(batch, frame, table, parsed, kept)
    frame = frame if kept.all() else frame[kept].reset_index(drop=True)
    batch.add(table, _first_seen(frame, table) if origin.dates_unseen else frame)
    batch.account(origin.name, origin.reader, table.name, {"used": int(kept.sum()), **raw.skipped})
    return batch


def _extra(rest: Mapping[str, Values]) -> pd.Series:
    """Return the columns that have none in the table as one column of JSON."""
    return json_records({name: _pieces(values) for name, values in rest.items()}).to_pandas()


def _pieces(values: Values) -> pa.ChunkedArray:
    """Return a column's values as JSON; what is empty is missing."""
    if isinstance(values, pa.ChunkedArray) and pa.types.is_dictionary(values.type) and values.type.value_type == TEXT:
        return over_words(values, lambda words: json_pieces(trimmed(words)))
    if isinstance(values, pa.ChunkedArray) and (pa.types.is_string(values.type) or values.type == TEXT):
        return json_pieces(trimmed(values.cast(TEXT)))
    return json_values(values if isinstance(values, list) else values.to_pylist())


def _needed(
    frame: pd.DataFrame, table: Table, parsed: dict[str, Parsed], raw: RawTable, needed: tuple[str, ...]
) -> pd.Series:
    """Return which rows can be used; the others are noted in ``raw``, with why."""
    kept = pd.Series(True, index=frame.index)
    for name in needed:
        lacking = frame[name].isna() & kept
        for row in np.flatnonzero(lacking):
            message = parsed[name].refused.get(int(row)) or f"no {name}; every row of {table.name} needs one"
            raw.skip(f"no-{name.replace('_', '-')}", f"no {name}", message, frame["source"].iloc[row])
        kept &= ~lacking
    if table is INCIDENTS:
        kept &= ~_repeated(frame, kept, raw)
    return kept


def _repeated(frame: pd.DataFrame, kept: pd.Series, raw: RawTable) -> pd.Series:
    """Return which rows have an id that stood before; each is noted with the place of the first."""
    ids = pa.array(frame["incident_id"])
    if pc.all(pc.less(ids[:-1], ids[1:]), skip_nulls=False).as_py():  # in rising order, none can repeat
        return pd.Series(False, index=frame.index)
    repeated = frame["incident_id"].duplicated() & kept
    if repeated.any():
        first = frame[kept].drop_duplicates("incident_id").set_index("incident_id")["source"]
        for row in np.flatnonzero(repeated):
            incident_id, place = frame["incident_id"].iloc[row], frame["source"].iloc[row]
            message = f"{incident_id!r} stands twice; the first is at {first[incident_id]}"
            raw.skip("duplicate-id", "duplicate incident_id", message, place)
    return repeated


def _explain(batch: Batch, frame: pd.DataFrame, table: Table, parsed: dict[str, Parsed], kept: pd.Series) -> None:
    """Note a problem for each value that was refused in a row that is kept."""
    for column in (column for column in table.columns if column.name in parsed):
        rows = [row for row in sorted(parsed[column.name].refused) if kept.iloc[row]]
        for row in rows[:MOST_PROBLEMS]:
            message = _said(column, parsed[column.name].refused[row])
            incident_id = frame["incident_id"].iloc[row] if "incident_id" in frame else None
            batch.problem(_rule(column), message, frame["source"].iloc[row], effect="value left out",
                          incident_id=incident_id if isinstance(incident_id, str) else None)  # fmt: skip
        if len(rows) > MOST_PROBLEMS:
            message = f"{column.name}: {len(rows) - MOST_PROBLEMS:,} more values can't be read, from here on"
            place = frame["source"].iloc[rows[MOST_PROBLEMS]]
            batch.problem(_rule(column), message, place, effect="value left out")


def _rule(column: Column) -> str:
    return "unknown-severity" if column.kind == "severity" else f"unreadable-{column.kind}"


def _said(column: Column, reason: str) -> str:
    return reason if column.kind == "severity" else f"{column.name}: {reason}"


def _first_seen(frame: pd.DataFrame, table: Table) -> pd.DataFrame:
    """Return incidents with the earliest of their times as first sight, where the file states none."""
    times = [name for name in table.of_kind("time") if name in frame and name != "first_seen_at"]
    if table is not INCIDENTS or not times:
        return frame
    stated = frame.get("first_seen_at")
    if stated is not None and stated.notna().all():
        return frame
    # fmin looks past what is missing, and is twenty times faster than DataFrame.min along rows
    earliest = pd.Series(reduce(np.fmin, (frame[name].to_numpy("datetime64[us]") for name in times)))
    earliest = earliest.dt.tz_localize("UTC")
    return frame.assign(first_seen_at=earliest if stated is None else stated.fillna(earliest))


READER = Reader("tabular", recognises, read)
