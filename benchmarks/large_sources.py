"""Large sources made up for the benchmarks: a register in CSV, PagerDuty's incidents in lines, a chat export."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

TIMES = ("started_at", "detected_at", "acknowledged_at", "mitigated_at", "resolved_at", "first_seen_at")


def write_csv(path: Path, rows: int) -> None:
    """Write incidents with 20 columns, six of them times."""
    random = np.random.default_rng(7)
    seconds = np.sort(random.integers(0, 3650 * 86400, rows))
    start = pd.Timestamp("2016-01-01T00:00:00Z") + pd.to_timedelta(seconds, unit="s")
    later = np.cumsum(random.integers(60, 3600, (5, rows)), axis=0)
    steps = {name: start + pd.to_timedelta(later[place], unit="s") for place, name in enumerate(TIMES[:5])}
    words = np.array(["mail", "dns", "hosting", "vpn", "backup", "queue", "slow", "down", "errors", "after", "release"])
    frame = pd.DataFrame({
        "incident_id": [f"INC-2026-{number:07}" for number in range(rows)],
        "title": [" ".join(row) for row in words[random.integers(0, len(words), (rows, 5))]],
        "severity": np.array(["critical", "high", "medium", "low"])[random.integers(0, 4, rows)],
        **{name: times.strftime("%Y-%m-%dT%H:%M:%SZ") for name, times in steps.items()},
        "first_seen_at": start.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "customers": [f"Customer {number}" for number in random.integers(0, 900, rows)],
        "services": words[random.integers(0, len(words), rows)],
        "incident_commander": [f"Person {number}" for number in random.integers(0, 90, rows)],
        "responders": [f"Person {number}; Person {number + 1}" for number in random.integers(0, 90, rows)],
        "channel": [f"inc-{number}" for number in range(rows)],
        "summary": [" ".join(row) for row in words[random.integers(0, len(words), (rows, 9))]],
        "tags": words[random.integers(0, len(words), rows)],
        "url": [f"https://tracker.example/{number}" for number in range(rows)],
        "weather": words[random.integers(0, len(words), rows)],
        "shift": random.integers(0, 3, rows),
        "team": [f"team {number}" for number in random.integers(0, 30, rows)],
    })  # fmt: skip
    frame.to_csv(path, index=False)


def write_pagerduty(path: Path, rows: int) -> None:
    """Write PagerDuty's incidents as its REST API writes them: nested, without spaces, one in each line (900 bytes).

    What is bulk only is left out: the summary and the address that repeat title, number and id, alerts and actions.
    """
    random = np.random.default_rng(7)
    with path.open("w", encoding="utf-8") as file:
        for number, dice in enumerate(_dice(random, rows)):
            file.write(json.dumps(_incident(number, dice), separators=(",", ":")) + "\n")


def _dice(random: np.random.Generator, rows: int) -> Iterator[list[int]]:
    for start in range(0, rows, 10_000):
        yield from random.integers(0, 1 << 30, (min(10_000, rows - start), 5)).tolist()


def _reference(kind: str, key: str, summary: str) -> dict[str, str]:
    return {"id": key, "type": f"{kind}_reference", "summary": summary}


def _incident(number: int, dice: list[int]) -> dict[str, Any]:
    begun = np.datetime64(1_451_606_400 + number * 300, "s")
    taken, ended = begun + dice[0] % 900, begun + 900 + dice[1] % 9000
    key, service, priority = f"Q{number:011X}", dice[2] % 40, dice[3] % 4
    person = _reference("user", f"PU{dice[4] % 90:03}", f"Person {dice[4] % 90}")
    return {
        "incident_number": number, "id": key, "type": "incident", "title": f"[FIRING] queue {dice[0] % 1000}",
        "created_at": f"{begun}Z", "updated_at": f"{ended}Z",
        "status": "resolved", "incident_key": f"key-{number}", "urgency": "high", "resolved_at": f"{ended}Z",
        "service": _reference("service", f"PS{service:03}", f"service {service}"), "assignments": [],
        "assigned_via": "escalation_policy", "last_status_change_at": f"{ended}Z", "last_status_change_by": person,
        "escalation_policy": _reference("escalation_policy", f"PE{service % 9}", f"policy {service % 9}"),
        "teams": [_reference("team", f"PT{service % 5}", f"team {service % 5}")],
        "acknowledgements": [{"at": f"{taken}Z", "acknowledger": person}],
        "priority": {"id": f"PP{priority}", "type": "priority", "summary": f"P{priority + 1}"},
        "html_url": f"https://northlight.pagerduty.com/incidents/{key}",
    }  # fmt: skip


def write_slack(path: Path, rows: int) -> None:
    """Write a chat export: ten channels, three hundred days, threads, reactions, mentions and bots."""
    users = [{"id": f"U{number:03}", "name": f"p{number}", "real_name": f"Person {number}"} for number in range(90)]
    channels = [{"id": f"C{number}", "name": f"channel-{number}"} for number in range(10)]
    random = np.random.default_rng(7)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as export:
        export.writestr("users.json", json.dumps(users))
        export.writestr("channels.json", json.dumps(channels))
        for channel in channels:
            for day in pd.date_range("2026-01-01", periods=300):
                messages = [_message(day, one) for one in random.integers(0, 1 << 30, (rows // 3000, 3)).tolist()]
                messages.sort(key=lambda message: message["ts"])  # as Slack writes them
                export.writestr(f"{channel['name']}/{day:%Y-%m-%d}.json", json.dumps(messages))


def _message(day: pd.Timestamp, dice: list[int]) -> dict[str, Any]:
    user = f"U{dice[0] % 90:03}"
    message: dict[str, Any] = {
        "type": "message", "user": user, "ts": f"{int(day.timestamp()) + dice[1] % 86_400}.{dice[2] % 1_000_000:06}",
        "text": f"<https://host-{dice[1] % 50}.example|host> is &gt; {dice[2] % 900}, *watch it* <@U{dice[2] % 90:03}>",
        "client_msg_id": f"{dice[0]:032x}", "team": "T1",
        "blocks": [{"type": "rich_text", "block_id": "x", "elements": [{"type": "rich_text_section", "elements": [
            {"type": "text", "text": "queue on "}, {"type": "user", "user_id": user}]}]}],
    }  # fmt: skip
    if dice[0] % 10 == 0:
        message["reactions"] = [{"name": "eyes", "count": 2, "users": [user, "U001"]}]
    if dice[0] % 4 == 0:
        message["thread_ts"] = message["ts"]
    return message if dice[0] % 7 else {**message, "subtype": "bot_message", "bot_id": "B1", "username": "alerts"}
