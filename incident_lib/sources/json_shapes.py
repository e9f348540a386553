"""How lines of JSON are alike, learned from one of them, and other lines cut apart by it.

A shape is a line's fixed pieces around its own texts: ``{"id": "`` … ``", "status": "open", "title": "`` … ``"}``.
A line whose pieces each stood in their place in a line that was parsed, and whose texts end at the next quote, is
JSON with the same keys: what stands in its pieces was looked at, once for each different piece. So nothing is parsed
line by line, and yet nothing is overlooked: an unknown key, one that stands twice, a comma too many make a piece
that was not seen before, which is then parsed, strictly, in its place.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from incident_lib.errors import SourceError
from incident_lib.sources.json_marks import BEYOND, Lines, Marked
from incident_lib.sources.json_steps import Steps
from incident_lib.sources.json_texts import (
    Coded,
    Meanings,
    are_plain,
    are_texts,
    are_utf8,
    between,
    coded_between,
    whole_numbers,
)
from incident_lib.sources.reading import parse_json
from incident_lib.sources.texts import TEXT

STAND_IN = "90609060"  # begins what stands in the place of a line's own text while pieces are looked at
_ESCAPED = re.compile(rb"\\.", re.DOTALL)
_MARKS = re.compile(rb'["\x00-\x1f]')
_MOST = 5_000  # different pieces to remember for one place
_HIGH = 1 << 40


@dataclass(frozen=True)
class Usual:
    """What the caller knows of the lines.

    ``texts`` and ``numbers`` are the paths ("id", "assignments[].at") at which each line has its own; numbers are
    whole ones in the record itself. ``parts`` are what few different values are made of: fields, and what a record
    of these means, or None. Lines with other keys than ``known`` are not cut.
    """

    known: Collection[str]
    texts: Collection[str]
    numbers: Collection[str]
    parts: Mapping[str, tuple[Collection[str], Callable[[Mapping[str, Any]], Any]]]
    nesting: int


@dataclass(frozen=True)
class Cut:
    """Lines of one shape: their own texts as JSON writes them, without quotes, their parts, and their numbers.

    Plain texts have no escapes.
    """

    texts: dict[str, pa.Array]
    parts: dict[str, Coded]
    numbers: np.ndarray
    is_plain: bool


@dataclass(frozen=True)
class Hole:
    """A line's own text or number: after which mark, and how far from this one and from the next.

    One without a path is a seam: a key of the record begins at this mark, and pieces before and after it are looked at
    apart, since what varies in each would otherwise make many different ones.
    """

    path: str
    mark: int
    lead: int = 1
    trail: int = 0
    is_number: bool = False

    @property
    def is_seam(self) -> bool:
        """Tell whether nothing is here."""
        return not self.path


def seam(mark: int) -> Hole:
    """Return a seam at a mark."""
    return Hole("", mark, lead=0, trail=BEYOND)


@dataclass(frozen=True)
class _Pieces:
    """What stands in one place of lines: by number, the different ones, and what they add to parts."""

    codes: np.ndarray
    words: list[bytes]
    found: list[dict[str, str] | None]

    def known(self) -> np.ndarray | bool:
        """Tell which lines have a piece that may stand here."""
        known = [found is not None for found in self.found]
        return True if all(known) else np.array(known)[self.codes]

    def adding(self, name: str) -> tuple[np.ndarray, list[str]]:
        """Return what the lines' pieces add to a part: each line's addition by number, and the different ones."""
        kinds: dict[str, int] = {}
        numbers = [kinds.setdefault(found[name], len(kinds)) if found else 0 for found in self.found]
        return np.array(numbers)[self.codes] if len(kinds) > 1 else self.codes, list(kinds)


class Shape:
    """What lines have in common: pieces that were seen in their places, and holes for each line's own texts."""

    def __init__(self, pieces: list[bytes], holes: list[Hole], touched: Mapping[str, list[int]], usual: Usual) -> None:
        self.lines = 0  # of this shape up to now
        self._pieces, self._holes, self._touched, self._usual = pieces, holes, touched, usual
        self._texts = [hole for hole in holes if not hole.is_seam]
        self._marks, self._leads, self._trails = (
            np.array([getattr(hole, name) for hole in holes]) for name in ("mark", "lead", "trail")
        )
        self._seen: list[dict[bytes, dict[str, str] | None]] = [{} for _ in pieces]
        self._known: dict[str, tuple[dict[Any, int], Meanings]] = {name: ({}, Meanings()) for name in touched}
        self._outline = _outline(self._record({}))
        self._counts = [_marks_in(piece) for piece in pieces]
        self._steps = Steps(pieces, [hole.is_seam for hole in holes])

    def cut(self, block: Marked, rows: np.ndarray) -> tuple[Cut, np.ndarray]:
        """Return those of a block's lines that have this shape, cut apart by their marks, and the other lines."""
        lines, edges = block.lines, self._edges(block, rows)
        pieces, texts = self._pieces_at(lines, edges), self._texts_at(lines, edges)
        alike = self._are_alike(pieces, texts)
        self._steps.learn(edges[:, alike], [_only([word for word in seen if seen[word]]) for seen in self._seen])
        good = alike & are_texts(texts)
        return self._made(pieces, texts, good, lines.numbers[rows], is_plain=False), rows[~alike]

    def reach(self, lines: Lines, rows: np.ndarray) -> tuple[Cut | None, np.ndarray]:
        """Return those of the lines that can be cut apart without knowing their marks, and the other lines."""
        edges, reached = self._steps.edges(lines, rows)
        if not edges.size:
            return None, rows
        pieces, texts = self._pieces_at(lines, edges, self._steps.words), self._texts_at(lines, edges)
        alike = self._are_alike(pieces, texts) & are_plain(texts)
        others = rows[~reached] if alike.all() else np.sort(np.append(rows[~reached], rows[reached][~alike]))
        good = alike & are_utf8(texts)
        return self._made(pieces, texts, good, lines.numbers[rows[reached]], is_plain=True), others

    def _are_alike(self, pieces: list[_Pieces], texts: list[pa.Array]) -> np.ndarray:
        """Tell which lines have known pieces, and numbers where they should be."""
        numbers = (whole_numbers(values) for hole, values in zip(self._texts, texts, strict=True) if hole.is_number)
        alike = np.ones(len(texts[0]), bool)
        for known in (*(one.known() for one in pieces), *numbers):
            alike &= known
        return alike

    def _made(
        self, pieces: list[_Pieces], texts: list[pa.Array], good: np.ndarray, numbers: np.ndarray, *, is_plain: bool
    ) -> Cut:
        if not good.all():
            texts, numbers = [values.filter(pa.array(good)) for values in texts], numbers[good]
            pieces = [_Pieces(one.codes[good], one.words, one.found) for one in pieces]
        self.lines += len(numbers)
        own = {hole.path: values.view(TEXT) for hole, values in zip(self._texts, texts, strict=True)}
        return Cut(own, {name: self._part(name, pieces) for name in self._touched}, numbers, is_plain)

    def _edges(self, block: Marked, rows: np.ndarray) -> np.ndarray:
        """Return where pieces and holes of lines begin and end, by their marks."""
        at = block.first[rows][:, None] + self._marks
        after = block.marks[at + 1]
        edges = np.empty((2 * len(self._holes) + 2, len(rows)), np.int64)
        edges[0], edges[-1] = block.lines.starts[rows], block.lines.ends[rows]
        edges[1:-1:2] = np.minimum(block.marks[at] + self._leads, after).T
        edges[2:-1:2] = np.maximum(after.T - self._trails[:, None], edges[1:-1:2])
        return edges

    def _pieces_at(self, lines: Lines, edges: np.ndarray, words: Sequence[bytes | None] = ()) -> list[_Pieces]:
        """Return lines' pieces; ``words`` has those that are known to stand in a place."""
        pieces, none = [], np.zeros(edges.shape[1], np.int32)
        for place, word in itertools.zip_longest(range(len(self._pieces)), words):
            if word is None:
                codes, found = coded_between(lines.content, *edges[2 * place : 2 * place + 2])
                pieces.append(self._looked_at(place, codes, found))
            else:
                pieces.append(self._looked_at(place, none, [word]))
        return pieces

    def _texts_at(self, lines: Lines, edges: np.ndarray) -> list[pa.Array]:
        own = (2 * at + 1 for at, hole in enumerate(self._holes) if not hole.is_seam)
        return [between(lines.content, *edges[at : at + 2]) for at in own]

    def _looked_at(self, place: int, codes: np.ndarray, words: list[bytes]) -> _Pieces:
        seen = self._seen[place]
        if len(seen) > _MOST:
            seen.clear()
        for word in words:
            if word not in seen:
                seen[word] = self._found(place, word)
        return _Pieces(codes, words, [seen[word] for word in words])

    def _found(self, place: int, piece: bytes) -> dict[str, str] | None:
        """Return what a piece adds to each part; None if with it the line would be no JSON, or of another shape."""
        try:
            record = self._record({place: piece})
        except (SourceError, UnicodeDecodeError, RecursionError):
            return None
        if STAND_IN.encode() in piece or _outline(record) != self._outline or self._counts[place] != _marks_in(piece):
            return None
        return {name: json.dumps(self._fields(name, record)) for name in self._touched}

    def _record(self, pieces: Mapping[int, bytes]) -> Any:
        """Return the line that the shape was learned from, with these pieces, and stand-ins for its own texts."""
        stand_ins = [b"" if hole.is_seam else f"{STAND_IN}{at}".encode() for at, hole in enumerate(self._holes)]
        filled = [pieces.get(at, piece) for at, piece in enumerate(self._pieces)]
        line = b"".join(itertools.chain.from_iterable(zip(filled, [*stand_ins, b""], strict=True)))
        return parse_json(line.decode(), "", nesting=self._usual.nesting)

    def _fields(self, name: str, record: Mapping[str, Any]) -> dict[str, Any]:
        return {field: record[field] for field in self._usual.parts[name][0] if field in record}

    def _part(self, name: str, pieces: list[_Pieces]) -> Coded:
        """Return what the lines' fields of a part mean, found once for lines to which their pieces add the same."""
        codes, most, added, steady = np.zeros(len(pieces[0].codes), np.int64), 1, [], []
        for place in self._touched[name]:
            numbers, kinds = pieces[place].adding(name)
            if len(kinds) == 1:
                steady += [str(place), *kinds]
                continue
            if most * len(kinds) > _HIGH:
                codes = _encoded(codes)
                most = len(codes)
            codes, most = codes * len(kinds) + numbers, most * len(kinds)
            added.append((numbers, kinds))
        codes = _encoded(codes) if added else codes
        first = _first(codes)
        each = zip(*([kinds[at] for at in numbers[first].tolist()] for numbers, kinds in added), strict=True)
        keys = [(*steady, *one) for one in each] if added else [(*steady,)] * len(first)
        if len(self._known[name][0]) > _MOST:
            self._known[name] = ({}, Meanings())
        numbers = [self._number(name, key, pieces, row) for key, row in zip(keys, first, strict=True)]
        return Coded(np.array(numbers, np.int64)[codes], self._known[name][1])

    def _number(self, name: str, key: tuple[str, ...], pieces: list[_Pieces], row: int) -> int:
        """Return the number of what a line's fields of a part mean; ``key`` is what the pieces add to it."""
        known, meanings = self._known[name]
        if key not in known:  # every piece was parsed in its place, and changes nothing around the others
            record = self._record({place: one.words[one.codes[row]] for place, one in enumerate(pieces)})
            known[key] = meanings.add(self._usual.parts[name][1](self._fields(name, record)))
        return known[key]


def _only(words: list[bytes]) -> bytes | None:
    return words[0] if len(words) == 1 else None


def _marks_in(piece: bytes) -> int:
    """Return how many marks a piece has; lines of a shape have as many of them."""
    return len(_MARKS.findall(_ESCAPED.sub(b"", piece)))


def _outline(value: Any) -> Any:
    """Return where stand-ins stand, and the keys around them in order; None if there are none within a value."""
    if isinstance(value, dict):
        around = tuple((key, _outline(inner)) for key, inner in value.items())
        return around if any(inner is not None for _, inner in around) else None
    if isinstance(value, list):
        around = tuple(_outline(inner) for inner in value)
        return around if any(inner is not None for inner in around) else None
    return value if type(value) in (str, int) and str(value).startswith(STAND_IN) else None


def _encoded(values: np.ndarray) -> np.ndarray:
    """Return each value's number among the different ones, in order of appearance."""
    return pa.array(values).dictionary_encode().indices.to_numpy().astype(np.int64)


def _first(codes: np.ndarray) -> list[int]:
    """Return the first row that has each number from 0."""
    first = np.empty(codes.max(initial=-1) + 1, np.int64)
    first[codes[::-1]] = np.arange(len(codes))[::-1]
    return first.tolist()
