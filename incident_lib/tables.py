"""The tables of a workbook: each column's name, type and meaning, once; Records; Problem.

Readers produce these columns, everything downstream relies on them, and the data dictionary is printed from them.

Kinds and how pandas holds them: ``string`` and ``names`` are ``str`` (a missing text is NaN; several names stand in
one text, separated by "; "), ``time`` is ``datetime64[us, UTC]``, ``date`` is ``datetime64[us]`` at midnight without
a zone, ``flag`` is ``bool``, ``integer`` is ``Int64``, ``severity`` an ordered categorical, ``json`` a JSON text with
sorted keys.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from incident_lib.vocabulary import ACTION_ITEM_KINDS as ACTION_ITEM_KINDS
from incident_lib.vocabulary import SEVERITIES as SEVERITIES

SEVERITY_DTYPE = pd.CategoricalDtype(list(SEVERITIES), ordered=True)
POSTMORTEM_STATUSES = ("draft", "in review", "reviewed", "closed")
ACTION_ITEM_STATUSES = ("open", "done", "declined")
DECISION_STATUSES = ("open", "done", "dropped")
TIMELINE_KINDS = (
    "alert", "acknowledged", "assigned", "escalated", "note", "status", "severity", "mitigated", "resolved", "page",
)  # fmt: skip

DTYPES: dict[str, Any] = {
    "string": "str",
    "names": "str",
    "json": "str",
    "time": "datetime64[us, UTC]",
    "date": "datetime64[us]",
    "flag": "bool",
    "integer": "Int64",
    "severity": SEVERITY_DTYPE,
}


@dataclass(frozen=True)
class Column:
    """One column: its name, its kind (a key of ``DTYPES``), and what it means."""

    name: str
    kind: str
    meaning: str


@dataclass(frozen=True)
class Table:
    """A table's name and columns; builds typed frames from rows or from other frames.

    ``known_from`` names the time column that decides whether a row was known at a time ("as of"); without one, a row
    is known always.
    """

    name: str
    columns: tuple[Column, ...]
    known_from: str | None = None

    @property
    def names(self) -> list[str]:
        """Return the column names in order."""
        return [column.name for column in self.columns]

    def of_kind(self, *kinds: str) -> list[str]:
        """Return the names of the columns of these kinds."""
        return [column.name for column in self.columns if column.kind in kinds]

    def frame(self, rows: Iterable[Mapping[str, Any]] = ()) -> pd.DataFrame:
        """Return rows (dictionaries; a missing key is a missing value) as a typed frame of exactly these columns."""
        rows = list(rows)
        return self.conform(pd.DataFrame(rows, columns=self.names)) if rows else _without_rows(self).copy(deep=False)

    def conform(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return the frame with exactly these columns, each of its type; what is absent becomes missing."""
        if list(frame) == self.names and all(
            frame[column.name].dtype == DTYPES[column.kind] for column in self.columns
        ):
            return frame
        return pd.DataFrame(
            {column.name: _typed(frame.get(column.name), column.kind, frame.index) for column in self.columns}
        )


@cache
def _without_rows(table: Table) -> pd.DataFrame:
    """Return a table's frame without rows, made once: most tables of most batches are empty."""
    return table.conform(pd.DataFrame(columns=table.names))


def _typed(values: pd.Series | None, kind: str, index: pd.Index) -> pd.Series:
    """Return values as the kind's type; None gives a column of missing values."""
    if values is None:
        return pd.Series(False if kind == "flag" else None, index=index, dtype=DTYPES[kind])
    if values.dtype == DTYPES[kind]:
        return values
    if kind == "flag":
        return values.eq(True).fillna(False).astype(bool)
    if kind == "time":
        return pd.to_datetime(values, utc=True, format="ISO8601").astype(DTYPES[kind])
    if kind == "date":
        return pd.to_datetime(values, format="ISO8601").astype(DTYPES[kind])
    return values.astype(DTYPES[kind])


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


def spelled(codes: np.ndarray, words: Sequence[str], index: pd.Index) -> pd.Series:
    """Return a column of texts from the number of each row's word; a negative number is a missing text."""
    coded = pa.DictionaryArray.from_arrays(pa.array(codes, mask=codes < 0), pa.array(words, pa.large_string()))
    return pd.Series(coded.cast(pa.large_string()).to_pandas().array, index=index)


def translated(texts: pd.Series, words: Mapping[str, str]) -> pd.Series:
    """Return what each text stands for; missing where ``words`` doesn't tell."""
    return spelled(places_in(pd.Series(list(words), dtype="str"), texts), list(words.values()), texts.index)


def places_in(known: pd.Series, texts: pd.Series) -> np.ndarray:
    """Return the place at which each text stands among the known ones, each of them once; -1 for any other."""
    # .array, since Arrow looks for a method of its own on a Series, and pandas for a row of that name in its index
    words = pa.array(known.array, pa.large_string())
    places = pc.index_in(pa.array(texts.array, pa.large_string()), value_set=words, skip_nulls=True)
    return places.fill_null(-1).to_numpy()


def join_names(names: Iterable[str | None]) -> str | None:
    """Return several names as one text ("a; b"), each once, in order; None if there are none."""
    kept = dict.fromkeys(name.replace(";", ",").strip() for name in names if name and name.strip())
    return "; ".join(kept) or None


def split_names(text: Any) -> list[str]:
    """Return the names in a text that ``join_names`` made; none for a missing value."""
    return [name for name in text.split("; ") if name] if isinstance(text, str) else []
