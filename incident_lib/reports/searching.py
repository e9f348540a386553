"""Searching without a server: which words stand in which entry of the index, in a form for a page's own script."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any

_WORD = re.compile(r"\w+(?:[-.]\w+)*")
_NUMBER = re.compile(r"[\d.,:-]+")
LONGEST = 40


def words_of(text: str) -> set[str]:
    """Return the words of a text: lower case, without accents; of "INC-2026-042" the whole and its parts."""
    plain = unicodedata.normalize("NFKD", text).casefold()
    whole = set(_WORD.findall("".join(one for one in plain if not unicodedata.combining(one))))
    parts = {part for word in whole for part in re.split(r"[-.]", word)}
    return {word for word in whole | parts if 2 <= len(word) <= LONGEST}


def words_of_page(text: str) -> set[str]:
    """Return the words of a page's text; its bare numbers are left out."""
    return {word for word in words_of(text) if not _NUMBER.fullmatch(word)}


def inverted(entries: Sequence[Iterable[str]]) -> dict[str, Any]:
    """Return for each word the entries that it stands in: "words" sorted, and "entries" beside them.

    An entry's number is given as the difference to the one before it, so that many take few bytes.
    """
    places: dict[str, list[int]] = {}
    for number, words in enumerate(entries):
        for word in words:
            places.setdefault(word, []).append(number)
    known = sorted(places)
    return {"words": " ".join(known), "entries": " ".join(_steps(sorted(places[word])) for word in known)}


def _steps(numbers: Sequence[int]) -> str:
    return ",".join(str(number - before) for before, number in zip([0, *numbers], numbers, strict=False))
