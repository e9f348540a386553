"""Post-mortems against their deadlines; every major incident counts, with a page or without."""

from __future__ import annotations

import numpy as np
import pandas as pd

from incident_lib.business_time import add_business_days, business_days_between
from incident_lib.column_texts import spelled, translated
from incident_lib.periods import Period, quarters_of
from incident_lib.records import Records
from incident_lib.statistics.survival import kaplan_meier, median
from incident_lib.timeliness.deadlines import by_calendar, calendar_of, local_days, page_deadlines, pages_of
from incident_lib.timeliness.turns import next_turns

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
JUDGED = ("on time", "late", "overdue")
DAY = pd.Timedelta(days=1)


def postmortem_states(records: Records) -> pd.DataFrame:
    """Return one row per major incident: whether its post-mortem is complete, and how that compares with the deadline.

    Columns: incident_id, title, severity, customers, start_at, quarter (of the start), calendar, rule, due_at, due_on
    (the day, where its calendar is), has_page, owner, team, status, completed_at, state (see ``STATES``), days_late
    (business days; to ``as_of`` while overdue), turn (whose turn it is), because, not_needed_at (the latest time by
    which that was declared).

    >>> inc.postmortem_states(records)["state"].value_counts().to_dict()
    {'on time': 25, 'overdue': 9, 'late': 7, 'open': 2, 'not needed': 1, 'no date': 1, 'not resolved': 1}
    """
    table = page_deadlines(records, "title", "customers", "incident_commander")
    table = table.rename(columns={"page_due_at": "due_at"})
    kept = ["owner", "status", "created_at", "completed_at", "reviewed_at", "closed_at", "not_needed"]
    table = table.assign(**pages_of(records, table["incident_id"], *kept))
    complete = table["completed_at"].notna() | table["status"].isin(["in review", "reviewed", "closed"])
    table["state"] = _state(table, complete, records.as_of)
    table["until"] = table["completed_at"].where(complete, records.as_of)
    people = records.people.dropna(subset="team")
    waiting = table["state"].isin(["overdue", "open"])
    table = table.assign(
        quarter=quarters_of(table["start_at"], records.settings.workbook.tz),
        due_on=by_calendar(table, records.settings, lambda part, calendar: local_days(part["due_at"], calendar)),
        has_page=table["status"].notna(),
        team=translated(table["owner"], dict(zip(people["name"], people["team"], strict=True))),
        days_late=_days_late(table, records).where(table["state"].isin(["late", "overdue"])),
        turn=next_turns(table, records.settings).where(waiting),
        because=table["not_needed"],
        not_needed_at=table["closed_at"].fillna(table["reviewed_at"]).fillna(table["created_at"])
        .where(table["state"] == "not needed"),
    )  # fmt: skip
    columns = ["incident_id", "title", "severity", "customers", "start_at", "quarter", "calendar", "rule", "due_at",
               "due_on", "has_page", "owner", "team", "status", "completed_at", "state", "days_late", "turn", "because",
               "not_needed_at"]  # fmt: skip
    return table[columns]


def _days_late(table: pd.DataFrame, records: Records) -> pd.Series:
    """Return the business days from the deadline to the completion, or to now, by each incident's calendar."""
    return by_calendar(
        table, records.settings, lambda part, calendar: business_days_between(part["due_at"], part["until"], calendar)
    )


def _state(table: pd.DataFrame, complete: pd.Series, as_of: pd.Timestamp) -> pd.Series:
    """Return the state of each post-mortem; a later line wins over an earlier one.

    A page that is complete and was declared not needed as well counts as complete if it says since when.
    """
    before_start = table["completed_at"].notna() & table["due_at"].isna()
    holds = {
        "open": pd.Series(True, index=table.index),
        "not resolved": table["due_at"].isna() & table["start_at"].isna(),
        "overdue": table["due_at"] < as_of,
        "no date": complete & table["completed_at"].isna(),
        "not needed": table["not_needed"].notna(),
        "late": table["completed_at"].notna(),
        "on time": (table["completed_at"] <= table["due_at"]) | before_start,
    }
    state = np.zeros(len(table), "int8")
    for number, rows in enumerate(holds.values()):
        state[rows.to_numpy()] = number
    return spelled(state, list(holds), table.index)


def within(states: pd.DataFrame, period: Period | None, records: Records) -> pd.DataFrame:
    """Return the rows whose clock started in a period, or all; incidents not resolved yet are in every period.

    >>> len(inc.within(inc.postmortem_states(records), inc.parse_period("2026-Q3"), records))
    7
    """
    if period is None:
        return states
    inside = period.contains(states["start_at"], records.settings.workbook.tz)
    return states[inside | states["start_at"].isna()]


def overdue(states: pd.DataFrame) -> pd.DataFrame:
    """Return the overdue post-mortems, the oldest first.

    >>> inc.overdue(inc.postmortem_states(records))["incident_id"].tolist()[:3]
    ['INC-2025-038', 'INC-2025-069', 'INC-2025-075']
    """
    return states[states["state"] == "overdue"].sort_values(["due_at", "incident_id"], kind="stable")


def not_resolved(states: pd.DataFrame) -> pd.DataFrame:
    """Return the major incidents that are not resolved, so that nothing is due for them yet.

    >>> inc.not_resolved(inc.postmortem_states(records))["incident_id"].tolist()
    ['INC-2026-081']
    """
    return states[states["state"] == "not resolved"]


def due_next(states: pd.DataFrame, records: Records, days: int = 5) -> pd.DataFrame:
    """Return the post-mortems that fall due within the next business days, the first first.

    >>> states = inc.postmortem_states(records)
    >>> inc.due_next(states, records)["incident_id"].tolist()
    ['INC-2026-078', 'INC-2026-080']
    """
    zone = records.settings.workbook.tz
    last = add_business_days(records.as_of.tz_convert(zone).date(), days, calendar_of(records.settings))
    coming = states[(states["state"] == "open") & (states["due_on"] <= pd.Timestamp(last))]
    return coming.sort_values(["due_at", "incident_id"], kind="stable")


def state_shares(states: pd.DataFrame) -> pd.DataFrame:
    """Return per state: its meaning, how many post-mortems, and their share of all major incidents.

    >>> inc.state_shares(inc.postmortem_states(records)).columns.tolist()
    ['state', 'meaning', 'incidents', 'share']
    """
    counts = states["state"].value_counts().reindex(list(STATES), fill_value=0)
    shares = counts / max(len(states), 1)
    return pd.DataFrame({
        "state": counts.index, "meaning": [MEANINGS[name] for name in counts.index],
        "incidents": counts.to_numpy(), "share": shares.to_numpy(),
    })  # fmt: skip


def completion_times(states: pd.DataFrame, as_of: pd.Timestamp) -> pd.DataFrame:
    """Return how long each post-mortem took, or has been taking: incident_id, severity, …, days (float), finished.

    Counted from the clock's start in calendar days; ``due_days`` is how many the deadline gave. Left out, since nothing
    can be said of how long they take: those declared not needed, those complete without a date (missing data, not
    open), and incidents not resolved. Records without any page tell nothing of how long pages take: no row.

    >>> states = inc.postmortem_states(records)
    >>> inc.completion_times(states, records.as_of)["finished"].value_counts().to_dict()
    {True: 32, False: 11}
    """
    known = states[states["start_at"].notna() & ~states["state"].isin(["not needed", "no date", "not resolved"])]
    known = known if states["has_page"].any() else known.head(0)
    finished = known["completed_at"].notna()
    days = (known["completed_at"].where(finished, as_of) - known["start_at"]) / DAY
    due_days = (known["due_at"] - known["start_at"]) / DAY
    kept = known[["incident_id", "severity", "customers", "quarter", "team", "start_at"]]
    return kept.assign(days=days.clip(lower=0), finished=finished, due_days=due_days).reset_index(drop=True)


def completion_curve_table(times: pd.DataFrame) -> pd.DataFrame:
    """Return the Kaplan–Meier curve of completion (see ``survival.kaplan_meier``), with open ones counted.

    >>> states = inc.postmortem_states(records)
    >>> inc.completion_curve_table(inc.completion_times(states, records.as_of)).columns.tolist()
    ['time', 'at_risk', 'events', 'censored', 'survival', 'std_error', 'lower', 'upper']
    """
    return kaplan_meier(times["days"].to_numpy(), times["finished"].to_numpy())


def overdue_sentence(states: pd.DataFrame) -> str:
    """Return the report's answer: how many are overdue, and the oldest; or that the records hold no page at all.

    >>> print(inc.overdue_sentence(inc.postmortem_states(records)))
    9 of 46 post-mortems are overdue; the oldest, INC-2025-038, by 275 business days.
    """
    late, total = overdue(states), len(states)
    if not total:
        return "No major incident in the records of this period, so no post-mortem was due."
    if not states["has_page"].any() and not late.empty:
        return (
            f"The records hold no post-mortem page for any of {plural(total, 'major incident')}: "
            f"{len(late):,} are past the deadline that the settings give, the oldest since "
            f"{late['due_on'].iloc[0]:%Y-%m-%d}."
        )
    if late.empty:
        return f"None of {total:,} post-mortems is overdue."
    oldest = late.iloc[0]
    return (
        f"{len(late):,} of {total:,} post-mortems {'is' if len(late) == 1 else 'are'} overdue; "
        f"the oldest, {oldest['incident_id']}, by {plural(int(oldest['days_late']), 'business day')}."
    )


def on_time_sentence(states: pd.DataFrame) -> str:
    """Return how many of all major incidents whose deadline has passed had their post-mortem in time.

    >>> print(inc.on_time_sentence(inc.postmortem_states(records)))
    25 of 41 major incidents whose deadline has passed had a complete post-mortem by then ...
    """
    judged = states[states["state"].isin(JUDGED)]
    if judged.empty:
        return "No deadline has passed yet, so nothing can be said about being on time."
    if not states["has_page"].any():
        return (
            "Whether they were written, and when, can't be measured here: these records tell of the incidents and "
            "nothing of what followed them."
        )
    kept = int((judged["state"] == "on time").sum())
    without = int((~judged["has_page"]).sum())
    return (
        f"{kept} of {len(judged)} major incidents whose deadline has passed had a complete post-mortem by then "
        f"({kept / len(judged):.0%}); {without} of them {'has' if without == 1 else 'have'} no page at all."
    )


def duration_sentence(times: pd.DataFrame) -> str:
    """Return how long a post-mortem takes with the open ones counted, with its interval and n.

    >>> states = inc.postmortem_states(records)
    >>> print(inc.duration_sentence(inc.completion_times(states, records.as_of)))
    Half of the post-mortems are complete within 6.2 calendar days (95 % interval 5.7 to 11.3) ...
    """
    if times.empty:
        return "How long a post-mortem takes can't be told: the records hold no page of one."
    found, open_ones = median(completion_curve_table(times)), int((~times["finished"]).sum())
    counted = f"(n = {len(times):,}, {open_ones:,} still open)"
    if found.value is None:
        return f"Fewer than half of the post-mortems were ever completed, so there is no typical time {counted}."
    upper = "no upper limit" if found.upper is None else f"{found.upper:.1f}"
    lower = 0.0 if found.lower is None else found.lower
    return (
        f"Half of the post-mortems are complete within {found.value:.1f} calendar days "
        f"(95 % interval {lower:.1f} to {upper}) {counted}."
    )


def not_counted_sentence(states: pd.DataFrame) -> str:
    """Return which major incidents the curve leaves out, and why.

    >>> print(inc.not_counted_sentence(inc.postmortem_states(records)))
    Not in the curve: 1 declared not needed, 1 complete without saying since when (missing ...
    """
    if not states["has_page"].any():
        return (
            "There is no curve, since without a page nothing tells a post-mortem that is late from one kept elsewhere."
        )
    counts = {state: int((states["state"] == state).sum()) for state in ("not needed", "no date", "not resolved")}
    reasons = {"not needed": "declared not needed", "no date": "complete without saying since when (missing data)",
               "not resolved": "not resolved yet"}  # fmt: skip
    told = [f"{count} {reasons[state]}" for state, count in counts.items() if count]
    return f"Not in the curve: {', '.join(told)}." if told else "Every major incident is in the curve."


def plural(count: int, noun: str) -> str:
    """Return a count with its noun: "1 business day", "3 business days"."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
