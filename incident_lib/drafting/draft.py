"""Records → the post-mortem page: what records can fill is filled; what is unknown is said to be unknown."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import StrictUndefined, TemplateError, TemplateSyntaxError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from incident_lib.drafting.evidence import Citations, Claim, message_names
from incident_lib.drafting.fragments import Fragments
from incident_lib.drafting.overview import when
from incident_lib.drafting.page_context import page_context
from incident_lib.drafting.page_front_matter import as_yaml, front_matter_of
from incident_lib.drafting.sidecar import Sidecar, read_sidecar, sidecar_path
from incident_lib.drafting.told import Told
from incident_lib.errors import SettingsError
from incident_lib.records import Records
from incident_lib.sources.markdown import blocks

TEMPLATES = Path(__file__).parents[1] / "templates"
EVIDENCE = "Evidence"
FOOTNOTE = re.compile(r"\[\^(e\d+)\](?!:)")


@dataclass(frozen=True)
class Draft:
    """A drafted page: its front matter, its sections by key in order, and what each generated claim rests on.

    A section's key is its heading, for one of the third level after its parent's ("How'd we do / What went well"); the
    first, "", is the head of the page. ``pointers`` and ``labels`` give each footnote's places and words.
    """

    incident_id: str
    front_matter: Mapping[str, Any]
    sections: Mapping[str, str]
    claims: tuple[Claim, ...]
    pointers: Mapping[str, tuple[str, ...]]
    labels: Mapping[str, str]
    fragments: Fragments

    @property
    def text(self) -> str:
        """Return the page as a new file."""
        body = "".join(self.sections.values())
        return f"---\n{as_yaml(self.front_matter)}---\n\n{body}{footnotes(body, self.labels)}"


def draft(
    records: Records,
    incident_id: str,
    *,
    owner: str | None = None,
    summary: str | None = None,
    sidecar: Sidecar | None = None,
    fragments: Fragments | None = None,
) -> Draft:
    """Return the draft of an incident's page with its evidence.

    The same records give the same bytes. ``summary`` is a machine's text to put in, marked as such. ``sidecar`` is
    that of the page that is there, whose footnotes keep their numbers; ``fragments`` may be shared between drafts.

    Raises:
        SettingsError: for an unknown incident, or a template that is missing or wrong.
    """
    known = records.postmortems.loc[records.postmortems["incident_id"] == incident_id, "owner"].dropna()
    owner = owner or (str(known.iloc[0]) if len(known) else None)
    fragments = fragments or Fragments(records.folder)
    citations = Citations(message_names(records, incident_id), sidecar.labels if sidecar else {})
    told = Told(records, incident_id, citations, fragments, sidecar.front_matter if sidecar else {}, owner, summary)
    body = _tidy(_rendered(records, page_context(told)))
    sections: dict[str, str] = {}
    claims: list[Claim] = []
    pointers: dict[str, tuple[str, ...]] = {}
    for key, text in blocks(body):
        sections[key], said, cited = citations.numbered(text, key)
        claims += said
        pointers |= cited
    labels = {**citations.labels, **{label: citations.footnote(cited) for label, cited in pointers.items()}}
    front_matter = front_matter_of(records, incident_id, owner)
    return Draft(incident_id, front_matter, sections, tuple(claims), pointers, labels, fragments)


def draft_page(records: Records, incident_id: str, *, owner: str | None = None) -> str:
    """Return the post-mortem page of an incident as Markdown with front matter, as ``draft`` makes it.

    Raises:
        SettingsError: for an unknown incident.

    >>> print(inc.draft_page(records, "INC-2026-042").splitlines()[1])
    incident: INC-2026-042
    """
    records.incident(incident_id)
    return draft(records, incident_id, owner=owner, sidecar=read_sidecar(records, incident_id)).text


def footnotes(body: str, labels: Mapping[str, str]) -> str:
    """Return the section that explains the footnotes of a body; nothing if it has none."""
    used = sorted(set(FOOTNOTE.findall(body)), key=lambda label: int(label[1:]))
    lines = [footnote_line(label, labels[label]) for label in used if label in labels]
    return f"\n## {EVIDENCE}\n\n" + "".join(lines) if lines else ""


def footnote_line(label: str, words: str, most: int = 3) -> str:
    """Return one footnote; of many places it names the first, and the file beside the page holds them all."""
    places = words.split("; ")
    shown = "; ".join(f"`{place.replace('`', '')}`" for place in places[:most])
    more = f"; and {len(places) - most:,} more" if len(places) > most else ""
    return f"[^{label}]: {shown}{more}\n"


def newest_major(records: Records) -> str:
    """Return the id of the major incident that was seen last.

    Raises:
        SettingsError: if the records hold no major incident.

    >>> inc.newest_major(records)
    'INC-2026-081'
    """
    major = records.major.sort_values(["first_seen_at", "incident_id"], na_position="first")
    if major.empty:
        raise SettingsError("the records hold no major incident to draft a post-mortem for; name one of the others")
    return str(major["incident_id"].iloc[-1])


def draft_sentences(records: Records, incident_id: str) -> list[str]:
    """Return what the draft report says first: what is known of the incident, and whether it has a page.

    >>> inc.draft_sentences(records, "INC-2026-042")[0]
    'INC-2026-042: Outbound mail delayed for shared hosting'
    """
    incident = records.incident(incident_id)
    page = records.postmortems[records.postmortems["incident_id"] == incident_id]
    title = incident["title"] if pd.notna(incident["title"]) else incident_id
    if page.empty:
        state = "There is no page yet: this report shows the draft of one."
    elif sidecar_path(records, incident_id).is_file():
        state = (
            f"Its page is {page['path'].iloc[0]} ({page['status'].iloc[0]}). What people changed there stays as it is."
        )
    else:
        state = (
            f"Its page is {page['path'].iloc[0]} ({page['status'].iloc[0]}), written by people: it is not touched, and "
            "what the records would add is offered below."
        )
    return [f"{incident_id}: {title}", when(records, incident), state]


def _rendered(records: Records, context: Mapping[str, Any]) -> str:
    """Return the template's text with the context in it; nothing in either can run."""
    name = records.settings.page.template
    places = [folder / name for folder in (records.folder / "templates", TEMPLATES)]
    path = next((place for place in places if place.is_file()), None)
    if path is None:
        raise SettingsError(
            f"there is no template {name!r}, neither in {places[0].parent} nor among ours (page.template)"
        )
    environment = ImmutableSandboxedEnvironment(undefined=StrictUndefined, keep_trailing_newline=True, autoescape=False)
    try:
        return environment.from_string(path.read_text(encoding="utf-8")).render(context)
    except TemplateSyntaxError as error:
        raise SettingsError(f"the template {path} can't be read: {error.message} in line {error.lineno}") from error
    except (TemplateError, TypeError, ValueError) as error:
        raise SettingsError(f"the template {path} can't be filled: {error}") from error


def _tidy(body: str) -> str:
    """Return Markdown without runs of empty lines, each heading after one empty line."""
    lines: list[str] = []
    for line in body.splitlines():
        if line.startswith("#") and lines and lines[-1]:
            lines.append("")
        if line.strip() or (lines and lines[-1]):
            lines.append(line.rstrip() + ("  " if line.startswith("To: ") else ""))
    return "\n".join(lines).strip("\n") + "\n"
