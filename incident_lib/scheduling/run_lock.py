"""One run at a time on a workbook, and into a reports' folder; the system frees both when a run dies."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

from incident_lib.errors import ReportError, RunningError
from incident_lib.files import alone

LOCK = ".run.lock"
_NOT_OURS = {errno.EACCES, errno.EPERM, errno.EROFS}


@contextmanager
def run_lock(data: Path, reports: Path) -> Iterator[None]:
    """Hold the locks of a run: on the workbook, if it can be written at all, and on the reports' folder.

    Raises:
        RunningError: at once, if another run holds one of them.
        ReportError: if the reports' folder can't be written.
    """
    with ExitStack() as held:
        try:
            held.enter_context(_locked(data, "on"))
        except OSError as error:
            if error.errno not in _NOT_OURS:  # what can't be written is no run's to change
                raise ReportError(f"can't lock the workbook {data}: {error.strerror}") from error
        try:
            reports.mkdir(parents=True, exist_ok=True)
            held.enter_context(_locked(reports, "into"))
        except OSError as error:
            raise ReportError(f"can't write into {reports}: {error.strerror}; nothing was made") from error
        yield


def _locked(folder: Path, how: str) -> AbstractContextManager[None]:
    return alone(folder / LOCK, RunningError(f"another run is at work {how} {folder}; it will do what is due"))
