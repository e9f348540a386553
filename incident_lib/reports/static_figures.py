"""A figure as a picture that needs no script: for paper, for mail previews, and until the script has drawn its own.

It knows what our figures use: lines, staircases, areas, points, bars, heat maps, on one pair of axes.
"""

# ruff: noqa: E501  (a line of SVG stays on one line)
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from incident_lib import theme
from incident_lib.reports.static_axes import Axis, axis_of, formatted, listed, number
from incident_lib.reports.static_marks import (
    DASHES,
    PATTERNS,
    Plot,
    bars,
    heat_map,
    heat_range,
    nth,
    pattern_of,
    scatter,
    shade_of,
    short,
    symbol_path,
)
from incident_lib.reports.static_text import lines_of, paint, svg_text, width_of, wrapped

WIDE, NARROW = 896, 358
KNOWN = {"scatter", "scattergl", "bar", "heatmap"}
TICK = 12
LEGEND_ROW = 20
DEFAULT_SCALE = [[0, theme.colour("wash")], [1, theme.colour("accent")]]


@dataclass(frozen=True)
class Frame:
    """The room for the marks, in pixels."""

    left: float
    top: float
    right: float
    bottom: float


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
    frame = frame_of(x, y, layout, width, height, rows, scaled=_scaled(traces))
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


def frame_of(x: Axis, y: Axis, layout: Mapping[str, Any], width: int, height: int, rows: int, *, scaled: bool) -> Frame:
    """Return the room for the marks: what labels, titles and the legend leave."""
    title_y, title_x = title_of(layout, "y"), title_of(layout, "x")
    labels = [label for _, label in y.ticks(8)] if y.stated.get("visible", True) else []
    room = width * 0.42
    left = (
        max((min(max(map(width_of, lines_of(text))), room) for text in labels), default=0)
        + (10 if labels else 4)
        + (20 if title_y else 0)
    )
    top, right = rows * LEGEND_ROW + 12, width - 10 - (46 if scaled else 0)
    deep = turn_of(x, right - left)[1] if x.stated.get("visible", True) else 0
    return Frame(left, top, right, max(height - deep - (24 if title_x else 6), top + 40))


def turn_of(x: Axis, room: float) -> tuple[float, float]:
    """Return by how much the labels below are turned so that they don't touch, and how deep they are."""
    labels = [text for _, text in x.ticks(_most_x(room))]
    longest = max((max(map(width_of, lines_of(text))) for text in labels), default=0)
    stated = number(x.stated.get("tickangle"))
    if not labels or (stated in (None, 0) and longest + 10 <= room / max(len(labels), 1)) or x.kind != "category":
        return 0, 10 + TICK * 1.25 * max((len(lines_of(text)) for text in labels), default=1)
    return -55, 14 + min(longest, 130) * 0.82


def _most_x(room: float) -> int:
    return max(int(room / 82), 3)


def title_of(layout: Mapping[str, Any], name: str) -> str:
    """Return an axis' title, empty if it has none."""
    title = (layout.get(f"{name}axis") or {}).get("title")
    return str((title.get("text") if isinstance(title, Mapping) else title) or "")


def grid(plot: Plot, frame: Frame) -> str:
    """Return grid, tick labels and titles of both axes."""
    parts, steps, labels = [], [], []
    x, y = plot.x, plot.y
    if y.stated.get("visible", True):
        for unit, text in y.ticks(max(int((frame.bottom - frame.top) / 34), 2)):
            place = y.pixel(unit)
            if y.kind != "category" and y.stated.get("showgrid", True):
                steps.append(f"M{short(frame.left)} {short(place)}H{short(frame.right)}")
            lines = wrapped(text, frame.left - 8 - (20 if title_of(plot.layout, "y") else 0))
            labels.append(svg_text(lines, frame.left - 8, place + 4 - (len(lines) - 1) * 7))
    parts.append(f'<g text-anchor="end">{"".join(labels)}</g>')
    if x.stated.get("visible", True):
        parts.append(f'<g text-anchor="middle">{_labels_below(plot, frame, steps)}</g>')
    titles = [svg_text([" ".join(lines_of(title_of(plot.layout, "y")))], 12, (frame.top + frame.bottom) / 2, anchor="middle", size=13, turned=-90)
              if title_of(plot.layout, "y") else ""]  # fmt: skip
    if title_of(plot.layout, "x"):
        below = frame.bottom + turn_of(x, frame.right - frame.left)[1] + 15
        titles.append(
            svg_text(
                [" ".join(lines_of(title_of(plot.layout, "x")))],
                (frame.left + frame.right) / 2,
                below,
                anchor="middle",
                size=13,
            )
        )
    return f'<path d="{"".join(steps)}" stroke="var(--grid)" fill="none"/>{"".join(parts)}{"".join(titles)}'


def _labels_below(plot: Plot, frame: Frame, steps: list[str]) -> str:
    x, parts, free = plot.x, [], float("-inf")
    turned = turn_of(x, frame.right - frame.left)[0]
    ticks = x.ticks(_most_x(frame.right - frame.left))
    for unit, text in sorted(ticks, key=lambda tick: x.pixel(tick[0])):
        place = x.pixel(unit)
        if x.kind != "category" and x.stated.get("showgrid", True):
            steps.append(f"M{short(place)} {short(frame.top)}V{short(frame.bottom)}")
        lines = lines_of(text)
        reach = 6 if turned else max(map(width_of, lines)) / 2
        if place - reach < free:  # it would touch the label before it
            continue
        free = place + reach + (0 if turned else 6)
        if turned:
            parts.append(
                svg_text(wrapped(text, 125, most=1), place + 4, frame.bottom + 14, anchor="end", turned=turned)
            )
        else:
            end = place + reach > frame.right + 10
            parts.append(
                svg_text(lines, frame.right + 8 if end else place, frame.bottom + 17, anchor="end" if end else "")
            )
    return "".join(parts)


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


def scale_of(trace: Mapping[str, Any]) -> list[tuple[float, str]]:
    """Return a heat map's colours as places from 0 to 1: its own list, or the theme's."""
    stated = trace.get("colorscale")
    own = isinstance(stated, list) and stated and isinstance(stated[0], list | tuple)
    return [(float(place), str(shade)) for place, shade in (stated if own else DEFAULT_SCALE)]


def _scaled(traces: Sequence[Mapping[str, Any]]) -> bool:
    return any(trace.get("type") == "heatmap" and trace.get("showscale", True) for trace in traces)


def colour_bar(traces: Sequence[Mapping[str, Any]], frame: Frame) -> str:
    """Return the key of a heat map's colours, right of it: the two ends and what lies between."""
    trace = next((one for one in traces if one.get("type") == "heatmap"), None)
    if trace is None or not _scaled(traces):
        return ""
    low, high = heat_range(trace, [listed(row) for row in listed(trace.get("z"))])
    steps, x = 8, frame.right + 12
    tall = (frame.bottom - frame.top) / steps
    boxes = "".join(f'<path d="M{short(x)} {short(frame.bottom - (step + 1) * tall)}h10v{short(tall + 0.3)}h-10z" '
                    f'fill="{shade_of(scale_of(trace), (step + 0.5) / steps)}"/>' for step in range(steps))  # fmt: skip
    ends = svg_text([formatted(high, "")], x + 14, frame.top + 9, size=11) + svg_text(
        [formatted(low, "")], x + 14, frame.bottom, size=11
    )
    return boxes + ends


def legend_of(
    traces: Sequence[Mapping[str, Any]], shades: Sequence[str], layout: Mapping[str, Any], width: int, name: str
) -> tuple[str, int]:
    """Return the legend above the marks, and how many rows it takes; none for a single trace."""
    shown = [(trace, shade, place) for place, (trace, shade) in enumerate(zip(traces, shades, strict=True))
             if trace.get("showlegend", True) and trace.get("name") and trace.get("type") != "heatmap"]  # fmt: skip
    wanted = layout.get("showlegend", len(shown) > 1 or any(trace.get("showlegend") for trace, _, _ in shown))
    parts, left, row = [], 4.0, 0
    for trace, shade, place in shown if wanted else ():
        text = wrapped(str(trace["name"]), width - 40, most=1)[0]
        needed = 24 + width_of(text) + 16
        if left > 4 and left + needed > width:
            left, row = 4.0, row + 1
        y = row * LEGEND_ROW + 14
        parts.append(_key(trace, shade, left, y - 4, f"{name}-{place}") + svg_text([text], left + 26, y, colour="ink"))
        left += needed
    return "".join(parts), (row + 1 if parts else 0)


def _key(trace: Mapping[str, Any], shade: str, x: float, y: float, name: str) -> str:
    """Return what stands for a trace in the legend."""
    if trace.get("type") == "bar":
        marker = trace.get("marker") or {}
        box = f"M{short(x + 4)} {short(y - 5.5)}h14v11h-14z"
        pattern = marker.get("pattern") or {}
        lines, tone = PATTERNS.get(str(nth(pattern.get("shape"), 0, ""))), str(nth(marker.get("color"), 0, shade))
        return (f'{pattern_of(f"{name}k", lines, pattern, tone)}<path d="{box}" fill="url(#{name}k)"/>' if lines
                else f'<path d="{box}" fill="{paint(tone)}"/>')  # fmt: skip
    parts, line, mode = [], trace.get("line") or {}, str(trace.get("mode") or "lines")
    if trace.get("fill"):
        parts.append(
            f'<path d="M{short(x)} {short(y - 5)}h22v10h-22z" fill="{paint(str(trace.get("fillcolor") or shade))}"/>'
        )
    if "lines" in mode and number(line.get("width", 2)):
        dash = f' stroke-dasharray="{DASHES[line["dash"]]}"' if line.get("dash") in DASHES else ""
        parts.append(
            f'<path d="M{short(x)} {short(y)}h22" stroke="{paint(str(line.get("color") or shade))}" stroke-width="{number(line.get("width", 2)):g}"{dash}/>'
        )
    if "markers" in mode:
        marker = trace.get("marker") or {}
        symbol, colour = str(nth(marker.get("symbol"), 0, "circle")), str(nth(marker.get("color"), 0, shade))
        open_ = symbol.endswith("-open") or symbol.startswith("line")
        look = f'fill="none" stroke="{paint(colour)}" stroke-width="2"' if open_ else f'fill="{paint(colour)}"'
        parts.append(f'<path d="{symbol_path(symbol, x + 11, y, 10)}" {look}/>')
    return "".join(parts)


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
