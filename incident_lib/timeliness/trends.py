"""Is it getting better: two periods compared, with "cannot tell" as an answer and what they could have shown."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from incident_lib.periods import Period
from incident_lib.records import Records
from incident_lib.statistics.comparison import ERROR, FEWEST, Comparison, proportion_change
from incident_lib.statistics.intervals import Z
from incident_lib.statistics.survival import log_rank
from incident_lib.timeliness.action_items import action_item_states, item_times
from incident_lib.timeliness.states import JUDGED, completion_times, postmortem_states

REACH = 2.8015852  # 1.96 + 0.84: seen at 5 %, with 80 % probability
WINDOW = 180


class Pace(NamedTuple):
    """How many times as fast things finish, with its 95 % interval, and the logarithm's information."""

    ratio: float
    lower: float
    upper: float
    information: float


def two_periods(records: Records, period: Period | None) -> tuple[Period, Period]:
    """Return the period before and the period: the given one, or the last 180 days whose deadlines can have passed."""
    if period is None:
        last = (records.as_of.tz_convert(records.settings.workbook.tz) - pd.Timedelta(days=1)).date()
        first = last - pd.Timedelta(days=WINDOW - 1).to_pytimedelta()
        period = Period(f"{first}..{last}", first, last)
    return period.before(), period


def trend(records: Records, period: Period | None = None) -> pd.DataFrame:
    """Return what changed from one period to the next: question, before, after, verdict, sentence.

    Post-mortems belong to the period in which their clock started, action items to that of their creation. ``before``
    and ``after`` are how many each was judged by.

    >>> inc.trend(records)["verdict"].unique().tolist()
    ['cannot tell']
    """
    periods = two_periods(records, period)
    rows = [*_postmortem_rows(records, periods), *_item_rows(records, periods)]
    return pd.DataFrame([
        {"question": question, "before": one.n_before, "after": one.n_after, "verdict": one.verdict,
         "sentence": one.sentence}
        for question, one in rows
    ])  # fmt: skip


def _postmortem_rows(records: Records, periods: tuple[Period, Period]) -> list[tuple[str, Comparison]]:
    states, zone = postmortem_states(records), records.settings.workbook.tz
    parts = [states[period.contains(states["start_at"], zone)] for period in periods]
    if not states["has_page"].any():
        parts = [part.head(0) for part in parts]
    times = [completion_times(part, records.as_of) for part in parts]
    return [
        ("complete by the deadline", _share([part["state"] for part in parts], "post-mortems")),
        ("pace of completion", pace_change(*times, noun="post-mortems")),
    ]


def _item_rows(records: Records, periods: tuple[Period, Period]) -> list[tuple[str, Comparison]]:
    items, zone = action_item_states(records), records.settings.workbook.tz
    created = items["created_on"].dt.tz_localize(zone, nonexistent="shift_forward", ambiguous=True)
    parts = [items[period.contains(created, zone)] for period in periods]
    times = [item_times(part, records.as_of, zone) for part in parts]
    times = [part[part["cause"] != 2].assign(finished=part["cause"] == 1) for part in times]
    return [
        ("action items done by their day", _share([part["state"] for part in parts], "action items")),
        ("pace of action items", pace_change(*times, noun="action items")),
    ]


def _share(states: list[pd.Series], noun: str) -> Comparison:
    """Return how the share in time changed, of those whose day has come."""
    counts = [(int((part == "on time").sum()), int(part.isin(JUDGED).sum())) for part in states]
    return proportion_change(*counts[0], *counts[1], noun=noun)


def pace(durations: np.ndarray, finished: np.ndarray, later: np.ndarray) -> Pace:
    """Return how many times as fast the later ones finish, open ones counted.

    Peto's one-step hazard ratio from the log-rank test: exp((O − E) / V), interval exp((O − E ± 1.96 √V) / V)
    (Yusuf et al. 1985). NaN without a time at which both could have finished.
    """
    moments = np.unique(durations[finished])
    at_risk = (durations[None, :] >= moments[:, None]).sum(axis=1)
    later_risk = (durations[None, later] >= moments[:, None]).sum(axis=1)
    ended = (durations[None, finished] == moments[:, None]).sum(axis=1)
    share = later_risk / np.maximum(at_risk, 1)
    expected = (ended * share).sum()
    variance = (ended * share * (1 - share) * (at_risk - ended) / np.maximum(at_risk - 1, 1)).sum()
    if variance <= 0:
        return Pace(*[float("nan")] * 4)
    excess = finished[later].sum() - expected
    limits = (excess, excess - Z * np.sqrt(variance), excess + Z * np.sqrt(variance))
    return Pace(*(float(np.exp(one / variance)) for one in limits), float(variance))


def pace_change(before: pd.DataFrame, after: pd.DataFrame, *, noun: str) -> Comparison:
    """Return whether things finish faster or slower than before, counting those still open (log-rank test).

    ``before`` and ``after`` have days and finished. Detectable: how many times as fast they would have to finish to be
    noticed with 80 % probability, exp(2.8 / √V) (Schoenfeld 1981).
    """
    both = pd.concat([before.assign(later=False), after.assign(later=True)], ignore_index=True)
    days, finished, later = (both[name].to_numpy(dtype=kind) for name, kind in
                             (("days", float), ("finished", bool), ("later", bool)))  # fmt: skip
    sizes = len(before), len(after)
    if min(sizes) < FEWEST or not finished.any() or np.isnan((found := pace(days, finished, later)).ratio):
        few = f"Cannot tell: {sizes[0]} {noun} before and {sizes[1]} after are too few"
        sentence = f"{few}; it takes at least {FEWEST} in each period, some of them finished."
        return Comparison("cannot tell", None, None, None, None, *sizes, None, 0, sentence)
    p, reach = log_rank(days, finished, later).p, float(np.exp(REACH / np.sqrt(found.information)))
    seen = f"{found.ratio:.2f} times as fast (95 % interval {found.lower:.2f} to {found.upper:.2f})"
    numbers = f"{sizes[0]} and {sizes[1]} {noun}"
    verdict = "cannot tell" if p > ERROR else "improved" if found.ratio > 1 else "worse"
    if verdict == "cannot tell":
        least = f"you would reliably notice only a pace of about {reach:.1f} times as fast"
        sentence = f"Cannot tell: with {numbers} {least}; the observed one is {seen}."
    else:
        sentence = f"{verdict.capitalize()}: {seen}, with {numbers}."
    return Comparison(verdict, found.ratio - 1, found.lower - 1, found.upper - 1, p, *sizes, reach - 1, 0, sentence)


def trend_sentence(records: Records, period: Period | None = None) -> str:
    """Return which two periods ``trend`` compares.

    >>> print(inc.trend_sentence(records))
    Compared: 2026-04-03 to 2026-09-29 with 2025-10-05 to 2026-04-02 before it.
    """
    before, after = two_periods(records, period)
    return f"Compared: {_named(after)} with {_named(before)} before it."


def _named(period: Period) -> str:
    return f"{period.first} to {period.last}"
