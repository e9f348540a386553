"""SQL over the tables of records, by DuckDB: it sees these tables and nothing else of the machine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import pandas as pd
import pyarrow as pa

from incident_lib.errors import SettingsError

# Files, addresses, extensions and Python's own variables are out of reach, and no statement can change that.
_LOCKS = (
    "SET TimeZone = 'UTC'",
    "SET python_enable_replacements = false",
    "SET autoinstall_known_extensions = false",
    "SET autoload_known_extensions = false",
    "SET enable_external_access = false",
    "SET lock_configuration = true",
)
_READING = {"SELECT", "EXPLAIN"}


def queried(tables: Mapping[str, pd.DataFrame], query: str, parameters: Sequence[Any] | None = None) -> pd.DataFrame:
    """Return what a SELECT finds in the tables; ``?`` in it stand for the parameters, in order.

    Times come back UTC-aware, days as ``datetime64``, differences of times as ``timedelta64``, decimals as floats.

    Raises:
        SettingsError: for anything but one SELECT, for what DuckDB refuses (in its words), where DuckDB is missing.
    """
    duckdb = _duckdb()
    try:
        with _connected(duckdb, tables) as connection:
            statements = connection.extract_statements(query)
            if len(statements) != 1 or statements[0].type.name not in _READING:
                raise SettingsError("SQL: expected one SELECT; records are only read, never changed, by it")
            found = connection.sql(query, params=list(parameters or []) or None)
            return _as_pandas(found.to_arrow_table())
    except duckdb.Error as error:
        raise SettingsError(f"SQL: {_one_sentence(str(error))}") from None


def _duckdb() -> Any:
    try:
        return import_module("duckdb")
    except ImportError as error:
        raise SettingsError(
            "SQL over the records needs DuckDB; python -m pip install 'incident-workbook[explore]' brings it"
        ) from error


@contextmanager
def _connected(duckdb: Any, tables: Mapping[str, pd.DataFrame]) -> Iterator[Any]:
    """Give a connection to a database in memory that holds the tables, locked up."""
    with duckdb.connect(":memory:") as connection:
        for name, table in tables.items():
            connection.register(name, pa.Table.from_pandas(table, preserve_index=False))
        for lock in _LOCKS:
            connection.execute(lock)
        yield connection


def _as_pandas(found: pa.Table) -> pd.DataFrame:
    """Return the answer with the types that the tables have."""
    frame = found.to_pandas(date_as_object=False)
    for place, field in enumerate(found.schema):
        if pa.types.is_decimal(field.type):
            frame.isetitem(place, frame.iloc[:, place].astype("float64"))
        elif pa.types.is_interval(field.type):
            lengths = [_length(one) for one in found.column(place).to_pylist()]
            frame.isetitem(place, pd.Series(lengths, dtype="timedelta64[us]"))
    return frame


def _length(interval: Any) -> pd.Timedelta | None:
    """Return a stretch of time; one with months has no certain length."""
    if interval is None or interval.months:
        return None
    return pd.Timedelta(days=interval.days, microseconds=interval.nanoseconds // 1000)


def _one_sentence(text: str) -> str:
    """Return DuckDB's message in one line: what, and what it suggests, without the drawing of the place."""
    lines = [line.strip() for line in text.split("\nLINE ")[0].splitlines()]
    said = " ".join(line for line in lines if line)
    return said.split(": ", 1)[-1].removesuffix("!")
