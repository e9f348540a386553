"""A scheduled run's second half: write missing drafts, make what is due side by side, and keep the books."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from time import monotonic

from incident_lib.batches.jobs import effort_of
from incident_lib.batches.many import Outcome, make_all
from incident_lib.errors import WorkbookError
from incident_lib.loading import load
from incident_lib.records import Records
from incident_lib.reports import catalogue
from incident_lib.reports.failures import FAILED, failures, keep_failure
from incident_lib.reports.index import rebuild_index
from incident_lib.reports.publish import DISTRIBUTIONS, MANIFEST, place_of
from incident_lib.reports.run import Forms, Report
from incident_lib.scheduling.books import Books
from incident_lib.scheduling.inputs import code_fingerprint, digest, fingerprint, versions
from incident_lib.scheduling.ledger import Ledger, written
from incident_lib.scheduling.look import Look, Task
from incident_lib.scheduling.missing_drafts import Drafted, write_missing
from incident_lib.scheduling.plan import (
    DRAFT,
    DRAFTS,
    FOLLOW_UP,
    MOVING,
    PROCESS_REVIEW,
    SERVICE_REVIEW,
    TIMELINESS,
    Due,
    is_unchanged,
)  # fmt: skip
from incident_lib.scheduling.retention import tidy

INDEX_TITLE = "All reports"
_WORTH_SHARING = 4
Maker = Callable[..., list[Outcome]]


def make_due(task: Task, ledger: Ledger, found: Look, maker: Maker = make_all) -> int:
    """Make what a look found due; return the exit code: 0 if all was made, 1 if something failed.

    Every report of a run is as of the run's moment, so that all of them tell of the same records.

    Raises:
        ReportError: if what became of a report could not be written down.
        sqlite3.Error: if the ledger can't be written at all.
    """
    books = Books(task, ledger, ledger.begin_run(task.now, versions(DISTRIBUTIONS)))
    _tidy(task, ledger)
    _make(found, write_missing(found, books), books, maker)
    _publish_index(task, books)
    _tidy(task, ledger)
    counts = books.close()
    task.say("finished", **counts, seconds=round(monotonic() - books.begun, 3), index=str(task.reports / "index.html"))
    return 1 if books.failed else 0


def _make(found: Look, drafted: Drafted, books: Books, maker: Maker) -> None:
    """Make reports side by side; those that would be the same as before are left."""
    task, drafts, workbook, code = books.task, drafted.rows, fingerprint(drafted.files), code_fingerprint()
    made_of = {due: _report_of(due, found, task) for due in [*found.due, *drafts] if due.kind != DRAFTS}
    inputs = {due: _inputs(due, report, workbook, code, task) for due, report in made_of.items() if due not in drafts}
    same = [due for due in inputs if not task.force and is_unchanged(due, found.past, inputs[due])
            and (place_of(task.reports, due.kind, due.name).folder / MANIFEST).is_file()]  # fmt: skip
    books.begin([(due, inputs[due]) for due in same], "unchanged")
    for due in same:
        task.say("unchanged", kind=due.kind, name=due.name, why=due.why)
    rows = {**books.begin([(due, inputs[due]) for due in inputs if due not in same]), **drafts}
    reports = [made_of[due] for due in rows]
    left = {due.key: due for due in rows}

    def done(outcome: Outcome) -> None:
        due = left.pop((outcome.report.kind, outcome.report.name))
        _note(due, outcome, rows[due], books)

    try:
        if reports:
            records = _to_share(reports, drafted.records, task)
            maker(reports, into=task.reports, effort=effort_of(task.settings.reports), forms=_forms(task),
                  on_done=done, records=records, again=True)  # fmt: skip
    except WorkbookError as error:  # the batch itself could not go on
        for report in [report for report in reports if (report.kind, report.name) in left]:
            done(Outcome(report, None, str(error), 0.0))


def _note(due: Due, outcome: Outcome, row: int, books: Books) -> None:
    """Write down and say what became of a report; a failure is shown by the index as well."""
    task, report = books.task, outcome.report
    books.end(row, outcome.seconds, outcome.error)
    facts = {"kind": due.kind, "name": due.name, "why": due.why, "seconds": round(outcome.seconds, 3)}
    if outcome.published:
        task.say("made", **facts, answer=outcome.published.answer, page=str(outcome.published.page))
        return
    task.say("failed", **facts, error=outcome.error)
    known = failures(task.reports).get(due.key)
    if known is None or known.as_of != written(task.now):
        with suppress(OSError, WorkbookError):  # a full disk has been told of by the error itself
            (task.reports / FAILED).mkdir(mode=0o700, exist_ok=True)
            keep_failure(task.reports, report.kind, report.name, report.stem, {
                "title": report.title, "section": "", "reason": outcome.error or "", "as_of": written(task.now),
            })  # fmt: skip


def _report_of(due: Due, found: Look, task: Task) -> Report:
    """Return the report that is due, as of the run's moment; timeliness tells what changed since it was last made."""
    as_of, last = written(task.now), found.past.get(due.key)
    since = last.good_at if last and last.good_slot and last.good_slot < due.slot else None
    makers: dict[str, Callable[[], Report]] = {
        TIMELINESS: lambda: catalogue.timeliness(task.data, as_of, since=since and written(since)),
        FOLLOW_UP: lambda: catalogue.follow_up(task.data, as_of),
        PROCESS_REVIEW: lambda: catalogue.process_review(task.data, as_of, due.period),
        SERVICE_REVIEW: lambda: catalogue.service_review(task.data, as_of, due.period, due.customer),
        DRAFT: lambda: catalogue.postmortem_draft(task.data, as_of, due.name),
    }
    report = makers[due.kind]()
    return replace(report, notebook=task.notebooks / report.notebook.name) if task.notebooks else report


def _inputs(due: Due, report: Report, workbook: str, code: str, task: Task) -> str:
    """Return the hash of all that decides what a report says, but the moment; empty where a database may change it."""
    if task.settings.databases:
        return ""
    with suppress(OSError):
        notebook = digest(report.notebook.read_text("utf-8", errors="replace"))
        about = [due.kind, due.name, due.period, due.customer, str(due.slot) if due.kind in MOVING else ""]
        return digest([workbook, notebook, code, versions(DISTRIBUTIONS), about])
    return ""


def _to_share(reports: Sequence[Report], records: Records | None, task: Task) -> Records | None:
    """Return the records that many notebooks are to share; for a few, each loads its own."""
    if records is not None or len(reports) < _WORTH_SHARING:
        return records
    with suppress(WorkbookError):  # each notebook says so itself
        return load(task.data, as_of=written(task.now))
    return None


def _forms(task: Task) -> Forms:
    return Forms(shared_plotly=task.settings.reports.plotly == "shared")


def _publish_index(task: Task, books: Books) -> None:
    try:
        rebuild_index(task.reports, INDEX_TITLE)
    except (OSError, WorkbookError) as error:
        books.failed += 1
        task.say("failed", kind="index", name="", error=str(error))


def _tidy(task: Task, ledger: Ledger) -> None:
    """Keep to the settings of retention; what can't be removed now is removed another time."""
    with suppress(OSError, WorkbookError, sqlite3.Error):
        for name in tidy(task.reports, task.settings.retention, task.now):
            task.say("removed", folder=name)
        ledger.forget_before(task.now - timedelta(days=task.settings.retention.ledger_days))
