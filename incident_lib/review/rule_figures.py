"""Figures of how the process was kept: by rule, and each rule for each incident; a table in, a figure out."""

from __future__ import annotations

import textwrap

import pandas as pd
import plotly.graph_objects as go

from incident_lib import theme
from incident_lib.figures import empty_figure
from incident_lib.theme import colour, described, label

theme.register()

RULE_COLOURS = {"kept": "done", "broken": "critical", "unknown": "neutral", "not yet": "open", "not asked": "line"}
RULE_SYMBOLS = {"kept": "✓", "broken": "✗", "unknown": "?", "not yet": "→", "not asked": "·"}
_PATTERNS = {"kept": "", "broken": "x", "unknown": "+", "not yet": ".", "not asked": ""}
_OVERLAY = {"size": 7, "solidity": 0.15, "fillmode": "overlay", "fgcolor": colour("paper")}
MOST_COLUMNS = 24


def rule_bars(counts: pd.DataFrame, *, title: str) -> go.Figure:
    """Draw, for each rule, in how many incidents it was in each state; ``counts`` as from ``rule_counts``."""
    if counts.empty:
        return empty_figure(title, "no major incident in this period")
    figure = go.Figure()
    for state in [state for state in RULE_COLOURS if state != "not asked" and counts[state].any()]:
        marker = {"color": colour(RULE_COLOURS[state]), "pattern": {"shape": _PATTERNS[state], **_OVERLAY}}
        figure.add_bar(y=counts["rule"].map(_wrapped), x=counts[state], name=state, orientation="h", marker=marker)
    figure.update_layout(title=title, barmode="stack", height=120 + 31 * len(counts), legend_traceorder="normal")
    figure.update_yaxes(autorange="reversed", title=None, tickfont={"size": 11})
    figure.update_xaxes(title="incidents")
    worst = counts.sort_values("broken", ascending=False, kind="stable").iloc[0]
    return described(
        figure, alt=f"{title}: most often broken is “{worst['rule']}” ({worst['broken']} times).", table=counts
    )


def _wrapped(text: str) -> str:
    return "<br>".join(label(line) for line in textwrap.wrap(text, 30))


def rule_map(results: pd.DataFrame, *, title: str) -> go.Figure:
    """Draw each rule (down) for each incident (across) as a symbol on its colour; of many incidents the newest."""
    if results.empty:
        return empty_figure(title, "no major incident in this period")
    ids = list(results["incident_id"].unique())[-MOST_COLUMNS:]
    own = results[results["incident_id"].isin(ids)]
    own = own.assign(short=own["rule"].str.replace("-", " "))  # titles are too long for a phone
    matrix = own.pivot(index="short", columns="incident_id", values="state").reindex(
        index=own["short"].unique(), columns=ids
    )
    states = list(RULE_COLOURS)
    codes = matrix.map(states.index)
    edges = [(place / len(states), (place + 1) / len(states)) for place in range(len(states))]
    scale = [(edge, colour(RULE_COLOURS[state])) for state, both in zip(states, edges, strict=True) for edge in both]
    said = own["evidence"].where(own["state"].isin(["broken", "unknown"]))  # of the others the report's table has it
    evidence = own["state"] + (", " + said).fillna("")
    evidence = (
        own.assign(evidence=evidence)
        .pivot(index="short", columns="incident_id", values="evidence")
        .reindex_like(matrix)
    )
    figure = go.Figure(
        go.Heatmap(
            z=codes,
            x=ids,
            y=[label(name) for name in matrix.index],
            colorscale=scale,
            zmin=-0.5,
            zmax=len(states) - 0.5,
            text=matrix.map(RULE_SYMBOLS.get),
            texttemplate="%{text}",
            textfont={"size": 13, "color": colour("paper")},
            customdata=evidence.map(label),
            hovertemplate="%{x}, %{y}<br>%{customdata}<extra></extra>",
            showscale=False,
            xgap=2,
            ygap=2,
            opacity=0.9,
        )
    )
    figure.update_layout(title=title, height=150 + 24 * len(matrix), margin={"t": 60, "b": 90})
    figure.update_xaxes(type="category", tickangle=-60, title=None).update_yaxes(
        autorange="reversed", title=None, tickfont={"size": 11}
    )
    broken = int((own["state"] == "broken").sum())
    return described(
        figure,
        alt=f"{title}: {broken} of {matrix.size} are broken; ✓ kept, ✗ broken, ? unknown, → not yet, · not asked.",
        table=matrix.reset_index(),
    )
