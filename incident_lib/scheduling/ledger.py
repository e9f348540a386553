"""The ledger of scheduled runs: what ran, when and why, from which inputs, how it ended; one SQLite file.

It keeps a rollback journal, not a write-ahead log: a reader without write access, such as a monitoring system's user,
can't open a database in WAL mode once its last writer has closed it, and network disks don't carry one. The price is
that such a reader waits for the next run if one was killed in the very middle of a commit.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from incident_lib.errors import ReportError
from incident_lib.scheduling.plan import DRAFTS, Due, Past

LEDGER = "ledger.sqlite"
VERSION = 1
BUSY_SECONDS = 10
_SCHEMA = """
CREATE TABLE runs (
    run INTEGER PRIMARY KEY, at TEXT NOT NULL, ended_at TEXT, versions TEXT NOT NULL,
    made INTEGER NOT NULL DEFAULT 0, unchanged INTEGER NOT NULL DEFAULT 0, failed INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE reports (
    id INTEGER PRIMARY KEY, run INTEGER NOT NULL REFERENCES runs (run) ON DELETE CASCADE,
    kind TEXT NOT NULL, name TEXT NOT NULL, slot TEXT NOT NULL, why TEXT NOT NULL, as_of TEXT NOT NULL,
    inputs TEXT NOT NULL,
    outcome TEXT NOT NULL CHECK (outcome IN ('running', 'made', 'unchanged', 'failed', 'interrupted')),
    seconds REAL, error TEXT
) STRICT;
CREATE INDEX by_report ON reports (kind, name, id);
CREATE TABLE files (
    path TEXT PRIMARY KEY, size INTEGER NOT NULL, changed INTEGER NOT NULL, inode INTEGER NOT NULL, sha256 TEXT NOT NULL
) STRICT, WITHOUT ROWID;
"""
_NEWEST = """
SELECT kind, name, slot, outcome,
    (SELECT count(*) FROM reports failed WHERE failed.kind = last.kind AND failed.name = last.name
        AND failed.slot = last.slot AND failed.outcome = 'failed'),
    good_slot, good_as_of, good_inputs
FROM reports last LEFT JOIN (
    SELECT kind AS k, name AS n, slot AS good_slot, as_of AS good_as_of, inputs AS good_inputs, max(id)
    FROM reports WHERE outcome IN ('made', 'unchanged') GROUP BY kind, name
) ON k = kind AND n = name
WHERE id IN (SELECT max(id) FROM reports GROUP BY kind, name)
"""
FileState = tuple[int, int, int, str]


@contextmanager
def reading(ledger: Ledger) -> Iterator[Ledger]:
    """Give a ledger to read from, and close it.

    Raises:
        LedgerError: if a run was killed in the middle of a commit, which only the next run can mend.
    """
    try:
        yield ledger
    except sqlite3.Error as error:
        raise LedgerError(f"the ledger can't be read: {error}") from error
    finally:
        ledger.close()


class LedgerError(ReportError):
    """The ledger can't be read or written."""


@dataclass(frozen=True)
class Unfinished:
    """A report whose run died: its row, what it is, and the ``as_of`` that it was to have."""

    id: int
    kind: str
    name: str
    as_of: str


class Ledger:
    """The ledger of one reports' folder; the caller holds the lock of runs while writing."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def past(self) -> dict[tuple[str, str], Past]:
        """Return what is known of each report, by kind and name."""
        rows = self._connection.execute(_NEWEST)
        return {(kind, name): Past(parse(slot), outcome, failures, good_slot and parse(good_slot),
                                   good_at and parse(good_at), good_inputs or "")
                for kind, name, slot, outcome, failures, good_slot, good_at, good_inputs in rows}  # fmt: skip

    def newest_moment(self) -> datetime | None:
        """Return when the newest run took place, by its own clock."""
        [newest] = self._connection.execute("SELECT max(at) FROM runs").fetchone()
        return newest and parse(newest)

    def unfinished(self) -> list[Unfinished] | None:
        """Return the reports of runs that never ended; None if all ended."""
        died = self._connection.execute("SELECT count(*) FROM runs WHERE ended_at IS NULL").fetchone()[0]
        rows = self._connection.execute("SELECT id, kind, name, as_of FROM reports WHERE outcome = 'running'")
        found = [Unfinished(*row) for row in rows]
        return found if died or found else None

    def mend(self, finished: Callable[[Unfinished], bool], at: datetime) -> None:
        """Close the runs that died: a report that came to be published counts as made, any other as interrupted."""
        found = [(("made" if finished(one) else "interrupted"), one.id) for one in self.unfinished() or ()]
        with self._connection:
            self._connection.executemany("UPDATE reports SET outcome = ? WHERE id = ?", found)
            self._connection.execute("UPDATE runs SET ended_at = ? WHERE ended_at IS NULL", (written(at),))

    def begin_run(self, at: datetime, versions: Mapping[str, str]) -> int:
        """Note that a run begins; return its number."""
        with self._connection:
            row = self._connection.execute(
                "INSERT INTO runs (at, versions) VALUES (?, ?)", (written(at), json.dumps(versions, sort_keys=True))
            )
        return int(row.lastrowid or 0)

    def begin(self, run: int, at: datetime, due: Iterable[tuple[Due, str]], outcome: str = "running") -> dict[Due, int]:
        """Note reports that are to be made from these inputs; return the row of each."""
        with self._connection:
            return {one: self._added(run, at, one, inputs, outcome) for one, inputs in due}

    def _added(self, run: int, at: datetime, due: Due, inputs: str, outcome: str) -> int:
        row = self._connection.execute(
            "INSERT INTO reports (run, kind, name, slot, why, as_of, inputs, outcome) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (run, due.kind, due.name, written(due.slot), due.why, written(at), inputs, outcome),
        )
        return int(row.lastrowid or 0)

    def end(self, row: int, *, seconds: float, error: str | None = None, inputs: str | None = None) -> None:
        """Note what became of a report, and from which inputs, if that was not known at its beginning."""
        with self._connection:
            self._connection.execute(
                "UPDATE reports SET outcome = ?, seconds = ?, error = ?, inputs = coalesce(?, inputs) WHERE id = ?",
                ("failed" if error else "made", round(seconds, 3), error, inputs, row),
            )

    def end_run(self, run: int, at: datetime) -> dict[str, int]:
        """Note that a run ended; return how many reports it made, left unchanged, and failed to make."""
        rows = self._connection.execute(
            "SELECT outcome, count(*) FROM reports WHERE run = ? AND kind != ? OR run = ? AND outcome = 'failed' "
            "GROUP BY outcome", (run, DRAFTS, run),
        )  # fmt: skip
        counts = {"made": 0, "unchanged": 0, "failed": 0} | dict(rows)
        with self._connection:
            self._connection.execute(
                "UPDATE runs SET ended_at = ?, made = ?, unchanged = ?, failed = ? WHERE run = ?",
                (written(at), counts["made"], counts["unchanged"], counts["failed"], run),
            )
        return counts

    def forget_after(self, moment: datetime) -> None:
        """Forget runs that lie ahead: they took place while the clock was wrong."""
        with self._connection:
            self._connection.execute("DELETE FROM runs WHERE at > ?", (written(moment),))

    def forget_before(self, moment: datetime) -> None:
        """Forget old runs, but for the newest and the newest good one of each report."""
        with self._connection:
            self._connection.execute(
                "DELETE FROM reports WHERE as_of < ? AND id NOT IN (SELECT max(id) FROM reports GROUP BY kind, name) "
                "AND id NOT IN (SELECT max(id) FROM reports WHERE outcome IN ('made', 'unchanged') "
                "GROUP BY kind, name)",
                (written(moment),),
            )
            self._connection.execute(
                "DELETE FROM runs WHERE at < ? AND run NOT IN (SELECT run FROM reports)", (written(moment),)
            )

    def files(self) -> dict[str, FileState]:
        """Return the workbook's files as they were last seen: size, time of change, inode, and hash, by path."""
        return {path: tuple(rest) for path, *rest in self._connection.execute("SELECT * FROM files")}

    def remember_files(self, files: Mapping[str, FileState]) -> None:
        """Remember the workbook's files instead of those before."""
        with self._connection:
            self._connection.execute("DELETE FROM files")
            rows = [(path, *state) for path, state in files.items()]
            self._connection.executemany("INSERT INTO files VALUES (?, ?, ?, ?, ?)", rows)


def open_ledger(reports: Path, *, for_reading: bool = False) -> Ledger:
    """Return the ledger of a reports' folder, made if there is none and it isn't only for reading.

    Raises:
        LedgerError: if there is none to read, it can't be read, or a newer version made it.
    """
    path = reports / LEDGER
    if for_reading and not path.is_file():
        raise LedgerError(f"there is no ledger {path}; 'incidents run' has not run there yet")
    try:
        connection = _connected(path, for_reading)
    except sqlite3.Error as error:
        raise LedgerError(f"the ledger {path} can't be read: {error}") from error
    return Ledger(connection)


def is_damaged(reports: Path) -> bool:
    """Tell whether there is a ledger, and it is no database any more, or a broken one."""
    path = reports / LEDGER
    try:
        with closing(sqlite3.connect(path, timeout=BUSY_SECONDS)) as connection:
            return connection.execute("PRAGMA quick_check").fetchone() != ("ok",)
    except sqlite3.DatabaseError as error:
        return not isinstance(error, sqlite3.OperationalError)


def written(moment: datetime) -> str:
    """Return a moment as the ledger holds it: UTC, to the second, so that texts sort as times."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse(text: str) -> datetime:
    """Return a moment that the ledger holds."""
    return datetime.fromisoformat(text)


def _connected(path: Path, for_reading: bool) -> sqlite3.Connection:
    """Return a connection to a ledger of our version."""
    mode = "ro" if for_reading else "rwc"
    uri = f"{path.absolute().as_uri()}?mode={mode}"
    connection = sqlite3.connect(uri, uri=True, timeout=BUSY_SECONDS)
    try:
        [version] = connection.execute("PRAGMA user_version").fetchone()
        if version > VERSION:
            raise LedgerError(f"the ledger {path} was made by a newer version of this program; update it here as well")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA synchronous = FULL")
        if version == 0 and not for_reading:
            connection.executescript(f"BEGIN; {_SCHEMA} PRAGMA user_version = {VERSION}; COMMIT;")
        connection.execute("SELECT count(*) FROM runs").fetchone()
    except BaseException:
        connection.close()
        raise
    return connection
