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
    {"scheduling"},
    {"live", "batches"},
    {"reports"},
    {"explore.pictures", "explore.page_pictures"},
    {"explore.one_incident", "explore.comparing"},
    {"explore.shown", "explore.measuring", "explore.opening"},
    {"timeliness.figures", "review.figures", "review.rule_figures"},
    {"drafting.page_html"},
    {"follow_up.board_figures"},
    {
        "figures",
        "closing",
        "render",
        "letters.correspondence",
        "letters.texts",
        "letters.reminders",
        "letters.invitations",
        "letters.meetings",
        "letters.review_meeting",
        "letters.outbox",
        "letters.sending",
        "follow_up.step_edits",
        "follow_up.task_edits",
        "follow_up.named",
        "follow_up.status_text",
        "follow_up.board",
        "metrics_files",
    },
    {"timeliness.numbers", "review.numbers"},
    {"review.service_review"},
    {"review.meeting", "review.agenda", "review.decisions"},
    {"review.conformance", "review.responder_load", "review.changes"},
    {"review.rule_checks"},
    {"review.process_events"},
    {"review.learning", "review.recurrence"},
    {"timeliness.trends", "timeliness.careful_reading", "timeliness.overdue_ledger", "timeliness.stages", "timeliness.groups", "timeliness.forecasts", "timeliness.action_items"},
    {"drafting.writing", "drafting.completeness"},
    {"drafting.redraft"},
    {"drafting.draft"},
    {"drafting.page_context", "drafting.page_front_matter", "drafting.page_story", "drafting.page_work", "drafting.overview", "drafting.told"},
    {"drafting.audiences", "drafting.sidecar", "drafting.summariser", "timeliness.states", "timeliness.turns", "review.response", "follow_up.states"},
    {"follow_up.steps"},
    {"story.facts", "timeliness.deadlines", "drafting.evidence", "drafting.fragments"},
    {"story.related", "story.responding"},
    {"story.timeline"},
    {"story.milestones"},
    {
        "story.message_rules",
        "story.severity_time",
        "business_time",
        "statistics.survival",
        "statistics.comparison",
        "statistics.control_charts",
        "statistics.seasons",
        "statistics.intervals",
        "drafting.wording",
    },
    {"loading", "new_workbook", "sample", "fetching"},
    {"gathering"},
    {
        "cache",
        "chat_links",
        "join",
        "offers",
        "placing",
        "as_of",
        "forensics",
        "redact",
        "follow_up.git_history",
        "follow_up.page_edit",
        "follow_up.yaml_edit",
        "settings_edit",
        "letters.vtimezone",
    },
    {"records"},
    {"explore.selecting"},
    {"explore.rows", "explore.word_search", "explore.sql_view", "periods"},
    {"sources"},
    {"explore.dress"},
    {"theme"},
    {"settings"},
    {"review.rules", "review.factors"},
    {"tables", "files", "words"},
    {"column_texts", "typed_table"},
    {"errors", "vocabulary"},
]
HOMES = {
    "papermill": {"reports"}, "nbconvert": {"reports"}, "nbformat": {"reports"}, "nbclient": {"reports"},
    "plotly": {"explore.pictures", "explore.page_pictures", "figures", "timeliness.figures", "review.figures", "review.rule_figures", "follow_up.board_figures", "theme", "live.drawings", "live.pictures"}, "sqlalchemy": {"sources"}, "click": {"cli", "commands"}, "httpx2": {"fetching", "scheduling"}, "rich": {"cli", "commands"},
}  # fmt: skip
MODULES = sorted(PACKAGE.rglob("*.py"))


def name_of(path: Path) -> str:
    """Return a module's dotted name inside the package."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)


def is_at_home(name: str, homes: set[str]) -> bool:
    """Tell whether a module is one of these, or stands inside one of these packages."""
    return any(name == home or name.startswith(f"{home}.") for home in homes)


def imports_of(path: Path) -> set[str]:
    """Return every module that a file imports, whole names."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def module_of(imported: str) -> str:
    """Return the module that an imported name stands in: the longest part of it that is a file or a package."""
    parts = imported.split(".")[1:]
    for length in range(len(parts), 0, -1):
        path = PACKAGE.joinpath(*parts[:length])
        if path.is_dir() or path.with_suffix(".py").exists():
            return ".".join(parts[:length])
    return ""


def rank(name: str) -> int:
    """Return a module's layer, counted from the top; a package without a layer of its own holds nothing but a docstring."""
    found = [number for number, layer in enumerate(LAYERS) if is_at_home(name, layer)]
    if not found and (PACKAGE / name.replace(".", "/") / "__init__.py").exists():
        return len(LAYERS)
    assert found, f"{name} is in no layer: add it to LAYERS where it belongs"
    return found[0]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_down_only(path: Path) -> None:
    """A module imports from its own layer or from below, never from the package root."""
    own = name_of(path)
    for imported in imports_of(path) if own != "__init__" else ():
        if imported.split(".")[0] != "incident_lib":
            continue
        module = module_of(imported)
        assert module, f"{own} imports {imported}, which is the package root or no module"
        assert rank(module) >= rank(own), f"{own} imports {module}, which stands above it"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_heavy_libraries_stay_at_home(path: Path) -> None:
    """Only reports/ knows papermill and nbconvert, only figures and theme know plotly, only the sources know SQL."""
    for imported in imports_of(path):
        homes = HOMES.get(imported.split(".")[0])
        assert homes is None or is_at_home(name_of(path), homes), f"{path.name} imports {imported}"


def test_no_name_for_notebooks_is_a_modules_name():
    """A submodule replaces an attribute of its name in the package: ``inc.x`` would become the module."""
    modules = {path.stem for path in PACKAGE.glob("*.py")} | {path.name for path in PACKAGE.iterdir() if path.is_dir()}

    assert not modules & set(incident_lib.__all__)


def test_every_name_for_notebooks_is_there():
    """Each exported name can be imported from the home that it states, and has a docstring if it is callable."""
    for name in incident_lib.__all__:
        value = getattr(incident_lib, name)
        assert not callable(value) or value.__doc__, name
