"""``slack/northlight-export.zip``: users, channels, and what was said, in the shape of a workspace export."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from random import Random
from typing import Any

from incident_lib.sample.company import people, person
from incident_lib.sample.facts import Facts
from incident_lib.sample.pagerduty import alert_title
from incident_lib.sample.slack_export import (
    ABSENT,
    GONE,
    PAGERDUTY_BOT,
    bot_said,
    by_day,
    channel_id,
    channel_list,
    reaction,
    reply,
    said,
    shared_file,
    stamp,
    time_of,
    user_list,
    zipped,
)  # fmt: skip
from incident_lib.sample.told import Line

MOST_INCIDENTS = 400

# Leaked by mistake in two of the chats: nobody's, but in the form of the real thing. Put together here, so that a
# scanner for secrets has nothing to find in this repository's text.
SECRETS = {
    "aws_key": "AKIA" + "NORTHLIGHTFAKE77",
    "slack_token": "xoxb-" + "000000000042-000000000042-" + "NorthlightFictional00000",
}


def chat_zip(incidents: list[Facts], until: datetime) -> bytes:
    """Return the export as a zip file whose bytes depend on nothing but its members."""
    channels = chat_messages(incidents, until)
    members = {"users.json": user_list(), "channels.json": channel_list(channels)}
    for name, messages in channels.items():
        for day, group in by_day(messages).items():
            members[f"{name}/{day}.json"] = group
    return zipped({path: json.dumps(content, indent=1, ensure_ascii=False) for path, content in members.items()})


def chat_messages(incidents: list[Facts], until: datetime) -> dict[str, list[dict[str, Any]]]:
    """Return all messages by channel: #incidents, #general, and a channel for each told story."""
    channels: dict[str, list[dict[str, Any]]] = {"general": list(_small_talk(until)), "incidents": []}
    major = [facts for facts in incidents if facts.is_major and facts.detected_at][-MOST_INCIDENTS:]
    for facts in major:
        channels["incidents"] += _in_incidents(facts, until)
        if facts.channel and facts.told:
            channels[facts.channel] = [one for one in _told(facts) if time_of(one) <= until]
    return {name: _told_apart(messages) for name, messages in channels.items()}


def _told_apart(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return messages whose timestamps differ, for a timestamp is a message's id."""
    return list({message["ts"]: message for message in messages}.values())


# What is said in #incidents


def _in_incidents(facts: Facts, until: datetime) -> Iterator[dict[str, Any]]:
    rng = facts.rng("incidents channel")
    began = facts.acknowledged_at or facts.detected_at
    messages = [_alert(facts, rng)] if facts.pagerduty_id else []
    messages += _announcement(facts, began, rng)
    messages += _exchange(facts, began, rng)
    if facts.mitigated_at:
        messages.append(said(facts.commander or facts.responders[0], facts.mitigated_at + _soon(rng),
                              f"{facts.incident_id}: impact has stopped, still watching"))  # fmt: skip
    if facts.resolved_at:
        page = f"<https://pages.northlight.example/{facts.incident_id}|post-mortem>"
        text = f"{facts.incident_id} *resolved*. Thanks all. Page: {page}"
        closing = said(facts.commander or facts.responders[0], facts.resolved_at + _soon(rng), text)
        closing["reactions"] = reaction("tada", facts.responders[:1])
        messages.append(closing)
    return (message for message in messages if time_of(message) <= until)


def _announcement(facts: Facts, began: datetime, rng: Random) -> list[dict[str, Any]]:
    channel = f" Channel is #{facts.channel}." if facts.channel else ""
    commander = facts.commander or facts.responders[0]
    severity = facts.raised_from or facts.severity
    title = _slack_escaped(facts.title)
    alert = f" Alert: <{facts.pagerduty_url}>." if facts.is_linked_in_chat else ""
    text = f"Declaring *{facts.incident_id}* as *{severity}*: {title}. I'm incident commander.{channel}{alert}"
    messages = [said(commander, began + _soon(rng), text)]
    if facts.raised_at:
        messages.append(said(commander, facts.raised_at, f"{facts.incident_id}: raising to {facts.severity}"))
    return messages


def _exchange(facts: Facts, began: datetime, rng: Random) -> list[dict[str, Any]]:
    """Return the short conversation of an incident without a channel of its own; some of it in a thread."""
    lines = [line.split(": ", 1) for line in facts.prose.chat]
    end = facts.mitigated_at or began + timedelta(minutes=50)
    if not lines or end <= began:
        return []
    speakers = {"r": facts.responders[0], "c": facts.commander or facts.responders[0], "s": facts.responders[-1]}
    step, parent, messages = (end - began) / (len(lines) + 1), None, []
    for place, (who, text) in enumerate(lines, 1):
        at = began + step * place + timedelta(seconds=rng.randint(0, 40))
        message = said(speakers[who], at, _mentions(_slack_escaped(facts.say(text))))
        if place > 1 and parent and facts.number % 3 == 0:
            reply(parent, message)
        parent = parent or message
        if rng.random() < 0.12:
            message["reactions"] = reaction(rng.choice(("eyes", "+1", "pushpin")), facts.responders[-1:])
        messages.append(message)
    return messages


def _alert(facts: Facts, rng: Random) -> dict[str, Any]:
    """Return the alert as a bot posts it: half of them as the old kind of bot message, half with a bot's profile."""
    at = facts.detected_at + timedelta(seconds=rng.randint(2, 20))
    title = _slack_escaped(alert_title(facts))
    link = f"<{facts.pagerduty_url}|#{facts.number} {title}>"
    if facts.number % 2:
        return {"type": "message", "subtype": "bot_message", "bot_id": PAGERDUTY_BOT, "username": "PagerDuty",
                "text": f"Triggered: {link}", "ts": stamp(at)}  # fmt: skip
    return bot_said(at, f":rotating_light: {title} ({link})")


# Stories: channels of their own, message by message


def _told(facts: Facts) -> list[dict[str, Any]]:
    rng = facts.rng("channel")
    named: dict[str, dict[str, Any]] = {}
    messages = []
    for line in facts.told.lines:
        at = facts.started_at + timedelta(minutes=line.minute, seconds=rng.randint(0, 5), microseconds=_fraction(rng))
        message = _message(facts, line, at)
        for flag in line.flags:
            _flagged(message, flag, named, at, facts)
        messages.append(message)
    return messages


def _message(facts: Facts, line: Line, at: datetime) -> dict[str, Any]:
    text = _mentions(line.text.format_map(_ChatValues(facts)))
    if line.who == "@pagerduty":
        return {"type": "message", "subtype": "bot_message", "bot_id": PAGERDUTY_BOT, "username": "PagerDuty",
                "text": text, "ts": stamp(at)}  # fmt: skip
    if line.who == "@alertmanager":
        return bot_said(at, text)
    if line.who in ("gareth", "absent"):
        return {"type": "message", "user": GONE if line.who == "gareth" else ABSENT, "text": text, "ts": stamp(at)}
    return said(person(line.who), at, text)


class _ChatValues(dict):
    """The facts that a told line may name in braces, and the secrets that somebody pastes by mistake."""

    def __init__(self, facts: Facts) -> None:
        super().__init__({**facts.values, **SECRETS, "pd_id": facts.pagerduty_id or "", "number": facts.number,
                          "pd_url": facts.pagerduty_url, "title": facts.title})  # fmt: skip


def _flagged(message: dict[str, Any], flag: str, named: dict[str, dict[str, Any]], at: datetime, facts: Facts) -> None:
    """Change a message as one flag of its line asks (see ``told.Line``)."""
    mark, name = flag[0], flag[1:]
    if mark == "#":
        named[name] = message
    elif mark == ">":
        reply(named[name], message)
    elif mark == "+":
        count = int(re.sub(r"\D", "", name) or 1)
        others = [one for one in facts.responders if one.slack_id != message["user"]]
        message.setdefault("reactions", []).extend(reaction(name.rstrip("0123456789"), others[:count]))
    elif mark == "~":
        message["edited"] = {"user": message["user"], "ts": stamp(at + timedelta(seconds=75))}
    elif mark == "*":
        message["subtype"], message["item_type"], message["item"] = "pinned_item", "C", {"ts": named[name]["ts"]}
        named[name]["pinned_to"] = [channel_id(facts.channel)]
    elif flag == "=join":
        message["subtype"], message["text"] = "channel_join", f"<@{message['user']}> has joined the channel"
    elif flag == "=file":
        message["files"], message["upload"] = [shared_file(message["text"], at)], True
        message["text"] = ""


def _small_talk(until: datetime) -> Iterator[dict[str, Any]]:
    """Yield a few messages that belong to no incident."""
    for days, who, text in (
        (75, "chloe", "Cake in the kitchen, it's Sofía's fifth year with us :cake:"),
        (40, "tom", "Reminder: process review moves to Thursday"),
        (12, "daniel", "Parking lot will be repaved Friday, please park behind the building"),
    ):
        yield said(person(who), (until - timedelta(days=days)).replace(hour=15, minute=days % 60), text)


def _mentions(text: str) -> str:
    known = {one.handle: one.slack_id for one in people()} | {"gareth": GONE}
    return re.sub(r"(?<![\w.<])@(\w+)", lambda m: f"<@{known[m[1]]}>" if m[1] in known else m[0], text)


def _slack_escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _soon(rng: Random) -> timedelta:
    return timedelta(seconds=rng.randint(35, 240), microseconds=_fraction(rng))


def _fraction(rng: Random) -> int:
    return rng.randint(0, 9999) * 100
