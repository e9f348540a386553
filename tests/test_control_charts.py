"""Process behaviour charts against arithmetic by hand, simulation, and real incidents."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from incident_lib.statistics.control_charts import ONE_SIDE, OUTSIDE, xmr

pytestmark = pytest.mark.filterwarnings("error")
REAL = Path(__file__).parents[2] / "shared/realdata/github_status/incidents.jsonl"


def test_limits_are_those_worked_out_by_hand():
    """Mean 12.2; ranges 2, 4, 3, 4 with mean 3.25: limits 12.2 ± 8.645, and 10.62 for the ranges."""
    chart = xmr([11, 13, 9, 12, 16], log=False)

    assert (chart.centre, chart.lower, chart.upper) == pytest.approx((12.2, 3.555, 20.845))
    assert chart.moving_ranges[1:].tolist() == [2, 4, 3, 4]
    assert math.isnan(chart.moving_ranges[0])
    assert chart.range_limit == pytest.approx(3.267 * 3.25)
    assert chart.signals.empty


def test_on_a_log_scale_limits_and_ranges_are_factors():
    """1, 10, 100, 10 minutes: centre 10, each a factor of ten from the last, so limits 10^±2.66 around it."""
    chart = xmr([1, 10, 100, 10], log=True)

    assert (chart.centre, chart.lower, chart.upper) == pytest.approx((10, 10 * 10**-2.66, 10 * 10**2.66))
    assert chart.moving_ranges[1:].tolist() == pytest.approx([10, 10, 10])
    assert chart.range_limit == pytest.approx(10**3.267)


def test_a_point_outside_is_a_signal():
    """Twelve ordinary values and one far off: that one, by its place."""
    chart = xmr([10, 11, 10, 12, 11, 10, 30, 11, 10, 12, 11, 10, 11, 12, 11], log=False)

    assert chart.signals.to_dict("records") == [{"rule": OUTSIDE, "index": 6}]


def test_nine_in_a_row_on_one_side_are_a_signal():
    """Nine are, eight are not, and a value on the centre line breaks the run."""
    high = [12.0, 13, 12, 13, 12, 13, 12, 13, 12]
    low = [9.0, 6, 9, 6, 9, 6, 9, 6, 9]

    assert xmr(low[:8] + high + [6.0], log=False).signals.to_dict("records") == [
        {"rule": ONE_SIDE, "index": place} for place in range(8, 17)
    ]
    assert xmr(low[:8] + high[:8], log=False).signals.empty
    others = low[:8] + high
    on_centre = [*others[:12], sum(others) / 17, *others[12:]]
    assert xmr(on_centre, log=False).signals.empty


def test_what_cannot_be_charted_is_left_out_and_counted():
    """Missing values, and zeros on a log scale; signals keep the places of the original values."""
    chart = xmr([math.nan, 10, 11, 0, 10, 12, 11, 10, -1, 11, 10, 3000, 10, 11, 12], log=True)

    assert (chart.n, chart.left_out) == (12, 3)
    assert chart.signals["index"].tolist() == [11]
    assert np.isnan(chart.moving_ranges[[0, 1, 3, 8]]).all()


def test_few_points_say_how_uncertain_the_limits_are():
    """Nothing, one point, few points and enough of them."""
    assert (xmr([], log=True).n, math.isnan(xmr([], log=True).centre)) == (0, True)
    assert (xmr([5], log=True).centre, math.isnan(xmr([5], log=True).upper)) == (pytest.approx(5), True)
    assert xmr([5], log=True).note == "Limits need at least 2 points."
    assert xmr(range(1, 13), log=False).note == (
        "With 12 points the limits are provisional: their distance from the centre may be off by 55 %."
    )
    assert xmr(range(1, 21), log=False).note == ""


def test_the_stated_uncertainty_is_what_simulation_shows():
    """The mean moving range of 12 normal points varies by 0.91 / √11 of itself."""
    ranges = np.abs(np.diff(np.random.default_rng(3).normal(size=(20_000, 12)), axis=1)).mean(axis=1)

    assert ranges.std() / ranges.mean() == pytest.approx(0.91 / math.sqrt(11), rel=0.04)


def test_charts_of_nothing_rarely_signal_on_a_log_scale():
    """Of 3,000 charts of 24 lognormal durations at most 8 % signal; on a raw scale most would."""
    rng = np.random.default_rng(24)
    charts = rng.lognormal(4.25, 1.25, (3000, 24))
    false, raw = (np.mean([not xmr(row, log=log).signals.empty for row in rows])
                  for log, rows in ((True, charts), (False, charts[:500])))  # fmt: skip

    assert 0.05 <= false <= 0.08
    assert raw > 0.8


@given(st.lists(st.floats(0.01, 1e6), max_size=40), st.floats(0.1, 1000))
def test_the_unit_does_not_matter(values, unit):
    """Minutes or hours: the same signals, and lines that scale with the unit."""
    chart, rescaled = xmr(values, log=True), xmr([unit * value for value in values], log=True)

    assert chart.centre * unit == pytest.approx(rescaled.centre, nan_ok=True)
    assert chart.range_limit == pytest.approx(rescaled.range_limit, nan_ok=True)


@given(st.floats(0.01, 1e6), st.integers(2, 40))
def test_values_all_alike_are_no_signal(value, n):
    """Limits that coincide with the values don't cry out."""
    assert xmr([value] * n, log=True).signals.empty
    assert xmr([value] * n, log=False).signals.empty


@pytest.mark.skipif(not REAL.exists(), reason="needs the real incidents")
def test_real_incidents_signal_seldom_on_a_log_scale():
    """In windows of 24 GitHub incidents a raw chart nearly always cries out, one on a log scale seldom."""
    rows = [json.loads(line) for line in REAL.read_text(encoding="utf-8").splitlines()]
    minutes = [row["duration_minutes"] for row in sorted(rows, key=lambda row: row["started_at"])]
    minutes = [value for value in minutes if value and value > 0]
    windows = [minutes[start : start + 24] for start in range(0, len(minutes) - 23, 24)]
    outside = {log: sum(OUTSIDE in set(xmr(window, log=log).signals["rule"]) for window in windows)
               for log in (True, False)}  # fmt: skip

    assert len(windows) == 33
    assert outside[True] <= 6
    assert outside[False] >= 27
