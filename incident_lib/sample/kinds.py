"""Kinds of incidents (``kinds/*.toml``): what their alerts, titles, pages and chats say, with places for the facts."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from random import Random
from typing import Any

from incident_lib.sample.company import HERE


@dataclass(frozen=True)
class Prose:
    """What a post-mortem page and the other tools tell of one incident; every text may name facts in braces.

    ``hours`` (first, and the one after the last) and ``weekday`` (0 is Monday) say when it can only have begun.
    """

    title: str
    summary: str
    overview: str = ""
    happened: str = ""
    factors: tuple[str, ...] = ()
    resolution: str = ""
    impact: str = ""
    well: tuple[str, ...] = ()
    badly: tuple[str, ...] = ()
    events: tuple[str, ...] = ()
    chat: tuple[str, ...] = ()
    actions: tuple[dict[str, str], ...] = ()
    status: Mapping[str, str] = field(default_factory=dict)
    external: Mapping[str, str] = field(default_factory=dict)
    hours: tuple[int, ...] = ()
    weekday: int | None = None

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> Prose:
        """Return the prose of a TOML table."""
        return cls(**{key: tuple(value) if isinstance(value, list) else value for key, value in data.items()})


@dataclass(frozen=True)
class Kind:
    """One kind of incident: where it strikes, what alerts say, and the texts for major and minor ones."""

    name: str
    service: str
    slug: str
    hosts: tuple[str, ...]
    alerts: tuple[str, ...]
    values: Mapping[str, list]
    minor: tuple[Prose, ...]
    prose: tuple[Prose, ...]

    def draw_values(self, rng: Random) -> dict[str, str]:
        """Return one value for each name that its texts use: two integers are a range, anything else a choice."""
        return {name: _drawn(values, rng) for name, values in self.values.items()}


def _drawn(values: list, rng: Random) -> str:
    if isinstance(values[0], int):
        number = rng.randint(*values)
        return f"{number - number % 50 if number > 1000 else number:,}"
    return rng.choice(values)


@cache
def kinds() -> dict[str, Kind]:
    """Return all kinds by name (the file's name)."""
    return {path.stem: _read(path.stem, tomllib.loads(path.read_text(encoding="utf-8")))
            for path in sorted((HERE / "kinds").glob("*.toml"))}  # fmt: skip


def _read(name: str, data: Mapping[str, Any]) -> Kind:
    return Kind(
        name=name,
        service=data["service"],
        slug=data["slug"],
        hosts=tuple(data["hosts"]),
        alerts=tuple(data["alerts"]),
        values=data.get("values", {}),
        minor=tuple(map(Prose.read, data["minor"])),
        prose=tuple(map(Prose.read, data["prose"])),
    )
