"""ServiceNow's incidents: the Table API's JSON, the list's CSV (field names or labels), and the audit log as CSV.

In the log an incident has a row for each change, and ``resolved_at`` and ``closed_at`` stand on every one of them, also
on those before it happened. There the times come from the rows in which the state changed, never from those two.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from incident_lib.errors import FieldError, SourceError
from incident_lib.sources import delimited
from incident_lib.sources.columns import parse_severities
from incident_lib.sources.fields import parse_severity
from incident_lib.sources.json_records import first_keys, read_records
from incident_lib.sources.raw_table import RawTable, Values, table_of_records
from incident_lib.sources.reading import Batch, Reader, Source
from incident_lib.sources.record_fields import rules_of
from incident_lib.sources.servicenow_states import FINISHED, last_states, log_of, log_rows
from incident_lib.sources.texts import TEXT, as_texts, json_pieces, json_records, json_values, over_words, texts_of
from incident_lib.sources.time_columns import Rules, parse_times
from incident_lib.tables import INCIDENTS, TIMELINE, Problem

NAME = "servicenow"
PRIORITIES = {
    "1": "critical", "2": "high", "3": "medium", "4": "low", "5": "low",
    "critical": "critical", "high": "high", "moderate": "medium", "low": "low", "planning": "low",
}  # fmt: skip
_LABELS = {
    "opened": "opened_at", "resolved": "resolved_at", "closed": "closed_at", "created": "sys_created_on",
    "sys_created_at": "sys_created_on", "updated": "sys_updated_on", "sys_updated_at": "sys_updated_on",
    "updated_by": "sys_updated_by", "state": "incident_state", "configuration_item": "cmdb_ci", "caller": "caller_id",
    "service": "business_service",
}  # fmt: skip
_TIMES = ("opened_at", "resolved_at", "closed_at", "sys_created_on", "sys_updated_on")
_WORDS = ("number", "incident_state", "sys_updated_by")
_TEXTS = ("short_description", "description", "assigned_to", "business_service", "cmdb_ci", "sys_id")
_USED = {*_WORDS, *_TEXTS, *_TIMES, "priority"} - {"incident_state"}


def recognises(source: Source) -> bool:
    """Return whether the file has the columns or keys of ServiceNow's incident table."""
    if source.path.is_dir():
        return False
    keys = first_keys(source)
    names = set(_fields(keys.record or keys.top or delimited.header(source)))
    return {"number", "incident_state"} <= names and bool(names & {"opened_at", "sys_created_on", "sys_id"})


def _fields(names: Iterable[str]) -> dict[str, str]:
    """Return ServiceNow's field name for each column → the column, be it headed by field names or by labels."""
    plain = {name.strip().casefold().replace(" ", "_"): name for name in names}
    fields = {_LABELS.get(name, name): column for name, column in plain.items()}
    return {**fields, **({"incident_state": plain["incident_state"]} if "incident_state" in plain else {})}


def read(source: Source) -> Batch:
    """Return incidents, and for an audit log each change of state and severity as timeline.

    Raises:
        SourceError: if it can't be read at all, or none of its times can (their format or zone is not stated).
    """
    raw = _raw_table(source)
    fields = _fields(raw.columns)
    batch = Batch(problems=raw.problems)
    rows = _typed(raw, fields, source, batch)
    numbered = rows["number"].notna()
    for place in _places(raw, rows.index[~numbered]):
        raw.skip("no-incident-id", "no number", "no number; every incident needs one", place)
    rows = _placed(rows if numbered.all() else rows[numbered], raw)
    _add(batch, rows, raw, fields)
    batch.account(source.name, NAME, "incidents", {"used": len(rows), **raw.skipped})
    return batch


def _placed(rows: pd.DataFrame, raw: RawTable) -> pd.DataFrame:
    """Return the rows without those of a log that have no time."""
    timeless = rows["sys_updated_on"].isna() & _is_log(rows)
    for place in _places(raw, rows.index[timeless]):
        raw.skip("no-time", "no time", "no readable sys_updated_on; the change can't be placed", place)
    return rows[~timeless] if timeless.any() else rows


def _places(raw: RawTable, numbers: pd.Index) -> pd.Series:
    """Return the pointers to rows by their numbers in the file."""
    return raw.places.take(pa.array(numbers)).to_pandas()


def _is_log(rows: pd.DataFrame) -> bool:
    """Return whether the file has several rows for one incident, each a change."""
    return not rows["number"].is_unique


def _raw_table(source: Source) -> RawTable:
    if not first_keys(source).top:
        return delimited.read_delimited(source)
    problems: list[Problem] = []
    placed = read_records(source, problems, ("result", "records"))
    flat = [{key: _flat(value) for key, value in record.items()} for _, record in placed]
    raw = table_of_records(flat, [place for place, _ in placed])
    raw.problems += problems
    raw.skipped["skipped: not a record"] += len(problems)
    return raw


def _flat(value: Any) -> Any:
    """Return a reference or a displayed field as its text."""
    if isinstance(value, Mapping):
        return value.get("display_value") or value.get("value") or value.get("link")
    return value


def _typed(raw: RawTable, fields: dict[str, str], source: Source, batch: Batch) -> pd.DataFrame:
    """Return the times, and the words that come again and again as categories; what is absent is missing throughout."""
    rules = rules_of(source)
    absent = pa.chunked_array([pa.nulls(len(raw), TEXT)])
    asked = (*_TIMES, *_WORDS, "priority")
    given = {field: raw.columns[fields[field]] if field in fields else absent for field in asked}
    with ThreadPoolExecutor(1) as aside:  # Arrow lets go of the interpreter's lock
        times = aside.submit(_read_times, given, rules)
        words = {field: _words([given[field]]).to_pandas() for field in _WORDS}
        parsed = parse_severities(_words([given["priority"]]), lambda word: _severity(word, rules))
        columns, refused = times.result()
    _refuse_if_no_time(columns, refused, source)
    columns |= words
    columns["severity"], refused["severity"] = parsed.values, parsed.refused
    rows = pd.DataFrame(columns)
    for field, reasons in refused.items():
        _explain(batch, rows, field, reasons, raw)
    return rows


def _explain(batch: Batch, rows: pd.DataFrame, field: str, reasons: Mapping[int, str], raw: RawTable) -> None:
    """Note a problem for each value of a field that was refused."""
    rule = "unknown-severity" if field == "severity" else "unreadable-time"
    for row, reason in sorted(reasons.items()):
        said = reason if field == "severity" else f"{field}: {reason}"
        number = rows["number"].iloc[row]
        batch.problem(rule, said, raw.places[row].as_py(), effect="value left out",
                      incident_id=number if isinstance(number, str) else None)  # fmt: skip


def _stated(values: Values) -> pa.ChunkedArray:
    """Return a column as texts; "?" stands for nothing in the audit log."""
    texts, _ = texts_of(values) if isinstance(values, list) else as_texts(values)
    return pc.if_else(pc.equal(texts, "?"), pa.scalar(None, TEXT), texts)


def _words(columns: list[Values]) -> pa.ChunkedArray:
    """Return columns as one long dictionary column of texts: each different one is looked at once."""
    texts = [texts_of(values)[0] if isinstance(values, list) else values for values in columns]
    chunks = [chunk for column in texts for chunk in column.chunks]
    coded = pc.dictionary_encode(pa.concat_arrays([*chunks, pa.array([], TEXT)]))
    stated = pc.dictionary_encode(_stated(pa.chunked_array([coded.dictionary])).combine_chunks())
    codes = stated.indices.take(coded.indices)
    return pa.chunked_array([pa.DictionaryArray.from_arrays(codes, stated.dictionary)])


def _read_times(given: Mapping[str, Values], rules: Rules) -> tuple[dict[str, pd.Series], dict[str, dict[int, str]]]:
    """Return each field's times, and why some are refused: by field, and by row.

    They are read as one long column, since in a log the same moments stand under several fields.
    """
    parsed = parse_times(_words([given[field] for field in _TIMES]), rules)
    rows = len(parsed.values) // len(_TIMES)
    columns = {
        field: parsed.values.iloc[place * rows : (place + 1) * rows].reset_index(drop=True)
        for place, field in enumerate(_TIMES)
    }
    refused: dict[str, dict[int, str]] = {field: {} for field in _TIMES}
    for row, reason in parsed.refused.items():
        refused[_TIMES[row // rows]][row % rows] = reason
    return columns, refused


def _refuse_if_no_time(columns: Mapping[str, pd.Series], refused: Mapping[str, dict[int, str]], source: Source) -> None:
    """Refuse the file if it has times and none can be read: then its rule is missing, not each of its values."""
    reasons = [reason for field in _TIMES for reason in refused[field].values()]
    if reasons and all(columns[field].isna().all() for field in _TIMES):
        raise SourceError(
            f"{source.name}: {reasons[0]}; no time in it can be read, so state its zone (the Table API's is UTC) and, "
            "for anything but ISO 8601, its time_format under [[files]] in workbook.toml"
        )


def _severity(word: str, rules: Rules) -> str:
    """Return our severity for a priority such as "1 - Critical", "3" or "Moderate"."""
    known = PRIORITIES.get(word.split(" - ")[0].strip().casefold())
    if known and word.casefold() not in {alias.casefold() for alias in rules.aliases}:
        return known
    try:
        return parse_severity(word, rules.aliases)
    except FieldError as error:
        raise FieldError(f"unknown priority {word!r}; expected something like '1 - Critical'") from error


def _rest(raw: RawTable, fields: Mapping[str, str], kept: pa.Array) -> pd.Series:
    """Return the columns that we have no use for as JSON, of the rows by these numbers only.

    Times are left out, which would tell what came later.
    """
    unused = {name: _taken(raw.columns[column], kept) for name, column in fields.items() if name not in _USED}
    if not unused:
        return pd.Series(None, range(len(kept)), dtype="str")
    pieces = {
        name: json_values(values) if isinstance(values, list)
        else over_words(pc.dictionary_encode(values), lambda words: json_pieces(_stated(words)))
        for name, values in unused.items()
    }  # fmt: skip
    return json_records(pieces).to_pandas()


def _taken(values: Values, kept: pa.Array) -> Values:
    return [values[row] for row in kept.to_pylist()] if isinstance(values, list) else values.take(kept)


def _add(batch: Batch, rows: pd.DataFrame, raw: RawTable, fields: Mapping[str, str]) -> None:
    """Add the incidents: one for each row, or for each number where the file is a log of changes."""
    if _is_log(rows):
        log = log_of(rows)
        batch.add(TIMELINE, log_rows(log, raw.places))
        incidents = last_states(log)
    else:
        _check_closed(batch, rows, raw)
        incidents = rows.assign(first_seen_at=rows["sys_created_on"].fillna(rows["opened_at"]))
        incidents["resolved_at"] = rows["resolved_at"].fillna(_closed(rows))
        batch.add(TIMELINE, _closings(rows, raw))
    batch.add(INCIDENTS, _incidents(incidents, raw, fields))


def _closed(rows: pd.DataFrame) -> pd.Series:
    """Return when finished incidents without a time of resolution were closed."""
    return rows["closed_at"].where(rows["incident_state"].str.casefold().isin(FINISHED))


def _check_closed(batch: Batch, rows: pd.DataFrame, raw: RawTable) -> None:
    for row in rows[rows["closed_at"] < rows["resolved_at"]].itertuples():
        message = f"closed at {row.closed_at:%Y-%m-%d %H:%M} UTC, resolved only at {row.resolved_at:%Y-%m-%d %H:%M} UTC"
        place = raw.places[row.Index].as_py()
        batch.problem("closed-before-resolved", message, place, effect="kept", incident_id=row.number)


def _closings(rows: pd.DataFrame, raw: RawTable) -> pd.DataFrame:
    """Return the closing of each closed incident as a timeline row."""
    closed = rows[rows["closed_at"].notna()]
    return pd.DataFrame({
        "incident_id": closed["number"], "at": closed["closed_at"], "kind": "status", "text": "State: Closed",
        "source": _places(raw, closed.index).set_axis(closed.index),
    })  # fmt: skip


def _incidents(rows: pd.DataFrame, raw: RawTable, fields: Mapping[str, str]) -> pd.DataFrame:
    """Return ServiceNow's columns under our names, texts of these rows alone: of a log's many rows few are asked for.

    A ticket's opening is the report by which it was detected.
    """
    kept = pa.array(rows.index)
    number = rows["number"].astype("str").reset_index(drop=True)
    texts = {field: _stated(_taken(raw.columns[fields[field]], kept)).to_pandas() if field in fields
             else pd.Series(None, number.index, dtype="str") for field in _TEXTS}  # fmt: skip
    return pd.DataFrame({
        **rows.rename(columns={"opened_at": "detected_at"}).reset_index(drop=True),
        "incident_id": number,
        "title": texts["short_description"],
        "services": _together(texts["business_service"], texts["cmdb_ci"]),
        "responders": texts["assigned_to"].str.replace(";", ","),
        "summary": texts["description"],
        "references": _together(number, texts["sys_id"]),
        "source": _places(raw, rows.index),
        "extra": _rest(raw, fields, kept),
    })  # fmt: skip


def _together(one: pd.Series, other: pd.Series) -> pd.Series:
    """Return the names of two columns in one, each once (as ``join_names``, for all rows)."""
    first, second = (column.str.replace(";", ",", regex=False) for column in (one, other))
    differ = first.notna() & second.notna() & (first != second)
    return first.fillna(second).mask(differ, first + "; " + second)


READER = Reader(NAME, recognises, read)
