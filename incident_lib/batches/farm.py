"""A batch on a Dask cluster: the same jobs as on one machine, done by the same kind of workers on many.

Each Dask worker starts a foreman of its own, a fresh process, since a Dask worker has threads and can't be forked; it
ends with the worker, or when it has had nothing to do for a while. What goes over the network is plain data: which
report to make, and what became of it. The report itself is published from the worker onto storage that all can reach.

Dask takes pickles from whoever can connect: the scheduler and its workers belong into a network that you trust, or
behind TLS (``tls://``, with the certificates in Dask's own configuration, ``distributed.comm.tls``).
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import asdict, replace
from itertools import count
from pathlib import Path
from types import ModuleType
from typing import Any

from incident_lib.batches.afar import Near, as_told, sent, settled
from incident_lib.batches.foreman import Foreman, can_fork
from incident_lib.batches.jobs import Orders
from incident_lib.batches.made_before import code
from incident_lib.errors import ReportError, SettingsError, WorkbookError

RETRIES = 2  # of a job whose foreman was killed; how many workers' deaths it may outlive is Dask's allowed-failures
CONNECT_SECONDS = 30
IDLE_SECONDS = 60.0
_ADDRESS = re.compile(r"(tcp|tls)://[^\s/]+:\d+/?")


def dask() -> ModuleType:
    """Return Dask's distributed package.

    Raises:
        SettingsError: if it is not installed.
    """
    try:
        import distributed  # noqa: PLC0415 (an extra)
    except ImportError as error:
        raise SettingsError("--scheduler needs Dask: install incident-workbook[dask], there as well") from error
    return distributed


def cluster_at(address: str, where: Near | None = None) -> Callable[[Orders], Cluster]:
    """Return what connects a batch with the cluster of a scheduler; ``where`` if data or reports are at URLs.

    Raises:
        SettingsError: if that is no address of one, or Dask is not installed.
    """
    if not _ADDRESS.fullmatch(address):
        raise SettingsError(f"--scheduler: {address!r} is no scheduler's address; expected tcp://host:8786 or tls://…")
    dask()
    return lambda orders: Cluster(address, orders, where)


class Cluster:
    """A batch's jobs on a cluster. Use it in a ``with`` block; see ``batch.Hands``.

    Raises:
        ReportError: if no scheduler answers, or it has no worker.
    """

    ahead = 100_000  # Dask keeps what waits

    def __init__(self, address: str, orders: Orders, where: Near | None = None) -> None:
        self._far = as_told(where.far) if where else None
        self._mirror = where.mirror if where else None
        self._orders = {**asdict(orders), "into": str(Path(orders.home) / orders.into)}
        self._shared: list[str | None] | None = None
        self._client = _connected(address)
        self._done = dask().as_completed(loop=self._client.loop)
        self._jobs: dict[str, Mapping[str, Any]] = {}

    def __enter__(self) -> Cluster:
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(Exception):  # whatever the scheduler makes of it: we are going
            self._client.cancel([*self._done.futures], force=True)
        self._client.close(timeout=CONNECT_SECONDS)

    def share(self, data: str, as_of: str | None) -> None:
        """Have each worker load the records that the notebooks of the next jobs share."""
        self._shared = [data, as_of]

    def load(self, data: str, as_of: str | None) -> None:
        """Do nothing: pages are drafted where the workbook is."""

    def give(self, job: Mapping[str, Any]) -> None:
        """Send a job."""
        future = self._client.submit(do_there, self._orders, self._shared, code(), dict(job), self._far,
                                     pure=False, retries=RETRIES)  # fmt: skip
        self._jobs[future.key] = job
        self._done.add(future)

    def answer(self) -> dict[str, Any]:
        """Return the next answer."""
        future = next(self._done)
        job, error = self._jobs.pop(future.key), future.exception()
        answer = {"error": _in_words(error), "seconds": 0.0} if error else future.result()
        future.release()
        return {**self._looked_at(answer, job), "number": job["number"]}

    def _looked_at(self, answer: dict[str, Any], job: Mapping[str, Any]) -> dict[str, Any]:
        """Bring what tells of a report that was made, if reports are at a URL."""
        if self._mirror and not (answer.get("error") or answer.get("died")):
            try:
                self._mirror.arrived(job["report"]["kind"], job["report"]["name"])
            except WorkbookError as error:
                return {**answer, "error": str(error)}
        return answer


def _connected(address: str) -> Any:
    """Return a client of a scheduler that has at least one worker."""
    client = dask().Client.__new__(dask().Client)
    try:
        client.__init__(address, timeout=CONNECT_SECONDS, set_as_default=False)
    except (OSError, TimeoutError, ValueError, TypeError) as error:  # TypeError: it has no certificate
        # else Dask closes it when it is collected: maybe while the next one starts, and then both wait for ever
        with suppress(Exception):
            client.close(timeout=CONNECT_SECONDS)
        raise ReportError(f"no Dask scheduler answers at {address}: {str(error).splitlines()[0]}") from error
    try:
        client.wait_for_workers(1, timeout=CONNECT_SECONDS)
    except TimeoutError as error:
        client.close()
        raise ReportError(f"the Dask scheduler at {address} has no worker") from error
    return client


def _in_words(error: BaseException) -> str:
    if isinstance(error, dask().KilledWorker):
        return "each worker that was to make it died; see the logs of the cluster"
    return f"the cluster could not make it: {type(error).__name__}: {str(error).splitlines()[0]}"


def do_there(
    orders: dict[str, Any], shared: list[str | None] | None, codes: str, job: dict[str, Any],
    far: dict[str, str] | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Do a job on a Dask worker, with its foreman; return the answer (see ``jobs.do``).

    ``far`` tells which of data and reports are at URLs (``afar.Far``).

    Raises:
        ReportError: if the foreman was killed; Dask then tries again.
    """
    worker = dask().get_worker()
    own = Path(worker.local_directory).resolve()
    there = {"home": str(own)} if far and far["data"] and far["reports"] else orders
    unfit = unfit_for(there, None if far and far["data"] else shared, codes)
    if unfit:
        return _refused(f"the worker at {worker.address} {unfit}")
    if far:
        try:
            orders, shared, job = settled(far, orders, shared, job, own)
        except WorkbookError as error:
            return _refused(f"the worker at {worker.address}: {error}")
    answer = bench_for(replace(Orders(**orders), workers=worker.state.nthreads), shared).do(job)
    if far and far["reports"] and answer.get("error"):
        answer["error"] += f", on the worker at {worker.address}"
    elif far and far["reports"] and not answer.get("died"):
        try:
            sent(far, orders, job)
        except WorkbookError as error:
            return _refused(f"the worker at {worker.address}: {error}")
    return answer


def _refused(why: str) -> dict[str, Any]:
    return {"error": why, "seconds": 0.0}


def unfit_for(orders: Mapping[str, Any], shared: list[str | None] | None, codes: str) -> str:
    """Return why this machine can't do a job as its sender would; empty if it can."""
    if not can_fork():
        return "does not run on Linux"
    if codes != code():
        return "has another version of this package, of its libraries, or of Python"
    for folder in (Path(orders["home"]), Path(orders["home"], str(shared[0])) if shared else None):
        if folder and not folder.is_dir():
            return f"can't see {folder}; data and reports have to be on storage that all workers can reach"
    return ""


class Bench:
    """A foreman that several threads give jobs to. It ends when it has had nothing to do for a while."""

    def __init__(self, orders: Orders, shared: list[str | None] | None, forget: Callable[[], None]) -> None:
        self._foreman = Foreman(orders)
        if shared:
            self._foreman.share(str(shared[0]), shared[1])
        self._waiting: dict[int, Future] = {}
        self._numbers, self._lock, self._forget = count(), threading.Lock(), forget
        threading.Thread(target=self._read, daemon=True, name="answers").start()

    def take(self, job: Mapping[str, Any]) -> Future:
        """Give a job; return where its answer will be."""
        with self._lock:
            number, future = next(self._numbers), Future()
            self._waiting[number] = future
            self._foreman.give({**job, "number": number})
        return future

    def do(self, job: Mapping[str, Any]) -> dict[str, Any]:
        """Do a job; return its answer."""
        return self.take(job).result()

    def _read(self) -> None:
        """Hand out the answers until nothing is asked any more, or the foreman is gone."""
        try:
            while (answer := self._foreman.answer(IDLE_SECONDS)) or self._waiting:
                if answer:
                    self._waiting.pop(answer["number"]).set_result(answer)
        except ReportError as error:
            self._end(error)
        else:
            self._end(ReportError("the foreman was idle, and went"))

    def _end(self, error: ReportError) -> None:
        self._forget()
        with self._lock:
            for future in self._waiting.values():
                future.set_exception(error)
            self._waiting.clear()
            self._foreman.close()


_BENCHES: dict[str, Bench] = {}
_LOCK = threading.Lock()


def bench_for(orders: Orders, shared: list[str | None] | None) -> Bench:
    """Return this process's bench for these orders and records, set up if there is none."""
    key = json.dumps([asdict(orders), shared], sort_keys=True)
    with _LOCK:
        if key not in _BENCHES:
            _BENCHES[key] = Bench(orders, shared, forget=lambda: _BENCHES.pop(key, None) and None)
        return _BENCHES[key]
