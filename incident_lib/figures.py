"""One figure per function: a table in, a figure out; nothing is read, computed, shown or saved here."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from incident_lib import theme
from incident_lib.theme import SEVERITY_MARKERS, colour, described, label

theme.register()

_STEP_COLOURS = {
    "done": "done",
    "late": "due",
    "due": "open",
    "missing": "critical",
    "not needed": "neutral",
    "unknown": "quiet",
}
_STEP_PATTERNS = {"done": "", "late": "/", "due": ".", "missing": "x", "not needed": "-", "unknown": "+"}


def empty_figure(title: str, why: str) -> go.Figure:
    """Return a figure that says that there is nothing to draw, and why."""
    figure = go.Figure(layout={"title": title, "height": 160})
    figure.update_xaxes(visible=False).update_yaxes(visible=False)
    figure.add_annotation(text=why, showarrow=False, x=0.5, y=0.5, xref="paper", yref="paper")
    return described(figure, alt=f"{title}: {why}", table=pd.DataFrame())


def incidents_by_month(incidents: pd.DataFrame, zone: str, *, title: str) -> go.Figure:
    """Draw how many incidents began in each month, by severity; ``incidents`` has began_at and severity."""
    if incidents.empty:
        return empty_figure(title, "no incident in this period")
    months = incidents["began_at"].dt.tz_convert(zone).dt.strftime("%Y-%m")
    severity = incidents["severity"].astype("str").fillna("unstated")
    counts = pd.crosstab(months, severity)
    figure = go.Figure()
    for name in [name for name in (*SEVERITY_MARKERS, "unstated") if name in counts]:
        shade = colour(name if name in SEVERITY_MARKERS else "quiet")
        figure.add_bar(x=counts.index, y=counts[name], name=name, marker_color=shade)
    figure.update_layout(title=title, barmode="stack", legend_traceorder="normal")
    figure.update_xaxes(title="month", type="category")
    figure.update_yaxes(title="incidents")
    busiest = counts.sum(axis=1).idxmax()
    alt = (
        f"{title}: {len(incidents)} incidents in {len(counts)} months, most ({counts.sum(axis=1).max()}) in {busiest}."
    )
    return described(figure, alt=alt, table=counts.rename_axis("month").reset_index())


def step_bars(counts: pd.DataFrame, *, title: str) -> go.Figure:
    """Draw, for each follow-up step, for how many incidents it is in each state; ``counts`` from ``state_counts``."""
    if counts.empty:
        return empty_figure(title, "no major incident in this period")
    figure = go.Figure()
    for state in [name for name in _STEP_COLOURS if counts[name].any()]:
        marker = {
            "color": colour(_STEP_COLOURS[state]),
            "pattern": {"shape": _STEP_PATTERNS[state], "size": 6, "solidity": 0.3},
        }
        figure.add_bar(y=counts["step"].map(label), x=counts[state], name=state, orientation="h", marker=marker)
    figure.update_layout(title=title, barmode="stack", height=120 + 34 * len(counts), legend_traceorder="normal")
    figure.update_yaxes(autorange="reversed", title=None)
    figure.update_xaxes(title="incidents")
    worst = (
        counts.assign(bad=counts["missing"] + counts["late"]).sort_values("bad", ascending=False, kind="stable").iloc[0]
    )
    alt = f"{title}: the step most often missing or late is “{worst['step']}” ({worst['bad']} times)."
    return described(figure, alt=alt, table=counts)


def duration_strip(table: pd.DataFrame, *, title: str) -> go.Figure:
    """Draw one mark per incident on a logarithmic scale; hollow marks are still open.

    ``table`` as from ``response.durations``; rows not believed, and durations of zero, are not drawn and counted in
    the title's sentence.
    """
    drawn = table[table["believed"] & (table["minutes"] > 0)]
    if drawn.empty:
        return empty_figure(title, "no duration to draw")
    figure = go.Figure()
    for severity, part in drawn.groupby("severity", observed=True):
        shape = SEVERITY_MARKERS[str(severity)]
        symbols = part["finished"].map({True: shape, False: f"{shape}-open"})
        figure.add_scatter(
            x=part["minutes"], y=[str(severity)] * len(part), mode="markers", name=str(severity),
            marker={"symbol": list(symbols), "size": 11, "color": colour(str(severity)), "opacity": 0.75},
            hovertext=(part["incident_id"] + ": " + part["title"].fillna("")).map(label), hoverinfo="text+x",
        )  # fmt: skip
    ticks = {
        1: "1 min",
        5: "5 min",
        15: "15 min",
        60: "1 h",
        240: "4 h",
        1440: "1 day",
        7200: "5 days",
        43200: "30 days",
    }
    figure.update_xaxes(title="duration (logarithmic)", type="log", tickvals=list(ticks), ticktext=list(ticks.values()))
    figure.update_yaxes(title=None, categoryorder="array", categoryarray=["low", "medium", "high", "critical"])
    figure.update_layout(title=title, showlegend=False, height=120 + 46 * drawn["severity"].nunique())
    left = len(table) - len(drawn)
    alt = (
        f"{title}: {len(drawn)} incidents between {drawn['minutes'].min():.0f} and {drawn['minutes'].max():.0f} minutes, "
        f"{int((~drawn['finished']).sum())} still open; {left} not drawn (impossible or zero)."
    )
    return described(figure, alt=alt, table=drawn[["incident_id", "severity", "minutes", "finished"]])


def timeline_strip(timeline: pd.DataFrame, *, title: str) -> go.Figure:
    """Draw an incident's timeline: a mark per row, by kind; above them a row for each milestone, with a line down.

    Each milestone has a row of its own, since the first ones mostly stand too close for words beside their marks.
    """
    if timeline.empty:
        return empty_figure(title, "the records hold no event")
    marks = timeline[timeline["milestone"].notna()]
    rows = timeline[timeline["kind"] != "milestone"]
    figure = go.Figure()
    figure.add_scatter(
        x=rows["at"], y=rows["kind"], mode="markers", showlegend=False, marker={"size": 9, "color": colour("accent")},
        hovertext=rows["text"].fillna("").str.slice(0, 90).map(label), hoverinfo="text+x",
    )  # fmt: skip
    shades = [colour({"began": "critical", "resolved": "done"}.get(word, "neutral")) for word in marks["milestone"]]
    figure.add_scatter(
        x=marks["at"], y=marks["milestone"].map(label), mode="markers", hovertext=marks["milestone"].map(label),
        marker={"symbol": "diamond", "size": 12, "color": shades}, cliponaxis=False, showlegend=False,
        hoverinfo="text+x",
    )  # fmt: skip
    for at, shade in zip(marks["at"], shades, strict=True):
        figure.add_vline(x=at.timestamp() * 1000, line={"color": shade, "width": 1.5, "dash": "dot"}, layer="below")
    order = list(dict.fromkeys([*marks["milestone"].map(label), *rows["kind"]]))
    figure.update_layout(title=title, height=150 + 32 * len(order))
    figure.update_xaxes(title="UTC", nticks=6, tickangle=0)
    figure.update_yaxes(title=None, type="category", categoryorder="array", categoryarray=order, autorange="reversed")
    words = ", ".join(f"{row['milestone']} {row['at']:%H:%M}" for row in marks.to_dict("records"))
    alt = f"{title}: {len(rows)} events from {timeline['at'].min():%Y-%m-%d %H:%M} to {timeline['at'].max():%H:%M} UTC; {words}."
    return described(figure, alt=alt, table=timeline[["at", "kind", "milestone", "text"]])
