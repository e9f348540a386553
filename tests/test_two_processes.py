"""Two processes that share out a large source: the same tables as one, whatever happens to the second."""

import json
import os
import random
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest

from incident_lib.errors import SourceError
from incident_lib.settings import Limits, Settings, Sources
from incident_lib.sources import slack, slack_days, two_processes
from incident_lib.sources.reading import Batch, Source
from incident_lib.sources.two_processes import Other, all_parts, other_process

SCHEMA = pa.schema([("number", pa.int64())])
SQUARES = """
from contextlib import contextmanager
import pyarrow as pa

@contextmanager
def begin(order):
    def work(number):
        if number in order["left"]:
            return None
        rows = pa.record_batch({"number": pa.array([number * order["times"]])})
        return rows, {"text": f"of the second \\ud83d\\ude00 {number}"}
    yield work
"""
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="tells by /proc what becomes of processes")


def here(number: int) -> two_processes.Part:
    """Work on a part in this process, in a way that can be told from the second's."""
    return pa.record_batch({"number": pa.array([number * 10], pa.int64())}), {"text": "of the first"}


def is_gone(pid: int) -> bool:
    """Tell whether a process has ended, even if nobody has asked how."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except OSError:
        return True


@pytest.fixture
def squares(tmp_path, monkeypatch) -> str:
    """Return the name of work that the second process can import, too."""
    (tmp_path / "made_up_work.py").write_text(SQUARES)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return "made_up_work:begin"


@pytest.fixture
def patient(monkeypatch) -> Callable[..., None]:
    """Return a function that lets this process wait for some of the second's answers, and then does something."""

    def until(answers: int, then: Callable[[Other], object] = lambda _: None) -> None:
        reached, pending = Other.reached, [then]

        def waiting(self: Other, mine: int, count: int) -> int:
            end = time.monotonic() + 20
            found = reached(self, mine, count)
            while pending and count - found < answers:
                assert time.monotonic() < end, "the second process gives no answers"
                time.sleep(0.005)
                found = reached(self, mine, count)
            if pending:
                pending.pop()(self)
            return found

        monkeypatch.setattr(Other, "reached", waiting)

    return until


def test_parts_come_in_order_whoever_worked_on_them(squares, patient):
    """The first parts are this process's, the last ones the second's; one that it declines is worked on here."""
    patient(7)
    with other_process(squares, wanted=True) as other:
        other.order({"times": 10, "left": [18]})
        found = all_parts(20, here, other, SCHEMA)

    assert [rows["number"][0].as_py() for rows, _ in found] == list(range(0, 200, 10))
    told = [facts["text"] for _, facts in found]
    assert told[0] == told[18] == "of the first"
    assert told[19] == "of the second 😀 19" and told[17] == "of the second 😀 17"


@pytest.mark.parametrize("harm", [signal.SIGKILL, signal.SIGSTOP])
def test_a_second_process_that_dies_or_stops_costs_nothing(harm, squares, patient):
    """What it has not answered is worked on here, without waiting; at the end it is gone."""
    patient(2, lambda other: os.kill(other._process.pid, harm))
    with other_process(squares, wanted=True) as other:
        pid = other._process.pid
        other.order({"times": 10, "left": []})
        found = all_parts(200, here, other, SCHEMA)

    assert [rows["number"][0].as_py() for rows, _ in found] == list(range(0, 2000, 10))
    assert found[150][1] == {"text": "of the first"} and "second" in found[199][1]["text"]
    assert is_gone(pid)


def test_without_room_for_its_answers_they_are_found_again(squares, patient, monkeypatch):
    """Where the shared memory can't be had, this process works on everything itself."""

    def no_room(*_: object, **__: object) -> None:
        raise OSError("no memory")

    patient(5)
    monkeypatch.setattr(two_processes.mmap, "mmap", no_room)
    with other_process(squares, wanted=True) as other:
        other.order({"times": 10, "left": []})
        found = all_parts(9, here, other, SCHEMA)

    assert [facts["text"] for _, facts in found] == ["of the first"] * 9


@pytest.mark.parametrize("executable", ["/nowhere/python3", "", "/usr/bin/uwsgi"])
def test_without_an_interpreter_there_is_none(executable, squares, monkeypatch):
    """Inside another program, or where nothing can be started, this process works alone."""
    monkeypatch.setattr(sys, "executable", executable)
    with other_process(squares, wanted=True) as other:
        assert other is None


def test_one_core_is_for_one_process(squares, monkeypatch):
    """A process that may use a single core starts no second one, nor does one that doesn't want to."""
    with other_process(squares, wanted=False) as other:
        assert other is None
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0}, raising=False)
    with other_process(squares, wanted=True) as other:
        assert other is None


def test_work_that_fails_there_fails_here(squares):
    """What goes wrong in the second process is this one's to tell: it comes to the same part."""

    def failing(number: int) -> two_processes.Part:
        if number == 9:
            raise SourceError("part 9 can't be read")
        return here(number)

    with other_process("made_up_work:no_such_name", wanted=True) as other, pytest.raises(SourceError, match="part 9"):
        all_parts(20, failing, other, SCHEMA)


def test_it_ends_with_a_caller_that_is_killed(squares, tmp_path):
    """``kill -9`` of the caller ends it at once, though it is at work; and no caller's script is run twice."""
    script = tmp_path / "script.py"
    (tmp_path / "slow_work.py").write_text(SQUARES.replace("if number in", "while True: pass\n        if number in"))
    script.write_text(
        "print('begun', flush=True)\nimport time\n"
        "from incident_lib.sources.two_processes import other_process\n"
        "with other_process('slow_work:begin', wanted=True) as other:\n"
        "    other.order({'left': []})\n    other.reached(0, 9)\n    print(other._process.pid, flush=True)\n"
        "    time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True) as caller:
        assert caller.stdout.readline() == "begun\n"
        pid = int(caller.stdout.readline())
        end = time.monotonic() + 20
        while Path(f"/proc/{pid}/oom_score_adj").read_text() != "500\n" and time.monotonic() < end:
            time.sleep(0.02)  # until it has begun
        caller.kill()
        while not is_gone(pid) and time.monotonic() < end:
            time.sleep(0.02)
        assert is_gone(pid)
        assert caller.stdout.read() == ""


def messy_days() -> Iterator[tuple[str, object]]:
    """Yield the day files of an export with all that may be odd about messages and files."""
    dice = random.Random(5)
    first = "1772443200.000100"
    for channel in ("incidents", "ops", "inc-2026-001", "täglich"):
        for day in range(1, 29):
            rows: list[object] = [
                {
                    "type": "message", "user": dice.choice(["U1", "U2", "UBOT", "UNKNOWN"]), "text": text,
                    "ts": f"{1772323200 + day * 86_400 + place}.{dice.randrange(10**6):06}", "thread_ts": first,
                }
                for place, text in enumerate(["on *it*", "• a\n• b <@U2>", "nul \0 here", "&lt;x&gt; ◦", "", "ünï 😀"])
            ]  # fmt: skip
            rows.append(dict(rows[0]))
            rows += dice.sample(
                [
                    {"ts": "no time", "text": "x"}, {"ts": 1772443200.5, "user": "U1", "text": "a number"}, "no message",
                    {"ts": f"177244{day:04}.000001", "subtype": "bot_add", "user": "U1",
                     "text": f"added <https://x.slack.com/services/B7|Pager {day}>"},
                    {"ts": f"177244{day:04}.000002", "subtype": "bot_message", "bot_id": "B7", "text": "alert"},
                    {"ts": f"177244{day:04}.000003", "user": "U2", "text": "seen", "edited": {"ts": "never"},
                     "reactions": [{"name": "eyes", "count": 2}]},
                    {"ts": f"177244{day:04}.000004", "subtype": "pinned_item", "user": "U1", "item": {"ts": first}},
                    {"ts": f"177244{day:04}.000005", "subtype": "channel_join", "user": "U1", "text": "joined"},
                    {"ts": "1772443200.000100", "user": "U1", "text": "half \ud83d of a pair",
                     "files": [{"id": "F", "name": "a.png"}]},
                ], 4)  # fmt: skip
            yield f"{channel}/2026-03-{day:02}.json", rows
    yield "ops/2026-04-01.json", b'[{"ts": "1772443200.000100", '
    yield "incidents/2026-04-01.json", {"no": "list"}
    yield "incidents/2026-04-02.json", b"\xff\xfe"
    yield "täglich/2026-04-03.json", []
    yield "ops/notes.txt", b"no day file"


@pytest.fixture(scope="module")
def messy(tmp_path_factory) -> Path:
    """Return a messy export, one member of it damaged."""
    users = [{"id": "U1", "real_name": "Priya Raman"}, {"id": "U2", "real_name": "Tom"},
             {"id": "UBOT", "name": "bot", "is_bot": True}, {"id": 7}]  # fmt: skip
    channels = [{"id": "C01", "name": "incidents"}, {"id": "C02", "name": "ops"}]
    path = tmp_path_factory.mktemp("messy") / "export.zip"
    with zipfile.ZipFile(path, "w") as file:
        for name, content in [("users.json", users), ("channels.json", channels), *messy_days()]:
            file.writestr(name, content if isinstance(content, bytes) else json.dumps(content))
        file.writestr("ops/2026-04-05.json", '[{"ts": "1772443200.000100", "text": "to be damaged"}]')
    path.write_bytes(path.read_bytes().replace(b"to be damaged", b"tp be damaged"))
    return path


def read(path: Path, **limits: int) -> Batch:
    """Return what the Slack reader gets from a path."""
    return slack.READER.read(Source(path, path.name, Settings(sources=Sources(limits=Limits(**limits)))))


@pytest.fixture
def in_two(monkeypatch, patient) -> Callable[[int], None]:
    """Return a function that has small exports read in two processes, each some parts."""

    def start(answers: int, part_bytes: int = 3_000) -> None:
        monkeypatch.setattr(slack, "LARGE_BYTES", 0)
        monkeypatch.setattr(slack_days, "PART_BYTES", part_bytes)
        patient(answers)

    return start


def same(one: Batch, other: Batch) -> bool:
    """Tell whether two batches are the same to the last byte."""
    assert one.problems == other.problems
    assert one.accounts == other.accounts
    assert list(one.tables) == list(other.tables)
    for name, table in one.tables.items():
        pd.testing.assert_frame_equal(table, other.tables[name], check_exact=True)
    return True


@pytest.mark.parametrize("answers", [0, 1, 20])
def test_two_processes_read_what_one_reads(answers, messy, in_two):
    """Tables, problems and accounts are the same in the same order, however many parts the second one did."""
    alone = read(messy)
    in_two(answers)

    assert same(read(messy), alone)
    assert len(alone.tables["messages"]) > 600 and len(alone.problems) > 50


def test_two_processes_read_an_unpacked_export(messy, tmp_path, in_two):
    """A folder is shared out like a zip, a file that nobody may read included."""
    with zipfile.ZipFile(messy) as file:
        for name in set(file.namelist()) - {"ops/2026-04-05.json"}:
            file.extract(name, tmp_path / "export")
    (tmp_path / "export" / "ops" / "2026-04-06.json").symlink_to("/etc/hostname")
    alone = read(tmp_path / "export")
    in_two(20)

    assert same(read(tmp_path / "export"), alone)


def test_limits_hold_for_both_processes_together(tmp_path, in_two):
    """Neither process alone goes beyond what the archive may unpack to; both together do, and it is refused."""
    path = tmp_path / "export.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("users.json", "[]")
        for day in range(1, 21):
            text = "".join(random.Random(day).choices("abcdefgh", k=60_000))
            file.writestr(f"ops/2026-03-{day:02}.json", json.dumps([{"ts": f"17724432{day:02}.000100", "text": text}]))
    with pytest.raises(SourceError) as alone:
        read(path, archive_megabytes=1)
    in_two(10)

    with pytest.raises(SourceError) as together:
        read(path, archive_megabytes=1)
    assert str(together.value) == str(alone.value)
    assert str(alone.value) == "export.zip, unpacked, has more than 1 MB (sources.limits.archive_megabytes)"


def test_another_export_in_its_place_is_not_mixed_in(messy, tmp_path, in_two):
    """A zip replaced while it is read: the second process sees that it is another one, and leaves all to this one."""
    path = tmp_path / "export.zip"
    path.write_bytes(messy.read_bytes())
    source = Source(path, path.name, Settings())
    with slack.open_archive(source) as archive:
        order = slack_days.order_for(source, archive, slack.Names(), [])
    path.unlink()
    path.write_bytes(messy.read_bytes() + b" ")
    with pytest.raises(OSError, match="replaced"), slack_days.work_on(order):
        pass
