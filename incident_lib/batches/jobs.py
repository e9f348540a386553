"""What goes between the processes of a batch: plain data only, whatever carries it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from incident_lib.drafting.summariser import machine_summary
from incident_lib.drafting.writing import write_draft
from incident_lib.errors import WorkbookError
from incident_lib.loading import load
from incident_lib.records import Records
from incident_lib.reports.run import CELL_SECONDS, Forms, Report, run_report
from incident_lib.reports.warm import rehearsal
from incident_lib.settings.outputs import Reports

WARM = "warm"  # papermill's name of our engine


@dataclass(frozen=True)
class Effort:
    """What a batch may take: worker processes (None: one per core), seconds per cell, and megabytes per notebook."""

    workers: int | None = None
    cell_seconds: int = CELL_SECONDS
    megabytes: int | None = None


def effort_of(settings: Reports) -> Effort:
    """Return what a batch may take, by the settings."""
    return Effort(settings.workers or None, settings.cell_seconds, settings.notebook_megabytes)


@dataclass(frozen=True)
class Orders:
    """What all jobs of a batch have in common; ``into`` is the reports' folder, ``home`` the working directory."""

    into: str
    home: str
    workers: int
    cell_seconds: int = CELL_SECONDS
    megabytes: int | None = None
    pdf: bool = False
    shared_plotly: bool = False


class Shared:
    """What the jobs of a batch share: the records from which pages are drafted, and those that notebooks load."""

    def __init__(self) -> None:
        self._records: Records | None = None
        self._refused = "no records were loaded"

    def load(self, data: str, as_of: str | None) -> None:
        """Load the records from which pages are drafted."""
        try:
            self._records = load(data, as_of=as_of)
        except WorkbookError as error:
            self._refused = str(error)

    @property
    def records(self) -> Records:
        """Return the records from which pages are drafted.

        Raises:
            WorkbookError: if there are none, and why.
        """
        if self._records is None:
            raise WorkbookError(self._refused)
        return self._records

    def share(self, data: str, as_of: str | None) -> None:
        """Load the records that the notebooks to come will load, for the kernels that are forked from here.

        What can't be loaded is left to each notebook to say.
        """
        self._records = None
        with suppress(WorkbookError):
            rehearsal.share(load(data, as_of=as_of), as_of=as_of)


def report_as_data(report: Report) -> dict[str, Any]:
    """Return a report as plain data."""
    return {**asdict(report), "notebook": str(report.notebook), "parameters": dict(report.parameters)}


def report_of(data: Mapping[str, Any]) -> Report:
    """Return the report that plain data describe."""
    return Report(**{**data, "notebook": Path(data["notebook"])})


def do(
    job: Mapping[str, Any], orders: Orders, shared: Shared, *, engine: str | None = WARM
) -> dict[str, Any]:
    """Do one job: make a ``report``, or write the ``page`` of an incident; return its ``error``, which may be None.

    An error that is nobody's to mend is told by its type; the batch goes on.
    """
    try:
        if "page" in job:
            _write_page(job["page"], job.get("owner"), shared.records)
        else:
            make(report_of(job["report"]), orders, engine)
        error = None
    except WorkbookError as caught:
        error = str(caught)
    except Exception as caught:
        error = f"an error of the workbook itself: {type(caught).__name__}: {caught}"
    return {"error": error}


def make(report: Report, orders: Orders, engine: str | None) -> None:
    """Make one report as the orders say, in this process."""
    forms = Forms(pdf=orders.pdf, shared_plotly=orders.shared_plotly)
    run_report(report, reports=Path(orders.into), cell_seconds=orders.cell_seconds, forms=forms, engine=engine,
               megabytes=orders.megabytes)  # fmt: skip


def _write_page(incident_id: str, owner: str | None, records: Records) -> None:
    write_draft(records, incident_id, owner=owner, summary=machine_summary(records, incident_id))
