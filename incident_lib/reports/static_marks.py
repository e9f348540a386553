"""The marks of a picture without a script: lines, areas, points, bars, cells of a heat map, as SVG."""

# ruff: noqa: E501  (a line of SVG stays on one line)
from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from incident_lib.reports.static_axes import Axis, formatted, listed, number
from incident_lib.reports.static_text import SIZE, lines_of, mixed, paint, svg_text, width_of

DASHES = {"dot": "2 4", "dash": "8 5", "dashdot": "8 4 2 4", "longdash": "14 6", "longdashdot": "14 5 2 5"}
PATTERNS = {
    "/": "M-1 7L7 -1M-1 1L1 -1M5 7L7 5", "\\": "M-1 -1L7 7M-1 5L1 7M5 -1L7 1", "x": "M0 0L6 6M6 0L0 6", "-": "M0 3H6",
    "|": "M3 0V6", "+": "M3 0V6M0 3H6", ".": "M2.2 3a.9.9 0 1 0 1.8 0a.9.9 0 1 0-1.8 0",
}  # fmt: skip
OUTSIDE = 4


@dataclass(frozen=True)
class Plot:
    """What marks are drawn on: both axes, the default colours by trace, and a name that is the picture's own."""

    x: Axis
    y: Axis
    name: str
    layout: Mapping[str, Any]


def point(plot: Plot, x: float | None, y: float | None) -> tuple[float, float] | None:
    """Return where a pair of units stands in pixels; None if one of them is missing."""
    return None if x is None or y is None else (plot.x.pixel(x), plot.y.pixel(y))


def scatter(plot: Plot, trace: Mapping[str, Any], colour: str, before: Mapping[str, Any] | None) -> str:
    """Return a scatter trace: its area, its line, its points, its texts; ``before`` is the trace that an area ends at."""
    mode = str(trace.get("mode") or "lines+markers")
    places = places_of(plot, trace)
    parts = []
    if trace.get("fill") in ("tonexty", "tozeroy"):
        parts.append(area(plot, trace, places, before, colour))
    if "lines" in mode:
        parts.append(line(trace, places, colour))
    parts.append(error_bars(plot, trace, colour))
    if "markers" in mode:
        parts.append(markers(trace, places, colour))
    if "text" in mode:
        parts.append(texts(trace, places))
    return "".join(parts)


def places_of(plot: Plot, trace: Mapping[str, Any]) -> list[tuple[float, float] | None]:
    """Return where each of a trace's points stands."""
    xs, ys = listed(trace.get("x")), listed(trace.get("y"))
    xs, ys = xs or list(range(len(ys))), ys or list(range(len(xs)))
    return [point(plot, x, y) for x, y in zip(plot.x.units(xs), plot.y.units(ys), strict=False)]


def path(places: Sequence[tuple[float, float] | None], shape: str) -> str:
    """Return a path through points, broken where one is missing; ``shape`` hv or vh makes it a staircase."""
    steps, last = [], None
    for place in places:
        if place is None:
            last = None
        elif last is None:
            steps.append(f"M{short(place[0])} {short(place[1])}")
            last = place
        else:
            corner = {"hv": f"H{short(place[0])}V{short(place[1])}", "vh": f"V{short(place[1])}H{short(place[0])}"}
            if place != last:
                steps.append(corner.get(shape, f"L{short(place[0])} {short(place[1])}"))
            last = place
    return "".join(steps)


def line(trace: Mapping[str, Any], places: Sequence[tuple[float, float] | None], colour: str) -> str:
    """Return a trace's line."""
    stated = trace.get("line") or {}
    width = number(stated.get("width", 2)) or 0
    drawn = path(places, str(stated.get("shape") or ""))
    if not width or not drawn:
        return ""
    dash = DASHES.get(str(stated.get("dash")))
    dashes = f' stroke-dasharray="{dash}"' if dash else ""
    shade = paint(str(stated.get("color") or colour))
    return f'<path d="{drawn}" fill="none" stroke="{shade}" stroke-width="{width:g}" stroke-linejoin="round"{dashes}/>'


def area(
    plot: Plot, trace: Mapping[str, Any], places: Sequence[Any], before: Mapping[str, Any] | None, colour: str
) -> str:
    """Return the area between a line and the one before it, or the ground."""
    upper = [place for place in places if place]
    if not upper:
        return ""
    shape = str((trace.get("line") or {}).get("shape") or "")
    if trace.get("fill") == "tonexty" and before is not None:
        lower = [place for place in places_of(plot, before) if place]
    else:
        ground = plot.y.pixel(max(plot.y.low, 0.0))
        lower = [(upper[0][0], ground), (upper[-1][0], ground)]
    back = path(lower[::-1], {"hv": "vh", "vh": "hv"}.get(shape, shape)).replace("M", "L", 1)
    fill = paint(str(trace.get("fillcolor") or colour))
    opacity = "" if trace.get("fillcolor") else ' fill-opacity=".5"'
    return f'<path d="{path(upper, shape)}{back}Z" fill="{fill}"{opacity}/>'


def markers(trace: Mapping[str, Any], places: Sequence[Any], colour: str) -> str:
    """Return a trace's points: those that look alike share one path."""
    stated = trace.get("marker") or {}
    alike: dict[tuple[str, float, str], list[str]] = {}
    for index, place in enumerate(places):
        if place is not None:
            symbol = str(nth(stated.get("symbol"), index, "circle"))
            size = number(nth(stated.get("size"), index, 6)) or 6.0
            shade = str(nth(stated.get("color"), index, colour) or colour)
            alike.setdefault((symbol, size, shade), []).append(symbol_path(symbol, *place, size))
    edge = stated.get("line") or {}
    width, rim = number(nth(edge.get("width"), 0, 0)) or 0, edge.get("color")
    opacity = number(stated.get("opacity", trace.get("opacity", 1)))
    faint = "" if opacity in (None, 1) else f' opacity="{opacity:g}"'
    return "".join(
        f'<path d="{"".join(paths)}"{_look(symbol, shade, width, rim)}{faint}/>'
        for (symbol, _, shade), paths in alike.items()
    )


def _look(symbol: str, shade: str, width: float, rim: Any) -> str:
    """Return how a mark is filled and edged: open ones by their line alone."""
    if symbol.endswith("-open") or symbol.startswith(("line", "x-thin", "cross-thin")):
        return f' fill="none" stroke="{paint(shade)}" stroke-width="{width or 1.5:g}"'
    edge = paint(rim) if isinstance(rim, str) and width else "var(--paper)"
    return f' fill="{paint(shade)}" stroke="{edge}" stroke-width="{width or 0.8:g}"'


def symbol_path(symbol: str, x: float, y: float, size: float) -> str:
    """Return one mark as a path: circle, square, diamond, triangles, cross, x, upright and level lines."""
    r, kind = size / 2, symbol.removesuffix("-open").removesuffix("-dot")
    at, r_ = f"M{short(x)} {short(y)}", short(r)
    if kind == "square":
        return f"{at}m-{r_} -{r_}h{short(size)}v{short(size)}h-{short(size)}z"
    if kind == "diamond":
        d = short(r * 1.3)
        return f"{at}m0 -{d}l{d} {d}l-{d} {d}l-{d} -{d}z"
    if kind in ("triangle-up", "triangle-down"):
        sign, w, h = (1 if kind.endswith("up") else -1), short(r * 1.15), r * 1.15
        return f"{at}m0 {short(-sign * h)}l{w} {short(sign * h * 1.6)}h-{short(r * 2.3)}z"
    if kind in ("line-ns", "line-ew"):
        return f"{at}m0 -{r_}v{short(size)}" if kind == "line-ns" else f"{at}m-{r_} 0h{short(size)}"
    if kind.startswith(("x", "cross")):
        d = short(r * (0.7 if kind.startswith("x") else 1))
        turned = f"m-{d} -{d}l{short(r * 1.4)} {short(r * 1.4)}m0 -{short(r * 1.4)}l-{short(r * 1.4)} {short(r * 1.4)}"
        return f"{at}{turned}" if kind.startswith("x") else f"{at}m0 -{d}v{short(size)}m-{r_} -{r_}h{short(size)}"
    return f"{at}m-{r_} 0a{r_} {r_} 0 1 0 {short(size)} 0a{r_} {r_} 0 1 0 -{short(size)} 0z"


def texts(trace: Mapping[str, Any], places: Sequence[Any]) -> str:
    """Return the texts of a trace's points, each above, below or beside its point."""
    said = trace.get("text")
    font = trace.get("textfont") or {}
    size, reach = number(font.get("size")) or 12, (number((trace.get("marker") or {}).get("size")) or 6) / 2 + 5
    parts = []
    for index, place in enumerate(places):
        text = str(nth(said, index, "") or "")
        if place is None or not text:
            continue
        where = str(nth(trace.get("textposition"), index, "middle center"))
        side = "end" if "left" in where else "start" if "right" in where else "middle"
        x = place[0] + {"end": -reach, "start": reach, "middle": 0}[side]
        y = place[1] + (-reach if "top" in where else reach + size * 0.7 if "bottom" in where else size * 0.35)
        parts.append(
            svg_text(lines_of(text), x, y, anchor=side, size=size, colour=str(nth(font.get("color"), index, "ink")))
        )
    return "".join(parts)


def error_bars(plot: Plot, trace: Mapping[str, Any], colour: str) -> str:
    """Return the error bars of a trace along both axes."""
    parts = []
    for along in ("x", "y"):
        stated = trace.get(f"error_{along}") or {}
        above, below = listed(stated.get("array")), listed(stated.get("arrayminus"))
        if not above or stated.get("visible") is False:
            continue
        units = {"x": plot.x.units(listed(trace.get("x"))), "y": plot.y.units(listed(trace.get("y")))}
        drawn = []
        for index, (x, y) in enumerate(zip(units["x"], units["y"], strict=False)):
            more, less = number(nth(above, index, None)), number(nth(below or above, index, None))
            if None not in (x, y, more, less):
                ends = [(x + step, y) if along == "x" else (x, y + step) for step in (-less, more)]  # type: ignore[operator]
                (x0, y0), (x1, y1) = [(plot.x.pixel(one), plot.y.pixel(other)) for one, other in ends]
                cap = f"M{short(x0)} {short(y0 - 4)}v8M{short(x1)} {short(y1 - 4)}v8" if along == "x" else \
                      f"M{short(x0 - 4)} {short(y0)}h8M{short(x1 - 4)} {short(y1)}h8"  # fmt: skip
                drawn.append(f"M{short(x0)} {short(y0)}L{short(x1)} {short(y1)}{cap}")
        shade = paint(str(stated.get("color") or colour))
        parts.append(
            f'<path d="{"".join(drawn)}" fill="none" stroke="{shade}" stroke-width="{number(stated.get("thickness")) or 1.5:g}"/>'
        )
    return "".join(parts)


def bars(plot: Plot, traces: Sequence[tuple[Mapping[str, Any], str]]) -> str:
    """Return all bar traces (each with its colour) of a picture: stacked, beside each other, or over each other."""
    mode = str(plot.layout.get("barmode") or "group")
    gap = number(plot.layout.get("bargap", 0.2)) or 0.0
    heights: dict[tuple[float, bool], float] = {}
    parts = []
    for order, (trace, colour) in enumerate(traces):
        level = trace.get("orientation") == "h"
        along, across = (plot.y, plot.x) if level else (plot.x, plot.y)
        ends = across.units(listed(trace.get("x" if level else "y")))
        places = along.units(listed(trace.get("y" if level else "x")) or list(range(len(ends))))
        room = _spacing(places) * (1 - gap)
        share = room / len(traces) if mode == "group" else room
        aside = (order - (len(traces) - 1) / 2) * share if mode == "group" else 0.0
        rectangles = []
        for index, (place, end) in enumerate(zip(places, ends, strict=False)):
            if place is None or end is None:
                continue
            base = number(nth(trace.get("base"), index, None))
            if base is None and mode in ("stack", "relative"):
                base = heights.get((place, end >= 0), 0.0)
                heights[(place, end >= 0)] = base + end
            width = number(nth(trace.get("width"), index, None)) or share
            rectangles.append(
                (index, place + aside - width / 2, place + aside + width / 2, base or 0.0, (base or 0.0) + end)
            )
        parts.append(_bar_trace(plot, trace, colour, rectangles, level=level, name=f"{plot.name}-{order}"))
        parts.append(error_bars(plot, trace, colour))
    return "".join(parts)


def _spacing(places: Sequence[float | None]) -> float:
    known = sorted({place for place in places if place is not None})
    return min((after - before for before, after in pairwise(known)), default=1.0)


def _bar_trace(
    plot: Plot, trace: Mapping[str, Any], colour: str, bars: Sequence[Any], *, level: bool, name: str
) -> str:
    marker, alike, said = trace.get("marker") or {}, {}, []
    for index, low, high, base, end in bars:
        one, other = (plot.y, plot.x) if level else (plot.x, plot.y)
        (a0, a1), (c0, c1) = sorted((one.pixel(low), one.pixel(high))), sorted((other.pixel(base), other.pixel(end)))
        x, y, w, h = (c0, a0, c1 - c0, a1 - a0) if level else (a0, c0, a1 - a0, c1 - c0)
        shade = str(nth(marker.get("color"), index, colour) or colour)
        if w > 0 and h > 0:
            alike.setdefault(shade, []).append(f"M{short(x)} {short(y)}h{short(w)}v{short(h)}h-{short(w)}z")
            said.append(_bar_text(trace, index, (x, y, w, h), level=level))
    pattern = marker.get("pattern") or {}
    shape = PATTERNS.get(str(nth(pattern.get("shape"), 0, "")))
    opacity = number(marker.get("opacity", trace.get("opacity")))
    faint = "" if opacity in (None, 1) else f' fill-opacity="{opacity:g}"'
    drawn = []
    for place, (shade, paths) in enumerate(alike.items()):
        hatching = pattern_of(f"{name}-{place}", shape, pattern, shade) if shape else ""
        fill = f"url(#{name}-{place})" if shape else paint(shade)
        drawn.append(
            f'{hatching}<path d="{"".join(paths)}" fill="{fill}" stroke="var(--paper)" stroke-width=".8"{faint}/>'
        )
    return "".join([*drawn, *said])


def pattern_of(name: str, shape: str, stated: Mapping[str, Any], colour: str) -> str:
    """Return the definition of a hatching: in a bar's colour on nothing, or as an overlay on its colour."""
    over = stated.get("fillmode") == "overlay"
    stroke = paint(str(stated.get("fgcolor") or "paper")) if over else paint(colour)
    ground = f'<path d="M0 0h6v6h-6z" fill="{paint(colour)}"/>' if over else ""
    return (
        f'<pattern id="{name}" width="6" height="6" patternUnits="userSpaceOnUse">{ground}'
        f'<path d="{shape}" fill="none" stroke="{stroke}" stroke-width="{0.9 if over else 1.5}"/></pattern>'
    )


def _bar_text(trace: Mapping[str, Any], index: int, box: tuple[float, float, float, float], *, level: bool) -> str:
    """Return a bar's text: at its end if it is to stand outside or doesn't fit, else within."""
    text = str(nth(trace.get("text"), index, "") or "")
    where = str(nth(trace.get("textposition"), index, "auto"))
    if not text or where == "none":
        return ""
    x, y, w, h = box
    lines = lines_of(text)
    fits = width_of(lines[0]) + 8 < w and h > 14
    middle = y + h / 2 + 4
    if where == "outside" or not fits:
        return (
            svg_text(lines, x + w + OUTSIDE, middle, colour="ink")
            if level
            else svg_text(lines, x + w / 2, y - OUTSIDE, anchor="middle", colour="ink")
        )
    return svg_text(lines, x + w / 2, middle, anchor="middle", colour="paper")


def heat_map(plot: Plot, trace: Mapping[str, Any], scale: Any) -> str:
    """Return a heat map: a square for each value, coloured along the scale, with its text where it has one."""
    rows = [listed(row) for row in listed(trace.get("z"))]
    low, high = heat_range(trace, rows)
    xs = plot.x.units(listed(trace.get("x")) or range(max(map(len, rows), default=0)))
    ys = plot.y.units(listed(trace.get("y")) or range(len(rows)))
    width, height = (abs(axis.pixel(_spacing(places)) - axis.pixel(0)) for axis, places in ((plot.x, xs), (plot.y, ys)))
    xgap, ygap = number(trace.get("xgap")) or 0, number(trace.get("ygap")) or 0
    alike: dict[str, list[str]] = {}
    said = []
    for y, row, labels in zip(ys, rows, [*listed(trace.get("text")), *[[]] * len(rows)], strict=False):
        texts_of_row, labels = [], listed(labels)
        for column, (x, value) in enumerate(zip(xs, row, strict=False)):
            place, shown = point(plot, x, y), number(value)
            if place is None or shown is None:
                continue
            w, h = max(width - xgap, 0.5), max(height - ygap, 0.5)
            x0, y0 = round(place[0] - w / 2), round(place[1] - h / 2)
            x1, y1 = round(place[0] + w / 2), round(place[1] + h / 2)
            box = f"M{x0} {y0}H{x1}V{y1}H{x0}z"
            alike.setdefault(shade_of(scale, (shown - low) / ((high - low) or 1)), []).append(box)
            text = cell_text(trace, shown, labels[column] if column < len(labels) else "")
            if text and width_of(text, 11) < w:
                texts_of_row.append((text, *place))
        said.append(_row_of_texts(texts_of_row))
    boxes = (f'<path d="{"".join(paths)}" fill="{html.escape(shade)}"/>' for shade, paths in alike.items())
    ink = paint(str((trace.get("textfont") or {}).get("color") or "ink"))
    return f'{"".join(boxes)}<g text-anchor="middle" font-size="11" fill="{ink}">{"".join(said)}</g>'


def _row_of_texts(texts: Sequence[tuple[str, float, float]]) -> str:
    """Return the texts of a heat map's row; single signs as one text whose signs have places of their own."""
    if texts and all(len(text) == 1 for text, _, _ in texts):
        places = " ".join(short(x) for _, x, _ in texts)
        signs = html.escape("".join(text for text, _, _ in texts), quote=False)
        return f'<text x="{places}" y="{short(texts[0][2] + 4)}">{signs}</text>'
    return "".join(svg_text([text], x, y + 4, size=SIZE) for text, x, y in texts)


def heat_range(trace: Mapping[str, Any], rows: Sequence[Sequence[Any]]) -> tuple[float, float]:
    """Return the values at the two ends of a heat map's scale."""
    known = [value for row in rows for value in map(number, row) if value is not None]
    low, high = number(trace.get("zmin")), number(trace.get("zmax"))
    return (min(known, default=0.0) if low is None else low), (max(known, default=1.0) if high is None else high)


def cell_text(trace: Mapping[str, Any], value: float, text: Any) -> str:
    """Return what a heat map's cell says by its template: its value, its text, or nothing."""
    template = str(trace.get("texttemplate") or "")
    return (
        template.replace("%{z}", formatted(value, "")).replace("%{text}", " ".join(lines_of(str(text or ""))))
        if "{" in template
        else ""
    )


def shade_of(stops: Sequence[tuple[float, str]], share: float) -> str:
    """Return the colour at a place (0 to 1) of a scale, as the style sheet knows it."""
    share = min(max(share, 0.0), 1.0)
    for (start, one), (end, other) in pairwise(stops):
        if share <= end and end > start:
            return mixed(one, other, (share - start) / (end - start)) if one != other else paint(one)
    return paint(stops[-1][1])


def nth(values: Any, index: int, otherwise: Any) -> Any:
    """Return the value for one point: from an array by its place, else the one value for all."""
    if isinstance(values, list | tuple) or (isinstance(values, Mapping) and "bdata" in values):
        several = listed(values)
        return several[index] if index < len(several) else otherwise
    return otherwise if values is None else values


def short(value: float) -> str:
    """Return a number of pixels, to a tenth."""
    text = f"{value:.1f}"
    return "0" if text in ("-0.0", "0.0") else text.removesuffix(".0")
