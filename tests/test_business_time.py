"""Deadlines and business days, against a day-by-day enumeration written apart, and against numpy."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import holidays
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from incident_lib.business_time import (
    add_business_days,
    business_calendar,
    business_days_between,
    business_hours,
    deadline,
    deadlines,
    proof,
)
from incident_lib.errors import FieldError, SettingsError
from incident_lib.settings import Calendar, Span

DETROIT = ZoneInfo("America/Detroit")
MICHIGAN = Calendar(country="US", subdivision="MI")
PLACES = {
    "America/Detroit": MICHIGAN,
    "Europe/Berlin": Calendar(country="DE", subdivision="BE"),
    "Asia/Kolkata": Calendar(country="IN", workdays=("Mon", "Tue", "Wed", "Thu", "Fri", "Sat")),
    "Australia/Lord_Howe": Calendar(country="AU", subdivision="NSW"),
    "America/St_Johns": Calendar(country="CA", subdivision="NL", removed_holidays=(date(2024, 7, 1),)),
    "Asia/Riyadh": Calendar(workdays=("Sun", "Mon", "Tue", "Wed", "Thu"), extra_holidays=(date(2024, 9, 23),)),
    "America/Santiago": Calendar(country="CL"),  # clocks change at midnight: some days begin at 01:00
}
FIVE = Span(days=5, business=True)


def off_days(calendar):
    """Return the set of days off, straight from the library."""
    years = range(2014, 2028)
    national = holidays.country_holidays(calendar.country, calendar.subdivision, years) if calendar.country else ()
    return (set(national) | set(calendar.extra_holidays)) - set(calendar.removed_holidays)


def enumerated(start, span, tz, workdays, off):
    """Return a deadline by walking one day after the other."""
    day = start.astimezone(tz).date()
    left = span.days
    while left:
        day += timedelta(days=1)
        if not span.business or (day.strftime("%a") in workdays and day not in off):
            left -= 1
    moment = datetime.combine(day, time(23, 59, 59), tz)
    return max(moment.replace(fold=fold).astimezone(UTC) for fold in (0, 1))


def times(rng, n, first="2015-01-01", last="2025-01-01"):
    """Return n random times as a column."""
    span = (pd.Timestamp(first, tz="UTC").value // 1000, pd.Timestamp(last, tz="UTC").value // 1000)
    return pd.Series(rng.integers(*span, n).view("M8[us]")).dt.tz_localize("UTC")


@pytest.mark.parametrize("zone", PLACES)
def test_deadlines_are_those_of_a_day_by_day_walk(zone):
    """10,500 random starts and spans over ten years in seven places: the same instant as walking the calendar."""
    calendar, tz, rng = PLACES[zone], ZoneInfo(zone), np.random.default_rng(20)
    off = off_days(calendar)
    starts = times(rng, 1500)
    for span in (FIVE, Span(days=int(rng.integers(1, 40)), business=True), Span(days=3, business=False)):
        found = deadlines(starts.iloc[::3], span, business_calendar(calendar, tz))
        expected = [enumerated(start.to_pydatetime(), span, tz, calendar.workdays, off) for start in starts.iloc[::3]]
        assert list(found) == expected


@pytest.mark.parametrize("zone", PLACES)
def test_business_days_agree_with_numpy(zone):
    """Business days after a date, and between two, are numpy's, which counts them in another way."""
    calendar, tz, rng = PLACES[zone], ZoneInfo(zone), np.random.default_rng(21)
    ours = business_calendar(calendar, tz)
    mask = [day in calendar.workdays for day in ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")]
    busy = np.busdaycalendar(mask, sorted(off_days(calendar)))
    starts = times(rng, 1500)
    local = starts.dt.tz_convert(tz).dt.tz_localize(None).to_numpy().astype("datetime64[D]")

    due = deadlines(starts, FIVE, ours).dt.tz_convert(tz).dt.tz_localize(None).to_numpy().astype("datetime64[D]")
    np.testing.assert_array_equal(due, np.busday_offset(local, 5, roll="backward", busdaycal=busy))
    ends = starts + pd.to_timedelta(rng.integers(0, 90 * 86400, len(starts)), unit="s")
    ended = ends.dt.tz_convert(tz).dt.tz_localize(None).to_numpy().astype("datetime64[D]")
    expected = np.busday_count(local + 1, ended + 1, busdaycal=busy)
    np.testing.assert_array_equal(business_days_between(starts, ends, ours).astype(int), expected)


@given(st.integers(0, 10 * 366 * 86400), st.integers(0, 60), st.booleans(), st.sampled_from(list(PLACES)))
def test_one_deadline_is_the_column_of_one(seconds, days, business, zone):
    """``deadline`` and ``deadlines`` can't disagree, and a deadline is always the last second of a local day."""
    start = datetime(2015, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    calendar, span = business_calendar(PLACES[zone], ZoneInfo(zone)), Span(days=days, business=business)
    one = deadline(start, span, calendar)

    assert [one] == list(deadlines(pd.Series([start]).astype("datetime64[us, UTC]"), span, calendar))
    local, after = one.astimezone(calendar.tz), (one + timedelta(seconds=1)).astimezone(calendar.tz)
    assert local.date() < after.date()
    assert local.strftime("%S") == "59"
    assert one >= start - timedelta(seconds=1)


@given(st.lists(st.dates(date(2024, 1, 1), date(2024, 6, 30)), max_size=20),
       st.dates(date(2024, 1, 1), date(2024, 6, 30)), st.integers(1, 25))  # fmt: skip
def test_another_holiday_never_brings_a_deadline_forward(days_off, another, days):
    """With one more day off every deadline is the same or later; and a later start never has an earlier deadline."""
    starts = pd.Series(pd.date_range("2024-01-01", "2024-06-30", freq="37h", tz="UTC"))
    span = Span(days=days, business=True)
    fewer = business_calendar(Calendar(extra_holidays=tuple(days_off)), DETROIT)
    more = business_calendar(Calendar(extra_holidays=(*days_off, another)), DETROIT)

    assert (deadlines(starts, span, more) >= deadlines(starts, span, fewer)).all()
    assert deadlines(starts, span, more).is_monotonic_increasing


@pytest.mark.parametrize(
    ("start", "due"),
    [
        ("2026-03-06T12:00:00-05:00", "2026-03-13T23:59:59-04:00"),  # clocks go forward on Sunday 8 March
        ("2026-10-30T12:00:00-04:00", "2026-11-09T23:59:59-05:00"),  # back on 1 November; 3rd is Election Day
        ("2026-03-02T04:59:59Z", "2026-03-06T23:59:59-05:00"),  # still Sunday in Detroit
        ("2026-03-02T05:00:00Z", "2026-03-09T23:59:59-04:00"),  # Monday's first second
    ],
)
def test_a_deadline_goes_by_local_days(start, due):
    """Five business days end with a local day, on both sides of both clock changes."""
    found = deadline(datetime.fromisoformat(start), FIVE, business_calendar(MICHIGAN, DETROIT))

    assert found == datetime.fromisoformat(due)


def test_a_day_that_never_was_has_no_length():
    """Samoa went from 29 to 31 December 2011; a deadline on the 30th ends with the 29th."""
    apia = business_calendar(Calendar(), ZoneInfo("Pacific/Apia"))
    found = deadline(datetime(2011, 12, 29, 12, tzinfo=ZoneInfo("Pacific/Apia")), Span(days=1, business=False), apia)

    assert found.isoformat() == "2011-12-30T09:59:59+00:00"


def test_a_missing_start_has_no_deadline():
    """Missing stays missing, names and index stay, and an empty column is answered with one."""
    starts = pd.Series(pd.to_datetime(["2026-03-02T12:00Z", None]), index=["a", "b"], name="resolved_at")
    starts = starts.astype("datetime64[us, UTC]")
    calendar = business_calendar(Calendar(), DETROIT)
    found = deadlines(starts, FIVE, calendar)

    assert found.isna().tolist() == [False, True]
    assert (found.dtype, list(found.index), found.name) == ("datetime64[us, UTC]", ["a", "b"], "resolved_at")
    assert business_days_between(found, starts, calendar).tolist() == [0, pd.NA]
    assert business_hours(found, starts, calendar).isna().tolist() == [False, True]
    assert deadlines(starts.iloc[:0], FIVE, calendar).empty


def test_late_counts_business_days_after_the_due_day():
    """Due Friday: done Friday night or on the weekend is 0 business days late, on Tuesday 2; early is 0."""
    calendar = business_calendar(Calendar(), DETROIT)
    due = pd.Series(pd.to_datetime(["2026-03-07T04:59:59Z"] * 5)).astype("datetime64[us, UTC]")
    ends = ["2026-03-05T12:00Z", "2026-03-07T04:00Z", "2026-03-08T12:00Z", "2026-03-09T12:00Z", "2026-03-10T12:00Z"]

    assert business_days_between(due, pd.Series(pd.to_datetime(ends)), calendar).tolist() == [0, 0, 0, 1, 2]
    assert business_days_between(due, datetime(2026, 3, 11, 12, tzinfo=UTC), calendar).tolist() == [3] * 5


def minute_by_minute(start, end, calendar, opens, closes):
    """Return business minutes by looking at each minute."""
    minutes = 0
    while start < end:
        local = start.astimezone(calendar.tz)
        minutes += calendar.is_business_day(local.date()) and opens <= f"{local:%H:%M}" < closes
        start += timedelta(minutes=1)
    return minutes


@pytest.mark.parametrize("zone", ["America/Detroit", "Australia/Lord_Howe", "Asia/Kolkata"])
@pytest.mark.parametrize("change", [datetime(2024, 3, 8, tzinfo=UTC), datetime(2024, 10, 31, tzinfo=UTC),
                                    datetime(2024, 4, 5, tzinfo=UTC), datetime(2024, 10, 4, tzinfo=UTC)])  # fmt: skip
def test_business_hours_are_those_of_a_minute_by_minute_count(zone, change):
    """Around clock changes, in ordinary hours and around the clock on all seven days."""
    rng = np.random.default_rng(5)
    every_day = Calendar(workdays=("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"))
    for settings, opens, closes in ((Calendar(), "09:00", "17:00"), (every_day, "00:00", "24:00")):
        calendar = business_calendar(settings, ZoneInfo(zone))
        begun = [change + timedelta(minutes=int(minute)) for minute in rng.integers(0, 4000, 4)]
        ended = [start + timedelta(minutes=int(rng.integers(0, 4000))) for start in begun]
        found = business_hours(*(pd.Series(column).astype("datetime64[us, UTC]") for column in (begun, ended)),
                               calendar, opens=opens, closes=closes)  # fmt: skip
        pairs = zip(begun, ended, strict=True)
        assert found.tolist() == [minute_by_minute(*pair, calendar, opens, closes) for pair in pairs]


@pytest.mark.parametrize(("opens", "closes"), [("9", "17:00"), ("09:00", "24:30"), ("17:00", "09:00"), ("0:00", "9:5")])
def test_hours_that_make_no_sense_are_refused(opens, closes):
    """The message quotes what was given."""
    start = pd.Series(pd.to_datetime(["2026-03-02T12:00Z"])).astype("datetime64[us, UTC]")
    with pytest.raises(FieldError, match=r"business hours|not a time of day"):
        business_hours(start, start, business_calendar(Calendar(), DETROIT), opens=opens, closes=closes)


def test_business_days_are_added_and_taken_away():
    """From a Friday, a weekend day, and over a holiday; there and back again."""
    calendar = business_calendar(MICHIGAN, DETROIT)

    assert add_business_days(date(2026, 11, 6), 3, calendar) == date(2026, 11, 12)  # over Veterans Day
    assert add_business_days(date(2026, 11, 7), 1, calendar) == date(2026, 11, 9)
    assert add_business_days(date(2026, 11, 7), -1, calendar) == date(2026, 11, 6)
    assert add_business_days(date(2026, 11, 7), 0, calendar) == date(2026, 11, 7)
    assert add_business_days(add_business_days(date(2026, 11, 6), 40, calendar), -40, calendar) == date(2026, 11, 6)


def test_the_proof_names_each_day_and_each_holiday():
    """Days are numbered, a holiday on a working day is named, weekends go without saying."""
    text = proof(datetime(2026, 11, 6, 22, 40, tzinfo=UTC), FIVE, business_calendar(MICHIGAN, DETROIT))

    assert text == (
        "resolved Fri 6 Nov 2026 17:40 America/Detroit → day 1 Mon 9 Nov, day 2 Tue 10 Nov, Wed 11 Nov is Veterans "
        "Day, day 3 Thu 12 Nov, day 4 Fri 13 Nov, day 5 Mon 16 Nov → due Mon 16 Nov 2026 23:59"
    )


def test_a_long_proof_leaves_out_ordinary_days_only():
    """Thirty business days show the first and last days, and all holidays."""
    text = proof(datetime(2026, 11, 6, 22, 40, tzinfo=UTC), Span(days=30, business=True),
                 business_calendar(MICHIGAN, DETROIT), event="detected")  # fmt: skip

    assert text.startswith("detected Fri 6 Nov 2026 17:40 America/Detroit → day 1 Mon 9 Nov, day 2 Tue 10 Nov, Wed 11")
    assert "Veterans Day, …, Thu 26 Nov is Thanksgiving Day, Fri 27 Nov is Day After Thanksgiving, …, day 29" in text
    assert text.endswith("day 30 Wed 23 Dec → due Wed 23 Dec 2026 23:59")


def test_a_proof_over_calendar_days_is_short():
    """Calendar days need no list; a span of nothing ends with its own day; our own days off are named as such."""
    start = datetime(2026, 11, 6, 22, 40, tzinfo=UTC)
    own = business_calendar(Calendar(extra_holidays=(date(2026, 11, 9),)), ZoneInfo("Asia/Kolkata"))

    assert "→ 3 calendar days → due Tue 10 Nov 2026 23:59" in proof(start, Span(days=3, business=False), own)
    assert proof(start, Span(days=0, business=True), own) == (
        "resolved Sat 7 Nov 2026 04:10 Asia/Kolkata → due Sat 7 Nov 2026 23:59"
    )
    assert "Mon 9 Nov is a day off by the settings, day 1 Tue 10 Nov" in proof(start, Span(days=1, business=True), own)


def test_settings_and_times_that_make_no_sense_are_refused():
    """An unknown country or subdivision, a time without offset, and one beyond the calendar: one sentence each."""
    with pytest.raises(SettingsError, match="no country 'XX'"):
        business_calendar(Calendar(country="XX"), DETROIT)
    with pytest.raises(SettingsError, match="subdivision 'Michigan2'"):
        business_calendar(Calendar(country="US", subdivision="Michigan2"), DETROIT)
    calendar = business_calendar(Calendar(), DETROIT)
    with pytest.raises(FieldError, match="no UTC offset"):
        deadline(datetime(2026, 3, 2), FIVE, calendar)  # noqa: DTZ001
    with pytest.raises(FieldError, match="1990 to 2100"):
        deadline(datetime(1980, 3, 2, tzinfo=UTC), FIVE, calendar)


def test_the_longest_span_fits_at_the_end_of_the_years():
    """Ten years of single workdays from the last day of 2100 still have an end."""
    one_day = business_calendar(Calendar(country="US", workdays=("Mon",)), DETROIT)

    assert deadline(datetime(2100, 12, 31, 23, tzinfo=UTC), Span(days=3660, business=True), one_day).year == 2171


def test_the_same_settings_give_the_same_calendar():
    """Laying out a calendar costs some 50 ms, once."""
    assert business_calendar(MICHIGAN, DETROIT) is business_calendar(MICHIGAN.model_copy(), ZoneInfo("America/Detroit"))
