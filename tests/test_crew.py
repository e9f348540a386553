"""Workers that are forked for jobs: order, deaths, replacement, what jobs leave behind, and stopping."""

import json
import os
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from incident_lib.batches.crew import how_it_ended

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="workers are forked on Linux only")
FRAME = """
import json, os, signal, subprocess, sys, time
from incident_lib.batches import crew
from incident_lib.batches.crew import Crew

def gather(workers, jobs, seconds=20):
    for number, job in enumerate(jobs):
        workers.give({"number": number, **job})
    answers, end = [], time.monotonic() + seconds
    while len(answers) < len(jobs) and time.monotonic() < end:
        answers += workers.turn(timeout=0.2)[0]
    return sorted(answers, key=lambda one: one["number"])
"""


def run(script):
    """Run a script about a crew in a process of its own; return what it prints, as JSON."""
    code = FRAME + textwrap.dedent(script)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    return json.loads(done.stdout)


def is_alive(pid):
    """Tell whether a process is there and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_jobs_are_answered_and_workers_are_replaced_after_a_while():
    """Each job gets its answer, by few processes at a time, none of which does more than its share of jobs."""
    told = run("""
        crew.JOBS_EACH = 3
        workers = Crew(2, lambda job: {"twice": 2 * job["x"], "by": os.getpid()})
        answers = gather(workers, [{"x": x} for x in range(12)])
        workers.close()
        print(json.dumps(answers))
    """)

    assert [one["twice"] for one in told] == [2 * x for x in range(12)]
    doers = [one["by"] for one in told]
    assert all(doers.count(one) <= 3 for one in doers) and len(set(doers)) >= 4


def test_a_death_costs_one_job():
    """A worker that leaves or is killed takes its own job along; the others are done, by a new worker."""
    told = run("""
        def task(job):
            if job["x"] == 1:
                os._exit(7)
            if job["x"] == 2:
                os.kill(os.getpid(), signal.SIGKILL)
            return {"ok": True}

        workers = Crew(1, task)
        answers = gather(workers, [{"x": x} for x in range(5)])
        workers.close()
        print(json.dumps(answers))
    """)

    assert [one.get("ok", False) for one in told] == [True, False, False, True, True]
    assert told[1]["died"] == "ended by itself with exit code 7"
    assert told[2]["died"] == "was killed (SIGKILL), by somebody or for want of memory"


def test_what_a_job_leaves_running_is_ended():
    """A process that a job started in a session of its own is gone after the job, and nothing stays open."""
    told = run("""
        def task(job):
            left = subprocess.Popen(["sleep", "60"], start_new_session=True)
            subprocess.Popen(["sh", "-c", "sleep 60 & sleep 60"], start_new_session=True)
            os.kill(os.getpid(), signal.SIGKILL) if job["x"] else None
            return {"left": left.pid}

        before = len(os.listdir("/proc/self/fd"))
        crew.JOBS_EACH = 1
        workers = Crew(1, task)
        answers = gather(workers, [{"x": 0}, {"x": 1}])
        workers.close()
        children = open(f"/proc/self/task/{os.getpid()}/children").read()
        print(json.dumps([answers, children, len(os.listdir("/proc/self/fd")) - before]))
    """)

    answers, children, more_open = told
    assert answers[0]["left"] and not is_alive(answers[0]["left"])
    assert (children, more_open) == ("", 0)


def test_closing_stops_what_is_under_way_and_lets_it_clean_up(tmp_path):
    """A job in the middle of something is told to stop, and its cleaning up is done."""
    told = run(f"""
        def task(job):
            open({str(tmp_path / "begun")!r}, "w").close()
            try:
                time.sleep(60)
            finally:
                open({str(tmp_path / "cleaned")!r}, "w").close()

        workers = Crew(1, task)
        workers.give({{"number": 0}})
        while not os.path.exists({str(tmp_path / "begun")!r}):
            workers.turn(timeout=0.05)
        begun = time.monotonic()
        workers.close()
        print(json.dumps(time.monotonic() - begun < 3))
    """)

    assert told and (tmp_path / "cleaned").exists()


def test_workers_go_when_their_parent_is_killed(tmp_path):
    """After kill -9 of the parent no worker is left, however busy it was."""
    pids = tmp_path / "pids"
    code = FRAME + textwrap.dedent(f"""
        def task(job):
            with open({str(pids)!r}, "a") as file:
                file.write(f"{{os.getpid()}}\\n")
            time.sleep(60)

        workers = Crew(2, task)
        for number in range(2):
            workers.give({{"number": number}})
        while True:
            workers.turn(timeout=0.1)
    """)
    parent = subprocess.Popen([sys.executable, "-c", code])
    wait_until(lambda: pids.exists() and len(pids.read_text().splitlines()) == 2)
    parent.kill()
    parent.wait()

    wait_until(lambda: not any(is_alive(pid) for pid in pids.read_text().split()))


def wait_until(holds, seconds=20):
    """Wait until something holds; fail if it doesn't in time."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it did not come about in time"
        time.sleep(0.02)


@pytest.mark.parametrize(("status", "words"), [(0, "ended by itself with exit code 0"), (15, "was ended by SIGTERM")])
def test_endings_have_words(status, words):
    """How a process ended is said in words."""
    assert how_it_ended(status) == words
    assert os.waitstatus_to_exitcode(status) == -status


def test_a_worker_that_is_told_to_stop_while_it_begins_stops():
    """Python drops what is raised in its callbacks after a fork; a worker that lost its order to stop so would go on."""
    told = run("""
        def leave(*_):
            raise crew.Stopped(0)

        signal.signal(signal.SIGTERM, leave)
        os.register_at_fork(after_in_child=lambda: os.kill(os.getpid(), signal.SIGTERM))
        workers = Crew(1, lambda job: {"went": "on"})
        answers = gather(workers, [{}])
        workers.close()
        print(json.dumps(answers))
    """)

    assert told[0]["died"] == "ended by itself with exit code 0" and "went" not in told[0]
