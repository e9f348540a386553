"""A column of times, all rows at once: ISO 8601 with any offsets, or a file's own format in its own zone.

A chunk that can't be read as a whole is halved until the values that spoil it stand nearly alone; only those are
looked at one by one, with ``fields.parse_time``, which decides what is a time and says why not.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from incident_lib.errors import FieldError
from incident_lib.sources.fields import EARLIEST_YEAR, LATEST_YEAR, in_range, localise, parse_time
from incident_lib.sources.texts import TEXT, by_row, coded

_UTC, _LOCAL = pa.timestamp("us", "UTC"), pa.timestamp("us")
_FEW = 32
_CALENDAR = tuple(np.array(["0001-01-03", "9999-12-29"], "datetime64[us]"))
_DAY_AND_CLOCK = re.compile(r"(?=\S*%[Yy])((?:%[dmYyjbB]|[^%\s])+) (?=\S)((?:%[HIMSpf]|[^%])+)")


@dataclass(frozen=True)
class Rules:
    """What a file's values mean where their text leaves it open: zone, format of times, words for severities."""

    zone: str | None = None
    time_format: str | None = None
    aliases: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Parsed:
    """A typed column, and why values are missing in it that were stated (row number → reason)."""

    values: pd.Series
    refused: dict[int, str] = field(default_factory=dict)


def parse_times(texts: pa.ChunkedArray, rules: Rules) -> Parsed:
    """Return times as UTC; offsets may differ from row to row, and a time without one needs the rules' zone.

    A column of Arrow timestamps with a zone is taken as it is.
    """
    if pa.types.is_timestamp(texts.type):
        return _believable(texts.cast(_UTC, safe=False), {})
    if rules.time_format or pa.types.is_dictionary(texts.type):
        return _each_word_once(texts, rules)
    refused: dict[int, str] = {}
    pieces: list[pa.Array] = []
    start = 0
    for chunk in texts.chunks:
        pieces += _times(chunk, start, rules.zone, refused)
        start += len(chunk)
    return _believable(pa.chunked_array(pieces, _UTC), refused)


def _each_word_once(texts: pa.ChunkedArray, rules: Rules) -> Parsed:
    codes, words = coded(texts)
    parsed = _formatted(words, rules) if rules.time_format else parse_times(pa.chunked_array([words], TEXT), rules)
    known = np.append(parsed.values.to_numpy("datetime64[us]"), np.datetime64("NaT"))  # the last: of a missing text
    return Parsed(pd.Series(known[codes]).dt.tz_localize("UTC"), by_row(codes, parsed.refused))


def _times(texts: pa.Array, start: int, zone: str | None, refused: dict[int, str]) -> list[pa.Array]:
    """Return a chunk's times in pieces: whole if Arrow reads it so, else by halves, at last value by value."""
    whole = _times_at_once(texts, zone)
    if whole is not None:
        return [whole]
    if len(texts) > _FEW:
        half = len(texts) // 2
        return _times(texts[:half], start, zone, refused) + _times(texts[half:], start + half, zone, refused)
    return [pa.array([_time(text, start + row, zone, refused) for row, text in enumerate(texts.to_pylist())], _UTC)]


def _times_at_once(texts: pa.Array, zone: str | None) -> pa.Array | None:
    """Return the times if all have an offset, or none has and a zone is stated; None if any can't be read."""
    try:
        return texts.cast(_UTC)
    except pa.ArrowInvalid:
        if zone is None:
            return None
    try:
        local = texts.cast(_LOCAL)
    except pa.ArrowInvalid:
        return None
    if pc.min(pc.binary_length(texts)).as_py() == len("2026-03-02"):
        return None  # a day is no time
    # by pandas, since Arrow's own zones know no summer time after 2037
    times = _localised(local.to_pandas(), zone)
    return pa.array(times, _UTC, from_pandas=True) if times.isna().sum() == local.null_count else None


def _localised(times: pd.Series, zone: str) -> pd.Series:
    """Return local times as UTC; missing are those that the clock change skips or repeats, and the calendar's ends."""
    if len(times) and not (times.min() > _CALENDAR[0] and times.max() < _CALENDAR[1]):
        times = times.where(times.between(*_CALENDAR))
    utc = times.dt.tz_localize(zone, ambiguous="NaT", nonexistent="NaT").dt.tz_convert("UTC")
    return utc.astype("datetime64[us, UTC]")


def _time(text: str | None, row: int, zone: str | None, refused: dict[int, str]) -> datetime | None:
    try:
        return None if text is None else parse_time(text, zone=zone)
    except FieldError as error:
        refused[row] = str(error)
        return None


def _formatted(words: pa.Array, rules: Rules) -> Parsed:
    """Return times in the rules' format; pandas reads all at once, and looks at each it can't alone."""
    series = words.to_pandas()
    aware = "%z" in str(rules.time_format)
    times = _day_and_clock(words, str(rules.time_format))
    if times is None:
        times = pd.to_datetime(series, format=rules.time_format, errors="coerce", utc=aware, cache=False)
    if not aware:
        # without a zone all are refused below, one by one
        times = _localised(times if rules.zone else times.mask(times.notna()), rules.zone or "UTC")
    times, refused = times.astype("datetime64[us, UTC]"), {}
    for place in np.flatnonzero(times.isna()):
        try:
            times.iloc[place] = parse_formatted(series.iloc[place], rules)
        except FieldError as error:
            refused[int(place)] = str(error)
    return _believable(pa.chunked_array([pa.array(times, _UTC, from_pandas=True)]), refused)


def _day_and_clock(words: pa.Array, form: str) -> pd.Series | None:
    """Return times whose day and time of day were read apart, each different one once: there are far fewer of them.

    None if the format doesn't part at its first space, or a text has no such space; missing where a part can't be read.
    """
    parts = _DAY_AND_CLOCK.fullmatch(form)
    split = pc.split_pattern(words, " ", max_splits=1)
    if parts is None or pc.min(pc.list_value_length(split)).as_py() != 2:
        return None
    day, clock = (_each_once(pc.list_element(split, place), part) for place, part in enumerate(parts.groups()))
    return pd.Series(day + (clock - np.datetime64("1900-01-01")))  # the day that is meant where none is stated


def _each_once(texts: pa.Array, form: str) -> np.ndarray:
    codes, words = coded(pa.chunked_array([texts]))
    times = pd.to_datetime(words.to_pandas(), format=form, errors="coerce", cache=False)
    return times.to_numpy("datetime64[us]")[codes]


def parse_formatted(text: str, rules: Rules) -> datetime:
    """Return a time in the format that the file's rule states, as UTC.

    Raises:
        FieldError: if it is not in that format, or has no offset and no zone is stated.
    """
    try:
        time = datetime.strptime(text, rules.time_format or "")  # noqa: DTZ007 (the zone comes next)
    except ValueError as error:
        raise FieldError(f"not a time in the format {rules.time_format!r}: {text!r}") from error
    in_range(time, text)  # before the zone, which may lead out of the calendar
    return in_range(time.astimezone(UTC) if time.tzinfo else localise(time, rules.zone), text)


def _believable(times: pa.ChunkedArray, refused: dict[int, str]) -> Parsed:
    """Return the times without those in years that can't be right."""
    values = times.to_pandas()
    # only the first and the last moment's year, since a million years take longer than all else here
    first, last = pc.year(pa.array(pc.min_max(times).values(), _UTC)).to_pylist()
    if first is None or (first >= EARLIEST_YEAR and last <= LATEST_YEAR):
        return Parsed(values, refused)
    odd = np.flatnonzero(values.notna() & ~values.dt.year.between(EARLIEST_YEAR, LATEST_YEAR))
    for row in odd:
        try:
            in_range(values.iloc[row], _written(values.iloc[row]))
        except FieldError as error:
            refused[int(row)] = str(error)
    return Parsed(values.mask(np.isin(np.arange(len(values)), odd)), refused)


def _written(time: pd.Timestamp) -> str:
    """Return a time as text; of one before the year 1 or after 9999, where an offset may lead, only its year."""
    return time.isoformat() if 1 <= time.year <= 9999 else str(time.year)
