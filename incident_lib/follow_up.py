"""Which follow-up step of which incident is done, late, due, missing, or not needed."""

from __future__ import annotations

import pandas as pd

from incident_lib.business_time import BusinessCalendar, business_days_between, deadlines
from incident_lib.deadlines import calendar_of, incident_deadlines
from incident_lib.records import Records
from incident_lib.settings import Step

STATES = ("done", "late", "due", "missing", "not needed", "unknown")
MEANINGS = {
    "done": "done in time",
    "late": "done, but after it was due",
    "due": "not done, and not due yet",
    "missing": "not done, and the time for it has passed",
    "not needed": "not asked for here, with the reason",
    "unknown": "done, but the records don't say when",
}
# Where the page itself states a step's time, that is its evidence.
_PAGE_TIMES = {
    "page-created": "created_at",
    "owner-assigned": "assigned_at",
    "page-completed": "completed_at",
    "meeting-held": "reviewed_at",
    "closed": "closed_at",
}


def step_states(records: Records) -> pd.DataFrame:
    """Return one row for each follow-up step of each major incident.

    Columns: incident_id, severity, step, title, whose, state (see ``STATES``), done_at, due_at, days_late (business
    days, to ``as_of`` while it is missing), by, because (why it is not needed), source (the evidence).
    """
    frame = _major(records)
    calendar = calendar_of(records.settings)
    parts = [_one_step(records, frame, step, calendar) for step in records.settings.steps]
    return (
        pd.concat(parts, ignore_index=True).sort_values(["incident_id", "order"], kind="stable").drop(columns="order")
    )


def _major(records: Records) -> pd.DataFrame:
    """Return the major incidents with their page and deadlines, by incident id."""
    pages = records.postmortems.drop_duplicates("incident_id").set_index("incident_id")
    page_columns = ["owner", "status", "not_needed", "meeting_at", *_PAGE_TIMES.values(), "source"]
    frame = incident_deadlines(records).join(pages[page_columns].rename(columns={"source": "page_source"}))
    incidents = records.major.set_index("incident_id")[["customers", "resolved_at"]]
    return frame.join(incidents).join(_touching_tasks(records))


def _touching_tasks(records: Records) -> pd.DataFrame:
    """Return per incident: whether an action item touches customer systems, and the day when all such were done."""
    items = records.action_items[records.action_items["status"] != "declined"]
    touching = items[items["touches"].notna()].groupby("incident_id")
    all_items = items.groupby("incident_id")
    return pd.DataFrame({
        "touches": touching.size() > 0,
        "touching_done_on": touching["done_on"].max().where(touching["done_on"].count() == touching.size()),
        "tasks_done_on": all_items["done_on"].max().where(all_items["done_on"].count() == all_items.size()),
        "tasks": all_items.size(),
    })  # fmt: skip


def _one_step(records: Records, frame: pd.DataFrame, step: Step, calendar: BusinessCalendar) -> pd.DataFrame:
    stated = records.follow_ups[records.follow_ups["step"] == step.id].drop_duplicates("incident_id")
    stated = stated.set_index("incident_id").reindex(frame.index)
    done_at = stated["at"].where(stated["state"] == "done")
    if step.id in _PAGE_TIMES:
        done_at = done_at.fillna(frame[_PAGE_TIMES[step.id]])
    is_done = done_at.notna() | stated["state"].eq("done") | _implied(frame, step)
    because = stated["because"].fillna(frame["not_needed"]).fillna(_not_asked(frame, step)).where(~is_done)
    due_at = _due(frame, step, calendar)
    until = done_at.where(is_done, records.as_of)
    return pd.DataFrame({
        "incident_id": frame.index,
        "severity": frame["severity"].to_numpy(),
        "step": step.id,
        "title": step.title,
        "whose": step.whose,
        "state": _state(is_done, done_at, because, due_at, records.as_of).to_numpy(),
        "done_at": done_at.array,
        "due_at": due_at.where(because.isna()).array,
        "days_late": business_days_between(due_at.where(because.isna()), until, calendar).array,
        "by": stated["by"].array,
        "because": because.array,
        "source": stated["source"].fillna(frame["page_source"].where(is_done)).array,
        "order": [one.id for one in records.settings.steps].index(step.id),
    })  # fmt: skip


def _implied(frame: pd.DataFrame, step: Step) -> pd.Series:
    """Tell where the page shows that a step was done, though not when."""
    order = {"draft": 0, "in review": 1, "reviewed": 2, "closed": 3}
    reached = frame["status"].map(order).astype("float").fillna(-1)
    implied = {
        "page-created": reached >= 0,
        "owner-assigned": frame["owner"].notna(),
        "meeting-scheduled": frame["meeting_at"].notna(),
        "page-completed": reached >= 1,
        "meeting-held": reached >= 2,
        "closed": reached >= 3,
    }
    return implied.get(step.id, reached > 9)


def _not_asked(frame: pd.DataFrame, step: Step) -> pd.Series:
    """Return why a step is not asked for, by its ``when``; missing where it is."""
    reasons = {
        "touches": (frame["touches"].eq(True), "no action item touches customer systems"),
        "customers": (frame["customers"].notna(), "no customer was affected"),
        "critical": (frame["severity"] == "critical", "only asked for critical incidents"),
    }
    if step.when not in reasons:
        return pd.Series(None, index=frame.index, dtype="str")
    asked, reason = reasons[step.when]
    return pd.Series(reason, index=frame.index, dtype="str").where(~asked)


def _due(frame: pd.DataFrame, step: Step, calendar: BusinessCalendar) -> pd.Series:
    """Return when a step is due: counted from the resolution, the page's deadline, the meeting, or the tasks' end."""
    if step.hours_before is not None:
        return frame["meeting_at"] - pd.Timedelta(hours=step.hours_before)
    starts = {
        "resolved": frame["start_at"],
        "deadline": frame["page_due_at"],
        "meeting": frame["meeting_at"],
        "tasks": _tasks_end(frame, step, calendar),
    }
    return deadlines(starts[step.after], step.due, calendar)


def _tasks_end(frame: pd.DataFrame, step: Step, calendar: BusinessCalendar) -> pd.Series:
    """Return when the tasks that a step waits for were done; missing while some are open (then nothing is due yet)."""
    done_on = frame["touching_done_on"] if step.when == "touches" else frame["tasks_done_on"]
    done_at = pd.to_datetime(done_on).dt.tz_localize(calendar.tz).dt.tz_convert("UTC").astype("datetime64[us, UTC]")
    no_tasks = frame["tasks"].isna() & frame["page_due_at"].notna()
    return done_at.where(~no_tasks, frame["page_due_at"])


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
    """Return how often each step is in each state: one row per step in the process's order, one column per state."""
    counts = pd.crosstab(states["title"], states["state"]).reindex(states["title"].unique(), fill_value=0)
    return counts.reindex(columns=list(STATES), fill_value=0).rename_axis("step").reset_index()
