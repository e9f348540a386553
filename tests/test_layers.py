"""Imports go down only, the package root is nobody's import, and heavy libraries stay in their modules."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import incident_lib

PACKAGE = Path(__file__).parents[1] / "incident_lib"
# From the top down; a module may import from its own line's other modules and from lines below.
LAYERS = [
    {"cli", "commands", "__main__"},
    {"reports"},
    {"timeliness_figures", "review_figures"},
    {"page_html"},
    {"board_figures"},
    {
        "figures",
        "render",
        "correspondence",
        "letters",
        "reminders",
        "invitations",
        "outbox",
        "sending",
        "step_edits",
        "status_text",
        "board",
        "metrics_files",
    },
    {"timeliness_numbers", "review_numbers"},
    {"service_review"},
    {"review", "agenda", "decisions"},
    {"conformance", "responder_load", "review_changes"},
    {"rule_checks"},
    {"process_events"},
    {"learning", "recurrence"},
    {"trends", "careful_reading", "overdue_ledger", "stages", "groups", "forecasts", "action_items"},
    {"redraft", "completeness"},
    {"draft"},
    {"page_context", "page_front_matter"},
    {"audiences", "sidecar", "summariser", "timeliness", "turns", "response", "follow_up"},
    {"steps"},
    {"facts", "deadlines", "evidence"},
    {"related", "responding"},
    {"timeline"},
    {"milestones"},
    {
        "message_rules",
        "severity_time",
        "business_time",
        "survival",
        "comparison",
        "control_charts",
        "seasons",
        "intervals",
        "wording",
        "periods",
    },
    {"loading", "new_workbook", "sample"},
    {"gathering"},
    {
        "cache",
        "chat_links",
        "join",
        "offers",
        "as_of",
        "forensics",
        "redact",
        "git_history",
        "page_edit",
        "settings_edit",
        "vtimezone",
    },
    {"records"},
    {"sources"},
    {"theme"},
    {"settings"},
    {"rules", "factors"},
    {"tables", "files", "words"},
    {"errors"},
]
HOMES = {
    "papermill": {"reports"}, "nbconvert": {"reports"}, "nbformat": {"reports"}, "nbclient": {"reports"},
    "plotly": {"figures", "timeliness_figures", "review_figures", "board_figures", "theme"}, "sqlalchemy": {"sources"}, "click": {"cli", "commands"}, "rich": {"cli"},
}  # fmt: skip
MODULES = sorted(PACKAGE.rglob("*.py"))


def name_of(path: Path) -> str:
    """Return the layer's name of a module: its top-level module or package."""
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def imports_of(path: Path) -> set[str]:
    """Return every module that a file imports, whole names."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def rank(name: str) -> int:
    """Return a module's layer, counted from the top."""
    found = [number for number, layer in enumerate(LAYERS) if name in layer]
    assert found, f"{name} is in no layer: add it to LAYERS where it belongs"
    return found[0]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_down_only(path: Path) -> None:
    """A module imports from its own layer or from below, never from the package root."""
    own = name_of(path)
    for imported in imports_of(path) if own != "__init__" else ():
        if imported.split(".")[0] != "incident_lib":
            continue
        parts = imported.split(".")
        assert len(parts) > 2 or (PACKAGE / f"{parts[1]}.py").exists() or (PACKAGE / parts[1]).is_dir(), imported
        assert rank(parts[1]) >= rank(own), f"{own} imports {parts[1]}, which stands above it"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_heavy_libraries_stay_at_home(path: Path) -> None:
    """Only reports/ knows papermill and nbconvert, only figures and theme know plotly, only the sources know SQL."""
    for imported in imports_of(path):
        homes = HOMES.get(imported.split(".")[0])
        assert homes is None or name_of(path) in homes, f"{path.name} imports {imported}"


def test_no_name_for_notebooks_is_a_modules_name():
    """A submodule replaces an attribute of its name in the package: ``inc.x`` would become the module."""
    modules = {path.stem for path in PACKAGE.glob("*.py")} | {path.name for path in PACKAGE.iterdir() if path.is_dir()}

    assert not modules & set(incident_lib.__all__)


def test_every_name_for_notebooks_is_there():
    """Each exported name can be imported from the home that it states, and has a docstring if it is callable."""
    for name in incident_lib.__all__:
        value = getattr(incident_lib, name)
        assert not callable(value) or value.__doc__, name
