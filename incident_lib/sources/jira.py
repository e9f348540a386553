"""Jira's CSV export: headers that repeat (labels, comments, links) are folded, times are local and need a stated zone.

The issue type decides whether a row is an incident or an action item, or the file's rule does. Months may be written
in English, German, French or Spanish.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from typing import Any

import pandas as pd

from incident_lib.column_texts import join_names
from incident_lib.errors import SourceError
from incident_lib.sources import delimited
from incident_lib.sources.raw_table import RawTable
from incident_lib.sources.reading import Batch, Reader, Source
from incident_lib.sources.record_fields import USED, Fields, Rows, add_rows, rules_of
from incident_lib.sources.texts import as_texts
from incident_lib.sources.tickets import incident_in, kind_in, table_of
from incident_lib.sources.time_columns import Rules
from incident_lib.tables import INCIDENTS

NAME = "jira"
USUAL_FORMAT = "%d/%b/%y %I:%M %p"
PRIORITIES: dict[str, str | None] = {
    "blocker": "critical", "highest": "critical", "critical": "critical", "major": "high", "high": "high",
    "medium": "medium", "minor": "medium", "low": "low", "trivial": "low", "lowest": "low",
}  # fmt: skip
_DECLINED = re.compile(r"won.?t (do|fix)|declined|duplicate|cannot reproduce|cancell?ed|rejected", re.IGNORECASE)
_MONTHS = {
    "jan": "jän jänner januar janv janvier ene enero", "feb": "februar févr fév février febrero",
    "mar": "mär mrz märz mars marzo", "apr": "april avr avril abr abril", "may": "mai mayo",
    "jun": "juni juin junio", "jul": "juli juil juillet julio", "aug": "august août aoû ago agosto",
    "sep": "sept september septembre septiembre", "oct": "okt oktober octobre octubre",
    "nov": "november novembre noviembre", "dec": "dez dezember déc décembre dic diciembre",
}  # fmt: skip
_ENGLISH = {word: month.capitalize() for month, words in _MONTHS.items() for word in (month, *words.split())}
_TIMES = ("created", "updated", "resolved", "due date")


def recognises(source: Source) -> bool:
    """Return whether the header is that of Jira's CSV export."""
    names = {name.casefold() for name in delimited.header(source)} if not source.path.is_dir() else set()
    return {"issue key", "summary"} <= names and bool(names & {"issue type", "status", "issue id"})


def read(source: Source) -> Batch:
    """Return incidents and action items.

    Raises:
        SourceError: if it can't be read at all, or no time in it can (its format or zone is not stated).
    """
    raw = delimited.read_delimited(source)
    batch = Batch(problems=raw.problems)
    rows: Rows = defaultdict(list)
    outcomes: Counter[str] = Counter()
    rules = _rules(source)
    for place, issue in _folded(raw):
        outcomes[_tell(Fields(issue, place, batch, rules), rows, source)] += 1
    _refuse_if_no_time(batch, rows, source)
    add_rows(batch, rows)
    batch.account(source.name, NAME, "issues", {**outcomes, **raw.skipped})
    return batch


def _rules(source: Source) -> Rules:
    rules = rules_of(source)
    return Rules(rules.zone, rules.time_format or USUAL_FORMAT, rules.aliases)


def _folded(raw: RawTable) -> list[tuple[str, dict[str, Any]]]:
    """Return each row as a record by lower-case header; a header that repeats gives a list of its filled cells."""
    groups: dict[str, list[pd.Series]] = defaultdict(list)
    for name, values in raw.columns.items():
        texts, _ = as_texts(values) if not isinstance(values, list) else (values, {})
        groups[re.sub(r" \(\d+\)$", "", name).casefold()].append(pd.Series(texts.to_pandas()))
    columns = {name: _filled(parts) for name, parts in groups.items()}
    places = raw.places.to_pylist()
    return [(place, {name: values[row] for name, values in columns.items()}) for row, place in enumerate(places)]


def _filled(parts: list[pd.Series]) -> list[Any]:
    """Return a column's cells; where the header repeats, the filled ones of each row as a list."""
    cells = [part.astype(object).where(part.notna(), None).tolist() for part in parts]
    if len(cells) == 1:
        return cells[0]
    return [[cell for cell in row if cell is not None] for row in zip(*cells, strict=True)]


def _tell(issue: Fields, rows: Rows, source: Source) -> str:
    key = issue.text("issue key")
    if key is None:
        issue.problem("no-incident-id", "no issue key; every issue needs one")
        return "skipped: no issue key"
    labels = _listed(issue.raw("labels"))
    table = table_of([issue.text("issue type") or ""], source) or table_of(labels, source)
    if table is None:
        return "skipped: neither an incident nor an action item by its type and labels"
    links = [text for name in issue.data if "issue link (" in name for text in _listed(issue.data[name])]
    issue.of = key if table == INCIDENTS.name else incident_in([issue.text("summary"), *labels, *links], source)
    row = _incident(issue, labels, key) if table == INCIDENTS.name else _action_item(issue, labels, key, links)
    rows[table].append(row)
    return USED


def _listed(value: Any) -> list[str]:
    """Return a folded cell as a list; Jira separates the labels of one cell by spaces."""
    return [word for one in (value if isinstance(value, list) else [value]) if one for word in one.split()]


def _time(issue: Fields, name: str) -> Any:
    """Return a time whose month may be written in another language."""
    value = issue.raw(name)
    return issue.time_of(name, _in_english(value) if isinstance(value, str) else value)


def _in_english(text: str) -> str:
    return re.sub(r"[^\W\d_]{3,}\.?", lambda word: _ENGLISH.get(word[0].rstrip(".").casefold(), word[0]), text)


def _day(issue: Fields, name: str) -> Any:
    found = _time(issue, name)
    return found.date() if found else None


def _incident(issue: Fields, labels: list[str], key: str) -> dict[str, Any]:
    return {
        "incident_id": key,
        "title": issue.text("summary"),
        "severity": issue.severity(issue.raw("priority"), PRIORITIES),
        "resolved_at": _time(issue, "resolved"),
        "first_seen_at": _time(issue, "created"),
        "responders": issue.names("assignee"),
        "services": join_names(_cells(issue.raw("component/s")) + _cells(issue.raw("components"))),
        "summary": issue.text("description"),
        "tags": join_names(labels),
        "references": key,
        "source": issue.place,
        "extra": issue.rest(),
    }


def _cells(value: Any) -> list[str]:
    return [one for one in (value if isinstance(value, list) else [value]) if one]


def _action_item(issue: Fields, labels: list[str], key: str, links: list[str]) -> dict[str, Any]:
    done = (issue.text("status category") or issue.text("status") or "").casefold() in ("done", "closed", "resolved")
    declined = bool(_DECLINED.search(issue.text("resolution") or ""))
    return {
        "incident_id": issue.of or next(iter(links), None),
        "title": issue.text("summary"),
        "kind": kind_in(labels),
        "owner": issue.text("assignee"),
        "status": "declined" if declined else "done" if done else "open",
        "created_on": _day(issue, "created"),
        "due_on": _day(issue, "due date"),
        "done_on": _day(issue, "resolved"),
        "ticket": key,
        "source": issue.place,
        "extra": issue.rest(),
    }


def _refuse_if_no_time(batch: Batch, rows: Rows, source: Source) -> None:
    """Refuse the file if it has times and none can be read: then its rule is missing, not each of its values."""
    refused = [problem for problem in batch.problems if problem.message.partition(":")[0] in _TIMES]
    readable = any(row.get("first_seen_at") or row.get("created_on") for table in rows.values() for row in table)
    if refused and not readable:
        raise SourceError(
            f"{source.name}: {refused[0].message}; no time in it can be read, so state its zone and time_format under "
            "[[files]] in workbook.toml"
        )


READER = Reader(NAME, recognises, read)
