"""Batches: many reports made one after the other or side by side; one that fails costs itself only."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

from incident_lib.errors import WorkbookError
from incident_lib.records import Records
from incident_lib.reports.publish import Published
from incident_lib.reports.run import CELL_SECONDS, Forms, Report, run_report

PLAIN = Forms()


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


@dataclass(frozen=True)
class Effort:
    """What a batch may take: worker processes (None: one per core), seconds per cell, and megabytes per notebook."""

    workers: int | None = None
    cell_seconds: int = CELL_SECONDS
    megabytes: int | None = None


def make_all(
    reports: Sequence[Report], *, into: Path, effort: Effort = Effort(), forms: Forms = PLAIN,
    on_done: Callable[[Outcome], None] = lambda outcome: None, records: Records | None = None, again: bool = False,
) -> list[Outcome]:  # fmt: skip
    """Make reports and publish them into a folder; return what became of each, in their order.

    ``on_done`` is told each outcome as it comes. One failure doesn't stop the others. ``records`` are what the
    notebooks would load, if the caller has them already.
    """
    outcomes = []
    for report in reports:
        outcomes.append(_one(report, into, effort, forms))
        on_done(outcomes[-1])
    return outcomes


def _one(report: Report, into: Path, effort: Effort, forms: Forms) -> Outcome:
    begun = monotonic()
    try:
        published = run_report(report, reports=into, cell_seconds=effort.cell_seconds, forms=forms)
    except WorkbookError as error:
        return Outcome(report, None, str(error), monotonic() - begun)
    return Outcome(report, published, None, monotonic() - begun)
