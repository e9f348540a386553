"""Batches: many reports made side by side; one that fails costs itself only, and what is made already is left alone."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from incident_lib.batches.foreman import Alone, Foreman, can_fork
from incident_lib.batches.jobs import Effort, Orders, report_as_data
from incident_lib.batches.made_before import inputs_of, key_of, note_made, published_before, read_made
from incident_lib.records import Records
from incident_lib.reports.publish import MANIFEST, Published, place_of, published_at
from incident_lib.reports.run import Forms, Report

__all__ = ["Effort", "Outcome", "make_all"]
PLAIN, USUAL = Forms(), Effort()


@dataclass(frozen=True)
class Outcome:
    """What became of one report: published, or an error in one sentence; ``seconds`` of wall time.

    ``skipped`` means that it was published from the same inputs before, and was left as it is.
    """

    report: Report
    published: Published | None
    error: str | None
    seconds: float
    skipped: bool = False


Done = Callable[[Outcome], None]


class Hands(Protocol):
    """Whoever does the jobs of a batch, in a ``with`` block; takes ``ahead`` jobs before an answer is asked for."""

    ahead: int

    def __enter__(self) -> Hands: ...
    def __exit__(self, *_: object) -> None: ...
    def share(self, data: str, as_of: str | None) -> None:
        """Load the records that the notebooks of the next jobs share."""

    def load(self, data: str, as_of: str | None) -> None:
        """Load the records that the next pages are drafted from."""

    def give(self, job: Mapping[str, Any]) -> None:
        """Take a job with a ``number`` (see ``jobs.do``)."""

    def answer(self) -> dict[str, Any]:
        """Return the next answer: ``number``, ``seconds``, ``error`` (may be None), or how the worker ``died``."""


def make_all(
    reports: Sequence[Report], *, into: Path, effort: Effort = USUAL, forms: Forms = PLAIN,
    on_done: Done = lambda outcome: None, records: Records | None = None, again: bool = False,
    start: Callable[[Orders], Hands] | None = None,
) -> list[Outcome]:  # fmt: skip
    """Make reports and publish them into a folder; return what became of each, in their order.

    ``on_done`` is told each outcome as it comes. One failure doesn't stop the others. With ``records``, those which
    the notebooks will load, a report that is there and was made from the same inputs is skipped, unless ``again``.
    ``start`` gives whoever does the jobs (see ``hands``).

    Raises:
        ReportError: if the process behind the batch is killed; what was made is kept.
    """
    inputs = inputs_of(records, forms) if records else ""
    keys = [key_of(report, inputs) if records and _is_from(report, records) else "" for report in reports]
    outcomes = {} if again else _made_before(reports, into, keys, on_done)
    rest = {number: report for number, report in enumerate(reports) if number not in outcomes}
    if rest:
        with (start or hands)(orders_of(into, effort, forms, len(rest))) as theirs:
            share_records(theirs, list(rest.values()))
            jobs = ({"number": number, "report": report_as_data(report)} for number, report in rest.items())
            for answer in answers(theirs, jobs):
                number = answer["number"]
                outcome = outcome_of(rest[number], answer, into)
                if records and keys[number] and outcome.published:
                    note_made(outcome.report, into, keys[number], outcome.published, records)
                outcomes[number] = outcome
                on_done(outcome)
    return [outcomes[number] for number in range(len(reports))]


def hands(orders: Orders) -> Hands:
    """Return what does the jobs of a batch: a foreman with workers, or this process where none can be forked."""
    return Foreman(orders) if can_fork() else Alone(orders)


def orders_of(into: Path, effort: Effort, forms: Forms, jobs: int) -> Orders:
    """Return what the jobs of a batch have in common."""
    return Orders(str(into), str(Path.cwd()), min(cores(effort), max(jobs, 1)), effort.cell_seconds, effort.megabytes,
                  pdf=forms.pdf, shared_plotly=forms.shared_plotly)  # fmt: skip


def cores(effort: Effort) -> int:
    """Return how many workers to have: as wanted, or one for each core that this process may use."""
    if effort.workers:
        return effort.workers
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def answers(theirs: Hands, jobs: Iterator[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """Give jobs, a few ahead of time, and yield the answers as they come."""
    given = 0
    for job in jobs:
        theirs.give(job)
        given += 1
        if given >= theirs.ahead:
            yield theirs.answer()
            given -= 1
    for _ in range(given):
        yield theirs.answer()


def share_records(theirs: Hands, reports: Sequence[Report]) -> None:
    """Have the records loaded beforehand that most of the reports are about."""
    asked = Counter((report.parameters.get("data"), report.parameters.get("as_of")) for report in reports)
    data, as_of = asked.most_common(1)[0][0]
    if isinstance(data, str):
        theirs.share(data, None if as_of is None else str(as_of))


def outcome_of(report: Report, answer: Mapping[str, Any], into: Path) -> Outcome:
    """Return what became of a report by the answer of whoever made it."""
    error = answer.get("error")
    if answer.get("died"):
        error = f"{report.stem} failed: the process that made it {answer['died']}; the last good report is untouched"
    published = None if error else read_published(report, into)
    return Outcome(report, published, error, answer["seconds"])


def read_published(report: Report, into: Path) -> Published:
    """Return a report that was published just now."""
    folder = place_of(into, report.kind, report.name).folder
    return published_at(folder, json.loads((folder / MANIFEST).read_bytes()))


def _made_before(reports: Sequence[Report], into: Path, keys: Sequence[str], on_done: Done) -> dict[int, Outcome]:
    """Return the outcomes of the reports that need not be made again, by their numbers."""
    made, outcomes = read_made(into), {}
    for number, report in enumerate(reports):
        published = published_before(report, into, keys[number], made) if keys[number] else None
        if published:
            outcomes[number] = Outcome(report, published, None, 0.0, skipped=True)
            on_done(outcomes[number])
    return outcomes


def _is_from(report: Report, records: Records) -> bool:
    """Tell whether a report is about these records' workbook."""
    data = report.parameters.get("data")
    return isinstance(data, str) and Path(data).resolve() == records.folder.resolve()
