"""papermill's engine "warm": its own engine, on kernels that are forked from a process that has imported everything.

``papermill --engine warm in.ipynb out.ipynb`` works for any notebook. One that asks for another language, another
interpreter or a kernel of its own kind, and a system that can't fork, get papermill's own engine, which is said once.
The executed notebook is saved once, at the end.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel
from nbformat import NotebookNode
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import NBClientEngine, NotebookExecutionManager
from papermill.log import logger
from papermill.utils import merge_kwargs, remove_args

from incident_lib.reports.kernels import ENVIRONMENT, PrivateKernelManager
from incident_lib.reports.warm.manager import WarmKernelManager
from incident_lib.reports.warm.servers import can_fork, leave, taken

START_SECONDS = 60
_KERNEL_MODULES = {"ipykernel_launcher", "ipykernel"}


class SavedOnce(NotebookExecutionManager):
    """papermill's account of a run, which saves only where papermill itself would not: if the run breaks off."""

    broken_off = False

    def save(self, **rest: Any) -> None:
        """Save the notebook if the run broke off; of any other papermill saves the end."""
        if self.broken_off:
            super().save(**rest)


class WarmClient(PapermillNotebookClient):
    """papermill's client on a warm kernel; it is told of the kernel's death instead of asking each second."""

    def __init__(self, manager: NotebookExecutionManager, *, environment: Mapping[str, str] | None,
                 megabytes: int | None, **rest: Any) -> None:  # fmt: skip
        super().__init__(manager, **rest)
        self._environment, self._megabytes = environment, megabytes

    def create_kernel_manager(self) -> WarmKernelManager:
        """Return the manager of a kernel that is yet to start."""
        self.km = WarmKernelManager(megabytes=self._megabytes)
        self.km.private_environment, self.km.startup_seconds = self._environment, self.startup_timeout
        return self.km

    async def _async_poll_kernel_alive(self) -> None:
        await self.kc.death.get_msg()
        self.log.error("Kernel died while waiting for execute reply.")
        self.task_poll_for_reply.cancel()


class WarmEngine(NBClientEngine):
    """papermill's engine with warm kernels."""

    @classmethod
    def execute_notebook(
        cls, nb: NotebookNode, kernel_name: str, output_path: str | None = None, progress_bar: bool | dict = True,
        log_output: bool = False, autosave_cell_every: int = 30, on_end: Callable[[NotebookNode], None] | None = None,
        megabytes: int | None = None, **rest: Any,
    ) -> NotebookNode:  # fmt: skip
        """Execute a notebook as papermill's engine does.

        ``megabytes`` limits what the kernel may have beyond what it starts with; ``on_end`` is given the notebook as
        far as it came, however it ended. ``autosave_cell_every`` is for papermill's own engine.
        """
        reason = why_not(kernel_name, rest)
        if reason:
            _say_once(reason)
            try:
                return NBClientEngine.execute_notebook(
                    nb, kernel_name, output_path, progress_bar, log_output, autosave_cell_every, **rest
                )
            finally:
                if on_end:
                    on_end(nb)
        manager = SavedOnce(nb, output_path, log_output, progress_bar, autosave_cell_every=0)
        manager.notebook_start()
        try:
            cls.execute_managed_notebook(manager, kernel_name, log_output=log_output, megabytes=megabytes, **rest)
        except BaseException:
            manager.broken_off = True
            raise
        finally:
            manager.cleanup_pbar()
            manager.notebook_complete()
            if on_end:
                on_end(manager.nb)
        return manager.nb

    @classmethod
    def execute_managed_notebook(
        cls, nb_man: NotebookExecutionManager, kernel_name: str, log_output: bool = False, start_timeout: int = 60,
        execution_timeout: int | None = None, megabytes: int | None = None,
        kernel_manager_class: type | None = None, **rest: Any,
    ) -> NotebookNode:  # fmt: skip
        """Execute the cells."""
        private = kernel_manager_class is PrivateKernelManager
        settings = merge_kwargs(
            remove_args(["input_path", "timeout", "startup_timeout"], **rest),
            timeout=execution_timeout or rest.get("timeout"), startup_timeout=start_timeout, kernel_name=kernel_name,
            log=logger, log_output=log_output,
        )  # fmt: skip
        environment = ENVIRONMENT if private else None
        return WarmClient(nb_man, environment=environment, megabytes=megabytes, **settings).execute()


def keep_records(data: str, as_of: str | None) -> None:
    """Have a workbook's records loaded in the process from which reports' kernels are forked, before they are needed.

    Each ``load`` in a notebook still looks whether any file changed. Without warm kernels it does nothing.
    """
    if not can_fork():
        return
    server = taken({**os.environ, **ENVIRONMENT}, seconds=START_SECONDS)
    try:
        server.ask("keep", folder=data, as_of=as_of, here=str(Path.cwd()))
    finally:
        leave(server)


def why_not(kernel_name: str, settings: Mapping[str, Any]) -> str:
    """Return why a notebook can't have a warm kernel; empty if it can."""
    if not can_fork():
        return "this system can't fork kernels"
    ours = settings.get("kernel_manager_class") in (None, PrivateKernelManager)
    if not ours or settings.get("km") is not None or settings.get("extra_arguments"):
        return "a kernel manager or arguments of its own were asked for"
    if settings.get("kernel_manager_class") is PrivateKernelManager or is_this_interpreter(kernel_name):
        return ""
    return f"the kernel {kernel_name!r} is not an IPython kernel of {sys.executable}"


@cache
def is_this_interpreter(kernel_name: str) -> bool:
    """Tell whether a registered kernel is ipykernel in this very interpreter, without an environment of its own."""
    try:
        spec = KernelSpecManager().get_kernel_spec(kernel_name)
    except NoSuchKernel:
        return False  # papermill's own engine has the words for it
    if spec.language != "python" or spec.env or not _KERNEL_MODULES & set(spec.argv):
        return False
    plain = {"python", f"python{sys.version_info[0]}", f"python{sys.version_info[0]}.{sys.version_info[1]}"}
    return spec.argv[0] in plain or Path(spec.argv[0]).absolute() == Path(sys.executable).absolute()


@cache
def _say_once(reason: str) -> None:
    logger.warning(f"Executing with papermill's own engine: {reason}.")
