"""What becomes of a post-mortem after its incident: page, meeting, follow-up steps, and action items, with lateness."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from math import log
from random import Random
from typing import Any

from incident_lib.sample.company import ZONE, with_role
from incident_lib.sample.facts import Facts

_OUTCOMES = {"on time": 56, "late": 30, "unfinished": 9, "none": 5}
_DAYS = {"clean-up": 7, "prevent": 30, "detect": 30, "mitigate": 30, "process": 30}


@dataclass(frozen=True)
class Item:
    """One action item with its fate."""

    title: str
    kind: str
    owner: str | None
    created_on: date
    due_on: date
    status: str
    done_on: date | None
    because: str | None
    touches: str | None
    customers: tuple[str, ...]
    ticket: str


@dataclass(frozen=True)
class Life:
    """The page's own times and state; None: not reached by the end of the sample."""

    status: str
    owner: str | None
    created_at: datetime
    assigned_at: datetime | None
    meeting_at: datetime | None
    recording: str | None
    completed_at: datetime | None
    reviewed_at: datetime | None
    closed_at: datetime | None
    not_needed: str | None
    items: tuple[Item, ...] = ()
    steps: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def life_of(facts: Facts, until: datetime) -> Life | None:
    """Return the life of a major incident's page up to ``until``; None if nobody created one."""
    rng, told = facts.rng("life"), dict(facts.told.life) if facts.told else {}
    outcome = told.get("outcome") or rng.choices(list(_OUTCOMES), list(_OUTCOMES.values()))[0]
    begun = facts.resolved_at or facts.mitigated_at or facts.detected_at
    if outcome == "none" or facts.resolved_at is None:
        return None
    created = begun + timedelta(minutes=rng.lognormvariate(log(90), 1.1))
    if created > until:
        return None
    stages = _stages(begun, created, outcome, rng)
    if not told and rng.random() < 0.1:  # some are complete, and then nobody looks at them
        stages["reviewed"] = None
    return _lived(facts, stages, told, rng, until)


def _stages(begun: datetime, created: datetime, outcome: str, rng: Random) -> dict[str, datetime | None]:
    """Return when each stage is reached, if it ever is; due are five business days after the incident."""
    assigned = created + timedelta(minutes=rng.lognormvariate(log(40), 1.5))
    held = working_time(begun, rng.choice((2, 3, 3, 4, 4, 5, 5, 6, 8)), rng)
    days = {"on time": rng.choice((2, 3, 3, 4, 4, 5)), "late": 6 + int(rng.lognormvariate(log(4), 0.8))}.get(outcome)
    completed = working_time(begun, days, rng) if days else None
    reviewed = completed and working_time(max(completed, held), rng.choice((1, 1, 2, 3, 5, 8)), rng)
    if outcome == "not needed":
        held = completed = reviewed = None
    return {"created": created, "assigned": max(assigned, created), "meeting": held, "completed": completed,
            "reviewed": reviewed}  # fmt: skip


def _lived(
    facts: Facts, stages: dict[str, datetime | None], told: Mapping[str, Any], rng: Random, until: datetime
) -> Life:
    owner = None if told.get("no_owner") else told.get("owner") or _owner(facts, rng)
    not_needed = told.get("not_needed")
    items = () if not_needed else tuple(_items(facts, stages, owner, rng, until))
    reached = {name: at if at and at <= until else None for name, at in stages.items()}
    closed = _closed_at(reached["reviewed"], items, rng, until)
    status = _status(reached, closed) if not not_needed else "closed"
    steps = {} if not_needed else _steps(facts, reached, closed, items, owner, rng, until)
    meeting = stages["meeting"] if reached["created"] and stages["meeting"] else None
    return Life(
        status=status,
        owner=owner,
        created_at=stages["created"],
        assigned_at=reached["assigned"] if owner else None,
        meeting_at=meeting,
        recording=_recording(facts, reached["meeting"], rng),
        completed_at=None if told.get("completed_missing") else reached["completed"],
        reviewed_at=reached["reviewed"],
        closed_at=stages["created"] + timedelta(hours=20) if not_needed else closed,
        not_needed=not_needed,
        items=items,
        steps=steps,
    )


def _owner(facts: Facts, rng: Random) -> str:
    return rng.choice([one for one in facts.responders if "customer liaison" not in one.roles]).name


def _status(reached: Mapping[str, datetime | None], closed: datetime | None) -> str:
    if closed:
        return "closed"
    return "reviewed" if reached["reviewed"] else "in review" if reached["completed"] else "draft"


def _closed_at(reviewed: datetime | None, items: tuple[Item, ...], rng: Random, until: datetime) -> datetime | None:
    """Return when everything was done: the page is reviewed and no item is open. Some are forgotten even then."""
    if reviewed is None or any(item.status == "open" for item in items) or rng.random() < 0.12:
        return None
    last = max((datetime.combine(item.done_on, time(18), UTC) for item in items), default=reviewed)
    closed = working_time(max(reviewed, last), rng.choice((1, 1, 2, 3, 6)), rng)
    return closed if closed <= until else None


def _recording(facts: Facts, meeting: datetime | None, rng: Random) -> str | None:
    held = meeting and rng.random() < 0.6
    return f"https://meet.northlight.example/recordings/{facts.incident_id.lower()}" if held else None


def _items(
    facts: Facts, stages: Mapping[str, datetime | None], owner: str | None, rng: Random, until: datetime
) -> list[Item]:
    return [
        _item(facts, place, action, stages, owner, rng, until) for place, action in enumerate(facts.prose.actions, 1)
    ]


def _item(
    facts: Facts,
    place: int,
    action: Mapping[str, str],
    stages: Mapping[str, datetime | None],
    owner: str | None,
    rng: Random,
    until: datetime,
) -> Item:
    base = facts.resolved_at or stages["created"]
    written = stages["created"] if action["kind"] == "clean-up" else stages["meeting"] or stages["created"]
    created = min(written, until).astimezone(ZONE).date()
    due = max(base.astimezone(ZONE).date() + timedelta(days=_DAYS[action["kind"]]), created)
    status, done = _fate(action, created, due, rng, until)
    who = rng.choice([_owner(facts, rng), owner or facts.responders[0].name])
    return Item(
        title=facts.say(action["title"]),
        kind=action["kind"],
        owner=None if status == "open" and rng.random() < 0.2 else who,
        created_on=created,
        due_on=due,
        status=status,
        done_on=done,
        because=action.get("declined") if status == "declined" else None,
        touches=action.get("touches"),
        customers=tuple(one.name for one in facts.customers) if action.get("touches") else (),
        ticket=f"https://tickets.northlight.example/OPS-{400 + facts.number * 5 + place}",
    )


def _fate(action: Mapping[str, str], created: date, due: date, rng: Random, until: datetime) -> tuple[str, date | None]:
    """Return an item's status and its last day: most are done around their due date, some never."""
    last = until.astimezone(ZONE).date()
    if "declined" in action:
        day = weekday(created + timedelta(days=rng.randint(2, 20)))
        return ("declined", day) if day <= last else ("open", None)
    day = weekday(max(created, due + timedelta(days=round(rng.gauss(-3, 9)))))
    never = rng.random() < 0.1
    return ("done", day) if day <= last and not never else ("open", None)


_NOT_NEEDED = {
    "slack-reviewed": "no channel: everything was said on the phone bridge",
    "external-message": "only our own systems were affected",
    "meeting-scheduled": "discussed in the weekly operations meeting",
    "internal-email": "everybody was in the room",
    "page-shared": "shared in the meeting; the page was only half a screen",
}


def _steps(
    facts: Facts,
    reached: Mapping[str, datetime | None],
    closed: datetime | None,
    items: tuple[Item, ...],
    owner: str | None,
    rng: Random,
    until: datetime,
) -> dict[str, dict[str, Any]]:
    """Return what was noted about the follow-up steps: done (and when), not needed (and why), or nothing."""
    on_call, liaison = facts.responders[0], rng.choice(with_role("customer liaison"))
    moments = _moments(facts, reached, closed, items, rng)
    noted: dict[str, dict[str, Any]] = {}
    for step, at in moments.items():
        whose = owner if step in _OWNERS else liaison.name if step in _LIAISONS else on_call.name
        if step in _NOT_NEEDED and rng.random() < 0.05:
            noted[step] = {"not_needed": _NOT_NEEDED[step]}
        elif at and at <= until and rng.random() > 0.07:
            noted[step] = {"at": at, "by": whose or on_call.name}
    return noted


_OWNERS = {"meeting-scheduled", "page-completed", "page-shared", "meeting-held", "closed"}
_LIAISONS = {"customer-contacted", "external-message", "all-clear"}


def _moments(
    facts: Facts, reached: Mapping[str, datetime | None], closed: datetime | None, items: tuple[Item, ...], rng: Random
) -> dict[str, datetime | None]:
    begun = facts.resolved_at or reached["created"]
    touching = [item for item in items if item.touches]
    cleared = touching and all(item.status != "open" for item in touching)
    last = cleared and max(datetime.combine(item.done_on, time(15), UTC) for item in touching)

    def soon(hours: float) -> datetime:
        at = begun + timedelta(hours=rng.lognormvariate(log(hours), 1))
        return at if 8 <= at.astimezone(ZONE).hour < 19 else working_time(at, 0, rng)

    moments = {
        "page-created": reached["created"],
        "owner-assigned": reached["assigned"],
        "tasks-recorded": soon(5),
        "slack-reviewed": soon(16),
        "customer-contacted": soon(6) if touching else None,
        "internal-email": soon(4),
        "meeting-scheduled": soon(9) if reached["meeting"] else None,
        "page-completed": reached["completed"],
        "page-shared": reached["meeting"] and reached["meeting"] - timedelta(hours=rng.choice((50, 30, 26, 25, 20, 3))),
        "meeting-held": reached["meeting"] and reached["meeting"] + timedelta(minutes=30),
        "external-message": working_time(begun, rng.choice((1, 2, 3, 4, 7)), rng),
        "all-clear": working_time(last, rng.choice((0, 1, 1, 2, 5)), rng) if last else None,
        "closed": closed,
    }
    if facts.severity != "critical":
        del moments["external-message"]
    return moments


def working_time(after: datetime, days: int, rng: Random) -> datetime:
    """Return a quarter of an hour in office hours, ``days`` working days after a time (later the same day for 0)."""
    local = after.astimezone(ZONE)
    day = local.date()
    while days or day.weekday() > 4:
        day += timedelta(days=1)
        days -= day.weekday() < 5 and days > 0
    at = datetime.combine(day, time(rng.randint(9, 16), rng.choice((0, 15, 30, 45))), ZONE).astimezone(UTC)
    return at if at > after else (after + timedelta(minutes=rng.randint(10, 55))).replace(second=0, microsecond=0)


def weekday(day: date) -> date:
    """Return the day itself, or the Monday after a weekend."""
    return day + timedelta(days=max(0, 7 - day.weekday()) if day.weekday() > 4 else 0)
