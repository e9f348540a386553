"""Workbooks and reports at URLs: what is fetched, what is uploaded in which order, and what is refused."""

import json

import pytest
from batch_runs import write_workbook
from click.testing import CliRunner

from incident_lib.cli import cli
from incident_lib.errors import ReportError, SettingsError
from incident_lib.loading import load

fsspec = pytest.importorskip("fsspec")

from incident_lib.batches import storage  # noqa: E402
from incident_lib.batches.afar import Far, Mirror, as_told, near, settled  # noqa: E402
from incident_lib.batches.fetched import fetch  # noqa: E402
from incident_lib.batches.storage import SCHEMES, listed, reach, upload  # noqa: E402

WITH_MEMORY = SCHEMES | {"memory"}
URL = "memory://ours/workbook"


@pytest.fixture(autouse=True)
def memory(tmp_path, monkeypatch):
    """Return fsspec's file system in memory, empty; caches go into a folder of the test."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    fs = fsspec.filesystem("memory")
    fs.store.clear()
    yield fs
    fs.store.clear()


def fill(fs, **more):
    """Put a small workbook, and more files, at the URL."""
    files = {"workbook.toml": b"", "incidents.csv": b"incident_id,title\nINC-2026-001,Mail delayed\n", **more}
    for name, content in files.items():
        fs.pipe_file(f"/ours/workbook/{name}", content)


def write_report(into, name="n1", **files):
    """Write a published report as far as uploading looks at it."""
    folder = into / "timeliness" / name
    folder.mkdir(parents=True, exist_ok=True)
    for file, content in files.items():
        (folder / file).write_bytes(content)
    (folder / "manifest.json").write_text(json.dumps({"files": dict.fromkeys(files, "")}))
    return folder


def test_a_workbook_is_fetched_once_and_only_read(memory, monkeypatch):
    """The folder holds the files and loads; asked again, nothing is fetched; a change gives another folder."""
    fill(memory, **{"postmortems/INC-2026-001.md": b"# Mail", ".git/config": b"[core]"})
    folder = fetch(URL, schemes=WITH_MEMORY)

    assert load(folder).incidents["incident_id"].tolist() == ["INC-2026-001"]
    assert sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()) == [
        "incidents.csv", "postmortems/INC-2026-001.md", "workbook.toml",
    ]  # fmt: skip
    assert (folder / "incidents.csv").stat().st_mode & 0o777 == 0o444 and folder.stat().st_mode & 0o777 == 0o555
    with monkeypatch.context() as patched:
        patched.setattr(type(memory), "get", lambda *_: pytest.fail("it was fetched again"))
        assert fetch(URL, schemes=WITH_MEMORY) == folder == fetch(URL, folder.name, schemes=WITH_MEMORY)
    fill(memory, **{"incidents.csv": b"incident_id,title\nINC-2026-002,Web down\n"})
    assert load(fetch(URL, schemes=WITH_MEMORY)).incidents["incident_id"].tolist() == ["INC-2026-002"]
    with pytest.raises(ReportError, match="has changed since the batch began; run the command again"):
        fetch(URL, "0" * 32, schemes=WITH_MEMORY)


def test_only_the_newest_few_copies_are_kept(memory):
    """Each change gives a folder, and the fourth takes the place of the oldest, though that is read-only."""
    folders = []
    for number in range(4):
        fill(memory, **{"notes/a.md": b"x" * (number + 1)})
        folders.append(fetch(URL, schemes=WITH_MEMORY))

    assert [folder.is_dir() for folder in folders] == [False, True, True, True]


def test_without_versions_the_content_names_the_folder(memory, monkeypatch):
    """Where a storage tells neither ETag nor time, files are fetched each time, and the same content is one folder."""
    monkeypatch.setattr("incident_lib.batches.fetched._VERSIONS", ())
    fill(memory)
    first = fetch(URL, schemes=WITH_MEMORY)
    fill(memory)

    assert fetch(URL, schemes=WITH_MEMORY) == first
    fill(memory, **{"incidents.csv": b"incident_id,title\nINC-2026-001,Mail delaxed\n"})
    assert fetch(URL, schemes=WITH_MEMORY) != first


@pytest.mark.parametrize("name", ["a/../../b.csv", "/etc/passwd", "a\\..\\b.csv", "a\0b.csv", "./a.csv"])
def test_names_that_could_lead_elsewhere_are_refused(memory, monkeypatch, tmp_path, name):
    """A storage that lists such a name gets one sentence, and nothing is written anywhere."""
    fill(memory)
    full = name if name.startswith("/etc") else f"/ours/workbook/{name}"
    monkeypatch.setattr(type(memory), "find", lambda *_, **__: {full: {"size": 1, "type": "file", "mtime": 1}})

    with pytest.raises(ReportError, match="a name that could lead elsewhere; nothing was fetched"):
        fetch(URL, schemes=WITH_MEMORY)
    assert not [path for path in (tmp_path / "cache").rglob("*") if path.is_file() and path.name != ".lock"]


def test_a_link_out_of_a_folder_is_refused(tmp_path):
    """At a file:// URL a link that leads out of the workbook is such a name too."""
    data = write_workbook(tmp_path / "data")
    (tmp_path / "secret.csv").write_text("x")
    (data / "more.csv").symlink_to(tmp_path / "secret.csv")

    with pytest.raises(ReportError, match="could lead elsewhere"):
        fetch(data.as_uri())


@pytest.mark.parametrize(("setting", "message"), [
    ("archive_members = 2", "holds 3 files; expected 2 at most"),
    ("file_megabytes = 1", r"the largest file 1,000,001; expected .* 1 MB a file \(sources.limits\)"),
    ("archive_megabytes = 1", "expected 1 MB at most"),
])  # fmt: skip
def test_the_workbooks_own_limits_hold(memory, setting, message):
    """As for archives: too many files, or too large ones, are refused before they are fetched."""
    fill(memory, **{"workbook.toml": f"[sources.limits]\n{setting}\n".encode(), "big.csv": b"x" * 1_000_001})

    with pytest.raises(ReportError, match=message):
        fetch(URL, schemes=WITH_MEMORY)


def test_nothing_there_is_one_sentence():
    """A URL without files says so."""
    with pytest.raises(SettingsError, match="there is nothing at memory://gone; expected a workbook"):
        fetch("memory://gone", schemes=WITH_MEMORY)


@pytest.mark.parametrize(("url", "message"), [
    ("memory://ours", "can't be at a URL of 'memory'; expected one of abfs, az, file"),
    ("ftp://host/x", "can't be at a URL of 'ftp'"),
    ("simplecache::s3://bucket/x", "can't be at a URL of 'simplecache'"),
    ("s3://bucket/x::file:///etc", "can't be at a URL of 's3'"),
    ("s3://KEY:hush@bucket/x", "^the URL s3://bucket/… holds a user, a password or a query; leave credentials to"),
    ("s3://KEY@bucket/x", "^the URL s3://bucket/… holds a user"),
    ("sftp://me:hush@host/x", "^the URL sftp://host/… holds"),
    ("https://host/x?sig=hush", "^the URL https://host/… holds"),
    ("s3://bucket/../other", "leads upwards or holds a backslash"),
    ("s3://bucket/%2e%2e/other", "leads upwards or holds a backslash"),
    ("s3://bucket/a\\b", "leads upwards or holds a backslash"),
    ("file://srv/reports", "expected three slashes"),
])  # fmt: skip
def test_urls_that_are_refused(url, message):
    """Other schemes, chains, credentials and ways upwards are refused; a secret is never repeated."""
    with pytest.raises(SettingsError, match=message) as caught:
        reach(url)
    assert "hush" not in str(caught.value)


def test_reports_are_never_sent_over_http():
    """HTTP is for data only."""
    with pytest.raises(SettingsError, match="reports can't be at a URL of 'https'"):
        reach("https://host/reports", writing=True)


def test_a_library_that_is_missing_is_named():
    """A storage whose library isn't installed says which one it needs, and where."""
    if not pytest.importorskip("importlib.util").find_spec("s3fs"):
        with pytest.raises(SettingsError, match=r"s3:// needs another library, here and on each worker: .*s3fs"):
            reach("s3://bucket/x")


def test_the_manifest_is_uploaded_last_and_what_is_gone_is_removed(memory, tmp_path, monkeypatch):
    """All files are there before the manifest tells of them; those that only the old one told of go afterwards."""
    order, put_file = [], type(memory).put_file
    monkeypatch.setattr(type(memory), "put_file", lambda fs, one, two, **more: order.append(two) or put_file(fs, one, two))
    write_report(tmp_path, **{"a.html": b"1", "b.csv": b"1"})
    (tmp_path / "plotly-0.min.js").write_text("")
    memory.pipe_file("/r/timeliness/n1/notes.txt", b"of somebody else")
    upload(tmp_path, "timeliness/n1", "memory://r", schemes=WITH_MEMORY)
    folder = write_report(tmp_path, **{"a.html": b"2"})
    upload(tmp_path, "timeliness/n1", "memory://r", schemes=WITH_MEMORY)

    names = [one.rpartition("/")[2] for one in order]
    assert names == ["plotly-0.min.js", "a.html", "b.csv", "manifest.json", "a.html", "manifest.json"]
    assert sorted(listed(reach("memory://r", schemes=WITH_MEMORY), "timeliness")) == [
        "timeliness/n1/a.html", "timeliness/n1/manifest.json", "timeliness/n1/notes.txt",
    ]  # fmt: skip
    assert memory.cat_file("/r/timeliness/n1/a.html") == b"2" and not list(folder.iterdir())


def test_an_upload_that_fails_leaves_the_old_manifest(memory, tmp_path, monkeypatch):
    """If a file can't be written, the manifest that is there stays, and the report here too."""
    write_report(tmp_path, **{"a.html": b"1"})
    upload(tmp_path, "timeliness/n1", "memory://r", schemes=WITH_MEMORY)
    before = memory.cat_file("/r/timeliness/n1/manifest.json")
    folder = write_report(tmp_path, **{"a.html": b"2", "b.csv": b"2"})
    monkeypatch.setattr(type(memory), "put", lambda *_: (_ for _ in ()).throw(OSError("quota")))

    with pytest.raises(ReportError, match=r"^can't write memory://r: OSError: quota$"):
        upload(tmp_path, "timeliness/n1", "memory://r", schemes=WITH_MEMORY)
    assert memory.cat_file("/r/timeliness/n1/manifest.json") == before and (folder / "b.csv").exists()


def test_files_are_never_seen_half_written(tmp_path):
    """At a file:// URL, where a file grows while it is written, it gets its name when it is whole."""
    remote = reach((tmp_path / "far").as_uri(), writing=True)
    (tmp_path / "a").write_bytes(b"1")
    storage.put(remote, {"x/a.html": tmp_path / "a"})

    assert [path.name for path in (tmp_path / "far" / "x").iterdir()] == ["a.html"]


def test_the_mirror_tells_what_is_there_and_pushes_only_what_is_its_own(memory, tmp_path):
    """It has the manifest, Markdown and the names of a report, and never overwrites what it has the name of only."""
    write_report(tmp_path / "worker", **{"a.html": b"large", "a.md": b"# A"})
    upload(tmp_path / "worker", "timeliness/n1", "memory://r", schemes=WITH_MEMORY)
    memory.pipe_file("/r/.made.jsonl", b"{}\n")
    memory.pipe_file("/r/incidents/INC-OLD.html", b"gone")
    with near(str(tmp_path), "memory://r/", schemes=WITH_MEMORY) as where:
        folder = where.into / "timeliness" / "n1"
        assert (folder / "a.md").read_bytes() == b"# A" and (folder / "a.html").read_bytes() == b""
        assert (where.into / ".made.jsonl").read_bytes() == b"{}\n" and where.index == "memory://r/index.html"
        (where.into / ".made.jsonl").write_text("{}\n{}\n")
        (where.into / "index.html").write_text("all")
        where.push()

    assert memory.cat_file("/r/timeliness/n1/a.html") == b"large" and memory.cat_file("/r/index.html") == b"all"
    assert memory.cat_file("/r/.made.jsonl") == b"{}\n{}\n" and not memory.exists("/r/incidents/INC-OLD.html")
    assert not where.into.exists()


def test_what_was_made_is_noted_on_the_way(memory, tmp_path, monkeypatch):
    """A batch that is killed loses the notes of a few reports only."""
    monkeypatch.setattr("incident_lib.batches.afar.NOTED_EACH", 2)
    (tmp_path / "here").mkdir()
    mirror = Mirror("memory://r", tmp_path / "here", WITH_MEMORY)
    (tmp_path / "here" / ".made.jsonl").write_text("{}\n")
    mirror.arrived("timeliness", "n1")
    assert not memory.exists("/r/.made.jsonl")
    mirror.arrived("timeliness", "n2")

    assert memory.cat_file("/r/.made.jsonl") == b"{}\n"


def test_what_is_still_to_be_made_is_noted_at_once_and_removed_in_the_end(memory, tmp_path):
    """Drafts whose pages are written but not their reports are known at the URL until all are made."""
    mirror = Mirror("memory://r", tmp_path, WITH_MEMORY)
    (tmp_path / ".unfinished-drafts.json").write_text("{}")
    mirror.begin()
    assert memory.cat_file("/r/.unfinished-drafts.json") == b"{}"
    (tmp_path / ".unfinished-drafts.json").unlink()
    mirror.push()

    assert not memory.exists("/r/.unfinished-drafts.json")


def test_a_worker_is_told_of_its_own_folders(tmp_path):
    """On a worker the data are the fetched ones, and reports are made below its own folder."""
    data = write_workbook(tmp_path / "data")
    copy = fetch(data.as_uri())
    far = as_told(Far(data.as_uri(), f"/elsewhere/{copy.name}", "file:///srv/reports"))
    job = {"number": 1, "report": {"parameters": {"data": f"/elsewhere/{copy.name}"}}}
    orders, shared, given = settled(far, {"into": "x", "home": "/h"}, [f"/elsewhere/{copy.name}", None], job, tmp_path)

    assert shared == [str(copy), None] and given["report"]["parameters"] == {"data": str(copy)}
    assert orders["home"] == str(tmp_path) and orders["into"].startswith(str(tmp_path / "reports-"))


@pytest.mark.parametrize("arguments", [
    ["review", "2026-Q1", "--each-customer", "--data", "s3://b/x"],
    ["review", "2026-Q1", "--reports", "s3://b/x"],
    ["draft", "INC-2026-001", "--reports", "s3://b/x"],
])  # fmt: skip
def test_urls_are_for_batches_on_a_cluster(arguments):
    """Elsewhere a URL is refused before a folder is made that is called like one."""
    done = CliRunner().invoke(cli, arguments)

    assert done.exit_code == 2 and "at a URL needs" in done.output and "--scheduler" in done.output


def test_drafts_need_a_workbook_that_can_be_written():
    """Pages are written into the workbook, so that it can't be at a URL."""
    done = CliRunner().invoke(cli, ["draft", "--all-missing", "--scheduler", "tcp://h:1", "--data", "s3://b/x"])

    assert done.exit_code == 2 and "--data has to be a folder" in done.output
