"""Bounded reading of an export's members: a zip that is never extracted, or a folder that is never left.

A caller asks for members by name, from an allow-list of its own; sizes are counted on the bytes that really come out,
not on what the archive says about itself.
"""

from __future__ import annotations

import os
import re
import tempfile
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from incident_lib.errors import SourceError
from incident_lib.settings import Limits
from incident_lib.sources.reading import Source

MEGABYTE = 1_000_000
_CHUNK = 1 << 20
_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, RuntimeError, OverflowError)
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


class MemberError(SourceError):
    """One member can't be read; costs that member, not the archive."""


class Archive(Protocol):
    """Named members of one export; ``unpacked`` counts the bytes that were read of them."""

    name: str
    limits: Limits
    names: tuple[str, ...]
    unpacked: int

    def size(self, name: str) -> int:
        """Return how many bytes a member says that it has."""

    def state(self) -> list[int]:
        """Return what tells whether another process has opened the very same."""

    def count(self, octets: int) -> None:
        """Count bytes that were read of its members; raises SourceError beyond the limit."""

    def read(self, name: str) -> bytes:
        """Return a member's content."""

    def pointer(self, name: str) -> str:
        """Return the member's place as rows cite it."""


@contextmanager
def open_archive(source: Source) -> Iterator[Archive]:
    """Yield a zip or a folder as an ``Archive``.

    Raises:
        SourceError: if it is no zip, is damaged as a whole, is encrypted, names a member twice, or goes beyond the
            limits in ``sources.limits``.
    """
    if source.path.is_dir():
        yield FolderArchive(source.path, source.name, source.limits)
        return
    with _opened(source) as zipped:
        yield ZipArchive(zipped, source.name, source.limits)


@contextmanager
def _opened(source: Source) -> Iterator[zipfile.ZipFile]:
    source.check_size()
    try:
        zipped = zipfile.ZipFile(source.path)
    except _DAMAGE as error:
        raise SourceError(
            f"{source.name} is not a complete zip file ({_reason(error)}); export or copy it again"
        ) from error
    with zipped:
        yield zipped


def zip_names(source: Source) -> tuple[str, ...] | None:
    """Return a zip's member names; None if its directory can't be read."""
    try:
        with zipfile.ZipFile(source.path) as zipped:
            return tuple(zipped.namelist())
    except _DAMAGE:
        return None


@contextmanager
def unpacked(source: Source) -> Iterator[Source | None]:
    """Yield the one file that a zip holds, as a source of its own ("log.zip!log.csv"); None if it is no such zip.

    Some tools hand out a single large table so. It is unpacked, within the limits, into a folder that is removed again.

    Raises:
        SourceError: if the zip is damaged or encrypted, or goes beyond the limits in ``sources.limits``.
    """
    if source.path.is_dir() or not source.head.startswith(b"PK"):
        yield None
        return
    with open_archive(source) as archive, tempfile.TemporaryDirectory() as folder:
        files = [name for name in archive.names if not re.search(r"(^|/)(\.|__MACOSX/)", name)]
        if len(files) != 1:
            yield None
            return
        path = Path(folder) / "member"  # never the name that the zip gives: it may lead elsewhere
        path.write_bytes(archive.read(files[0]))
        yield Source(path, archive.pointer(files[0]), source.settings)


def _within(size: int, megabytes: int, what: str, limit: str) -> None:
    """Raise SourceError if a size is more than a limit allows."""
    if size > megabytes * MEGABYTE:
        raise SourceError(f"{what} has more than {megabytes} MB (sources.limits.{limit})")


def _reason(error: Exception) -> str:
    text = str(error).strip().rstrip(".")
    return text[:1].lower() + text[1:] if text else type(error).__name__


@dataclass
class ZipArchive:
    """A zip file's members, read one by one into memory within the limits."""

    zipped: zipfile.ZipFile
    name: str
    limits: Limits
    names: tuple[str, ...] = field(init=False)
    unpacked: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        members = self.zipped.infolist()
        _check_count(len(members), self.limits, self.name)
        twice = [name for name, count in Counter(member.filename for member in members).items() if count > 1]
        if twice:
            raise SourceError(f"{self.name} holds {twice[0]!r} twice, so what it says is not certain; export it again")
        if any(member.flag_bits & 0x1 for member in members):
            raise SourceError(f"{self.name} is encrypted; save it without a password")
        self.names = tuple(member.filename for member in members if not member.is_dir())

    def read(self, name: str) -> bytes:
        """Return a member's content.

        Raises:
            MemberError: if this member is damaged.
            SourceError: if the archive goes beyond the limits.
        """
        member = self.zipped.getinfo(name)
        if member.compress_type not in _METHODS:
            raise MemberError(f"{self.pointer(name)} is compressed in a way that is not read here; use deflate")
        try:
            content = self._bounded(member)
        except _DAMAGE as error:
            raise MemberError(f"{self.pointer(name)} is damaged: {_reason(error)}") from error
        self.count(len(content))
        return content

    def size(self, name: str) -> int:
        """Return a member's size as the zip states it; more never comes out."""
        return self.zipped.getinfo(name).file_size

    def state(self) -> list[int]:
        """Return what tells this file from one that took its place."""
        stat = os.fstat(self.zipped.fp.fileno())
        return [stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns]

    def count(self, octets: int) -> None:
        """Count bytes that came out, here or in another process; raises SourceError beyond the limit."""
        self.unpacked += octets
        _within(self.unpacked, self.limits.archive_megabytes, f"{self.name}, unpacked,", "archive_megabytes")

    def _bounded(self, member: zipfile.ZipInfo) -> bytes:
        """Return the content, counting the bytes as they come out."""
        parts, size = [], 0
        with self.zipped.open(member) as file:
            while chunk := file.read(_CHUNK):
                size += len(chunk)
                self._check(member, size)
                parts.append(chunk)
        return b"".join(parts)

    def _check(self, member: zipfile.ZipInfo, size: int) -> None:
        """Raise SourceError for a member too large, or that unpacks to suspiciously much.

        A small member may well be repetitive; the ratio counts from a megabyte on.
        """
        _within(size, self.limits.member_megabytes, self.pointer(member.filename), "member_megabytes")
        if size > MEGABYTE and size > self.limits.archive_ratio * max(member.compress_size, 1):
            raise SourceError(
                f"{self.pointer(member.filename)} unpacks to more than {self.limits.archive_ratio} times its size "
                "(sources.limits.archive_ratio)"
            )

    def pointer(self, name: str) -> str:
        """Return ``slack/export.zip!general/2026-03-02.json``."""
        return f"{self.name}!{name}"


@dataclass
class FolderArchive:
    """A folder's files, as deep as they go, none of them outside it."""

    folder: Path
    name: str
    limits: Limits
    names: tuple[str, ...] = field(init=False)
    unpacked: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        self.names = tuple(sorted(self._walk()))

    def _walk(self) -> Iterator[str]:
        """Yield the files' names; what lies behind a link to a folder is not listed."""
        count = 0
        for folder, _, files in os.walk(self.folder, onerror=_refuse, followlinks=False):
            inside = Path(folder).relative_to(self.folder)
            count += len(files)
            _check_count(count, self.limits, self.name)
            yield from ((inside / file).as_posix() for file in files)

    def read(self, name: str) -> bytes:
        """Return a file's content.

        Raises:
            MemberError: if the file can't be read, or is a link that leaves the folder.
            SourceError: if the folder goes beyond the limits.
        """
        path = self.folder / name
        if path.is_symlink() and not path.resolve().is_relative_to(self.folder.resolve()):
            raise MemberError(f"{self.pointer(name)} is a link that leads out of the folder; it is not followed")
        try:
            _within(path.stat().st_size, self.limits.member_megabytes, self.pointer(name), "member_megabytes")
            content = path.read_bytes()
        except OSError as error:
            raise MemberError(f"{self.pointer(name)} can't be read: {error.strerror}") from error
        self.count(len(content))
        return content

    def size(self, name: str) -> int:
        """Return a file's size; 0 if it can't be told."""
        try:
            return (self.folder / name).stat().st_size
        except OSError:
            return 0

    def state(self) -> list[int]:
        """Return nothing: each file is read as it is then, by whichever process."""
        return []

    def count(self, octets: int) -> None:
        """Count bytes that were read, here or in another process; raises SourceError beyond the limit."""
        self.unpacked += octets
        _within(self.unpacked, self.limits.archive_megabytes, self.name, "archive_megabytes")

    def pointer(self, name: str) -> str:
        """Return ``slack/export/general/2026-03-02.json``."""
        return f"{self.name}/{name}"


def _check_count(count: int, limits: Limits, name: str) -> None:
    if count > limits.archive_members:
        raise SourceError(f"{name} has more than {limits.archive_members:,} members (sources.limits.archive_members)")


def _refuse(error: OSError) -> None:
    raise SourceError(f"can't look into {error.filename}: {error.strerror}") from error
