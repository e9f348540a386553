"""One incident's timeline and facts, each row with its evidence."""

from __future__ import annotations

import json
import zipfile
from io import BytesIO

import pandas as pd
import pytest
from factories import page

from incident_lib.facts import (
    customers_mentioned,
    duration_in_words,
    minutes_in,
    proposed_tasks,
    responders,
    severity_stays,
)
from incident_lib.timeline import data_links, incident_timeline, message_account, message_choices, silences

START = 1772452800  # 2026-03-02 12:00 UTC
TALK = [
    ("U1", 6, "scribe: queue at 9,000"),
    ("U2", 7, "morning all"),
    ("U2", 9, "graph: https://grafana.example/d/1"),
    ("U2", 9.5, "graph: https://grafana.example/d/1"),
    ("U1", 30, "TODO: alert on the deferred queue"),
    ("U1", 40, "we rolled back mail-02"),
    ("U2", 50, "Zenith Bank called as well"),
]
CUSTOMERS = '[[customers]]\nname = "Zenith Bank"\naliases = ["zenith"]\n'


def export(talk: list[tuple[str, float, str]] = TALK, channel: str = "inc-2026-042") -> bytes:
    """Return a Slack export with one channel; minutes count from noon."""
    users = [{"id": "U1", "name": "priya", "real_name": "Priya Raman"}, {"id": "U2", "name": "tom", "real_name": "Tom Okafor"}]
    messages = [{"type": "message", "user": user, "text": text, "ts": f"{START + int(minute * 60)}.{number:06}"}
                for number, (user, minute, text) in enumerate(talk)]  # fmt: skip
    files = {"users.json": users, "channels.json": [{"id": "C1", "name": channel, "created": 1}],
             f"{channel}/2026-03-02.json": messages}  # fmt: skip
    stream = BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, json.dumps(content))
    return stream.getvalue()


@pytest.fixture
def records(loaded):
    """Return the records of a page and its channel."""
    return loaded(page(), files={"slack/export.zip": export()}, settings=CUSTOMERS)


def test_the_timeline_is_in_order_with_milestones_in_words(records):
    """It begins with the beginning and ends with the resolution, whatever the sources."""
    timeline = incident_timeline(records, "INC-2026-042")

    assert timeline["at"].is_monotonic_increasing
    assert timeline["milestone"].dropna().tolist() == ["began", "detected", "resolved"]
    assert timeline["source"].notna().all()


def test_every_message_has_one_reason_and_the_reasons_add_up(records):
    """Read = used + skipped, each with why."""
    account = message_account(message_choices(records, "INC-2026-042"))

    assert account["messages"].sum() == len(TALK)
    assert dict(zip(account["reason"], account["messages"], strict=True)) == {
        "used: holds a link": 2, "skipped: talk": 2, "used: scribe note": 1, "used: a change of state": 1,
        "skipped: a task, listed under action items": 1,
    }  # fmt: skip


def test_the_same_words_twice_are_one_row_with_both_pointers(records):
    """A message repeated within two minutes is merged; nothing of its evidence is lost."""
    timeline = incident_timeline(records, "INC-2026-042")
    row = timeline[timeline["text"].str.startswith("graph")]

    assert len(row) == 1
    assert row["source"].iloc[0].count("2026-03-02.json#/") == 2


def test_links_are_counted_over_what_the_sources_gave(records):
    """Milestones that we set don't count."""
    assert data_links(incident_timeline(records, "INC-2026-042")) == (1, 3)


def test_silences_are_named_with_their_length(records):
    """From 12:40 to the resolution at 14:00 nobody wrote anything that was kept."""
    timeline = incident_timeline(records, "INC-2026-042")

    assert silences(timeline, pd.Timestamp("2026-03-02T14:00:00Z"))["minutes"].max() == pytest.approx(80, abs=0.01)


def test_responders_are_known_by_their_signs(records):
    """First and last sign of activity, and how many; the role only if stated."""
    table = responders(records, "INC-2026-042").set_index("name")

    assert table.loc["Priya Raman", "signs"] == 3
    assert str(table.loc["Tom Okafor", "last_at"]) == "2026-03-02 12:50:00.000006+00:00"
    assert table["role"].isna().all()


def test_tasks_from_chat_and_customers_mentioned_are_offered(records):
    """A TODO becomes a proposed task, a customer's name in chat a question."""
    assert proposed_tasks(records, "INC-2026-042")["title"].tolist() == ["alert on the deferred queue"]
    assert customers_mentioned(records, "INC-2026-042") == ["Zenith Bank"]


def test_time_in_severity_follows_the_changes(loaded):
    """High for half an hour, critical until the end."""
    rows = "incident_id,at,kind,text,severity\nINC-2026-042,2026-03-02T12:00:00Z,severity,declared,high\n" \
           "INC-2026-042,2026-03-02T12:30:00Z,severity,raised,critical\n"  # fmt: skip
    records = loaded(page(), files={"timeline.csv": rows})

    assert minutes_in(severity_stays(records, "INC-2026-042")) == {"critical": 90.0, "high": 30.0}


def test_an_open_incident_stays_in_its_severity_until_as_of(loaded):
    """Open is not missing: the time so far counts, and is marked."""
    stays = severity_stays(loaded(page(resolved_at=None), as_of="2026-03-02T15:30:00Z"), "INC-2026-042")

    assert [(stay.severity, stay.minutes, stay.open) for stay in stays] == [("critical", 210.0, True)]


def test_an_impossible_order_gives_no_time_in_severity(loaded):
    """An end before the start can't be turned into minutes."""
    assert severity_stays(loaded(page(resolved_at="2026-03-02T11:00:00Z")), "INC-2026-042") == []


@pytest.mark.parametrize(
    ("minutes", "words"), [(0.2, "less than a minute"), (1, "1 minute"), (86, "1 hour 26 minutes"), (3125, "2 days 4 hours")]
)
def test_durations_in_words(minutes: float, words: str):
    """The two largest units, as people say them."""
    assert duration_in_words(minutes) == words
