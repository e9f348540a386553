"""Folders at URLs that all machines of a cluster can reach (fsspec: S3, Google, Azure, SFTP, HTTP, files).

What is refused, what is there, and how reports are uploaded: after they were published here, the manifest last.
Credentials come from the environment, as each library of a storage wants them; never from a URL.
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from incident_lib.errors import ReportError, SettingsError, WorkbookError
from incident_lib.reports.publish import MANIFEST

SCHEMES = frozenset({"s3", "gs", "gcs", "az", "abfs", "sftp", "file", "http", "https"})
_READ_ONLY, _WITH_USER, _WITH_FOLDERS = {"http", "https"}, {"sftp", "abfs", "az"}, {"file", "sftp"}
PLAIN = re.compile(r"[\w-][\w.-]*(/[\w-][\w.-]*){1,2}")
Listing = dict[str, dict[str, Any]]


def is_url(text: str) -> bool:
    """Tell whether a text is meant as a URL rather than as a folder."""
    return "://" in text


@dataclass(frozen=True)
class Remote:
    """A folder at a URL: fsspec's file system, and the folder's name there."""

    url: str
    fs: Any
    root: str
    scheme: str

    def at(self, name: str) -> str:
        """Return a file's name as the file system wants it."""
        return f"{self.root}/{name}"


def reach(url: str, *, writing: bool = False, schemes: Iterable[str] = SCHEMES) -> Remote:
    """Return the folder at a URL.

    Raises:
        SettingsError: if the URL is of a kind that we don't use, holds credentials or leads upwards, or if the library
            that reads it is not installed.
    """
    parts = urlsplit(url)
    allowed = sorted(set(schemes) - (_READ_ONLY if writing else set()))
    if parts.scheme not in allowed or "::" in url:
        shown = parts.scheme if re.fullmatch(r"[a-z][a-z0-9+]*", parts.scheme) else url.partition(":")[0]
        what = "reports" if writing else "data"
        raise SettingsError(f"{what} can't be at a URL of {shown!r}; expected one of {', '.join(allowed)}")
    _refuse_credentials(url)
    if ".." in unquote(parts.path).split("/") or re.search(r"[\\\0]", unquote(url)):
        raise SettingsError(f"{url!r} leads upwards or holds a backslash; expected a plain path")
    if parts.scheme == "file" and parts.netloc:
        raise SettingsError(f"{url!r} is no file's URL; expected three slashes, as in file:///srv/reports")
    try:
        import fsspec  # noqa: PLC0415 (an extra)

        fs, root = fsspec.core.url_to_fs(url)
    except ImportError as error:
        raise SettingsError(f"{parts.scheme}:// needs another library, here and on each worker: {error}") from error
    return Remote(url, fs, str(root).rstrip("/"), parts.scheme)


def _refuse_credentials(url: str) -> None:
    parts = urlsplit(url)
    user, at, host = parts.netloc.rpartition("@")
    if (at and (":" in user or parts.scheme not in _WITH_USER)) or parts.query or parts.fragment:
        raise SettingsError(
            f"the URL {parts.scheme}://{host}/… holds a user, a password or a query; "
            "leave credentials to the environment"
        )


@contextmanager
def in_a_sentence(doing: str, url: str) -> Iterator[None]:
    """Turn what goes wrong at a storage into one sentence: each library has errors of its own."""
    try:
        yield
    except WorkbookError:
        raise
    except Exception as error:
        why = (str(error).splitlines() or [""])[0]
        raise ReportError(f"can't {doing} {url}: {type(error).__name__}: {why}") from error


def listed(remote: Remote, below: str = "") -> Listing:
    """Return the files below a folder by name; hidden ones are left out: a foreign ``.git`` could run commands.

    Raises:
        ReportError: for a name that could lead elsewhere.
    """
    remote.fs.invalidate_cache()
    found = {}
    for full, info in remote.fs.find(remote.at(below).rstrip("/"), detail=True).items():
        name = _name_below(remote, full)
        if name and not name.endswith("/") and not any(part.startswith(".") for part in name.split("/")):
            found[name] = {**info, "full": full}
    return found


def _name_below(remote: Remote, full: str) -> str:
    """Return a file's name below the folder; empty if it is the folder itself, or a way to sort a list of links."""
    is_link = remote.scheme in _READ_ONLY
    if full.rstrip("/") == remote.root or (is_link and "?" in full):
        return ""
    name = unquote(full.removeprefix(remote.root + "/")) if is_link else full.removeprefix(remote.root + "/")
    odd = {"", ".", ".."} & set(name.removesuffix("/").split("/")) or re.search(r"[\\\0]", name)
    away = remote.scheme == "file" and not Path(full).resolve().is_relative_to(Path(remote.root).resolve())
    if odd or away or not full.startswith(remote.root + "/"):
        raise ReportError(f"{remote.url} holds {full!r}, a name that could lead elsewhere; nothing was fetched")
    return name


def digest(content: Any) -> str:
    """Return a digest of plain data."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def put(remote: Remote, files: Mapping[str, Path]) -> None:
    """Upload files by their names in the folder: each is whole or absent; together they may be mixed for a moment."""
    if remote.scheme not in _WITH_FOLDERS:  # an object is replaced in one step
        remote.fs.put([str(path) for path in files.values()], [remote.at(name) for name in files])
        return
    for name, path in files.items():
        folder, _, last = remote.at(name).rpartition("/")
        draft = f"{folder}/.{last[:80]}.{secrets.token_hex(8)}.tmp"
        remote.fs.makedirs(folder, exist_ok=True)
        remote.fs.put_file(str(path), draft)
        remote.fs.mv(draft, remote.at(name))


def upload(into: Path, place: str, url: str, *, schemes: Iterable[str] = SCHEMES) -> None:
    """Upload the report published at a place in a folder, its manifest last; the files here are removed.

    Raises:
        ReportError: if it can't be written there.
    """
    remote, folder = reach(url, writing=True, schemes=schemes), into / place
    with in_a_sentence("write", url):
        names = list(json.loads((folder / MANIFEST).read_bytes())["files"])
        old = _old_files(remote, place)
        beside = {path.name: path for path in into.glob("plotly-*.min.js")}
        shared = {name: path for name, path in beside.items() if not remote.fs.exists(remote.at(name))}
        put(remote, {**shared, **{f"{place}/{name}": folder / name for name in names}})
        put(remote, {f"{place}/{MANIFEST}": folder / MANIFEST})
        for name in set(old) - set(names):
            if PLAIN.fullmatch(f"{place}/{name}") and remote.fs.exists(remote.at(f"{place}/{name}")):
                remote.fs.rm_file(remote.at(f"{place}/{name}"))
    for name in [*names, MANIFEST]:
        (folder / name).unlink(missing_ok=True)


def _old_files(remote: Remote, place: str) -> list[str]:
    """Return the names of the files that the report now there is made of."""
    try:
        told = json.loads(remote.fs.cat_file(remote.at(f"{place}/{MANIFEST}")))["files"]
        return [name for name in told if "/" not in name and name != MANIFEST]
    except (OSError, ValueError, LookupError, TypeError):
        return []
