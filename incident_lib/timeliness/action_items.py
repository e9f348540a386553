"""Action items against their days: done, late, overdue, declined; and how soon they are done, by month of creation.

An item's day is the one that was stated for it; without one, the settings' span for its priority, or else its kind,
counted from its creation.
"""

from __future__ import annotations

import json

import numpy as np
import pandas as pd

from incident_lib.business_time import business_days_between, deadlines
from incident_lib.records import Records
from incident_lib.statistics.survival import aalen_johansen
from incident_lib.timeliness.deadlines import by_calendar, calendar_names, calendars_of, local_days
from incident_lib.timeliness.groups import FEWEST

STATES = ("on time", "late", "overdue", "open", "declined", "no date")
MEANINGS = {
    "on time": "done by its day",
    "late": "done after its day",
    "overdue": "open, and its day has passed",
    "open": "open, and not due yet",
    "declined": "decided against, with a reason",
    "no date": "open without a day, or done without saying when",
}
HORIZON = 30
_NOON = pd.Timedelta(hours=12)


def action_item_states(records: Records) -> pd.DataFrame:
    """Return one row per action item: its day, its state (see ``STATES``), and how late it is or was.

    Columns: incident_id, item, title, kind, priority, owner, team, month (of creation), created_on, stated_on (the day
    that was stated), rule_on (the day by the settings), due_on (the one that counts), status, done_on, state, days_late
    (business days), because.

    >>> items = inc.action_item_states(records)
    >>> sorted(items["state"].unique())
    ['declined', 'late', 'on time', 'open', 'overdue']
    """
    items = records.action_items.reset_index(drop=True)
    customers = items["incident_id"].map(records.incidents.set_index("incident_id")["customers"])
    table = items.assign(
        calendar=calendar_names(items["customers"].fillna(customers.astype("str")), items["owner"], records),
        priority=items["extra"].map(_priority, na_action="ignore").astype("str"),
        team=items["owner"].map(dict(zip(records.people["name"], records.people["team"], strict=True))).astype("str"),
        month=items["created_on"].dt.strftime("%Y-%m").astype("str"),
        stated_on=items["due_on"],
    )
    table["rule_on"] = _rule_days(table, records)
    table["due_on"] = table["stated_on"].fillna(table["rule_on"])
    today = records.as_of.tz_convert(records.settings.workbook.tz).tz_localize(None).normalize()
    table["state"] = _state(table, today)
    table["until"] = table["done_on"].where(table["status"] != "open", today)
    table["days_late"] = _days_late(table, records).where(table["state"].isin(["late", "overdue"]))
    columns = ["incident_id", "item", "title", "kind", "priority", "owner", "team", "month", "created_on", "stated_on",
               "rule_on", "due_on", "status", "done_on", "state", "days_late", "because"]  # fmt: skip
    return table[columns]


def _priority(extra: str) -> str | None:
    """Return the priority that a source states beside our columns."""
    stated = json.loads(extra).get("priority")
    return None if stated is None else str(stated)


def _rule_days(table: pd.DataFrame, records: Records) -> pd.Series:
    """Return the day that the settings give each item: by its priority where they state one, else by its kind."""
    rules, calendars = records.settings.deadlines, calendars_of(records.settings)
    days = pd.Series(pd.NaT, index=table.index, dtype="datetime64[us]")
    spans = [("kind", rules.action_items), ("priority", rules.action_item_priorities)]
    for column, by_value in spans:
        for (value, name), part in table.groupby([column, "calendar"]):
            if value in by_value:
                calendar = calendars[name]
                starts = (part["created_on"] + _NOON).dt.tz_localize(calendar.tz, nonexistent="shift_forward")
                due_at = deadlines(starts.dt.tz_convert("UTC").astype("datetime64[us, UTC]"), by_value[value], calendar)
                days.loc[part.index] = local_days(due_at, calendar)
    return days


def _state(table: pd.DataFrame, today: pd.Timestamp) -> pd.Series:
    """Return the state of each item; a later line wins over an earlier one."""
    is_open, done = table["status"] == "open", table["status"] == "done"
    state = pd.Series("no date", index=table.index, dtype="str")
    state = state.mask(is_open & (table["due_on"] >= today), "open").mask(
        is_open & (table["due_on"] < today), "overdue"
    )
    dated = done & table["done_on"].notna()
    state = state.mask(dated, "on time").mask(dated & (table["done_on"] > table["due_on"]), "late")
    return state.mask(table["status"] == "declined", "declined")


def _days_late(table: pd.DataFrame, records: Records) -> pd.Series:
    def late(part, calendar):
        due, until = (_at_noon(part[name], calendar) for name in ("due_on", "until"))
        return business_days_between(due, until, calendar)

    return by_calendar(table, records.settings, late)


def _at_noon(days: pd.Series, calendar) -> pd.Series:
    local = (days + _NOON).dt.tz_localize(calendar.tz, nonexistent="shift_forward", ambiguous=True)
    return local.dt.tz_convert("UTC").astype("datetime64[us, UTC]")


def open_action_items(records: Records) -> pd.DataFrame:
    """Return the action items that are open, the earliest due first, those without a day last.

    >>> len(inc.open_action_items(records))
    22
    """
    items = action_item_states(records)
    return _by_day(items[items["status"] == "open"])


def _by_day(items: pd.DataFrame) -> pd.DataFrame:
    ordered = items.sort_values(["due_on", "incident_id", "item"], na_position="last", kind="stable")
    return ordered.reset_index(drop=True)


def overdue_action_items(items: pd.DataFrame) -> pd.DataFrame:
    """Return the overdue ones of ``action_item_states``, the longest overdue first.

    >>> len(inc.overdue_action_items(inc.action_item_states(records)))
    18
    """
    return _by_day(items[items["state"] == "overdue"])


def declined_action_items(items: pd.DataFrame) -> pd.DataFrame:
    """Return the declined ones with their reasons, the latest first; deciding against something is a decision too.

    >>> len(inc.declined_action_items(inc.action_item_states(records)))
    6
    """
    declined = items[items["state"] == "declined"]
    return declined.sort_values(["done_on", "incident_id", "item"], ascending=[False, True, True], kind="stable")


def action_item_counts(items: pd.DataFrame) -> pd.DataFrame:
    """Return per state: its meaning, how many items, and their share of all.

    >>> inc.action_item_counts(inc.action_item_states(records)).columns.tolist()
    ['state', 'meaning', 'items', 'share']
    """
    counts = items["state"].value_counts().reindex(list(STATES), fill_value=0)
    return pd.DataFrame({
        "state": counts.index, "meaning": [MEANINGS[name] for name in counts.index], "items": counts.to_numpy(),
        "share": (counts / max(len(items), 1)).to_numpy(),
    })  # fmt: skip


def action_items_sentence(items: pd.DataFrame) -> str:
    """Return how many action items are open and overdue, and how many with a passed day were done by it.

    >>> inc.action_items_sentence(inc.action_item_states(records))
    'Of 125 action items 22 are open, 18 of them past their day; of 115 whose day has come 65 ...
    """
    if items.empty:
        return "The records hold no action item."
    count = items["state"].value_counts()
    judged = int(count.reindex(["on time", "late", "overdue"], fill_value=0).sum())
    in_time = int(count.get("on time", 0))
    share = f" ({in_time / judged:.0%})" if judged >= FEWEST else ""
    return (
        f"Of {len(items):,} action items {int((items['status'] == 'open').sum()):,} are open, "
        f"{int(count.get('overdue', 0)):,} of them past their day; of {judged:,} whose day has come {in_time:,}{share} "
        "were done by it."
    )


def item_times(items: pd.DataFrame, as_of: pd.Timestamp, zone) -> pd.DataFrame:
    """Return how long each item took or has been open: month, days (float), cause (0 open, 1 done, 2 declined).

    Left out: items without a day of creation, and those done or declined without saying when.

    >>> items = inc.action_item_states(records)
    >>> inc.item_times(items, records.as_of, records.settings.workbook.tz).columns.tolist()
    ['incident_id', 'item', 'month', 'days', 'cause']
    """
    today = as_of.tz_convert(zone).tz_localize(None).normalize()
    known = items[items["created_on"].notna() & ((items["status"] == "open") | items["done_on"].notna())]
    days = (known["done_on"].where(known["status"] != "open", today) - known["created_on"]) / pd.Timedelta(days=1)
    cause = known["status"].map({"open": 0, "done": 1, "declined": 2})
    return known[["incident_id", "item", "month"]].assign(days=days.clip(lower=0), cause=cause).reset_index(drop=True)


def done_curve(times: pd.DataFrame) -> pd.DataFrame:
    """Return the share done by each day (time, incidence, lower, upper), declined ones as a competing end.

    ``seen_until`` is the longest that any was seen.
    """
    shares = aalen_johansen(times["days"].to_numpy(), times["cause"].to_numpy(dtype=int))
    return shares[shares["cause"] == 1].reset_index(drop=True).assign(seen_until=times["days"].max())


def cohorts(items: pd.DataFrame, times: pd.DataFrame) -> pd.DataFrame:
    """Return per month of creation: created, done, declined, open, overdue, and the share done within 30 days.

    The share counts open ones for as long as they have been open; a month of fewer than 5 items, or of which none is
    30 days old yet, has none.

    >>> items, zone = inc.action_item_states(records), records.settings.workbook.tz
    >>> inc.cohorts(items, inc.item_times(items, records.as_of, zone)).columns.tolist()
    ['month', 'created', 'done', 'declined', 'open', 'overdue', 'share']
    """
    count = pd.crosstab(items["month"], items["state"]).reindex(columns=list(STATES), fill_value=0)
    known = dict(list(times.groupby("month")))
    share = [_done_by(known[month], HORIZON) if month in known else np.nan for month in count.index]
    return pd.DataFrame({
        "month": count.index, "created": count.sum(axis=1).to_numpy(),
        "done": (count["on time"] + count["late"]).to_numpy(), "declined": count["declined"].to_numpy(),
        "open": (count["open"] + count["overdue"]).to_numpy(), "overdue": count["overdue"].to_numpy(), "share": share,
    })  # fmt: skip


def _done_by(times: pd.DataFrame, day: int) -> float:
    reached = (times["days"] >= day).any() or (times["cause"] > 0).all()
    if len(times) < FEWEST or not reached:
        return np.nan
    curve = done_curve(times)
    seen = curve[curve["time"] <= day]
    return float(seen["incidence"].iloc[-1]) if len(seen) else 0.0


def cohort_curves(times: pd.DataFrame, most: int = 4) -> dict[str, pd.DataFrame]:
    """Return the curve of items done for the newest months with at least 5 items, and for all earlier ones together.

    By the month of creation, the newest first; the name says how many items each curve is of.

    >>> items, zone = inc.action_item_states(records), records.settings.workbook.tz
    >>> list(inc.cohort_curves(inc.item_times(items, records.as_of, zone)))[:2]
    ['2026-09 (n = 5)', '2026-08 (n = 6)']
    """
    sizes = times["month"].value_counts()
    newest = sorted(sizes.index[sizes >= FEWEST], reverse=True)[:most]
    parts = {month: times[times["month"] == month] for month in newest}
    earlier = times[times["month"] < newest[-1]] if newest else times.head(0)
    if len(earlier) >= FEWEST:
        parts["all months before"] = earlier
    return {f"{name} (n = {len(part)})": done_curve(part) for name, part in parts.items()}
