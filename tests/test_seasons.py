"""Weekdays and hours: exposure over clock changes, how often chance stands out, and what real incidents show."""

import json
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from incident_lib.statistics.seasons import exposure, false_discovery_rates, hour_test, weekday_hour_map, weekday_test

pytestmark = pytest.mark.filterwarnings("error")
BERLIN, UTC_ZONE = ZoneInfo("Europe/Berlin"), ZoneInfo("UTC")
QUARTER = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 4, 2, tzinfo=UTC)  # 91 days: each weekday 13 times
REAL = Path(__file__).parents[2] / "shared/realdata/github_status/incidents.jsonl"


def column(times):
    """Return times as a column of a table."""
    return pd.Series(pd.to_datetime(times, utc=True)).astype("datetime64[us, UTC]")


def uniform(rng, n, begin=QUARTER[0], end=QUARTER[1]):
    """Return n times spread evenly over a period."""
    return column(rng.uniform(begin.timestamp(), end.timestamp(), n).astype(np.int64) * 10**9)


def test_each_hour_of_the_week_comes_round_as_often_as_it_does():
    """Thirteen weeks of UTC have 13 of each; in Berlin the spring Sunday lacks its hour from 2 to 3."""
    assert (exposure(*QUARTER, UTC_ZONE) == 13).all(axis=None)
    local = exposure(datetime(2026, 3, 22, 23, tzinfo=UTC), datetime(2026, 3, 29, 22, tzinfo=UTC), BERLIN)
    assert local.loc["Sun", 2] == 0
    assert local.to_numpy().sum() == 167
    assert local.drop(index="Sun").eq(1).all(axis=None)
    autumn = exposure(datetime(2026, 10, 18, 22, tzinfo=UTC), datetime(2026, 10, 25, 23, tzinfo=UTC), BERLIN)
    assert (autumn.loc["Sun", 2], autumn.to_numpy().sum()) == (2, 169)


def test_a_clock_change_by_half_an_hour_is_counted():
    """Lord Howe puts its clocks back by 30 minutes: an hour and a half between 1 and 2."""
    zone = ZoneInfo("Australia/Lord_Howe")
    local = exposure(datetime(2026, 4, 4, tzinfo=zone), datetime(2026, 4, 7, tzinfo=zone), zone)

    assert local.loc["Sun", 1] == 1.5
    assert local.loc["Mon", 1] == 1


def test_even_weeks_are_seldom_called_uneven():
    """Of 400 even periods of 15 and of 60 times about 5 % are called uneven, by simulation and by chi-squared."""
    rng, hours = np.random.default_rng(6), exposure(*QUARTER, UTC_ZONE)
    for n in (15, 60):
        p = np.array([weekday_test(uniform(rng, n), UTC_ZONE, hours).p for _ in range(400)])
        assert (p <= 0.05).mean() <= 0.075
        assert 0.4 < p.mean() < 0.65


def test_uneven_exposure_is_no_season():
    """In a period of Mondays and Tuesdays only, incidents on those two days are what was to be expected."""
    begin, end = datetime(2026, 3, 2, tzinfo=UTC), datetime(2026, 3, 4, tzinfo=UTC)
    times = column([f"2026-03-0{2 + i % 2}T{i:02}:30Z" for i in range(20)])
    found = weekday_test(times, UTC_ZONE, exposure(begin, end, UTC_ZONE))

    assert (found.chi2, found.df, found.p, found.n) == (0, 1, 1, 20)


def test_chi_squared_is_scipys():
    """Counts of a hundred times by weekday and by hour, against scipy's test."""
    times, hours = uniform(np.random.default_rng(7), 300), exposure(*QUARTER, BERLIN)
    local = times.dt.tz_convert(BERLIN).dt
    for found, kinds, weights in (
        (weekday_test(times, BERLIN, hours), local.day_of_week, hours.sum(axis=1)),
        (hour_test(times, BERLIN, hours), local.hour, hours.sum(axis=0)),
    ):
        counts = np.bincount(kinds, minlength=len(weights))
        expected = stats.chisquare(counts, 300 * weights.to_numpy() / weights.sum())
        assert found[::2] == (pytest.approx(expected.statistic), pytest.approx(expected.pvalue))


def test_even_maps_seldom_show_anything():
    """Of 1,000 maps of 60 even times at most 5 % have a cell that stands out; nearly all have one of three or more."""
    rng, hours = np.random.default_rng(8), exposure(*QUARTER, UTC_ZONE)
    maps = [weekday_hour_map(uniform(rng, 60), UTC_ZONE, hours) for _ in range(1000)]

    assert np.mean([(table["stands_out"] != "").any() for table in maps]) <= 0.05
    assert np.mean([table["count"].max() >= 3 for table in maps]) == pytest.approx(0.62, abs=0.05)


def test_a_real_hot_spot_stands_out():
    """Eight of forty incidents on Tuesdays from 2 to 3 in Berlin, in winter and summer time alike."""
    rng = np.random.default_rng(9)
    tuesdays = [datetime(2026, 3, day, 2, 30, tzinfo=BERLIN) for day in (3, 10, 17, 24, 31)] * 2
    times = pd.concat([uniform(rng, 32), column(tuesdays[:8])], ignore_index=True)
    table = weekday_hour_map(times, BERLIN, exposure(*QUARTER, BERLIN))
    found = table.loc[table["stands_out"] != ""]

    assert found[["weekday", "hour", "stands_out"]].to_numpy().tolist() == [["Tue", 2, "more"]]
    assert len(table) == 168
    assert table["count"].sum() == 40
    assert table["expected"].sum() == pytest.approx(40)


def test_exact_tails_are_scipys():
    """A cell's p is twice the smaller tail of the binomial, and at most 1."""
    table = weekday_hour_map(uniform(np.random.default_rng(10), 500), UTC_ZONE, exposure(*QUARTER, UTC_ZONE))
    tails = stats.binom.cdf(table["count"], 500, 1 / 168), stats.binom.sf(table["count"] - 1, 500, 1 / 168)

    np.testing.assert_allclose(table["p"], np.minimum(1, 2 * np.minimum(*tails)), atol=1e-12)


def test_false_discovery_rates_are_scipys():
    """Benjamini and Hochberg's, on p values with ties."""
    p = np.random.default_rng(11).uniform(size=200).round(2) ** 3

    np.testing.assert_allclose(false_discovery_rates(p), stats.false_discovery_control(p))


def test_nothing_is_no_season():
    """No times, missing times, or no period: p is 1 and nothing stands out."""
    hours = exposure(*QUARTER, UTC_ZONE)
    for times in (column([]), column([None])):
        assert weekday_test(times, UTC_ZONE, hours) == (0, 6, 1, 0)
        assert (weekday_hour_map(times, UTC_ZONE, hours)["stands_out"] == "").all()
    none = exposure(QUARTER[0], QUARTER[0], UTC_ZONE)
    assert hour_test(column([]), UTC_ZONE, none).p == 1
    assert (weekday_hour_map(column([]), UTC_ZONE, none)["stands_out"] == "").all()


@pytest.mark.skipif(not REAL.exists(), reason="needs the real incidents")
def test_real_incidents_have_weekdays():
    """819 GitHub incidents: 150, 185, 177, 160, 98, 28, 21 by weekday; the weekend stands out as quiet."""
    times = column([json.loads(line)["started_at"] for line in REAL.read_text(encoding="utf-8").splitlines()])
    hours = exposure(times.min().to_pydatetime(), times.max().to_pydatetime(), UTC_ZONE)
    found = weekday_test(times, UTC_ZONE, hours)
    table = weekday_hour_map(times, UTC_ZONE, hours)

    assert table.groupby("weekday", sort=False)["count"].sum().tolist() == [150, 185, 177, 160, 98, 28, 21]
    assert (found.chi2, found.df, found.n) == (pytest.approx(245, abs=2), 6, 819)
    assert found.p < 1e-40
    assert set(table.loc[table["stands_out"] == "more", "weekday"]) <= {"Mon", "Tue", "Wed", "Thu", "Fri"}
