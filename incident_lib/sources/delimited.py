"""CSV in its dialects → a raw table, each row with the physical line on which it begins.

A well-formed file goes through Arrow, which reads a million rows in half a second but knows no lines. What it reads is
taken only if every line but the header became one row. Otherwise the file is read again line by line: exact lines, and
a damaged row costs that row only; an unclosed quote does not swallow the rows that follow.
"""

from __future__ import annotations

import codecs
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
    plain = dict.fromkeys(names, TEXT)
    typed = {name: (kinds or {}).get(name, kind) for name, kind in plain.items()}
    raw = _read_at_once(source, typed, delimiter)
    if raw is None:
        _refuse_other_encodings(source)
        again = (_read_at_once(source, types, delimiter, miscounted=True) for types in (typed, plain))
        raw = next((one for one in again if one is not None), None)
    return _read_by_line(source, names, delimiter) if raw is None else raw


def _refuse_other_encodings(source: Source) -> None:
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        with source.path.open("rb") as file:
            for piece in iter(lambda: file.read(1 << 20), b""):
                decoder.decode(piece)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        decode(source.read_bytes(), source.name)  # says where


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

    def read(self, size: int) -> pa.Buffer:
        """Return the next bytes, in memory of Arrow's own: bytes of Python's are given fresh pages for each block."""
        block = pa.allocate_buffer(size)
        piece = block.slice(0, self._file.readinto(block))
        self._lines += np.count_nonzero(np.frombuffer(piece, np.uint8) == ord("\n"))  # twice as fast as bytes.count
        self._end = bytes(piece[-_LONG_LINE:]) or self._end
        return piece

    @property
    def total(self) -> int:
        """Return how many lines there were, without empty ones at the end."""
        return self._lines - self._end[len(self._end.rstrip(b"\r\n")) :].count(b"\n") + 1

    @property
    def ends_within_quotes(self) -> bool:
        """Return whether a quote that is opened in the last line is not closed there."""
        return self._end.rstrip(b"\r\n").rpartition(b"\n")[2].count(b'"') % 2 == 1


def _read_at_once(
    source: Source, types: Mapping[str, pa.DataType], delimiter: str, *, miscounted: bool = False
) -> RawTable | None:
    """Return the file as columns of these types; None unless each line is one row.

    With ``miscounted``, rows with too few or too many fields are left out, and their lines looked up afterwards.
    """
    odd: list[arrow_csv.InvalidRow] = []

    def leave_out(row: arrow_csv.InvalidRow) -> str:
        odd.append(row)
        return "skip"

    numbered = dict(zip(map(str, range(len(types))), types.values(), strict=True))
    try:
        with source.path.open("rb") as file:
            counted = _CountedLines(file)
            table = arrow_csv.read_csv(
                pa.PythonFile(counted, mode="r"),
                read_options=arrow_csv.ReadOptions(column_names=list(numbered), skip_rows=1),
                parse_options=arrow_csv.ParseOptions(
                    delimiter=delimiter, invalid_row_handler=leave_out if miscounted else None
                ),
                convert_options=arrow_csv.ConvertOptions(
                    column_types=numbered, null_values=[""], strings_can_be_null=True
                ),
            )
            wrong = _lines_of(file, {row.text.encode(): row.actual_columns for row in odd})
    except (pa.ArrowException, OSError):
        return None
    if counted.ends_within_quotes or counted.total != table.num_rows + len(odd) + 1 or len(wrong) != len(odd):
        return None
    numbers = np.delete(np.arange(2, counted.total + 1), np.array(list(wrong), int) - 2)
    raw = RawTable(dict(zip(types, table.columns, strict=True)), places(f"{source.name} line ", pa.array(numbers)))
    for line, found in wrong.items():
        _skip_miscounted(raw, len(types), found, f"{source.name} line {line}")
    return raw


def _lines_of(file: io.BufferedReader, texts: Mapping[bytes, int]) -> dict[int, int]:
    """Return the numbers of the lines that are one of these texts → what the text stands for."""
    if not texts:
        return {}
    file.seek(0)
    lines = ((number, line.rstrip(b"\r\n")) for number, line in enumerate(file, start=1))
    return {number: texts[line] for number, line in lines if line in texts and number > 1}


def _skip_miscounted(raw: RawTable, width: int, found: int, place: str) -> None:
    message = f"expected {width} fields, as in line 1, and found {found}"
    raw.skip("field-count", "wrong number of fields", message, place)


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
                _skip_miscounted(raw, width, len(row), place)
        at += taken


def _record(lines: list[str], at: int, delimiter: str) -> tuple[list[str] | None, int]:
    """Return the row that begins at a line, and how many lines it takes; None for damaged quotes."""
    line = lines[at]
    if '"' not in line:
        return line.rstrip("\r\n").split(delimiter), 1
    following = map(lines.__getitem__, range(at, min(at + _MOST_LINES, len(lines))))
    reader = csv.reader(following, delimiter=delimiter, strict=True)
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
