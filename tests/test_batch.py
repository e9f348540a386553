"""Batches: many reports side by side, as if each were made alone; failures, skipping, and interruptions."""

import json
import os
import signal
import sys
from pathlib import Path

import nbformat
import pytest
from batch_runs import (
    KILL_THE_WORKER,
    descendants,
    is_alive,
    report,
    start_batch,
    wait_until,
    write_notebook,
    write_workbook,
)

from incident_lib.batches import foreman
from incident_lib.batches import many as batch
from incident_lib.batches.made_before import MADE, code, read_made
from incident_lib.batches.many import Effort, make_all
from incident_lib.errors import ReportError
from incident_lib.loading import load
from incident_lib.reports.run import run_report

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="workers are forked on Linux only")


def contents(folder):
    """Return all files of a folder by name."""
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


class Counting(foreman.Alone):
    """Does the jobs here, and counts them; what a job does is ``work``."""

    jobs = ()

    def answer(self, timeout=None):
        """Note the job, and publish a report without running a notebook."""
        job = self._jobs.pop(0)
        Counting.jobs = (*Counting.jobs, job["report"]["name"])
        error = publish_plainly(job["report"], self._orders)
        return {"number": job["number"], "seconds": 0.5, "error": error}


def publish_plainly(told, orders):
    """Publish a page that says nothing, made from the records of now; a report of the name ``bad`` fails."""
    from incident_lib.reports.publish import manifest_of, place_of, publish, workspace  # noqa: PLC0415

    if told["name"] == "bad":
        return "it is bad"
    sources = dict(load(told["parameters"]["data"]).sources)
    stem = f"timeliness-{told['name']}"
    files = {f"{stem}{ending}": b"x" for ending in (".html", ".ipynb")}
    manifest = manifest_of("timeliness", told["name"], "T", {}, {"answer": "A", "sources": sources}, files)
    with workspace(Path(orders.into)) as scratch:
        publish(place_of(Path(orders.into), "timeliness", told["name"]), files, manifest, scratch=scratch)
    return None


@pytest.fixture
def many(tmp_path):
    """Return a maker of batches without notebooks: names in; outcomes and which were really made out."""
    data, notebook = write_workbook(tmp_path / "data"), write_notebook(tmp_path / "plain.ipynb")

    def make(*names, **how):
        Counting.jobs = ()
        reports = [batch.Report("timeliness", name, notebook, {"data": str(data)}) for name in names]
        told = []
        outcomes = make_all(reports, into=tmp_path / "reports", start=Counting, on_done=told.append, **how)
        assert sorted(one.report.name for one in told) == sorted(names)
        return outcomes, Counting.jobs

    make.data, make.notebook, make.into = data, notebook, tmp_path / "reports"
    return make


def test_outcomes_come_in_the_order_of_the_reports(many):
    """A failure doesn't stop the others, and each outcome stands where its report does."""
    outcomes, made = many("a", "bad", "c")

    assert [(one.report.name, one.error, one.published is None) for one in outcomes] == [
        ("a", None, False), ("bad", "it is bad", True), ("c", None, False),
    ]  # fmt: skip
    assert made == ("a", "bad", "c")


def test_what_was_made_from_the_same_inputs_is_skipped(many):
    """A second batch makes only what failed and what is new; ``again`` makes all; without records nothing is skipped."""
    records = load(many.data)
    many("a", "bad", records=records)

    outcomes, made = many("a", "bad", "c", records=load(many.data))
    assert [one.skipped for one in outcomes] == [True, False, False] and made == ("bad", "c")
    assert outcomes[0].published.title == "T" and outcomes[0].seconds == 0.0
    assert many("a", records=records, again=True)[1] == ("a",)
    assert many("a")[1] == ("a",)


def change_data(many):
    """Add an incident to the register."""
    with (many.data / "incidents.csv").open("a") as file:
        file.write("INC-2026-900,Late,high,2026-03-03T10:00:00Z,2026-03-03T11:00:00Z\n")


def change_notebook(many):
    """Write another notebook in its place."""
    write_notebook(many.notebook, "print('new')")


def add_evidence(many):
    """Put an evidence file beside a page."""
    (many.data / "postmortems").mkdir()
    (many.data / "postmortems" / "INC-2026-001.evidence.json").write_text("{}")


def add_template(many):
    """Give the workbook a template of its own."""
    (many.data / "templates").mkdir()
    (many.data / "templates" / "mine.md.j2").write_text("x")


def change_page(many):
    """Have the published report replaced by another run."""
    path = many.into / "timeliness" / "a" / "manifest.json"
    path.write_text(path.read_text().replace('"T"', '"U"'))


def remove_page(many):
    """Remove a file of the published report."""
    (many.into / "timeliness" / "a" / "timeliness-a.html").unlink()


def tear_the_notes(many):
    """Leave nothing but half a line of what is noted."""
    (many.into / MADE).write_text((many.into / MADE).read_text()[:40])


@pytest.mark.parametrize("change", [change_data, change_notebook, add_evidence, add_template, change_page, remove_page,
                                    tear_the_notes])  # fmt: skip
def test_a_change_has_it_made_again(many, change):
    """Whatever a report depends on, and the report itself: once it has changed, the report is made again."""
    many("a", records=load(many.data))
    assert many("a", records=load(many.data))[1] == ()
    change(many)

    assert many("a", records=load(many.data))[1] == ("a",)
    assert many("a", records=load(many.data))[1] == ()


def test_a_report_made_from_newer_files_is_not_noted(many):
    """Where the files changed between the loading of the records and the report, the next batch makes it again."""
    records = load(many.data)
    change_data(many)

    many("a", records=records)
    assert read_made(many.into) == {}


def test_code_has_a_digest_of_its_own():
    """The digest of the code is the same each time, so that two machines can compare theirs."""
    code.cache_clear()
    first = code()
    code.cache_clear()

    assert code() == first


@on_linux
def test_a_batch_makes_the_bytes_of_single_runs_and_survives_its_worker(tmp_path):
    """Reports of a batch are those of single runs to the byte; a failing one and a killed worker cost one report each."""
    data = write_workbook(tmp_path / "data")
    cells = ["print(sorted({'a', 'b'}), hash('salted'), len(records.incidents))", "{'x', 'y', 'z'}"]
    good, bad = write_notebook(tmp_path / "good.ipynb", *cells), write_notebook(tmp_path / "bad.ipynb", "1 / 0")
    deadly = write_notebook(tmp_path / "deadly.ipynb", KILL_THE_WORKER)
    before, children = set(Path("/proc/self/fd").iterdir()), descendants(os.getpid())

    reports = [report(notebook, data, n) for n, notebook in enumerate([good, deadly, bad, good])]
    outcomes = make_all(reports, into=tmp_path / "batch", effort=Effort(workers=1), records=load(data))

    assert [one.error is None for one in outcomes] == [True, False, False, True]
    assert "timeliness-n1 failed: the process that made it was killed (SIGKILL)" in outcomes[1].error
    assert "in the section 'The work': ZeroDivisionError" in outcomes[2].error
    assert descendants(os.getpid()) <= children and set(Path("/proc/self/fd").iterdir()) <= before
    alone = run_report(reports[3], reports=tmp_path / "alone")
    assert contents(alone.folder) == contents(outcomes[3].published.folder)


@on_linux
def test_an_interrupted_batch_leaves_nothing_running_and_goes_on(tmp_path):
    """Ctrl-C ends all processes, kill -9 as well; what was made stays, and each next batch goes on from there."""
    write_workbook(tmp_path / "data")
    write_notebook(tmp_path / "slow.ipynb", "import time; time.sleep(1)")
    names = {f"n{number}" for number in range(6)}

    first = interrupted(tmp_path, signal.SIGINT)
    second = interrupted(tmp_path, signal.SIGKILL)
    last, _ = start_batch(tmp_path, 6).communicate(timeout=120)

    told = dict(line.split(" ", 1) for line in last.splitlines())
    assert set(told) == names and set(told.values()) == {"skipped", "made"}
    assert {name for name in first | second if told[name] != "skipped"} == set()
    assert not list((tmp_path / "reports").glob(".scratch-*"))


def interrupted(folder, how):
    """Start a batch, send it a signal after its first new report, and return which reports it says it made."""
    running = start_batch(folder, 6)
    lines = []
    while not any(line.endswith("made") for line in lines):
        lines.append(running.stdout.readline().strip())
        assert lines[-1], running.stderr.read()
    others = descendants(running.pid)
    running.send_signal(how)
    rest, _ = running.communicate(timeout=60)
    assert running.returncode == -how
    wait_until(lambda: not any(is_alive(pid) for pid in others))
    return {line.split()[0] for line in [*lines, *rest.splitlines()] if line.endswith("made")}


OF_A_WORKER = """import asyncio, os
from pathlib import Path
from jupyter_core.utils import run_sync
assert b"foreman" in Path(f"/proc/{os.getppid()}/cmdline").read_bytes(), "a fresh server was started"
assert run_sync(asyncio.sleep)(0, "slept") == "slept"
await asyncio.sleep(0, "slept")"""


@on_linux
def test_kernels_are_forked_from_the_batch_even_without_shared_records(tmp_path):
    """A fresh fork server takes seconds, and each worker would start one; the loop of a worker is not the kernel's."""
    notebook = write_notebook(tmp_path / "small.ipynb", OF_A_WORKER)
    data = write_workbook(tmp_path / "data")
    small = nbformat.read(notebook, 4)
    small.cells[1].source = f"data = {str(data)!r}\nas_of = '2026-11-01T00:00:00Z'\nnumber = 0"
    nbformat.write(small, notebook)
    reports = [batch.Report("timeliness", f"n{number}", notebook, {"number": number}) for number in range(3)]
    outcomes = make_all(reports, into=tmp_path / "reports", effort=Effort(workers=2))
    assert [one.error for one in outcomes] == [None] * 3


@on_linux
def test_a_killed_foreman_is_one_sentence(tmp_path):
    """If the process behind the batch is killed, the caller is told so, and is not left waiting."""
    data = write_workbook(tmp_path / "data")
    slow = write_notebook(tmp_path / "slow.ipynb", "import time; time.sleep(30)")

    def start(orders):
        theirs = foreman.Foreman(orders)
        os.kill(theirs._process.pid, signal.SIGKILL)
        return theirs

    with pytest.raises(ReportError, match="the process behind the batch was killed; what it had made is kept"):
        make_all([report(slow, data, 1)], into=tmp_path / "reports", start=start)


def test_without_fork_the_jobs_are_done_one_by_one(tmp_path, monkeypatch):
    """Where processes can't be forked, this process makes the reports itself."""
    monkeypatch.setattr(batch, "can_fork", lambda: False)
    data = write_workbook(tmp_path / "data")
    [outcome] = make_all([report(write_notebook(tmp_path / "one.ipynb"), data, 1)], into=tmp_path / "reports")

    assert outcome.error is None and json.loads(outcome.published.manifest.read_text())["parameters"]["number"] == 1
