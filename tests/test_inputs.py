"""What a report is made from, as a hash: contents count, times of files don't, and little is read twice."""

import os
import time

import pytest

from incident_lib.scheduling.inputs import code_fingerprint, fingerprint, look_at_files, versions


@pytest.fixture
def folder(tmp_path):
    """Return a workbook's folder with two files that are some minutes old."""
    (tmp_path / "pages").mkdir()
    for name in ("a.csv", "pages/b.md"):
        (tmp_path / name).write_text(name)
        old(tmp_path / name)
    return tmp_path


def old(path, seconds=300.0):
    """Let a file have been written some time ago."""
    os.utime(path, (time.time() - seconds,) * 2)


def look(folder, known=None):
    """Return the state of a folder's files."""
    return look_at_files(folder, known or {}, without=folder / "reports")


def test_the_same_contents_are_the_same_whatever_their_time(folder):
    """A file that was only touched is no news; one more word is."""
    before = look(folder)
    old(folder / "a.csv", 100)
    assert fingerprint(look(folder, before)) == fingerprint(before)
    (folder / "a.csv").write_text("changed")
    assert fingerprint(look(folder, before)) != fingerprint(before)


def test_a_new_name_is_news(folder):
    """Renaming, adding and removing files change the hash."""
    before = fingerprint(look(folder))
    (folder / "a.csv").rename(folder / "c.csv")
    assert fingerprint(look(folder)) != before


def test_a_file_known_by_size_and_time_is_not_read_again(folder):
    """What is remembered is believed for a file that has not changed since."""
    known = {name: (*state[:3], "remembered") for name, state in look(folder).items()}

    assert {state[3] for state in look(folder, known).values()} == {"remembered"}


def test_a_file_written_just_now_is_read_again(folder):
    """Two saves within the clock's tick could look alike: until a file is settled, its hash isn't believed."""
    (folder / "a.csv").write_text("one")
    before = look(folder)
    stat = (folder / "a.csv").stat()
    (folder / "a.csv").write_text("two")
    os.utime(folder / "a.csv", ns=(stat.st_atime_ns, stat.st_mtime_ns))

    assert fingerprint(look(folder, before)) != fingerprint(before)


def test_own_files_are_left_out(folder):
    """Locks, other names with a dot, and the reports inside a workbook are no inputs."""
    before = fingerprint(look(folder))
    (folder / ".run.lock").touch()
    (folder / "reports").mkdir()
    (folder / "reports" / "index.html").touch()

    assert fingerprint(look(folder)) == before


def test_a_file_that_is_gone_is_no_traceback(folder):
    """A link that leads nowhere counts as unreadable."""
    (folder / "dead.csv").symlink_to(folder / "nowhere")

    assert look(folder)["dead.csv"][3] == "unreadable"


def test_our_own_code_and_its_libraries_count():
    """The hash of the code is one for a process, and what isn't installed is said."""
    assert code_fingerprint() == code_fingerprint()
    assert versions(("pandas", "no-such-distribution"))["no-such-distribution"] == "unknown"
