"""Opening a workbook in a notebook; the one opened last is what a question without records is about."""

from __future__ import annotations

import weakref
from pathlib import Path
from typing import Any

from incident_lib.errors import SettingsError
from incident_lib.loading import load as load_records
from incident_lib.records import Records

_LAST: list[weakref.ref[Records]] = []


def load(folder: str | Path = "data", *, as_of: Any = None) -> Records:
    """Return the records of a workbook's folder as they were known at ``as_of``.

    A relative folder that is not here is looked for one level up as well, where it is for a notebook in JupyterLab.
    ``as_of`` is a date ("2026-09-30": until the end of that day), or an ISO 8601 time with an offset; None means the
    time of the newest record.

    Raises:
        SettingsError: if there is no such folder, its settings make no sense, or ``as_of`` is no time.
        SourceError: if nothing in it could be read.

    >>> len(inc.load("data", as_of="2026-03-31").incidents)
    108
    """
    records = load_records(folder, as_of=as_of)
    _LAST[:] = [weakref.ref(records)]
    return records


def last_loaded() -> Records:
    """Return the records that this session loaded last.

    Raises:
        SettingsError: if none were, or nobody holds them any more.
    """
    records = _LAST[0]() if _LAST else None
    if records is None:
        raise SettingsError('no workbook is open; records = inc.load("data") opens one')
    return records
