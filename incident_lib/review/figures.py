"""The process review's figures of incidents and durations; a table in, a figure out (see also ``rule_figures``)."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from incident_lib import theme
from incident_lib.figures import empty_figure
from incident_lib.review.changes import Behaviour, Season
from incident_lib.review.factors import REFERENCE_SOURCE
from incident_lib.settings import WEEKDAYS
from incident_lib.statistics.seasons import FALSE_DISCOVERIES
from incident_lib.theme import SEVERITY_MARKERS, colour, described, faded, label

theme.register()

_TICKS = {
    1: "1 min",
    5: "5 min",
    15: "15 min",
    30: "30 min",
    60: "1 h",
    120: "2 h",
    240: "4 h",
    480: "8 h",
    1440: "1 day",
    7200: "5 days",
    43200: "30 days",
}
MOST_ROWS = 1000


def incidents_by_month(incidents: pd.DataFrame, zone: str, *, title: str) -> go.Figure:
    """Draw how many incidents began in each month, by severity; ``incidents`` has began_at and severity."""
    if incidents.empty:
        return empty_figure(title, "no incident in this period")
    months = incidents["began_at"].dt.tz_convert(zone).dt.strftime("%Y-%m")
    severity = incidents["severity"].astype("str").fillna("unstated")
    counts = pd.crosstab(months, severity)
    figure = go.Figure()
    for name in [name for name in (*SEVERITY_MARKERS, "unstated") if name in counts]:
        figure.add_bar(
            x=counts.index,
            y=counts[name],
            name=name,
            marker_color=colour(name if name in SEVERITY_MARKERS else "quiet"),
        )
    figure.update_layout(title=title, barmode="stack", legend_traceorder="normal", height=300)
    figure.update_xaxes(title="month", type="category").update_yaxes(title="incidents")
    total = counts.sum(axis=1)
    alt = f"{title}: {len(incidents)} incidents in {len(counts)} months, most ({total.max()}) in {total.idxmax()}."
    return described(figure, alt=alt, table=counts.rename_axis("month").reset_index())


def duration_strip(table: pd.DataFrame, *, title: str) -> go.Figure:
    """Draw one mark per incident on a logarithmic scale; hollow marks are still open.

    ``table`` as from ``response.durations``; rows not believed, and durations of zero, are not drawn but counted.
    """
    drawn = table[table["believed"] & (table["minutes"] > 0)]
    drawn = drawn.assign(severity=drawn["severity"].astype("str").fillna("unstated"))
    if drawn.empty:
        return empty_figure(title, "no duration to draw")
    figure, names = (
        go.Figure(),
        [name for name in ("unstated", "low", "medium", "high", "critical") if drawn["severity"].eq(name).any()],
    )
    for severity in names:
        part = drawn[drawn["severity"] == severity]
        shape = SEVERITY_MARKERS.get(severity, "circle")
        many = len(part) > 200
        symbols = part["finished"].map({True: shape, False: f"{shape}-open"})
        marker = {
            "symbol": shape if part["finished"].all() else list(symbols),
            "size": 5 if many else 11,
            "color": colour(severity if severity in SEVERITY_MARKERS else "quiet"),
            "opacity": 0.35 if many else 0.75,
        }
        hover = (part["incident_id"] + (": " + part["title"]).fillna("")).map(label)
        figure.add_scatter(
            x=part["minutes"].round(1),
            y=_spread(severity, names, part["minutes"]),
            mode="markers",
            name=severity,
            marker=marker,
            hoverinfo="text+x",
            **({} if many else {"hovertext": hover}),
        )
    figure.update_xaxes(
        title="duration (logarithmic)", type="log", tickvals=list(_TICKS), ticktext=list(_TICKS.values())
    )
    figure.update_yaxes(
        title=None, tickvals=list(range(len(names))), ticktext=names, range=[-0.6, len(names) - 0.4], zeroline=False
    )
    figure.update_layout(title=title, showlegend=False, height=130 + 62 * len(names))
    alt = (
        f"{title}: {len(drawn)} incidents of {drawn['minutes'].min():.0f} to {drawn['minutes'].max():.0f} minutes, "
        f"{int((~drawn['finished']).sum())} still open; {len(table) - len(drawn)} not drawn (impossible or zero)."
    )
    return described(figure, alt=alt, table=_strip_rows(drawn))


def _strip_rows(drawn: pd.DataFrame) -> pd.DataFrame:
    """Return the strip's rows; of very many, how they are spread (the report has a table of each beside it)."""
    if len(drawn) <= MOST_ROWS:
        return drawn[["incident_id", "severity", "minutes", "finished"]]
    return drawn.groupby("severity")["minutes"].describe().round(1).reset_index()


def _spread(severity: str, names: list[str], minutes: pd.Series) -> list[float]:
    """Return heights around a severity's line, so that marks don't hide each other; by rank, not by chance."""
    base = names.index(severity)
    ranks = minutes.rank(method="first").astype(int) - 1
    return [base + (rank * 7 % 11 - 5) * 0.045 for rank in ranks]


def behaviour_chart(behaviour: Behaviour, *, title: str, unit: str, log: bool) -> go.Figure:
    """Draw a process behaviour chart: values in order, their centre and limits, signals as marks of their own."""
    points, chart = behaviour.points, behaviour.chart
    if chart.n < 2:
        return empty_figure(title, "fewer than two values")
    signal = points.index.isin(chart.signals["index"])
    figure = go.Figure()
    figure.add_hrect(
        y0=max(chart.lower, 0) if not log else chart.lower,
        y1=chart.upper,
        fillcolor=faded("accent", 0.08),
        line_width=0,
    )
    figure.add_scatter(
        x=points["label"],
        y=points["value"],
        mode="lines+markers",
        name="as always",
        hoverinfo="x+y",
        marker={"size": 8, "color": colour("accent")},
        line={"width": 1.2, "color": colour("accent")},
    )
    figure.add_scatter(
        x=points["label"][signal],
        y=points["value"][signal],
        mode="markers",
        name="worth a question",
        hoverinfo="x+y",
        marker={"size": 14, "symbol": "diamond-open", "color": colour("critical"), "line": {"width": 2.5}},
    )
    figure.add_hline(y=chart.centre, line={"color": colour("neutral"), "dash": "dash"})
    for limit in (chart.lower, chart.upper):
        if log or limit > 0:
            figure.add_hline(y=limit, line={"color": colour("neutral"), "width": 1, "dash": "dot"})
    figure.update_layout(title=title, height=340)
    figure.update_xaxes(type="category", tickangle=-60, nticks=14, title=None)
    figure.update_yaxes(title=unit, **({"type": "log"} if log else {"rangemode": "tozero"}))
    lower = chart.lower if log else max(chart.lower, 0.0)
    alt = f"{behaviour.sentence} Centre {chart.centre:.1f}, limits {lower:.1f} to {chart.upper:.1f} {unit}."
    return described(figure, alt=alt, table=points.assign(signal=signal))


def season_map(found: Season, *, title: str) -> go.Figure:
    """Draw the week: how many incidents began on each weekday and hour; a frame marks the hours that stand out."""
    if not found.weekday.n:
        return empty_figure(title, "no incident to draw")
    counts = found.cells.pivot(index="weekday", columns="hour", values="count").reindex(WEEKDAYS)
    expected = found.cells.pivot(index="weekday", columns="hour", values="expected").reindex(WEEKDAYS)
    figure = go.Figure(
        go.Heatmap(
            z=counts,
            x=[f"{hour:02}" for hour in counts.columns],
            y=list(WEEKDAYS),
            customdata=expected,
            xgap=1,
            ygap=1,
            colorscale=[[0, colour("grid")], [1, colour("accent")]],
            colorbar={"title": "incidents", "thickness": 10},
            hovertemplate="%{y} %{x}:00: %{z}, expected %{customdata:.1f}<extra></extra>",
        )
    )
    hot = found.cells[(found.cells["q"] <= FALSE_DISCOVERIES) & (found.cells["stands_out"] != "")]
    figure.add_scatter(
        x=[f"{hour:02}" for hour in hot["hour"]],
        y=hot["weekday"],
        mode="markers",
        hoverinfo="skip",
        showlegend=False,
        marker={"symbol": "square-open", "size": 18, "color": colour("critical"), "line": {"width": 2}},
    )
    figure.update_layout(title=title, height=320)
    figure.update_yaxes(autorange="reversed", title=None).update_xaxes(
        type="category", title="hour, on the workbook's clock"
    )
    shown = found.cells[["weekday", "hour", "count", "expected", "q", "stands_out"]]
    return described(figure, alt=found.sentence, table=shown)


def pareto(table: pd.DataFrame, *, title: str, noun: str) -> go.Figure:
    """Draw shares by how common they are, each with its 95 % interval, beside published ones where there are any."""
    if table.empty:
        return empty_figure(title, "nothing is stated")
    figure = go.Figure()
    reach = {
        "type": "data",
        "array": table["upper"] - table["share"],
        "arrayminus": table["share"] - table["lower"],
        "color": colour("ink"),
        "thickness": 1.3,
    }
    figure.add_bar(
        y=table["name"].map(label),
        x=table["share"],
        orientation="h",
        name=f"here ({noun})",
        error_x=reach,
        marker={"color": colour("accent")},
    )
    if "reference" in table and table["reference"].notna().any():
        marker = {"symbol": "line-ns-open", "size": 16, "color": colour("critical"), "line": {"width": 3}}
        figure.add_scatter(
            x=table["reference"],
            y=table["name"].map(label),
            mode="markers",
            name=REFERENCE_SOURCE.split(",")[0],
            marker=marker,
        )
    figure.update_layout(title=title, height=140 + 28 * len(table))
    figure.update_yaxes(autorange="reversed", title=None).update_xaxes(
        title="share", tickformat=".0%", rangemode="tozero"
    )
    first = table.iloc[0]
    interval = f"95 % interval {first['lower']:.0%} to {first['upper']:.0%}"
    share = f"{first['share']:.0%} ({interval}) of {table['count'].sum()} {noun}"
    alt = f"{title}: most common is {first['name']}, {share}."
    return described(figure, alt=alt, table=table)
