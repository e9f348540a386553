"""A kernel manager for nbclient whose kernels are forked."""

from __future__ import annotations

import os
import signal
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from jupyter_client.manager import KernelManager
from traitlets import Integer

from incident_lib.reports.warm.connection import Connection
from incident_lib.reports.warm.packets import connected
from incident_lib.reports.warm.servers import ForkServer, leave, taken

SECONDS_TO_LEAVE, SECONDS_AFTER_TERM = 5.0, 0.5


class WarmKernelManager(KernelManager):
    """Starts kernels by forking; ``NotebookClient(notebook, kernel_manager_class=WarmKernelManager)`` uses it too.

    ``private`` gives a profile of its own, and what decides the bytes of a report.
    """

    megabytes = Integer(None, allow_none=True)
    private_environment: Mapping[str, str] | None = None
    ipykernel = False  # for nbclient: no arguments are to be added to a command

    startup_seconds: float = 60.0

    def __init__(self, **rest: Any) -> None:
        super().__init__(**rest)
        self.server: ForkServer | None = None
        self.connection: Connection | None = None
        self.process, self.handle = 0, -1
        self._profile: tempfile.TemporaryDirectory | None = None

    @property
    def has_kernel(self) -> bool:
        """Tell whether a kernel was started and not cleaned up."""
        return bool(self.process)

    def start_kernel(self, *, cwd: str | None = None, **_: Any) -> None:
        """Fork a kernel that works in the current folder, or another."""
        environment = {**os.environ, **(self.private_environment or {})}
        self.server = taken(environment, seconds=self.startup_seconds)
        ours, theirs = connected()
        with theirs:
            folder = self._own_folder()
            started = self.server.ask(
                "start", theirs.fileno(), here=str(Path(cwd or ".").absolute()), megabytes=self.megabytes,
                ipython_folder=folder,
            )  # fmt: skip
        self.process = started["process"]
        self.handle = os.pidfd_open(self.process)
        self.connection = Connection(ours, self.handle)

    def _own_folder(self) -> str | None:
        if self.private_environment is None:
            return None
        self._profile = tempfile.TemporaryDirectory(prefix="workbook-")
        return str(Path(self._profile.name) / "ipython")

    def client(self, **_: Any) -> Connection:
        """Return the line to the kernel."""
        assert self.connection is not None
        return self.connection

    def is_alive(self) -> bool:
        """Tell whether the kernel runs."""
        return self.connection is not None and self.connection.is_alive()

    def interrupt_kernel(self) -> None:
        """Interrupt the kernel, and whatever it started."""
        if self.server:
            self.server.ask("signal", process=self.process, number=signal.SIGINT)

    def shutdown_kernel(self, now: bool = False, restart: bool = False) -> None:
        """End the kernel: an idle one may run what it registered for its end, a busy one is terminated."""
        connection = self.connection
        if connection is None or self.server is None:
            return
        if not now and not connection.waiting_for and connection.is_alive():
            connection.request("shutdown_request", {"restart": restart})
            connection.wait_until_dead(SECONDS_TO_LEAVE)
        elif not now and connection.is_alive():
            self.server.ask("signal", process=self.process, number=signal.SIGTERM)
            connection.wait_until_dead(SECONDS_AFTER_TERM)

    def cleanup_resources(self, restart: bool = False) -> None:
        """Leave nothing behind: no process, descriptor, or file."""
        if self.server and self.process:
            with suppress(OSError):  # the server may be gone, and its kernels with it
                self.server.ask("end", process=self.process)
            leave(self.server)
        if self.connection:
            self.connection.close()
        if self.handle >= 0:
            os.close(self.handle)
        if self._profile:
            self._profile.cleanup()
        self.server, self.connection, self.process, self.handle, self._profile = None, None, 0, -1, None
