"""What a scheduled run writes down as it goes: each report's row in the ledger, and how many failed."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from time import monotonic

from incident_lib.errors import ReportError
from incident_lib.scheduling.ledger import Ledger
from incident_lib.scheduling.look import Task
from incident_lib.scheduling.plan import Due


@dataclass
class Books:
    """What a run writes down as it goes; a ledger that can't be written stops nothing that can still be made."""

    task: Task
    ledger: Ledger
    run: int
    begun: float = field(default_factory=monotonic)
    failed: int = 0
    trouble: str = ""

    def begin(self, due: Iterable[tuple[Due, str]], outcome: str = "running") -> dict[Due, int]:
        """Note reports that are to be made from these inputs; return the row of each."""
        return self.ledger.begin(self.run, self.task.now, due, outcome)

    def end(self, row: int, seconds: float, error: str | None, inputs: str | None = None) -> None:
        """Note what became of a report."""
        self.failed += bool(error)
        try:
            self.ledger.end(row, seconds=seconds, error=error, inputs=inputs)
        except sqlite3.Error as problem:
            self.trouble = str(problem)

    def close(self) -> Mapping[str, int]:
        """Note that the run is over; return its counts.

        Raises:
            ReportError: if something could not be written down.
        """
        counts: Mapping[str, int] = {}
        with suppress(sqlite3.Error):
            elapsed = timedelta(seconds=monotonic() - self.begun)
            counts = self.ledger.end_run(self.run, self.task.now + elapsed)
        if self.trouble or not counts:
            why = self.trouble or "it could not be closed"
            raise ReportError(f"the ledger in {self.task.reports} can't be written: {why}; the next run mends it")
        return counts
