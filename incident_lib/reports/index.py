"""The index: one page that lists every published report, made from their manifests alone."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from incident_lib.files import write_atomically
from incident_lib.reports.page_parts import TEMPLATES, surroundings
from incident_lib.reports.publish import MANIFEST, Published, locked, published_at

HEADINGS = {
    "timeliness": "Timeliness",
    "process-review": "Process reviews",
    "follow-up": "Follow-up",
    "postmortem-draft": "Post-mortem drafts",
    "explore": "Exploring",
}


@dataclass(frozen=True)
class Entry:
    """One published report as the index shows it; ``kind`` and ``name`` are the manifest's."""

    kind: str
    name: str
    report: Published


def rebuild_index(reports: Path, title: str) -> Path:
    """Write ``index.html`` of a reports' folder from all manifests in it, and return its path.

    The same manifests give the same bytes. A report whose manifest can't be read is named at the end.

    Raises:
        ReportError: if another run holds the folder.
        WorkbookError: if the index can't be written.
    """
    reports.mkdir(parents=True, exist_ok=True)
    path = reports / "index.html"
    with locked(reports):
        entries, unreadable = read_entries(reports)
        write_atomically(path, index_html(entries, unreadable, reports=reports, title=title).encode("utf-8"))
    return path


def read_entries(reports: Path) -> tuple[list[Entry], list[str]]:
    """Return all published reports, in the order of the index, and the folders whose manifest can't be read."""
    entries, unreadable = [], []
    for path in sorted([*reports.glob(f"*/{MANIFEST}"), *reports.glob(f"*/*/{MANIFEST}")]):
        if any(part.startswith(".") for part in path.relative_to(reports).parts):
            continue
        try:
            manifest = json.loads(path.read_bytes())
            entries.append(Entry(manifest["kind"], manifest["name"], published_at(path.parent, manifest)))
        except (OSError, ValueError, LookupError, TypeError, AttributeError):
            unreadable.append(path.parent.relative_to(reports).as_posix())
    newest_first = sorted(entries, key=lambda entry: (entry.report.as_of, entry.name), reverse=True)
    return sorted(newest_first, key=lambda entry: _rank(entry.kind)), unreadable


def index_html(entries: list[Entry], unreadable: list[str], *, reports: Path, title: str) -> str:
    """Return the index as HTML, grouped by kind."""
    groups = [(heading(kind), [_shown(entry, reports) for entry in group])
              for kind, group in groupby(entries, key=lambda entry: entry.kind)]  # fmt: skip
    around = surroundings()
    page = {"title": title, "style": around.style, "policy": around.policy}
    return _environment().get_template("overview.html.j2").render(page=page, groups=groups, unreadable=unreadable)


def heading(kind: str) -> str:
    """Return the heading over the reports of a kind."""
    return HEADINGS.get(kind, kind.replace("-", " ").capitalize())


def readable_time(as_of: str) -> str:
    """Return an ISO time in UTC as people write it: 2026-03-31 17:00 UTC; another text as it is."""
    match = re.fullmatch(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d)(:\d\d(\.\d+)?)?(Z|\+00:00)", as_of)
    return f"{match[1]} {match[2]} UTC" if match else as_of


def _rank(kind: str) -> tuple[int, str]:
    known = list(HEADINGS)
    return (known.index(kind) if kind in known else len(known), kind)


def _shown(entry: Entry, reports: Path) -> Mapping[str, Any]:
    report = entry.report
    return {
        "title": report.title, "name": entry.name, "answer": report.answer, "as_of": readable_time(report.as_of),
        "page": _link(report.page, reports), "notebook": _link(report.notebook, reports),
    }  # fmt: skip


def _link(path: Path, reports: Path) -> str:
    return quote(path.relative_to(reports).as_posix())


def _environment() -> Environment:
    return Environment(loader=FileSystemLoader(TEMPLATES / "report"), autoescape=True, undefined=StrictUndefined)
