"""The records in a JSON file: a list of them, one in each line, or a list in an envelope; each with its pointer.

``first_keys`` looks at the beginning of a file only, and so tells whose format it is at little cost.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from incident_lib.errors import SourceError
from incident_lib.sources.reading import Source, parse_json
from incident_lib.tables import Problem

_TOKEN = re.compile(r'"((?:[^"\\]|\\.)*)"|([\[\]{}:,])')
_WAYS = ("{", "[{", "{[{", "{{")
_SOME = 20

Placed = tuple[str, dict[str, Any]]


@dataclass(frozen=True)
class Keys:
    """The keys at a JSON file's beginning: of its first object, and of the first record in that object's lists."""

    top: frozenset[str] = frozenset()
    record: frozenset[str] = frozenset()

    def have(self, *names: str) -> bool:
        """Return whether the first record has all these keys."""
        return self.top.issuperset(names) or self.record.issuperset(names)


def first_keys(source: Source) -> Keys:
    """Return the keys at the beginning of a file; none if it isn't JSON."""
    return _first_keys(source.head)


@lru_cache(maxsize=8)
def _first_keys(head: bytes) -> Keys:
    """Return the keys of the first object and of the first one in a list within it, as far as ``head`` holds them.

    The way down is a text such as "[{" or "{[{" ("[" within a list, "{" within an object). An envelope may hold one
    record itself ("{{") where it holds no list.
    """
    text = _from_first_object(head.decode("utf-8-sig", "ignore").lstrip())
    found: dict[str, set[str]] = {}
    way, name, done = "", "", set[str]()
    for token in _TOKEN.finditer(text if text[:1] in ("{", "[") else ""):
        mark = token[2]
        if mark is None:
            name = token[1]
        elif mark == ":" and way in _WAYS and way not in done:
            found.setdefault(way, set()).add(name)
        elif mark in ("{", "["):
            way += mark
        elif mark in ("}", "]"):
            done |= {way} if way in found else set()
            way = way[:-1]
            if not way:
                break
    top = frozenset(found.get("{", found.get("[{", ())))
    return Keys(top, frozenset(found.get("{[{", found.get("{{", ()))))


def _from_first_object(text: str) -> str:
    """Return a text from its first line on that can be JSON: the line before may be damaged."""
    if text[:1] in ("{", "["):
        return text
    lines = text.split("\n", _SOME)
    number = next((number for number, line in enumerate(lines) if line[:1] == "{" and _is_json(line)), None)
    return text if number is None else "\n".join(lines[number:])


def _is_json(line: str) -> bool:
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return False
    return True


def read_records(source: Source, problems: list[Problem], envelopes: Sequence[str] | None = ()) -> list[Placed]:
    """Return every record of a JSON or JSON-lines file with its pointer ("x.json#/14", "x.jsonl line 14").

    In an object, the records stand under the first of the keys ``envelopes`` that it has (None: under the first key
    that holds a list of objects); without one it is itself the record. What is no object, or a line that is not JSON,
    becomes a problem.

    Raises:
        SourceError: if the file is not JSON at all.
    """
    if _has_records_by_line(source):
        return _records_by_line(source, problems)
    try:
        content = source.json
    except SourceError:
        if not any(_object(line, source) for line in _lines(source.text)[:_SOME]):
            raise
        return _records_by_line(source, problems)
    place, values = _listed(content, envelopes)
    return [
        placed
        for number, value in enumerate(values)
        if (placed := _checked(f"{source.name}{place.format(number)}", value, problems))
    ]


def _has_records_by_line(source: Source) -> bool:
    lines = [line for line in _lines(source.text[:2_000_000])[:_SOME] if line.strip()][:2]
    return len(lines) == 2 and _object(lines[0], source) is not None


def _lines(text: str) -> list[str]:
    return text.split("\n")


def _object(line: str, source: Source) -> dict[str, Any] | None:
    """Return a line's object; None if the line isn't one."""
    try:
        value = parse_json(line, source.name, nesting=source.limits.nesting) if line[:1] == "{" else None
    except SourceError:
        return None
    return value if isinstance(value, dict) else None


def _records_by_line(source: Source, problems: list[Problem]) -> list[Placed]:
    records: list[Placed] = []
    for number, line in enumerate(_lines(source.text), start=1):
        place = f"{source.name} line {number}"
        try:
            value = parse_json(line, "this line", nesting=source.limits.nesting) if line.strip() else None
        except SourceError as error:
            problems.append(Problem("not-json", str(error).replace(" in line 1 column", " at column"), place))
        else:
            checked = _checked(place, value, problems) if line.strip() else None
            records += [checked] if checked else []
    return records


def _listed(content: Any, envelopes: Sequence[str] | None) -> tuple[str, list[Any]]:
    """Return the records in parsed JSON, and the pattern of their pointers."""
    if isinstance(content, list):
        return "#/{}", content
    if not isinstance(content, dict):
        return "#", [content]
    if envelopes is None:
        envelopes = [name for name, value in content.items() if isinstance(value, list) and _object_first(value)]
    name = next((name for name in envelopes if isinstance(content.get(name), list | dict)), None)
    if name is None:
        return "#", [content]
    found = content[name]
    return (f"#/{_escaped(name)}/{{}}", found) if isinstance(found, list) else (f"#/{_escaped(name)}", [found])


def _object_first(values: list[Any]) -> bool:
    return bool(values) and isinstance(values[0], dict)


def _escaped(name: str) -> str:
    """Return a key as RFC 6901 writes it in a pointer (and with braces doubled, for ``str.format``)."""
    return name.replace("~", "~0").replace("/", "~1").replace("{", "{{").replace("}", "}}")


def _checked(place: str, value: Any, problems: list[Problem]) -> Placed | None:
    if isinstance(value, dict):
        return place, value
    problems.append(Problem("not-a-record", f"expected an object, found {str(value)[:60]!r}", place))
    return None
