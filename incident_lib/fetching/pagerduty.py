"""PagerDuty's incidents and log entries, a month to a file; months that are over and settled are left alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from incident_lib.errors import SourceError
from incident_lib.fetching.api import Api
from incident_lib.fetching.store import Record, Window, merged, months, records_in, store, stored
from incident_lib.settings.fetch import PagerDutyAccount

NAME = "PagerDuty"
HEADERS = {"Authorization": "Token token={token}", "Accept": "application/vnd.pagerduty+json;version=2"}
KINDS = ("incidents", "log_entries")
PAGE, DEEPEST = 100, 10_000  # as many as one answer holds, and the farthest that the tool lets us page
FOLDER = "pagerduty"


def fetch(api: Api, account: PagerDutyAccount, folder: Path, now: datetime, say: Callable[[str], None]) -> int:
    """Write ``pagerduty/incidents-2026-03.json`` and ``log_entries-…`` for each month; return how many were written.

    Raises:
        SourceError: if the tool refuses or stays away; the months before are written then.
    """
    written = 0
    for month in months(account.since, now):
        paths = {kind: folder / FOLDER / f"{kind}-{month.name}.json" for kind in KINDS}
        if is_settled(stored(paths["incidents"]), month) and paths["log_entries"].is_file():
            continue
        for kind, path in paths.items():
            found = _month(api, kind, month)
            known = records_in((stored(path) or {}).get(kind, []), str(path))
            written += store(path, {kind: merged(known, found, _id), **_bounds(month)})
            say(f"{month.name}: {len(found)} {kind.replace('_', ' ')}")
    return written


def is_settled(content: Any, month: Window) -> bool:
    """Tell whether a month was asked for after its end, and all of its incidents are resolved."""
    if not isinstance(content, dict) or any(content.get(name) != text for name, text in _bounds(month).items()):
        return False
    over = month.start.month != month.end.month
    return over and all(one.get("status") == "resolved" for one in content.get("incidents", []))


def _bounds(month: Window) -> dict[str, str]:
    """Return what of a month was asked for, as its file says it."""
    return {"since": f"{month.start:%Y-%m-%dT%H:%M:%SZ}", "until": f"{month.end:%Y-%m-%dT%H:%M:%SZ}"}


def _id(record: Record) -> str:
    return f"{record.get('created_at')} {record.get('id')}"


def _month(api: Api, kind: str, window: Window) -> list[Record]:
    """Return all records of a window; one with more than the tool lets us page through is asked for in halves."""
    found: list[Record] = []
    for page, more in _pages(api, kind, window):
        found += page
        if more and len(found) + PAGE > DEEPEST:
            middle = window.start + (window.end - window.start) / 2
            halves = (Window(window.start, middle), Window(middle, window.end))
            return [one for half in halves for one in _month(api, kind, half)]
    return found


def _pages(api: Api, kind: str, window: Window) -> Iterator[tuple[list[Record], bool]]:
    asked = {"since": window.start.isoformat(), "until": window.end.isoformat(), "time_zone": "UTC", "limit": PAGE}
    offset, more = 0, True
    while more:
        answer = api.get(f"/{kind}", {**asked, "offset": offset})
        if not isinstance(answer, dict):
            raise SourceError(f"PagerDuty's /{kind} answers no object")
        page = records_in(answer.get(kind), f"PagerDuty's /{kind}")
        offset, more = offset + PAGE, bool(answer.get("more")) and bool(page)
        yield page, more
