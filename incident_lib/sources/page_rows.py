"""A foreign page's timeline as rows, the incident's times that they mark, and what contradicts them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from incident_lib.errors import FieldError
from incident_lib.sources import page_marks
from incident_lib.sources.fields import as_json
from incident_lib.sources.page_durations import Spans, contradictions
from incident_lib.sources.page_marks import words_for
from incident_lib.sources.page_reading import NAME, ForeignPage
from incident_lib.sources.page_timeline import Found
from incident_lib.sources.stated_durations import StatedDuration
from incident_lib.tables import TIMELINE

_STARTS = ("start", "started", "started at", "start time", "incident start", "impact start", "began", "start of impact")
_ENDS = (
    "end", "ended", "ended at", "end time", "incident end", "impact end", "resolved", "resolved at", "recovered at",
    "end of impact",
)  # fmt: skip
_KINDS = {page_marks.MITIGATED: "mitigated", page_marks.RESOLVED: "resolved"}


def timeline_rows(page: ForeignPage, found: Found) -> list[dict[str, Any]]:
    """Return the timeline's rows; each that has no readable time becomes a problem with its line."""
    rows: list[dict[str, Any]] = []
    outcomes: Counter[str] = Counter()
    for entry in found.entries:
        place = page.place(entry.line)
        try:
            if entry.problem:
                raise FieldError(entry.problem)
            reading = page.clock.read(entry)
        except FieldError as error:
            page.problem("unreadable-row", f"timeline: {error}", place, "row left out")
            outcomes["skipped: unreadable"] += 1
            continue
        for rule, message in reading.notes:
            page.problem(rule, message, place)
        outcomes["used"] += 1
        written = entry.written
        extra = {"until": written.until, "approximate": written.approximate or None} if written else {}
        rows.append({"incident_id": page.incident_id, "at": reading.at, "kind": "page", "text": entry.text or None,
                     "url": entry.link, "source": place, "extra": as_json(extra)})  # fmt: skip
    if found.line is not None and not found.entries:
        message = "a section is called timeline, but no row in it begins with a time"
        page.problem("no-timeline", message, page.place(found.line))
    page.batch.account(page.source.name, NAME, "timeline rows", outcomes)
    return rows


@dataclass
class IncidentTimes:
    """The incident's times, the rows that gave them, and what is to be known of that (for ``extra``)."""

    at: dict[str, datetime | None]
    notes: dict[str, Any]


def incident_times(page: ForeignPage, rows: list[dict[str, Any]], *, telling: int = 0) -> IncidentTimes:
    """Return the times that the page states or its rows mark; marks the rows of the end in the timeline.

    The rows before ``telling`` mark nothing: a status page's announcement may hold words that were added later.
    """
    began, ended = page.stated_time(_STARTS), page.stated_time(_ENDS)
    at: dict[str, datetime | None] = {"started_at": began or min((row["at"] for row in rows), default=None)}
    notes: dict[str, Any] = {"started_at_is": "stated" if began else "the first row of the timeline" if rows else None}
    for name, pick in ((page_marks.DETECTED, min), (page_marks.MITIGATED, max), (page_marks.RESOLVED, max)):
        marked = [row for row in rows[telling:] if name in page_marks.marks_of(row["text"] or "")]
        if name == page_marks.DETECTED:
            marked = [row for row in marked if not words_for(row["text"], page_marks.RESOLVED)]
        chosen = pick(marked, key=lambda row: row["at"]) if marked else None
        at[name] = chosen["at"] if chosen else None
        if chosen:
            notes[f"{name}_is"] = f"{chosen['source']}: {words_for(chosen['text'], name)!r}"
            chosen["kind"] = _KINDS.get(name, chosen["kind"])
    if ended:
        at["resolved_at"], notes["resolved_at_is"] = ended, "stated"
    if at["resolved_at"] is None:
        said = "the page says that it is resolved, but not when" if page.split.front.get("resolved") is True else (
            "neither the page nor a row of its timeline says when it ended")  # fmt: skip
        page.problem("no-end", f"{said}; it counts as not resolved")
    page.batch.add(TIMELINE, rows)
    return IncidentTimes(at, notes)


def note_contradictions(
    page: ForeignPage, rows: list[dict[str, Any]], times: IncidentTimes, stated: list[StatedDuration]
) -> None:
    """Note where stated durations and days differ from what the timeline says."""
    spans = Spans.of([row["at"] for row in rows], times.at)
    for duration, message in contradictions(stated, spans):
        page.problem("contradiction", message, page.place(duration.line))
    first_day = min((*page.clock.days, *(row["at"].date() for row in rows[:1])), default=None)
    claims = page.day.said_in in ("title", "line 'Date'", "front matter")
    if first_day and page.day.day and claims and abs(first_day - page.day.day) > timedelta(days=1):
        message = f"the {page.day.said_in} says {page.day.day}, but the timeline begins on {first_day}"
        page.problem("contradiction", f"{message}; the timeline is believed")
