"""Pointers into a workbook's files followed to what stands there: a line, a row, a field, a member of an archive."""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from incident_lib.errors import FieldError, SourceError
from incident_lib.settings import Limits
from incident_lib.sources.front_matter import parse_front_matter, split_page
from incident_lib.sources.reading import parse_json

_POINTER = re.compile(r"(?P<file>.+?)(?P<within> (?:line|row) \d+(?:#.*)?|![^!]+|#.*)?")
_INCIDENT_KEYS = (
    "title", "severity", "started_at", "detected_at", "acknowledged_at", "mitigated_at", "resolved_at", "customers",
    "services", "incident_commander", "responders", "summary", "channel",
)  # fmt: skip


def split_pointer(pointer: str) -> tuple[str, str]:
    """Return a pointer's file and the place within it (empty: the file as a whole)."""
    found = _POINTER.fullmatch(pointer)
    return (found["file"], (found["within"] or "").strip()) if found else (pointer, "")


@dataclass
class Fragments:
    """Follows pointers into a workbook's files; each file is read and parsed once."""

    folder: Path
    _parsed: dict[str, Any] = field(default_factory=dict)
    _digests: dict[str, str | None] = field(default_factory=dict)

    def file_digest(self, file: str) -> str | None:
        """Return a file's SHA-256; None if it can't be read."""
        if file not in self._digests:
            content = self._bytes(file)
            self._digests[file] = None if content is None else hashlib.sha256(content).hexdigest()
        return self._digests[file]

    def digest(self, pointer: str) -> str | None:
        """Return the SHA-256 of what a pointer points to; None if nothing is there."""
        text = self.text(pointer)
        return None if text is None else _sha(text)

    def text(self, pointer: str) -> str | None:
        """Return what a pointer points to as text: a line, a row, or a value as JSON; None if nothing is there."""
        file, within = split_pointer(pointer)
        try:
            return self._text(file, within)
        except (OSError, ValueError, KeyError, IndexError, TypeError, SourceError, FieldError, zipfile.BadZipFile):
            return None

    def moved(self, pointer: str, digest: str) -> bool:
        """Tell whether what a pointer once pointed to stands elsewhere in the same file."""
        file, within = split_pointer(pointer)
        try:
            return digest in self._all_digests(file, within)
        except (OSError, ValueError, KeyError, TypeError, SourceError, zipfile.BadZipFile):
            return False

    def _all_digests(self, file: str, within: str) -> set[str]:
        apart = within.rpartition("/")[0] if "#" in within else within[:4]
        key = f"{file} all {apart.split('#')[-1] if within.startswith('line') else apart}"
        if key not in self._parsed:
            self._parsed[key] = {_sha(text) for text in self._pieces(file, within)}
        return self._parsed[key]

    def _pieces(self, file: str, within: str) -> list[str]:
        if within.startswith("line"):
            lines, pointer = self._lines(file), within.partition("#")[2]
            return [text for line in lines for text in _values(line, pointer, file)] if pointer else lines
        if within.startswith("!"):
            member = within[1:].partition("#")[0]
            folder = member.rpartition("/")[0]
            names = [
                name for name in self._archive(file) if name.rpartition("/")[0] == folder and name.endswith(".json")
            ]
            return [_canonical(one) for name in names for one in _listed(self._member(file, name))]
        return [_canonical(one) for one in _listed(_parent(self._json(file), within))]

    def _text(self, file: str, within: str) -> str:
        if within.startswith("line "):
            number, _, pointer = within[5:].partition("#")
            text = _record(self._lines(file), int(number), file)
            return _canonical(_at(parse_json(text, file), pointer)) if pointer else text
        if within.startswith("row "):
            return self._row(file, int(within[4:]))
        if within.startswith("!"):
            member, _, pointer = within[1:].partition("#")
            return _canonical(_at(self._member(file, member), pointer))
        if file.endswith((".md", ".markdown")):
            return self._of_page(file, within.removeprefix("#"))
        if file.endswith(".toml"):
            return _canonical(_at(self._toml(file), within.removeprefix("#"), missing=None))
        if within.startswith("#"):
            return _canonical(_at(self._json(file), within[1:]))
        content = self._bytes(file)
        if content is None:
            raise KeyError(file)
        return hashlib.sha256(content).hexdigest()

    def _bytes(self, file: str) -> bytes | None:
        path = self.folder / file
        inside = path.resolve().is_relative_to(self.folder.resolve())
        return path.read_bytes() if inside and path.is_file() else None

    def _once(self, key: str, make: Any) -> Any:
        if key not in self._parsed:
            self._parsed[key] = make()
        return self._parsed[key]

    def _decoded(self, file: str) -> str:
        content = self._bytes(file)
        if content is None:
            raise KeyError(file)
        return content.decode("utf-8-sig")

    def _lines(self, file: str) -> list[str]:
        return self._once(f"{file} lines", lambda: self._decoded(file).splitlines())

    def _json(self, file: str) -> Any:
        return self._once(f"{file} json", lambda: parse_json(self._decoded(file), file))

    def _toml(self, file: str) -> Any:
        return self._once(f"{file} toml", lambda: tomllib.loads(self._decoded(file)))

    def _archive(self, file: str) -> list[str]:
        def names() -> list[str]:
            with zipfile.ZipFile(self.folder / file) as archive:
                return archive.namelist()

        return self._once(f"{file} names", names)

    def _member(self, file: str, member: str) -> Any:
        def parsed() -> Any:
            with zipfile.ZipFile(self.folder / file) as archive:
                return parse_json(archive.read(member).decode("utf-8-sig"), member)

        return self._once(f"{file}!{member}", parsed)

    def _row(self, file: str, number: int) -> str:
        rows = self._once(f"{file} rows", lambda: pd.read_parquet(self.folder / file))
        return _canonical({name: str(value) for name, value in rows.iloc[number - 1].items()})

    def _of_page(self, file: str, key: str) -> str:
        """Return one front matter value of a page, or with no key what it states of its incident."""
        content = self._once(f"{file} page", lambda: parse_front_matter(split_page(self._decoded(file)), Limits()))
        return _canonical(str(content[key]) if key else {name: str(content.get(name)) for name in _INCIDENT_KEYS})


def _record(lines: list[str], number: int, file: str) -> str:
    """Return the record that begins in a line (from 1): in a delimited file up to where its quotes are closed."""
    text = lines[number - 1]
    while file.endswith((".csv", ".tsv")) and text.count('"') % 2 and number < len(lines):
        text, number = f"{text}\n{lines[number]}", number + 1
    return text


def _at(value: Any, pointer: str, **default: Any) -> Any:
    """Return the value that a JSON pointer names (RFC 6901)."""
    for part in pointer.split("/")[1:]:
        part = part.replace("~1", "/").replace("~0", "~")
        if isinstance(value, list):
            value = value[int(part)]
        elif "missing" in default:
            value = value.get(part, default["missing"]) if isinstance(value, Mapping) else default["missing"]
        else:
            value = value[part]
    return value


def _values(line: str, pointer: str, file: str) -> list[str]:
    """Return what stands beside a pointer's place in one line of JSON; nothing where the line has no such place."""
    try:
        return [_canonical(one) for one in _listed(_parent(parse_json(line, file), pointer))]
    except (SourceError, KeyError, IndexError, TypeError, ValueError):
        return []


def _parent(value: Any, within: str) -> Any:
    return _at(value, within.removeprefix("#").rpartition("/")[0])


def _listed(value: Any) -> list[Any]:
    return list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else [value]


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False, default=str)


def _sha(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
