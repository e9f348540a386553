"""A Markdown page as it lies: headings with the text under each, tables with their heads, lists, and what is code."""

from __future__ import annotations

import textwrap
from bisect import bisect_left
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

from markdown_it import MarkdownIt
from markdown_it.token import Token

from incident_lib.sources.markdown import Cell

_PARSER = MarkdownIt("commonmark").enable("table")


@dataclass(frozen=True)
class Block:
    """A heading (empty, level 0: what stands before the first) and its own text, up to the next heading of any level.

    ``line`` is the heading's, ``start`` the text's first line, both from 0 in the body.
    """

    heading: str
    level: int
    line: int
    start: int
    text: str


@dataclass(frozen=True)
class GridRow:
    """A table's row and its line."""

    line: int
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Grid:
    """A table: the line and the words of its head, and its rows."""

    line: int
    head: tuple[str, ...]
    rows: tuple[GridRow, ...]


@dataclass(frozen=True)
class Item:
    """An item of a list that is in no other: its whole text without the mark, its first paragraph, its first link.

    ``of`` tells the lists of a page apart.
    """

    line: int
    text: str
    lead: str
    link: str | None
    of: int


@dataclass(frozen=True)
class Paragraph:
    """A paragraph that is in no list or quotation, as it stands, and its first line."""

    line: int
    text: str


@dataclass(frozen=True)
class Layout:
    """A page's body, taken apart once."""

    body: str

    @cached_property
    def lines(self) -> list[str]:
        """Return the body's lines."""
        return self.body.replace("\r\n", "\n").replace("\r", "\n").split("\n")

    @cached_property
    def _tokens(self) -> list[Token]:
        return _PARSER.parse("\n".join(self.lines))

    @cached_property
    def code(self) -> frozenset[int]:
        """Return the numbers of the lines that are code, headings or tables: no prose."""
        kinds = ("fence", "code_block", "heading_open", "table_open")
        spans = (token.map for token in self._tokens if token.type in kinds and token.map)
        return frozenset(line for start, end in spans for line in range(start, end))

    @cached_property
    def blocks(self) -> list[Block]:
        """Return the headings in order, each with its own text; the first block is what stands before them."""
        heads = [
            (token.map, int(token.tag[1]), self._tokens[number + 1].content.strip())
            for number, token in enumerate(self._tokens)
            if token.type == "heading_open" and token.level == 0 and token.map
        ]
        ends = [span[0] for span, _, _ in heads] + [len(self.lines)]
        opening = Block("", 0, 0, 0, "\n".join(self.lines[: ends[0]]))
        named = zip(heads, ends[1:], strict=True)
        return [opening, *(self._block(heading, level, span, end) for (span, level, heading), end in named)]

    def _block(self, heading: str, level: int, span: list[int], end: int) -> Block:
        start = span[1]
        while start < end and not self.lines[start].strip():
            start += 1
        return Block(heading, level, span[0], start, "\n".join(self.lines[start:end]).rstrip())

    def items(self, block: Block) -> list[Item]:
        """Return the items of a block's own outermost lists, in order."""
        return _of_block(self._items, block)

    def paragraphs(self, block: Block) -> list[Paragraph]:
        """Return the outermost paragraphs of a block."""
        return _of_block(self._paragraphs, block)

    def grids(self, block: Block) -> list[Grid]:
        """Return the tables of a block."""
        return _of_block(self._grids, block)

    @cached_property
    def _items(self) -> list[Item]:
        found: list[Item] = []
        of = 0
        for number, token in enumerate(self._tokens):
            if token.level == 0 and token.type.endswith("list_open"):
                of = number
            elif token.level == 1 and token.type == "list_item_open":
                found.append(self._item(number, token, of))
        return found

    def _item(self, number: int, token: Token, of: int) -> Item:
        start, end = token.map or [0, 0]
        inside = _inside(self._tokens, number)
        inline = next((one for one in inside if one.type == "inline"), None)
        raw = self.lines[start].lstrip()[len(token.info) + len(token.markup) :].lstrip()
        more = textwrap.dedent("\n".join(self.lines[start + 1 : end]))
        return Item(start, f"{raw}\n{more}".strip(), inline.content if inline else raw, first_link(inside), of)

    @cached_property
    def _paragraphs(self) -> list[Paragraph]:
        opened = (token.map for token in self._tokens if token.type == "paragraph_open" and token.level == 0)
        return [Paragraph(span[0], "\n".join(self.lines[span[0] : span[1]])) for span in opened if span]

    @cached_property
    def _grids(self) -> list[Grid]:
        return [
            _grid(_inside(self._tokens, number))
            for number, token in enumerate(self._tokens)
            if token.type == "table_open" and token.level == 0
        ]


Placed = TypeVar("Placed", Item, Paragraph, Grid)


def _of_block(placed: list[Placed], block: Block) -> list[Placed]:
    """Return those of some things in the order of their lines that stand in a block."""
    end = block.start + block.text.count("\n") + 1 if block.text else block.start
    return placed[bisect_left(placed, block.start, key=_line) : bisect_left(placed, end, key=_line)]


def _line(placed: Item | Paragraph | Grid) -> int:
    return placed.line


def first_link(tokens: list[Token]) -> str | None:
    """Return the address of the first link among some tokens."""
    children = (child for token in tokens for child in token.children or ())
    return next((str(child.attrGet("href")) for child in children if child.type == "link_open"), None)


def _inside(tokens: list[Token], number: int) -> list[Token]:
    """Return the tokens from one that opens to the one that closes it."""
    opening = tokens[number]
    closing = opening.type.replace("_open", "_close")
    for at in range(number, len(tokens)):
        if tokens[at].type == closing and tokens[at].level == opening.level:
            return tokens[number : at + 1]
    return tokens[number:]


def _grid(tokens: list[Token]) -> Grid:
    rows: list[GridRow] = []
    cells: list[Cell] = []
    line = 0
    for token in tokens:
        if token.type == "tr_open":
            cells, line = [], token.map[0] if token.map else line
        elif token.type == "inline":
            cells.append(Cell(token.content.strip(), first_link([token])))
        elif token.type == "tr_close":
            rows.append(GridRow(line, tuple(cells)))
    head = tuple(cell.text for cell in rows[0].cells) if rows else ()
    return Grid(rows[0].line if rows else 0, head, tuple(rows[1:]))
