"""Which times can't be true, and which were not measured: each finding names its rule and its rows.

Nothing is corrected. Measures leave out a pair of times that stands in an impossible order; the findings about many
incidents at once (bulk closing, back-filled starts, whole hours) tell a reader what a duration can't mean here.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import pandas as pd

from incident_lib.sources.texts import rows_with
from incident_lib.tables import PROBLEMS

_TIMES = ["started_at", "detected_at", "acknowledged_at", "mitigated_at", "resolved_at"]
_PAIRS = (
    ("started_at", "detected_at"),
    ("started_at", "mitigated_at"),
    ("started_at", "resolved_at"),
    ("detected_at", "acknowledged_at"),
    ("detected_at", "resolved_at"),
    ("acknowledged_at", "resolved_at"),
)
DAY = pd.Timedelta(days=1)
# Tools that keep minutes round seconds away: less than a minute is no contradiction.
ROUNDING = pd.Timedelta(minutes=1)
YEAR_APART, FEW_DAYS = 300 * DAY, 30 * DAY
FEW, MANY, MOST = 10, 30, 0.8
_CLOSED_AT = r'"closed_at": ?"([^"]+)"'


def findings(incidents: pd.DataFrame, timeline: pd.DataFrame) -> pd.DataFrame:
    """Return all findings about the incidents' times as problems that cost nothing ("kept")."""
    incidents = incidents[["incident_id", *_TIMES, "extra", "source"]]  # the wide texts would be copied each time
    looks = (impossible_times, wrong_years, shared_ends, partial(backfilled_starts, timeline=timeline),
             automatic_closing, whole_hours)  # fmt: skip
    with ThreadPoolExecutor(os.cpu_count()) as pool:  # numpy and Arrow let go of the interpreter's lock
        found = [*pool.map(lambda look: look(incidents), looks)]
    return pd.concat([PROBLEMS.frame(), *found], ignore_index=True)


def _problems(rule: str, rows: pd.DataFrame, messages: pd.Series) -> pd.DataFrame:
    content = {"rule": rule, "message": messages, "effect": "kept", "incident_id": rows["incident_id"]}
    return PROBLEMS.conform(pd.DataFrame({**content, "source": rows["source"]}, index=rows.index))


def _about_many(rule: str, message: str, rows: pd.DataFrame) -> pd.DataFrame:
    """Return one problem about many incidents; its place is the first one's."""
    examples = ", ".join(rows["incident_id"].head(3))
    row = {
        "rule": rule,
        "message": f"{message} (among them {examples})",
        "effect": "kept",
        "source": rows["source"].iloc[0],
    }
    return PROBLEMS.frame([row])


def _shown(times: pd.Series) -> pd.Series:
    return times.dt.strftime("%Y-%m-%d %H:%M")


def _times(incidents: pd.DataFrame, name: str) -> np.ndarray:
    """Return a column of times as numbers; pandas takes several times as long to compare times with a zone."""
    return incidents[name].to_numpy("datetime64[us]")


def _where(holds: np.ndarray, incidents: pd.DataFrame) -> pd.DataFrame:
    """Return the rows for which something holds: mostly few or none, so that to pick them costs less than to filter."""
    return incidents.iloc[np.flatnonzero(holds)] if holds.any() else incidents.iloc[:0]


def impossible_times(incidents: pd.DataFrame) -> pd.DataFrame:
    """Return a problem for each pair of times of an incident that stands in an impossible order."""
    parts = [PROBLEMS.frame()]
    for start, end in _PAIRS:
        later = _where(_times(incidents, start) > _times(incidents, end), incidents)
        wrong = later[later[start] - later[end] >= ROUNDING]
        if wrong.empty:
            continue
        message = wrong["incident_id"] + f": {end} (" + _shown(wrong[end]) + f") is before {start} ("
        parts.append(_problems("impossible-order", wrong, message + _shown(wrong[start]) + ")"))
    return pd.concat(parts, ignore_index=True)


def wrong_years(incidents: pd.DataFrame) -> pd.DataFrame:
    """Return a problem for each incident that lasted most of a year, but days if one of its years were another."""
    lasted = _times(incidents, "resolved_at") - _times(incidents, "started_at")
    suspect = _where(np.abs(lasted) >= YEAR_APART.to_timedelta64(), incidents)
    lasted = suspect["resolved_at"] - suspect["started_at"]
    years = (lasted / DAY / 365.25).round()
    suspect = suspect[(lasted - years * 365.25 * DAY).abs() <= FEW_DAYS]
    if suspect.empty:
        return PROBLEMS.frame()
    message = suspect["incident_id"] + ": it would have lasted from " + _shown(suspect["started_at"]) + " to "
    return _problems("wrong-year", suspect, message + _shown(suspect["resolved_at"]) + "; is one of the years right?")


def shared_ends(incidents: pd.DataFrame) -> pd.DataFrame:
    """Return a problem for each moment at which more incidents with different starts end than chance explains.

    In small records that is two to the very second, or three to the minute; in large ones it takes more.
    """
    ends = _times(incidents, "resolved_at")
    stated = ends[~(np.isnat(ends) | np.isnat(_times(incidents, "started_at")))]
    in_order = np.sort(stated.view(np.int64)).view(ends.dtype)  # numbers are sorted three times as fast as times
    seconds, minutes = _surprising(in_order, "s", 2), _surprising(in_order, "m", 3)
    least = min(seconds, minutes) - 1
    moments = np.unique(in_order[least:][in_order[least:] == in_order[:-least]])
    if not len(moments):
        return PROBLEMS.frame()
    several = _where(np.isin(ends, moments), incidents).dropna(subset="started_at")
    by_end = several.groupby("resolved_at").agg(size=("started_at", "size"), starts=("started_at", "nunique"))
    needed = pd.Series(seconds, index=by_end.index).mask(by_end.index.floor("min") == by_end.index, minutes)
    copied = by_end.loc[(by_end["starts"] >= 2) & (by_end["size"] >= needed), "size"]
    parts = [
        _about_many(
            "shared-end",
            f"{count} incidents end at the very same moment, {end:%Y-%m-%d %H:%M:%S} UTC: copied, or closed in bulk?",
            several[several["resolved_at"] == end],
        )
        for end, count in copied.items()
    ]
    return pd.concat([PROBLEMS.frame(), *parts], ignore_index=True)


def _surprising(times: np.ndarray, unit: str, least: int) -> int:
    """Return how many times in one second or minute chance hardly gives: fewer than one case in twenty expected.

    With n times spread evenly, n·rᵏ⁻¹/(k−1)! moments with k of them are expected, where r is n per unit (Poisson).
    ``times`` are in order.
    """
    rate = len(times) / max((times[-1] - times[0]) / np.timedelta64(1, unit), 1.0) if len(times) > 1 else 0.0
    count, expected = 2, len(times) * rate
    while expected >= 0.05 or count < least:
        expected *= rate / count
        count += 1
    return count


def backfilled_starts(incidents: pd.DataFrame, timeline: pd.DataFrame) -> pd.DataFrame:
    """Return a problem if nearly all incidents with public updates begin with the first of them.

    Then the start is when somebody wrote of it, and the time to detection can't be measured.
    """
    updates = timeline[timeline["kind"] == "status"]
    if updates.empty:
        return PROBLEMS.frame()
    first = updates.groupby("incident_id")["at"].min()
    told = incidents.assign(first=first.reindex(incidents["incident_id"]).array).dropna(subset=["first", "started_at"])
    same = told[told["first"] == told["started_at"]]
    if len(told) < FEW or len(same) < MOST * len(told):
        return PROBLEMS.frame()
    message = (
        f"in {len(same)} of {len(told)} incidents with public updates the start is the first update: "
        "the time to detection can't be measured from them"
    )
    return _about_many("backfilled-start", message, same)


def automatic_closing(incidents: pd.DataFrame) -> pd.DataFrame:
    """Return a problem if many incidents were closed the same whole number of days after their resolution: a timer.

    ``closed_at`` is read from the fields that the source had beside ours.
    """
    # without its first quote, which every field has: Arrow is quick where a pattern begins with something rare
    stated = incidents["extra"].iloc[rows_with(incidents["extra"], _CLOSED_AT[1:])]
    if stated.empty:
        return PROBLEMS.frame()
    stated = stated.str.extract(_CLOSED_AT)[0]
    closed = pd.to_datetime(stated, utc=True, errors="coerce", format="ISO8601")
    days = ((closed - incidents["resolved_at"]) / DAY).dropna()
    whole = days[(days >= 1) & (days % 1 == 0)]
    if whole.empty:
        return PROBLEMS.frame()
    usual = whole.mode().iloc[0]
    rows = incidents.loc[whole.index[whole == usual]]
    if len(rows) < FEW or len(rows) < 0.2 * len(days):
        return PROBLEMS.frame()
    message = (
        f"{len(rows)} of {len(days)} incidents were closed exactly {usual:.0f} days after their resolution: "
        "a timer, not work"
    )
    return _about_many("automatic-closing", message, rows)


def whole_hours(incidents: pd.DataFrame) -> pd.DataFrame:
    """Return a problem if far more incidents begin on the full hour than the one in sixty that chance gives."""
    starts = _times(incidents, "started_at")
    full = starts == starts.astype("datetime64[h]")
    known, on_hour = len(starts) - int(np.isnat(starts).sum()), int(full.sum())
    if known < MANY or on_hour < max(FEW, 0.2 * known):
        return PROBLEMS.frame()
    message = (
        f"{on_hour} of {known} incidents ({on_hour / known:.0%}) begin on the full hour: rounded, so that short "
        "durations mean little"
    )
    return _about_many("whole-hours", message, incidents[full])
