"""The rows of a page's timeline: from tables, lists, time headings, or paragraphs that begin with a time.

A row is found here with its words; what time they mean is for ``page_clock``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

from incident_lib.sources.markdown import plain
from incident_lib.sources.page_layout import Block, Grid, GridRow, Layout, Paragraph
from incident_lib.sources.page_sections import TIMELINE, Part, title_block
from incident_lib.sources.written_times import Day, Written, any_day, like_time, read_written

_TIME_HEAD = re.compile(r"\b(?:time|date|when|timestamp|utc|day|hour)\b", re.IGNORECASE)
_LINK = re.compile(r"\[[^\]]{0,200}\]\((https?://[^\s)]{1,2000})\)|<?(https?://[^\s>)\]]{1,2000})")
_FEWEST = 2  # rows that a page without a section "Timeline" must have to be one


@dataclass(frozen=True)
class Entry:
    """A row as it stands: its line, the words of its time, what they say, and the text.

    ``day`` is the date of the heading above, ``zone`` the words of the table's head; ``problem`` why it is no row.
    """

    line: int
    words: str
    written: Written | None
    text: str
    link: str | None = None
    day: Day | None = None
    zone: str | None = None
    problem: str | None = None


@dataclass(frozen=True)
class Found:
    """A page's timeline: its rows, and the line of its heading (None if it has none)."""

    entries: tuple[Entry, ...]
    line: int | None = None


def find_timeline(layout: Layout, parts: list[Part]) -> Found:
    """Return the rows in the sections called Timeline; without one, those anywhere, if there are two or more."""
    named = [part for part in parts if part.name == TIMELINE]
    entries = [entry for part in named or parts for entry in _of_part(layout, part)]
    if named:
        return Found(tuple(entries), named[0].blocks[0].line)
    timed = [entry for entry in entries if entry.written and entry.written.clock]
    return Found(tuple(entries) if len(timed) >= _FEWEST else ())


def _of_part(layout: Layout, part: Part) -> Iterator[Entry]:
    day = any_day(part.heading)
    title = title_block(layout)
    for block in part.blocks:
        headed = read_written(block.heading) if block.heading and block is not title else None
        inner = [] if headed and headed.clock else list(_inside(layout, block))
        if headed and headed.day and not headed.clock:
            day = headed.day
        if _is_row(block, headed, inner):
            yield _headed(block, headed)
        else:
            yield from (_dated(entry, day) for entry in inner)


def _is_row(block: Block, headed: Written | None, inner: list[Entry]) -> bool:
    """Return whether a heading is a row itself: a time, or half of one with nothing but prose under it."""
    if not block.heading or inner:
        return False
    if headed is None:
        return like_time(block.heading)
    return bool(headed.clock or headed.iso or block.level > 2)


def _headed(block: Block, headed: Written | None) -> Entry:
    heading = block.heading
    rest = headed.rest if headed else ""
    text = "\n\n".join(part for part in (rest, block.text.strip()) if part)
    words = heading[: len(heading) - len(rest)].strip(" -–—:") if rest else heading
    return Entry(block.line, words, headed, text, _link(text))


def _dated(entry: Entry, day: Day | None) -> Entry:
    return Entry(**{**vars(entry), "day": day}) if day else entry


def _inside(layout: Layout, block: Block) -> Iterator[Entry]:
    """Yield the rows among a block's tables, lists and paragraphs, in the order of their lines."""
    found = [entry for grid in layout.grids(block) for entry in _of_grid(grid)]
    for _, items in groupby(layout.items(block), key=lambda item: item.of):
        rows = [_entry(item.line, item.text, item.lead, item.link) for item in items]
        if any(row.written and row.written.clock for row in rows):
            found += rows
    for paragraph in layout.paragraphs(block):
        found += _of_paragraph(paragraph)
    yield from sorted(found, key=lambda entry: entry.line)


def _entry(line: int, text: str, lead: str, link: str | None) -> Entry:
    written = read_written(text)
    rest = written.rest if written else text
    words = text[: len(text) - len(rest)] if written else lead
    return Entry(line, _short(plain(words)), written, rest, link or _link(rest))


def _of_paragraph(paragraph: Paragraph) -> list[Entry]:
    """Return the rows of a paragraph whose lines begin with times; a line without one belongs to the line before."""
    rows: list[tuple[int, list[str]]] = []
    for number, line in enumerate(paragraph.text.split("\n"), start=paragraph.line):
        written = read_written(line)
        if written and (written.clock or written.iso):
            rows.append((number, [line]))
        elif rows:
            rows[-1][1].append(line)
    return [_entry(number, "\n".join(lines), lines[0], None) for number, lines in rows]


def _of_grid(grid: Grid) -> list[Entry]:
    """Return a table's rows; none if neither its head nor any of its first cells tells of times."""
    columns = _time_columns(grid)
    rows = [_of_row(row, columns, grid) for row in grid.rows if any(cell.text for cell in row.cells)]
    headed = _TIME_HEAD.search(grid.head[0] if grid.head else "")
    return rows if headed or any(row.written and row.written.clock for row in rows) else []


def _time_columns(grid: Grid) -> int:
    """Return how many of the first columns hold the time ("Date", "Time (UTC)"); one at least."""
    heads = (bool(_TIME_HEAD.search(head)) for head in grid.head)
    return max(1, next((number for number, timed in enumerate(heads) if not timed), len(grid.head) - 1))


def _of_row(row: GridRow, columns: int, grid: Grid) -> Entry:
    words = " ".join(plain(cell.text) for cell in row.cells[:columns]).strip()
    written = read_written(words)
    texts = [cell.text for cell in row.cells[columns:] if cell.text]
    if written and written.rest:
        texts.insert(0, written.rest)
    link = next((cell.link for cell in row.cells if cell.link), None)
    problem = None if texts else "a timeline row needs a time and an event"
    zone = " ".join(grid.head[:columns])
    return Entry(row.line, _short(words), written, " – ".join(texts), link, zone=zone, problem=problem)


def _link(text: str) -> str | None:
    found = _LINK.search(text)
    return (found[1] or found[2]) if found else None


def _short(words: str) -> str:
    bare = " ".join(words.split()).strip(" -–—:|")
    return bare if len(bare) <= 60 else f"{bare[:57]}…"
