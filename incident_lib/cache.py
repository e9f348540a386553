"""A cache of large workbooks: the gathered tables as Arrow files, keyed by the content of everything they depend on.

It lies in the user's cache folder (XDG), is readable by the user only, and may be deleted at any time. A damaged or
unreadable entry is as good as none.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path

import pandas as pd
import pyarrow as pa
from pyarrow import feather

from incident_lib.settings import Settings
from incident_lib.sources.reading import Source
from incident_lib.tables import PROBLEMS, TABLES

KEPT = 3
# A file changed in the very moment of reading could keep its time stamp: only older ones are trusted.
SETTLED_SECONDS = 2.0


def cache_folder() -> Path:
    """Return where caches lie: ``$XDG_CACHE_HOME/incident-workbook``, or below the home folder's ``.cache``."""
    stated = os.environ.get("XDG_CACHE_HOME")
    return (Path(stated) if stated else Path.home() / ".cache") / "incident-workbook"


def is_large(sources: Sequence[Source], settings: Settings) -> bool:
    """Tell whether a workbook's files are large enough for a cache to earn its place."""
    sizes = sum(source.path.stat().st_size for source in sources if source.path.is_file())
    return sizes >= settings.sources.cache_megabytes * 1_000_000


def is_new(sources: Sequence[Source]) -> bool:
    """Tell whether the digest of any source was never taken, so that nothing can have been kept of them all."""
    known = _read_json(cache_folder() / "digests.json")
    return any(str(source.path.resolve()) not in known for source in sources)


def digests(sources: Sequence[Source]) -> dict[str, str]:
    """Return each source's SHA-256 by name; one whose size and time of change are as remembered is not read again."""
    memory = cache_folder() / "digests.json"
    known = _read_json(memory)
    found, remembered = {}, {}
    for source in sources:
        stamp, path = _stamp(source.path), str(source.path.resolve())
        old = known.get(path)
        found[source.name] = old[1] if stamp and old and old[0] == stamp else source.digest()
        remembered[path] = [stamp, found[source.name]]
    if remembered != {path: known.get(path) for path in remembered}:
        _write_json(memory, {**known, **remembered})
    return found


def _stamp(path: Path) -> list[int] | None:
    """Return what tells a file's state without reading it; None for folders and files that changed just now."""
    if not path.is_file():
        return None
    stat = path.stat()
    settled = time.time() - stat.st_mtime > SETTLED_SECONDS
    return [stat.st_size, stat.st_mtime_ns, stat.st_ino] if settled else None


def key_of(hashes: Mapping[str, str], settings: Settings) -> str:
    """Return the key of a workbook's content: its files, its settings, and the code that reads them."""
    content = [sorted(hashes.items()), settings.model_dump_json(), _code()]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


@cache
def _code() -> str:
    """Return the hash of this package's source, so that no cache outlives the code that made it."""
    sha = hashlib.sha256()
    for path in sorted(Path(__file__).parent.rglob("*.py")):
        sha.update(path.read_bytes())
    return sha.hexdigest()


def read_tables(key: str) -> dict[str, pd.DataFrame] | None:
    """Return the tables that were kept under a key; None if there are none, or they can't be read."""
    folder = cache_folder() / key
    try:
        paths = {table.name: folder / f"{table.name}.arrow" for table in TABLES}
        tables = {name: feather.read_table(path, memory_map=True).to_pandas() for name, path in paths.items()}
        os.utime(folder)
    except (OSError, pa.ArrowException):
        return None
    return {table.name: table.conform(tables[table.name]) for table in TABLES}


def write_aside(key: str, write: Callable[..., None], *content: object) -> None:
    """Let ``write`` keep some content under a key while the caller goes on; one after another, in order.

    ``settle`` waits for it, and so do the process before it ends, and a fork, which would copy half of it.
    """
    global _writer
    before, parent = _writer, cache_folder()

    def run() -> None:
        if before:
            before.join()
        write(key, *content, parent=parent)

    _writer = threading.Thread(target=run, name="cache")
    _writer.start()


def settle() -> None:
    """Wait until everything is written that was to be written aside."""
    if _writer:
        _writer.join()


_writer: threading.Thread | None = None
os.register_at_fork(before=settle)


def write_tables(key: str, tables: Mapping[str, pd.DataFrame], *, parent: Path | None = None) -> None:
    """Keep tables under a key, in one rename, and drop all but the newest few; without room it does nothing."""
    parent = parent or cache_folder()
    try:
        parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(dir=parent, prefix=".draft-"))
        try:
            for name, frame in tables.items():
                feather.write_feather(frame, draft / f"{name}.arrow", compression="uncompressed")
            draft.rename(parent / key)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
        _drop_old(parent)
    except OSError:
        return


def read_findings(key: str, moment: pd.Timestamp) -> pd.DataFrame | None:
    """Return the findings that were kept for the tables under a key, as of a moment; None if there are none."""
    try:
        return PROBLEMS.conform(feather.read_table(cache_folder() / key / _findings_name(moment)).to_pandas())
    except (OSError, pa.ArrowException):
        return None


def write_findings(key: str, moment: pd.Timestamp, found: pd.DataFrame, *, parent: Path | None = None) -> None:
    """Keep findings beside the tables that they are about; without room it does nothing."""
    path = (parent or cache_folder()) / key / _findings_name(moment)
    try:
        draft = path.with_suffix(f".{os.getpid()}")
        feather.write_feather(found, draft, compression="uncompressed")
        draft.replace(path)
    except OSError:
        return


def _findings_name(moment: pd.Timestamp) -> str:
    return f"findings-{moment.value}.arrow"


def _drop_old(parent: Path) -> None:
    folders = [path for path in parent.iterdir() if path.is_dir() and not path.name.startswith(".")]
    for path in sorted(folders, key=lambda path: path.stat().st_mtime, reverse=True)[KEPT:]:
        shutil.rmtree(path, ignore_errors=True)


def _read_json(path: Path) -> dict[str, list]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _write_json(path: Path, content: Mapping[str, object]) -> None:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = path.with_suffix(f".{os.getpid()}")
        draft.write_text(json.dumps(content), encoding="utf-8")
        draft.replace(path)
    except OSError:
        return
