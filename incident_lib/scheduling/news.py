"""What is worth telling somebody of a run: reports that failed, and what is overdue."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from incident_lib.redact import redact
from incident_lib.words import counted

OVERDUE = {"postmortems_overdue": "post-mortem", "action_items_overdue": "action item"}
_LONGEST = 500


@dataclass(frozen=True)
class News:
    """One thing to tell: ``cause`` is what it is about, the same each time; ``text`` is a line about it."""

    cause: str
    text: str


def news_of(events: Sequence[Mapping[str, Any]], *, overdue: bool) -> list[News]:
    """Return what a run's events hold of news, one for each cause; secrets are removed from what they say."""
    found = [*_failures(events), *(_overdue(events) if overdue else ())]
    return list({one.cause: one for one in found}.values())


def _failures(events: Sequence[Mapping[str, Any]]) -> Iterator[News]:
    for one in events:
        if one["event"] in ("failed", "refused"):
            what = " ".join(filter(None, [one.get("kind", "the run"), one.get("name", "")]))
            yield News(f"failed {what}", _plain(f"{what} failed: {one['error']}"))


def _overdue(events: Sequence[Mapping[str, Any]]) -> Iterator[News]:
    """Yield what the timeliness report of this run counts as overdue, by its own numbers."""
    for one in events:
        if one["event"] == "made" and one["kind"] == "timeliness":
            late = _counts(Path(one["page"]).parent / "metrics.json")
            if late:
                yield News("overdue", _plain(f"overdue: {' and '.join(late)}. {one['answer']}"))


def _counts(metrics: Path) -> list[str]:
    try:
        numbers = json.loads(metrics.read_text(encoding="utf-8"))["numbers"]
        values = {word: int(numbers[name]["value"] or 0) for name, word in OVERDUE.items()}
    except (OSError, ValueError, KeyError, TypeError):  # a report without numbers tells nothing
        return []
    return [counted(value, word) for word, value in values.items() if value]


def _plain(text: str) -> str:
    return " ".join(redact(text).split())[:_LONGEST]
