"""What people do in the follow-up, as edits of the page's front matter: assign, note a step, add and change tasks."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd

from incident_lib.business_time import deadline
from incident_lib.drafting.page_front_matter import kind_of_task
from incident_lib.errors import SettingsError
from incident_lib.follow_up.page_edit import Change, edit_page
from incident_lib.follow_up.states import step_states, why_open
from incident_lib.records import Records, unknown
from incident_lib.tables import ACTION_ITEM_KINDS, split_names
from incident_lib.timeliness.deadlines import calendar_of

REVIEWED = "reviewed"  # a state of the page that no step stands for


def assign(records: Records, incident_id: str, name: str, *, at: pd.Timestamp, by: str | None = None) -> str:
    """Make somebody the owner of an incident's page, and return a line that says so.

    Raises:
        SettingsError: for an unknown incident or name, or where there is no page yet.
    """
    owner = person(records, name)
    path = page_of(records, incident_id)

    def changes(content: Mapping[str, Any]) -> list[Change]:
        if str(content.get("owner") or "") == owner:
            return []
        first = [(("assigned_at",), moment(at))] if not content.get("assigned_at") else []
        stated = _stated(content, "owner-assigned")
        step = [] if stated else [(("follow_up", "owner-assigned"), _done(at, by))]
        return [(("owner",), owner), *first, *step]

    changed = edit_page(path, changes)
    return f"{incident_id}: {owner} {'owns the post-mortem now' if changed else 'owned the post-mortem already'}"


def note_step(
    records: Records,
    incident_id: str,
    step: str,
    *,
    at: pd.Timestamp,
    by: str | None = None,
    not_needed: str | None = None,
) -> str:
    """Note on an incident's page that a follow-up step was done, or why it is not needed; return a line that says so.

    Raises:
        SettingsError: for an unknown incident, step or name; where there is no page yet; for a step that is noted
            already; for "closed" while something is open.
    """
    known = {one.id: one for one in records.settings.steps}
    if step not in known and step != REVIEWED:
        raise SettingsError(unknown(step, [*known, REVIEWED], "step"))
    records.incident(incident_id)
    if step == "closed" and not not_needed:
        _refuse_open(records, incident_id)
    path, by = page_of(records, incident_id), by and person(records, by)
    again = step in known and known[step].every is not None

    def changes(content: Mapping[str, Any]) -> list[Change]:
        if step == REVIEWED:
            return _stage(content, REVIEWED, at)
        noted = _not_needed(not_needed, at, by) if not_needed else _done(at, by)
        if again and not not_needed:
            return _one_more(content, step, noted)
        _refuse_twice(_stated(content, step), noted, step)
        return [(("follow_up", step), noted), *([] if not_needed else _follows(content, step, at))]

    edit_page(path, changes)
    title = known[step].title if step in known else "Page reviewed"
    what = f"not needed, {not_needed}" if not_needed else f"done {at:%Y-%m-%d %H:%M} UTC"
    return f"{incident_id}: {title}: {what}{f' by {by}' if by else ''}"


def _follows(content: Mapping[str, Any], step: str, at: pd.Timestamp) -> list[Change]:
    """Return what else a step changes on the page: its state, and the time of that."""
    if step == "page-created":
        return [] if content.get("created_at") else [(("created_at",), moment(at))]
    if step == "page-completed":
        return _stage(content, "in review", at)
    if step == "meeting-held" and content.get("status") == "in review":
        return _stage(content, REVIEWED, at)
    return _stage(content, "closed", at) if step == "closed" else []


_TIME_OF = {"in review": "completed_at", REVIEWED: "reviewed_at", "closed": "closed_at"}


def _stage(content: Mapping[str, Any], status: str, at: pd.Timestamp) -> list[Change]:
    """Return the change of a page's state, never backwards; a time that is there stays."""
    order = ["draft", *_TIME_OF]
    now = str(content.get("status") or "draft")
    state = [(("status",), status)] if now not in order or order.index(status) > order.index(now) else []
    return [*state, *([] if content.get(_TIME_OF[status]) else [((_TIME_OF[status],), moment(at))])]


def _refuse_open(records: Records, incident_id: str) -> None:
    reasons = why_open(records, step_states(records), incident_id)
    if reasons:
        raise SettingsError(f"cannot close {incident_id}: {'; '.join(reasons)}")


def _refuse_twice(stated: Any, noted: Mapping[str, Any], step: str) -> None:
    if (
        isinstance(stated, dict)
        and stated.get("at")
        and not stated.get("not_needed")
        and str(stated["at"]) != noted.get("at")
    ):
        raise SettingsError(
            f"{step} is noted already, done {stated['at']}; what was noted is changed by hand, on the page"
        )


def _one_more(content: Mapping[str, Any], step: str, noted: dict[str, Any]) -> list[Change]:
    stated = _stated(content, step)
    last = stated[-1] if isinstance(stated, list) and stated else stated
    if isinstance(last, dict) and str(last.get("at")) == noted["at"]:
        return []
    if isinstance(stated, list):
        return [(("follow_up", step, len(stated)), noted)]
    earlier = [dict(stated)] if isinstance(stated, dict) else []
    return [(("follow_up", step), [*earlier, noted] if earlier else noted)]


def _stated(content: Mapping[str, Any], step: str) -> Any:
    steps = content.get("follow_up")
    return steps.get(step) if isinstance(steps, dict) else None


def _done(at: pd.Timestamp, by: str | None) -> dict[str, Any]:
    return {"at": moment(at), **({"by": by} if by else {})}


def _not_needed(why: str, at: pd.Timestamp, by: str | None) -> dict[str, Any]:
    return {"not_needed": why, **_done(at, by)}


def add_task(
    records: Records,
    incident_id: str,
    title: str,
    *,
    at: pd.Timestamp,
    owner: str | None = None,
    due: pd.Timestamp | None = None,
    kind: str | None = None,
    touches: str | None = None,
    customers: Sequence[str] = (),
) -> str:
    """Add an action item to an incident's page, and return a line that says so.

    Without a day it is due by the settings' span for its kind; without a kind it gets the one that its words suggest;
    a task that touches customers' systems touches those of all affected customers unless some are named.

    Raises:
        SettingsError: for an unknown incident, name, kind or customer, or where there is no page yet.
    """
    kind = kind or kind_of_task(title)
    if kind not in ACTION_ITEM_KINDS:
        raise SettingsError(unknown(kind, list(ACTION_ITEM_KINDS), "kind of action item"))
    item = {
        "title": title,
        "kind": kind,
        "owner": person(records, owner) if owner else None,
        "created_on": local_day(at, records),
        "due_on": f"{due:%Y-%m-%d}" if due is not None else _due_by_kind(records, kind, at),
        "status": "open",
        **({"touches": touches, "customers": _touched(records, incident_id, customers)} if touches else {}),
    }
    number = 0

    def changes(content: Mapping[str, Any]) -> list[Change]:
        nonlocal number
        number = len(content.get("action_items") or []) + 1
        first = [] if _stated(content, "tasks-recorded") else [(("follow_up", "tasks-recorded"), _done(at, None))]
        return [(("action_items", number - 1), item), *(first if kind == "clean-up" else [])]

    edit_page(page_of(records, incident_id), changes)
    whose = item["owner"] or "nobody yet"
    return f"{incident_id}: action item {number} added: {title} ({kind}; {whose}; due {item['due_on'] or 'not stated'})"


def _touched(records: Records, incident_id: str, customers: Sequence[str]) -> list[str]:
    known = [one.name for one in records.settings.customers]
    for name in customers:
        if known and name not in known:
            raise SettingsError(unknown(name, known, "customer"))
    return list(customers) or split_names(records.incident(incident_id)["customers"])


def _due_by_kind(records: Records, kind: str, at: pd.Timestamp) -> str | None:
    span = records.settings.deadlines.action_items.get(kind)
    if span is None:
        return None
    return local_day(pd.Timestamp(deadline(at.to_pydatetime(), span, calendar_of(records.settings))), records)


def change_task(
    records: Records,
    incident_id: str,
    number: int,
    *,
    at: pd.Timestamp,
    done: bool = False,
    declined: str | None = None,
    owner: str | None = None,
) -> str:
    """Change an action item on an incident's page, and return a line that says so.

    Raises:
        SettingsError: for an unknown incident, item or name, or where nothing is to be changed.
    """
    if not (done or declined or owner):
        raise SettingsError("say what became of it: --done, --declined WHY, or --owner NAME")
    if done and declined:
        raise SettingsError("an action item is either done or declined, not both")
    items = records.action_items[records.action_items["incident_id"] == incident_id]
    path = page_of(records, incident_id)
    own = items[
        (items["item"] == number)
        & items["source"].str.startswith(f"{path.relative_to(records.folder).as_posix()} line")
    ]
    if own.empty:
        raise SettingsError(f"the page of {incident_id} has no action item {number}; it has {len(items)}")
    name = owner and person(records, owner)
    day = local_day(at, records)
    fields = {
        **({"owner": name} if name else {}),
        **({"status": "done", "done_on": day} if done else {}),
        **({"status": "declined", "done_on": day, "because": declined} if declined else {}),
    }
    edit_page(path, lambda content: [(("action_items", number - 1, field), value) for field, value in fields.items()])
    what = (
        [f"done on {day}"] * done
        + [f"declined on {day}, {declined}"] * bool(declined)
        + [f"{name} does it"] * bool(name)
    )
    return f"{incident_id}: action item {number} ({own['title'].iloc[0]}): {', '.join(what)}"


def set_meeting(
    records: Records, incident_id: str, begins: datetime | None, *, at: pd.Timestamp, by: str | None = None
) -> None:
    """Write down when an incident's post-mortem meeting is, and that it is scheduled; None takes both back."""

    def changes(content: Mapping[str, Any]) -> list[Change]:
        if begins is None:
            return [(("meeting", "at"), None), (("follow_up", "meeting-scheduled"), None)]
        stated = _stated(content, "meeting-scheduled")
        step = [] if stated else [(("follow_up", "meeting-scheduled"), _done(at, by))]
        return [(("meeting", "at"), moment(pd.Timestamp(begins).tz_convert("UTC"))), *step]

    edit_page(page_of(records, incident_id), changes)


def state_of(records: Records, incident_id: str, step: str) -> str:
    """Return the state of one follow-up step of an incident; "not asked" if there is none."""
    states = step_states(records)
    found = states.loc[(states["incident_id"] == incident_id) & (states["step"] == step), "state"]
    return str(found.iloc[0]) if len(found) else "not asked"


def person(records: Records, name: str) -> str:
    """Return the name of a person as the records write it, given that, a chat name, or another case.

    Raises:
        SettingsError: for a name that nobody has, with the nearest.
    """
    people = records.people
    named = [*people["name"], *_named(records)]
    wanted = name.strip().removeprefix("@").casefold()
    for one in dict.fromkeys(named):
        if one.casefold() == wanted:
            return one
    handles = people[people["handle"].str.casefold() == wanted]
    if len(handles) == 1:
        return str(handles["name"].iloc[0])
    by_word = {word.casefold(): one for one in named for word in (*one.split(), one)}
    nearest = difflib.get_close_matches(wanted, [*by_word, *people["handle"].dropna().str.casefold()], 1, cutoff=0.6)
    if nearest and nearest[0] in by_word:
        raise SettingsError(f"unknown person {name!r}; did you mean {by_word[nearest[0]]!r}?")
    raise SettingsError(unknown(name, sorted(set(named)), "person"))


def _named(records: Records) -> list[str]:
    """Return the people whom incidents and pages name."""
    columns = (records.incidents["responders"], records.incidents["incident_commander"], records.postmortems["owner"])
    return sorted({name for column in columns for text in column.dropna().unique() for name in split_names(text)})


def page_of(records: Records, incident_id: str) -> Path:
    """Return the file of an incident's page.

    Raises:
        SettingsError: for an unknown incident, or one without a page.
    """
    records.incident(incident_id)
    paths = records.postmortems.loc[records.postmortems["incident_id"] == incident_id, "path"].dropna()
    if paths.empty:
        raise SettingsError(f"{incident_id} has no page yet; 'incidents draft {incident_id}' writes one")
    return records.folder / paths.iloc[0]


def moment(at: pd.Timestamp) -> str:
    """Return a time as pages write it."""
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"


def local_day(at: pd.Timestamp, records: Records) -> str:
    """Return the day of a time where the workbook is."""
    return f"{at.tz_convert(records.settings.workbook.tz):%Y-%m-%d}"
