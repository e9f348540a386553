"""The marks of a picture without a script: lines, areas, points, bars, cells of a heat map, as SVG."""

# ruff: noqa: E501  (a line of SVG stays on one line)
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from incident_lib.reports.static.axes import Axis, listed, number
from incident_lib.reports.static.text import lines_of, paint, svg_text

DASHES = {"dot": "2 4", "dash": "8 5", "dashdot": "8 4 2 4", "longdash": "14 6", "longdashdot": "14 5 2 5"}


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
    edge = stated.get("line") or {}
    width, rim = number(nth(edge.get("width"), 0, 0)) or 0, edge.get("color")
    for index, place in enumerate(places):
        if place is not None:
            symbol = str(nth(stated.get("symbol"), index, "circle"))
            size = number(nth(stated.get("size"), index, 6)) or 6.0
            shade = str(nth(stated.get("color"), index, colour) or colour)
            mark = f"M{short(place[0])} {short(place[1])}h0" if _dot(symbol, size, shade, width) else ""
            alike.setdefault((symbol, size, shade), []).append(mark or symbol_path(symbol, *place, size))
    opacity = number(stated.get("opacity", trace.get("opacity", 1)))
    faint = "" if opacity in (None, 1) else f' opacity="{opacity:g}"'
    return "".join(
        f'<path d="{"".join(paths)}"{_dot(symbol, size, shade, width) or _look(symbol, shade, width, rim)}{faint}/>'
        for (symbol, size, shade), paths in alike.items()
    )


def _dot(symbol: str, size: float, shade: str, width: float) -> str:
    """Return how plain dots and squares look: as the ends of lines without length, in a tenth of the bytes."""
    cap = {"circle": "round", "square": "square"}.get(symbol)
    return f' stroke="{paint(shade)}" stroke-width="{size:g}" stroke-linecap="{cap}"' if cap and not width else ""


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
