"""What stands around the marks of a picture without a script: room, grid, labels, titles, legend, the key of colours."""

# ruff: noqa: E501  (a line of SVG stays on one line)
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from incident_lib import theme
from incident_lib.reports.static.axes import Axis, formatted, listed, number
from incident_lib.reports.static.bars import PATTERNS, heat_range, pattern_of, shade_of
from incident_lib.reports.static.marks import DASHES, Plot, nth, short, symbol_path
from incident_lib.reports.static.text import lines_of, paint, svg_text, width_of, wrapped

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


def frame_of(x: Axis, y: Axis, layout: Mapping[str, Any], width: int, height: int, rows: int, *, has_scale: bool) -> Frame:
    """Return the room for the marks: what labels, titles and the legend leave."""
    title_y, title_x = title_of(layout, "y"), title_of(layout, "x")
    labels = [label for _, label in y.ticks(8)] if y.stated.get("visible", True) else []
    room = width * 0.42
    left = (
        max((min(max(map(width_of, lines_of(text))), room) for text in labels), default=0)
        + (10 if labels else 4)
        + (20 if title_y else 0)
    )
    top, right = rows * LEGEND_ROW + 12, width - 10 - (46 if has_scale else 0)
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
    x, parts, slanted, free = plot.x, [], [], float("-inf")
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
            slanted.append(svg_text(wrapped(text, 125, most=1), place + 4, frame.bottom + 14, turned=turned))
        else:
            end = place + reach > frame.right + 10
            parts.append(
                svg_text(lines, frame.right + 8 if end else place, frame.bottom + 17, anchor="end" if end else "")
            )
    return "".join(parts) + (f'<g text-anchor="end">{"".join(slanted)}</g>' if slanted else "")


def scale_of(trace: Mapping[str, Any]) -> list[tuple[float, str]]:
    """Return a heat map's colours as places from 0 to 1: its own list, or the theme's."""
    stated = trace.get("colorscale")
    own = isinstance(stated, list) and stated and isinstance(stated[0], list | tuple)
    return [(float(place), str(shade)) for place, shade in (stated if own else DEFAULT_SCALE)]


def scaled(traces: Sequence[Mapping[str, Any]]) -> bool:
    """Return whether a heat map among the traces shows the key of its colours."""
    return any(trace.get("type") == "heatmap" and trace.get("showscale", True) for trace in traces)


def colour_bar(traces: Sequence[Mapping[str, Any]], frame: Frame) -> str:
    """Return the key of a heat map's colours, right of it: the two ends and what lies between."""
    trace = next((one for one in traces if one.get("type") == "heatmap"), None)
    if trace is None or not scaled(traces):
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
