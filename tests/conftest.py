"""Factories: each builds an ordinary record, so that a test states only what matters to it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from factories import HOUR, NOON

from incident_lib.loading import load
from incident_lib.records import Records
from incident_lib.settings import FileRule, Settings
from incident_lib.sources.reading import Source
from incident_lib.tables import INCIDENTS


@pytest.fixture
def workbook(tmp_path: Path) -> Callable[..., Path]:
    """Return a maker of workbooks: file names and contents in, the folder out."""

    def make(files: dict[str, str | bytes] | None = None, settings: str = "") -> Path:
        folder = tmp_path / "workbook"
        folder.mkdir(exist_ok=True)
        (folder / "workbook.toml").write_text(settings, encoding="utf-8")
        for name, content in (files or {}).items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        return folder

    return make


@pytest.fixture
def loaded(workbook: Callable[..., Path]) -> Callable[..., Records]:
    """Return a maker of records: pages by name in, what ``load`` makes of them out."""

    def make(*pages: str, as_of: Any = "2026-06-01", settings: str = "", **files: Any) -> Records:
        named = {f"postmortems/{number}.md": text for number, text in enumerate(pages)}
        return load(workbook({**named, **files.get("files", {})}, settings), as_of=as_of)

    return make


@pytest.fixture
def incidents() -> Callable[..., pd.DataFrame]:
    """Return a maker of incident tables with one ordinary incident; keywords replace its fields."""

    def make(**fields: Any) -> pd.DataFrame:
        ordinary = {
            "incident_id": "INC-1", "title": "Mail delayed", "severity": "critical", "started_at": NOON,
            "detected_at": NOON, "acknowledged_at": NOON + HOUR / 12, "resolved_at": NOON + HOUR, "source": "test",
        }  # fmt: skip
        return INCIDENTS.frame([{**ordinary, **fields}])

    return make


@pytest.fixture
def source(tmp_path):
    """Return a function that writes a JSON value into a workbook and gives it as a source; keywords make its rule."""

    def write(value, **rule) -> Source:
        (tmp_path / "x.json").write_text(json.dumps(value), encoding="utf-8")
        return Source(tmp_path / "x.json", "x.json", Settings(files=(FileRule(path="*", **rule),)))

    return write
