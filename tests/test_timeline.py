"""One incident's timeline and facts, each row with its evidence."""


from __future__ import annotations

import json
import zipfile
from dataclasses import replace
from io import BytesIO

import pandas as pd
import pytest
from factories import HOUR, NOON, page

from incident_lib.chat_links import is_permalink, permalinks
from incident_lib.settings import parse_settings
from incident_lib.story.facts import (
    customers_mentioned,
    duration_in_words,
    hand_offs,
    minutes_in,
    proposed_tasks,
    related_incidents,
    responders,
    severity_changes,
    severity_stays,
)
from incident_lib.story.message_rules import account_sentence, message_account, message_choices
from incident_lib.story.severity_time import SeverityReader
from incident_lib.story.timeline import data_links, incident_timeline, silence_sentences, silences

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
    users = [
        {"id": "U1", "name": "priya", "real_name": "Priya Raman"},
        {"id": "U2", "name": "tom", "real_name": "Tom Okafor"},
    ]
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
    assert table.loc["Priya Raman", "role"] == "scribe" and pd.isna(table.loc["Tom Okafor", "role"])


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


def channel(*talk: tuple[str, float, str]) -> dict[str, bytes]:
    """Return the files of a workbook with one channel of talk."""
    return {"slack/export.zip": export(list(talk))}


def test_severities_said_in_chat_count_from_the_beginning(loaded):
    """Declared high after ten minutes, raised after thirty: the first word holds from the start; questions don't count."""
    talk = channel(("U1", 10, "Declaring INC-2026-042 as *high*"), ("U2", 20, "should we be raising to critical?"),
                   ("U1", 30, "raising to critical"), ("U2", 31, "ok, raised to critical"))  # fmt: skip
    records = loaded(page(), files=talk)

    assert [change.words for change in severity_changes(records, "INC-2026-042")] == [
        "declared high",
        "raised to critical",
    ]
    assert minutes_in(severity_stays(records, "INC-2026-042")) == {
        "critical": pytest.approx(90, 0.01),
        "high": pytest.approx(30, 0.01),
    }


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("Priority changed from P2 to P1", ("high", "critical")),
        ("lowering to *medium*", (None, "medium")),
        ("Severity **high** for now", (None, "high")),
        ("Declaring INC-1 as **critical**: mail", (None, "critical")),
        ("disk usage is high", None),
        ("critical section in the code", None),
        ("we raised the limit, load is low", None),
    ],
)
def test_what_counts_as_a_change_of_severity(text, read):
    """A word such as "high" alone is no severity."""
    settings = parse_settings('[severities.aliases]\nP1 = "critical"\nP2 = "high"\n')

    assert SeverityReader(settings).read(text) == read


def test_severity_changes_are_marked_in_the_timeline(loaded):
    """They are milestones, in words."""
    talk = channel(("U1", 10, "Declaring INC-2026-042 as *high*"), ("U1", 30, "raising to critical"))
    timeline = incident_timeline(loaded(page(), files=talk), "INC-2026-042")

    assert timeline["milestone"].dropna().tolist() == [
        "began",
        "detected",
        "declared high",
        "raised to critical",
        "resolved",
    ]


def test_what_several_sources_say_is_one_row_with_every_pointer(loaded):
    """The page's row, the log entry, and the milestone of the resolution; people's words win over a tool's."""
    rows = "incident_id,at,kind,text\nINC-2026-042,2026-03-02T14:00:10Z,resolved,Resolved by Priya\n" \
           "INC-2026-042,2026-03-02T12:20:20Z,note,Queue frozen to test a theory\n"  # fmt: skip
    body = "## Timeline\n\n| Time | Event |\n|---|---|\n| 2026-03-02 12:20 | Queue frozen to test a theory |\n"
    timeline = incident_timeline(loaded(page(body=body), files={"timeline.csv": rows}), "INC-2026-042")

    assert timeline["text"].tolist()[2:] == ["Queue frozen to test a theory", "Resolved by Priya"]
    assert [source.count("; ") + 1 for source in timeline["source"]][2:] == [2, 2]


def test_different_numbers_are_different_events(loaded):
    """A queue of 5,000 and one of 8,900 are two rows, however alike the words."""
    talk = channel(
        ("U1", 5, "scribe: queue is at 5,000 messages now"), ("U1", 6, "scribe: queue is at 8,900 messages now")
    )
    timeline = incident_timeline(loaded(page(), files=talk), "INC-2026-042")

    assert timeline["text"].str.contains("queue").sum() == 2


def test_a_scribes_prefix_and_clock_are_left_out_and_local_time_stands_beside(loaded):
    """The row has a time of its own, in UTC and on the workbook's clock."""
    talk = channel(("U1", 26, "scribe: 07:26 queues frozen"))
    timeline = incident_timeline(
        loaded(page(), files=talk, settings='[workbook]\nzone = "America/Detroit"\n'), "INC-2026-042"
    )
    row = timeline[timeline["text"] == "queues frozen"].iloc[0]

    assert row["local"] == "07:26 EST" and f"{row['at']:%H:%M}" == "12:26"


def test_tools_commands_and_guesses_have_their_reasons(loaded):
    """A command is key, a guess is quoted elsewhere, a question with a status word is talk."""
    talk = channel(("U1", 1, "/incident severity high"), ("U2", 2, "my guess: two recipients throttle us"),
                   ("U2", 3, "is it resolved?"), ("U1", 4, "please stop. TODO: renew the token"))  # fmt: skip
    choices = message_choices(loaded(page(), files=talk), "INC-2026-042")

    assert choices["reason"].tolist() == ["used: a command", "skipped: a guess, quoted under contributing factors",
                                          "skipped: talk", "skipped: a task, listed under action items"]  # fmt: skip
    assert account_sentence(choices).startswith("4 chat messages read = 1 used (a command 1) + 3 skipped (")


def test_silences_say_in_which_severity(loaded):
    """The words name the length and the severity, the pointer is the row before."""
    records = loaded(page())
    gaps = silences(
        incident_timeline(records, "INC-2026-042"), NOON + 2 * HOUR, 20, severity_stays(records, "INC-2026-042")
    )

    assert silence_sentences(gaps) == ["No word for 1 hour 55 minutes while Critical, from 2026-03-02 12:05 UTC."]


def test_hand_offs_are_known_by_their_words(loaded):
    """Asked and taken, or said outright; the roles follow."""
    talk = channel(("U1", 3, "I'm incident commander for this"), ("U1", 50, "@Tom Okafor can you take over as IC?"),
                   ("U2", 52, "I have it, hand-off read"))  # fmt: skip
    records = loaded(page(), files=talk)

    assert hand_offs(records, "INC-2026-042")[["before", "after"]].to_numpy().tolist() == [
        ["Priya Raman", "Tom Okafor"]
    ]
    assert responders(records, "INC-2026-042").set_index("name").loc["Priya Raman", "role"] == "incident commander"


def test_a_responder_known_by_handle_only_gets_the_name(loaded):
    """An event of "@priya" and a message of Priya Raman are one person's."""
    rows = "incident_id,at,kind,text,who\nINC-2026-042,2026-03-02T12:07:00Z,note,looking,priya\n"
    settings = '[[people]]\nname = "Priya Raman"\nhandle = "priya"\nroles = ["on-call"]\n'
    table = responders(loaded(page(), files={"timeline.csv": rows}, settings=settings), "INC-2026-042")

    assert table["name"].tolist() == ["Priya Raman"] and table["role"].tolist() == ["responder (usually on-call)"]


def test_related_incidents_say_why(loaded):
    """Shared words and services relate; a shared service alone does not; later ones never."""
    rows = "incident_id,title,severity,started_at,services\nINC-2025-001,Outbound mail delayed by slow DNS,high,2025-05-01T10:00:00Z,mail\n" \
           "INC-2025-002,Certificate expired,high,2025-05-02T10:00:00Z,mail\nINC-2026-099,Outbound mail delayed,high,2026-04-01T10:00:00Z,mail\n"  # fmt: skip
    table = related_incidents(loaded(page("services: [mail]\n"), files={"incidents.csv": rows}), "INC-2026-042")

    assert table["incident_id"].tolist() == ["INC-2025-001"]
    assert table["why"].iloc[0] == "the same service: mail; the same words: delayed, mail, outbound"


@pytest.mark.parametrize(
    ("minutes", "words"),
    [(0.2, "less than a minute"), (1, "1 minute"), (86, "1 hour 26 minutes"), (3125, "2 days 4 hours")],
)
def test_durations_in_words(minutes: float, words: str):
    """The two largest units, as people say them."""
    assert duration_in_words(minutes) == words


WORKSPACE = '[chat]\nworkspace_url = "https://northlight.slack.com/"\n'


def test_messages_have_their_own_address_where_the_workspace_is_known(loaded):
    """The form is Slack's; an address in the text goes before it, since it leads to the data."""
    records = loaded(page(), files={"slack/export.zip": export()}, settings=WORKSPACE)
    timeline = incident_timeline(records, "INC-2026-042")
    urls = dict(zip(timeline["text"], timeline["url"], strict=True))

    assert urls["queue at 9,000"] == "https://northlight.slack.com/archives/C1/p1772453160000000"
    assert urls["graph: https://grafana.example/d/1"] == "https://grafana.example/d/1"
    assert data_links(timeline) == (3, 3)


@pytest.mark.parametrize(
    ("extra", "url"), [('{"channel":"C1"}', "https://x/archives/C1/p100000000?thread_ts=99.000000&cid=C1"),
                       ('{"user":"U1"}', None), ('{"channel":"C1/../?"}', None), ('{"channel":7}', None), (None, None)],
)  # fmt: skip
def test_an_answer_has_its_thread_and_an_unknown_channel_has_no_address(extra, url):
    """Nothing is guessed, and an id that is none makes no address."""
    messages = pd.DataFrame({"message_id": ["ops/100.000000"], "thread_id": ["ops/99.000000"], "extra": [extra],
                             "url": pd.Series([None], dtype="str")})  # fmt: skip
    found = permalinks(messages, "https://x").iloc[0]

    assert found == url if url else pd.isna(found)


def test_a_stated_address_stays_and_without_a_workspace_there_is_none():
    """What the export says is believed."""
    messages = pd.DataFrame({"message_id": ["ops/1.0"], "thread_id": ["ops/1.0"], "extra": ['{"channel":"C1"}'],
                             "url": pd.Series(["https://y/1"])})  # fmt: skip

    assert permalinks(messages, "https://x").tolist() == ["https://y/1"]
    assert permalinks(messages.assign(url=pd.Series([None], dtype="str")), None).isna().all()


def test_an_alerts_address_goes_before_a_messages(workbook):
    """Where both say the same, the row leads to the alert."""
    assert min(["https://n.slack.com/archives/C1/p1772453160000000", "https://n.pagerduty.com/incidents/P1"],
               key=is_permalink).endswith("/P1")  # fmt: skip


def test_rows_of_one_moment_keep_their_sources_order(records):
    """By file, then by place in it, the tenth after the second; however the rows came, and whatever they say."""
    moment = pd.Timestamp("2026-03-02T12:20:00Z")
    pointers = ["a.json#/updates/2", "a.json#/updates/10", "b.json#/updates/1"]
    words = ["zinc plates ordered", "mango juice arrived", "apple harvest counted"]
    rows = records.timeline.iloc[:0].reindex(range(3)).assign(
        incident_id="INC-2026-042", at=moment, kind="note", text=words, source=pointers)  # fmt: skip
    for order in ([0, 1, 2], [2, 1, 0], [1, 2, 0]):
        shown = incident_timeline(replace(records, timeline=rows.iloc[order]), "INC-2026-042")
        assert shown.loc[shown["source"].isin(pointers), "source"].tolist() == pointers
