"""The index: one page that lists every published report and finds words in them, made from what is published alone."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any
from urllib.parse import quote

from incident_lib.files import make_folder, write_atomically
from incident_lib.reports.failures import FailedRun, failures
from incident_lib.reports.incident_pages import incident_address, incidents_of, write_incident_pages
from incident_lib.reports.page_parts import environment, surroundings
from incident_lib.reports.plots import script_json
from incident_lib.reports.publish import MANIFEST, Published, locked, published_at
from incident_lib.reports.searching import inverted, words_of, words_of_page

HEADINGS = {
    "timeliness": "Timeliness",
    "process-review": "Process reviews",
    "follow-up": "Follow-up",
    "postmortem-draft": "Post-mortem drafts",
    "explore": "Exploring",
}
FORMS = {".pdf": "PDF", ".md": "Markdown", ".ipynb": "Notebook"}


@dataclass(frozen=True)
class Entry:
    """One published report as the index shows it; ``kind`` and ``name`` are the manifest's."""

    kind: str
    name: str
    report: Published
    manifest: Mapping[str, Any] = field(default_factory=dict)


def rebuild_index(reports: Path, title: str) -> Path:
    """Write ``index.html`` of a reports' folder from all manifests in it, and a page per incident; return its path.

    The same manifests give the same bytes. A report whose manifest can't be read is named at the end.

    Raises:
        ReportError: if another run holds the folder.
        WorkbookError: if the index can't be written.
    """
    make_folder(reports)
    path = reports / "index.html"
    with locked(reports):
        entries, unreadable = read_entries(reports)
        page = index_html(entries, unreadable, reports=reports, title=title, failed=failures(reports))
        write_incident_pages(reports, incidents_of([(entry.kind, entry.report, entry.manifest) for entry in entries]),
                             heading=heading, readable=readable_time)  # fmt: skip
        write_atomically(path, page)
    return path


def read_entries(reports: Path) -> tuple[list[Entry], list[str]]:
    """Return all published reports, in the order of the index, and the folders whose manifest can't be read."""
    entries, unreadable = [], []
    for path in sorted([*reports.glob(f"*/{MANIFEST}"), *reports.glob(f"*/*/{MANIFEST}")]):
        if any(part.startswith(".") for part in path.relative_to(reports).parts):
            continue
        try:
            manifest = json.loads(path.read_bytes())
            entries.append(Entry(manifest["kind"], manifest["name"], published_at(path.parent, manifest), manifest))
        except (OSError, ValueError, LookupError, TypeError, AttributeError):
            unreadable.append(path.parent.relative_to(reports).as_posix())
    newest_first = sorted(entries, key=lambda entry: (entry.report.as_of, entry.name), reverse=True)
    return sorted(newest_first, key=lambda entry: _rank(entry.kind)), unreadable


def index_html(
    entries: list[Entry], unreadable: list[str], *, reports: Path, title: str,
    failed: Mapping[tuple[str, str], FailedRun] | None = None,
) -> bytes:  # fmt: skip
    """Return the index as a page: reports grouped by kind, those whose last run failed named, and all incidents."""
    failed, made = failed or {}, {(entry.kind, entry.name) for entry in entries}
    incidents = incidents_of([(entry.kind, entry.report, entry.manifest) for entry in entries])
    shown = [_shown(entry, reports, failed.get((entry.kind, entry.name))) for entry in entries]
    missing = [_never_made(run) for key, run in failed.items() if key not in made]
    everything = sorted([*shown, *missing], key=lambda one: _rank(one["kind"]))
    rows = [{"id": one.id, "title": one.title, "page": incident_address(one.id)} for one in incidents]
    numbered = [{**one, "number": number} for number, one in enumerate([*everything, *rows])]
    reported, listed = numbered[: len(everything)], numbered[len(everything) :]
    groups = [(heading(kind), list(group)) for kind, group in groupby(reported, key=lambda one: one["kind"])]
    found = inverted([*(one["words"] for one in everything), *(words_of(f"{one.id} {one.title}") for one in incidents)])
    around = surroundings(scripts=("search.js",) if numbered else ())
    page = {"title": title, "style": around.style, "policy": around.policy}
    text = (
        environment()
        .get_template("overview.html.j2")
        .render(
            page=page,
            groups=groups,
            unreadable=unreadable,
            incidents=listed,
            entries=len(numbered),
            found=script_json(found),
        )
    )
    return around.page(text)


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


def _shown(entry: Entry, reports: Path, failed: FailedRun | None) -> Mapping[str, Any]:
    report, as_of = entry.report, readable_time(entry.report.as_of)
    which = f"This is the report {f'as of {as_of}' if as_of else 'of an earlier run'}."
    files = sorted(path for path in report.folder.iterdir() if path.suffix in FORMS) if report.folder.is_dir() else []
    forms = [(FORMS[suffix], _link(path, reports)) for suffix in FORMS for path in files if path.suffix == suffix]
    return {
        "kind": entry.kind, "title": report.title, "name": entry.name, "answer": report.answer, "as_of": as_of,
        "page": _link(report.page, reports), "files": forms, "words": _words(entry, files),
        "failed": f"{_failure(failed)} {which}" if failed else "",
    }  # fmt: skip


def _never_made(run: FailedRun) -> Mapping[str, Any]:
    """Return what the index shows of a report that has failed and never succeeded."""
    title = " ".join(filter(None, [run.title, run.name if run.name not in run.title else ""]))
    return {"kind": run.kind, "title": title, "name": run.name, "answer": "", "as_of": "", "page": "", "files": [],
            "words": words_of(title), "failed": f"{_failure(run)} There is no report yet."}  # fmt: skip


def _failure(run: FailedRun) -> str:
    """Return which run failed, where, and why, in a sentence."""
    when = f" as of {readable_time(run.as_of)}" if run.as_of else ""
    where = f" in the section “{run.section}”" if run.section else ""
    return f"The last run{when} failed{where}: {run.reason.rstrip('.')}."


def _words(entry: Entry, files: list[Path]) -> set[str]:
    """Return the words by which a report is found: of its title, answer and incidents, and of its text."""
    incidents = map(str, (entry.manifest.get("done") or {}).get("incidents") or [])
    own = " ".join([entry.report.title, entry.name, entry.report.answer, *incidents])
    texts = [path.read_text("utf-8", errors="replace") for path in files if path.suffix == ".md"]
    return words_of(own) | words_of_page(" ".join(texts))


def _link(path: Path, reports: Path) -> str:
    return quote(path.relative_to(reports).as_posix())
