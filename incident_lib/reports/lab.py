"""JupyterLab on the notebooks: a copy that is the user's own, with nothing that calls out to the internet."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat

from incident_lib.errors import SettingsError
from incident_lib.files import create_only
from incident_lib.reports.catalogue import notebooks_folder
from incident_lib.settings import FILE_NAME

COPY, BESIDE, FIRST = "notebooks", "own-notebooks", "explore.ipynb"
_SETTINGS = Path(__file__).parent / "jupyter"  # quiet defaults, which a user's own settings overrule


def own_notebooks(folder: Path) -> Path:
    """Return a folder beside the workbook with a copy of each notebook; a copy that is there is never touched.

    Raises:
        SettingsError: if the folder is no workbook.
    """
    if not (folder / FILE_NAME).is_file():
        raise SettingsError(f"{folder} is no workbook: it has no {FILE_NAME}; 'incidents init {folder}' would make one")
    target = folder.resolve().parent / COPY
    if target == notebooks_folder().resolve():  # in a checkout these are committed, without outputs
        target = target.with_name(BESIDE)
    target.mkdir(exist_ok=True)
    for notebook in sorted(notebooks_folder().glob("*.ipynb")):
        if not (target / notebook.name).exists():
            own = _reading(nbformat.read(notebook, as_version=4), f"../{folder.resolve().name}")
            create_only(target / notebook.name, nbformat.writes(own).encode("utf-8"))
    return target


def _reading(notebook: nbformat.NotebookNode, data: str) -> nbformat.NotebookNode:
    """Return a notebook whose parameters name this folder of data."""
    for cell in notebook.cells:
        if "parameters" in cell.metadata.get("tags", []):
            cell.source = re.sub(r'^data = "[^"]*"', lambda _: f"data = {json.dumps(data)}", cell.source, flags=re.M)
    return notebook


def open_lab(folder: Path, *, port: int | None = None, browser: bool = True) -> int:
    """Start JupyterLab beside a workbook, the exploring notebook open, and wait until it ends; return its exit code.

    ``port`` None takes a free one. The token stays; what would ask the network (news, updates, the catalogue of
    extensions) is off.
    """
    notebooks = own_notebooks(folder)
    return subprocess.call(lab_command(notebooks, port=port, browser=browser), env={**os.environ, **lab_environment()})


def lab_command(notebooks: Path, *, port: int | None = None, browser: bool = True) -> list[str]:
    """Return the command that starts JupyterLab on a folder of notebooks beside a workbook."""
    return [
        sys.executable, "-m", "jupyterlab", f"--notebook-dir={notebooks.parent}",
        f"--LabApp.default_url=/lab/tree/{notebooks.name}/{FIRST}", "--LabApp.news_url=None",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate", "--LabApp.extension_manager=readonly",
        *([] if port is None else [f"--port={port}"]), *([] if browser else ["--no-browser"]),
    ]  # fmt: skip


def lab_environment() -> dict[str, str]:
    """Return what the environment has to say to JupyterLab: this interpreter's kernels first, and quiet defaults."""
    paths = [str(_SETTINGS), *filter(None, [os.environ.get("JUPYTER_CONFIG_PATH")])]
    return {"JUPYTER_PREFER_ENV_PATH": "1", "JUPYTER_CONFIG_PATH": os.pathsep.join(paths)}
