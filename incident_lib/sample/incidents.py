"""The facts of the sample's incidents, from which every file of the workbook is written, so that they agree."""

from __future__ import annotations

import string
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from itertools import accumulate
from math import log
from random import Random

from incident_lib.sample.company import ZONE, Customer, Person, customers, person, with_role
from incident_lib.sample.facts import MAJOR, Facts, listed, span
from incident_lib.sample.kinds import Kind, Prose, kinds
from incident_lib.sample.told import Told, told_incidents

END = datetime(2026, 10, 1, 3, 0, tzinfo=UTC)  # the evening of 30 September in Detroit
_WEEKDAYS = (1.1, 1.35, 1.3, 1.2, 0.95, 0.45, 0.4)
_HOURS = (3, 4, 3, 2, 2, 3, 4, 6, 9, 11, 11, 10, 8, 9, 10, 9, 8, 6, 5, 4, 4, 4, 3, 3)
_SEVERITIES = {"critical": 4, "high": 18, "medium": 42, "low": 36}
_KIND_WEIGHTS = {"shared_hosting": 3, "mail": 3, "postgres": 2, "network": 2, "dns": 2}
_PAGERDUTY_AFTER = timedelta(days=472)  # adopted so long before the sample's end: in mid-June 2025
_PAGERDUTY_SHARE = 0.9
_LETTERS = "bcdfghjklmnpqrstvwxz0123456789"  # no vowels, so that an id never is a word


@dataclass(frozen=True)
class Case:
    """One incident before it has a number: what happens, and when it begins."""

    started_at: datetime
    severity: str
    kind: Kind
    prose: Prose
    told: Told | None = None


def draw_incidents(count: int, seed: int, until: datetime) -> list[Facts]:
    """Return ``count`` incidents in order of start; the told ones come first, if there is no room for all."""
    shift = timedelta(days=(until - END).days // 7 * 7)
    told = list(told_incidents(shift))[:count]
    months = max(18, min(120, count // 20))
    first = datetime.combine((until - timedelta(days=months * 365.25 / 12)).date(), time(12), UTC)
    cases = [Case(one.started_at, one.severity, kinds()[one.kind], one.prose, one) for one in told]
    cases += _drawn(count - len(told), first, until, seed)
    return list(_numbered(sorted(cases, key=lambda case: case.started_at), seed, until))


def _drawn(count: int, first: datetime, until: datetime, seed: int) -> Iterator[Case]:
    # 22 was picked out of some 160 numbers: with it the default sample has the mail story as INC-2026-042, about 45
    # major incidents, and pages in every state.
    rng, texts = Random(f"{seed}/arrivals 22"), Texts(seed)
    for start in sorted(_arrivals(count, first, until, rng)):
        severity = rng.choices(list(_SEVERITIES), list(_SEVERITIES.values()))[0]
        kind, prose = texts.deal(severity in MAJOR, rng)
        if severity == "critical" and not prose.status:  # what no customer saw was not critical
            severity = "high"
        yield Case(_fitted(start, prose, rng), severity, kind, prose)


def _arrivals(count: int, first: datetime, until: datetime, rng: Random) -> list[datetime]:
    """Return starts that follow the week and the working day, in local time; none on the last two days."""
    days = [first + timedelta(days=day) for day in range((until - first).days - 2)]
    weights = list(accumulate(_WEEKDAYS[day.weekday()] for day in days))
    return [_moment(rng.choices(days, cum_weights=weights)[0], rng) for _ in range(count)]


def _moment(day: datetime, rng: Random) -> datetime:
    hour, minute = rng.choices(range(24), _HOURS)[0], rng.randrange(60)
    return day.astimezone(ZONE).replace(hour=hour, minute=minute, second=0).astimezone(UTC)


def _fitted(start: datetime, prose: Prose, rng: Random) -> datetime:
    """Return the start moved to the hours and the weekday that its story tells of."""
    if not prose.hours:
        return start
    local = start.astimezone(ZONE).replace(hour=rng.randrange(*prose.hours))
    to_friday = max(0, local.weekday() - 4)  # stories with hours are stories of working days
    back = to_friday if prose.weekday is None else (local.weekday() - prose.weekday) % 7
    return (local - timedelta(days=back)).astimezone(UTC)


def _numbered(cases: list[Case], seed: int, until: datetime) -> Iterator[Facts]:
    years: Counter[int] = Counter()
    for number, case in enumerate(cases, start=1):
        year = case.started_at.astimezone(ZONE).year
        years[year] += 1
        yield _facts(f"INC-{year}-{years[year]:03d}", number, case, seed, until)


class Texts:
    """Deals the texts of drawn incidents, so that none comes twice before all have come once."""

    def __init__(self, seed: int) -> None:
        self._major = [(kind, prose) for kind in kinds().values() for prose in kind.prose]
        Random(f"{seed}/texts").shuffle(self._major)
        self._dealt: Counter[str] = Counter()

    def deal(self, major: bool, rng: Random) -> tuple[Kind, Prose]:
        """Return a kind, and the next of its texts for a major or a minor incident."""
        if major:
            return self._major[self._turn("major") % len(self._major)]
        known = kinds()
        kind = known[rng.choices(list(known), [_KIND_WEIGHTS.get(name, 1) for name in known])[0]]
        return kind, kind.minor[self._turn(kind.name) % len(kind.minor)]

    def _turn(self, key: str) -> int:
        self._dealt[key] += 1
        return self._dealt[key] - 1


def _facts(incident_id: str, number: int, case: Case, seed: int, until: datetime) -> Facts:
    rng, told, start = Random(f"{seed}/{incident_id}"), case.told, case.started_at
    minutes = told.minutes if told else _minutes(case.severity, rng)
    times = {name: _at(start, minutes.get(name), until) for name in ("detect", "ack", "mitigate", "resolve", "raise")}
    affected = _affected(told, case.severity, rng)
    commander, responders = _response(told, case.severity, rng)
    host = (told.host if told else None) or rng.choice(case.kind.hosts)
    values = {**case.kind.draw_values(rng), **(told.values if told else {})}
    values |= _common_values(incident_id, host, affected, start, times, seed)
    adopted = start > until - _PAGERDUTY_AFTER and rng.random() < _PAGERDUTY_SHARE
    shown = case.severity in MAJOR and case.prose.status and times["detect"]
    alerted = told.pagerduty != "none" if told else adopted
    return Facts(
        incident_id=incident_id,
        number=number,
        kind=case.kind,
        prose=case.prose,
        values=values,
        severity=case.severity,
        raised_from=told.raised_from if told else None,
        raised_at=times["raise"],
        started_at=start,
        detected_at=times["detect"],
        acknowledged_at=times["ack"],
        mitigated_at=times["mitigate"],
        resolved_at=times["resolve"],
        customers=affected,
        commander=commander,
        responders=responders,
        channel=f"{incident_id.lower()}-{values.get('slug', case.kind.slug)}" if told and told.lines else None,
        pagerduty_id=f"Q{_code(rng, string.digits + string.ascii_uppercase, 13)}" if alerted else None,
        statuspage_id=_code(rng, _LETTERS, 12) if shown else None,
        told=told,
    )


def _affected(told: Told | None, severity: str, rng: Random) -> tuple[Customer, ...]:
    if told and told.customers:
        return tuple(next(one for one in customers() if one.name == name) for name in told.customers)
    most = 4 if severity in MAJOR else 1
    return tuple(rng.sample(customers(), rng.randint(1, most)))


def _minutes(severity: str, rng: Random) -> dict[str, float]:
    """Return the minutes from start to each point; durations are lognormal with a median of some 75 minutes."""
    late = rng.random() < 0.18  # a customer noticed before the monitoring did
    detect = rng.uniform(20, 95) if late else rng.expovariate(1 / 3) + 0.6
    ack = detect + min(rng.lognormvariate(log(4), 0.8), 55)
    work = rng.lognormvariate(log(58), 0.95)
    if severity in MAJOR:  # no story of a major incident fits into less
        work = min(40 + rng.lognormvariate(log(45), 1), 700)
    mitigate = ack + work * rng.uniform(0.5, 0.85)
    found = {"detect": detect, "ack": ack, "mitigate": mitigate, "resolve": ack + work}
    if severity in MAJOR:
        return found
    left_out = {"detect": 0.06, "ack": 0.04, "mitigate": 0.4}
    return {name: minutes for name, minutes in found.items() if rng.random() >= left_out.get(name, 0)}


def _response(told: Told | None, severity: str, rng: Random) -> tuple[Person | None, tuple[Person, ...]]:
    if told and told.responders:
        return person(told.commander) if told.commander else None, tuple(map(person, told.responders))
    first = rng.choice(with_role("on-call"))
    if severity not in MAJOR:
        return None, (first,)
    commander = rng.choice([one for one in with_role("incident commander") if one is not first])
    others = [one for one in with_role("on-call") if one not in (first, commander)]
    liaison = rng.choice(with_role("customer liaison"))
    return commander, (first, *rng.sample(others, rng.choice((0, 1, 1, 2))), commander, liaison)


def _at(start: datetime, minutes: float | None, until: datetime) -> datetime | None:
    if minutes is None or (at := start + timedelta(seconds=round(minutes * 60))) > until:
        return None
    return at


def _code(rng: Random, letters: str, length: int) -> str:
    return "".join(rng.choices(letters, k=length))


def _common_values(
    incident_id: str,
    host: str,
    affected: tuple[Customer, ...],
    start: datetime,
    times: Mapping[str, datetime | None],
    seed: int,
) -> dict[str, str]:
    one = affected[0]
    end = times["resolve"] or times["mitigate"]
    return {
        "seed": f"{seed}/{incident_id}",
        "incident_id": incident_id,
        "host": host,
        "short": host.split(".")[0],
        "customer": one.name,
        "alias": one.alias,
        "customers": listed([each.name for each in affected]),
        "customer_host": f"web-{sum(map(ord, one.alias)) % 19 + 1:02d}.{one.alias}.internal",
        "duration": span(end - start) if end and end > start else "a while",
        "weekday": start.astimezone(ZONE).strftime("%A"),
        "date": f"{start.astimezone(ZONE):%B} {start.astimezone(ZONE).day}",
    }
