"""GitHub issues as the API lists them, where incidents and action items are kept as issues.

A label decides which of the two an issue is ("incident", "action item"), or the file's rule does; other issues and pull
requests are accounted for and left out.
"""

from __future__ import annotations

import re
from typing import Any

from incident_lib.column_texts import join_names, split_names
from incident_lib.sources.json_records import first_keys
from incident_lib.sources.reading import Batch, Reader, Source
from incident_lib.sources.record_fields import USED, Fields, Rows, tell_records
from incident_lib.sources.tickets import incident_in, kind_in, severity_in, table_of
from incident_lib.tables import INCIDENTS

NAME = "github_issues"


def recognises(source: Source) -> bool:
    """Return whether the file holds GitHub's issues."""
    return first_keys(source).have("number", "title", "state", "labels", "user", "html_url")


def read(source: Source) -> Batch:
    """Return incidents and action items.

    Raises:
        SourceError: if the file is not JSON.
    """

    def tell(issue: Fields, rows: Rows) -> str:
        return _tell(issue, rows, source)

    return tell_records(source, NAME, tell, envelopes=("issue", "items", "issues"), kind="issues")


def _tell(issue: Fields, rows: Rows, source: Source) -> str:
    if issue.data.get("pull_request"):
        return "skipped: pull request"
    labels = split_names(issue.names("labels"))
    table = table_of([*labels, issue.text("type", "name") or ""], source)
    if table is None:
        return "skipped: no label of an incident or action item"
    issue.of = incident_in([issue.text("title"), issue.text("body")], source)
    if table == INCIDENTS.name:
        issue.of = issue.of or _short_name(issue)
        rows[table].append(_incident(issue, labels, source))
    else:
        rows[table].append(_action_item(issue, labels))
    return USED


def _short_name(issue: Fields) -> str:
    """Return an issue's name as GitHub writes it ("northlight/ops#12")."""
    address = issue.text("html_url") or ""
    match = re.search(r"/([^/]+/[^/]+)/issues/\d+$", address)
    return f"{match[1] if match else ''}#{issue.text('number')}"


def _incident(issue: Fields, labels: list[str], source: Source) -> dict[str, Any]:
    declined = issue.raw("state_reason") in ("not_planned", "duplicate")
    return {
        "incident_id": issue.of,
        "title": issue.text("title"),
        "severity": severity_in(labels, source),
        "resolved_at": None if declined else issue.time("closed_at"),
        "first_seen_at": issue.time("created_at"),
        "responders": issue.names("assignees", "login"),
        "summary": issue.text("body"),
        "tags": issue.names("labels"),
        "url": issue.text("html_url"),
        "references": join_names([_short_name(issue), issue.text("html_url")]),
        "source": issue.place,
        "extra": issue.rest("reactions"),
    }


def _action_item(issue: Fields, labels: list[str]) -> dict[str, Any]:
    declined = issue.raw("state_reason") in ("not_planned", "duplicate")
    closed = issue.raw("state") == "closed"
    due = issue.time_of("milestone.due_on", issue.raw("milestone", "due_on"))
    return {
        "incident_id": issue.of,
        "title": issue.text("title"),
        "kind": kind_in(labels),
        "owner": issue.text("assignee", "login"),
        "status": ("declined" if declined else "done") if closed else "open",
        "created_on": issue.date_of("created_at"),
        "due_on": due.date() if due else None,
        "done_on": issue.date_of("closed_at"),
        "ticket": issue.text("html_url"),
        "source": issue.place,
        "extra": issue.rest("reactions"),
    }


READER = Reader(NAME, recognises, read)
