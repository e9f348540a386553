"""Publishing: a report's folder changes in one rename, or not at all; one writer at a time; nothing half-made stays."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from incident_lib.errors import ReportError, SettingsError
from incident_lib.files import TEMPORARY, alone, exchange, safe_name, sync_folder, write_synced

MANIFEST = "manifest.json"
LOCK, SCRATCH, ASIDE = ".lock", ".scratch-", ".aside-"
LOCK_SECONDS = 60
DISTRIBUTIONS = ("incident-workbook", "nbconvert", "pandas", "papermill", "plotly")


@dataclass(frozen=True)
class Place:
    """Where a report goes: ``reports/kind`` or ``reports/kind/name``."""

    reports: Path
    folder: Path
    stem: str

    @property
    def way_home(self) -> str:
        """Return the way from the report's page to the index, as a link."""
        return "../" * len(self.folder.relative_to(self.reports).parts) + "index.html"


@dataclass(frozen=True)
class Published:
    """A published report: its folder, its files, and what it says of itself."""

    folder: Path
    page: Path
    notebook: Path
    manifest: Path
    tables: tuple[Path, ...]
    title: str
    answer: str
    as_of: str


def place_of(reports: Path, kind: str, name: str = "") -> Place:
    """Return where a report of a kind and a name goes; a name that can't be a folder's gets a safe stand-in.

    Raises:
        SettingsError: if the kind is not a plain word.
    """
    if not re.fullmatch(r"[a-z][a-z0-9-]{0,40}", kind):
        raise SettingsError(f"{kind!r} is no kind of report; expected a plain word such as 'timeliness'")
    parts = [kind, safe_name(name)] if name else [kind]
    return Place(reports, reports.joinpath(*parts), "-".join(parts))


@contextmanager
def workspace(reports: Path) -> Iterator[Path]:
    """Give a private folder beside the published ones, on their file system; it is gone afterwards.

    What a run that was killed left behind is swept first; the scratch folders of runs that live are locked.
    """
    try:
        reports.mkdir(parents=True, exist_ok=True)
        with locked(reports):
            sweep(reports)
            scratch = Path(tempfile.mkdtemp(prefix=SCRATCH, dir=reports))
            lock = FileLock(scratch / LOCK)
            lock.acquire()
    except OSError as error:
        raise ReportError(f"can't write into {reports}: {error.strerror}") from error
    try:
        yield scratch
    finally:
        lock.release()
        shutil.rmtree(scratch, ignore_errors=True)


@contextmanager
def locked(reports: Path) -> Iterator[None]:
    """Hold the lock of a reports' folder; the system frees it if this process dies.

    Raises:
        ReportError: if another run holds it for a minute.
    """
    busy = ReportError(f"another run has been publishing into {reports} for {LOCK_SECONDS} seconds; try later")
    with alone(reports / LOCK, busy, seconds=LOCK_SECONDS):
        yield


def _names(folder: Path | str) -> list[str]:
    """Return the names in a folder; bare, for there may be as many as there are incidents. None if it can't be read."""
    try:
        with os.scandir(folder) as entries:
            return [entry.name for entry in entries]
    except OSError:
        return []


def _set_aside(reports: Path) -> list[Path]:
    """Return the folders that were set aside, of kinds and of reports."""
    kinds = [reports / name for name in _names(reports) if not (reports / name).is_symlink()]
    return [folder / name for folder in (reports, *kinds) for name in _names(folder) if name.startswith(ASIDE)]


def sweep(reports: Path) -> None:
    """Remove what killed runs left: scratch folders, temporary files; put back a report caught between two renames."""
    for folder in _set_aside(reports):
        home = folder.with_name(folder.name.removeprefix(ASIDE))
        shutil.rmtree(folder, ignore_errors=True) if home.exists() else folder.rename(home)
    for folder in reports.glob(f"{SCRATCH}*"):
        lock = FileLock(folder / LOCK)
        try:
            lock.acquire(timeout=0)
        except (Timeout, OSError):
            continue
        lock.release()
        shutil.rmtree(folder, ignore_errors=True)
    for path in reports.iterdir():
        if TEMPORARY.fullmatch(path.name):
            path.unlink(missing_ok=True)


def manifest_of(
    kind: str, name: str, title: str, parameters: Mapping[str, Any], done: Mapping[str, Any], files: Mapping[str, bytes]
) -> dict[str, Any]:
    """Return what a report says of itself; nothing of the clock or the machine: the same inputs give the same."""
    return {
        "kind": kind,
        "name": name,
        "title": title,
        "parameters": dict(parameters),
        "done": dict(done),
        "files": {file: hashlib.sha256(content).hexdigest() for file, content in files.items()},
        "versions": {"python": _python_version(), **{name: _version(name) for name in DISTRIBUTIONS}},
    }


def publish(place: Place, files: Mapping[str, bytes], manifest: Mapping[str, Any], *, scratch: Path) -> Published:
    """Put a report's files and manifest in place, in one rename.

    Raises:
        ReportError: if they can't be written (the disk is full …), or the place is taken by something else; what was
            published before stays.
    """
    try:
        staged = _staged(scratch / "page", {**files, MANIFEST: as_json(manifest)})
        with locked(place.reports):
            _check_place(place)
            _carry_over(place.folder, staged)
            place.folder.parent.mkdir(exist_ok=True)
            _swap(staged, place.folder)
            sync_folder(place.folder.parent)
    except OSError as error:
        message = f"can't publish {place.folder}: {error.strerror}; the last good report is untouched"
        raise ReportError(message) from error
    return published_at(place.folder, manifest)


def published_at(folder: Path, manifest: Mapping[str, Any]) -> Published:
    """Return a published report by its folder and manifest."""
    done = manifest["done"]
    by_suffix = {suffix: sorted(folder / name for name in manifest["files"] if name.endswith(suffix)) for suffix in
                 (".html", ".ipynb", ".csv")}  # fmt: skip
    return Published(
        folder, by_suffix[".html"][0], by_suffix[".ipynb"][0], folder / MANIFEST, tuple(by_suffix[".csv"]),
        manifest["title"], str(done.get("answer") or ""), str(done.get("as_of") or ""),
    )  # fmt: skip


def as_json(record: Mapping[str, Any]) -> bytes:
    """Return a record as JSON with sorted keys, one to a line."""
    return (json.dumps(record, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n").encode("utf-8")


def _staged(folder: Path, files: Mapping[str, bytes]) -> Path:
    folder.mkdir()
    for name, content in files.items():
        write_synced(folder / name, content)
    sync_folder(folder)
    return folder


def _check_place(place: Place) -> None:
    """Refuse to follow a link out of the reports, and to confuse two names on a disk that knows no case."""
    for folder in (place.folder, place.folder.parent):
        if folder != place.reports and folder.is_symlink():
            raise ReportError(f"{folder} is a link; reports are only written into real folders")
    wanted = place.folder.name.casefold()
    twins = [name for name in _names(place.folder.parent) if name.casefold() == wanted]
    if twins and place.folder.name not in twins:
        raise ReportError(f"{place.folder} differs from the report {twins[0]!r} beside it only in case")


def _carry_over(target: Path, staged: Path) -> None:
    """Give the new folder the reports that the old one holds (``timeliness/2026-Q1`` in ``timeliness``), as links."""
    for folder in sorted(target.iterdir()) if target.is_dir() else ():
        if folder.is_dir() and not folder.is_symlink() and not folder.name.startswith("."):
            shutil.copytree(folder, staged / folder.name, copy_function=_link_or_copy, symlinks=True)


def _link_or_copy(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def _swap(staged: Path, target: Path) -> None:
    """Put the staged folder in the target's place in one step; afterwards the old one is where the staged one was.

    Where the system can't exchange two folders, the old one goes aside first; ``sweep`` puts it back if we die then.
    """
    if not target.exists():
        staged.rename(target)
    elif not exchange(staged, target):
        aside = target.with_name(ASIDE + target.name)
        target.rename(aside)
        staged.rename(target)
        shutil.rmtree(aside, ignore_errors=True)


@cache
def _version(distribution: str) -> str:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return "unknown"


def _python_version() -> str:
    return ".".join(map(str, sys.version_info[:3]))
