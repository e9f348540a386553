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
_NONE = np.array([], int)
_SAMPLE = 1_000  # lines to learn lengths from
_TRIES = 12  # lengths of a piece
_WINDOWS = (32, 256)  # a longer text than this has its line cut by the quotes


class Steps:
    """The lengths of a shape's pieces and texts in turn, and how their ends are known.

    ``words`` has the one piece that ever stood in a place, or None where there are several; all of it is looked at
    on the way.
    """

    def __init__(self, pieces: Sequence[bytes], is_seam: Sequence[bool]) -> None:
        self.words: list[bytes | None] = [None] * len(pieces)
        self._pieces, self._is_seam = pieces, [*is_seam, False]
        self._counts: list[Counter[int]] = [Counter() for _ in range(2 * len(pieces) - 1)]
        self._tries: list[list[int]] = [[] for _ in self._counts]

    def learn(self, edges: np.ndarray, words: list[bytes | None]) -> None:
        """Remember the lengths in lines that were cut by their quotes, and what stands alone in its place."""
        self.words = words
        for at, lengths in enumerate(np.diff(edges[:, :_SAMPLE], axis=0)):
            self._counts[at].update(lengths.tolist())
            self._tries[at] = [length for length, _ in self._counts[at].most_common(1 if at % 2 else _TRIES)]

    def edges(self, lines: Lines, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return where pieces and texts begin and end, one after the other, in rows in which each step leads to a sign.

        Also returns which rows these are.
        """
        edges = np.empty((len(self._tries) + 1, len(rows)), np.int64)
        if not all(self._tries) or sum(map(max, self._tries)) + len(self._tries) * max(_WINDOWS) > BEYOND - _WIDE:
            return edges[:, :0], np.zeros(len(rows), bool)
        octets, good, is_sure = _Octets(lines.content), np.ones(len(rows), bool), False
        at = edges[0] = lines.starts[rows]
        for place in range(len(self._pieces)):
            word = self.words[place]
            if word is None:
                at = self._after_piece(octets, at, place, good)
            else:
                if not is_sure:
                    good[octets.without(word, at)] = False
                at = at + len(word)
            edges[2 * place + 1] = at
            if place + 1 < len(self._pieces):
                is_sure = not self._is_seam[place]
                at = self._after_text(octets, at, place, good) if is_sure else at
                edges[2 * place + 2] = at
        good &= at == lines.ends[rows]
        return (edges, good) if good.all() else (edges[:, good], good)

    def _after_piece(self, octets: _Octets, at: np.ndarray, place: int, good: np.ndarray) -> np.ndarray:
        """Return where the pieces in a place end; rows in which no sign says so are marked as not good."""
        first, *others = self._tries[2 * place]
        if not others:
            return at + first  # the sign at the next end will tell
        where, sign = self._sign(place)
        after = at + first
        left = octets.without(sign, after + where)
        for length in others:
            if not len(left):
                return after
            after[left] = at[left] + length
            left = left[octets.without(sign, after[left] + where)]
        return _stopped(at, after, left, good)

    def _sign(self, place: int) -> tuple[int, bytes]:
        """Return by what the end of a piece is known: where that stands from there, and its bytes."""
        if self._is_seam[place]:
            return 0, self._pieces[place + 1][:_WIDE]
        before = self._pieces[place][-_WIDE:]
        return -len(before), before

    def _after_text(self, octets: _Octets, at: np.ndarray, place: int, good: np.ndarray) -> np.ndarray:
        """Return where the texts after a place end; rows in which no sign says so are marked as not good."""
        sign = self.words[place + 1] or self._pieces[place + 1][:_WIDE]
        after = at + self._tries[2 * place + 1][0]
        left = octets.without(sign, after)
        for width in _WINDOWS:
            if not len(left):
                return after
            after[left] = at[left] + octets.first(sign[0], at[left], width)
            left = left[octets.without(sign, after[left])]
        return _stopped(at, after, left, good)


def _stopped(at: np.ndarray, after: np.ndarray, left: np.ndarray, good: np.ndarray) -> np.ndarray:
    after[left], good[left] = at[left], False
    return after


class _Octets:
    """Bytes, several of them to be looked at in many places at once."""

    def __init__(self, content: np.ndarray) -> None:
        self._content = content

    def _at(self, places: np.ndarray, width: int) -> np.ndarray:
        windows = np.ndarray((len(self._content) - width,), f"V{width}", self._content, strides=(1,))
        return windows[places].view(np.uint8).reshape(len(places), width)

    def without(self, sign: bytes, places: np.ndarray) -> np.ndarray:
        """Return by number those of the places in which these bytes don't stand."""
        alike = self._at(places, len(sign)) == np.frombuffer(sign, np.uint8)
        return _NONE if alike.all() else np.flatnonzero(~alike.all(axis=1))

    def first(self, octet: int, places: np.ndarray, width: int) -> np.ndarray:
        """Return how far from each place a byte stands first; 0 if it doesn't within the width."""
        return (self._at(places, width) == octet).argmax(axis=1)
