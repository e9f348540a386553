"""Intervals for shares, medians and rates, against published examples and exact arithmetic."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from incident_lib.statistics.intervals import Interval, median_interval, multinomial_intervals, rate_ratio, wilson

pytestmark = pytest.mark.filterwarnings("error")


@pytest.mark.parametrize(
    ("k", "n", "lower", "upper"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_is_newcombes_table(k, n, lower, upper):
    """The four examples of Newcombe 1998 (Statistics in Medicine 17:857), method 3."""
    assert wilson(k, n) == (k / n, pytest.approx(lower, abs=5e-5), pytest.approx(upper, abs=5e-5))


def test_a_share_of_nothing_can_be_anything():
    """0 of 0: no value, an interval from 0 to 1; and all of n reaches 1."""
    assert wilson(0, 0) == Interval(None, 0.0, 1.0)
    assert wilson(9, 9).upper == 1.0


@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_holds_its_share_and_mirrors(numbers):
    """The interval lies in 0 to 1, holds k/n, and that of the failures is its mirror image."""
    k, n = numbers
    share, lower, upper = wilson(k, n)

    assert 0 <= lower <= share <= upper <= 1
    assert wilson(n - k, n)[1:] == (pytest.approx(1 - upper), pytest.approx(1 - lower))


def test_goodman_intervals_are_those_of_the_formula():
    """Each limit solves (share − p)² = χ² p (1 − p) / n with the error shared out: Goodman 1965, equation 2.7."""
    counts = pd.Series({"software": 22, "process": 11, "network": 0})
    found = multinomial_intervals(counts)

    assert found["share"].tolist() == [22 / 33, 11 / 33, 0]
    square = 5.7311  # χ² with 1 degree of freedom exceeds it with probability 0.05 / 3
    for share, p in zip([*found["share"][:2], *found["share"]], [*found["lower"][:2], *found["upper"]], strict=True):
        assert (share - p) ** 2 == pytest.approx(square * p * (1 - p) / 33, rel=1e-4)
    assert found.loc["network", "lower"] == 0


def test_counts_of_nothing_have_open_intervals():
    """No incidents at all: shares unknown, 0 to 1; and no kinds: no rows."""
    nothing = multinomial_intervals(pd.Series({"a": 0, "b": 0}))
    assert nothing[["lower", "upper"]].to_numpy().tolist() == [[0, 1], [0, 1]]
    assert multinomial_intervals(pd.Series(dtype=int)).empty


def test_goodman_intervals_hold_all_at_once():
    """In at least 94 % of 2,000 simulated years of 30 incidents all five shares lie in their intervals."""
    rng, shares = np.random.default_rng(4), np.array([0.41, 0.2, 0.17, 0.12, 0.1])
    years = rng.multinomial(30, shares, 2000)
    inside = [
        ((table["lower"] <= shares) & (shares <= table["upper"])).all()
        for table in (multinomial_intervals(pd.Series(year)) for year in years)
    ]

    assert np.mean(inside) >= 0.94


@pytest.mark.parametrize(
    ("n", "lowest", "highest"), [(6, 1, 6), (8, 1, 8), (9, 2, 8), (12, 3, 10), (20, 6, 15), (30, 10, 21), (50, 18, 33)]
)
def test_the_interval_of_a_median_is_between_two_of_the_values(n, lowest, highest):
    """The ranks are those of the published tables of 95 % intervals for a median."""
    assert median_interval(range(1, n + 1))[1:] == (lowest, highest)


def test_five_values_allow_no_interval():
    """A median, but no interval; nothing for no values; missing values are left out."""
    assert median_interval([1, 2, 3, 4, 5]) == Interval(3.0, None, None)
    assert median_interval([]) == Interval(None, None, None)
    assert median_interval([1, 2, 3, math.nan, 4, 5]) == Interval(3.0, None, None)


@given(st.integers(6, 300))
def test_the_interval_of_a_median_is_exact(n):
    """It leaves out at most 5 %, and one rank further in would leave out more."""
    _, lowest, highest = median_interval(np.arange(1, n + 1))
    tail = [sum(math.comb(n, k) for k in range(rank)) / 2**n for rank in (int(lowest), int(lowest) + 1)]

    assert tail[0] <= 0.025 < tail[1]
    assert highest == n + 1 - lowest


def test_a_ratio_of_rates_is_exact():
    """3 in 10 weeks after 1 in 20: the limits make the observed tails 2.5 %, by summing binomials."""
    ratio, lower, upper, p = rate_ratio(1, 20, 3, 10)

    def tail(r, ks):
        share = r * 10 / (r * 10 + 20)
        return sum(math.comb(4, k) * share**k * (1 - share) ** (4 - k) for k in ks)

    assert ratio == pytest.approx(6)
    assert (tail(lower, (3, 4)), tail(upper, (0, 1, 2, 3))) == (pytest.approx(0.025), pytest.approx(0.025))
    assert p == pytest.approx(2 * tail(1, (3, 4)))


def test_rates_of_nothing():
    """Nothing before: no ratio but a lower limit; nothing at all, or no time: anything is possible."""
    assert rate_ratio(0, 10, 9, 10)[0::2] == (None, math.inf)
    assert rate_ratio(0, 10, 9, 10).lower > 1
    assert rate_ratio(9, 10, 0, 10)[:2] == (0, 0)
    assert rate_ratio(0, 10, 0, 10) == rate_ratio(3, 0, 4, 10) == (None, 0.0, math.inf, 1.0)
