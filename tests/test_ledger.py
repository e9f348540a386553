"""The ledger: what it keeps and forgets, runs that died, damage, readers without write access."""

import os
import sqlite3
import stat
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from incident_lib.scheduling.ledger import LEDGER, LedgerError, is_damaged, open_ledger, reading
from incident_lib.scheduling.plan import DRAFTS, FOLLOW_UP, Due, Past

AT = datetime(2026, 3, 2, 12, 0, 5, tzinfo=UTC)
BOARD = Due(FOLLOW_UP, "", AT.replace(second=0), "due")


@pytest.fixture
def ledger(tmp_path):
    """Return an empty ledger in the test's folder."""
    with closing(open_ledger(tmp_path)) as opened:
        yield opened


def note(ledger, due=BOARD, at=AT, error=None, inputs="abc"):
    """Write one run of one report that ended."""
    run = ledger.begin_run(at, {"pandas": "3"})
    [row] = ledger.begin(run, at, [(due, inputs)]).values()
    ledger.end(row, seconds=1.5, error=error)
    return ledger.end_run(run, at + timedelta(seconds=2))


def test_a_good_run_is_remembered(ledger):
    """Slot, moment and inputs of the last good run come back as they went in."""
    assert note(ledger) == {"made": 1, "unchanged": 0, "failed": 0}

    assert ledger.past() == {(FOLLOW_UP, ""): Past(BOARD.slot, "made", 0, BOARD.slot, AT, "abc")}
    assert ledger.newest_moment() == AT
    assert ledger.unfinished() is None


def test_failures_of_one_slot_are_counted_and_the_good_run_stays_known(ledger):
    """Two failures after a good run: the newest outcome is failed, twice, and the last good run is the old one."""
    note(ledger)
    tomorrow = replace(BOARD, slot=BOARD.slot + timedelta(days=1))
    for hour in (24, 25):
        note(ledger, tomorrow, AT + timedelta(hours=hour), error="it broke", inputs="abd")

    assert ledger.past()[FOLLOW_UP, ""] == Past(tomorrow.slot, "failed", 2, BOARD.slot, AT, "abc")


def test_looking_for_drafts_is_no_report_that_was_made(ledger):
    """The look for missing drafts has its row, and is not counted among the reports; its failure is."""
    assert note(ledger, replace(BOARD, kind=DRAFTS))["made"] == 0
    assert note(ledger, replace(BOARD, kind=DRAFTS), error="unreadable")["failed"] == 1


def test_a_run_that_died_is_mended(ledger):
    """Of its reports, one that came to be published counts as made, the other as interrupted."""
    run = ledger.begin_run(AT, {})
    other = replace(BOARD, kind="timeliness")
    ledger.begin(run, AT, [(BOARD, "abc"), (other, "abd")])

    assert {one.kind for one in ledger.unfinished()} == {FOLLOW_UP, "timeliness"}
    ledger.mend(lambda one: one.kind == FOLLOW_UP and one.as_of == "2026-03-02T12:00:05Z", AT)
    assert {key: last.outcome for key, last in ledger.past().items()} == {
        (FOLLOW_UP, ""): "made", ("timeliness", ""): "interrupted"}  # fmt: skip
    assert ledger.unfinished() is None


def test_a_run_that_died_before_its_first_report_is_unfinished_too(ledger):
    """So that the next run sees to the index, which may be old."""
    ledger.begin_run(AT, {})

    assert ledger.unfinished() == []


def test_old_rows_are_forgotten_but_not_the_newest_and_the_newest_good(ledger):
    """A year of rows shrinks to those that are young, the newest, and the newest good one."""
    for day in range(10):
        due = replace(BOARD, slot=BOARD.slot + timedelta(days=day))
        note(ledger, due, AT + timedelta(days=day), error=None if day < 5 else "it broke")
    before = ledger.past()
    ledger.forget_before(AT + timedelta(days=8))

    assert ledger.past()[FOLLOW_UP, ""] == before[FOLLOW_UP, ""]
    rows = ledger._connection.execute("SELECT as_of FROM reports ORDER BY id").fetchall()
    assert [row[0][8:10] for row in rows] == ["06", "10", "11"]
    assert ledger._connection.execute("SELECT count(*) FROM runs").fetchone() == (3,)


def test_what_lies_ahead_can_be_forgotten(ledger):
    """After a time with a wrong clock, its runs and their reports go."""
    note(ledger)
    note(ledger, replace(BOARD, slot=AT + timedelta(days=3650)), AT + timedelta(days=3650))
    ledger.forget_after(AT)

    assert ledger.newest_moment() == AT
    assert ledger.past()[FOLLOW_UP, ""].slot == BOARD.slot


def test_files_are_remembered(ledger):
    """The states of files come back, those of before are gone."""
    ledger.remember_files({"a.csv": (1, 2, 3, "x"), "b.csv": (1, 2, 3, "y")})
    ledger.remember_files({"b.csv": (4, 5, 2**60, "z")})

    assert ledger.files() == {"b.csv": (4, 5, 2**60, "z")}


def test_times_from_any_zone_are_one_kind_of_text(ledger, tmp_path):
    """Whatever zone a moment is in, the ledger holds UTC, so that texts sort as times."""
    note(ledger, at=datetime.fromisoformat("2026-03-02T07:00:05-05:00"))

    with closing(sqlite3.connect(tmp_path / LEDGER)) as raw:
        assert raw.execute("SELECT at FROM runs").fetchone() == ("2026-03-02T12:00:05Z",)


def test_there_is_no_ledger_to_read(tmp_path):
    """Reading where no run took place is a sentence, and makes no file."""
    with pytest.raises(LedgerError, match="'incidents run' has not run there yet"):
        open_ledger(tmp_path, for_reading=True)
    assert list(tmp_path.iterdir()) == []


def test_a_newer_ledger_is_left_alone(ledger, tmp_path):
    """A ledger of a newer version is refused."""
    ledger._connection.execute("PRAGMA user_version = 99")

    with pytest.raises(LedgerError, match="made by a newer version"):
        open_ledger(tmp_path)


@pytest.mark.parametrize("content", [b"no database at all" * 300, b"SQLite format 3\0" + b"\xff" * 4000])
def test_damage_is_seen(tmp_path, content):
    """A file that is no database, or a broken one, is damaged; an empty one is a new ledger."""
    (tmp_path / LEDGER).write_bytes(content)

    assert is_damaged(tmp_path)
    with pytest.raises(LedgerError, match="can't be read"):
        open_ledger(tmp_path)


def test_an_empty_file_is_a_new_ledger(tmp_path):
    """A run that was killed before its first write leaves an empty file, which is as good as none."""
    (tmp_path / LEDGER).touch()

    assert not is_damaged(tmp_path)
    open_ledger(tmp_path).close()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs to become another user")
def test_somebody_without_write_access_can_read_it(ledger, tmp_path):
    """A monitoring system's user reads the ledger between two runs."""
    note(ledger)
    ledger.close()
    for folder in [tmp_path, *tmp_path.parents]:
        if folder.owner() == "root" and "pytest" in str(folder):
            folder.chmod(folder.stat().st_mode | stat.S_IXOTH | stat.S_IROTH)
    child = os.fork()
    if not child:
        code = 1
        try:
            os.setgid(65534)
            os.setuid(65534)
            with reading(open_ledger(tmp_path, for_reading=True)) as theirs:
                code = 0 if theirs.past() else 1
        finally:
            os._exit(code)

    assert os.waitpid(child, 0)[1] == 0
