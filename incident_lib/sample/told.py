"""Incidents told by hand: the awkward ones (``specials.toml``), and those with a whole chat (``stories/*.toml``)."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from incident_lib.sample.company import HERE, ZONE
from incident_lib.sample.kinds import Prose

_LINE = re.compile(r"\s*(?P<minute>-?[\d.]+)\s+(?P<who>\S+)(?P<flags>(?:\s+[#>+~*=]\S*)*)\s*\|\s?(?P<text>.*)")


@dataclass(frozen=True)
class Line:
    """One chat message of a story.

    ``minute`` counts from the incident's start. Flags: ``#a`` names a message, ``>a`` replies to it, ``+eyes2`` two
    reactions, ``~`` edited, ``*`` pinned by a message of its own, ``=join`` and ``=file`` are the tool's own kinds.
    """

    minute: float
    who: str
    flags: tuple[str, ...]
    text: str


@dataclass(frozen=True)
class Told:
    """An incident that is told rather than drawn. Minutes count from ``started_at``; a missing one: never reached."""

    key: str
    kind: str
    started_at: datetime
    severity: str
    prose: Prose
    minutes: Mapping[str, float]
    raised_from: str | None = None
    host: str | None = None
    customers: tuple[str, ...] = ()
    commander: str | None = None
    responders: tuple[str, ...] = ()
    pagerduty: str = "register"
    life: Mapping[str, Any] = field(default_factory=dict)
    values: Mapping[str, str] = field(default_factory=dict)
    lines: tuple[Line, ...] = ()


@cache
def _tables() -> tuple[dict[str, Any], ...]:
    specials = tomllib.loads((HERE / "specials.toml").read_text(encoding="utf-8"))
    files = sorted((HERE / "stories").glob("*.toml"))
    stories = {path.stem: tomllib.loads(path.read_text(encoding="utf-8")) for path in files}
    return tuple({"key": key, **table} for key, table in {**stories, **specials}.items())


def told_incidents(shift: timedelta) -> Iterator[Told]:
    """Yield the told incidents, moved by ``shift`` (whole weeks, so that weekdays stay)."""
    return (_told(dict(table), shift) for table in _tables())


def _told(table: dict[str, Any], shift: timedelta) -> Told:
    local = datetime.fromisoformat(table.pop("start")) + shift
    start = local.replace(tzinfo=local.tzinfo or ZONE).astimezone(UTC)
    chat = table.pop("chat", "")
    for name in ("customers", "responders"):
        table[name] = tuple(table.get(name, ()))
    table["prose"] = Prose.read(table["prose"])
    return Told(**table, started_at=start, lines=tuple(map(parse_line, filter(str.strip, chat.splitlines()))))


def parse_line(text: str) -> Line:
    """Return one line of a told chat.

    Raises:
        ValueError: if it is not of the form ``minute who flags | text``.
    """
    match = _LINE.fullmatch(text)
    if not match:
        raise ValueError(f"not a line of a told chat: {text!r}")
    return Line(float(match["minute"]), match["who"], tuple(match["flags"].split()), match["text"])
