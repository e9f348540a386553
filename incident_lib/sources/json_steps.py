"""Where pieces and texts stand in lines of a known shape, step by step by the lengths that they had before.

To try a few lengths is quicker than to find all quotes of a line, of which there are a hundred or more. Nothing rests
on it: whether there is a known piece in each place, and nothing but text between them, is looked at afterwards, and
lines in which a step goes wrong are cut by their quotes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from incident_lib.sources.json_marks import BEYOND, Lines

_WIDE = 8  # bytes of what stands beside an edge, by which it is known
_SAMPLE = 1_000  # lines to learn lengths from
_TRIES = 12  # lengths of a piece
_WINDOWS = (32, 256)  # a longer text than this has its line cut by the quotes


class Steps:
    """The lengths of a shape's pieces and texts in turn, and how their edges are known.

    ``beside`` has a sign for the end of each piece and text: where its bytes stand from there, and the bytes.
    """

    def __init__(self, pieces: Sequence[bytes], is_seam: Sequence[bool]) -> None:
        self._is_text = [False, *(kind for seam in is_seam for kind in (not seam, False))]
        self._is_seam = [False, *(kind for seam in is_seam for kind in (seam, False))]
        self._counts: list[Counter[int]] = [Counter() for _ in self._is_text]
        self._tries: list[list[int]] = [[] for _ in self._is_text]
        self._signs = [_sign(pieces, at, is_seam) for at in range(len(pieces) - 1)]

    def learn(self, edges: np.ndarray) -> None:
        """Remember the lengths in lines that were cut by their quotes."""
        for at, lengths in enumerate(np.diff(edges[:_SAMPLE]).T):
            self._counts[at].update(lengths.tolist())
            tries = 1 if self._is_text[at] else _TRIES
            self._tries[at] = [length for length, _ in self._counts[at].most_common(tries)]

    def edges(self, lines: Lines, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return where pieces and texts begin and end in those of the rows in which each step leads to a sign.

        Also returns which rows these are.
        """
        edges = np.empty((len(rows), len(self._tries) + 1), np.int64)
        if not all(self._tries) or sum(map(max, self._tries)) + len(self._tries) * max(_WINDOWS) > BEYOND - _WIDE:
            return edges[:0], np.zeros(len(rows), bool)
        octets, at, good = _Octets(lines.content), lines.starts[rows], np.ones(len(rows), bool)
        edges[:, 0] = at
        for place, tries in enumerate(self._tries[:-1]):
            if not self._is_seam[place]:
                at = self._step(octets, at, place, tries, good)
            edges[:, place + 1] = at
        edges[:, -1] = lines.ends[rows]
        good &= np.isin(edges[:, -1] - at, self._tries[-1])
        return edges[good] if not good.all() else edges, good

    def _step(self, octets: _Octets, at: np.ndarray, place: int, tries: list[int], good: np.ndarray) -> np.ndarray:
        """Return where this piece or text ends; rows in which no sign says so are marked as not good."""
        if len(tries) == 1 and not self._is_text[place]:
            return at + tries[0]  # the sign at the next text's end will tell
        where, sign = self._signs[place // 2][self._is_text[place]]
        after = at + tries[0]
        left = np.flatnonzero(~octets.have(sign, after + where))
        for length in tries[1:]:
            if not len(left):
                return after
            tried = at[left] + length
            hit = octets.have(sign, tried + where)
            after[left[hit]] = tried[hit]
            left = left[~hit]
        for width in _WINDOWS if self._is_text[place] else ():
            if not len(left):
                return after
            distance, hit = octets.first(sign[0], at[left], width)
            after[left] += distance - tries[0]
            left = left[~hit]
        after[left] = at[left]
        good[left] = False
        return after


class _Octets:
    """Bytes, several of them to be looked at in many places at once."""

    def __init__(self, content: np.ndarray) -> None:
        self._content = content
        self._words = np.ndarray((len(content) - _WIDE,), "<u8", content, strides=(1,))

    def have(self, sign: bytes, places: np.ndarray) -> np.ndarray:
        """Tell in which places these bytes stand."""
        word = np.uint64(int.from_bytes(sign, "little"))
        found = self._words[places]
        if len(sign) < _WIDE:
            found &= np.uint64((1 << 8 * len(sign)) - 1)
        return found == word

    def first(self, octet: int, places: np.ndarray, width: int) -> tuple[np.ndarray, np.ndarray]:
        """Return how far from each place a byte stands first, and in which places it does within the width."""
        windows = np.ndarray((len(self._content) - width,), f"V{width}", self._content, strides=(1,))
        is_there = windows[places].view(np.uint8).reshape(len(places), width) == octet
        distance = is_there.argmax(axis=1)
        return distance, is_there[np.arange(len(places)), distance]


def _sign(pieces: Sequence[bytes], at: int, is_seam: Sequence[bool]) -> tuple[tuple[int, bytes], tuple[int, bytes]]:
    """Return by what the end of a piece is known, and the end of the text after it."""
    after = pieces[at + 1][:_WIDE]
    before = pieces[at][-_WIDE:]
    return (0, after) if is_seam[at] else (-len(before), before), (0, after)
