"""A workbook's folder → Records: choose the readers, join the same incident, and keep what was known at a time."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from incident_lib.as_of import known_at, newest_time
from incident_lib.cache import (
    digests,
    is_large,
    is_new,
    key_of,
    read_findings,
    read_tables,
    settle,
    write_aside,
    write_findings,
    write_tables,
)
from incident_lib.errors import FieldError, SettingsError, SourceError
from incident_lib.follow_up.git_history import newest_commit, with_history
from incident_lib.forensics import findings
from incident_lib.gathering import gather
from incident_lib.records import Records
from incident_lib.settings import FILE_NAME, Settings, read_settings
from incident_lib.sources import sql
from incident_lib.sources.archive import unpacked
from incident_lib.sources.fields import parse_time
from incident_lib.sources.reading import Batch, Reader, Source, parse_json
from incident_lib.sources.registry import READERS

_DATA_ENDINGS = {".csv", ".tsv", ".json", ".jsonl", ".ndjson", ".parquet", ".zip", ".md", ".markdown", ".mdx", ".xlsx",
                  ".eml", ".mbox"}  # fmt: skip
_TOLD = 5  # problems, where nothing could be read
_OWN_FILES = (".evidence.json",)  # what drafting keeps beside a page
_NOT_DATA = {"templates", "__pycache__", "node_modules"}


def load(folder: str | Path = "data", *, as_of: Any = None) -> Records:
    """Return the records of a workbook's folder as they were known at ``as_of``.

    A relative folder that is not here is looked for one level up as well, where it is for a notebook in JupyterLab,
    whose kernel runs in the notebooks' folder. ``as_of`` is a date, or an ISO 8601 time with an offset; None means the
    time of the newest record.

    Raises:
        SettingsError: if there is no such folder, its settings make no sense, or ``as_of`` is no time.
        SourceError: if nothing in it could be read.
    """
    folder, settings = open_workbook(folder)
    sources = list(find_sources(folder, settings))
    files = [Source(folder / FILE_NAME, FILE_NAME, settings), *sources]
    databases = sql.read_databases(folder, settings)
    told = [(sql.NAME, one.batch) for one in databases]
    read = {one.name: one.digest for one in databases}
    large = is_large(files, settings)
    settle()  # what an earlier load is still writing
    with ThreadPoolExecutor(1) as aside:
        kept, new = None, large and not _KEPT and is_new(files)
        hashing = aside.submit(_digests, files, large)
        if not new:  # else it is read while its digest is taken
            hashes = {**hashing.result(), **read}
            if shared := _taken(folder, settings, as_of, hashes):
                return shared
            kept = read_tables(key_of(hashes, settings)) if large else None
        tables = kept or gather([*(read_source(source) for source in sources), *told], settings)
        hashes = {**hashing.result(), **read}
    key = key_of(hashes, settings) if large else None
    if key and not kept:
        write_aside(key, write_tables, tables)
    _refuse_nothing(folder, tables)
    moment, known = _known(with_history(folder, tables, settings), settings, as_of, key, found_before=bool(kept))
    return Records(folder=folder, settings=settings, as_of=moment, sources=hashes, **known)


def _known(
    tables: dict[str, pd.DataFrame], settings: Settings, as_of: Any, key: str | None, *, found_before: bool
) -> tuple[pd.Timestamp, dict[str, pd.DataFrame]]:
    """Return the moment of ``as_of``, and the tables as they were known then, with findings among the problems.

    Findings are kept under ``key``, and taken from there if they were ``found_before``.
    """
    moment = newest_time(tables, settings.workbook.tz) if as_of is None else as_time(as_of, settings.workbook.zone)
    known = known_at(tables, moment, settings.workbook.tz)
    found = read_findings(key, moment) if key and found_before else None
    if found is None:
        found = findings(known["incidents"], known["timeline"])
        if key:
            write_aside(key, write_findings, moment, found)
    known["problems"] = pd.concat([known["problems"], found], ignore_index=True)
    return moment, known


@dataclass(frozen=True)
class _Kept:
    """Records that were loaded, by whom, and what else decides them beside the files."""

    records: Records
    process: int
    commit: str


_KEPT: dict[tuple[Path, str], _Kept] = {}


def keep(records: Records, *, as_of: Any = None) -> None:
    """Keep records for the processes that are forked from this one; ``as_of`` is what ``load`` was given.

    The first ``load`` there of the same folder, ``as_of`` and content of files returns them, and need not load. This
    process itself always loads: it could change what it was given, and the others would see it.
    """
    _KEPT[_name_of(records.folder, as_of)] = _Kept(records, os.getpid(), newest_commit(records.folder))


def is_kept(folder: str | Path, *, as_of: Any = None) -> bool:
    """Tell whether the records of a folder are kept here, and its files are as they were."""
    folder, settings = open_workbook(folder)
    files = [Source(folder / FILE_NAME, FILE_NAME, settings), *find_sources(folder, settings)]
    kept = _KEPT.get(_name_of(folder, as_of))
    hashes = _digests(files, is_large(files, settings))
    return kept is not None and _is_same(kept, folder, settings, hashes)


def _taken(folder: Path, settings: Settings, as_of: Any, hashes: Mapping[str, str]) -> Records | None:
    """Return the records that were kept for this process, if they are what loading would give; only once."""
    kept = _KEPT.get(_name_of(folder, as_of))
    if kept is None or kept.process == os.getpid():
        return None
    del _KEPT[_name_of(folder, as_of)]
    return replace(kept.records, folder=folder) if _is_same(kept, folder, settings, hashes) else None


def _is_same(kept: _Kept, folder: Path, settings: Settings, hashes: Mapping[str, str]) -> bool:
    same = kept.records.sources == hashes and kept.records.settings == settings
    return same and kept.commit == newest_commit(folder)


def _name_of(folder: Path, as_of: Any) -> tuple[Path, str]:
    return folder.resolve(), repr(as_of)


def _digests(files: list[Source], large: bool) -> dict[str, str]:
    """Return the SHA-256 of each file; large workbooks remember theirs."""
    return digests(files) if large else {source.name: source.digest() for source in files}


def open_workbook(folder: str | Path) -> tuple[Path, Settings]:
    """Return where a workbook is, and its settings.

    Raises:
        SettingsError: if there is no such folder, or its settings make no sense.
    """
    folder = Path(folder)
    if not folder.is_dir() and (Path("..") / folder / FILE_NAME).is_file():
        folder = Path("..") / folder
    if not folder.is_dir():
        raise SettingsError(f"there is no folder {folder}; expected a workbook, a folder with a {FILE_NAME}")
    return folder, read_settings(folder)


def as_time(value: Any, zone: str, what: str = "as-of") -> pd.Timestamp:
    """Return an ``as_of`` as a UTC time; a date means the end of that day in the zone; ``what`` it is named if refused.

    Raises:
        SettingsError: if it is neither a date nor a time with an offset.
    """
    if isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\d", value.strip()):
        value = f"{value.strip()}T23:59:59"
    try:
        return pd.Timestamp(parse_time(value, zone=zone if isinstance(value, str) and len(value) == 19 else None))
    except FieldError as error:
        raise SettingsError(f"{what}: {error}; a date alone means the end of that day") from error


def find_sources(folder: Path, settings: Settings) -> Iterator[Source]:
    """Yield the workbook's sources by name; a folder that one reader takes as a whole comes as one source."""
    for path in sorted(folder.iterdir(), key=lambda path: path.name):
        if path.name.startswith(".") or path.name in _NOT_DATA or path.name == FILE_NAME:
            continue
        yield from _sources_below(path, folder, settings)


def _sources_below(path: Path, folder: Path, settings: Settings) -> Iterator[Source]:
    source = Source(path, path.relative_to(folder).as_posix(), settings)
    if source.rule.ignore or path.name.endswith(_OWN_FILES):
        return
    if path.is_symlink() and not path.resolve().is_relative_to(folder.resolve()):
        yield source
    elif path.is_dir() and not _reader_of(source):
        for child in sorted(path.iterdir(), key=lambda child: child.name):
            if not child.name.startswith(".") and child.name not in _NOT_DATA:
                yield from _sources_below(child, folder, settings)
    elif path.is_dir() or path.is_file():
        yield source


def _reader_of(source: Source) -> Reader | None:
    return next((reader for reader in READERS if reader.recognises(source)), None)


def read_source(source: Source) -> tuple[str, Batch]:
    """Return the name of the reader that took a source, and what it read; trouble with the file becomes a problem."""
    batch = Batch()
    try:
        if source.path.is_symlink() and not source.path.resolve().is_relative_to(_root(source)):
            raise SourceError(f"{source.name} is a link that leads out of the workbook; copy the file into it")
        if reader := _reader_of(source):
            return reader.name, reader.read(source)
        with unpacked(source) as inside:
            if inside and (reader := _reader_of(inside)):
                return reader.name, reader.read(inside)
        _account_for_unknown(source, batch)
    except SourceError as error:
        batch.problem("unreadable-file", str(error), source.name, effect="file left out")
        batch.account(source.name, "none", "files", {"skipped: unreadable": 1})
    return "none", batch


def _account_for_unknown(source: Source, batch: Batch) -> None:
    """Note a file that no reader knows: a problem if it looks like data, with the reason if it is damaged JSON."""
    ending = source.path.suffix.lower()
    is_data = ending in _DATA_ENDINGS
    outcome = "skipped: unknown format" if is_data else "skipped: not a data file"
    if ending == ".json":
        parse_json(source.text, source.name, nesting=source.limits.nesting)
    batch.account(source.name, "none", "files", {outcome: 1})
    if is_data:
        message = f"{source.name}: no reader knows this content"
        batch.problem("unknown-format", message, source.name, effect="file left out")


def _root(source: Source) -> Path:
    depth = len(Path(source.name).parts)
    return source.path.absolute().parents[depth - 1].resolve()


def _refuse_nothing(folder: Path, tables: dict[str, pd.DataFrame]) -> None:
    """Stop where no incident could be read but something could not: a report of nothing would be a lie."""
    problems = tables["problems"]
    lost = problems[problems["effect"] == "file left out"]
    if tables["incidents"].empty and not lost.empty:
        told = [f"{one['message']} @ {one['source']}" for one in lost.head(_TOLD).to_dict("records")]
        more = [f"and {len(lost) - _TOLD:,} more"] if len(lost) > _TOLD else []
        raise SourceError(f"nothing could be read from {folder}: {'; '.join([*told, *more])}")
