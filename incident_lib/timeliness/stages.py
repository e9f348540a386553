"""Where the time goes: each stage of a post-mortem as a duration of its own, with those still in it counted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from incident_lib.records import Records
from incident_lib.statistics.survival import aalen_johansen, kaplan_meier, median, restricted_mean
from incident_lib.timeliness.groups import short
from incident_lib.timeliness.states import DAY

_RANK = {"draft": 0, "in review": 1, "reviewed": 2, "closed": 3}
HORIZON = 30


@dataclass(frozen=True)
class Stage:
    """A stretch between two times of a page; ``rank`` is the page status by which it is surely over."""

    name: str
    start: str
    end: str
    rank: int


STAGES = (
    Stage("until the page is there", "start_at", "created_at", 0),
    Stage("until an owner is named", "start_at", "assigned_at", 1),
    Stage("until the meeting", "start_at", "meeting_at", 2),
    Stage("the draft", "assigned_at", "completed_at", 1),
    Stage("in review", "completed_at", "reviewed_at", 2),
    Stage("from review to close", "reviewed_at", "closed_at", 3),
)


def stage_times(records: Records, states: pd.DataFrame) -> pd.DataFrame:
    """Return one row per stage that a post-mortem began: incident_id, stage, days (float), finished, known.

    ``known`` is False where the stage is over by the page's status but the records don't say since when: missing data,
    which must not count as still running. Post-mortems that are not needed, and incidents not resolved, are left out.

    >>> states = inc.postmortem_states(records)
    >>> inc.stage_times(records, states).columns.tolist()
    ['incident_id', 'stage', 'days', 'finished', 'known']
    """
    pages = records.postmortems.drop_duplicates("incident_id").set_index("incident_id")
    begun = states[states["start_at"].notna() & (states["state"] != "not needed")].set_index("incident_id")
    times = ["created_at", "assigned_at", "meeting_at", "completed_at", "reviewed_at", "closed_at"]
    table = begun[["start_at"]].join(pages[["status", *times]])
    parts = [_one_stage(table, stage, records.as_of) for stage in STAGES]
    return pd.concat(parts, ignore_index=True)


def _one_stage(table: pd.DataFrame, stage: Stage, as_of: pd.Timestamp) -> pd.DataFrame:
    rows = table[table[stage.start].notna()]
    finished = rows[stage.end] <= as_of
    over = rows["status"].map(_RANK).astype("float64") >= stage.rank
    days = (rows[stage.end].where(finished, as_of) - rows[stage.start]) / DAY
    return pd.DataFrame({
        "incident_id": rows.index, "stage": stage.name, "days": days.clip(lower=0).to_numpy(),
        "finished": finished.to_numpy(), "known": (finished | ~over).to_numpy(),
    })  # fmt: skip


def stage_curves_table(times: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return the Kaplan–Meier curve of each stage by its name, in the order of the process.

    >>> states = inc.postmortem_states(records)
    >>> list(inc.stage_curves_table(inc.stage_times(records, states)))[:2]
    ['until the page is there', 'until an owner is named']
    """
    known = times[times["known"]]
    return {stage.name: kaplan_meier(part["days"], part["finished"]) for stage in STAGES
            if len(part := known[known["stage"] == stage.name])}  # fmt: skip


def stage_table(times: pd.DataFrame) -> pd.DataFrame:
    """Return per stage: begun, done, in it now, no date, typical days with interval, and mean days of the first 30.

    >>> states = inc.postmortem_states(records)
    >>> inc.stage_table(inc.stage_times(records, states))["stage"].tolist()[:2]
    ['until the page is there', 'until an owner is named']
    """
    rows = []
    for stage in STAGES:
        part = times[times["stage"] == stage.name]
        known = part[part["known"]]
        curve = kaplan_meier(known["days"], known["finished"])
        rows.append({
            "stage": stage.name, "counted": len(known), "done": int(known["finished"].sum()),
            "running": int((~known["finished"]).sum()), "no_date": int((~part["known"]).sum()),
            "typical": short(median(curve)) if len(known) else None,
            "mean_days": restricted_mean(curve, HORIZON).value if len(known) else None,
        })  # fmt: skip
    return pd.DataFrame(rows)


def fates(states: pd.DataFrame, as_of: pd.Timestamp, days: tuple[int, ...] = (7, 14, 30, 90)) -> pd.DataFrame:
    """Return share_complete, share_not_needed and share_open by each day after the start, and how many were at risk.

    Two ways to end compete, so this is Aalen and Johansen's estimate: to take "not needed" for "still open" would
    promise its completion. The day on which one was declared not needed is the latest that it can have been.

    >>> inc.fates(inc.postmortem_states(records), records.as_of)["day"].tolist()
    [7, 14, 30, 90]
    """
    used = states[states["start_at"].notna() & ~states["state"].isin(["no date", "not resolved"])]
    ended = used["completed_at"].fillna(used["not_needed_at"])
    cause = np.where(used["completed_at"].notna(), 1, np.where(used["not_needed_at"].notna(), 2, 0))
    lasted = ((ended.fillna(as_of) - used["start_at"]) / DAY).clip(lower=0)
    shares = aalen_johansen(lasted.to_numpy(), cause)
    names = ["day", "share_complete", "share_not_needed"]
    table = pd.DataFrame([(day, _by(shares, 1, day), _by(shares, 2, day)) for day in days], columns=names)
    table["share_open"] = 1 - table["share_complete"] - table["share_not_needed"]
    return table.assign(at_risk=[int((lasted >= day).sum()) for day in days])


def _by(shares: pd.DataFrame, cause: int, day: float) -> float:
    seen = shares[(shares["cause"] == cause) & (shares["time"] <= day)]
    return float(seen["incidence"].iloc[-1]) if len(seen) else 0.0
