"""When a major incident's meeting and page are due, by the settings; open incidents have no deadline yet."""

from __future__ import annotations

import pandas as pd

from incident_lib.business_time import BusinessCalendar, business_calendar, deadlines, proof
from incident_lib.records import Records
from incident_lib.settings import Settings, Span


def calendar_of(settings: Settings) -> BusinessCalendar:
    """Return the workbook's calendar of business days."""
    return business_calendar(settings.calendar, settings.workbook.tz)


def incident_deadlines(records: Records) -> pd.DataFrame:
    """Return for each major incident: severity, start_at (the clock's start), meeting_due_at and page_due_at, UTC.

    The index is the incident's id. ``start_at`` is the time that ``deadlines.start`` names; where it is missing (not
    resolved yet) the deadlines are missing too.
    """
    major, rules = records.major, records.settings.deadlines
    table = major.set_index("incident_id")[["severity", rules.start]].rename(columns={rules.start: "start_at"})
    calendar = calendar_of(records.settings)
    return table.assign(
        meeting_due_at=_due(table, rules.meeting, calendar),
        page_due_at=_due(table, rules.page, calendar),
    )


def _due(table: pd.DataFrame, spans: dict[str, Span], calendar: BusinessCalendar) -> pd.Series:
    """Return the deadline of each row by its severity's span; missing where the settings state none."""
    due = pd.Series(pd.NaT, index=table.index, dtype="datetime64[us, UTC]")
    for severity, span in spans.items():
        rows = table["severity"] == severity
        due = due.where(~rows, deadlines(table["start_at"].where(rows), span, calendar))
    return due


def deadline_proof(records: Records, incident_id: str) -> str:
    """Return how an incident's page deadline was counted, day by day; says so if the clock has not started."""
    incident, rules = records.incident(incident_id), records.settings.deadlines
    start, span = incident[rules.start], rules.page.get(str(incident["severity"]))
    event = rules.start.removesuffix("_at")
    if pd.isna(start):
        return f"no deadline yet: the incident is not {event}"
    if span is None:
        return f"no deadline: the settings state none for severity {incident['severity']}"
    return proof(start.to_pydatetime(), span, calendar_of(records.settings), event=event)
