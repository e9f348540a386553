"""One run at a time on a workbook, and into a reports' folder; the system frees both when a run dies."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from incident_lib.errors import ReportError, RunningError

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


@contextmanager
def _locked(folder: Path, how: str) -> Iterator[None]:
    lock = FileLock(folder / LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise RunningError(f"another run is at work {how} {folder}; it will do what is due") from error
    try:
        yield
    finally:
        lock.release()
