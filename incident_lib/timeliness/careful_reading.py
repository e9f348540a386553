"""Read these numbers with care: what can make them look better, or worse, than things were; with the rows.

Each is a pattern in the records with an innocent explanation more often than not. None names a person.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable

import pandas as pd

from incident_lib.records import Records
from incident_lib.timeliness.action_items import action_item_states
from incident_lib.timeliness.deadlines import calendar_of, local_days
from incident_lib.timeliness.states import postmortem_states

MINUTE = pd.Timedelta(minutes=1)
SAME_DAY = 3
DAYS_BEFORE_REVIEW = 7
PARTS = ("Overview", "What happened", "Contributing factors", "Resolution", "Impact")
EXPLAINED = {
    "closed together": f"{SAME_DAY} or more finished on one day: a tidy-up, or dates entered afterwards",
    "closed together before a review": f"the same, in the {DAYS_BEFORE_REVIEW} days before a process review",
    "day later than the rule": "an action item's day lies after the one that the settings give; the records hold the "
    "present day only, so a day that was moved shows only so",
    "severity lowered": "lowered after the incident was resolved; deadlines still go by the highest declared",
    "complete with empty sections": "counted as complete, though a section that tells what happened is empty",
    "last minute": "complete in the last minute before the deadline: a date without a time looks like this",
    "complete before the page was there": "complete before it was created, so one of the two was entered afterwards",
    "complete without a date": "the status says complete, the page not since when: in no curve, and not in time",
}
COLUMNS = ["pattern", "incident_id", "at", "detail"]


def care_rows(records: Records) -> pd.DataFrame:
    """Return every row that calls for care: pattern (see ``EXPLAINED``), incident_id, at, detail.

    >>> inc.care_rows(records).columns.tolist()
    ['pattern', 'incident_id', 'at', 'detail']
    """
    states = postmortem_states(records)
    found = [check(records, states) for check in CHECKS]
    parts = [part[COLUMNS] for part in found if len(part)]
    if not parts:
        return pd.DataFrame({name: [] for name in COLUMNS})
    table = pd.concat(parts, ignore_index=True)
    order = table["pattern"].map({name: place for place, name in enumerate(EXPLAINED)})
    ordered = table.assign(order=order).sort_values(["order", "at", "incident_id", "detail"], kind="stable")
    return ordered[COLUMNS].reset_index(drop=True)


def care_counts(found: pd.DataFrame) -> pd.DataFrame:
    """Return how many rows each pattern has, those without any as well: they were looked for.

    >>> inc.care_counts(inc.care_rows(records)).columns.tolist()
    ['pattern', 'meaning', 'rows']
    """
    counts = found["pattern"].value_counts().reindex(list(EXPLAINED), fill_value=0)
    return pd.DataFrame({"pattern": counts.index, "meaning": list(EXPLAINED.values()), "rows": counts.to_numpy()})


def _rows(pattern: str, table: pd.DataFrame, at: str, detail: pd.Series) -> pd.DataFrame:
    return pd.DataFrame({
        "pattern": pattern, "incident_id": table["incident_id"], "at": table[at], "detail": detail.astype("str"),
    })  # fmt: skip


def _closed_together(records: Records, states: pd.DataFrame) -> pd.DataFrame:
    """Return what was finished on a day on which three or more were, pages and action items counted apart."""
    calendar = calendar_of(records.settings)
    pages = records.postmortems
    reviews = list(records.decisions["decided_on"].dropna().unique())
    parts = []
    for what, times in (("page complete", pages["completed_at"]), ("page closed", pages["closed_at"])):
        table = pages[["incident_id"]].assign(at=times, day=local_days(times, calendar), what=what)
        parts.append(table[times.notna()])
    items = records.action_items
    items = items[items["done_on"].notna() & (items["status"] == "done")]
    noon = (items["done_on"] + pd.Timedelta(hours=12)).dt.tz_localize(calendar.tz).dt.tz_convert("UTC")
    of_items = items[["incident_id"]].assign(at=noon.astype("datetime64[us, UTC]"), day=items["done_on"])
    parts.append(of_items.assign(what="action item " + items["item"].astype("str") + " done"))
    return pd.concat([_same_day(part, reviews) for part in parts])


def _same_day(table: pd.DataFrame, reviews: Iterable[pd.Timestamp]) -> pd.DataFrame:
    """Return the rows of the days on which three or more different incidents' work was finished."""
    incidents = table.groupby("day")["incident_id"].transform("nunique")
    together = table[incidents >= SAME_DAY]
    before = together["day"].map(lambda day: _before_review(day, reviews)).astype(bool)
    detail = together["what"] + ", with " + (incidents[incidents >= SAME_DAY] - 1).astype("str") + " other incidents"
    table = _rows("closed together", together, "at", detail)
    return table.assign(pattern=table["pattern"].mask(before, "closed together before a review"))


def _before_review(day: pd.Timestamp, reviews: Iterable[pd.Timestamp]) -> bool:
    return any(pd.Timedelta(0) <= review - day <= pd.Timedelta(days=DAYS_BEFORE_REVIEW) for review in reviews)


def _moved_days(records: Records, states: pd.DataFrame) -> pd.DataFrame:
    items = action_item_states(records)
    later = items[items["stated_on"] > items["rule_on"]]
    calendar = calendar_of(records.settings)
    noon = (later["created_on"] + pd.Timedelta(hours=12)).dt.tz_localize(calendar.tz).dt.tz_convert("UTC")
    days = ((later["stated_on"] - later["rule_on"]) / pd.Timedelta(days=1)).astype("Int64").astype("str")
    detail = "action item " + later["item"].astype("str") + ": " + days + " calendar days after the rule's"
    return _rows("day later than the rule", later.assign(at=noon.astype("datetime64[us, UTC]")), "at", detail)


def _severity_lowered(records: Records, states: pd.DataFrame) -> pd.DataFrame:
    changes = records.timeline[(records.timeline["kind"] == "severity") & records.timeline["severity"].notna()]
    declared = records.incidents[["incident_id", "resolved_at"]].assign(highest=records.incidents["severity"].cat.codes)
    changes = changes.merge(declared, on="incident_id")
    after = changes["at"] > changes["resolved_at"]
    lowered = changes[after & (changes["severity"].cat.codes > changes["highest"])]
    return _rows("severity lowered", lowered, "at", "to " + lowered["severity"].astype("str"))


def _empty_sections(records: Records, states: pd.DataFrame) -> pd.DataFrame:
    done = records.postmortems[records.postmortems["status"].isin(["in review", "reviewed", "closed"])]
    done = done[done["not_needed"].isna()]
    empty = done["sections"].map(_empty, na_action="ignore").astype("str").fillna(", ".join(PARTS))
    wanting = done.assign(empty=empty)[empty != ""]
    return _rows("complete with empty sections", wanting, "completed_at", "empty: " + wanting["empty"])


def _empty(sections: str) -> str:
    """Return the sections that tell what happened and are not there or empty."""
    written = {name.casefold() for name, text in json.loads(sections).items() if str(text).strip()}
    return ", ".join(part for part in PARTS if part.casefold() not in written)


def _last_minute(records: Records, states: pd.DataFrame) -> pd.DataFrame:
    left = states["due_at"] - states["completed_at"]
    close = states[(left >= pd.Timedelta(0)) & (left < MINUTE)]
    return _rows("last minute", close, "completed_at", "due " + close["due_on"].dt.strftime("%Y-%m-%d"))


def _before_creation(records: Records, states: pd.DataFrame) -> pd.DataFrame:
    pages = records.postmortems
    early = pages[pages["completed_at"] < pages["created_at"]]
    detail = "page created " + early["created_at"].dt.strftime("%Y-%m-%d %H:%M") + " UTC"
    return _rows("complete before the page was there", early, "completed_at", detail)


def _without_date(records: Records, states: pd.DataFrame) -> pd.DataFrame:
    undated = states[states["state"] == "no date"]
    return _rows("complete without a date", undated, "completed_at", "status: " + undated["status"])


Check = Callable[[Records, pd.DataFrame], pd.DataFrame]
CHECKS: tuple[Check, ...] = (
    _closed_together, _moved_days, _severity_lowered, _empty_sections, _last_minute, _before_creation, _without_date,
)  # fmt: skip
