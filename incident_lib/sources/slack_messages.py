"""Slack messages, column by column: the few fields that every message has at full speed, the rest where it stands.

Left out on purpose: ``blocks`` (the text once more; read only where there is no text), ``client_msg_id``, avatars, and
every address that opens a file without a password (``url_private`` and its like).
"""

from __future__ import annotations

import re
from collections import Counter
from html import escape
from typing import Any

import msgspec
import pyarrow as pa

from incident_lib.sources.fields import as_json
from incident_lib.sources.mrkdwn import Converter, all_to_markdown
from incident_lib.sources.slack_names import Names, Profile, display_name
from incident_lib.tables import join_names

NOISE = frozenset({
    "channel_join", "channel_leave", "channel_archive", "channel_unarchive", "channel_convert_to_private",
    "channel_posting_permissions", "group_join", "group_leave", "group_archive", "group_unarchive", "bot_add",
    "bot_remove", "bot_enable", "bot_disable", "app_conversation_join", "app_conversation_leave", "reminder_add",
    "tombstone", "message_changed", "message_deleted", "message_replied", "joiner_notification",
    "joiner_notification_for_inviter",
})  # fmt: skip
_FILE_FIELDS = ("id", "name", "title", "mimetype", "size")
_ADDED = re.compile(r"/services/(B\w+)\|([^<>|]+)>")
_DECODE = msgspec.json.Decoder().decode
_UNKNOWN = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
_RAW: Any = None  # the default of a field that is decoded only where it is present


class Message(msgspec.Struct, gc=False):
    """One message of a day file."""

    ts: str
    text: str | None = None
    user: str | None = None
    subtype: str | None = None
    thread_ts: str | None = None
    bot_id: str | None = None
    username: str | None = None
    edited: msgspec.Raw = _RAW
    reactions: msgspec.Raw = _RAW
    attachments: msgspec.Raw = _RAW
    files: msgspec.Raw = _RAW
    file: msgspec.Raw = _RAW
    pinned_to: msgspec.Raw = _RAW
    permalink: msgspec.Raw = _RAW
    blocks: msgspec.Raw = _RAW
    user_profile: msgspec.Raw = _RAW
    bot_profile: msgspec.Raw = _RAW
    comment: msgspec.Raw = _RAW
    item: msgspec.Raw = _RAW


SCHEMA = pa.schema(
    [(name, pa.string()) for name in ("ts", "thread", "subtype", "user", "who", "text", "reactions", "url", "extra")]
    + [("edited", pa.string()), ("pin", pa.string()), ("is_bot", pa.bool_()), ("pinned", pa.bool_())]
    + [("place", pa.int64())]
)


def day_columns(
    rows: list[Message | None], names: Names, converter: Converter, outcomes: Counter[str]
) -> pa.RecordBatch:
    """Return one day's messages as columns of ``SCHEMA``, but for the noise and the unreadable, which are counted.

    ``place`` is a message's number in its file, ``pin`` the timestamp of the message that a notice of pinning is about.
    """
    places = [place for place, row in enumerate(rows) if row is not None and row.subtype not in NOISE]
    if len(places) < len(rows):
        left_out = [row for row in rows if row is None or row.subtype in NOISE]
        outcomes.update("unreadable" if row is None else row.subtype for row in left_out)
        names.programs |= _added_programs(left_out)
        rows = [rows[place] for place in places]
    day = _Day(rows, names)
    columns = day.columns | {"place": places, "text": all_to_markdown(day.text, converter)}
    arrays = [
        pa.array(columns[field.name], field.type) if field.name in columns else pa.nulls(len(rows), field.type)
        for field in SCHEMA
    ]
    return pa.record_batch(arrays, schema=SCHEMA)


class _Day:
    """A day's messages on their way into columns; a column that no message fills is never made."""

    def __init__(self, rows: list[Message], names: Names) -> None:
        self.length, self.names = len(rows), names
        people, bots = names.people, names.bots
        self.text = [row.text or "" for row in rows]
        self.who = [people.get(row.user) for row in rows]
        self.columns: dict[str, list[Any]] = {
            "ts": [row.ts for row in rows],
            "thread": [row.thread_ts or None for row in rows],
            "user": [row.user for row in rows],
            "who": self.who,
        }
        for place, row in enumerate(rows):
            if _is_rich(row) or row.user not in people or row.user in bots:
                self._rich(place, row)

    def _put(self, column: str, place: int, value: Any) -> None:
        if column not in self.columns:
            self.columns[column] = [None] * self.length
        self.columns[column][place] = value

    def _rich(self, place: int, message: Message) -> None:
        """Fill in what only some messages have."""
        is_bot = _is_bot(message, self.names)
        extra: dict[str, Any] = {}
        if is_bot:
            self._put("is_bot", place, True)
        if is_bot or not self.who[place]:
            self.who[place] = _author(message, self.names, is_bot=is_bot)
        if message.edited is not None:
            self._edited(place, message)
        if message.reactions is not None:
            extra = self._reactions(place, message)
        if is_bot or not message.text or message.subtype or _has_parts(message):
            extra |= self._parts(place, message, is_bot=is_bot)
        if extra:
            self._put("extra", place, as_json({"user": message.user, **extra}))

    def _edited(self, place: int, message: Message) -> None:
        ts = next((str(one["ts"]) for one in _dicts(message.edited) if one.get("ts")), None)
        self._put("edited", place, ts)

    def _reactions(self, place: int, message: Message) -> dict[str, Any]:
        """Fill in the reactions' names; return how many of each there are."""
        counts = {name: one.get("count") for one in _dicts(message.reactions) if (name := _string(one, "name"))}
        self._put("reactions", place, join_names(counts))
        return {"reactions": {name: count for name, count in counts.items() if isinstance(count, int)}}

    def _parts(self, place: int, message: Message, *, is_bot: bool) -> dict[str, Any]:
        """Fill in subtype, pins, link, and the text with what belongs to it; return the rest."""
        attachments, files = _dicts(message.attachments), _dicts(message.files) or _dicts(message.file)
        self.text[place] = _text(message, attachments if is_bot else [], files)
        self._put("subtype", place, message.subtype)
        if message.subtype == "pinned_item":
            self._put("pin", place, _pinned_ts(message, attachments))
        if message.pinned_to is not None and _decoded(message.pinned_to):
            self._put("pinned", place, True)
        if isinstance(url := _decoded(message.permalink), str):
            self._put("url", place, url)
        return _extra(message, attachments, files)


def _added_programs(rows: list[Message | None]) -> dict[str, str]:
    """Return what notices of an added program call it, by its id; old exports name their bots nowhere else."""
    texts = (row.text or "" for row in rows if row is not None and row.subtype == "bot_add")
    return dict(match.groups() for text in texts if (match := _ADDED.search(text)))


def _is_rich(message: Message) -> bool:
    """Tell whether a message has any field beyond author, time, thread and text."""
    return not (
        message.subtype is message.bot_id is message.username is message.edited is message.reactions
        is message.attachments is message.files is message.file is message.pinned_to is message.permalink is None
        and message.text
    )  # fmt: skip


def _has_parts(message: Message) -> bool:
    return not (
        message.attachments is message.files is message.file is message.pinned_to is message.permalink is None
    )


def _decoded(raw: Any) -> Any:
    """Return a field's value; None if it is absent or nothing that can be read."""
    if raw is None:
        return None
    try:
        return _DECODE(raw)
    except _UNKNOWN:
        return None


def _dicts(raw: Any) -> list[dict[str, Any]]:
    """Return a field's objects, whether it holds one or a list of them."""
    value = _decoded(raw)
    return [one for one in (value if isinstance(value, list) else [value]) if isinstance(one, dict)]


def _string(record: dict[str, Any], key: str) -> str:
    value = record.get(key)
    return value.strip() if isinstance(value, str) else ""


def _is_bot(message: Message, names: Names) -> bool:
    """Tell whether a program wrote it; a person's message sent through an app is the person's."""
    person = message.user in names.people and message.user not in names.bots
    return message.subtype == "bot_message" or message.user in names.bots or (bool(message.bot_id) and not person)


def _author(message: Message, names: Names, *, is_bot: bool) -> str | None:
    """Return the author's name as far as the export tells it, else the id."""
    known = names.people.get(message.user or "")
    if is_bot:
        profiles = _dicts(message.bot_profile)
        return message.username or (_string(profiles[0], "name") if profiles else None) or known or message.bot_id
    if known:
        return known
    comment = _dicts(message.comment)
    commenter = _string(comment[0], "user") if comment else ""
    return (
        _profile_name(message) or names.people.get(commenter) or message.username or message.user or commenter or None
    )


def _profile_name(message: Message) -> str | None:
    """Return the name in the message's own copy of the author's profile, which outlives a deleted account."""
    if message.user_profile is None:
        return None
    try:
        return display_name(msgspec.json.decode(message.user_profile, type=Profile | None))
    except _UNKNOWN:
        return None


def _text(message: Message, attachments: list[dict[str, Any]], files: list[dict[str, Any]]) -> str:
    """Return the message's mrkdwn: its text (else its blocks'), a bot's attachments, and the names of its files."""
    own = message.text or "\n".join(_block_texts(_decoded(message.blocks)))
    parts = [own, *(part for one in attachments if (part := _attachment_text(one)) and part not in own)]
    parts += [f"[file: {escape(name, quote=False)}]" for one in files if (name := _file_name(one))]
    return "\n".join(part for part in parts if part)


def _attachment_text(attachment: dict[str, Any]) -> str:
    """Return pretext, title, text and fields of an attachment; its fallback if it has none of them."""
    title, link = _string(attachment, "title"), _string(attachment, "title_link")
    fields = attachment.get("fields")
    parts = [
        _string(attachment, "pretext"),
        f"<{link}|{title}>" if title and link else title,
        _string(attachment, "text"),
        *(_field_text(one) for one in (fields if isinstance(fields, list) else []) if isinstance(one, dict)),
        *([] if attachment.get("text") else _block_texts(attachment.get("blocks"))),
    ]
    return "\n".join(part for part in parts if part) or _string(attachment, "fallback")


def _field_text(record: dict[str, Any]) -> str:
    value = record.get("value")
    shown = str(value).strip() if isinstance(value, str | int | float) else ""
    return ": ".join(part for part in (_string(record, "title"), shown) if part)


def _block_texts(block: Any, depth: int = 0) -> list[str]:
    """Return the texts within Block Kit blocks, in order."""
    if depth > 20:
        return []
    if isinstance(block, list):
        return [text for one in block for text in _block_texts(one, depth + 1)]
    if not isinstance(block, dict):
        return []
    if isinstance(block.get("text"), str):
        return [block["text"]]
    if block.get("type") in ("user", "link"):
        return [f"<@{_string(block, 'user_id')}>" if block["type"] == "user" else f"<{_string(block, 'url')}>"]
    return [text for key in ("text", "fields", "elements") for text in _block_texts(block.get(key), depth + 1)]


def _file_name(file: dict[str, Any]) -> str:
    return " ".join((_string(file, "name") or _string(file, "title")).split())


def _pinned_ts(message: Message, attachments: list[dict[str, Any]]) -> str:
    """Return the timestamp of the message that a "pinned a message" notice is about; empty if it doesn't say."""
    found = [_string(one, "ts") for one in (*_dicts(message.item), *attachments)]
    return next((ts for ts in found if ts), "")


def _extra(message: Message, attachments: list[dict[str, Any]], files: list[dict[str, Any]]) -> dict[str, Any]:
    """Return what has no column: the files without their addresses, what was linked, and which program wrote it."""
    links = (_string(one, "from_url") or _string(one, "title_link") for one in attachments)
    kept = {
        "files": [{key: one[key] for key in _FILE_FIELDS if one.get(key)} for one in files],
        "links": [link for link in links if link],
        "bot": message.bot_id,
    }
    return {key: value for key, value in kept.items() if value}
