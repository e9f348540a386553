"""Action items added and changed, as edits of the page's front matter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from incident_lib.business_time import deadline
from incident_lib.column_texts import split_names
from incident_lib.drafting.page_front_matter import kind_of_task
from incident_lib.errors import SettingsError
from incident_lib.follow_up.named import done_step, local_day, page_of, person, stated_step
from incident_lib.follow_up.page_edit import Change, edit_page
from incident_lib.records import Records, unknown
from incident_lib.tables import ACTION_ITEM_KINDS
from incident_lib.timeliness.deadlines import calendar_of


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
        recorded = ("follow_up", "tasks-recorded")
        first = [] if stated_step(content, recorded[1]) else [(recorded, done_step(at, None))]
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
