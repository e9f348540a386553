"""The incident commanders' meeting: a period's incidents, how the process was followed, and earlier decisions."""

from __future__ import annotations

import pandas as pd

from incident_lib.follow_up import STATES, step_states
from incident_lib.periods import Period
from incident_lib.records import Records
from incident_lib.tables import SEVERITIES


def incidents_in(records: Records, period: Period) -> pd.DataFrame:
    """Return the incidents that began (or were first seen) in a period, oldest first."""
    began = records.incidents["started_at"].fillna(records.incidents["first_seen_at"])
    inside = records.incidents[period.contains(began, records.settings.workbook.tz)]
    return inside.assign(began_at=began).sort_values(["began_at", "incident_id"], kind="stable").reset_index(drop=True)


def severity_counts(now: pd.DataFrame, before: pd.DataFrame) -> pd.DataFrame:
    """Return incidents per severity: in the period, and in the one before; "unstated" where no source states it."""
    counts = [frame["severity"].astype("str").fillna("unstated").value_counts() for frame in (now, before)]
    names = [*SEVERITIES, "unstated"]
    table = pd.DataFrame({"incidents": counts[0], "the period before": counts[1]}).reindex(names).fillna(0).astype(int)
    table = table.rename_axis("severity").reset_index()
    return table[(table["severity"] != "unstated") | (table["incidents"] + table["the period before"] > 0)]


def steps_in(records: Records, incidents: pd.DataFrame) -> pd.DataFrame:
    """Return the follow-up steps (see ``follow_up.step_states``) of the major ones among these incidents."""
    states = step_states(records)
    return states[states["incident_id"].isin(incidents["incident_id"])].reset_index(drop=True)


def by_the_book(states: pd.DataFrame) -> list[str]:
    """Return the incidents whose every step was done in time or not needed."""
    good = states["state"].isin(["done", "not needed"]).groupby(states["incident_id"]).all()
    return sorted(good.index[good])


def most_missed(states: pd.DataFrame) -> pd.DataFrame:
    """Return steps by how often they were missing or late: title, missed, asked (done, late or missing)."""
    asked = states[states["state"].isin(["done", "late", "missing", "unknown"])]
    missed = asked["state"].isin(["late", "missing"]).groupby(asked["title"], sort=False).agg(["sum", "size"])
    table = missed.rename(columns={"sum": "missed", "size": "asked"}).rename_axis("step").reset_index()
    return table.sort_values(["missed", "asked"], ascending=[False, True], kind="stable").reset_index(drop=True)


def decisions_until(records: Records, period: Period) -> pd.DataFrame:
    """Return the decisions of earlier reviews and what became of them, the open ones first."""
    earlier = records.decisions[records.decisions["decided_on"] <= pd.Timestamp(period.last)]
    order = earlier["status"].map({"open": 0, "done": 1, "dropped": 2})
    overdue = (earlier["status"] == "open") & (earlier["due_on"] < records.as_of.tz_convert(None).normalize())
    table = earlier.assign(order=order, overdue=overdue).sort_values(["order", "decided_on", "review", "decision"])
    return table.drop(columns="order").reset_index(drop=True)


def review_sentence(period: Period, incidents: pd.DataFrame, states: pd.DataFrame) -> str:
    """Return the review's answer in two sentences: how many incidents, and which step failed most."""
    major = states["incident_id"].nunique()
    if incidents.empty:
        return f"No incident began in {period.name}."
    noun = "incident" if len(incidents) == 1 else "incidents"
    first = f"{len(incidents)} {noun} began in {period.name}, {major} of them major."
    if not major:
        return f"{first} So no post-mortem was asked for."
    worst = most_missed(states)
    book = len(by_the_book(states))
    if worst.empty or not worst["missed"].iloc[0]:
        return f"{first} Every follow-up step that was asked for was done in time."
    top = worst.iloc[0]
    return (
        f"{first} {book} went by the book; the step most often missing or late was "
        f"“{top['step']}”, {top['missed']} of {top['asked']} times."
    )


def step_matrix(states: pd.DataFrame) -> pd.DataFrame:
    """Return one row per incident and one column per step (their titles), with the state as a word."""
    titles = list(dict.fromkeys(states["title"]))
    matrix = states.pivot(index="incident_id", columns="title", values="state")
    return matrix.reindex(columns=titles).reset_index().rename_axis(columns=None)


def state_totals(states: pd.DataFrame) -> pd.Series:
    """Return how often each state occurs, in the states' order."""
    return states["state"].value_counts().reindex(list(STATES), fill_value=0)
