"""Improved, worse, or cannot tell: two periods compared, with what a comparison of this size could notice at all.

The verdict is "improved" or "worse" only where chance alone would do as much in at most 5 % of cases, both by
reshuffling the two periods and by drawing anew from each; anything else is "cannot tell", which is not "nothing
changed": ``detectable`` says which change would have been noticed (with 80 % probability).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import special

from incident_lib.statistics.intervals import Z, rate_ratio
from incident_lib.statistics.survival import log_rank

ERROR = 0.05
# At which levels durations are told apart: together they err in 4.2 to 4.5 % of unchanged pairs (benchmarks/power.py),
# which leaves room for what some thousand reshuffles and tied values leave uncertain.
BY_SHUFFLES, BY_BOOTSTRAP = 0.046, 0.07
FEWEST = 5
MOST_SHUFFLED = 1000
_REACH = Z + float(special.ndtri(0.8))  # 2.80: seen at 5 %, with 80 % probability
_REACH_OF_DURATIONS = float(special.ndtri(1 - BY_SHUFFLES / 2) + special.ndtri(0.8))  # 2.84: the same at 4.6 %
_TINY = 1e-24
_ALMOST = 1 - 1e-9

Verdict = Literal["improved", "worse", "cannot tell"]


@dataclass(frozen=True)
class Comparison:
    """What changed between two periods, as far as the numbers can tell.

    ``change`` is relative for durations and rates (−0.08: 8 % less), a difference in the values' own unit where
    ``compare`` was told not to take logarithms, and in shares (0.05: 5 points) for shares. ``lower`` and ``upper`` are
    its 95 % interval, ``p`` the probability of a change as large by chance, ``detectable`` the smallest change in the
    better direction that numbers like these would reliably show. None where there is too little for it.
    """

    verdict: Verdict
    change: float | None
    lower: float | None
    upper: float | None
    p: float | None
    n_before: int
    n_after: int
    detectable: float | None
    left_out: int
    sentence: str

    @property
    def ratio(self) -> float | None:
        """Return after divided by before, for relative changes."""
        return None if self.change is None else 1 + self.change


def compare(
    before: npt.ArrayLike,
    after: npt.ArrayLike,
    *,
    seed: int = 0,
    simulations: int = 4000,
    log: bool = True,
    smaller_is_better: bool = True,
    noun: str = "incidents",
) -> Comparison:
    """Return whether the values of two periods differ by more than chance would make them.

    With ``log`` (for durations) the geometric means are compared, and values of zero or less left out and counted;
    without it the means. Missing values are always left out. Only finished durations belong here: where some are still
    open, ask ``with_open`` as well.

    Two tests have to agree. Welch's t is held against its distribution over random reshuffles of the two periods' own
    values (Janssen 1997), which is exact where nothing changed; and against that over values drawn anew from each
    period by itself (bootstrap-t, Efron & Tibshirani 1993), which doesn't take the periods' spreads for alike. Above
    1,000 values both are Student's t. The interval is the wider of the two, so that it excludes "no change" exactly
    when the verdict is not "cannot tell"; p is that of the reshuffles. Detectable: 1 − exp(−2.84 σ √(1/n₁ + 1/n₂)),
    with σ the standard deviation within the periods.
    """
    first, second = _usable(before, log=log), _usable(after, log=log)
    left_out = np.size(before) + np.size(after) - len(first) - len(second)
    if min(len(first), len(second)) < FEWEST:
        return _too_few(len(first), len(second), noun, left_out)
    pooled = np.concatenate([first, second])
    p, critical = _reference(pooled, len(first), seed, simulations)
    difference, std_error = (float(part[0]) for part in _welch(pooled[None, :], len(first)))
    limits = (difference - critical * std_error, difference, difference + critical * std_error)
    reach = _REACH_OF_DURATIONS * _within(first, second) * np.sqrt(1 / len(first) + 1 / len(second))
    reach = -reach if smaller_is_better else reach
    lower, change, upper, detectable = (float(np.expm1(part) if log else part) for part in (*limits, reach))
    return _judged(change, lower, upper, p, (len(first), len(second)), detectable, left_out,
                   told=not limits[0] <= 0 <= limits[2], lower_is_better=smaller_is_better,
                   style=_relative if log else _plain, noun=noun)  # fmt: skip

def with_open(found: Comparison, parts: Sequence[pd.DataFrame], noun: str = "incidents") -> Comparison:
    """Return a comparison of finished durations with what is still open counted: log-rank has to say the same.

    ``parts`` are the two periods' tables of minutes and finished. A verdict stands if the log-rank test finds a
    difference as well, and in the same direction.
    """
    still = int(sum((~part["finished"]).sum() for part in parts))
    if not still:
        return found
    both, groups = pd.concat(parts, ignore_index=True), np.repeat([0, 1], [len(part) for part in parts])
    test = log_rank(both["minutes"], both["finished"], groups)
    count = f"{still} {noun if still != 1 else noun.removesuffix('s')} still open count{'s' if still == 1 else ''}"
    told = f"{found.sentence} {count} by log-rank: p = {test.p:.2f}."
    faster = len(test.excess) == 2 and test.excess[1] > 0
    if found.verdict == "cannot tell" or (test.p <= ERROR and faster == (found.verdict == "improved")):
        return replace(found, sentence=told)
    said = f"Cannot tell, with what is still open. Of the finished ones alone: {told}"
    return replace(found, verdict="cannot tell", sentence=said)



def _usable(values: npt.ArrayLike, *, log: bool) -> np.ndarray:
    numbers = np.asarray(values, dtype=float)
    numbers = numbers[np.isfinite(numbers)]
    return np.log(numbers[numbers > 0]) if log else numbers


def _welch(rows: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Return, row by row, the mean of what follows the first n values minus theirs, and its standard error."""
    parts = rows[:, :n], rows[:, n:]
    squares = sum(part.var(axis=1, ddof=1) / part.shape[1] for part in parts)
    return parts[1].mean(axis=1) - parts[0].mean(axis=1), np.sqrt(np.maximum(squares, _TINY))


def _reference(pooled: np.ndarray, n: int, seed: int, simulations: int) -> tuple[float, float]:
    """Return p, and how many standard errors it takes for a change to be told."""
    if len(pooled) > MOST_SHUFFLED:
        return _student(pooled, n)
    rng = np.random.default_rng(seed)
    shuffled = _reached(rng.permuted(np.tile(pooled, (simulations, 1)), axis=1), n)
    parts = pooled[:n], pooled[n:]
    drawn = [part[rng.integers(0, len(part), (simulations, len(part)))] - part.mean() for part in parts]
    critical = max(_exceeded(shuffled, BY_SHUFFLES), _exceeded(_reached(np.hstack(drawn), n), BY_BOOTSTRAP))
    as_far = int((shuffled >= _reached(pooled[None, :], n)[0] * _ALMOST).sum())  # a tie counts, in p as in the interval
    return (1 + as_far) / (simulations + 1), float(critical / _ALMOST)


def _reached(rows: np.ndarray, n: int) -> np.ndarray:
    """Return, row by row, by how many standard errors the two parts differ, either way."""
    return np.abs(np.divide(*_welch(rows, n)))


def _exceeded(reached: np.ndarray, level: float) -> float:
    """Return the value that chance exceeds in no more than ``level`` of the simulations, the observed one counted."""
    place = len(reached) - max(int(level * (len(reached) + 1)), 1)
    return float(np.partition(reached, place)[place])


def _student(pooled: np.ndarray, n: int) -> tuple[float, float]:
    """Return the same from Student's t with Welch's degrees of freedom."""
    parts = pooled[:n], pooled[n:]
    squares = np.array([part.var(ddof=1) / len(part) for part in parts])
    freedom = squares.sum() ** 2 / max(sum(squares**2 / (np.array([len(part) for part in parts]) - 1)), _TINY)
    seen = float(np.divide(*_welch(pooled[None, :], n))[0])
    return 2 * float(special.stdtr(freedom, -abs(seen))), float(special.stdtrit(freedom, 1 - BY_SHUFFLES / 2))


def _within(first: np.ndarray, second: np.ndarray) -> float:
    """Return the standard deviation within two groups, pooled."""
    squares = sum(((part - part.mean()) ** 2).sum() for part in (first, second))
    return float(np.sqrt(squares / (len(first) + len(second) - 2)))


def proportion_change(
    k1: int, n1: int, k2: int, n2: int, *, larger_is_better: bool = True, noun: str = "post-mortems"
) -> Comparison:
    """Return whether a share, such as that done in time, changed from k1 of n1 to k2 of n2.

    Interval and p by Agresti & Caffo 2000 (one success and one failure added to each). Over all shares it errs in 3 to
    4.6 % of unchanged pairs, in at most 5.6 % for the worst of them (n from 5 to 100); Newcombe's 1998 in up to 7.7 %.
    """
    if min(n1, n2) < FEWEST:
        return _too_few(n1, n2, noun, 0)
    shares = np.array([(k1 + 1) / (n1 + 2), (k2 + 1) / (n2 + 2)])
    std_error = float(np.sqrt((shares * (1 - shares) / (np.array([n1, n2]) + 2)).sum()))
    shift = float(shares[1] - shares[0])
    lower, upper = max(shift - Z * std_error, -1.0), min(shift + Z * std_error, 1.0)
    p = 2 * float(special.ndtr(-abs(shift) / std_error))
    pooled = (k1 + k2 + 1) / (n1 + n2 + 2)
    reach = min(_REACH * float(np.sqrt(pooled * (1 - pooled) * (1 / n1 + 1 / n2))), 1.0)
    return _judged(k2 / n2 - k1 / n1, lower, upper, p, (n1, n2), reach if larger_is_better else -reach, 0,
                   told=p <= ERROR, lower_is_better=not larger_is_better, style=_points, noun=noun)  # fmt: skip


def rate_change(
    events1: int, time1: float, events2: int, time2: float, *, smaller_is_better: bool = True, noun: str = "incidents"
) -> Comparison:
    """Return whether something happens more or less often: so many in so long, before and after (any unit of time).

    Interval and p are exact (``intervals.rate_ratio``), hence careful: "cannot tell" is right in more than 95 % of
    unchanged pairs.
    """
    if min(time1, time2) <= 0 or events1 + events2 < FEWEST:
        return _too_few(events1, events2, noun, 0, least=f"{FEWEST} in both periods together")
    ratio, lower, upper, p = rate_ratio(events1, time1, events2, time2)
    ratio = float("inf") if ratio is None else ratio
    even = (events1 + events2) / (time1 + time2)
    reach = _REACH * np.sqrt(1 / (even * time1) + 1 / (even * time2))
    detectable = float(np.expm1(-reach if smaller_is_better else reach))
    return _judged(ratio - 1, lower - 1, upper - 1, p, (events1, events2), detectable, 0,
                   told=p <= ERROR, lower_is_better=smaller_is_better, style=_relative, noun=noun)  # fmt: skip


def _too_few(
    before: int, after: int, noun: str, left_out: int, *, least: str = f"{FEWEST} in each period"
) -> Comparison:
    sentence = f"Cannot tell: {before} {noun} before and {after} after are too few; it takes at least {least}."
    return Comparison("cannot tell", None, None, None, None, before, after, None, left_out, sentence)


def _judged(change, lower, upper, p, sizes, detectable, left_out, *, told, lower_is_better, style, noun) -> Comparison:
    """Return the comparison with its verdict and sentence; ``style`` writes a number with its sign and unit."""
    verdict: Verdict = "cannot tell" if not told else "improved" if (change < 0) == lower_is_better else "worse"
    seen = f"{style(change)} (95 % interval {style(lower)} to {style(upper)})"
    numbers = f"{sizes[0]} and {sizes[1]} {noun}"
    if told:
        sentence = f"{verdict.capitalize()}: {seen}, with {numbers}."
    elif not detectable:
        sentence = f"Cannot tell: with {numbers} all values are the same, so there is nothing to measure a change by."
    else:
        kind = "change" if style is _points else "drop" if detectable < 0 else "rise"
        least = f"a {kind} of about {style(detectable).lstrip('−+')}"
        sentence = (
            f"Cannot tell: with {numbers} you would reliably notice only {least}; the observed change is {seen}."
        )
    return Comparison(verdict, change, lower, upper, p, *sizes, abs(detectable), left_out, sentence)


def _signed(number: float, text: str) -> str:
    """Return a text with the number's sign, or without one if it shows nothing but zeros."""
    return text if not text.strip("0. %points") else ("−" if number < 0 else "+") + text


def _relative(number: float) -> str:
    return "+∞" if number == float("inf") else _signed(number, f"{abs(number) * 100:.0f} %")


def _points(number: float) -> str:
    return _signed(number, f"{abs(number) * 100:.0f} points")


def _plain(number: float) -> str:
    return _signed(number, f"{abs(number):.3g}")
