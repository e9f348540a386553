"""The parts of a large source, worked on by two processes: this one goes from the first part on, another from the last.

The other is a fresh interpreter: Arrow's threads forbid a fork, and ``multiprocessing`` would run the caller's script
again. What it finds comes back as Arrow IPC in memory that both share (an unnamed file). It can change how long
something takes, never what comes out: this process waits for no answer, and works on every part that has none yet.
"""

from __future__ import annotations

import ctypes
import json
import mmap
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from importlib import import_module
from multiprocessing import current_process
from multiprocessing.connection import Connection, Pipe
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa

Part = tuple[pa.RecordBatch, dict[str, Any]]  # rows, and what else there is to tell, as JSON
Work = Callable[[int], Part | None]

_START = "import sys; from incident_lib.sources.two_processes import main; main(*sys.argv[1:])"
_AHEAD = 2  # parts that the other one has to do, so that it never waits for the next
_ALIGNED = 64  # bytes, as Arrow likes it
_SET_DEATH_SIGNAL = 1  # prctl(2)
_FIRST_TO_GO = "500"  # of 1000: where memory runs out, the system ends it before its caller


def all_parts(count: int, work: Callable[[int], Part], other: Other | None, schema: pa.Schema) -> list[Part]:
    """Return what ``work`` finds in each part, in order; ``schema`` is that of the parts' rows.

    What it raises is raised here as if there were no second process: the first parts are worked on here, in order.
    """
    mine: list[Part] = []
    while len(mine) < (other.reached(len(mine), count) if other else count):
        mine.append(work(len(mine)))
    rest = range(len(mine), count)
    theirs = other.parts(rest, schema) if other else {}
    return mine + [theirs[number] if number in theirs else work(number) for number in rest]


@contextmanager
def other_process(work: str, *, wanted: bool) -> Iterator[Other | None]:
    """Yield a second process, or None if it isn't ``wanted`` or can't be had; it ends with the block.

    ``work`` names a function ("module:function"), which is called there with what ``Other.order`` is given: a
    context manager with a ``Work``, which returns None for a part that it leaves to this process.
    """
    other = _started(work) if wanted and _may_start() else None
    try:
        yield other
    finally:
        if other:
            other.close()


def _may_start() -> bool:
    """Tell whether this process may use a second core, and is an ordinary interpreter, not one inside a program."""
    affinity = getattr(os, "sched_getaffinity", None)
    cores = len(affinity(0)) if affinity else os.cpu_count() or 1
    is_python = Path(sys.executable or "").name.startswith("python") and not getattr(sys, "frozen", False)
    return cores > 1 and os.name == "posix" and is_python and not current_process().daemon


def _started(work: str) -> Other | None:
    try:
        return Other(work)
    except OSError:  # no more processes, files or memory
        return None


class Other:
    """This end of the second process."""

    def __init__(self, work: str) -> None:
        self._given: list[int] = []  # parts, from the last one downwards
        self._places: dict[int, list[int]] = {}  # where in the file the answered ones are
        self._file = _unnamed_file()
        self._pipe, theirs = Pipe()
        descriptors = [theirs.fileno(), self._file.fileno()]
        try:
            with theirs:
                self._process = subprocess.Popen(
                    [sys.executable, "-P", "-c", _START, *map(str, descriptors), work, __file__], pass_fds=descriptors,
                    stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                    start_new_session=True,
                )  # fmt: skip
        except OSError:
            self._let_go()
            raise

    def order(self, order: Mapping[str, Any]) -> None:
        """Tell it what the parts are parts of."""
        self._tell(order)

    def reached(self, here: int, count: int) -> int:
        """Return from which of ``count`` parts on all are answered; gives it parts well after ``here``."""
        with suppress(EOFError, OSError):
            while self._pipe.poll():
                number, *places = json.loads(self._pipe.recv_bytes())
                self._places[number] = places
        while len(self._given) < min(len(self._places) + _AHEAD, count - here - 1):
            self._given.append(count - len(self._given) - 1)
            self._tell(self._given[-1])
        return count - len(self._places)

    def parts(self, numbers: range, schema: pa.Schema) -> dict[int, Part]:
        """Return those of these parts that it has answered; none if there is no room for them."""
        places = {number: self._places[number] for number in numbers if self._places.get(number)}
        try:
            shared = pa.py_buffer(mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ)) if places else None
        except OSError:
            return {}
        return {number: _part(shared, *place, schema) for number, place in places.items()}

    def close(self) -> None:
        """End it at once: it has nothing to tidy up."""
        self._process.kill()
        self._process.wait()
        self._let_go()

    def _let_go(self) -> None:
        self._pipe.close()
        self._file.close()

    def _tell(self, message: Any) -> None:
        with suppress(OSError):  # it is gone: its parts are worked on here
            self._pipe.send_bytes(json.dumps(message).encode())


def _unnamed_file() -> BinaryIO:
    if hasattr(os, "memfd_create"):
        return os.fdopen(os.memfd_create("parts"), "w+b")
    return tempfile.TemporaryFile()


def _part(shared: pa.Buffer, start: int, middle: int, end: int, schema: pa.Schema) -> Part:
    rows = pa.ipc.read_record_batch(shared.slice(start, middle - start), schema)
    return rows, json.loads(shared.slice(middle, end - middle).to_pybytes())


def main(pipe: str, file: str, work: str, home: str) -> None:
    """Be the second process: take an order, then parts, until the caller is gone.

    Whatever goes wrong here ends it; the caller works on what has no answer then, and says what is wrong.
    """
    _end_with_caller()
    if home != __file__:  # other code than the caller's
        return
    module, _, name = work.partition(":")
    begin = getattr(import_module(module), name)
    with (
        suppress(EOFError, OSError),
        Connection(int(pipe)) as caller,
        os.fdopen(int(file), "wb") as answers,
        begin(json.loads(caller.recv_bytes())) as find,
    ):
        while True:
            number = json.loads(caller.recv_bytes())
            part = find(number)
            places = _written(answers, *part) if part else ()
            caller.send_bytes(json.dumps([number, *places]).encode())


def _end_with_caller() -> None:
    """Have the system end this process with its caller, which may be killed while this one is at work."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_SET_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)
        with suppress(OSError):
            Path("/proc/self/oom_score_adj").write_text(_FIRST_TO_GO)


def _written(file: BinaryIO, rows: pa.RecordBatch, facts: dict[str, Any]) -> tuple[int, int, int]:
    """Write a part; return where its rows begin, where its facts begin, and where they end."""
    file.write(bytes(-file.tell() % _ALIGNED))
    start = file.tell()
    file.write(rows.serialize())
    middle = file.tell()
    file.write(json.dumps(facts).encode())
    file.flush()
    return start, middle, file.tell()
