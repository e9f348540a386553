"""Parsers for one field, or one column of fields: strict, and clear when they refuse."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from incident_lib.errors import FieldError
from incident_lib.tables import SEVERITIES

EARLIEST_YEAR, LATEST_YEAR = 1990, 2100
_ISO_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d(:\d\d(:\d\d([.,]\d{1,9})?)?)?\s?(Z|z|[+-]\d\d(:?\d\d)?)?")
_ENCODER = json.JSONEncoder(sort_keys=True, ensure_ascii=False, default=str)
_KNOWN_SEVERITIES = {
    **{name: name for name in SEVERITIES},
    "major": "high", "minor": "medium", "none": "low", "moderate": "medium",
    **{f"{prefix}{number}": name for prefix in ("sev", "sev-", "sev ", "p", "s") for number, name in
       enumerate(SEVERITIES, start=1)},
}  # fmt: skip


def parse_time(value: Any, *, zone: str | None = None) -> datetime:
    """Return an ISO 8601 time as UTC; a time without an offset is read in ``zone`` if one is given.

    Raises:
        FieldError: if it is no time, lies outside the years 1990 to 2100, has no offset while no zone is stated
            (refused rather than guessed), or is a local time that the zone's clock change skips or repeats.
    """
    text = value.strip() if isinstance(value, str) else value.isoformat() if isinstance(value, datetime) else None
    if text is None or not _ISO_TIME.fullmatch(text):
        raise FieldError(f"not an ISO 8601 time: {value!r}; expected something like 2026-03-02T09:14:00Z")
    try:
        time = datetime.fromisoformat(text.replace(",", ".").replace("z", "Z"))
    except ValueError as error:
        raise FieldError(f"no such time: {value!r} ({error})") from error
    in_range(time, value)
    return time.astimezone(UTC) if time.tzinfo else localise(time, zone)


def in_range(time: datetime, value: Any) -> datetime:
    """Return the time if its year is believable.

    Raises:
        FieldError: outside the years 1990 to 2100.
    """
    if not EARLIEST_YEAR <= time.year <= LATEST_YEAR:
        raise FieldError(f"the year of {value!r} can't be right; expected {EARLIEST_YEAR} to {LATEST_YEAR}")
    return time


def localise(time: datetime, zone: str | None) -> datetime:
    """Return a time without an offset, taken in a zone, as UTC.

    Raises:
        FieldError: if no zone is stated, or the local time doesn't exist or exists twice there (clock change).
    """
    if zone is None:
        raise FieldError(
            f"time has no UTC offset: {time.isoformat(sep=' ')!r}; write it with one (2026-03-02T09:14:00-05:00), or "
            "state the zone of this file under [[files]] in workbook.toml"
        )
    tz = ZoneInfo(zone)
    early, late = (time.replace(tzinfo=tz, fold=fold) for fold in (0, 1))
    if early.utcoffset() != late.utcoffset():
        exists = early.astimezone(UTC).astimezone(tz).replace(tzinfo=None) == time
        what = "exists twice" if exists else "does not exist"
        raise FieldError(f"local time {time.isoformat(sep=' ')!r} {what} in {zone} (clock change); add the UTC offset")
    return early.astimezone(UTC)


def parse_epoch(value: Any) -> datetime:
    """Return a Slack timestamp such as "1772443200.000100" as UTC, exact to the microsecond.

    Raises:
        FieldError: if it is no such text, or lies outside the years 1990 to 2100. A JSON number is taken as well.
    """
    match = re.fullmatch(r"(\d{1,12})(?:\.(\d{1,6}))?", str(value))
    if not match:
        raise FieldError(f"not a Unix time: {value!r}; expected something like '1772443200.000100'")
    seconds, micro = int(match[1]), int((match[2] or "0").ljust(6, "0"))
    try:
        time = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds, microseconds=micro)
    except OverflowError as error:
        raise FieldError(f"not a Unix time: {value!r}; it lies beyond the year 9999") from error
    return in_range(time, value)


def parse_date(value: Any) -> date:
    """Return an ISO 8601 date (a time's date is its UTC date).

    Raises:
        FieldError: if it is none.
    """
    if isinstance(value, datetime):
        return (value.astimezone(UTC) if value.tzinfo else value).date()
    if isinstance(value, date):
        return value
    try:
        found = date.fromisoformat(str(value).strip()[:10])
    except ValueError as error:
        raise FieldError(f"not a date: {value!r}; expected something like 2026-03-02") from error
    if not EARLIEST_YEAR <= found.year <= LATEST_YEAR:
        raise FieldError(f"the year of {value!r} can't be right; expected {EARLIEST_YEAR} to {LATEST_YEAR}")
    return found


def parse_severity(value: Any, aliases: Mapping[str, str]) -> str:
    """Return one of our severities for a source's own word; ``aliases`` come from ``severities.aliases``.

    Raises:
        FieldError: for a word that neither we nor the settings know.
    """
    word = str(value).strip()
    known = {**_KNOWN_SEVERITIES, **{alias.casefold(): name for alias, name in aliases.items()}}
    try:
        return known[word.casefold()]
    except KeyError as error:
        raise FieldError(f"unknown severity {word!r}; expected critical, high, medium or low") from error


def parse_choice(value: Any, choices: tuple[str, ...], what: str) -> str:
    """Return the value if it is one of the choices, whatever its case.

    Raises:
        FieldError: naming the choices.
    """
    word = str(value).strip().casefold()
    if word not in choices:
        raise FieldError(f"unknown {what} {str(value)!r}; expected {', '.join(choices[:-1])} or {choices[-1]}")
    return word


def as_json(record: Mapping[str, Any]) -> str | None:
    """Return the filled fields of a record as JSON with sorted keys; None if there are none."""
    kept = {key: value for key, value in record.items() if value not in (None, "", [], {})}
    if not kept:
        return None
    try:
        return _ENCODER.encode(kept)
    except TypeError:  # YAML takes keys of several kinds in one mapping, which can't be sorted
        return _ENCODER.encode(_with_text_keys(kept))


def _with_text_keys(value: Any) -> Any:
    """Return the same value with each key of its mappings, however deep, as text."""
    if isinstance(value, Mapping):
        return {str(key): _with_text_keys(inner) for key, inner in value.items()}
    return [_with_text_keys(inner) for inner in value] if isinstance(value, list) else value
