"""The figures about post-mortems and tasks, as a notebook asks for them: of records in one line, or of tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd
import plotly.graph_objects as go

from incident_lib.follow_up import board_figures
from incident_lib.follow_up.board import Board, follow_up_board
from incident_lib.records import Records
from incident_lib.timeliness import figures as drawn
from incident_lib.timeliness.action_items import action_item_states, cohort_curves, item_times
from incident_lib.timeliness.groups import group_times
from incident_lib.timeliness.stages import stage_curves_table, stage_times
from incident_lib.timeliness.states import completion_curve_table, completion_times, postmortem_states

__all__ = ["cohort_figure", "completion_curve", "completion_curves", "lateness_strip", "stage_curves", "step_board"]


def lateness_strip(
    states: Records | pd.DataFrame, *, title: str = "Business days late, by the day it was due", most: int = 30
) -> go.Figure:
    """Draw each post-mortem's business days past its deadline; hollow marks are not complete yet.

    ``states`` are records, or a table as from ``inc.postmortem_states``; those in time lie on zero, what is later than
    ``most`` at the top edge.

    >>> inc.lateness_strip(records).layout.title.text
    'Business days late, by the day it was due'
    """
    if isinstance(states, Records):
        states = postmortem_states(states)
    return drawn.lateness_strip(states, title=title, most=most)


def completion_curve(
    curve: Records | pd.DataFrame,
    times: pd.DataFrame | None = None,
    *,
    title: str = "Share of post-mortems complete, by day",
) -> go.Figure:
    """Draw the share of post-mortems complete by each day, its 95 % band, the deadline, and a tick for each open one.

    ``curve`` are records; or a table as from ``inc.completion_curve_table``, with ``times`` from
    ``inc.completion_times``.

    >>> inc.completion_curve(records.where(severity="high")).layout.title.text
    'Share of post-mortems complete, by day'
    """
    if isinstance(curve, Records):
        times = completion_times(postmortem_states(curve), curve.as_of)
        curve = completion_curve_table(times)
    return drawn.completion_curve(curve, times, title=title)


def completion_curves(
    groups: Records | Mapping[str, pd.DataFrame], by: str = "severity", *, title: str | None = None
) -> go.Figure:
    """Draw the share complete by each day for several groups, a line each.

    ``groups`` are records, grouped ``by`` severity, quarter, customers or team; or as from ``inc.group_times``.

    >>> inc.completion_curves(records, by="quarter").layout.title.text
    'Share of post-mortems complete, by quarter'
    """
    if isinstance(groups, Records):
        groups = group_times(completion_times(postmortem_states(groups), groups.as_of), by)
    return drawn.completion_curves(groups, title=title or f"Share of post-mortems complete, by {by.rstrip('s')}")


def stage_curves(
    curves: Records | Mapping[str, pd.DataFrame], *, title: str = "How long each stage lasts", end: float = 45.0
) -> go.Figure:
    """Draw for each stage of a post-mortem the share that has left it by each day.

    ``curves`` are records, or as from ``inc.stage_curves_table``; the axis ends after ``end`` days.

    >>> inc.stage_curves(records).layout.title.text
    'How long each stage lasts'
    """
    if isinstance(curves, Records):
        curves = stage_curves_table(stage_times(curves, postmortem_states(curves)))
    return drawn.stage_curves(curves, title=title, end=end)


def cohort_figure(
    curves: Records | Mapping[str, pd.DataFrame],
    *,
    title: str = "Share of action items done, by month of creation",
    end: float = 60.0,
) -> go.Figure:
    """Draw the share of action items done by each day, a line for each month of creation.

    ``curves`` are records, or as from ``inc.cohort_curves``; the axis ends after ``end`` days.

    >>> len(inc.cohort_figure(records).data) > 1
    True
    """
    if isinstance(curves, Records):
        times = item_times(action_item_states(curves), curves.as_of, curves.settings.workbook.tz)
        curves = cohort_curves(times)
    return drawn.cohort_figure(curves, title=title, end=end)


def step_board(
    board: Records | Board, steps: Sequence[str] | None = None, *, title: str = "Steps of every open follow-up"
) -> go.Figure:
    """Draw each open incident as a row of its follow-up steps' states; a menu shows those of one owner or customer.

    ``board`` are records; or as from ``inc.follow_up_board``, with the ``steps``' ids in the process's order.

    >>> inc.step_board(records).layout.title.text
    'Steps of every open follow-up'
    """
    if isinstance(board, Records):
        steps = steps or [step.id for step in board.settings.steps]
        board = follow_up_board(board)
    return board_figures.step_board(board, steps or [], title=title)
