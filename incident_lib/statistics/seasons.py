"""On which weekdays and at which hours incidents begin, and whether that is more than chance.

Any map of few incidents has "hot spots": of 60 that fall evenly over the 168 hours of a week, three or more share an
hour in 62 % of cases. So nothing stands out here unless it still does after having looked at all hours at once.
Hours are local. How often each came round is counted, not assumed: a period has five Mondays and four Sundays, one
hour of a spring Sunday never was, and one of an autumn Sunday was twice.
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
from scipy import special

from incident_lib.settings import WEEKDAYS

FALSE_DISCOVERIES = 0.05
_SIMULATIONS = 4000
_ENOUGH_EXPECTED = 5
_STEP = pd.Timedelta(minutes=15)  # all zones' offsets, and their changes, are whole quarters of an hour


class SeasonTest(NamedTuple):
    """Pearson's chi-squared, its degrees of freedom, the probability of one as large by chance, and how many times."""

    chi2: float
    df: int
    p: float
    n: int


def exposure(begin: datetime, end: datetime, tz: ZoneInfo) -> pd.DataFrame:
    """Return how many hours of each kind a period had: one row per weekday, one column per local hour 0 to 23.

    Exact to a quarter of an hour at the two ends.
    """
    quarters = pd.date_range(begin, end, freq=_STEP, inclusive="left").tz_convert(tz)
    return _by_weekday_and_hour(quarters) * (_STEP / pd.Timedelta(hours=1))


def _by_weekday_and_hour(local: pd.DatetimeIndex) -> pd.DataFrame:
    cells = np.bincount(local.day_of_week * 24 + local.hour, minlength=168).reshape(7, 24)
    return pd.DataFrame(cells, index=pd.Index(WEEKDAYS, name="weekday"), columns=pd.RangeIndex(24, name="hour"))


def _counts(times: pd.Series, tz: ZoneInfo) -> pd.DataFrame:
    return _by_weekday_and_hour(pd.DatetimeIndex(times.dropna()).tz_convert(tz))


def weekday_test(times: pd.Series, tz: ZoneInfo, hours: pd.DataFrame, *, seed: int = 0) -> SeasonTest:
    """Return whether times (UTC) fall unevenly on the local weekdays of a period with these ``hours`` (``exposure``).

    Where some weekday can expect fewer than 5, p comes from 4,000 simulated multinomials instead of chi-squared.
    """
    return _uneven(_counts(times, tz).sum(axis=1).to_numpy(), hours.sum(axis=1).to_numpy(), seed)


def hour_test(times: pd.Series, tz: ZoneInfo, hours: pd.DataFrame, *, seed: int = 0) -> SeasonTest:
    """Return whether times (UTC) fall unevenly on the local hours of the day (see ``weekday_test``)."""
    return _uneven(_counts(times, tz).sum(axis=0).to_numpy(), hours.sum(axis=0).to_numpy(), seed)


def _uneven(counts: np.ndarray, weights: np.ndarray, seed: int) -> SeasonTest:
    """Return Pearson's test of counts against shares in proportion to weights; kinds without weight don't count."""
    counts, weights = counts[weights > 0], weights[weights > 0]
    n, df = int(counts.sum()), max(len(counts) - 1, 0)
    if not n or not df:
        return SeasonTest(0.0, df, 1.0, n)
    shares = weights / weights.sum()
    chi2 = float(_pearson(counts, n * shares))
    if n * shares.min() >= _ENOUGH_EXPECTED:
        return SeasonTest(chi2, df, float(special.chdtrc(df, chi2)), n)
    drawn = np.random.default_rng(seed).multinomial(n, shares, _SIMULATIONS)
    as_large = int((_pearson(drawn, n * shares) >= chi2 * (1 - 1e-9)).sum())
    return SeasonTest(chi2, df, (1 + as_large) / (1 + _SIMULATIONS), n)


def _pearson(counts: np.ndarray, expected: np.ndarray) -> np.ndarray:
    return ((counts - expected) ** 2 / expected).sum(axis=-1)


def weekday_hour_map(times: pd.Series, tz: ZoneInfo, hours: pd.DataFrame) -> pd.DataFrame:
    """Return the 168 cells of a week: weekday, hour, count, hours, expected, p, q, and stands_out.

    ``p`` is exact and two-sided (twice the smaller binomial tail); ``q`` the share of false discoveries if this cell
    and all with a smaller q were believed (Benjamini & Hochberg 1995); ``stands_out`` is "more" or "fewer" where q is
    at most 5 %, else empty. Of maps with nothing in them at most 5 % have a cell that stands out.
    """
    counts, exposed = _counts(times, tz), hours.to_numpy().ravel()
    seen, total = counts.to_numpy().ravel(), int(counts.to_numpy().sum())
    shares = exposed / exposed.sum() if exposed.sum() else np.zeros(len(exposed))
    fewer = special.bdtr(seen, total, shares)
    more = np.where(seen > 0, special.bdtrc(np.maximum(seen, 1) - 1, total, shares), 1.0)
    p = np.minimum(1.0, 2 * np.minimum(fewer, more))
    q = false_discovery_rates(p)
    side = np.where(q > FALSE_DISCOVERIES, "", np.where(seen > total * shares, "more", "fewer"))
    cells = {"count": seen, "hours": exposed, "expected": total * shares, "p": p, "q": q, "stands_out": side}
    return pd.DataFrame(cells, index=counts.stack().index).reset_index()


def false_discovery_rates(p: np.ndarray) -> np.ndarray:
    """Return, for each p, the smallest rate of false discoveries at which it would be believed (Benjamini–Hochberg)."""
    order = np.argsort(p)
    scaled = p[order] * len(p) / np.arange(1, len(p) + 1)
    rates = np.empty(len(p))
    rates[order] = np.minimum.accumulate(scaled[::-1])[::-1]
    return np.minimum(rates, 1.0)
