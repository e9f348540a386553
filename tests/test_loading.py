"""A folder → Records: readers chosen, incidents joined, secrets removed, and only what was known at a time."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from factories import page
from test_timeline import export

from incident_lib.errors import SettingsError, SourceError
from incident_lib.forensics import impossible_times
from incident_lib.loading import as_time, load
from incident_lib.redact import Redactor, redact
from incident_lib.tables import TABLES

REGISTER = """incident_id,title,severity,started_at,resolved_at,references
INC-2026-042,Mail slow,high,2026-03-02T12:00:00Z,2026-03-02T14:30:00Z,PD1
INC-2026-043,DNS flaps,low,2026-03-03T12:00:00Z,,
"""
PAGERDUTY = """{"incidents": [{"id": "PD1", "type": "incident", "title": "[FIRING] queue", "status": "resolved",
 "created_at": "2026-03-02T12:04:00Z", "resolved_at": "2026-03-02T14:00:00Z", "html_url": "https://n.pagerduty.com/incidents/PD1",
 "service": {"summary": "mail"}, "urgency": "high", "incident_number": 1}]}"""


def problems_of(records, rule: str) -> list[str]:
    """Return the messages of a rule's problems."""
    return records.problems.loc[records.problems["rule"] == rule, "message"].tolist()


def test_a_missing_folder_is_refused(tmp_path):
    """One sentence, no traceback."""
    with pytest.raises(SettingsError, match="there is no folder"):
        load(tmp_path / "nowhere")


def test_the_same_incident_from_three_tools_is_one(workbook):
    """Joined by the register's reference; the page is believed first, and disagreements are told with both values."""
    records = load(workbook({"incidents.csv": REGISTER, "pagerduty/a.json": PAGERDUTY, "postmortems/INC-2026-042.md": page()}))
    one = records.incident("INC-2026-042")

    assert list(records.incidents["incident_id"]) == ["INC-2026-042", "INC-2026-043"]
    assert (one["title"], one["severity"], one["services"]) == ("Outbound mail delayed", "critical", "mail")
    assert len(one["source"].split("; ")) == 3
    assert any("severity differs" in text and "critical" in text and "high" in text for text in problems_of(records, "sources-disagree"))
    assert any("14:00" in text and "14:30" in text for text in problems_of(records, "sources-disagree"))


@pytest.mark.parametrize(("text", "joined"), [("alert https://n.pagerduty.com/incidents/PD1 fired", True), ("no link", False)])
def test_an_alert_linked_in_the_incidents_own_channel_joins_it(workbook, text, joined):
    """The address of a tool's incident, posted in the channel named after the team's, ties the two."""
    register = "incident_id,title,severity,started_at\nINC-2026-042,Mail slow,high,2026-03-02T12:00:00Z\n"
    slack = export([("U1", 5, text)])
    records = load(workbook({"incidents.csv": register, "pagerduty/a.json": PAGERDUTY, "slack/export.zip": slack}))

    assert records.incidents["incident_id"].tolist() == (["INC-2026-042"] if joined else ["INC-2026-042", "PD1"])


def test_an_alert_linked_under_two_incidents_joins_neither(workbook):
    """That would be a guess."""
    register = "incident_id,title,started_at\nINC-2026-042,a,2026-03-02T12:00:00Z\nINC-2026-043,b,2026-03-02T12:00:00Z\n"
    talk = [("U1", 5, f"INC-2026-04{number}: https://n.pagerduty.com/incidents/PD1") for number in (2, 3)]
    files = {"incidents.csv": register, "pagerduty/a.json": PAGERDUTY, "slack/export.zip": export(talk, "incidents")}

    assert "PD1" in load(workbook(files)).incidents["incident_id"].tolist()


@pytest.mark.parametrize(("began", "offered"), [("12:20", 1), ("12:40", 0)])
def test_a_match_that_is_only_similar_is_offered_not_made(workbook, began, offered):
    """The same service half an hour apart: both stay, and the message says how to join them."""
    register = f"incident_id,title,services,started_at\nINC-2026-042,a,mail,2026-03-02T{began}:00Z\n"
    records = load(workbook({"incidents.csv": register, "pagerduty/a.json": PAGERDUTY}))

    assert len(records.incidents) == 2
    assert len(problems_of(records, "possible-match")) == offered


def test_the_order_of_the_files_does_not_matter(workbook, tmp_path):
    """Other names, and so another order of reading, give the same tables but for the pointers."""
    files = {"a.csv": REGISTER, "b.json": PAGERDUTY, "postmortems/c.md": page()}
    one = load(workbook(files))
    for name in files:
        (one.folder / name).unlink()
    other = load(workbook({"z.csv": REGISTER, "y.json": PAGERDUTY, "postmortems/x.md": page()}))

    for table in TABLES[:-2]:
        drop = [name for name in ("source", "path") if name in table.names]
        left, right = (getattr(records, table.name).drop(columns=drop) for records in (one, other))
        pd.testing.assert_frame_equal(left, right)


def test_what_came_later_is_not_seen(workbook):
    """As of a time during the incident, it is not resolved, and the page does not exist yet."""
    records = load(workbook({"postmortems/a.md": page(), "incidents.csv": REGISTER}), as_of="2026-03-02T13:00:00Z")

    assert records.incidents["incident_id"].tolist() == ["INC-2026-042"]
    assert records.incidents["resolved_at"].isna().all()
    assert records.postmortems.empty


def test_a_status_reached_later_is_the_one_before(workbook):
    """A page closed on the 10th was in review on the 6th."""
    text = page("completed_at: 2026-03-05T12:00:00Z\nclosed_at: 2026-03-10T12:00:00Z\n", status="closed")
    folder = workbook({"postmortems/a.md": text})

    assert [load(folder, as_of=day).postmortems["status"].iloc[0] for day in ("2026-03-04", "2026-03-06", "2026-03-11")] == [
        "draft", "in review", "closed",
    ]  # fmt: skip


def test_severity_is_the_highest_declared_so_far(workbook):
    """Before it was raised, an incident counts as what it was."""
    rows = 'incident_id,at,kind,text,severity\nINC-2026-042,2026-03-02T12:01:00Z,severity,declared,high\n' \
           'INC-2026-042,2026-03-02T13:00:00Z,severity,raised,critical\n'  # fmt: skip
    folder = workbook({"postmortems/a.md": page(), "timeline.csv": rows})

    assert load(folder, as_of="2026-03-02T12:30:00Z").incidents["severity"].iloc[0] == "high"
    assert load(folder, as_of="2026-03-02T13:30:00Z").incidents["severity"].iloc[0] == "critical"


def test_a_date_as_of_means_the_end_of_that_day_in_the_workbooks_zone():
    """A bare date is clear; a time without an offset is not."""
    assert str(as_time("2026-03-02", "America/Detroit")) == "2026-03-03 04:59:59+00:00"
    with pytest.raises(SettingsError, match="as-of: time has no UTC offset"):
        as_time("2026-03-02T10:00", "UTC")


def test_one_broken_file_costs_that_file(workbook):
    """A truncated JSON, a Latin-1 CSV, a zip that is none: each is named, the rest is read."""
    files = {"a.json": '{"incidents": [', "b.csv": "incident_id,title\nINC-9,Stra\xdfe\n".encode("latin-1"),
             "c.zip": b"PK\x03\x04 no zip", "postmortems/d.md": page()}  # fmt: skip
    records = load(workbook(files))
    lost = records.problems[records.problems["effect"] == "file left out"]

    assert len(records.incidents) == 1
    assert sorted(lost["source"]) == ["a.json", "b.csv", "c.zip"]


def test_nothing_readable_stops(workbook):
    """A report of nothing, made from files that could not be read, would be a lie."""
    with pytest.raises(SourceError, match=r"nothing could be read from .*a\.json is not valid JSON"):
        load(workbook({"a.json": '{"incidents": ['}))


def test_where_nothing_can_be_read_each_file_is_named_with_its_reason(workbook):
    """The first five, and how many more there are."""
    with pytest.raises(SourceError, match=r"no reader knows .* @ x\.csv; .*front matter.* @ postmortems/a\.md") as few:
        load(workbook({"postmortems/a.md": "", "x.csv": "a,b\n1,2\n"}))
    with pytest.raises(SourceError, match=r"; and 5 more$"):
        load(workbook({f"x{number}.csv": "a,b\n1,2\n" for number in range(8)}))

    assert "more" not in str(few.value)


def test_a_link_that_leaves_the_workbook_is_refused(workbook, tmp_path):
    """A symbolic link out of the folder is not followed."""
    (tmp_path / "secret.csv").write_text(REGISTER)
    folder = workbook({"postmortems/a.md": page()})
    (folder / "link.csv").symlink_to(tmp_path / "secret.csv")

    assert "leads out of the workbook" in problems_of(load(folder), "unreadable-file")[0]


def test_every_file_is_accounted_for(workbook):
    """Files that are no data are listed as skipped, unknown data files are problems."""
    records = load(workbook({"README.txt": "hello", "what.json": '{"a": 1}', "postmortems/a.md": page()}))

    outcomes = dict(records.accounts.groupby("source")["outcome"].first())
    assert outcomes["README.txt"] == "skipped: not a data file"
    assert problems_of(records, "unknown-format") == ["what.json: no reader knows this content"]
    assert set(records.sources) == {"workbook.toml", "README.txt", "what.json", "postmortems/a.md"}


def test_secrets_never_get_past_the_edge(workbook):
    """A token in a title is removed, and a problem says where it stands."""
    token = "xoxb-" + "123456789012-abcdefghijkl"
    records = load(workbook({"postmortems/a.md": page(title=f"Mail delayed {token}", body=f"## Overview\n{token}\n")}))

    assert not any(token in str(frame.to_dict()) for frame in (getattr(records, table.name) for table in TABLES))
    assert any("Slack token" in text for text in problems_of(records, "secret-removed"))


def test_secrets_are_told_in_the_order_of_the_columns(workbook):
    """However long their texts are: the longest are looked at first."""
    row = f"INC-2026-001,password=hunter22,{'slow ' * 99}password=hunter23,2026-03-02T12:00:00Z"
    records = load(workbook({"incidents.csv": f"incident_id,title,summary,started_at\n{row}\n"}))

    told = problems_of(records, "secret-removed")
    assert [text.split(":")[0] for text in told] == ["removed from the title", "removed from the summary"]


@pytest.mark.parametrize(
    "secret",
    ["AKIA" + "ABCDEFGHIJKLMNOP", "ghp_" + "a" * 36, "glpat-" + "a" * 20, "sk_live_" + "a" * 24, "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.x",
     "password=hunter22", "postgresql://me:hunter22@db/x", "Authorization: Bearer abcdefghijklmnop"],
)  # fmt: skip
def test_the_known_forms_of_secrets_are_removed(secret: str):
    """Each form goes, and is counted by its kind."""
    redactor = Redactor()

    assert "hunter22" not in redactor(f"see {secret} there") and secret not in redact(f"see {secret} there")
    assert sum(redactor.removed.values()) == 1


@pytest.mark.parametrize("text", ["the token bucket is full", "https://x.example/a?b=1", "password reset mails are late", "AKIA"])
def test_ordinary_words_are_left_alone(text: str):
    """Talk about tokens and passwords is no secret."""
    assert redact(text) == text


def test_impossible_orders_are_told_and_kept(incidents):
    """An end before its start is a finding with both times; the incident stays."""
    found = impossible_times(incidents(resolved_at=pd.Timestamp("2026-03-01T12:00:00Z")))

    assert found["message"].iloc[0].startswith("INC-1: resolved_at (2026-03-01 12:00) is before started_at")
    assert set(found["effect"]) == {"kept"}


def test_a_folder_beside_is_found_from_the_notebooks_folder(workbook, monkeypatch):
    """In JupyterLab a notebook runs in its own folder; its relative data folder is looked for one level up as well."""
    folder = workbook({"postmortems/a.md": page()})
    (folder.parent / "notebooks").mkdir()
    monkeypatch.chdir(folder.parent / "notebooks")

    assert len(load(Path(folder.name)).incidents) == 1
