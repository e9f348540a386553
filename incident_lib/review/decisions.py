"""What process reviews decide, and what became of it; edits that leave the rest of the file alone."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd

from incident_lib.errors import SettingsError, WorkbookError
from incident_lib.files import create_only, safe_name
from incident_lib.follow_up.page_edit import Change, edit_page
from incident_lib.periods import Period, parse_period
from incident_lib.records import Records, unknown

_NEW = """---
review: {review}
held_at:                       # when you met: 2026-10-15T18:00:00Z
attended: []
decisions:
---
What was said, for those who were not there.
"""


def decisions_until(records: Records, period: Period) -> pd.DataFrame:
    """Return the decisions of this and earlier reviews and what became of them: open, then the newest closed.

    Adds ``overdue`` (open, and its day is over) and ``became`` (open, overdue, done, or dropped with the reason).

    >>> inc.decisions_until(records, inc.parse_period("2026-Q3"))["status"].value_counts().to_dict()
    {'done': 8, 'open': 4, 'dropped': 2}
    """
    past = records.decisions["review"].map(lambda name: _ends(name) <= period.last).astype(bool)
    earlier = records.decisions[past]
    order = earlier["status"].map({"open": 0, "done": 1, "dropped": 2})
    today = records.as_of.tz_convert(records.settings.workbook.tz).tz_localize(None).normalize()
    overdue = (earlier["status"] == "open") & (earlier["due_on"] < today)
    became = earlier["status"].mask(overdue, "overdue")
    closed = -earlier["closed_on"].fillna(pd.Timestamp("1970-01-01")).astype("int64")  # the newest of the closed first
    table = earlier.assign(order=order, overdue=overdue, became=became, closed=closed)
    table = table.sort_values(["order", "closed", "decided_on", "review", "decision"], kind="stable")
    return table.drop(columns=["order", "closed"]).reset_index(drop=True)


def _ends(review: str) -> date:
    """Return the last day of the period that a review names; one that names none is old."""
    try:
        return parse_period(review).last
    except SettingsError:
        return date.min


def decisions_sentence(decisions: pd.DataFrame) -> str:
    """Return how many decisions are open, overdue, done and dropped.

    >>> inc.decisions_sentence(inc.decisions_until(records, inc.parse_period("2026-Q3")))
    'Of 14 decisions so far: 2 overdue, 2 open, 8 done, 2 dropped.'
    """
    if decisions.empty:
        return "No decision of an earlier review is recorded."
    counts = decisions["became"].value_counts()
    parts = [f"{counts[name]} {name}" for name in ("overdue", "open", "done", "dropped") if counts.get(name, 0)]
    return f"Of {len(decisions)} decisions so far: {', '.join(parts)}."


def review_file(records: Records, review: str) -> Path:
    """Return the file of a review: the one that its decisions were read from, else where a new one would be."""
    own = records.decisions.loc[records.decisions["review"] == review, "source"]
    if len(own):
        return records.folder / str(own.iloc[0]).split(" line ")[0]
    return records.folder / "reviews" / f"{safe_name(review)}.md"


def decide(
    records: Records, review: str, text: str, *, owner: str | None, on: date, due: date | None = None
) -> tuple[Path, int]:
    """Add a decision to a review's file, which is created if there is none; return the file and the decision's number.

    Raises:
        SettingsError: for a review that names no period, an empty text, or an owner whom nobody knows.
        WorkbookError: if the file can't be edited without touching anything else.
    """
    name = parse_period(review).name
    if not text.strip():
        raise SettingsError(
            "a decision needs a text; expected something like 'Name the owner before the channel is archived'"
        )
    if owner and len(records.people) and owner not in set(records.people["name"]):
        raise SettingsError(unknown(owner, sorted(records.people["name"]), "person"))
    path = review_file(records, name)
    if not path.exists():
        path.parent.mkdir(exist_ok=True)
        create_only(path, _NEW.format(review=name).encode())
    entry = {
        "text": text.strip(),
        "owner": owner,
        "decided_on": f"{on}",
        "due_on": f"{due}" if due else None,
        "status": "open",
    }
    entry = {key: value for key, value in entry.items() if value is not None}
    numbers: list[int] = []
    edit_page(path, lambda content: _appended(content, name, entry, numbers))
    return path, numbers[-1]


def _appended(content: dict[str, Any], review: str, entry: dict[str, str], numbers: list[int]) -> list[Change]:
    """Return the change that adds a decision, and note its number."""
    _check_review(content, review)
    stated = content.get("decisions") or []
    numbers.append(len(stated) + 1)
    return [(("decisions", len(stated)), entry)]


def _check_review(content: dict[str, Any], review: str) -> None:
    if str(content.get("review")) != review:
        raise WorkbookError(f"the file is that of the review {content.get('review')!r}, not of {review!r}")


def close_decision(records: Records, review: str, number: int, *, on: date, dropped: str | None = None) -> Path:
    """Mark a decision of a review as done, or as dropped and why; return the file.

    Raises:
        SettingsError: if the review has no such decision.
        WorkbookError: if the file can't be edited without touching anything else.
    """
    own = records.decisions[records.decisions["review"] == review]
    if own.empty:
        raise SettingsError(unknown(review, sorted(records.decisions["review"].unique()), "review with a decision"))
    if number not in set(own["decision"]):
        raise SettingsError(f"the review {review} has no decision {number}; it has 1 to {own['decision'].max()}")
    path = review_file(records, review)
    change = {"status": "dropped" if dropped else "done", "closed_on": f"{on}", "because": dropped}
    place = number - 1
    edit_page(
        path,
        lambda content: [
            (("decisions", place, key), value)
            for key, value in change.items()
            if value is not None or (content["decisions"][place] or {}).get(key) is not None
        ],
    )
    return path


def newest_review(records: Records) -> str:
    """Return the review whose period ends last among those with decisions.

    Raises:
        SettingsError: if there is none.
    """
    names = list(records.decisions["review"].unique())
    if not names:
        raise SettingsError("no review has decisions yet; 'incidents decide TEXT --review 2026-Q3' writes the first")
    return max(names, key=lambda name: (_ends(name), name))
