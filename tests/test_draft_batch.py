"""A draft for every missing page: pages first, then reports; what is unfinished is known to the next batch."""


import pytest
from batch_runs import write_workbook
from click.testing import CliRunner

from incident_lib.batches import drafts as draft_batch
from incident_lib.batches.drafts import UNFINISHED, Drafts, draft_all, incidents_to_draft
from incident_lib.batches.foreman import Alone
from incident_lib.cli import cli
from incident_lib.commands import batches
from incident_lib.drafting.sidecar import page_path
from incident_lib.loading import load
from incident_lib.reports.publish import manifest_of, place_of, publish, workspace
from incident_lib.reports.run import run_report


class Quick(Alone):
    """Publishes plain reports without running a notebook; those of ``failing`` incidents fail, ``stops`` after so many."""

    failing, stops, made = frozenset(), 99, ()

    def answer(self, timeout=None):
        """Do the next job."""
        if "page" in self._jobs[0]:
            return super().answer(timeout)
        job = self._jobs.pop(0)
        name, into = job["report"]["name"], draft_batch.Path(self._orders.into)
        if len(Quick.made) >= Quick.stops:
            raise KeyboardInterrupt
        Quick.made = (*Quick.made, name)
        files = {f"x{ending}": b"x" for ending in (".html", ".ipynb")}
        done = {"answer": "A", "sources": dict(load(job["report"]["parameters"]["data"]).sources)}
        if name not in Quick.failing:
            with workspace(into) as scratch:
                publish(place_of(into, "postmortem-draft", name), files,
                        manifest_of("postmortem-draft", name, "T", {}, done, files), scratch=scratch)  # fmt: skip
        return {"number": job["number"], "seconds": 0.1, "error": "no luck" if name in Quick.failing else None}


@pytest.fixture
def drafted(tmp_path, monkeypatch):
    """Return a maker of draft batches of a workbook with four incidents; outcomes by incident out."""
    data, into = write_workbook(tmp_path / "data"), tmp_path / "reports"
    monkeypatch.setattr(draft_batch, "hands", Quick)

    def make(failing=(), stops=99, **how):
        Quick.failing, Quick.stops, Quick.made = frozenset(failing), stops, ()
        records = load(data)
        drafts = Drafts(tuple(incidents_to_draft(records, into)), str(data), None, "Priya Raman", into)
        outcomes = draft_all(drafts, records, start=Quick, **how)
        return {one.report.name: one.error or ("skipped" if one.skipped else "made") for one in outcomes}

    make.data, make.into = data, into
    return make


NAMES = [f"INC-2026-00{number}" for number in range(1, 5)]


def test_each_incident_gets_its_page_and_its_report(drafted):
    """All pages are written, with the owner, before the first report; then nothing is left to do."""
    written = []
    assert drafted(on_page=lambda name, error: written.append((name, error))) == dict.fromkeys(NAMES, "made")

    assert written == [(name, None) for name in NAMES]
    records = load(drafted.data)
    assert set(records.postmortems["owner"]) == {"Priya Raman"} and all(page_path(records, one).exists() for one in NAMES)
    assert drafted() == {} and not (drafted.into / UNFINISHED).exists()


def test_an_interrupted_batch_is_known_to_the_next(drafted):
    """Though all pages are there, the next batch makes the reports that are missing, and leaves the others alone."""
    with pytest.raises(KeyboardInterrupt):
        drafted(stops=2)

    assert drafted() == dict(zip(NAMES, ["skipped", "skipped", "made", "made"], strict=True))


def test_a_failed_report_is_tried_again(drafted):
    """What failed belongs to the next batch, and only that."""
    assert drafted(failing=NAMES[1:2])[NAMES[1]] == "no luck"

    assert drafted() == {NAMES[1]: "made"}


def test_a_page_that_cannot_be_written_costs_its_report_only(drafted):
    """Where the pages' folder is a file, each incident says so; nothing is published, and the next batch tries again."""
    (drafted.data / "postmortems").write_text("")
    failed = drafted()

    assert all(told.startswith(f"the page of {name} could not be written:") for name, told in failed.items())
    (drafted.data / "postmortems").unlink()
    assert drafted() == dict.fromkeys(NAMES, "made")


def test_another_workbooks_unfinished_batch_is_none_of_ours(drafted, tmp_path):
    """Two workbooks may share a reports' folder: what one has left is not drafted for the other."""
    with pytest.raises(KeyboardInterrupt):
        drafted(stops=0)
    other = write_workbook(tmp_path / "other", incidents=1)

    assert incidents_to_draft(load(other), drafted.into) == NAMES[:1]
    assert incidents_to_draft(load(drafted.data), drafted.into) == NAMES


def test_the_command_counts_and_fails_if_one_did(drafted, monkeypatch, tmp_path):
    """The last line says how many were made, skipped and failed; exit code 1 if one failed, 130 after Ctrl-C."""
    how = batches._how
    monkeypatch.setattr(batches, "_how", lambda *some: {**how(*some), "start": Quick})
    command = ["draft", "--all-missing", "--data", str(drafted.data), "--reports", str(drafted.into)]
    expected = [
        ((1, ()), 130, "1 made, 0 skipped, 0 failed"), ((99, NAMES[2:3]), 1, "2 made, 1 skipped, 1 failed"),
        ((99, ()), 0, "1 made, 0 skipped, 0 failed"), ((99, ()), 0, "0 made, 0 skipped, 0 failed"),
    ]  # fmt: skip
    for (stops, failing), code, last in expected:
        Quick.made, Quick.stops, Quick.failing = (), stops, frozenset(failing)
        result = CliRunner().invoke(cli, command)
        assert (result.exit_code, result.stdout.splitlines()[-1]) == (code, last)
    assert (drafted.into / "index.html").exists()


@pytest.mark.parametrize(("arguments", "words"), [
    (["draft"], "say which incident, or --all-missing"), (["draft", "X", "--all-missing"], "say either an ID or --all-m"),
    (["draft", "X", "--again"], "--again and --scheduler need --all-missing"),
    (["review", "2026-Q1", "--customer", "A", "--each-customer"], "say either --customer or --each-customer"),
])  # fmt: skip
def test_batches_and_single_forms_are_kept_apart(tmp_path, arguments, words):
    """A command makes one report or a batch, and the options of a batch belong to a batch."""
    data = write_workbook(tmp_path / "data")
    result = CliRunner().invoke(cli, [*arguments, "--data", str(data), "--reports", str(tmp_path / "r")])

    assert result.exit_code == 2 and words in result.output


def test_single_drafts_are_as_before(drafted, monkeypatch):
    """One incident by its id is drafted and reported as ever, without a batch."""
    seen = []
    monkeypatch.setattr("incident_lib.reports.run.run_report", lambda report, **how: seen.append(report) or run_report)
    CliRunner().invoke(cli, ["draft", NAMES[0], "--data", str(drafted.data), "--reports", str(drafted.into)])

    assert [one.name for one in seen] == NAMES[:1] and not (drafted.into / UNFINISHED).exists()
