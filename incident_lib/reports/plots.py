"""A figure in a page: its data for the script, a picture without it, its meaning in a sentence, its numbers."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from markupsafe import Markup, escape

from incident_lib import theme
from incident_lib.reports.packing import packed
from incident_lib.reports.static.figures import static_pictures

_ALLOWED = r"/?(?:b|i|em|strong|sub|sup|extra)\s*>|br\s*/?>"
_PLAIN = {int, float, bool, type(None)}
_FORBIDDEN = re.compile(rf"<(?!{_ALLOWED})(?=[A-Za-z/!?])", re.IGNORECASE)
_WHOLE_SECOND = re.compile(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d)(?::00|(:\d\d))\.000000")
_TITLE_TAGS = re.compile(r"</?(b|i|em|strong|sub|sup|span|a)\b[^<>]*>")
LONGEST_PLAIN = 12_000  # characters of a figure's data
TITLE_HEIGHT = 34  # pixels of a figure's top margin that its title takes; in a page the title stands above it
_FIGURE = """<figure class="plot" role="group" aria-label="{alt}">
{title}<div class="canvas" style="height:{height}px">{picture}<div class="live"></div></div>
<script type="application/vnd.plotly.v1+json">{data}</script>
<figcaption>{alt}</figcaption>
{table}</figure>"""
_NO_PICTURE = '<p class="note">This figure ({kinds}) is drawn by a script, which did not run here{rest}.</p>'
_TABLE = """<details><summary>The numbers of this figure</summary>
<div class="scroll" role="region" tabindex="0" aria-label="Numbers of figure {number}"><table class="data{sort}">
<thead><tr>{head}</tr></thead>
<tbody>{body}</tbody></table></div></details>
"""  # of many cells most of what they take is tags, so they have no closing ones, and few classes


def plot_html(figure: Mapping[str, Any], *, number: int) -> Markup:
    """Return a plotly figure (its JSON form) as a figure element; ``number`` counts the figures of the page."""
    layout = dict(figure.get("layout") or {})
    meta = layout.get("meta") if isinstance(layout.get("meta"), Mapping) else {}
    layout.pop("meta", None)
    layout["images"] = [image for image in layout.get("images") or [] if _embedded(image)]
    if not layout["images"]:
        del layout["images"]
    title = _lifted_title(layout)
    height = _height(layout)
    if layout.get("template") == theme_template():  # the page brings it once for all its figures
        del layout["template"]
    drawn = compact(inert({"data": list(figure.get("data") or []), "layout": layout}))
    return Markup(_FIGURE).format(
        alt=str(meta.get("alt") or title or f"Figure {number}"), height=height, data=_data(drawn),
        picture=Markup(_picture(drawn, height, number)) or _no_picture(drawn, meta),
        title=Markup('<p class="title">{}</p>\n').format(title) if title else "",
        table=numbers_table(meta.get("table"), number),
    )  # fmt: skip


def _data(drawn: Mapping[str, Any]) -> Markup:
    """Return a figure's data for its script element: JSON, or if that is long its compressed size and it packed."""
    text = script_json(drawn)
    if len(text) <= LONGEST_PLAIN:
        return text
    content, size = packed(str(text))
    return Markup(f"{size} {content}")


def _no_picture(figure: Mapping[str, Any], meta: Mapping[str, Any]) -> Markup:
    """Return what stands for a figure of a kind of which there is no static picture, or with parts that have none."""
    traces = [trace for trace in figure["data"] if isinstance(trace, Mapping)]
    kinds = ", ".join(dict.fromkeys(str(trace.get("type") or "scatter") for trace in traces)) or "empty"
    has_numbers = isinstance(meta.get("table"), Mapping) and meta["table"].get("columns")
    return Markup(_NO_PICTURE).format(kinds=kinds, rest="; its numbers are below" if has_numbers else "")


def _picture(figure: Mapping[str, Any], height: int, number: int) -> str:
    """Return the static pictures of a figure; none where parts of it are not what a figure has there."""
    try:
        return static_pictures(figure, height=height, name=f"p{number}")
    except (TypeError, ValueError, LookupError, AttributeError, ArithmeticError):
        return ""


@cache
def theme_template() -> dict[str, Any]:
    """Return our plotly template as figures hold it."""
    return json.loads(json.dumps(theme.template().to_plotly_json()))


def numbers_table(table: Any, number: int) -> Markup:
    """Return a figure's numbers as a table in a fold; nothing if the figure brings none."""
    if not isinstance(table, Mapping) or not table.get("columns"):
        return Markup()
    cells = [value for row in table["rows"] for value in row]
    mostly = sum(map(_is_number, cells)) * 2 > len(cells)
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in table["columns"])
    rows = "\n".join(f"<tr>{''.join(_cell(value, mostly) for value in row)}" for row in table["rows"])
    sort = " numbers" if mostly else ""
    return Markup(_TABLE).format(number=number, head=Markup(head), body=Markup(rows), sort=sort)


def inert(value: Any) -> Any:
    """Return a figure's data with every text showing its tags, but for bold, italics, and line breaks.

    Plotly makes ``<a href=…>`` in a label a link, and obeys ``<span style=…>``.
    """
    if isinstance(value, str):
        return _FORBIDDEN.sub("&lt;", value) if "<" in value else value
    if isinstance(value, dict):
        return {key: inert(one) for key, one in value.items()}
    if not isinstance(value, list):
        return value
    return value if _PLAIN.issuperset(map(type, value)) else [inert(one) for one in value]


def compact(value: Any, key: str = "") -> Any:
    """Return a figure's data in fewer bytes that mean the same: short times, and one value for all points as one."""
    if isinstance(value, dict):
        return {name: compact(one, name) for name, one in value.items()}
    if not isinstance(value, list) or _PLAIN.issuperset(map(type, value)):
        return value
    if key in ("symbol", "textposition") and all(one == value[0] for one in value):
        return value[0]
    return [_shorter(one) if isinstance(one, str) else compact(one) for one in value]


def _shorter(text: str) -> str:
    match = _WHOLE_SECOND.fullmatch(text) if text.endswith(".000000") else None
    return f"{match[1]} {match[2]}{match[3] or ''}" if match else text


def script_json(record: Any) -> Markup:
    """Return a record as JSON that can stand in a script element."""
    text = json.dumps(record, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029"))


def _is_number(value: Any) -> bool:
    return type(value) in (int, float)


def _cell(value: Any, mostly_numbers: bool) -> str:
    """Return a cell; only those that are not as most of their table name their class."""
    if _is_number(value):
        return f"<td>{round(value, 3):,}" if mostly_numbers else f'<td class="number">{round(value, 3):,}'
    text = ("yes" if value else "no") if isinstance(value, bool) else "" if value is None else escape(value)
    return f'<td class="words">{text}' if mostly_numbers else f"<td>{text}"


def _lifted_title(layout: dict[str, Any]) -> str:
    """Take the title out of a figure and return it: as text of the page it wraps on a phone, plotly's doesn't."""
    title = layout.pop("title", None)
    text = str((title.get("text") if isinstance(title, Mapping) else title) or "")
    if text:
        margin = {**_stated(layout, "margin", {})}
        layout["margin"] = {**margin, "t": max(margin.get("t", 100) - TITLE_HEIGHT, 16)}
        layout["height"] = _height(layout) - TITLE_HEIGHT
    return re.sub(r"\s*<br\s*/?>\s*", " ", _TITLE_TAGS.sub("", text)).strip()


def _stated(layout: Mapping[str, Any], key: str, otherwise: Any) -> Any:
    """Return what a figure's layout says, over what its template says."""
    template = (layout.get("template") or {}).get("layout") or {}
    ours, theirs = layout.get(key), template.get(key)
    both = isinstance(ours, Mapping) and isinstance(theirs, Mapping)
    return {**theirs, **ours} if both else next((value for value in (ours, theirs) if value is not None), otherwise)


def _height(layout: Mapping[str, Any]) -> int:
    height = _stated(layout, "height", None)
    return int(height) if isinstance(height, int | float) and 80 <= height <= 4000 else 450


def _embedded(image: Any) -> bool:
    return isinstance(image, Mapping) and str(image.get("source", "")).startswith("data:image/png;base64,")
