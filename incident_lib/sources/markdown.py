"""The structure of a Markdown page: sections by heading, and tables as rows, found by a real parser."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from markdown_it import MarkdownIt
from markdown_it.token import Token

UNFILLED = "_To write:"
_PARSER = MarkdownIt("commonmark").enable("table")


@dataclass(frozen=True)
class Section:
    """A heading and the text under it, up to the next heading of its level or above.

    ``line`` is the text's first line, counted from 0 in the body.
    """

    heading: str
    line: int
    text: str


def sections(body: str, level: int = 2) -> list[Section]:
    """Return the sections whose headings have this level, in order; headings in code blocks are no headings."""
    lines = body.splitlines(keepends=True)
    heads = [(token, tokens) for token, tokens in _headings(body) if int(token.tag[1]) <= level]
    ends = [token.map[0] for token, _ in heads[1:]] + [len(lines)] * bool(heads)
    return [
        _section(inline.content.strip(), lines, token.map[1], end)
        for (token, inline), end in zip(heads, ends, strict=True)
        if int(token.tag[1]) == level
    ]


def blocks(body: str, level: int = 3) -> list[tuple[str, str]]:
    """Return a page's text cut at every heading down to a level, in order; the parts together are the whole text.

    Each comes with its key: "" for what stands before the first heading below the title, then the heading, one of the
    third level after its parent's ("How'd we do / What went well"), a repeated one with its number.
    """
    return list(_blocks(body, level))


@lru_cache(maxsize=32)
def _blocks(body: str, level: int) -> tuple[tuple[str, str], ...]:
    lines = body.splitlines(keepends=True)
    heads = [(token.map[0], int(token.tag[1]), inline.content.strip()) for token, inline in _headings(body)]
    heads = [head for head in heads if 1 < head[1] <= level]
    starts = [0, *(start for start, _, _ in heads)]
    ends = [*starts[1:], len(lines)]
    names, parent, taken = [""], "", {""}
    for _, depth, heading in heads:
        parent = heading if depth == 2 else parent
        name = heading if depth == 2 or not parent else f"{parent} / {heading}"
        number = 2
        while name in taken:
            name, number = f"{name.removesuffix(f' ({number - 1})')} ({number})", number + 1
        names.append(name)
        taken.add(name)
    return tuple((name, "".join(lines[start:end])) for name, start, end in zip(names, starts, ends, strict=True))


def _section(heading: str, lines: list[str], start: int, end: int) -> Section:
    while start < end and not lines[start].strip():
        start += 1
    return Section(heading, start, "".join(lines[start:end]).rstrip("\n"))


def _headings(body: str) -> list[tuple[Token, Token]]:
    tokens = _PARSER.parse(body)
    return [
        (token, tokens[number + 1])
        for number, token in enumerate(tokens)
        if token.type == "heading_open" and token.level == 0 and token.map
    ]


@dataclass(frozen=True)
class Cell:
    """A table cell: its text with Markdown kept, and the address of its first link."""

    text: str
    link: str | None


@dataclass(frozen=True)
class Row:
    """A table row and its line, counted from 0 within the text that was parsed."""

    line: int
    cells: tuple[Cell, ...]


def table_rows(text: str) -> list[Row]:
    """Return the body rows of all tables in a Markdown text."""
    rows: list[Row] = []
    cells: list[Cell] = []
    line, in_body = 0, False
    for token in _PARSER.parse(text):
        if token.type in ("tbody_open", "tbody_close"):
            in_body = token.type == "tbody_open"
        elif token.type == "tr_open":
            cells, line = [], token.map[0] if token.map else 0
        elif token.type == "inline" and token.level > 3:
            cells.append(Cell(token.content.strip(), _first_link(token)))
        elif token.type == "tr_close" and in_body:
            rows.append(Row(line, tuple(cells)))
    return rows


def _first_link(token: Token) -> str | None:
    for child in token.children or ():
        if child.type == "link_open":
            return str(child.attrGet("href"))
    return None


def is_filled(text: str) -> bool:
    """Tell whether a section holds anything beside prompts, comments and empty table heads."""
    without = re.sub(r"<!--.*?-->", "", text, flags=re.S)
    kept = [line for line in without.splitlines() if line.strip() and not line.strip().startswith((UNFILLED, "#"))]
    return any(not re.fullmatch(r"[\s|:-]+", line) for line in kept) and not (
        all(line.lstrip().startswith("|") for line in kept) and not table_rows("\n".join(kept))
    )


def plain(text: str) -> str:
    """Return inline Markdown as plain text: links become their words, emphasis and code marks go."""
    tokens = _PARSER.parseInline(text)
    children = tokens[0].children or [] if tokens else []
    return "".join(" " if child.type in ("softbreak", "hardbreak") else child.content for child in children).strip()
