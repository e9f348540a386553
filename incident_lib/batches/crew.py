"""Worker processes that are forked from one single-threaded parent, each given one job at a time.

A worker has a process group of its own, is replaced after a while, and takes only its own job along when it dies.
What a job leaves running is ended: on Linux the parent adopts it, elsewhere only what is in the worker's group.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import signal
import sys
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, Pipe, wait
from pathlib import Path
from time import monotonic
from typing import Any

JOBS_EACH = 25
GROWTH_MEGABYTES = 500
GRACE_SECONDS = 3.0
_SET_DEATH_SIGNAL, _SET_SUBREAPER = 1, 36  # prctl(2)
_FIRST_TO_GO = "500"  # of 1000: where memory runs out, the system ends a worker before anything else
Job = dict[str, Any]


class Stopped(SystemExit):
    """Raised in a worker that is told to stop, wherever it is, so that it cleans up on its way out."""


@dataclass
class _Worker:
    pid: int
    pipe: Connection
    job: Job | None = None
    begun: float = field(default_factory=monotonic)


class Crew:
    """Up to ``size`` workers that do ``task`` with jobs (plain data) and answer with plain data.

    Each answer has the job's ``number``, its ``seconds``, and what the task returned; ``died`` tells how a worker
    ended that could not finish. ``private`` are the parent's connections, which no worker may hold open.
    """

    def __init__(self, size: int, task: Callable[[Job], Job], private: Sequence[Connection] = ()) -> None:
        self._size, self._task, self._private = size, task, list(private)
        self._workers: dict[int, _Worker] = {}
        self._waiting: deque[Job] = deque()
        self._deaths, self._bell = os.pipe()
        os.set_blocking(self._bell, False)
        os.set_blocking(self._deaths, False)
        self._former = signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._bell, warn_on_full_buffer=False)
        adopt_orphans()
        self._known: set[int] = set()

    def give(self, job: Job) -> None:
        """Take a job, to be done when a worker is free."""
        self._waiting.append(job)

    def turn(self, others: Sequence[Connection] = (), timeout: float | None = None) -> tuple[list[Job], list[Any]]:
        """Wait until something happens; return the answers that came, and which of the others can be read."""
        self._hand_out()
        pipes = {worker.pipe: worker for worker in self._workers.values()}
        ready = wait([*others, self._deaths, *pipes], timeout)
        answers = [answer for pipe in ready if pipe in pipes for answer in self._answer(pipes[pipe])]
        if self._deaths in ready:
            with suppress(BlockingIOError):
                os.read(self._deaths, 4096)
            answers += self._bury()
        if answers or self._deaths in ready:
            self._end_strays()
        return answers, [one for one in ready if one in others]

    def kill(self) -> None:
        """End all workers and whatever they started; their jobs are not answered.

        The next ones are forked from what the parent is and knows then.
        """
        self._waiting.clear()
        self._signal(signal.SIGTERM)
        end = monotonic() + GRACE_SECONDS
        while self._workers and monotonic() < end:
            wait([self._deaths], timeout=0.05)
            with suppress(BlockingIOError):
                os.read(self._deaths, 4096)
            self._bury()
        self._signal(signal.SIGKILL)
        while self._workers:
            wait([self._deaths], timeout=0.05)
            self._bury()
        self._end_strays()

    def close(self) -> None:
        """End everything, and give the process its signals back."""
        self.kill()
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, self._former)
        os.close(self._deaths)
        os.close(self._bell)

    def _hand_out(self) -> None:
        for worker in self._workers.values():
            if self._waiting and worker.job is None:
                self._send(worker, self._waiting.popleft())
        while self._waiting and len(self._workers) < self._size:
            self._send(self._employ(), self._waiting.popleft())

    def _send(self, worker: _Worker, job: Job) -> None:
        worker.job, worker.begun = job, monotonic()
        with suppress(OSError):  # it died just now; its burial answers for the job
            worker.pipe.send_bytes(json.dumps(job).encode())

    def _employ(self) -> _Worker:
        if not self._workers:  # what the parent itself has started since is none of a job's
            self._known = _children()
        ours, theirs = Pipe()
        parent = os.getpid()
        sys.stdout.flush()
        sys.stderr.flush()
        # told to stop while Python's own callbacks after a fork run, a worker would lose the exception, and go on
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        pid = os.fork()
        if not pid:
            ours.close()
            _be_worker(theirs, self._task, [*self._private, *(one.pipe for one in self._workers.values())],
                       (self._deaths, self._bell), parent)  # fmt: skip
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
        theirs.close()
        with suppress(OSError):  # it has done so itself, or is gone
            os.setpgid(pid, pid)
        self._workers[pid] = _Worker(pid, ours)
        return self._workers[pid]

    def _answer(self, worker: _Worker) -> list[Job]:
        """Return what a worker has answered, if it has."""
        try:
            answer = json.loads(worker.pipe.recv_bytes()) if worker.pipe.poll() else None
        except (EOFError, OSError):  # it died: its burial comes
            return []
        if answer is None or worker.job is None:
            return []
        job, worker.job = worker.job, None
        if answer.pop("leaves", False):  # it goes by itself
            self._wait_for(worker)
        return [{**answer, "number": job["number"], "seconds": monotonic() - worker.begun}]

    def _wait_for(self, worker: _Worker) -> None:
        with suppress(ChildProcessError):
            os.waitpid(worker.pid, 0)
        self._forget(worker)

    def _forget(self, worker: _Worker) -> None:
        del self._workers[worker.pid]
        worker.pipe.close()
        with suppress(OSError):
            os.killpg(worker.pid, signal.SIGKILL)

    def _bury(self) -> list[Job]:
        """Reap the children that ended, and answer for the jobs that they took along."""
        answers = []
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                break
            if not pid:
                break
            worker = self._workers.get(pid)
            if worker:
                answers += self._last_words(worker, status)
        return answers

    def _last_words(self, worker: _Worker, status: int) -> list[Job]:
        answers = self._answer(worker) if worker.job else []
        if worker.pid in self._workers:
            self._forget(worker)
        if worker.job:
            seconds = monotonic() - worker.begun
            answers.append({"number": worker.job["number"], "seconds": seconds, "died": how_it_ended(status)})
        return answers

    def _signal(self, number: int) -> None:
        for pid in self._workers:
            with suppress(OSError):
                os.killpg(pid, number)

    def _end_strays(self) -> None:
        """End what jobs left running: the processes that were adopted, and those that they leave in turn."""
        while strays := _children() - self._known - set(self._workers):
            for pid in strays:
                with suppress(OSError):
                    os.kill(pid, signal.SIGKILL)
                with suppress(ChildProcessError):
                    os.waitpid(pid, 0)


def how_it_ended(status: int) -> str:
    """Return how a process ended, in words: ``was killed by the system or a person (SIGKILL)``."""
    code = os.waitstatus_to_exitcode(status)
    if code == -signal.SIGKILL:
        return "was killed (SIGKILL), by somebody or for want of memory"
    if code < 0:
        return f"was ended by {signal.Signals(-code).name}"
    return f"ended by itself with exit code {code}"


def adopt_orphans() -> None:
    """Make this process the parent of whatever its descendants leave behind; only Linux can."""
    _prctl(_SET_SUBREAPER, 1)


def _prctl(what: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(what, value, 0, 0, 0)


def _children() -> set[int]:
    """Return this process's children; none where the system doesn't list them."""
    try:
        return set(map(int, Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()))
    except OSError:
        return set()


def _be_worker(
    pipe: Connection, task: Callable[[Job], Job], private: Sequence[Connection], bells: tuple[int, int], parent: int
) -> None:
    """Work in the forked process until there is no parent any more, and end it without the parent's own endings."""
    code = 1
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.signal(signal.SIGTERM, _stop)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
        with suppress(OSError):
            os.setpgid(0, 0)
        _prctl(_SET_DEATH_SIGNAL, signal.SIGTERM)
        for one in private:
            one.close()
        for descriptor in bells:
            os.close(descriptor)
        with suppress(OSError):
            Path("/proc/self/oom_score_adj").write_text(_FIRST_TO_GO)
        if os.getppid() == parent:
            _work(pipe, task)
        code = 0
    except (Stopped, EOFError, OSError):
        code = 0
    finally:
        os._exit(code)


def _stop(*_: Any) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # it cleans up already
    raise Stopped(0)


def _work(pipe: Connection, task: Callable[[Job], Job]) -> None:
    """Do jobs until enough are done, or memory has grown."""
    size = _megabytes()
    for number in range(1, JOBS_EACH + 1):
        answer = task(json.loads(pipe.recv_bytes()))
        leaves = number == JOBS_EACH or _megabytes() - size > GROWTH_MEGABYTES
        pipe.send_bytes(json.dumps({**answer, "leaves": leaves}).encode())
        if leaves:
            return


def _megabytes() -> float:
    """Return the most memory that this process ever had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 20 if sys.platform == "darwin" else 1 << 10)
