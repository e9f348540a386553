"""When a schedule is due: clock changes, both directions, and Debian's rules as cronsim has them."""

from datetime import UTC, datetime, timedelta
from itertools import islice, takewhile
from zoneinfo import ZoneInfo

import pytest
from cronsim import CronSim
from hypothesis import given, settings
from hypothesis import strategies as st

from incident_lib.scheduling.slots import slots_after, slots_until

DETROIT = ZoneInfo("America/Detroit")
ZONES = ["America/Detroit", "Europe/Berlin", "Australia/Lord_Howe", "Africa/Casablanca", "Asia/Kolkata", "UTC"]
EXPRESSIONS = ["0 7 * * Mon-Fri", "30 2 * * *", "30 1 * * *", "15,45 2 * * *", "0 0 1 * *", "*/40 * * * *", "0 * * * *",
               "5 */6 * * *", "0 0-6 * * *", "0 8 * * Mon#2", "0 7 L * *"]  # fmt: skip


def at(text):
    """Return a time in UTC."""
    return datetime.fromisoformat(text).astimezone(UTC)


def times(expression, first, until, zone=DETROIT):
    """Return all slots from a moment (exclusive) to another (inclusive)."""
    return list(takewhile(lambda slot: slot <= until, slots_after(expression, first, zone)))


def test_a_skipped_time_is_due_once_at_the_end_of_the_gap():
    """On 8 March 2026 Detroit's clocks go from 2:00 to 3:00; half past two is due at three."""
    day = at("2026-03-08T00:00-05:00"), at("2026-03-09T00:00-04:00")

    assert times("30 2 * * *", *day) == [at("2026-03-08T03:00-04:00")]
    assert times("15,45 2 * * *", *day) == [at("2026-03-08T03:00-04:00")]


def test_a_repeated_time_is_due_once_and_first():
    """On 1 November 2026 half past one comes twice; it is due the first time, and not again in the second hour."""
    assert times("30 1 * * *", at("2026-11-01T00:00-04:00"), at("2026-11-02T00:00-05:00")) == [
        at("2026-11-01T01:30-04:00")
    ]
    in_the_second_hour = at("2026-11-01T01:10-05:00")
    assert next(slots_until("30 1 * * *", in_the_second_hour, DETROIT)) == at("2026-11-01T01:30-04:00")
    assert next(slots_after("30 1 * * *", in_the_second_hour, DETROIT)) == at("2026-11-02T01:30-05:00")


def test_every_quarter_of_an_hour_goes_on_through_both():
    """A schedule by the minute has 23 hours' slots on the short day, and 25 on the long one."""
    assert len(times("*/15 * * * *", at("2026-03-08T00:00-05:00"), at("2026-03-09T00:00-04:00"))) == 23 * 4
    assert len(times("*/15 * * * *", at("2026-11-01T00:00-04:00"), at("2026-11-02T00:00-05:00"))) == 25 * 4


def test_a_slot_counts_from_its_very_second():
    """At seven o'clock sharp the slot of seven is the newest; a second before it is the next."""
    seven = at("2026-03-02T07:00-05:00")

    assert next(slots_until("0 7 * * *", seven, DETROIT)) == seven
    assert next(slots_after("0 7 * * *", seven - timedelta(seconds=1), DETROIT)) == seven
    assert next(slots_after("0 7 * * *", seven, DETROIT)) == at("2026-03-03T07:00-05:00")


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("expression", EXPRESSIONS)
@pytest.mark.parametrize(("first", "last"), [((2, 12), (4, 10)), ((9, 25), (11, 6))])
def test_slots_are_what_debians_cron_would_run(expression, zone, first, last):
    """Around all clock changes, both ways, our slots are those of cronsim, which follows Debian's cron."""
    tz = ZoneInfo(zone)
    first, last = datetime(2026, *first, tzinfo=tz), datetime(2026, *last, tzinfo=tz)
    theirs = [slot.astimezone(UTC) for slot in takewhile(lambda slot: slot <= last, CronSim(expression, first))]
    ours = times(expression, first.astimezone(UTC), last.astimezone(UTC), tz)
    back = takewhile(lambda slot: slot > first, slots_until(expression, last.astimezone(UTC), tz))

    assert ours == sorted(set(theirs))
    assert list(back) == ours[::-1]


@settings(max_examples=150, deadline=None)
@given(
    st.integers(0, 365 * 24 * 60).map(lambda minutes: at("2026-01-01T00:00+00:00") + timedelta(minutes=minutes)),
    st.sampled_from(EXPRESSIONS),
    st.sampled_from(ZONES),
)
def test_the_newest_slot_is_not_ahead_and_nothing_lies_between(moment, expression, zone):
    """From any moment, one step back and one step forward enclose it, and neither misses a slot of the other."""
    tz = ZoneInfo(zone)
    before, after = next(slots_until(expression, moment, tz)), next(slots_after(expression, moment, tz))

    assert before <= moment < after
    assert next(slots_after(expression, before, tz)) == after
    assert list(islice(slots_until(expression, after, tz), 2)) == [after, before]
