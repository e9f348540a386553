"""Which follow-up step of which incident is done, late, due, missing, or not needed; and what comes next."""

from __future__ import annotations

import pandas as pd

from incident_lib.business_time import business_days_between
from incident_lib.column_texts import split_names
from incident_lib.follow_up.steps import due, follow_up_facts, implied, not_asked, shown
from incident_lib.records import Records
from incident_lib.settings import Step
from incident_lib.timeliness.deadlines import by_calendar

STATES = ("done", "late", "due", "missing", "not needed", "unknown")
MEANINGS = {
    "done": "done in time",
    "late": "done, but after it was due",
    "due": "not done, and not due yet",
    "missing": "not done, and the time for it has passed",
    "not needed": "not asked for here, with the reason",
    "unknown": "done, but the records don't say when",
}
COMPLETE = "the page is complete"
_OTHER_EVIDENCE = {r"^git ": "the page's history", r"\.(?:eml|mbox)\b": "a mail that was sent"}  # by where it stands


def step_states(records: Records) -> pd.DataFrame:
    """Return one row for each follow-up step of each major incident.

    Columns: incident_id, severity, step, title, whose, state (see ``STATES``), done_at, due_at, days_late (business
    days, to ``as_of`` while it is missing), by, because (why it is not needed), evidence (what shows that it was done,
    in words) and source (where that stands).

    >>> sorted(inc.step_states(records)["state"].unique())
    ['done', 'due', 'late', 'missing', 'not needed', 'unknown']
    """
    frame = follow_up_facts(records)
    parts = [_one_step(records, frame, step).assign(order=place) for place, step in enumerate(records.settings.steps)]
    table = pd.concat(parts, ignore_index=True).sort_values(["incident_id", "order"], kind="stable")
    return table.drop(columns="order")


def _one_step(records: Records, frame: pd.DataFrame, step: Step) -> pd.DataFrame:
    stated = records.follow_ups[records.follow_ups["step"] == step.id].sort_values("at", kind="stable")
    stated = stated.drop_duplicates("incident_id", keep="last" if step.every else "first")
    stated = stated.set_index("incident_id").reindex(frame.index)
    done_at, evidence, source, is_done = _done(records, frame, step, stated)
    due_at = due(frame, step, records, last=done_at)
    if step.every:  # comes again until the page is complete
        is_done = is_done & (frame["stage"] >= 1)
        due_at = due_at.mask(frame["stage"] >= 1)
    why = stated["because"].fillna(frame["not_needed"]).fillna(not_asked(frame, step))
    because = (why.mask(why.isna() & (frame["stage"] >= 1), COMPLETE) if step.every else why).where(~is_done)
    asked_by = due_at.where(because.isna())
    return pd.DataFrame({
        "incident_id": frame.index,
        "severity": frame["severity"].to_numpy(),
        "step": step.id,
        "title": step.title,
        "whose": step.whose,
        "state": _state(is_done, done_at, because, due_at, records.as_of).to_numpy(),
        "done_at": done_at.array,
        "due_at": asked_by.array,
        "days_late": _days_late(frame, asked_by, done_at.where(is_done, records.as_of), records).array,
        "by": stated["by"].array,
        "because": because.array,
        "evidence": evidence.array,
        "source": source.array,
    })  # fmt: skip


def _done(
    records: Records, frame: pd.DataFrame, step: Step, stated: pd.DataFrame
) -> tuple[pd.Series, pd.Series, pd.Series, pd.Series]:
    """Return when a step was done, by what evidence, from which source, and whether it was."""
    found = shown(frame, step, records).mask(stated["state"].eq("not needed"))
    said_done = stated["state"].eq("done")
    done_at = stated["at"].where(said_done).fillna(found["done_at"])
    is_done = done_at.notna() | said_done | implied(frame, step)
    by_statement = pd.Series("stated on the page", index=frame.index, dtype="str")
    for told, evidence in _OTHER_EVIDENCE.items():
        by_statement = by_statement.mask(stated["source"].str.contains(told, na=False, regex=True), evidence)
    evidence = by_statement.where(said_done & stated["at"].notna()).fillna(found["evidence"])
    evidence = evidence.mask(evidence.isna() & is_done, "the page's state")
    source = stated["source"].fillna(found["source"]).fillna(frame["page_source"].where(is_done))
    return done_at, evidence, source, is_done


def _days_late(frame: pd.DataFrame, due_at: pd.Series, until: pd.Series, records: Records) -> pd.Series:
    table = frame[["calendar"]].assign(due=due_at, until=until)
    return by_calendar(
        table, records.settings, lambda part, calendar: business_days_between(part["due"], part["until"], calendar)
    ).astype("Int64")


def _state(
    is_done: pd.Series, done_at: pd.Series, because: pd.Series, due_at: pd.Series, as_of: pd.Timestamp
) -> pd.Series:
    """Return each step's state; the first that holds, from the bottom up."""
    state = pd.Series("due", index=is_done.index, dtype="str")
    state = state.mask(due_at < as_of, "missing")
    state = state.mask(because.notna(), "not needed")
    state = state.mask(is_done, "done")
    state = state.mask(is_done & done_at.isna(), "unknown")
    return state.mask(is_done & (done_at > due_at), "late")


def state_counts(states: pd.DataFrame) -> pd.DataFrame:
    """Return how often each step is in each state: one row per step in the process's order, one column per state.

    >>> inc.state_counts(inc.step_states(records)).columns.tolist()
    ['step', 'done', 'late', 'due', 'missing', 'not needed', 'unknown']
    """
    counts = pd.crosstab(states["title"], states["state"]).reindex(states["title"].unique(), fill_value=0)
    return counts.reindex(columns=list(STATES), fill_value=0).rename_axis("step").reset_index()


def open_incidents(states: pd.DataFrame) -> list[str]:
    """Return the incidents whose follow-up still has a step to do."""
    return sorted(states.loc[states["state"].isin(["due", "missing"]), "incident_id"].unique())


def who(records: Records, incident_id: str, role: str) -> str:
    """Return the name of whoever has a role in an incident's follow-up, where the records have one; else the role."""
    incident = records.incident(incident_id)
    pages = records.postmortems[records.postmortems["incident_id"] == incident_id]
    named = {
        "owner": pages["owner"].iloc[0] if len(pages) else None,
        "incident commander": incident["incident_commander"],
    }
    if role in named:
        return str(named[role]) if pd.notna(named[role]) else f"the {role}"
    having = records.people.loc[records.people["roles"].map(split_names).map(lambda roles: role in roles), "name"]
    return next((name for name in split_names(incident["responders"]) if name in set(having)), f"the {role}")


def next_steps(records: Records, states: pd.DataFrame) -> pd.DataFrame:
    """Return for each incident with an open follow-up what comes next: the open step that is due first.

    Columns: incident_id, severity, next (the step's title), who, state, due_at, days_late, waiting (how many steps are
    missing), closing (why it can't be closed yet). What is due first stands first; a step that can't be due yet, last.
    """
    todo = states[states["state"].isin(["due", "missing"])]
    first = todo.sort_values("due_at", kind="stable", na_position="last").drop_duplicates("incident_id")
    names = [who(records, row.incident_id, row.whose) for row in first.itertuples()]
    waiting = todo["state"].eq("missing").groupby(todo["incident_id"]).sum()
    table = first.assign(
        next=first["title"],
        who=pd.Series(names, index=first.index, dtype="str"),
        waiting=first["incident_id"].map(waiting),
        closing=pd.Series(
            ["; ".join(why_open(records, states, one)) for one in first["incident_id"]], index=first.index, dtype="str"
        ),
    )
    kept = ["incident_id", "severity", "next", "who", "state", "due_at", "days_late", "waiting", "closing"]
    return table[kept].reset_index(drop=True)


def why_open(records: Records, states: pd.DataFrame, incident_id: str) -> list[str]:
    """Return what keeps an incident's follow-up from being closed, in the order of the process; nothing: it can be."""
    again = {step.id for step in records.settings.steps if step.every}  # what they look after is a step of its own
    own = states[(states["incident_id"] == incident_id) & ~states["step"].isin({"closed", *again})]
    reasons = [f"{row.title}: {row.state}" for row in own.itertuples() if row.state in ("due", "missing")]
    items = records.action_items
    open_items = items[(items["incident_id"] == incident_id) & (items["status"] == "open")]
    if len(open_items):
        numbers = ", ".join(str(number) for number in open_items["item"])
        reasons.append(f"action item{'' if len(open_items) == 1 else 's'} {numbers} open")
    return reasons


def state_matrix(states: pd.DataFrame) -> pd.DataFrame:
    """Return one row per incident and one column per step id, with the state as a word."""
    order = list(dict.fromkeys(states["step"]))
    return (
        states.pivot(index="incident_id", columns="step", values="state")
        .reindex(columns=order)
        .rename_axis(columns=None)
    )
