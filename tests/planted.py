"""Workbooks by the book, and one violation of each rule to plant into them: what the tests of rules build on."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd

from incident_lib.records import Records
from incident_lib.review.rules import RULES
from incident_lib.settings import parse_settings
from incident_lib.tables import TABLES

NAMES = [rule.id for rule in RULES]
SETTINGS = '[deadlines]\npage = {critical = "3 business days", high = "3 business days"}'
AS_OF = pd.Timestamp("2026-12-01T00:00:00Z")
MINUTE, HOUR, DAY = pd.Timedelta(minutes=1), pd.Timedelta(hours=1), pd.Timedelta(days=1)
SECTIONS = {
    "Overview": "It was slow.",
    "Contributing factors": "- A full disk.",
    "Resolution": "Cleared.",
    "Impact": "Two customers.",
}


class Book:
    """The rows of one workbook by table, made by the book; ``records`` makes them into records."""

    def __init__(self, seed: int, incidents: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.rows: dict[str, list[dict]] = {table.name: [] for table in TABLES}
        for number in range(incidents):
            self._add(f"INC-2026-{number:03}")

    def _add(self, name: str) -> None:
        """Add an incident that was resolved on a Monday, early enough that all its times lie in the past."""
        week = pd.Timestamp("2026-01-05T00:00:00Z") + int(self.rng.integers(0, 30)) * 7 * DAY
        detected = week + int(self.rng.integers(6 * 60, 12 * 60)) * MINUTE
        resolved = detected + int(self.rng.integers(70, 240)) * MINUTE
        day = f"{detected:%Y%m%d}"
        self.rows["incidents"].append(
            {
                "incident_id": name,
                "title": "Mail delayed",
                "severity": "critical",
                "started_at": detected - 10 * MINUTE,
                "detected_at": detected,
                "acknowledged_at": detected + int(self.rng.integers(1, 14)) * MINUTE,
                "resolved_at": resolved,
                "first_seen_at": detected,
                "tags": f"critical; critical_{day}; mail",
                "customers": "Brightwater",
                "services": "mail",
                "source": "register",
            }
        )
        at = detected + int(self.rng.integers(3, 29)) * MINUTE
        while at < resolved:
            self._event(name, "status", at)
            at += int(self.rng.integers(10, 59)) * MINUTE
        self._event(name, "page", detected, url="https://graphs.example/1")
        self._page(name, week, resolved)

    def _event(self, name: str, kind: str, at: pd.Timestamp, **more: str) -> None:
        self.rows["timeline"].append(
            {"incident_id": name, "kind": kind, "at": at, "text": "so it was", "source": "log", **more}
        )

    def _page(self, name: str, week: pd.Timestamp, resolved: pd.Timestamp) -> None:
        soon = resolved + int(self.rng.integers(20, 300)) * MINUTE
        done_on = (week + 4 * DAY).tz_localize(None)
        steps = {
            "page-created": soon,
            "owner-assigned": soon,
            "internal-email": soon,
            "tasks-recorded": soon,
            "meeting-scheduled": soon,
            "slack-reviewed": week + DAY + 12 * HOUR,
            "customer-contacted": week + DAY + 9 * HOUR,
            "page-completed": week + 2 * DAY + 9 * HOUR,
            "page-shared": week + 2 * DAY + 10 * HOUR,
            "meeting-held": week + 4 * DAY + 15 * HOUR,
            "external-message": week + 4 * DAY,
            "all-clear": week + 7 * DAY + 9 * HOUR,
            "closed": week + 9 * DAY,
        }
        self.rows["postmortems"].append(
            {
                "incident_id": name,
                "owner": "Priya",
                "status": "closed",
                "created_at": soon,
                "assigned_at": soon,
                "meeting_at": steps["meeting-held"],
                "completed_at": steps["page-completed"],
                "reviewed_at": steps["meeting-held"],
                "closed_at": steps["closed"],
                "sections": json.dumps(SECTIONS),
                "source": "page",
            }
        )
        for step, at in steps.items():
            self.rows["follow_ups"].append(
                {"incident_id": name, "step": step, "state": "done", "at": at, "source": "page"}
            )
        task = {
            "incident_id": name,
            "owner": "Priya",
            "status": "done",
            "created_on": done_on - 3 * DAY,
            "due_on": done_on + DAY,
            "done_on": done_on,
            "touches": "restart",
            "source": "page",
        }
        for item, kind in enumerate(("clean-up", "prevent"), start=1):
            self.rows["action_items"].append({**task, "item": item, "title": f"Do {kind}", "kind": kind})

    def of(self, table: str, name: str) -> list[dict]:
        """Return an incident's rows of a table."""
        return [row for row in self.rows[table] if row["incident_id"] == name]

    def one(self, table: str, name: str) -> dict:
        """Return an incident's only (or first) row of a table."""
        return self.of(table, name)[0]

    def step(self, name: str, step: str) -> dict:
        """Return an incident's row of a follow-up step."""
        return next(row for row in self.of("follow_ups", name) if row["step"] == step)

    def drop(self, table: str, name: str, **which: str) -> None:
        """Remove an incident's rows of a table that have these values."""
        self.rows[table] = [
            row
            for row in self.rows[table]
            if row["incident_id"] != name or any(row.get(key) != value for key, value in which.items())
        ]

    def records(self) -> Records:
        """Return the rows as records."""
        frames = {table.name: table.frame(self.rows[table.name]) for table in TABLES}
        return Records(folder=Path(), settings=parse_settings(SETTINGS), as_of=AS_OF, sources={}, **frames)


def _late(book: Book, name: str, step: str, by: pd.Timedelta, page: str | None = None) -> None:
    row = book.step(name, step)
    row["at"] += by
    if page:
        book.one("postmortems", name)[page] = row["at"]


def _page_after_meeting(book: Book, name: str) -> None:
    """Move the meeting to before the page was complete, though the page was shared a day before it."""
    complete = book.step(name, "page-completed")["at"]
    for row, key in ((book.step(name, "meeting-held"), "at"), (book.one("postmortems", name), "meeting_at")):
        row[key] = complete - 2 * HOUR
    book.step(name, "page-shared")["at"] = complete - 27 * HOUR


def _meeting_late(book: Book, name: str) -> None:
    for row, key in ((book.step(name, "meeting-held"), "at"), (book.one("postmortems", name), "meeting_at")):
        row[key] += 7 * DAY


def _silence(book: Book, name: str) -> None:
    """Keep only the first update, and let the incident last until an hour and more after it."""
    first = min((row for row in book.of("timeline", name) if row["kind"] == "status"), key=lambda row: row["at"])
    book.drop("timeline", name, kind="status")
    book.rows["timeline"].append(first)
    incident = book.one("incidents", name)
    incident["resolved_at"] = max(incident["resolved_at"], first["at"] + 61 * MINUTE)


def _first_update_late(book: Book, name: str) -> None:
    """Let the first update come after 31 minutes, and others often enough after it."""
    book.drop("timeline", name, kind="status")
    incident = book.one("incidents", name)
    at = incident["detected_at"] + 31 * MINUTE
    while at < incident["resolved_at"]:
        book._event(name, "status", at)
        at += 40 * MINUTE


def _contact_late(book: Book, name: str) -> None:
    book.step(name, "customer-contacted")["at"] += 4 * DAY


def _set(table: str, **values: object):
    def plant(book: Book, name: str) -> None:
        book.one(table, name).update(values)

    return plant


def _done_late(book: Book, name: str) -> None:
    book.one("action_items", name)["due_on"] -= 2 * DAY


def _acknowledged_late(book: Book, name: str) -> None:
    incident = book.one("incidents", name)
    incident["acknowledged_at"] = incident["detected_at"] + 16 * MINUTE


VIOLATIONS = {
    "acknowledged": _acknowledged_late,
    "first-update": _first_update_late,
    "status-updates": _silence,
    "page-created": lambda book, name: _late(book, name, "page-created", 3 * DAY, "created_at"),
    "owner-named": lambda book, name: _late(book, name, "owner-assigned", 3 * DAY, "assigned_at"),
    "internal-mail": lambda book, name: _late(book, name, "internal-email", 3 * DAY),
    "tasks-recorded": lambda book, name: _late(book, name, "tasks-recorded", 3 * DAY),
    "tasks-owned": _set("action_items", owner=None),
    "tasks-dated": lambda book, name: book.of("action_items", name)[1].update(due_on=None),
    "clean-up-in-time": _done_late,
    "chat-reviewed": lambda book, name: _late(book, name, "slack-reviewed", 3 * DAY),
    "customers-first": _contact_late,
    "all-clear": lambda book, name: _late(book, name, "all-clear", 5 * DAY),
    "meeting-scheduled": lambda book, name: _late(book, name, "meeting-scheduled", 3 * DAY),
    "page-in-time": lambda book, name: _late(book, name, "page-completed", 2 * DAY - 2 * HOUR, "completed_at"),
    "page-first": _page_after_meeting,
    "page-shared": lambda book, name: _late(book, name, "page-shared", 2 * DAY),
    "meeting-in-time": _meeting_late,
    "data-links": lambda book, name: next(r for r in book.of("timeline", name) if r["kind"] == "page").pop("url"),
    "sections-written": _set(
        "postmortems", sections=json.dumps({**SECTIONS, "Resolution": "_To write: what ended it?_"})
    ),
    "tags": _set("incidents", tags="critical; mail"),
    "external-message": lambda book, name: book.drop("follow_ups", name, step="external-message"),
    "closed": lambda book, name: _late(book, name, "closed", 7 * DAY, "closed_at"),
}


def _no_time(*columns: str, step: str | None = None):
    """Remove when something was done: from the page, and its line from the checklist with all others."""

    def remove(book: Book, name: str) -> None:
        if step:
            book.drop("follow_ups", name)
            book.drop("action_items", name)
        book.one("postmortems", name).update(dict.fromkeys(columns))

    return remove


REMOVALS = {
    "acknowledged": _set("incidents", acknowledged_at=None),
    "first-update": lambda book, name: book.drop("timeline", name, kind="status"),
    "status-updates": lambda book, name: book.drop("timeline", name, kind="status"),
    **{
        rule: _no_time(
            "created_at", "assigned_at", "meeting_at", "completed_at", "reviewed_at", "closed_at", step="all"
        )
        for rule in (
            "page-created",
            "owner-named",
            "internal-mail",
            "tasks-recorded",
            "chat-reviewed",
            "customers-first",
            "all-clear",
            "meeting-scheduled",
            "page-in-time",
            "page-first",
            "page-shared",
            "meeting-in-time",
            "external-message",
            "closed",
        )
    },
    **{
        rule: lambda book, name: book.drop("action_items", name)
        for rule in ("tasks-owned", "tasks-dated", "clean-up-in-time")
    },
    "data-links": lambda book, name: book.drop("timeline", name, kind="page"),
    "sections-written": _set("postmortems", sections=None),
    "tags": _set("incidents", tags=None),
}


def planted_book(seed: int) -> tuple[Book, set[tuple[str, str]]]:
    """Return a random book in which each rule is violated in one incident, and which is where."""
    book = Book(seed, len(NAMES) + 2)
    order = book.rng.permutation(len(NAMES) + 2)[: len(NAMES)]
    planted = {(f"INC-2026-{place:03}", rule) for place, rule in zip(order, NAMES, strict=True)}
    for name, rule in planted:
        VIOLATIONS[rule](book, name)
    return book, planted


def broken_in(results: pd.DataFrame) -> set[tuple[str, str]]:
    """Return which rule is broken in which incident."""
    return set(results.loc[results["state"] == "broken", ["incident_id", "rule"]].itertuples(index=False, name=None))
