"""Lines of JSON in a block of a file: where they are, and where their quotes stand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

_CHUNK = 1 << 17  # as much as fits into a processor's own memory with the places of many marks
_QUOTE, _NEWLINE, _SLASH = 0x22, 0x0A, 0x5C
BEYOND = 1 << 16  # bytes behind a block's lines that may be looked at


@dataclass(frozen=True)
class Lines:
    """Whole lines: their bytes, ``BEYOND`` more of no meaning, where lines start and end, and their numbers."""

    content: np.ndarray
    starts: np.ndarray
    ends: np.ndarray
    numbers: np.ndarray

    def only(self, rows: np.ndarray) -> Lines:
        """Return some of the lines, in a place of their own."""
        if len(rows) == len(self.starts):
            return self
        edges = pa.py_buffer(np.append(self.starts, self.ends[-1] + 1))
        whole = pa.Array.from_buffers(pa.large_binary(), len(self.starts), [None, edges, pa.py_buffer(self.content)])
        taken = pc.take(whole, pa.array(rows))
        ends = np.cumsum((self.ends - self.starts)[rows] + 1) - 1
        content = np.frombuffer(taken.buffers()[2], np.uint8)[: ends[-1] + 1]
        return Lines(np.append(content, np.zeros(BEYOND, np.uint8)), _starts(ends), ends, self.numbers[rows])


@dataclass(frozen=True)
class Marked:
    """Lines with the places of all their marks, the first one of each line, and how many it has."""

    lines: Lines
    marks: np.ndarray
    first: np.ndarray
    counts: np.ndarray


def lines_in(content: np.ndarray, size: int, number: int) -> Lines:
    """Return the lines in the first bytes; ``number`` is that of the first line."""
    ends = _places(content[:size], lambda octets: octets == _NEWLINE, 1 << 20)
    return Lines(content, _starts(ends), ends, np.arange(number, number + len(ends)))


def _places(octets: np.ndarray, wanted: Callable[[np.ndarray], np.ndarray], chunk: int) -> np.ndarray:
    """Return where the wanted bytes stand."""
    chunks = range(0, len(octets), chunk)
    return np.concatenate([np.flatnonzero(wanted(octets[start : start + chunk])) + start for start in chunks])


def marked(lines: Lines) -> Marked:
    """Return lines with the places of their quotes, line breaks, and the other control characters."""
    octets = lines.content[: lines.ends[-1] + 1]
    marks = _places(octets, is_mark, _CHUNK)
    if (octets == _SLASH).any():
        marks = _without(marks, _escaped(octets))
    breaks = np.flatnonzero(octets[marks] == _NEWLINE)
    first = np.concatenate([[0], breaks[:-1] + 1])
    return Marked(lines, marks, first, breaks + 1 - first)


def _starts(ends: np.ndarray) -> np.ndarray:
    return np.concatenate([[0], ends[:-1] + 1])


def is_mark(octets: np.ndarray) -> np.ndarray:
    """Tell which bytes are quotes or control characters."""
    return (octets ^ 2) <= _QUOTE - 2


def _escaped(octets: np.ndarray) -> np.ndarray:
    """Return the places of quotes with an odd number of slashes before them."""
    slashes = np.flatnonzero(octets == _SLASH)
    begins = np.flatnonzero(np.diff(slashes, prepend=-2) != 1)
    within = np.arange(len(slashes)) - np.repeat(begins, np.diff(begins, append=len(slashes)))
    after = slashes[within % 2 == 0] + 1
    after = after[after < len(octets)]
    return after[octets[after] == _QUOTE]


def _without(marks: np.ndarray, places: np.ndarray) -> np.ndarray:
    return np.delete(marks, np.searchsorted(marks, places))
