"""Kill 'incidents run' at any moment, look at what it left, run again, and count what is wrong.

Each round is one morning: an incident has come in, so that a page is to be drafted, and the reports are due. The run
is killed by SIGKILL somewhere between its first line of code and its end; then nothing may be half there, and the next
run must end well and have made everything. Every fifth round starts fresh interpreters; the others, and the process
behind their batch, are forked from this one, which has imported what reports need, so that the kills fall where the
work is.

    python tests/kill_runs.py FOLDER ROUNDS SEED      goes on in the folder where it was left; prints its figures as JSON
"""

from __future__ import annotations

import hashlib
import importlib
import json
import os
import pkgutil
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from publish_only import publish_only
from short_notebooks import add_incident, write_notebooks, write_workbook

import incident_lib
from incident_lib.batches import foreman
from incident_lib.batches.many import Outcome
from incident_lib.cli import cli
from incident_lib.reports.run import Report
from incident_lib.reports.warm import servers
from incident_lib.reports.warm.server import import_early
from incident_lib.scheduling import making as scheduled

FIRST = datetime(2026, 1, 5, 12, 30, tzinfo=UTC)  # half past seven in Detroit
MARK = "INCIDENTS_KILL_ROUND"
WRONG = ("half-published report", "lost page", "changed page", "half-written page", "unreadable ledger", "broken index",
         "stale lock", "next run failed", "not made", "left behind", "process left")  # fmt: skip
STAGES = ("before the ledger", "looking for drafts", "making, nothing published", "making, some published",
          "index and tidying up")  # fmt: skip


class Scene:
    """The folder in which it happens: a workbook, its reports, and the number of the next round."""

    def __init__(self, folder: Path, *, without_kernels: bool = False) -> None:
        self.without_kernels = without_kernels
        self.folder, self.data, self.reports = folder, folder / "data", folder / "reports"
        self.notebooks = folder / "notebooks"
        if not self.data.exists():
            write_workbook(self.data, '[schedule]\ndrafts = "0 * * * *"\n[reports]\nworkers = 1\n')
            write_notebooks(self.notebooks)
        self.memory = folder / "round.txt"
        self.number = int(self.memory.read_text()) if self.memory.exists() else 0
        self.drafted = ""

    def begin(self, *, incident: bool = True) -> datetime:
        """Let a morning come, mostly with an incident that came in, and return its moment."""
        now = FIRST + timedelta(days=self.number)
        self.number += 1
        self.memory.write_text(str(self.number))
        self.drafted = ""
        if not incident:
            return now
        times = [f"{now - timedelta(hours=hours):%Y-%m-%dT%H:%M:%SZ}" for hours in (9, 8)]
        self.drafted = add_incident(self.data, self.number, *times)
        return now

    def start(self, now: datetime, *, fresh: bool) -> int:
        """Start a run, and return its process id."""
        arguments = ["run", "--data", str(self.data), "--reports", str(self.reports), "--notebooks",
                     str(self.notebooks), "--now", f"{now:%Y-%m-%dT%H:%M:%SZ}"]  # fmt: skip
        log = os.open(self.folder / "run.log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        environment = {**os.environ, MARK: str(self.folder), "INCIDENTS_NOW": "2099-01-01T00:00:00Z"}
        if fresh:
            command = [sys.executable, "-m", "incident_lib", *arguments]
            process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
            os.close(log)
            return process.pid
        if child := os.fork():
            os.close(log)
            return child
        os.dup2(log, 1)
        os.dup2(log, 2)
        os.environ.update(environment)
        foreman.subprocess = SimpleNamespace(Popen=Forked, DEVNULL=None, TimeoutExpired=subprocess.TimeoutExpired)
        if self.without_kernels:
            scheduled.make_due = partial(scheduled.make_due, maker=slowly_published)
        code = 70
        try:
            cli(arguments, standalone_mode=False)
        except SystemExit as leaving:
            code = int(leaving.code or 0)
        finally:
            os._exit(code)


class Forked:
    """Stands in for the fresh interpreter behind a batch: the same code in a process that has its imports already."""

    def __init__(self, command: list[str], *, pass_fds: list[int], cwd: str, env: dict[str, str], **_: Any) -> None:
        self.pid = os.fork()
        if self.pid:
            return
        pipe = pass_fds[0]
        os.closerange(3, pipe)
        os.closerange(pipe + 1, 4096)
        os.setsid()
        os.chdir(cwd)
        os.environ.update(env)
        servers.can_fork_here = lambda environment: True
        try:
            foreman.main(pipe)
        finally:
            os._exit(0)

    def wait(self, timeout: float = 3600) -> None:
        """Wait until it has ended."""
        end = time.monotonic() + timeout
        while not os.waitpid(self.pid, os.WNOHANG)[0]:
            if time.monotonic() > end:
                raise subprocess.TimeoutExpired("foreman", timeout)
            time.sleep(0.005)


def slowly_published(reports: list[Report], **rest: Any) -> list[Outcome]:
    """Publish without running notebooks, and take the time of a few."""
    outcomes = []
    for report in reports:
        time.sleep(0.05)
        outcomes += publish_only([report], **rest)
    return outcomes


def waited(child: int) -> int:
    """Wait for a process, and return its exit code."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def killed(child: int, after: float) -> bool:
    """Kill a process after a while; tell whether it was still at work."""
    end = time.monotonic() + after
    while time.monotonic() < end:
        if os.waitpid(child, os.WNOHANG)[0]:
            return False
        time.sleep(0.002)
    os.kill(child, signal.SIGKILL)
    return waited(child) == -signal.SIGKILL


def wrong_after_kill(scene: Scene, pages: dict[str, bytes]) -> list[str]:
    """Return what a reader who comes by right now would find wrong."""
    found = ["half-published report" for path in scene.reports.glob("[!.]*/**/manifest.json") if not is_whole(path)]
    now = pages_of(scene)
    found += ["lost page" for name in pages if name not in now]
    found += ["changed page" for name in pages if name in now and now[name] != pages[name]]
    found += ["half-written page" for text in now.values() if not text.startswith(b"---\n") or b"## Messaging" not in text]
    index = scene.reports / "index.html"
    found += ["broken index"] * (index.exists() and not index.read_bytes().rstrip().endswith(b"</html>"))
    return found + ["unreadable ledger"] * (not is_readable(scene.reports / "ledger.sqlite"))


def wrong_after_next_run(scene: Scene, code: int, now: datetime) -> list[str]:
    """Return what is wrong once another run has ended."""
    if code:
        return ["stale lock" if code == 75 else "next run failed"]
    with closing(sqlite3.connect(scene.reports / "ledger.sqlite")) as ledger:
        running = ledger.execute("SELECT count(*) FROM reports WHERE outcome = 'running'").fetchone()[0]
        open_runs = ledger.execute("SELECT count(*) FROM runs WHERE ended_at IS NULL").fetchone()[0]
        day = ledger.execute("SELECT kind, name FROM reports WHERE outcome IN ('made', 'unchanged') AND as_of = ?",
                             (f"{now:%Y-%m-%dT%H:%M:%SZ}",)).fetchall()  # fmt: skip
    drafted = scene.drafted
    wanted = {("follow-up", "")} | ({("timeliness", "")} if now.weekday() < 5 else set())
    wanted |= {("postmortem-draft", drafted), ("drafts", "")} if drafted else set()
    missing = [*(wanted - set(day))]
    pages = (scene.data / f"postmortems/{drafted}.md", scene.data / f"postmortems/{drafted}.evidence.json",
             scene.reports / f"postmortem-draft/{drafted}/manifest.json")  # fmt: skip
    missing += [one for one in pages if drafted and not one.exists()]
    left = [*scene.reports.glob(".scratch-*"), *scene.reports.glob(".*.tmp"), *scene.data.glob("**/.*.tmp")]
    return ["not made"] * (len(missing) + running + open_runs) + ["left behind"] * len(left)


def is_whole(manifest: Path) -> bool:
    """Tell whether a published report has exactly the files that its manifest names, byte for byte.

    The workers of a killed run live on for a moment: a report that they replace while it is read is read again.
    """
    while True:
        said = manifest.read_bytes()
        with suppress(FileNotFoundError):
            files = json.loads(said)["files"].items()
            if all(hashlib.sha256((manifest.parent / name).read_bytes()).hexdigest() == sha for name, sha in files):
                return True
        if manifest.read_bytes() == said:
            return False


def is_readable(ledger: Path) -> bool:
    """Tell whether the ledger is a sound database, or not there yet."""
    if not ledger.exists():
        return True
    try:
        with closing(sqlite3.connect(ledger)) as connection:
            return connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    except sqlite3.Error:
        return False


def pages_of(scene: Scene) -> dict[str, bytes]:
    """Return the workbook's pages by name."""
    return {path.name: path.read_bytes() for path in (scene.data / "postmortems").glob("*.md")}


def stage_of(scene: Scene, now: datetime) -> str:
    """Return how far a killed run had come, by what it left."""
    try:
        with closing(sqlite3.connect(scene.reports / "ledger.sqlite")) as ledger:
            rows = dict(ledger.execute("SELECT outcome, count(*) FROM reports WHERE as_of = ? AND kind != 'drafts' "
                                       "GROUP BY outcome", (f"{now:%Y-%m-%dT%H:%M:%SZ}",)))  # fmt: skip
            begun = ledger.execute("SELECT count(*) FROM runs WHERE ended_at IS NULL").fetchone()[0]
    except sqlite3.Error:
        return "before the ledger"
    if not begun:
        return "before the ledger"
    if not rows:
        return "looking for drafts"
    if rows.get("made", 0) + rows.get("unchanged", 0) == 0:
        return "making, nothing published"
    return "making, some published" if rows.get("running") else "index and tidying up"


def processes_left(scene: Scene, seconds: float = 20.0) -> int:
    """Return how many processes of killed runs are still there after a while."""
    end = time.monotonic() + seconds
    while (left := _processes(scene)) and time.monotonic() < end:
        time.sleep(0.2)
    return left


def _processes(scene: Scene) -> int:
    wanted, count = f"{MARK}={scene.folder}".encode(), 0
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            count += wanted in path.read_bytes().split(b"\0") and int(path.parts[2]) != os.getpid()
        except OSError:
            continue
    return count


def one_round(scene: Scene, chance: random.Random, lengths: dict[bool, float]) -> Counter[str]:
    """Kill one run, look, run again, look; return what was counted. ``lengths`` are those of runs with a draft or not."""
    # reading the workbook takes the longest where no kernel runs: on some mornings only
    now = scene.begin(incident=not scene.without_kernels or scene.number % 4 == 0)
    fresh = scene.number % 5 == 0 and not scene.without_kernels
    longest = lengths[bool(scene.drafted)]
    pages = pages_of(scene)
    earliest = chance.choice([0, 0.6])  # half of them late, where pages, reports, index and ledger are written
    died = killed(scene.start(now, fresh=fresh), chance.uniform(earliest, 1) * longest * (1.4 if fresh else 1))
    counts = Counter({"kills": int(died), "too late": int(not died)})
    if died:
        counts[f"killed {stage_of(scene, now)}"] += 1
    counts.update(wrong_after_kill(scene, pages))
    begun = time.monotonic()
    code = waited(scene.start(now, fresh=False))
    took = time.monotonic() - begun if died else 0.7 * longest  # a run that ended before its kill was shorter
    lengths[bool(scene.drafted)] = 0.7 * longest + 0.3 * took
    counts.update(wrong_after_next_run(scene, code, now))
    counts.update(wrong_after_kill(scene, pages))
    return counts


def import_all() -> None:
    """Import what a run imports on its way, so that it need not."""
    import_early()
    for module in pkgutil.walk_packages(incident_lib.__path__, "incident_lib."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)


def kill_runs(
    folder: Path, rounds: int, seed: int, *, seconds: float = 1e9, longest: float = 0, without_kernels: bool = False
) -> Counter[str]:  # fmt: skip
    """Return the figures of so many rounds, or of as many as begin within some seconds.

    ``longest`` is how long a run takes here; 0 finds it out by a run of its own. ``without_kernels`` publishes without
    running notebooks: all the rest is as it is, and the kills fall there more densely.
    """
    import_all()
    scene, begun = Scene(folder, without_kernels=without_kernels), time.monotonic()
    chance, total = random.Random(f"{seed} {scene.number}"), Counter()
    if not longest:
        assert waited(scene.start(scene.begin(), fresh=False)) == 0, (folder / "run.log").read_text()
        longest = time.monotonic() - begun
    lengths = {True: longest, False: longest / 4}
    for _ in range(rounds):
        if time.monotonic() - begun > seconds:
            break
        counts = one_round(scene, chance, lengths)
        total.update(counts)
        if any(counts[what] for what in WRONG):
            (folder / f"wrong-{scene.number}.log").write_bytes((folder / "run.log").read_bytes())
    total["process left"] += processes_left(scene)
    total["milliseconds of a run"] = round(lengths[True] * 1000)
    return total


if __name__ == "__main__":
    print(json.dumps(kill_runs(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))))  # noqa: T201
