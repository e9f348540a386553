"""One Slack message: its fields, and what they say of its author, its text, and the rest.

Left out on purpose: ``blocks`` (the text once more; read only where there is no text), ``client_msg_id``, avatars, and
every address that opens a file without a password (``url_private`` and its like).
"""

from __future__ import annotations

from html import escape
from typing import Any

import msgspec

from incident_lib.sources.slack_names import Names, Profile, display_name

_FILE_FIELDS = ("id", "name", "title", "mimetype", "size")
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


def decoded(raw: Any) -> Any:
    """Return a field's value; None if it is absent or nothing that can be read."""
    if raw is None:
        return None
    try:
        return _DECODE(raw)
    except _UNKNOWN:
        return None


def dicts(raw: Any) -> list[dict[str, Any]]:
    """Return a field's objects, whether it holds one or a list of them."""
    value = decoded(raw)
    return [one for one in (value if isinstance(value, list) else [value]) if isinstance(one, dict)]


def string(record: dict[str, Any], key: str) -> str:
    """Return a field's text; empty if it holds none."""
    value = record.get(key)
    return value.strip() if isinstance(value, str) else ""


def is_from_program(message: Message, names: Names) -> bool:
    """Tell whether a program wrote it; a person's message sent through an app is the person's."""
    person = message.user in names.people and message.user not in names.bots
    return message.subtype == "bot_message" or message.user in names.bots or (bool(message.bot_id) and not person)


def author(message: Message, names: Names, *, program: bool) -> str | None:
    """Return the author's name as far as the export tells it, else the id."""
    known = names.people.get(message.user or "")
    if program:
        profile = next(iter(dicts(message.bot_profile)), {}) if not message.username else {}
        return message.username or string(profile, "name") or known or message.bot_id
    if known:
        return known
    comment = dicts(message.comment)
    commenter = string(comment[0], "user") if comment else ""
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


def message_text(message: Message, attachments: list[dict[str, Any]], files: list[dict[str, Any]]) -> str:
    """Return the message's mrkdwn: its text (else its blocks'), a bot's attachments, and the names of its files."""
    own = message.text or "\n".join(_block_texts(decoded(message.blocks)))
    parts = [own, *(part for one in attachments if (part := _attachment_text(one)) != own)]
    parts += [f"[file: {escape(name, quote=False)}]" for one in files if (name := _file_name(one))]
    return "\n".join(part for part in parts if part)


def _attachment_text(attachment: dict[str, Any]) -> str:
    """Return pretext, title, text and fields of an attachment; its fallback if it has none of them."""
    title, link = string(attachment, "title"), string(attachment, "title_link")
    fields = attachment.get("fields")
    parts = [
        string(attachment, "pretext"),
        f"<{link}|{title}>" if title and link else title,
        string(attachment, "text"),
        *(_field_text(one) for one in (fields if isinstance(fields, list) else []) if isinstance(one, dict)),
        *([] if attachment.get("text") else _block_texts(attachment.get("blocks"))),
    ]
    return "\n".join(part for part in parts if part) or string(attachment, "fallback")


def _field_text(record: dict[str, Any]) -> str:
    value = record.get("value")
    shown = str(value).strip() if isinstance(value, str | int | float) else ""
    return ": ".join(part for part in (string(record, "title"), shown) if part)


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
        return [f"<@{string(block, 'user_id')}>" if block["type"] == "user" else f"<{string(block, 'url')}>"]
    return [text for key in ("text", "fields", "elements") for text in _block_texts(block.get(key), depth + 1)]


def _file_name(file: dict[str, Any]) -> str:
    return " ".join((string(file, "name") or string(file, "title")).split())


def pinned_ts(message: Message, attachments: list[dict[str, Any]]) -> str:
    """Return the timestamp of the message that a "pinned a message" notice is about; empty if it doesn't say."""
    found = [string(one, "ts") for one in (*dicts(message.item), *attachments)]
    return next((ts for ts in found if ts), "")


def remainder(message: Message, attachments: list[dict[str, Any]], files: list[dict[str, Any]]) -> dict[str, Any]:
    """Return what has no column: the files without their addresses, what was linked, and which program wrote it."""
    links = (string(one, "from_url") or string(one, "title_link") for one in attachments)
    kept = {
        "files": [{key: one[key] for key in _FILE_FIELDS if one.get(key)} for one in files],
        "links": [link for link in links if link],
        "bot": message.bot_id,
    }
    return {key: value for key, value in kept.items() if value}
