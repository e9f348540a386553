"""How long does 'incidents run' take when nothing is due? Beside an empty Python, and 'papermill --help'.

python benchmarks/nothing_due.py [ROUNDS]

The three are started in turn, so that whatever else the machine does falls on all of them; of each, the least wall time
and processor time of all rounds is shown, and its ratio to the empty Python.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from publish_only import publish_only

from incident_lib.commands.scheduling import present
from incident_lib.scheduling.look import Task, ledger_of, look
from incident_lib.scheduling.making import make_due
from incident_lib.settings import read_settings

ROOT = Path(__file__).resolve().parents[1]
NOW = "2026-10-01T12:00:00Z"


def prepare(folder: Path) -> None:
    """Make a copy of the sample workbook whose reports are all made."""
    shutil.copytree(ROOT / "data", folder / "data")
    (folder / "reports").mkdir()
    os.environ["INCIDENTS_NOW"] = NOW
    data, reports = folder / "data", folder / "reports"
    task = Task(str(data), reports, present(None), read_settings(data), lambda *_, **__: None)
    with ledger_of(task) as ledger:
        make_due(task, ledger, look(task, ledger), maker=publish_only)


def cost(command: list[str]) -> tuple[float, float, bytes]:
    """Return the seconds of wall time and of processor time of a command, and what it printed."""
    before, begun = getrusage(RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(command, capture_output=True, check=True)
    after, ended = getrusage(RUSAGE_CHILDREN), time.perf_counter()
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return ended - begun, spent, done.stdout


def main(rounds: int = 15) -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as name:
        folder, bin_ = Path(name), Path(sys.executable).parent
        prepare(folder)
        # a slot has come, and the files are looked at: the longest way to nothing
        run = [str(bin_ / "incidents"), "run", "--data", f"{folder}/data", "--reports", f"{folder}/reports"]
        os.environ["INCIDENTS_NOW"] = "2026-10-01T12:20:00Z"
        commands = {"python -c pass": [sys.executable, "-c", "pass"], "incidents run": run,
                    "papermill --help": [str(bin_ / "papermill"), "--help"]}  # fmt: skip
        assert cost(run)[2].startswith(b"nothing is due"), cost(run)[2]
        figures = {title: [] for title in commands}
        for _ in range(rounds):
            for title, command in commands.items():
                figures[title].append(cost(command)[:2])
    best = {title: [min(one) for one in zip(*costs, strict=True)] for title, costs in figures.items()}
    empty = best["python -c pass"]
    print("| | wall, s | processor, s | × empty Python |\n|---|---|---|---|")
    for title, (wall, spent) in best.items():
        print(f"| `{title}` | {wall:.3f} | {spent:.3f} | {spent / empty[1]:.0f} |")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
