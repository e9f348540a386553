"""A workbook at a URL, fetched once into a read-only folder that is named for its listing."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from filelock import FileLock

from incident_lib.batches.storage import SCHEMES, Listing, Remote, digest, in_a_sentence, listed, reach
from incident_lib.cache import KEPT, cache_folder
from incident_lib.errors import ReportError, SettingsError
from incident_lib.settings import FILE_NAME, read_settings
from incident_lib.settings.inputs import Limits

# What tells that a file was changed, as the libraries of storages call it.
_VERSIONS = ("ETag", "etag", "md5Hash", "content_md5", "LastModified", "last_modified", "updated", "mtime", "created")


def _check_limits(found: Listing, limits: Limits, url: str) -> None:
    sizes = [info["size"] for info in found.values()]
    if len(found) > limits.archive_members:
        raise ReportError(f"{url} holds {len(found):,} files; expected {limits.archive_members:,} at most")
    if max(sizes, default=0) > limits.file_megabytes * 1_000_000 or sum(sizes) > limits.archive_megabytes * 1_000_000:
        raise ReportError(
            f"{url} holds {sum(sizes):,} bytes, the largest file {max(sizes):,}; expected "
            f"{limits.archive_megabytes:,} MB at most, and {limits.file_megabytes:,} MB a file (sources.limits)"
        )


def fetch(url: str, key: str = "", *, schemes: Iterable[str] = SCHEMES) -> Path:
    """Return a read-only folder with what is at a URL; it is named for the listing, and fetched only once.

    Where a storage tells no version of a file (ETag, time of change), it is named for the content, and fetched anew.

    Raises:
        ReportError: if it can't be read, is larger than ``sources.limits`` of its settings allow, or if ``key``, the
            folder's name elsewhere, is another.
    """
    parent = cache_folder() / ".remote" / digest(url)[:16]
    if key and (parent / key).is_dir():
        return parent / key
    remote = reach(url, schemes=schemes)
    with in_a_sentence("read", url):
        parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with FileLock(parent / ".lock"):
            folder = _fetched(remote, parent)
    if key and folder.name != key:
        raise ReportError(f"what is at {url} has changed since the batch began; run the command again")
    return folder


def _fetched(remote: Remote, parent: Path) -> Path:
    found = _with_sizes(listed(remote), remote)
    if not found:
        raise SettingsError(f"there is nothing at {remote.url}; expected a workbook, a folder with a {FILE_NAME}")
    versions = {name: _version(info) for name, info in found.items()}
    folder = parent / digest(versions)[:32]
    if not (all(versions.values()) and folder.is_dir()):
        for left in parent.glob(".draft-*"):  # of one that was killed: nobody else is here
            _remove(left)
        draft = Path(tempfile.mkdtemp(dir=parent, prefix=".draft-"))
        try:
            folder = _filled(remote, found, draft, folder if all(versions.values()) else None)
        finally:
            if draft.exists():
                _remove(draft)
    os.utime(folder)
    kept = sorted((one for one in parent.iterdir() if one.is_dir()), key=lambda one: one.stat().st_mtime)
    for old in kept[:-KEPT]:
        _remove(old)
    return folder


def _filled(remote: Remote, found: Listing, draft: Path, folder: Path | None) -> Path:
    """Fetch files, the settings first for their limits, and give the draft its name; None: that of the content."""
    settings = {name: info for name, info in found.items() if name == FILE_NAME}
    _check_limits(settings, Limits(), remote.url)
    _get(remote, settings, draft)
    _check_limits(found, read_settings(draft).sources.limits, remote.url)
    _get(remote, {name: info for name, info in found.items() if name not in settings}, draft)
    now = _with_sizes(listed(remote), remote)
    if {name: _version(info) for name, info in now.items()} != {name: _version(info) for name, info in found.items()}:
        raise ReportError(f"{remote.url} changed while it was fetched; run the command again")
    folder = folder or draft.with_name(digest({name: _sha(draft / name) for name in found})[:32])
    if folder.is_dir():
        return folder
    for path in [*draft.rglob("*"), draft]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    return draft.rename(folder)


def _get(remote: Remote, wanted: Listing, draft: Path) -> None:
    paths = {name: draft / name for name in wanted}
    for path in paths.values():
        path.parent.mkdir(parents=True, exist_ok=True)
    if wanted:
        remote.fs.get([info["full"] for info in wanted.values()], [str(path) for path in paths.values()])
    short = [name for name, path in paths.items() if path.stat().st_size != wanted[name]["size"]]
    if short:
        raise ReportError(f"{remote.url}/{short[0]} has another size than the storage said; run the command again")


def _with_sizes(found: Listing, remote: Remote) -> Listing:
    told = {name: info if info.get("size") is not None else {**info, **remote.fs.info(info["full"])}
            for name, info in found.items()}  # fmt: skip
    for name, info in told.items():
        if info.get("size") is None:
            raise ReportError(f"{remote.url} does not tell the size of {name}; nothing was fetched")
    return told


def _version(info: Mapping[str, Any]) -> str:
    stated = next((f"{name} {info[name]}" for name in _VERSIONS if info.get(name)), "")
    return stated and f"{stated} {info['size']}"


def _remove(folder: Path) -> None:
    for path in [folder, *(one for one in folder.rglob("*") if one.is_dir())]:
        path.chmod(0o700)
    shutil.rmtree(folder, ignore_errors=True)


def _sha(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
