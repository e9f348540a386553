"""The tables of a workbook: each column's name, type and meaning, once; and what a problem is.

Readers produce these columns, everything downstream relies on them, and the data dictionary is printed from them.
"""

from __future__ import annotations

from dataclasses import dataclass

from incident_lib.typed_table import Column, Table
from incident_lib.vocabulary import ACTION_ITEM_KINDS as ACTION_ITEM_KINDS
from incident_lib.vocabulary import SEVERITIES as SEVERITIES

POSTMORTEM_STATUSES = ("draft", "in review", "reviewed", "closed")
ACTION_ITEM_STATUSES = ("open", "done", "declined")
DECISION_STATUSES = ("open", "done", "dropped")
TIMELINE_KINDS = (
    "alert", "acknowledged", "assigned", "escalated", "note", "status", "severity", "mitigated", "resolved", "page",
)  # fmt: skip

_SOURCE = Column("source", "string", "where this row was read: the file, and the place in it")
_EXTRA = Column("extra", "json", "fields of the source that have no column here, as JSON")
_INCIDENT = Column("incident_id", "string", "the incident that it belongs to; empty if none was found")

INCIDENTS = Table(
    "incidents",
    known_from="first_seen_at",
    columns=(
        Column("incident_id", "string", "as the team writes it: INC-2026-042"),
        Column("title", "string", "one line, as the source has it"),
        Column("severity", "severity", "the highest declared so far; critical is the most urgent"),
        Column("started_at", "time", "impact began, UTC"),
        Column("detected_at", "time", "first alert or report, UTC; empty if nobody recorded it"),
        Column("acknowledged_at", "time", "a responder first took it on, UTC"),
        Column("mitigated_at", "time", "impact stopped, UTC"),
        Column("resolved_at", "time", "no response needed any more, UTC; empty: not resolved yet"),
        Column("first_seen_at", "time", "the earliest time at which any source knew of it, UTC"),
        Column("customers", "names", "customers that were affected"),
        Column("services", "names", "services that were affected"),
        Column("incident_commander", "string", "who led the response"),
        Column("responders", "names", "who responded"),
        Column("channel", "string", "the chat channel of the incident, without #"),
        Column("summary", "string", "a longer description"),
        Column("tags", "names", "labels"),
        Column("url", "string", "its page in the tool that it was read from"),
        Column("references", "names", "ids and addresses by which other tools know it"),
        _SOURCE,
        _EXTRA,
    ),
)

TIMELINE = Table(
    "timeline",
    known_from="at",
    columns=(
        _INCIDENT,
        Column("at", "time", "when it happened, UTC"),
        Column("kind", "string", "one of: " + ", ".join(TIMELINE_KINDS)),
        Column("text", "string", "what happened"),
        Column("who", "string", "who did or said it; empty for machines"),
        Column("severity", "severity", "for kind severity: the severity from then on"),
        Column("url", "string", "data link: alert, message or dashboard"),
        _SOURCE,
        _EXTRA,
    ),
)

MESSAGES = Table(
    "messages",
    known_from="at",
    columns=(
        _INCIDENT,
        Column("message_id", "string", "channel and timestamp as the tool writes it: incidents/1772443200.000100"),
        Column("channel", "string", "channel name without #"),
        Column("at", "time", "when it was sent, UTC"),
        Column("who", "string", "the author's name"),
        Column("is_bot", "flag", "written by a program"),
        Column("subtype", "string", "the tool's own kind of message; empty for an ordinary one"),
        Column("text", "string", "as Markdown, with names for mentions"),
        Column("thread_id", "string", "message_id of the thread's first message; empty outside threads"),
        Column("edited_at", "time", "last edit, UTC"),
        Column("reactions", "names", "names of the reactions"),
        Column("pinned", "flag", "pinned to its channel"),
        Column("url", "string", "permanent link"),
        _SOURCE,
        _EXTRA,
    ),
)

POSTMORTEMS = Table(
    "postmortems",
    known_from="created_at",
    columns=(
        _INCIDENT,
        Column("title", "string", "the page's title"),
        Column("owner", "string", "who sees that it gets done"),
        Column("status", "string", "one of: " + ", ".join(POSTMORTEM_STATUSES)),
        Column("created_at", "time", "the page was created, UTC"),
        Column("assigned_at", "time", "the owner was named, UTC"),
        Column("meeting_at", "time", "the post-mortem meeting, UTC"),
        Column("completed_at", "time", "the page was complete and went into review, UTC"),
        Column("reviewed_at", "time", "it was reviewed, UTC"),
        Column("closed_at", "time", "everything was done, UTC"),
        Column("not_needed", "string", "why this incident needs no post-mortem; empty: it needs one if it is major"),
        Column("recording", "string", "address of the call recording"),
        Column("sections", "json", "the page's text by heading"),
        Column("path", "string", "the page's file, relative to the workbook"),
        _SOURCE,
        _EXTRA,
    ),
)

ACTION_ITEMS = Table(
    "action_items",
    known_from="created_on",
    columns=(
        _INCIDENT,
        Column("item", "integer", "its number within the incident, from 1"),
        Column("title", "string", "the work to do"),
        Column("kind", "string", "one of: " + ", ".join(ACTION_ITEM_KINDS)),
        Column("owner", "string", "who does it"),
        Column("status", "string", "one of: " + ", ".join(ACTION_ITEM_STATUSES)),
        Column("created_on", "date", "when it was written down"),
        Column("due_on", "date", "the day by which it is to be done"),
        Column("done_on", "date", "when it was done or declined"),
        Column("because", "string", "why it was declined"),
        Column("touches", "string", "restart or change, if it touches customer systems"),
        Column("customers", "names", "the customers whose systems it touches"),
        Column("ticket", "string", "its address in the ticket system"),
        _SOURCE,
        _EXTRA,
    ),
)

FOLLOW_UPS = Table(
    "follow_ups",
    known_from="at",
    columns=(
        _INCIDENT,
        Column("step", "string", "the follow-up step's id in the settings"),
        Column("state", "string", "done or not needed"),
        Column("at", "time", "when, UTC"),
        Column("by", "string", "by whom"),
        Column("because", "string", "why it is not needed"),
        _SOURCE,
    ),
)

PEOPLE = Table(
    "people",
    columns=(
        Column("name", "string", "as it is written in pages"),
        Column("email", "string", "address"),
        Column("handle", "string", "chat name or id"),
        Column("roles", "names", "incident commander, on-call, customer liaison, …"),
        Column("team", "string", "team"),
        Column("zone", "string", "time zone, as in Europe/Berlin"),
        Column("interested", "flag", "asked to be invited to process reviews"),
        _SOURCE,
    ),
)

DECISIONS = Table(
    "decisions",
    known_from="decided_on",
    columns=(
        Column("review", "string", "the review that took it: 2026-Q3"),
        Column("decision", "integer", "its number within the review, from 1"),
        Column("text", "string", "what was decided"),
        Column("owner", "string", "who sees to it"),
        Column("decided_on", "date", "when"),
        Column("due_on", "date", "by when"),
        Column("status", "string", "one of: " + ", ".join(DECISION_STATUSES)),
        Column("closed_on", "date", "when it was done or dropped"),
        Column("because", "string", "why it was dropped"),
        _SOURCE,
    ),
)

PROBLEMS = Table(
    "problems",
    columns=(
        Column("rule", "string", "which rule found it"),
        Column("message", "string", "what is wrong, and what was expected"),
        Column("effect", "string", "what it cost: file left out, row left out, value left out, or kept"),
        Column("incident_id", "string", "the incident concerned, where there is one"),
        _SOURCE,
    ),
)

ACCOUNTS = Table(
    "accounts",
    columns=(
        Column("source", "string", "the file"),
        Column("format", "string", "the reader that read it"),
        Column("kind", "string", "incidents, messages, pages, …"),
        Column("outcome", "string", "used, or skipped with the reason"),
        Column("rows", "integer", "how many"),
    ),
)

TABLES = (
    INCIDENTS, TIMELINE, MESSAGES, POSTMORTEMS, ACTION_ITEMS, FOLLOW_UPS, PEOPLE, DECISIONS, PROBLEMS, ACCOUNTS,
)  # fmt: skip


@dataclass(frozen=True)
class Problem:
    """One thing that could not be read or believed, with its place; becomes a row of ``problems``."""

    rule: str
    message: str
    source: str
    effect: str = "row left out"
    incident_id: str | None = None

    def __str__(self) -> str:
        return f"{self.message} @ {self.source}"
