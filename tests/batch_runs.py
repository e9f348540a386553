"""A small workbook, short notebooks about it, and batches of them in a process of their own."""

from __future__ import annotations

import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from incident_lib.reports.run import Report

PARAMETERS = 'data = "data"\nas_of = None\nnumber = 0'
LOAD = "import incident_lib as inc\nrecords = inc.load(data, as_of=as_of)"
FINISH = 'inc.made_from(records, title=f"Report {number}", answer="Done.")'
# The worker is the parent of the kernels' server: what is killed here is not the kernel.
KILL_THE_WORKER = """import os, signal
from pathlib import Path
server = Path(f"/proc/{os.getppid()}/stat").read_text().rpartition(")")[2].split()
os.kill(int(server[1]), signal.SIGKILL)"""
INCIDENTS = "incident_id,title,severity,started_at,resolved_at\n"


def write_workbook(folder: Path, incidents: int = 4) -> Path:
    """Write a workbook of critical incidents that have no page; return the folder."""
    folder.mkdir(parents=True)
    (folder / "workbook.toml").write_text("")
    rows = [f"INC-2026-{n:03},Mail delayed,critical,2026-03-02T{n % 24:02}:10:00Z,2026-03-02T{n % 24:02}:40:00Z\n"
            for n in range(1, incidents + 1)]  # fmt: skip
    (folder / "incidents.csv").write_text(INCIDENTS + "".join(rows))
    return folder


def write_notebook(path: Path, *cells: str) -> Path:
    """Write a short notebook that loads the records, does what the cells say, and finishes."""
    middle = [new_code_cell(cell) for cell in cells]
    first = new_code_cell(PARAMETERS, metadata={"tags": ["parameters"]})
    notebook = new_notebook(cells=[
        new_markdown_cell("# Short"), first, new_code_cell(LOAD), new_markdown_cell("## The work"), *middle,
        new_code_cell(FINISH),
    ])  # fmt: skip
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number}"
    nbformat.write(notebook, path)
    return path


def report(notebook: Path, data: Path, number: int) -> Report:
    """Return a report of a short notebook."""
    return Report("timeliness", f"n{number}", notebook, {"data": str(data), "number": number}, "Short")


# A shell's background job begins with SIGINT ignored; ours obeys it, as one of a terminal would.
SCRIPT = """
import signal
import sys
from pathlib import Path
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.path.insert(0, {tests!r})
from batch_runs import report
from incident_lib.loading import load
from incident_lib.batches.many import Effort, make_all
folder = Path({folder!r})
reports = [report(folder / "slow.ipynb", folder / "data", number) for number in range({count})]
told = lambda one: print(one.report.name, "skipped" if one.skipped else one.error or "made", flush=True)
make_all(reports, into=folder / "reports", effort=Effort(workers=2), on_done=told, records=load(folder / "data"))
"""


def start_batch(folder: Path, count: int) -> subprocess.Popen:
    """Start a batch of the folder's slow notebook in a process of its own, which prints each outcome in a line."""
    code = SCRIPT.format(folder=str(folder), count=count, tests=str(Path(__file__).parent))
    return subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def descendants(pid: int) -> set[int]:
    """Return the processes that come from a process, with their children's children."""
    found, rest = set(), [pid]
    while rest:
        for path in Path(f"/proc/{rest.pop()}/task").glob("*/children"):  # each thread has its own
            with suppress(OSError):
                children = set(map(int, path.read_text().split()))
                rest += children
                found |= children
    return found


def is_alive(pid: int) -> bool:
    """Tell whether a process is there and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_until(holds, seconds: float = 30) -> None:
    """Wait until something holds; fail if it doesn't in time."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it did not come about in time"
        time.sleep(0.05)
