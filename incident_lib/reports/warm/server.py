"""The fork server: one thread, everything imported, and a clean kernel forked for each request.

``python -m incident_lib.reports.warm.server NUMBER`` where the number is the descriptor of its socket. It ends, and
its kernels with it, when the other side of the socket is closed, however that came about.
"""

from __future__ import annotations

import asyncio
import atexit
import ctypes
import gc
import importlib
import json
import logging
import os
import resource
import signal
import socket
import sys
import time
import warnings
import weakref
from contextlib import suppress
from contextvars import Context
from pathlib import Path
from typing import Any, NoReturn

LARGEST_ORDER = 65_536
SECONDS_TO_END = 0.2
LIBRARIES = ("numpy", "pandas", "plotly.graph_objects", "plotly.io", "IPython.display", "nbformat")
_DIE_WITH_PARENT, _ADOPT_ORPHANS = 1, 36  # prctl(2): PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER


def fork() -> int:
    """Fork this process, which has one thread of Python's."""
    with warnings.catch_warnings():  # Python counts the threads of BLAS, which look after forks themselves
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()


def be_server(number: int) -> NoReturn:
    """Be the server in a process that was forked for it, and leave everything else of its parent's behind."""
    try:
        for one in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP, signal.SIGPIPE}:
            with suppress(OSError, ValueError):
                signal.signal(one, signal.SIG_DFL)
        signal.set_wakeup_fd(-1)
        asyncio.events._set_running_loop(None)
        asyncio.set_event_loop_policy(None)
        atexit._clear()
        atexit.register(logging.shutdown)
        weakref.finalize._registry.clear()  # temporary folders of the parent's are not ours to remove at the end
        weakref.finalize._registered_with_atexit = False
        Context().run(main, only(number).detach())
    finally:
        os._exit(0)


def main(number: int) -> None:
    """Serve until the other side is gone."""
    server = Server(socket.socket(fileno=number))
    try:
        server.serve()
    finally:
        server.end_all()


class Server:
    """The kernels that live, by their process, and the socket over which orders come."""

    def __init__(self, control: socket.socket) -> None:
        self.control = control
        self.kernels: set[int] = set()
        self.libc = ctypes.CDLL(None)
        self.libc.prctl(_ADOPT_ORPHANS, 1, 0, 0, 0)
        self.app = _everything_imported()

    def serve(self) -> None:
        """Say that it is ready, then follow each order and answer it."""
        self.answer({"ready": os.getpid()})
        while True:
            content, descriptors, _, _ = socket.recv_fds(self.control, LARGEST_ORDER, 1)
            if not content:
                return
            order = json.loads(content)
            self.answer(getattr(self, f"do_{order.pop('do')}")(*descriptors, **order))

    def answer(self, what: dict[str, Any]) -> None:
        """Answer an order."""
        self.control.send(json.dumps(what).encode())

    def do_start(self, descriptor: int, **order: Any) -> dict[str, Any]:
        """Fork a kernel for the connection that came with the order."""
        process = fork()
        if not process:
            self._be_kernel(descriptor, **order)
        os.close(descriptor)
        self.kernels.add(process)
        return {"process": process}

    def do_signal(self, *, process: int, number: int) -> dict[str, Any]:
        """Send a signal to a kernel and whatever it started."""
        if process in self.kernels:
            with suppress(ProcessLookupError):
                os.killpg(process, number)
        return {}

    def do_end(self, *, process: int) -> dict[str, Any]:
        """End a kernel and whatever it started; return what became of it."""
        if process not in self.kernels:
            return {"status": None}
        self.kernels.discard(process)
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
        status = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
        _end_group(process)
        return {"status": status}

    def do_keep(self, *, folder: str, as_of: str | None, here: str) -> dict[str, Any]:
        """Load a workbook's records for the kernels to come; what can't be loaded is left to the notebook to say."""
        os.chdir(here)
        loading = importlib.import_module("incident_lib.loading")
        rehearsal = importlib.import_module(f"{__package__}.rehearsal")
        try:
            if not loading.is_kept(folder, as_of=as_of):
                rehearsal.share(loading.load(folder, as_of=as_of), as_of=as_of)
        except Exception:
            return {"kept": False}
        return {"kept": True}

    def end_all(self) -> None:
        """End every kernel."""
        for process in list(self.kernels):
            self.do_end(process=process)

    def _be_kernel(self, descriptor: int, *, here: str, megabytes: int | None, ipython_folder: str | None) -> NoReturn:
        """In the child: leave everything of the server's behind, and be a kernel."""
        try:
            parent = os.getppid()
            self.libc.prctl(_DIE_WITH_PARENT, signal.SIGKILL, 0, 0, 0)
            os.setsid()
            connection = only(descriptor)
            kernel, streams = sys.modules[f"{__package__}.kernel"], sys.modules[f"{__package__}.streams"]
            streams.own_standard_files()
            _fresh_randomness()
            _arrow_signals(True)
            os.chdir(here)
            gc.enable()
            if megabytes is not None:
                _limit_memory(megabytes)
            if os.getppid() == parent:  # it could have died before we asked to die with it
                kernel.run(self.app, connection, ipython_folder=ipython_folder)
        except BaseException:
            logging.getLogger(__name__).exception("a warm kernel could not run")
        finally:
            os._exit(70)


def import_early() -> None:
    """Import what notebooks use, but nothing whose import changes something for others.

    Modules with figures make our theme plotly's default when they are imported; a notebook that doesn't import them
    must not have it, so they are left to those that do.
    """
    _arrow_signals(False)
    for name in LIBRARIES:
        with suppress(Exception):  # whoever needs it is told when importing it
            importlib.import_module(name)
    package = importlib.import_module((__package__ or "").partition(".")[0])
    theme = importlib.import_module(f"{package.__name__}.theme")
    register, theme.register = theme.register, _refuse
    try:
        for name in package.__all__:
            with suppress(Exception):
                getattr(package, name)
    finally:
        theme.register = register


def _arrow_signals(wanted: bool) -> None:
    """Have pyarrow watch for Ctrl-C, as it does unless told otherwise, or not.

    It keeps a pipe for that; a process that has lost the pipe in a fork would be ended by its next fork.
    """
    with suppress(ImportError):
        importlib.import_module("pyarrow").enable_signal_handlers(wanted)


def _refuse() -> NoReturn:
    raise ImportError("left to the notebook")


def _everything_imported() -> Any:
    """Return a prepared kernel, with the libraries imported under it; nothing of it is looked at by the collector."""
    gc.disable()
    if sys.path[0] in ("", str(Path.cwd())):  # as ipykernel's launcher does; the kernel has it in another place
        del sys.path[0]
    app = importlib.import_module(f"{__package__}.kernel").prepared()
    import_early()
    importlib.import_module(f"{__package__}.rehearsal").freeze()
    return app


def only(descriptor: int) -> socket.socket:
    """Close every descriptor but the standard ones and this; return it as a socket. No child of ours inherits it."""
    os.closerange(3, descriptor)
    os.closerange(descriptor + 1, os.sysconf("SC_OPEN_MAX"))
    os.set_inheritable(descriptor, False)
    return socket.socket(fileno=descriptor)


def _fresh_randomness() -> None:
    """Seed numpy's global generator anew, as a new process would; Python's own does it by itself."""
    random = sys.modules.get("numpy.random")
    if random is not None:
        random.seed()


def _limit_memory(megabytes: int) -> None:
    """Let a kernel have so much more memory of its own than it starts with, and no more."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[5])
    limit = pages * os.sysconf("SC_PAGE_SIZE") + megabytes * 1_000_000
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))


def _end_group(process: int) -> None:
    """End what is left of a process group: ask first, then don't. What we adopted of it is reaped."""
    with suppress(ProcessLookupError):
        os.killpg(process, signal.SIGTERM)
        deadline = time.monotonic() + SECONDS_TO_END
        while time.monotonic() < deadline:
            _reap_group(process)
            os.killpg(process, 0)
            time.sleep(0.005)
        os.killpg(process, signal.SIGKILL)
        time.sleep(0.005)
        _reap_group(process)


def _reap_group(process: int) -> None:
    with suppress(ChildProcessError):
        while os.waitpid(-process, os.WNOHANG)[0]:
            pass


if __name__ == "__main__":
    importlib.import_module(f"{__package__}.server").main(int(sys.argv[1]))
