"""Drafts of major incidents that have no page: which are missing, and writing their pages into the workbook."""

from __future__ import annotations

from time import monotonic

import pandas as pd

from incident_lib.drafting.redraft import write_draft
from incident_lib.drafting.sidecar import page_path
from incident_lib.drafting.summariser import machine_summary
from incident_lib.errors import WorkbookError
from incident_lib.loading import load
from incident_lib.records import Records
from incident_lib.reports.books import Books
from incident_lib.reports.ledger import written
from incident_lib.reports.plan import DRAFTS, Due, due_drafts
from incident_lib.reports.schedule_run import Look, drafts_inputs


def write_missing(found: Look, books: Books) -> tuple[dict[Due, int], Records | None]:
    """Write the pages that are missing, if it is time to look for them; return the drafts whose report is to be made
    with their rows, and the records as they were before.

    A draft's row is there before its page: a run that dies in between is made up for by the next.
    """
    task, asked = books.task, [due for due in found.due if due.kind == DRAFTS]
    if not asked:
        return {}, None
    begun = monotonic()
    [row] = books.begin([(asked[0], drafts_inputs(task, found.files))]).values()
    try:
        records = load(task.data, as_of=written(task.now))
        missing = incidents_without_page(records, task.settings.schedule.draft_days)
    except WorkbookError as error:
        books.end(row, monotonic() - begun, str(error))
        task.say("failed", kind=DRAFTS, name="", error=str(error))
        return {}, None
    due = due_drafts(missing, asked[0].slot, task.settings, {} if task.force else found.past)
    rows = books.begin([(one, "") for one in due])
    drafted = {one: rows[one] for one in due if _is_written(one, rows[one], records, books)}
    books.end(row, monotonic() - begun, None)
    return drafted, records


def incidents_without_page(records: Records, days: int) -> list[str]:
    """Return the major incidents of the last days that have no page: those that ended, or go on for a day already."""
    major, as_of = records.major, records.as_of
    recent = major["first_seen_at"] > as_of - pd.Timedelta(days=days)
    ended = major["resolved_at"].notna() | major["mitigated_at"].notna()
    long = major["first_seen_at"] < as_of - pd.Timedelta(days=1)
    has_page = major["incident_id"].isin(records.postmortems["incident_id"])
    return sorted(map(str, major.loc[recent & (ended | long) & ~has_page, "incident_id"]))


def _is_written(due: Due, row: int, records: Records, books: Books) -> bool:
    """Write an incident's page unless it has one, as the draft command does; tell whether that went well."""
    if page_path(records, due.name).exists():
        return True
    try:
        page = write_draft(records, due.name, summary=machine_summary(records, due.name)).path
    except WorkbookError as error:
        books.end(row, 0.0, str(error))
        books.task.say("failed", kind=due.kind, name=due.name, error=str(error))
        return False
    books.task.say("page", name=due.name, page=str(page))
    return True
