"""What the last run of each report came to, if it failed: kept beside the reports, shown by the index."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from incident_lib.files import write_atomically

FAILED = ".failed"
_SUFFIXES = (".ipynb", ".html", ".json")


@dataclass(frozen=True)
class FailedRun:
    """A last run that failed: of which report, where, and why. ``as_of`` is empty if none was asked for."""

    kind: str
    name: str
    stem: str
    title: str
    section: str
    reason: str
    as_of: str


def keep_failure(reports: Path, kind: str, name: str, stem: str, said: Mapping[str, object]) -> None:
    """Note that the last run of a report failed."""
    record = {"kind": kind, "name": name, "stem": stem, **{key: str(value) for key, value in said.items()}}
    content = json.dumps(record, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    write_atomically(reports / FAILED / f"{stem}.json", content.encode("utf-8", errors="replace"))


def forget_failure(reports: Path, stem: str) -> None:
    """Remove what a failed run left, now that one succeeded."""
    for suffix in _SUFFIXES:
        (reports / FAILED / f"{stem}{suffix}").unlink(missing_ok=True)


def failures(reports: Path) -> dict[tuple[str, str], FailedRun]:
    """Return the reports whose last run failed, by kind and name; what can't be read is passed over."""
    found = {}
    for path in sorted((reports / FAILED).glob("*.json")):
        try:
            run = FailedRun(**json.loads(path.read_bytes()))
        except (OSError, ValueError, TypeError):
            continue
        found[(run.kind, run.name)] = run
    return found
