"""Whose turn it is now: for each post-mortem the next step towards its completion, and every step that is waiting."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from incident_lib.column_texts import spelled
from incident_lib.follow_up.states import step_states
from incident_lib.records import Records
from incident_lib.settings import Settings
from incident_lib.timeliness.deadlines import major_of, pages_of

TOWARDS_COMPLETION = ("page-created", "owner-assigned", "page-completed")
_NAMED_IN = {"owner": "owner", "incident commander": "incident_commander"}
_DOING = {"page-created": "create the page", "owner-assigned": "name an owner", "page-completed": "complete the page"}


def whose_turn(records: Records) -> pd.Series:
    """Return, for each major incident whose page is not complete, who has to do what next; the index is its id."""
    table = major_of(records, "incident_id", "incident_commander")
    table = table.assign(**pages_of(records, table["incident_id"], "owner", "status"))
    return next_turns(table, records.settings).set_axis(table["incident_id"])


def next_turns(table: pd.DataFrame, settings: Settings) -> pd.Series:
    """Return who has to do what next, by incident_commander, and the page's owner and status where there is one."""
    roles = {step.id: step.whose for step in settings.steps}
    usual = zip(TOWARDS_COMPLETION, ("on-call", "on-call", "owner"), strict=True)
    turns = [(roles.get(name, role), f", to {_DOING[name]}") for name, role in usual]
    owned, begun = (table[name].notna().to_numpy() for name in ("owner", "status"))
    return _who(np.where(owned, 2, np.where(begun, 1, 0)), turns, table)


def _who(numbers: np.ndarray, turns: Sequence[tuple[str, str]], table: pd.DataFrame) -> pd.Series:
    """Return the name of whoever has each row's role, where the records say it, else the role; and what follows.

    ``numbers`` are the rows' places in ``turns``, which are roles, and words that follow.
    """
    called = [f"the {role} person{then}" if role == "on-call" else f"the {role}{then}" for role, then in turns]
    who = spelled(numbers, called, table.index)
    for number, (role, then) in enumerate(turns):
        if role in _NAMED_IN:
            names = table[_NAMED_IN[role]]
            stated = names.notna() & (numbers == number)
            who = who.mask(stated, names + then) if stated.any() else who
    return who


def waiting_steps(records: Records) -> pd.DataFrame:
    """Return every follow-up step that is not done although its time has passed, the longest waiting first.

    Columns: incident_id, step (its title), whose (the role), who (a name where the records have one), due_at, due_on,
    days_late (business days).

    >>> inc.waiting_steps(records).columns.tolist()[:3]
    ['incident_id', 'severity', 'step']
    """
    states = step_states(records)
    missing = states[states["state"] == "missing"]
    pages = records.postmortems.drop_duplicates("incident_id").set_index("incident_id")
    people = records.incidents.set_index("incident_id")[["incident_commander"]].join(pages[["owner"]])
    named = missing[["incident_id"]].join(people, on="incident_id")
    due_on = missing["due_at"].dt.tz_convert(records.settings.workbook.tz).dt.tz_localize(None).dt.normalize()
    whose = missing["whose"].astype("category")
    who = _who(whose.cat.codes.to_numpy(), [(role, "") for role in whose.cat.categories], named)
    table = missing.assign(step=missing["title"], who=who, due_on=due_on)
    kept = table[["incident_id", "severity", "step", "whose", "who", "due_at", "due_on", "days_late"]]
    return kept.sort_values(["due_at", "incident_id", "step"], kind="stable").reset_index(drop=True)


def steps_by_turn(waiting: pd.DataFrame) -> pd.DataFrame:
    """Return how often each step is waiting: step, whose, waiting (count), since (the oldest one's day), oldest.

    >>> inc.steps_by_turn(inc.waiting_steps(records)).columns.tolist()
    ['step', 'whose', 'waiting', 'since', 'oldest']
    """
    groups = waiting.groupby(["step", "whose"], sort=False)
    table = groups.agg(waiting=("incident_id", "size"), since=("due_on", "min"), oldest=("incident_id", "first"))
    ordered = table.reset_index().sort_values(
        ["waiting", "since", "step"], ascending=[False, True, True], kind="stable"
    )
    return ordered.reset_index(drop=True)


def waiting_by_team(waiting: pd.DataFrame, records: Records) -> pd.DataFrame:
    """Return how many steps wait on each team, by the team of the page's owner; without an owner: "no owner yet".

    Counts of work that waits now, in the order of the teams' names; no rate, no comparison of persons.

    >>> inc.waiting_by_team(inc.waiting_steps(records), records).columns.tolist()
    ['team', 'on-call', 'owner']
    """
    owners = records.postmortems.drop_duplicates("incident_id").set_index("incident_id")["owner"]
    owner = waiting["incident_id"].map(owners)
    teams = owner.map(dict(zip(records.people["name"], records.people["team"], strict=True)))
    team = teams.astype("str").fillna("team not stated").mask(owner.isna(), "no owner yet")
    counts = pd.crosstab(team, waiting["whose"]) if len(waiting) else pd.DataFrame()
    return counts.rename_axis("team").reset_index()
