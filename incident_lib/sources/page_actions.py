"""Action items and attendees as pages list them: under a heading, one item of a list each."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from incident_lib.column_texts import join_names
from incident_lib.sources.markdown import plain
from incident_lib.sources.page_layout import Item, Layout
from incident_lib.sources.page_sections import ACTIONS, RESPONDERS, Part, our_name

_BOX = re.compile(r"\[([ xX✓✔])\]\s+")
_DONE = re.compile(r"[✅✔☑]\ufe0f?\s*")
_FINISHED = re.compile(r"\((?:completed?|done|finished)\)", re.IGNORECASE)
_OWNER = re.compile(r"\b(?:owner|assignee|assigned to)\b\s*:?\**\s*@?([\w.' -]{2,60}?)(?=[,.;)]|\s*$)", re.IGNORECASE)
_ATTENDEES = re.compile(r"att?endees?|present|attended(?: by)?", re.IGNORECASE)


@dataclass(frozen=True)
class Action:
    """An action item as a page lists it; ``group`` is the heading that it stands under within the section."""

    line: int
    title: str
    done: bool
    owner: str | None
    link: str | None
    group: str | None
    details: str | None


def actions_of(layout: Layout, parts: list[Part]) -> list[Action]:
    """Return the items of the lists under "Action items", "Follow-ups", "Remediation" and the like."""
    sections = [part for part in parts if part.name == ACTIONS]
    return [action for part in sections for action in _of_part(layout, part)]


def _of_part(layout: Layout, part: Part) -> Iterator[Action]:
    for block in part.blocks:
        group = plain(block.heading) if block is not part.blocks[0] else None
        if group and our_name(group) not in (None, ACTIONS):
            continue
        finished = bool(_FINISHED.search(block.heading))
        yield from (action for item in layout.items(block) if (action := _action(item, group, finished)))


def _action(item: Item, group: str | None, finished: bool) -> Action | None:
    lead = item.lead
    box, tick = _BOX.match(lead), _DONE.match(lead)
    bare = lead[(box or tick).end() :] if box or tick else lead  # type: ignore[union-attr]
    title = plain(bare)
    if not re.search(r"\w", title):
        return None
    done = bool(tick) or (box[1] != " " if box else finished or bool(_FINISHED.search(title)))
    owner = _OWNER.search(title)
    details = item.text[len(lead) :].strip() if item.text.startswith(lead) else None
    return Action(item.line, title, done, owner[1].strip() if owner else None, item.link, group, details or None)


def people_of(layout: Layout, parts: list[Part]) -> tuple[str | None, str | None]:
    """Return who attended the post-mortem, and who responded, as names separated by "; "."""
    meeting = [part for part in parts if _ATTENDEES.fullmatch(part.heading.strip(" :"))]
    attended = [name for part in meeting for name in _names(layout, part)]
    responded = [name for part in parts if part.name == RESPONDERS for name in _names(layout, part)]
    return join_names(attended), join_names(responded)


def _names(layout: Layout, part: Part) -> Iterator[str]:
    block = part.blocks[0]
    listed = [item.lead for item in layout.items(block)] or [paragraph.text for paragraph in layout.paragraphs(block)]
    for text in listed:
        yield from (name.strip() for name in re.split(r"[,;\n]", plain(text)) if 0 < len(name.strip()) <= 60)
