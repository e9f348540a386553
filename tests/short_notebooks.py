"""Short notebooks in place of the real ones, and a small workbook for them: a scheduled run in little time."""

from __future__ import annotations

from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

PARAMETERS = {
    "timeliness": ("data", "as_of", "period", "since"),
    "follow_up": ("data", "as_of", "owner", "customer"),
    "process_review": ("data", "as_of", "period"),
    "service_review": ("data", "as_of", "period", "customer"),
    "postmortem_draft": ("data", "incident_id", "owner", "as_of"),
}
FINISH = """from IPython.display import display
done = {"title": "Short", "answer": f"As of {as_of}.", "as_of": as_of, "sources": {}, "incidents": []}
display({"application/vnd.incident-workbook.done+json": done}, raw=True)"""
HEADER = "incident_id,title,severity,started_at,resolved_at\n"


def write_notebooks(folder: Path, **cells: str) -> Path:
    """Write one short notebook of each kind; ``cells`` are what one of them does, by its name. Return the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, parameters in PARAMETERS.items():
        declared = new_code_cell("\n".join(f"{one} = None" for one in parameters), metadata={"tags": ["parameters"]})
        work = [new_markdown_cell("## The work"), new_code_cell(cells.get(name, "print('done')"))]
        notebook = new_notebook(cells=[new_markdown_cell("# Short"), declared, *work, new_code_cell(FINISH)])
        for number, cell in enumerate(notebook.cells):
            cell.id = f"cell-{number}"
        nbformat.write(notebook, folder / f"{name}.ipynb")
    return folder


def write_workbook(folder: Path, settings: str = "") -> Path:
    """Write a workbook with one old incident, in Detroit; return the folder."""
    (folder / "postmortems").mkdir(parents=True, exist_ok=True)
    (folder / "workbook.toml").write_text(f'[workbook]\nzone = "America/Detroit"\n{settings}', encoding="utf-8")
    (folder / "incidents.csv").write_text(
        f"{HEADER}INC-2025-001,Old,low,2025-12-01T10:00:00Z,2025-12-01T11:00:00Z\n", encoding="utf-8"
    )
    return folder


def add_incident(folder: Path, number: int, started_at: str, resolved_at: str) -> str:
    """Add a critical incident to the workbook's register; return its id."""
    incident_id = f"INC-2026-{number:03}"
    with (folder / "incidents.csv").open("a", encoding="utf-8") as file:
        file.write(f"{incident_id},Mail delayed,critical,{started_at},{resolved_at}\n")
    return incident_id
