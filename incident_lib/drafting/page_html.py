"""A post-mortem page as HTML for a report: headings below the report's own, footnotes one can follow there and back."""

from __future__ import annotations

import re
from functools import cache
from html import escape
from typing import Any

from markdown_it import MarkdownIt
from mdit_py_plugins.footnote import footnote_plugin

from incident_lib.render import Shown

_DEFINITION = re.compile(r"(?m)^\[\^(?P<label>[\w-]+)\]:\s*(?P<text>.*)$")


def page_text(markdown: str, *, lower: int = 2) -> Shown:
    """Return a post-mortem page (Markdown, its front matter left out) as HTML; raw HTML in it is shown, not obeyed.

    A footnote's mark shows its place when one points at it, and leads to the list at the end; each entry leads back.
    Headings are ``lower`` levels lower, so that they stand below those of the report around it.

    >>> "<strong>Mail</strong>" in inc.page_text("**Mail** was late.").html
    True
    """
    body = markdown.split("\n---\n", 1)[-1] if markdown.startswith("---\n") else markdown
    notes = {found["label"]: found["text"].replace("`", "") for found in _DEFINITION.finditer(body)}
    html = _parser().render(_below(body, lower), {"notes": notes})
    return Shown(f"<blockquote>{html}</blockquote>", body)


def _below(body: str, lower: int) -> str:
    """Return Markdown with its headings some levels lower."""
    return "\n".join(f"{'#' * lower}{line}" if line.startswith("#") else line for line in body.splitlines())


@cache
def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False}).enable("table").use(footnote_plugin, inline=False)
    rules = {
        "footnote_ref": _mark, "footnote_block_open": lambda *_: "<ol>", "footnote_block_close": lambda *_: "</ol>",
        "footnote_open": _entry, "footnote_close": lambda *_: "</li>", "footnote_anchor": _way_back,
    }  # fmt: skip
    for name, rule in rules.items():
        parser.add_render_rule(name, rule)
    return parser


def _mark(self: Any, tokens: Any, place: int, options: Any, env: Any) -> str:
    meta = tokens[place].meta
    label = meta["label"]
    again = f"-{meta['subId']}" if meta.get("subId") else ""
    title = escape(env.get("notes", {}).get(label, ""), quote=True)
    return f'<sup id="s-ref-{label}{again}"><a href="#s-note-{label}" title="{title}">{meta["id"] + 1}</a></sup>'


def _entry(self: Any, tokens: Any, place: int, options: Any, env: Any) -> str:
    return f'<li id="s-note-{tokens[place].meta["label"]}">'


def _way_back(self: Any, tokens: Any, place: int, options: Any, env: Any) -> str:
    meta = tokens[place].meta
    return "" if meta.get("subId") else f' <a href="#s-ref-{meta["label"]}" title="back to the text">↩</a>'
