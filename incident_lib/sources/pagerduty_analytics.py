"""PagerDuty's analytics of raw incidents (JSON, or CSV by its header) as rows of ``incidents``.

The times are often written without an offset; their zone stands once, beside the data.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from incident_lib.column_texts import join_names
from incident_lib.sources.fields import as_json
from incident_lib.sources.pagerduty_incidents import check_order
from incident_lib.sources.pagerduty_records import Desk, Found, needed_id, text

SIGNATURE = frozenset({
    "seconds_to_resolve", "seconds_to_first_ack", "seconds_to_engage", "seconds_to_mobilize", "escalation_policy_name",
    "total_interruptions", "sleep_hour_interruptions",
})  # fmt: skip
TOLERANCE = timedelta(seconds=60)
_USED = frozenset({
    "id", "incident_id", "description", "created_at", "resolved_at", "priority_name", "service_name",
    "acknowledged_user_names", "assigned_user_names", "joined_user_names", "resolved_by_user_name",
})  # fmt: skip


def plain_key(key: Any) -> str:
    """Return a column's name as the API has it; PagerDuty's own examples hold one with a quote at its end."""
    return str(key).strip().strip('"').strip().lower().replace(" ", "_")


def is_analytics(keys: Any) -> bool:
    """Tell whether columns are those of the raw incidents."""
    names = {plain_key(key) for key in keys}
    return "created_at" in names and len(names & SIGNATURE) >= 2


def analytics_row(found: Found, desk: Desk) -> dict[str, Any]:
    """Return one raw incident as a row.

    Raises:
        RowError: if it has no id, or no time of creation.
    """
    found = Found(found.kind, {plain_key(key): value for key, value in found.record.items()}, found.pointer, found.zone)
    record = found.record
    incident_id, created_at = needed_id(found, "id", "incident_id"), desk.needed_time(found, "created_at")
    first_ack = _seconds(record, "seconds_to_first_ack")
    row = {
        "incident_id": incident_id,
        "title": text(record, "description"),
        "severity": desk.severity(found, record.get("priority_name")),
        "detected_at": created_at,
        "acknowledged_at": created_at + first_ack if first_ack is not None else None,
        "resolved_at": desk.time(found, "resolved_at"),
        "first_seen_at": created_at,
        "services": text(record, "service_name"),
        "responders": join_names(_people(record)),
        "references": incident_id,
        "source": found.pointer,
        "extra": as_json({key: value for key, value in record.items() if key not in _USED}),
        "seen_at": desk.time(found, "updated_at") or created_at,
    }
    check_order(row, found, desk)
    _check_seconds(row, found, desk)
    return row


def _check_seconds(row: dict[str, Any], found: Found, desk: Desk) -> None:
    """Note a duration that the record's own times deny."""
    stated, resolved_at = _seconds(found.record, "seconds_to_resolve"), row["resolved_at"]
    if stated is None or resolved_at is None or resolved_at < row["first_seen_at"]:
        return
    measured: timedelta = resolved_at - row["first_seen_at"]
    if abs(measured - stated) > TOLERANCE:
        message = f"seconds_to_resolve is {stated.total_seconds():.0f}, but from created_at to resolved_at it is "
        desk.kept("contradiction", message + f"{measured.total_seconds():.0f}", found, row["incident_id"])


def _seconds(record: Mapping[str, Any], key: str) -> timedelta | None:
    """Return a duration; None if there is none that could be true."""
    try:
        seconds = float(record.get(key))  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None
    return timedelta(seconds=seconds) if 0 <= seconds < 10**9 else None


def _people(record: Mapping[str, Any]) -> list[str | None]:
    names = [
        name
        for key in ("acknowledged_user_names", "joined_user_names", "assigned_user_names")
        for name in _names(record.get(key))
    ]
    return [*names, text(record, "resolved_by_user_name")]


def _names(value: Any) -> list[str]:
    """Return names from a list, or from a CSV cell: a JSON list, or names with commas between."""
    if isinstance(value, str) and value.startswith("["):
        try:
            value = json.loads(value)
        except ValueError:
            return []
    if isinstance(value, str):
        value = value.split(",")
    return [name for name in value if isinstance(name, str)] if isinstance(value, list) else []
