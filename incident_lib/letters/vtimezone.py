"""A time zone as iCalendar wants it told: when its clocks change, from the zone database, by rule where there is one.

The calendar library's own description has clocks go forward an hour late, so we write our own.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from icalendar import Timezone, TimezoneDaylight, TimezoneStandard, vRecur

YEARS = 12  # how far a recurring meeting is described ahead
_DAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")


@dataclass(frozen=True)
class Change:
    """One clock change: its instant (UTC), the offsets before and after, the name after, whether it is summer time."""

    at: datetime
    before: timedelta
    after: timedelta
    name: str
    summer: bool

    @property
    def local(self) -> datetime:
        """Return the wall-clock time at which it happens, by the clock before it."""
        return (self.at + self.before).replace(tzinfo=None)


def vtimezone(zone: ZoneInfo, start: datetime) -> Timezone:
    """Return the VTIMEZONE of a zone (RFC 5545, 3.6.5), good from a year before ``start`` to ``YEARS`` after it."""
    first = datetime(start.year - 1, 1, 1, tzinfo=UTC)
    changes = list(_changes(zone, first, datetime(start.year + YEARS, 12, 31, tzinfo=UTC)))
    component = Timezone()
    component.add("tzid", zone.key)
    component.add_component(_observance([_as_change(zone, first)]))
    for kind in dict.fromkeys((one.before, one.after, one.name) for one in changes):
        same = [one for one in changes if (one.before, one.after, one.name) == kind]
        component.add_component(_observance(same))
    return component


def _as_change(zone: ZoneInfo, at: datetime) -> Change:
    """Return the state of a zone at a time, as if it had just come about."""
    local = at.astimezone(zone)
    offset = local.utcoffset() or timedelta()
    return Change(at, offset, offset, local.tzname() or zone.key, bool(local.dst()))


def _changes(zone: ZoneInfo, first: datetime, last: datetime) -> Iterable[Change]:
    """Yield the clock changes between two times, found day by day and then to the second."""
    day = first
    while day < last:
        following = day + timedelta(days=1)
        if _state(zone, day) != _state(zone, following):
            at = _instant(zone, day, following)
            new = _as_change(zone, at)
            yield Change(at, _state(zone, day)[0], new.after, new.name, new.summer)
        day = following


def _state(zone: ZoneInfo, at: datetime) -> tuple[timedelta, str | None]:
    local = at.astimezone(zone)
    return local.utcoffset() or timedelta(), local.tzname()


def _instant(zone: ZoneInfo, low: datetime, high: datetime) -> datetime:
    while high - low > timedelta(seconds=1):
        middle = low + timedelta(seconds=(high - low) // timedelta(seconds=2))
        low, high = (low, middle) if _state(zone, middle) != _state(zone, low) else (middle, high)
    return high


def _observance(same: list[Change]) -> TimezoneStandard | TimezoneDaylight:
    """Return equal clock changes as one observance: by a yearly rule if they follow one, else each by its date."""
    first = same[0]
    part = TimezoneDaylight() if first.summer else TimezoneStandard()
    part.add("dtstart", first.local)
    part.add("tzoffsetfrom", first.before)
    part.add("tzoffsetto", first.after)
    part.add("tzname", first.name)
    rule = _rule([one.local for one in same])
    if rule:
        part.add("rrule", rule)
    else:
        for one in same[1:]:
            part.add("rdate", one.local)
    return part


def _rule(times: list[datetime]) -> vRecur | None:
    """Return the yearly rule by which all these times come, such as the second Sunday of March; None without one."""
    years = [time.year for time in times]
    if len(times) < 3 or years != list(range(years[0], years[0] + len(years))):
        return None
    months, days, clocks = ({part(time) for time in times} for part in (_month, _weekday, datetime.time))
    first = {_from_start(time) for time in times}
    place = -1 if all(map(_is_last, times)) else first.pop() if len(first) == 1 else None
    if place is None or len(months) != 1 or len(days) != 1 or len(clocks) != 1:
        return None
    return vRecur({"FREQ": "YEARLY", "BYMONTH": months.pop(), "BYDAY": f"{place}{_DAYS[days.pop()]}"})


def _month(time: datetime) -> int:
    return time.month


def _weekday(time: datetime) -> int:
    return time.weekday()


def _from_start(time: datetime) -> int:
    return (time.day - 1) // 7 + 1


def _is_last(time: datetime) -> bool:
    """Tell whether a day is the last such weekday of its month."""
    return (time + timedelta(days=7)).month != time.month
