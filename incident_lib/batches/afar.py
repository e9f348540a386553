"""A batch whose data or reports are at URLs: what stands for them on the machine that runs it, and on each worker.

Here it is the fetched data, and a mirror of the reports: manifests, Markdown, and the names of all other files, enough
to tell what was made before, and to make the index. A worker fetches the data too, and uploads what it made.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from incident_lib.batches.drafts import UNFINISHED
from incident_lib.batches.fetched import fetch
from incident_lib.batches.made_before import MADE
from incident_lib.batches.storage import PLAIN, SCHEMES, digest, in_a_sentence, is_url, listed, put, reach, upload
from incident_lib.reports.incident_pages import FOLDER
from incident_lib.reports.publish import MANIFEST, place_of

NOTED_EACH = 10  # reports: what was made is noted at the URL after so many, and at the end


@dataclass(frozen=True)
class Far:
    """What lies at URLs, as workers are told: the data and the folder that stands for them here; the reports."""

    data: str = ""
    copy: str = ""
    reports: str = ""


class Mirror:
    """A folder here that stands for the reports at a URL."""

    def __init__(self, url: str, into: Path, schemes: Iterable[str] = SCHEMES) -> None:
        self.into, self._remote, self._arrived = into, reach(url, writing=True, schemes=schemes), 0
        self._begun = False
        with in_a_sentence("read", url):
            for name in (MADE, UNFINISHED):
                with suppress(FileNotFoundError):
                    (into / name).write_bytes(self._remote.fs.cat_file(self._remote.at(name)))
            self._bring("")

    def arrived(self, kind: str, name: str) -> None:
        """Bring what tells of a report that a worker has just uploaded.

        Raises:
            ReportError: if it can't be read.
        """
        with in_a_sentence("read", self._remote.url):
            self._bring(place_of(self.into, kind, name).folder.relative_to(self.into).as_posix())
            self._arrived += 1
            if not self._arrived % NOTED_EACH:
                self._note()

    def begin(self) -> None:
        """Note what is still to be made, once: a batch that is killed then goes on from there, on any machine.

        Raises:
            ReportError: if it can't be written there.
        """
        if not self._begun:
            with in_a_sentence("write", self._remote.url):
                self._note()
            self._begun = True

    def push(self) -> None:
        """Upload the index, the pages of incidents, and the notes of what was made.

        Raises:
            ReportError: if they can't be written there.
        """
        paths = [self.into / "index.html", *(self.into / FOLDER).rglob("*.html")]
        own = {path.relative_to(self.into).as_posix(): path for path in paths if path.is_file()}
        with in_a_sentence("write", self._remote.url):
            put(self._remote, own)
            for name, info in listed(self._remote, FOLDER).items():
                if name.endswith(".html") and name not in own:
                    self._remote.fs.rm_file(info["full"])
            self._note()

    def _note(self) -> None:
        for name in (MADE, UNFINISHED):
            if (self.into / name).is_file():
                put(self._remote, {name: self.into / name})
            elif self._remote.fs.exists(self._remote.at(name)):
                self._remote.fs.rm_file(self._remote.at(name))

    def _bring(self, below: str) -> None:
        found = {name: info["full"] for name, info in listed(self._remote, below).items() if PLAIN.fullmatch(name)}
        folders = {name.rpartition("/")[0] for name in found if name.endswith(f"/{MANIFEST}")}
        of_reports = {name: full for name, full in found.items() if name.rpartition("/")[0] in folders}
        wanted = [full for name, full in of_reports.items() if name.endswith((f"/{MANIFEST}", ".md"))]
        contents = self._remote.fs.cat(wanted, on_error="omit") if wanted else {}
        for name, full in of_reports.items():
            path = self.into / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(contents.get(full, b""))


@dataclass(frozen=True)
class Near:
    """What stands here for a batch's data and reports, wherever they are."""

    data: str
    into: Path
    far: Far | None = None
    mirror: Mirror | None = None
    index: str = ""

    def push(self) -> None:
        """Upload what the machine that runs the batch has made itself, if the reports are at a URL."""
        if self.mirror:
            self.mirror.push()


@contextmanager
def near(data: str, reports: str, *, schemes: Iterable[str] = SCHEMES) -> Iterator[Near]:
    """Give what stands here for data and reports, each a folder or a URL.

    Raises:
        WorkbookError: if a URL makes no sense, or what is there can't be read.
    """
    copy = str(fetch(data, schemes=schemes)) if is_url(data) else data
    far = Far(data, copy, "") if is_url(data) else Far()
    if not is_url(reports):
        yield Near(copy, Path(reports), far if far.data else None, index=str(Path(reports) / "index.html"))
        return
    with tempfile.TemporaryDirectory(prefix="incidents-") as folder:
        into = Path(folder).resolve()
        mirror = Mirror(reports, into, schemes)
        index = f"{reports.rstrip('/')}/index.html"
        yield Near(copy, into, Far(far.data, far.data and copy, reports), mirror, index)


def settled(
    told: Mapping[str, str], orders: Mapping[str, Any], shared: list[str | None] | None, job: Mapping[str, Any],
    own: Path,
) -> tuple[dict[str, Any], list[str | None] | None, dict[str, Any]]:  # fmt: skip
    """Return orders, shared records and job as a worker can follow them, below its own folder; the data are fetched.

    Raises:
        WorkbookError: if they can't be, or have changed since the batch began.
    """
    far, orders, job = Far(**told), dict(orders), dict(job)
    if far.reports:
        orders["into"] = str(own / f"reports-{digest([far.reports])[:16]}")
    if far.reports and far.data:
        orders["home"] = str(own)
    if far.data:
        folder = str(fetch(far.data, Path(far.copy).name))
        shared = shared and [folder if shared[0] == far.copy else shared[0], shared[1]]
        parameters = job["report"]["parameters"]
        if parameters.get("data") == far.copy:
            job["report"] = {**job["report"], "parameters": {**parameters, "data": folder}}
    return orders, shared, job


def sent(told: Mapping[str, str], orders: Mapping[str, Any], job: Mapping[str, Any]) -> None:
    """Upload the report that a job made, if reports are at a URL.

    Raises:
        ReportError: if it can't be written there.
    """
    if told["reports"]:
        into = Path(orders["into"])
        place = place_of(into, job["report"]["kind"], job["report"]["name"]).folder.relative_to(into).as_posix()
        upload(into, place, told["reports"])


def as_told(far: Far | None) -> dict[str, str] | None:
    """Return as plain data what workers are told."""
    return asdict(far) if far else None
