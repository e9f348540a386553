"""Publishing: whole or not at all, one at a time, swept after a kill; names; the index."""

import errno
import json
import multiprocessing
import os
import signal
import threading
import time
from pathlib import Path

import pytest
from filelock import FileLock
from hypothesis import given
from hypothesis import strategies as st

from incident_lib import files
from incident_lib.errors import ReportError, SettingsError, WorkbookError
from incident_lib.files import create_only, safe_name, write_atomically
from incident_lib.reports import publish as publishing
from incident_lib.reports.index import read_entries, readable_time, rebuild_index
from incident_lib.reports.publish import manifest_of, place_of, publish, sweep, workspace


def put(reports, kind="timeliness", name="", text="one", **done):
    """Publish a small report."""
    place = place_of(reports, kind, name)
    pages = {f"{place.stem}.html": text.encode(), f"{place.stem}.ipynb": text.encode()}
    done = {"answer": f"{text} & more.", "as_of": "2026-03-31T17:00:00Z", **done}
    with workspace(reports) as scratch:
        return publish(place, pages, manifest_of(kind, name, f"Title <{text}>", {}, done, pages), scratch=scratch)


def tree(folder):
    """Return all files below a folder, with their contents, leaving out the lock."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*"))
            if path.is_file() and path.name != ".lock"}  # fmt: skip


def test_report_replaces_the_last_one_whole(tmp_path):
    """The new folder has the new files only, and nothing is left over beside it."""
    put(tmp_path)
    (tmp_path / "timeliness" / "old.csv").write_text("gone")
    published = put(tmp_path, text="two")

    names = {path.name for path in published.folder.iterdir()}
    assert names == {"manifest.json", "timeliness.html", "timeliness.ipynb"}
    assert {path.name for path in tmp_path.iterdir()} == {".lock", "timeliness"}
    assert published.page.read_text() == "two" and published.answer == "two & more."


def test_without_exchange_the_result_is_the_same(tmp_path, monkeypatch):
    """Where the system can't exchange folders, two renames do."""
    monkeypatch.setattr(publishing, "exchange", lambda one, other: False)
    put(tmp_path)
    put(tmp_path, text="two")

    assert tree(tmp_path)["timeliness/timeliness.html"] == b"two" and len(tree(tmp_path)) == 3


def test_caught_between_two_renames_the_old_report_comes_back(tmp_path):
    """A run that died between its two renames is undone by the next sweep."""
    put(tmp_path, "draft", "INC-1")
    (tmp_path / "draft" / "INC-1").rename(tmp_path / "draft" / ".aside-INC-1")
    sweep(tmp_path)

    assert (tmp_path / "draft" / "INC-1" / "draft-INC-1.html").read_text() == "one"


def test_reports_within_a_report_are_carried_over(tmp_path):
    """``timeliness`` and ``timeliness/2026-Q1`` live together, whichever is made anew."""
    put(tmp_path, name="2026-Q1", text="quarter")
    put(tmp_path, text="all")
    put(tmp_path, text="all again")
    put(tmp_path, name="2026-Q1", text="quarter again")

    assert tree(tmp_path)["timeliness/timeliness.html"] == b"all again"
    assert tree(tmp_path)["timeliness/2026-Q1/timeliness-2026-Q1.html"] == b"quarter again"


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EACCES])
def test_failure_at_any_write_leaves_the_last_report(tmp_path, monkeypatch, code):
    """Whichever write or rename fails, the last good report stays byte for byte and the scratch folder is gone."""
    put(tmp_path)
    before = tree(tmp_path)
    for function in ("write_synced", "sync_folder", "_swap"):
        def fail(*arguments, **rest):
            raise OSError(code, os.strerror(code))

        with monkeypatch.context() as patch, pytest.raises(ReportError, match="last good report is untouched"):
            patch.setattr(publishing, function, fail)
            put(tmp_path, text="two")
        assert tree(tmp_path) == before
        assert not list(tmp_path.glob(".scratch-*"))


def _publish_for_ever(reports):
    for number in range(10_000):
        put(Path(reports), text=f"version {number}" * 200)


def test_killed_at_any_time_the_report_is_whole(tmp_path):
    """After kill -9 in the middle of publishing, page and manifest belong together, and the next run cleans up."""
    put(tmp_path)
    for delay in (0.15, 0.19, 0.23, 0.27, 0.31, 0.35):
        process = multiprocessing.get_context("fork").Process(target=_publish_for_ever, args=(str(tmp_path),))
        process.start()
        time.sleep(delay)
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        sweep(tmp_path)
        manifest = json.loads((tmp_path / "timeliness" / "manifest.json").read_bytes())
        page = (tmp_path / "timeliness" / "timeliness.html").read_text()
        assert manifest["title"] == f"Title <{page}>"
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == [".lock"]


def test_readers_never_see_half_a_report(tmp_path):
    """While versions are published, whoever reads a folder through one handle sees one version."""
    put(tmp_path)
    torn, stop = [], threading.Event()

    def read():
        while not stop.is_set():
            folder = os.open(tmp_path / "timeliness", os.O_RDONLY)
            names = ("manifest.json", "timeliness.html")
            try:
                manifest, page = (os.fdopen(os.open(name, os.O_RDONLY, dir_fd=folder)).read() for name in names)
                torn.extend([page] if json.loads(manifest)["title"] != f"Title <{page}>" else [])
            except FileNotFoundError:
                pass  # the version that we hold has just been removed
            finally:
                os.close(folder)

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(40):
        put(tmp_path, text=f"v{number}")
    stop.set()
    reader.join()
    assert torn == []


def test_sweep_leaves_the_scratch_of_a_living_run(tmp_path):
    """The scratch folder of a run that lives is locked, and stays; an abandoned one goes, and temporary files too."""
    (tmp_path / ".scratch-dead").mkdir()
    (tmp_path / f".index.html.{'0' * 16}.tmp").write_text("")
    with workspace(tmp_path) as scratch:
        (scratch / "run.ipynb").write_text("{}")
        sweep(tmp_path)
        assert (scratch / "run.ipynb").exists() and oct(scratch.stat().st_mode)[-3:] == "700"
    assert [path.name for path in tmp_path.iterdir()] == [".lock"]


def test_waiting_for_another_run_ends(tmp_path, monkeypatch):
    """If another run keeps the folder, that is said instead of waiting for ever."""
    monkeypatch.setattr(publishing, "LOCK_SECONDS", 0.1)
    with FileLock(tmp_path / ".lock"), pytest.raises(ReportError, match="another run has been publishing"):
        put(tmp_path)


def test_links_are_not_followed_out_of_the_reports(tmp_path):
    """A report is never written through a link."""
    outside, reports = tmp_path / "outside", tmp_path / "reports"
    outside.mkdir()
    reports.mkdir()
    (reports / "draft").symlink_to(outside)
    with pytest.raises(ReportError, match="is a link"):
        put(reports, "draft", "INC-1")
    assert list(outside.iterdir()) == []


def test_names_that_differ_in_case_only_are_refused(tmp_path):
    """Two names that some disks can't tell apart don't overwrite each other."""
    put(tmp_path, "draft", "INC-1")
    with pytest.raises(ReportError, match="differs from the report 'INC-1' beside it only in case"):
        put(tmp_path, "draft", "inc-1")


@pytest.mark.parametrize(
    "name",
    ["../../x", "/x", "..", ".git", "-rf", "CON", "nul.txt", "a\0b", "ＩＮＣ", 300 * "x", "é", "a b", "x.", "\u202ex"],
)
def test_unsafe_names_get_a_stand_in(name):
    """Names that escape, hide, or mean something to a system become a slug with a hash."""
    safe = safe_name(name)
    assert safe != name and safe_name(safe) == safe and len(safe) < 60 and safe[-9] == "-"


@given(st.text(), st.text())
def test_safe_names_stay_apart(one, other):
    """Different names never share a file, and every name is one plain path part."""
    assert (safe_name(one) == safe_name(other)) == (one == other)
    assert Path(safe_name(one)).name == safe_name(one)


def test_kind_is_a_plain_word(tmp_path):
    """A kind that is no plain word is refused."""
    with pytest.raises(SettingsError, match="no kind of report"):
        place_of(tmp_path, "../x")


def test_atomic_write_keeps_permissions_and_replaces_links(tmp_path):
    """A replaced file keeps its mode; a link is replaced, its target stays; a failure leaves what was there."""
    path, link = tmp_path / "page.md", tmp_path / "link"
    path.write_text("old")
    path.chmod(0o640)
    link.symlink_to(path)
    write_atomically(link, b"mine")
    write_atomically(path, b"new")

    assert (path.read_bytes(), link.read_bytes(), path.stat().st_mode & 0o777) == (b"new", b"mine", 0o640)
    with pytest.raises(WorkbookError, match="can't write"):
        write_atomically(tmp_path / "none" / "x", b"")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link", "page.md"]


@pytest.mark.parametrize("links", [True, False])
def test_create_only_never_overwrites(tmp_path, monkeypatch, links):
    """A file that exists stays, also on a disk without hard links."""
    def refuse(self, other):
        raise OSError(errno.EPERM, "no links here")

    if not links:
        monkeypatch.setattr(Path, "hardlink_to", refuse)
    path = tmp_path / "INC-1.md"
    create_only(path, b"first")
    with pytest.raises(WorkbookError, match="exists already"):
        create_only(path, b"second")
    assert path.read_bytes() == b"first" and len(list(tmp_path.iterdir())) == 1


def test_disk_full_leaves_no_temporary_file(tmp_path, monkeypatch):
    """If the disk is full the old content stays, and so does nothing else."""
    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    (tmp_path / "a").write_text("old")
    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(WorkbookError, match="No space left on device; what was there before is untouched"):
        write_atomically(tmp_path / "a", b"new")
    assert [path.read_text() for path in tmp_path.iterdir()] == ["old"]


def test_index_lists_reports_by_kind_newest_first(tmp_path):
    """Groups in a fixed order, newest first, every text escaped, links relative; the same manifests, the same bytes."""
    put(tmp_path, "postmortem-draft", "INC-1", text="d1", as_of="2026-01-01T00:00:00Z")
    put(tmp_path, "postmortem-draft", "INC-2", text="d2", as_of="2026-02-01T00:00:00Z")
    put(tmp_path, text="time")
    path = rebuild_index(tmp_path, "Our <reports>")
    first = path.read_bytes()
    text = first.decode()

    parts = [">Timeliness<", "Title &lt;time&gt;", ">Post-mortem drafts<", "d2 &amp;", "d1 &amp;"]
    assert sorted(parts, key=text.index) == parts and "<h1>Our &lt;reports&gt;</h1>" in text
    assert 'href="postmortem-draft/INC-1/postmortem-draft-INC-1.html"' in text
    assert text.count("<script>") == 1 and "as of 2026-02-01 00:00 UTC" in text
    assert rebuild_index(tmp_path, "Our <reports>").read_bytes() == first


def test_index_names_what_it_cannot_read(tmp_path):
    """A damaged manifest is listed as such; an empty folder has an index that says so."""
    put(tmp_path, "draft", "INC-1")
    (tmp_path / "draft" / "INC-1" / "manifest.json").write_text("[]")

    assert read_entries(tmp_path) == ([], ["draft/INC-1"])
    assert "<li>draft/INC-1</li>" in rebuild_index(tmp_path, "R").read_text()
    assert "No report has been made yet" in rebuild_index(tmp_path / "empty", "R").read_text()


def test_times_are_shown_as_people_write_them():
    """UTC times are shortened to the minute; anything else stays."""
    assert readable_time("2026-03-31T17:00:00+00:00") == "2026-03-31 17:00 UTC"
    assert readable_time("2026-03-31T17:00:00+02:00") == "2026-03-31T17:00:00+02:00"
