"""Warm kernels: papermill's engine "warm" does what papermill's own does, and leaves nothing behind."""

from __future__ import annotations

import copy
import json
import logging
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path

import nbformat
import papermill
import psutil
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbformat.v4 import new_code_cell, new_output
from papermill.exceptions import PapermillExecutionError
from torture_cells import SKIPPED_TAG, notebook_of, torture_notebook

from incident_lib.reports import engine
from incident_lib.reports.executed import settled
from incident_lib.reports.kernels import PrivateKernelManager
from incident_lib.reports.run import execute
from incident_lib.reports.warm import servers
from incident_lib.reports.warm.manager import WarmKernelManager

ROOT = Path(__file__).parents[1]
WARM = {"engine_name": "warm"}
pytestmark = pytest.mark.skipif(not servers.can_fork(), reason="kernels can't be forked here")


@pytest.fixture(autouse=True)
def quiet():
    """Leave papermill's log out of the tests' output."""
    logging.getLogger("papermill").setLevel(logging.CRITICAL)


def run(notebook, folder, **settings):
    """Execute a notebook in a folder; return what was saved, and what was raised."""
    folder.mkdir(exist_ok=True)
    raised = None
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("PYTEST_CURRENT_TEST")  # ipykernel looks for it, and then leaves the descriptors alone
        try:
            papermill.execute_notebook(
                notebook, str(folder / "out.ipynb"), progress_bar=False, cwd=str(folder),
                **{"execution_timeout": 60, **settings},
            )  # fmt: skip
        except Exception as error:
            raised = error
    return nbformat.read(folder / "out.ipynb", as_version=4), raised


def warm(*cells, folder, **settings):
    """Execute cells on a warm kernel; return the outputs of each, and what was raised."""
    executed, raised = run(notebook_of(*cells), folder, **WARM, **settings)
    return [text_of(cell) for cell in executed.cells if cell.cell_type == "code"], raised


def text_of(cell):
    """Return what a cell printed or returned, as text."""
    outputs = cell.get("outputs", [])
    return "".join(output.get("text") or output.get("data", {}).get("text/plain", "") for output in outputs)


def told(notebook):
    """Return what an executed notebook says, without times, and with each stream's text in one piece."""
    cells = []
    for cell, raw in zip(settled(notebook).cells, notebook.cells, strict=True):
        outputs = []
        for output in copy.deepcopy(cell.get("outputs", [])):
            if outputs and output.output_type == "stream" == outputs[-1].output_type and output.name == outputs[-1].name:
                outputs[-1].text += output.text
            else:
                outputs.append(output)
        own = {**raw.metadata.get("papermill", {}), "start_time": 0, "end_time": 0, "duration": 0}
        cells.append([cell.source, outputs, cell.get("execution_count"), sorted(raw.metadata.get("execution", {})), own])
    return cells


def is_there(process):
    """Tell whether a process runs."""
    return psutil.pid_exists(process) and psutil.Process(process).status() != "zombie"


def children():
    """Return the processes below this one that aren't fork servers."""
    below = psutil.Process().children(recursive=True)
    return [one for one in below if one.is_running() and one.status() != "zombie" and "warm.server" not in " ".join(one.cmdline()[:4])]


def test_torture_gives_the_same_under_both_engines(tmp_path):
    """Streams, threads, subprocesses, asyncio, displays, 10 MB, widgets, signals, forks, errors: the same outputs."""
    own, own_error = run(torture_notebook(), tmp_path / "same")
    ours, our_error = run(torture_notebook(), tmp_path / "same", **WARM)

    for expected, found in zip(told(own), told(ours), strict=True):
        assert found == expected
    assert str(our_error) == str(own_error) and type(our_error) is type(own_error)
    for part in ("widgets", "language_info", "kernelspec"):
        assert ours.metadata[part] == own.metadata[part]
    assert sorted(ours.metadata.papermill) == sorted(own.metadata.papermill)


def test_what_a_notebook_leaves_running_is_ended(tmp_path):
    """Its daemon threads and subprocesses go with it, and what it registered for its end is done."""
    cells = ["import atexit, pathlib, subprocess", "_ = atexit.register(pathlib.Path('end.txt').write_text, 'said')",
             "pathlib.Path('left.txt').write_text(str(subprocess.Popen(['sleep', '300']).pid))"]  # fmt: skip
    warm(*cells, folder=tmp_path)

    assert (tmp_path / "end.txt").read_text() == "said"
    assert not is_there(int((tmp_path / "left.txt").read_text()))


@pytest.mark.parametrize(
    "cell",
    ["import os; os._exit(1)", "import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "import os; os.closerange(3, 99)"],
)
def test_a_dead_kernel_is_told_as_papermill_tells_it(tmp_path, cell):
    """A kernel that ends, is killed, or cuts its line is dead, and what was said before is kept."""
    executed, raised = run(notebook_of("print('before')", cell, "print('after')"), tmp_path, **WARM)

    assert isinstance(raised, DeadKernelError) and str(raised) == "Kernel died"
    assert [text_of(one) for one in executed.cells] == ["before\n", "", ""]
    assert executed.metadata.papermill.end_time and executed.cells[2].execution_count is None


def test_exit_ends_the_kernel_after_its_cell(tmp_path):
    """``exit`` asks the kernel to go; the next cell finds it dead. ``sys.exit`` is an error that papermill forgives."""
    assert isinstance(warm("exit()", "import time; time.sleep(0.5)", "1", folder=tmp_path)[1], DeadKernelError)
    assert warm("import sys; sys.exit(0)", "1", folder=tmp_path)[1] is None


def test_a_cell_that_takes_too_long_is_stopped(tmp_path):
    """The time-out is nbclient's, with what was printed before it; nothing goes on."""
    texts, raised = warm("print('begun', flush=True)\nwhile True: pass", folder=tmp_path, execution_timeout=1)

    assert isinstance(raised, CellTimeoutError) and texts == ["begun\n"]
    assert children() == []


def test_a_cell_may_be_interrupted_instead(tmp_path):
    """With nbclient's option an interrupt ends the cell and the rest is run."""
    cells = ["try:\n    import time; time.sleep(30)\nexcept KeyboardInterrupt:\n    print('stopped')", "print('on')"]

    assert warm(*cells, folder=tmp_path, execution_timeout=1, interrupt_on_timeout=True) == (["stopped\n", "on\n"], None)


def test_input_is_refused_as_papermill_refuses_it(tmp_path):
    """Nobody is there to answer: an error, not a wait."""
    _, raised = warm("input('name?')", folder=tmp_path)

    assert isinstance(raised, PapermillExecutionError) and raised.ename == "StdinNotImplementedError"


def test_an_error_stops_the_notebook_and_is_marked(tmp_path):
    """papermill's marks stand at the error, and later cells are pending no more and not run."""
    executed, raised = run(notebook_of("1 / 0", "2"), tmp_path, **WARM)

    assert raised.ename == "ZeroDivisionError" and raised.exec_count == 1
    assert "papermill-error-cell" in executed.cells[1].source and executed.cells[3].execution_count is None


def test_parameters_and_tags_are_papermills(tmp_path):
    """Injected parameters, skipped cells and execution counts are as ever."""
    notebook = notebook_of("print(given)", SKIPPED_TAG, "print('last')", parameters="given = 1")
    executed, _ = run(notebook, tmp_path, parameters={"given": 2}, **WARM)

    assert [text_of(cell) for cell in executed.cells] == ["", "", "2\n", "", "last\n"]
    assert [cell.execution_count for cell in executed.cells] == [1, 2, 3, None, 4]
    assert executed.cells[1].metadata.tags == ["injected-parameters"]


def test_one_notebook_leaves_no_trace_in_the_next(tmp_path):
    """Patched libraries, globals, folder, environment, profile, files of the kernel: the next one finds none of it."""
    look = (
        "import builtins, os, sys, random, pathlib, pandas as pd\n"
        "print(hasattr(builtins, 'leak'), hasattr(pd, 'leak'), 'LEAK' in os.environ, 'leak' in globals(),"
        " 'leaked_module' in sys.modules, os.getcwd(), pd.DataFrame.head.__module__, len(In), sys.getrecursionlimit(),"
        " sorted(pathlib.Path(get_ipython().profile_dir.startup_dir).glob('*.py')), pd.get_option('display.max_rows'))"
    )
    spoil = (
        "import builtins, os, sys, types, pathlib, pandas as pd\nleak = builtins.leak = pd.leak = 1\n"
        "os.environ['LEAK'] = '1'\nsys.modules['leaked_module'] = types.ModuleType('leaked_module')\n"
        "pd.DataFrame.head = lambda self: None\nsys.setrecursionlimit(5000)\npd.set_option('display.max_rows', 3)\n"
        "(pathlib.Path(get_ipython().profile_dir.startup_dir) / 'leak.py').write_text('leak = 1')\nos.chdir('/')"
    )
    private = {"kernel_manager_class": PrivateKernelManager}
    before, _ = warm(look, folder=tmp_path, **private)
    assert warm(spoil, look, folder=tmp_path, **private)[0][1] != before[0]
    after, _ = warm(look, folder=tmp_path, **private)

    assert after == before and before[0].startswith("False False False False False ")


def test_randomness_is_fresh_in_each_kernel(tmp_path):
    """No two kernels share the state of a generator."""
    cell = "import random, uuid, numpy as np\nprint(random.random(), np.random.random(), uuid.uuid4())"
    first, second = (warm(cell, folder=tmp_path)[0][0].split() for _ in range(2))

    assert all(one != other for one, other in zip(first, second, strict=True))


def test_memory_may_be_limited(tmp_path):
    """A notebook that takes more than it may gets a MemoryError; the machine does not suffer."""
    cells = ["small = bytearray(20_000_000)", "large = bytearray(400_000_000)"]
    _, raised = warm(*cells, folder=tmp_path, megabytes=200)

    assert raised.ename == "MemoryError" and raised.exec_count == 2


def test_many_runs_leak_nothing(tmp_path, monkeypatch):
    """After twenty notebooks there are as many processes, descriptors and shared memory segments as after one."""
    temporary = Path(tempfile.mkdtemp(prefix="leak-", dir="/tmp"))  # a short path, as sockets need, that is ours alone
    monkeypatch.setenv("TMPDIR", str(temporary))
    monkeypatch.setattr(tempfile, "tempdir", None)
    servers.close_all()
    warm("1", folder=tmp_path)
    shared, descriptors = shared_memory(), psutil.Process().num_fds()
    for _ in range(20):
        warm("1", folder=tmp_path, kernel_manager_class=PrivateKernelManager)
    servers.close_all()
    warm("1", folder=tmp_path)

    assert (shared_memory(), psutil.Process().num_fds(), children()) == (shared, descriptors, [])
    servers.close_all()
    assert not list(temporary.glob("workbook-*"))
    shutil.rmtree(temporary)


def shared_memory() -> int:
    """Return how many segments there are, but for those of browsers and databases that other tests start meanwhile."""
    others = (".org.chromium", ".com.google", "PostgreSQL")
    return sum(not path.name.startswith(others) for path in Path("/dev/shm").iterdir())


def test_threads_may_share_the_server(tmp_path):
    """Two threads execute notebooks at the same time, and each gets its own."""
    found = {}

    def work(name):
        client = NotebookClient(notebook_of(f"import os\n(os.getpid(), {name!r})"), kernel_manager_class=WarmKernelManager)
        found[name] = client.execute().cells[0].outputs[0].data["text/plain"]

    threads = [threading.Thread(target=work, args=(name,)) for name in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert "'a'" in found["a"] and "'b'" in found["b"] and found["a"].split(",")[0] != found["b"].split(",")[0]


def test_kernels_die_with_whoever_asked_for_them(tmp_path):
    """papermill is killed in the middle of a cell: its kernel, and the server, are gone soon after."""
    nbformat.write(notebook_of("import os, pathlib, time\npathlib.Path('pid').write_text(str(os.getpid()))\ntime.sleep(300)"), tmp_path / "in.ipynb")
    command = [sys.executable, "-m", "papermill", "--engine", "warm", "in.ipynb", "out.ipynb"]
    process = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.DEVNULL)
    wait_until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text())
    below = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGKILL)
    process.wait()

    assert len(below) == 2
    wait_until(lambda: not any(one.is_running() and one.status() != "zombie" for one in below))


def wait_until(come, seconds=30):
    """Wait for something to become true."""
    end = time.monotonic() + seconds
    while not come():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_a_kernel_of_another_kind_gets_papermills_own_engine(tmp_path, monkeypatch):
    """A language or interpreter that can't be forked from here is executed as ever, and it is said once."""
    folder = tmp_path / "jupyter" / "kernels" / "other"
    folder.mkdir(parents=True)
    spec = {"argv": [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"], "display_name": "O",
            "language": "python", "env": {"ITS_OWN": "1"}}  # fmt: skip
    (folder / "kernel.json").write_text(json.dumps(spec))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
    said = []
    monkeypatch.setattr(engine.logger, "warning", said.append)
    engine._say_once.cache_clear()
    texts, raised = warm("import os\nos.environ['ITS_OWN']", folder=tmp_path, kernel_name="other")

    assert (texts, raised) == (["'1'"], None)
    assert len(said) == 1 and "papermill's own engine: the kernel 'other' is not" in said[0]


def test_without_fork_papermills_own_engine_does_it(tmp_path, monkeypatch):
    """Where there is no fork, the report is made all the same."""
    monkeypatch.setattr(engine, "can_fork", lambda: False)
    look = "from ipykernel.kernelapp import IPKernelApp\nprint(bool(IPKernelApp.instance().connection_file))"
    notebook = notebook_of(look, "1 / 0", parameters="data = 1")
    executed, trouble = execute(notebook, {"data": "d"}, tmp_path / "out.ipynb", engine="warm")

    assert trouble.ename == "ZeroDivisionError" and "True\n" in [text_of(cell) for cell in executed.cells]


def test_progress_and_saving(tmp_path, monkeypatch):
    """The notebook is saved once, by papermill itself, whatever saving was asked for on the way."""
    saved = []
    monkeypatch.setattr("papermill.engines.write_ipynb", lambda notebook, path: saved.append(path))
    executed, _ = run(notebook_of("1", "2"), tmp_path, autosave_cell_every=1, **WARM)

    assert saved == [] and [cell.metadata.papermill.status for cell in executed.cells] == ["completed", "completed"]


def test_cells_of_one_kernel_share_an_event_loop_with_its_tasks(tmp_path):
    """A task goes on while nothing else is done, as in JupyterLab."""
    cells = ["import asyncio\nseen = []\nasync def tick():\n    for n in range(3):\n        seen.append(n); await asyncio.sleep(0)\n"
             "task = asyncio.create_task(tick())", "await task\nseen"]  # fmt: skip

    assert warm(*cells, folder=tmp_path)[0][1] == "[0, 1, 2]"


def test_a_process_forked_by_a_cell_that_comes_back_is_no_second_kernel(tmp_path):
    """Its return from the cell ends it; the notebook goes on alone."""
    texts, raised = warm("import os\nmine = os.fork()", "print('once')", "print('again')", folder=tmp_path)

    assert raised is None and texts == ["", "once\n", "again\n"]


def test_ids_and_metadata_of_cells_stay(tmp_path):
    """What a notebook says of its cells is not touched."""
    cell = new_code_cell("1", metadata={"tags": ["mine"], "collapsed": True})
    executed, _ = run(notebook_of(cell), tmp_path, **WARM)

    assert executed.cells[0].id == cell.id and executed.cells[0].metadata.collapsed is True


def test_a_long_word_is_settled_as_any_other():
    """A million letters without a space don't hold a report up."""
    notebook = notebook_of(new_code_cell("1", outputs=[new_output("stream", text="x" * 1_000_000)]))

    assert len(settled(notebook).cells[0].outputs[0].text) == 1_000_000


def teardown_module():
    """End the servers that these tests started."""
    with suppress(OSError):
        servers.close_all()
