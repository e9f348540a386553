"""Evidence: for each generated sentence, row and number the file, its SHA-256 and the place within; followed back.

The page holds footnotes that people can read; beside it stands ``INC-….evidence.json``, visible, so that it moves and
is versioned with its page. A message's footnote names the message rather than its place in the export, which differs
from one export to the next.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from incident_lib.drafting.fragments import Fragments, split_pointer
from incident_lib.records import Records

ENDING = ".evidence.json"
_OPEN, _QUIET, _CLOSE = "\ue000", "\ue001", "\ue002"
_MARK = re.compile(f"([{_OPEN}{_QUIET}])(\\d+){_CLOSE}")
PRIVATE = re.compile("[\ue000-\uf8ff]")


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
