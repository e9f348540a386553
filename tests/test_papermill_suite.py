"""papermill's own tests of execution, engines and saving, which its wheel brings along, on the warm engine."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from incident_lib.reports.warm.servers import can_fork

SUITES = ("test_execute", "test_engines", "test_autosave")
LEFT_OUT = (
    "test_default_start_timeout",  # these two put a stand-in for nbclient's client into papermill's own engine
    "test_start_timeout",
    "TestBrokenNotebook2",  # fails under papermill's own engine as well: it expects an older IPython's output
)


@pytest.mark.skipif(not can_fork(), reason="the warm engine can't fork here")
@pytest.mark.skipif(find_spec("papermill.tests") is None, reason="this papermill brings no tests along")
def test_papermills_own_tests_pass_on_warm_kernels():
    """All but three, of which none is about what an engine has to do."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "warm_by_default", "-p", "no:cacheprovider", "-n", "0", "--pyargs",
               *(f"papermill.tests.{name}" for name in SUITES), "-k", " and ".join(f"not {name}" for name in LEFT_OUT)]  # fmt: skip
    done = subprocess.run(command, cwd="/", env={**os.environ, "PYTHONPATH": str(Path(__file__).parent)},
                          capture_output=True, text=True, timeout=250, check=False)  # fmt: skip
    passed = re.search(r"(\d+) passed", done.stdout)

    assert done.returncode == 0, done.stdout[-3000:]
    assert passed and int(passed[1]) >= 50
