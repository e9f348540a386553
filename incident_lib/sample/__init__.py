"""The sample workbook: eighteen months of incidents of a managed-hosting company, all of it made up.

``write_sample`` writes it; the copy in ``data/`` was made with the default arguments. ``AWKWARD`` names what is in it
on purpose, because life does it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from incident_lib.errors import WorkbookError
from incident_lib.files import make_folder
from incident_lib.sample.chat import chat_zip
from incident_lib.sample.company import workbook_text
from incident_lib.sample.incidents import END, draw_incidents
from incident_lib.sample.pagerduty import pagerduty_files
from incident_lib.sample.pages import page_files
from incident_lib.sample.register import register_text
from incident_lib.sample.reviews import review_files
from incident_lib.sample.statuspage import statuspage_text

# With the default arguments. The stories have a chat channel of their own, told message by message.
AWKWARD = {
    "story: mail delayed, raised from high to critical, a Slack token leaked in chat, a reply on the next day":
        "INC-2026-042",
    "story: zones expired, raised to critical, somebody who has left speaks, a file shared": "INC-2025-039",
    "story: the night on which 01:30 comes twice, started in the repeated hour, an author missing from the export":
        "INC-2025-062",
    "story: hand-off between incident commanders, an AWS key leaked in chat": "INC-2026-017",
    "story: page is a draft and not yet due": "INC-2026-078",
    "story: newest resolved one, critical, no page yet": "INC-2026-080",
    "story: critical and still open": "INC-2026-081",
    "known to PagerDuty, linked only in its channel": "INC-2026-078",
    "known to PagerDuty, linked only in #incidents": "INC-2026-051",
    "night on which 02:30 does not exist": "INC-2026-019",
    "never acknowledged": "INC-2026-007",
    "times out of order: resolved before it started": "INC-2025-073",
    "no times but start and end": "INC-2025-040",
    "page without an owner, overdue": "INC-2026-054",
    "page reviewed without a time of completion": "INC-2026-036",
    "title that is formula, markup and table border": "INC-2026-012",
    "major, but declared to need no post-mortem": "INC-2025-055",
}  # fmt: skip


def write_sample(folder: Path, *, incidents: int = 160, seed: int = 7, until: datetime | None = None) -> dict[str, int]:
    """Write a complete workbook into a new or empty folder, and return how many files of each kind it has.

    The same arguments give the same bytes. ``until`` (aware; default: the evening of 30 September 2026) is the time at
    which everything is exported. With many incidents only the register, PagerDuty and the status page grow.

    Raises:
        WorkbookError: if the folder has something in it, or the number makes no sense.
    """
    if incidents < 0:
        raise WorkbookError(f"can't write a sample of {incidents} incidents; expected 0 or more")
    if any(make_folder(folder).iterdir()):
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
