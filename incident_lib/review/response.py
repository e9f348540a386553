"""How the response went: durations between named points, the open ones kept, the impossible ones set aside."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import pandas as pd

from incident_lib.column_texts import split_names
from incident_lib.errors import SettingsError
from incident_lib.records import Records, unknown
from incident_lib.settings import WEEKDAYS
from incident_lib.statistics.intervals import median_interval
from incident_lib.statistics.survival import kaplan_meier, median

FEW = "too few to say"
_DOUBTFUL = {"impossible-order", "wrong-year"}
_ABOUT_MANY = {"shared-end", "shared-ends", "backfilled-start", "automatic-closing", "whole-hours"}
_PARTS_OF_DAY = {0: "00 to 06", 1: "06 to 12", 2: "12 to 18", 3: "18 to 24"}
GROUPS = {
    "severity": "severity",
    "customers": "customer",
    "services": "service",
    "weekday": "day of detection",
    "hour": "time of day of detection",
}


@dataclass(frozen=True)
class Measure:
    """A duration, named by its two end points."""

    name: str
    start: str
    end: str


TIME_TO_DETECT = Measure("impact began → detected", "started_at", "detected_at")
TIME_TO_ACKNOWLEDGE = Measure("detected → acknowledged", "detected_at", "acknowledged_at")
TIME_TO_TELL = Measure("detected → customers told", "detected_at", "told_at")
TIME_TO_MITIGATE = Measure("impact began → impact stopped", "started_at", "mitigated_at")
TIME_TO_RESOLVE = Measure("detected → resolved", "detected_at", "resolved_at")
WHOLE = Measure("impact began → resolved", "started_at", "resolved_at")
MEASURES = (TIME_TO_DETECT, TIME_TO_ACKNOWLEDGE, TIME_TO_TELL, TIME_TO_MITIGATE, TIME_TO_RESOLVE, WHOLE)


def measure(name: str) -> Measure:
    """Return the measure of this name.

    Raises:
        SettingsError: for an unknown one, with the nearest known.

    >>> inc.measure("detected → resolved").end
    'resolved_at'
    """
    found = {one.name: one for one in MEASURES}
    if name not in found:
        raise SettingsError(unknown(name, list(found), "measure"))
    return found[name]


def main_measure(incidents: pd.DataFrame) -> Measure:
    """Return the measure of the whole incident that the records can fill: from the impact, else from detection, on.

    >>> inc.main_measure(records.incidents).name
    'impact began → resolved'
    """
    known = incidents["started_at"].notna().sum() * 2 >= incidents["detected_at"].notna().sum()
    return WHOLE if known else TIME_TO_RESOLVE


def for_measuring(records: Records, incidents: pd.DataFrame) -> pd.DataFrame:
    """Return incidents with ``told_at`` (the first update that customers saw), ``doubted`` (by forensics), and when
    they were detected on the workbook's clock: ``weekday`` and ``hour`` (a quarter of the day).

    >>> inc.for_measuring(records, records.incidents).columns.tolist()[-4:]
    ['told_at', 'doubted', 'weekday', 'hour']
    """
    updates = records.timeline[records.timeline["kind"] == "status"].groupby("incident_id")["at"].min()
    problems = records.problems
    doubted = problems.loc[problems["rule"].isin(_DOUBTFUL), "incident_id"]
    local = incidents["detected_at"].fillna(incidents["first_seen_at"]).dt.tz_convert(records.settings.workbook.tz)
    return incidents.assign(
        told_at=updates.reindex(incidents["incident_id"]).set_axis(incidents.index),
        doubted=incidents["incident_id"].isin(doubted),
        weekday=pd.Categorical(local.dt.day_of_week.map(dict(enumerate(WEEKDAYS))), WEEKDAYS, ordered=True),
        hour=(local.dt.hour // 6).map(_PARTS_OF_DAY).astype("str"),
    )


def durations(incidents: pd.DataFrame, measure: Measure, *, as_of: pd.Timestamp) -> pd.DataFrame:
    """Return one row per incident that reached the measure's start: incident_id, severity, minutes, finished, believed.

    ``minutes`` is a float. An incident that has not reached the end is kept, with the minutes so far and ``finished``
    False; leaving it out would flatter the figures. Where the incident is over but the end was never recorded, the
    duration is unknown, not running: such a row is left out. ``believed`` is False where the end is before the start,
    or where ``incidents`` has a column ``doubted`` (``for_measuring``) that says so.
    """
    over = incidents["resolved_at"] <= as_of
    ends = (
        incidents[measure.end]
        if measure.end in incidents
        else pd.Series(pd.NaT, index=incidents.index).dt.tz_localize("UTC")
    )
    begun = incidents[(incidents[measure.start] <= as_of) & ~(over & ends.isna())]
    ends = ends[begun.index]
    finished = ends <= as_of
    minutes = (ends.where(finished, as_of) - begun[measure.start]) / pd.Timedelta(minutes=1)
    doubted = begun.get("doubted", False)
    columns = [
        "incident_id",
        "severity",
        "title",
        *(name for name in (*GROUPS, "began_at") if name in begun and name != "severity"),
    ]
    return (
        begun[columns]
        .assign(minutes=minutes, finished=finished, believed=(minutes >= 0) & ~doubted)
        .reset_index(drop=True)
    )


def duration_summary(
    incidents: pd.DataFrame, *, as_of: pd.Timestamp, measures: Iterable[Measure] = MEASURES
) -> pd.DataFrame:
    """Return per measure: n, open, left_out (impossible), unknown (no end recorded), median, lower, upper, longest.

    Minutes. ``n`` counts finished and open durations. The median has an exact interval where all are finished, else it
    is Kaplan and Meier's, which counts the open ones; it is missing where fewer than half have finished.

    >>> incidents = inc.for_measuring(records, records.incidents)
    >>> inc.duration_summary(incidents, as_of=records.as_of)["measure"].tolist()[:2]
    ['impact began → detected', 'detected → acknowledged']
    """
    rows = []
    for one in measures:
        part = durations(incidents, one, as_of=as_of)
        rows.append({"measure": one.name, **_summary(part), "unknown": len(incidents) - len(part)})
    return pd.DataFrame(
        rows, columns=["measure", "n", "open", "left_out", "unknown", "median", "lower", "upper", "longest"]
    )


def _summary(part: pd.DataFrame) -> dict[str, float]:
    good = part[part["believed"]]
    value, lower, upper = honest_median(good["minutes"], good["finished"])
    return {
        "n": len(good),
        "open": int((~good["finished"]).sum()),
        "left_out": len(part) - len(good),
        "median": value,
        "lower": lower,
        "upper": upper,
        "longest": good["minutes"].max(),
    }


def honest_median(values: pd.Series, finished: pd.Series) -> tuple[float, float, float]:
    """Return the median, with its 95 % interval, of durations some of which may be running; NaN where not reached."""
    if finished.all():
        found = tuple(median_interval(values))
    else:
        estimate = median(kaplan_meier(values.to_numpy(), finished.to_numpy()))
        found = (estimate.value, estimate.lower, estimate.upper)
    return tuple(float("nan") if one is None else float(one) for one in found)  # type: ignore[return-value]


def duration_texts(summary: pd.DataFrame) -> pd.DataFrame:
    """Return a summary for reading, with typical ("42 min (31 min to 1 h 06 min)") and longest as texts.

    >>> incidents = inc.for_measuring(records, records.incidents)
    >>> inc.duration_texts(inc.duration_summary(incidents, as_of=records.as_of))["typical"].iloc[1]
    '4 min (4 min to 5 min)'
    """
    typical = [_typical(row.median, row.lower, row.upper, row.n) for row in summary.itertuples()]
    return summary.assign(
        typical=pd.Series(typical, index=summary.index, dtype="str"),
        longest=summary["longest"].map(span_text, na_action="ignore").astype("str"),
    )


def _typical(value: float, lower: float, upper: float, n: int) -> str | None:
    if not n:
        return None
    if pd.isna(value):
        return "not reached by half"
    if pd.isna(lower) and pd.isna(upper):
        return f"{span_text(value)} (too few for an interval)"
    ends = ["?" if pd.isna(lower) else span_text(lower), "not reached" if pd.isna(upper) else span_text(upper)]
    return f"{span_text(value)} ({ends[0]} to {ends[1]})"


def span_text(minutes: float) -> str:
    """Return a duration in two units at most: 42 min, 1 h 37 min, 3 d 4 h."""
    whole = round(minutes)
    if whole < 60:
        return f"{whole} min"
    if whole < 1440:
        return f"{whole // 60} h {whole % 60:02} min"
    return f"{whole // 1440:,} d {whole % 1440 // 60} h"


def by_groups(incidents: pd.DataFrame, one: Measure, *, as_of: pd.Timestamp, small_group: int) -> pd.DataFrame:
    """Return a measure by severity, customer, service, day and time of day: by, group, and as ``duration_summary``.

    An incident of two customers counts for each. Groups under ``small_group`` have only their n: of so few a median
    says nothing, and it would say it of somebody.

    >>> incidents = inc.for_measuring(records, records.incidents)
    >>> one = inc.main_measure(incidents)
    >>> inc.by_groups(incidents, one, as_of=records.as_of, small_group=5)["by"].unique().tolist()
    ['severity', 'customer', 'service', 'day of detection', 'time of day of detection']
    """
    table = durations(incidents, one, as_of=as_of)
    rows = []
    for column, what in GROUPS.items():
        each = _each(table, column) if column in table else table.head(0)
        for group, part in each.groupby(column, observed=True) if column in table else ():
            rows.append({"by": what, "group": str(group), **_summary(part)})
    summary = pd.DataFrame(
        rows, columns=["by", "group", "n", "open", "left_out", "median", "lower", "upper", "longest"]
    )
    shown = duration_texts(summary)
    few = shown["n"] < small_group
    return shown.assign(typical=shown["typical"].mask(few, FEW), longest=shown["longest"].mask(few)).drop(
        columns=["median", "lower", "upper"]
    )


def _each(table: pd.DataFrame, column: str) -> pd.DataFrame:
    if column not in ("customers", "services"):
        return table[table[column].notna()]
    listed = table.assign(**{column: table[column].map(split_names)}).explode(column)
    return listed[listed[column].notna()]


def doubts(records: Records, incidents: pd.DataFrame) -> list[str]:
    """Return, in sentences, which durations of these incidents forensics has taken out, and which times it doubts.

    >>> inc.doubts(records, records.incidents)[0]
    "Taken out of all durations, since their times can't be true: INC-2025-073."
    """
    problems = records.problems
    own = problems["incident_id"].isin(incidents["incident_id"])
    out = problems[own & problems["rule"].isin(_DOUBTFUL)]
    names = sorted(out["incident_id"].unique())
    sentences = []
    if names:
        listed = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
        sentences.append(f"Taken out of all durations, since their times can't be true: {listed}.")
    else:
        sentences.append("No duration had to be taken out: all times stand in a possible order.")
    warned = problems.loc[problems["rule"].isin(_ABOUT_MANY), "message"]
    return sentences + [f"Read durations with this in mind: {message}." for message in warned]


def response_account(
    records: Records, incidents: pd.DataFrame, changes: dict[str, list[str]], hand_overs: dict[str, int]
) -> pd.DataFrame:
    """Return, per major incident: escalations, severity changes in words, hand-offs, updates, minutes until the first.

    ``changes`` and ``hand_overs`` hold, by incident id, what ``severity_time`` and ``responders`` found.

    >>> one = records.where(incident_id="INC-2026-042")
    >>> changes = inc.changes_of(one, one.incidents)
    >>> inc.response_account(one, one.incidents, changes, {})["updates"].tolist()
    [4]
    """
    major = incidents[incidents["severity"].isin(records.settings.severities.major)]
    events = records.timeline[records.timeline["incident_id"].isin(major["incident_id"])]
    counts = pd.crosstab(events["incident_id"], events["kind"]).reindex(major["incident_id"], fill_value=0)
    nothing = pd.Series(0, index=counts.index)
    told = for_measuring(records, major)
    return pd.DataFrame(
        {
            "incident_id": major["incident_id"].to_numpy(),
            "severity": major["severity"].to_numpy(),
            "escalations": counts.get("escalated", nothing).to_numpy(),
            "changes": [", ".join(changes.get(name, [])) or None for name in major["incident_id"]],
            "hand_offs": [hand_overs.get(name, 0) for name in major["incident_id"]],
            "updates": counts.get("status", nothing).to_numpy(),
            "told": ((told["told_at"] - told["detected_at"]) / pd.Timedelta(minutes=1)).to_numpy(),
        }
    )
