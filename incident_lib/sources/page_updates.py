"""Updates within a page of a status site: ``<Update date="2022-10-19T13:23:00Z">Text</Update>``."""

from __future__ import annotations

import re
from bisect import bisect_left
from dataclasses import dataclass

from incident_lib.sources.page_layout import Layout

_OPENING = re.compile(r"<Update\b([^<>]{0,500})>")
_DATE = re.compile(r"\bdate\s*=\s*[\"'{]*([^\"'{}]{1,60})")
_IMPORT = re.compile(r"^import\s+[^\n]{1,200}$", re.MULTILINE)


@dataclass(frozen=True)
class Update:
    """An update: the words of its time (None if it states none), its text, and its line (from 0 in the body)."""

    words: str | None
    text: str
    line: int


def updates_of(layout: Layout) -> list[Update]:
    """Return a page's updates in their order; one that is never closed ends with the page or the next."""
    body = "\n".join(layout.lines)
    breaks = [at for at, character in enumerate(body) if character == "\n"]
    opened = [(found, bisect_left(breaks, found.start())) for found in _OPENING.finditer(body)]
    opened = [(found, line) for found, line in opened if line not in layout.code]
    ends = [*(found.start() for found, _ in opened[1:]), len(body)][: len(opened)]
    return [_update(found, line, body[found.end() : end]) for (found, line), end in zip(opened, ends, strict=True)]


def _update(opened: re.Match[str], line: int, inside: str) -> Update:
    stated = _DATE.search(opened[1])
    text = "\n".join(part.strip() for part in inside.split("</Update>", 1)[0].strip().splitlines())
    return Update(stated[1].strip() if stated else None, text, line)


def announcement(layout: Layout) -> str:
    """Return what the page says before its first update, without its imports."""
    body = "\n".join(layout.lines)
    first = _OPENING.search(body)
    return _IMPORT.sub("", body[: first.start()] if first else body).strip()
