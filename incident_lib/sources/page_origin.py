"""What a page states of itself: front matter of another kind, its id, its title, and its day."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from dataclasses import dataclass
from datetime import date
from pathlib import PurePosixPath
from typing import Any

from incident_lib.errors import SourceError
from incident_lib.sources.fields import EARLIEST_YEAR, LATEST_YEAR
from incident_lib.sources.front_matter import parse_front_matter, split_page
from incident_lib.sources.markdown import plain
from incident_lib.sources.page_facts import Fact, first
from incident_lib.sources.page_layout import Layout
from incident_lib.sources.page_sections import title_block
from incident_lib.sources.reading import Source
from incident_lib.sources.written_times import any_day, read_written

ENDINGS = (".md", ".markdown", ".mdx", ".mdxx", ".mdown")
_FRONT = re.compile(r"\s*---[ \t]*\n[ \t]*[\w'\"-]+[ \t]*:")
_ID = re.compile(r"[A-Za-z]{1,8}-?\d{2,6}-\d{1,6}(?![\d-])")
# January 14-19, 2026
_STRETCH = re.compile(r"([A-Z][a-z]{2,9} \d{1,2})\s?[-–—]\s?(?:[A-Z][a-z]{2,9} )?\d{1,2},? (\d{4})")
_GENERAL = {"index", "report", "incident", "postmortem", "post-mortem", "incident-report"}


@dataclass(frozen=True)
class Split:
    """A page's front matter (empty if it has none), its body, and the line of the file (from 1) where that begins."""

    front: dict[str, Any]
    layout: Layout
    line: int


def split(source: Source) -> Split:
    """Return a page in its two parts.

    Raises:
        SourceError: if it is no UTF-8 text, or larger than a page may be.
        FieldError: if it begins with front matter that can't be read.
    """
    if source.path.stat().st_size > source.limits.page_kilobytes * 1000:
        limit = source.limits.page_kilobytes
        raise SourceError(f"{source.name} is larger than a page may be, {limit} kB (sources.limits.page_kilobytes)")
    text = source.text.replace("\r\n", "\n").replace("\r", "\n")
    if not _FRONT.match(text[:2000]):
        return Split({}, Layout(text), 1)
    page = split_page(text)
    return Split(parse_front_matter(page, source.limits), Layout(page.body), page.body_line)


def stem_of(name: str) -> str:
    """Return a file's name without its folder and a page's ending; other dots belong to the name."""
    base = PurePosixPath(name).name
    return next((base[: -len(ending)] for ending in ENDINGS if base.lower().endswith(ending)), base)


def incident_id_of(name: str, pattern: str) -> str:
    """Return the id that a file's name states ("PM2020-003 - Outage.md"), else one made of the name, safe for files.

    ``pattern`` is that of the team's own ids. A name that says nothing ("postmortem.md") is taken with its folder.
    """
    stem = stem_of(name)
    stated = re.search(pattern, stem) or _ID.match(stem)
    if stated:
        return stated[0]
    if stem.casefold() in _GENERAL:
        stem = f"{PurePosixPath(name).parent.name}-{stem}"
    return _safe(stem)


def _safe(stem: str) -> str:
    slug = re.sub(r"[^A-Za-z0-9._]+", "-", unicodedata.normalize("NFKC", stem)).strip("-._")
    if slug and len(slug) <= 100:
        return slug
    return f"{slug[:80] or 'page'}-{hashlib.sha256(stem.encode()).hexdigest()[:8]}"


def title_of(page: Split, name: str) -> str:
    """Return the title that the front matter or the first heading states, else the file's name."""
    stated = page.front.get("title")
    if isinstance(stated, str) and stated.strip():
        return " ".join(stated.split())
    block = title_block(page.layout)
    return (plain(block.heading) if block else "") or stem_of(name)


@dataclass(frozen=True)
class PageDay:
    """The day that a page gives itself, and where it says so; ``year`` alone where it says no more."""

    day: date | None
    said_in: str | None
    year: int | None


def day_of(page: Split, title: str, facts: list[Fact], name: str) -> PageDay:
    """Return a page's day: by front matter, a line "Date: …", the title, the file's name, or the first paragraph."""
    stated = first(facts, "date", "incident date", "date of incident", "when")
    lead = page.layout.blocks[0].text or (page.layout.blocks[1].text if len(page.layout.blocks) > 1 else "")
    places = (
        ("front matter", str(page.front.get("date") or "")),
        ("line 'Date'", stated.value if stated else ""),
        ("title", title),
        ("file name", stem_of(name).replace("_", "-")),
        ("first paragraph", lead[:1000]),
    )
    years = (re.search(r"(?:19|20)\d\d(?!\d)", text) for _, text in places)
    year = next((int(found[0]) for found in years if found), None)
    for place, text in places:
        day = _day_in(text)
        if day:
            return PageDay(day, place, day.year)
    return PageDay(None, None, year)


def _day_in(text: str) -> date | None:
    written = read_written(text)
    day = written.day if written and written.day and written.day[0] else any_day(text)
    stretch = _STRETCH.search(text)
    if day is None and stretch:
        day = any_day(f"{stretch[1]}, {stretch[2]}")
    if day is None or not day[0] or not EARLIEST_YEAR <= int(day[0]) <= LATEST_YEAR:
        return None
    try:
        return date(int(day[0]), day[1], day[2])
    except ValueError:
        return None


def text_in(front: dict[str, Any], *keys: str) -> str | None:
    """Return the first plain text that the front matter has under one of these keys."""
    stated = (front.get(key) for key in keys)
    texts = (" ".join(str(one).split()) for one in stated if isinstance(one, str | int | float))
    return next((text for text in texts if text), None)


def names_in(front: dict[str, Any], *keys: str) -> list[str]:
    """Return the names that the front matter lists under these keys."""
    stated = (front.get(key) for key in keys)
    listed = (one for value in stated for one in (value if isinstance(value, list) else [value]))
    return [str(one) for one in listed if isinstance(one, str | int)]


