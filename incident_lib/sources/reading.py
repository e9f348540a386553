"""What every reader shares: a source file with its limits, a batch of tables, and the account of what was read."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatch
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from incident_lib.errors import SourceError
from incident_lib.settings import FileRule, Limits, Settings
from incident_lib.tables import Problem
from incident_lib.typed_table import Table

HEAD_BYTES = 65_536
_STRING = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


@dataclass(frozen=True)
class Source:
    """One file of the workbook, or one folder that is read as a whole (an unpacked chat export).

    ``name`` is its path relative to the workbook with forward slashes: the beginning of every pointer into it.
    """

    path: Path
    name: str
    settings: Settings

    @property
    def limits(self) -> Limits:
        """Return what it may cost."""
        return self.settings.sources.limits

    @cached_property
    def rule(self) -> FileRule:
        """Return the first ``[[files]]`` rule that names this file, or the zip that holds it; an empty rule if none."""
        names = (self.name, self.name.partition("!")[0])
        matching = (rule for rule in self.settings.files if any(fnmatch(name, rule.path) for name in names))
        return next(matching, FileRule(path=self.name))

    @property
    def zone(self) -> str | None:
        """Return the time zone stated for times without an offset; None: such times are refused."""
        return self.rule.zone

    @cached_property
    def head(self) -> bytes:
        """Return the first bytes, for recognising the format; empty for a folder."""
        if self.path.is_dir():
            return b""
        try:
            with self.path.open("rb") as file:
                return file.read(HEAD_BYTES)
        except OSError as error:
            raise SourceError(f"can't read {self.name}: {error.strerror}") from error

    def read_bytes(self) -> bytes:
        """Return the whole content.

        Raises:
            SourceError: if it can't be read, or is larger than the limit.
        """
        self.check_size()
        try:
            return self.path.read_bytes()
        except OSError as error:
            raise SourceError(f"can't read {self.name}: {error.strerror}") from error

    def check_size(self) -> None:
        """Refuse a file that is larger than the limit.

        Raises:
            SourceError: if it is, or can't be looked at.
        """
        try:
            size = self.path.stat().st_size
        except OSError as error:
            raise SourceError(f"can't read {self.name}: {error.strerror}") from error
        if size > self.limits.file_megabytes * 1_000_000:
            raise SourceError(
                f"{self.name} has {size:,} bytes, more than the limit of {self.limits.file_megabytes} MB "
                "(sources.limits.file_megabytes)"
            )

    @cached_property
    def text(self) -> str:
        """Return the content as text without a byte order mark.

        Raises:
            SourceError: if it is not UTF-8, with the line of the first wrong byte.
        """
        return decode(self.read_bytes(), self.name)

    @cached_property
    def json(self) -> Any:
        """Return the content parsed as JSON (see ``parse_json``)."""
        return parse_json(self.text, self.name, nesting=self.limits.nesting)

    def digest(self) -> str:
        """Return the SHA-256 of the content, in hexadecimal; for a folder, of all its files' names and contents."""
        sha = hashlib.sha256()
        if self.path.is_file():
            with self.path.open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest()
        for path in sorted(path for path in self.path.rglob("*") if path.is_file()):
            sha.update(
                path.relative_to(self.path).as_posix().encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest()
            )
        return sha.hexdigest()


def decode(content: bytes, name: str) -> str:
    """Return bytes as text; UTF-8 with or without a byte order mark.

    Raises:
        SourceError: naming the line and the byte that is not UTF-8.
    """
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise SourceError(
            f"{name} is not UTF-8: byte 0x{content[error.start]:02x} in line {line}; "
            "save it as UTF-8 (it may be Latin-1 or Windows-1252)"
        ) from error


def parse_json(text: str, name: str, *, nesting: int = 100) -> Any:
    """Return parsed JSON; refuses NaN, infinite numbers, repeated keys, and nesting beyond the limit.

    Halves of surrogate pairs, which no UTF-8 text can hold, become replacement characters.

    Raises:
        SourceError: with the line and column where the text stops being JSON.
    """
    if text.count("[") + text.count("{") > nesting and deepest(text) > nesting:
        raise SourceError(f"{name} is nested more than {nesting} levels deep (sources.limits.nesting)")
    try:
        value = json.loads(text, object_pairs_hook=_no_repeats, parse_constant=_no_constant, parse_float=_finite)
        return _whole(value) if _SURROGATE.search(text) else value
    except json.JSONDecodeError as error:
        raise SourceError(
            f"{name} is not valid JSON: {error.msg} in line {error.lineno} column {error.colno}"
        ) from error
    except ValueError as error:
        raise SourceError(f"{name} is not valid JSON: {error}") from error


def deepest(text: str) -> int:
    """Return how deep brackets nest in a JSON text; those within strings don't count."""
    depth = most = 0
    for character in _STRING.sub("", text):
        if character in "[{":
            depth += 1
            most = max(most, depth)
        elif character in "]}":
            depth -= 1
    return most


def _no_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    record = dict(pairs)
    if len(record) < len(pairs):
        repeated = next(key for key, count in Counter(key for key, _ in pairs).items() if count > 1)
        raise ValueError(f"the key {repeated!r} stands twice in one object")
    return record


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON number")


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"the number {text} is too large")
    return number


def _whole(value: Any) -> Any:
    """Return a JSON value whose texts can be written as UTF-8."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [_whole(one) for one in value]
    return {_whole(key): _whole(one) for key, one in value.items()} if isinstance(value, dict) else value


@dataclass
class Batch:
    """What one reader got from one source: typed tables, problems, and the account of everything read."""

    parts: dict[str, tuple[Table, list[pd.DataFrame], list[Mapping[str, Any]]]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    accounts: list[dict[str, Any]] = field(default_factory=list)

    def add(self, table: Table, rows: Iterable[Mapping[str, Any]] | pd.DataFrame) -> None:
        """Add rows to a table: dictionaries, or a frame with some of its columns."""
        _, frames, waiting = self.parts.setdefault(table.name, (table, [], []))
        if isinstance(rows, pd.DataFrame):
            _settle(table, frames, waiting)
            frames.append(table.conform(rows))
        else:
            waiting.extend(rows)

    @property
    def tables(self) -> dict[str, pd.DataFrame]:
        """Return the tables by name, typed; single rows are gathered into a frame here, once, since that is slow."""
        return {name: _settle(*part) for name, part in self.parts.items()}

    def table(self, table: Table) -> pd.DataFrame:
        """Return one table, typed; empty if nothing was added to it."""
        return _settle(*self.parts[table.name]) if table.name in self.parts else table.frame()

    def problem(self, rule: str, message: str, source: str, **rest: Any) -> None:
        """Note one problem (see ``tables.Problem``)."""
        self.problems.append(Problem(rule, message, source, **rest))

    def account(self, source: str, reader: str, kind: str, outcomes: Mapping[str, int]) -> None:
        """Note how many records of a kind a source held: ``{"used": 150, "skipped: channel_join": 8}``."""
        self.accounts.extend(
            {"source": source, "format": reader, "kind": kind, "outcome": outcome, "rows": rows}
            for outcome, rows in outcomes.items()
            if rows
        )


def _settle(table: Table, frames: list[pd.DataFrame], waiting: list[Mapping[str, Any]]) -> pd.DataFrame:
    """Turn the rows that wait into a frame, and return all frames as one."""
    if waiting:
        frames.append(table.frame(waiting))
        waiting.clear()
    if len(frames) > 1:
        frames[:] = [pd.concat(frames, ignore_index=True)]
    return frames[0] if frames else table.frame()


@dataclass(frozen=True)
class Reader:
    """One format: its name, how to recognise it by content, and how to read it.

    ``recognises`` looks at ``source.head`` (or the folder's entries) and must be cheap; ``read`` raises
    ``SourceError`` only where the file as a whole can't be read; anything less is a problem in the batch.
    """

    name: str
    recognises: Callable[[Source], bool]
    read: Callable[[Source], Batch]
