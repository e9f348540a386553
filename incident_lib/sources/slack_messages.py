"""Slack messages, column by column: the few fields that every message has at full speed, the rest where it stands.

Left out on purpose: ``blocks`` (the text once more; read only where there is no text), ``client_msg_id``, avatars, and
every address that opens a file without a password (``url_private`` and its like).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from html import escape
from typing import Any

import msgspec

from incident_lib.sources.fields import as_json
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


@dataclass
class Columns:
    """The messages of an export as they are read: dense columns as lists, sparse ones by row number."""

    ts: list[str] = field(default_factory=list)
    thread: list[str | None] = field(default_factory=list)
    subtype: list[str | None] = field(default_factory=list)
    user: list[str | None] = field(default_factory=list)
    who: list[str | None] = field(default_factory=list)
    text: list[str] = field(default_factory=list)
    place: list[int] = field(default_factory=list)
    bots: list[int] = field(default_factory=list)
    pinned: list[int] = field(default_factory=list)
    edited: dict[int, Any] = field(default_factory=dict)
    reactions: dict[int, str] = field(default_factory=dict)
    url: dict[int, str] = field(default_factory=dict)
    extra: dict[int, dict[str, Any]] = field(default_factory=dict)
    pins: dict[int, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.ts)

    def take_in(self, rows: list[Message | None], names: Names, outcomes: Counter[str]) -> None:
        """Append one day's messages, but for the noise, which is counted; None is a row that could not be read."""
        places = [place for place, row in enumerate(rows) if row is not None and row.subtype not in NOISE]
        if len(places) < len(rows):
            outcomes.update("unreadable" if row is None else row.subtype for row in rows
                            if row is None or row.subtype in NOISE)  # fmt: skip
            rows = [rows[place] for place in places]
        first = len(self)
        self.place += places
        self._plain(rows, names)
        for row, message in enumerate(rows, start=first):
            if _is_rich(message) or message.user not in names.people or message.user in names.bots:
                self._rich(row, message, names)

    def _plain(self, rows: list[Message], names: Names) -> None:
        self.ts += [row.ts for row in rows]
        self.thread += [row.thread_ts for row in rows]
        self.subtype += [row.subtype for row in rows]
        self.user += [row.user for row in rows]
        self.text += [row.text or "" for row in rows]
        known = names.people.get
        self.who += [known(row.user) for row in rows]

    def _rich(self, row: int, message: Message, names: Names) -> None:
        """Fill in what only some messages have."""
        is_bot = _is_bot(message, names)
        if is_bot:
            self.bots.append(row)
        if is_bot or not self.who[row]:
            self.who[row] = _author(message, names, is_bot=is_bot)
        if message.reactions is not None or message.edited is not None:
            self._reactions(row, message)
        if is_bot or message.text in (None, "") or message.subtype or _has_parts(message):
            self._parts(row, message, is_bot=is_bot)

    def _reactions(self, row: int, message: Message) -> None:
        edited = _decoded(message.edited)
        if isinstance(edited, dict):
            self.edited[row] = edited.get("ts")
        counts = {name: one.get("count") for one in _dicts(message.reactions) if (name := _string(one, "name"))}
        if names := join_names(counts):
            self.reactions[row] = names
            self.extra[row] = {"reactions": {name: count for name, count in counts.items() if isinstance(count, int)}}

    def _parts(self, row: int, message: Message, *, is_bot: bool) -> None:
        attachments, files = _dicts(message.attachments), _dicts(message.files) or _dicts(message.file)
        self.text[row] = _text(message, attachments if is_bot else [], files)
        if message.subtype == "pinned_item":
            self.pins[row] = _pinned_ts(message, attachments)
        if message.pinned_to is not None and _decoded(message.pinned_to):
            self.pinned.append(row)
        if isinstance(url := _decoded(message.permalink), str):
            self.url[row] = url
        if kept := _extra(message, attachments, files):
            self.extra[row] = self.extra.get(row, {}) | kept


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
    """Return a field's value; None if it is absent or nested too deeply to be anything we know."""
    if raw is None:
        return None
    try:
        return msgspec.json.decode(raw)
    except (msgspec.MsgspecError, RecursionError):
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
    except (msgspec.MsgspecError, RecursionError):
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


def extra_json(user: str | None, extra: dict[str, Any]) -> str | None:
    """Return a message's ``extra`` column."""
    return as_json({"user": user, **extra})
