"""Which times can't be true."""

from __future__ import annotations

import pandas as pd

from incident_lib.tables import PROBLEMS

IN_ORDER = ("started_at", "detected_at", "acknowledged_at", "mitigated_at", "resolved_at")
_PAIRS = (
    ("started_at", "detected_at"),
    ("started_at", "mitigated_at"),
    ("started_at", "resolved_at"),
    ("detected_at", "acknowledged_at"),
    ("detected_at", "resolved_at"),
    ("acknowledged_at", "resolved_at"),
)


def impossible_times(incidents: pd.DataFrame) -> pd.DataFrame:
    """Return a problem for each pair of times of an incident that stands in an impossible order.

    The incident stays; measures between such a pair leave it out and say so.
    """
    found = [_out_of_order(incidents, start, end) for start, end in _PAIRS]
    return pd.concat([PROBLEMS.frame(), *found], ignore_index=True)


def _out_of_order(incidents: pd.DataFrame, start: str, end: str) -> pd.DataFrame:
    wrong = incidents[incidents[end] < incidents[start]]
    times = {name: wrong[name].dt.strftime("%Y-%m-%d %H:%M") for name in (start, end)}
    message = wrong["incident_id"] + f": {end} (" + times[end] + f") is before {start} (" + times[start] + ")"
    rows = {"rule": "impossible-order", "message": message, "effect": "kept", "incident_id": wrong["incident_id"]}
    return PROBLEMS.conform(pd.DataFrame({**rows, "source": wrong["source"]}, index=wrong.index))
