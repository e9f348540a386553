"""Survival curves against published vectors, statsmodels, and simulation."""

import math
import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from incident_lib.statistics.survival import (
    Quantile,
    aalen_johansen,
    conditional_finish,
    kaplan_meier,
    log_rank,
    median,
    quantile,
    restricted_mean,
)

pytestmark = pytest.mark.filterwarnings("error")
DAYS = ([3, 5, 6, 7, 8, 10, 12, 12], [1, 0, 1, 1, 0, 1, 1, 0])
R_DAYS = ([10, 15, 23, 30, 35, 52, 100], [1, 1, 1, 1, 1, 1, 0])


@pytest.fixture(scope="module")
def oracle():
    """Return statsmodels' survival functions, an independent implementation."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from statsmodels.duration import survfunc  # noqa: PLC0415
    return survfunc


def at(curve, time, name):
    """Return a column's value at a time."""
    return curve.set_index("time")[name][time]


def data_set(seed):
    """Return durations with ties and censoring, of a size from 5 to 80."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(5, 80))
    durations = rng.integers(1, 30, n) if seed % 2 else rng.lognormal(2, 1, n).round(1) + 0.1
    return durations.astype(float), rng.random(n) < rng.choice([0.3, 0.7, 1.0]), rng.integers(0, 2 + seed % 3, n)


def test_the_curve_of_eight_post_mortems():
    """Survival and Greenwood's standard errors as worked out by hand."""
    curve = kaplan_meier(*DAYS)

    shares = {3: 7 / 8, 5: 7 / 8, 6: 35 / 48, 7: 7 / 12, 8: 7 / 12, 10: 7 / 18, 12: 7 / 36}
    assert curve["time"].tolist() == list(shares)
    np.testing.assert_allclose(curve["survival"], list(shares.values()), atol=1e-12)
    np.testing.assert_allclose([at(curve, day, "std_error") for day in (3, 6, 7)], [0.1169, 0.1650, 0.1856], atol=5e-5)
    assert curve["at_risk"].tolist() == [8, 7, 6, 5, 4, 3, 2]
    assert curve["censored"].tolist() == [0, 1, 0, 0, 1, 0, 1]
    assert median(curve).value == 10


def test_median_and_restricted_mean_are_those_of_r():
    """R's survfit prints median 30 (15 to NA), and restricted mean 37.85714 with se 10.73888.

    Its limits are by default on the log scale, which for seven rows differ from our log(−log) ones: 10 to 52.
    """
    curve = kaplan_meier(*R_DAYS)
    log_lower = curve["survival"] * np.exp(-1.959963985 * curve["std_error"] / curve["survival"])

    assert curve["time"][log_lower <= 0.5].min() == 15
    assert median(curve) == Quantile(30.0, 10.0, 52.0)
    assert str(median(curve)) == "30.0 (95 % interval 10.0 to 52.0)"
    np.testing.assert_allclose(restricted_mean(curve, 100)[:2], [37.85714, 10.73888], atol=5e-6)
    np.testing.assert_allclose(restricted_mean(curve, 100)[2:], [16.81, 58.90], atol=5e-3)


def test_two_hundred_curves_are_those_of_statsmodels(oracle):
    """Times, numbers at risk, survival, standard errors and restricted quantiles, with ties and censoring."""
    for seed in range(200):
        durations, finished, _ = data_set(seed)
        theirs = oracle.SurvfuncRight(durations, finished)
        curve = kaplan_meier(durations, finished)
        ours = curve.loc[curve["time"].isin(theirs.surv_times)]
        assert len(ours) == len(theirs.surv_times) == (curve["events"] > 0).sum() or not finished.any()
        np.testing.assert_array_equal(ours["at_risk"], theirs.n_risk)
        np.testing.assert_allclose(ours["survival"], theirs.surv_prob, atol=1e-9)
        np.testing.assert_allclose(ours["std_error"], theirs.surv_prob_se, atol=1e-9)
        expected = theirs.quantile(0.2371)  # no share that a curve could hit exactly: there conventions differ
        assert (quantile(curve, 0.2371).value or math.inf) == (math.inf if math.isnan(expected) else expected)


def test_log_log_limits_are_the_formula():
    """S to the power of exp(± 1.96 se / (S |log S|)), at each time with a share between 0 and 1."""
    curve = kaplan_meier(*R_DAYS).iloc[:6]
    reach = np.exp(1.959963985 * curve["std_error"] / (curve["survival"] * -np.log(curve["survival"])))

    np.testing.assert_allclose(curve["lower"], curve["survival"] ** reach, atol=1e-9)
    np.testing.assert_allclose(curve["upper"], curve["survival"] ** (1 / reach), atol=1e-9)


def test_two_hundred_log_rank_tests_are_those_of_statsmodels(oracle):
    """Chi-squared and p with two, three and four groups."""
    for seed in range(200):
        durations, finished, groups = data_set(seed)
        if not finished.any():
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                chi2, p = oracle.survdiff(durations, finished, groups)
            except np.linalg.LinAlgError:  # a group that never was at risk: theirs gives up, ours leaves it out
                continue
        found = log_rank(durations, finished, groups)
        if found.df == len(set(groups)) - 1:
            np.testing.assert_allclose([found.chi2, found.p], [chi2, p], atol=1e-9)


def test_two_hundred_cumulative_incidences_are_those_of_statsmodels(oracle):
    """Shares and standard errors of up to three competing ends."""
    for seed in range(200):
        durations, finished, kinds = data_set(seed)
        cause = np.where(finished, kinds % 3 + 1, 0)
        if set(cause) - {0} != set(range(1, cause.max() + 1)):  # theirs counts causes from 1 without gaps
            continue
        with np.errstate(all="ignore"):
            theirs = oracle.CumIncidenceRight(durations, cause)
        found = aalen_johansen(durations, cause)
        for one in range(1, cause.max() + 1):
            ours = found.loc[found["cause"] == one]
            rows = np.isin(theirs.times, ours["time"])
            np.testing.assert_allclose(ours["incidence"], theirs.cinc[one - 1][rows], atol=1e-9)
            variance = theirs.cinc_se[one - 1][rows] ** 2
            defined = np.isfinite(variance)  # theirs has none once everything has ended
            np.testing.assert_allclose(ours["std_error"][defined] ** 2, variance[defined], atol=1e-9)


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 2)), min_size=1, max_size=40))
def test_shares_by_cause_and_the_share_left_add_up_to_one(rows):
    """Whatever ended by one cause or another is what the Kaplan–Meier curve has lost."""
    durations, cause = (np.array(column) for column in zip(*rows, strict=True))
    found = aalen_johansen(durations, cause)
    curve = kaplan_meier(durations, cause > 0)

    left = curve.loc[curve["events"] > 0].set_index("time")["survival"]
    np.testing.assert_allclose(found.groupby("time")["incidence"].sum(), 1 - left, atol=1e-12)
    assert found["incidence"].between(found["lower"] - 1e-12, found["upper"] + 1e-12).all()


@given(st.lists(st.tuples(st.integers(0, 20), st.booleans()), min_size=1, max_size=40), st.integers(0, 39))
def test_leaving_one_open_never_shortens_the_median(rows, which):
    """To learn that one was not finished after all makes the median later, or not reached."""
    durations, finished = (np.array(column) for column in zip(*rows, strict=True))
    reopened = finished & (np.arange(len(rows)) != which % len(rows))
    before, after = (median(kaplan_meier(durations, flags)).value for flags in (finished, reopened))

    assert after is None or (before is not None and before <= after)


@given(st.lists(st.tuples(st.floats(-5, 1e6) | st.just(math.nan), st.booleans()), max_size=30), st.floats(0, 1e6))
def test_no_data_set_is_too_odd(rows, until):
    """Any durations give a falling curve inside its limits, without a warning; order doesn't matter."""
    durations, finished = ([row[place] for row in rows] for place in (0, 1))
    curve = kaplan_meier(durations, finished)

    assert curve["survival"].between(0, 1).all()
    assert curve["survival"].is_monotonic_decreasing
    assert (curve["lower"] <= curve["survival"] + 1e-12).all()
    assert (curve["survival"] <= curve["upper"] + 1e-12).all()
    pd.testing.assert_frame_equal(curve, kaplan_meier(durations[::-1], finished[::-1]))
    chance = conditional_finish(curve, until / 2, until)
    assert 0 <= chance.lower <= chance.upper <= 1
    assert curve.empty or 0 <= restricted_mean(curve, until).value <= until + 1e-6


def test_nothing_and_nothing_finished_have_answers():
    """An empty table gives an empty curve; all open: never reached; one finished: that is the median."""
    empty = kaplan_meier([], [])
    assert empty.empty
    assert list(empty) == ["time", "at_risk", "events", "censored", "survival", "std_error", "lower", "upper"]
    assert median(empty) == Quantile(None, None, None)
    assert str(median(empty)) == "not reached"
    assert math.isnan(restricted_mean(empty, 10).value)
    assert conditional_finish(empty, 1, 1) == (None, 0.0, 1.0)
    assert aalen_johansen([], []).empty
    assert log_rank([], [], []) [:3] == (0.0, 0, 1.0)

    all_open = kaplan_meier([1, 2, 2], [False] * 3)
    assert median(all_open).value is None
    assert restricted_mean(all_open, 10)[:2] == (10.0, 0.0)
    assert log_rank([1, 2], [False, False], ["a", "b"]) [:3] == (0.0, 0, 1.0)
    assert aalen_johansen([1, 2], [0, 0]).empty

    one = kaplan_meier([4.0], [True])
    assert one.drop(columns="std_error").to_numpy().tolist() == [[4, 1, 1, 0, 0, 0, 1]]
    assert median(one) == Quantile(4.0, 4.0, None)


def test_missing_and_impossible_durations_are_left_out():
    """NaN and negative durations don't count as finished, nor as open."""
    curve = kaplan_meier([3, math.nan, -2, 5], [True, True, True, False])

    assert curve["at_risk"].tolist() == [2, 1]


def test_what_is_open_finishes_by_the_curve():
    """Open for 5 days: of those still open then, the share that finished by day 10."""
    curve = kaplan_meier(*DAYS)
    chance = conditional_finish(curve, 5, 5)

    assert chance.value == pytest.approx(1 - (7 / 18) / (7 / 8))
    assert 0 < chance.lower < chance.value < chance.upper < 1


def test_a_chance_beyond_the_data_is_not_made_up():
    """Past the last observation only a lower limit is known; nothing older than the oldest is known at all."""
    curve = kaplan_meier(*DAYS)

    assert conditional_finish(curve, 8, 30).value is None
    assert 0 < conditional_finish(curve, 8, 30).lower < 1
    assert conditional_finish(curve, 12, 5) == (None, 0.0, 1.0)
    quiet = conditional_finish(kaplan_meier([1] * 5 + [9] * 20, [True] * 25), 2, 3)
    assert quiet == (0.0, 0.0, pytest.approx(1 - 0.025 ** (1 / 20)))  # nothing ended in the window: 0 of 20


def test_the_interval_of_the_median_covers_the_truth():
    """Of 2,000 simulated periods of 50, a third still open at the end, 93 to 97 % have the true 7 d in the interval."""
    rng = np.random.default_rng(11)
    took = 7 * rng.lognormal(0, 1, (2000, 50))
    seen = rng.uniform(0, 30, took.shape)
    found = [median(kaplan_meier(np.minimum(*row), row[0] <= row[1])) for row in zip(took, seen, strict=True)]

    covered = [(one.lower or 0) <= 7 < (one.upper or math.inf) for one in found]
    assert 0.93 <= np.mean(covered) <= 0.97
