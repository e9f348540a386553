"""What is kept of what was made: dated reports by number and age, notebooks of failed runs, damaged ledgers.

Dated are reports of a period and drafts of an incident. The newest good one of each kind (and customer) stays whatever
the settings say, and a report without a date always does.
"""

from __future__ import annotations

import json
import re
import secrets
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from incident_lib.reports.failures import FAILED
from incident_lib.reports.publish import MANIFEST, SCRATCH, locked, sweep
from incident_lib.scheduling.ledger import LEDGER
from incident_lib.scheduling.plan import DRAFT
from incident_lib.settings.schedule import Retention

_PERIOD = re.compile(r"\d{4}(-Q[1-4]|-\d\d)?|\d{4}-\d\d-\d\d\.\.\d{4}-\d\d-\d\d")


@dataclass(frozen=True)
class Dated:
    """One published report of a period or an incident; ``series`` is what it is the newest of, or not."""

    folder: Path
    series: tuple[str, str]
    as_of: str


def tidy(reports: Path, retention: Retention, now: datetime) -> list[str]:
    """Remove what the settings no longer keep; return the names of the reports that went.

    A report goes in one rename, so that a reader sees all of it or nothing.

    Raises:
        OSError: if the folder can't be written.
    """
    with locked(reports):
        sweep(reports)
        gone = list(outdated(dated_reports(reports), retention, now))
        for one in gone:
            aside = reports / f"{SCRATCH}gone-{secrets.token_hex(8)}"
            one.folder.rename(aside)
            shutil.rmtree(aside, ignore_errors=True)
    _remove_old([*(reports / FAILED).glob("*.ipynb"), *(reports / FAILED).glob("*.html"),
                 *reports.glob(f"{LEDGER}.damaged-*")], now - timedelta(days=retention.failed_days))  # fmt: skip
    return [one.folder.relative_to(reports).as_posix() for one in gone]


def dated_reports(reports: Path) -> Iterator[Dated]:
    """Yield all published reports that have a date; one whose manifest can't be read is left alone."""
    for path in sorted(reports.glob(f"[!.]*/[!.]*/{MANIFEST}")):
        try:
            manifest = json.loads(path.read_bytes())
            kind, parameters = manifest["kind"], manifest["parameters"]
            dated = kind == DRAFT or _PERIOD.fullmatch(str(parameters.get("period") or ""))
            if dated and manifest["name"]:
                as_of = str(manifest["done"].get("as_of") or "")
                yield Dated(path.parent, (kind, str(parameters.get("customer") or "")), as_of)
        except (OSError, ValueError, LookupError, TypeError, AttributeError):
            continue


def outdated(reports: Iterator[Dated], retention: Retention, now: datetime) -> Iterator[Dated]:
    """Yield the reports that are no longer kept: too many of their series, or too old; never the newest of one."""
    newest_first = sorted(reports, key=lambda one: (one.series, one.as_of, one.folder.name), reverse=True)
    oldest = f"{now - timedelta(days=retention.days):%Y-%m-%dT%H:%M:%S}"
    places: dict[tuple[str, str], int] = {}
    for one in newest_first:
        place = places[one.series] = places.get(one.series, 0) + 1
        most = retention.drafts if one.series[0] == DRAFT else retention.periods
        if place > 1 and (place > most or one.as_of < oldest):
            yield one


def _remove_old(paths: list[Path], before: datetime) -> None:
    for path in paths:
        if path.stat().st_mtime < before.timestamp():
            path.unlink(missing_ok=True)
