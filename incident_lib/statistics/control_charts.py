"""Process behaviour charts: does a series of values in time order vary as it always does, or did something happen?

An XmR chart (individual values and moving ranges; Shewhart, Wheeler) asks that the values come from one system, were
measured alike, and stand in time order. Durations belong on a log scale: on a raw one, 24 ordinary lognormal durations
give at least one false signal in 83 % of charts.

Two rules, chosen by simulation so that a chart of 24 points with nothing to see gives a false signal in 6.8 % of cases
(at most 8 % was the aim): a point outside the limits (alone 5.9 %), and nine in a row on one side of the centre (Nelson
1984). Eight in a row would make it 8.6 %, three of four near a limit 10.8 % with both. No rules are applied to the
moving ranges: neighbours share a value, and their limit alone is passed in 14 %. By number of points, false signals:
12: 2.7 %, 24: 6.8 %, 36: 11.4 %, 48: 15.8 %.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pandas as pd

VALUE_FACTOR = 2.66  # 3 / d₂, with d₂ = 1.128 the mean range of two normal values in standard deviations
RANGE_FACTOR = 3.267  # D₄ for ranges of two
RUN = 9
ENOUGH = 20
OUTSIDE = "outside the limits"
ONE_SIDE = f"{RUN} in a row on one side"


@dataclass(frozen=True)
class XmR:
    """A chart's lines, in the unit of the values, and its signals.

    ``moving_ranges`` holds of each value its distance from the one before (NaN for the first); on a log scale that is a
    factor, as is ``range_limit``. ``signals`` has one row per rule and point: rule, index (the point's place in the
    values, from 0). ``note`` says how uncertain the limits are where there are few points; empty otherwise. With fewer
    than two usable values the limits are NaN.
    """

    centre: float
    lower: float
    upper: float
    moving_ranges: np.ndarray = field(repr=False)
    range_limit: float
    signals: pd.DataFrame = field(repr=False)
    n: int
    left_out: int
    note: str


def xmr(values: npt.ArrayLike, *, log: bool) -> XmR:
    """Return the chart of values in time order: limits mean ± 2.66 times the mean moving range.

    With ``log`` (for durations) all is computed on logarithms and given back in the values' unit; values of zero or
    less have none, and are left out and counted, as missing ones are.
    """
    numbers = np.asarray(values, dtype=float)
    usable = np.isfinite(numbers) & ((numbers > 0) | (not log))
    points = np.log(numbers[usable]) if log else numbers[usable]
    ranges = np.abs(np.diff(points))
    centre = float(points.mean()) if len(points) else float("nan")
    reach = float(ranges.mean()) if len(ranges) else float("nan")
    lines = np.array([centre, centre - VALUE_FACTOR * reach, centre + VALUE_FACTOR * reach, RANGE_FACTOR * reach])
    moving = np.full(len(numbers), np.nan)
    moving[np.flatnonzero(usable)[1:]] = ranges
    shown = np.exp if log else np.array
    middle, lower, upper, limit = (float(line) for line in shown(lines))
    signals = _signals(points, lines, np.flatnonzero(usable))
    return XmR(middle, lower, upper, shown(moving), limit, signals, len(points), len(numbers) - len(points),
               _uncertainty(len(points)))  # fmt: skip


def _signals(points: np.ndarray, lines: np.ndarray, places: np.ndarray) -> pd.DataFrame:
    """Return which points break which rule."""
    centre, lower, upper = lines[:3]
    slack = 1e-9 * max(float(np.abs(points).max(initial=0.0)), 1.0)  # values that are all alike break no rule
    outside = places[(points < lower - slack) | (points > upper + slack)]
    one_side = places[_in_a_run(np.where(np.abs(points - centre) <= slack, 0, np.sign(points - centre)))]
    rules = [OUTSIDE] * len(outside) + [ONE_SIDE] * len(one_side)
    return pd.DataFrame({"rule": pd.Series(rules, dtype="str"), "index": np.concatenate([outside, one_side])})


def _in_a_run(sides: np.ndarray) -> np.ndarray:
    """Return which points belong to at least nine neighbours on the same side; on the centre line is on no side."""
    begins = np.flatnonzero(np.diff(sides, prepend=np.nan) != 0)
    lengths = np.diff(np.append(begins, len(sides)))
    return np.repeat(lengths >= RUN, lengths) & (sides != 0)


def _uncertainty(n: int) -> str:
    """Return what to say of limits from few points.

    The mean of n − 1 overlapping moving ranges has a relative standard error of about 0.91 / √(n − 1) (Cryer & Ryan
    1990); twice that is where the limits might as well be.
    """
    if n < 2:
        return "Limits need at least 2 points."
    if n >= ENOUGH:
        return ""
    percent = min(round(200 * 0.91 / np.sqrt(n - 1)), 100)
    return f"With {n} points the limits are provisional: their distance from the centre may be off by {percent} %."
