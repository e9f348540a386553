"""JSON lines, many at once: lines that are alike but for some texts, cut apart without parsing each.

Where quotes and line breaks are is found over whole blocks of a file; see ``json_shapes`` for how lines are alike.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from incident_lib.sources.json_learning import learned
from incident_lib.sources.json_marks import BEYOND, Lines, Marked, lines_in, marked
from incident_lib.sources.json_shapes import Cut, Shape, Usual

BLOCK = 6 << 20  # a longer line is nobody's incident
_STRETCH = 16 << 20  # what is shorter is not worth a thread of its own
_TRIES, _SHAPES = 8, 64  # new shapes in a block, and all, of lines with as many marks
_OFTEN, _FEW = 4, 50  # shapes to be tried without marks, and lines for which that is not worth it
_NEWLINE = 0x0A


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
        for lines in _blocks(path, stretch):
            if cuts := list(_cuts(lines, shapes, usual)):
                stretch.made.append(work(cuts))

    stretches = _stretches(path)
    with ThreadPoolExecutor(len(stretches)) as pool:
        list(pool.map(fill, stretches))
    return stretches


def _cuts(lines: Lines, shapes: dict[int, list[Shape]], usual: Usual) -> Iterator[Cut]:
    """Yield lines cut apart by the shapes that are known already, or that are learned from them."""
    rows = np.arange(len(lines.starts))
    for shape in sorted(itertools.chain.from_iterable(shapes.values()), key=lambda shape: -shape.lines)[:_OFTEN]:
        if len(rows) > _FEW:
            cut, rows = shape.reach(lines, rows)
            if cut and len(cut.numbers):
                yield cut
    if len(rows):
        yield from _cuts_by_marks(marked(lines.only(rows)), shapes, usual)


def _cuts_by_marks(block: Marked, shapes: dict[int, list[Shape]], usual: Usual) -> Iterator[Cut]:
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


def _cut(shape: Shape, block: Marked, rows: np.ndarray) -> Iterator[Cut]:
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


def _blocks(path: Path, stretch: Stretch) -> Iterator[Lines]:
    """Yield whole lines of a stretch, which counts them; each block is gone when the next is asked for.

    Of a line that is longer than a block, an empty one remains.
    """
    area = bytearray(BLOCK + 1 + BEYOND)
    content, view, filled, is_torn = np.frombuffer(area, np.uint8), memoryview(area), 0, False
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
                lines = lines_in(content, whole, stretch.lines)
                stretch.lines += len(lines.starts)
                yield lines
            is_torn = not whole
            area[: filled - whole] = area[whole:filled]
            filled = filled - whole if whole else 0
