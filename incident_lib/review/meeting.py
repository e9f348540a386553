"""The incident commanders' meeting: a period's incidents, and the sentences that open the report."""

from __future__ import annotations

import pandas as pd

from incident_lib.periods import Period
from incident_lib.records import Records
from incident_lib.review.conformance import most_broken, went_by_the_book
from incident_lib.tables import SEVERITIES
from incident_lib.words import counted


def incidents_in(records: Records, period: Period) -> pd.DataFrame:
    """Return the incidents that began (or were first seen) in a period, oldest first.

    >>> len(inc.incidents_in(records, inc.parse_period("2026-Q3")))
    25
    """
    began = records.incidents["started_at"].fillna(records.incidents["first_seen_at"])
    every = records.incidents.assign(began_at=began)  # first: a column assigned to no rows would bring its own
    inside = every[period.contains(began, records.settings.workbook.tz)]
    return inside.sort_values(["began_at", "incident_id"], kind="stable").reset_index(drop=True)


def incidents_until(records: Records, until: pd.Timestamp) -> pd.DataFrame:
    """Return all incidents that began before a time, oldest first.

    >>> len(inc.incidents_until(records, records.as_of))
    160
    """
    began = records.incidents["started_at"].fillna(records.incidents["first_seen_at"])
    table = records.incidents.assign(began_at=began)[began < until]
    return table.sort_values(["began_at", "incident_id"], kind="stable").reset_index(drop=True)


def severity_counts(now: pd.DataFrame, before: pd.DataFrame) -> pd.DataFrame:
    """Return incidents per severity: in the period, and in the one before; "unstated" where no source states it.

    >>> now, before = (inc.incidents_in(records, inc.parse_period(name)) for name in ("2026-Q3", "2026-Q2"))
    >>> inc.severity_counts(now, before)["severity"].tolist()
    ['critical', 'high', 'medium', 'low']
    """
    counts = [frame["severity"].astype("str").fillna("unstated").value_counts() for frame in (now, before)]
    names = [*SEVERITIES, "unstated"]
    table = pd.DataFrame({"incidents": counts[0], "the period before": counts[1]}).reindex(names).fillna(0).astype(int)
    table = table.rename_axis("severity").reset_index()
    return table[(table["severity"] != "unstated") | (table["incidents"] + table["the period before"] > 0)]


def review_sentence(period: Period, incidents: pd.DataFrame, results: pd.DataFrame) -> str:
    """Return the review's answer: how many incidents, how many went by the book, which rule was broken most.

    >>> month = inc.parse_period("2026-09")
    >>> incidents = inc.incidents_in(records, month)
    >>> print(inc.review_sentence(month, incidents, inc.rule_results(records, incidents)))
    11 incidents began in 2026-09, 5 of them major. None of 5 went by the book; most often ...
    """
    if incidents.empty:
        return f"No incident began in {period.name}."
    major = results["incident_id"].nunique()
    first = f"{counted(len(incidents), 'incident')} began in {period.name}, {major} of them major."
    if not major:
        return f"{first} So no post-mortem was asked for."
    worst, book = most_broken(results).iloc[0], len(went_by_the_book(results))
    if not results["state"].isin(["kept", "broken"]).any():
        return f"{first} Whether the process was kept: cannot tell, as the records hold no evidence either way."
    if not worst["broken"]:
        mostly = results["state"].eq("unknown").sum() > results["state"].isin(["kept", "broken"]).sum()
        rest = ", which for most rules is not at all" if mostly else ""
        return f"{first} No rule of the process was broken, as far as the records tell{rest}."
    often = f"{worst['broken']} of {worst['judged']} times"
    return f"{first} {_kept(book, major)}; most often broken was “{worst['rule']}”, {often}."


def _kept(book: int, major: int) -> str:
    return f"{book if book else 'None'} of {major} went by the book"


def unknown_sentence(results: pd.DataFrame) -> str:
    """Return how much of the process can't be judged from the records.

    >>> incidents = inc.incidents_in(records, inc.parse_period("2026-09"))
    >>> print(inc.unknown_sentence(inc.rule_results(records, incidents)))
    Of 66 judgements that are due, 36 are kept, 7 broken, and 23 unknown: no record would show it.
    """
    if results.empty:
        return "There was nothing to judge the process by."
    asked = results[~results["state"].isin(["not asked", "not yet"])]
    unknown = int((asked["state"] == "unknown").sum())
    return (
        f"Of {len(asked):,} judgements that are due, {int((asked['state'] == 'kept').sum()):,} are kept, "
        f"{int((asked['state'] == 'broken').sum()):,} broken, and {unknown:,} unknown: no record would show it."
    )


def open_sentence(period: Period, records: Records) -> str:
    """Return that the period is not over, or nothing if it is.

    >>> inc.open_sentence(inc.parse_period("2026-Q4"), records)
    '2026-Q4 is not over: this is what was known on 2026-10-01 03:59 UTC.'
    """
    end = period.bounds(records.settings.workbook.tz)[1]
    return (
        ""
        if records.as_of >= end
        else f"{period.name} is not over: this is what was known on {records.as_of:%Y-%m-%d %H:%M} UTC."
    )


def summary_page(*sentences: str) -> list[str]:
    """Return the sentences of the one-page summary that have something to say.

    >>> inc.summary_page("Three are overdue.", "", "None is due today.")
    ['Three are overdue.', 'None is due today.']
    """
    return [sentence for sentence in sentences if sentence]
