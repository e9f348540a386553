"""Which times can't be true: each rule finds what was planted, and nothing in ordinary records."""

from __future__ import annotations

import pandas as pd
import pytest

from incident_lib.forensics import findings
from incident_lib.tables import INCIDENTS, TIMELINE

MINUTE, DAY = pd.Timedelta(minutes=1), pd.Timedelta(days=1)
BEGIN = pd.Timestamp("2026-01-05T08:13:00Z")


def many(count: int = 40, **changes) -> pd.DataFrame:
    """Return ordinary incidents, 37 minutes long and a day and 7 minutes apart; ``changes`` take the number."""
    rows = []
    for number in range(count):
        start = BEGIN + number * (DAY + 7 * MINUTE)
        row = {"incident_id": f"INC-{number:03}", "source": f"a.csv line {number + 2}", "started_at": start,
               "detected_at": start + 3 * MINUTE, "resolved_at": start + 37 * MINUTE}  # fmt: skip
        rows.append({**row, **{name: change(number, row) for name, change in changes.items()}})
    return INCIDENTS.frame(rows)


def rules(incidents: pd.DataFrame, timeline: pd.DataFrame | None = None) -> list[str]:
    """Return the rules of what was found."""
    return findings(incidents, TIMELINE.frame() if timeline is None else timeline)["rule"].tolist()


def test_ordinary_records_give_no_finding():
    """Forty plain incidents, and none at all."""
    assert rules(many()) == [] and rules(many(0)) == []


def test_less_than_a_minute_is_rounding():
    """A tool that keeps minutes and one that keeps seconds don't contradict each other."""
    assert rules(many(1, detected_at=lambda _, row: row["started_at"] - pd.Timedelta(seconds=59))) == []
    assert rules(many(1, detected_at=lambda _, row: row["started_at"] - MINUTE)) == ["impossible-order"]


@pytest.mark.parametrize("years", [1, -1, 2])
def test_a_wrong_year_is_found_and_a_long_incident_is_not(years):
    """A year too much or too little, and days otherwise; an incident of five months is just long."""
    assert "wrong-year" in rules(many(1, resolved_at=lambda _, row: row["resolved_at"] + pd.DateOffset(years=years)))
    assert rules(many(1, resolved_at=lambda _, row: row["resolved_at"] + 150 * DAY)) == []


def test_ends_that_several_share_are_found():
    """Three to the minute, or two to the second."""
    end = BEGIN + 90 * DAY

    assert rules(many(4, resolved_at=lambda number, row: end if number < 3 else row["resolved_at"])) == ["shared-end"]
    assert rules(many(4, resolved_at=lambda number, row: end if number < 2 else row["resolved_at"])) == []
    exact = end + pd.Timedelta(seconds=7)
    assert rules(many(4, resolved_at=lambda number, row: exact if number < 2 else row["resolved_at"])) == ["shared-end"]


def test_starts_that_are_the_first_public_update_are_found():
    """Then the time to detection can't be measured; with real starts it can."""
    incidents = many()
    updates = TIMELINE.frame({"incident_id": row.incident_id, "at": row.started_at, "kind": "status", "text": "x"}
                             for row in incidents.itertuples())  # fmt: skip

    assert rules(incidents, updates) == ["backfilled-start"]
    assert rules(incidents, updates.assign(at=updates["at"] + MINUTE)) == []


def test_a_closing_timer_is_found():
    """Closed exactly five days after the resolution, in bulk."""

    def closed(number, row):
        return '{"closed_at": "' + (row["resolved_at"] + 5 * DAY + (number % 2) * MINUTE).isoformat() + '"}'

    found = findings(many(extra=closed), TIMELINE.frame())

    assert found["message"].iloc[0].startswith("20 of 40 incidents were closed exactly 5 days after their resolution")
    assert rules(many(extra=lambda number, row: closed(1, row))) == []


def test_a_pile_up_on_the_full_hour_is_found():
    """A quarter of the starts on the hour is no chance."""
    hour = {"started_at": lambda number, row: row["started_at"].floor("h") if number % 4 == 0 else row["started_at"]}

    assert rules(many(**hour)) == ["whole-hours"]
