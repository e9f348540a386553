"""Slack workspace exports, zipped or unpacked: every message of every day file, and the people in ``users.json``.

A message is known by its channel and ``ts``, a text that is never made a float. Threads need no joining across day
files: ``thread_id`` is the ``message_id`` of the thread's first message, wherever that stands.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from incident_lib.sources.archive import Archive, open_archive, zip_names
from incident_lib.sources.reading import Batch, Reader, Source
from incident_lib.sources.slack_columns import SCHEMA
from incident_lib.sources.slack_days import DayFiles, order_for, parts_of
from incident_lib.sources.slack_names import CHANNEL_FILES, Names, read_names
from incident_lib.sources.slack_table import Days, messages_table
from incident_lib.sources.two_processes import Other, Part, all_parts, other_process
from incident_lib.tables import MESSAGES, Problem

NAME = "slack"
TOP_FILES = ("users.json", *CHANNEL_FILES)
_IGNORED_FILES = (*TOP_FILES, "integration_logs.json", "canvases.json", "lists.json", "huddle_transcripts.json")
LARGE_BYTES = 150_000_000  # of day files: some 300,000 messages, from which on a second process earns its start
_WORK = "incident_lib.sources.slack_days:work_on"
_DAY = re.compile(r"(?P<channel>[^/\\\0]+)/\d{4}-\d\d-\d\d\.json")


def recognises(source: Source) -> bool:
    """Tell whether a zip or a folder is a Slack export: day files in channel folders, beside the users or channels.

    A damaged zip is still recognised if its first members are an export's, so that somebody says what is wrong.
    """
    if source.path.is_dir():
        return _is_export_folder(source)
    if not source.head.startswith(b"PK"):
        return False
    names = zip_names(source)
    if names is None:
        return re.search(rb"(users|channels)\.json|/\d{4}-\d\d-\d\d\.json", source.head) is not None
    return _is_export(names)


def _is_export(names: Sequence[str]) -> bool:
    prefix = _prefix(names)
    inside = [name.removeprefix(prefix) for name in names]
    days = any(_DAY.fullmatch(name) for name in inside)
    return (days and any(name in TOP_FILES for name in inside)) or {"users.json", "channels.json"} <= set(inside)


def _is_export_folder(source: Source) -> bool:
    """Look at the folder's own entries, and for day files only one level below."""
    try:
        tops = {path.name for path in source.path.iterdir()}
        if not tops & set(TOP_FILES):
            return False
        days = (path.relative_to(source.path).as_posix() for path in source.path.glob("*/????-??-??.json"))
        return {"users.json", "channels.json"} <= tops or any(_DAY.fullmatch(name) for name in days)
    except OSError:
        return False


def _prefix(names: Sequence[str]) -> str:
    """Return the one folder that holds the whole export, as when somebody zipped the unpacked folder; mostly ""."""
    tops = [name for name in names if name.rpartition("/")[2] in TOP_FILES and name.count("/") <= 1]
    shallowest = min(tops, key=lambda name: (name.count("/"), name), default="")
    return shallowest.rpartition("/")[0] + "/" if "/" in shallowest else ""


def read(source: Source) -> Batch:
    """Return an export's messages and people; of a large export a second process reads some of the day files.

    Raises:
        SourceError: if the export as a whole can't be read (see ``archive.open_archive``); a damaged day file costs
            that file, a message that can't be read that message.
    """
    batch, outcomes = Batch(), Counter[str]()
    with open_archive(source) as archive:
        prefix = _prefix(archive.names)
        members = _day_members(archive.names, prefix)
        sizes = [archive.size(member) for _, member in members]
        parts = parts_of([member for _, member in members], sizes)
        with other_process(_WORK, wanted=sum(sizes) >= LARGE_BYTES) as other:
            tops = {file: prefix + file for file in TOP_FILES if prefix + file in archive.names}
            names = read_names(archive, tops, batch, nesting=source.limits.nesting)
            if other:
                other.order(order_for(source, archive, names, parts))
            found = _read_parts(archive, DayFiles(archive, names, parts), len(parts), other)
        days = _gathered(archive, members, found, names, batch, outcomes)
        _account_for_files(archive, prefix, len(members), len(days.lengths), batch)
    frame = messages_table(days, names.programs, batch, outcomes)
    batch.add(MESSAGES, frame)
    _account(batch, source.name, outcomes, used=len(frame))
    return batch


def _account(batch: Batch, source: str, outcomes: Counter[str], *, used: int) -> None:
    skipped = {f"skipped: {reason}": outcomes[reason] for reason in sorted(outcomes)}
    batch.account(source, NAME, "messages", {"used": used, **skipped})
    batch.account(source, NAME, "people", {"used": len(batch.tables.get("people", ()))})


def _account_for_files(archive: Archive, prefix: str, days: int, used: int, batch: Batch) -> None:
    known = {prefix + file for file in _IGNORED_FILES}
    others = sum(name not in known for name in archive.names) - days
    files = {"used": used, "skipped: unreadable": days - used, "skipped: no day file": others}
    batch.account(archive.name, NAME, "day files", files)


def _read_parts(archive: Archive, files: DayFiles, count: int, other: Other | None) -> list[Part]:
    """Return all parts of an export; the limit of what it may unpack to holds for both processes together."""
    before = archive.unpacked
    found = all_parts(count, files.part, other, SCHEMA)
    archive.count(sum(facts["unpacked"] for _, facts in found) - (archive.unpacked - before))
    return found


def _gathered(
    archive: Archive,
    members: Sequence[tuple[str, str]],
    parts: Sequence[Part],
    names: Names,
    batch: Batch,
    outcomes: Counter[str],
) -> Days:
    """Return the messages of all day files, in order of channel and day, and add what was found to what is known."""
    days, lengths = Days(), [length for _, facts in parts for length in facts["lengths"]]
    for (channel, member), length in zip(members, lengths, strict=True):
        if length is not None:
            days.channels.append(channel)
            days.channel_ids.append(names.channels.get(channel))
            days.pointers.append(archive.pointer(member))
            days.lengths.append(length)
    for columns, facts in parts:
        days.batches.append(columns)
        batch.problems += (Problem(**problem) for problem in facts["problems"])
        outcomes.update(facts["outcomes"])
        names.programs |= facts["programs"]
    return days


def _day_members(names: Sequence[str], prefix: str) -> list[tuple[str, str]]:
    """Return channel and member of each day file; whatever else a zip may hold is not looked at."""
    inside = ((name, _DAY.fullmatch(name.removeprefix(prefix))) for name in names if name.startswith(prefix))
    return sorted((match["channel"], name) for name, match in inside if match and match["channel"] not in (".", ".."))


READER = Reader(NAME, recognises, read)
