"""Tables and sentences as safe HTML: everything that came from data is escaped here, once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
from jinja2 import Environment

from incident_lib.records import Records
from incident_lib.tables import SEVERITIES
from incident_lib.theme import SEVERITY_SYMBOLS, STATE_SYMBOLS
from incident_lib.typed_table import SEVERITY_DTYPE

TABLE_MIMETYPE = "application/vnd.incident-workbook.table+json"
METRICS_MIMETYPE = "application/vnd.incident-workbook.metrics+json"
FILE_MIMETYPE = "application/vnd.incident-workbook.file+json"
NOTHING = "–"
STATE_CLASSES = {
    "done": "done", "on time": "done", "late": "late", "overdue": "missing", "missing": "missing", "due": "due",
    "open": "open", "not needed": "not-needed", "unknown": "unknown", "no date": "unknown", "not resolved": "open",
    "declined": "not-needed", "dropped": "not-needed",
}  # fmt: skip
_SOURCE_COLUMNS = {"source", "evidence"}

_ENVIRONMENT = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
_TABLE = _ENVIRONMENT.from_string("""
{% macro cell(value, kind) %}
{% if value is none %}{{ nothing }}
{% elif kind == "severity" %}<span class="badge severity-{{ value }}">{{ symbols[value] }} {{ value }}</span>
{% elif kind == "state" %}{% set state = states.get(value, "unknown") %}<span class="state state-{{ state }}">{{ marks_of[state] }} {{ value }}</span>
{% else %}{{ value }}{% endif %}
{% endmacro %}
<div class="scroll" tabindex="0" role="region" aria-label="{{ title }}">
<table class="data"><caption>{{ title }}</caption>
<thead><tr>{% for column in columns %}<th scope="col"{% if column.number %} class="number"{% endif %}>{{ column.label }}</th>{% endfor %}</tr></thead>
<tbody>
{% for row in rows %}
<tr{% if marks[loop.index0] %} class="{{ marks[loop.index0] }}"{% endif %}>
{%- for value in row -%}{% set column = columns[loop.index0] %}
<td{% if column.number %} class="number"{% elif column.kind == "source" %} class="source"{% endif %}>{{ cell(value, column.kind)|trim }}</td>
{%- endfor -%}
</tr>
{% endfor %}
</tbody></table></div>
""")  # noqa: E501
_DEFINITIONS = _ENVIRONMENT.from_string(
    '<details><summary>{{ title }}</summary><ul class="plain">'
    "{% for item in items %}<li>{{ item }}</li>{% endfor %}</ul>"
    "</details>"
)


@dataclass(frozen=True)
class Shown:
    """Something to show in a notebook: HTML, the same as plain text, and data beside it by mimetype."""

    html: str
    text: str
    data: Mapping[str, Any] = field(default_factory=dict)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        return {"text/html": self.html, "text/plain": self.text, **self.data}

    def __repr__(self) -> str:
        return self.text


@dataclass(frozen=True)
class _Column:
    label: str
    kind: str
    number: bool


def answer(*sentences: str) -> Shown:
    """Return the report's answer: the first sentence large, the others below it.

    >>> print(inc.answer("Nothing is overdue.", "All 41 pages are complete."))
    Nothing is overdue.
    All 41 pages are complete.
    """
    first, *others = sentences
    rest = "".join(_ENVIRONMENT.from_string('<p class="note">{{ text }}</p>').render(text=text) for text in others)
    html = _ENVIRONMENT.from_string('<p class="answer">{{ text }}</p>').render(text=first)
    return Shown(html + rest, "\n".join(sentences))


def note(text: str) -> Shown:
    """Return a sentence that stands beside a figure or table.

    >>> print(inc.note("Hollow marks are still open."))
    Hollow marks are still open.
    """
    return Shown(_ENVIRONMENT.from_string('<p class="note">{{ text }}</p>').render(text=text), text)


def definitions(title: str, items: Mapping[str, str]) -> Shown:
    """Return what words mean, in a fold.

    >>> print(inc.definitions("Words", {"major": "critical or high"}))
    Words
    major: critical or high
    """
    lines = [f"{name}: {meaning}" for name, meaning in items.items()]
    return Shown(_DEFINITIONS.render(title=title, items=lines), "\n".join([title, *lines]))


def table(
    frame: pd.DataFrame,
    title: str,
    columns: Mapping[str, str] | None = None,
    *,
    name: str | None = None,
    empty: str = "Nothing to list.",
    mark: Callable[[pd.Series], str] | None = None,
    most: int | None = None,
) -> Shown:
    """Return a table; ``columns`` chooses them and gives their headings; ``empty`` is said where there is no row.

    ``name`` is the file name of its CSV in the published report; ``mark`` gives a row's class (start, resolution).
    Of more rows than ``most`` only the first are shown, and said so; the CSV has all. Times are shown to the minute in
    UTC, shares (columns whose name begins so) as per cent, missing values as "–".

    >>> print(inc.table(pd.DataFrame({"severity": ["high"], "incidents": [12]}), "By severity"))
    By severity
    severity  incidents
    high      12
    """
    headings = dict(columns) if columns else {one: str(one).replace("_", " ") for one in frame.columns}
    if frame.empty:
        said = note(f"{title}: {empty}")
        return Shown(said.html, said.text, {TABLE_MIMETYPE: _data(frame.reindex(columns=list(headings)), title, name)})
    chosen = frame[list(headings)]
    everything = _data(chosen, title, name)
    if most is not None and len(frame) > most:
        title = f"{title} (the first {most:,} of {len(frame):,}; all of them in the CSV)"
        frame, chosen = frame.head(most), chosen.head(most)
    cells = [_texts(chosen[one]) for one in headings]
    shapes = [_Column(label, _kind(chosen[one]), _is_number(chosen[one])) for one, label in headings.items()]
    rows = list(zip(*cells, strict=True))
    marks = [mark(row) for _, row in frame.iterrows()] if mark else [""] * len(rows)
    html = _TABLE.render(
        title=title,
        columns=shapes,
        rows=rows,
        marks=marks,
        nothing=NOTHING,
        symbols=SEVERITY_SYMBOLS,
        states=STATE_CLASSES,
        marks_of=STATE_SYMBOLS,
    )
    return Shown(html.strip(), _plain(title, list(headings.values()), rows), {TABLE_MIMETYPE: everything})


def stacked(shown: Shown) -> Shown:
    """Return a table of few rows and much text so that on a phone each row stands as a block instead of sideways.

    >>> "stacked" in inc.stacked(inc.table(pd.DataFrame({"what": ["a long story"]}), "Stories")).html
    True
    """
    return Shown(shown.html.replace('<table class="data">', '<table class="data stacked">', 1), shown.text, shown.data)


def folded(shown: Shown, summary: str) -> Shown:
    """Return something in a fold that opens on a click: what is there for those who want to look closer.

    >>> inc.folded(inc.note("closer"), "Look closer").html
    '<details><summary>Look closer</summary><p class="note">closer</p></details>'
    """
    opening = _ENVIRONMENT.from_string("<details><summary>{{ text }}</summary>").render(text=summary)
    return Shown(f"{opening}{shown.html}</details>", shown.text, shown.data)


def notes(*sentences: str) -> Shown:
    """Return several sentences that stand beside a figure or table, each as a paragraph.

    >>> print(inc.notes("One sentence.", "And another."))
    One sentence.
    And another.
    """
    return Shown("".join(note(text).html for text in sentences), "\n".join(sentences))


def metrics(numbers: Mapping[str, Mapping[str, Any]], records: Records) -> Shown:
    """Return the report's numbers, in a fold, and as data for the files beside the page (see docs/metrics.md).

    Each number has value, lower, upper, n, unit and meaning.

    >>> number = {"value": 3, "lower": None, "upper": None, "n": 41, "unit": "", "meaning": "late pages"}
    >>> print(inc.metrics({"overdue": number}, records).text.splitlines()[0])
    The numbers of this report
    """
    texts = ["" if one["value"] is None else f"{one['value']:,.6g}" for one in numbers.values()]
    columns = {"name": list(numbers), "value": texts, **{key: [one[key] for one in numbers.values()] for key in
               ("n", "unit", "meaning")}}  # fmt: skip
    listed = table(pd.DataFrame(columns).astype({"n": "Int64"}), "The numbers of this report", {
        "name": "name", "value": "value", "n": "of", "unit": "unit", "meaning": "meaning"})  # fmt: skip
    data = {"workbook": records.settings.workbook.name, "numbers": {name: dict(one) for name, one in numbers.items()}}
    shown = folded(Shown(listed.html, listed.text), "The numbers of this report, for other programs")
    return Shown(shown.html, shown.text, {METRICS_MIMETYPE: data})


def timeline_mark(row: pd.Series) -> str:
    """Return the class of a timeline's row: start for the beginning, resolution for the end.

    >>> inc.timeline_mark(pd.Series({"milestone": "began"}))
    'start'
    """
    return {"began": "start", "resolved": "resolution"}.get(row["milestone"], "")


def _kind(values: pd.Series) -> str:
    if values.dtype == SEVERITY_DTYPE or (values.name == "severity" and values.dropna().isin(SEVERITIES).all()):
        return "severity"
    if values.name in _SOURCE_COLUMNS:
        return "source"
    words = values.dropna()
    return "state" if words.dtype == "str" and len(words) and words.isin(STATE_CLASSES).all() else ""


def _is_number(values: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)


def _texts(values: pd.Series) -> list[str | None]:
    """Return a column's values as people read them; None where one is missing."""
    missing = values.isna()
    if isinstance(values.dtype, pd.DatetimeTZDtype):
        texts = values.dt.strftime("%Y-%m-%d %H:%M")
    elif pd.api.types.is_datetime64_dtype(values):
        texts = values.dt.strftime("%Y-%m-%d")
    elif pd.api.types.is_bool_dtype(values):
        texts = values.map({True: "yes", False: "no"})
    elif pd.api.types.is_float_dtype(values):
        texts = values.map("{:.0%}".format if str(values.name).startswith("share") else _number)
    elif pd.api.types.is_integer_dtype(values):
        texts = values.map("{:,}".format, na_action="ignore")
    else:
        texts = values.astype("str")
    return [None if gone else str(text) for text, gone in zip(texts, missing, strict=True)]


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:,.1f}"


def _data(frame: pd.DataFrame, title: str, name: str | None) -> dict[str, Any]:
    """Return the table's values for its CSV: exact, unlike what is shown."""
    texts = {
        one: values.dt.strftime("%Y-%m-%dT%H:%M:%SZ") if isinstance(values.dtype, pd.DatetimeTZDtype) else values
        for one, values in frame.items()
    }
    rows = pd.DataFrame(texts).astype("object").where(frame.notna(), None)
    values = [[_exact(value) for value in row] for row in rows.itertuples(index=False, name=None)]
    return {"name": name or title, "title": title, "columns": [str(one) for one in frame.columns], "rows": values}


def _exact(value: Any) -> Any:
    if isinstance(value, pd.Timestamp):
        return f"{value:%Y-%m-%d}"
    return value.item() if hasattr(value, "item") else value


def _plain(title: str, headings: Sequence[str], rows: Sequence[Sequence[str | None]]) -> str:
    """Return a table as text with aligned columns."""
    lines = [list(headings), *[[NOTHING if value is None else value for value in row] for row in rows]]
    widths = [max(len(line[place]) for line in lines) for place in range(len(headings))]
    shown = ["  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip() for line in lines]
    return "\n".join([title, *shown])
