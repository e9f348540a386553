"""The timeliness report's numbers for other programs, each with its n and its meaning."""

from __future__ import annotations

from typing import Any

import pandas as pd

from incident_lib.records import Records
from incident_lib.statistics.intervals import wilson
from incident_lib.statistics.survival import median
from incident_lib.timeliness.action_items import STATES as ITEM_STATES
from incident_lib.timeliness.overdue_ledger import TERMS, Ledger
from incident_lib.timeliness.states import JUDGED, MEANINGS, completion_curve_table, overdue

_ITEMS = {
    "on time": "action items done by their day", "late": "action items done after their day",
    "overdue": "open action items whose day has passed", "open": "open action items that are not due yet",
    "declined": "action items decided against", "no date": "action items without a day, or done without saying when",
}  # fmt: skip


def report_numbers(
    records: Records, states: pd.DataFrame, times: pd.DataFrame, items: pd.DataFrame, ledger: Ledger
) -> dict[str, dict[str, Any]]:
    """Return numbers by name, each with value, lower, upper (95 %, or None), n, unit and meaning.

    >>> states, items = inc.postmortem_states(records), inc.action_item_states(records)
    >>> times, ledger = inc.completion_times(states, records.as_of), inc.ledger_since(records)
    >>> list(inc.report_numbers(records, states, times, items, ledger))[:3]
    ['as_of_seconds', 'major_incidents', 'postmortems_on_time']
    """
    numbers = {
        "as_of_seconds": number(
            records.as_of.timestamp(), None, "the time whose knowledge the report shows, since 1970", "seconds"
        ),
        "major_incidents": number(len(states), len(states), "major incidents counted"),
        **_counts("postmortems", states["state"], MEANINGS),
        **_counts("action_items", items["state"], {state: _ITEMS[state] for state in ITEM_STATES}),
        **_shares(states),
        **_typical(times),
        "oldest_overdue_business_days": _oldest(states),
    }
    terms = {
        f"ledger {term}": number(len(ledger.lists[term]), None, f"post-mortems: {term}, since the earlier time")
        for term in TERMS
    }
    return {name.replace(" ", "_"): one for name, one in {**numbers, **terms}.items()}


def number(value: float | None, n: int | None, meaning: str, unit: str = "1", lower=None, upper=None) -> dict[str, Any]:
    """Return one number as it is published."""
    return {"value": value, "lower": lower, "upper": upper, "n": n, "unit": unit, "meaning": meaning}


def _counts(what: str, states: pd.Series, meanings: dict[str, str]) -> dict[str, dict[str, Any]]:
    found = states.value_counts()
    return {
        f"{what} {state}": number(int(found.get(state, 0)), len(states), meaning) for state, meaning in meanings.items()
    }


def _shares(states: pd.DataFrame) -> dict[str, dict[str, Any]]:
    judged = states[states["state"].isin(JUDGED)] if states["has_page"].any() else states.head(0)
    share = wilson(int((judged["state"] == "on time").sum()), len(judged))
    meaning = "share of major incidents past their deadline whose post-mortem was complete by then"
    return {"on_time_share": number(share.value, len(judged), meaning, "ratio", share.lower, share.upper)}


def _typical(times: pd.DataFrame) -> dict[str, dict[str, Any]]:
    found = median(completion_curve_table(times))
    meaning = "calendar days until half of the post-mortems are complete, open ones counted; none: not reached"
    return {"completion_days_median": number(found.value, len(times), meaning, "days", found.lower, found.upper)}


def _oldest(states: pd.DataFrame) -> dict[str, Any]:
    late = overdue(states)
    value = int(late["days_late"].max()) if len(late) else 0
    return number(
        value, len(late), "how long the oldest overdue post-mortem has been overdue, in business days", "days"
    )
