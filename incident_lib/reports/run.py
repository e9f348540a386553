"""One report, from its notebook to the published page: check the parameters, execute, judge, export, publish."""

from __future__ import annotations

import difflib
import logging
import math
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nbformat
import papermill
from nbclient.exceptions import CellTimeoutError
from nbformat import NotebookNode
from papermill.engines import papermill_engines
from papermill.exceptions import PapermillException

from incident_lib.errors import ReportError, SettingsError
from incident_lib.files import safe_name, write_atomically
from incident_lib.reports.engine import WarmEngine, keep_records
from incident_lib.reports.executed import Failure, done_of, failure_of, settled, without_parameter
from incident_lib.reports.export import Page, export_page, figures_in
from incident_lib.reports.failures import FAILED, forget_failure, keep_failure
from incident_lib.reports.kernels import PrivateKernelManager
from incident_lib.reports.page_parts import INSIDE, NO_PLOTLY, shared_plotly
from incident_lib.reports.paper import find_browser, pdf_of
from incident_lib.reports.plain_form import markdown_of
from incident_lib.reports.publish import Place, Published, manifest_of, place_of, publish, workspace

CELL_SECONDS = 600
START_SECONDS = 60
WARM = "warm"
_TROUBLES = (PapermillException, CellTimeoutError, RuntimeError)
KERNEL = {"name": "python3", "display_name": "Python 3", "language": "python"}
Parameter = str | int | float | bool | None


@dataclass(frozen=True)
class Report:
    """One report to make: ``kind`` and ``name`` (may be empty) say where it goes, ``parameters`` what to show.

    One for ``outside`` says nothing of where the workbook's folder is: its path may hold names of people and customers.
    """

    kind: str
    name: str
    notebook: Path
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    title: str = ""
    outside: bool = False

    @property
    def told(self) -> dict[str, Parameter]:
        """Return the parameters that are published with it."""
        return {name: value for name, value in self.parameters.items() if not (self.outside and name == "data")}

    @property
    def stem(self) -> str:
        """Return the name of its files without suffix: ``draft-INC-2026-042``, or ``timeliness``."""
        return "-".join(filter(None, [self.kind, self.name and safe_name(self.name)]))


@dataclass(frozen=True)
class Forms:
    """In which forms a report is published, beside page, Markdown and notebook."""

    pdf: bool = False
    shared_plotly: bool = False


def run_report(
    report: Report, *, reports: Path, progress: Callable[[str], None] | None = None, cell_seconds: int = CELL_SECONDS,
    forms: Forms = Forms(), engine: str | None = None, megabytes: int | None = None,
) -> Published:  # fmt: skip
    """Make a report and publish it into the reports' folder; the notebook's working directory is the current one.

    ``progress`` is told each stage in a word or two. ``engine`` and ``megabytes`` are those of ``execute``.

    Raises:
        SettingsError: if the notebook declares no such parameter, or a value can't be one.
        ReportError: if the notebook fails, stops early, or hangs. The last good report stays as it is, and the
            notebook as far as it came is kept in ``.failed`` in the reports' folder, as a page as well. Also if a PDF
            is wanted and can't be made.
    """
    if forms.pdf:
        find_browser()
    say = progress or (lambda stage: None)
    notebook = read_notebook(report.notebook)
    check_parameters(report.parameters, declared(notebook), name=report.notebook.name)
    place = place_of(reports, report.kind, report.name)
    with workspace(reports) as scratch:
        say("running")
        executed, trouble = execute(notebook, report.parameters, scratch / "run.ipynb", cell_seconds=cell_seconds,
                                    engine=engine, megabytes=megabytes)  # fmt: skip
        failure = failure_of(executed, trouble)
        if failure:
            raise _refusal(report, failure, _keep(executed, report, reports, failure))
        say("exporting")
        notebook = without_parameter(settled(executed), "data") if report.outside else settled(executed)
        done = done_of(executed) or {}
        files, page = _files(report, notebook, place, forms)
        if forms.pdf:
            printed = export_page(notebook, title=report.title, plotly=NO_PLOTLY).html
            files[f"{report.stem}.pdf"] = pdf_of(printed, scratch, as_of=str(done.get("as_of") or ""))
        say("publishing")
        title = str(done.get("title") or page.title)
        manifest = manifest_of(report.kind, report.name, title, report.told, done, files)
        published = publish(place, files, manifest, scratch=scratch)
    forget_failure(reports, report.stem)
    return published


def _files(report: Report, notebook: NotebookNode, place: Place, forms: Forms) -> tuple[dict[str, bytes], Page]:
    """Return the files of a report by name, and its page."""
    plotly = INSIDE
    if forms.shared_plotly and figures_in(notebook):
        plotly = place.way_home.removesuffix("index.html") + shared_plotly(place.reports)
    page = export_page(notebook, title=report.title, home=place.way_home, plotly=plotly)
    forms_ = {".html": page.html, ".ipynb": _as_bytes(notebook), ".md": markdown_of(notebook)}
    own = {f"{report.stem}{suffix}": content for suffix, content in forms_.items()}
    return {**own, **page.tables, **page.metrics}, page


def read_notebook(path: Path) -> NotebookNode:
    """Return a notebook, marked for our kernel whatever it was marked for.

    Raises:
        ReportError: if it can't be read.
    """
    try:
        notebook = nbformat.read(path, as_version=4)
    except FileNotFoundError as error:
        raise ReportError(f"there is no notebook {path}") from error
    except (OSError, ValueError, nbformat.reader.NotJSONError, nbformat.ValidationError) as error:
        raise ReportError(f"{path} is not a notebook that can be read: {str(error).splitlines()[0]}") from error
    notebook.metadata["kernelspec"] = dict(KERNEL)
    notebook.metadata["language_info"] = {"name": "python"}
    return notebook


def declared(notebook: NotebookNode) -> list[str]:
    """Return the names of the parameters that a notebook's cell tagged ``parameters`` declares."""
    return list(papermill.inspect_notebook(notebook))


def check_parameters(parameters: Mapping[str, Parameter], known: list[str], *, name: str) -> None:
    """See that each parameter is declared (papermill would only log it), and of a kind that papermill can pass on.

    Raises:
        SettingsError: naming the nearest declared parameter for an unknown one.
    """
    for parameter, value in parameters.items():
        if parameter not in known:
            nearest = difflib.get_close_matches(parameter, known, 1)
            listed = ", ".join(known) or "none"
            hint = f"did you mean {nearest[0]!r}?" if nearest else f"it declares {listed}"
            raise SettingsError(f"the notebook {name} has no parameter {parameter!r}; {hint}")
        _check_value(parameter, value)


def _check_value(parameter: str, value: Any) -> None:
    if not isinstance(value, Parameter) or (isinstance(value, float) and not math.isfinite(value)):
        expected = "a text, a finite number, true, false or none"
        raise SettingsError(f"parameter {parameter!r} is {value!r}; expected {expected}")
    if isinstance(value, str) and re.search(r"://[^/\s:@]*:[^/\s@]+@", value):
        raise SettingsError(
            f"parameter {parameter!r} holds a password, and parameters are published with the report; "
            "leave it to the environment or a password file"
        )
    if isinstance(value, str) and not value.isprintable() and re.search("[\0\ud800-\udfff]", value):
        raise SettingsError(f"parameter {parameter!r} holds a character that no file can: {value!r}")


def execute(
    notebook: NotebookNode, parameters: Mapping[str, Parameter], output: Path, *, cell_seconds: int = CELL_SECONDS,
    engine: str | None = None, megabytes: int | None = None,
) -> tuple[NotebookNode, Exception | None]:  # fmt: skip
    """Execute a notebook through papermill; return it as far as it came, and what stopped it (None: nothing said so).

    ``engine`` is papermill's name of the engine ("warm": ``reports.engine``); None means its own, with a kernel of
    ours. ``megabytes`` limits a warm kernel's memory beyond what it starts with; None means no limit.

    Raises:
        ReportError: if the disk is full, or the output can't be written for another reason.
    """
    logging.getLogger("papermill").addHandler(logging.NullHandler())  # what it has to say is in our message
    if engine == WARM:
        return _execute_warm(notebook, parameters, cell_seconds, megabytes)
    trouble = None
    try:
        papermill.execute_notebook(
            notebook, _without_braces(output), dict(parameters), kernel_manager_class=PrivateKernelManager,
            **_settings(cell_seconds), **({"engine_name": engine} if engine else {}),
        )  # fmt: skip
    except _TROUBLES as error:
        trouble = error
    except OSError as error:
        raise ReportError(f"can't write the executed notebook: {error.strerror or error}") from error
    return nbformat.read(output, as_version=4), trouble


def _execute_warm(
    notebook: NotebookNode, parameters: Mapping[str, Parameter], cell_seconds: int, megabytes: int | None
) -> tuple[NotebookNode, Exception | None]:
    """Execute a notebook on a warm kernel; nothing is written on the way."""
    if "data" in parameters:
        keep_records(str(parameters["data"]), parameters.get("as_of"))
    papermill_engines.register(WARM, WarmEngine)
    seen: list[NotebookNode] = []
    trouble = None
    try:
        papermill.execute_notebook(
            notebook, None, dict(parameters), kernel_manager_class=PrivateKernelManager, engine_name=WARM,
            megabytes=megabytes, on_end=seen.append, **_settings(cell_seconds),
        )  # fmt: skip
    except _TROUBLES as error:
        trouble = error
    return seen[-1], trouble


def _settings(cell_seconds: int) -> dict[str, Any]:
    return {
        "kernel_name": KERNEL["name"], "language": "python", "progress_bar": False, "start_timeout": START_SECONDS,
        "execution_timeout": cell_seconds,
    }  # fmt: skip


def _without_braces(path: Path) -> str:
    """Return a path as papermill takes it; it would fill in braces, even with attributes of objects."""
    return str(path.absolute()).replace("{", "{{").replace("}", "}}")


def _as_bytes(notebook: NotebookNode) -> bytes:
    return (nbformat.writes(notebook).rstrip("\n") + "\n").encode("utf-8")


def _keep(executed: NotebookNode, report: Report, reports: Path, failure: Failure) -> Path:
    """Keep a failed notebook where only this user looks, as a page as well; return where."""
    folder = reports / FAILED
    folder.mkdir(mode=0o700, exist_ok=True)
    path = folder / f"{report.stem}.ipynb"
    write_atomically(path, _as_bytes(executed))
    keep_failure(reports, report.kind, report.name, report.stem, {
        "title": report.title, "section": failure.section, "reason": failure.reason,
        "as_of": report.parameters.get("as_of") or "",
    })  # fmt: skip
    said_in_place = any(output.output_type == "error" for cell in executed.cells for output in cell.get("outputs", []))
    where = f"{failure.section}: " if failure.section else ""
    with suppress(ReportError):  # the failure itself is the news
        page = export_page(settled(executed), title=report.title, home="../index.html",
                           trouble="" if said_in_place else f"{where}{failure.reason}")  # fmt: skip
        write_atomically(folder / f"{report.stem}.html", page.html)
    return path


def _refusal(report: Report, failure: Failure, kept: Path) -> ReportError:
    where = f" in the section {failure.section!r}" if failure.section else ""
    return ReportError(f"{report.stem} failed{where}: {failure.reason}; the notebook as far as it came is {kept}")
