"""The cache of large workbooks: the same records, sooner, and never a stale or damaged one."""

from __future__ import annotations

import hashlib
import os
import threading
from pathlib import Path

import pandas as pd
import pytest
from factories import page

from incident_lib import cache, loading
from incident_lib.loading import load
from incident_lib.tables import TABLES

ALWAYS = "[sources]\ncache_megabytes = 0\n"


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch) -> Path:
    """Keep each test's cache in its own folder."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "caches"))
    return tmp_path / "caches" / "incident-workbook"


def entries(folder: Path) -> list[Path]:
    """Return what the cache keeps, once it is written."""
    cache.settle()
    return [path for path in folder.glob("*") if path.is_dir()] if folder.exists() else []


def test_the_second_load_gives_equal_tables(workbook, own_cache):
    """Types, order and values are the same from the cache."""
    folder = workbook({"postmortems/a.md": page()}, ALWAYS)
    first, second = load(folder), load(folder)

    assert len(entries(own_cache)) == 1
    for table in TABLES:
        pd.testing.assert_frame_equal(getattr(first, table.name), getattr(second, table.name))


def test_what_is_kept_is_written_aside_and_whole_before_it_is_asked_for(workbook, own_cache, monkeypatch):
    """The first load does not wait for the disk; the next one does, and a process that forks."""
    begun, folder = threading.Event(), workbook({"postmortems/a.md": page()}, ALWAYS)
    written = cache.write_tables

    def slowly(*arguments, **named) -> None:
        begun.wait(10)
        written(*arguments, **named)

    monkeypatch.setattr(loading, "write_tables", slowly)
    first = load(folder)
    assert [path for path in own_cache.glob("*") if path.is_dir()] == []
    begun.set()
    monkeypatch.setattr(loading, "gather", None)  # so that it can only come from the cache

    assert load(folder).incidents.equals(first.incidents)


def test_the_digest_of_a_new_file_is_that_of_its_content(workbook):
    """It is taken while the file is read, and is the same that anybody can compute."""
    folder = workbook({"postmortems/a.md": page()}, ALWAYS)
    content = (folder / "postmortems/a.md").read_bytes()

    assert load(folder).sources["postmortems/a.md"] == hashlib.sha256(content).hexdigest()


def test_a_small_workbook_leaves_no_trace(workbook, own_cache):
    """Reading it again costs less than keeping it."""
    load(workbook({"postmortems/a.md": page()}))

    assert entries(own_cache) == []


def test_a_change_in_a_file_or_a_setting_is_seen(workbook):
    """The key is the content of everything that the tables depend on."""
    load(workbook({"postmortems/a.md": page()}, ALWAYS))
    changed = load(workbook({"postmortems/a.md": page(title="Another")}, ALWAYS))
    stricter = load(workbook({"postmortems/a.md": page()}, ALWAYS + '[severities]\naliases = { x = "low" }\n'))

    assert changed.incidents["title"].tolist() == ["Another"]
    assert stricter.settings.severities.aliases == {"x": "low"}


def test_a_damaged_entry_is_as_good_as_none(workbook, own_cache):
    """Cut in half, or made of other bytes: it is read anew from the sources."""
    folder = workbook({"postmortems/a.md": page()}, ALWAYS)
    load(folder)
    for path in entries(own_cache)[0].iterdir():
        path.write_bytes(b"nonsense")

    assert load(folder).incidents["title"].tolist() == ["Outbound mail delayed"]


def test_without_a_place_to_write_nothing_fails(workbook, monkeypatch, tmp_path):
    """A cache that can't be made is no reason to fail."""
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))

    assert len(load(workbook({"postmortems/a.md": page()}, ALWAYS)).incidents) == 1


def test_only_the_newest_few_are_kept(own_cache):
    """Old entries go, so that the cache doesn't grow for ever."""
    tables = {table.name: table.frame() for table in TABLES}
    for number in range(6):
        cache.write_tables(f"key{number}", tables)
        os.utime(own_cache / f"key{number}", (number, number))

    assert len(entries(own_cache)) <= cache.KEPT + 1


def test_a_file_that_changed_just_now_is_read_in_full(workbook):
    """Its time stamp could stay the same after another change within the same moment."""
    path = workbook({"a.csv": "x"}) / "a.csv"
    assert cache._stamp(path) is None
    os.utime(path, (1, 1))
    assert cache._stamp(path) is not None
