"""A report's numbers for other programs: ``metrics.json``, and ``metrics.prom`` for Prometheus (see docs/metrics.md).

The text is valid as OpenMetrics and as Prometheus's older format, since the node exporter's textfile collector reads
the older one: gauges only, no timestamps (which the collector refuses), and ``# EOF`` as the last line.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any

SCHEMA = "incident-workbook/metrics/1"
PREFIX = "incident_workbook_"
JSON_NAME, TEXT_NAME = "metrics.json", "metrics.prom"
LIMITS = ("lower", "upper")


def metrics_files(
    tables: Mapping[str, Mapping[str, Any]], numbers: Mapping[str, Any], done: Mapping[str, Any]
) -> dict[str, bytes]:
    """Return the files by name: JSON if there is a table or a number, the text for Prometheus if there are numbers.

    ``tables`` by name with title, columns and rows; ``numbers`` as ``render.metrics`` emits them (workbook, numbers);
    ``done`` is what the notebook said at its end (title, as_of).
    """
    values = numbers.get("numbers", {})
    files = {JSON_NAME: metrics_json(tables, numbers, done)} if tables or values else {}
    return {**files, **({TEXT_NAME: openmetrics(numbers, done)} if values else {})}


def metrics_json(tables: Mapping[str, Mapping[str, Any]], numbers: Mapping[str, Any], done: Mapping[str, Any]) -> bytes:
    """Return tables and numbers as JSON with sorted keys; the same report gives the same bytes."""
    record = {
        "schema": SCHEMA,
        "report": done.get("title"),
        "as_of": done.get("as_of"),
        "workbook": numbers.get("workbook"),
        "tables": {
            name: {key: table.get(key) for key in ("title", "columns", "rows")} for name, table in tables.items()
        },
        "numbers": dict(numbers.get("numbers", {})),
    }
    text = json.dumps(_finite(record), indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False)
    return (text + "\n").encode("utf-8", errors="replace")


def _finite(value: Any) -> Any:
    """Return a value without what JSON doesn't know: NaN and infinity become null."""
    if isinstance(value, Mapping):
        return {str(key): _finite(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def openmetrics(numbers: Mapping[str, Any], done: Mapping[str, Any]) -> bytes:
    """Return the numbers as gauges named incident_workbook_…, labelled with the workbook; missing ones are left out."""
    labels = f'{{workbook="{_escaped(str(numbers.get("workbook") or ""))}"}}'
    lines: list[str] = []
    for name, number in sorted(numbers.get("numbers", {}).items()):
        lines += _gauge(metric_name(name), number, "value", str(number.get("meaning", "")), labels)
        for limit in LIMITS:
            lines += _gauge(
                metric_name(f"{name}_{limit}"), number, limit, f"{limit.capitalize()} 95 % limit of {name}", labels
            )
    return "\n".join([*lines, "# EOF", ""]).encode("utf-8", errors="replace")


def _gauge(name: str, number: Mapping[str, Any], key: str, meaning: str, labels: str) -> list[str]:
    value = number.get(key)
    if value is None or not math.isfinite(value):
        return []
    return [f"# TYPE {name} gauge", f"# HELP {name} {_escaped(meaning)}", f"{name}{labels} {float(value)!r}"]


def metric_name(name: str) -> str:
    """Return a number's name as Prometheus takes it."""
    return PREFIX + re.sub(r"[^a-z0-9]+", "_", name.casefold()).strip("_")


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')
