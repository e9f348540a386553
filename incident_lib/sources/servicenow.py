"""ServiceNow's incidents: the Table API's JSON, the list's CSV (field names or labels), and the audit log as CSV.

In the log an incident has a row for each change, and ``resolved_at`` and ``closed_at`` stand on every one of them, also
on those before it happened. There the times come from the rows in which the state changed, never from those two.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from incident_lib.errors import FieldError, SourceError
from incident_lib.sources import delimited
from incident_lib.sources.columns import parse_each
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
_TEXTS = ("number", "short_description", "description", "incident_state", "priority", "assigned_to", "business_service",
          "cmdb_ci", "sys_id", "sys_updated_by")  # fmt: skip
_USED = {*_TEXTS, *_TIMES} - {"incident_state"}


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
    for place in rows.loc[~numbered, "source"]:
        raw.skip("no-incident-id", "no number", "no number; every incident needs one", place)
    rows = _placed(rows[numbered], raw)
    _add(batch, rows, lambda kept: _rest(raw, fields, kept))
    batch.account(source.name, NAME, "incidents", {"used": len(rows), **raw.skipped})
    return batch


def _placed(rows: pd.DataFrame, raw: RawTable) -> pd.DataFrame:
    """Return the rows without those of a log that have no time."""
    timeless = rows["sys_updated_on"].isna() & _is_log(rows)
    for place in rows.loc[timeless, "source"]:
        raw.skip("no-time", "no time", "no readable sys_updated_on; the change can't be placed", place)
    return rows[~timeless]


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
    """Return the fields that we use as typed columns; what is absent is missing throughout."""
    rules = rules_of(source)
    columns: dict[str, pd.Series] = {"source": raw.places.to_pandas()}
    texts = {field: _stated(raw.columns[name]) for field, name in fields.items() if field in (*_TEXTS, *_TIMES)}
    refused = _read_times(texts, columns, rules)
    _refuse_if_no_time(texts, columns, refused, source)
    for field in _TEXTS:
        columns[field] = texts[field].to_pandas() if field in texts else pd.Series(None, range(len(raw)), dtype="str")
    if "priority" in texts:
        parsed = parse_each(texts["priority"], lambda word: _severity(word, rules), TEXT)
        columns["severity"], refused["severity"] = parsed.values, parsed.refused
    else:
        columns["severity"] = pd.Series(None, range(len(raw)), dtype="str")
    rows = pd.DataFrame(columns)
    for field, reasons in refused.items():
        _explain(batch, rows, field, reasons)
    return rows


def _explain(batch: Batch, rows: pd.DataFrame, field: str, reasons: Mapping[int, str]) -> None:
    """Note a problem for each value of a field that was refused."""
    rule = "unknown-severity" if field == "severity" else "unreadable-time"
    for row, reason in sorted(reasons.items()):
        said = reason if field == "severity" else f"{field}: {reason}"
        number = rows["number"].iloc[row]
        batch.problem(rule, said, rows["source"].iloc[row], effect="value left out",
                      incident_id=number if isinstance(number, str) else None)  # fmt: skip


def _stated(values: Values) -> pa.ChunkedArray:
    """Return a column as texts; "?" stands for nothing in the audit log."""
    texts, _ = texts_of(values) if isinstance(values, list) else as_texts(values)
    return pc.if_else(pc.equal(texts, "?"), pa.scalar(None, TEXT), texts)


def _read_times(
    texts: Mapping[str, pa.ChunkedArray], columns: dict[str, pd.Series], rules: Rules
) -> dict[str, dict[int, str]]:
    """Put each field's times into the columns, and return why some are refused: by field, and by row.

    They are read as one long column, since in a log the same moments stand under several fields.
    """
    rows = len(columns["source"])
    absent = pa.chunked_array([pa.nulls(rows, TEXT)])
    chunks = [chunk for field in _TIMES for chunk in texts.get(field, absent).chunks]
    parsed = parse_times(pa.chunked_array(chunks, TEXT), rules)
    refused: dict[str, dict[int, str]] = {field: {} for field in _TIMES}
    for place, field in enumerate(_TIMES):
        columns[field] = parsed.values.iloc[place * rows : (place + 1) * rows].reset_index(drop=True)
    for row, reason in parsed.refused.items():
        refused[_TIMES[row // rows]][row % rows] = reason
    return refused


def _refuse_if_no_time(
    texts: Mapping[str, pa.ChunkedArray], columns: Mapping[str, pd.Series], refused: Mapping[str, dict[int, str]],
    source: Source,
) -> None:  # fmt: skip
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


def _rest(raw: RawTable, fields: Mapping[str, str], kept: pd.Series) -> pd.Series:
    """Return the columns that we have no use for as JSON, of the rows by these numbers only.

    Times are left out, which would tell what came later.
    """
    unused = {name: raw.columns[column] for name, column in fields.items() if name not in _USED}
    if not unused:
        return pd.Series(None, kept.index, dtype="str")
    numbers = kept.to_numpy()
    pieces = {
        name: json_values([values[number] for number in numbers]) if isinstance(values, list)
        else over_words(pc.dictionary_encode(values.take(pa.array(numbers))), lambda words: json_pieces(_stated(words)))
        for name, values in unused.items()
    }  # fmt: skip
    return json_records(pieces).to_pandas().set_axis(kept.index)


def _add(batch: Batch, rows: pd.DataFrame, rest: Callable[[pd.Series], pd.Series]) -> None:
    """Add the incidents: one for each row, or for each number where the file is a log of changes.

    ``rest`` gives the ``extra`` of rows by their numbers in the file: of a log's many rows few are asked for.
    """
    rows = rows.assign(row=rows.index)
    if _is_log(rows):
        log = log_of(rows)
        batch.add(TIMELINE, log_rows(log))
        incidents = last_states(log)
    else:
        _check_closed(batch, rows)
        incidents = rows.assign(first_seen_at=rows["sys_created_on"].fillna(rows["opened_at"]))
        incidents["resolved_at"] = rows["resolved_at"].fillna(_closed(rows))
        batch.add(TIMELINE, _closings(rows))
    batch.add(INCIDENTS, _incidents(incidents.assign(extra=rest(incidents["row"]))))


def _closed(rows: pd.DataFrame) -> pd.Series:
    """Return when finished incidents without a time of resolution were closed."""
    return rows["closed_at"].where(rows["incident_state"].str.casefold().isin(FINISHED))


def _check_closed(batch: Batch, rows: pd.DataFrame) -> None:
    for row in rows[rows["closed_at"] < rows["resolved_at"]].itertuples():
        message = f"closed at {row.closed_at:%Y-%m-%d %H:%M} UTC, resolved only at {row.resolved_at:%Y-%m-%d %H:%M} UTC"
        batch.problem("closed-before-resolved", message, row.source, effect="kept", incident_id=row.number)


def _closings(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the closing of each closed incident as a timeline row."""
    closed = rows[rows["closed_at"].notna()]
    return pd.DataFrame({
        "incident_id": closed["number"], "at": closed["closed_at"], "kind": "status", "text": "State: Closed",
        "source": closed["source"],
    })  # fmt: skip


def _incidents(rows: pd.DataFrame) -> pd.DataFrame:
    """Return ServiceNow's columns under our names. A ticket's opening is the report by which it was detected."""
    return pd.DataFrame({
        "incident_id": rows["number"],
        "title": rows["short_description"],
        "severity": rows["severity"],
        "detected_at": rows["opened_at"],
        "acknowledged_at": rows.get("acknowledged_at"),
        "resolved_at": rows["resolved_at"],
        "first_seen_at": rows["first_seen_at"],
        "services": _together(rows["business_service"], rows["cmdb_ci"]),
        "responders": rows["assigned_to"].str.replace(";", ","),
        "summary": rows["description"],
        "references": _together(rows["number"], rows["sys_id"]),
        "source": rows["source"],
        "extra": rows.get("extra"),
    }).reset_index(drop=True)  # fmt: skip


def _together(one: pd.Series, other: pd.Series) -> pd.Series:
    """Return the names of two columns in one, each once (as ``join_names``, for all rows)."""
    first, second = (column.str.replace(";", ",", regex=False) for column in (one, other))
    differ = first.notna() & second.notna() & (first != second)
    return first.fillna(second).mask(differ, first + "; " + second)


READER = Reader(NAME, recognises, read)
