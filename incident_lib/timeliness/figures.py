"""Pictures of timeliness: how long completion takes, by groups, stages and months, and how late each one was."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
import plotly.graph_objects as go

from incident_lib.figures import empty_figure
from incident_lib.statistics.survival import kaplan_meier
from incident_lib.theme import SERIES, SEVERITY_MARKERS, colour, described, faded, label

DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
NEWEST = 4
_EDGE = {"mode": "lines", "line": {"width": 0, "shape": "hv"}, "hoverinfo": "skip", "showlegend": False}


def reading_end(times: pd.DataFrame) -> float:
    """Return where the axis of days ends: past the last completion, 3 to 8 times the deadline, never past the data."""
    longest = float(times["days"].max())
    last = float(times.loc[times["finished"], "days"].max()) if times["finished"].any() else longest
    deadline = float(times["due_days"].median()) if "due_days" in times else float("nan")
    end = 1.05 * last if pd.isna(deadline) else min(max(1.05 * last, 3 * deadline), 8 * deadline)
    return max(min(end, 1.02 * longest), 1.0)


def completion_curve(curve: pd.DataFrame, times: pd.DataFrame, *, title: str) -> go.Figure:
    """Draw the share of post-mortems complete by each day, its 95 % band, the deadline, and a tick for each open one.

    ``curve`` as from ``survival.kaplan_meier`` in days, ``times`` as from ``timeliness.completion_times``. The axis
    ends where reading does; a note says how many are open beyond it.
    """
    if times.empty:
        return empty_figure(title, "no post-mortem page has begun")
    end = reading_end(times)
    steps = _steps(curve, end)
    figure = go.Figure()
    figure.add_scatter(x=steps["day"], y=steps["lower"], **_EDGE)
    band = {**_EDGE, "showlegend": True, "fill": "tonexty", "fillcolor": faded("accent", 0.15), "name": "95 % interval"}
    figure.add_scatter(x=steps["day"], y=steps["upper"], **band)
    line = {"shape": "hv", "color": colour("accent"), "width": 2.5}
    figure.add_scatter(x=steps["day"], y=steps["share"], mode="lines", line=line, name="complete",
                       hovertemplate="day %{x:.1f}: %{y:.0%} complete<extra></extra>")  # fmt: skip
    _add_ticks(figure, curve, times, end)
    _add_deadline(figure, times, end)
    beyond = _say_beyond(figure, times, end)
    _dress(figure, title, "share complete", end)
    alt = (
        f"{title}: of {len(times)} post-mortems {int(times['finished'].sum())} are complete; by day {end:.0f} the "
        f"curve has reached {steps['share'].iloc[-1]:.0%}.{' ' + beyond if beyond else ''}"
    )
    return described(figure, alt=alt, table=_numbers(curve))


def _steps(curve: pd.DataFrame, end: float) -> pd.DataFrame:
    """Return the curve as it is drawn: shares finished, from day 0 to the axis' end."""
    seen = curve[curve["time"] <= end]
    lower, upper = 1 - seen["upper"], 1 - seen["lower"]
    shares = {
        "share": [0.0, *(1 - seen["survival"])],
        "lower": [0.0, *lower.fillna(0.0)],
        "upper": [0.0, *upper.fillna(1.0)],
    }
    table = pd.DataFrame({"day": [0.0, *seen["time"]], **shares})
    last = min(end, float(curve["time"].max())) if len(curve) else end  # nothing is drawn beyond what was seen
    return pd.concat([table, table.iloc[[-1]].assign(day=last)], ignore_index=True)


def _numbers(curve: pd.DataFrame) -> pd.DataFrame:
    """Return the curve's numbers for those who don't see it: the days on which something finished."""
    ended = curve[curve["events"] > 0]
    shares = {"share complete": 1 - ended["survival"], "lower": 1 - ended["upper"], "upper": 1 - ended["lower"]}
    return pd.DataFrame(
        {
            "day": ended["time"].round(2),
            "at risk": ended["at_risk"],
            **{name: values.round(3) for name, values in shares.items()},
        }
    )


def _add_ticks(figure: go.Figure, curve: pd.DataFrame, times: pd.DataFrame, end: float) -> None:
    """Mark where each open one stands, on the curve."""
    running = times[~times["finished"] & (times["days"] <= end)]
    heights = [float((1 - curve.loc[curve["time"] <= day, "survival"]).max()) if (curve["time"] <= day).any() else 0.0
               for day in running["days"]]  # fmt: skip
    marks = {"symbol": "line-ns-open", "size": 12, "color": colour("ink"), "line": {"width": 2}}
    figure.add_scatter(x=running["days"], y=heights, mode="markers", marker=marks, name="still open",
                       hovertext=running["incident_id"].map(label), hoverinfo="text+x")  # fmt: skip


def _add_deadline(figure: go.Figure, times: pd.DataFrame, end: float) -> None:
    """Draw the typical deadline as a line: a business-day deadline is not the same number of days for each."""
    deadline = float(times["due_days"].median()) if "due_days" in times else float("nan")
    if pd.isna(deadline) or deadline > end:
        return
    figure.add_vline(x=deadline, line={"color": colour("late"), "width": 1.5, "dash": "dash"})
    figure.add_annotation(
        x=deadline, y=0.02, yref="paper", yanchor="bottom", xanchor="left", xshift=5, showarrow=False,
        font={"color": colour("late"), "size": 12}, text=f"typical deadline: day {deadline:.1f}",
    )  # fmt: skip


def _say_beyond(figure: go.Figure, times: pd.DataFrame, end: float) -> str:
    """Say how many lie beyond the axis' end, and return it."""
    beyond = times[times["days"] > end]
    if beyond.empty:
        return ""
    still, late = int((~beyond["finished"]).sum()), int(beyond["finished"].sum())
    parts = [f"{still} still open after {end:.0f} days" if still else "", f"{late} completed later" if late else ""]
    text = ", ".join(part for part in parts if part) + f"; the oldest: {beyond['days'].max():.0f} days"
    figure.add_annotation(
        x=1, y=0.11, xref="paper", yref="paper", xanchor="right", yanchor="bottom", showarrow=False, align="right",
        font={"color": colour("muted"), "size": 12}, text=text.replace("; ", " →<br>"),
    )  # fmt: skip
    return f"Not drawn: {text}."


def _dress(figure: go.Figure, title: str, share: str, end: float) -> None:
    figure.update_layout(title=title)
    figure.update_xaxes(title="calendar days since the clock started", range=[0, end])
    figure.update_yaxes(title=share, tickformat=".0%", range=[0, 1.02])


def completion_curves(groups: Mapping[str, pd.DataFrame], *, title: str) -> go.Figure:
    """Draw the share complete by each day for several groups; ``groups`` as from ``groups.group_times``.

    Lines differ in dash as well as in colour; without bands, which would hide each other: the test says whether the
    groups differ.
    """
    if not groups:
        return empty_figure(title, "no group is large enough")
    everything = pd.concat(groups.values())
    end = reading_end(everything)
    curves = {
        f"{name} (n = {len(part)})": kaplan_meier(part["days"], part["finished"]) for name, part in groups.items()
    }
    figure = _lines(curves, end)
    _add_deadline(figure, everything, end)
    _dress(figure, title, "share complete", end)
    reached = ", ".join(f"{name} {_reached(curve, end):.0%}" for name, curve in curves.items())
    alt = f"{title}: complete in the end, or by day {end:.0f}: {reached}."
    return described(figure, alt=alt, table=_by_name(curves))


def _lines(curves: Mapping[str, pd.DataFrame], end: float) -> go.Figure:
    figure = go.Figure()
    for number, (name, curve) in enumerate(curves.items()):
        steps = _steps(curve, end)
        figure.add_scatter(x=steps["day"], y=steps["share"], mode="lines", line=_line(number, name), name=label(name),
                           hovertemplate="%{fullData.name}, day %{x:.1f}: %{y:.0%}<extra></extra>")  # fmt: skip
    return figure


def _line(number: int, name: str) -> dict[str, object]:
    """Return how a group's line looks: a severity in its own colour, others in the order of the series."""
    severity = name.split(" ")[0]
    shade = severity if severity in SEVERITY_MARKERS else SERIES[number % len(SERIES)]
    return {"shape": "hv", "width": 2.2, "color": colour(shade), "dash": DASHES[number % len(DASHES)]}


def _reached(curve: pd.DataFrame, end: float) -> float:
    return float(_steps(curve, end)["share"].iloc[-1])


def _by_name(curves: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    return pd.concat([_numbers(curve).assign(group=name) for name, curve in curves.items()], ignore_index=True)


def stage_curves(curves: Mapping[str, pd.DataFrame], *, title: str, end: float = 45.0) -> go.Figure:
    """Draw for each stage the share that has left it by each day; ``curves`` as from ``stages.stage_curves_table``."""
    if not any(curve["events"].any() for curve in curves.values()):
        return empty_figure(title, "no stage was ever finished")
    figure = _lines(curves, end)
    figure.update_layout(title=title)
    figure.update_xaxes(title="calendar days in the stage", range=[0, end])
    figure.update_yaxes(title="share that has left it", tickformat=".0%", range=[0, 1.02])
    reached = ", ".join(f"{name} {_reached(curve, end):.0%}" for name, curve in curves.items())
    return described(figure, alt=f"{title}: left by day {end:.0f}: {reached}.", table=_by_name(curves))


def cohort_figure(curves: Mapping[str, pd.DataFrame], *, title: str, end: float = 60.0) -> go.Figure:
    """Draw the share of action items done by each day, a line for each cohort (``action_items.cohort_curves``)."""
    if not curves:
        return empty_figure(title, "no month has enough action items")
    figure = go.Figure()
    for number, (name, curve) in enumerate(curves.items()):
        seen = curve[curve["time"] <= end]
        last = min(end, float(curve["seen_until"].max()))
        share = [0.0, *seen["incidence"], float(seen["incidence"].max()) if len(seen) else 0.0]
        figure.add_scatter(
            x=[0.0, *seen["time"], last], y=share, mode="lines", line=_line(number, name), name=label(name),
            hovertemplate="%{fullData.name}, day %{x:.0f}: %{y:.0%}<extra></extra>",
        )  # fmt: skip
    figure.update_layout(title=title)
    figure.update_xaxes(title="calendar days since it was written down", range=[0, end])
    figure.update_yaxes(title="share done", tickformat=".0%", range=[0, 1.02])
    table = pd.concat(
        [curve.assign(group=name)[["group", "time", "at_risk", "incidence"]].round(3) for name, curve in curves.items()]
    )
    ends = ", ".join(
        f"{name} {curve.loc[curve['time'] <= end, 'incidence'].max():.0%}"
        for name, curve in curves.items()
        if (curve["time"] <= end).any()
    )
    return described(figure, alt=f"{title}: done by day {end:.0f}: {ends}.", table=table)


def lateness_strip(states: pd.DataFrame, *, title: str, most: int = 30) -> go.Figure:
    """Draw each post-mortem's business days past its deadline; hollow marks are not complete yet.

    ``states`` as from ``timeliness.postmortem_states``; those in time lie on zero. What is later than ``most`` is drawn
    at the top edge, so that one forgotten page doesn't press all others flat.
    """
    judged = states[states["state"].isin(["on time", "late", "overdue"])]
    if len(judged) and not states["has_page"].any():
        return empty_figure(title, "no post-mortem page in the records")
    if judged.empty:
        return empty_figure(title, "no deadline has passed yet")
    judged = judged.assign(days=judged["days_late"].fillna(0).astype(float))
    judged = judged.assign(drawn=judged["days"].clip(upper=most))
    figure = go.Figure()
    for severity, part in judged.groupby("severity", observed=True):
        shape = SEVERITY_MARKERS[str(severity)]
        symbols = part["state"].map(lambda state, shape=shape: f"{shape}-open" if state == "overdue" else shape)
        words = part["incident_id"] + ": " + part["title"].fillna("") + ", " + part["days"].map("{:.0f}".format)
        figure.add_scatter(
            x=part["due_on"], y=part["drawn"], mode="markers", name=str(severity),
            marker={"symbol": list(symbols), "size": 11, "color": colour(str(severity)),
                    "line": {"width": 2, "color": colour(str(severity))}},
            hovertext=(words + " business days").map(label), hoverinfo="text",
        )  # fmt: skip
    over = int((judged["days"] > most).sum())
    figure.update_layout(title=title)
    figure.update_xaxes(title="due on")
    figure.update_yaxes(title="business days late", range=[-most * 0.04, most * 1.06])
    if over:
        figure.add_hline(y=most, line={"color": colour("line"), "width": 1, "dash": "dot"})
        figure.update_yaxes(
            tickvals=list(range(0, most + 1, 5)), ticktext=[*map(str, range(0, most, 5)), f"{most} or more"]
        )
    late = judged[judged["days"] > 0]
    alt = (
        f"{title}: {len(late)} of {len(judged)} post-mortems were or are late, by at most {judged['days'].max():.0f} "
        f"business days; {over} of them by more than {most}."
    )
    return described(figure, alt=alt, table=judged[["incident_id", "severity", "due_on", "state", "days"]])
