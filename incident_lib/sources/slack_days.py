"""The day files of a Slack export as columns, part by part: a part is some files that follow each other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

from incident_lib.settings import Limits, Settings, Sources
from incident_lib.sources.archive import Archive, MemberError, open_archive
from incident_lib.sources.mrkdwn import Converter
from incident_lib.sources.reading import Batch, Source
from incident_lib.sources.slack_columns import day_columns
from incident_lib.sources.slack_messages import Message
from incident_lib.sources.slack_names import Names, decode_rows
from incident_lib.sources.two_processes import Part, Work

PART_BYTES = 2_500_000  # some thousand messages: a column costs something however short it is


def parts_of(members: Sequence[str], sizes: Sequence[int]) -> list[list[str]]:
    """Return the members in parts of about ``PART_BYTES`` each, in order."""
    ends, filled = [0], 0
    for place, size in enumerate(sizes, start=1):
        filled += size
        if filled >= PART_BYTES or place == len(members):
            ends.append(place)
            filled = 0
    return [list(members[start:end]) for start, end in pairwise(ends)]


def order_for(source: Source, archive: Archive, names: Names, parts: list[list[str]]) -> dict[str, Any]:
    """Return what ``work_on`` must be told, as JSON."""
    known = asdict(names) | {"bots": sorted(names.bots)}
    return {"path": str(source.path.absolute()), "name": source.name, "limits": source.limits.model_dump(),
            "state": archive.state(), "names": known, "parts": parts}  # fmt: skip


@contextmanager
def work_on(order: Mapping[str, Any]) -> Iterator[Work]:
    """Yield the work on the parts of an export that a caller has open too; see ``two_processes``.

    A part with a file that can't be read is left to the caller: it may be for want of memory, say, and only here.

    Raises:
        OSError: if it is another export by now.
    """
    settings = Settings(sources=Sources(limits=Limits(**order["limits"])))
    names = Names(**order["names"] | {"bots": set(order["names"]["bots"])})
    with open_archive(Source(Path(order["path"]), order["name"], settings)) as archive:
        if archive.state() != order["state"]:
            raise OSError(f"{order['name']} was replaced")
        files = DayFiles(archive, names, order["parts"])
        yield lambda number: None if None in (part := files.part(number))[1]["lengths"] else part


class DayFiles:
    """The parts of an export's day files, read one by one."""

    def __init__(self, archive: Archive, names: Names, parts: Sequence[Sequence[str]]) -> None:
        self._archive, self._names, self._parts = archive, names, parts
        self._converter = Converter(names.mentions)

    def part(self, number: int) -> Part:
        """Return a part's messages as columns, and what else there is to tell; ``lengths`` has None for a lost file.

        Raises:
            SourceError: if the archive goes beyond its limits.
        """
        members, before = self._parts[number], self._archive.unpacked
        batch, outcomes, names = Batch(), Counter[str](), replace(self._names, programs={})
        days = [self._messages(member, batch) for member in members]
        readable = [day for day in days if day is not None]
        columns, lengths = day_columns(readable, names, self._converter, outcomes)
        left = iter(lengths)
        return columns, {
            "lengths": [None if day is None else next(left) for day in days],
            "problems": [vars(problem) for problem in batch.problems],
            "outcomes": outcomes,
            "programs": names.programs,
            "unpacked": self._archive.unpacked - before,
        }

    def _messages(self, member: str, batch: Batch) -> list[Message | None] | None:
        pointer = self._archive.pointer(member)
        try:
            content = self._archive.read(member)
            return decode_rows(content, Message, pointer, batch, nesting=self._archive.limits.nesting)
        except MemberError as error:
            batch.problem("unreadable-file", str(error), pointer, effect="file left out")
            return None
