"""Real files that nobody here wrote; skipped where they are not at hand."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from incident_lib.drafting.draft import draft_page
from incident_lib.loading import load
from incident_lib.review.response import TIME_TO_MITIGATE, durations
from incident_lib.story.timeline import incident_timeline

REAL = Path(__file__).parents[2] / "shared" / "realdata"
pytestmark = pytest.mark.skipif(not REAL.is_dir(), reason="the real files are not here")


@pytest.fixture(scope="module")
def github(tmp_path_factory):
    """Return the records of a folder with nothing but settings and GitHub's status incidents."""
    folder = tmp_path_factory.mktemp("github")
    (folder / "workbook.toml").write_text('[workbook]\nname = "GitHub"\n', encoding="utf-8")
    shutil.copy(REAL / "github_status" / "incidents.jsonl", folder)
    return load(folder)


def test_scheduled_maintenances_are_no_incidents(github):
    """819 lines: 801 incidents and 18 maintenances, each accounted for."""
    outcomes = github.accounts[github.accounts["kind"] == "incidents"].set_index("outcome")["rows"].to_dict()

    assert len(github.incidents) == 801
    assert outcomes == {"used": 801, "skipped: scheduled maintenance": 18}


def test_medians_agree_with_the_reference(github):
    """Count and median minutes per impact, computed apart from this project."""
    table = durations(github.incidents, TIME_TO_MITIGATE, as_of=github.as_of)
    found = table.groupby("severity", observed=True)["minutes"].agg(["size", "median"])

    assert found.to_dict("index") == {
        "critical": {"size": 28, "median": 85.0}, "high": {"size": 138, "median": 77.0},
        "medium": {"size": 604, "median": 72.5}, "low": {"size": 31, "median": 13.0},
    }  # fmt: skip


def test_every_incident_gives_a_draft_with_every_update_in_order(github):
    """A sample of them all, spread over the years: each update stands in the page's timeline, in order."""
    for incident_id in github.incidents["incident_id"].iloc[::40]:
        updates = github.timeline[github.timeline["incident_id"] == incident_id].sort_values("at", kind="stable")
        timeline = incident_timeline(github, incident_id)

        assert timeline["at"].is_monotonic_increasing
        for text in updates["text"]:
            assert (timeline["text"] == text).any() or timeline["text"].str.casefold().eq(text.casefold()).any()
        assert "## Timeline" in draft_page(github, incident_id)


def test_every_message_of_the_export_is_accounted_for(tmp_path):
    """158 messages, 95 of them without a user: used + skipped, none lost."""
    (tmp_path / "workbook.toml").write_text("", encoding="utf-8")
    shutil.copy(REAL / "slack_export" / "export.zip", tmp_path)
    records = load(tmp_path)
    account = records.accounts[records.accounts["kind"] == "messages"].set_index("outcome")["rows"]

    assert account.sum() == 158
    assert account.to_dict() == {"used": 147, "skipped: channel_join": 8, "skipped: bot_add": 3}
    assert len(records.messages) == 147
    assert records.messages["who"].notna().all()
