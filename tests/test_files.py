"""Writing whole files: nothing half, nothing overwritten, and nothing left by a process that dies."""

import errno
import os
import signal

import pytest

from incident_lib import files
from incident_lib.errors import WorkbookError


def died_while_syncing(function, *arguments):
    """Call a function in a process of its own that is killed when it syncs; return the signal."""
    child = os.fork()
    if not child:
        os.fsync = lambda descriptor: os.kill(os.getpid(), signal.SIGKILL)
        function(*arguments)
        os._exit(0)
    return -os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@pytest.fixture(params=["unnamed", "named", "no unnamed files here", "no links to unnamed files"])
def system(request, monkeypatch):
    """Systems that know unnamed files, and those that don't, or only in part."""
    real_open, real_link = os.open, os.link

    def refuse(*given, **rest):
        if "O_TMPFILE" in dir(os) and len(given) > 1 and given[1] & os.O_TMPFILE == os.O_TMPFILE:
            raise OSError(errno.EOPNOTSUPP, "not here")
        return real_open(*given, **rest)

    def unlinked(source, target, **rest):
        if str(source).startswith("/proc/self/fd"):
            raise OSError(errno.ENOENT, "no /proc here")
        return real_link(source, target, **rest)

    if request.param == "named":
        monkeypatch.delattr(os, "O_TMPFILE", raising=False)
    elif request.param == "no unnamed files here":
        monkeypatch.setattr(os, "open", refuse)
    elif request.param == "no links to unnamed files":
        monkeypatch.setattr(os, "link", unlinked)
    return request.param


def test_a_file_is_created_once_and_replaced_whole(system, tmp_path):
    """On every system a new file is created, is not overwritten by creating it again, and is replaced when asked to."""
    path = tmp_path / "page.md"
    files.create_only(path, b"first")
    with pytest.raises(WorkbookError, match="exists already"):
        files.create_only(path, b"second")
    assert path.read_bytes() == b"first"
    files.write_atomically(path, b"third")
    assert path.read_bytes() == b"third"
    assert [path.name for path in tmp_path.iterdir()] == ["page.md"]


def test_permissions_are_the_usual_ones(system, tmp_path):
    """A new file gets the permissions that any new file gets here."""
    files.create_only(tmp_path / "a", b"a")
    (tmp_path / "b").write_bytes(b"b")
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "b").stat().st_mode


@pytest.mark.skipif(not hasattr(os, "O_TMPFILE"), reason="unnamed files are Linux's")
@pytest.mark.parametrize("write", [files.create_only, files.write_atomically])
def test_a_killed_process_leaves_nothing(write, tmp_path):
    """A process that is killed while its file goes to the disk leaves no temporary file beside a person's pages."""
    assert died_while_syncing(write, tmp_path / "page.md", b"half") == signal.SIGKILL
    assert not [*tmp_path.iterdir()]
