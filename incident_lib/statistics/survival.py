"""Kaplan–Meier and friends: how long things take when some of them are not finished yet.

``durations`` are times since the start, in any one unit; ``finished`` says whether the end was seen. What is still
open counts with its time so far (right-censored). A *closed* page whose completion date is missing is another matter:
that is missing data, which the caller leaves out and counts; to treat it as open would make things look slower than
they are. Something that was cancelled or declared not needed will never finish: that is a competing end, for
``aalen_johansen``. Durations that are missing or negative are left out here; ``at_risk`` of the first row shows how
many were used.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import special

from incident_lib.statistics.intervals import Z

_CURVE = ("time", "at_risk", "events", "censored", "survival", "std_error", "lower", "upper")
_ROUNDING = 1e-12


@dataclass(frozen=True)
class Quantile:
    """The time by which a share of all has finished; None where the curve doesn't get that far: "not reached"."""

    value: float | None
    lower: float | None
    upper: float | None

    def __str__(self) -> str:
        value, lower, upper = ("not reached" if x is None else f"{x:.1f}" for x in (self.value, self.lower, self.upper))
        return value if self.lower is None else f"{value} (95 % interval {lower} to {upper})"


class Estimate(NamedTuple):
    """A number with its standard error and 95 % interval; all NaN where there is nothing to estimate from."""

    value: float
    std_error: float
    lower: float
    upper: float


class Chance(NamedTuple):
    """A probability with its 95 % interval; the value is None where nothing that old was ever seen."""

    value: float | None
    lower: float
    upper: float


class LogRank(NamedTuple):
    """The log-rank statistic, its degrees of freedom, and the probability of one as large when nothing differs.

    ``excess`` has for each group, in sorted order, how many more ended than had all groups ended alike.
    """

    chi2: float
    df: int
    p: float
    excess: tuple[float, ...] = ()


def kaplan_meier(durations: npt.ArrayLike, finished: npt.ArrayLike) -> pd.DataFrame:
    """Return the share not finished after each time that occurs, with standard errors and 95 % limits.

    One row per distinct time: time, at_risk, events, censored, survival, std_error, lower, upper. Censored at a time
    means still at risk then. Where nobody is left (survival 0) the standard error is not defined (NaN), the lower limit
    is 0, and the upper one stays where it was. Kaplan & Meier 1958; Greenwood 1926; limits on the log(−log) scale,
    Kalbfleisch & Prentice 1980.
    """
    times, at_risk, events, censored = _counts(durations, finished)
    survival = np.cumprod((at_risk - events) / at_risk)
    hazard = np.cumsum(_greenwood(at_risk, events))
    lower, upper = _limits(survival, hazard)
    std_error = np.where(survival > 0, survival * np.sqrt(hazard), np.nan)
    columns = (times, at_risk, events, censored, survival, std_error, lower, upper)
    return pd.DataFrame(dict(zip(_CURVE, columns, strict=True)))


def _counts(durations: npt.ArrayLike, finished: npt.ArrayLike) -> tuple[np.ndarray, ...]:
    """Return each distinct time, and how many were at risk, finished and censored then."""
    times, ended = _usable(durations, finished)
    order = np.argsort(times)
    times, ended = times[order], ended[order].astype(np.int64)
    firsts = np.flatnonzero(np.diff(times, prepend=-1.0))
    at_risk = len(times) - firsts
    events = np.add.reduceat(ended, firsts) if len(firsts) else firsts
    return times[firsts], at_risk, events, -np.diff(at_risk, append=0) - events


def _usable(durations: npt.ArrayLike, labels: npt.ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Return the durations that are numbers of zero or more, with their labels."""
    times, labels = np.asarray(durations, dtype=float), np.asarray(labels)
    usable = np.isfinite(times) & (times >= 0)
    return times[usable], labels[usable]


def _greenwood(at_risk: np.ndarray, events: np.ndarray) -> np.ndarray:
    """Return d / (n (n − d)); 0 where all of the rest finish at once, for there the sum is no longer used."""
    left = at_risk - events
    return np.divide(events, at_risk * left, out=np.zeros(len(left)), where=left > 0)


def _limits(survival: np.ndarray, hazard: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return 95 % limits on the log(−log) scale for shares that fall from 1, given their summed Greenwood terms."""
    inside = (survival > 0) & (survival < 1)
    log = np.log(survival, out=np.full(len(survival), -1.0), where=inside)
    reach = np.exp(Z * np.sqrt(hazard) / -log)
    lower = np.where(inside, np.exp(log * reach), survival)
    upper = np.where(inside, np.exp(log / reach), 1.0)
    return lower, np.where(survival > 0, upper, np.min(upper, initial=1.0))


def median(curve: pd.DataFrame) -> Quantile:
    """Return the time by which half have finished, counting those still open (see ``quantile``)."""
    return quantile(curve, 0.5)


def quantile(curve: pd.DataFrame, p: float) -> Quantile:
    """Return the first time by which a share ``p`` has finished, with its 95 % interval.

    The interval is that of Brookmeyer & Crowley 1982 with log(−log) limits: where the limits of the curve cross 1 − p.
    """
    return Quantile(*(_first_at_or_below(curve, name, 1 - p) for name in ("survival", "lower", "upper")))


def _first_at_or_below(curve: pd.DataFrame, name: str, share: float) -> float | None:
    below = curve[name].to_numpy() <= share + _ROUNDING
    return float(curve["time"].to_numpy()[np.argmax(below)]) if below.any() else None


def restricted_mean(curve: pd.DataFrame, until: float) -> Estimate:
    """Return the mean time spent unfinished up to ``until``: the area under the curve.

    Beyond the last time observed, what is still open then is taken to stay open, which never flatters. Variance
    Σ A² d / (n (n − d)) with A the area right of each event (Klein & Moeschberger 2003, 4.5.2).
    """
    if curve.empty:
        return Estimate(*[float("nan")] * 4)
    seen = curve.loc[curve["time"] < until]
    edges = np.concatenate([[0.0], seen["time"], [until]])
    areas = np.diff(edges) * np.concatenate([[1.0], seen["survival"]])
    right_of = np.cumsum(areas[::-1])[::-1][1:]
    greenwood = _greenwood(seen["at_risk"].to_numpy(), seen["events"].to_numpy())
    mean, std_error = float(areas.sum()), float(np.sqrt(np.sum(right_of**2 * greenwood)))
    return Estimate(mean, std_error, mean - Z * std_error, mean + Z * std_error)


def conditional_finish(curve: pd.DataFrame, age: float, within: float) -> Chance:
    """Return the chance that something open since ``age`` finishes ``within`` that much more time.

    1 − S(age + within) / S(age), with the limits of a curve that begins at ``age``. If the curve ends before
    age + within while some are still open, the value is None and only the lower limit tells something; if nothing was
    ever open for that long, nothing does (0 to 1). Without an event in the window the upper limit is the exact one for
    0 of n.
    """
    older = curve.loc[curve["time"] > age]
    window = older.loc[older["time"] <= age + within]
    if older.empty:
        return Chance(None, 0.0, 1.0)
    at_risk, events = window["at_risk"].to_numpy(), window["events"].to_numpy()
    survival = np.cumprod((at_risk - events) / at_risk)
    lower, upper = _limits(survival, np.cumsum(_greenwood(at_risk, events)))
    if older["time"].iloc[-1] < age + within and survival[-1] > 0:
        return Chance(None, float(1 - upper[-1]), 1.0)
    if not events.any():
        return Chance(0.0, 0.0, float(1 - 0.025 ** (1 / older["at_risk"].iloc[min(len(window), len(older) - 1)])))
    return Chance(float(1 - survival[-1]), float(1 - upper[-1]), float(1 - lower[-1]))


def aalen_johansen(durations: npt.ArrayLike, cause: npt.ArrayLike) -> pd.DataFrame:
    """Return, for each cause, the share that ended by it up to each time (cumulative incidence).

    ``cause`` is 0 for what is still open (censored), 1 and up for the ways in which it can end. One row per cause and
    time at which anything ended: cause, time, at_risk, events, incidence, std_error, lower, upper. Aalen & Johansen
    1978; delta-method variance, Marubini & Valsecchi 1995, 10.3; limits on the log(−log) scale.
    """
    times, causes = _usable(durations, cause)
    moments, at_risk, ended, _ = _counts(times, causes > 0)
    kept = ended > 0
    before = np.concatenate([[1.0], np.cumprod((at_risk - ended) / at_risk)])[:-1]
    columns = [moments[kept], at_risk[kept], ended[kept], before[kept]]
    tables = [_incidence(int(one), *columns, times[causes == one]) for one in np.unique(causes[causes > 0])]
    names = ("cause", "time", "at_risk", "events", "incidence", "std_error", "lower", "upper")
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame({name: [] for name in names}, dtype=float)


def _incidence(
    cause: int, times: np.ndarray, at_risk: np.ndarray, ended: np.ndarray, before: np.ndarray, own: np.ndarray
) -> pd.DataFrame:
    """Return the cumulative incidence of one cause whose own event times are given."""
    events = np.bincount(np.searchsorted(times, own), minlength=len(times))
    share = np.cumsum(before * events / at_risk)
    std_error = np.sqrt(_incidence_variance(at_risk, ended, events, before, share))
    lower, upper = _limits_of_incidence(share, std_error)
    return pd.DataFrame(
        {
            "cause": cause, "time": times, "at_risk": at_risk, "events": events, "incidence": share,
            "std_error": std_error, "lower": lower, "upper": upper,
        }
    )  # fmt: skip


def _limits_of_incidence(share: np.ndarray, std_error: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return 95 % limits on the log(−log) scale for shares that rise from 0; at 1 the lower one stays where it was."""
    inside = (share > 0) & (share < 1 - _ROUNDING)
    log = np.log(share, out=np.full(len(share), -1.0), where=inside)
    reach = np.exp(np.divide(Z * std_error, -share * log, out=np.zeros(len(share)), where=inside))
    lower = np.where(inside, np.exp(log * reach), 0.0)
    upper = np.where(inside, np.exp(log / reach), share)
    return np.where(share < 1 - _ROUNDING, lower, np.max(lower, initial=0.0)), upper


def _incidence_variance(
    at_risk: np.ndarray, ended: np.ndarray, events: np.ndarray, before: np.ndarray, share: np.ndarray
) -> np.ndarray:
    """Return Σ (I(t) − Iᵢ)² d/(n(n−d)) + Σ S² dₖ(n−dₖ)/n³ − 2 Σ (I(t) − Iᵢ) S dₖ/n², multiplied out."""
    all_ends = _greenwood(at_risk, ended)
    both = before * events / at_risk**2
    own = before**2 * events * (at_risk - events) / at_risk.astype(float) ** 3
    quadratic = share * (share * np.cumsum(all_ends) - 2 * np.cumsum(all_ends * share)) + np.cumsum(all_ends * share**2)
    mixed = share * np.cumsum(both) - np.cumsum(both * share)
    return np.maximum(quadratic + np.cumsum(own) - 2 * mixed, 0.0)


def log_rank(durations: npt.ArrayLike, finished: npt.ArrayLike, groups: npt.ArrayLike) -> LogRank:
    """Return the log-rank test of whether groups finish alike (Mantel 1966; ties by the hypergeometric variance).

    Groups in which nothing could have been seen to finish don't count; with fewer than two groups left p is 1.
    """
    times, ended = _usable(durations, finished)
    names, codes = np.unique(_usable(durations, groups)[1], return_inverse=True)
    moments, at_risk, events, _ = _counts(times, ended)
    kept = events > 0
    moments, n, d = moments[kept], at_risk[kept].astype(float), events[kept].astype(float)
    of_group = [np.sort(times[codes == code]) for code in range(len(names))]
    risk = np.empty((len(names), len(moments)))
    for row, own in zip(risk, of_group, strict=True):
        row[:] = len(own) - np.searchsorted(own, moments)
    observed = np.bincount(codes[ended.astype(bool)], minlength=len(names))
    expected = (risk * d / n).sum(axis=1)
    spread = d * (n - d) / np.maximum(n - 1, 1) / n**2
    variance = np.diag((risk * n * spread).sum(axis=1)) - (risk * spread) @ risk.T
    return _chi_squared(observed - expected, variance, expected > 0)


def _chi_squared(excess: np.ndarray, variance: np.ndarray, counts: np.ndarray) -> LogRank:
    """Return the quadratic form over all counting groups but one, and its chi-squared tail."""
    used = np.flatnonzero(counts)[:-1]
    if not len(used):
        return LogRank(0.0, 0, 1.0, tuple(excess.tolist()))
    part = excess[used]
    chi2 = float(part @ np.linalg.pinv(variance[np.ix_(used, used)]) @ part)
    return LogRank(chi2, len(used), float(special.chdtrc(len(used), chi2)), tuple(excess.tolist()))
