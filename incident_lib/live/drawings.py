"""Figures of counted groups whose marks can be picked: each mark carries, as ``customdata``, what it stands for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from incident_lib import theme
from incident_lib.figures import empty_figure
from incident_lib.theme import SEVERITY_MARKERS, colour, described, label

theme.register()

NOTHING = "no incident is chosen"
FAINT = 0.3
TIME_LIKE = {"month", "quarter", "year", "weekday", "hour"}
TICKS = {1: "1 min", 5: "5 min", 15: "15 min", 60: "1 h", 240: "4 h", 1440: "1 day", 10080: "1 week", 43200: "30 days"}
_NAMED_COLOURS = {
    **{name: colour(name) for name in SEVERITY_MARKERS}, "unstated": colour("quiet"), "on time": colour("done"),
    "late": colour("due"), "overdue": colour("critical"), "open": colour("open"), "not resolved": colour("accent-3"),
    "no date": colour("quiet"), "not needed": colour("low"),
    "all done": colour("done"), "some open": colour("due"), "some overdue": colour("critical"),
}  # fmt: skip
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
Pick = Mapping[str, str]


def bars(table: pd.DataFrame, *, by: str, split: str | None, title: str, picked: Pick | None = None) -> go.Figure:
    """Draw how many incidents each group holds: a row per group, a column per part of it.

    Groups in order of time stand side by side, others lie below each other, the first on top.
    """
    if not table.to_numpy().sum():
        return empty_figure(title, NOTHING)
    upright = by in TIME_LIKE
    figure, names = go.Figure(), [label(name) for name in table.index]
    for place, part in enumerate(table):
        marks = [_pick(by, group, split, part) if held else None for group, held in table[part].items()]
        ends = {"x": names, "y": table[part]} if upright else {"y": names, "x": table[part]}
        figure.add_bar(
            **ends, orientation="v" if upright else "h", name=label(part), customdata=marks,
            marker={"color": _colour(part, place, split), "opacity": _opacity(marks, picked)},
            hovertemplate=f"%{{{'x' if upright else 'y'}}}{', ' + label(part) if split else ''}: "
            f"%{{{'y' if upright else 'x'}}}<extra></extra>",
        )  # fmt: skip
    height = 330 if upright else 110 + 26 * len(table)
    figure.update_layout(title=title, barmode="stack", bargap=0.25, legend_traceorder="normal", height=height,
                         showlegend=bool(split) and len(table.columns) > 1)  # fmt: skip
    axes = (figure.update_xaxes, figure.update_yaxes)
    along, across = axes if upright else axes[::-1]
    along(type="category", title=None, **(_dates(by, names) if upright else {"autorange": "reversed"}))
    across(title="incidents", rangemode="tozero", **_whole_numbers(int(table.sum(axis=1).max())))
    return described(figure, alt=_bars_alt(table, title), table=table.rename_axis(by).reset_index())


def _bars_alt(table: pd.DataFrame, title: str) -> str:
    total = table.sum(axis=1)
    groups = f"{len(table)} group{'' if len(table) == 1 else 's'}"
    return f"{title}: {groups}, the largest is {total.idxmax()} with {total.max():,}."


def cross(table: pd.DataFrame, *, down: str, across: str, title: str, picked: Pick | None = None) -> go.Figure:
    """Draw how many incidents are in both of two groups, as a heat map: a row per group ``down``."""
    if not table.to_numpy().sum():
        return empty_figure(title, NOTHING)
    values = table.to_numpy()
    marks = [[_pick(down, group, across, other) if table.at[group, other] else None for other in table]
             for group in table.index]  # fmt: skip
    columns, rows = [label(name) for name in table], [label(name) for name in table.index]
    figure = go.Figure(go.Heatmap(
        z=values, x=columns, y=rows, customdata=marks, xgap=2, ygap=2, showscale=False, hoverongaps=False,
        colorscale=[[0, colour("wash")], [1, colour("accent")]], text=np.where(values > 0, values, "").tolist(),
        texttemplate="%{text}" if values.max() < 1000 and len(columns) <= 24 else None,
        hovertemplate="%{y}, %{x}: %{z}<extra></extra>",
    ))  # fmt: skip
    if picked and picked.get(down) in table.index and picked.get(across) in table.columns:
        frame = {"symbol": "square-open", "size": 22, "color": colour("critical"), "line": {"width": 3}}
        figure.add_scatter(x=[label(picked[across])], y=[label(picked[down])], mode="markers", marker=frame,
                           hoverinfo="skip", showlegend=False)  # fmt: skip
    figure.update_layout(title=title, height=130 + 26 * len(table) + (0 if across in TIME_LIKE else 70))
    figure.update_yaxes(autorange="reversed", type="category", title=None, showgrid=False)
    figure.update_xaxes(type="category", title=across if across in TIME_LIKE else None, showgrid=False)
    place = np.unravel_index(values.argmax(), values.shape)
    most = f"{table.index[place[0]]}, {table.columns[place[1]]}"
    alt = f"{title}: most, {values.max():,}, are in {most}."
    return described(figure, alt=alt, table=table.rename_axis(down).reset_index())


def points(table: pd.DataFrame, *, by: str, title: str, picked: Pick | None = None) -> go.Figure:
    """Draw one mark per incident on a logarithmic scale; hollow ones are still open.

    ``table`` has incident_id, title, group (an ordered text), minutes and finished, none of zero minutes.
    """
    if table.empty:
        return empty_figure(title, "no duration to draw")
    groups = list(dict.fromkeys(table["group"]))
    figure = go.Figure()
    for place, name in enumerate(groups):
        part = table[table["group"] == name]
        shape = SEVERITY_MARKERS.get(name, "circle")
        marks = [{"incident": one} for one in part["incident_id"]]
        hover = (part["incident_id"] + ": " + part["title"].fillna("")).map(label)
        figure.add_scatter(
            x=part["minutes"].round(1), y=_spread(len(groups) - 1 - place, part["minutes"]), mode="markers",
            name=label(name), customdata=marks, hovertext=hover, hoverinfo="text+x",
            marker={"symbol": [shape if done else f"{shape}-open" for done in part["finished"]], "size": 10,
                    "color": _colour(name, place, by), "opacity": _opacity(marks, picked, 0.75)},
        )  # fmt: skip
    _duration_axes(figure, groups, title)
    alt = (f"{title}: {len(table)} incidents of {table['minutes'].min():.0f} to {table['minutes'].max():.0f} minutes, "
           f"{int((~table['finished']).sum())} still open.")  # fmt: skip
    return described(figure, alt=alt, table=table[["incident_id", "group", "minutes", "finished"]])


def _spread(base: int, minutes: pd.Series) -> list[float]:
    """Return heights around a group's line, so that marks don't hide each other; by rank, not by chance."""
    ranks = minutes.rank(method="first").astype(int) - 1
    return [base + (rank * 7 % 11 - 5) * 0.045 for rank in ranks]


def spans(table: pd.DataFrame, edges: np.ndarray, *, by: str, title: str, picked: Pick | None = None) -> go.Figure:
    """Draw durations of very many incidents: a row per group, a column per span of minutes, counts as shades.

    The columns are named for their spans; ``edges`` are the ends of these, one more than there are columns.
    """
    if not table.to_numpy().sum():
        return empty_figure(title, "no duration to draw")
    values = table.to_numpy()
    marks = [[_pick(by, group, "span", span) if held else None for span, held in zip(table, row, strict=True)]
             for group, row in zip(table.index, values, strict=True)]  # fmt: skip
    share = values / np.maximum(values.sum(axis=1, keepdims=True), 1)
    heights = np.arange(len(table) - 1, -1, -1)
    figure = go.Figure(go.Heatmap(
        z=share, x=edges, y=heights, customdata=marks, text=values, showscale=False, xgap=1, ygap=4,
        colorscale=[[0, colour("wash")], [1, colour("accent")]],
        hovertemplate="%{customdata.span}: %{text:,} incidents, %{z:.0%} of their row<extra></extra>",
    ))  # fmt: skip
    if picked and picked.get(by) in table.index and picked.get("span") in table:
        place, row = list(table).index(picked["span"]), len(table) - 1 - list(table.index).index(picked[by])
        figure.add_shape(type="rect", x0=edges[place], x1=edges[place + 1], y0=row - 0.45, y1=row + 0.45,
                         line={"color": colour("critical"), "width": 3})  # fmt: skip
    _duration_axes(figure, list(table.index), title)
    alt = f"{title}: {values.sum():,} incidents, each row shaded by the share of each span of time."
    return described(figure, alt=alt, table=table.rename_axis(by).reset_index())


def _duration_axes(figure: go.Figure, groups: Sequence[str], title: str) -> None:
    figure.update_xaxes(title="duration (logarithmic)", type="log", tickvals=list(TICKS), ticktext=list(TICKS.values()))
    names = [label(one) for one in reversed(groups)]
    figure.update_yaxes(title=None, tickvals=list(range(len(groups))), ticktext=names, zeroline=False)
    figure.update_yaxes(range=[-0.6, len(groups) - 0.4])
    figure.update_layout(title=title, showlegend=False, height=130 + 56 * len(groups))


def _pick(by: str, group: str, other: str | None, part: str) -> dict[str, str]:
    return {by: group, other: part} if other else {by: group}


def _opacity(marks: Sequence[Pick | None], picked: Pick | None, plain: float = 1.0) -> float | list[float]:
    """Return how strongly marks are drawn: the others faintly while one is picked."""
    if not picked or not any(mark == picked for mark in marks):
        return plain if not picked else FAINT
    return [1.0 if mark == picked else FAINT for mark in marks]


def _colour(name: str, place: int, what: str | None) -> str:
    """Return a part's colour: that of its meaning where it has one, else by its place."""
    return _NAMED_COLOURS[name] if what and name in _NAMED_COLOURS else colour(theme.SERIES[place % len(theme.SERIES)])


def _dates(by: str, names: Sequence[str]) -> dict[str, object]:
    """Return the ticks of months as "Apr", with the year below the first and each January; of very many, some."""
    if by != "month":
        return {"nticks": 24}
    shown = list(range(0, len(names), len(names) // 24 + 1))
    ticks = [names[place] for place in shown]
    new = [name[:4] != before[:4] for name, before in zip(ticks, ["", *ticks], strict=False)]
    texts = [_MONTHS[int(name[5:7]) - 1] + f"<br>{name[:4]}" * first for name, first in zip(ticks, new, strict=True)]
    return {"tickvals": ticks, "ticktext": texts, "tickangle": 0}


def _whole_numbers(most: int) -> dict[str, int]:
    """Return ticks without fractions where counts are small."""
    return {"dtick": 1} if most <= 6 else {}
