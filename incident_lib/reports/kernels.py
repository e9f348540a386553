"""A kernel for one report: this very interpreter, over sockets that only this user can open."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager

LONGEST_SOCKET_PATH = 90  # the system's limit is 104 or 108 bytes, and a socket's number comes at the end

# What decides the bytes of a report beside its inputs. No start-up files of the user (IPYTHONDIR, see below).
ENVIRONMENT = {
    "PLOTLY_RENDERER": "plotly_mimetype",
    "PYTHONHASHSEED": "0",
    "TZ": "UTC",
    "PYDEVD_DISABLE_FILE_VALIDATION": "1",
}


class PrivateKernelManager(AsyncKernelManager):
    """Starts ``sys.executable`` whatever kernels are registered, in a runtime folder of mode 0700.

    Over TCP, any user of the machine can read what a kernel prints; over these sockets nobody else can.
    """

    def __init__(self, **rest: Any) -> None:
        super().__init__(**rest)
        self._runtime = tempfile.TemporaryDirectory(prefix="workbook-", dir=_short_folder())
        self.transport = "ipc"
        self.connection_file = str(Path(self._runtime.name) / "kernel.json")

    @property
    def kernel_spec(self) -> KernelSpec:
        """Return how to start the kernel; registered kernel specifications are not asked."""
        return KernelSpec(
            argv=[sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"],
            display_name="Python 3",
            language="python",
            env={**ENVIRONMENT, "IPYTHONDIR": str(Path(self._runtime.name) / "ipython")},
        )

    async def _async_cleanup_resources(self, restart: bool = False) -> None:
        await super()._async_cleanup_resources(restart=restart)
        if not restart:
            self._runtime.cleanup()

    cleanup_resources = _async_cleanup_resources


def _short_folder() -> str | None:
    """Return a folder for sockets: the usual temporary one, or ``/tmp`` where its path is too long for a socket."""
    usual = tempfile.gettempdir()
    return usual if len(usual.encode()) + len("/workbook-12345678/kernel-ipc-12345") <= LONGEST_SOCKET_PATH else "/tmp"
