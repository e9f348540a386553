"""Columns of JSON values that should be texts: which are, without their quotes, and in words that come again."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from incident_lib.sources.texts import TEXT, octets_of, trimmed

_MISSING = pa.scalar(None, TEXT)
_QUOTE = ord('"')


class Texts:
    """A column of JSON values without needless white space: ``pieces`` has the texts, quotes included.

    ``stated`` tells where one is, ``odd`` where something else is; an empty text counts as missing.
    """

    def __init__(self, values: pa.Array) -> None:
        ends, content = octets_of(values)
        lengths = np.diff(ends)
        first = content[np.minimum(ends[:-1], max(len(content) - 1, 0))] if len(content) else np.zeros(len(values))
        quoted = (first == _QUOTE) & (lengths > 0)
        self.stated = quoted & (lengths > 2)
        missing = (lengths == 0) | (lengths == 2) & quoted
        self.odd = ~self.stated & ~missing
        if self.odd.any():
            self.odd &= ~pc.equal(values, "null").fill_null(False).to_numpy(zero_copy_only=False)
        self.pieces = values if self.stated.all() else pc.if_else(pa.array(self.stated), values, _MISSING)

    def bare(self) -> pa.Array:
        """Return the texts without quotes; escapes stay."""
        return pc.binary_slice(self.pieces.view(pa.large_binary()), 1, -1).view(TEXT)

    def unescaped(self) -> pa.Array:
        """Return the texts as they are meant."""
        texts, odd = self.bare(), self.with_bytes(b"\\")
        if not odd.any():
            return texts
        meant = [json.loads(piece) for piece in self.pieces.filter(pa.array(odd)).to_pylist()]
        return pc.replace_with_mask(texts, pa.array(odd), pa.array(meant, TEXT))

    def with_bytes(self, marks: bytes) -> np.ndarray:
        """Return which texts hold one of these characters."""
        content = octets_of(self.pieces)[1]
        found = np.zeros(len(self.pieces), bool)
        for mark in marks:
            if (content == mark).any():
                found |= pc.match_substring(self.pieces, chr(mark)).fill_null(False).to_numpy(zero_copy_only=False)
        return found


def untrimmed(texts: pa.Array) -> np.ndarray:
    """Return which texts have white space around them, or are nothing else."""
    bare = trimmed(pa.chunked_array([texts])).chunk(0)
    if bare is texts:
        return np.zeros(len(texts), bool)
    return pc.not_equal(bare, texts).fill_null(True).to_numpy(zero_copy_only=False) & texts.is_valid().to_numpy(
        zero_copy_only=False
    )


class Coded:
    """A column of few different texts, and what each of them was found to mean (None: nothing usual)."""

    def __init__(self, texts: pa.Array, meaning: Callable[[str], Any]) -> None:
        coded = texts.dictionary_encode()
        self.codes = coded.indices
        self._numbers = coded.indices.to_numpy()
        self._found = [meaning(word) for word in coded.dictionary.to_pylist()]
        self.known = np.array([found is not None for found in self._found], bool)[self._numbers]

    def each(self, name: str, kind: pa.DataType = TEXT) -> pa.Array:
        """Return one part of what is meant, for each row."""
        return pa.array([getattr(found, name, None) for found in self._found], kind).take(self.codes)

    def flag(self, name: str) -> np.ndarray:
        """Return a part of what is meant that is true or false."""
        return np.array([bool(getattr(found, name, False)) for found in self._found], bool)[self._numbers]

    def coded(self, name: str, words: Sequence[str]) -> pa.Array:
        """Return one part of what is meant as a dictionary column of these words, in their order."""
        place = {word: number for number, word in enumerate(words)}
        numbers = pa.array([place.get(getattr(found, name, None)) for found in self._found], pa.int8())
        return pa.DictionaryArray.from_arrays(numbers.take(self.codes), pa.array(words, TEXT), ordered=True)
