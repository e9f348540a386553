"""What people do in the follow-up, as edits of the page's front matter: assign, note a step, set the meeting."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import pandas as pd

from incident_lib.errors import SettingsError
from incident_lib.follow_up.named import done_step, moment, page_of, person, stated_step
from incident_lib.follow_up.page_edit import Change, edit_page
from incident_lib.follow_up.states import step_states, why_open
from incident_lib.records import Records, unknown

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
        stated = stated_step(content, "owner-assigned")
        step = [] if stated else [(("follow_up", "owner-assigned"), done_step(at, by))]
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
        noted = _not_needed(not_needed, at, by) if not_needed else done_step(at, by)
        if again and not not_needed:
            return _one_more(content, step, noted)
        _refuse_twice(stated_step(content, step), noted, step)
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
    stated = stated_step(content, step)
    last = stated[-1] if isinstance(stated, list) and stated else stated
    if isinstance(last, dict) and str(last.get("at")) == noted["at"]:
        return []
    if isinstance(stated, list):
        return [(("follow_up", step, len(stated)), noted)]
    earlier = [dict(stated)] if isinstance(stated, dict) else []
    return [(("follow_up", step), [*earlier, noted] if earlier else noted)]


def _not_needed(why: str, at: pd.Timestamp, by: str | None) -> dict[str, Any]:
    return {"not_needed": why, **done_step(at, by)}


def set_meeting(
    records: Records, incident_id: str, begins: datetime | None, *, at: pd.Timestamp, by: str | None = None
) -> None:
    """Write down when an incident's post-mortem meeting is, and that it is scheduled; None takes both back."""

    def changes(content: Mapping[str, Any]) -> list[Change]:
        if begins is None:
            return [(("meeting", "at"), None), (("follow_up", "meeting-scheduled"), None)]
        stated = stated_step(content, "meeting-scheduled")
        step = [] if stated else [(("follow_up", "meeting-scheduled"), done_step(at, by))]
        return [(("meeting", "at"), moment(pd.Timestamp(begins).tz_convert("UTC"))), *step]

    edit_page(page_of(records, incident_id), changes)


def state_of(records: Records, incident_id: str, step: str) -> str:
    """Return the state of one follow-up step of an incident; "not asked" if there is none."""
    states = step_states(records)
    found = states.loc[(states["incident_id"] == incident_id) & (states["step"] == step), "state"]
    return str(found.iloc[0]) if len(found) else "not asked"
