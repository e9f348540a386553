"""What was made already, and from what: a batch that is run again makes only what is missing or has changed.

``.made.jsonl`` in the reports' folder has a line for each report that a batch made: its place, a digest of all that its
bytes depend on, and the digest of its manifest then. A line that a killed run left half-written is as good as none.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd

from incident_lib.records import Records
from incident_lib.reports.publish import MANIFEST, Published, place_of, published_at
from incident_lib.reports.run import Forms, Report
from incident_lib.review.service_review import for_outside_sources

MADE = ".made.jsonl"
_PACKAGE = Path(__file__).resolve().parents[1]
_OWN_ENDINGS = {".py", ".j2", ".css", ".js", ".html", ".toml", ".md", ".json"}
_LIBRARIES = ("holidays", "ipykernel", "ipython", "jinja2", "markdown-it-py", "nbclient", "nbconvert", "nbformat",
              "nh3", "numpy", "pandas", "papermill", "plotly", "scipy", "tzdata")  # fmt: skip


def inputs_of(records: Records, forms: Forms) -> str:
    """Return a digest of what all reports from these records depend on: files, time, code, libraries, and forms."""
    content = [
        dict(records.sources), str(records.as_of), _beside(records.folder), _history(records), code(), asdict(forms),
    ]  # fmt: skip
    return _digest(content)


def key_of(report: Report, inputs: str) -> str:
    """Return a digest of all that one report's bytes depend on."""
    notebook = hashlib.sha256(report.notebook.read_bytes()).hexdigest() if report.notebook.is_file() else ""
    return _digest([inputs, report.kind, report.name, notebook, report.told, report.title, report.outside])


@cache
def code() -> str:
    """Return a digest of this package, and of the versions of what it builds on."""
    sha = hashlib.sha256()
    for path in sorted(path for path in _PACKAGE.rglob("*") if path.suffix in _OWN_ENDINGS):
        sha.update(f"{path.relative_to(_PACKAGE).as_posix()}\0".encode() + path.read_bytes())
    versions = {name: importlib.metadata.version(name) for name in _LIBRARIES}
    return _digest([sha.hexdigest(), versions, sys.version])


def published_before(report: Report, into: Path, key: str, made: Mapping[str, tuple[str, str]]) -> Published | None:
    """Return the report that is there if it was made from the same inputs and is whole; ``made``: see there."""
    folder = place_of(into, report.kind, report.name).folder
    inputs, manifest_digest = made.get(_name(report, into), ("", ""))
    if inputs != key:
        return None
    with suppress(OSError, ValueError, LookupError, TypeError):
        content = (folder / MANIFEST).read_bytes()
        manifest = json.loads(content)
        whole = all((folder / name).is_file() for name in manifest["files"])
        if whole and hashlib.sha256(content).hexdigest() == manifest_digest:
            return published_at(folder, manifest)
    return None


def read_made(into: Path) -> dict[str, tuple[str, str]]:
    """Return what batches made, by place: the digests of inputs and manifest."""
    found = {}
    with suppress(OSError):
        for line in (into / MADE).read_text("utf-8", errors="replace").splitlines():
            with suppress(ValueError, LookupError, TypeError):
                one = json.loads(line)
                found[str(one["place"])] = (str(one["inputs"]), str(one["manifest"]))
    return found


def note_made(report: Report, into: Path, key: str, published: Published, records: Records) -> None:
    """Note that a report was made, if it was made from the files of these records and not from newer ones.

    Without room for it nothing is noted, and the report is made again some day.
    """
    with suppress(OSError, ValueError, LookupError):
        content = published.manifest.read_bytes()
        if json.loads(content)["done"]["sources"] not in (dict(records.sources), for_outside_sources(records)):
            return
        manifest = hashlib.sha256(content).hexdigest()
        line = {"inputs": key, "manifest": manifest, "place": _name(report, into)}
        with (into / MADE).open("ab") as file:
            file.write(b"\n" * _is_torn(into / MADE) + json.dumps(line, sort_keys=True).encode() + b"\n")


def _is_torn(path: Path) -> bool:
    """Tell whether the last line has no end."""
    if not path.stat().st_size:
        return False
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read() != b"\n"


def forget_the_gone(into: Path) -> None:
    """Shorten the notes to the last line of each report that is still there."""
    made = {place: told for place, told in read_made(into).items() if (into / place / MANIFEST).is_file()}
    lines = (json.dumps({"inputs": one, "manifest": two, "place": place}, sort_keys=True) + "\n"
             for place, (one, two) in sorted(made.items()))  # fmt: skip
    path = into / MADE
    with suppress(OSError):
        draft = path.with_name(f"{MADE}.draft")
        draft.write_text("".join(lines), "utf-8")
        draft.replace(path)


def _name(report: Report, into: Path) -> str:
    return place_of(into, report.kind, report.name).folder.relative_to(into).as_posix()


def _beside(folder: Path) -> dict[str, str]:
    """Return the digests of what reports read beside the sources: evidence of pages, and templates of the user's."""
    paths: Iterable[Path] = [*folder.glob("postmortems/*.evidence.json"), *folder.glob("templates/**/*")]
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(paths) if path.is_file()}  # fmt: skip


def _history(records: Records) -> str:
    """Return a digest of the tables that a git history of the pages adds to; no file's digest tells of that."""
    tables = (records.postmortems, records.follow_ups, records.problems)
    hashed = (pd.util.hash_pandas_object(table.astype("str"), index=False) for table in tables)
    return _digest([hashlib.sha256(one.to_numpy().tobytes()).hexdigest() for one in hashed])


def _digest(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()
