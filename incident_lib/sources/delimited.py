"""CSV in its dialects → a raw table, each row with the physical line on which it begins.

A well-formed file goes through Arrow, which reads a million rows in half a second but knows no lines. What it reads is
taken only if every line but the header became one row. Otherwise the file is read again line by line: exact lines, and
a damaged row costs that row only; an unclosed quote does not swallow the rows that follow.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import islice

import numpy as np
import pyarrow as pa
import pyarrow.csv as arrow_csv

from incident_lib.sources.raw_table import RawTable, places
from incident_lib.sources.reading import Source, decode
from incident_lib.sources.texts import TEXT

_BATCH = 20_000
_LONG_LINE = 65_536
_MOST_LINES = 2_000  # of one row; a quote that stays open longer was never closed


def header(source: Source) -> list[str]:
    """Return the column names in a file's first line, trimmed; none if it is no text with a header."""
    return [name.strip() for name in _first_line(source)[0]]


def _first_line(source: Source) -> tuple[list[str], str]:
    """Return the header's fields and the delimiter: the one of comma, semicolon and tab that it holds most often."""
    line = re.split(r"\r\n|\r|\n", source.head.decode("utf-8-sig", "replace"), maxsplit=1)[0]
    delimiter = max(",;\t", key=line.count)
    try:
        return next(csv.reader([line], delimiter=delimiter), []), delimiter
    except csv.Error:
        return [], delimiter


def read_delimited(source: Source, kinds: Mapping[str, pa.DataType] | None = None) -> RawTable:
    """Return a CSV file's rows; empty fields are missing, nothing else is.

    Columns are texts. For those that ``kinds`` names, Arrow's own type is used where every value of them fits it.

    Raises:
        SourceError: if it is not UTF-8, or too large.
    """
    source.check_size()
    fields, delimiter = _first_line(source)
    names = unique_names(fields)
    types = [(kinds or {}).get(name, pa.string()) for name in names]
    table = _read_at_once(source, types, delimiter) if kinds else None
    table = table or _read_at_once(source, [pa.string()] * len(names), delimiter)
    if table is None:
        return _read_by_line(source, names, delimiter)
    numbers = pa.array(np.arange(2, table.num_rows + 2))
    return RawTable(dict(zip(names, table.columns, strict=True)), places(f"{source.name} line ", numbers))


def unique_names(fields: list[str]) -> list[str]:
    """Return a header's names, trimmed, each once: a repeated one is followed by its number, "Labels (2)"."""
    names: list[str] = []
    seen: Counter[str] = Counter()
    for number, field in enumerate(fields, start=1):
        name = field.strip() or f"column {number}"
        seen[name] += 1
        names.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return names


class _CountedLines(io.RawIOBase):
    """A file that counts its lines while it is read."""

    def __init__(self, file: io.BufferedReader) -> None:
        self._file = file
        self._lines = 0
        self._end = b"\n"

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes."""
        piece = self._file.read(size)
        self._lines += piece.count(b"\n")
        self._end = piece[-_LONG_LINE:] or self._end
        return piece

    @property
    def total(self) -> int:
        """Return how many lines there were; a last one without a line break counts."""
        return self._lines + (not self._end.endswith(b"\n"))

    @property
    def ends_within_quotes(self) -> bool:
        """Return whether a quote that is opened in the last line is not closed there."""
        return self._end.rstrip(b"\r\n").rpartition(b"\n")[2].count(b'"') % 2 == 1


def _read_at_once(source: Source, types: list[pa.DataType], delimiter: str) -> pa.Table | None:
    """Return the file as columns of these types; None unless it is well-formed with one row to a line."""
    names = [str(number) for number in range(len(types))]
    try:
        with source.path.open("rb") as file:
            counted = _CountedLines(file)
            table = arrow_csv.read_csv(
                pa.PythonFile(counted, mode="r"),
                read_options=arrow_csv.ReadOptions(column_names=names, skip_rows=1),
                parse_options=arrow_csv.ParseOptions(delimiter=delimiter),
                convert_options=arrow_csv.ConvertOptions(
                    column_types=dict(zip(names, types, strict=True)), null_values=[""], strings_can_be_null=True
                ),
            )
    except (pa.ArrowException, OSError):
        return None
    whole = counted.total == table.num_rows + 1 and not counted.ends_within_quotes
    return table if whole else None


def _read_by_line(source: Source, names: list[str], delimiter: str) -> RawTable:
    """Return the file read record by record: slower, and exact about lines and damage."""
    text = decode(source.read_bytes(), source.name)
    lines = re.findall(r"[^\n]*\n|[^\n]+" if "\n" in text else r"[^\r]*\r|[^\r]+", text)
    raw = RawTable({}, places("", pa.array([], pa.int64())))
    records = _records(lines, len(names), delimiter, raw, source.name)
    numbers: list[int] = []
    chunks: list[list[pa.Array]] = []
    while batch := list(islice(records, _BATCH)):
        numbers += (number for number, _ in batch)
        chunks.append([pa.array(column, TEXT) for column in zip(*(row for _, row in batch), strict=True)])
    columns = zip(*chunks, strict=True) if chunks else [[] for _ in names]
    raw.columns = {name: pa.chunked_array(pieces, TEXT) for name, pieces in zip(names, columns, strict=True)}
    raw.places = places(f"{source.name} line ", pa.array(numbers, pa.int64()))
    return raw


def _records(
    lines: list[str], width: int, delimiter: str, raw: RawTable, file: str
) -> Iterator[tuple[int, list[str | None]]]:
    """Yield each good row after the header with its line number; note the others in ``raw``."""
    at = 1
    while at < len(lines):
        if not lines[at].strip():
            at += 1
            continue
        row, taken = _record(lines, at, delimiter)
        if row is not None and len(row) == width:
            yield at + 1, [field or None for field in row]
        else:
            taken = _damaged(lines, at, taken, width, delimiter)
            place = f"{file} line {at + 1}"
            if row is None:
                message = "a quote is opened in this row and not closed as it should be; close it, or double it"
                raw.skip("unclosed-quote", "unclosed quote", message, place)
            else:
                message = f"expected {width} fields, as in line 1, and found {len(row)}"
                raw.skip("field-count", "wrong number of fields", message, place)
        at += taken


def _record(lines: list[str], at: int, delimiter: str) -> tuple[list[str] | None, int]:
    """Return the row that begins at a line, and how many lines it takes; None for damaged quotes."""
    line = lines[at]
    if '"' not in line:
        return line.rstrip("\r\n").split(delimiter), 1
    reader = csv.reader(islice(lines, at, at + _MOST_LINES), delimiter=delimiter, strict=True)
    try:
        return next(reader), reader.line_num
    except csv.Error:
        return _lenient(line, delimiter), 1


def _lenient(line: str, delimiter: str) -> list[str] | None:
    """Return a row of one line whose quotes are odd but closed (``"Mail" down,high``); None if one stays open."""
    try:
        row = next(csv.reader([line.rstrip("\r\n") + "\n"], delimiter=delimiter), [])
    except csv.Error:
        return None
    return None if any("\n" in field for field in row) else row


def _damaged(lines: list[str], at: int, taken: int, width: int, delimiter: str) -> int:
    """Return how many lines a damaged row costs: one, if a good row stands within the lines that it seems to take."""
    within = (_record(lines, line, delimiter)[0] for line in range(at + 1, at + taken))
    return 1 if any(row is not None and len(row) == width for row in within) else taken
