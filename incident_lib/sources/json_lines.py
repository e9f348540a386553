"""JSON lines, many at once: lines that are alike but for some texts, cut apart without parsing each.

Where quotes and line breaks are is found over whole blocks of a file; see ``json_shapes`` for how lines are alike.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from incident_lib.sources.json_learning import learned
from incident_lib.sources.json_shapes import Block, Cut, Shape, Usual

BLOCK = 4 << 20  # a longer line is nobody's incident
_STRETCH = 16 << 20  # what is shorter is not worth a thread of its own
_CHUNK = 1 << 17  # as much as fits into a processor's own memory
_TRIES, _SHAPES = 4, 64  # new shapes in a block, and all, of lines with as many marks
_QUOTE, _NEWLINE, _SLASH = 0x22, 0x0A, 0x5C


@dataclass
class Stretch:
    """What was made of the lines between two places in a file, and how many there are."""

    start: int
    end: int
    lines: int = 0
    made: list[Any] = field(default_factory=list)


def each_stretch(path: Path, usual: Usual, work: Callable[[list[Cut]], Any]) -> list[Stretch]:
    """Return what ``work`` makes of a file's lines, block by block and stretch by stretch.

    It gets a block's lines as a cut for each shape, if there are any. Lines that are like no others, or are no JSON,
    are in none. A cut's numbers count within its stretch, from 0.
    """

    def fill(stretch: Stretch) -> None:
        shapes: dict[int, list[Shape]] = {}
        for block in _blocks(path, stretch):
            if cuts := list(_cuts(block, shapes, usual)):
                stretch.made.append(work(cuts))

    stretches = _stretches(path)
    with ThreadPoolExecutor(len(stretches)) as pool:
        list(pool.map(fill, stretches))
    return stretches


def _cuts(block: Block, shapes: dict[int, list[Shape]], usual: Usual) -> Iterator[Cut]:
    """Yield a block's lines, cut apart by the shapes that are known already, or that are learned from them."""
    for count in np.unique(block.counts).tolist():
        rows, known = np.flatnonzero(block.counts == count), shapes.setdefault(count, [])
        tries = _TRIES if count > 1 else 0  # nothing but its break
        for shape in known:
            rows = yield from _cut(shape, block, rows)
        while len(rows) and tries and len(known) < _SHAPES:
            tries -= 1
            if shape := learned(block, int(rows[0]), usual):
                known.append(shape)
                rows = yield from _cut(shape, block, rows)
            else:
                rows = rows[1:]


def _cut(shape: Shape, block: Block, rows: np.ndarray) -> Iterator[Cut]:
    """Yield the rows of this shape, and return the others."""
    if not len(rows):
        return rows
    cut, others = shape.cut(block, rows)
    if len(cut.numbers):
        yield cut
    return others


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


def _blocks(path: Path, stretch: Stretch) -> Iterator[Block]:
    """Yield whole lines of a stretch, which counts them; each block is gone when the next is asked for.

    Of a line that is longer than a block, an empty one remains.
    """
    area, marks = bytearray(BLOCK + 1), np.empty(BLOCK + 1, np.int64)
    view, filled, is_torn = memoryview(area), 0, False
    with path.open("rb", buffering=0) as file:
        file.seek(stretch.start)
        left = stretch.end - stretch.start
        while left or filled:
            got = file.readinto(view[filled : min(BLOCK, filled + left)])
            filled, left = filled + got, (left - got if got else 0)
            if not left and filled and area[filled - 1] != _NEWLINE:  # the last line of a file may lack its end
                area[filled] = _NEWLINE
                filled += 1
            whole = area.rfind(b"\n", 0, filled) + 1
            if whole:
                if is_torn:
                    torn = area.find(b"\n")
                    area[:torn] = b" " * torn
                block = _block(area, whole, marks, stretch.lines)
                stretch.lines += len(block.counts)
                yield block
            is_torn = not whole
            area[: filled - whole] = area[whole:filled]
            filled = filled - whole if whole else 0


def _block(area: bytearray, size: int, space: np.ndarray, number: int) -> Block:
    """Return the lines in the first bytes of an area; ``space`` has room for the places of their marks."""
    octets = np.frombuffer(area, np.uint8, size)
    marks = _marks(octets, space)
    if area.find(_SLASH, 0, size) >= 0:
        marks = _without(marks, _escaped(octets))
    breaks = np.flatnonzero(octets[marks] == _NEWLINE)
    ends = marks[breaks]
    starts = np.concatenate([[0], ends[:-1] + 1])
    first = np.concatenate([[0], breaks[:-1] + 1])
    return Block(area, marks, starts, ends, first, breaks + 1 - first, number)


def _marks(octets: np.ndarray, space: np.ndarray) -> np.ndarray:
    """Return the places of quotes, line breaks, and the other control characters."""
    total = 0
    for start in range(0, len(octets), _CHUNK):
        found = np.flatnonzero((octets[start : start + _CHUNK] ^ 2) <= _QUOTE - 2)  # below a space, or a quote
        np.add(found, start, out=space[total : total + len(found)])
        total += len(found)
    return space[:total]


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
