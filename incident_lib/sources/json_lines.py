"""JSON lines, many at once: blocks of whole lines, and the fields of their records as columns of texts.

DuckDB takes the fields out; it sees one block in memory at a time, never a file. It is more lenient than JSON: what it
would take and the careful way refuses (a comma before a bracket, a key that stands twice) is found out here.
"""

from __future__ import annotations

import json
import os
import re
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa

from incident_lib.sources.texts import TEXT

BLOCK = 12 << 20
_CHUNK = 1 << 18  # as much as fits into a processor's own memory
_TRAILING = re.compile(rb",\s*[}\]]")
_NEWLINE, _COMMA, _SPACE, _CASE, _CLOSING = 0x0A, 0x2C, 0x20, 0x20, 0x7D  # "]" with the bit of small letters is "}"
# nothing from outside, nothing to disk; one thread each, since blocks go side by side
_LOCKED = {
    "enable_external_access": False, "autoinstall_known_extensions": False, "autoload_known_extensions": False,
    "python_enable_replacements": False, "threads": 1, "memory_limit": "512MB",
    "temp_directory": "", "arrow_large_buffer_size": True, "lock_configuration": True,
}  # fmt: skip
_SQL = "FROM (FROM (FROM lines SELECT {taken}) SELECT {named}, shape) SELECT {given}, shape"
Result = TypeVar("Result")


class EngineError(Exception):
    """DuckDB could not look at a block; the careful way has to."""


@dataclass(frozen=True)
class Block:
    """Whole lines of a file: the number of the first, the texts, and which of them are surely not to be trusted."""

    first: int
    texts: pa.Array
    doubtful: np.ndarray


@dataclass(frozen=True)
class Query:
    """Paths into a record ("priority", "first_entry.id"), and columns made of what stands there, as SQL.

    A column's expression names paths in double quotes. They are ours, never a file's.
    """

    paths: Sequence[str]
    columns: Mapping[str, str]


@dataclass(frozen=True)
class Fields:
    """A block's columns, and which of its lines are usual."""

    columns: dict[str, pa.Array]
    usual: np.ndarray


def side_by_side(work: Callable[[Block], Result], path: Path) -> Iterator[Result]:
    """Yield what ``work`` makes of a file's blocks, in order; as many at once as there are processors.

    ``work`` keeps nothing of a block: its memory is used again, since fresh memory costs more than to read into it.
    """
    most = os.cpu_count() or 1
    spare: list[bytearray] = []
    waiting: deque[Future[Result]] = deque()

    def done(first: int, content: bytearray, size: int) -> Result:
        result = work(_block(first, content, size))
        spare.append(content)
        return result

    with ThreadPoolExecutor(most) as pool:
        for piece in _pieces(path, spare):
            waiting.append(pool.submit(done, *piece))
            if len(waiting) > most:  # so that no more than these are in memory
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _pieces(path: Path, spare: list[bytearray]) -> Iterator[tuple[int, bytearray, int]]:
    """Yield a file in pieces of whole lines: the number of the first line, the bytes, and how many of them count."""
    number, rest = 1, b""
    with path.open("rb", buffering=0) as file:
        while True:
            piece = spare.pop() if spare else bytearray(2 * BLOCK)
            if len(piece) < len(rest) + BLOCK:  # a line that is longer than a block
                piece = bytearray(len(rest) + BLOCK)
            piece[: len(rest)] = rest
            size = len(rest) + (file.readinto(memoryview(piece)[len(rest) : len(rest) + BLOCK]) or 0)
            at_end = size == len(rest)
            whole = size if at_end else piece.rfind(b"\n", 0, size) + 1
            rest = bytes(memoryview(piece)[whole:size])
            if whole:
                yield number, piece, whole
                number += piece.count(b"\n", 0, whole)
            else:
                spare.append(piece)
            if at_end:
                return


def _block(first: int, content: bytearray, size: int) -> Block:
    """Return a piece of a file as its lines, without copying them."""
    octets = np.frombuffer(content, np.uint8)[:size]
    breaks, suspects = _marks(octets)
    if not len(breaks) or breaks[-1] != size - 1:  # the last line of a file may lack its end
        breaks = np.append(breaks, size - 1)
    ends = np.concatenate([[0], breaks + 1]).astype(np.int64)
    texts = pa.Array.from_buffers(TEXT, len(breaks), [None, pa.py_buffer(ends), pa.py_buffer(content)])
    doubtful = np.zeros(len(texts), bool)
    for at in np.unique(np.searchsorted(ends, suspects, "right") - 1):
        doubtful[at] = _TRAILING.search(octets[ends[at] : ends[at + 1]].tobytes()) is not None
    try:
        texts.validate(full=True)
    except pa.ArrowInvalid:
        texts = pa.array([_decoded(line) for line in texts.cast(pa.large_binary()).to_pylist()], TEXT)
    return Block(first, texts, doubtful)


def _marks(octets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return where line breaks are, and closing brackets after a comma or white space, be it within a text."""
    breaks, suspects = [], []
    for start in range(0, len(octets), _CHUNK):
        here = octets[start : start + _CHUNK]
        breaks.append(np.flatnonzero(here == _NEWLINE) + start)
        before = octets[start - 1 : start - 1 + len(here)] if start else np.append(octets[:1], here[:-1])
        found = ((here | _CASE) == _CLOSING) & ((before == _COMMA) | (before <= _SPACE))
        if found.any():
            suspects.append(np.flatnonzero(found) + start)
    return np.concatenate(breaks), np.concatenate([np.array([], int), *suspects])


def _decoded(line: bytes) -> str | None:
    try:
        return line.decode()
    except UnicodeDecodeError:
        return None


class Columns:
    """Takes fields out of blocks of lines, and tells which lines' sets of keys are usual.

    ``usual`` looks at the keys of a record; it is asked once for each set of keys, in each order.
    """

    def __init__(self, usual: Callable[[Sequence[str]], bool]) -> None:
        self._usual = usual
        self._verdicts: dict[int, frozenset[str] | None] = {}
        self._local = threading.local()
        self._known: frozenset[str] = frozenset()

    def take(self, block: Block, query: Callable[[frozenset[str]], Query]) -> Fields:
        """Return columns of a block's lines; ``query`` says which, given all keys seen so far."""
        while True:
            known = self._known
            asked = query(known)
            table = self._asked(block.texts, asked)
            shapes = table.column(len(asked.columns)).to_numpy()
            usual = self._usual_shapes(block, shapes)
            if self._known <= known:  # else a key came up that has to be asked for
                columns = {name: table.column(at).chunk(0) for at, name in enumerate(asked.columns)}
                return Fields(columns, np.isin(shapes, usual) & ~block.doubtful)

    def _asked(self, texts: pa.Array, asked: Query) -> pa.Table:
        """Return the columns asked for, and last a number for each line's list of keys.

        Raises:
            EngineError: if DuckDB gives up, as for want of memory.
        """
        places = ", ".join(f"'$.{path}'" for path in asked.paths)
        named = ", ".join(f's[{at}] AS "{path}"' for at, path in enumerate(asked.paths, start=1))
        given = ", ".join(f"{expression} AS c{at}" for at, expression in enumerate(asked.columns.values()))
        taken = f"try(json_extract(line, [{places}]))::VARCHAR[] AS s, hash(try(json_keys(line))) AS shape"
        engine, connection = import_module("duckdb"), self._connection()
        try:
            connection.register("lines", pa.table({"line": texts}))
            found = connection.sql(_SQL.format(taken=taken, named=named, given=given)).to_arrow_table()
            connection.unregister("lines")  # the block's memory is used again
        except engine.Error as error:
            raise EngineError(str(error)) from error
        return found.combine_chunks()

    def _connection(self) -> Any:
        """Return this thread's own connection; DuckDB takes a sixth of a second to import, and few files need it."""
        if not hasattr(self._local, "connection"):
            self._local.connection = import_module("duckdb").connect(":memory:", config=_LOCKED)
        return self._local.connection

    def _usual_shapes(self, block: Block, shapes: np.ndarray) -> list[int]:
        """Return the numbers of the sets of keys that are usual, and note their keys."""
        numbers, first = np.unique(shapes, return_index=True)
        for number, row in zip(numbers.tolist(), first.tolist(), strict=True):
            if number not in self._verdicts:
                self._verdicts[number] = self._keys(block.texts[row].as_py())
        usual = [number for number in numbers.tolist() if self._verdicts[number] is not None]
        self._known = self._known.union(*(self._verdicts[number] or () for number in usual))
        return usual

    def _keys(self, line: str | None) -> frozenset[str] | None:
        """Return the keys of a record; None if there is none, one of them stands twice, or they are not usual."""
        try:
            pairs = json.loads(line or "", object_pairs_hook=list)
        except (ValueError, RecursionError):
            return None
        keys = [key for key, _ in pairs] if isinstance(pairs, list) and all(map(_is_pair, pairs)) else []
        return frozenset(keys) if len(keys) == len(set(keys)) and self._usual(keys) else None


def _is_pair(value: Any) -> bool:
    return isinstance(value, tuple)
