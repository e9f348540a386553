"""A column of texts → a typed column, all rows at once; what can't be read becomes a reason, by row.

Columns are Arrow arrays in chunks, as the CSV and Parquet readers give them: no Python object per value. Words are
parsed once for each different one.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from incident_lib.errors import FieldError
from incident_lib.sources.fields import parse_choice, parse_date, parse_severity
from incident_lib.sources.raw_table import Values
from incident_lib.sources.texts import TEXT, as_texts, by_row, coded, over_words, texts_of, tidy_names, trimmed
from incident_lib.sources.time_columns import Parsed, Rules, parse_times
from incident_lib.tables import SEVERITIES
from incident_lib.typed_table import SEVERITY_DTYPE, Column

_FLAGS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


def parse_column(values: Values, column: Column, rules: Rules, choices: tuple[str, ...] = ()) -> Parsed:
    """Return a column of texts (or JSON values, or Parquet's own types) as the kind that ``column`` states.

    What is empty is missing. ``choices`` are the only words that a text column may hold, where it has such.
    """
    if column.kind == "severity" and isinstance(values, pa.ChunkedArray) and pa.types.is_dictionary(values.type):
        return parse_severities(over_words(values, trimmed), lambda word: parse_severity(word, rules.aliases))
    texts, unfit = texts_of(values) if isinstance(values, list) else as_texts(values, times=column.kind == "time")
    parsed = _of_kind(texts, column, rules, choices)
    return Parsed(parsed.values, {**parsed.refused, **unfit})


def _of_kind(texts: pa.ChunkedArray, column: Column, rules: Rules, choices: tuple[str, ...]) -> Parsed:
    if column.kind == "time":
        return parse_times(texts, rules)
    if column.kind == "severity":
        return parse_severities(texts, lambda word: parse_severity(word, rules.aliases))
    if column.kind == "names":
        return Parsed(tidy_names(texts).to_pandas())
    if column.kind in _PARSERS:
        return _PARSERS[column.kind](texts)
    if choices:
        what = column.name.replace("_", " ")
        return parse_each(texts, lambda text: parse_choice(text, choices, what), TEXT)
    return Parsed(texts.to_pandas())


def parse_each(texts: pa.ChunkedArray, parse: Callable[[str], Any], kind: pa.DataType) -> Parsed:
    """Return the column with ``parse`` done once for each different value; a FieldError refuses that value's rows."""
    codes, known, reasons = _parsed_words(texts, parse)
    values = pa.array([*known, None], kind).take(pa.array(np.where(codes < 0, len(known), codes)))
    return Parsed(values.to_pandas(), by_row(codes, reasons))


def _parsed_words(
    texts: pa.ChunkedArray, parse: Callable[[str], Any]
) -> tuple[np.ndarray, list[Any], dict[int, str]]:
    """Return each row's number of a word (-1: missing), the words parsed, and why some of them can't be."""
    codes, words = coded(texts)
    known: list[Any] = []
    reasons: dict[int, str] = {}
    for code, word in enumerate(words.to_pylist()):
        try:
            known.append(parse(word))
        except FieldError as error:
            known.append(None)
            reasons[code] = str(error)
    return codes, known, reasons


def parse_severities(texts: pa.ChunkedArray, parse: Callable[[str], str]) -> Parsed:
    """Return severities as an ordered categorical; ``parse`` tells the severity for a word, or raises FieldError."""
    codes, known, reasons = _parsed_words(texts, parse)
    ours = np.array([SEVERITIES.index(word) if word else -1 for word in known] + [-1], "int8")
    return Parsed(pd.Series(pd.Categorical.from_codes(ours[codes], dtype=SEVERITY_DTYPE)), by_row(codes, reasons))


def _dates(texts: pa.ChunkedArray) -> Parsed:
    return parse_each(texts, lambda text: datetime.combine(parse_date(text), datetime.min.time()), pa.timestamp("us"))


def _flags(texts: pa.ChunkedArray) -> Parsed:
    parsed = parse_each(texts, _flag, pa.bool_())
    return Parsed(parsed.values.eq(True).fillna(False).astype(bool), parsed.refused)


def _flag(text: str) -> bool:
    try:
        return _FLAGS[text.casefold()]
    except KeyError as error:
        raise FieldError(f"neither true nor false: {text!r}") from error


def _integers(texts: pa.ChunkedArray) -> Parsed:
    parsed = parse_each(texts, _integer, pa.int64())
    return Parsed(parsed.values.astype("Int64"), parsed.refused)


def _integer(text: str) -> int:
    if not re.fullmatch(r"-?[0-9]{1,9}", text):
        raise FieldError(f"not a whole number of at most nine digits: {text!r}")
    return int(text)


_PARSERS: dict[str, Callable[[pa.ChunkedArray], Parsed]] = {"date": _dates, "flag": _flags, "integer": _integers}
