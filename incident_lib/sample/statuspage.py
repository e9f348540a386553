"""``statuspage/incidents.json``: what customers saw, in the shape of a public status page."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from incident_lib.sample.company import HERE, SERVICES
from incident_lib.sample.facts import Facts
from incident_lib.sample.incidents import END

PAGE_ID = "n0rthl1ght42"
_PLACES = {"investigating": "upd1", "identified": "upd2", "monitoring": "upd3", "resolved": "upd4"}
URL = "https://status.northlight.example"


def statuspage_text(incidents: Iterable[Facts], until: datetime) -> str:
    """Return the status page's incidents, newest first, and the scheduled maintenance among them."""
    shown = [_incident(facts) for facts in incidents if facts.statuspage_id]
    maintenance = [one for one in _maintenance() if _parsed(one["created_at"]) <= until]
    newest = sorted(shown + maintenance, key=lambda one: one["created_at"], reverse=True)
    page = {"id": PAGE_ID, "name": "Northlight Hosting", "url": URL, "time_zone": "America/Detroit",
            "updated_at": _stamp(min(until, END))}  # fmt: skip
    lines = ",\n".join(json.dumps(one, ensure_ascii=False, separators=(",", ":")) for one in newest)
    return f'{{"page":{json.dumps(page)},"incidents":[\n{lines}\n]}}\n'


def _incident(facts: Facts) -> dict[str, Any]:
    identity, component = facts.statuspage_id, facts.kind.service
    updates = [
        _update(identity, status, at, facts.say(facts.prose.status[status]), component)
        for status, at in _moments(facts)
        if status in facts.prose.status
    ]
    ended = updates[-1]["status"] == "resolved"
    return {
        "id": identity,
        "name": facts.say(facts.prose.status["title"]),
        "status": updates[-1]["status"],
        "created_at": updates[0]["created_at"],
        "updated_at": updates[-1]["created_at"],
        "monitoring_at": next((one["created_at"] for one in updates if one["status"] == "monitoring"), None),
        "resolved_at": updates[-1]["created_at"] if ended else None,
        "impact": "critical" if facts.severity == "critical" else "major",
        "shortlink": facts.statuspage_url,
        "started_at": _stamp(facts.started_at),
        "page_id": PAGE_ID,
        "incident_updates": updates[::-1],
        "components": [{"id": SERVICES[component].pagerduty_id.lower(), "name": component, "status": "operational"}],
    }


def _moments(facts: Facts) -> list[tuple[str, datetime]]:
    """Return when each status was posted; people post some minutes after they know."""
    rng = facts.rng("posting")
    known = facts.acknowledged_at or facts.detected_at
    late = [timedelta(seconds=rng.randint(30, 240) * rng.choice((1, 1, 1, 1, 5))) for _ in range(4)]
    moments = [("investigating", known + late[0])]
    if facts.mitigated_at:
        moments.append(("identified", known + late[0] + (facts.mitigated_at - known) * 0.5))
        moments.append(("monitoring", facts.mitigated_at + late[2]))
    if facts.resolved_at:
        moments.append(("resolved", facts.resolved_at + late[3]))
    return sorted(moments, key=lambda moment: (moment[1], moment[0]))


def _update(identity: str, status: str, at: datetime, body: str, component: str) -> dict[str, Any]:
    affected = [{"name": component, "old_status": "operational",
                 "new_status": "operational" if status == "resolved" else "partial_outage"}]  # fmt: skip
    return {
        "id": f"{identity[:8]}{_PLACES[status]}",
        "incident_id": identity,
        "status": status,
        "body": body,
        "affected_components": affected,
        "created_at": _stamp(at),
        "updated_at": _stamp(at),
        "display_at": _stamp(at),
    }


def _maintenance() -> list[dict[str, Any]]:
    return tomllib.loads((HERE / "maintenance.toml").read_text(encoding="utf-8"))["incidents"]


def _stamp(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%S.}{at.microsecond // 1000:03d}Z"


def _parsed(text: str) -> datetime:
    return datetime.fromisoformat(text)
