"""What a warm kernel's cells print: ipykernel's own streams, without ZMQ and with one thread instead of three."""

from __future__ import annotations

import codecs
import os
import select
import sys
import threading
import time
from collections.abc import Callable, Sequence
from queue import SimpleQueue
from typing import Any

from ipykernel.iostream import IOPubThread, OutStream

CHUNK = 65_536


class Publisher(IOPubThread):
    """Stands where ipykernel has the thread that publishes; it only sends what was printed a moment ago."""

    def __init__(self, iopub: Any) -> None:  # the parent's would open ZMQ sockets
        self.iopub = iopub
        self.io_loop = None
        self._due: SimpleQueue[tuple[float, Callable[[], None]]] = SimpleQueue()
        self.thread = threading.Thread(target=self._send_what_is_due, name="IOPub", daemon=True)

    @property
    def closed(self) -> bool:
        """Tell that it is open; a kernel's end closes it."""
        return False

    def send_multipart(self, parts: Sequence[bytes], **_: Any) -> None:
        """Send a message at once."""
        self.iopub.send_multipart(parts)

    def schedule(self, f: Callable[[], None]) -> None:
        """Do it at once: what ipykernel leaves to its thread needs none here."""
        f()

    def later(self, seconds: float, call: Callable[[], None]) -> None:
        """Call something after a while, from the thread."""
        if self.thread.ident is None:
            self.thread.start()
        self._due.put((time.monotonic() + seconds, call))

    def _send_what_is_due(self) -> None:
        while True:
            due, call = self._due.get()
            time.sleep(max(0.0, due - time.monotonic()))
            call()

    def stop(self) -> None:
        """Do nothing: the thread ends with the process."""

    def close(self) -> None:
        """Do nothing: the socket closes with the process."""


class Stream(OutStream):
    """A standard stream of a warm kernel, with what is written to its file descriptor by anybody."""

    def __init__(self, session: Any, publisher: Publisher, name: str) -> None:
        self._sending = threading.RLock()
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        super().__init__(session, publisher, name, watchfd="force")
        os.register_at_fork(after_in_child=self._renew_locks)

    def _renew_locks(self) -> None:
        """In a process that a cell forks, no lock is held by a thread that isn't there."""
        self._sending, self._buffer_lock = threading.RLock(), threading.RLock()

    def _setup_stream_redirects(self, name: str) -> None:
        """Put a pipe in the descriptor's place; ``watch`` reads it, and each flush."""
        number = {"stdout": 1, "stderr": 2}[name]
        self._original_stdstream_fd, self._original_stdstream_copy = number, os.dup(number)
        self._fid, write_end = os.pipe()
        os.dup2(write_end, number)
        os.close(write_end)

    def read_descriptor(self) -> None:
        """Take over what is in the pipe, and pass it on to where it would have gone."""
        with self._sending:
            while self._is_master_process() and select.select([self._fid], [], [], 0)[0]:
                content = os.read(self._fid, CHUNK)
                self.write(self._decoder.decode(content))
                os.write(self._original_stdstream_copy, content)

    def flush(self) -> None:
        """Send everything so far; after this, nothing that was written before is still on its way."""
        self.read_descriptor()
        self._flush()

    def _flush(self) -> None:
        with self._sending:
            super()._flush()

    def _schedule_flush(self) -> None:
        if not self._flush_pending:
            self._flush_pending = True
            self.pub_thread.later(self.flush_interval, self._flush)

    def close(self) -> None:
        """Flush; the descriptors are closed with the process."""
        self.flush()


def watch(streams: Sequence[Stream]) -> None:
    """Read the streams' descriptors from now on, in a thread."""
    by_pipe = {stream._fid: stream for stream in streams}

    def reading() -> None:
        while True:
            for pipe in select.select(list(by_pipe), [], [])[0]:
                by_pipe[pipe].read_descriptor()

    threading.Thread(target=reading, name="descriptors", daemon=True).start()


def own_standard_files() -> None:
    """Give Python's own file objects anew for the descriptors 0, 1 and 2; nothing can be read."""
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    sys.stdin = sys.__stdin__ = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stdout = sys.__stdout__ = open(1, "w", encoding="utf-8", errors="replace", closefd=False)  # noqa: SIM115
    sys.stderr = sys.__stderr__ = open(2, "w", encoding="utf-8", errors="replace", closefd=False)  # noqa: SIM115
