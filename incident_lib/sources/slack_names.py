"""Who and what a Slack export's ids stand for: people, bots, channels."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from incident_lib.errors import SourceError
from incident_lib.sources.archive import Archive, MemberError
from incident_lib.sources.reading import Batch, decode, parse_json
from incident_lib.tables import PEOPLE

CHANNEL_FILES = ("channels.json", "groups.json", "dms.json", "mpims.json")
_BOM = b"\xef\xbb\xbf"


class Profile(msgspec.Struct, gc=False):
    """The part of a user's profile that is kept."""

    real_name: str | None = None
    display_name: str | None = None
    name: str | None = None
    email: str | None = None


class User(msgspec.Struct, gc=False):
    """One entry of ``users.json``."""

    id: str
    name: str | None = None
    real_name: str | None = None
    is_bot: bool = False
    is_workflow_bot: bool = False
    tz: str | None = None
    profile: Profile | None = None


class Channel(msgspec.Struct, gc=False):
    """One entry of ``channels.json``; direct messages have no name."""

    id: str
    name: str | None = None


@dataclass
class Names:
    """People's names by user id, which of those are bots, every id that a text may mention, programs' names, and
    channels' ids by name.
    """

    people: dict[str, str] = field(default_factory=dict)
    bots: set[str] = field(default_factory=set)
    mentions: dict[str, str] = field(default_factory=dict)
    programs: dict[str, str] = field(default_factory=dict)
    channels: dict[str, str] = field(default_factory=dict)


def decode_rows(content: bytes, kind: Any, pointer: str, batch: Batch, *, nesting: int) -> list[Any]:
    """Return a JSON list's entries as typed structs; None for an entry that is not of the kind (a problem each).

    The whole list is decoded at once; only if that fails, each entry by itself.

    Raises:
        MemberError: if it is no JSON list.
    """
    try:
        return msgspec.json.decode(content.removeprefix(_BOM), type=list[kind])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return _one_by_one(content, kind, pointer, batch, nesting=nesting)


def _one_by_one(content: bytes, kind: Any, pointer: str, batch: Batch, *, nesting: int) -> list[Any]:
    try:
        entries = parse_json(decode(content, pointer), pointer, nesting=nesting)
    except (SourceError, RecursionError) as error:
        raise MemberError(str(error)) from error
    if not isinstance(entries, list):
        raise MemberError(f"{pointer} holds no list, as a file of a Slack export does")
    return [_one(entry, kind, f"{pointer}#/{place}", batch) for place, entry in enumerate(entries)]


def _one(entry: Any, kind: Any, pointer: str, batch: Batch) -> Any:
    """Return one entry as a struct; a character that is half of a pair becomes a question mark."""
    if isinstance(entry, dict):
        entry = entry | {key: f"{entry[key]:.6f}" for key in ("ts", "thread_ts") if _is_number(entry.get(key))}
    try:
        return msgspec.json.decode(json.dumps(entry, ensure_ascii=False).encode("utf-8", "replace"), type=kind)
    except (msgspec.MsgspecError, RecursionError) as error:
        what = kind.__name__.lower()
        batch.problem(f"unreadable-{what}", f"this {what} can't be read: {_lower(str(error))}", pointer)
        return None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]


def display_name(profile: Profile | None) -> str | None:
    """Return the name a profile shows: the real one, else what the person chose to be called."""
    return (profile.real_name or profile.display_name or profile.name) if profile else None


def read_names(archive: Archive, tops: Mapping[str, str], batch: Batch, *, nesting: int) -> Names:
    """Return the names an export knows, and add its people to the batch.

    ``tops`` has the archive's member for each of the top-level files that it holds.
    """
    names = Names()
    people = []
    for place, user in _entries(archive, tops.get("users.json"), User, batch, nesting):
        name = user.real_name or display_name(user.profile) or user.name or user.id
        names.people[user.id] = name
        if user.is_bot or user.is_workflow_bot or user.id == "USLACKBOT":
            names.bots.add(user.id)
        else:
            people.append(_person(user, name, f"{archive.pointer(tops['users.json'])}#/{place}"))
    channels = {
        channel.id: channel.name
        for file in CHANNEL_FILES
        for _, channel in _entries(archive, tops.get(file), Channel, batch, nesting)
        if channel.name
    }
    names.mentions = names.people | channels
    names.channels = {name: one for one, name in channels.items() if re.fullmatch(r"[A-Z0-9]{2,20}", one)}
    if people:
        batch.add(PEOPLE, people)
    return names


def _entries(archive: Archive, member: str | None, kind: Any, batch: Batch, nesting: int) -> list[tuple[int, Any]]:
    """Return the readable entries of a top-level file, each with its place; none if the file is absent or damaged."""
    if member is None:
        return []
    try:
        entries = decode_rows(archive.read(member), kind, archive.pointer(member), batch, nesting=nesting)
    except MemberError as error:
        batch.problem("unreadable-file", str(error), archive.pointer(member), effect="file left out")
        return []
    return [(place, entry) for place, entry in enumerate(entries) if entry is not None]


def _person(user: User, name: str, source: str) -> dict[str, Any]:
    email = user.profile.email if user.profile else None
    return {"name": name, "email": email or None, "handle": user.id, "zone": user.tz or None, "source": source}
