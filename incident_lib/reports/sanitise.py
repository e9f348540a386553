"""Text that came from data → HTML that can only be read: Markdown without raw HTML, and a short allow-list."""

from __future__ import annotations

import html
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache

import nh3
from markdown_it import MarkdownIt
from markdown_it.token import Token

ANCHOR = "s-"  # before every heading's id, so that no heading can take the name of a part of the page
_NAMES = """
    a abbr b blockquote br caption code dd del details div dl dt em h1 h2 h3 h4 h5 h6 hr i img ins kbd li mark ol p pre
    s small span strong sub summary sup table tbody td tfoot th thead time tr u ul
"""
TAGS = set(_NAMES.split())
_STATES = {f"state-{name}" for name in ("done", "late", "due", "not-needed", "missing", "open", "unknown")}
_SEVERITIES = {f"severity-{name}" for name in ("critical", "high", "medium", "low")}
_CARD = {"label", "figure", "number", "note"}
CLASSES = {
    "p": {"answer", "note", "lead", *_CARD},
    "span": {"badge", "state", "muted", "short", *_CARD, *_STATES, *_SEVERITIES},
    "table": {"data", "stacked"},
    "td": {"number", "short", "long", "source"},
    "th": {"number", "short"},
    "tr": {"start", "resolution", "total"},
    "div": {"scroll", "cards", "card", "answer", *_CARD, *_STATES, *_SEVERITIES},
    "strong": _CARD,
    "ul": {"plain"},
    "ol": {"plain"},
    "a": {"anchor"},
    "pre": {"wrap"},
    "blockquote": {"note"},
    "details": {"note"},
    "code": set(),
}
_CELL = {"colspan", "rowspan"}
ATTRIBUTES = {
    "a": {"aria-label", "href", "title"}, "abbr": {"title"}, "details": {"open"}, "div": {"aria-label", "tabindex"},
    "img": {"alt", "src"}, "li": {"id"}, "sup": {"id"}, "ol": {"start"},
    "td": _CELL, "th": {*_CELL, "abbr"}, "time": {"datetime"},
    **{f"h{level}": {"id"} for level in range(1, 7)},
}  # fmt: skip
VALUES = {"div": {"role": {"region", "group"}}, "th": {"scope": {"col", "row", "colgroup", "rowgroup"}}}
_PNG = re.compile(r"data:image/png;base64,[A-Za-z0-9+/=\s]*")
_EMPTY_IMAGE = re.compile(r"<img(?![^>]*\ssrc=)[^>]*>")
_REGION = '<div class="scroll" role="region" tabindex="0" aria-label="Table">'
_REGION_NAME = re.compile(r'(<div class="scroll"[^<>]*? aria-label=")([^"<>]*)(")')
_TABLE = re.compile(r"(<div[^<>]*class=\"scroll\"[^<>]*>\s*)?(<table.*?</table>)", re.DOTALL)
_STACKED_CLASS = '<table class="data stacked">'
_STACKED = re.compile(rf"{_STACKED_CLASS}.*?</table>", re.DOTALL)
_HEADING = re.compile(r"<th\b[^>]*>(.*?)</th>", re.DOTALL)
_SHORT_CELL = re.compile(r"<(td|th scope=\"row\")>([^<>\s]{1,18}(?: \d\d:\d\d)?)</(td|th)>")
_LONG_CELL = re.compile(r"<td>([^<>]{41,})</td>")
_SENTENCE = re.compile(r"(?<! class=\"short\")(?<! class=\"source\")>[^<>]*\s[^<>]*<")
_TAG_IN_VALUE = re.compile(r'="[^"]*[<>]')
_CLASSED = (("td", "short"), ("td", "long"), ("td", "source"), ("td", "number"), ("span", "short"))
_LEANER = [
    *((f"</{name}>", "") for name in ("td", "th", "tr")),
    *((f'<{tag} class="{name}">', f"<{tag} class={name}>") for tag, name in _CLASSED),
]
_UNBROKEN = re.compile(r"\b(?:[A-Z][A-Z0-9]{1,9}-\d[\d-]*\d|\d{4}-\d\d-\d\d(?: \d\d:\d\d)?)\b")


LINKED_FROM, LINKED_TO = 2, 4  # the levels of headings that show a link to themselves


@dataclass(frozen=True)
class Heading:
    """A heading of the page: its level, its plain text, and the id to link to."""

    level: int
    text: str
    anchor: str


@dataclass
class Anchors:
    """Gives each heading of one page an id of its own, made from its text."""

    taken: Counter[str] = field(default_factory=Counter)

    def name(self, text: str) -> str:
        """Return an id for a heading: the same text gives the same id, numbered if the page has it already."""
        plain = unicodedata.normalize("NFKD", text).casefold()
        slug = ANCHOR + (re.sub(r"\W+", "-", plain.encode("ascii", "ignore").decode()).strip("-") or "section")
        self.taken[slug] += 1
        return slug if self.taken[slug] == 1 else self.name(f"{text} {self.taken[slug]}")


def clean(fragment: str) -> str:
    """Return an HTML fragment with nothing left but our tags and classes, safe links, and embedded PNG images.

    Ids and times don't break over lines, long cells get room, and tables scroll. The allow-list has the last word,
    also over what we add.
    """
    marked = _EMPTY_IMAGE.sub("", _listed(fragment))
    odd = _TAG_IN_VALUE.search(marked)  # what we add could only then stand in a place where we don't see it
    marked = _SHORT_CELL.sub(lambda match: f'<{match[1]} class="short">{match[2]}</{match[3]}>', marked)
    marked = _LONG_CELL.sub(lambda match: f'<td class="long">{match[1]}</td>', marked)
    marked = _SENTENCE.sub(lambda match: _UNBROKEN.sub(_kept_whole, match[0]), marked)
    framed = _TABLE.sub(_scrolling, marked)
    safe = _listed(framed) if odd else framed
    return _STACKED.sub(_labelled, safe) if _STACKED_CLASS in safe else safe


def _labelled(match: re.Match[str]) -> str:
    """Return a table whose cells say their heading, for where its rows stand as blocks and no heading is above them."""
    names = [re.sub(r"<[^>]*>", "", name).replace('"', "&quot;").strip() for name in _HEADING.findall(match[0])]
    head, tag, body = match[0].partition("<tbody>")
    rows = body.split("<tr")
    return head + tag + "<tr".join(_labels_in(row, names) for row in rows)


def _labels_in(row: str, names: list[str]) -> str:
    cells = row.split("<td")
    if len(cells) != len(names) + 1:
        return row
    labels = (f'<td data-label="{name}"{cell}' for name, cell in zip(names, cells[1:], strict=True))
    return cells[0] + "".join(labels)


def _kept_whole(match: re.Match[str]) -> str:
    return f'<span class="short">{match[0]}</span>'


def lean(fragment: str) -> str:
    """Return cleaned HTML without what HTML lets one leave out: of long tables, closing tags and quotes are a tenth."""
    for long, short in _LEANER:
        fragment = fragment.replace(long, short)
    return fragment


def named_apart(bodies: Sequence[str]) -> list[str]:
    """Return parts of a page whose scrolling regions have names of their own: "Table", "Table 2"."""
    seen: Counter[str] = Counter()

    def numbered(match: re.Match[str]) -> str:
        seen[match[2]] += 1
        return match[0] if seen[match[2]] == 1 else f"{match[1]}{match[2]} {seen[match[2]]}{match[3]}"

    return [_REGION_NAME.sub(numbered, body) if '<div class="scroll"' in body else body for body in bodies]


def _listed(fragment: str) -> str:
    return _cleaner().clean(fragment)


@cache
def _cleaner() -> nh3.Cleaner:
    """Return the sanitiser; to set it up takes longer than to clean a page with it."""
    return nh3.Cleaner(
        tags=TAGS, attributes=ATTRIBUTES, attribute_filter=_only_safe, tag_attribute_values=VALUES,
        allowed_classes=CLASSES, url_schemes={"http", "https", "mailto", "data"}, link_rel="noopener noreferrer",
        clean_content_tags={"script", "style"},
    )  # fmt: skip


def _scrolling(match: re.Match[str]) -> str:
    """Return a table in a region that scrolls, so that it can't widen the page, if it isn't in one already."""
    return match[0] if match[1] else f"{_REGION}{match[2]}</div>"


def _only_safe(tag: str, attribute: str, value: str) -> str | None:
    """Return an attribute's value where it is harmless, None where it is to be dropped."""
    if attribute == "src":
        return value if _PNG.fullmatch(value) else None
    if attribute == "href":
        return None if re.match(r"\s*(data:|//)", value, re.IGNORECASE) else value
    if attribute == "id":
        return value if value.startswith(ANCHOR) else None
    if attribute == "tabindex":
        return value if value == "0" else None
    return value


def markdown(text: str, anchors: Anchors) -> tuple[str, list[Heading]]:
    """Return Markdown as safe HTML, and its headings; raw HTML shows as text, images as links."""
    tokens = _parser().parse(text)
    headings = [_anchored(token, tokens[place + 1], anchors) for place, token in enumerate(tokens)
                if token.type == "heading_open"]  # fmt: skip
    parser = _parser()
    return clean(parser.renderer.render(tokens, parser.options, {})), headings


def escaped(text: str) -> str:
    """Return a text as HTML that shows it."""
    return html.escape(text)


def _anchored(opening: Token, inline: Token, anchors: Anchors) -> Heading:
    text = "".join(child.content for child in inline.children or [] if child.type in ("text", "code_inline"))
    heading = Heading(int(opening.tag[1]), text, anchors.name(text))
    opening.attrSet("id", heading.anchor)
    if LINKED_FROM <= heading.level <= LINKED_TO:
        inline.children = [*(inline.children or []), _link_to(heading)]
    return heading


def _link_to(heading: Heading) -> Token:
    """Return the small link that a heading ends with: its permanent address, to copy."""
    name = html.escape(f"Link to {heading.text}")
    return Token("html_inline", "", 0, content=f'<a class="anchor" href="#{heading.anchor}" aria-label="{name}">#</a>')


@cache
def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
    tables = {"table_open": _table_open, "th_open": _cell, "td_open": _cell}
    rules = {**tables, "image": _image}
    for name, rule in rules.items():
        parser.add_render_rule(name, rule)
    return parser


def _table_open(self, tokens, place, options, env) -> str:
    return '<table class="data">'


def _cell(self, tokens, place, options, env) -> str:
    """Render a cell; columns that are aligned to the right hold numbers."""
    tag = tokens[place].tag
    number = ' class="number"' if "right" in str(tokens[place].attrGet("style")) else ""
    scope = ' scope="col"' if tag == "th" else ""
    return f"<{tag}{scope}{number}>"


def _image(self, tokens, place, options, env) -> str:
    """Render an image: embedded ones as such, any other as a link, since a page must not load anything."""
    source, alt = html.escape(str(tokens[place].attrGet("src"))), html.escape(tokens[place].content)
    if source.startswith("data:image/png;base64,"):
        return f'<img src="{source}" alt="{alt}">'
    return f'<a href="{source}">[image: {alt or source}]</a>'
