"""Databases as sources: tables named like ours, or a query per table, through the same checks as any other table.

What is needed for it is the optional extra ``sql``; without it, a workbook that names a database is refused with one
sentence. A bad value costs that value, and is named by its row ("db incidents row 14"), rows counted in the order of
their keys. Times without an offset are read in the zone that the settings state for the database, or refused.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from incident_lib.errors import SettingsError, SourceError
from incident_lib.settings import Database, Settings
from incident_lib.sources.columns import parse_column
from incident_lib.sources.raw_table import RawTable, Values, places
from incident_lib.sources.reading import Batch
from incident_lib.sources.tabular import Origin, typed_batch
from incident_lib.sources.texts import TEXT, json_values
from incident_lib.sources.time_columns import Parsed, Rules
from incident_lib.tables import TABLES
from incident_lib.typed_table import Column, Table

NAME = "sql"
_KEYS: dict[str, tuple[str, ...]] = {
    "incidents": ("incident_id",),
    "timeline": ("at",),
    "messages": ("at",),
    "postmortems": ("incident_id",),
    "action_items": ("incident_id", "title"),
    "follow_ups": ("incident_id", "step", "state"),
    "people": ("name",),
    "decisions": ("review", "text"),
}
_ORDER = ("incident_id", "review", "name", "message_id", "at", "item", "decision", "step", "source", "text")
_TABLES = {table.name: table for table in TABLES if table.name in _KEYS}


@dataclass(frozen=True)
class DatabaseRead:
    """What a database gave: its name among the sources, the SHA-256 of the content read, and its tables."""

    name: str
    digest: str
    batch: Batch


def read_databases(folder: Path, settings: Settings) -> list[DatabaseRead]:
    """Return what the databases that the settings name hold; one that can't be read becomes a problem.

    Raises:
        SettingsError: if a database has no address, or what reads databases is not installed.
    """
    names = [one.name for one in settings.databases]
    repeated = next((name for name in names if names.count(name) > 1), None)
    if repeated:
        raise SettingsError(f"two databases are called {repeated!r}; give each a name of its own under [[databases]]")
    return [_read(one, folder, settings) for one in settings.databases]


def _read(database: Database, folder: Path, settings: Settings) -> DatabaseRead:
    address = address_of(database.url.get_secret_value() if database.url else None, database.url_env, database.name)
    sha, batch = hashlib.sha256(), Batch()
    name = f"database {database.name}"
    try:
        _read_tables(database, engine().parse_url(address, folder, database.name), settings, batch, sha)
    except SourceError as error:
        batch.problem("unreadable-database", str(error), name, effect="file left out")
        batch.account(name, NAME, "databases", {"skipped: unreadable": 1})
    return DatabaseRead(name, sha.hexdigest(), batch)


def engine() -> Any:
    """Return the module that opens databases.

    Raises:
        SettingsError: if SQLAlchemy or psycopg is not installed.
    """
    try:
        return import_module("incident_lib.sources.sql_engine")
    except ImportError as error:
        message = f"databases need the extra 'sql', and {error.name or 'SQLAlchemy'} is not installed"
        raise SettingsError(f"{message}; install 'incident-workbook[sql]'") from error


def address_of(url: str | None, variable: str | None, label: str) -> str:
    """Return a database's URL as stated, or from the environment.

    Raises:
        SettingsError: if neither or both are stated, or the variable is not set.
    """
    if bool(url) == bool(variable):
        raise SettingsError(f"database {label!r}: state its address as url, or as url_env (the variable that holds it)")
    stated = url or os.environ.get(variable or "")
    if not stated:
        raise SettingsError(f"database {label!r}: the environment variable {variable} is not set")
    return stated


def _read_tables(database: Database, url: Any, settings: Settings, batch: Batch, sha: Any) -> None:
    rules = Rules(database.zone, None, settings.severities.aliases)
    with engine().reading(url, database.name) as connection:
        there = engine().table_names(connection, database.within) & _TABLES.keys()
        wanted = [table for name, table in _TABLES.items() if name in there or name in database.queries]
        if not wanted:
            raise SourceError(f"database {database.name!r} has no table of ours; expected {', '.join(_TABLES)}")
        for table in wanted:
            raw = _raw(connection, database, table, sha)
            _add(batch, raw, table, Origin(f"database {database.name}", NAME, rules, _exactly, _KEYS, False))


def _raw(connection: Any, database: Database, table: Table, sha: Any) -> RawTable:
    """Return a table's rows as columns, and add them to the hash."""
    query = database.queries.get(table.name)
    if query is not None:
        names, parts = engine().read_query(connection, _one_statement(query, table.name, database.name))
    else:
        names, parts = engine().read_table(connection, table.name, database.within, _ORDER)
    sha.update(repr((table.name, names)).encode())
    chunks = [_columns(part, len(names)) for part in _hashed(parts, sha)]
    count = sum(len(chunk[0]) for chunk in chunks if chunk)
    columns = {name: _joined([chunk[number] for chunk in chunks]) for number, name in enumerate(names)}
    return RawTable(columns, places(f"{database.name} {table.name} row ", pa.array(np.arange(1, count + 1))))


def _one_statement(query: str, table: str, label: str) -> str:
    bare = query.strip().removesuffix(";").rstrip()
    if not bare or ";" in bare:
        raise SourceError(f"database {label!r}: the query for {table} is to be one statement, without a semicolon")
    return bare


def _hashed(parts: Iterator[list[tuple[Any, ...]]], sha: Any) -> Iterator[list[tuple[Any, ...]]]:
    for part in parts:
        sha.update(repr(part).encode("utf-8", "backslashreplace"))
        yield part


def _columns(rows: list[tuple[Any, ...]], width: int) -> list[pa.Array | list[Any]]:
    """Return a part's rows as Arrow arrays, column by column; what Arrow can't type in one stays a list."""
    return [_array(list(column)) for column in zip(*rows, strict=True)] if rows else [pa.nulls(0)] * width


def _array(values: list[Any]) -> pa.Array | list[Any]:
    try:
        return pa.array(values)
    except (pa.ArrowException, OverflowError, ValueError, TypeError):
        return values


def _joined(pieces: list[pa.Array | list[Any]]) -> Values:
    """Return a column's parts as one: of one Arrow type where they agree, else as a list of plain values."""
    arrays = [piece for piece in pieces if isinstance(piece, pa.Array)]
    kinds = {array.type for array in arrays if not pa.types.is_null(array.type)} or {TEXT}
    if len(arrays) == len(pieces) and len(kinds) == 1:
        kind = kinds.pop()
        return pa.chunked_array([array.cast(kind) for array in arrays], kind)
    lists = (piece.to_pylist() if isinstance(piece, pa.Array) else piece for piece in pieces)
    return [_plain(value) for values in lists for value in values]


def _plain(value: Any) -> Any:
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


def _exactly(values: Values, column: Column, rules: Rules, choices: tuple[str, ...]) -> Parsed:
    """Return a column as its kind; a text that may be anything stays as it is, white space included."""
    texts = isinstance(values, pa.ChunkedArray) and (pa.types.is_string(values.type) or values.type == TEXT)
    if column.kind in ("string", "json") and not choices and texts:
        whole = values.cast(TEXT)
        return Parsed(pc.if_else(pc.equal(pc.binary_length(whole), 0), pa.scalar(None, TEXT), whole).to_pandas())
    return parse_column(values, column, rules, choices)


def _add(batch: Batch, raw: RawTable, table: Table, origin: Origin) -> None:
    """Add a table's rows; its own columns "source" and "extra" stay what they are, and unknown columns join "extra"."""
    kept = {name: raw.columns.pop(name) for name in ("source", "extra") if name in raw.columns}
    missing = [name for name in origin.needed[table.name] if name not in raw.columns]
    if missing:
        message = f"its table {table.name} has no column {missing[0]!r}, which every row needs"
        batch.problem("unreadable-table", f"{origin.name}: {message}", origin.name, effect="file left out")
        batch.account(origin.name, origin.reader, table.name, {f"skipped: no column {missing[0]}": len(raw)})
        return
    pointers = raw.places.to_pandas()
    told = typed_batch(raw, table, {name: name for name in raw.columns}, origin)
    frame = told.table(table)
    stated = {
        name: _exactly(values, Column(name, "string", ""), origin.rules, ()).values.set_axis(pointers)
        for name, values in kept.items()
    }
    batch.add(table, frame.assign(**{name: _stated(values, frame, name) for name, values in stated.items()}))
    batch.problems.extend(told.problems)
    batch.accounts.extend(told.accounts)


def _stated(values: pd.Series, frame: pd.DataFrame, name: str) -> pd.Series:
    """Return the stated values of the frame's rows, else what the frame has; both in a list where both are there."""
    own = frame["source"].map(values) if not frame.empty else frame[name]
    if name != "extra" or frame["extra"].isna().all():
        return own.astype("str").fillna(frame[name])
    both = own.notna() & frame["extra"].notna()
    pairs = zip(own[both], frame.loc[both, "extra"], strict=True)
    joined = json_values([{"extra": stated, "columns": more} for stated, more in pairs])
    own = own.astype("str").fillna(frame["extra"])
    own[both] = joined.to_pandas().to_numpy()
    return own


def export_tables(tables: Mapping[str, pd.DataFrame], address: str, *, replace: bool, folder: Path) -> dict[str, int]:
    """Write a workbook's tables into a database, and return how many rows each has; all in one transaction.

    Tables that are not there are made. ``folder`` is where a SQLite file of a relative path lies.

    Raises:
        SettingsError: if what writes databases is not installed.
        SourceError: if a table there has rows already and ``replace`` is False, or the database refuses; nothing is
            written then.
    """
    engine()
    export = import_module("incident_lib.sources.sql_export")
    counts: dict[str, int] = export.write_tables(tables, address, replace=replace, folder=folder)
    return counts
