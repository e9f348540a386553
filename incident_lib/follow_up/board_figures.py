"""The follow-up board as a figure: one row per incident, one column per step, a shape and a colour for each state."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from incident_lib import theme
from incident_lib.figures import empty_figure
from incident_lib.follow_up.board import Board
from incident_lib.follow_up.states import state_matrix
from incident_lib.theme import SEVERITY_SYMBOLS, colour, described, label

theme.register()

# State → colour, marker, and whether it is filled: what waits is heavy, what is done is quiet.
_MARKS = {
    "missing": ("critical", "square"),
    "due": ("open", "square-open"),
    "late": ("due", "diamond"),
    "done": ("done", "circle"),
    "unknown": ("quiet", "circle-open"),
    "not needed": ("neutral", "line-ew-open"),
}
_LEGEND = {"y": 0, "yref": "container", "yanchor": "bottom", "traceorder": "normal"}
_ROW, _HEAD, _FOOT = 26, 70, 170


def step_board(board: Board, steps: Sequence[str], *, title: str) -> go.Figure:
    """Draw each open incident as a row of its steps' states; a menu shows those of one owner or one customer.

    ``steps`` are the steps' ids in the process's order.
    """
    if board.next.empty:
        return empty_figure(title, "nothing is open")
    rows, order = _rows(board), _labels(board)
    figure = go.Figure([_trace(state, rows, board.next["incident_id"]) for state in _MARKS])
    figure.update_layout(title=title, height=_height(len(order)), updatemenus=[_menu(board, rows)])
    figure.update_layout(margin={"t": _HEAD, "b": _FOOT}, legend=_LEGEND)
    figure.update_xaxes(type="category", categoryarray=list(steps), range=[-0.6, len(steps) - 0.4], dtick=1)
    figure.update_xaxes(tickangle=-90, showgrid=True, title=None)
    figure.update_yaxes(type="category", categoryarray=order[::-1], range=[-0.6, len(order) - 0.4], title=None)
    waiting = int(rows["state"].eq("missing").sum())
    alt = f"{title}: {len(order)} incidents in rows, {len(steps)} steps in columns; {waiting} steps are missing."
    matrix = state_matrix(board.states).loc[list(board.next["incident_id"])]
    return described(figure, alt=alt, table=matrix.rename_axis("incident").reset_index())


def _height(rows: int) -> int:
    return _HEAD + _FOOT + _ROW * max(rows, 2)


def _rows(board: Board) -> pd.DataFrame:
    """Return the states with a label for each incident: its severity's shape and its id."""
    shape = board.states["severity"].astype("str").map(SEVERITY_SYMBOLS).fillna("")
    return board.states.assign(label=shape + " " + board.states["incident_id"].map(label))


def _labels(board: Board, ids: Any = None) -> list[str]:
    """Return the labels of the board's incidents from the most urgent on, or of some of them."""
    table = board.next if ids is None else board.next[board.next["incident_id"].isin(ids)]
    shape = table["severity"].astype("str").map(SEVERITY_SYMBOLS).fillna("")
    return list(shape + " " + table["incident_id"].map(label))


def _trace(state: str, rows: pd.DataFrame, ids: Any) -> go.Scatter:
    shade, symbol = _MARKS[state]
    own = _points(state, rows, ids)
    line = {"width": 2.5 if symbol.endswith("open") else 0, "color": colour(shade)}
    return go.Scatter(
        **own, name=state, mode="markers", marker={"symbol": symbol, "size": 11, "color": colour(shade), "line": line},
        hovertemplate="%{y}<br>%{x}<br>%{text}<extra></extra>",
    )  # fmt: skip


def _points(state: str, rows: pd.DataFrame, ids: Any) -> dict[str, Any]:
    own = rows[(rows["state"] == state) & rows["incident_id"].isin(ids)]
    hover = [_hover(row) for row in own.itertuples()]
    return {"x": list(own["step"]), "y": list(own["label"]), "text": hover}


def _hover(row: Any) -> str:
    due = f", due {row.due_at:%Y-%m-%d}" if pd.notna(row.due_at) else ""
    is_late = row.state in ("late", "missing") and pd.notna(row.days_late)
    late = f", {row.days_late} business days late" if is_late else ""
    why = f": {label(row.because)}" if pd.notna(row.because) else ""
    return f"{row.state}{due}{late}{why}"


def _menu(board: Board, rows: pd.DataFrame) -> dict[str, Any]:
    """Return a menu of owners and customers; each shows only the incidents that concern them."""
    choices = [("Everybody", list(board.next["incident_id"]))]
    for name in sorted(set(board.owners)):
        choices.append((f"Owner: {name}", list(board.owners.index[board.owners == name])))
    for name in sorted({one for names in board.customers for one in names}):
        has = board.customers.map(lambda names, name=name: name in names)
        choices.append((f"Customer: {name}", list(board.customers.index[has])))
    buttons = [_button(board, rows, name, ids) for name, ids in choices]
    look = {"bgcolor": colour("wash"), "bordercolor": colour("line"), "font": {"color": colour("ink")}}
    place = {"x": 0, "xanchor": "left", "y": 1, "yanchor": "bottom", "pad": {"b": 10}}
    return {"buttons": buttons, "direction": "down", "showactive": True, **place, **look}


def _button(board: Board, rows: pd.DataFrame, name: str, ids: list[str]) -> dict[str, Any]:
    parts = [_points(state, rows, ids) for state in _MARKS]
    order = _labels(board, ids)
    data = {key: [part[key] for part in parts] for key in ("x", "y", "text")}
    layout = {
        "yaxis.categoryarray": order[::-1],
        "yaxis.range": [-0.6, len(order) - 0.4],
        "height": _height(len(order)),
    }
    return {"label": label(name), "method": "update", "args": [data, layout]}
