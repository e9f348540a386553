"""Which zone a page's own words mean: "All times in CET", "PST (UTC-7)", "Time (UTC)", "US/Pacific".

A stated offset is exact, and is believed first; then an abbreviation, which is a fixed offset (CET is UTC+1, in summer
too); then the name of a zone, whose clock changes are followed. Abbreviations that mean several zones (IST) are none.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo, available_timezones

from incident_lib.sources.fields import localise
from incident_lib.sources.written_times import ABBREVIATIONS

_OFFSET = re.compile(r"\b(?:UTC|GMT)\s?([+-])\s?(\d{1,2})(?::?(\d\d))?(?!\d)")
_WORD = re.compile(r"\b[A-Z]{3,4}\b(?!\s?[+-]\s?\d)")
_NAME = re.compile(r"\b[A-Z][A-Za-z]+/[A-Z][A-Za-z_]+")
_STATEMENT = re.compile(r"^[\s*_>(#-]*(?:all\s+)?times?(?:\s+\w+){0,2}?\s+(?:in|as)\s+(.{2,80})$", re.IGNORECASE)


@dataclass(frozen=True)
class WrittenZone:
    """A zone as a page states it: a fixed offset in hours (with the abbreviation, if there is one), or a zone's name.

    ``note`` says what was contradictory in the words, and how they are read.
    """

    words: str
    hours: float | None = None
    abbreviation: str | None = None
    name: str | None = None
    note: str | None = None

    def utc(self, local: datetime) -> datetime:
        """Return a local time as UTC.

        Raises:
            FieldError: if the zone's clock change skips or repeats it.
        """
        if self.name:
            return localise(local, self.name)
        return local.replace(tzinfo=timezone(timedelta(hours=self.hours or 0))).astimezone(UTC)


def statement(line: str) -> str | None:
    """Return the words for the zone in a line such as "All times in CET (GMT+1)"; None if it states none."""
    found = _STATEMENT.match(line[:200])
    return found[1].strip(" .*_") if found else None


def parse_zone(words: str) -> WrittenZone | None:
    """Return the zone that some words mean; None if they name none that is known."""
    words = words.strip()[:80]
    offset, name = _OFFSET.search(words), _zone_name(words)
    known = next((word for word in _WORD.findall(words) if word in ABBREVIATIONS), "Z" if words == "Z" else None)
    if offset:
        hours = _hours(offset)
        return WrittenZone(words, hours, known, note=_disagreement(words, known, hours))
    if known:
        return WrittenZone(words, ABBREVIATIONS[known][0], known)
    return name


def _hours(offset: re.Match[str]) -> float:
    hours = int(offset[2]) + int(offset[3] or 0) / 60
    return -hours if offset[1] == "-" else hours


def _disagreement(words: str, abbreviation: str | None, hours: float) -> str | None:
    if abbreviation is None or ABBREVIATIONS[abbreviation][0] == hours:
        return None
    own = shown_offset(ABBREVIATIONS[abbreviation][0])
    read = f"read as {shown_offset(hours)}, since a number is exact"
    return f"{words!r} contradicts itself: {abbreviation} is {own}; {read}"


def _zone_name(words: str) -> WrittenZone | None:
    found = _NAME.search(words)
    if not found:
        return None
    if found[0] in available_timezones():
        return WrittenZone(words, name=found[0])
    american = f"US/{found[0].split('/')[1]}"
    if american not in available_timezones():
        return None
    note = f"there is no time zone {found[0]!r}; read as {american}, the only one whose name ends so"
    return WrittenZone(words, name=american, note=note)


def shown_offset(hours: float) -> str:
    """Return an offset as "UTC+1" or "UTC-3:30"."""
    whole, minutes = divmod(round(abs(hours) * 60), 60)
    if not (whole or minutes):
        return "UTC"
    return f"UTC{'-' if hours < 0 else '+'}{whole}" + (f":{minutes:02d}" if minutes else "")


def out_of_season(zone: WrittenZone, at: datetime) -> str | None:
    """Return what is odd about an abbreviation at a time when clocks there showed another one; None if nothing is."""
    region = ABBREVIATIONS[zone.abbreviation][1] if zone.abbreviation else None
    if region is None or zone.hours is None:
        return None
    there = at.astimezone(ZoneInfo(region))
    actual = (there.utcoffset() or timedelta()) / timedelta(hours=1)
    if actual == zone.hours:
        return None
    clocks = f"clocks there were at {shown_offset(actual)} ({there.tzname()})"
    return (
        f"{zone.words!r} on {there:%Y-%m-%d}, when {clocks}; read as written, {shown_offset(zone.hours)}: if local "
        "time was meant, state its zone under [[files]] in workbook.toml"
    )


def uses(name: str, abbreviation: str | None, year: int) -> bool:
    """Return whether a zone's clocks ever show an abbreviation, in winter or in summer."""
    months = (datetime(year, month, 1, tzinfo=ZoneInfo(name)) for month in (1, 7))
    return abbreviation is not None and abbreviation in {moment.tzname() for moment in months}
