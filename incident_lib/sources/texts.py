"""Columns of texts, all rows at once: from any Arrow type, trimmed, as tidy names, and as JSON records."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from incident_lib.column_texts import join_names
from incident_lib.errors import FieldError

TEXT = pa.large_string()
_NOTHING, _QUOTE, _CLOSE = (pa.scalar(mark, TEXT) for mark in ("", '"', "}"))
_MISSING = pa.scalar(None, TEXT)
_SLICE = 50_000
_MARK, _MARKS = np.uint8(ord("!")), np.uint8(0x80 - ord("!"))  # ASCII without white space: its first, how many
_MOST_COMBINATIONS = 50_000
_PLAIN = (pa.types.is_string, pa.types.is_large_string, pa.types.is_temporal, pa.types.is_integer)


def as_texts(values: pa.ChunkedArray, *, times: bool = False) -> tuple[pa.ChunkedArray, dict[int, str]]:
    """Return a column of any type as trimmed texts, and why some of its values are none (row → reason).

    Lists become names separated by "; "; a number that isn't finite is refused, as is a record within a field. With
    ``times``, a column of times in a zone stays what it is.
    """
    kind = values.type
    if pa.types.is_dictionary(kind):
        return as_texts(values.cast(kind.value_type), times=times)
    if times and pa.types.is_timestamp(kind) and kind.tz:
        return values, {}
    if pa.types.is_floating(kind):
        return _finite_texts(values)
    if any(is_plain(kind) for is_plain in _PLAIN):
        return trimmed(values.cast(TEXT)), {}
    return texts_of(values.to_pylist())


def trimmed(texts: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return texts without white space around them; a text of nothing else is missing."""
    return pa.chunked_array([_trimmed(chunk) if _may_need_trimming(chunk) else chunk for chunk in texts.chunks], TEXT)


def _trimmed(texts: pa.Array) -> pa.Array:
    bare = pc.utf8_trim_whitespace(texts)
    return pc.if_else(pc.equal(pc.binary_length(bare), 0), _MISSING, bare)


def _may_need_trimming(texts: pa.Array) -> bool:
    """Return whether any text is empty, or begins or ends with a byte that can belong to white space.

    Looking at two bytes of each text is ten times faster than to trim what needs no trimming.
    """
    ends, content = octets_of(texts)
    first, after = ends[:-1], ends[1:]
    if texts.null_count:
        stated = texts.is_valid().to_numpy(zero_copy_only=False)
        first, after = first[stated], after[stated]
    if not (first < after).all():
        return True
    # one comparison for two, since below "!" the numbers go round
    return bool((content[first] - _MARK >= _MARKS).any() or (content[after - 1] - _MARK >= _MARKS).any())


def octets_of(texts: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    """Return where each text begins and ends within all bytes of a chunk, and those bytes."""
    _, offsets, data = texts.buffers()
    ends = np.frombuffer(offsets or b"\0" * 8, np.int64)[texts.offset : texts.offset + len(texts) + 1]
    content = np.frombuffer(data or b"", np.uint8)[ends[0] : ends[-1]]
    return ends - ends[0], content


def rows_with(column: pd.Series, pattern: str) -> np.ndarray:
    """Return the numbers of the rows in which a pattern (RE2, without anchors) is found.

    Each slice is first looked at as one long text: to find nothing there costs half of many short looks. Slices are
    long, since each look prepares the pattern anew. Of a column whose texts come again and again, only different ones
    are looked at.
    """
    found = []
    texts = _column(column)
    again = len(texts.slice(0, _SLICE).unique()) < min(len(texts), _SLICE) / 4
    for at in range(0, len(texts), _SLICE):
        part = pa.concat_arrays(texts.slice(at, _SLICE).chunks)
        if pc.match_substring_regex(_as_one(part.unique() if again else part), pattern)[0].as_py():
            hits = pc.fill_null(pc.match_substring_regex(part, pattern), False)
            found.append(at + np.flatnonzero(hits.to_numpy(zero_copy_only=False)))
    return np.concatenate(found) if found else np.array([], int)


def longer_than(column: pd.Series, octets: int) -> np.ndarray:
    """Tell which rows have a longer text; a piece of the column that is no longer itself is not looked into."""
    long = [
        pc.fill_null(pc.greater(pc.binary_length(chunk), octets), False).to_numpy(zero_copy_only=False)
        if chunk.get_total_buffer_size() > octets
        else np.zeros(len(chunk), bool)
        for chunk in _column(column).chunks
    ]
    return np.concatenate(long) if long else np.array([], bool)


def _column(column: pd.Series) -> pa.ChunkedArray:
    values = pa.array(column.array)  # of the Series itself Arrow would make an index of texts first
    return (values if isinstance(values, pa.ChunkedArray) else pa.chunked_array([values])).cast(TEXT)


def _as_one(texts: pa.Array) -> pa.Array:
    """Return texts as a single one, without copying: what is missing has no bytes."""
    _, offsets, data = texts.buffers()
    ends = np.frombuffer(offsets, np.int64)[[texts.offset, texts.offset + len(texts)]]
    return pa.Array.from_buffers(pa.large_binary(), 1, [None, pa.py_buffer(ends), data])


def _finite_texts(values: pa.ChunkedArray) -> tuple[pa.ChunkedArray, dict[int, str]]:
    finite = pc.fill_null(pc.is_finite(values), True)
    kept = pc.if_else(finite, values, pa.scalar(None, values.type)).cast(TEXT)
    odd = np.flatnonzero(~finite.to_numpy())
    return kept, {int(row): f"not a number to keep: {values[int(row)].as_py()}" for row in odd}


def texts_of(values: list[Any]) -> tuple[pa.ChunkedArray, dict[int, str]]:
    """Return a list of JSON values as texts (see ``text_of``), and why some of them are none."""
    texts: list[str | None] = []
    refused: dict[int, str] = {}
    for row, value in enumerate(values):
        try:
            texts.append(text_of(value))
        except FieldError as error:
            texts.append(None)
            refused[row] = str(error)
    return pa.chunked_array([pa.array(texts, TEXT)]), refused


def text_of(value: Any) -> str | None:
    """Return one JSON value as a text, None if it is empty; a list of plain values as names separated by "; ".

    Raises:
        FieldError: for a record, or a list that holds records or lists.
    """
    if value is None or isinstance(value, str):
        return (value or "").strip() or None
    if isinstance(value, bool | int | float):
        return json.dumps(value)
    if isinstance(value, list) and not any(isinstance(one, list | dict) for one in value):
        return join_names(text_of(one) for one in value)
    raise FieldError(f"expected a text, not {_short(value)}")


def _short(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) <= 60 else f"{shown[:57]}…"


def tidy_names(texts: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return names separated by exactly "; ", whatever white space stood around the semicolons."""
    if not any(_may_be_untidy(chunk) for chunk in texts.chunks):
        return texts
    return _rewritten(texts, r";[^ ]|;  |\s;|;$|^;", lambda text: join_names(text.split(";")))


def _may_be_untidy(texts: pa.Array) -> bool:
    """Return whether any semicolon in trimmed texts has other than one space after it, or stands first or after one."""
    ends, content = octets_of(texts)
    marks = np.flatnonzero(content == ord(";"))
    if not len(marks):
        return False
    around = np.pad(content, (1, 2), constant_values=(ord(" "), ord("!")))
    before, after, second = (around[marks + step] for step in (0, 2, 3))
    begins_with_mark = (content[ends[ends < len(content)]] == ord(";")).any()
    return bool(begins_with_mark or ((before <= 0x20) | (after != 0x20) | (second == 0x20)).any())


def json_pieces(texts: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return each text as a JSON string, quotes included; missing stays missing."""
    chunks = [pc.binary_join_element_wise(_QUOTE, chunk, _QUOTE, _NOTHING) for chunk in texts.chunks]
    quoted = pa.chunked_array(chunks, TEXT)
    return _rewritten(quoted, r'.["\\\x00-\x1f].', lambda text: json.dumps(text[1:-1], ensure_ascii=False))


def json_values(values: list[Any]) -> pa.ChunkedArray:
    """Return each value as JSON with sorted keys; what is empty is missing."""
    pieces = [
        None if value in (None, "", [], {}) else json.dumps(value, sort_keys=True, ensure_ascii=False, default=str)
        for value in values
    ]
    return pa.chunked_array([pa.array(pieces, TEXT)])


def _rewritten(texts: pa.ChunkedArray, pattern: str, rewrite: Callable[[str], str | None]) -> pa.ChunkedArray:
    """Return texts with those that the pattern (RE2; a dot is any character) finds rewritten one by one."""
    return pa.chunked_array([_rewritten_chunk(chunk, f"(?s){pattern}", rewrite) for chunk in texts.chunks], TEXT)


def _rewritten_chunk(texts: pa.Array, pattern: str, rewrite: Callable[[str], str | None]) -> pa.Array:
    odd = pc.fill_null(pc.match_substring_regex(texts, pattern), False)
    if odd.true_count == 0:
        return texts
    found = pa.array([rewrite(text) for text in texts.filter(odd).to_pylist()], TEXT)
    return pc.replace_with_mask(texts, odd, found)


def json_records(pieces: Mapping[str, pa.ChunkedArray]) -> pa.ChunkedArray:
    """Return one JSON record per row from columns of JSON values, keys sorted; missing where a row has none.

    ``pieces`` has at least one column. Where all are dictionary columns, records are made once for each combination.
    """
    columns = {name: pieces[name] for name in sorted(pieces)}
    if all(pa.types.is_dictionary(values.type) and values.num_chunks == 1 for values in columns.values()):
        coded = [values.chunk(0) for values in columns.values()]
        if math.prod(len(one.dictionary) + 1 for one in coded) <= _MOST_COMBINATIONS:
            row, there = _combined(coded)
            return json_records(dict(zip(columns, there, strict=True))).take(row)
    batches = pa.table({name: _keyed(name, values) for name, values in columns.items()}).to_batches()
    return pa.chunked_array([_json_records(batch) for batch in batches], TEXT)


def _combined(coded: list[pa.DictionaryArray]) -> tuple[pa.Array, list[pa.ChunkedArray]]:
    """Return each row's combination of words by number, and the columns of the combinations that there are."""
    sizes = [len(one.dictionary) + 1 for one in coded]  # the last number stands for a missing word
    codes = [one.indices.fill_null(size - 1).to_numpy() for one, size in zip(coded, sizes, strict=True)]
    row = np.ravel_multi_index(codes, sizes)
    there = np.flatnonzero(np.bincount(row))
    numbers = np.zeros(math.prod(sizes), np.int64)
    numbers[there] = np.arange(len(there))
    columns = []
    for one, code in zip(coded, np.unravel_index(there, sizes), strict=True):
        words = pa.chunked_array([*pa.chunked_array([one.dictionary], TEXT).chunks, pa.nulls(1, TEXT)])
        columns.append(words.take(pa.array(code)))
    return pa.array(numbers[row]), columns


def coded(texts: pa.ChunkedArray) -> tuple[np.ndarray, pa.Array]:
    """Return each row's place among the different texts (-1: missing), and those texts."""
    if not pa.types.is_dictionary(texts.type):  # as one piece, since each piece would have all words of those before
        texts = pa.chunked_array([pc.dictionary_encode(pa.concat_arrays([*texts.chunks, pa.array([], TEXT)]))])
    texts = texts.unify_dictionaries()
    indices = pa.chunked_array([chunk.indices for chunk in texts.chunks], pa.int32())
    words = texts.chunk(0).dictionary if texts.num_chunks else pa.array([], TEXT)
    return pc.fill_null(indices, -1).to_numpy(), words


def by_row(codes: np.ndarray, reasons: Mapping[int, str]) -> dict[int, str]:
    """Return why texts are refused by the rows in which they stand; ``reasons`` has them by the texts' places."""
    bad = np.flatnonzero(np.isin(codes, list(reasons))) if reasons else []
    return {int(row): reasons[int(codes[row])] for row in bad}


def over_words(coded: pa.ChunkedArray, change: Callable[[pa.ChunkedArray], pa.ChunkedArray]) -> pa.ChunkedArray:
    """Return a dictionary column, in one chunk, with ``change`` done once for each different text."""
    coded = coded.unify_dictionaries()
    if not coded.num_chunks:
        return change(coded.cast(TEXT))
    words = change(pa.chunked_array([coded.chunk(0).dictionary], TEXT)).combine_chunks()
    indices = pa.concat_arrays([chunk.indices for chunk in coded.chunks])
    return pa.chunked_array([pa.DictionaryArray.from_arrays(indices, words)])


def _json_records(batch: pa.RecordBatch) -> pa.Array:
    # Arrow's null_handling="skip" would lose the rows in which all are missing (seen in 26.0)
    inner = pc.binary_join_element_wise(*batch.columns, _CLOSE, _NOTHING, null_handling="replace", null_replacement="")
    record = pc.binary_replace_slice(inner, 0, 2, "{")  # for the first comma
    is_empty = pc.equal(pc.binary_length(inner), 1)
    return pc.if_else(is_empty, _MISSING, record) if is_empty.true_count else record


def _keyed(name: str, values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return JSON values with their key before them; of a dictionary column, each different one once."""
    if pa.types.is_dictionary(values.type):
        return over_words(values, lambda words: _keyed(name, words)).cast(TEXT)
    key = pa.scalar(f", {json.dumps(name, ensure_ascii=False)}: ", TEXT)
    chunks = [pc.binary_join_element_wise(key, chunk, _NOTHING) for chunk in values.cast(TEXT).chunks]
    return pa.chunked_array(chunks, TEXT)
