"""PagerDuty's incident records as rows of ``incidents``.

PagerDuty doesn't know when the impact began, so ``started_at`` stays empty; urgency is no severity, and stays in
``extra``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from incident_lib.column_texts import join_names, split_names
from incident_lib.sources.fields import as_json
from incident_lib.sources.pagerduty_records import Desk, Found, items, label, mapping, needed_id, person, slim, text
from incident_lib.tables import INCIDENTS, SEVERITIES

_USED = frozenset({
    "id", "type", "self", "html_url", "title", "summary", "created_at", "resolved_at", "service", "impacted_services",
    "assignments", "assignees", "acknowledgements", "priority", "conference_bridge", "external_references",
})  # fmt: skip
_NUMBER = re.compile(r"^\[#\d+\]\s*")


def incident_row(found: Found, desk: Desk) -> dict[str, Any]:
    """Return one incident as a row, with ``seen_at``: the time of the state that it shows.

    Raises:
        RowError: if it has no id, or no time of creation.
    """
    record = found.record
    incident_id, created_at = needed_id(found), desk.needed_time(found, "created_at")
    title = text(record, "title") or _NUMBER.sub("", text(record, "summary", "description") or "") or None
    summary = text(record, "description")
    row = {
        "incident_id": incident_id,
        "title": title,
        "severity": desk.severity(found, label(record.get("priority"))),
        "detected_at": created_at,
        "acknowledged_at": _acknowledged_at(found, desk),
        "resolved_at": _resolved_at(found, desk),
        "first_seen_at": created_at,
        "services": join_names(label(one) for one in _services(record)),
        "responders": join_names(_responders(record)),
        "summary": summary if summary != title else None,
        "url": text(record, "html_url"),
        "references": join_names([incident_id, text(record, "html_url"), *_elsewhere(record)]),
        "source": found.pointer,
        "extra": as_json(_extra(record)),
        "seen_at": _seen_at(found, desk) or created_at,
    }
    check_order(row, found, desk)
    return row


def check_order(row: dict[str, Any], found: Found, desk: Desk) -> None:
    """Note ends that lie before the beginning."""
    for end in ("acknowledged_at", "resolved_at"):
        if row[end] and row[end] < row["first_seen_at"]:
            message = f"{end} {_shown(row[end])} lies before created_at {_shown(row['first_seen_at'])}"
            desk.kept("impossible-order", message, found, row["incident_id"])


def _shown(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M:%S} UTC"


def _acknowledged_at(found: Found, desk: Desk) -> datetime | None:
    """Return the earliest acknowledgement that the record still holds; PagerDuty drops them on resolution."""
    times = (desk.time(found, "at", one) for one in items(found.record.get("acknowledgements")))
    return min((time for time in times if time), default=None)


def _resolved_at(found: Found, desk: Desk) -> datetime | None:
    """Return when it was resolved; older answers tell it only as the last change of status."""
    status = found.record.get("status")
    if resolved_at := desk.time(found, "resolved_at"):
        if status in ("triggered", "acknowledged"):
            message = f"resolved_at is {_shown(resolved_at)}, but the status is {status!r}"
            desk.kept("contradiction", message, found, text(found.record, "id"))
        return resolved_at
    return desk.time(found, "last_status_change_at") if status == "resolved" else None


def _seen_at(found: Found, desk: Desk) -> datetime | None:
    times = (desk.time(found, key) for key in ("occurred_at", "updated_at", "last_status_change_at"))
    return next((time for time in times if time), None)


def _services(record: Any) -> list[Any]:
    return [record.get("service"), *items(record.get("impacted_services"))]


def _responders(record: Any) -> Iterable[str | None]:
    """Yield who was assigned, acknowledged, joined when asked, or resolved it; people only."""
    yield from (person(one.get("assignee")) for one in items(record.get("assignments")))
    yield from (person(one) for one in items(record.get("assignees")))
    yield from (person(one.get("acknowledger")) for one in items(record.get("acknowledgements")))
    yield from (person(one.get("user")) for one in items(record.get("incidents_responders"))
                if one.get("state") == "joined")  # fmt: skip
    if record.get("status") in ("resolved", "acknowledged"):
        yield person(record.get("last_status_change_by"))


def _elsewhere(record: Any) -> list[str | None]:
    """Return the addresses by which other tools know it: a chat message, a ticket."""
    return [text(one, "external_url") for one in items(record.get("external_references"))]


def _extra(record: Any) -> dict[str, Any]:
    """Return the rest of the record; of the bridge only the address, since its numbers let anybody in."""
    rest = {key: slim(value) for key, value in record.items() if key not in _USED}
    rest["conference_url"] = text(mapping(record.get("conference_bridge")), "conference_url")
    rest["priority"] = label(record.get("priority"))
    rest.pop("description", None)
    return rest


def merged_incidents(told: Iterable[dict[str, Any]], states: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return one row per incident: later states over earlier ones, earliest acknowledgement, highest severity.

    ``told`` are rows that others than the incident itself tell of it; any state goes over them.
    """
    merged: dict[str, dict[str, Any]] = {}
    for row in (*told, *sorted(states, key=lambda row: row["seen_at"])):
        known = merged.get(row["incident_id"])
        merged[row["incident_id"]] = _laid_over(known, row) if known else row
    return [{name: row.get(name) for name in INCIDENTS.names} for row in merged.values()]


def _laid_over(known: dict[str, Any], row: dict[str, Any]) -> dict[str, Any]:
    both = known | {name: value for name, value in row.items() if value is not None}
    for name in ("acknowledged_at", "first_seen_at", "detected_at"):
        both[name] = min((one[name] for one in (known, row) if one.get(name)), default=None)
    for name in INCIDENTS.of_kind("names"):
        both[name] = join_names([*split_names(known.get(name)), *split_names(row.get(name))])
    stated = [one["severity"] for one in (known, row) if one.get("severity")]
    both["severity"] = min(stated, key=SEVERITIES.index, default=None)
    return both
