"""How everything looks: colours for light and dark, severities and states as shape and word, plotly's template."""

from __future__ import annotations

import html
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
import plotly.graph_objects as go
import plotly.io as pio
from plotly.offline import get_plotlyjs

NAME = "incident_workbook"
MIMETYPE = "application/vnd.plotly.v1+json"
CONFIG = {"displaylogo": False, "plotlyServerURL": "", "responsive": True, "showSendToCloud": False}
REMOVED_BUTTONS = ("autoScale2d", "lasso2d", "pan2d", "select2d", "zoomIn2d", "zoomOut2d")
FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Liberation Sans", Arial, sans-serif'


@dataclass(frozen=True)
class Colour:
    """One colour in its two forms; figures are made with the light one, and pages swap it in the dark."""

    light: str
    dark: str


# Each light form is used once only, since the page finds the dark form by it. What ends in "-mark" is for bars and
# points (contrast 3), where the colour of text (contrast 4.5) would look muddy.
PALETTE: dict[str, Colour] = {
    "paper": Colour("#ffffff", "#15181c"),
    "wash": Colour("#f5f6f8", "#1e2329"),
    "line": Colour("#dcdfe4", "#363d46"),
    "grid": Colour("#e9ebee", "#2a3038"),
    "ink": Colour("#1c2127", "#e7eaee"),
    "muted": Colour("#5a636e", "#a0aab6"),
    "accent": Colour("#1f5fa8", "#84b9f5"),
    "accent-2": Colour("#0f7b78", "#63cdc6"),
    "accent-3": Colour("#7a4da0", "#c8a2ea"),
    "accent-4": Colour("#8a6416", "#dcb560"),
    "neutral": Colour("#8b95a1", "#7c8794"),
    "critical": Colour("#b3261e", "#ff9288"),
    "high": Colour("#ad4e00", "#ffae70"),
    "medium": Colour("#7d6100", "#e6c65c"),
    "low": Colour("#48637e", "#a3c0dd"),
    "done": Colour("#1d6b41", "#7dd3a5"),
    "late": Colour("#b3261f", "#ff9289"),
    "due": Colour("#9a5500", "#f7b562"),
    "open": Colour("#1d5ea7", "#85b8f4"),
    "quiet": Colour("#5b646f", "#9fa9b5"),
    "critical-mark": Colour("#c93a2e", "#f26a5e"),
    "high-mark": Colour("#d9731a", "#f0913f"),
    "medium-mark": Colour("#b38c12", "#d9b23c"),
    "low-mark": Colour("#6d8cab", "#86aed6"),
    "done-mark": Colour("#2f9461", "#63bf90"),
    "due-mark": Colour("#bf8110", "#e0a44a"),
}
SERIES = ("accent", "accent-2", "accent-3", "accent-4", "low", "quiet")
SEVERITY_COLOURS = {name: PALETTE[f"{name}-mark"].light for name in ("critical", "high", "medium", "low")}
SEVERITY_SYMBOLS = {"critical": "▲", "high": "◆", "medium": "■", "low": "●"}
SEVERITY_MARKERS = {"critical": "triangle-up", "high": "diamond", "medium": "square", "low": "circle"}
STATE_WORDS = {
    "done": "done", "late": "late", "due": "due", "not-needed": "not needed", "missing": "missing", "open": "open",
    "unknown": "unknown",
}  # fmt: skip
STATE_SYMBOLS = {"done": "✓", "late": "!", "due": "→", "not-needed": "–", "missing": "✗", "open": "○", "unknown": "?"}


def colour(name: str) -> str:
    """Return a colour of the palette as figures use it: its light form, the one for marks where there is one."""
    return PALETTE.get(f"{name}-mark", PALETTE[name]).light


def faded(name: str, opacity: float) -> str:
    """Return a colour of the palette, see-through: for bands and areas."""
    red, green, blue = rgb(PALETTE[name].light)
    return f"rgba({red}, {green}, {blue}, {opacity:g})"


def rgb(colour: str) -> tuple[int, int, int]:
    """Return the three parts of a colour such as "#1f5fa8"."""
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def css_variables() -> str:
    """Return the palette as style sheet variables (``--ink``): dark where the reader prefers it, light on paper."""
    light = "".join(f"--{name}:{colour.light};" for name, colour in PALETTE.items())
    dark = "".join(f"--{name}:{colour.dark};" for name, colour in PALETTE.items())
    return f":root{{{light}}}\n@media screen and (prefers-color-scheme:dark){{:root{{{dark}}}}}\n"


def swaps() -> dict[str, str]:
    """Return the dark form for each light form, for figures that are drawn in the dark."""
    return {colour.light: colour.dark for colour in PALETTE.values()}


def template() -> go.layout.Template:
    """Return the plotly template: quiet grid, no boxes, the page's own background, our colours in order."""
    axis = {
        "gridcolor": colour("grid"), "linecolor": colour("line"), "zerolinecolor": colour("line"), "automargin": True,
        "title": {"font": {"size": 13, "color": colour("muted")}, "standoff": 12},
        "tickfont": {"size": 12, "color": colour("muted")}, "ticklabelstandoff": 4,
    }  # fmt: skip
    layout = {
        "font": {"family": FONT, "size": 13, "color": colour("ink")},
        "title": {"x": 0, "xref": "container", "xanchor": "left", "y": 1, "yref": "container", "yanchor": "top",
                  "pad": {"l": 4, "t": 10}, "font": {"size": 15}},
        "paper_bgcolor": "rgba(0, 0, 0, 0)",
        "plot_bgcolor": "rgba(0, 0, 0, 0)",
        "colorway": [colour(name) for name in SERIES],
        "xaxis": {**axis, "zeroline": False},
        "yaxis": axis,
        "legend": {"orientation": "h", "x": 0, "xanchor": "left", "y": 1.02, "yanchor": "bottom"},
        "margin": {"l": 56, "r": 16, "t": 76, "b": 48},
        "hoverlabel": {"bgcolor": colour("wash"), "bordercolor": colour("line"), "font": {"color": colour("ink")}},
        "hovermode": "closest",
        "colorscale": {"sequential": [[0, colour("wash")], [1, colour("accent")]]},
        "height": 380,
    }
    edge = {"marker": {"line": {"color": colour("paper")}}}
    return go.layout.Template(layout=layout, data={"bar": [edge], "scatter": [edge]})


def register() -> None:
    """Make our template plotly's default, and keep JupyterLab's figures from offering to upload themselves.

    Plotly 7 shows a "Share chart" button unless told otherwise; the configuration travels with each figure.
    """
    pio.templates[NAME] = template()
    pio.templates.default = NAME
    pio.renderers["plotly_mimetype"].config = dict(CONFIG)


def label(text: object) -> str:
    """Return a text from the records for use inside a figure, where plotly would read ``<a href=…>`` as a link."""
    return html.escape(str(text), quote=False)


def described(figure: go.Figure, *, alt: str, table: pd.DataFrame) -> go.Figure:
    """Return the figure with what those who can't see it need: a sentence on what it shows, and its numbers.

    Both travel in ``layout.meta`` through the notebook into the page.
    """
    meta = figure.layout.meta if isinstance(figure.layout.meta, Mapping) else {}
    return figure.update_layout(meta={**meta, "alt": alt, "table": plain_table(table)})


def plain_table(table: pd.DataFrame) -> dict[str, list[Any]]:
    """Return a table as column names and rows of text, numbers, true or false, and None."""
    rows = [[plain(value) for value in row] for row in table.itertuples(index=False, name=None)]
    return {"columns": [str(name) for name in table.columns], "rows": rows}


def plain(value: Any) -> Any:
    """Return one value as JSON knows it: times as "2026-03-02 09:14" (UTC), a missing one as None."""
    if hasattr(value, "item") and not isinstance(value, pd.Timestamp):
        value = value.item()
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, pd.Timestamp):
        return value.strftime("%Y-%m-%d %H:%M" if value.tzinfo or value != value.normalize() else "%Y-%m-%d")
    return None if pd.isna(value) else str(value)


def plotly_js() -> str:
    """Return the source of plotly.js as the installed plotly brings it."""
    return get_plotlyjs()
