"""A stand-in for the batch: publishes reports as it does, without running their notebooks."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from incident_lib.batches.many import Outcome
from incident_lib.errors import WorkbookError
from incident_lib.reports.publish import manifest_of, place_of, publish, workspace
from incident_lib.reports.run import Report

SIZE: dict[str, int] = {}  # how many bytes more a kind's notebook has


def publish_only(
    reports: Sequence[Report], *, into: Path, on_done: Callable[[Outcome], None], failing: Collection[str] = (), **_: Any
) -> list[Outcome]:  # fmt: skip
    """Publish a few lines for each report; those whose kind is in ``failing`` fail."""
    outcomes = []
    for report in reports:
        outcomes.append(_one(report, into, failing))
        on_done(outcomes[-1])
    return outcomes


def failing(*kinds: str) -> Callable[..., list[Outcome]]:
    """Return a stand-in whose reports of these kinds fail."""
    return partial(publish_only, failing=kinds)


def _one(report: Report, into: Path, failing: Collection[str]) -> Outcome:
    if report.kind in failing:
        return Outcome(report, None, f"{report.stem} failed: it was told to", 0.1)
    as_of = str(report.parameters["as_of"])
    text = f"{report.stem} as of {as_of}".encode()
    files = {f"{report.stem}{suffix}": text for suffix in (".html", ".ipynb", ".md")}
    files[f"{report.stem}.ipynb"] += bytes(SIZE.get(report.kind, 0))
    done = {"title": report.title, "answer": f"As of {as_of}.", "as_of": as_of, "sources": {}, "incidents": []}
    manifest = manifest_of(report.kind, report.name, report.title, report.told, done, files)
    try:
        with workspace(into) as scratch:
            published = publish(place_of(into, report.kind, report.name), files, manifest, scratch=scratch)
    except WorkbookError as error:
        return Outcome(report, None, str(error), 0.1)
    return Outcome(report, published, None, 0.1)
