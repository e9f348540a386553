"""Words and colours of a picture without a script: how wide a text is, where it breaks, and what a colour is called."""

# ruff: noqa: E501  (a line of SVG stays on one line)
from __future__ import annotations

import html
import re
from collections.abc import Sequence
from functools import cache, lru_cache

from incident_lib import theme

NARROW, WIDE = set("ijltfrI.,:;|!'()[] ·"), set("mwMW%@—→…")
SIZE = 12  # the style sheet's size of a text in a picture; its colour there is "muted"
_TAGS = re.compile(r"<(?:br\s*/?|/?(?:b|i|em|strong|sub|sup|span|a)\b[^<>]*)>", re.IGNORECASE)
_BREAK = re.compile(r"<br\s*/?>", re.IGNORECASE)
_SAFE_COLOUR = re.compile(r"#[0-9a-fA-F]{3,8}|[a-zA-Z]{3,20}")
_RGB = re.compile(r"rgba?\((\d+), ?(\d+), ?(\d+)(?:, ?([\d.]+))?\)")


@lru_cache(maxsize=4096)
def width_of(text: str, size: float = 12) -> float:
    """Return about how many pixels wide a text is; the wider ones of the common sans-serif fonts have to fit as well."""
    units = sum(0.36 if one in NARROW else 0.92 if one in WIDE else 0.7 if one.isupper() else 0.6 for one in text)
    return units * size


def lines_of(text: str) -> list[str]:
    """Return a figure's text as plain lines: plotly's few tags go, line breaks stay, entities are read."""
    return [html.unescape(_TAGS.sub("", line)).strip() for line in _BREAK.split(text)]


def wrapped(text: str, room: float, size: float = 12, most: int = 2) -> list[str]:
    """Return a text in at most that many lines that fit the room; what doesn't fit ends with "…"."""
    lines: list[str] = [""]
    for word in " ".join(lines_of(text)).split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and width_of(longer, size) > room:
            lines.append(word)
        else:
            lines[-1] = longer
    kept = lines[:most]
    if len(lines) > most or width_of(kept[-1], size) > room:
        kept[-1] = _shortened(" ".join(lines[most - 1 :]), room, size)
    return kept


def _shortened(text: str, room: float, size: float) -> str:
    while len(text) > 1 and width_of(f"{text}…", size) > room:
        text = text[:-1]
    return text if width_of(text, size) <= room and not text.endswith("…") and len(text) < 2 else f"{text.rstrip()}…"


def svg_text(lines: Sequence[str], x: float, y: float, *, anchor: str = "", size: float = 12, colour: str = "muted",
             turned: float = 0, leading: float = 1.25) -> str:  # fmt: skip
    """Return lines of text as SVG; ``y`` is the first line's baseline, an empty ``anchor`` that of the group around it."""
    here = f'transform="translate({_short(x)} {_short(y)})rotate({turned:g})"' if turned else f'x="{_short(x)}" y="{_short(y)}"'
    look = (f' text-anchor="{anchor}"' if anchor else "") + (f' font-size="{size:g}"' if size != SIZE else "")
    fill = f' fill="{paint(colour)}"' if colour != "muted" else ""
    start = f"<text {here}{look}{fill}>"
    if len(lines) == 1:
        return f"{start}{html.escape(lines[0], quote=False)}</text>"
    left = "0" if turned else _short(x)
    below = (f'<tspan x="{left}" dy="{size * leading:g}">{html.escape(line, quote=False)}</tspan>' for line in lines[1:])
    return f"{start}{html.escape(lines[0], quote=False)}{''.join(below)}</text>"


@lru_cache(maxsize=1024)
def paint(colour: str) -> str:
    """Return a colour of a figure for the page: as a variable of its style sheet, which knows the dark form, if ours."""
    if colour in theme.PALETTE:
        return f"var(--{colour})"
    if colour.lower() in _names():
        return f"var(--{_names()[colour.lower()]})"
    seen = _RGB.fullmatch(colour)
    if seen:
        ours = _names().get("#{:02x}{:02x}{:02x}".format(*(min(int(seen[place]), 255) for place in (1, 2, 3))))
        solid = f"var(--{ours})" if ours else f"rgb({seen[1]},{seen[2]},{seen[3]})"
        share = float(seen[4] if seen[4] is not None else 1)
        return solid if share >= 1 else f"color-mix(in srgb,{solid} {share * 100:g}%,transparent)"
    return colour if _SAFE_COLOUR.fullmatch(colour) else "var(--accent)"


@lru_cache(maxsize=4096)
def mixed(one: str, other: str, share: float) -> str:
    """Return a colour between two: none of the share is the first."""
    return f"color-mix(in srgb,{paint(other)} {round(share * 100)}%,{paint(one)})"


@cache
def _names() -> dict[str, str]:
    return {colour.light: name for name, colour in theme.PALETTE.items()}


def _short(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
