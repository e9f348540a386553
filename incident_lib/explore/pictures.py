"""The figures about incidents, as a notebook asks for them: of records in one line, or of a table, as reports do."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from incident_lib import figures
from incident_lib.errors import SettingsError
from incident_lib.explore.measuring import as_measure, durations
from incident_lib.explore.one_incident import Incident, Timeline, timeline
from incident_lib.explore.selecting import began_at
from incident_lib.records import Records
from incident_lib.review import figures as drawn
from incident_lib.review import rule_figures
from incident_lib.review.changes import Behaviour, Season, duration_behaviour, season, weekly_behaviour
from incident_lib.review.conformance import rule_counts, rule_results
from incident_lib.review.learning import factor_kinds, factor_pareto, tag_pareto
from incident_lib.review.response import Measure

__all__ = [
    "behaviour_chart", "common_factors", "common_tags", "duration_strip", "incidents_by_month", "pareto", "rule_bars",
    "rule_map", "season_map", "timeline_strip",
]  # fmt: skip


def incidents_by_month(
    incidents: Records | pd.DataFrame, zone: str | None = None, *, title: str = "Incidents by month"
) -> go.Figure:
    """Draw how many incidents began in each month, by severity.

    ``incidents`` are records, or a table with began_at and severity and the ``zone`` of its months.

    >>> inc.incidents_by_month(records).layout.title.text
    'Incidents by month'
    >>> inc.incidents_by_month(records.where(service="DNS"), title="DNS")  # doctest: +SKIP
    """
    if isinstance(incidents, Records):
        zone = zone or incidents.settings.workbook.zone
        incidents = incidents.incidents.assign(began_at=began_at(incidents.incidents))
        incidents = incidents[incidents["began_at"].notna()]
    return drawn.incidents_by_month(incidents, zone or "UTC", title=title)


def duration_strip(
    table: Records | pd.DataFrame, measure: Measure | str | None = None, *, title: str | None = None
) -> go.Figure:
    """Draw one mark per incident by how long it took, on a logarithmic scale; hollow marks are still running.

    ``table`` are records and a ``measure`` as in ``inc.durations``, or a table as from there. What can't be true, and
    durations of zero, are not drawn but counted.

    >>> inc.duration_strip(records, "time to acknowledge").layout.title.text
    'How long: detected → acknowledged'
    """
    if isinstance(table, Records):
        table = durations(table, measure)
    named = as_measure(measure).name if measure is not None else table.attrs.get("measure", "each incident")
    return drawn.duration_strip(table, title=title or f"How long: {named}")


def season_map(found: Records | Season, *, title: str = "When do incidents begin?") -> go.Figure:
    """Draw the week: how many incidents began on each weekday and hour; a frame marks the hours that stand out.

    ``found`` are records, or a season as from ``inc.season``.

    >>> inc.season_map(records).data[0].type
    'heatmap'
    """
    if isinstance(found, Records):
        found = season(found, _until(found))
    return drawn.season_map(found, title=title)


def behaviour_chart(
    behaviour: Records | Behaviour,
    measure: Measure | str | None = None,
    *,
    title: str | None = None,
    unit: str | None = None,
    log: bool | None = None,
) -> go.Figure:
    """Draw a process behaviour chart: values in order, their centre and limits, what is unusual as marks of its own.

    Of records: the incidents of each week, or with a ``measure`` the newest durations. Or a behaviour as from
    ``inc.weekly_behaviour`` and ``inc.duration_behaviour``, with its ``unit``, and ``log`` for a logarithmic axis.

    >>> inc.behaviour_chart(records).layout.title.text
    'Incidents a week'
    >>> inc.behaviour_chart(records, "time to resolve").layout.title.text
    'The newest durations: detected → resolved'
    """
    if isinstance(behaviour, Records):
        records, log = behaviour, measure is not None
        if measure is None:
            behaviour, unit = weekly_behaviour(records, _until(records)), "incidents"
            title = title or "Incidents a week"
        else:
            one = as_measure(measure)
            in_order = records.incidents.assign(began_at=began_at(records.incidents)).sort_values("began_at")
            behaviour = duration_behaviour(in_order, one, as_of=records.as_of)
            title, unit = title or f"The newest durations: {one.name}", "minutes (logarithmic)"
    return drawn.behaviour_chart(behaviour, title=title or "", unit=unit or "", log=bool(log))


def timeline_strip(
    shown: Timeline | Incident | Records | pd.DataFrame, incident_id: str | None = None, *, title: str | None = None
) -> go.Figure:
    """Draw an incident's timeline: a mark per row, by kind; above them a row for each milestone, with a line down.

    ``shown`` is a timeline, an incident (``records["INC-2026-042"]``), or records with an ``incident_id``.

    >>> inc.timeline_strip(records, "INC-2026-042").layout.title.text
    'INC-2026-042 at a glance'
    """
    if isinstance(shown, Records):
        if incident_id is None:
            raise SettingsError('of which incident? inc.timeline_strip(records, "INC-2026-042")')
        shown = timeline(shown, incident_id)
    shown = shown.timeline if isinstance(shown, Incident) else shown
    if isinstance(shown, Timeline):
        title, shown = title or f"{shown.incident_id} at a glance", shown.table
    return figures.timeline_strip(shown, title=title or "The incident at a glance")


def rule_bars(counts: Records | pd.DataFrame, *, title: str = "The rules of the process, by state") -> go.Figure:
    """Draw, for each rule of the process, how many major incidents kept it, broke it, or can't be judged.

    ``counts`` are records, or a table as from ``inc.rule_counts``.

    >>> inc.rule_bars(records.where(period="2026-Q3")).layout.barmode
    'stack'
    """
    if isinstance(counts, Records):
        counts = rule_counts(_results(counts))
    return rule_figures.rule_bars(counts, title=title)


def rule_map(results: Records | pd.DataFrame, *, title: str = "Each rule for each incident") -> go.Figure:
    """Draw each rule (down) for each major incident (across) as a symbol on its colour; of many incidents the newest.

    ``results`` are records, or a table as from ``inc.rule_results``.

    >>> inc.rule_map(records.where(period="2026-Q3")).data[0].type
    'heatmap'
    """
    return rule_figures.rule_map(_results(results) if isinstance(results, Records) else results, title=title)


def _results(records: Records) -> pd.DataFrame:
    incidents = records.incidents
    in_order = incidents.assign(began_at=began_at(incidents)).sort_values(["began_at", "incident_id"], kind="stable")
    return rule_results(records, in_order.reset_index(drop=True))


def pareto(table: pd.DataFrame, *, title: str, noun: str) -> go.Figure:
    """Draw shares by how common they are, each with its 95 % interval, beside published ones where there are any.

    >>> inc.pareto(inc.tag_pareto(records.incidents), title="Tags", noun="tags").data[0].name
    'here (tags)'
    """
    return drawn.pareto(table, title=title, noun=noun)


def common_factors(records: Records, *, title: str = "Contributing factors, by kind") -> go.Figure:
    """Draw which kinds of contributing factors the pages name, beside published shares, each with its interval.

    >>> inc.common_factors(records).data[0].type
    'bar'
    """
    kinds = factor_kinds(records, records.incidents)
    return drawn.pareto(factor_pareto(kinds), title=title, noun="lines")


def common_tags(records: Records, *, title: str = "The most common tags") -> go.Figure:
    """Draw which tags the incidents have most often, each share with its interval; those of a severity left out.

    >>> inc.common_tags(records.where(since="2026")).data[0].type
    'bar'
    """
    return drawn.pareto(tag_pareto(records.incidents), title=title, noun="tags")


def _until(records: Records) -> pd.Timestamp:
    """Return until when these records tell of incidents: their choice's end, or what was known."""
    end = records.selection.end(records.settings.workbook.tz)
    return records.as_of if end is None else min(end, records.as_of)
