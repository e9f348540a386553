"""The facts by which a follow-up step is judged: is it asked for, when is it due, and what shows that it was done?"""

from __future__ import annotations

import re

import pandas as pd

from incident_lib.business_time import deadlines
from incident_lib.records import Records
from incident_lib.settings import Step
from incident_lib.timeliness.deadlines import by_calendar, calendars_of, incident_deadlines

# Where the page itself states a step's time, that is its evidence.
PAGE_TIMES = {
    "page-created": "created_at",
    "owner-assigned": "assigned_at",
    "page-completed": "completed_at",
    "meeting-held": "reviewed_at",
    "closed": "closed_at",
}
STAGES = {"draft": 0, "in review": 1, "reviewed": 2, "closed": 3}
_NO_TIME = {"dtype": "datetime64[us, UTC]"}


def follow_up_facts(records: Records) -> pd.DataFrame:
    """Return what the follow-up of each major incident goes by: deadlines, page, customers, tasks; by incident id."""
    pages = records.postmortems.drop_duplicates("incident_id").set_index("incident_id")
    columns = ["owner", "status", "not_needed", "meeting_at", *PAGE_TIMES.values(), "source"]
    incidents = records.major.set_index("incident_id")[["customers", "resolved_at"]]
    frame = incident_deadlines(records).join(pages[columns].rename(columns={"source": "page_source"}))
    frame = frame.join(incidents).join(_tasks(records))
    frame["stage"] = frame["status"].map(STAGES).astype("float").fillna(-1)
    return frame.assign(
        **{name: _from_day(frame, name, records) for name in ("tasks_end", "touching_end", "cleaning_at")}
    )


def _tasks(records: Records) -> pd.DataFrame:
    """Return per incident its tasks that were not declined: how many, whether one touches customers, and the last days.

    ``tasks_end`` and ``touching_end`` are missing while such a task is open; ``cleaning_at`` is the day on which the
    first clean-up task was written down, and ``cleaning_source`` where.
    """
    items = records.action_items[records.action_items["status"] != "declined"]
    touching = items[items["touches"].notna()].groupby("incident_id")
    every = items.groupby("incident_id")
    cleaning = items[items["kind"] == "clean-up"].dropna(subset="created_on").sort_values("created_on", kind="stable")
    first = cleaning.drop_duplicates("incident_id").set_index("incident_id")
    return pd.DataFrame({
        "touches": touching.size() > 0,
        "touching_end": touching["done_on"].max().where(touching["done_on"].count() == touching.size()),
        "tasks_end": every["done_on"].max().where(every["done_on"].count() == every.size()),
        "tasks": every.size(),
        "cleaning_at": first["created_on"],
        "cleaning_source": first["source"],
    })  # fmt: skip


def _from_day(frame: pd.DataFrame, name: str, records: Records) -> pd.Series:
    """Return the instant at which each day of a column begins where the incident's calendar is."""
    zones = frame["calendar"].map({name: one.tz.key for name, one in calendars_of(records.settings).items()})
    result = pd.Series(pd.NaT, index=frame.index, **_NO_TIME)
    for zone in zones.unique():
        here = zones == zone
        days = pd.to_datetime(frame.loc[here, name]).astype("datetime64[us]")
        result.loc[here] = days.dt.tz_localize(zone, nonexistent="shift_forward", ambiguous=True).dt.tz_convert("UTC")  # type: ignore[call-overload]
    return result


def not_asked(frame: pd.DataFrame, step: Step) -> pd.Series:
    """Return why a step is not asked for, by its ``when``; missing where it is."""
    touches, customers = frame["touches"].eq(True), frame["customers"].notna()
    reasons = {
        "touches": (touches, "no action item touches customer systems"),
        "customers": (customers, "no customer was affected"),
        "customers-or-touches": (
            customers | touches,
            "no customer was affected, and no action item touches their systems",
        ),
        "critical": (frame["severity"] == "critical", "only asked for critical incidents"),
    }
    nothing = pd.Series(None, index=frame.index, dtype="str")
    if step.when not in reasons:
        return nothing
    asked, reason = reasons[step.when]
    return nothing.mask(~asked, reason)


def due(frame: pd.DataFrame, step: Step, records: Records, last: pd.Series | None = None) -> pd.Series:
    """Return when a step is due: counted from the resolution, the page's deadline, the meeting, or the tasks' end.

    ``last`` is when a step that comes again was done last; then it is due its ``every`` after that.
    """
    if step.hours_before is not None:
        return frame["meeting_at"] - pd.Timedelta(hours=step.hours_before)
    starts = {
        "resolved": frame["start_at"],
        "deadline": frame["page_due_at"],
        "meeting": frame["meeting_at"],
        "tasks": _tasks_end(frame, step),
    }
    first = _after(frame, starts[step.after], step.due, records)
    if step.every is None or last is None:
        return first
    return _after(frame, last, step.every, records).fillna(first)


def _after(frame: pd.DataFrame, starts: pd.Series, span: object, records: Records) -> pd.Series:
    table = frame[["calendar"]].assign(start=starts)
    return by_calendar(table, records.settings, lambda part, calendar: deadlines(part["start"], span, calendar))


def _tasks_end(frame: pd.DataFrame, step: Step) -> pd.Series:
    """Return when the tasks that a step waits for were done; missing while some are open (then nothing is due yet)."""
    done_at = frame["touching_end"] if step.when == "touches" else frame["tasks_end"]
    no_tasks = frame["tasks"].isna() & frame["page_due_at"].notna()
    return done_at.where(~no_tasks, frame["page_due_at"])


def implied(frame: pd.DataFrame, step: Step) -> pd.Series:
    """Tell where the page shows that a step was done, though not when.

    A page that is closed because no post-mortem is needed was neither completed nor talked about.
    """
    talked = frame["not_needed"].isna()
    reached = {
        "page-created": frame["stage"] >= 0,
        "owner-assigned": frame["owner"].notna(),
        "meeting-scheduled": frame["meeting_at"].notna(),
        "page-completed": talked & (frame["stage"] >= 1),
        "meeting-held": talked & (frame["stage"] >= 2),
        "closed": frame["stage"] >= 3,
    }
    return reached.get(step.id, frame["stage"] > 9)


def shown(frame: pd.DataFrame, step: Step, records: Records) -> pd.DataFrame:
    """Return the evidence for a step beside a plain statement: done_at, evidence (in words) and source, by incident id.

    In this order: the page's own times, its first clean-up task, and what somebody said in the incident's chat.
    """
    found = pd.DataFrame(
        {
            "done_at": pd.Series(pd.NaT, index=frame.index, **_NO_TIME),
            "evidence": pd.Series(None, index=frame.index, dtype="str"),
            "source": pd.Series(None, index=frame.index, dtype="str"),
        }
    )
    if step.id in PAGE_TIMES:
        found = _filled(found, frame[PAGE_TIMES[step.id]], "the page's own times", frame["page_source"])
    if step.id == "tasks-recorded":
        found = _filled(found, frame["cleaning_at"], "its first clean-up task", frame["cleaning_source"])
    if step.said:
        said = _said(frame, step, records)
        found = _filled(found, said["at"], "a chat message", said["source"])
    return found


def _filled(found: pd.DataFrame, at: pd.Series, evidence: str, source: pd.Series) -> pd.DataFrame:
    new = found["done_at"].isna() & at.notna()
    return pd.DataFrame({
        "done_at": found["done_at"].fillna(at),
        "evidence": found["evidence"].mask(new, evidence),
        "source": found["source"].mask(new, source),
    })  # fmt: skip


def _said(frame: pd.DataFrame, step: Step, records: Records) -> pd.DataFrame:
    """Return the first message of a person, after the incident's end, that has one of the step's words, and no "?"."""
    words = re.compile("|".join(rf"\b{re.escape(word)}\b" for word in step.said), re.IGNORECASE)
    messages = records.messages[~records.messages["is_bot"] & records.messages["incident_id"].isin(frame.index)]
    ends = frame["resolved_at"].reindex(messages["incident_id"]).set_axis(messages.index)  # map fails on no incident
    after = messages["at"] >= ends
    told = messages["text"].str.contains(words, na=False) & ~messages["text"].str.contains("?", regex=False, na=False)
    hits = messages[after & told].sort_values("at", kind="stable")
    return hits.drop_duplicates("incident_id").set_index("incident_id")[["at", "source"]].reindex(frame.index)
