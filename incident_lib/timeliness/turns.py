"""Whose turn it is now: for each post-mortem the next step towards its completion, and every step that is waiting."""

from __future__ import annotations

import pandas as pd

from incident_lib.follow_up.states import step_states
from incident_lib.records import Records

TOWARDS_COMPLETION = ("page-created", "owner-assigned", "page-completed")
_DOING = {"page-created": "create the page", "owner-assigned": "name an owner", "page-completed": "complete the page"}


def whose_turn(records: Records) -> pd.Series:
    """Return, for each major incident whose page is not complete, who has to do what next; the index is its id."""
    pages = records.postmortems.drop_duplicates("incident_id").set_index("incident_id")
    table = records.major.set_index("incident_id")[["incident_commander"]].join(pages[["owner", "status"]])
    roles = {step.id: step.whose for step in records.settings.steps}
    step = pd.Series(TOWARDS_COMPLETION[0], index=table.index, dtype="str")
    step = step.mask(table["status"].notna(), TOWARDS_COMPLETION[1])
    step = step.mask(table["owner"].notna(), TOWARDS_COMPLETION[2])
    default = dict(zip(TOWARDS_COMPLETION, ("on-call", "on-call", "owner"), strict=True))
    role = step.map({name: roles.get(name, default[name]) for name in TOWARDS_COMPLETION})
    return _who(role, table) + ", to " + step.map(_DOING)


def _who(role: pd.Series, table: pd.DataFrame) -> pd.Series:
    """Return the name of whoever has the role for each row, where the records say it, else the role."""
    names = ("the " + role + " person").where(role == "on-call", "the " + role)
    for column, named in (("owner", "owner"), ("incident_commander", "incident commander")):
        names = names.mask((role == named) & table[column].notna(), table[column])
    return names


def waiting_steps(records: Records) -> pd.DataFrame:
    """Return every follow-up step that is not done although its time has passed, the longest waiting first.

    Columns: incident_id, step (its title), whose (the role), who (a name where the records have one), due_at, due_on,
    days_late (business days).
    """
    states = step_states(records)
    missing = states[states["state"] == "missing"]
    pages = records.postmortems.drop_duplicates("incident_id").set_index("incident_id")
    people = records.incidents.set_index("incident_id")[["incident_commander"]].join(pages[["owner"]])
    named = missing[["incident_id"]].join(people, on="incident_id")
    due_on = missing["due_at"].dt.tz_convert(records.settings.workbook.tz).dt.tz_localize(None).dt.normalize()
    table = missing.assign(step=missing["title"], who=_who(missing["whose"], named), due_on=due_on)
    kept = table[["incident_id", "severity", "step", "whose", "who", "due_at", "due_on", "days_late"]]
    return kept.sort_values(["due_at", "incident_id", "step"], kind="stable").reset_index(drop=True)


def steps_by_turn(waiting: pd.DataFrame) -> pd.DataFrame:
    """Return how often each step is waiting: step, whose, waiting (count), since (the oldest one's day), oldest."""
    groups = waiting.groupby(["step", "whose"], sort=False)
    table = groups.agg(waiting=("incident_id", "size"), since=("due_on", "min"), oldest=("incident_id", "first"))
    ordered = table.reset_index().sort_values(
        ["waiting", "since", "step"], ascending=[False, True, True], kind="stable"
    )
    return ordered.reset_index(drop=True)


def waiting_by_team(waiting: pd.DataFrame, records: Records) -> pd.DataFrame:
    """Return how many steps wait on each team, by the team of the page's owner; without an owner: "no owner yet".

    Counts of work that waits now, in the order of the teams' names; no rate, no comparison of persons.
    """
    owners = records.postmortems.drop_duplicates("incident_id").set_index("incident_id")["owner"]
    owner = waiting["incident_id"].map(owners)
    teams = owner.map(dict(zip(records.people["name"], records.people["team"], strict=True)))
    team = teams.astype("str").fillna("team not stated").mask(owner.isna(), "no owner yet")
    counts = pd.crosstab(team, waiting["whose"]) if len(waiting) else pd.DataFrame()
    return counts.rename_axis("team").reset_index()
