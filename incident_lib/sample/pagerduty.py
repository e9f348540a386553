"""``pagerduty/*.json``: incidents and log entries in the shapes of PagerDuty's REST API, a file for each quarter."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

from incident_lib.sample.company import PAGERDUTY, SERVICES, ZONE, Person
from incident_lib.sample.facts import Facts

API = "https://api.pagerduty.com"
PRIORITIES = {"critical": "P1", "high": "P2", "medium": "P3", "low": "P4"}
_POLICY = {"id": "PEPNL01", "type": "escalation_policy_reference", "summary": "Northlight on-call"}


def pagerduty_files(incidents: Iterable[Facts]) -> Iterator[tuple[str, str]]:
    """Yield each file's path in the workbook, and its text."""
    known = (facts for facts in incidents if facts.pagerduty_id)
    for quarter, group in groupby(known, key=lambda facts: quarter_of(facts.started_at)):
        members = list(group)
        yield f"pagerduty/incidents-{quarter}.json", envelope("incidents", map(incident_record, members))
        entries = [entry for facts in members for entry in log_entries(facts)]
        yield f"pagerduty/log_entries-{quarter}.json", envelope("log_entries", entries)


def quarter_of(at: datetime) -> str:
    """Return a time's quarter in Detroit: "2026-Q2"."""
    local = at.astimezone(ZONE)
    return f"{local.year}-Q{(local.month + 2) // 3}"


def envelope(name: str, records: Iterable[dict[str, Any]]) -> str:
    """Return records as the API wraps them, each on a line of its own, so that a change reads as one."""
    lines = ",\n".join(json.dumps(record, ensure_ascii=False, separators=(",", ":")) for record in records)
    return f'{{"{name}":[\n{lines}\n],"limit":100,"offset":0,"total":null,"more":false}}\n'


def alert_title(facts: Facts) -> str:
    """Return the alert's own title, which is not the one that people gave the incident."""
    alerts = facts.kind.alerts
    return facts.say(dict(facts.values).get("alert") or alerts[facts.number % len(alerts)])


def triggered_at(facts: Facts) -> datetime:
    """Return when the alert came in: some seconds before the time that people call detection."""
    detected = facts.detected_at or facts.started_at
    return max(facts.started_at, detected - timedelta(seconds=facts.number % 9))


def incident_record(facts: Facts) -> dict[str, Any]:
    """Return one incident of the REST API, version 2."""
    service, resolved = SERVICES[facts.kind.service], facts.resolved_at
    status = "resolved" if resolved else "acknowledged" if facts.acknowledged_at else "triggered"
    first = facts.responders[0]
    record = {
        "id": facts.pagerduty_id,
        "type": "incident",
        "summary": f"[#{facts.number}] {alert_title(facts)}",
        "self": f"{API}/incidents/{facts.pagerduty_id}",
        "html_url": facts.pagerduty_url,
        "incident_number": facts.number,
        "title": alert_title(facts),
        "created_at": stamp(triggered_at(facts)),
        "updated_at": stamp(_last(facts)),
        "status": status,
        "incident_key": f"{facts.values['short']}/{facts.number}",
        "service": {"id": service.pagerduty_id, "type": "service_reference", "summary": service.name},
        "assignments": [] if resolved else [{"at": stamp(triggered_at(facts)), "assignee": user(first)}],
        "last_status_change_at": stamp(_last(facts)),
        "last_status_change_by": user(first),
        "resolved_at": stamp(resolved) if resolved else None,
        "alert_counts": {"all": 1, "triggered": 0 if resolved else 1, "resolved": 1 if resolved else 0},
        "escalation_policy": _POLICY,
        "acknowledgements": [],
        "priority": {"id": f"PPRIO0{PRIORITIES[facts.severity][1]}", "summary": PRIORITIES[facts.severity]},
        "urgency": "high" if facts.is_major else "low",
    }
    if status == "acknowledged":
        record["acknowledgements"] = [{"at": stamp(facts.acknowledged_at), "acknowledger": user(first)}]
    return record


def _last(facts: Facts) -> datetime:
    return max(filter(None, (facts.resolved_at, facts.acknowledged_at, triggered_at(facts))))


def log_entries(facts: Facts) -> list[dict[str, Any]]:
    """Return an incident's log: trigger, notify, escalate, acknowledge, notes, changes of priority, resolve."""
    first, start = facts.responders[0], triggered_at(facts)
    monitor = {"id": SERVICES[facts.kind.service].pagerduty_id, "type": "service_reference", "summary": "Alertmanager"}
    channel = {"type": "api", "summary": alert_title(facts), "client": "Alertmanager", "host": facts.values["host"]}
    entries = [
        _entry(facts, "trigger", start, agent=monitor, channel=channel),
        _entry(facts, "notify", start + timedelta(seconds=12), agent=user(first), user=user(first),
               channel={"type": "auto", "notification": {"type": "push_notification"}}),
    ]  # fmt: skip
    entries += _escalations(facts, start)
    if facts.acknowledged_at:
        entries.append(_entry(facts, "acknowledge", facts.acknowledged_at, agent=user(first)))
    entries += _changes(facts)
    entries += _notes(facts)
    if facts.resolved_at and facts.resolved_at > start:
        last = facts.responders[0] if facts.acknowledged_at else None
        entries.append(_entry(facts, "resolve", facts.resolved_at, agent=user(last) if last else monitor))
    entries.sort(key=lambda entry: entry["created_at"])
    for place, entry in enumerate(entries):
        entry["id"] = f"R{facts.pagerduty_id[1:11]}{place:03d}"
    return entries


def _entry(facts: Facts, kind: str, at: datetime, **rest: Any) -> dict[str, Any]:
    reference = {"id": facts.pagerduty_id, "type": "incident_reference", "html_url": facts.pagerduty_url}
    summary = _SUMMARIES[kind].format(who=rest["agent"]["summary"])
    return {"id": "", "type": f"{kind}_log_entry", "summary": summary, "created_at": stamp(at), "incident": reference,
            **rest}  # fmt: skip


_SUMMARIES = {
    "trigger": "Triggered through the API",
    "notify": "Notified {who} by push notification",
    "acknowledge": "Acknowledged by {who}",
    "escalate": "Escalated to {who}",
    "annotate": "Note added by {who}",
    "resolve": "Resolved by {who}",
    "field_value_change": "Priority changed by {who}",
    "urgency_change": "Urgency changed by {who}",
}


def _escalations(facts: Facts, start: datetime) -> list[dict[str, Any]]:
    """Return an escalation for every ten minutes without an acknowledgement, three at most."""
    waited = (facts.acknowledged_at or start + timedelta(minutes=31)) - start
    others = facts.responders[1:] or facts.responders
    return [
        _entry(facts, "escalate", start + timedelta(minutes=10 * turn), agent=user(one), assignees=[user(one)])
        for turn in range(1, min(3, int(waited.total_seconds() // 600)) + 1)
        for one in [others[(turn - 1) % len(others)]]
    ]


def _changes(facts: Facts) -> list[dict[str, Any]]:
    if not (facts.raised_at and facts.raised_from):
        return []
    who = user(facts.commander or facts.responders[0])
    before, after = PRIORITIES[facts.raised_from], PRIORITIES[facts.severity]
    changes = [
        _entry(facts, "field_value_change", facts.raised_at, agent=who,
               event_details={"description": f"Priority changed from {before} to {after}"},
               changeset={"field": "priority", "from": before, "to": after})
    ]  # fmt: skip
    if facts.raised_from not in ("critical", "high"):
        changes.append(_entry(facts, "urgency_change", facts.raised_at, agent=who, urgency="high",
                              event_details={"description": "Urgency changed from low to high"}))  # fmt: skip
    return changes


def _notes(facts: Facts) -> list[dict[str, Any]]:
    """Return notes on a major incident: what its timeline tells, as the first responder put it down."""
    who = user(facts.responders[0])
    return [
        _entry(facts, "annotate", at, agent=who, note=text, channel={"type": "note", "summary": text})
        for at, text in happenings(facts)
    ]


def happenings(facts: Facts) -> list[tuple[datetime, str]]:
    """Return what happened between acknowledgement and resolution of a major incident, and when.

    An event is written "0.4 text": the share of that time at which it happened.
    """
    begin, end = facts.acknowledged_at, facts.resolved_at
    if not (facts.is_major and begin and end and end > begin):
        return []
    cut = [event.split(" ", 1) for event in facts.prose.events]
    return [(begin + timedelta(seconds=round((end - begin).total_seconds() * float(share))), facts.say(text))
            for share, text in cut]  # fmt: skip


def user(person: Person) -> dict[str, str]:
    """Return a reference to a user."""
    return {"id": person.pagerduty_id, "type": "user_reference", "summary": person.name,
            "html_url": f"{PAGERDUTY}/users/{person.pagerduty_id}"}  # fmt: skip


def stamp(at: datetime) -> str:
    """Return a time as PagerDuty writes it."""
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"
