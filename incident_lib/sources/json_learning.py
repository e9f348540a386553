"""The shape of lines of JSON, learned from one of them (see ``json_shapes``)."""

from __future__ import annotations

import itertools
import json
import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping
from typing import Any

from incident_lib.errors import SourceError
from incident_lib.sources.json_marks import Marked
from incident_lib.sources.json_shapes import STAND_IN, Hole, Shape, Usual, seam
from incident_lib.sources.reading import parse_json

_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_NUMBER = re.compile(rb"(\s*:\s*)\d+(\s*[,}].*)", re.DOTALL)


def learned(block: Marked, row: int, usual: Usual) -> Shape | None:
    """Return the shape of a block's line; None if it is no record, or one with a key that isn't usual."""
    start, first = int(block.lines.starts[row]), int(block.first[row])
    line = block.lines.content[start : int(block.lines.ends[row])].tobytes()
    marks = (block.marks[first : first + int(block.counts[row])] - start).tolist()
    try:
        return _learned(line, marks, usual)
    except (SourceError, ValueError, RecursionError):
        return None


def _learned(line: bytes, marks: list[int], usual: Usual) -> Shape | None:
    strings: list[re.Match[bytes]] = []

    def numbered(string: re.Match[bytes]) -> bytes:
        strings.append(string)
        return b'"%d"' % (len(strings) - 1)

    record = parse_json(_STRING.sub(numbered, line).decode(), "", nesting=usual.nesting)
    if not isinstance(record, dict) or STAND_IN.encode() in line:
        return None
    words = [json.loads(string[0].decode()) for string in strings]
    begins = {words[int(key)]: bisect_left(marks, strings[int(key)].start()) for key in record}
    if not begins.keys() <= set(usual.known):
        return None
    places = [bisect_left(marks, string.start()) for string in strings]
    own = list(_holes(record, words, places, line, marks, usual))
    nested = [words[int(key)] for key, value in record.items() if value and isinstance(value, dict | list)]
    holes = sorted([*own, *_seams([begins[key] for key in nested], own)], key=lambda hole: hole.mark)
    edges = [place for hole in holes for place in _ends(hole, marks)]
    pieces = [line[start:end] for start, end in zip([0, *edges[1::2]], [*edges[::2], len(line)], strict=True)]
    return Shape(pieces, holes, _touched(begins, holes, len(marks), usual), usual) if own else None


def _ends(hole: Hole, marks: list[int]) -> tuple[int, int]:
    begin = marks[hole.mark] + hole.lead
    return begin, max(marks[hole.mark + 1] - hole.trail, begin)


def _seams(nested: list[int], own: list[Hole]) -> Iterator[Hole]:
    """Yield seams before keys of lists and objects, given where these begin, unless a text is all that is before one.

    Only keys of the record itself, after the first, are good for seams: whatever stands before one, JSON goes on there
    in the same way, or not at all.
    """
    edges = [hole.mark for hole in own]
    for before, mark in itertools.pairwise(nested):
        if not any(before < edge < mark for edge in edges):
            yield seam(mark)


def _holes(record: Mapping[str, Any], words: list[str], places: list[int], line: bytes, marks: list[int],
           usual: Usual) -> Iterator[Hole]:
    """Yield where a line has its own texts and numbers; in ``record`` each string is the number of its word."""
    for path, string in _strings(record, words):
        if re.sub(r"\[\d+\]", "[]", path) in usual.texts:
            yield Hole(path, places[string])
    for key, value in record.items():
        after = places[int(key)] + 1
        found = _NUMBER.fullmatch(line[marks[after] + 1 : marks[after + 1]]) if type(value) is int else None
        if found and words[int(key)] in usual.numbers:
            yield Hole(words[int(key)], after, 1 + len(found[1]), len(found[2]), is_number=True)


def _strings(value: Any, words: list[str], path: str = "") -> Iterator[tuple[str, int]]:
    """Yield the path to each string among a record's values, and its number."""
    if isinstance(value, str):
        yield path, int(value)
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _strings(inner, words, f"{path}.{words[int(key)]}" if path else words[int(key)])
    elif isinstance(value, list):
        for at, inner in enumerate(value):
            yield from _strings(inner, words, f"{path}[{at}]")


def _touched(begins: Mapping[str, int], holes: list[Hole], end: int, usual: Usual) -> dict[str, list[int]]:
    """Return the places of the pieces in which fields of each part stand, given at which mark each key begins."""
    marks, ends = [hole.mark for hole in holes], dict(zip(begins, [*list(begins.values())[1:], end], strict=True))
    own = {hole.path for hole in holes}
    touched: dict[str, set[int]] = {name: set() for name in usual.parts}
    for name, (fields, _) in usual.parts.items():
        for key in begins.keys() & set(fields) - own:
            touched[name].update(range(bisect_right(marks, begins[key]), bisect_left(marks, ends[key]) + 1))
    return {name: sorted(places) for name, places in touched.items()}
