"""Somebody else's headings → ours: "Root Cause Analysis" is our "Contributing factors"; others keep their names."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass

from incident_lib.sources.markdown import plain
from incident_lib.sources.page_layout import Block, Layout
from incident_lib.sources.written_times import read_written

OVERVIEW, TIMELINE, ACTIONS, LESSONS, RESPONDERS = "Overview", "Timeline", "Action items", "How'd we do", "Responders"
_NAMES: dict[str, str] = {
    OVERVIEW: r"(?:incident |executive )?(?:summary|overview|synopsis)|abstract|tl;?dr",
    "What happened": r"what happened|how did it happen|description|details|background|incident description",
    "Contributing factors": (
        r"(?:contributing |causal )?factors|(?:the )?(?:root |identified |underlying )?causes?(?: analysis)?|rca"
        r"|trigger|why did it happen|analysis"
    ),
    "Resolution": r"resolutions?|mitigation|recovery|fix|how (?:was it|we) (?:resolved|fixed)(?: it)?",
    "Impact": r"(?:incident |customer |user |business )?impact|who was affected",
    RESPONDERS: r"responders?|people involved|participants|response team",
    TIMELINE: r"(?:incident |detailed )?(?:timeline|chronology)(?: .{0,40})?|.{0,40} timeline",
    LESSONS: (
        r"lessons?(?: learn(?:ed|t))?|retrospective|insights|conclusions?|(?:key )?takeaways|how(?:'|’)?d we do"
        r"|what went (?:well|wrong|badly)|where we got lucky|what (?:didn(?:'|’)t|did not) go (?:so )?well|learnings"
    ),
    ACTIONS: (
        r"(?:action|follow[- ]?up)(?: items?|s)?|actions? (?:taken|items?)|next steps|to-?dos?"
        r"|corrective (?:and preventive )?actions?"
        r"|remediations?(?: items?)?|prevent(?:ion|ive measures)|how are we preventing it.{0,40}"
    ),
}
_PATTERNS = {name: re.compile(pattern, re.IGNORECASE) for name, pattern in _NAMES.items()}
_DISTINCT = {"responders", "messaging", "how'd we do", "internal e-mail", "external message"}


@dataclass(frozen=True)
class Part:
    """A section of a page: its own heading, our name for it (its own if we have none), and the blocks in it."""

    heading: str
    name: str
    blocks: tuple[Block, ...]


def our_name(heading: str) -> str | None:
    """Return our name for a heading; None if it says none of what ours say."""
    bare = re.sub(r"\(.*?\)|[:.?!]+$", "", plain(heading)).strip(" \t-–—:.?!")
    bare = re.sub(r"^[\d.]+\s+", "", bare)
    return next((name for name, pattern in _PATTERNS.items() if pattern.fullmatch(bare)), None)


def title_block(layout: Layout) -> Block | None:
    """Return the heading that is the page's title: the first, if it is the highest and not the name of a section."""
    headed = layout.blocks[1:]
    first = headed[0] if headed else None
    alone = first is not None and (first.level == 1 or all(block.level > first.level for block in headed[1:]))
    return first if first and alone and our_name(first.heading) is None else None


def parts(layout: Layout) -> list[Part]:
    """Return the page's sections in order; what stands before the first has no name.

    A heading that is a time goes on with the section before it, whatever its level ("## Feb 21, 13:00").
    """
    title = title_block(layout)
    headed = [block for block in layout.blocks[1:] if block is not title]
    level = max(2, min((block.level for block in headed), default=2))
    found: list[list[Block]] = [[layout.blocks[0], *([title] if title else [])]]
    for block in headed:
        opens = block.level <= level and not (len(found) > 1 and _goes_on(found[-1][0], block))
        found.append([block]) if opens else found[-1].append(block)
    lead, *rest = found
    return [Part("", "", tuple(lead)), *(_part(blocks) for blocks in rest)]


def _part(blocks: list[Block]) -> Part:
    heading = plain(blocks[0].heading)
    return Part(heading, our_name(heading) or heading, tuple(blocks))


def _goes_on(opening: Block, block: Block) -> bool:
    return our_name(opening.heading) == TIMELINE and read_written(block.heading) is not None


def texts(layout: Layout, found: list[Part]) -> dict[str, str]:
    """Return the page's text by our headings (its own where we have none); several of the same are joined in order."""
    joined: dict[str, list[str]] = defaultdict(list)
    for part in found:
        text = _text(layout, part)
        if text:
            joined[part.name or OVERVIEW].append(text)
    return {name: "\n\n".join(pieces) for name, pieces in joined.items()}


def _text(layout: Layout, part: Part) -> str:
    """Return a section as it stands, without its own heading; one that is only a part of ours keeps it."""
    if not part.name:
        return "\n\n".join(block.text.strip() for block in part.blocks if block.text.strip())
    first, last = part.blocks[0], part.blocks[-1]
    end = last.start + last.text.count("\n") + 1 if last.text else last.line + 1
    text = "\n".join(layout.lines[first.start : max(first.start, end)]).strip()
    named = part.name == LESSONS and not re.match(r"lessons?|how", part.heading, re.IGNORECASE)
    return f"### {part.heading}\n\n{text}" if named and text else text


def looks_like_ours(layout: Layout) -> bool:
    """Return whether two or more headings are such as only our own template has."""
    return len({plain(block.heading).casefold().replace("’", "'") for block in layout.blocks} & _DISTINCT) > 1
