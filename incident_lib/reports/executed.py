"""An executed notebook: whether it really finished, where it failed, and its form without traces of the run."""

from __future__ import annotations

import copy
import re
from dataclasses import dataclass
from typing import Any

from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbformat import NotebookNode

DONE = "application/vnd.incident-workbook.done+json"
_WIDGET = "application/vnd.jupyter.widget-view+json"
_ANSI = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")
LONGEST_REASON = 400
_MARKER = "papermill-error-cell-tag"
_KEPT_CELL_METADATA = ("tags",)
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]{6,16}(?=>)")
# It begins where a word does: looked for from each letter of a long word, it would take for ever.
_CELL_FILE = re.compile(r"(?<![^\s\"'(])[^\s\"'(]*ipykernel_\d+[/\\]\d+\.py")


@dataclass(frozen=True)
class Failure:
    """Why a notebook counts as failed, and the heading above the cell where it happened (empty if there is none)."""

    reason: str
    section: str


def failure_of(notebook: NotebookNode, trouble: Exception | None = None) -> Failure | None:
    """Return why an executed notebook counts as failed; None if it finished.

    papermill's own word is not enough: it calls a notebook that left through ``sys.exit(0)`` a success, and cells
    that never ran completed. Finished means: no error, every cell was executed, and the last one says so.
    """
    errors = [(index, output) for index, cell in enumerate(notebook.cells) for output in cell.get("outputs", [])
              if output.output_type == "error"]  # fmt: skip
    unfinished = next((index for index, cell in _code(notebook) if cell.execution_count is None), None)
    if isinstance(trouble, CellTimeoutError):  # the interrupt that follows it is no news
        return Failure("a cell took longer than it may", section_of(notebook, errors[0][0] if errors else unfinished))
    if errors:
        return Failure(_in_words(errors[0][1]), section_of(notebook, errors[0][0]))
    if trouble is not None:
        return Failure(_stopped(trouble), section_of(notebook, unfinished))
    if unfinished is not None:
        return Failure("a cell was never executed", section_of(notebook, unfinished))
    if done_of(notebook) is None:
        return Failure("it ran to its end but did not say that it is done (see incident_lib.finish)", "")
    return None


def done_of(notebook: NotebookNode) -> dict[str, Any] | None:
    """Return what the last code cell says when a notebook is done; None if it says nothing."""
    code = _code(notebook)
    outputs = code[-1][1].outputs if code else []
    said = [output.data[DONE] for output in outputs if DONE in output.get("data", {})]
    return dict(said[-1]) if said and isinstance(said[-1], dict) else None


def section_of(notebook: NotebookNode, index: int | None) -> str:
    """Return the nearest heading above a cell, as plain text; empty if there is none."""
    for cell in reversed(notebook.cells[: index or 0]):
        headings = re.findall(r"^#{1,6}[ \t]+(.+?)[ \t#]*$", cell.source, re.MULTILINE)
        if cell.cell_type == "markdown" and _MARKER not in cell.metadata.get("tags", []) and headings:
            return headings[-1]
    return ""


def plain_text(text: str) -> str:
    """Return a text without the terminal's colour codes."""
    return _ANSI.sub("", text)


def settled(notebook: NotebookNode) -> NotebookNode:
    """Return a copy without what differs from run to run: times, random ids, addresses in memory, process numbers."""
    notebook = copy.deepcopy(notebook)
    kernel = notebook.metadata.get("kernelspec", {})
    notebook.metadata = NotebookNode(kernelspec=kernel, language_info=NotebookNode(name="python"))
    for number, cell in enumerate(notebook.cells, start=1):
        cell.id = f"cell-{number}"
        cell.metadata = NotebookNode({key: cell.metadata[key] for key in _KEPT_CELL_METADATA if key in cell.metadata})
        for output in cell.get("outputs", []):
            _settle(output)
    return notebook


def without_parameter(notebook: NotebookNode, name: str) -> NotebookNode:
    """Return a copy in which the cell that papermill put in doesn't say this parameter."""
    notebook = copy.deepcopy(notebook)
    for cell in notebook.cells:
        if "injected-parameters" in cell.metadata.get("tags", []):
            cell.source = "\n".join(line for line in cell.source.split("\n") if not line.startswith(f"{name} = "))
    return notebook


def _settle(output: NotebookNode) -> None:
    output.pop("transient", None)
    output.get("data", {}).pop(_WIDGET, None)  # a random id of something that ended with the kernel
    if "text" in output:
        output.text = _without_traces(output.text)
    if "text/plain" in output.get("data", {}):
        output.data["text/plain"] = _without_traces(output.data["text/plain"])


def _without_traces(text: str) -> str:
    return _CELL_FILE.sub("<cell>", _ADDRESS.sub("", text))


def _code(notebook: NotebookNode) -> list[tuple[int, NotebookNode]]:
    return [(i, cell) for i, cell in enumerate(notebook.cells) if cell.cell_type == "code" and cell.source.strip()]


def _in_words(error: NotebookNode) -> str:
    if error.ename == "SystemExit":
        return "a cell left the notebook by sys.exit"
    first = next(iter(plain_text(error.evalue).strip().splitlines()), "")
    return f"{plain_text(error.ename)}: {first[:LONGEST_REASON]}".rstrip(": ")


def _stopped(trouble: Exception) -> str:
    if isinstance(trouble, DeadKernelError):
        return "the kernel died (out of memory, or killed)"
    return plain_text(str(trouble)).strip().splitlines()[0] if str(trouble).strip() else type(trouble).__name__
