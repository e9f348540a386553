"""Durations, lists and times in words, the same in every sentence that we write."""

from __future__ import annotations

import difflib
from bisect import bisect_left
from collections.abc import Sequence
from typing import Any

import pandas as pd

_MANY_NAMES = 2000
_BESIDE = 25
_FEW_NAMES = 8
NOT_STATED = "not stated in the records"


def duration_in_words(minutes: float) -> str:
    """Return minutes as people say them: "48 minutes", "3 hours 5 minutes", "2 days 4 hours"."""
    whole = round(minutes)
    days, hours, rest = whole // 1440, whole % 1440 // 60, whole % 60
    units = [(days, "day"), (hours, "hour"), (rest, "minute")]
    named = [f"{count} {unit}{'' if count == 1 else 's'}" for count, unit in units if count]
    return " ".join(named[:2]) or "less than a minute"


def listed(names: Sequence[str]) -> str:
    """Return names as people list them: "a, b and c"."""
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def counted(number: int, noun: str) -> str:
    """Return a number with its noun: "1 row", "37 rows"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def minute(time: Any) -> str:
    """Return a time to the minute in UTC, or that it is not stated."""
    return NOT_STATED if pd.isna(time) else f"{time:%Y-%m-%d %H:%M}"


def unknown(name: str, known: Sequence[str], what: str) -> str:
    """Return a sentence that refuses a name and offers the nearest known one."""
    nearest = difflib.get_close_matches(name, _nearby(name, known), 1, cutoff=0.4)
    return f"unknown {what} {name!r}; {f'did you mean {nearest[0]!r}?' if nearest else _what_there_is(known)}"


def _what_there_is(known: Sequence[str]) -> str:
    """Return the known names if they are few, and else how many there are."""
    if not known:
        return "there are none"
    if len(known) > _FEW_NAMES:
        return f"there are {len(known):,} of them"
    return "expected " + " or ".join([", ".join(known[:-1]), known[-1]] if len(known) > 1 else known)


def _nearby(name: str, known: Sequence[str]) -> Sequence[str]:
    """Return the known names to look at closely: all, or of very many those beside it in the alphabet."""
    if len(known) <= _MANY_NAMES:
        return known
    ordered = sorted(known)
    place = bisect_left(ordered, name)
    return ordered[max(place - _BESIDE, 0) : place + _BESIDE]
