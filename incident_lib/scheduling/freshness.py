"""Is every scheduled report fresh? One line for a monitoring system, by the conventions of Nagios plugins.

https://nagios-plugins.org/doc/guidelines.html: text, a bar, and performance data; 0 fine, 1 warning, 2 critical,
3 unknown.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from incident_lib.errors import SettingsError
from incident_lib.scheduling.plan import DRAFTS, SETTING_OF, History, IsWorkday, Past, slots_of
from incident_lib.settings import Settings

FINE, WARNING, CRITICAL, UNKNOWN = range(4)
WORDS = ("OK", "WARNING", "CRITICAL", "UNKNOWN")
# A report counts as missing only when its slot passed this long ago: until then it may be in the making.
GRACE = timedelta(hours=1)
_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}


@dataclass(frozen=True)
class Fresh:
    """One scheduled kind: how old its newest good report is (None: there is none), and what is to be said of it."""

    kind: str
    age: timedelta | None
    state: int
    said: str = ""


def parse_age(text: str) -> timedelta:
    """Return a span such as 90m, 26h or 3d.

    Raises:
        SettingsError: for anything else.
    """
    match = re.fullmatch(r"(\d{1,5})\s*([mhd])", text.strip())
    if not match or int(match[1]) == 0:
        raise SettingsError(f"--max-age: not an age: {text!r}; expected one such as 26h, 90m or 3d")
    return int(match[1]) * _UNITS[match[2]]


def check_line(
    now: datetime, settings: Settings, past: History, is_workday: IsWorkday, max_age: timedelta
) -> tuple[int, str]:  # fmt: skip
    """Return the exit code, and the line with performance data, seconds of age by kind.

    A kind is critical when its newest good report is older than allowed *and* a slot has passed since without one: on
    a Sunday, Friday's report is the newest that there can be. It is a warning when the last run failed, or when the
    newest report lies ahead of the clock.
    """
    found = list(_each(now, settings, past, is_workday, max_age))
    if not found:
        return UNKNOWN, "UNKNOWN - nothing is scheduled"
    code = max(one.state for one in found)
    limit = int(max_age.total_seconds())
    data = " ".join(f"{one.kind}={int(one.age.total_seconds())}s;;{limit};0" for one in found if one.age is not None)
    said = "; ".join(one.said for one in found if one.said)
    counted = f"{sum(one.state == FINE for one in found)} of {len(found)} scheduled kinds are fresh"
    return code, f"{WORDS[code]} - {said or counted}" + (f" | {data}" if data else "")


def _each(
    now: datetime, settings: Settings, past: History, is_workday: IsWorkday, max_age: timedelta
) -> Iterator[Fresh]:  # fmt: skip
    for kind in SETTING_OF:
        runs = [last for (of, _), last in past.items() if of == kind]
        slot = next(slots_of(kind, now - GRACE, settings, is_workday), None) if kind != DRAFTS else None
        if slot is not None:
            good = [last for last in runs if last.good_at and last.good_slot]
            yield _fresh(kind, slot, runs, good, now, max_age)


def _fresh(
    kind: str, slot: datetime, runs: list[Past], good: list[Past], now: datetime, max_age: timedelta
) -> Fresh:  # fmt: skip
    if not good:
        return Fresh(kind, None, CRITICAL, f"{kind} was never made")
    newest = max(last.good_at for last in good if last.good_at)
    handled = max(last.good_slot for last in good if last.good_slot)
    age = max(now - newest, timedelta())
    if newest > now + timedelta(minutes=1):
        return Fresh(kind, age, WARNING, f"{kind} was made ahead of this clock, {newest:%Y-%m-%d %H:%M} UTC")
    if age > max_age and slot > handled:
        return Fresh(kind, age, CRITICAL, f"{kind} is {_hours(age)} old")
    failed = sum(last.outcome == "failed" for last in runs)
    if failed:
        return Fresh(kind, age, WARNING, f"{kind}: the last run of {failed} report{'' if failed == 1 else 's'} failed")
    return Fresh(kind, age, FINE)


def _hours(age: timedelta) -> str:
    hours = age.total_seconds() / 3600
    return f"{hours:.1f} h" if hours < 72 else f"{hours / 24:.0f} days"
