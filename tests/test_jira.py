"""Jira's CSV export: folded headers, local times in several languages, incidents and action items."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from incident_lib.errors import SourceError
from incident_lib.settings import FileRule, Settings
from incident_lib.sources.jira import READER
from incident_lib.sources.reading import Batch, Source

HEAD = (
    "Summary,Issue key,Issue id,Issue Type,Status,Priority,Resolution,Assignee,Created,Resolved,Due date,Labels,Labels,"
    "Status Category,Inward issue link (Relates),Comment,Comment\n"
)
INCIDENT = (
    "Mail delayed,OPS-1,1001,Incident,Done,High,Done,Tom Okafor,02/Mar/26 9:14 AM,02/Mar/26 10:40 AM,,mail,eu west,"
    'Done,,"02/Mar/26 9:20 AM;tom;Queue, grows",\n'
)
TASK = (
    "Add an alert,OPS-2,1002,Task,Open,Low,,Ana Lima,03/Mär/26 8:00 AM,,01/Apr/26 12:00 AM,detect,,"
    "To Do,INC-2026-042,,\n"
)


@pytest.fixture
def source(tmp_path):
    """Return a function that writes an export with its byte order mark and gives it as a source."""

    def write(content: str, **rule) -> Source:
        (tmp_path / "jira.csv").write_text(content, encoding="utf-8-sig")
        return Source(tmp_path / "jira.csv", "jira.csv", Settings(files=(FileRule(path="*", **rule),)))

    return write


def only(batch: Batch, table: str) -> dict:
    """Return the only row of a table with its filled fields."""
    [(_, row)] = batch.tables[table].iterrows()
    return row.dropna().to_dict()


def test_incident(source):
    """Local times are read in the stated zone, repeated headers are folded, what has no column is kept."""
    file = source(HEAD + INCIDENT, zone="Europe/Berlin")
    row = only(READER.read(file), "incidents")

    assert READER.recognises(file)
    assert (row["incident_id"], row["severity"], row["tags"]) == ("OPS-1", "high", "mail; eu; west")
    assert (row["first_seen_at"], row["resolved_at"]) == (
        pd.Timestamp("2026-03-02T08:14Z"), pd.Timestamp("2026-03-02T09:40Z"))  # fmt: skip
    assert json.loads(row["extra"])["comment"] == ["02/Mar/26 9:20 AM;tom;Queue, grows"]
    assert row["source"] == "jira.csv line 2"


def test_action_item(source):
    """A task belongs to the incident that its links name; its label is its kind."""
    row = only(READER.read(source(HEAD + TASK, zone="Europe/Berlin")), "action_items")

    assert (row["incident_id"], row["title"], row["kind"]) == ("INC-2026-042", "Add an alert", "detect")
    assert (row["owner"], row["status"], row["ticket"]) == ("Ana Lima", "open", "OPS-2")
    assert row["created_on"] == pd.Timestamp("2026-03-03")


@pytest.mark.parametrize(("resolution", "category", "status"), [
    ("Done", "Done", "done"), ("Won't Do", "Done", "declined"), ("", "In Progress", "open")])  # fmt: skip
def test_state_of_an_action_item(source, resolution, category, status):
    """A resolution that means no makes it declined; the status category tells done from open."""
    task = TASK.replace("Low,,", f"Low,{resolution},").replace("To Do", category)

    assert only(READER.read(source(HEAD + task, zone="UTC")), "action_items")["status"] == status


@pytest.mark.parametrize(("written", "month"), [
    ("Mär", 3), ("Dez", 12), ("Okt.", 10), ("févr.", 2), ("août", 8), ("mai", 5), ("Ene", 1), ("Jun", 6)])  # fmt: skip
def test_months_of_other_languages(source, written, month):
    """German, French and Spanish months are read, with or without a full stop."""
    found = only(READER.read(source(HEAD + INCIDENT.replace("Mar", written), zone="UTC")), "incidents")

    assert found["first_seen_at"] == pd.Timestamp(2026, month, 2, 9, 14, tz="UTC")


def test_own_format_of_times(source):
    """The rule's format wins over Jira's usual one."""
    text = (HEAD + INCIDENT).replace("02/Mar/26 9:14 AM", "2026-03-02 09:14").replace("02/Mar/26 10:40 AM", "")
    row = only(READER.read(source(text, zone="UTC", time_format="%Y-%m-%d %H:%M")), "incidents")

    assert row["first_seen_at"] == pd.Timestamp("2026-03-02T09:14Z")


def test_times_without_a_zone_are_refused_in_one_sentence(source):
    """Jira writes no zone, so one must be stated; a single bad time costs itself only."""
    with pytest.raises(SourceError, match=r"jira.csv: resolved: time has no UTC offset.*state its zone"):
        READER.read(source(HEAD + INCIDENT))
    batch = READER.read(source(HEAD + INCIDENT.replace("02/Mar/26 10:40 AM", "later"), zone="UTC"))
    assert [(problem.effect, problem.message) for problem in batch.problems] == [
        ("value left out", "resolved: not a time in the format '%d/%b/%y %I:%M %p': 'later'")]  # fmt: skip


def test_others_are_accounted_for(source):
    """Other types are left out unless the rule names a table; a row without a key is a problem."""
    text = HEAD + INCIDENT + INCIDENT.replace("Incident", "Story") + TASK.replace("OPS-2", "")
    batch = READER.read(source(text, zone="UTC"))
    all_of_them = READER.read(source(text, zone="UTC", table="incidents"))

    assert {account["outcome"]: account["rows"] for account in batch.accounts} == {
        "used": 1, "skipped: neither an incident nor an action item by its type and labels": 1,
        "skipped: no issue key": 1,
    }  # fmt: skip
    assert str(batch.problems[0]) == "no issue key; every issue needs one @ jira.csv line 4"
    assert len(all_of_them.tables["incidents"]) == 2
