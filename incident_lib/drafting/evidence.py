"""Evidence: for each generated sentence, row and number the file, its SHA-256 and the place within; followed back.

The page holds footnotes that people can read; beside it stands ``INC-….evidence.json``, visible, so that it moves and
is versioned with its page. A message's footnote names the message rather than its place in the export, which differs
from one export to the next.
"""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from incident_lib.errors import FieldError, SourceError
from incident_lib.records import Records
from incident_lib.settings import Limits
from incident_lib.sources.front_matter import parse_front_matter, split_page
from incident_lib.sources.reading import parse_json

ENDING = ".evidence.json"
_POINTER = re.compile(r"(?P<file>.+?)(?P<within> (?:line|row) \d+(?:#.*)?|![^!]+|#.*)?")
_OPEN, _QUIET, _CLOSE = "\ue000", "\ue001", "\ue002"
_MARK = re.compile(f"([{_OPEN}{_QUIET}])(\\d+){_CLOSE}")
PRIVATE = re.compile("[\ue000-\uf8ff]")
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


@dataclass(frozen=True)
class Claim:
    """One generated sentence, row or number: its section, its words, and the label of its evidence."""

    section: str
    text: str
    evidence: str


@dataclass
class Citations:
    """Collects what is cited while a page is made; ``numbered`` then gives the marks their labels.

    ``names`` says what a footnote calls a pointer; ``labels`` are those that an earlier draft gave out, which stay.
    """

    names: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    _cited: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)

    def cite(self, text: str, *sources: str, quiet: bool = False) -> str:
        """Return a text with the mark of its evidence; ``quiet`` where a footnote would be in the way (messages)."""
        pointers = tuple(dict.fromkeys(one for source in sources for one in str(source).split("; ") if one))
        self._cited.append((text, pointers))
        return f"{text}{_QUIET if quiet else _OPEN}{len(self._cited) - 1}{_CLOSE}"

    def footnote(self, pointers: tuple[str, ...]) -> str:
        """Return what the footnote of some pointers says in full."""
        return "; ".join(dict.fromkeys(self.names.get(pointer, pointer) for pointer in pointers))

    @cached_property
    def _known(self) -> dict[str, str]:
        return {text: label for label, text in self.labels.items()}

    def numbered(self, text: str, section: str) -> tuple[str, list[Claim], dict[str, tuple[str, ...]]]:
        """Return a section with footnote marks for ours, its claims, and the pointers of each label."""
        claims: list[Claim] = []
        pointers: dict[str, tuple[str, ...]] = {}

        def label(found: re.Match[str]) -> str:
            words, cited = self._cited[int(found[2])]
            note = self.footnote(cited)
            name = self._known.setdefault(note, f"e{self._next()}")
            claims.append(Claim(section, _MARK.sub("", words), name))
            pointers[name] = cited
            return f"[^{name}]" if found[1] == _OPEN else ""

        return _MARK.sub(label, text), claims, pointers

    def _next(self) -> int:
        return max((int(label[1:]) for label in self._known.values()), default=0) + 1


def message_names(records: Records, incident_id: str) -> dict[str, str]:
    """Return how footnotes call an incident's messages: by channel and time stamp, wherever an export holds them."""
    messages = records.messages[records.messages["incident_id"] == incident_id]
    return {
        source: f"message {message_id.rpartition('/')[2]} in #{channel}"
        for source, message_id, channel in messages[["source", "message_id", "channel"]].itertuples(index=False)
        if isinstance(message_id, str)
    }


def narrowed(pointers: list[str], words: str, fragments: Fragments) -> list[str]:
    """Return those pointers whose place holds the words; all of them if none does."""
    holding = [pointer for pointer in pointers if words and words in (fragments.text(pointer) or "")]
    return holding or pointers


def evidence_of(pointers: Mapping[str, tuple[str, ...]], fragments: Fragments) -> dict[str, list[dict[str, Any]]]:
    """Return for each label its pointers, with the digest of what they point to now."""
    return {
        label: [{"pointer": one, "sha256": fragments.digest(one)} for one in cited] for label, cited in pointers.items()
    }


def verify_claims(sidecar: Mapping[str, Any], folder: Path, page: str | None = None) -> pd.DataFrame:
    """Follow every pointer of a page's evidence: section, claim, state, evidence (the pointers), one row per claim.

    States: holds; holds, moved (the same content stands elsewhere in the file); changed; gone. With ``page``, claims
    whose words no longer stand there are left out: a person has taken them away.
    """
    fragments = Fragments(folder)
    states = {
        label: [_state(one, sidecar["files"], fragments) for one in cited]
        for label, cited in sidecar["evidence"].items()
    }
    rows = [
        {"section": claim["section"], "claim": claim["text"], "state": _worst(states[claim["evidence"]]),
         "evidence": "; ".join(_shown(one, state) for one, state in
                               zip(sidecar["evidence"][claim["evidence"]], states[claim["evidence"]], strict=True))}
        for claim in sidecar["claims"] if page is None or claim["text"] in page
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=["section", "claim", "state", "evidence"])


_ORDER = ("holds", "holds, moved", "changed", "gone")


def _state(one: Mapping[str, Any], files: Mapping[str, str], fragments: Fragments) -> str:
    file, _ = split_pointer(one["pointer"])
    now = fragments.file_digest(file)
    if now is not None and now == files.get(file):
        return "holds"
    digest = fragments.digest(one["pointer"])
    if digest == one["sha256"]:
        return "holds" if digest is not None else "gone"
    if one["sha256"] and fragments.moved(one["pointer"], one["sha256"]):
        return "holds, moved"
    return "gone" if digest is None else "changed"


def _worst(states: list[str]) -> str:
    return max(states, key=_ORDER.index, default="gone")


def _shown(one: Mapping[str, Any], state: str) -> str:
    return one["pointer"] if state == "holds" else f"{one['pointer']} ({state})"
