"""When each event of the process happened to each major incident, and whether the records would show it if it had."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pandas as pd

from incident_lib.follow_up.states import step_states
from incident_lib.records import Records
from incident_lib.review.rules import STEP_EVENTS
from incident_lib.timeliness.deadlines import incident_deadlines

_TIMES = "datetime64[us, UTC]"
_PAGE = ("owner", "status", "not_needed", "meeting_at", "completed_at", "closed_at", "sections", "source")


@dataclass(frozen=True)
class Happening:
    """One event of all incidents; every series is indexed by incident id.

    ``at`` is missing where the time is unknown; ``done`` tells that it happened, be its time known or not; ``shown``
    that a record is there which would show it (so that its silence means something); ``excused`` why it isn't asked
    for; ``source`` the evidence.
    """

    at: pd.Series
    done: pd.Series
    shown: pd.Series
    excused: pd.Series
    source: pd.Series


@dataclass(frozen=True)
class Process:
    """What rules are judged by: the incidents (with page and deadlines, by id), their events, and the whole records."""

    records: Records
    frame: pd.DataFrame
    events: dict[str, Happening]

    def texts(self, value: str | None = None) -> pd.Series:
        """Return one text for each incident."""
        return pd.Series(value, index=self.frame.index, dtype="str")


def process_of(records: Records, incidents: pd.DataFrame) -> Process:
    """Return the process of the major ones among some incidents."""
    frame = _frame(records, incidents)
    records = narrowed(records, frame.index)
    states = step_states(records)
    states = states[states["incident_id"].isin(frame.index)]
    shown = pd.Series(frame.index.isin(records.follow_ups["incident_id"]), index=frame.index)
    steps = {event: _step(states, event, frame, shown) for event in STEP_EVENTS}
    return Process(
        records, frame, {**steps, **_stated(frame), **_meeting(records, frame, shown), **_others(records, frame)}
    )


def narrowed(records: Records, incident_ids: pd.Index | pd.Series) -> Records:
    """Return records with nothing but these incidents: what looks at one after the other is then quick."""
    names = ("incidents", "timeline", "messages", "postmortems", "action_items", "follow_ups")
    tables = {name: getattr(records, name) for name in names}
    return replace(records, **{name: table[table["incident_id"].isin(incident_ids)] for name, table in tables.items()})


def _frame(records: Records, incidents: pd.DataFrame) -> pd.DataFrame:
    pages = records.postmortems.drop_duplicates("incident_id").set_index("incident_id")[list(_PAGE)]
    pages = pages.rename(columns={"source": "page_source"}).assign(has_page=True)
    due = incident_deadlines(records)[["meeting_due_at", "page_due_at"]]
    major = incidents[incidents["severity"].isin(records.settings.severities.major)].set_index("incident_id")
    frame = major.join(due).join(pages)
    return frame.assign(has_page=frame["has_page"].eq(True))


def _step(states: pd.DataFrame, event: str, frame: pd.DataFrame, checklist: pd.Series) -> Happening:
    """Return a follow-up step as an event; a step that the settings don't have is excused."""
    own = states[states["step"] == event].set_index("incident_id").reindex(frame.index)
    done = own["done_at"].notna() | own["state"].isin(["done", "late", "unknown"])
    excused = own["because"].where(~done)
    if not (states["step"] == event).any():
        excused = pd.Series("the process has no such step", index=frame.index, dtype="str")
    return Happening(
        own["done_at"].astype(_TIMES),
        done,
        _shown(event, frame, checklist),
        excused,
        own["source"].fillna(frame["page_source"]),
    )


def _shown(event: str, frame: pd.DataFrame, checklist: pd.Series) -> pd.Series:
    """Tell where a step's absence is on record: on the page itself for its own life, else in the page's checklist."""
    if event == "page-created":
        return pd.Series(bool(frame["has_page"].any()), index=frame.index)
    own = {
        "owner-assigned": frame["owner"].isna(),
        "page-completed": frame["status"].eq("draft"),
        "closed": frame["status"].ne("closed"),
    }
    return frame["has_page"] & own[event] if event in own else checklist


def _stated(frame: pd.DataFrame) -> dict[str, Happening]:
    """Return the incident's own times as events; where one is missing, nobody recorded it."""
    no, nothing = pd.Series(False, index=frame.index), pd.Series(None, index=frame.index, dtype="str")
    return {
        name: Happening(frame[f"{name}_at"], frame[f"{name}_at"].notna(), no, nothing, frame["source"])
        for name in ("started", "detected", "acknowledged", "resolved")
    }


def _meeting(records: Records, frame: pd.DataFrame, checklist: pd.Series) -> dict[str, Happening]:
    """Return the post-mortem meeting: as the checklist says, else as it is scheduled (maybe for a later day)."""
    held = records.follow_ups[(records.follow_ups["step"] == "meeting-held")].drop_duplicates("incident_id")
    held = held.set_index("incident_id").reindex(frame.index)
    at = held["at"].fillna(frame["meeting_at"]).astype(_TIMES)
    done = at.notna() | frame["status"].isin(["reviewed", "closed"])
    excused = held["because"].fillna(frame["not_needed"]).where(~done)
    return {"meeting": Happening(at, done, checklist, excused, held["source"].fillna(frame["page_source"]))}


def _others(records: Records, frame: pd.DataFrame) -> dict[str, Happening]:
    """Return the first update that customers saw, and the day on which the last task that concerns a step was done."""
    no, nothing = pd.Series(False, index=frame.index), pd.Series(None, index=frame.index, dtype="str")
    updates = records.timeline[records.timeline["kind"] == "status"].sort_values(["at", "source"])
    first = updates.drop_duplicates("incident_id").set_index("incident_id").reindex(frame.index)
    ends = _tasks_done(records, frame)
    return {
        "first-update": Happening(first["at"].astype(_TIMES), first["at"].notna(), no, nothing, first["source"]),
        "tasks-done": Happening(ends, ends.notna(), no, nothing, frame["page_source"]),
    }


def _tasks_done(records: Records, frame: pd.DataFrame) -> pd.Series:
    """Return the end of the day of an incident's last task; missing while one is open, or none is known."""
    items = records.action_items[records.action_items["status"] != "declined"]
    groups = items.groupby("incident_id")["done_on"]
    last = groups.max().where(groups.count() == groups.size()).reindex(frame.index)
    local = pd.to_datetime(last) + pd.Timedelta(hours=23, minutes=59)
    return (
        local.dt.tz_localize(records.settings.workbook.tz, nonexistent="shift_forward", ambiguous=False)
        .dt.tz_convert("UTC")
        .astype(_TIMES)
    )
