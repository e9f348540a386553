"""Periods of review: a quarter, a month, a year, or two dates; whole days of the workbook's time zone."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from incident_lib.column_texts import spelled
from incident_lib.errors import SettingsError

_FORMS = "2026, 2026-Q3, 2026-10, or 2026-10-01..2026-10-31"


@dataclass(frozen=True)
class Period:
    """A stretch of whole days, first and last included."""

    name: str
    first: date
    last: date

    def bounds(self, zone: ZoneInfo) -> tuple[pd.Timestamp, pd.Timestamp]:
        """Return its start and its end (exclusive) in UTC, for days that begin at midnight in ``zone``."""
        after = self.last + timedelta(days=1)
        return tuple(pd.Timestamp(day, tz=zone).tz_convert("UTC") for day in (self.first, after))  # type: ignore[return-value]

    def contains(self, times: pd.Series, zone: ZoneInfo) -> pd.Series:
        """Tell which times lie in the period; a missing time does not."""
        start, end = self.bounds(zone)
        return (times >= start) & (times < end)

    def before(self) -> Period:
        """Return the period before it: of the same kind for a year, quarter or month, else of the same length."""
        if re.fullmatch(r"\d{4}", self.name):
            return parse_period(f"{self.first.year - 1}")
        if "Q" in self.name:
            quarter = (self.first.month - 1) // 3
            return parse_period(f"{self.first.year}-Q{quarter}" if quarter else f"{self.first.year - 1}-Q4")
        if re.fullmatch(r"\d{4}-\d\d", self.name):
            return parse_period(f"{self.first - timedelta(days=1):%Y-%m}")
        first = self.first - (self.last - self.first) - timedelta(days=1)
        return Period(f"{first}..{self.first - timedelta(days=1)}", first, self.first - timedelta(days=1))


def parse_period(text: str) -> Period:
    """Return the period that a text names.

    Raises:
        SettingsError: if it names none, or its end is before its start.

    >>> inc.parse_period("2026-Q3").last
    datetime.date(2026, 9, 30)
    """
    text = text.strip()
    try:
        if match := re.fullmatch(r"(\d{4})", text):
            return Period(text, date(int(text), 1, 1), date(int(text), 12, 31))
        if match := re.fullmatch(r"(\d{4})-?[Qq]([1-4])", text):
            year, quarter = int(match[1]), int(match[2])
            return Period(f"{year}-Q{quarter}", date(year, 3 * quarter - 2, 1), _end_of_month(year, 3 * quarter))
        if match := re.fullmatch(r"(\d{4})-(\d\d)", text):
            year, month = int(match[1]), int(match[2])
            return Period(text, date(year, month, 1), _end_of_month(year, month))
        if match := re.fullmatch(r"(\d{4}-\d\d-\d\d)\.\.(\d{4}-\d\d-\d\d)", text):
            first, last = date.fromisoformat(match[1]), date.fromisoformat(match[2])
            if last >= first:
                return Period(f"{first}..{last}", first, last)
            raise SettingsError(f"the period {text!r} ends before it begins")
    except ValueError as error:
        raise SettingsError(f"no such period: {text!r} ({error}); expected {_FORMS}") from error
    raise SettingsError(f"not a period: {text!r}; expected {_FORMS}")


def _end_of_month(year: int, month: int) -> date:
    after = date(year + month // 12, month % 12 + 1, 1)
    return after - timedelta(days=1)


def period_of(time: pd.Timestamp, zone: ZoneInfo) -> Period:
    """Return the quarter that a time lies in.

    >>> inc.period_of(records.as_of, records.settings.workbook.tz).name
    '2026-Q3'
    """
    local = time.tz_convert(zone)
    return parse_period(f"{local.year}-Q{(local.month + 2) // 3}")


def quarters_of(times: pd.Series, zone: ZoneInfo) -> pd.Series:
    """Return the name of the quarter that each time lies in (see ``period_of``); missing where the time is."""
    local = times.dt.tz_convert(zone)
    numbers = (local.dt.year * 4 + local.dt.quarter - 1).fillna(-1).to_numpy("int64")
    stated = numbers[numbers >= 0]
    if not len(stated):
        return pd.Series(None, index=times.index, dtype="str")
    first, last = stated.min(), stated.max()
    names = [f"{number // 4}-Q{number % 4 + 1}" for number in range(first, last + 1)]
    return spelled(np.where(numbers < 0, -1, numbers - first), names, times.index)
