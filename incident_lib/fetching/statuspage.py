"""Statuspage's incidents, one file: pages of the newest are asked for until nothing on them is new."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from incident_lib.fetching.api import Api
from incident_lib.fetching.store import Record, merged, records_in, store, stored
from incident_lib.settings.fetch import StatuspagePage

NAME = "Statuspage"
HEADERS = {"Authorization": "OAuth {token}"}
PAGE = 100
FILE = "statuspage/incidents.json"


def fetch(api: Api, page: StatuspagePage, folder: Path, say: Callable[[str], None]) -> int:
    """Write ``statuspage/incidents.json``; return how many files were written (1, or 0 if nothing is new).

    Raises:
        SourceError: if the tool refuses or stays away; what was there stays then.
    """
    path = folder / FILE
    known = records_in(stored(path) or [], str(path))
    unchanged = {
        (one.get("id"), one.get("updated_at")) for one in known if one.get("status") in ("resolved", "postmortem")
    }
    still_open = {one.get("id") for one in known} - {name for name, _ in unchanged}
    found: list[Record] = []
    for number in range(1, 1_000_000):
        what = f"/v1/pages/{page.page}/incidents"
        answer = records_in(api.get(what, {"limit": PAGE, "page": number}), f"Statuspage's {what}")
        found += answer
        still_open -= {one.get("id") for one in answer}
        news = [one for one in answer if (one.get("id"), one.get("updated_at")) not in unchanged]
        if len(answer) < PAGE or not (news or still_open):
            break
    say(f"{len(found)} incidents")
    return store(path, merged(known, found, lambda one: f"{one.get('created_at')} {one.get('id')}"))
