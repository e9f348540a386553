"""A figure in a page: its data for the script, its meaning for those who can't see it, and its numbers as a table."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

_ALLOWED = r"/?(?:b|i|em|strong|sub|sup|extra)\s*>|br\s*/?>"
_FORBIDDEN = re.compile(rf"<(?!{_ALLOWED})(?=[A-Za-z/!?])", re.IGNORECASE)
TITLE_HEIGHT = 34  # pixels of a figure's top margin that its title takes; in a page the title stands above it
_FIGURE = """<figure class="plot" role="group" aria-label="{alt}">
{title}<div class="canvas" style="height:{height}px">
<p class="note">The figure is drawn by a script, which did not run here; its numbers are below.</p>
</div>
<script type="application/vnd.plotly.v1+json">{data}</script>
<figcaption>{alt}</figcaption>
{table}</figure>"""
_TABLE = """<details><summary>The numbers of this figure</summary>
<div class="scroll" role="region" tabindex="0" aria-label="Numbers of figure {number}"><table class="data">
<thead><tr>{head}</tr></thead>
<tbody>{body}</tbody></table></div></details>
"""


def plot_html(figure: Mapping[str, Any], *, number: int) -> Markup:
    """Return a plotly figure (its JSON form) as a figure element; ``number`` counts the figures of the page."""
    layout = dict(figure.get("layout") or {})
    meta = layout.get("meta") if isinstance(layout.get("meta"), Mapping) else {}
    layout.pop("meta", None)
    layout["images"] = [image for image in layout.get("images") or [] if _embedded(image)]
    title = _lifted_title(layout)
    drawn = inert({"data": list(figure.get("data") or []), "layout": layout})
    return Markup(_FIGURE).format(
        alt=str(meta.get("alt") or title or f"Figure {number}"), height=_height(layout), data=script_json(drawn),
        title=Markup('<p class="title">{}</p>\n').format(title) if title else "",
        table=numbers_table(meta.get("table"), number),
    )  # fmt: skip


def numbers_table(table: Any, number: int) -> Markup:
    """Return a figure's numbers as a table in a fold; nothing if the figure brings none."""
    if not isinstance(table, Mapping) or not table.get("columns"):
        return Markup()
    head = Markup().join(Markup('<th scope="col">{}</th>').format(name) for name in table["columns"])
    rows = [Markup("<tr>{}</tr>").format(Markup().join(_cell(value) for value in row)) for row in table["rows"]]
    return Markup(_TABLE).format(number=number, head=head, body=Markup("\n").join(rows))


def inert(value: Any) -> Any:
    """Return a figure's data with every text showing its tags, but for bold, italics, and line breaks.

    Plotly makes ``<a href=…>`` in a label a link, and obeys ``<span style=…>``.
    """
    if isinstance(value, str):
        return _FORBIDDEN.sub("&lt;", value)
    if isinstance(value, Mapping):
        return {key: inert(one) for key, one in value.items()}
    return [inert(one) for one in value] if isinstance(value, list) else value


def script_json(record: Any) -> Markup:
    """Return a record as JSON that can stand in a script element."""
    text = json.dumps(record, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029"))


def _cell(value: Any) -> Markup:
    if isinstance(value, bool):
        return Markup("<td>{}</td>").format("yes" if value else "no")
    if isinstance(value, int | float):
        return Markup('<td class="number">{}</td>').format(f"{round(value, 3):,}")
    return Markup("<td>{}</td>").format("" if value is None else value)


def _lifted_title(layout: dict[str, Any]) -> str:
    """Take the title out of a figure and return it: as text of the page it wraps on a phone, plotly's doesn't."""
    title = layout.pop("title", None)
    text = str((title.get("text") if isinstance(title, Mapping) else title) or "")
    if text:
        margin = {**_stated(layout, "margin", {})}
        layout["margin"] = {**margin, "t": max(margin.get("t", 100) - TITLE_HEIGHT, 16)}
        layout["height"] = _height(layout) - TITLE_HEIGHT
    return re.sub(r"\s*<br\s*/?>\s*", " ", re.sub(r"</?(b|i|em|strong|sub|sup|span|a)\b[^<>]*>", "", text)).strip()


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
