"""One figure per function: a table in, a figure out; nothing is read, computed, shown or saved here."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from incident_lib import theme
from incident_lib.theme import colour, described, label

theme.register()


def empty_figure(title: str, why: str) -> go.Figure:
    """Return a figure that says that there is nothing to draw, and why."""
    figure = go.Figure(layout={"title": title, "height": 160})
    figure.update_xaxes(visible=False).update_yaxes(visible=False)
    figure.add_annotation(text=why, showarrow=False, x=0.5, y=0.5, xref="paper", yref="paper")
    return described(figure, alt=f"{title}: {why}", table=pd.DataFrame())


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
    begin, end = timeline["at"].min(), timeline["at"].max()
    alt = f"{title}: {len(rows)} events from {begin:%Y-%m-%d %H:%M} to {end:%H:%M} UTC; "
    alt += f"{words}."
    return described(figure, alt=alt, table=timeline[["at", "kind", "milestone", "text"]])
