"""A time as people write it at the head of a timeline row: "2020-01-20 13:50", "Sep 27 2017 13:06", "~8:40 - 8:51 CET".

Only the words are taken apart here; which day and zone are meant where they are not stated is for ``page_clock``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

MONTHS = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
    "december",
)  # fmt: skip
_MARKS = re.compile(r"[\s*_`\[\](),|]*")
_ABOUT = re.compile(r"~|≈|(?:ca|circa|approx|approximately|around|about)\b\.?", re.IGNORECASE)
_WEEKDAY = re.compile(r"(?:mon|tue|wed|thu|fri|sat|sun)[a-z]{0,6}\b[.,]?", re.IGNORECASE)
_YEAR = r"(?:,?\s+(?P<year>\d{4})(?![\d:]))?"
_DATES = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"(?P<year>\d{4,5})[-/.](?P<month>\d{1,2})[-/.](?P<day>\d{1,2})(?!\d)",
        r"(?P<day>\d{1,2})\.(?P<month>\d{1,2})\.(?P<year>\d{4})(?!\d)",
        r"(?P<name>[a-z]{3,9})\b\.?\s+(?P<day>\d{1,2})(?:st|nd|rd|th)?(?![\d:])" + _YEAR,
        r"(?P<day>\d{1,2})(?:st|nd|rd|th)?\.?\s+(?:of\s+)?(?P<name>[a-z]{3,9})\b\.?" + _YEAR,
    )
)
_TIME = re.compile(
    r"(?P<hour>\d{1,2}):(?P<minute>\d\d)(?::(?P<second>\d\d)(?:[.,]\d{1,9})?)?(?![\d:])\s*(?P<half>[ap]\.?m\b\.?)?"
    r"|(?P<full>\d{1,2})\s?(?P<of>[ap]\.?m\b\.?)",
    re.IGNORECASE,
)
_ZONE = re.compile(
    r"(?:UTC|GMT)\s?[+-]\s?\d{1,2}(?::?\d\d)?(?!\d)|[A-Z]{2,5}(?![A-Za-z])|Z\b|[A-Z][A-Za-z]+/[A-Z][A-Za-z_]+"
)
_ISO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:?\d\d)(?!\d)")
_BETWEEN = re.compile(r"T(?=\d)|@|at\b|[-–—](?=\s)", re.IGNORECASE)
_UNTIL = re.compile(r"(?:[-–—]{1,2}|to\b|until\b)\s*(?=~?[\d?X]{1,2}:[\d?X]{2}|\d{1,2}\s?[ap]m\b)", re.IGNORECASE)
_UNTIL_DATED = re.compile(r"(?:[-–—]{1,2}|to\b|until\b)\s*(?=\d{4}-\d\d-\d\d[ T]\d{1,2}:)", re.IGNORECASE)
_HALF_KNOWN = re.compile(r"~?[\d?X]{1,2}:[\d?X]{2}")
_DOUBT = re.compile(r"\b(?:maybe|not sure|roughly|or so)\b", re.IGNORECASE)
_LIKE_TIME = re.compile(r"[\s*_`\[(~]*(?:[\dX?]{1,2}:[\dX?]{2}|\d{4}[-/][\dX?]{1,2}[-/])", re.IGNORECASE)
_LONGEST = 160  # characters in which a time is looked for
Day = tuple[str | None, int, int]


@dataclass(frozen=True)
class Written:
    """A time's parts as they stand: ``day`` is year (a text, or None), month, day; ``clock`` hour, minute, second.

    ``iso`` is the whole where it is a time with its offset; ``until`` the words of the end of a stretch; ``rest`` what
    stands after the time.
    """

    day: Day | None = None
    clock: tuple[int, int, int] | None = None
    zone: str | None = None
    until: str | None = None
    approximate: bool = False
    iso: str | None = None
    rest: str = ""


class _Scanner:
    """Takes one pattern after the other from the beginning of a text, over marks of emphasis, brackets and commas."""

    def __init__(self, text: str) -> None:
        self.text, self.at = text[:_LONGEST], 0

    def take(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        found = pattern.match(self.text, _end(_MARKS, self.text, self.at))
        self.at = found.end() if found else self.at
        return found


def _end(pattern: re.Pattern[str], text: str, at: int) -> int:
    found = pattern.match(text, at)
    return found.end() if found else at


def read_written(text: str) -> Written | None:
    """Return the time at the beginning of a text; None where there is neither a date nor a time of day."""
    scan = _Scanner(text)
    if whole := scan.take(_ISO):
        return Written(iso=whole[0], rest=_rest(text, scan.at))
    about = bool(scan.take(_ABOUT))
    day = _day(scan)
    if day:
        scan.take(_BETWEEN)
        about |= bool(scan.take(_ABOUT))
    clock = _clock(scan)
    if day is None and clock is None:
        return None
    about |= bool(clock and scan.take(_ABOUT))
    zone = _zone(scan) if clock else None
    day = day or (_day(scan) if clock else None)
    until = _until(scan) if clock else None
    zone = zone or (_zone(scan) if until else None)
    rest = _rest(text, scan.at)
    return Written(day, clock, zone, until, about or bool(_DOUBT.search(rest[:40])), None, rest)


def like_time(text: str) -> bool:
    """Return whether a text begins as a time does, with placeholders or question marks for digits ("2X:XX")."""
    return bool(_LIKE_TIME.match(text[:_LONGEST]))


def any_day(text: str) -> Day | None:
    """Return the first whole date (with its year) anywhere in a text: an ISO date, or one with the month's name."""
    for place in re.finditer(r"(?<![\w/-])(?:\d{1,5}\b|[A-Za-z]{3,9}\b)", text[:2000]):
        scan = _Scanner(text[place.start() : place.start() + 40])
        day = _day(scan)
        if day and day[0]:
            return day
    return None


def _day(scan: _Scanner) -> Day | None:
    began = scan.at
    scan.take(_WEEKDAY)
    for pattern in _DATES:
        before = scan.at
        found = scan.take(pattern)
        if not found:
            continue
        parts = found.groupdict()
        month = _month(parts["name"]) if "name" in parts else int(parts["month"])
        if month and 1 <= month <= 12 and 1 <= int(parts["day"]) <= 31:
            return parts["year"], month, int(parts["day"])
        scan.at = before
    scan.at = began
    return None


def _month(name: str) -> int | None:
    word = "sep" if name.casefold() == "sept" else name.casefold()
    return next((number for number, month in enumerate(MONTHS, start=1) if month.startswith(word)), None)


def _clock(scan: _Scanner) -> tuple[int, int, int] | None:
    before = scan.at
    found = scan.take(_TIME)
    if not found:
        return None
    hour, minute, second = int(found["hour"] or found["full"]), int(found["minute"] or 0), int(found["second"] or 0)
    half = (found["half"] or found["of"] or "").casefold()[:1]
    if half and hour <= 12:
        hour = hour % 12 + (12 if half == "p" else 0)
    if hour > 23 or minute > 59 or second > 59 or (half == "a" and hour > 12):
        scan.at = before
        return None
    return hour, minute, second


def _zone(scan: _Scanner) -> str | None:
    before = scan.at
    found = scan.take(_ZONE)
    if found and (found[0] in ABBREVIATIONS or not found[0].isalpha() or found[0] == "Z"):
        return found[0]
    scan.at = before
    return None


def _until(scan: _Scanner) -> str | None:
    if not (scan.take(_UNTIL) or scan.take(_UNTIL_DATED)):
        return None
    start = scan.at
    if _day(scan):
        scan.take(_BETWEEN)
    if _clock(scan) is None:
        scan.take(_HALF_KNOWN)
    return scan.text[start : scan.at].strip() or None


def _rest(text: str, at: int) -> str:
    """Return what stands after a time: without the marks that close it, and the dash or colon between."""
    after = re.match(r"[\s*_`\])]*(?::\s|[-–—|,]+(?=\s|$)|:$)?\s*", text[at:])
    return text[at + (after.end() if after else 0) :].strip()


ABBREVIATIONS: dict[str, tuple[float, str | None]] = {
    # hours east of UTC, and a zone that uses the abbreviation, by which a season can be checked
    "UTC": (0, None), "GMT": (0, None), "Z": (0, None),
    "WET": (0, "Europe/Lisbon"), "WEST": (1, "Europe/Lisbon"), "BST": (1, "Europe/London"),
    "CET": (1, "Europe/Paris"), "CEST": (2, "Europe/Paris"), "EET": (2, "Europe/Helsinki"),
    "EEST": (3, "Europe/Helsinki"),
    "EST": (-5, "America/New_York"), "EDT": (-4, "America/New_York"), "CST": (-6, "America/Chicago"),
    "CDT": (-5, "America/Chicago"), "MST": (-7, None), "MDT": (-6, "America/Denver"),
    "PST": (-8, "America/Los_Angeles"), "PDT": (-7, "America/Los_Angeles"), "AKST": (-9, "America/Anchorage"),
    "AKDT": (-8, "America/Anchorage"), "HST": (-10, None), "JST": (9, None), "SGT": (8, None), "AEST": (10, None),
    "AEDT": (11, "Australia/Sydney"), "NZST": (12, "Pacific/Auckland"), "NZDT": (13, "Pacific/Auckland"),
}  # fmt: skip
