"""Verdicts on two periods: how often they err, what they notice, and how they say it."""

import math
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from incident_lib.statistics.comparison import BY_SHUFFLES, compare, proportion_change, rate_change, with_open
from incident_lib.statistics.survival import log_rank

pytestmark = pytest.mark.filterwarnings("error")
MEAN, SPREAD = 4.25, 1.25


def minutes(rng, n, factor=1.0):
    """Return n durations like those of real incidents, made longer or shorter by a factor."""
    return factor * rng.lognormal(MEAN, SPREAD, n)


def test_two_like_periods_are_told_apart_in_at_most_five_percent():
    """5,000 pairs of periods from one and the same distribution, 10 to 60 incidents each; but not in far fewer."""
    rng = np.random.default_rng(2026)
    sizes = rng.integers(10, 61, (5000, 2))
    told = [compare(minutes(rng, a), minutes(rng, b), seed=n, simulations=199).verdict for n, (a, b) in enumerate(sizes)]

    assert 0.035 <= (np.array(told) != "cannot tell").mean() <= 0.05


def test_ties_and_unequal_spreads_do_not_fool_it():
    """Durations in whole quarters of an hour: at most 5 % of 4,000 pairs; one period that varies far more: about 5 %."""
    rng = np.random.default_rng(7)
    pool = np.ceil(minutes(rng, 800) / 15) * 15
    tied = [compare(rng.choice(pool, 20), rng.choice(pool, 30), seed=n, simulations=199) for n in range(4000)]
    uneven = [compare(minutes(rng, 15), rng.lognormal(MEAN, 0.5, 40), seed=n, simulations=199) for n in range(1500)]

    wrong = [np.mean([one.verdict != "cannot tell" for one in found]) for found in (tied, uneven)]
    assert wrong[0] <= 0.05 and wrong[1] <= 0.06  # two standard errors of 5 % in 1,500


@pytest.mark.parametrize(("n", "drop", "power"), [(10, 0.5, 0.23), (50, 0.25, 0.21), (50, 0.5, 0.78), (100, 0.1, 0.08)])
def test_it_notices_as_much_as_can_be_noticed(n, drop, power):
    """Within three Monte-Carlo errors of the power of the log-t test (Benninghoff's table and our own)."""
    rng = np.random.default_rng([n, int(100 * drop)])
    pairs = 400
    told = [compare(minutes(rng, n), minutes(rng, n, 1 - drop), seed=i, simulations=399).verdict for i in range(pairs)]

    assert np.mean([verdict == "improved" for verdict in told]) == pytest.approx(
        power, abs=3 * math.sqrt(power * (1 - power) / pairs) + 0.01
    )


def test_the_interval_covers_the_truth():
    """A real halving lies in the 95 % interval in 93 to 97 % of 1,000 pairs, sizes and spreads being unequal."""
    rng = np.random.default_rng(8)
    pairs = [(minutes(rng, 15), 0.5 * rng.lognormal(MEAN, 0.8, 30)) for _ in range(1000)]
    found = [compare(*pair, seed=seed, simulations=399) for seed, pair in enumerate(pairs)]

    assert 0.93 <= np.mean([one.lower <= -0.5 <= one.upper for one in found]) <= 0.97


def test_p_and_interval_are_near_those_of_welch():
    """For data that Welch's test is made for, p agrees with scipy's to Monte-Carlo error; the interval is not narrower."""
    rng = np.random.default_rng(5)
    before, after = minutes(rng, 60), minutes(rng, 80, 0.7)
    welch = stats.ttest_ind(np.log(after), np.log(before), equal_var=False)
    for found in (compare(before, after), compare(np.tile(before, 10), np.tile(after, 10))):
        if found.n_before == 60:
            assert found.p == pytest.approx(welch.pvalue, abs=0.02)
            assert np.log1p([found.lower, found.upper]) == pytest.approx(welch.confidence_interval(), abs=0.08)
        else:
            repeated = stats.ttest_ind(np.log(np.tile(after, 10)), np.log(np.tile(before, 10)), equal_var=False)
            assert found.p == pytest.approx(repeated.pvalue, rel=1e-6)
            assert np.log1p([found.lower, found.upper]) == pytest.approx(
                repeated.confidence_interval(1 - BY_SHUFFLES), abs=1e-6
            )


@settings(max_examples=60)
@given(st.integers(5, 25), st.integers(5, 25), st.integers(0, 1000), st.floats(0.1, 4))
def test_verdict_interval_and_sign_agree(n_before, n_after, seed, factor):
    """Improved or worse exactly when the interval leaves out "no change"; then p is small, and the sign as observed."""
    rng = np.random.default_rng(seed)
    found = compare(minutes(rng, n_before), minutes(rng, n_after, factor), simulations=199)

    assert found.lower <= found.change <= found.upper
    assert (found.verdict == "cannot tell") == (found.lower <= 0 <= found.upper)
    assert found.verdict == "cannot tell" or found.p <= 0.05
    assert found.verdict == "cannot tell" or (found.verdict == "improved") == (found.change < 0)
    assert found.sentence.lower().startswith(found.verdict)


@settings(max_examples=30)
@given(st.integers(0, 1000), st.floats(0.01, 100))
def test_units_and_order_do_not_matter(seed, unit):
    """Hours or minutes, sorted or not: the same change and verdict."""
    rng = np.random.default_rng(seed)
    before, after = minutes(rng, 12), minutes(rng, 14)
    found, rescaled = compare(before, after, simulations=199), compare(unit * before, unit * after, simulations=199)

    assert rescaled.change == pytest.approx(found.change)
    assert rescaled.verdict == found.verdict
    assert compare(np.sort(before), np.sort(after), simulations=199).change == pytest.approx(found.change)


def test_the_same_seed_gives_the_same_answer():
    """Byte for byte; and nothing else is random."""
    rng = np.random.default_rng(1)
    before, after = minutes(rng, 20), minutes(rng, 20)

    assert compare(before, after, seed=3) == compare(before, after, seed=3)


def test_cannot_tell_says_what_could_be_told():
    """With 12 and 14 incidents of the usual spread only a drop of some three quarters would be noticed."""
    logs = [stats.norm.ppf((np.arange(n) + 0.5) / n) * SPREAD / 0.97 + MEAN for n in (12, 14)]
    found = compare(np.exp(logs[0]), 0.92 * np.exp(logs[1]))

    assert found.verdict == "cannot tell"
    assert found.change == pytest.approx(-0.08)
    spread = math.sqrt(sum(((part - part.mean()) ** 2).sum() for part in logs) / 24)
    assert found.detectable == pytest.approx(1 - math.exp(-2.837 * spread * math.sqrt(1 / 12 + 1 / 14)), abs=1e-4)
    assert found.sentence.startswith(
        f"Cannot tell: with 12 and 14 incidents you would reliably notice only a drop of about {found.detectable:.0%}"
        .replace("%", " %")
    )
    assert "the observed change is −8 % (95 % interval −" in found.sentence


def test_a_clear_change_is_told_in_the_direction_asked_for():
    """A fall is an improvement where small is good, and worse where large is; the sentence gives both ends."""
    rng = np.random.default_rng(2)
    before, after = minutes(rng, 60), minutes(rng, 60, 0.2)

    assert compare(before, after).sentence.startswith("Improved: −")
    assert compare(before, after).sentence.endswith("with 60 and 60 incidents.")
    assert compare(before, after, smaller_is_better=False).verdict == "worse"
    assert compare(after, before).verdict == "worse"
    assert compare(before, after).ratio == pytest.approx(np.exp(np.log(after).mean() - np.log(before).mean()))


def test_too_few_is_said_so():
    """Fewer than five usable values in a period: no number but the counts."""
    found = compare([10, 20, 30, 0], range(1, 15), noun="post-mortems")

    assert (found.verdict, found.change, found.p, found.left_out) == ("cannot tell", None, None, 1)
    assert found.ratio is None
    assert found.sentence == (
        "Cannot tell: 3 post-mortems before and 14 after are too few; it takes at least 5 in each period."
    )
    assert compare([], []).verdict == "cannot tell"


def test_values_that_have_no_logarithm_are_left_out_and_counted():
    """Zero, negative, missing and infinite durations; without logarithms only the last two."""
    before, after = [*range(1, 8), 0, -5, math.nan, math.inf], range(1, 8)

    assert (compare(before, after).n_before, compare(before, after).left_out) == (7, 4)
    assert (compare(before, after, log=False).n_before, compare(before, after, log=False).left_out) == (9, 2)


def test_values_that_are_all_alike():
    """No spread within the periods: the same values tell nothing, different ones are told; never a division by zero."""
    same = compare([5] * 6, [5] * 9)
    assert (same.verdict, same.change, same.p) == ("cannot tell", 0, 1)
    assert same.sentence.startswith("Cannot tell: with 6 and 9 incidents all values are the same")
    assert compare([5] * 6, [3] * 6).verdict == "improved"


def test_rates_are_compared_without_logarithms():
    """A difference in the values' own unit, where more is better."""
    found = compare([50, 60, 55, 58, 52], [70, 75, 72, 78, 74], log=False, smaller_is_better=False)

    assert (found.verdict, found.change) == ("improved", pytest.approx(18.8))
    assert found.sentence.startswith("Improved: +18.8 (95 % interval +")


@pytest.mark.parametrize(("n1", "n2"), [(5, 5), (8, 8), (12, 14), (10, 30), (30, 60), (100, 100)])
def test_like_shares_are_told_apart_in_about_five_percent_at_worst(n1, n2):
    """By exact sums over all outcomes: at most 5 % on average over shares, 5.6 % at the worst share."""
    told = np.array([[proportion_change(a, n1, b, n2).verdict != "cannot tell" for b in range(n2 + 1)]
                     for a in range(n1 + 1)])  # fmt: skip
    shares = np.linspace(0.02, 0.98, 33)
    wrong = [
        stats.binom.pmf(np.arange(n1 + 1), n1, share) @ told @ stats.binom.pmf(np.arange(n2 + 1), n2, share)
        for share in shares
    ]

    assert np.mean(wrong) <= 0.05
    assert max(wrong) <= 0.0575


def test_shares_are_told_in_points():
    """Of post-mortems in time: what would be noticed, and what was."""
    unsure, sure = proportion_change(7, 12, 9, 14), proportion_change(7, 30, 29, 40)

    assert unsure.sentence == (
        "Cannot tell: with 12 and 14 post-mortems you would reliably notice only a change of about 54 points; the "
        "observed change is +6 points (95 % interval −30 points to +40 points)."
    )
    assert sure.sentence.startswith("Improved: +49 points (95 % interval +26 points to +67 points), with 30 and 40")
    assert proportion_change(7, 30, 29, 40, larger_is_better=False).verdict == "worse"
    assert proportion_change(1, 3, 9, 14).sentence.endswith("it takes at least 5 in each period.")
    assert "0 points (95 %" in proportion_change(9, 9, 9, 9).sentence  # all of both: still an interval


def test_more_or_fewer_incidents():
    """Counts over unequal periods; none before; too few to tell."""
    assert rate_change(40, 91, 9, 92).sentence.startswith("Improved: −78 % (95 % interval −91 % to −53 %)")
    assert rate_change(10, 10, 90, 90).change == 0
    assert rate_change(0, 91, 9, 92).sentence.startswith("Worse: +∞ (95 % interval +")
    assert rate_change(1, 91, 2, 92).sentence.endswith("it takes at least 5 in both periods together.")
    assert rate_change(12, 91, 9, 92).verdict == "cannot tell"


def test_a_longer_record_notices_smaller_changes():
    """The detectable change falls as incidents add up."""
    rng = np.random.default_rng(9)
    sizes = [compare(minutes(rng, n), minutes(rng, n), simulations=99).detectable for n in (10, 30, 100, 400)]

    assert all(larger > smaller for larger, smaller in pairwise(sizes))


def _parts(before: list[float], after: list[float], *, open_after: int = 0) -> list[pd.DataFrame]:
    """Return two periods' tables; the last ``open_after`` of the second are still open."""
    ended = [True] * (len(after) - open_after) + [False] * open_after
    return [pd.DataFrame({"minutes": before, "finished": [True] * len(before)}), pd.DataFrame({"minutes": after, "finished": ended})]


def test_what_is_open_has_to_agree():
    """A verdict of the finished ones falls where those still open go the other way, even if log-rank is sure."""
    slow, fast = [60.0 + n for n in range(30)], [20.0 + n for n in range(10)]
    found = compare(slow, fast)
    short = with_open(found, _parts(slow, [*fast, 5.0], open_after=1))
    long = with_open(found, _parts(slow, [*fast, *[900.0] * 60], open_after=60))

    assert (found.verdict, short.verdict, long.verdict) == ("improved", "improved", "cannot tell")
    assert "1 incident still open counts by log-rank" in short.sentence
    assert "60 incidents still open count by log-rank: p = 0.00" in long.sentence
    assert with_open(found, _parts(slow, fast)) is found


def test_excess_says_who_finishes_sooner():
    """Observed less expected ends: positive for the group that ends sooner, and in sum nothing."""
    test = log_rank([*range(1, 21), *range(30, 50)], [True] * 40, [0] * 20 + [1] * 20)

    assert test.excess[0] > 0 > test.excess[1]
    assert sum(test.excess) == pytest.approx(0)
