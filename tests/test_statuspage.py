"""Statuspage's incidents, private and public, and GitHub's status incidents."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from incident_lib.settings import Settings
from incident_lib.sources import github_status, statuspage
from incident_lib.sources.reading import Batch, Source

GITHUB = Path(__file__).parents[2] / "shared/realdata/github_status/incidents.jsonl"


@pytest.fixture
def source(tmp_path):
    """Return a function that writes a JSON value into a workbook and gives it as a source."""

    def write(value, name: str = "statuspage/incidents.json") -> Source:
        path = tmp_path / Path(name).name
        path.write_text(value if isinstance(value, str) else json.dumps(value), encoding="utf-8")
        return Source(path, name, Settings())

    return write


def update(status: str, at: str, **more) -> dict:
    """Return one update of an incident."""
    return {"id": f"u-{at}", "status": status, "body": f"We are {status}.", "created_at": at, "display_at": at, **more}


def incident(**more) -> dict:
    """Return an ordinary incident as the private API gives it, newest update first."""
    return {
        "id": "p31zjtct2jer", "name": "Outbound mail delayed", "status": "resolved", "impact": "major",
        "created_at": "2026-03-02T09:20:00.123Z", "monitoring_at": "2026-03-02T10:02:00Z",
        "resolved_at": "2026-03-02T10:40:00Z", "shortlink": "https://stspg.example/p31zjtct2jer",
        "components": [{"id": "c1", "name": "Mail"}, {"id": "c2", "name": "Web; hosting"}], "page_id": "page1",
        "incident_updates": [update("resolved", "2026-03-02T10:40:00Z"),
                             update("investigating", "2026-03-02T09:14:00Z")],
        **more,
    }  # fmt: skip


def only(batch: Batch, table: str = "incidents") -> dict:
    """Return a table's only row with its filled fields."""
    [(_, row)] = batch.tables[table].iterrows()
    return row.dropna().to_dict()


def test_incident_with_its_updates(source):
    """Impact begins with the first update's display time; detection is not stated, so it stays empty."""
    file = source([incident()])
    batch = statuspage.READER.read(file)

    assert statuspage.READER.recognises(file)
    assert only(batch) == {
        "incident_id": "p31zjtct2jer", "title": "Outbound mail delayed", "severity": "high",
        "started_at": pd.Timestamp("2026-03-02T09:14Z"), "mitigated_at": pd.Timestamp("2026-03-02T10:02Z"),
        "resolved_at": pd.Timestamp("2026-03-02T10:40Z"), "first_seen_at": pd.Timestamp("2026-03-02T09:20:00.123Z"),
        "services": "Mail; Web, hosting", "url": "https://stspg.example/p31zjtct2jer",
        "references": "p31zjtct2jer; https://stspg.example/p31zjtct2jer", "source": "statuspage/incidents.json#/0",
        "extra": '{"page_id": "page1", "status": "resolved"}',
    }  # fmt: skip
    assert batch.tables["timeline"]["text"].tolist() == [
        "Investigating: We are investigating.", "Resolved: We are resolved."]  # fmt: skip
    assert batch.tables["timeline"]["source"].iloc[0] == "statuspage/incidents.json#/0/incident_updates/1"
    assert "postmortems" not in batch.tables


@pytest.mark.parametrize("wrap", [
    lambda one: one,
    lambda one: {"page": {"id": "x", "name": "Northlight"}, "incidents": [one]},
])  # fmt: skip
def test_one_object_and_the_public_answer(source, wrap):
    """A single incident and the public page's envelope are read alike."""
    file = source(wrap(incident(started_at="2026-03-02T09:10:00Z")))

    assert statuspage.READER.recognises(file)
    assert only(statuspage.READER.read(file))["started_at"] == pd.Timestamp("2026-03-02T09:10Z")


def test_empty_public_answer_is_recognised(source):
    """A status page without incidents is a status page."""
    file = source({"page": {"id": "x"}, "incidents": []})

    assert statuspage.READER.recognises(file)
    assert statuspage.READER.read(file).tables == {}


def test_backfilled_incident_was_known_when_it_was_written(source):
    """An incident that is written down days later was not known before."""
    late = incident(backfilled=True, created_at="2026-03-05T08:00:00Z")
    row = only(statuspage.READER.read(source([late])))

    assert row["started_at"] == pd.Timestamp("2026-03-02T09:14Z")
    assert row["first_seen_at"] == pd.Timestamp("2026-03-05T08:00Z")


def test_resolving_update_ends_an_incident_without_resolved_at(source):
    """Where resolved_at is missing, the update that says resolved ends it; an open one stays open."""
    resolved = only(statuspage.READER.read(source([incident(resolved_at=None)])))
    opened = only(statuspage.READER.read(source([incident(resolved_at=None, incident_updates=[])])))

    assert resolved["resolved_at"] == pd.Timestamp("2026-03-02T10:40Z")
    assert "resolved_at" not in opened


@pytest.mark.parametrize(("word", "severity"), [
    ("critical", "critical"), ("major", "high"), ("minor", "medium"), ("none", "low")])  # fmt: skip
def test_impacts_become_severities(source, word, severity):
    """Statuspage's own impacts are translated; an override wins."""
    assert only(statuspage.READER.read(source([incident(impact=word)])))["severity"] == severity
    assert only(statuspage.READER.read(source([incident(impact_override=word)])))["severity"] == severity


@pytest.mark.parametrize("planned", [
    {"impact": "maintenance"}, {"scheduled_for": "2026-03-02T22:00:00Z"}, {"status": "completed"}])  # fmt: skip
def test_maintenance_is_no_incident(source, planned):
    """Planned work is accounted for, and left out without a problem."""
    batch = statuspage.READER.read(source([incident(**planned), incident()]))

    assert {row["outcome"]: row["rows"] for row in batch.accounts} == {"used": 1, "skipped: scheduled maintenance": 1}
    assert not batch.problems


def test_published_postmortem_is_complete(source):
    """Its publication completes it; one that is not published is a draft."""
    published = incident(postmortem_body="## What happened", postmortem_published_at="2026-03-06T12:00:00Z")
    row = only(statuspage.READER.read(source([published])), "postmortems")
    draft = only(statuspage.READER.read(source([incident(postmortem_body="…")])), "postmortems")

    assert (row["status"], row["completed_at"]) == ("in review", pd.Timestamp("2026-03-06T12:00Z"))
    assert (draft["status"], "completed_at" in draft) == ("draft", False)


def test_what_cannot_be_read_is_told(source):
    """A bad time costs that value, an update without time that update, a record without id that record."""
    broken = incident(resolved_at="soon", impact="awful", incident_updates=[update("resolved", ""), "text"])
    batch = statuspage.READER.read(source([broken, incident(id=None), 7]))

    assert [(problem.effect, str(problem)) for problem in batch.problems] == [
        ("row left out", "expected an object, found '7' @ statuspage/incidents.json#/2"),
        ("row left out", "expected an object, found 'text' @ statuspage/incidents.json#/0/incident_updates/1"),
        ("row left out", "an update without a readable display_at or created_at"
                         " @ statuspage/incidents.json#/0/incident_updates/0"),
        ("value left out", "unknown severity 'awful'; expected critical, high, medium or low"
                           " @ statuspage/incidents.json#/0"),
        ("value left out", "resolved_at: not an ISO 8601 time: 'soon'; expected something like 2026-03-02T09:14:00Z"
                           " @ statuspage/incidents.json#/0"),
        ("row left out", "no id; every incident needs one @ statuspage/incidents.json#/1"),
    ]  # fmt: skip
    assert only(batch)["incident_id"] == "p31zjtct2jer"


def status_line(**more) -> dict:
    """Return one of GitHub's status incidents."""
    return {
        "id": "9632825", "title": "Incident with Codespaces", "url": "https://status.example/incidents/5j",
        "started_at": "2022-03-26T01:43:00Z", "resolved_at": "2022-03-26T03:35:00Z", "impact_window": None,
        "downtime_start": "2022-03-26T01:43:00Z", "downtime_end": "2022-03-26T03:35:00Z", "impact": "minor",
        "updates": [{"at": "2022-03-26T01:43:00Z", "status": "Investigating", "message": "Looking."},
                    {"at": "2022-03-26T01:43:00Z", "status": "Update", "message": "Found."}],
        "components": ["Codespaces"], **more,
    }  # fmt: skip


def test_github_start_is_the_first_update_unless_stated(source):
    """Detection can be told only where a post-mortem stated when the impact really began."""
    window = {"start_at": "2022-03-26T01:00:00Z"}
    lines = [status_line(), status_line(id="2", impact_window=window, downtime_start="2022-03-26T01:00:00Z")]
    file = source("".join(json.dumps(line) + "\n" for line in lines), "github.jsonl")
    found = github_status.READER.read(file).tables["incidents"]

    assert github_status.READER.recognises(file)
    assert found["detected_at"].isna().tolist() == [True, False]
    assert found["detected_at"].iloc[1] - found["started_at"].iloc[1] == pd.Timedelta(minutes=43)
    assert [json.loads(extra)["start_is"] for extra in found["extra"]] == ["the first public update", "stated"]


def test_github_updates_keep_their_order(source):
    """Updates of the same minute stay as the file has them."""
    batch = github_status.READER.read(source(json.dumps(status_line()) + "\n", "github.jsonl"))

    assert batch.tables["timeline"]["text"].tolist() == ["Investigating: Looking.", "Update: Found."]


@pytest.mark.skipif(not GITHUB.exists(), reason="the real files are not here")
def test_github_numbers_agree_with_those_computed_apart():
    """Counts and median minutes by impact are those of the reference."""
    file = Source(GITHUB, "incidents.jsonl", Settings())
    batch = github_status.READER.read(file)
    found = batch.tables["incidents"]
    minutes = (found["mitigated_at"] - found["started_at"]) / pd.Timedelta(minutes=1)
    medians = minutes.groupby(found["severity"], observed=True).agg(["size", "median"])

    assert github_status.READER.recognises(file)
    assert not statuspage.READER.recognises(file)
    assert medians.to_dict("index") == {
        "critical": {"size": 28, "median": 85.0}, "high": {"size": 138, "median": 77.0},
        "medium": {"size": 604, "median": 72.5}, "low": {"size": 31, "median": 13.0},
    }  # fmt: skip
    assert [(row["outcome"], row["rows"]) for row in batch.accounts] == [
        ("used", 801), ("skipped: scheduled maintenance", 18)]  # fmt: skip
    assert found["detected_at"].notna().sum() == found["extra"].str.contains("impact_window").sum()
    assert not batch.problems
