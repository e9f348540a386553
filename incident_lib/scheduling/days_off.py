"""Which days people work on, by the workbook's calendar; of one year at a time, and without pandas."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from functools import lru_cache

from incident_lib.errors import SettingsError
from incident_lib.settings.base import WEEKDAYS
from incident_lib.settings.process import Calendar


def workday_test(calendar: Calendar) -> Callable[[date], bool]:
    """Return a function that tells whether people work on a day; it agrees with ``business_time``'s calendar.

    Raises:
        SettingsError: when it is asked, for a country or subdivision that the holidays library doesn't know.
    """

    def is_workday(day: date) -> bool:
        if WEEKDAYS[day.weekday()] not in calendar.workdays:
            return False
        known = day in calendar.extra_holidays or day in _holidays(calendar.country, calendar.subdivision, day.year)
        return not known or day in calendar.removed_holidays

    return is_workday


@lru_cache(maxsize=16)
def _holidays(country: str | None, subdivision: str | None, year: int) -> frozenset[date]:
    if country is None:
        return frozenset()
    import holidays  # noqa: PLC0415 - takes a twentieth of a second, and most runs need no holiday

    try:
        return frozenset(holidays.country_holidays(country, subdiv=subdivision, years=year))
    except (NotImplementedError, KeyError, TypeError) as error:
        what = f"country {country!r}" + (f" with subdivision {subdivision!r}" if subdivision else "")
        expected = "expected codes such as 'US' and 'MI'"
        raise SettingsError(f"setting 'calendar': the holidays library knows no {what}; {expected}") from error
