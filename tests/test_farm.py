"""A batch on a Dask cluster of real worker processes: the bytes of a local run, also when a worker is killed."""

import os
import signal
import socket
import subprocess
import sys
from dataclasses import replace

import pytest
from batch_runs import descendants, is_alive, report, wait_until, write_notebook, write_workbook

from incident_lib.batches.afar import near
from incident_lib.batches.farm import cluster_at, unfit_for
from incident_lib.batches.made_before import code
from incident_lib.batches.many import make_all
from incident_lib.errors import ReportError, SettingsError
from incident_lib.loading import load
from incident_lib.reports.index import rebuild_index
from incident_lib.reports.run import run_report

pytest.importorskip("distributed")
WITH_A_KERNEL = 4  # processes of a Dask worker: foreman, worker, server of kernels, kernel
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="workers are forked on Linux only")


def contents(folder):
    """Return all files of a folder by name."""
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def free_port():
    """Return a port that nobody listens on."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


@pytest.fixture
def cluster(tmp_path):
    """Return a maker of clusters on this machine: how many workers in; the address and the workers' processes out."""
    running = []

    def start(*command, log):
        with (tmp_path / log).open("wb") as file:
            running.append(subprocess.Popen([sys.executable, "-m", "distributed.cli." + command[0], *command[1:]],
                                            stdout=file, stderr=file, cwd=tmp_path))  # fmt: skip
        return running[-1]

    def make(workers, *security, scheme="tcp"):
        address = f"{scheme}://127.0.0.1:{free_port()}"
        start("dask_scheduler", "--host", address, "--no-dashboard", "--no-show", *security, log="scheduler.log")
        doing = [start("dask_worker", address, "--nworkers", "1", "--nthreads", "1", "--no-nanny", "--no-dashboard",
                       "--local-directory", str(tmp_path / f"local{n}"), *security, log=f"worker{n}.log")
                 for n in range(workers)]  # fmt: skip
        return address, doing

    yield make
    everything = {pid for one in running for pid in descendants(one.pid)}
    for one in running:
        one.kill()
        one.wait()
    wait_until(lambda: not any(is_alive(pid) for pid in everything))


@on_linux
def test_a_killed_worker_costs_nothing_and_the_bytes_are_those_of_a_local_run(tmp_path, cluster):
    """While a worker is in the middle of a report it is killed; another makes it, and all are as if made here."""
    data = write_workbook(tmp_path / "data")
    once = tmp_path / "begun"
    cell = (f"import time\nfrom pathlib import Path\nbegun = Path({str(once)!r})\n"
            "if number == 1 and not begun.exists():\n    begun.touch()\n    time.sleep(60)\nprint(hash('salted'))")  # fmt: skip
    notebook = write_notebook(tmp_path / "one.ipynb", cell)
    address, workers = cluster(2)
    reports = [report(notebook, data, number) for number in range(4)]
    killed = []

    def kill_the_busy_one(outcome):
        wait_until(once.exists)
        busy = [one for one in workers if len(descendants(one.pid)) >= WITH_A_KERNEL]
        if busy and not killed:
            killed.extend({busy[0].pid, *descendants(busy[0].pid)})
            os.kill(busy[0].pid, signal.SIGKILL)

    outcomes = make_all(reports, into=tmp_path / "far", start=cluster_at(address), records=load(data),
                        on_done=kill_the_busy_one)  # fmt: skip

    assert [one.error for one in outcomes] == [None] * 4 and killed
    wait_until(lambda: not any(is_alive(pid) for pid in killed[1:]))
    for one in reports[:2]:
        alone = run_report(one, reports=tmp_path / "near")
        assert contents(alone.folder) == contents(tmp_path / "far" / "timeliness" / one.name)
    again = make_all(reports, into=tmp_path / "far", start=cluster_at(address), records=load(data))
    assert all(one.skipped for one in again)


@on_linux
def test_data_and_reports_may_be_at_urls(tmp_path, cluster, monkeypatch):
    """A worker fetches the data for itself and uploads; the bytes are a local run's, and made again is only what failed."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "theirs"))
    address, _ = cluster(1)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "ours"))
    data, far = write_workbook(tmp_path / "data"), tmp_path / "far"
    fail = f"from pathlib import Path\nassert number != 1 or Path({str(tmp_path / 'mended')!r}).exists(), 'not yet'"
    notebook = write_notebook(tmp_path / "one.ipynb", fail, "print(records.incidents.to_csv())")

    def batch():
        with near(data.as_uri(), far.as_uri()) as where:
            reports = [replace(report(notebook, where.data, number), outside=True) for number in range(2)]
            done = make_all(reports, into=where.into, records=load(where.data), start=cluster_at(address, where))
            rebuild_index(where.into, "All")
            where.push()
        return done

    first = batch()
    assert [bool(one.error) for one in first] == [False, True] and "not yet" in first[1].error
    copies = [next((tmp_path / whose).glob("*/.remote/*/*/incidents.csv")) for whose in ("theirs", "ours")]
    assert copies[0].read_bytes() == copies[1].read_bytes()
    left = [path.parent.name for path in tmp_path.glob("local0/**/*.html")]
    assert left == [".failed"] and f"on the worker at {address[:12]}" in first[1].error
    (tmp_path / "mended").touch()
    second = batch()
    assert [(one.error, one.skipped) for one in second] == [(None, True), (None, False)]
    for number in range(2):
        alone = run_report(replace(report(notebook, data, number), outside=True), reports=tmp_path / "near")
        assert contents(alone.folder) == contents(far / "timeliness" / f"n{number}")
    assert "timeliness/n1/" in (far / "index.html").read_text() and not list(far.rglob("*.tmp"))


@on_linux
def test_tls_keeps_strangers_out(tmp_path, cluster, monkeypatch):
    """With certificates in Dask's own configuration a batch runs over tls://; without them nobody gets in."""
    import dask  # noqa: PLC0415
    import trustme  # noqa: PLC0415

    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    certificate.private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "own.pem"))
    files = [str(tmp_path / name) for name in ("ca.pem", "own.pem", "own.pem")]
    options = [part for name, path in zip(("ca-file", "cert", "key"), files, strict=True)
               for part in (f"--tls-{name}", path)]  # fmt: skip
    address, _ = cluster(1, *options, scheme="tls")
    data, notebook = write_workbook(tmp_path / "data"), write_notebook(tmp_path / "one.ipynb")
    names = ("ca-file", "client.cert", "client.key")
    own = {f"distributed.comm.tls.{name}": path for name, path in zip(names, files, strict=True)}

    with dask.config.set(own):
        [outcome] = make_all([report(notebook, data, 1)], into=tmp_path / "far", start=cluster_at(address))
    assert outcome.error is None
    monkeypatch.setattr("incident_lib.batches.farm.CONNECT_SECONDS", 2)
    with pytest.raises(ReportError, match="no Dask scheduler answers at tls://"):
        make_all([report(notebook, data, 1)], into=tmp_path / "far", start=cluster_at(address))


@pytest.mark.parametrize("address", ["10.0.0.5:8786", "http://x:1", "tcp://x", "inproc://x:1", ""])
def test_addresses_are_those_of_schedulers(address):
    """Anything but tcp:// or tls:// with a port is refused before anything is tried."""
    with pytest.raises(SettingsError, match="is no scheduler's address; expected tcp://host:8786"):
        cluster_at(address)


def test_a_scheduler_that_is_not_there_is_one_sentence(tmp_path, monkeypatch):
    """Where nobody listens, the batch says so, and makes nothing."""
    monkeypatch.setattr("incident_lib.batches.farm.CONNECT_SECONDS", 1)
    data, notebook = write_workbook(tmp_path / "data"), write_notebook(tmp_path / "one.ipynb")

    with pytest.raises(ReportError, match=r"no Dask scheduler answers at tcp://127\.0\.0\.1"):
        make_all([report(notebook, data, 1)], into=tmp_path / "far", start=cluster_at(f"tcp://127.0.0.1:{free_port()}"))


@on_linux
def test_an_unfit_worker_says_why(tmp_path):
    """Another version, or a folder that is not there, is a reason; the machine that sends the job is fit."""
    orders = {"home": str(tmp_path)}
    (tmp_path / "data").mkdir()

    assert unfit_for(orders, ["data", None], code()) == ""
    assert "another version" in unfit_for(orders, None, "0" * 64)
    assert "can't see /nowhere; data and reports have to be on storage" in unfit_for({"home": "/nowhere"}, None, code())
    assert f"can't see {tmp_path / 'gone'};" in unfit_for(orders, ["gone", None], code())
