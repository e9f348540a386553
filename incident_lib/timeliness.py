"""Post-mortems and action items against their deadlines; every major incident counts, with a page or without."""

from __future__ import annotations

import pandas as pd

from incident_lib.business_time import add_business_days, business_days_between
from incident_lib.deadlines import calendar_of, incident_deadlines
from incident_lib.periods import Period
from incident_lib.records import Records
from incident_lib.survival import kaplan_meier, median

STATES = ("on time", "late", "overdue", "open", "not resolved", "no date", "not needed")
MEANINGS = {
    "on time": "complete by its deadline",
    "late": "complete, but after its deadline",
    "overdue": "not complete, and the deadline has passed; also where there is no page at all",
    "open": "not complete, and not due yet",
    "not resolved": "the incident is still open, so nothing is due yet",
    "no date": "complete, but the page doesn't say since when",
    "not needed": "declared not needed, with a reason",
}
DAY = pd.Timedelta(days=1)


def postmortem_states(records: Records) -> pd.DataFrame:
    """Return one row per major incident: whether its post-mortem is complete, and how that compares with the deadline.

    Columns: incident_id, title, severity, customers, start_at, due_at, has_page, owner, status, completed_at,
    state (see ``STATES``), days_late (business days; to ``as_of`` while overdue), turn (whose turn it is), because.
    """
    incidents = records.major.set_index("incident_id")[["title", "customers"]]
    pages = records.postmortems.drop_duplicates("incident_id").set_index("incident_id")
    table = incidents.join(incident_deadlines(records)).join(
        pages[["owner", "status", "created_at", "completed_at", "not_needed", "meeting_at"]]
    )
    complete = table["completed_at"].notna() | table["status"].isin(["in review", "reviewed", "closed"])
    until = table["completed_at"].where(complete, records.as_of)
    late = business_days_between(table["page_due_at"], until, calendar_of(records.settings))
    state = _state(table, complete, records.as_of)
    counted = state.isin(["late", "overdue"])
    table = table.assign(
        due_at=table["page_due_at"],
        has_page=table["status"].notna(),
        state=state,
        days_late=late.where(counted),
        turn=_turn(table, complete),
        because=table["not_needed"],
    )
    columns = ["title", "severity", "customers", "start_at", "due_at", "has_page", "owner", "status", "completed_at",
               "state", "days_late", "turn", "because"]  # fmt: skip
    return table[columns].rename_axis("incident_id").reset_index()


def _state(table: pd.DataFrame, complete: pd.Series, as_of: pd.Timestamp) -> pd.Series:
    """Return the state of each post-mortem; a later line wins over an earlier one."""
    state = pd.Series("open", index=table.index, dtype="str")
    state = state.mask(table["page_due_at"].isna(), "not resolved")
    state = state.mask(table["page_due_at"] < as_of, "overdue")
    state = state.mask(table["not_needed"].notna(), "not needed")
    state = state.mask(complete & table["completed_at"].isna(), "no date")
    in_time = table["completed_at"] <= table["page_due_at"]
    return state.mask(table["completed_at"].notna(), "late").mask(in_time | _before_resolution(table), "on time")


def _before_resolution(table: pd.DataFrame) -> pd.Series:
    """Tell which pages were complete before the incident was even resolved."""
    return table["completed_at"].notna() & table["page_due_at"].isna()


def _turn(table: pd.DataFrame, complete: pd.Series) -> pd.Series:
    """Return whose turn it is: the on-call person's until there is a page with an owner, then the owner's."""
    turn = pd.Series("the on-call person, to create the page", index=table.index, dtype="str")
    turn = turn.mask(table["status"].notna(), "the on-call person, to name an owner")
    turn = turn.mask(table["owner"].notna(), table["owner"] + ", to complete the page")
    return turn.where(~complete & table["not_needed"].isna())


def within(states: pd.DataFrame, period: Period | None, records: Records) -> pd.DataFrame:
    """Return the rows whose clock started in a period, or all; incidents not resolved yet are in every period."""
    if period is None:
        return states
    inside = period.contains(states["start_at"], records.settings.workbook.tz)
    return states[inside | states["start_at"].isna()]


def overdue(states: pd.DataFrame) -> pd.DataFrame:
    """Return the overdue post-mortems, the oldest first."""
    return states[states["state"] == "overdue"].sort_values(["due_at", "incident_id"], kind="stable")


def due_next(states: pd.DataFrame, records: Records, days: int = 5) -> pd.DataFrame:
    """Return the post-mortems that fall due within the next business days, the first first."""
    zone = records.settings.workbook.tz
    last = add_business_days(records.as_of.tz_convert(zone).date(), days, calendar_of(records.settings))
    end = pd.Timestamp(last, tz=zone) + DAY
    coming = states[(states["state"] == "open") & (states["due_at"] < end)]
    return coming.sort_values(["due_at", "incident_id"], kind="stable")


def state_shares(states: pd.DataFrame) -> pd.DataFrame:
    """Return per state: its meaning, how many post-mortems, and their share of all major incidents."""
    counts = states["state"].value_counts().reindex(list(STATES), fill_value=0)
    shares = counts / max(len(states), 1)
    return pd.DataFrame({
        "state": counts.index, "meaning": [MEANINGS[name] for name in counts.index],
        "incidents": counts.to_numpy(), "share": shares.to_numpy(),
    })  # fmt: skip


def completion_times(states: pd.DataFrame, as_of: pd.Timestamp) -> pd.DataFrame:
    """Return how long each post-mortem took, or has been taking: incident_id, severity, days (float), finished.

    Counted from the clock's start in calendar days. Left out, since nothing can be said of how long they take: those
    declared not needed, those complete without a date (missing data, not open), and incidents not resolved.
    """
    known = states[states["start_at"].notna() & ~states["state"].isin(["not needed", "no date", "not resolved"])]
    finished = known["completed_at"].notna()
    days = (known["completed_at"].where(finished, as_of) - known["start_at"]) / DAY
    return known[["incident_id", "severity"]].assign(days=days.clip(lower=0), finished=finished).reset_index(drop=True)


def completion_curve_table(times: pd.DataFrame) -> pd.DataFrame:
    """Return the Kaplan–Meier curve of completion (see ``survival.kaplan_meier``), with open ones counted."""
    return kaplan_meier(times["days"].to_numpy(), times["finished"].to_numpy())


def overdue_sentence(states: pd.DataFrame) -> str:
    """Return the report's answer: how many are overdue, and the oldest."""
    late, total = overdue(states), len(states)
    if not total:
        return "No major incident in the records of this period, so no post-mortem was due."
    if late.empty:
        return f"None of {total} post-mortems is overdue."
    oldest = late.iloc[0]
    return (
        f"{len(late)} of {total} post-mortems {'is' if len(late) == 1 else 'are'} overdue; "
        f"the oldest, {oldest['incident_id']}, by {plural(int(oldest['days_late']), 'business day')}."
    )


def on_time_sentence(states: pd.DataFrame) -> str:
    """Return how many of all major incidents whose deadline has passed had their post-mortem in time."""
    judged = states[states["state"].isin(["on time", "late", "overdue"])]
    if judged.empty:
        return "No deadline has passed yet, so nothing can be said about being on time."
    kept = int((judged["state"] == "on time").sum())
    without = int((~judged["has_page"]).sum())
    return (
        f"{kept} of {len(judged)} major incidents with a verdict had a complete post-mortem by the deadline "
        f"({kept / len(judged):.0%}); {without} of them {'has' if without == 1 else 'have'} no page at all."
    )


def duration_sentence(times: pd.DataFrame) -> str:
    """Return how long a post-mortem takes with the open ones counted, with its interval and n."""
    if times.empty:
        return "How long a post-mortem takes can't be told: none has begun."
    found, open_ones = median(completion_curve_table(times)), int((~times["finished"]).sum())
    counted = f"(n = {len(times)}, {open_ones} still open)"
    if found.value is None:
        return f"Fewer than half of the post-mortems were ever completed, so there is no typical time {counted}."
    upper = "no upper limit" if found.upper is None else f"{found.upper:.1f}"
    lower = 0.0 if found.lower is None else found.lower
    return (
        f"Half of the post-mortems are complete within {found.value:.1f} calendar days "
        f"(95 % interval {lower:.1f} to {upper}) {counted}."
    )


def plural(count: int, noun: str) -> str:
    """Return a count with its noun: "1 business day", "3 business days"."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def open_action_items(records: Records) -> pd.DataFrame:
    """Return the action items that are open, the most overdue first: with state, and days_late in business days."""
    items = records.action_items[records.action_items["status"] == "open"]
    zone = records.settings.workbook.tz
    due_at = (items["due_on"] + DAY).dt.tz_localize(zone).dt.tz_convert("UTC").astype("datetime64[us, UTC]")
    due_at = due_at - pd.Timedelta(seconds=1)
    state = pd.Series("open", index=items.index, dtype="str").mask(items["due_on"].isna(), "no date")
    state = state.mask(due_at < records.as_of, "overdue")
    late = business_days_between(due_at, records.as_of, calendar_of(records.settings))
    table = items.assign(state=state, days_late=late.where(state == "overdue"))
    return table.sort_values(["due_on", "incident_id", "item"], na_position="last", kind="stable").reset_index(
        drop=True
    )
