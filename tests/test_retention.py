"""What is kept of what was made: by number and age, never the newest good one of its kind."""

import json
import os
from datetime import UTC, datetime, timedelta

import pytest

from incident_lib.scheduling.retention import tidy
from incident_lib.settings.schedule import Retention

NOW = datetime(2026, 11, 1, tzinfo=UTC)


@pytest.fixture
def published(tmp_path):
    """Return a maker of published reports: a kind, a name, when it was made, and its parameters."""

    def make(kind, name, as_of, **parameters):
        folder = tmp_path / kind / name if name else tmp_path / kind
        folder.mkdir(parents=True)
        manifest = {"kind": kind, "name": name, "parameters": parameters, "done": {"as_of": f"{as_of}T12:00:00Z"}}
        (folder / "manifest.json").write_text(json.dumps(manifest))
        return folder

    return make


def kept(folder):
    """Return the reports that are there."""
    return sorted(path.parent.relative_to(folder).as_posix() for path in folder.glob("[!.]*/**/manifest.json"))


def test_of_each_kind_and_customer_the_newest_are_kept(published, tmp_path):
    """Three quarters' reviews for two customers: with two to keep, the oldest of each goes."""
    for quarter, day in (("2026-Q1", "2026-04-14"), ("2026-Q2", "2026-07-14"), ("2026-Q3", "2026-10-14")):
        for customer in ("Acme", "Bolt"):
            published("service-review", f"{quarter}-{customer}", day, period=quarter, customer=customer)
        published("process-review", quarter, day, period=quarter)
    gone = tidy(tmp_path, Retention(periods=2), NOW)

    assert sorted(gone) == ["process-review/2026-Q1", "service-review/2026-Q1-Acme", "service-review/2026-Q1-Bolt"]
    assert len(kept(tmp_path)) == 6


def test_the_newest_stays_however_old(published, tmp_path):
    """A review of years ago is the only good one: it stays until there is a newer one."""
    published("process-review", "2020-Q1", "2020-04-14", period="2020-Q1")
    assert tidy(tmp_path, Retention(days=30), NOW) == []
    published("process-review", "2026-Q3", "2026-10-14", period="2026-Q3")
    assert tidy(tmp_path, Retention(days=30), NOW) == ["process-review/2020-Q1"]


def test_what_has_no_date_stays(published, tmp_path):
    """The board, an owner's board, a customer's page and the timeliness report are never too old."""
    published("follow-up", "", "2019-01-01", period=None)
    published("follow-up/", "Tom", "2019-01-01", owner="Tom")
    published("customer", "acme", "2019-01-01", customer="Acme")
    published("timeliness", "", "2019-01-01", period=None)

    assert tidy(tmp_path, Retention(days=1, periods=1, drafts=1), NOW) == []
    assert len(kept(tmp_path)) == 4


def test_a_manifest_that_cannot_be_read_is_left_alone(published, tmp_path):
    """What nobody can date is nobody's to remove."""
    for name in ("2026-Q1", "2026-Q2"):
        (published("process-review", name, "2026-07-01", period=name) / "manifest.json").write_text("{")

    assert tidy(tmp_path, Retention(periods=1), NOW) == []


def test_notebooks_of_failed_runs_go_but_not_the_word_of_the_failure(tmp_path):
    """After a month the notebook and page of a failed run are gone; that it failed is still known."""
    (tmp_path / ".failed").mkdir()
    for days, name in ((40, "old"), (10, "young")):
        for suffix in (".ipynb", ".html", ".json"):
            path = tmp_path / ".failed" / f"{name}{suffix}"
            path.touch()
            os.utime(path, ((NOW - timedelta(days=days)).timestamp(),) * 2)
    tidy(tmp_path, Retention(failed_days=30), NOW)

    assert {path.name for path in (tmp_path / ".failed").iterdir()} == {"old.json", "young.ipynb", "young.html", "young.json"}


def test_scratch_of_dead_runs_goes(tmp_path):
    """A scratch folder that no run holds, and temporary files, are swept."""
    (tmp_path / ".scratch-abc").mkdir()
    (tmp_path / ".index.html.0123456789abcdef.tmp").touch()
    tidy(tmp_path, Retention(), NOW)

    assert [path.name for path in tmp_path.iterdir() if path.name != ".lock"] == []
