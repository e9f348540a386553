"""Drafts of major incidents that have no page: which are missing, and writing their pages into the workbook."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from time import monotonic

import pandas as pd

from incident_lib.drafting.sidecar import page_path, sidecar_path
from incident_lib.drafting.summariser import machine_summary
from incident_lib.drafting.writing import write_draft
from incident_lib.errors import WorkbookError
from incident_lib.loading import load
from incident_lib.records import Records
from incident_lib.scheduling.books import Books
from incident_lib.scheduling.ledger import FileState, written
from incident_lib.scheduling.look import Look, drafts_inputs, files_of
from incident_lib.scheduling.plan import DRAFTS, Due, due_drafts


@dataclass(frozen=True)
class Drafted:
    """What looking for missing drafts gave: rows of the drafts whose report is to be made, the state of the workbook's
    files after it, and the records, unless pages were written since they were loaded.
    """

    rows: Mapping[Due, int]
    files: Mapping[str, FileState]
    records: Records | None = None


def write_missing(found: Look, books: Books) -> Drafted:
    """Write the pages that are missing, if it is time to look for them.

    A draft's row is there before its page: a run that dies in between is made up for by the next.
    """
    task, asked = books.task, [due for due in found.due if due.kind == DRAFTS]
    if not asked:
        return Drafted({}, found.files)
    begun = monotonic()
    [row] = books.begin([(asked[0], "")]).values()
    try:
        records = load(task.data, as_of=written(task.now))
    except WorkbookError as error:
        books.end(row, monotonic() - begun, str(error))
        task.say("failed", kind=DRAFTS, name="", error=str(error))
        return Drafted({}, found.files)
    missing, waiting = incidents_without_page(records, task.settings.schedule.draft_days)
    due = due_drafts(missing, asked[0].slot, task.settings, {} if task.force else found.past)
    rows = books.begin([(one, "") for one in due])
    rows = {one: rows[one] for one in due if _is_written(one, rows[one], records, books)}
    files = files_of(task, books.ledger) if rows else found.files
    seen = files if _but_ours(files, rows, records) == _but_ours(found.files, rows, records) else found.files
    books.end(row, monotonic() - begun, None, drafts_inputs(task, seen, waiting=bool(waiting)))
    return Drafted(rows, files, None if rows else records)


def _but_ours(files: Mapping[str, FileState], drafts: Iterable[Due], records: Records) -> dict[str, str]:
    """Return the hashes of the files that others wrote."""
    ours = {path.relative_to(records.folder).as_posix() for due in drafts
            for path in (page_path(records, due.name), sidecar_path(records, due.name))}  # fmt: skip
    return {name: state[3] for name, state in files.items() if name not in ours}


def incidents_without_page(records: Records, days: int) -> tuple[list[str], list[str]]:
    """Return the major incidents of the last days that have no page: those to draft, and those that may end yet.

    To draft are those that ended, and those that go on for a day already.
    """
    major, as_of = records.major, records.as_of
    has_page = major["incident_id"].isin(records.postmortems["incident_id"])
    without = major[(major["first_seen_at"] > as_of - pd.Timedelta(days=days)) & ~has_page].sort_values("incident_id")
    ended = without["resolved_at"].notna() | without["mitigated_at"].notna()
    ready = ended | (without["first_seen_at"] < as_of - pd.Timedelta(days=1))
    return [*map(str, without.loc[ready, "incident_id"])], [*map(str, without.loc[~ready, "incident_id"])]


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
