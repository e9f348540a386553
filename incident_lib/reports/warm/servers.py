"""The fork servers of this process: started when first needed, one for each environment, ended with it."""

from __future__ import annotations

import atexit
import importlib.metadata
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from incident_lib.reports.warm import server
from incident_lib.reports.warm.packets import connected
from incident_lib.reports.warm.server import fork

MODULE = "incident_lib.reports.warm.server"
MOST = 2
OLDEST_IPYKERNEL = 7
LARGEST_ANSWER = 65_536
_NOT_OF_A_PROCESS = {"PYTEST_CURRENT_TEST", "_"}  # what changes without meaning anything
SECONDS_TO_END = 5.0
_CLEAN = False
_LOCK = threading.Lock()
_SERVERS: dict[tuple[int, str], ForkServer] = {}


@cache
def can_fork() -> bool:
    """Tell whether this system has what warm kernels need: fork, sockets that keep packets whole, process handles.

    And ipykernel 7, whose ways they follow.
    """
    has_all = hasattr(os, "fork") and hasattr(os, "pidfd_open") and hasattr(socket, "SOCK_SEQPACKET")
    if not (has_all and sys.platform == "linux"):
        return False
    try:
        os.close(os.pidfd_open(os.getpid()))
    except OSError:
        return False
    return int(importlib.metadata.version("ipykernel").partition(".")[0]) >= OLDEST_IPYKERNEL


def fork_from_here() -> None:
    """Say that this process is as clean as a fresh one: that servers need not be started, but can be forked from it.

    What it has imported and kept (``loading.keep``) they have as well. It is only done where the process has one
    thread, and was started with the environment that is asked for.
    """
    global _CLEAN
    _CLEAN = True


def can_fork_here(environment: Mapping[str, str]) -> bool:
    """Tell whether a server for an environment may be forked from this process."""
    if not _CLEAN or threading.active_count() > 1:
        return False
    pairs = Path("/proc/self/environ").read_bytes().split(b"\0")
    begun = dict(pair.split(b"=", 1) for pair in pairs if b"=" in pair)
    return stated({os.fsdecode(name): os.fsdecode(value) for name, value in begun.items()}) == environment


def stated(environment: Mapping[str, str]) -> dict[str, str]:
    """Return an environment without what changes from call to call and means nothing."""
    return {name: value for name, value in environment.items() if name not in _NOT_OF_A_PROCESS}


class ForkServer:
    """A fork server and the line to it; any thread may use it."""

    def __init__(self, environment: Mapping[str, str], *, seconds: float) -> None:
        self.busy = 0
        self._owner, self._lock = os.getpid(), threading.Lock()
        self._line, theirs = connected()
        with theirs:
            self._process = _forked(theirs) if can_fork_here(environment) else _spawned(theirs, environment)
        self._handle = os.pidfd_open(self._process)
        atexit.register(self.close)
        if not wait_for(self._line.fileno(), seconds) or not self._line.recv(LARGEST_ANSWER):
            self.close()
            raise RuntimeError(f"Kernel didn't respond in {seconds:g} seconds")

    @property
    def lives(self) -> bool:
        """Tell whether it is still there."""
        return not wait_for(self._handle, 0)

    def ask(self, what: str, *descriptors: int, **order: Any) -> dict[str, Any]:
        """Send an order, with descriptors for it, and return the answer.

        Raises:
            ConnectionError: if the server is gone.
        """
        with self._lock:
            content = json.dumps({"do": what, **order}).encode()
            socket.send_fds(self._line, [content], list(descriptors))
            answer = self._line.recv(LARGEST_ANSWER)
        if not answer:
            raise ConnectionResetError("the server of warm kernels is gone")
        return json.loads(answer)

    def close(self) -> None:
        """End the server and its kernels."""
        atexit.unregister(self.close)
        self._line.close()
        if os.getpid() == self._owner:
            if not wait_for(self._handle, SECONDS_TO_END):
                signal.pidfd_send_signal(self._handle, signal.SIGKILL)
            with suppress(ChildProcessError):
                os.waitpid(self._process, 0)
        os.close(self._handle)


def _spawned(theirs: socket.socket, environment: Mapping[str, str]) -> int:
    """Start a fresh server; return its process."""
    command = [sys.executable, "-m", MODULE, str(theirs.fileno())]
    started = subprocess.Popen(command, env=dict(environment), stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()])
    started.returncode = 0  # it is ours to wait for, through its handle
    return started.pid


def _forked(theirs: socket.socket) -> int:
    """Fork a server from this process; return its process."""
    process = fork()
    if not process:
        server.be_server(theirs.detach())
    return process


def taken(environment: Mapping[str, str], *, seconds: float) -> ForkServer:
    """Return the fork server of this process for an environment, started if there is none; ``leave`` it afterwards.

    Raises:
        RuntimeError: if it isn't ready in time.
    """
    wanted = stated(environment)
    key = (os.getpid(), json.dumps(sorted(wanted.items())))
    with _LOCK:
        found = _SERVERS.pop(key, None)
        if found is None or not found.lives:
            found = ForkServer(wanted, seconds=seconds)
        _SERVERS[key] = found
        found.busy += 1
        _close_oldest()
    return found


def leave(server: ForkServer) -> None:
    """Say that a server is no longer used here; it may be closed when another is needed."""
    with _LOCK:
        server.busy -= 1


def _close_oldest() -> None:
    """Keep few servers; one in use is never closed, and one of the process that forked us is not ours to close."""
    idle = [key for key, server in _SERVERS.items() if not server.busy and key[0] == os.getpid()]
    for key in idle[: max(0, len(_SERVERS) - MOST)]:
        _SERVERS.pop(key).close()


def close_all() -> None:
    """End all servers of this process."""
    with _LOCK:
        for key in [key for key in _SERVERS if key[0] == os.getpid()]:
            _SERVERS.pop(key).close()


def wait_for(descriptor: int, seconds: float) -> bool:
    """Tell whether a descriptor becomes readable in time: for a process handle, whether the process ended."""
    poll = select.poll()  # select.select takes only the first 1,024 descriptors
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(max(0, round(seconds * 1000))))
