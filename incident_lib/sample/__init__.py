"""The sample workbook: a managed-hosting company that does not exist, eighteen months of its incidents, all of it made up.

``write_sample`` writes it; the copy in ``data/`` was made with the default arguments. AWKWARD lists what is in it on
purpose because life does it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from incident_lib.errors import WorkbookError
from incident_lib.sample.chat import chat_zip
from incident_lib.sample.company import workbook_text
from incident_lib.sample.incidents import END, draw_incidents
from incident_lib.sample.pagerduty import pagerduty_files
from incident_lib.sample.pages import page_files
from incident_lib.sample.register import register_text
from incident_lib.sample.reviews import review_files
from incident_lib.sample.statuspage import statuspage_text


def write_sample(folder: Path, *, incidents: int = 160, seed: int = 7, until: datetime | None = None) -> dict[str, int]:
    """Write a complete workbook into a new or empty folder, and return how many files of each kind it has.

    The same arguments give the same bytes. ``until`` (aware; default: the evening of 30 September 2026) is the time at
    which everything is exported. With many incidents only the register, PagerDuty and the status page grow.

    Raises:
        WorkbookError: if the folder has something in it, or the number makes no sense.
    """
    if incidents < 0:
        raise WorkbookError(f"can't write a sample of {incidents} incidents; expected 0 or more")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise WorkbookError(f"{folder} is not empty; a sample goes into a new or empty folder")
    until = until or END
    counts: Counter[str] = Counter()
    for path, content in _files(draw_incidents(incidents, seed, until), until):
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content if isinstance(content, bytes) else content.encode())
        counts[path.split("/")[0] if "/" in path else path] += 1
    return {"incidents": incidents, **counts}


def _files(incidents: list, until: datetime) -> Iterator[tuple[str, str | bytes]]:
    yield "workbook.toml", workbook_text()
    yield "incidents.csv", register_text(incidents)
    yield from pagerduty_files(incidents)
    yield "slack/northlight-export.zip", chat_zip(incidents, until)
    yield "statuspage/incidents.json", statuspage_text(incidents, until)
    yield from page_files(incidents, until)
    yield from review_files(until)
