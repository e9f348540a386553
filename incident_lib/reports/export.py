"""An executed notebook → one HTML page that needs nothing else, and a CSV file for each of its tables."""

from __future__ import annotations

import base64
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from jinja2 import Environment, StrictUndefined, Template
from markupsafe import Markup
from nbconvert.exporters import TemplateExporter
from nbformat import NotebookNode
from traitlets import List, default

from incident_lib import theme
from incident_lib.errors import ReportError
from incident_lib.files import safe_name
from incident_lib.metrics_files import JSON_NAME, TEXT_NAME, metrics_files
from incident_lib.reports.executed import DONE, done_of, plain_text, section_of
from incident_lib.reports.page_parts import INSIDE, NO_PLOTLY, TEMPLATES, surroundings
from incident_lib.reports.plots import plot_html
from incident_lib.reports.sanitise import Anchors, Heading, clean, lean, markdown, named_apart
from incident_lib.reports.sheets import csv_bytes

TABLE = "application/vnd.incident-workbook.table+json"
FILE = "application/vnd.incident-workbook.file+json"
FILE_SUFFIXES = (".ics",)  # what may lie beside a page other than tables and metrics
METRICS = "application/vnd.incident-workbook.metrics+json"
CONTENTS_FROM = 3
METRICS_LINKS = Markup(
    f'<p class="links"><a href="{JSON_NAME}" download>JSON</a> <a href="{TEXT_NAME}" download>OpenMetrics</a> '
    "<span>tables and numbers for other programs</span></p>"
)
HIDDEN_SOURCE = {"remove-input", "parameters", "injected-parameters"}
NOT_COMPLETE = "This report is not complete. What failed or was not run:"
_FAILURE_MARK = "papermill-error-cell-tag"


@dataclass(frozen=True)
class Page:
    """One exported page: its HTML, its title, the files that its links name (CSV, invitations), and the metrics."""

    html: bytes
    title: str
    tables: dict[str, bytes]
    metrics: dict[str, bytes] = field(default_factory=dict)


def export_page(
    notebook: NotebookNode, *, title: str = "", home: str = "", plotly: str = INSIDE, trouble: str = ""
) -> Page:
    """Return an executed notebook as a page.

    ``title`` stands in where it has no first heading, ``home`` is the way to the index. ``plotly`` is "inside", or the
    way to the shared file, or empty for a page without any script, as for paper. ``trouble`` says what stopped a run
    that left no error in the notebook. A cell that failed, or was never run, is named in a banner on top.

    Raises:
        ReportError: if a figure was lost on the way.
    """
    writing = Writing()
    bodies = [writing.cell(notebook, index) for index in range(len(notebook.cells))]
    drawn, expected = sum(body.count(f'<script type="{theme.MIMETYPE}">') for body in bodies), figures_in(notebook)
    if drawn != expected:
        raise ReportError(f"the page has {drawn} figures and the notebook {expected}; nothing was published")
    first = next((heading.text for heading in writing.headings if heading.level == 1), "")
    scripts = writing.scripts() if plotly else ()
    around = surroundings(scripts=scripts, plotly=plotly if writing.figures else NO_PLOTLY)
    page = {
        "title": first or title or "Report", "titled": bool(first), "home": home,
        "bodies": [Markup(body) for body in named_apart(bodies)],
        "trouble": [*([trouble] if trouble else []), *writing.troubles()], "trouble_head": NOT_COMPLETE,
        "contents": writing.contents(), "contents_at": writing.contents_at,
        "style": around.style, "policy": around.policy,
    }  # fmt: skip
    text = _template().render(nb=notebook, resources={"page": page}).lstrip()
    metrics = metrics_files(writing.values, writing.numbers, done_of(notebook) or {})
    return Page(around.page(text), page["title"], writing.tables, metrics)


def figures_in(notebook: NotebookNode) -> int:
    """Return how many figures an executed notebook holds."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return sum(theme.MIMETYPE in output.get("data", {}) for output in outputs)


class PageExporter(TemplateExporter):
    """nbconvert's exporter with our template, nothing run over the notebook first, and everything escaped."""

    file_extension = ".html"
    output_mimetype = "text/html"
    template_name = "report"
    default_preprocessors = List([])

    @default("extra_template_basedirs")
    def _our_templates(self) -> list[str]:
        return [str(TEMPLATES)]

    def _create_environment(self) -> Environment:
        environment = super()._create_environment()
        environment.autoescape = True
        environment.undefined = StrictUndefined
        return environment


@cache
def _template() -> Template:
    """Return the page's template, compiled once: nbconvert would do it again, and copy the notebook, for each page."""
    return PageExporter().template


@dataclass
class Writing:
    """A page while it is written, cell by cell: what was numbered, collected, and counted so far."""

    anchors: Anchors = field(default_factory=Anchors)
    headings: list[Heading] = field(default_factory=list)
    tables: dict[str, bytes] = field(default_factory=dict)
    values: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    numbers: dict[str, Any] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    not_run: Counter[str] = field(default_factory=Counter)
    figures: int = 0
    listed: bool = False
    contents_at: int = 0

    def contents(self) -> list[Heading]:
        """Return the headings for the table of contents; none for a page of one or two sections."""
        sections = [heading for heading in self.headings if heading.level == 2]
        return sections if len(sections) >= CONTENTS_FROM else []

    def cell(self, notebook: NotebookNode, index: int) -> Markup:
        """Return one cell as HTML: its Markdown, or its outputs with its source in a fold."""
        cell = notebook.cells[index]
        if cell.cell_type == "markdown":
            ours = _FAILURE_MARK not in cell.metadata.get("tags", [])
            return self._placed(self.prose(cell.source), index) if ours else Markup()
        if cell.cell_type != "code":
            return Markup()
        if cell.execution_count is None and not cell.outputs and cell.source.strip():
            self.not_run[section_of(notebook, index) or "before the first heading"] += 1
        parts = [self.output(output, section_of(notebook, index)) for output in cell.outputs]
        hidden = HIDDEN_SOURCE & set(cell.metadata.get("tags", [])) or not cell.source.strip()
        return Markup("\n").join(part for part in [*parts, Markup() if hidden else source(cell.source)] if part)

    def troubles(self) -> list[str]:
        """Return what failed and what was never run, section by section."""
        skipped = [f"{section}: {counted(count, 'step')} not run" for section, count in self.not_run.items()]
        return [*self.errors, *skipped]

    def scripts(self) -> tuple[str, ...]:
        """Return our small scripts that have something to do: for tables, for contents, and to present sections."""
        moves = self.figures > 0 or bool(self.tables) or bool(self.contents()) or self.listed
        return (*(["page.js"] if moves else []), *(["present.js"] if self.contents() else []))

    def _placed(self, prose: Markup, index: int) -> Markup:
        """Note the cell of the second section: the contents go before it, since the report's answer comes first."""
        if not self.contents_at and sum(heading.level == 2 for heading in self.headings) >= 2:
            self.contents_at = index
        return prose

    def prose(self, text: str) -> Markup:
        """Return Markdown as HTML, and note its headings."""
        fragment, headings = markdown(text, self.anchors)
        self.headings.extend(headings)
        self.listed = self.listed or "<table" in fragment
        return Markup(fragment)

    def output(self, output: NotebookNode, section: str) -> Markup:
        """Return one output as HTML."""
        if output.output_type == "stream":
            return stream(output)
        if output.output_type == "error":
            return self.error(output, section)
        return self.bundle(output.data)

    def error(self, output: NotebookNode, section: str) -> Markup:
        """Return an error in its place, and note it for the banner at the top."""
        what = f"{plain_text(output.ename)}: {plain_text(output.evalue)}".rstrip(": ")
        self.errors.append(f"{section}: {what}" if section else what)
        return Markup('<p class="error" role="note">This step failed: {}</p>').format(what)

    def bundle(self, data: Mapping[str, Any]) -> Markup:
        """Return an output by the richest of its forms that we know; an unknown one as its plain text."""
        if theme.MIMETYPE in data:
            self.figures += 1
            return plot_html(data[theme.MIMETYPE], number=self.figures)
        if FILE in data:
            return self.file(data[FILE])
        if TABLE in data:
            return self.table(data[TABLE], data)
        if METRICS in data:
            self.numbers = dict(data[METRICS])
            rest = {key: one for key, one in data.items() if key != METRICS}
            return Markup("{}\n{}").format(self.bundle(rest), METRICS_LINKS)
        for mimetype, write in (("text/html", lambda text: Markup(lean(clean(text)))), ("text/markdown", self.prose),
                                ("image/png", picture)):  # fmt: skip
            if mimetype in data:
                return write(data[mimetype])
        return Markup() if DONE in data or "text/plain" not in data else preformatted(data["text/plain"])

    def table(self, table: Mapping[str, Any], data: Mapping[str, Any]) -> Markup:
        """Return a table with a link to its CSV file, which is made here."""
        file = self._file_name(str(table.get("name") or "table"))
        columns, rows = list(table.get("columns", [])), list(table.get("rows", []))
        if not rows:  # said in a sentence; other programs still find the table, empty
            self.values[file.removesuffix(".csv")] = table
            return self.bundle({key: value for key, value in data.items() if key != TABLE})
        self.tables[file] = csv_bytes(columns, rows)
        self.values[file.removesuffix(".csv")] = table
        shown = self.bundle({key: value for key, value in data.items() if key != TABLE})
        return Markup(
            '{}\n<p class="links"><a href="{}" download>CSV<span class="unseen"> of {}</span></a> <span>{}</span></p>'
        ).format(shown, file, table.get("title") or table.get("name") or "this table", counted(len(rows), "row"))

    def file(self, stated: Mapping[str, Any]) -> Markup:
        """Return the link to a file beside the page, which is made here: name, label, about, content (base 64)."""
        given = str(stated.get("name"))
        suffix = next((one for one in FILE_SUFFIXES if given.endswith(one)), FILE_SUFFIXES[0])
        name = safe_name(given.removesuffix(suffix)) + suffix
        self.tables[name] = base64.b64decode(str(stated.get("content")))
        said = stated.get("label") or name, stated.get("about") or ""
        return Markup('<p class="links"><a href="{}" download>{}</a> <span>{}</span></p>').format(name, *said)

    def _file_name(self, name: str) -> str:
        stem = safe_name(name)
        names = (f"{stem}{'' if number == 1 else f'-{number}'}.csv" for number in range(1, len(self.tables) + 2))
        return next(name for name in names if name not in self.tables)


def counted(number: int, noun: str) -> str:
    """Return "1 row", "12 rows"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def stream(output: NotebookNode) -> Markup:
    """Return printed text; what went to the error stream (warnings) in a fold."""
    shown = preformatted(output.text)
    if output.name == "stderr" and shown:
        return Markup('<details class="messages"><summary>Messages from the run</summary>{}</details>').format(shown)
    return shown


def preformatted(text: str) -> Markup:
    """Return plain text as it stands."""
    plain = plain_text(text).strip("\n")
    return Markup('<pre class="output" tabindex="0">{}</pre>').format(plain) if plain.strip() else Markup()


def source(code: str) -> Markup:
    """Return a cell's code in a fold."""
    fold = '<details class="source"><summary>How this was computed</summary>{}</details>'
    return Markup(fold).format(Markup('<pre tabindex="0"><code>{}</code></pre>').format(code))


def picture(data: str) -> Markup:
    """Return an embedded PNG image."""
    return Markup('<p><img src="data:image/png;base64,{}" alt="Picture without a description"></p>').format(
        re.sub(r"[^A-Za-z0-9+/=]", "", data)
    )
