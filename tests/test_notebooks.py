"""The notebooks: clean in git, and each runs by itself under plain papermill."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from incident_lib.closing import DONE_MIMETYPE
from incident_lib.reports.executed import settled
from incident_lib.reports.run import execute, read_notebook

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_committed_clean_and_thin(path: Path):
    """No outputs, no definitions, at most five lines to a cell, parameters commented, and the mark at its end."""
    cells = nbformat.read(path, as_version=4).cells
    code = [cell for cell in cells if cell.cell_type == "code"]
    parameters = [cell for cell in code if "parameters" in cell.metadata.get("tags", [])]

    assert cells[0].source.startswith("# ")
    assert not any(cell.outputs or cell.execution_count for cell in code)
    assert not any(line.lstrip().startswith(("def ", "class ")) for cell in code for line in cell.source.splitlines())
    assert max(len(cell.source.splitlines()) for cell in code if cell not in parameters) <= 5
    assert len(parameters) == 1 and all("  # " in line for line in parameters[0].source.splitlines())
    assert "inc.made_from(" in code[-1].source


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_under_plain_papermill(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """papermill notebooks/X.ipynb out.ipynb -p data data, without our command line; a warm kernel gives the same."""
    out = tmp_path / "out.ipynb"
    command = [sys.executable, "-m", "papermill", f"notebooks/{path.name}", str(out), "-p", "data", "data"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stderr[-2000:]

    executed = nbformat.read(out, as_version=4)
    outputs = [output for cell in executed.cells for output in cell.get("outputs", [])]
    assert any(DONE_MIMETYPE in output.get("data", {}) for output in outputs)
    assert not any(output.output_type == "error" for output in outputs)
    monkeypatch.chdir(ROOT)
    warm, trouble = execute(read_notebook(path), {"data": "data"}, tmp_path / "warm.ipynb", engine="warm")
    assert trouble is None and nbformat.writes(settled(warm)) == nbformat.writes(settled(executed))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_no_number_is_typed_into_prose(path: Path):
    """What a report says in numbers is computed."""
    prose = " ".join(cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "markdown")

    assert not [word for word in prose.split() if word.strip("(),.:;").isdigit()]
