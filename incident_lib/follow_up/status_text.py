"""The state of the follow-up as text for a terminal."""

from __future__ import annotations

from typing import Any

import pandas as pd

from incident_lib.drafting.completeness import completeness_sentence, page_completeness
from incident_lib.drafting.sidecar import page_path
from incident_lib.follow_up.states import next_steps, step_states, who, why_open
from incident_lib.records import Records

NOTHING = "–"


def status_of_all(records: Records) -> str:
    """Return one line for each incident whose follow-up is open: what is next, whose, and when it is due."""
    table = next_steps(records, step_states(records))
    if table.empty:
        return "Nothing is open: every follow-up step of every major incident is done or not needed."
    lines = [["incident", "severity", "next", "whose", "due", "state", "waiting"]]
    lines += [_next(row, records) for row in table.itertuples()]
    late = int((table["state"] == "missing").sum())
    count = f"{len(table)} follow-up{'' if len(table) == 1 else 's'} open, {late} with a step whose time has passed"
    return f"{aligned(lines)}\n\n{count} (as of {records.as_of:%Y-%m-%d %H:%M} UTC)"


def status_of_one(records: Records, incident_id: str) -> str:
    """Return every step of an incident's follow-up with its state, how far its page is, and why it can't be closed.

    Raises:
        SettingsError: for an unknown incident.
    """
    records.incident(incident_id)
    states = step_states(records)
    own = states[states["incident_id"] == incident_id]
    if own.empty:
        return f"{incident_id} is not major by the settings, so no follow-up is asked for"
    lines = [["step", "what", "whose", "state", "done", "due"]]
    lines += [_step(row, records) for row in own.itertuples()]
    closing = _closing(own, why_open(records, states, incident_id), incident_id)
    return f"{aligned(lines)}\n\n{_page(records, incident_id)}\n{closing}"


def _page(records: Records, incident_id: str) -> str:
    """Return how far an incident's page is, or how far a draft would be."""
    words = completeness_sentence(page_completeness(records, incident_id))
    known = page_path(records, incident_id).is_file()
    return f"page: {words}" if known else f"no page yet; 'incidents draft {incident_id}' makes one: {words}"


def _next(row: Any, records: Records) -> list[str]:
    due = _local(row.due_at, records)
    return [row.incident_id, str(row.severity), row.next, row.who, due, _state(row), str(row.waiting)]


def _step(row: Any, records: Records) -> list[str]:
    name = _name(row.by) or who(records, row.incident_id, row.whose)
    due = row.because if pd.notna(row.because) else _local(row.due_at, records)
    return [row.step, row.title, name, _state(row), _local(row.done_at, records), due]


def _closing(own: pd.DataFrame, reasons: list[str], incident_id: str) -> str:
    if own.loc[own["step"] == "closed", "state"].isin(["done", "late", "unknown"]).any():
        return f"{incident_id} is closed"
    return f"cannot close: {'; '.join(reasons)}" if reasons else f"can be closed: incidents step {incident_id} closed"


def _name(value: object) -> str:
    return str(value) if pd.notna(value) else ""


def _state(row: Any) -> str:
    if row.state in ("late", "missing") and pd.notna(row.days_late):
        return f"{row.state}, {row.days_late} business day{'' if row.days_late == 1 else 's'}"
    return str(row.state)


def _local(time: pd.Timestamp, records: Records) -> str:
    """Return a time where the workbook is."""
    return NOTHING if pd.isna(time) else f"{time.tz_convert(records.settings.workbook.tz):%a %Y-%m-%d %H:%M %Z}"


def aligned(lines: list[list[str]]) -> str:
    """Return rows as lines with aligned columns."""
    widths = [max(len(line[place]) for line in lines) for place in range(len(lines[0]))]
    return "\n".join(
        "  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )
