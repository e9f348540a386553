"""Named channels of Slack as an export's folder: users, channels, and a file for each day, threads and all.

The last days are asked for again each time, since threads go on and messages are edited.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from incident_lib.errors import SettingsError, SourceError
from incident_lib.fetching.api import Api
from incident_lib.fetching.store import Record, Window, days, merged, records_in, store, stored
from incident_lib.records import unknown
from incident_lib.settings.fetch import SlackWorkspace

NAME = "Slack"
HEADERS = {"Authorization": "Bearer {token}"}
FOLDER = "slack"
PAGE, SPAN_DAYS, AGAIN_DAYS = 200, 7, 7


def fetch(api: Api, workspace: SlackWorkspace, folder: Path, now: datetime, say: Callable[[str], None]) -> int:
    """Write ``slack/users.json``, ``channels.json`` and ``CHANNEL/2026-03-02.json``; return how many were written.

    Raises:
        SettingsError: for a channel that the token can't see.
        SourceError: if the tool refuses or stays away; the days before are written then.
    """
    target = folder / FOLDER
    written = store(target / "users.json", _listed(api, "users.list", "members", {}))
    kinds = {"types": "public_channel,private_channel"} if workspace.private else {}
    channels = _chosen(_listed(api, "conversations.list", "channels", kinds), workspace)
    written += store(target / "channels.json", channels)
    for channel in channels:
        before = written
        for span in days(_first_day(target / str(channel["name"]), workspace), now, length=SPAN_DAYS):
            written += _write(target / str(channel["name"]), _messages(api, str(channel["id"]), span))
        say(f"#{channel['name']}: {written - before} days written")
    return written


def _chosen(known: list[Record], workspace: SlackWorkspace) -> list[Record]:
    by_name = {str(one.get("name")): one for one in known}
    for name in workspace.channels:
        if name not in by_name or not name.replace("-", "").replace("_", "").isalnum():
            raise SettingsError(f"{unknown(name, sorted(by_name), 'channel')} (fetch.slack.channels)")
    return [by_name[name] for name in dict.fromkeys(workspace.channels)]


def _first_day(folder: Path, workspace: SlackWorkspace) -> date:
    """Return from which day on to ask: some days before the newest that is there, or the first one wanted."""
    there = sorted(path.stem for path in folder.glob("????-??-??.json"))
    newest = date.fromisoformat(there[-1]) - timedelta(days=AGAIN_DAYS) if there else workspace.since
    return max(newest, workspace.since)


def _messages(api: Api, channel: str, span: Window) -> Iterator[Record]:
    """Yield a span's messages, and those of the threads that began in it."""
    asked = {"channel": channel, "oldest": f"{span.start.timestamp():.6f}", "latest": f"{span.end.timestamp():.6f}"}
    for message in _listed(api, "conversations.history", "messages", {**asked, "inclusive": "true"}):
        yield message
        if message.get("reply_count") and message.get("thread_ts") == message.get("ts"):
            thread = {"channel": channel, "ts": message["ts"]}
            replies = _listed(api, "conversations.replies", "messages", thread)
            yield from (one for one in replies if one.get("ts") != message["ts"])


def _write(folder: Path, messages: Iterator[Record]) -> int:
    by_day: dict[str, list[Record]] = defaultdict(list)
    for message in messages:
        by_day[_day(message)].append(message)
    written = 0
    for day, found in sorted(by_day.items()):
        path = folder / f"{day}.json"
        written += store(path, merged(records_in(stored(path) or [], str(path)), found, lambda one: str(one["ts"])))
    return written


def _day(message: Record) -> str:
    try:
        return f"{datetime.fromtimestamp(float(message['ts']), UTC):%Y-%m-%d}"
    except (KeyError, TypeError, ValueError, OverflowError, OSError) as error:
        raise SourceError(f"Slack answers a message without a time: {str(message)[:80]!r}") from error


def _listed(api: Api, method: str, key: str, params: dict[str, Any]) -> list[Record]:
    """Return the records of all pages of an answer.

    Raises:
        SourceError: if Slack says that something is wrong, in its own word.
    """
    found: list[Record] = []
    cursor = ""
    while True:
        answer = api.get(f"/{method}", {**params, "limit": PAGE, **({"cursor": cursor} if cursor else {})})
        if not isinstance(answer, dict) or answer.get("ok") is not True:
            said = answer.get("error") if isinstance(answer, dict) else "no object"
            raise SourceError(f"Slack's {method} refuses: {str(said)[:60]!r} (the token is in {api.token_env})")
        found += records_in(answer.get(key), f"Slack's {method}")
        following = str((answer.get("response_metadata") or {}).get("next_cursor") or "")
        if not following or following == cursor:
            return found
        cursor = following
