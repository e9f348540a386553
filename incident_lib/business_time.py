"""Business days and hours: calendars, deadlines, and the proof of a deadline.

A calendar lays out, once, every local day from 1990 on: the instant (UTC) at which it begins in its time zone, whether
it is a business day, and how many business days came before. A deadline is then three look-ups, for one time or for a
million, and clock changes need no special case: a day lasts from its first instant to the next day's.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import holidays as holiday_library
import numpy as np
import pandas as pd

from incident_lib.errors import FieldError, SettingsError
from incident_lib.settings import WEEKDAYS, Calendar, Span

YEARS = range(1990, 2101)
LONGEST_SPAN = 3660
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_SECOND = 1_000_000
_MINUTE = 60 * _SECOND
_SHOWN_IN_FULL = 10


@dataclass(frozen=True, eq=False)
class BusinessCalendar:
    """The business days of one place.

    Day numbers count from 1 January of the first year. ``begins[d]`` is the instant at which local day d begins, in
    microseconds since 1970 UTC; ``counted[d]`` the number of business days up to and including d; ``business[k]`` the
    day number of the k-th business day, from 0. ``holidays`` holds the name of each day off.
    """

    tz: ZoneInfo
    workdays: tuple[str, ...]
    holidays: Mapping[date, str]
    first: date
    begins: np.ndarray = field(repr=False)
    counted: np.ndarray = field(repr=False)
    business: np.ndarray = field(repr=False)

    def is_business_day(self, day: date) -> bool:
        """Return whether people work on this day."""
        return WEEKDAYS[day.weekday()] in self.workdays and day not in self.holidays


@lru_cache(maxsize=64)
def business_calendar(calendar: Calendar, tz: ZoneInfo) -> BusinessCalendar:
    """Return the business days that the settings describe; the same object for the same settings.

    Holidays are known for 1990 to 2100, or for as many of these years as the library knows (feasts by the moon often
    for fewer); the days go on after that for as long as the longest span that the settings allow.

    Raises:
        SettingsError: for a country or subdivision that the holidays library doesn't know.
    """
    names = _holidays(calendar)
    after = LONGEST_SPAN * 7 // len(calendar.workdays) + len(calendar.extra_holidays) + 366
    days = np.arange(np.datetime64(f"{YEARS[0]}", "D"), np.datetime64(f"{YEARS[-1] + 1}", "D") + after)
    mask = [day in calendar.workdays for day in WEEKDAYS]
    works = np.is_busday(days, weekmask=mask, holidays=np.array(list(names), dtype="datetime64[D]"))
    return BusinessCalendar(
        tz=tz,
        workdays=calendar.workdays,
        holidays=names,
        first=days[0].item(),
        begins=_begins(days, tz),
        counted=np.cumsum(works),
        business=np.flatnonzero(works),
    )


def _holidays(calendar: Calendar) -> dict[date, str]:
    """Return the name of each holiday, in English where the library has it."""
    names = dict.fromkeys(calendar.extra_holidays, "a day off by the settings")
    if calendar.country:
        names |= _national_holidays(calendar.country, calendar.subdivision)
    return {day: name for day, name in sorted(names.items()) if day not in calendar.removed_holidays}


def _national_holidays(country: str, subdivision: str | None) -> dict[date, str]:
    try:
        place = holiday_library.country_holidays(country, subdiv=subdivision)
    except (NotImplementedError, KeyError, TypeError) as error:
        what = f"country {country!r}" + (f" with subdivision {subdivision!r}" if subdivision else "")
        raise SettingsError(
            f"setting 'calendar': the holidays library knows no {what}; expected codes such as 'US' and 'MI'"
        ) from error
    known = range(max(YEARS[0], place.start_year), min(YEARS[-1], place.end_year) + 1)
    language = "en_US" if "en_US" in place.supported_languages else place.default_language
    with warnings.catch_warnings():  # some feasts are only known for some of the years: those are the ones we get
        warnings.simplefilter("ignore", UserWarning)
        return dict(holiday_library.country_holidays(country, subdiv=subdivision, years=known, language=language))


def _begins(days: np.ndarray, tz: ZoneInfo, wall: timedelta = timedelta(0)) -> np.ndarray:
    """Return the first instant (microseconds, UTC) at or after a wall-clock time of each day.

    A wall-clock time that a clock change skips counts as the end of the gap, one that it repeats as the first of the
    two. The last line keeps order where a zone crossed the date line and dropped a whole day (Pacific/Apia 2011).
    """
    local = pd.DatetimeIndex(days.astype("datetime64[us]") + np.timedelta64(wall))
    instants = local.tz_localize(tz, ambiguous=np.ones(len(days), bool), nonexistent="shift_forward").asi8
    return np.minimum.accumulate(instants[::-1])[::-1]


def deadlines(starts: pd.Series, span: Span, calendar: BusinessCalendar) -> pd.Series:
    """Return when a span that begins with each start ends: datetime64[us, UTC], missing where the start is.

    Day 1 is the first business (or calendar) day after the start's local date, whatever the time of day; the span ends
    with the last second of its n-th day, 23:59:59 local time. A span of 0 days ends with the start's own day.

    Raises:
        FieldError: if a start lies outside the calendar's years.
    """
    micros, missing = _micros(starts)
    days = _local_days(micros, calendar)
    due = calendar.begins[_last_days(days, span, calendar) + 1] - _SECOND
    due[missing] = np.iinfo(np.int64).min
    return pd.Series(due.view("M8[us]"), index=starts.index, name=starts.name).dt.tz_localize("UTC")


def deadline(start: datetime, span: Span, calendar: BusinessCalendar) -> datetime:
    """Return when a span that begins at ``start`` ends, in UTC (see ``deadlines``).

    Raises:
        FieldError: if the start has no offset, or lies outside the calendar's years.
    """
    day = _local_days(_micros(start)[0], calendar)
    due = calendar.begins[_last_days(day, span, calendar) + 1] - _SECOND
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=int(due[0]))


def _micros(times: pd.Series | datetime) -> tuple[np.ndarray, np.ndarray]:
    """Return times as microseconds since 1970 UTC, and which are missing (those as the epoch)."""
    if isinstance(times, pd.Series):
        micros = times.to_numpy(dtype="datetime64[us]").view(np.int64)
        missing = micros == np.iinfo(np.int64).min
        return np.where(missing, 10**15, micros), missing
    if times.tzinfo is None:
        raise FieldError(f"time has no UTC offset: {times.isoformat(sep=' ')!r}")
    micros = (times - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    return np.array([micros]), np.array([False])


def _local_days(micros: np.ndarray, calendar: BusinessCalendar) -> np.ndarray:
    """Return the number of the local day of each instant."""
    return _within(np.searchsorted(calendar.begins, micros, side="right") - 1, len(calendar.begins) - 1)


def _within(numbers: np.ndarray, length: int) -> np.ndarray:
    """Return numbers that all lie in a table of this length."""
    if numbers.size and not 0 <= numbers.min() <= numbers.max() < length:
        raise FieldError(f"a time lies outside the calendar, which knows the years {YEARS[0]} to {YEARS[-1]}")
    return numbers


def _last_days(days: np.ndarray, span: Span, calendar: BusinessCalendar) -> np.ndarray:
    """Return the number of the last day of a span that begins on each day."""
    if not span.business or not span.days:
        return _within(days + span.days, len(calendar.begins) - 1)
    return calendar.business[_within(calendar.counted[days] + span.days - 1, len(calendar.business) - 1)]


def business_days_between(due: pd.Series, end: pd.Series | datetime, calendar: BusinessCalendar) -> pd.Series:
    """Return how many business days late each end is: Int64, 0 when not late, missing where either time is.

    Counted are the business days after the due day, up to and including the end's; something due on Friday and done
    on Saturday is 0 business days late.
    """
    begun, no_due = _micros(due)
    ended, no_end = _micros(end)
    late = calendar.counted[_local_days(ended, calendar)] - calendar.counted[_local_days(begun, calendar)]
    counts = pd.Series(np.maximum(late, 0), index=due.index, dtype="Int64")
    return counts.mask(no_due | no_end)


def business_hours(
    start: pd.Series,
    end: pd.Series | datetime,
    calendar: BusinessCalendar,
    *,
    opens: str = "09:00",
    closes: str = "17:00",
) -> pd.Series:
    """Return the minutes of business hours between two times: Float64, missing where either time is.

    Hours are local wall-clock hours of business days; a clock change within them makes them really shorter or longer.
    An end before its start gives negative minutes.

    Raises:
        FieldError: if opens or closes is no time such as "09:00" ("24:00" is the end of the day), or closes is first.
    """
    opened, closed = _wall(opens), _wall(closes)
    if opened >= closed:
        raise FieldError(f"business hours must open before they close: {opens!r} to {closes!r}")
    begun, no_start = _micros(start)
    ended, no_end = _micros(end)
    table = _opening_hours(calendar, opened, closed)
    spent = _open_micros(ended, calendar, table) - _open_micros(begun, calendar, table)
    return pd.Series(spent / _MINUTE, index=start.index, dtype="Float64").mask(no_start | no_end)


def _wall(text: str) -> timedelta:
    if not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d|24:00", text):
        raise FieldError(f"not a time of day: {text!r}; expected something like '09:00'")
    return timedelta(hours=int(text[:2]), minutes=int(text[3:]))


@lru_cache(maxsize=8)
def _opening_hours(calendar: BusinessCalendar, opened: timedelta, closed: timedelta) -> tuple[np.ndarray, ...]:
    """Return of each day the instant it opens, how long it is open, and how long all days before it were (µs)."""
    days = np.datetime64(calendar.first, "D") + np.arange(len(calendar.begins))
    opening = _begins(days, calendar.tz, opened)
    closing = _begins(days, calendar.tz, closed)
    works = np.diff(calendar.counted, prepend=0)
    lasting = (closing - opening) * works
    return opening, lasting, np.cumsum(lasting) - lasting


def _open_micros(micros: np.ndarray, calendar: BusinessCalendar, table: tuple[np.ndarray, ...]) -> np.ndarray:
    """Return the business time from the calendar's beginning to each instant."""
    days = _local_days(micros, calendar)
    opening, lasting, before = (column[days] for column in table)
    return before + np.clip(micros - opening, 0, lasting)


def add_business_days(day: date, n: int, calendar: BusinessCalendar) -> date:
    """Return the n-th business day after a day, or before it if n is negative; the day itself if n is 0.

    Raises:
        FieldError: if that lies outside the calendar's years.
    """
    if n == 0:
        return day
    number = _within(np.array([(day - calendar.first).days - (n < 0)]), len(calendar.counted))
    position = _within(calendar.counted[number] + n - (n > 0), len(calendar.business))
    return calendar.first + timedelta(days=int(calendar.business[position[0]]))


def proof(start: datetime, span: Span, calendar: BusinessCalendar, event: str = "resolved") -> str:
    """Return how a deadline comes about, day by day, with each holiday that it skipped by name.

    For instance "resolved Fri 6 Nov 2026 17:40 America/Detroit → day 1 Mon 9 Nov, day 2 Tue 10 Nov, Wed 11 Nov is
    Veterans Day, day 3 Thu 12 Nov → due Thu 12 Nov 2026 23:59". Of a long span the days in the middle are left out,
    its holidays are not.
    """
    local = start.astimezone(calendar.tz)
    last = deadline(start, span, calendar).astimezone(calendar.tz)
    begun = f"{event} {_day(local)} {local.year} {local:%H:%M} {calendar.tz.key}"
    due = f"due {_day(last)} {last.year} {last:%H:%M}"
    return " → ".join(part for part in (begun, _steps(local.date(), span, calendar), due) if part)


def _steps(start: date, span: Span, calendar: BusinessCalendar) -> str:
    """Return the days of a business span, holidays by name; of a calendar span only its length."""
    if not span.days or not span.business:
        return str(span) if span.days else ""
    last = add_business_days(start, span.days, calendar)
    parts: list[str] = []
    number = 0
    for day in (start + timedelta(days=step) for step in range(1, (last - start).days + 1)):
        if calendar.is_business_day(day):
            number += 1
            shown = span.days <= _SHOWN_IN_FULL or number < 3 or number > span.days - 2
            parts.append(f"day {number} {_day(day)}" if shown else "…")
        elif WEEKDAYS[day.weekday()] in calendar.workdays:
            parts.append(f"{_day(day)} is {calendar.holidays[day]}")
    return ", ".join(part for place, part in enumerate(parts) if part != "…" or parts[place - 1] != "…")


def _day(day: Any) -> str:
    """Return a date such as "Fri 6 Nov", in English whatever the locale."""
    return f"{WEEKDAYS[day.weekday()]} {day.day} {MONTHS[day.month - 1]}"
