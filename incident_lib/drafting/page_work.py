"""What is still to do, as a page has it: the meeting, its tasks, what chat proposes, and the internal e-mail."""

from __future__ import annotations

from typing import Any

import pandas as pd

from incident_lib.drafting.overview import when
from incident_lib.drafting.page_front_matter import kind_of_task, touch_of_task
from incident_lib.drafting.told import Told, inline, is_web, of_title
from incident_lib.story.facts import proposed_tasks
from incident_lib.timeliness.deadlines import deadline_proof, incident_deadlines
from incident_lib.words import NOT_STATED

_DEADLINE_SETTINGS = ("workbook.toml#/deadlines", "workbook.toml#/calendar")


def meeting(told: Told) -> str:
    """Return when the meeting is, or by when it is to be held, with that deadline's proof."""
    if told.page is not None and pd.notna(told.page["meeting_at"]):
        local = told.page["meeting_at"].tz_convert(told.records.settings.workbook.tz)
        return told.cite(f"{local:%A %-d %B %Y, %H:%M %Z}", f"{told.path}#meeting")
    table = incident_deadlines(told.records)
    if told.incident_id not in table.index:
        return told.cite(
            "not asked for by the settings: the incident is not major",
            told.pointers("severity"),
            "workbook.toml#/severities",
        )
    due = table.at[told.incident_id, "meeting_due_at"]
    proof = inline(deadline_proof(told.records, told.incident_id))
    start = told.records.settings.deadlines.start
    if pd.isna(due):
        return told.cite(f"not scheduled yet; {proof}", told.pointers(start), *_DEADLINE_SETTINGS)
    day = due.tz_convert(told.records.settings.workbook.tz)
    return told.cite(
        f"not scheduled yet; to be held by {day:%A %-d %B %Y} ({proof})", told.pointers(start), *_DEADLINE_SETTINGS
    )


def recording(told: Told) -> str | None:
    """Return where the meeting's recording is; None if there is none."""
    if told.page is None or pd.isna(told.page["recording"]):
        return None
    return told.cite(
        f"<{told.page['recording']}>" if is_web(told.page["recording"]) else inline(told.page["recording"]),
        f"{told.path}#meeting",
    )


def task_row(told: Told, row: dict[str, Any]) -> dict[str, str]:
    """Return an action item as a row of the page."""
    text = {name: inline(row[name]) if pd.notna(row[name]) else NOT_STATED for name in ("title", "kind", "owner")}
    due = f"{row['due_on']:%Y-%m-%d}" if pd.notna(row["due_on"]) else NOT_STATED
    state = row["status"] if pd.notna(row["status"]) else NOT_STATED
    return {
        **text,
        "due": due,
        "touches": row["touches"] if pd.notna(row["touches"]) else "no",
        "state": told.cite(state, row["source"]),
    }


def proposals(told: Told) -> list[str]:
    """Return the tasks that chat proposes, with who wrote them."""
    rows = proposed_tasks(told.records, told.incident_id).to_dict("records")
    return [told.cite(_proposal(row), row["source"]) for row in rows]


def _proposal(row: dict[str, Any]) -> str:
    who = inline(row["who"]) if pd.notna(row["who"]) else "somebody"
    owner = f", for {inline(row['owner'])}" if pd.notna(row["owner"]) else ""
    touch = touch_of_task(row["title"])
    touches = f", touches customer systems: {touch}" if touch else ""
    kind = kind_of_task(row["title"])
    return f"{inline(row['title'])} ({kind}{owner}{touches}; written by {who}, {row['at']:%H:%M} UTC)"


def internal_email(told: Told, tasks: pd.DataFrame) -> str:
    """Return the internal e-mail as the page has it: facts, open tasks, and where the page is."""
    open_tasks = tasks[tasks["status"] == "open"]
    incident, to = told.incident, told.records.settings.messages.internal_to
    title = inline(incident["title"]) if pd.notna(incident["title"]) else told.incident_id
    listed_tasks = [told.cite(f"- {inline(row.title)}", row.source, quiet=True) for row in open_tasks.itertuples()]
    severity = incident["severity"] if pd.notna(incident["severity"]) else "of unstated severity"
    facts = [
        told.cite(f"{told.incident_id} was {severity}.", told.pointers("severity"), quiet=True),
        told.cite(when(told.records, incident), told.pointers("started_at", "resolved_at"), quiet=True),
    ]
    count = told.cite(f"Tasks that remain: {len(open_tasks)}." if len(open_tasks) else "No open task is recorded yet.",
                      *(open_tasks["source"] if len(open_tasks) else [incident["source"]]), quiet=True)  # fmt: skip
    lines = [
        f"To: {to or NOT_STATED}  ",
        told.cite(f"Subject: Incident {told.incident_id}: {title}", of_title(told), quiet=True), "",
        " ".join(facts), "", count, "",
        *listed_tasks, "",
        f"The page: postmortems/{told.incident_id}.md. Add what you saw, and say if you can take a task.",
    ]  # fmt: skip
    return "\n".join(lines)
