"""What was fetched, on the disk: months of records, lists that grow, and days of messages; each written in one step."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from incident_lib.errors import SourceError
from incident_lib.files import write_atomically
from incident_lib.sources.reading import decode, parse_json

Record = Mapping[str, Any]


@dataclass(frozen=True)
class Window:
    """A month, or what of it has passed: ``start`` (UTC) is part of it, ``end`` is not."""

    start: datetime
    end: datetime

    @property
    def name(self) -> str:
        """Return the month as in 2026-03."""
        return f"{self.start:%Y-%m}"


def months(since: date, until: datetime) -> Iterator[Window]:
    """Yield the months from a day on until a moment; the last one ends with it."""
    start = datetime(since.year, since.month, since.day, tzinfo=UTC)
    while start < until:
        following = datetime(start.year + start.month // 12, start.month % 12 + 1, 1, tzinfo=UTC)
        yield Window(start, min(following, until))
        start = following


def days(since: date, until: datetime, *, length: int) -> Iterator[Window]:
    """Yield spans of so many days from a day on until a moment."""
    start = datetime(since.year, since.month, since.day, tzinfo=UTC)
    while start < until:
        yield Window(start, min(start + timedelta(days=length), until))
        start += timedelta(days=length)


def stored(path: Path) -> Any:
    """Return the JSON of a file that was fetched before; None if there is none.

    Raises:
        SourceError: if it can't be read: it is not overwritten then.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise SourceError(f"can't read {path}: {error.strerror}") from error
    return parse_json(decode(content, str(path)), str(path))


def store(path: Path, value: Any) -> bool:
    """Write JSON in one step, if it isn't there already; return whether it was written."""
    content = (json.dumps(value, ensure_ascii=False, indent=1) + "\n").encode("utf-8", "replace")
    if path.is_file() and path.read_bytes() == content:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, content)
    return True


def merged(old: Iterable[Record], new: Iterable[Record], key: Callable[[Record], str]) -> list[Record]:
    """Return records by key, the new one where both have it: what a tool no longer tells of is kept."""
    return [one for _, one in sorted({key(one): one for one in (*old, *new)}.items())]


def records_in(value: Any, what: str) -> list[Record]:
    """Return a list of records.

    Raises:
        SourceError: if it is none.
    """
    if not isinstance(value, list) or not all(isinstance(one, Mapping) for one in value):
        raise SourceError(f"{what} answers no list of records")
    return value
