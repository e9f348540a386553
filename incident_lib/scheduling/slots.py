"""Cron expressions as moments: when was a schedule last due, when next, in a zone whose clocks change.

An expression for fixed times of day ("30 2 * * *") is read on the wall clock: a time that a clock change skips counts
as the end of the gap, and one that it repeats as the first of the two, so that each is due once a day. One that goes by
the hour or the minute ("*/15 * * * *") counts real time. Debian's cron does the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from zoneinfo import ZoneInfo

from cronsim import CronSim

_MINUTE, _SECOND = timedelta(minutes=1), timedelta(seconds=1)
_LARGEST_JUMP = timedelta(hours=25)  # Samoa left out a whole day in 2011
_LONGEST_LOOK, _LONGEST_STRETCH = timedelta(days=12 * 366), timedelta(days=90)


def slots_until(expression: str, moment: datetime, tz: ZoneInfo) -> Iterator[datetime]:
    """Yield the moments (UTC) at which a schedule was due, from the newest at or before a moment back, over 12 years.

    Found by going forward through longer and longer stretches of the past: cronsim's own way back steps over slots
    where a zone's clocks change by half an hour.
    """
    end, length = moment, timedelta(hours=2)
    while end > moment - _LONGEST_LOOK:
        start = end - length
        yield from reversed(list(takewhile(lambda slot, end=end: slot <= end, slots_after(expression, start, tz))))
        end, length = start, min(length * 4, _LONGEST_STRETCH)


def slots_after(expression: str, moment: datetime, tz: ZoneInfo) -> Iterator[datetime]:
    """Yield the moments (UTC) at which a schedule will be due, from the first after a moment on."""
    if _goes_by_the_clock(expression):
        found = (_instant(wall, tz) for wall in CronSim(expression, _wall(moment, tz) - _LARGEST_JUMP))
    else:
        found = (slot.astimezone(UTC) for slot in CronSim(expression, moment.astimezone(tz)))
    last = None
    for slot in found:
        if slot > moment and slot != last:
            yield (last := slot)


def _goes_by_the_clock(expression: str) -> bool:
    """Tell whether an expression names fixed times of the day."""
    minute, hour, *_ = expression.split()
    return not minute.startswith("*") and not hour.startswith("*")


def _wall(moment: datetime, tz: ZoneInfo) -> datetime:
    return moment.astimezone(tz).replace(tzinfo=None, fold=0)


def _instant(wall: datetime, tz: ZoneInfo) -> datetime:
    """Return the first moment at which a zone's clocks show a time, or the end of the gap that skips it."""
    while (instant := wall.replace(tzinfo=tz).astimezone(UTC)).astimezone(tz).replace(tzinfo=None, fold=0) != wall:
        wall += _MINUTE
    return instant
