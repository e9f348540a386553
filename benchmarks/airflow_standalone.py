"""Run the example's DAG for real, once by Airflow's scheduler and once triggered, under 'airflow standalone'. By hand:

python benchmarks/airflow_standalone.py FOLDER [VENV]

FOLDER is new or empty: it gets the venv (unless there is one of an earlier run: VENV), Airflow's home, a copy of the
sample workbook and the executed notebooks. Scheduler, DAG processor, triggerer and API server are those of 'airflow
standalone', with its LocalExecutor and SQLite. The DAG is the example itself; since its start lies in the past,
unpausing it lets the scheduler make the run of the latest slot, and a second one is asked of the API server.

Only 127.0.0.1 is listened on: ports are free ones, and the log servers, which would listen everywhere, are left out.
Every process that carries this run's AIRFLOW_HOME is ended, also after a failure; the last line counts what is left.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ["apache-airflow==3.3.2", "apache-airflow-providers-papermill==3.13.3", str(ROOT)]
DAG, OPEN_STATES = "incident_reports", {"queued", "running"}
WITHOUT_LOG_SERVERS = """#!/bin/sh
case $1 in scheduler|triggerer) exec {airflow} "$@" --skip-serve-logs;; esac
exec {airflow} "$@"
"""
# straight to this machine, whatever proxy the environment names
OPEN = urllib.request.build_opener(urllib.request.ProxyHandler({})).open


def install(venv: Path) -> Path:
    """Make a venv with Airflow and this project in it, as pip resolves them."""
    subprocess.run([sys.executable, "-m", "venv", venv], check=True)
    pip = [venv / "bin" / "python", "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    subprocess.run([*pip, *PACKAGES], check=True)
    return venv


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def settings(folder: Path, venv: Path, port: int) -> dict[str, str]:
    """Return the environment of everything that is started."""
    return os.environ | {
        "PATH": f"{folder}/bin:{venv}/bin:{os.environ['PATH']}",
        "AIRFLOW_HOME": f"{folder}/home",
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "examples" / "airflow"),
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__BASE_URL": f"http://127.0.0.1:{port}",
        "WORKBOOK": f"{folder}/data",
        "NOTEBOOKS": str(ROOT / "notebooks"),
        "OUTPUT": f"{folder}/reports",
        "XDG_CACHE_HOME": f"{folder}/cache",
        "PYTHONUNBUFFERED": "1",
        "PYTHONDONTWRITEBYTECODE": "1",  # nothing is written beside the example
        "SPT_NOENV": "1",  # processes that set their title keep their environment, by which ours are found
    }


def prepare(folder: Path, venv: Path) -> None:
    """Lay out the folder: the workbook, and the 'airflow' that 'airflow standalone' starts its parts by."""
    shutil.copytree(ROOT / "data", folder / "data")
    for name in ("bin", "reports"):
        (folder / name).mkdir()
    command = folder / "bin" / "airflow"
    command.write_text(WITHOUT_LOG_SERVERS.format(airflow=venv / "bin" / "airflow"))
    command.chmod(0o755)


def ours(folder: Path) -> list[psutil.Process]:
    """Return the living processes of this run, whoever their parents are by now."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            alive = process.status() != psutil.STATUS_ZOMBIE
            if alive and process.environ().get("AIRFLOW_HOME") == f"{folder}/home":
                found.append(process)
    return found


def abroad(processes: list[psutil.Process]) -> set[str]:
    """Return the addresses, other than this machine's own, that processes listen on or are connected with."""
    seen = set()
    for process in processes:
        with suppress(psutil.Error):
            for one in process.net_connections("inet"):
                end = one.raddr or (one.laddr if one.status == psutil.CONN_LISTEN else None)
                address = ip_address(end.ip) if end else None
                if address and not (getattr(address, "ipv4_mapped", None) or address).is_loopback:
                    seen.add(f"{end.ip}:{end.port}")
    return seen


class Standalone:
    """A running 'airflow standalone': what is asked of its API server, and what was seen of its processes."""

    def __init__(self, folder: Path, venv: Path) -> None:
        self.folder, self.port, self.most, self.abroad, self.token = folder, free_port(), 0, set(), ""
        self.log = (folder / "standalone.log").open("wb")
        self.process = subprocess.Popen(
            [venv / "bin" / "airflow", "standalone"],
            env=settings(folder, venv, self.port),
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=self.log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def ask(self, method: str, path: str, body: dict | None = None) -> dict[str, Any]:
        """Return what the API server answers."""
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self.token}"}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", data, headers, method=method)
        with OPEN(request, timeout=60) as answer:
            return json.load(answer)

    def log_in(self) -> bool:
        """Get a token with the password that Airflow made up, as soon as the API server is there."""
        words = json.loads((self.folder / "home" / "simple_auth_manager_passwords.json.generated").read_text())
        answer = self.ask("POST", "/auth/token", {"username": "admin", "password": words["admin"]})
        self.token = answer["access_token"]
        return True

    def until(self, what: str, look: Callable[[], Any], seconds: float) -> Any:
        """Return the first answer that is something, looking every two seconds.

        Raises:
            SystemExit: if there is none in time, or Airflow has ended.
        """
        begun, last = time.monotonic(), ""
        while time.monotonic() - begun < seconds and self.process.poll() is None:
            try:
                if answer := look():
                    print(f"{what} after {time.monotonic() - begun:.0f} s", flush=True)
                    return answer
            except (OSError, json.JSONDecodeError) as error:  # not there yet, or not whole yet
                last = f" ({error})"
            processes = ours(self.folder)
            self.most, self.abroad = max(self.most, len(processes)), self.abroad | abroad(processes)
            time.sleep(2)
        sys.exit(f"not seen within {time.monotonic() - begun:.0f} s: {what}{last}; see {self.log.name}")

    def stop(self) -> int:
        """Stop as Ctrl-C would, end whatever is left after a minute, and return how many those were."""
        self.process.send_signal(signal.SIGINT)
        begun = time.monotonic()
        while (rest := ours(self.folder)) and time.monotonic() - begun < 60:
            self.process.poll()
            time.sleep(0.5)
        for process in rest:
            with suppress(psutil.Error):
                process.kill()
        self.process.wait()
        psutil.wait_procs(rest, timeout=10)
        print(f"stopped after {time.monotonic() - begun:.0f} s")
        return len(rest)


@contextmanager
def standalone(folder: Path, venv: Path) -> Iterator[Standalone]:
    """Give a running Airflow, and stop it whatever happens."""
    airflow = Standalone(folder, venv)
    try:
        yield airflow
    finally:
        killed = airflow.stop()
        print(f"{airflow.most} processes at most; addresses that are not this machine's: {airflow.abroad or 'none'}")
        print(f"killed, since they did not stop: {killed}; left: {len(ours(folder))}")


def ended(airflow: Standalone, kind: str) -> dict[str, Any] | None:
    """Return the run of a kind that came to its end, if there is one."""
    runs = airflow.ask("GET", f"/api/v2/dags/{DAG}/dagRuns")["dag_runs"]
    return next((run for run in runs if run["run_type"] == kind and run["state"] not in OPEN_STATES), None)


def notebook_cells(path: Path) -> tuple[str, str, str]:
    """Return the moment a notebook was executed for, how many of its code cells ran, and how many hold an error."""
    notebook = json.loads(path.read_text())
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    run = sum(cell["execution_count"] is not None for cell in code)
    errors = sum(any(output["output_type"] == "error" for output in cell["outputs"]) for cell in code)
    return notebook["metadata"]["papermill"]["parameters"]["as_of"], f"{run} of {len(code)}", str(errors)


def rows(airflow: Standalone, run: dict[str, Any]) -> Iterator[str]:
    """Yield a row of the table for each task of a run."""
    tasks = airflow.ask("GET", f"/api/v2/dags/{DAG}/dagRuns/{run['dag_run_id']}/taskInstances")["task_instances"]
    moment = datetime.fromisoformat(run["data_interval_end"] or run["run_after"])
    for task in sorted(tasks, key=lambda task: task["start_date"] or ""):
        path = airflow.folder / "reports" / f"{task['task_id']}-{moment:%Y-%m-%d}.ipynb"
        as_of, run_cells, errors = notebook_cells(path) if path.exists() else ("–", "–", "–")
        size = f"{path.stat().st_size / 1000:.0f} kB" if path.exists() else "none"
        right = "as of the run" if as_of == f"{moment:%Y-%m-%dT%H:%M:%SZ}" else f"not of the run: {moment}"
        yield (
            f"| {run['run_type']} | {task['task_id']} | {task['state']}, try {task['try_number']} | "
            f"{(task['start_date'] or '–')[11:19]} | {task['duration'] or 0:.0f} | {size} | {run_cells} | {errors} | "
            f"{as_of}, {right} |"
        )


def main(folder: Path, venv: Path | None = None) -> None:
    """Print what became of both runs."""
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        sys.exit(f"expected a new or an empty folder: {folder}")
    signal.signal(signal.SIGINT, signal.default_int_handler)  # what is started in the background ignores it otherwise
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))
    venv = venv or install(folder / "venv")
    prepare(folder, venv)
    table, failed = [], False
    with standalone(folder, venv) as airflow:
        airflow.until("API server", airflow.log_in, 300)
        airflow.until("DAG parsed", lambda: airflow.ask("GET", f"/api/v2/dags/{DAG}"), 180)
        airflow.ask("PATCH", f"/api/v2/dags/{DAG}", {"is_paused": False})
        for kind in ("scheduled", "manual"):
            if kind == "manual":
                airflow.ask("POST", f"/api/v2/dags/{DAG}/dagRuns", {"logical_date": None})
            run = airflow.until(f"{kind} run ended", lambda kind=kind: ended(airflow, kind), 900)
            table += rows(airflow, run)  # now, since runs of one day write the same files
            failed |= run["state"] != "success"
    print("\n| run | task | state | start (UTC) | s | notebook | cells run | errors | contents |\n" + "|---" * 9 + "|")
    print("\n".join(table))
    sys.exit(failed)


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    main(*(Path(argument).resolve() for argument in sys.argv[1:]))
