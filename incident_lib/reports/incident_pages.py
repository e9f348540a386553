"""One page per incident: its draft, its post-mortem page, its follow-up, and every review that tells of it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any
from urllib.parse import quote

from incident_lib.files import safe_name, write_atomically
from incident_lib.reports.page_parts import environment, surroundings
from incident_lib.reports.publish import Published

FOLDER = "incidents"
FIRST = ("postmortem-draft", "follow-up", "process-review", "timeliness")


@dataclass
class Incident:
    """An incident that reports tell of: its title if one says it, its page's file, and the reports by kind."""

    id: str
    title: str = ""
    source: Path | None = None
    reports: list[tuple[str, Published]] = field(default_factory=list)


def incidents_of(entries: Iterable[tuple[str, Published, Mapping[str, Any]]]) -> list[Incident]:
    """Return the incidents that reports (kind, report, manifest) tell of, newest id first."""
    found: dict[str, Incident] = {}
    for kind, report, manifest in entries:
        done, data = manifest.get("done") or {}, str((manifest.get("parameters") or {}).get("data") or "")
        for name in map(str, done.get("incidents") or []):
            incident = found.setdefault(name, Incident(name))
            incident.title = incident.title or str((done.get("titles") or {}).get(name) or "")
            incident.reports.append((kind, report))
            source = f"postmortems/{name}.md"
            if data and source in (done.get("sources") or {}) and (Path(data) / source).is_file():
                incident.source = Path(data) / source
    return sorted(found.values(), key=lambda one: one.id, reverse=True)


def incident_address(incident_id: str) -> str:
    """Return the way from the index to an incident's page, as a link."""
    return f"{FOLDER}/{quote(safe_name(incident_id))}.html"


def write_incident_pages(
    reports: Path, incidents: Iterable[Incident], *, heading: Callable[[str], str], readable: Callable[[str], str]
) -> None:
    """Write a page for each incident, and remove those of incidents that no report tells of any more."""
    folder, written = reports / FOLDER, set()
    for incident in incidents:
        folder.mkdir(exist_ok=True)
        path = folder / f"{safe_name(incident.id)}.html"
        content = incident_html(incident, folder, heading=heading, readable=readable)
        if not path.is_file() or path.read_bytes() != content:
            write_atomically(path, content)
        written.add(path)
    for path in folder.glob("*.html"):
        if path not in written:
            path.unlink()


def incident_html(
    incident: Incident, folder: Path, *, heading: Callable[[str], str], readable: Callable[[str], str]
) -> bytes:
    """Return an incident's page, its links relative to the folder that it goes into."""

    def shown(report: Published) -> Mapping[str, str]:
        said = {"title": report.title, "answer": report.answer, "as_of": readable(report.as_of)}
        return {**said, "page": _way(report.page, folder)}

    ordered = sorted(incident.reports, key=lambda pair: FIRST.index(pair[0]) if pair[0] in FIRST else len(FIRST))
    groups = [(heading(kind), [shown(report) for _, report in group])
              for kind, group in groupby(ordered, key=lambda pair: pair[0])]  # fmt: skip
    around = surroundings()
    title = f"{incident.id}: {incident.title}" if incident.title else incident.id
    page = {"title": title, "style": around.style, "policy": around.policy}
    source = _way(incident.source, folder) if incident.source else ""
    name = incident.source.as_posix() if incident.source else ""
    text = (
        environment().get_template("incident.html.j2").render(page=page, groups=groups, source=source, source_name=name)
    )
    return around.page(text)


def _way(path: Path, folder: Path) -> str:
    return quote(Path(os.path.relpath(path, folder)).as_posix())
