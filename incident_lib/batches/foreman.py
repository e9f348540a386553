"""The process behind a batch: a fresh, single-threaded interpreter that imports and loads once, and forks the workers.

Fresh, because what decides the bytes of a report (the seed of hashes, the time zone) is fixed when an interpreter
starts, and because a process with threads can't be forked safely. It ends when its caller does, however that ends.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from multiprocessing.connection import Connection, Pipe
from time import monotonic
from typing import Any

from incident_lib.batches.crew import Crew, Job, Stopped
from incident_lib.batches.jobs import Orders, Shared, do
from incident_lib.errors import ReportError
from incident_lib.reports.kernels import ENVIRONMENT
from incident_lib.reports.warm.rehearsal import freeze
from incident_lib.reports.warm.server import import_early
from incident_lib.reports.warm.servers import fork_from_here

_START = "import sys; from incident_lib.batches.foreman import main; main(int(sys.argv[1]))"
_ENDING_SECONDS = 10
_AHEAD = 2  # jobs per worker that wait, so that no worker ever waits for the caller


def can_fork() -> bool:
    """Tell whether processes can be forked here: on macOS its own libraries forbid it, Windows knows no such thing."""
    return sys.platform == "linux"


class Foreman:
    """The caller's end of the process: gives it jobs, and gets their answers. Use it in a ``with`` block."""

    def __init__(self, orders: Orders) -> None:
        self.ahead = orders.workers * (1 + _AHEAD)
        self._pipe, theirs = Pipe()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-c", _START, str(theirs.fileno())], pass_fds=[theirs.fileno()],
                cwd=orders.home, env={**os.environ, **ENVIRONMENT}, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                start_new_session=True,
            )  # fmt: skip
        self._tell({"orders": asdict(orders)})

    def __enter__(self) -> Foreman:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def fileno(self) -> int:
        """Return what can be waited for until an answer comes."""
        return self._pipe.fileno()

    def share(self, data: str, as_of: str | None) -> None:
        """Have the records loaded that the notebooks of the next jobs share.

        What can't be loaded is left to each notebook to say.
        """
        self._tell({"share": [data, as_of]})

    def load(self, data: str, as_of: str | None) -> None:
        """Have the records loaded that the next pages are drafted from; each page's job says so if they can't be."""
        self._tell({"load": [data, as_of]})

    def give(self, job: Mapping[str, Any]) -> None:
        """Give it a job with a ``number``; see ``jobs.do``."""
        self._tell({"job": dict(job)})

    def answer(self, timeout: float | None = None) -> dict[str, Any] | None:
        """Return the next answer; None if there is none in time.

        Raises:
            ReportError: if the process is gone.
        """
        try:
            return json.loads(self._pipe.recv_bytes()) if self._pipe.poll(timeout) else None
        except (EOFError, OSError) as error:
            raise _gone() from error

    def close(self) -> None:
        """End it with everything that it has started."""
        self._pipe.close()
        try:
            self._process.wait(_ENDING_SECONDS)
        except subprocess.TimeoutExpired:
            with suppress(OSError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def _tell(self, message: dict[str, Any]) -> None:
        try:
            self._pipe.send_bytes(json.dumps(message).encode())
        except OSError as error:
            raise _gone() from error


def _gone() -> ReportError:
    return ReportError("the process behind the batch was killed; what it had made is kept: run the command again")


def main(descriptor: int) -> None:
    """Be the process: take orders, then jobs, until the caller is gone."""
    signal.signal(signal.SIGTERM, _leave)
    os.set_inheritable(descriptor, False)
    with suppress(EOFError, OSError, Stopped), Connection(descriptor) as caller:
        orders = Orders(**json.loads(caller.recv_bytes())["orders"])
        import_early()
        freeze()
        fork_from_here()  # a worker's fork server: a fresh one would take seconds, every few jobs
        _serve(caller, orders)


def _leave(*_: Any) -> None:
    raise Stopped(0)


def _serve(caller: Connection, orders: Orders) -> None:
    shared = Shared()
    crew = Crew(orders.workers, lambda job: do(job, orders, shared), private=[caller])
    try:
        while True:
            answers, ready = crew.turn([caller])
            for answer in answers:
                _say(caller, answer)
            if ready:
                _take(json.loads(caller.recv_bytes()), crew, shared)
    finally:
        crew.close()


def _take(message: dict[str, Any], crew: Crew, shared: Shared) -> None:
    if "job" in message:
        crew.give(message["job"])
        return
    crew.kill()  # they know only what was there before
    if "load" in message:
        shared.load(*message["load"])
    else:
        shared.share(*message["share"])
    freeze()


def _say(caller: Connection, answer: Job) -> None:
    caller.send_bytes(json.dumps(answer).encode())


class Alone:
    """What a foreman does, done in this very process, one job after the other: where processes can't be forked."""

    ahead = 1

    def __init__(self, orders: Orders) -> None:
        self._orders, self._shared = orders, Shared()
        self._jobs: list[Mapping[str, Any]] = []

    def __enter__(self) -> Alone:
        return self

    def __exit__(self, *_: object) -> None:
        self._jobs.clear()

    def share(self, data: str, as_of: str | None) -> None:
        """Do nothing: each notebook loads for itself."""

    def load(self, data: str, as_of: str | None) -> None:
        """Load the records that the pages are drafted from."""
        self._shared.load(data, as_of)

    def close(self) -> None:
        """Do nothing: nothing was started."""

    def give(self, job: Mapping[str, Any]) -> None:
        """Take a job, to be done when its answer is asked for."""
        self._jobs.append(job)

    def answer(self, timeout: float | None = None) -> dict[str, Any] | None:
        """Do the next job, and return its answer."""
        job, begun = self._jobs.pop(0), monotonic()
        return {**do(job, self._orders, self._shared, engine=None), "number": job["number"],
                "seconds": monotonic() - begun}  # fmt: skip
