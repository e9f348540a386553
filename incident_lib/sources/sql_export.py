"""A workbook's tables into a database: made from ``tables.py``, filled in one transaction, never over rows unasked.

Times are ``timestamp with time zone`` in PostgreSQL and ISO 8601 texts in SQLite, which has no type for them; JSON
stays the text it is, so that reading back gives the same bytes. PostgreSQL can't hold a NUL character in a text: it is
written as U+FFFD.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import sqlalchemy as sa

from incident_lib.errors import SourceError
from incident_lib.sources.sql_engine import parse_url, writing
from incident_lib.tables import TABLES
from incident_lib.typed_table import Table

LABEL = "export"
_CHUNK = 5_000
_TYPES: dict[str, sa.types.TypeEngine[Any]] = {
    "string": sa.Text(),
    "names": sa.Text(),
    "json": sa.Text(),
    "severity": sa.Text(),
    "time": sa.DateTime(timezone=True).with_variant(sa.Text(), "sqlite"),
    "date": sa.Date().with_variant(sa.Text(), "sqlite"),
    "flag": sa.Boolean(),
    "integer": sa.BigInteger(),
}


def write_tables(tables: Mapping[str, pd.DataFrame], address: str, *, replace: bool, folder: Path) -> dict[str, int]:
    """Write tables by name into a database, and return how many rows each has (see ``sql.export_tables``)."""
    url = parse_url(address, folder, LABEL)
    metadata = sa.MetaData()
    made = {table.name: (table, _sql_table(table, metadata)) for table in TABLES if table.name in tables}
    with writing(url, LABEL) as connection:
        metadata.create_all(connection)
        _make_room(connection, [target for _, target in made.values()], replace=replace)
        for name, (table, target) in made.items():
            for rows in _rows(table, tables[name], text_times=connection.dialect.name == "sqlite"):
                connection.execute(sa.insert(target), rows)
    return {name: len(tables[name]) for name in made}


def _sql_table(table: Table, metadata: sa.MetaData) -> sa.Table:
    columns = (sa.Column(column.name, _TYPES[column.kind], comment=column.meaning) for column in table.columns)
    return sa.Table(table.name, metadata, *columns)


def _make_room(connection: sa.Connection, targets: list[sa.Table], *, replace: bool) -> None:
    """Empty the tables if that is asked for; else refuse if any of them has rows."""
    full = [one for one in targets if connection.execute(sa.select(sa.literal(1)).select_from(one).limit(1)).first()]
    if full and not replace:
        names = ", ".join(target.name for target in full)
        raise SourceError(f"the database has rows in {names}; nothing was written (--replace would replace them)")
    for target in full:
        connection.execute(sa.delete(target))


def _rows(table: Table, frame: pd.DataFrame, *, text_times: bool) -> Iterator[list[dict[str, Any]]]:
    """Yield a table's rows in chunks, each value as its database type; missing values are None."""
    for start in range(0, len(frame), _CHUNK):
        part = frame.iloc[start : start + _CHUNK]
        columns = {one.name: _values(part[one.name], one.kind, text_times=text_times) for one in table.columns}
        yield [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def _values(values: pd.Series, kind: str, *, text_times: bool) -> list[Any]:
    if kind == "flag":
        return values.tolist()
    if kind in ("time", "date"):
        return _moments(values, kind, text=text_times)
    if kind == "integer":
        return [None if pd.isna(value) else int(value) for value in values]
    return [value.replace("\0", "\ufffd") if isinstance(value, str) else None for value in values.astype("object")]


def _moments(values: pd.Series, kind: str, *, text: bool) -> list[Any]:
    if text:
        form = "%Y-%m-%dT%H:%M:%S.%fZ" if kind == "time" else "%Y-%m-%d"
        return [None if pd.isna(value) else value for value in values.dt.strftime(form)]
    moments = (None if pd.isna(value) else value.to_pydatetime() for value in values)
    return [moment if moment is None or kind == "time" else moment.date() for moment in moments]
