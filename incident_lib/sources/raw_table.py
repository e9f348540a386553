"""A table as a file holds it, before anything is known of its columns: texts in columns, and where each row stands."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from incident_lib.sources.texts import TEXT
from incident_lib.tables import Problem

_SLICE = 50_000
Values = pa.ChunkedArray | list[Any]


@dataclass
class RawTable:
    """Columns by the file's own names (Arrow arrays, or lists of JSON values), and a pointer to each row's place.

    ``problems`` and ``skipped`` tell of the rows that could not become rows.
    """

    columns: dict[str, Values]
    places: pa.ChunkedArray
    problems: list[Problem] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)

    def __len__(self) -> int:
        return len(self.places)

    def skip(self, rule: str, reason: str, message: str, place: str) -> None:
        """Note one row that is left out: its problem, and the reason under which it is counted."""
        self.problems.append(Problem(rule, message, place))
        self.skipped[f"skipped: {reason}"] += 1


def places(prefix: str, numbers: pa.Array) -> pa.ChunkedArray:
    """Return a pointer per row, such as "incidents.csv line 2" for the prefix "incidents.csv line "."""
    begins, nothing = pa.scalar(prefix, TEXT), pa.scalar("", TEXT)

    def pointers(at: int) -> pa.Array:
        return pc.binary_join_element_wise(begins, numbers.slice(at, _SLICE).cast(TEXT), nothing)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return pa.chunked_array([*pool.map(pointers, range(0, len(numbers), _SLICE))], TEXT)


def table_of_records(records: list[Mapping[str, Any]], pointers: list[str]) -> RawTable:
    """Return JSON records as a raw table: a column for every key that any of them has."""
    names = dict.fromkeys(name for record in records for name in record)
    columns: dict[str, Values] = {name: [record.get(name) for record in records] for name in names}
    return RawTable(columns, pa.chunked_array([pa.array(pointers, TEXT)]))
