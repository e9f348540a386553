"""Google Cloud's ``incidents.json``, in its old and its new schema.

Old files have one record per service for the same incident, under the same ``number``; those become one incident with
all its services. ``begin`` is when impact began, as Google states it in the end; when it was detected is not said.
"""

from __future__ import annotations

from typing import Any

from incident_lib.column_texts import join_names, split_names
from incident_lib.sources.json_records import first_keys
from incident_lib.sources.reading import Batch, Reader, Source
from incident_lib.sources.record_fields import USED, Fields, Rows, needed_id, tell_records
from incident_lib.sources.statuspage import status_text

NAME = "googlecloud"
SITE = "https://status.cloud.google.com/"
SEVERITIES: dict[str, str | None] = {"high": "high", "medium": "medium", "low": "low"}
IMPACTS: dict[str, str | None] = {
    "service_outage": "critical", "service_disruption": "high", "service_information": "low", "available": None,
}  # fmt: skip


def recognises(source: Source) -> bool:
    """Return whether the file holds incidents with a begin, an external description and updates."""
    return first_keys(source).have("begin", "external_desc", "updates")


def read(source: Source) -> Batch:
    """Return incidents, and their updates as timeline.

    Raises:
        SourceError: if the file is not JSON.
    """
    known: dict[str, dict[str, Any]] = {}
    return tell_records(source, NAME, lambda record, rows: _tell(record, rows, known), envelopes=("incidents",))


def _tell(record: Fields, rows: Rows, known: dict[str, dict[str, Any]]) -> str:
    incident_id = needed_id(record, "id", "number")
    if incident_id is None:
        return "skipped: no id"
    services = record.names("affected_products", "title") or record.names("service_name")
    same = next((known[key] for key in _keys(record, incident_id) if key in known), None)
    if same:
        same["services"] = join_names([*split_names(same["services"]), *split_names(services)])
        return "skipped: another service of the same incident"
    row = _incident(record, incident_id, services)
    known.update(dict.fromkeys(_keys(record, incident_id), row))
    rows["timeline"] += [line for update in reversed(record.records("updates")) if (line := _update(update))]
    rows["incidents"].append(row)
    return USED


def _keys(record: Fields, incident_id: str) -> list[str]:
    return [key for key in (incident_id, record.text("number")) if key]


def _incident(record: Fields, incident_id: str, services: str | None) -> dict[str, Any]:
    description = record.text("external_desc") or ""
    address = record.text("uri")
    severity = record.severity(record.raw("severity"), SEVERITIES)
    return {
        "incident_id": incident_id,
        "title": description.split("\n")[0] or None,
        "severity": severity or record.severity(record.data.get("status_impact"), IMPACTS),
        "started_at": record.time("begin"),
        "resolved_at": record.time("end"),
        "first_seen_at": record.time("created") or record.time("begin"),
        "services": services,
        "summary": description if "\n" in description else None,
        "url": f"{SITE}{address.lstrip('/')}" if address else None,
        "references": join_names(_keys(record, incident_id)),
        "source": record.place,
        "extra": record.rest("most_recent_update", "most-recent-update", "service_key"),
    }


def _update(update: Fields) -> dict[str, Any] | None:
    at = update.time("when") or update.time("created")
    if at is None:
        update.problem("no-time", "an update without a readable time")
        return None
    text = status_text((update.text("status") or "").lower(), update.text("text"))
    return {"incident_id": update.of, "at": at, "kind": "status", "text": text, "source": update.place}


READER = Reader(NAME, recognises, read)
