"""What a report is made from, as one hash: the workbook's files, the notebook, the parameters, and our own code."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
import time
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

from incident_lib.scheduling.ledger import FileState

PACKAGE = Path(__file__).resolve().parents[1]
# A file changed in the very moment of reading could keep its time stamp: only older ones are trusted.
SETTLED_SECONDS = 2.0
_UNREADABLE = "unreadable"
_NOT_DATA = {"__pycache__", "node_modules"}


def look_at_files(folder: Path, known: Mapping[str, FileState], *, without: Path) -> dict[str, FileState]:
    """Return the state of each file of a workbook by its path there; one whose size and time of change are as before
    is not read again.

    Left out are names that begin with a dot, and the folder ``without`` (the reports, where they lie inside).
    """
    found = {}
    for path in _files_below(folder, without.resolve()):
        name = path.relative_to(folder).as_posix()
        found[name] = _state_of(path, known.get(name))
    return found


def fingerprint(files: Mapping[str, FileState]) -> str:
    """Return one hash of all files: the same names and contents give the same."""
    return digest(sorted((name, state[3]) for name, state in files.items()))


@cache
def code_fingerprint() -> str:
    """Return one hash of this package's own source, so that a new version makes everything again."""
    sha = hashlib.sha256()
    for path in sorted(PACKAGE.rglob("*.py")):
        sha.update(path.read_bytes())
    return sha.hexdigest()


@cache
def versions(names: tuple[str, ...]) -> dict[str, str]:
    """Return the versions of installed distributions by name."""
    return {name: _version(name) for name in names}


def digest(content: object) -> str:
    """Return the hash of something that JSON can hold."""
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "unknown"


def _files_below(folder: Path, without: Path) -> Iterator[Path]:
    with os.scandir(folder) as entries:
        ordered = sorted(entries, key=lambda entry: entry.name)
    for entry in ordered:
        path = Path(entry.path)
        if entry.name.startswith(".") or entry.name in _NOT_DATA or path.resolve() == without:
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from _files_below(path, without)
        else:
            yield path


def _state_of(path: Path, known: FileState | None) -> FileState:
    try:
        stat = path.stat()
        settled = time.time() - stat.st_mtime > SETTLED_SECONDS
        stamp = (stat.st_size, stat.st_mtime_ns if settled else 0, stat.st_ino)
        if known and known[:3] == stamp and settled:
            return known
        with path.open("rb") as file:
            return (*stamp, hashlib.file_digest(file, "sha256").hexdigest())
    except OSError:
        return (0, 0, 0, _UNREADABLE)
