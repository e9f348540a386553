"""How the response went: durations between named points, the open ones kept, the impossible ones set aside."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from incident_lib.errors import SettingsError
from incident_lib.records import unknown
from incident_lib.survival import kaplan_meier, median


@dataclass(frozen=True)
class Measure:
    """A duration, named by its two end points."""

    name: str
    start: str
    end: str


TIME_TO_DETECT = Measure("impact began → detected", "started_at", "detected_at")
TIME_TO_ACKNOWLEDGE = Measure("detected → acknowledged", "detected_at", "acknowledged_at")
TIME_TO_MITIGATE = Measure("impact began → impact stopped", "started_at", "mitigated_at")
TIME_TO_RESOLVE = Measure("detected → resolved", "detected_at", "resolved_at")
WHOLE = Measure("impact began → resolved", "started_at", "resolved_at")
MEASURES = (TIME_TO_DETECT, TIME_TO_ACKNOWLEDGE, TIME_TO_MITIGATE, TIME_TO_RESOLVE, WHOLE)


def measure(name: str) -> Measure:
    """Return the measure of this name.

    Raises:
        SettingsError: for an unknown one, with the nearest known.
    """
    found = {one.name: one for one in MEASURES}
    if name not in found:
        raise SettingsError(unknown(name, list(found), "measure"))
    return found[name]


def durations(incidents: pd.DataFrame, measure: Measure, *, as_of: pd.Timestamp) -> pd.DataFrame:
    """Return one row per incident that reached the measure's start: incident_id, severity, minutes, finished, believed.

    ``minutes`` is a float. An incident that has not reached the end is kept, with the minutes so far and ``finished``
    False; leaving it out would flatter the figures. Where the incident is over but the end was never recorded, the
    duration is unknown, not running: such a row is left out. ``believed`` is False where the end is before the start.
    """
    over = incidents["resolved_at"] <= as_of
    begun = incidents[(incidents[measure.start] <= as_of) & ~(over & incidents[measure.end].isna())]
    finished = begun[measure.end] <= as_of
    minutes = (begun[measure.end].where(finished, as_of) - begun[measure.start]) / pd.Timedelta(minutes=1)
    table = begun[["incident_id", "severity", "title"]]
    return table.assign(minutes=minutes, finished=finished, believed=minutes >= 0).reset_index(drop=True)


def duration_summary(incidents: pd.DataFrame, *, as_of: pd.Timestamp, by: str = "severity") -> pd.DataFrame:
    """Return per measure and group: n, open, left_out (impossible order), unknown, median and longest in minutes.

    ``n`` counts finished and open durations. The median is the usual one where all are finished, else Kaplan and
    Meier's, which counts the open ones; it is missing where fewer than half have finished.
    """
    rows = [
        {
            "measure": measure.name,
            by: group,
            **_summary(part),
            "unknown": int((incidents[by] == group).sum()) - len(part),
        }
        for measure in MEASURES
        for group, part in durations(incidents, measure, as_of=as_of).groupby(by, observed=True)
    ]
    return pd.DataFrame(rows, columns=["measure", by, "n", "open", "left_out", "unknown", "median", "longest"])


def _summary(part: pd.DataFrame) -> dict[str, float]:
    good = part[part["believed"]]
    return {
        "n": len(good),
        "open": int((~good["finished"]).sum()),
        "left_out": len(part) - len(good),
        "median": honest_median(good["minutes"], good["finished"]),
        "longest": good["minutes"].max(),
    }


def honest_median(values: pd.Series, finished: pd.Series) -> float:
    """Return the median of durations of which some may be running still; NaN where it is not reached."""
    if finished.all():
        return float(values.median())
    found = median(kaplan_meier(values.to_numpy(), finished.to_numpy())).value
    return float("nan") if found is None else float(found)
