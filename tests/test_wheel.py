"""The installed wheel works in an empty folder: the notebooks and templates travel in it."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> Path:
    """Return a folder into which the wheel was unpacked, as pip would."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as wheel:
        wheel.extractall(folder / "site")
    return folder / "site"


def test_the_wheel_brings_notebooks_templates_and_licence(installed):
    """Everything that the commands need, and nothing of the tests or the sample's output."""
    names = {path.relative_to(installed).as_posix() for path in installed.rglob("*") if path.is_file()}

    assert {"incident_lib/notebooks/timeliness.ipynb", "incident_lib/templates/postmortem.md.j2"} <= names
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert not any(name.startswith(("tests/", "data/")) for name in names)


def test_a_report_is_made_from_the_wheel_in_an_empty_folder(installed, tmp_path):
    """incidents sample, then incidents timeliness, with nothing of the checkout at hand."""
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    where = "import incident_lib; print(incident_lib.__file__)"
    for command in (["-c", where], ["-m", "incident_lib", "sample", "demo", "--incidents", "30"],
                    ["-m", "incident_lib", "timeliness", "--data", "demo"]):  # fmt: skip
        done = subprocess.run([sys.executable, *command], cwd=tmp_path, env=environment, capture_output=True, text=True,
                              timeout=280, check=False)  # fmt: skip
        assert done.returncode == 0, done.stderr
        if command[0] == "-c":
            assert Path(done.stdout.strip()).is_relative_to(installed)

    assert (tmp_path / "reports" / "timeliness" / "timeliness.html").is_file()
