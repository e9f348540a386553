"""A plug-in of pytest's that makes the warm engine papermill's default: its own tests then run on our kernels."""

from __future__ import annotations

from typing import Any

from papermill.engines import papermill_engines

from incident_lib.reports.engine import WarmEngine


def pytest_configure(config: Any) -> None:
    """Register the engine under papermill's own names for its default."""
    papermill_engines.register(None, WarmEngine)
    papermill_engines.register("nbclient", WarmEngine)
