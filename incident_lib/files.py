"""Files that are whole or absent: atomic writes, writes that never overwrite, and names that are safe in any folder."""

from __future__ import annotations

import ctypes
import errno
import hashlib
import os
import re
import secrets
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from incident_lib.errors import WorkbookError

TEMPORARY = re.compile(r"\..+\.[0-9a-f]{16}\.tmp")
_SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
_AT_FDCWD, _RENAME_EXCHANGE = -100, 2
_NO_EXCHANGE = {errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EPERM}
_NO_UNNAMED = {errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL, errno.ENOSYS}
_NO_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}


def make_folder(folder: Path) -> Path:
    """Make a folder where there is none yet, with those above it, and return it.

    Raises:
        WorkbookError: if it can't be made, or a file is in its place.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        why = "a file is in its place" if error.errno in (errno.EEXIST, errno.ENOTDIR) else error.strerror
        raise WorkbookError(f"can't make the folder {folder}: {why}") from error
    return folder


def write_atomically(path: Path, content: bytes) -> None:
    """Put content at a path in one step: a reader sees the old file or the new one, whatever happens in between.

    A file that is replaced keeps its permissions; a new one gets the usual ones. A link is replaced, not followed.

    Raises:
        WorkbookError: if the file can't be written; what was there before stays.
    """
    try:
        with _temporary(path, content) as temporary:
            if path.is_file() and not path.is_symlink():
                temporary.chmod(path.stat().st_mode & 0o777)
            temporary.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        raise WorkbookError(f"can't write {path}: {error.strerror}; what was there before is untouched") from error


def create_only(path: Path, content: bytes) -> None:
    """Put content at a path where nothing is yet, in one step; never overwrites, not even in a race.

    Raises:
        WorkbookError: if something is there already, or the file can't be written.
    """
    try:
        if not _written_unnamed(path, content):
            with _temporary(path, content) as temporary:
                _link(temporary, path, content)
        sync_folder(path.parent)
    except FileExistsError as error:
        raise WorkbookError(f"{path} exists already, and is left as it is") from error
    except OSError as error:
        raise WorkbookError(f"can't write {path}: {error.strerror}") from error


def replace_unless_changed(path: Path, expected: bytes, content: bytes) -> bool:
    """Replace a file that still holds what is expected, and tell whether that was done.

    The new file and the old one change places in one step, and then what came out is looked at: if somebody saved in
    that moment, theirs goes back, and False is returned. Where the system can't exchange two files, the old one is
    kept as ``….bak`` beside it.

    Raises:
        WorkbookError: if the file can't be written.
    """
    if content == expected:
        return path.read_bytes() == expected
    try:
        with _temporary(path, content) as temporary:
            temporary.chmod(path.stat().st_mode & 0o777)
            done = _exchanged(temporary, path, expected, content)
        sync_folder(path.parent)
    except OSError as error:
        raise WorkbookError(f"can't write {path}: {error.strerror}; what was there before is untouched") from error
    return done


def _exchanged(temporary: Path, path: Path, expected: bytes, content: bytes) -> bool:
    if not exchange(temporary, path):
        return _replaced_with_backup(temporary, path, expected)
    taken = temporary.read_bytes()
    if taken == expected:
        return True
    exchange(temporary, path)
    newer = temporary.read_bytes()
    if newer != content:  # saved once more in between: the newest stays, the one before it goes beside
        exchange(temporary, path)
        _keep_beside(path, taken)
    return False


def _replaced_with_backup(temporary: Path, path: Path, expected: bytes) -> bool:
    backup = path.with_name(path.name + ".bak")
    backup.unlink(missing_ok=True)
    try:
        backup.hardlink_to(path)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        write_synced(backup, path.read_bytes())
    if backup.read_bytes() != expected or path.read_bytes() != expected:
        return False
    temporary.replace(path)
    return True


def _keep_beside(path: Path, content: bytes) -> None:
    """Keep a text that two quick saves would have lost under a name of its own."""
    beside = path.with_name(f"{path.name}.{hashlib.sha256(content).hexdigest()[:8]}.bak")
    if not beside.exists():
        write_synced(beside, content)


def exchange(one: Path, other: Path) -> bool:
    """Exchange two files or folders in one step (Linux); return False where the system or the file system can't.

    Raises:
        OSError: if it could, but failed.
    """
    function = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if function is None:
        return False
    if function(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE) == 0:
        return True
    code = ctypes.get_errno()
    if code in _NO_EXCHANGE:
        return False
    raise OSError(code, os.strerror(code))


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable, so that a rename survives a power cut; network disks may not know how."""
    descriptor = os.open(folder, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0))
    try:
        with suppress(OSError):
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def safe_name(text: str) -> str:
    """Return the text if it can name a file anywhere, else a readable stand-in that ends in a hash of it.

    Safe are 1 to 64 of the characters A–Z, a–z, 0–9, ``.``, ``_``, ``-``, beginning with a letter or digit and not
    ending in a dot, and no device name of Windows.
    """
    if _SAFE_NAME.fullmatch(text) and not _RESERVED.fullmatch(text) and not text.endswith("."):
        return text
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    slug = re.sub(r"[^A-Za-z0-9]+", "-", plain).strip("-").lower()[:40].strip("-")
    return f"{slug or 'x'}-{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()[:8]}"


@contextmanager
def alone(lock_file: Path, busy: WorkbookError, *, seconds: float = 0) -> Iterator[None]:
    """Hold a lock file, which the system frees if this process dies; wait for it so long, then raise ``busy``."""
    lock = FileLock(lock_file)
    try:
        lock.acquire(timeout=seconds)
    except Timeout as error:
        raise busy from error
    try:
        yield
    finally:
        lock.release()


@contextmanager
def _temporary(path: Path, content: bytes) -> Iterator[Path]:
    """Give a finished, synced file beside the path, and see that it is gone afterwards."""
    temporary = path.with_name(f".{path.name[:80]}.{secrets.token_hex(8)}.tmp")
    try:
        if not _written_unnamed(temporary, content):
            write_synced(temporary, content)
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)


def _written_unnamed(path: Path, content: bytes) -> bool:
    """Write a file without a name, sync it, then name it: if this process dies before, the system keeps nothing of it.

    Returns False where the system can't (it is Linux's, and not every file system's).

    Raises:
        OSError: if the name is taken, or the file can't be written.
    """
    if not hasattr(os, "O_TMPFILE"):
        return False
    try:
        descriptor = os.open(path.parent, os.O_WRONLY | os.O_TMPFILE, 0o666)
    except OSError as error:
        if error.errno in _NO_UNNAMED:
            return False
        raise
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(descriptor)
        return _named(descriptor, path)


def _named(descriptor: int, path: Path) -> bool:
    try:  # a folder's descriptor makes Python use the call that follows links, of which that in /proc is one
        os.link(f"/proc/self/fd/{descriptor}", path, src_dir_fd=descriptor, follow_symlinks=True)
    except OSError as error:
        if error.errno in _NO_LINKS | {errno.ENOENT}:
            return False
        raise
    return True


def write_synced(path: Path, content: bytes) -> None:
    """Write a new file and wait until the disk has it; fails if the path exists."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0), 0o666)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(descriptor)


def _link(temporary: Path, path: Path, content: bytes) -> None:
    """Give the temporary file its name, unless the name is taken; some file systems know no hard links."""
    try:
        path.hardlink_to(temporary)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        write_synced(path, content)
