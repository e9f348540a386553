"""One page per incident: its draft, its post-mortem page, its follow-up, and every review that tells of it."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any
from urllib.parse import quote

from markupsafe import Markup

from incident_lib.drafting.page_html import page_text
from incident_lib.files import safe_name, write_atomically
from incident_lib.reports.page_parts import environment, surroundings
from incident_lib.reports.publish import Published
from incident_lib.reports.sanitise import clean, named_apart

FOLDER, PAGES = "incidents", "pages"
LONGEST_PAGE = 1_000_000  # bytes; a longer one is no page that somebody wrote
FIRST = ("postmortem-draft", "follow-up", "process-review", "timeliness")
_EMPTY_HEAD = re.compile(r"<thead>\s*<tr>\s*(<th[^<>]*></th>\s*)+</tr>\s*</thead>")


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
    """Write a page for each incident, and its post-mortem page as HTML beside it, which a browser opens everywhere.

    Those of incidents that no report tells of any more are removed.
    """
    folder, wanted = reports / FOLDER, {}
    for incident in incidents:
        name = f"{safe_name(incident.id)}.html"
        wanted[folder / name] = incident_html(incident, folder, heading=heading, readable=readable)
        if _readable(incident.source):
            wanted[folder / PAGES / name] = postmortem_html(incident, f"../{name}")
    for path, content in wanted.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.is_file() or path.read_bytes() != content:
            write_atomically(path, content)
    for path in [*folder.glob("*.html"), *folder.glob(f"{PAGES}/*.html")]:
        if path not in wanted:
            path.unlink()


def postmortem_html(incident: Incident, home: str) -> bytes:
    """Return an incident's post-mortem page as an HTML page: whatever HTML somebody wrote into it shows as text."""
    text = incident.source.read_text("utf-8", errors="replace") if incident.source else ""
    body = page_text(text.replace("\r\n", "\n").lstrip("\ufeff"), lower=0).html
    body = _readable_body(clean(body.removeprefix("<blockquote>").removesuffix("</blockquote>")))
    around, titled = surroundings(), body.lstrip().startswith("<h1")
    page = {"title": _titled(incident), "style": around.style, "policy": around.policy}
    rendered = environment().get_template("postmortem.html.j2").render(
        page=page, home=home, incident=incident.id, body=Markup(body), titled=titled,
        source_name=incident.source.as_posix() if incident.source else "",
    )  # fmt: skip
    return around.page(rendered)


def _readable_body(body: str) -> str:
    """Return a page with boxes as they are drawn, without headings that are empty, and with tables named apart."""
    body = named_apart([_EMPTY_HEAD.sub("", body)])[0]
    return re.sub(r"<li>\s*\[([ xX])\]", lambda match: f"<li>{'☐' if match[1] == ' ' else '☑'}", body)


def _readable(source: Path | None) -> bool:
    return source is not None and source.stat().st_size <= LONGEST_PAGE


def _titled(incident: Incident) -> str:
    return f"{incident.id}: {incident.title}" if incident.title else incident.id


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
    page = {"title": _titled(incident), "style": around.style, "policy": around.policy}
    written = f"{PAGES}/{quote(safe_name(incident.id))}.html" if _readable(incident.source) else ""
    return around.page(environment().get_template("incident.html.j2").render(page=page, groups=groups, written=written))


def _way(path: Path, folder: Path) -> str:
    return quote(Path(os.path.relpath(path, folder)).as_posix())
