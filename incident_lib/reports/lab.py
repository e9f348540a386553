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

COPY = "notebooks"


def own_notebooks(folder: Path) -> Path:
    """Return a folder beside the workbook with a copy of each notebook; a copy that is there is never touched.

    Raises:
        SettingsError: if the folder is no workbook.
    """
    if not (folder / FILE_NAME).is_file():
        raise SettingsError(f"{folder} is no workbook: it has no {FILE_NAME}; 'incidents init {folder}' would make one")
    target = folder.resolve().parent / COPY
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


def open_lab(folder: Path) -> int:
    """Start JupyterLab beside a workbook and wait until it ends; return its exit code.

    The token stays, the announcements (which ask the network) are off.
    """
    notebooks = own_notebooks(folder)
    root = notebooks.parent
    command = [
        sys.executable, "-m", "jupyterlab", f"--notebook-dir={root}",
        f"--LabApp.default_url=/lab/tree/{COPY}", "--LabApp.news_url=None",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    ]  # fmt: skip
    return subprocess.call(command, env={**os.environ, "JUPYTER_PREFER_ENV_PATH": "1"})
