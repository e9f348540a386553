"""What a table is: typed columns, and frames of exactly these, from rows or from other frames.

Kinds and how pandas holds them: ``string`` and ``names`` are ``str`` (a missing text is NaN; several names stand in
one text, separated by "; "), ``time`` is ``datetime64[us, UTC]``, ``date`` is ``datetime64[us]`` at midnight without
a zone, ``flag`` is ``bool``, ``integer`` is ``Int64``, ``severity`` an ordered categorical, ``json`` a JSON text with
sorted keys.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import pandas as pd

from incident_lib.vocabulary import SEVERITIES

SEVERITY_DTYPE = pd.CategoricalDtype(list(SEVERITIES), ordered=True)
DTYPES: dict[str, Any] = {
    "string": "str",
    "names": "str",
    "json": "str",
    "time": "datetime64[us, UTC]",
    "date": "datetime64[us]",
    "flag": "bool",
    "integer": "Int64",
    "severity": SEVERITY_DTYPE,
}


@dataclass(frozen=True)
class Column:
    """One column: its name, its kind (a key of ``DTYPES``), and what it means."""

    name: str
    kind: str
    meaning: str


@dataclass(frozen=True)
class Table:
    """A table's name and columns; builds typed frames from rows or from other frames.

    ``known_from`` names the time column that decides whether a row was known at a time ("as of"); without one, a row
    is known always.
    """

    name: str
    columns: tuple[Column, ...]
    known_from: str | None = None

    @property
    def names(self) -> list[str]:
        """Return the column names in order."""
        return [column.name for column in self.columns]

    def of_kind(self, *kinds: str) -> list[str]:
        """Return the names of the columns of these kinds."""
        return [column.name for column in self.columns if column.kind in kinds]

    def frame(self, rows: Iterable[Mapping[str, Any]] = ()) -> pd.DataFrame:
        """Return rows (dictionaries; a missing key is a missing value) as a typed frame of exactly these columns."""
        rows = list(rows)
        return self.conform(pd.DataFrame(rows, columns=self.names)) if rows else _without_rows(self).copy(deep=False)

    def conform(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return the frame with exactly these columns, each of its type; what is absent becomes missing."""
        if list(frame) == self.names and all(
            frame[column.name].dtype == DTYPES[column.kind] for column in self.columns
        ):
            return frame
        return pd.DataFrame(
            {column.name: _typed(frame.get(column.name), column.kind, frame.index) for column in self.columns}
        )


@cache
def _without_rows(table: Table) -> pd.DataFrame:
    """Return a table's frame without rows, made once: most tables of most batches are empty."""
    return table.conform(pd.DataFrame(columns=table.names))


def _typed(values: pd.Series | None, kind: str, index: pd.Index) -> pd.Series:
    """Return values as the kind's type; None gives a column of missing values."""
    if values is None:
        return pd.Series(False if kind == "flag" else None, index=index, dtype=DTYPES[kind])
    if values.dtype == DTYPES[kind]:
        return values
    if kind == "flag":
        return values.eq(True).fillna(False).astype(bool)
    if kind == "time":
        return pd.to_datetime(values, utc=True, format="ISO8601").astype(DTYPES[kind])
    if kind == "date":
        return pd.to_datetime(values, format="ISO8601").astype(DTYPES[kind])
    return values.astype(DTYPES[kind])
