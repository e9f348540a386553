"""A draft for every major incident that nobody has written a page for: first all pages, then all reports.

The reports come after the last page, so that each is made from the same files, however often the batch was interrupted.
What is still to be made is kept in ``.unfinished-drafts.json`` in the reports' folder: once its page is there, nothing
else would tell that an incident belongs to the batch.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from incident_lib.batches.jobs import Effort, Orders
from incident_lib.batches.many import PLAIN, USUAL, Done, Hands, Outcome, answers, hands, make_all, orders_of
from incident_lib.drafting.sidecar import page_path
from incident_lib.files import make_folder, write_atomically
from incident_lib.loading import load
from incident_lib.records import Records
from incident_lib.reports.catalogue import postmortem_draft
from incident_lib.reports.run import Forms, Report

UNFINISHED = ".unfinished-drafts.json"


@dataclass(frozen=True)
class Drafts:
    """The drafts to make: of which incidents, in which workbook as of when, for which owner, into which folder."""

    incidents: tuple[str, ...]
    data: str
    as_of: str | None
    owner: str | None
    into: Path

    @property
    def reports(self) -> list[Report]:
        """Return the reports to make."""
        return [postmortem_draft(self.data, self.as_of, one, self.owner) for one in self.incidents]


def incidents_to_draft(records: Records, into: Path) -> list[str]:
    """Return the major incidents that have no page, and those of a batch that was not finished."""
    begun = _unfinished(into, records.folder)
    missing = records.major[~records.major["incident_id"].isin(records.postmortems["incident_id"])]
    known = records.incidents["incident_id"]
    return list(known[known.isin({*missing["incident_id"], *begun})])


def draft_all(
    drafts: Drafts, records: Records, *, effort: Effort = USUAL, forms: Forms = PLAIN,
    on_page: Callable[[str, str | None], None] = lambda incident_id, error: None,
    on_done: Done = lambda outcome: None, again: bool = False, start: Callable[[Orders], Hands] = hands,
) -> list[Outcome]:  # fmt: skip
    """Write the pages that are missing, then make the reports; return what became of each incident, in their order.

    ``on_page`` is told each incident whose page was looked after, and the error if it could not be written; then no
    report is made of it. An interrupted batch goes on where it was when it is called again.
    """
    _remember(drafts.incidents, drafts, records.folder)
    failed = dict(_write_pages(drafts, records, effort, forms, on_page))
    outcomes, rest = {}, []
    for report in drafts.reports:
        if report.name in failed:
            outcomes[report.name] = Outcome(report, None, failed[report.name], 0.0)
            on_done(outcomes[report.name])
        else:
            rest.append(report)
    known = load(drafts.data, as_of=drafts.as_of)
    for outcome in make_all(rest, into=drafts.into, effort=effort, forms=forms, on_done=on_done, records=known,
                            again=again, start=start):  # fmt: skip
        outcomes[outcome.report.name] = outcome
    done = [outcomes[one] for one in drafts.incidents]
    _remember([one.report.name for one in done if one.error], drafts, records.folder)
    return done


def _write_pages(
    drafts: Drafts, records: Records, effort: Effort, forms: Forms, on_page: Callable[[str, str | None], None]
) -> Iterator[tuple[str, str]]:
    """Write the pages that are not there yet; yield the incidents whose page could not be written, and why."""
    missing = [one for one in drafts.incidents if not page_path(records, one).exists()]
    if not missing:
        return
    with hands(orders_of(drafts.into, effort, forms, len(missing))) as theirs:
        theirs.load(drafts.data, drafts.as_of)
        jobs = ({"number": number, "page": one, "owner": drafts.owner} for number, one in enumerate(missing))
        for answer in answers(theirs, jobs):
            incident_id, error = missing[answer["number"]], _error_of(answer)
            on_page(incident_id, error)
            if error:
                yield incident_id, f"the page of {incident_id} could not be written: {error}"


def _error_of(answer: dict[str, Any]) -> str | None:
    return f"the process that wrote it {answer['died']}" if answer.get("died") else answer.get("error")


def _unfinished(into: Path, folder: Path) -> set[str]:
    """Return the incidents of a batch that was not finished, if it was one of this workbook."""
    with suppress(OSError, ValueError, LookupError, TypeError):
        told = json.loads((into / UNFINISHED).read_bytes())
        if told["data"] == str(folder.resolve()):
            return set(map(str, told["incidents"]))
    return set()


def _remember(incidents: Sequence[str], drafts: Drafts, folder: Path) -> None:
    """Keep which incidents are still to do; nothing if there are none."""
    path = drafts.into / UNFINISHED
    if not incidents:
        path.unlink(missing_ok=True)
        return
    make_folder(drafts.into)
    told = {"data": str(folder.resolve()), "incidents": list(incidents)}
    write_atomically(path, json.dumps(told, indent=1).encode("utf-8") + b"\n")
