"""JSON lines, many at once: the fields of a file's records as columns of texts, in stretches side by side.

DuckDB takes the fields out of lines that it is handed in memory; it never opens a file. It is more lenient than JSON:
what it takes and the careful way refuses (a comma before a bracket, a key that stands twice) is found out here.
"""

from __future__ import annotations

import itertools
import json
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from incident_lib.sources.texts import TEXT

BLOCK = 2 << 20
_LONG = 4 * BLOCK  # bytes in a line: nobody's incident
_ROWS = 1 << 14  # in a piece of the answer
_STRETCH = 16 << 20  # what is shorter is not worth a thread of its own
_LOOKS, _LOOK = 48, 48 << 10
_CHUNK = 1 << 18  # as much as fits into a processor's own memory
_TRAILING = re.compile(rb",\s*[}\]]")
_NEWLINE, _COMMA, _SPACE, _CASE, _CLOSING = 0x0A, 0x2C, 0x20, 0x20, 0x7D  # "]" with the bit of small letters is "}"
_LINES = pa.schema([("line", TEXT), ("number", pa.int64()), ("doubtful", pa.bool_())])
# nothing from outside, nothing to disk; one thread each, since stretches go side by side
_LOCKED = {
    "enable_external_access": False, "autoinstall_known_extensions": False, "autoload_known_extensions": False,
    "python_enable_replacements": False, "threads": 1, "memory_limit": "256MB", "temp_directory": "",
    "arrow_large_buffer_size": True, "lock_configuration": True,
}  # fmt: skip
_SHAPE = "hash(try(json_keys(line)))"  # alike for lines with the same keys in the same order
_SQL = """FROM (FROM (FROM lines SELECT try(json_extract(line, [{places}]))::VARCHAR[] AS s, {shape} AS shape, number,
doubtful) SELECT {named}, shape, number, doubtful) SELECT {given}, shape, number, doubtful"""


class EngineError(Exception):
    """DuckDB could not look at a file; the careful way has to."""


@dataclass(frozen=True)
class Query:
    """Paths into a record ("priority", "first_entry.id"), and columns made of what stands there, as SQL.

    A column's expression names paths in double quotes. They are ours, never a file's.
    """

    paths: Sequence[str]
    columns: Mapping[str, str]

    def sql(self) -> str:
        """Return what DuckDB is asked: the columns, then each line's shape, its number, and whether to doubt it."""
        places = ", ".join(f"'$.{path}'" for path in self.paths)
        named = ", ".join(f's[{at}] AS "{path}"' for at, path in enumerate(self.paths, start=1))
        given = ", ".join(f"{expression} AS c{at}" for at, expression in enumerate(self.columns.values()))
        return _SQL.format(places=places, shape=_SHAPE, named=named, given=given)


@dataclass(frozen=True)
class Fields:
    """Columns of some lines, the lines' numbers within their stretch from 0, and which of the lines are usual."""

    columns: dict[str, pa.Array]
    numbers: np.ndarray
    usual: np.ndarray


@dataclass
class Stretch:
    """What was made of the lines between two places in a file, and how many there are."""

    start: int
    end: int
    lines: int = 0
    made: list[Any] = field(default_factory=list)


def each_stretch(
    path: Path,
    usual: Callable[[Sequence[str]], bool],
    query: Callable[[frozenset[str]], Query],
    work: Callable[[Fields], Any],
) -> list[Stretch]:
    """Return what ``work`` makes of a file's lines, in pieces and in order, stretch by stretch.

    ``usual`` looks at a record's keys: lines with keys that it doesn't like, or that no look at the file's places
    showed, are not usual. ``query`` says which columns to make, given all usual keys.

    Raises:
        EngineError: if DuckDB gives up, as for want of memory.
    """
    engine = import_module("duckdb")  # takes a sixth of a second, and few files need it
    examples = {keys: line for line in _examples(path) if (keys := _keys(line)) and usual(keys)}
    asked = query(frozenset().union(*examples))
    stretches = _stretches(path)

    def fill(stretch: Stretch) -> None:
        with engine.connect(":memory:", config=_LOCKED) as connection:
            shapes = _shapes(connection, list(examples.values()))
            connection.register("lines", pa.RecordBatchReader.from_batches(_LINES, _batches(path, stretch)))
            for batch in connection.sql(asked.sql()).to_arrow_reader(_ROWS):
                columns = {name: batch.column(at) for at, name in enumerate(asked.columns)}
                shape, number, doubtful = (one.to_numpy(zero_copy_only=False) for one in batch.columns[-3:])
                stretch.made.append(work(Fields(columns, number, np.isin(shape, shapes) & ~doubtful)))

    try:
        with ThreadPoolExecutor(len(stretches)) as pool:
            list(pool.map(fill, stretches))
    except engine.Error as error:
        raise EngineError(str(error)) from error
    return stretches


def _shapes(connection: Any, lines: list[str]) -> np.ndarray:
    """Return the numbers by which DuckDB knows the lists of keys of these lines."""
    connection.register("lines", pa.table({"line": pa.array(lines, TEXT)}))
    return connection.sql(f"FROM lines SELECT {_SHAPE} AS shape").to_arrow_table()["shape"].to_numpy()


def _keys(line: str) -> tuple[str, ...] | None:
    """Return the keys of a line's record in order; None if there is none, or one of them stands twice."""
    try:
        pairs = json.loads(line, object_pairs_hook=tuple)
    except (ValueError, RecursionError):
        return None
    keys = [one[0] for one in pairs if isinstance(one, tuple)] if line.lstrip()[:1] == "{" else []
    return tuple(keys) if len(keys) == len(set(keys)) else None


def _examples(path: Path) -> Iterator[str]:
    """Yield lines from many places of a file; all lines of a short one."""
    size = path.stat().st_size
    with path.open("rb") as file:
        for place in range(0, max(size, 1), max(size // _LOOKS, _LOOK)):
            file.seek(place)
            lines = file.read(_LOOK if size > _LOOKS * _LOOK else size // _LOOKS + _LOOK).split(b"\n")
            lines[-1] += file.readline()
            for line in lines[1 if place else 0 :]:
                yield line.decode("utf-8", "replace")


def _stretches(path: Path) -> list[Stretch]:
    """Return the parts of a file that go side by side, each of whole lines."""
    size = path.stat().st_size
    parts = max(min(os.cpu_count() or 1, size // _STRETCH), 1)
    cuts = [0]
    with path.open("rb") as file:
        for part in range(1, parts):
            file.seek(max(size * part // parts, cuts[-1]))
            file.readline()
            cuts.append(file.tell())
    return [Stretch(start, end) for start, end in zip(cuts, [*cuts[1:], size], strict=True)]


def _batches(path: Path, stretch: Stretch) -> Iterator[pa.RecordBatch]:
    """Yield the lines of a stretch, which counts them."""
    with path.open("rb", buffering=0) as file:
        file.seek(stretch.start)
        left, rest = stretch.end - stretch.start, b""
        while left or rest:
            piece = file.read(min(BLOCK, left)) or b""
            left = left - len(piece) if piece else 0
            content = rest + piece
            whole = content.rfind(b"\n") + 1 if left else len(content)
            rest = content[whole:]
            if whole:
                batch = _batch(content, whole, stretch.lines)
                stretch.lines += batch.num_rows
                yield batch


def _batch(content: bytes, size: int, first: int) -> pa.RecordBatch:
    """Return the lines in a piece of a file, without copying them; what is no UTF-8, or very long, is missing."""
    octets = np.frombuffer(content, np.uint8)[:size]
    breaks, suspects = _marks(octets)
    if not len(breaks) or breaks[-1] != size - 1:  # the last line of a file may lack its end
        breaks = np.append(breaks, size)
    ends = np.concatenate([[0], breaks + 1]).astype(np.int64)
    ends[-1] = size
    texts = pa.Array.from_buffers(TEXT, len(breaks), [None, pa.py_buffer(ends), pa.py_buffer(content)])
    doubtful = np.zeros(len(texts), bool)
    for at in np.unique(np.searchsorted(ends, suspects, "right") - 1):
        doubtful[at] = _TRAILING.search(content[ends[at] : ends[at + 1]]) is not None
    if not _is_plain(texts):
        octets_of_lines = (content[start:end] for start, end in itertools.pairwise(ends.tolist()))
        texts = pa.array([_decoded(line) for line in octets_of_lines], TEXT)
    numbers = np.arange(first, first + len(texts))
    return pa.record_batch([texts, pa.array(numbers), pa.array(doubtful)], schema=_LINES)


def _marks(octets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return where line breaks are, and closing brackets after a comma or white space, be it within a text."""
    breaks, suspects = [np.array([], int)], [np.array([], int)]
    for start in range(0, len(octets), _CHUNK):
        here = octets[start : start + _CHUNK]
        breaks.append(np.flatnonzero(here == _NEWLINE) + start)
        before = octets[start - 1 : start - 1 + len(here)] if start else np.append(octets[:1], here[:-1])
        found = ((here | _CASE) == _CLOSING) & ((before == _COMMA) | (before <= _SPACE))
        if found.any():
            suspects.append(np.flatnonzero(found) + start)
    return np.concatenate(breaks), np.concatenate(suspects)


def _is_plain(texts: pa.Array) -> bool:
    """Tell whether all lines are UTF-8, and none is so long that DuckDB would want much memory for it."""
    try:
        texts.validate(full=True)
    except pa.ArrowInvalid:
        return False
    return texts.nbytes < _LONG


def _decoded(line: bytes) -> str | None:
    try:
        return line.decode() if len(line) < _LONG else None
    except UnicodeDecodeError:
        return None
