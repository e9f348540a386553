"""Columns of texts as JSON writes them, and of what comes again and again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from incident_lib.sources.json_marks import is_mark
from incident_lib.sources.reading import parse_json
from incident_lib.sources.texts import TEXT, octets_of, trimmed

_MISSING = pa.scalar(None, TEXT)
_ESCAPES = r'^(?:[^\\]|\\["\\/bfnrt]|\\u[0-9a-fA-F]{4})*$'
_WHOLE = r"^(?:0|[1-9]\d{0,17})$"
_LENGTHS, _LONG = 6, 4_096  # different lengths of pieces, and a long one, with which they are copied one by one
_SLASH, _ZERO = 0x5C, np.uint8(0x30)


class Texts:
    """A column of texts as JSON writes them, without quotes; an empty one counts as missing. None: all are missing.

    ``plain`` ones are known to have no escapes.
    """

    def __init__(self, texts: pa.Array | None, rows: int, *, plain: bool = False) -> None:
        self._plain = plain or texts is None
        texts = pa.nulls(rows, TEXT) if texts is None else texts
        self.stated = np.diff(octets_of(texts)[0]) > 0
        self.bare = texts if self.stated.all() else pc.if_else(pa.array(self.stated), texts, _MISSING)

    def unescaped(self) -> pa.Array:
        """Return the texts as they are meant."""
        odd = self.with_bytes(b"\\")
        if not odd.any():
            return self.bare
        meant = [parse_json(f'"{text}"', "") for text in self.bare.filter(pa.array(odd)).to_pylist()]
        return pc.replace_with_mask(self.bare, pa.array(odd), pa.array(meant, TEXT))

    def with_bytes(self, marks: bytes) -> np.ndarray:
        """Return which texts hold one of these characters."""
        content = octets_of(self.bare)[1]
        found = np.zeros(len(self.bare), bool)
        for mark in marks.replace(b"\\", b"") if self._plain else marks:
            if (content == mark).any():
                found |= pc.match_substring(self.bare, chr(mark)).fill_null(False).to_numpy(zero_copy_only=False)
        return found


def untrimmed(texts: pa.Array) -> np.ndarray:
    """Return which texts have white space around them, or are nothing else."""
    bare = trimmed(pa.chunked_array([texts])).chunk(0)
    if bare is texts:
        return np.zeros(len(texts), bool)
    return pc.not_equal(bare, texts).fill_null(True).to_numpy(zero_copy_only=False) & texts.is_valid().to_numpy(
        zero_copy_only=False
    )


class Part(str):
    """The name of a part of what is meant; any other text stands for itself."""

    __slots__ = ()


class Meanings:
    """What few different things mean, by number; what is made of them all is kept until another one comes."""

    def __init__(self) -> None:
        self._all: list[Any] = []
        self._made: dict[Any, tuple[int, Any]] = {}

    def __len__(self) -> int:
        return len(self._all)

    def add(self, meaning: Any) -> int:
        """Return the number of another meaning."""
        self._all.append(meaning)
        return len(self._all) - 1

    def made(self, name: Any, make: Callable[[list[Any]], Any]) -> Any:
        """Return what is made of all meanings, which has this name."""
        size, made = self._made.get(name, (-1, None))
        if size < len(self._all):
            made = make(self._all)
            self._made[name] = len(self._all), made
        return made


class Coded:
    """A column of what few different things mean (None: nothing usual): each row's number, and what it stands for."""

    def __init__(self, codes: np.ndarray, meanings: Meanings) -> None:
        self._numbers, self.codes, self._meanings = codes, pa.array(codes), meanings
        self.known = meanings.made("known", lambda found: np.array([one is not None for one in found], bool))[codes]

    def each(self, name: str) -> pa.Array:
        """Return one part of what is meant, for each row."""
        words = self._meanings.made((name,), lambda found: pa.array([getattr(one, name, None) for one in found], TEXT))
        return words.take(self.codes)

    def joined(self, pieces: Sequence[str]) -> pa.Array:
        """Return parts of what is meant, and what stands between them, as one text for each row."""

        def text(found: Any) -> str:
            return "".join(getattr(found, one, None) or "" if isinstance(one, Part) else one for one in pieces)

        words = self._meanings.made(tuple(pieces), lambda found: pa.array([text(one) for one in found], TEXT))
        return words.take(self.codes)

    def flag(self, name: str) -> np.ndarray:
        """Return a part of what is meant that is true or false."""

        def flags(found: list[Any]) -> np.ndarray:
            return np.array([bool(getattr(one, name, False)) for one in found], bool)

        return self._meanings.made(name, flags)[self._numbers]

    def coded(self, name: str, words: Sequence[str]) -> pa.Array:
        """Return one part of what is meant as a dictionary column of these words, in their order."""
        place = {word: number for number, word in enumerate(words)}
        numbers = self._meanings.made(
            (name, *words), lambda found: pa.array([place.get(getattr(one, name, None)) for one in found], pa.int8())
        )
        return pa.DictionaryArray.from_arrays(numbers.take(self.codes), pa.array(words, TEXT), ordered=True)


def between(content: np.ndarray, begins: np.ndarray, ends: np.ndarray) -> pa.Array:
    """Return what stands between places, copied; content reaches further than to the last end."""
    rows, longest = len(begins), int((ends - begins).max(initial=0))
    if longest and (ends - begins == longest).all():  # quicker: all at once
        copied = _windows(content, longest)[begins]
        offsets = np.arange(0, rows * longest + 1, longest)
        return pa.Array.from_buffers(pa.large_binary(), rows, [None, pa.py_buffer(offsets), pa.py_buffer(copied)])
    edges = np.empty(2 * rows + 1, np.int64)
    edges[:-1:2], edges[1::2], edges[-1] = begins, ends, ends.max(initial=0)
    whole = pa.Array.from_buffers(pa.large_binary(), 2 * rows, [None, pa.py_buffer(edges), pa.py_buffer(content)])
    return pc.take(whole, pa.array(np.arange(0, 2 * rows, 2)), boundscheck=False)


def coded_between(content: np.ndarray, begins: np.ndarray, ends: np.ndarray) -> tuple[np.ndarray, list[bytes]]:
    """Return what stands between places: each row's number among the different ones, and those."""
    counts = np.bincount(np.minimum(ends - begins, _LONG)) if len(begins) else np.array([], int)
    lengths = np.flatnonzero(counts).tolist()
    if len(lengths) > _LENGTHS or 0 in lengths or _LONG in lengths:
        coded = between(content, begins, ends).dictionary_encode()
        return coded.indices.to_numpy(), coded.dictionary.to_pylist()
    codes, words = np.empty(len(begins), np.int32), []
    for length in lengths:  # of one length they are copied all at once
        rows = np.flatnonzero(ends - begins == length) if len(lengths) > 1 else slice(None)
        copied = pa.py_buffer(_windows(content, length)[begins[rows]])
        coded = pa.Array.from_buffers(pa.binary(length), int(counts[length]), [None, copied]).dictionary_encode()
        codes[rows] = coded.indices.to_numpy() + len(words)
        words += coded.dictionary.to_pylist()
    return codes, words


def _windows(content: np.ndarray, width: int) -> np.ndarray:
    return np.ndarray((len(content) - width,), f"V{width}", content, strides=(1,))


def are_texts(columns: list[pa.Array]) -> np.ndarray:
    """Tell which rows' texts are UTF-8 without wrong escapes."""
    good = are_utf8(columns)
    for texts in columns:
        if (octets_of(texts)[1] == _SLASH).any():
            good &= _truth(pc.match_substring_regex(texts, _ESCAPES))
    return good


def are_utf8(columns: list[pa.Array]) -> np.ndarray:
    """Tell which rows' texts are UTF-8."""
    good = np.ones(len(columns[0]), bool)
    for texts in columns:
        if not _is_utf8(texts):
            good &= np.array([_is_utf8(texts.slice(row, 1)) for row in range(len(texts))])
    return good


def _is_utf8(texts: pa.Array) -> bool:
    try:
        texts.view(TEXT).validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def are_plain(columns: list[pa.Array]) -> np.ndarray:
    """Tell which rows' texts have no quotes, escapes or control characters."""
    plain = np.ones(len(columns[0]), bool)
    for texts in columns:
        ends, content = octets_of(texts)
        odd = is_mark(content) | (content == _SLASH)
        if odd.any():
            plain[np.searchsorted(ends, np.flatnonzero(odd), side="right") - 1] = False
    return plain


def whole_numbers(texts: pa.Array) -> np.ndarray:
    """Tell which texts are whole numbers as JSON writes them."""
    ends, content = octets_of(texts)
    lengths = np.diff(ends)
    if not ((lengths > 0).all() and (content - _ZERO <= 9).all()):
        return _truth(pc.match_substring_regex(texts, _WHOLE))
    return (lengths == 1) | ((content[ends[:-1]] != _ZERO) & (lengths <= 18))


def _truth(values: pa.Array) -> np.ndarray:
    return values.to_numpy(zero_copy_only=False)
