"""Slack workspace exports, zipped or unpacked: every message of every day file, and the people in ``users.json``.

A message is known by its channel and ``ts``, a text that is never made a float. Threads need no joining across day
files: ``thread_id`` is the ``message_id`` of the thread's first message, wherever that stands.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from incident_lib.sources.archive import Archive, MemberError, open_archive, read_ahead, zip_names
from incident_lib.sources.mrkdwn import Converter
from incident_lib.sources.reading import Batch, Reader, Source
from incident_lib.sources.slack_columns import day_columns
from incident_lib.sources.slack_messages import Message
from incident_lib.sources.slack_names import CHANNEL_FILES, Names, decode_rows, read_names
from incident_lib.sources.slack_table import Days, messages_table
from incident_lib.tables import MESSAGES

NAME = "slack"
TOP_FILES = ("users.json", *CHANNEL_FILES)
_IGNORED_FILES = (*TOP_FILES, "integration_logs.json", "canvases.json", "lists.json", "huddle_transcripts.json")
_TOGETHER = 4_000  # messages that become columns at once: a column costs something however short it is
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
    """Return an export's messages and people.

    Raises:
        SourceError: if the export as a whole can't be read (see ``archive.open_archive``); a damaged day file costs
            that file, a message that can't be read that message.
    """
    batch, outcomes = Batch(), Counter[str]()
    with open_archive(source) as archive:
        prefix = _prefix(archive.names)
        tops = {file: prefix + file for file in TOP_FILES if prefix + file in archive.names}
        names = read_names(archive, tops, batch, nesting=source.limits.nesting)
        days = _read_days(archive, prefix, names, batch, outcomes)
    frame = messages_table(days, names.programs, batch, outcomes)
    batch.add(MESSAGES, frame)
    _account(batch, source.name, outcomes, used=len(frame))
    return batch


def _account(batch: Batch, source: str, outcomes: Counter[str], *, used: int) -> None:
    skipped = {f"skipped: {reason}": outcomes[reason] for reason in sorted(outcomes)}
    batch.account(source, NAME, "messages", {"used": used, **skipped})
    batch.account(source, NAME, "people", {"used": len(batch.tables.get("people", ()))})


def _read_days(archive: Archive, prefix: str, names: Names, batch: Batch, outcomes: Counter[str]) -> Days:
    """Return the messages of all day files, in order of channel and day."""
    days, files, converter = Days(), Counter[str](), Converter(names.mentions)
    waiting: list[list[Message | None]] = []

    def settle() -> None:
        made, lengths = day_columns(waiting, names, converter, outcomes)
        days.batches.append(made)
        days.lengths += lengths
        waiting.clear()

    members = _day_members(archive.names, prefix)
    for (channel, member), content in zip(members, read_ahead(archive, [name for _, name in members]), strict=True):
        pointer = archive.pointer(member)
        try:
            rows = decode_rows(content(), Message, pointer, batch, nesting=archive.limits.nesting)
        except MemberError as error:
            batch.problem("unreadable-file", str(error), pointer, effect="file left out")
            files["skipped: unreadable"] += 1
            continue
        files["used"] += 1
        days.channels.append(channel)
        days.channel_ids.append(names.channels.get(channel))
        days.pointers.append(pointer)
        waiting.append(rows)
        if sum(map(len, waiting)) > _TOGETHER:
            settle()
    settle()
    known = {prefix + file for file in _IGNORED_FILES}
    files["skipped: no day file"] = sum(name not in known for name in archive.names) - files.total()
    batch.account(archive.name, NAME, "day files", files)
    return days


def _day_members(names: Sequence[str], prefix: str) -> list[tuple[str, str]]:
    """Return channel and member of each day file; whatever else a zip may hold is not looked at."""
    inside = ((name, _DAY.fullmatch(name.removeprefix(prefix))) for name in names if name.startswith(prefix))
    return sorted((match["channel"], name) for name, match in inside if match and match["channel"] not in (".", ".."))


READER = Reader(NAME, recognises, read)
