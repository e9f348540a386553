"""A workbook for tests: forty strings that must not get out, one per incident, in every field of every input."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from io import BytesIO
from typing import Any

SETTINGS = """
[workbook]
zone = "America/Detroit"
[privacy]
internal_hosts = [".internal", ".corp"]
words = ["Project Lantern"]
[messages]
internal_to = "incidents@northlight.example"
[chat]
workspace_url = "https://northlight.slack.com"
[[people]]
name = "Priya Raman"
email = "priya.raman@northlight.example"
handle = "priya"
[[people]]
name = "Tom Okafor"
[[customers]]
name = "Brightwater Clinics"
aliases = ["BWC"]
email = "it@brightwater.example"
[[customers]]
name = "Zenith Bank"
aliases = ["zenith", "ZB"]
"""
CUSTOMER = "Brightwater Clinics"
# Tokens by their published forms, hosts, addresses, people, other customers, words of the house.
CANARIES = [
    "xoxb-" + "1234567890-abcdefABCDEF", "xoxp-" + "99999999-8888888-canary", "AKIA" + "CANARY7EXAMPLE42",
    "ASIA" + "CANARY7EXAMPLE43", "ghp_" + "canarycanarycanarycanarycanary123456",
    "github_pat_" + "11CANARY0canarycanarycanary", "glpat-" + "canarycanarycanary12",
    "AIza" + "SyCanaryCanaryCanaryCanaryCanary1234", "sk_live_" + "canarycanarycanary1234",
    "eyJ" + "hbGciOiJI.eyJjYW5hcnki.c2lnbmF0dXJl", "password=canary-Secret1", "api_key: canarycanary99",
    "postgres://app:canarypw@db-01.internal/x", "Bearer canarycanarycanary==",
    "https://hooks.slack.com/services/T0/B0/canarycanary", "mail-02.northlight.internal", "db-canary.corp", "core-sw-2",
    "resolver-03", "web07.dc1.internal", "10.20.30.40", "192.168.7.9", "2001:db8:0:1::7", "de:ad:be:ef:00:42",
    "vault.northlight.example", "/srv/canary/secrets.yml", "priya.raman@northlight.example",
    "someone+canary@zenith.example", "+1 906 555 0142", "(906) 555-0199", "@priya", "#inc-canary-room", "Priya Raman",
    "Raman", "Tom Okafor", "Okafor", "Zenith Bank", "zenith", "ZB", "Project Lantern",
]  # fmt: skip
IDS = [f"INC-2026-{number:03}" for number in range(101, 101 + len(CANARIES))]
OF = dict(zip(IDS, CANARIES, strict=True))


def everywhere(*, names_too: bool) -> dict[str, str | bytes]:
    """Return a workbook's files: each incident has its canary in every text.

    With ``names_too`` also where people and customers are named; without, the screen can't learn it from there.
    """
    told = [(one, OF[one], place) for place, one in enumerate(IDS)]
    files: dict[str, str | bytes] = {
        "register.json": json.dumps([_incident(*one, names_too) for one in told]),
        "tasks/action_items.json": json.dumps([row for one in told for row in _tasks(*one, names_too)]),
        "tasks/timeline.json": json.dumps([_event(*one) for one in told]),
        "pagerduty/Zenith Bank.json": json.dumps({"incidents": [_alert(*one) for one in told]}),
        "pagerduty/log-mail-02.northlight.internal.json": json.dumps(
            {"log_entries": [entry for one in told for entry in _log(*one)]}
        ),
        "statuspage/Project Lantern.json": json.dumps({"incidents": [_published(*one) for one in told]}),
        "slack/Okafor.zip": _chat(told),
    }
    return files | {f"postmortems/{one}.md": _page(one, canary, place, names_too) for one, canary, place in told}


def _day(place: int) -> str:
    """Return a day of its own for each incident, so that nothing of two is one."""
    return f"2026-{4 + place // 28:02}-{1 + place % 28:02}"


def _incident(one: str, canary: str, place: int, names_too: bool) -> dict[str, Any]:
    names = {"incident_commander": f"{canary} Okafor", "responders": ["Priya Raman", canary]} if names_too else {}
    return {
        "incident_id": one, "title": f"Mail {canary}", "severity": "critical", "started_at": f"{_day(place)}T12:00:00Z",
        "detected_at": f"{_day(place)}T12:02:00Z", "resolved_at": f"{_day(place)}T14:00:00Z",
        "services": [f"mail {canary}", canary, "webmail"], "channel": one.lower(),
        "customers": [CUSTOMER, *([canary] if names_too else [])], "summary": f"because of {canary}", "tags": [canary],
        "url": f"https://x.example/{canary}", "references": [f"PD{one}", f"sp{one}"], "mood": canary, **names,
    }  # fmt: skip


def _tasks(one: str, canary: str, place: int, names_too: bool) -> list[dict[str, Any]]:
    row = {
        "incident_id": one, "touches": "restart", "customers": [CUSTOMER], "created_on": _day(place),
        "due_on": "2026-06-30", "ticket": f"https://t.example/{canary}", "because": canary, "kind": "clean-up",
        **({"owner": canary} if names_too else {}),
    }  # fmt: skip
    return [{**row, "title": f"Restart {canary}", "status": "open"},
            {**row, "title": canary, "status": "done", "done_on": "2026-06-01", "touches": "change"}]  # fmt: skip


def _event(one: str, canary: str, place: int) -> dict[str, Any]:
    return {"incident_id": one, "at": f"{_day(place)}T12:10:00Z", "kind": "status",
            "text": f"Investigating: saw {canary}", "url": f"https://x.example/{canary}"}  # fmt: skip


def _alert(one: str, canary: str, place: int) -> dict[str, Any]:
    who = {"id": "PU1", "type": "user_reference", "summary": canary}
    note = {"id": f"N{place}", "user": who, "content": f"note {canary}", "created_at": f"{_day(place)}T12:30:00Z"}
    return {
        "id": f"PD{one}", "type": "incident", "summary": f"[#1] {canary}", "title": canary, "incident_number": place,
        "html_url": f"https://n.pagerduty.com/incidents/{canary}", "created_at": f"{_day(place)}T12:01:00Z",
        "resolved_at": f"{_day(place)}T13:59:00Z", "status": "resolved", "incident_key": canary, "urgency": "high",
        "service": {"id": f"PS{place}", "summary": canary}, "escalation_policy": {"id": "PE1", "summary": canary},
        "assignments": [{"at": f"{_day(place)}T12:01:00Z", "assignee": who}], "description": canary,
        "notes": [note],
        "resolve_reason": {"type": canary}, "priority": {"summary": canary},
    }  # fmt: skip


def _log(one: str, canary: str, place: int) -> list[dict[str, Any]]:
    who = {"id": "PU1", "type": "user_reference", "summary": canary}
    common = {
        "created_at": f"{_day(place)}T12:20:00Z", "agent": who, "service": {"id": f"PS{place}", "summary": canary},
        "incident": {"id": f"PD{one}", "type": "incident_reference", "summary": canary},
        "channel": {"type": "note", "summary": f"note {canary}", "details": canary, "client_url": f"https://x/{canary}"},
    }  # fmt: skip
    return [
        {**common, "id": f"R{place}{kind}", "type": f"{kind}_log_entry", "summary": f"{canary} {kind}"}
        for kind in ("trigger", "annotate", "acknowledge", "notify", "assign", "status_update")
    ]


def _published(one: str, canary: str, place: int) -> dict[str, Any]:
    updates = [
        {"id": f"u{place}{number}", "status": status, "body": body, "display_at": f"{_day(place)}T12:{20 + number}:00Z",
         "created_at": f"{_day(place)}T12:{20 + number}:00Z", "incident_id": f"sp{one}", "custom_tweet": canary}
        for number, (status, body) in enumerate([("investigating", f"We see {canary}."), ("monitoring", canary)])
    ]  # fmt: skip
    return {
        "id": f"sp{one}", "name": canary, "status": "resolved", "impact": "critical", "page_id": "page1",
        "created_at": f"{_day(place)}T12:15:00Z", "resolved_at": f"{_day(place)}T14:00:00Z", "shortlink": f"https://s/{canary}",
        "components": [{"id": f"c{place}", "name": canary}, {"id": f"d{place}", "name": f"mail {canary}"}],
        "incident_updates": updates, "postmortem_body": f"It was {canary}.", "postmortem_notes": canary,
    }  # fmt: skip


def _chat(told: list[tuple[str, str, int]]) -> bytes:
    stream = BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("users.json", json.dumps([{"id": "U1", "name": "priya", "real_name": "Priya Raman"}]))
        channels = [{"id": f"C{place}", "name": one.lower(), "topic": {"value": canary}} for one, canary, place in told]
        archive.writestr("channels.json", json.dumps(channels))
        for one, canary, place in told:
            talk = [f"scribe: {canary}", f"TODO: look at {canary}", f"it could be {canary}", f"fixed {canary}"]
            first = 1775044800 + place * 86400
            messages = [{"type": "message", "user": "U1", "text": text, "ts": f"{first + 60 * number}.000100"}
                        for number, text in enumerate(talk)]  # fmt: skip
            archive.writestr(f"{one.lower()}/{_day(place)}.json", json.dumps(messages))
    return stream.getvalue()


def _page(one: str, canary: str, place: int, names_too: bool) -> str:
    front: Mapping[str, Any] = {
        "incident": one, "title": f"Mail {canary}", "severity": "critical", "status": "in review",
        "services": [canary, f"mail {canary}"], "tags": [canary], "completed_at": f"{_day(place)}T16:00:00Z",
        "references": [f"PD{one}", f"sp{one}", f"https://x.example/{canary}"], "remark": canary,
        "not_needed": None, "meeting": {"at": f"{_day(place)}T15:00:00Z", "recording": f"https://x.example/{canary}"},
        "follow_up": {"internal-email": {"at": f"{_day(place)}T15:00:00Z"}, "all-clear": {"not_needed": canary}},
        "action_items": [{"title": f"Change {canary}", "touches": "change", "customers": [CUSTOMER], "status": "open",
                          "kind": "prevent", "because": canary, "ticket": canary}],
        **({"owner": canary, "responders": [canary], "incident_commander": canary, "customers": [CUSTOMER, canary]}
           if names_too else {"customers": [CUSTOMER]}),
    }  # fmt: skip
    sections = ("Overview", "What happened", "Contributing factors", "Resolution", "Impact", "Responders")
    body = "".join(f"## {name}\n\n{canary} and more of {canary}.\n\n" for name in sections)
    rows = f"| {_day(place)} 12:05 | saw {canary} | [{canary}](<https://x.example/{canary}>) |\n"
    table = f"## Timeline\n\n| Time (UTC) | Event | Data link |\n|---|---|---|\n{rows}\n"
    messages = f"## Messaging\n\n### Internal e-mail\n\n{canary}\n\n### External message\n\nDear all, {canary}.\n"
    return f"---\n{json.dumps(front, indent=1)}\n---\n# {canary}\n\n{body}{table}{messages}"
