"""How sure we can be of a share, a median, or a rate: 95 % intervals that hold for small numbers.

Exact where that is simple; each function names its source.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import special

Z = float(special.ndtri(0.975))  # all intervals of the project are 95 % intervals
FEWEST_FOR_MEDIAN = 6


class Interval(NamedTuple):
    """A value with its 95 % interval; None where the numbers don't allow one."""

    value: float | None
    lower: float | None
    upper: float | None


class RateRatio(NamedTuple):
    """A ratio of two rates with its exact 95 % interval and p; the ratio is None if there was nothing before."""

    ratio: float | None
    lower: float
    upper: float
    p: float


def wilson(k: int, n: int) -> Interval:
    """Return the share k of n with Wilson's score interval (Wilson 1927); for n = 0 anything is possible."""
    if not n:
        return Interval(None, 0.0, 1.0)
    return Interval(k / n, *(float(limit) for limit in _score_limits(np.float64(k), n, Z**2)))


def _score_limits(k: np.ndarray | np.float64, n: int, square: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the shares that lie as far from k of n as the square of a normal deviate allows; never beyond 0 and 1."""
    centre, reach = k + square / 2, np.sqrt(square * (k * (n - k) / n + square / 4))
    lower, upper = (centre - reach) / (n + square), (centre + reach) / (n + square)
    return np.where(k == 0, 0.0, lower), np.where(k == n, 1.0, upper)


def multinomial_intervals(counts: pd.Series) -> pd.DataFrame:
    """Return count, share, lower and upper for each kind, such that all intervals hold at once with 95 %.

    Goodman 1965: score intervals with the error shared equally among the kinds.
    """
    n = int(counts.sum())
    if not n:
        return pd.DataFrame({"count": counts, "share": np.nan, "lower": 0.0, "upper": 1.0})
    square = float(special.chdtri(1, 0.05 / len(counts)))
    lower, upper = _score_limits(counts.to_numpy(dtype=float), n, square)
    return pd.DataFrame({"count": counts, "share": counts / n, "lower": lower, "upper": upper})


def median_interval(values: npt.ArrayLike) -> Interval:
    """Return the median of values with its exact interval between two of them; missing values are left out.

    The interval needs no assumption about the distribution (order statistics and the binomial; Conover 1999, 3.2).
    Fewer than 6 values allow none: the chance that all of them lie on one side of the true median is then over 5 %.
    """
    numbers = np.asarray(values, dtype=float)
    ordered = np.sort(numbers[~np.isnan(numbers)])
    n = len(ordered)
    if n < FEWEST_FOR_MEDIAN:
        return Interval(float(np.median(ordered)) if n else None, None, None)
    outside = int(np.searchsorted(special.bdtr(np.arange(n // 2), n, 0.5), 0.025, side="right"))
    return Interval(float(np.median(ordered)), float(ordered[outside - 1]), float(ordered[n - outside]))


def rate_ratio(events1: int, time1: float, events2: int, time2: float) -> RateRatio:
    """Return how many times as often something happened in the second period as in the first.

    Exact, given the number in both together (Przyborowski & Wilenski 1940; limits of Clopper & Pearson 1934); p is
    twice the smaller tail. Periods without length tell nothing: None, 0 to infinity, p 1.
    """
    if time1 <= 0 or time2 <= 0 or events1 + events2 == 0:
        return RateRatio(None, 0.0, float("inf"), 1.0)
    total, even = events1 + events2, time2 / (time1 + time2)
    low = float(special.betaincinv(events2, events1 + 1, 0.025)) if events2 else 0.0
    high = float(special.betaincinv(events2 + 1, events1, 0.975)) if events1 else 1.0
    fewer, more = special.bdtr(events2, total, even), special.bdtrc(events2 - 1, total, even) if events2 else 1.0
    return RateRatio(
        ratio=events2 / time2 * time1 / events1 if events1 else None,
        lower=low / (1 - low) * time1 / time2,
        upper=high / (1 - high) * time1 / time2 if events1 else float("inf"),
        p=min(1.0, 2 * float(min(fewer, more))),
    )
