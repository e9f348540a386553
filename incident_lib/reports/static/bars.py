"""Bars and heat maps of a picture without a script, as SVG: stacked or side by side, hatched, cells with their signs."""

# ruff: noqa: E501  (a line of SVG stays on one line)
from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from incident_lib.reports.static.axes import formatted, listed, number
from incident_lib.reports.static.marks import Plot, error_bars, nth, point, short
from incident_lib.reports.static.text import SIZE, lines_of, mixed, paint, svg_text, width_of

PATTERNS = {
    "/": "M-1 7L7 -1M-1 1L1 -1M5 7L7 5", "\\": "M-1 -1L7 7M-1 5L1 7M5 -1L7 1", "x": "M0 0L6 6M6 0L0 6", "-": "M0 3H6",
    "|": "M3 0V6", "+": "M3 0V6M0 3H6", ".": "M2.2 3a.9.9 0 1 0 1.8 0a.9.9 0 1 0-1.8 0",
}  # fmt: skip
OUTSIDE = 4


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
            w = max(width - xgap, 0.5)
            line = f"M{round(place[0] - w / 2)} {round(place[1])}h{round(w)}"  # as thick as the row is high
            alike.setdefault(shade_of(scale, (shown - low) / ((high - low) or 1)), []).append(line)
            text = cell_text(trace, shown, labels[column] if column < len(labels) else "")
            if text and width_of(text, 11) < w:
                texts_of_row.append((text, *place))
        said.append(_row_of_texts(texts_of_row))
    boxes = (f'<path d="{"".join(lines)}" stroke="{html.escape(shade)}"/>' for shade, lines in alike.items())
    ink = paint(str((trace.get("textfont") or {}).get("color") or "ink"))
    thick = round(max(height - ygap, 1))
    return f'<g stroke-width="{thick}">{"".join(boxes)}</g><g text-anchor="middle" font-size="11" fill="{ink}">{"".join(said)}</g>'


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
