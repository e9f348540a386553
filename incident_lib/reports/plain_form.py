"""A report as Markdown: what an executed notebook says, in a form for wikis, e-mails and searching."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from nbformat import NotebookNode

from incident_lib import theme
from incident_lib.reports.executed import DONE, plain_text

TABLE = "application/vnd.incident-workbook.table+json"
MOST_ROWS = 500
_SPECIAL = re.compile(r"([\\`*_\[\]<>|])")
_TAGS = re.compile(r"</?[a-z][^<>]*>", re.IGNORECASE)


def markdown_of(notebook: NotebookNode) -> bytes:
    """Return an executed notebook as Markdown: prose as written, tables, each figure's sentence and numbers."""
    parts = [part.strip("\n") for cell in notebook.cells for part in _cell(cell)]
    return ("\n\n".join(part for part in parts if part.strip()) + "\n").encode("utf-8", errors="replace")


def _cell(cell: NotebookNode) -> Iterator[str]:
    if cell.cell_type == "markdown":
        yield cell.source
    for output in cell.get("outputs", []):
        if output.output_type == "stream" and output.name == "stdout":
            yield _verbatim(output.text)
        elif output.output_type == "error":
            yield f"**This step failed:** {escaped(plain_text(f'{output.ename}: {output.evalue}'))}"
        else:
            yield _bundle(output.get("data", {}))


def _bundle(data: Mapping[str, Any]) -> str:
    """Return an output by the form that says most in plain text."""
    if theme.MIMETYPE in data:
        return figure_text(data[theme.MIMETYPE])
    if TABLE in data and data[TABLE].get("rows"):
        table = data[TABLE]
        title = escaped(table.get("title") or table.get("name") or "Table")
        return f"**{title}**\n\n{markdown_table(table['columns'], table['rows'])}"
    if "text/markdown" in data:
        return str(data["text/markdown"])
    shown = "text/plain" in data and (DONE not in data or "text/html" in data)
    return "\n\n".join(escaped(line) for line in str(data["text/plain"]).splitlines() if line.strip()) if shown else ""


def figure_text(figure: Mapping[str, Any]) -> str:
    """Return what a figure shows, as a sentence and as a table."""
    meta = (figure.get("layout") or {}).get("meta") or {}
    title = (figure.get("layout") or {}).get("title") or {}
    text = str((title.get("text") if isinstance(title, Mapping) else title) or "Figure")
    table = meta.get("table") or {}
    numbers = markdown_table(table["columns"], table["rows"]) if table.get("rows") else ""
    return f"*Figure: {escaped(meta.get('alt') or _TAGS.sub('', text))}*\n\n{numbers}"


def markdown_table(columns: Sequence[Any], rows: Sequence[Sequence[Any]]) -> str:
    """Return a table as Markdown; of very many rows the first, and how many more there are."""
    lines = [_line(columns), _line(["---"] * len(columns), raw=True), *(_line(row) for row in rows[:MOST_ROWS])]
    more = len(rows) - MOST_ROWS
    return "\n".join(lines) + (f"\n\n{more:,} more rows stand in the CSV." if more > 0 else "")


def _line(values: Sequence[Any], *, raw: bool = False) -> str:
    return "| " + " | ".join(str(value) if raw else escaped(value) for value in values) + " |"


def escaped(value: Any) -> str:
    """Return a value as Markdown that shows it: nothing in it is markup, and it stays on one line."""
    if value is None:
        return ""
    text = f"{value:,.6g}" if isinstance(value, float) else str(value)
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))


def _verbatim(text: str) -> str:
    plain = plain_text(text).strip("\n")
    fence = "`" * max(3, max((len(run) for run in re.findall(r"`+", plain)), default=0) + 1)
    return f"{fence}\n{plain}\n{fence}" if plain.strip() else ""
