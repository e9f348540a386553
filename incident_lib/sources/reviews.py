"""Process reviews: ``reviews/2026-Q3.md``, whose front matter lists the decisions taken."""

from __future__ import annotations

from functools import partial
from typing import Any

from incident_lib.errors import FieldError
from incident_lib.sources.fields import parse_choice, parse_date
from incident_lib.sources.front_matter import line_of, parse_front_matter, split_page
from incident_lib.sources.reading import Batch, Reader, Source
from incident_lib.tables import DECISION_STATUSES, DECISIONS


def recognises(source: Source) -> bool:
    """Tell a review by the ``review:`` in its front matter."""
    head = source.head.removeprefix(b"\xef\xbb\xbf").lstrip()
    return head.startswith(b"---") and b"\nreview:" in head[:2000]


def read(source: Source) -> Batch:
    """Return the review's decisions."""
    batch = Batch()
    try:
        page = split_page(source.text)
        content = parse_front_matter(page, source.limits)
    except FieldError as error:
        batch.problem("unreadable-page", str(error), source.name, effect="file left out")
        batch.account(source.name, "reviews", "reviews", {"skipped: unreadable": 1})
        return batch
    stated = content.get("decisions") or []
    outcomes = {"used": 0, "skipped: unreadable": 0}
    for number, entry in enumerate(stated, start=1):
        place = f"{source.name} line {line_of(stated, number - 1, page) or page.front_matter_line}"
        try:
            batch.add(DECISIONS, [_decision(str(content["review"]), number, entry, place)])
            outcomes["used"] += 1
        except FieldError as error:
            batch.problem("unreadable-row", f"decision {number}: {error}", place)
            outcomes["skipped: unreadable"] += 1
    batch.account(source.name, "reviews", "decisions", outcomes)
    return batch


def _decision(review: str, number: int, entry: Any, place: str) -> dict[str, Any]:
    if not isinstance(entry, dict) or not entry.get("text"):
        raise FieldError("a decision has no text; expected '- {text: …, owner: …}'")
    parse_status = partial(parse_choice, choices=DECISION_STATUSES, what="status of a decision")
    dates = {name: entry[name] and parse_date(entry[name]) for name in ("decided_on", "due_on", "closed_on")
             if name in entry}  # fmt: skip
    return {
        "review": review,
        "decision": number,
        "text": str(entry["text"]),
        "owner": entry.get("owner"),
        **dates,
        "status": parse_status(entry.get("status") or "open"),
        "because": entry.get("because"),
        "source": place,
    }


READER = Reader("reviews", recognises, read)
