"""How many drafts are executed and exported in a minute, by whom; how soon a kernel is ready; what is left behind.

``python benchmarks/engine.py [--notebooks 100] [--slow 2] [--rounds 3] [--many 1000]``, from the project's folder. One
run gives all numbers: in each round every contender works once, on the same incidents of the sample, and the ratios
are medians over the rounds. The slow ones run ``--slow`` notebooks (per core) each time. ``--many`` is how many small
notebooks the test for leaks makes; 0 leaves it out.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import io
import logging
import multiprocessing
import os
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat
import papermill
import psutil
from IPython.core.interactiveshell import InteractiveShell
from jupyter_client.manager import AsyncKernelManager
from nbclient.util import run_sync
from nbconvert import HTMLExporter
from nbformat.v4 import new_code_cell, new_notebook

import incident_lib as inc
from incident_lib.batches.many import Effort, make_all
from incident_lib.reports.catalogue import postmortem_draft
from incident_lib.reports.engine import keep_records
from incident_lib.reports.kernels import ENVIRONMENT
from incident_lib.reports.run import Report, execute, read_notebook
from incident_lib.reports.warm import servers
from incident_lib.reports.warm.manager import WarmKernelManager

DATA, CORES = "data", 2
FORKED = multiprocessing.get_context("fork")
PRIVATE = "from pathlib import Path\nprint(Path('/proc/self/smaps_rollup').read_text())"
DONE = (
    "from IPython.display import display\ndisplay({'application/vnd.incident-workbook.done+json': "
    "{'title': 'T', 'answer': '', 'as_of': '2026-01-01T00:00:00Z', 'sources': {}, 'incidents': []}}, raw=True)"
)


def processor() -> float:
    """Return the processor time of this process, and of all below it that have ended."""
    used = [resource.getrusage(whose) for whose in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def both_times(work: Callable[[], object]) -> tuple[float, float]:
    """Return how long something takes, and how much processor time."""
    begun = processor()
    return seconds(work), processor() - begun


def seconds(work: Callable[[], object]) -> float:
    """Return how long something takes."""
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def drafts(count: int) -> list[Report]:
    """Return so many drafts of the sample's major incidents, each report of its own name."""
    majors = list(inc.load(DATA).major["incident_id"])
    reports = [postmortem_draft(DATA, None, majors[number % len(majors)]) for number in range(count)]
    return [Report(one.kind, f"{one.name}-{number}", one.notebook, one.parameters, one.title) for number, one in
            enumerate(reports)]  # fmt: skip


def as_processes(reports: Sequence[Report], folder: Path) -> None:
    """Execute and export as one does at a prompt."""
    for number, report in enumerate(reports):
        out = folder / f"{number}.ipynb"
        given = [part for name, value in report.parameters.items() if value for part in ("-p", name, value)]
        subprocess.run([sys.executable, "-m", "papermill", str(report.notebook), str(out), *given], check=True,
                       capture_output=True)  # fmt: skip
        subprocess.run([sys.executable, "-m", "nbconvert", "--to", "html", str(out)], check=True, capture_output=True)


def in_one_process(report: Report, folder: Path) -> None:
    """Execute and export with the libraries, in a process that has them loaded."""
    given = {name: value for name, value in report.parameters.items() if value}
    done = papermill.execute_notebook(str(report.notebook), str(folder / f"{report.stem}.ipynb"), given,
                                      progress_bar=False)  # fmt: skip
    HTMLExporter().from_notebook_node(done)


def in_threads(reports: Sequence[Report], folder: Path) -> None:
    """Do the same in two threads."""
    asyncio.set_event_loop(None)
    with ThreadPoolExecutor(CORES) as threads:
        list(threads.map(lambda one: in_one_process(one, folder), reports))


def compute(reports: Sequence[Report], records: object = None) -> None:
    """Run the same cells as plain code in two warm processes; with records, they are not loaded again."""
    workers = [FORKED.Process(target=_cells, args=(reports[part::CORES], records)) for part in range(CORES)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
        assert worker.exitcode == 0


def _cells(reports: Sequence[Report], records: object) -> None:
    code = [compile(cell.source, "cell", "exec") for cell in nbformat.read(reports[0].notebook, 4).cells
            if cell.cell_type == "code"]  # fmt: skip
    if records:
        inc.load = lambda *_, **__: records
    for report in reports:
        names = dict(report.parameters)
        with contextlib.redirect_stdout(io.StringIO()):
            for one in code:
                exec(one, names)
                names.update(report.parameters)


def ours(reports: Sequence[Report], folder: Path) -> None:
    """Make the reports as a batch: checked, executed, exported in three forms, and published."""
    outcomes = make_all(reports, into=folder / "reports", effort=Effort(workers=CORES), again=True)
    assert not [one.error for one in outcomes if one.error]


def compared(count: int, slow: int, rounds: int, folder: Path) -> None:
    """Print what each contender takes for a notebook, and how many times as long as ours that is."""
    few, many = drafts(slow), drafts(count)
    both = [*few, *drafts(2 * slow)[slow:]]
    contenders: dict[str, tuple[int, Callable[[], object]]] = {
        "the batch, start included": (count, lambda: ours(many, folder)),
        "papermill, then nbconvert, as processes": (slow, lambda: as_processes(few, folder)),
        "papermill and HTMLExporter in a warm process": (slow, lambda: [in_one_process(one, folder) for one in few]),
        "the same in two threads": (2 * slow, lambda: in_threads(both, folder)),
        "the cells' own compute on two cores": (2 * slow, lambda: compute(both)),
        "the same without loading": (4 * slow, lambda: compute([*both, *both], records)),
    }
    in_one_process(few[0], folder)
    _cells(few[:1], None)
    records = inc.load(DATA)
    took: dict[str, list[tuple[float, float]]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, (number, work) in contenders.items():
            took[name].append(tuple(one / number for one in both_times(work)))
    base = next(iter(took.values()))
    print(f"{'':46} {'ms each':>9} {'of ours':>9} {'processor':>10} {'of ours':>9}")
    for name, found in took.items():
        line = f"{name:46}"
        for kind in range(2):
            ratio = statistics.median(one[kind] / own[kind] for one, own in zip(found, base, strict=True))
            line += f" {statistics.median(one[kind] for one in found) * 1000:9,.0f} {ratio:8.2f}×"
        print(line, flush=True)


async def _fresh_kernel() -> None:
    manager = AsyncKernelManager()
    await manager.start_kernel()
    client = manager.client()
    client.start_channels()
    await client.wait_for_ready()
    client.stop_channels()
    await manager.shutdown_kernel(now=True)


def _warm_kernel() -> float:
    manager = WarmKernelManager()
    manager.private_environment = ENVIRONMENT
    took = seconds(lambda: (manager.start_kernel(), run_sync(manager.client().wait_for_ready)(60)))
    manager.shutdown_kernel()
    manager.cleanup_resources()
    return took


def kernels(rounds: int) -> None:
    """Print how soon a kernel is ready, and how much memory of its own one has at the end of a draft."""
    keep_records(DATA, None)
    warm = statistics.median(_warm_kernel() for _ in range(10 * rounds))
    fresh = statistics.median(seconds(lambda: run_sync(_fresh_kernel)()) for _ in range(rounds))
    report = drafts(1)[0]
    notebook = read_notebook(report.notebook)
    notebook.cells.append(new_code_cell(PRIVATE))
    executed, trouble = execute(notebook, report.parameters, Path(os.devnull), engine="warm")
    assert trouble is None
    own = sum(map(int, re.findall(r"Private_\w+:\s+(\d+)", executed.cells[-1].outputs[0].text))) / 1024
    servers.close_all()
    print(f"\nkernel ready after {warm * 1000:.0f} ms, a fresh one after {fresh * 1000:.0f} ms; "
          f"memory of its own after a draft: {own:.0f} MB")  # fmt: skip


def left() -> tuple[int, int, int]:
    """Return how many processes this one has below it, descriptors, and how much shared memory there is."""
    me = psutil.Process()
    return len(me.children(recursive=True)), me.num_fds(), len(list(Path("/dev/shm").iterdir()))


def leaks(count: int, folder: Path) -> None:
    """Print what is left after many small notebooks, and whether the last are made as fast as the first."""
    notebook = new_notebook(cells=[new_code_cell("1 + 1"), new_code_cell(DONE)])
    nbformat.write(notebook, folder / "small.ipynb")
    reports = [Report("small", str(number), folder / "small.ipynb") for number in range(count)]
    make_all(reports[:4], into=folder / "few", effort=Effort(workers=CORES))
    before, moments = left(), [time.perf_counter()]
    make_all(reports, into=folder / "many", effort=Effort(workers=CORES),
             on_done=lambda _: moments.append(time.perf_counter()))  # fmt: skip
    part = max(2, count // 10)
    first, last = moments[1 + part] - moments[1], moments[-1] - moments[-1 - part]
    print(f"{count:,} notebooks: processes, descriptors, shared memory {before} before, {left()} after; "
          f"the last {part} took {last / first:.2f} times as long as the first")  # fmt: skip


def main() -> None:
    """Print the tables."""
    options = argparse.ArgumentParser(description=__doc__)
    for name, value in (("--notebooks", 100), ("--slow", 2), ("--rounds", 3), ("--many", 1000)):
        options.add_argument(name, type=int, default=value)
    wanted = options.parse_args()
    logging.disable(logging.CRITICAL)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if wanted.notebooks:
            InteractiveShell.instance()
            compared(wanted.notebooks, wanted.slow, wanted.rounds, folder)
        kernels(wanted.rounds)
        if wanted.many:
            leaks(wanted.many, folder)


if __name__ == "__main__":
    main()
