"""'incidents run' with short notebooks: what fails costs itself only, nothing runs twice, and it says what it does."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner
from filelock import FileLock
from kill_runs import WRONG, kill_runs
from publish_only import failing, publish_only
from short_notebooks import add_incident, write_notebooks, write_workbook

from incident_lib.cli import cli
from incident_lib.reports.index import rebuild_index
from incident_lib.scheduling import making as scheduled

MONDAY, TUESDAY = "2026-03-02T12:30:00Z", "2026-03-03T12:30:00Z"
SETTINGS = '[[customers]]\nname = "Acme"\n[reports]\ncell_seconds = 3\nnotebook_megabytes = 300\n[schedule]\n'


@pytest.fixture
def place(tmp_path, monkeypatch):
    """Return a folder with a small workbook and short notebooks, whose clock stands at the end of time."""
    write_workbook(tmp_path / "data", SETTINGS)
    write_notebooks(tmp_path / "notebooks")
    add_incident(tmp_path / "data", 1, "2026-03-01T10:00:00Z", "2026-03-01T11:00:00Z")
    monkeypatch.setenv("INCIDENTS_NOW", "2099-01-01T00:00:00Z")
    return tmp_path


@pytest.fixture
def unmade(monkeypatch):
    """Let reports be published without running their notebooks; ``unmade(kind)`` lets a kind fail."""
    original = scheduled.make_due

    def use(*kinds):
        maker = failing(*kinds) if kinds else publish_only
        monkeypatch.setattr(scheduled, "make_due", lambda task, ledger, found: original(task, ledger, found, maker))

    use()
    return use


def test_somebody_is_told_of_a_failure_once(place, unmade, monkeypatch):
    """The run that fails tells it by webhook; the next one, which fails as well, doesn't say it again that day."""
    told = []
    with (place / "data" / "workbook.toml").open("a") as settings:
        settings.write('[tell]\nwebhook_env = "HOOK"\noverdue = false\n')
    monkeypatch.setattr("incident_lib.scheduling.telling.post", lambda url, variable, text, sleep: told.append(text) or "")
    unmade("timeliness")
    outputs = [run(place, now) for now in (MONDAY, TUESDAY)]

    assert [code for code, _ in outputs] == [1, 1]
    assert len(told) == 1 and "timeliness failed" in told[0]
    assert "webhook about “failed timeliness”: told" in outputs[0][1] and "webhook" not in outputs[1][1]


def run(place, now=MONDAY, *more):
    """Run the command; return its exit code and what it printed."""
    arguments = ["run", "--data", f"{place}/data", "--reports", f"{place}/reports", "--notebooks", f"{place}/notebooks"]
    result = CliRunner().invoke(cli, [*arguments, "--now", now, *more])
    error = result.exception
    if error is not None and not isinstance(error, SystemExit):
        return getattr(error, "exit_code", 70), f"{type(error).__name__}: {error}"
    return result.exit_code, result.output


def status(place, age="26h", now=MONDAY):
    """Return the exit code and line of the check of age, at a moment."""
    arguments = ["status", "--max-age", age, "--data", f"{place}/data", "--reports", f"{place}/reports"]
    result = CliRunner().invoke(cli, arguments, env={"INCIDENTS_NOW": now})
    return result.exit_code, result.output


def page(place, stem):
    """Return a published page's text."""
    return (place / "reports" / stem).read_text()


def test_one_that_hangs_one_that_dies_one_that_eats_memory(place):
    """On a bad morning the draft and the customer's review are made, each failure is named, and the exit code is 1."""
    assert run(place)[0] == 0
    before = page(place, "timeliness/timeliness.html")
    write_notebooks(place / "notebooks", timeliness="import time; time.sleep(60)", follow_up="import os; os.kill(os.getpid(), 9)",
                    process_review="hoard = bytearray(800_000_000); hoard[::4096] = b'x' * len(hoard[::4096])")  # fmt: skip
    add_incident(place / "data", 2, "2026-03-03T08:00:00Z", "2026-03-03T09:00:00Z")
    code, said = run(place, "2026-04-01T12:30:00Z", "--force")
    lines = {line.split(": ")[1]: line for line in said.splitlines() if line.startswith("failed")}

    assert code == 1
    assert set(lines) == {"timeliness", "follow-up", "process-review 2026-Q1"}
    assert "longer than it may" in lines["timeliness"]
    assert "died" in lines["follow-up"]
    assert "emory" in lines["process-review 2026-Q1"]
    assert "made service-review 2026-Q1-Acme" in said
    assert said.splitlines()[-1].startswith("1 made, 0 unchanged, 3 failed")
    assert page(place, "timeliness/timeliness.html") == before
    index = page(place, "index.html")
    assert "This is the report as of 2026-03-02 12:30 UTC." in index
    assert index.count("The last run as of 2026-04-01 12:30 UTC failed") == 3
    assert status(place, now="2026-04-01T12:40:00Z")[0] == 2


def test_a_morning_makes_what_is_due_and_the_second_run_nothing(place, unmade):
    """Reports, the missing page, and a draft of it are made; a run after it makes nothing and says what is next."""
    code, said = run(place)

    assert code == 0
    assert said.splitlines()[-1].startswith("5 made, 0 unchanged, 0 failed; all reports: ")
    assert (place / "data/postmortems/INC-2026-001.md").is_file()
    assert page(place, "postmortem-draft/INC-2026-001/postmortem-draft-INC-2026-001.html").endswith("2026-03-02T12:30:00Z")
    assert run(place, "2026-03-02T12:31:00Z") == (
        0, "nothing is due; next is follow-up, Tue 3 Mar 2026 07:00 (America/Detroit)\n")  # fmt: skip


def test_nothing_due_is_decided_without_pandas(place, unmade):
    """Also when a slot for drafts has come and the files are looked at, no library for reports is imported."""
    run(place)
    code = ("import sys; from click.testing import CliRunner; from incident_lib.cli import cli; "
            "print(CliRunner().invoke(cli, sys.argv[1:]).output, {'pandas', 'numpy', 'papermill'} & set(sys.modules))")  # fmt: skip
    arguments = ["run", "--data", f"{place}/data", "--reports", f"{place}/reports", "--now", "2026-03-02T12:50:00Z"]
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True)

    assert done.stdout.startswith("nothing is due")
    assert done.stdout.endswith(" set()\n")


def test_a_page_that_is_there_is_never_written(place, unmade):
    """People's own page stays byte for byte, and its incident is not drafted."""
    own = place / "data/postmortems/mine.md"
    own.write_text("---\nincident: INC-2026-001\ntitle: Ours\nstatus: draft\n---\n\n# Ours\n")
    run(place)

    assert own.read_text().endswith("# Ours\n")
    assert [path.name for path in own.parent.iterdir()] == ["mine.md"]


def test_an_incident_that_goes_on_is_drafted_after_a_day(place, unmade):
    """A page is not drafted while the incident may end any hour; the next day it is, though no file changed."""
    add_incident(place / "data", 2, "2026-03-02T10:00:00Z", "")
    run(place)
    drafted = place / "data/postmortems/INC-2026-002.md"

    assert not drafted.exists()
    assert run(place, "2026-03-02T20:00:00Z")[1].startswith("nothing is due")
    assert run(place, TUESDAY)[0] == 0
    assert drafted.exists()


def test_the_next_run_leaves_an_unchanged_review(place, unmade):
    """The customer's review of the last quarter is left as it is until a record changes, --force is given, or it is gone."""
    run(place, "2026-04-01T12:30:00Z")
    left = "left service-review 2026-Q1-Acme as it is: nothing changed since it was made"

    assert left in run(place, "2026-04-02T12:30:00Z")[1]
    with (place / "data/workbook.toml").open("a") as settings:
        settings.write("tries = 4\n")
    made = "made service-review 2026-Q1-Acme"
    assert made in run(place, "2026-04-03T12:30:00Z")[1]
    assert made in run(place, "2026-04-03T12:31:00Z", "--force")[1]
    shutil.rmtree(place / "reports/service-review/2026-Q1-Acme")  # somebody removed it
    assert made in run(place, "2026-04-04T12:30:00Z")[1]


def test_the_last_good_report_stays_when_the_next_fails(place, unmade):
    """The index says which run failed and of when the report is; three tries a slot, then the next morning."""
    run(place)
    unmade("timeliness")
    tries = [run(place, f"2026-03-03T1{hour}:30:00Z") for hour in (2, 3, 4, 5)]
    index = page(place, "index.html")

    assert [code for code, _ in tries] == [1, 1, 1, 0]
    assert "The last run as of 2026-03-03 14:30 UTC failed: timeliness failed: it was told to." in index
    assert "This is the report as of 2026-03-02 12:30 UTC." in index
    assert page(place, "timeliness/timeliness.html") == "timeliness as of 2026-03-02T12:30:00Z"
    unmade()
    assert "made timeliness" in run(place, "2026-03-04T12:30:00Z")[1]


def test_another_run_ends_at_once(place, unmade):
    """While the lock of the reports or of the workbook is held, a run says so and exits with 75; afterwards it runs."""
    (place / "reports").mkdir()
    for folder in ("reports", "data"):
        with FileLock(place / folder / ".run.lock"):
            code, said = run(place)
        assert code == 75
        assert "another run is at work" in said
    assert run(place)[0] == 0


def test_a_clock_set_back_is_said_and_nothing_is_made_again(place, unmade):
    """Reports of Tuesday stay when the clock says Monday; with --force the time that lies ahead is forgotten."""
    run(place, TUESDAY)
    code, said = run(place, MONDAY)

    assert code == 0
    assert said.startswith("the clock was set back: it is 2026-03-02 12:30:00 UTC, and the last run was at 2026-03-03 12:30:00")
    assert "made timeliness" not in said
    assert "that is forgotten" in run(place, MONDAY, "--force")[1]
    assert "set back" not in run(place, MONDAY)[1]


def test_json_lines_for_machines(place, unmade):
    """With --log json each line is an object: what was made and why, the end, or a refusal with its exit code."""
    events = [json.loads(line) for line in run(place, MONDAY, "--log", "json")[1].splitlines()]

    assert [one["event"] for one in events] == ["page", *["made"] * 5, "finished"]
    assert events[1]["why"] == "due Mon 2 Mar 2026 07:00, never made before"
    assert events[-1]["made"] == 5
    code, said = run(place, "2026-03-02 12:30", "--log", "json")
    assert (code, json.loads(said)["exit_code"]) == (2, 2)


@pytest.mark.parametrize(
    ("now", "message"),
    [("tomorrow", "--now: not a time"), ("2026-03-02T12:30:00", "has no offset"), ("2100-01-01T00:00:00Z", "lies ahead")],
)
def test_a_wrong_time_is_refused(place, now, message):
    """A time that can't be read, has no offset or lies ahead is a usage error, before anything is made."""
    code, said = run(place, now)

    assert (code, message in said) == (2, True)
    assert not (place / "reports").exists()


def test_wrong_settings_are_refused(place):
    """Settings that make no sense, and no workbook at all, end with 2."""
    (place / "data/workbook.toml").write_text('[schedule]\ntimeliness = "7 o\'clock"\n')
    assert run(place)[0] == 2
    shutil.rmtree(place / "data")
    assert run(place)[0] == 2


def test_records_that_cannot_be_read_fail_the_drafts_only(place, unmade):
    """When nothing can be read there are no drafts, said with the reason; the notebooks say so themselves."""
    (place / "data/incidents.csv").write_bytes(b"\xff\xfe\x00broken")
    code, said = run(place)

    assert code == 1
    assert "failed: drafts: nothing could be read from" in said
    assert "made follow-up" in said


def test_a_damaged_ledger_is_put_aside(place, unmade):
    """A ledger that is no database any more costs its memory, not the reports."""
    run(place)
    (place / "reports/ledger.sqlite").write_bytes(b"nothing" * 1000)
    code, said = run(place, TUESDAY)

    assert code == 0
    assert "the ledger was damaged: it is now" in said
    assert "made timeliness" in said


def test_a_run_that_died_before_the_index_is_made_up_for(place, unmade, monkeypatch):
    """What was published counts as made, the index is made by the next run, and nothing is made twice."""
    monkeypatch.setattr(scheduled, "rebuild_index", lambda *_: os._exit(9))
    child = os.fork()
    if not child:
        run(place)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    monkeypatch.setattr(scheduled, "rebuild_index", rebuild_index)
    code, said = run(place, "2026-03-02T12:31:00Z")

    assert code == 0
    assert said.startswith("the run before died")
    assert "made timeliness" not in said
    assert (place / "reports/index.html").exists()


@pytest.fixture
def small_disk(tmp_path):
    """Return a maker of disks in memory, of so many kilobytes; skips where they can't be mounted."""
    mounted = []

    def mount(kilobytes, options=""):
        folder = tmp_path / "disk"
        folder.mkdir(exist_ok=True)
        command = ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k{options}", "tmpfs", str(folder)]
        if shutil.which("mount") is None or subprocess.run(command, capture_output=True).returncode:
            pytest.skip("needs to mount a disk in memory")
        mounted.append(folder)
        return folder

    yield mount
    for folder in mounted:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def on_disk(place, disk):
    """Let the reports of a place be on another disk."""
    (place / "reports").symlink_to(disk)


def test_a_full_disk_costs_what_does_not_fit(place, unmade, small_disk):
    """With the disk full the run says so and exits with 1; the reports of before are whole, and room mends it."""
    disk = small_disk(8000)
    on_disk(place, disk)
    assert run(place)[0] == 0
    with suppress(OSError), (disk / "filler").open("wb", buffering=0) as filler:
        while True:
            filler.write(bytes(4096))
    code, said = run(place, TUESDAY)

    assert code == 1
    assert "full" in said or "No space" in said
    assert page(place, "timeliness/timeliness.html") == "timeliness as of 2026-03-02T12:30:00Z"
    (disk / "filler").unlink()
    assert run(place, "2026-03-03T12:40:00Z")[0] == 0
    assert page(place, "timeliness/timeliness.html").startswith("timeliness as of 2026-03-03T12:")


def test_a_disk_that_fills_up_fails_one_report_and_not_the_others(place, unmade, small_disk, monkeypatch):
    """A report that has no room is named with its reason, the others are made."""
    on_disk(place, small_disk(8000))
    monkeypatch.setattr("publish_only.SIZE", {"timeliness": 9_000_000})
    code, said = run(place)

    assert code == 1
    assert "failed: timeliness: can't publish" in said
    assert "made follow-up" in said


def test_a_folder_that_cannot_be_written(place, small_disk):
    """Reports on a disk that is read-only: one sentence, exit code 1."""
    on_disk(place, small_disk(1000, ",ro"))
    code, said = run(place)

    assert code == 1
    assert "can't write into" in said and "Read-only" in said


def test_a_workbook_that_cannot_be_written(place, unmade, small_disk):
    """A read-only workbook gets its reports; the page that can't be written is named."""
    disk = small_disk(1000)
    shutil.copytree(place / "data", disk, dirs_exist_ok=True)
    shutil.rmtree(place / "data")
    (place / "data").symlink_to(disk)
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    code, said = run(place)

    assert code == 1
    assert "made timeliness" in said
    assert "failed: postmortem-draft INC-2026-001: can't write" in said


def test_stopped_by_a_timer_it_cleans_up(place):
    """SIGTERM ends a run with 143, without scratch folders and kernels; what was due is made by the next."""
    write_notebooks(place / "notebooks", timeliness="import time; time.sleep(60)")
    (place / "data/workbook.toml").write_text('[schedule]\nprocess_review = "never"\nfollow_up = "never"\ndrafts = "never"\n')
    command = [sys.executable, "-m", "incident_lib", "run", "--data", str(place / "data"), "--reports", str(place / "reports"),
               "--notebooks", str(place / "notebooks"), "--now", MONDAY]  # fmt: skip
    process = subprocess.Popen(command, stderr=subprocess.PIPE)
    end = time.monotonic() + 60
    while not list(Path(place / "reports").glob(".scratch-*")) and time.monotonic() < end and process.poll() is None:
        time.sleep(0.1)
    process.send_signal(signal.SIGTERM)

    assert process.wait(30) == 128 + signal.SIGTERM
    time.sleep(0.5)
    assert list((place / "reports").glob(".scratch-*")) == []
    process.stderr.close()


def test_killed_at_any_moment_nothing_is_half_there(tmp_path):
    """Fifteen runs killed at random moments: no half report, no lost page, no lock, and each next run completes."""
    figures = kill_runs(tmp_path, 15, seed=3, without_kernels=True)

    assert {what: figures[what] for what in WRONG} == dict.fromkeys(WRONG, 0)
    assert figures["kills"] >= 6


def test_age_of_the_reports_for_a_monitoring_system(place, unmade):
    """Fresh reports are OK with performance data; on Sunday Friday's timeliness still is; a missed day is critical."""
    assert status(place)[0] == 3
    friday = "2026-03-06T12:30:00Z"
    run(place, friday)
    code, line = status(place, now="2026-03-06T13:30:00Z")

    assert code == 0
    assert line == ("OK - 4 of 4 scheduled kinds are fresh | timeliness=3600s;;93600;0 follow-up=3600s;;93600;0 "
                    "process-review=3600s;;93600;0 service-review=3600s;;93600;0\n")  # fmt: skip
    run(place, "2026-03-07T12:30:00Z")
    run(place, "2026-03-08T12:30:00Z")
    assert status(place, now="2026-03-08T20:00:00Z")[0] == 0
    code, line = status(place, now="2026-03-09T20:00:00Z")
    assert code == 2
    assert line.startswith("CRITICAL - timeliness is 3 days old; follow-up is 31.5 h old | ")


def test_age_of_reports_never_made_failed_or_ahead(place, unmade):
    """A kind that was never made is critical, a failed last run a warning, one made ahead of the clock a warning."""
    unmade("timeliness")
    run(place)
    assert status(place)[1].startswith("CRITICAL - timeliness was never made | follow-up=0s")
    unmade()
    run(place, TUESDAY)
    unmade("follow-up")
    run(place, "2026-03-04T12:30:00Z")
    assert status(place, now="2026-03-04T12:40:00Z")[1].startswith("WARNING - follow-up: the last run of 1 report failed")
    code, line = status(place, now=MONDAY)
    assert (code, "made ahead of this clock" in line) == (1, True)


@pytest.mark.parametrize("age", ["26", "h", "0h", "soon", "-1h"])
def test_an_age_that_is_none_is_unknown(place, age):
    """A monitoring system must not take a typing error for an alarm: code 3, one line."""
    code, line = status(place, age)

    assert (code, line.startswith("UNKNOWN - --max-age: not an age")) == (3, True)


def test_a_moment_is_the_clocks_to_the_second(monkeypatch):
    """Without a stated time, now is the clock's; runs are told apart to the second."""
    from incident_lib.commands.scheduling import present  # noqa: PLC0415

    monkeypatch.delenv("INCIDENTS_NOW", raising=False)

    assert abs((datetime.now(UTC) - present(None)).total_seconds()) < 5
    assert present(None).microsecond == 0
