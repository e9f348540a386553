"""A real IPython kernel without ZMQ: ipykernel's application, shell and kernel, talking over one socket.

It is built before the fork (``prepared``) and runs in the forked child (``run``). Whatever ipykernel does with a
message, it does here; only the way in and out is another.
"""

from __future__ import annotations

import atexit
import logging
import os
import shutil
import signal
import socket
import sys
import threading
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import ipykernel_launcher
from ipykernel.displayhook import ZMQDisplayHook
from ipykernel.ipkernel import IPythonKernel
from ipykernel.kernelapp import IPKernelApp
from ipykernel.utils import _async_in_context
from IPython.core.profiledir import ProfileDir
from jupyter_client.session import DELIM, Session
from tornado.ioloop import IOLoop
from traitlets import Any as AnyTrait

from incident_lib.reports.warm.packets import Assembler, send
from incident_lib.reports.warm.streams import Publisher, Stream, watch

NO_HISTORY = "--HistoryManager.hist_file=:memory:"  # as nbclient starts its kernels


class Wire:
    """Stands where a kernel has ZMQ sockets: sends each message over the one connection, with its channel's name."""

    def __init__(self, channel: bytes) -> None:
        self.channel = channel
        self.connection: socket.socket | None = None

    def send_multipart(self, parts: Sequence[bytes], **_: Any) -> None:
        """Send a message's header, parent, metadata, content and buffers."""
        if self.connection is not None:
            send(self.connection, [self.channel, *parts[list(parts).index(DELIM) + 2 :]])

    def flush(self, *_: Any) -> None:
        """Do nothing: what was sent is sent."""


class PlainSession(Session):
    """Takes requests as they are: they come from this user's own process, over a socket that nobody else can reach."""

    def sign(self, msg_list: list[bytes]) -> bytes:
        """Return no signature."""
        return b""

    def feed_identities(self, msg_list: list, copy: bool = True) -> tuple[list, list]:
        """Return that it came without identities."""
        return [], msg_list

    def deserialize(self, msg_list: list, content: bool = True, copy: bool = True) -> dict[str, Any]:
        """Return the message, which is one already."""
        return msg_list[0]


class WarmKernel(IPythonKernel):
    """IPython's kernel on other sockets."""

    shell_stream = AnyTrait()
    _supports_kernel_subshells = False

    async def do_execute(self, *arguments: Any, **rest: Any) -> dict[str, Any]:
        """Run a cell; a process that a cell forked, and that comes out of it, is no kernel and ends here."""
        master = os.getpid()
        reply = await super().do_execute(*arguments, **rest)
        if os.getpid() != master:
            os._exit(0)
        return reply

    def _abort_queues(self, subshell_id: str | None = None) -> None:
        """Do nothing: the next request is only sent after the reply."""


class WarmApp(IPKernelApp):
    """ipykernel's application with its profile, configuration and shell, and without sockets and threads."""

    def __init__(self, **rest: Any) -> None:
        super().__init__(**rest)
        self.iopub, self.shell_wire = Wire(b"iopub"), Wire(b"shell")
        self.has_own_extensions = False

    def init_connection_file(self) -> None:
        """Do nothing."""

    init_poller = init_sockets = init_heartbeat = write_connection_file = log_connection_info = init_connection_file
    init_signal = init_extensions = init_code = init_connection_file  # in the child, see ``run``

    def init_io(self) -> None:
        """Set the display hook; the streams are made in the child."""
        self.displayhook = sys.displayhook = ZMQDisplayHook(self.session, self.iopub)
        self.patch_io()

    def init_session(self) -> None:
        """Make the session."""
        self.session = PlainSession(parent=self)

    def init_kernel(self) -> None:
        """Make the kernel, and with it the shell."""
        self.init_session()
        self.displayhook.session = self.session
        self.kernel = WarmKernel.instance(
            parent=self, session=self.session, shell_stream=self.shell_wire, iopub_socket=self.iopub, log=self.log,
            profile_dir=self.profile_dir, user_ns=self.user_ns,
            shell_channel_thread=SimpleNamespace(parent_thread=threading.main_thread()),
        )  # fmt: skip
        self.kernel._execute_sleep = 0  # it is for streams that flush some time later; ours have when they return
        self.displayhook.get_execution_count = lambda: self.kernel.execution_count


def prepared() -> WarmApp:
    """Return a kernel that is ready but for what only the child can do."""
    sys.argv = [str(Path(ipykernel_launcher.__file__)), "-f", os.devnull, NO_HISTORY]
    app = WarmApp.instance()
    with _without_debugger():
        app.initialize([NO_HISTORY])
    app.has_own_extensions = bool(app.extensions or app.extra_extensions)
    if not app.has_own_extensions:
        IPKernelApp.init_extensions(app)
    if "" not in sys.path and "PYTHONSAFEPATH" not in os.environ:  # a server may have been started with -P
        sys.path.insert(_place_of_here(), "")
    return app


@contextmanager
def _without_debugger() -> Iterator[None]:
    """Keep ipykernel from loading its debugger, which nothing could connect to; a notebook may still import it."""
    sys.modules["debugpy.server"] = None
    try:
        yield
    finally:
        del sys.modules["debugpy.server"]


def _place_of_here() -> int:
    """Return where IPython has the working directory in the search path: before the installed packages."""
    found = (place for place, path in enumerate(sys.path) if Path(path).name in {"site-packages", "dist-packages"})
    return next(found, 0)


def run(app: WarmApp, connection: socket.socket, *, ipython_folder: str | None) -> None:
    """Be the kernel at the end of a connection until it is told to stop, or the other side is gone."""
    app.iopub.connection = app.shell_wire.connection = connection
    app.session.session, app.session.pid = str(uuid.uuid4()), os.getpid()
    if ipython_folder:
        _own_profile(app, Path(ipython_folder))
    publisher = Publisher(app.iopub)
    sys.stdout, sys.stderr = Stream(app.session, publisher, "stdout"), Stream(app.session, publisher, "stderr")
    app.kernel._stdout, app.kernel._stderr, app.kernel.iopub_thread = sys.stdout, sys.stderr, publisher
    for handler in app.log.handlers:
        if isinstance(handler, logging.StreamHandler):
            handler.setStream(os.fdopen(os.dup(sys.stderr.fileno()), "w"))  # not into the notebook
    watch([sys.stdout, sys.stderr])
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if app.has_own_extensions:
        IPKernelApp.init_extensions(app)
    IPKernelApp.init_code(app)
    _serve(app.kernel, connection)
    _end()


def _own_profile(app: WarmApp, folder: Path) -> None:
    """Give a kernel a profile of its own: what a notebook leaves in it, no other one finds."""
    os.environ["IPYTHONDIR"] = app.ipython_dir = str(folder)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    app.profile_dir = ProfileDir.create_profile_dir_by_name(str(folder), "default")
    app.shell.ipython_dir, app.shell.profile_dir, app.kernel.profile_dir = str(folder), app.profile_dir, app.profile_dir


def _serve(kernel: WarmKernel, connection: socket.socket) -> None:
    """Handle requests, one after the other, in an event loop that goes on between them."""
    loop, master, assembler = IOLoop.current(), os.getpid(), Assembler()
    kernel.io_loop = loop

    async def handle(request: dict[str, Any]) -> None:
        if request["msg_type"] == "shutdown_request":
            loop.stop()
            return
        await kernel.shell_main(None, [request, None])

    handler = _async_in_context(handle)  # one context for all cells, as ipykernel has it

    def readable(*_: Any) -> None:
        if os.getpid() != master:
            os._exit(0)
        try:
            for parts in assembler.receive(connection):
                loop.add_callback(handler, request_of(kernel.session, parts))
        except EOFError:
            loop.stop()

    loop.add_handler(connection, readable, loop.READ)
    loop.start()


def request_of(session: Session, parts: Sequence[bytes]) -> dict[str, Any]:
    """Return a message from its parts: channel, header, parent, metadata, content, and the buffers."""
    header, parent, metadata, content = (session.unpack(part) for part in parts[1:5])
    return {
        "header": header, "msg_id": header["msg_id"], "msg_type": header["msg_type"], "parent_header": parent,
        "metadata": metadata, "content": content, "buffers": list(parts[5:]), "channel": parts[0].decode(),
    }  # fmt: skip


def _end() -> None:
    """End as Python does: wait for threads, run what was registered for the end, and go."""
    threading._shutdown()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def forget(folder: Path) -> None:
    """Remove a kernel's own profile."""
    shutil.rmtree(folder, ignore_errors=True)
