"""A scheduled run's first half: is anything due? Decided from the ledger and the files' state, without pandas.

Most runs of a timer end here. What is due is made by ``scheduled``, which imports all that reports need.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from incident_lib.files import safe_name
from incident_lib.scheduling.days_off import workday_test
from incident_lib.scheduling.inputs import digest, fingerprint, look_at_files
from incident_lib.scheduling.ledger import LEDGER, FileState, Ledger, LedgerError, Unfinished, is_damaged, open_ledger
from incident_lib.scheduling.plan import DRAFTS, Due, History, due_reports, next_slot, readable
from incident_lib.settings import Settings

Say = Callable[..., None]


@dataclass(frozen=True)
class Task:
    """What a run is asked: whose workbook, where reports go, at which moment, and whether to make all again.

    ``say`` is told what happens: an event's name, and its facts by keyword. ``notebooks`` is a folder with notebooks
    to run instead of ours.
    """

    data: str
    reports: Path
    now: datetime
    settings: Settings
    say: Say
    force: bool = False
    notebooks: Path | None = None


@dataclass(frozen=True)
class Look:
    """What a run found: what is due, whether an earlier run died, and the state of the workbook's files."""

    due: list[Due]
    past: History
    mended: bool = False
    files: Mapping[str, FileState] = field(default_factory=dict)


@contextmanager
def ledger_of(task: Task) -> Any:
    """Give the ledger of the reports' folder; one that is damaged is put aside, and a new one begun.

    Raises:
        LedgerError: if it can't be read or written.
    """
    if (task.reports / LEDGER).exists() and is_damaged(task.reports):
        aside = f"{LEDGER}.damaged-{task.now:%Y%m%dT%H%M%SZ}"
        (task.reports / LEDGER).rename(task.reports / aside)
        (task.reports / f"{LEDGER}-journal").unlink(missing_ok=True)
        task.say("ledger-damaged", aside=str(task.reports / aside))
    with closing(open_ledger(task.reports)) as ledger:
        try:
            yield ledger
        except sqlite3.Error as error:
            message = f"the ledger in {task.reports} can't be written: {error}; the next run mends it"
            raise LedgerError(message) from error


def look(task: Task, ledger: Ledger) -> Look:
    """Return what is due, by the ledger and the state of the files; a clock that was set back is said, and harmless."""
    _notice_clock(task, ledger)
    mended = ledger.unfinished() is not None
    if mended:
        task.say("mended")
        ledger.mend(lambda one: _was_published(one, task.reports), task.now)
    past, is_workday = ledger.past(), workday_test(task.settings.calendar)
    due = due_reports(task.now, task.settings, past, is_workday, force=task.force)
    if not due:
        return Look([], past, mended)
    files = files_of(task, ledger)
    return Look(_worth_a_look(due, past, task, files), past, mended, files)


def files_of(task: Task, ledger: Ledger) -> dict[str, FileState]:
    """Return the state of the workbook's files; only those that changed since they were last seen are read."""
    known = ledger.files()
    files = look_at_files(Path(task.data), known, without=task.reports)
    if files != known:
        with suppress(sqlite3.Error):  # it only saves time
            ledger.remember_files(files)
    return files


def drafts_inputs(task: Task, files: Mapping[str, FileState], *, waiting: bool) -> str:
    """Return what decides whether a draft may be missing: the files; and the day, while an incident is waiting."""
    day = task.now.astimezone(task.settings.workbook.tz).date() if waiting else ""
    return "" if task.settings.databases else digest([fingerprint(files), str(day)])


def say_nothing_due(task: Task) -> None:
    """Say that nothing is due, and what is next."""
    coming = next_slot(task.now, task.settings, workday_test(task.settings.calendar))
    zone = task.settings.workbook.zone
    when = f"{readable(coming[1], task.settings.workbook.tz)} ({zone})" if coming else ""
    task.say("nothing-due", next=coming and coming[0], at=when)


def _worth_a_look(due: list[Due], past: History, task: Task, files: Mapping[str, FileState]) -> list[Due]:
    """Return what is due without the look for missing drafts, where nothing changed since the last one."""
    last = past.get((DRAFTS, ""))
    known = [drafts_inputs(task, files, waiting=waiting) for waiting in (False, True)]
    same = bool(last and last.outcome == "made" and last.good_inputs in filter(None, known)) and not task.force
    return [one for one in due if not (one.kind == DRAFTS and same and last and one.slot > last.slot)]


def _was_published(one: Unfinished, reports: Path) -> bool:
    """Tell whether a run that died had come to publish a report: it is there as of that run's moment."""
    folder = reports.joinpath(one.kind, *([safe_name(one.name)] if one.name else []))
    try:
        return json.loads((folder / "manifest.json").read_bytes())["parameters"]["as_of"] == one.as_of
    except (OSError, ValueError, LookupError, TypeError):
        return False


def _notice_clock(task: Task, ledger: Ledger) -> None:
    """Say that the clock was set back; only with ``force`` are the runs that lie ahead forgotten."""
    newest = ledger.newest_moment()
    if newest and newest > task.now + timedelta(seconds=1):
        task.say("clock-set-back", now=f"{task.now:%Y-%m-%d %H:%M:%S} UTC", last=f"{newest:%Y-%m-%d %H:%M:%S} UTC",
                 forced=task.force)  # fmt: skip
        if task.force:
            ledger.forget_after(task.now)
