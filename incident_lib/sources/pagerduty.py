"""PagerDuty's answers and webhooks: incidents, log entries, notes, alerts, analytics; one record or pages of them.

Recognised by what the records hold: a status page's ``{"incidents": […]}`` looks alike from outside.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import PurePosixPath
from typing import Any
from zoneinfo import available_timezones

import pandas as pd

from incident_lib.errors import SourceError
from incident_lib.sources.pagerduty_analytics import analytics_row, is_analytics, plain_key
from incident_lib.sources.pagerduty_incidents import incident_row, merged_incidents
from incident_lib.sources.pagerduty_lines import usual_incidents
from incident_lib.sources.pagerduty_log import (
    NOTIFICATIONS,
    alert_row,
    entry_type,
    event_row,
    incidents_of,
    log_id,
    log_row,
    note_row,
)
from incident_lib.sources.pagerduty_records import Desk, Found, RowError, mapping, text
from incident_lib.sources.reading import Batch, Reader, Source, decode, parse_json
from incident_lib.tables import INCIDENTS, TIMELINE

NAME = "pagerduty"
_SIGNS = re.compile(
    rb'"(?:incident_key|escalation_policy|first_trigger_log_entry|log_entries|alert_key|pending_actions)"\s*:'
    rb'|"type"\s*:\s*"[a-z_]+_log_entry(?:_reference)?"'
    rb'|"event(?:_type)?"\s*:\s*"(?:incident|service|pagey)\.'
    rb'|"(?:self|html_url)"\s*:\s*"https:\\?/\\?/[\w.-]*pagerduty\.com'
    rb'|"type"\s*:\s*"(?:incident|service|user|escalation_policy)_reference"'
)
_ENVELOPES = (
    "incidents", "incident", "log_entries", "log_entry", "notes", "note", "alerts", "alert", "messages", "data",
)  # fmt: skip
_SHORT = 500_000  # bytes: to start the engine for many lines takes longer than to read fewer one by one
_BOM = b"\xef\xbb\xbf"
_ID_IN_NAME = re.compile(r"(?<![A-Za-z0-9])[PQ][A-Z0-9]{6,13}(?![A-Za-z0-9])")


def recognises(source: Source) -> bool:
    """Tell whether a file holds PagerDuty's records, by the fields that only they have."""
    head = source.head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if head.startswith((b"{", b"[")):
        keys = re.findall(r'"(\w+)"\s*:', head.decode("utf-8", "replace"))
        return _SIGNS.search(head) is not None or is_analytics(keys)
    first = head.split(b"\n", 1)[0].decode("utf-8", "replace")
    return "," in first and is_analytics(next(csv.reader([first.replace("\0", "")]), []))


def read(source: Source) -> Batch:
    """Return the incidents and timeline rows of a file.

    Raises:
        SourceError: if it is neither JSON, nor lines of JSON, nor CSV.
    """
    batch, counts = Batch(), Counter[tuple[str, str]]()
    source.check_size()
    desk = Desk(source.settings, batch)
    incidents, timeline, entries = [], [], []
    for found, row in _careful_rows(source, desk, counts):
        if found.kind in ("incidents", "analytics"):
            incidents.append(row)
        else:
            timeline.append(row)
            if found.kind in ("log entries", "events"):
                entries.append((found, row))
    told = merged_incidents(incidents_of(entries), incidents)
    if told:
        batch.add(INCIDENTS, told)
    if timeline:
        batch.add(TIMELINE, timeline)
    for (kind, outcome), rows in sorted(counts.items()):
        batch.account(source.name, NAME, kind, {outcome: rows})
    return batch


_MAKERS: dict[str, Callable[[Found, Desk], dict[str, Any]]] = {
    "incidents": incident_row,
    "analytics": analytics_row,
    "log entries": log_row,
    "notes": note_row,
    "alerts": alert_row,
    "events": event_row,
}


Told = tuple[Found, dict[str, Any]]


def _careful_rows(source: Source, desk: Desk, counts: Counter[tuple[str, str]]) -> list[Told]:
    """Return the rows that need a look of their own; incidents of the usual shape in lines go straight to the batch."""
    if not _is_lines(source):
        return list(_rows(source, desk, counts))
    if source.path.stat().st_size < _SHORT:
        return list(_rows(source, desk, counts, range(1, source.path.read_bytes().count(b"\n") + 2)))
    usual, lines, others = usual_incidents(source)
    rows = list(_rows(source, desk, counts, others)) if len(others) else []
    told = [row["incident_id"] for _, row in rows if row["incident_id"]]
    again = usual["incident_id"].isin(told) if told else pd.Series(dtype=bool)
    if again.any():  # more is told of these: the latest state has to be found
        rows += _rows(source, desk, counts, lines[again])
        usual = usual[~again].reset_index(drop=True)
    if len(usual):
        desk.batch.add(INCIDENTS, usual)
        counts["incidents", "used"] += len(usual)
    return rows


def _rows(
    source: Source, desk: Desk, counts: Counter[tuple[str, str]], lines: Iterable[int] | None = None
) -> Iterator[Told]:
    """Yield each record that becomes a row, and count every record with what became of it; of these lines or all."""
    seen: set[tuple[str, str]] = set()
    for found in _records(source, desk.batch, counts, lines):
        outcome, key = "used", (found.kind, log_id(found))
        if found.kind == "other":
            outcome = "skipped: no incident records"
        elif found.kind == "broken":
            desk.batch.problem("unreadable-row", "this is no record, or has too few or too many fields", found.pointer)
            outcome = "skipped: unreadable"
        elif found.kind == "log entries" and entry_type(found.record) in NOTIFICATIONS:
            outcome = "skipped: notification"
        elif found.kind not in ("incidents", "analytics") and key in seen:
            outcome = "skipped: duplicate"
        else:
            try:
                yield found, _MAKERS[found.kind](found, desk)
                seen.add(key)
            except RowError as error:
                desk.batch.problem("unreadable-row", f"this can't be read: {error}", found.pointer)
                outcome = "skipped: unreadable"
        counts[found.kind, outcome] += 1


def _records(
    source: Source, batch: Batch, counts: Counter[tuple[str, str]], lines: Iterable[int] | None
) -> Iterator[Found]:
    """Yield the records of a file, whether it is JSON, lines of JSON, or CSV."""
    if lines is None and not source.head.removeprefix(_BOM).lstrip().startswith((b"{", b"[")):
        yield from _csv_records(source)
        return
    match = _ID_IN_NAME.search(PurePosixPath(source.name).stem)
    around = Around(source.zone, match[0] if match else None)
    documents = [(source.json, f"{source.name}#")] if lines is None else _documents(source, batch, counts, lines)
    for value, pointer in documents:
        yield from _walk(value, pointer, around)


@dataclass(frozen=True)
class Around:
    """What stands around a record and holds for it: the zone of its times, and the incident that it belongs to."""

    zone: str | None
    incident_id: str | None

    def within(self, envelope: Mapping[str, Any]) -> Around:
        """Return what holds inside an envelope: what it says itself goes before what was known."""
        zone = envelope.get("time_zone")
        return Around(
            zone if isinstance(zone, str) and zone in available_timezones() else self.zone,
            text(envelope, "incident_id") or text(mapping(envelope.get("incident")), "id") or self.incident_id,
        )


def _documents(
    source: Source, batch: Batch, counts: Counter[tuple[str, str]], lines: Iterable[int]
) -> Iterator[tuple[Any, str]]:
    """Yield these lines' JSON values, each with the pointer to it; a bad line costs that line."""
    wanted = set(lines)
    with source.path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if number not in wanted or not line.strip(_BOM + b" \t\r\n"):
                continue
            place = f"{source.name} line {number}"
            try:
                yield parse_json(decode(line, place), place, nesting=source.limits.nesting), f"{place}#"
            except SourceError as error:
                batch.problem("unreadable-row", str(error), place)
                counts["lines", "skipped: unreadable"] += 1


def _is_lines(source: Source) -> bool:
    """Tell whether each line is a value of its own: the first is a whole object, or others are and it is damaged."""
    with source.path.open("rb") as file:
        filled = (line for line in file if line.strip(_BOM + b" \t\r\n"))
        objects = [_is_object(line.removeprefix(_BOM), source) for line in islice(filled, 20)]
    return len(objects) > 1 and (objects[0] or (any(objects) and not _is_json(source)))


def _is_object(line: bytes, source: Source) -> bool:
    try:
        return isinstance(parse_json(decode(line, source.name), source.name, nesting=source.limits.nesting), dict)
    except SourceError:
        return False


def _is_json(source: Source) -> bool:
    try:
        return source.json is not None
    except SourceError:
        return False


def _walk(value: Any, pointer: str, around: Around) -> Iterator[Found]:
    """Yield the records within a JSON value: itself, in a list, in envelopes, or in lists of envelopes."""
    if isinstance(value, list):
        for place, one in enumerate(value):
            yield from _walk(one, f"{pointer}/{place}", around)
    elif not isinstance(value, Mapping):
        yield Found("broken", {}, pointer)
    elif isinstance(value.get("event"), Mapping):
        yield from _webhook(value["event"], f"{pointer}/event", around)
    elif kind := _kind(value):
        yield Found(kind, value, pointer.removesuffix("#"), around.zone, around.incident_id)
    else:
        inside = around.within(value)
        for key in _ENVELOPES:
            if isinstance(value.get(key), list | Mapping):
                yield from _walk(value[key], f"{pointer}/{key}", inside)


def _kind(record: Mapping[str, Any]) -> str | None:
    """Return what a record is; None for an envelope."""
    kind = str(record.get("type") or "")
    if kind.endswith("_log_entry"):
        return "log entries"
    if kind == "incident" or (not kind and {"incident_number", "service", "status"} <= record.keys()):
        return "incidents"
    if is_analytics(record):
        return "analytics"
    if kind == "alert" or (not kind and {"alert_key", "created_at"} <= record.keys()):
        return "alerts"
    if kind in ("", "note", "incident_note") and {"content", "created_at"} <= record.keys():
        return "notes"
    is_envelope = str(record.get("event", "")).startswith("incident.") or "id" not in record
    return None if is_envelope and any(key in record for key in _ENVELOPES) else "other"


def _webhook(event: Mapping[str, Any], pointer: str, around: Around) -> Iterator[Found]:
    """Yield a webhook's event (version 3), and the incident that it shows if it tells when that began."""
    data = mapping(event.get("data"))
    if not str(event.get("event_type", "")).startswith("incident."):
        yield Found("other", event, pointer)
        return
    yield Found("events", event, pointer, around.zone)
    shown = {"occurred_at": event.get("occurred_at"), **data}
    if event["event_type"] == "incident.triggered":
        shown = {"created_at": event.get("occurred_at"), **shown}
    if data.get("type") == "incident" and shown.get("created_at"):
        yield Found("incidents", shown, f"{pointer}/data", around.zone)


def _csv_records(source: Source) -> Iterator[Found]:
    """Yield the rows of a CSV file of analytics; a row with too few or too many cells is broken.

    Raises:
        SourceError: if the rows can't be told apart.
    """
    reader = csv.reader(io.StringIO(source.text, newline=""), strict=True)
    try:
        header = [plain_key(name) for name in next(reader, [])]
        line = reader.line_num + 1
        for cells in reader:
            pointer, line = f"{source.name} line {line}", reader.line_num + 1
            if cells:
                kind = "analytics" if len(cells) == len(header) else "broken"
                yield Found(kind, dict(zip(header, cells, strict=False)), pointer, source.zone)
    except csv.Error as error:
        raise SourceError(f"{source.name} is not valid CSV: {error} in line {reader.line_num}") from error


READER = Reader(NAME, recognises, read)
