"""A figure as a picture that needs no script: for paper, for mail previews, and until the script has drawn its own.

It knows what our figures use: lines, staircases, areas, points, bars, heat maps, on one pair of axes.
"""

# ruff: noqa: E501  (a line of SVG stays on one line)
from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from incident_lib import theme
from incident_lib.reports.static.axes import Axis, axis_of, listed, number
from incident_lib.reports.static.bars import bars, heat_map
from incident_lib.reports.static.frame import colour_bar, frame_of, grid, legend_of, scale_of, scaled
from incident_lib.reports.static.marks import DASHES, Plot, nth, scatter, short
from incident_lib.reports.static.text import lines_of, paint, svg_text

WIDE, NARROW = 896, 358
KNOWN = {"scatter", "scattergl", "bar", "heatmap"}


def static_pictures(figure: Mapping[str, Any], *, height: int, name: str) -> str:
    """Return a figure as SVG for a wide page and for a phone; nothing if it has parts that we can't draw.

    ``name`` begins every id in it.
    """
    traces = [trace for trace in figure.get("data") or [] if trace.get("visible", True) is True]
    if any(
        trace.get("type", "scatter") not in KNOWN or trace.get("xaxis", "x") != "x" or trace.get("yaxis", "y") != "y"
        for trace in traces
    ):
        return ""
    layout = figure.get("layout") or {}
    return "".join(
        svg(traces, layout, width, height, name=f"{name}{size[0]}", size=size)
        for size, width in (("wide", WIDE), ("narrow", NARROW))
    )


def svg(
    traces: Sequence[Mapping[str, Any]], layout: Mapping[str, Any], width: int, height: int, *, name: str, size: str
) -> str:
    """Return one picture of a given width and height."""
    shades = [colour_of(trace, place) for place, trace in enumerate(traces)]
    x, y = axes_of(traces, layout)
    legend, rows = legend_of(traces, shades, layout, width, name)
    frame = frame_of(x, y, layout, width, height, rows, has_scale=scaled(traces))
    x.start, x.end, y.start, y.end = frame.left, frame.right, frame.bottom, frame.top
    plot = Plot(x, y, name, layout)
    parts = [
        *(shape(one, plot) for one in layout.get("shapes") or [] if one.get("layer") == "below" or one.get("type") == "rect"),
        grid(plot, frame), marks(plot, traces, shades), colour_bar(traces, frame), legend,
        *(shape(one, plot) for one in layout.get("shapes") or [] if one.get("layer") != "below" and one.get("type") != "rect"),
        *(annotation(one, plot) for one in layout.get("annotations") or []),
    ]  # fmt: skip
    clip = f'<clipPath id="{name}c"><path d="M{short(frame.left - 8)} {short(frame.top - 8)}H{short(frame.right + 8)}V{short(frame.bottom + 8)}H{short(frame.left - 8)}z"/></clipPath>'
    return (
        f'<svg class="static {size}" viewBox="0 0 {width} {height}" preserveAspectRatio="xMinYMin meet" '
        f'aria-hidden="true">{clip}{"".join(parts)}</svg>'
    )


def colour_of(trace: Mapping[str, Any], place: int) -> str:
    """Return a trace's own colour, or that of the series at its place."""
    own = [(trace.get(part) or {}).get("color") for part in ("line", "marker")]
    stated = next((one for one in own if isinstance(one, str)), None)
    return stated or theme.colour(theme.SERIES[place % len(theme.SERIES)])


def axes_of(traces: Sequence[Mapping[str, Any]], layout: Mapping[str, Any]) -> tuple[Axis, Axis]:
    """Return the two axes with their ranges."""
    made = []
    for name in ("x", "y"):
        stated = layout.get(f"{name}axis") or {}
        grown = [
            trace
            for trace in traces
            if trace.get("type") == "bar" and (trace.get("orientation") == "h") == (name == "x")
        ]
        values = [_values(trace, name) for trace in traces]
        only_lines = all("markers" not in str(trace.get("mode", "markers")) for trace in traces if trace not in grown)
        floor = bool(grown) or stated.get("rangemode") == "tozero"
        flat = any(trace.get("type") == "heatmap" for trace in traces)
        axis = axis_of(stated, [*values, _reach(grown, name, layout)], floor=floor, marks=_lines(layout, name),
                       padded=bool(traces) and not flat and (name == "y" or bool(grown) or not only_lines))  # fmt: skip
        made.append(axis)
    return made[0], made[1]


def _values(trace: Mapping[str, Any], name: str) -> list[Any]:
    if trace.get("type") == "heatmap":
        rows = listed(trace.get("z"))
        return listed(trace.get(name)) or list(
            range(len(rows) if name == "y" else max((len(listed(row)) for row in rows), default=0))
        )
    own, other = listed(trace.get(name)), listed(trace.get("x" if name == "y" else "y"))
    values = own or list(range(len(other)))
    error = listed((trace.get(f"error_{name}") or {}).get("array"))
    return [
        *values,
        *(
            a + b
            for a, b in zip(map(number, values), map(number, error), strict=False)
            if a is not None and b is not None
        ),
    ]


def _reach(grown: Sequence[Mapping[str, Any]], name: str, layout: Mapping[str, Any]) -> list[float]:
    """Return how far stacked bars reach on the axis along which they grow."""
    if layout.get("barmode") not in ("stack", "relative") and not any(trace.get("base") is not None for trace in grown):
        return []
    sums: dict[tuple[str, bool], float] = {}
    reach = []
    for trace in grown:
        places = listed(trace.get("y" if name == "x" else "x"))
        for index, value in enumerate(listed(trace.get(name))):
            length, base = number(value) or 0.0, number(nth(trace.get("base"), index, None))
            key = (str(nth(places, index, index)), length >= 0)
            sums[key] = (sums.get(key, 0.0) if base is None else base) + length
            reach.append(sums[key])
    return reach


def _lines(layout: Mapping[str, Any], name: str) -> list[Any]:
    return [
        one.get(f"{name}{end}")
        for one in layout.get("shapes") or []
        for end in "01"
        if one.get(f"{name}ref", name) == name
    ]


def marks(plot: Plot, traces: Sequence[Mapping[str, Any]], shades: Sequence[str]) -> str:
    """Return the marks of all traces, cut off at the frame."""
    barred = [(trace, shade) for trace, shade in zip(traces, shades, strict=True) if trace.get("type") == "bar"]
    clipped, free, drawn_bars = [], [], False
    for place, (trace, shade) in enumerate(zip(traces, shades, strict=True)):
        if trace.get("type") == "bar":
            clipped.append("" if drawn_bars else bars(plot, barred))
            drawn_bars = True
        elif trace.get("type") == "heatmap":
            clipped.append(heat_map(plot, trace, scale_of(trace)))
        else:
            target = free if trace.get("cliponaxis") is False else clipped
            target.append(scatter(plot, trace, shade, traces[place - 1] if place else None))
    return f'<g clip-path="url(#{plot.name}c)">{"".join(clipped)}</g>{"".join(free)}'


def shape(stated: Mapping[str, Any], plot: Plot) -> str:
    """Return a line or a band across the figure."""
    if stated.get("type") not in ("line", "rect"):
        return ""
    x0, x1 = (_where(stated.get(f"x{end}"), str(stated.get("xref", "x")), plot.x) for end in "01")
    y0, y1 = (_where(stated.get(f"y{end}"), str(stated.get("yref", "y")), plot.y) for end in "01")
    if None in (x0, x1, y0, y1):
        return ""
    line = stated.get("line") or {}
    if stated["type"] == "rect":
        return f'<path d="M{short(x0)} {short(y0)}H{short(x1)}V{short(y1)}H{short(x0)}z" fill="{paint(str(stated.get("fillcolor") or "grid"))}"/>'
    dash = DASHES.get(str(line.get("dash")))
    dashes = f' stroke-dasharray="{dash}"' if dash else ""
    width = number(line.get("width")) or 2
    return f'<path d="M{short(x0)} {short(y0)}L{short(x1)} {short(y1)}" stroke="{paint(str(line.get("color") or "ink"))}" stroke-width="{width:g}"{dashes}/>'


def _where(value: Any, reference: str, axis: Axis) -> float | None:
    """Return a place in pixels: a share of the figure, or a value on an axis (a logarithm already, if it is logarithmic)."""
    if reference == "paper" or reference.endswith("domain"):
        share = number(value)
        return None if share is None else axis.share(share)
    unit = axis.units([value])[0] if axis.kind in ("date", "category") else number(value)
    return None if unit is None else axis.pixel(unit)


def annotation(stated: Mapping[str, Any], plot: Plot) -> str:
    """Return a text in the figure, with its arrow if it has one."""
    x = _where(stated.get("x", 0.5), str(stated.get("xref", "x")), plot.x)
    y = _where(stated.get("y", 0.5), str(stated.get("yref", "y")), plot.y)
    if x is None or y is None or not stated.get("text"):
        return ""
    font, lines = stated.get("font") or {}, lines_of(str(stated["text"]))
    size = number(font.get("size")) or 13
    arrow, ax, ay = "", 0.0, 0.0
    if stated.get("showarrow", True):
        ax, ay = number(stated.get("ax", -10)) or 0.0, number(stated.get("ay", -30)) or 0.0
        arrow = f'<path d="M{short(x)} {short(y)}l{short(ax)} {short(ay)}" stroke="var(--muted)"/>'
    anchor = {"left": "start", "right": "end"}.get(_side(stated, "xanchor", plot.x.start, plot.x.end, x), "middle")
    tall = size * 1.25 * (len(lines) - 1)
    drop = {"top": size, "bottom": -tall - 3}.get(
        str(stated.get("yanchor") or ("bottom" if arrow else "")), size * 0.35 - tall / 2
    )
    place = (x + ax + (number(stated.get("xshift")) or 0), y + ay + drop - (number(stated.get("yshift")) or 0))
    return arrow + svg_text(lines, *place, anchor=anchor, size=size, colour=str(font.get("color") or "ink"))


def _side(stated: Mapping[str, Any], name: str, start: float, end: float, place: float) -> str:
    """Return which side of a text stands at its place; where nothing is stated, plotly decides by thirds of the figure."""
    side = str(stated.get(name) or "auto")
    if side != "auto" or str(stated.get("xref")) != "paper":
        return side
    share = (place - start) / ((end - start) or 1)
    return "left" if share < 1 / 3 else "right" if share > 2 / 3 else "center"
