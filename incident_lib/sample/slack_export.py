"""The parts of a chat workspace's export: messages, threads, users, channels, day files, and the zip file itself."""

from __future__ import annotations

import io
import zipfile
from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from incident_lib.sample.company import SLACK, Person, people

TEAM = "T07NORTHL"
GONE = "U07NL098"  # Gareth Pugh, who left: still listed, as deleted
ABSENT = "U07NL099"  # somebody of whom the export knows nothing but the id
PAGERDUTY_BOT, ALERT_BOT = "B07PAGERD", "B07ALERTM"


def zipped(members: dict[str, str]) -> bytes:
    """Return texts as a zip file with fixed times, in order of path."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for path in sorted(members):
            info = zipfile.ZipInfo(path, (2026, 10, 1, 0, 0, 0))
            info.compress_type, info.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
            archive.writestr(info, members[path])
    return file.getvalue()


def by_day(messages: Iterable[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """Return messages by the UTC day that they belong to, in order of time."""
    days: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for message in sorted(messages, key=lambda message: message["ts"]):
        days[f"{datetime.fromtimestamp(int(message['ts'].split('.')[0]), UTC):%Y-%m-%d}"].append(message)
    return days


def bot_said(at: datetime, text: str) -> dict[str, Any]:
    """Return a message of the newer kind of bot, which comes with a profile."""
    profile = {"id": ALERT_BOT, "app_id": "A07ALERTM", "name": "Alertmanager", "deleted": False, "team_id": TEAM}
    return {"type": "message", "user": "U07ALERTM", "bot_id": ALERT_BOT, "bot_profile": profile, "text": text,
            "ts": stamp(at), "team": TEAM}  # fmt: skip


def shared_file(text: str, at: datetime) -> dict[str, Any]:
    """Return a shared picture."""
    name = text.strip()
    return {"id": "F07NL0001", "created": int(at.timestamp()), "name": name, "title": name, "mimetype": "image/png",
            "filetype": "png", "size": 48211, "mode": "hosted", "is_external": False,
            "url_private": f"{SLACK}/files/F07NL0001/{name}"}  # fmt: skip


def reaction(name: str, people: Iterable[Person]) -> list[dict[str, Any]]:
    """Return a list of one reaction by some people."""
    users = [one.slack_id for one in people]
    return [{"name": name, "users": users, "count": len(users)}]


def reply(parent: dict[str, Any], message: dict[str, Any]) -> None:
    """Make a message the reply to another, as both records of a thread say it."""
    parent.setdefault("thread_ts", parent["ts"])
    parent["reply_count"] = parent.get("reply_count", 0) + 1
    parent["replies"] = [*parent.get("replies", []), {"user": message.get("user"), "ts": message["ts"]}]
    parent["latest_reply"] = message["ts"]
    message["thread_ts"], message["parent_user_id"] = parent["ts"], parent.get("user")


def said(who: Person, at: datetime, text: str) -> dict[str, Any]:
    """Return an ordinary message."""
    profile = {"real_name": who.name, "display_name": who.handle, "name": who.handle, "team": TEAM}
    return {"client_msg_id": f"{Random(f'{at}{who.name}').getrandbits(64):016x}", "type": "message",
            "user": who.slack_id, "text": text, "ts": stamp(at), "team": TEAM, "user_profile": profile}  # fmt: skip


def user_list() -> list[dict[str, Any]]:
    """Return users.json: everybody, somebody who left, and a bot."""
    known = [_user(one.slack_id, one.handle, one.name, one.email, one.zone, one.roles[0]) for one in people()]
    gone = _user(GONE, "gareth", "Gareth Pugh", "gareth.pugh@northlight.example", "America/Detroit", "")
    bot = _user("U07ALERTM", "alertmanager", "Alertmanager", None, "America/Detroit", "")
    return [*known, {**gone, "deleted": True}, {**bot, "is_bot": True}]


def _user(identity: str, handle: str, name: str, email: str | None, zone: str, title: str) -> dict[str, Any]:
    offset = int(datetime(2026, 1, 15, tzinfo=ZoneInfo(zone)).utcoffset().total_seconds())
    profile = {"real_name": name, "display_name": handle, "title": title} | ({"email": email} if email else {})
    return {"id": identity, "team_id": TEAM, "name": handle, "deleted": False, "real_name": name, "tz": zone,
            "tz_offset": offset, "is_bot": False, "profile": profile}  # fmt: skip


def channel_list(channels: dict[str, list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """Return channels.json."""
    members = [one.slack_id for one in people()]
    return [
        {"id": channel_id(name), "name": name, "created": _created(messages), "creator": members[0],
         "is_archived": name.startswith("inc-"), "is_general": name == "general", "members": members,
         "topic": {"value": "", "creator": "", "last_set": 0},
         "purpose": {"value": "One incident" if name.startswith("inc-") else "", "creator": "", "last_set": 0}}
        for name, messages in channels.items()
    ]  # fmt: skip


def _created(messages: list[dict[str, Any]]) -> int:
    return min((int(one["ts"].split(".")[0]) for one in messages), default=1735740000)


def channel_id(name: str | None) -> str:
    """Return the id of a channel."""
    return "C07" + f"{Random(name or '').getrandbits(40):010X}"[:6]


def stamp(at: datetime) -> str:
    """Return a time as the timestamp that is a message's id."""
    return f"{int(at.timestamp())}.{at.microsecond:06d}"


def time_of(message: dict[str, Any]) -> datetime:
    """Return the time of a message."""
    seconds, micro = message["ts"].split(".")
    return datetime.fromtimestamp(int(seconds), UTC) + timedelta(microseconds=int(micro))
