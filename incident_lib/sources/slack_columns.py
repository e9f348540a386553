"""Slack messages, column by column: the few fields that every message has at full speed, the rest where it stands."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import msgspec
import pyarrow as pa

from incident_lib.column_texts import join_names
from incident_lib.sources.mrkdwn import Converter, all_to_markdown
from incident_lib.sources.slack_messages import (
    Message,
    author,
    decoded,
    dicts,
    is_from_program,
    message_text,
    pinned_ts,
    remainder,
)
from incident_lib.sources.slack_names import Names

NOISE = frozenset({
    "channel_join", "channel_leave", "channel_archive", "channel_unarchive", "channel_convert_to_private",
    "channel_posting_permissions", "group_join", "group_leave", "group_archive", "group_unarchive", "bot_add",
    "bot_remove", "bot_enable", "bot_disable", "app_conversation_join", "app_conversation_leave", "reminder_add",
    "tombstone", "message_changed", "message_deleted", "message_replied", "joiner_notification",
    "joiner_notification_for_inviter",
})  # fmt: skip
SCHEMA = pa.schema(
    [(name, pa.string()) for name in ("ts", "thread", "subtype", "user", "who", "text", "reactions", "url", "extra")]
    + [("edited", pa.string()), ("pin", pa.string()), ("is_bot", pa.bool_()), ("pinned", pa.bool_())]
    + [("place", pa.string())]
)
POOL = pa.system_memory_pool()  # Arrow's own takes fresh pages for each small array, which costs more than filling it
_COLUMNS = [(field.name, field.type) for field in SCHEMA]
_ADDED = re.compile(r"/services/(B\w+)\|([^<>|]+)>")
_EXTRA = msgspec.json.Encoder(order="sorted")


class Reaction(msgspec.Struct, gc=False):
    """One kind of reaction, and how many people chose it."""

    name: str
    count: int = 0


_REACTIONS = msgspec.json.Decoder(list[Reaction])
_joined = lru_cache(maxsize=1_000)(join_names)  # the same few reactions come again and again


def day_columns(
    days: Sequence[list[Message | None]], names: Names, converter: Converter, outcomes: Counter[str]
) -> tuple[pa.RecordBatch, list[int]]:
    """Return some days' messages as columns of ``SCHEMA``, and how many each day has.

    The noise and the unreadable are left out, and counted. ``place`` is a message's number in its file, ``pin`` the
    timestamp of the message that a notice of pinning is about.
    """
    rows: list[Message] = []
    places: list[int] = []
    lengths = []
    for day in days:
        kept = [place for place, row in enumerate(day) if row is not None and row.subtype not in NOISE]
        if len(kept) < len(day):
            left_out = [row for row in day if row is None or row.subtype in NOISE]
            outcomes.update("unreadable" if row is None else row.subtype for row in left_out)
            names.programs |= _added_programs(left_out)
        rows += [day[place] for place in kept] if len(kept) < len(day) else day
        places += kept
        lengths.append(len(kept))
    made = _Days(rows, names)
    columns = made.columns | {"place": list(map(str, places)), "text": all_to_markdown(made.text, converter)}
    arrays = [
        pa.array(columns[name], kind, memory_pool=POOL)
        if name in columns
        else pa.nulls(len(rows), kind, memory_pool=POOL)
        for name, kind in _COLUMNS
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=SCHEMA), lengths


class _Days:
    """Some days' messages on their way into columns; a column that no message fills is never made."""

    def __init__(self, rows: list[Message], names: Names) -> None:
        self.length, self.names = len(rows), names
        self.text = [row.text or "" for row in rows]
        self.who = [names.people.get(row.user) for row in rows]
        self.columns: dict[str, list[Any]] = {
            "ts": [row.ts for row in rows],
            "thread": [row.thread_ts or None for row in rows],
            "user": [row.user for row in rows],
            "who": self.who,
        }
        for place in _rich_places(rows, names):
            self._rich(place, rows[place])

    def _put(self, column: str, place: int, value: Any) -> None:
        if column not in self.columns:
            self.columns[column] = [None] * self.length
        self.columns[column][place] = value

    def _rich(self, place: int, message: Message) -> None:
        """Fill in what only some messages have."""
        program = is_from_program(message, self.names)
        extra: dict[str, Any] = {}
        if program:
            self._put("is_bot", place, True)
        if program or not self.who[place]:
            self.who[place] = author(message, self.names, program=program)
        if message.edited is not None:
            self._edited(place, message)
        if message.reactions is not None:
            extra = self._reactions(place, message)
        if program or not message.text or message.subtype or _has_parts(message):
            extra |= self._parts(place, message, program=program)
        if extra:
            author_id = {"user": message.user} if message.user else {}
            self._put("extra", place, _EXTRA.encode(author_id | extra).decode())

    def _edited(self, place: int, message: Message) -> None:
        ts = next((str(one["ts"]) for one in dicts(message.edited) if one.get("ts")), None)
        self._put("edited", place, ts)

    def _reactions(self, place: int, message: Message) -> dict[str, Any]:
        """Fill in the reactions' names; return how many of each there are."""
        try:
            counts = {one.name: one.count for one in _REACTIONS.decode(message.reactions)}
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            counts = {}
        self._put("reactions", place, _joined(tuple(counts)))
        return {"reactions": counts} if counts else {}

    def _parts(self, place: int, message: Message, *, program: bool) -> dict[str, Any]:
        """Fill in subtype, pins, link, and the text with what belongs to it; return the rest."""
        self._put("subtype", place, message.subtype)
        if message.text and message.subtype != "pinned_item" and not _has_parts(message):
            return {"bot": message.bot_id} if message.bot_id else {}
        attachments, files = dicts(message.attachments), dicts(message.files) or dicts(message.file)
        self.text[place] = message_text(message, attachments if program else [], files)
        if message.subtype == "pinned_item":
            self._put("pin", place, pinned_ts(message, attachments))
        if message.pinned_to is not None and decoded(message.pinned_to):
            self._put("pinned", place, True)
        if isinstance(url := decoded(message.permalink), str):
            self._put("url", place, url)
        return remainder(message, attachments, files)


def _rich_places(rows: list[Message], names: Names) -> list[int]:
    """Return the places of the messages that have more than time, thread and text of a person whom we know."""
    ordinary = names.people.keys() - names.bots
    return [
        place
        for place, row in enumerate(rows)
        if not (
            row.subtype is row.bot_id is row.edited is row.reactions is row.attachments is row.files is row.file
            is row.pinned_to is row.permalink is None and row.text and row.user in ordinary
        )
    ]  # fmt: skip


def _has_parts(row: Message) -> bool:
    return not (row.attachments is row.files is row.file is row.pinned_to is row.permalink is None)


def _added_programs(rows: list[Message | None]) -> dict[str, str]:
    """Return what notices of an added program call it, by its id; old exports name their bots nowhere else."""
    texts = (row.text or "" for row in rows if row is not None and row.subtype == "bot_add")
    return dict(match.groups() for text in texts if (match := _ADDED.search(text)))
