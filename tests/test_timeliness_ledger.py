"""What changed since a time, as an identity; and an earlier time's knowledge, which later records don't change."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from factories import page
from hypothesis import given, settings
from hypothesis import strategies as st

from incident_lib.errors import ReportError
from incident_lib.records import Records
from incident_lib.settings import Settings
from incident_lib.tables import SEVERITIES, TABLES, TIMELINE
from incident_lib.timeliness.overdue_ledger import (
    TERMS,
    ledger_of,
    ledger_rows,
    ledger_sentence,
    ledger_since,
    ledger_table,
    records_at,
)
from incident_lib.timeliness.states import postmortem_states

START = pd.Timestamp("2026-01-05T12:00:00Z")  # a Monday
DAY = pd.Timedelta(days=1)
END = 90


@st.composite
def histories(draw):
    """Draw one incident's life in days since the start: declared, raised or lowered, resolved, written, ended."""
    begun = draw(st.integers(0, 60))
    created = draw(st.none() | st.integers(begun, 80))
    later = st.none() | st.integers(created or 0, END - 1)
    excused = draw(st.booleans()) if created is not None else False
    changes = draw(st.lists(st.tuples(st.integers(begun, 85), st.sampled_from(SEVERITIES)), max_size=2))
    return {
        "begun": begun,
        "severities": [(begun, draw(st.sampled_from(SEVERITIES))), *changes],
        "resolved": draw(st.none() | st.integers(begun, 85)),
        "created": created,
        "completed": draw(later) if created is not None and not excused else None,
        "excused": draw(st.integers(created, END - 1)) if excused else None,
    }  # fmt: skip


def at(day):
    """Return the time of a day of the stream."""
    return None if day is None else START + day * DAY


def records_of(lives) -> Records:
    """Return the records that the lives leave behind, as known at the end."""
    tables = {table.name: [] for table in TABLES}
    for number, life in enumerate(lives):
        name = f"INC-{number}"
        highest = min((severity for _, severity in life["severities"]), key=SEVERITIES.index)
        tables["incidents"].append({"incident_id": name, "severity": highest, "first_seen_at": at(life["begun"]),
                                    "started_at": at(life["begun"]), "resolved_at": at(life["resolved"])})  # fmt: skip
        tables["timeline"] += [{"incident_id": name, "at": at(day), "kind": "severity", "severity": severity}
                               for day, severity in life["severities"]]  # fmt: skip
        if life["created"] is not None:
            done = life["completed"] is not None or life["excused"] is not None
            tables["postmortems"].append({
                "incident_id": name, "owner": "Priya Raman", "created_at": at(life["created"]),
                "completed_at": at(life["completed"]), "closed_at": at(life["excused"]),
                "status": "closed" if life["excused"] is not None else "in review" if done else "draft",
                "not_needed": "duplicate" if life["excused"] is not None else None,
            })  # fmt: skip
    frames = {table.name: table.frame(tables[table.name]) for table in TABLES}
    frames["timeline"] = TIMELINE.conform(frames["timeline"]).sort_values("at", kind="stable")
    return Records(folder=Path(), settings=Settings(), as_of=at(END), sources={}, **frames)


def overdue_by_hand(life, day) -> bool:
    """Tell, in plain Python, whether a life's post-mortem is overdue on a day (at noon)."""
    known = [severity for since, severity in life["severities"] if since <= day]
    if not known or life["resolved"] is None or life["resolved"] > day:
        return False
    if min(known, key=SEVERITIES.index) not in ("critical", "high"):
        return False
    if any(life[end] is not None and life[end] <= day for end in ("completed", "excused")):
        return False
    due, left = life["resolved"], 5
    while left:
        due += 1
        left -= due % 7 < 5  # day 0 is a Monday
    return day > due


@settings(max_examples=60, deadline=None)
@given(st.lists(histories(), max_size=12), st.integers(0, END - 1))
def test_the_account_of_any_stream_of_events_adds_up(lives, day):
    """Overdue now = then + new − completed − not needed − reclassified; both ends as counted by hand."""
    records = records_of(lives)
    ledger = ledger_since(records, at(day).isoformat())
    lists = {term: set(ledger.lists[term]) for term in TERMS}

    assert ledger.holds
    assert lists["overdue then"] == {f"INC-{number}" for number, life in enumerate(lives) if overdue_by_hand(life, day)}
    assert lists["overdue now"] == {f"INC-{number}" for number, life in enumerate(lives) if overdue_by_hand(life, END)}
    gone = [lists[term] for term in TERMS[2:5]]
    assert sum(map(len, gone)) == len(set.union(*gone))
    assert set.union(*gone) <= lists["overdue then"] | lists["newly overdue"]
    assert not lists["newly overdue"] & lists["overdue then"]
    for name in lists["completed"]:
        assert day < lives[int(name[4:])]["completed"] <= END
    for name in lists["not needed"]:
        assert day < lives[int(name[4:])]["excused"] <= END
    assert str(len(lists["overdue now"])) in ledger_sentence(ledger)


@settings(max_examples=30, deadline=None)
@given(st.lists(histories(), max_size=8), st.integers(0, END - 1), st.integers(0, END - 1))
def test_what_was_known_does_not_depend_on_what_came_later(lives, one, other):
    """An earlier day's states are the same from the records of any later day."""
    then, between = sorted((one, other))
    records = records_of(lives)
    directly = postmortem_states(records_at(records, at(then)))

    pd.testing.assert_frame_equal(directly, postmortem_states(records_at(records_at(records, at(between)), at(then))))


def test_each_term_is_a_list_with_its_reason(loaded):
    """One was completed late in between, so it appears twice: as newly overdue, and as completed."""
    late = page("completed_at: 2026-03-12T12:00:00Z\n", status="in review")
    records = loaded(late, page(incident="INC-2026-043"), as_of="2026-03-13")
    ledger = ledger_since(records, "2026-03-06")
    rows = ledger_rows(ledger, postmortem_states(records))

    assert rows[["term", "incident_id"]].to_numpy().tolist() == [
        ["newly overdue", "INC-2026-042"], ["newly overdue", "INC-2026-043"], ["completed", "INC-2026-042"],
    ]  # fmt: skip
    assert rows["why"].iloc[0] == "its deadline passed"
    assert ledger_table(ledger)["count"].tolist() == [0, 2, 1, 0, 0, 1]


def test_a_late_record_is_newly_overdue_and_says_why():
    """What was not recorded then, though it was already due, is told apart from a deadline that passed."""
    states = pd.DataFrame({"incident_id": ["a", "b"], "state": "overdue", "due_at": [START - DAY, START + DAY]})
    ledger = ledger_of(states.head(0), states, START, START + 2 * DAY)

    assert ledger.holds
    assert [ledger.reasons[name] for name in ("a", "b")] == [
        "it was not recorded, or not major, at the earlier time", "its deadline passed",
    ]  # fmt: skip


def test_a_severity_that_is_taken_back_is_reclassified():
    """No longer major: it leaves the overdue ones, and is neither completed nor excused."""
    states = pd.DataFrame({"incident_id": ["a"], "state": ["overdue"], "due_at": [START]})
    ledger = ledger_of(states, states.head(0), START, START + DAY)

    assert ledger.lists["reclassified"] == ["a"] and ledger.holds


def test_since_must_lie_before(loaded):
    """An account needs two different times; without one it goes back a week."""
    records = loaded(page(), as_of="2026-03-13")

    with pytest.raises(ReportError, match="not before the report's own time"):
        ledger_since(records, "2026-03-13")
    assert ledger_since(records).since == records.as_of - 7 * DAY
