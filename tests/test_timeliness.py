"""Post-mortems against their deadlines, follow-up steps, response durations, and the review of a period."""

from __future__ import annotations

import math
from zoneinfo import ZoneInfo

import pandas as pd
import pytest
from factories import HOUR, NOON, page
from hypothesis import given, settings
from hypothesis import strategies as st

from incident_lib.column_texts import translated
from incident_lib.errors import SettingsError
from incident_lib.follow_up.states import state_counts, step_states
from incident_lib.periods import Period, parse_period, period_of, quarters_of
from incident_lib.review import meeting as review
from incident_lib.review import response
from incident_lib.review.response import TIME_TO_RESOLVE, WHOLE, durations, honest_median
from incident_lib.timeliness import states as timeliness

BERLIN = ZoneInfo("Europe/Berlin")
DUE = "2026-03-09T23:59:59Z"  # five business days after Monday 2 March


def state_of(records) -> str:
    """Return the state of the one post-mortem."""
    return timeliness.postmortem_states(records)["state"].iloc[0]


@pytest.mark.parametrize(
    ("changes", "as_of", "state"),
    [
        ({"more": f"completed_at: {DUE}\n", "status": "in review"}, "2026-04-01", "on time"),
        ({"more": "completed_at: 2026-03-10T00:00:00Z\n", "status": "in review"}, "2026-04-01", "late"),
        ({}, "2026-03-09", "open"),
        ({}, "2026-03-10T00:00:00Z", "overdue"),
        ({"resolved_at": None}, "2026-04-01", "not resolved"),
        ({"status": "reviewed"}, "2026-04-01", "no date"),
        ({"more": "not_needed: duplicate of INC-2026-041\n"}, "2026-04-01", "not needed"),
    ],
)
def test_each_post_mortem_is_in_exactly_one_state(loaded, changes, as_of, state):
    """On time to the last second, late after it; open, not resolved, without a date and not needed are told apart."""
    assert state_of(loaded(page(**changes), as_of=as_of)) == state


def test_a_major_incident_without_a_page_is_overdue(loaded):
    """No page counts, and it is the on-call person's turn; of records without any page nothing more is claimed."""
    head, at = "incident_id,title,severity,resolved_at", "2026-03-02T14:00:00Z"
    row = f"{head}\nINC-2026-050,DNS,high,{at}\nINC-2026-051,x,low,{at}\n"
    states = timeliness.postmortem_states(loaded(files={"incidents.csv": row}, as_of="2026-04-01"))

    assert states["incident_id"].tolist() == ["INC-2026-050"]
    assert states["turn"].iloc[0] == "the on-call person, to create the page"
    assert timeliness.overdue_sentence(states).startswith("The records hold no post-mortem page for any of 1 major")
    assert "can't be measured here" in timeliness.on_time_sentence(states)

    both = timeliness.postmortem_states(loaded(page(), files={"incidents.csv": row}, as_of="2026-04-01"))
    assert timeliness.overdue_sentence(both) == (
        "2 of 2 post-mortems are overdue; the oldest, INC-2026-042, by 17 business days."
    )
    assert "1 of them has no page at all" in timeliness.on_time_sentence(both)


def test_what_falls_due_next_is_listed_by_business_days(loaded):
    """On Monday 2 March the deadline of 9 March is five business days away, on the Friday before it is not."""
    states = timeliness.postmortem_states(loaded(page(), as_of="2026-03-02"))

    assert len(timeliness.due_next(states, loaded(page(), as_of="2026-03-02"))) == 1
    assert len(timeliness.due_next(states, loaded(page(), as_of="2026-03-02"), days=4)) == 0


def test_the_open_ones_count_for_as_long_as_they_wait(loaded):
    """A post-mortem that is still open is kept with its time so far."""
    records = loaded(page(), as_of="2026-03-12T14:00:00Z")
    times = timeliness.completion_times(timeliness.postmortem_states(records), records.as_of)

    assert times[["days", "finished"]].to_numpy().tolist() == [[10.0, False]]
    assert timeliness.duration_sentence(times).startswith("Fewer than half")


def test_empty_records_still_give_sentences(loaded):
    """A quiet period is an answer."""
    states = timeliness.postmortem_states(loaded())

    assert "No major incident" in timeliness.overdue_sentence(states)
    assert "No deadline has passed" in timeliness.on_time_sentence(states)
    assert "can't be told" in timeliness.duration_sentence(timeliness.completion_times(states, NOON))


STEPS = """follow_up:
  page-created: {at: 2026-03-02T15:00:00Z, by: Priya Raman}
  internal-email: {at: 2026-03-09T15:00:00Z}
  slack-reviewed: {not_needed: there was no chat}
completed_at: 2026-03-09T12:00:00Z
meeting: {at: 2026-03-09T15:00:00Z}
action_items:
  - {title: restart web-07, touches: restart}
"""


def test_each_step_is_done_late_due_missing_or_not_needed(loaded):
    """The states of one incident's steps, as the records show them on the 11th."""
    states = step_states(loaded(page(STEPS, status="in review"), as_of="2026-03-11")).set_index("step")

    assert states["state"].to_dict() == {
        "page-created": "done", "owner-assigned": "unknown", "tasks-recorded": "missing", "slack-reviewed": "not needed",
        "customer-contacted": "missing", "internal-email": "late", "meeting-scheduled": "unknown", "page-completed": "done",
        "progress-checked": "not needed",
        "page-shared": "missing", "meeting-held": "missing", "external-message": "missing", "all-clear": "due",
        "closed": "due",
    }  # fmt: skip
    assert states.loc["internal-email", "days_late"] == 4
    assert states.loc["slack-reviewed", "because"] == "there was no chat"


def test_steps_that_are_not_asked_for_say_why(loaded):
    """A high incident that touches no customer system needs neither customer contact nor external message."""
    states = step_states(loaded(page(severity="high"), as_of="2026-03-11")).set_index("step")

    assert states.loc["customer-contacted", "because"].startswith("no customer was affected, and no action item touches")
    assert states.loc["external-message", "because"] == "only asked for critical incidents"
    assert state_counts(step_states(loaded(page())))["missing"].sum() > 0


def test_an_open_incident_keeps_its_minutes_so_far(incidents):
    """It stays in the table, marked unfinished."""
    table = durations(incidents(resolved_at=None), TIME_TO_RESOLVE, as_of=NOON + 3 * HOUR)

    assert table[["incident_id", "minutes", "finished"]].to_numpy().tolist() == [["INC-1", 180.0, False]]


def test_an_end_that_was_never_recorded_is_unknown_not_running(incidents):
    """A resolved incident without an acknowledgement is left out of that measure, and counted as unknown."""
    table = incidents(acknowledged_at=None)
    summary = response.duration_summary(table, as_of=NOON + 9 * HOUR).set_index("measure")

    assert durations(table, response.TIME_TO_ACKNOWLEDGE, as_of=NOON + 9 * HOUR).empty
    assert summary.loc[WHOLE.name, ["n", "median"]].tolist() == [1, 60.0]


def test_an_impossible_duration_is_not_believed(incidents):
    """It is kept in the table and left out of the median."""
    summary = response.duration_summary(incidents(resolved_at=NOON - HOUR), as_of=NOON + HOUR).set_index("measure")

    assert summary.loc[WHOLE.name, ["n", "left_out"]].tolist() == [0, 1]


@given(st.lists(st.floats(1, 1000), min_size=1, max_size=30), st.data())
def test_leaving_one_open_never_shortens_the_median(values, data):
    """An unfinished duration can only make the typical one longer, or not reached."""
    finished = pd.Series([True] * len(values))
    before = honest_median(pd.Series(values), finished)[0]
    finished[data.draw(st.integers(0, len(values) - 1))] = False
    after = honest_median(pd.Series(values), finished)[0]
    # Kaplan and Meier's median is a value that occurred, the usual one may lie halfway to the next smaller.
    lower = pd.Series(values).quantile(0.5, interpolation="lower")

    assert math.isnan(after) or after >= min(before, lower)


@pytest.mark.parametrize(
    ("text", "first", "last", "before"),
    [
        ("2026-Q3", "2026-07-01", "2026-09-30", "2026-Q2"),
        ("2026-q1", "2026-01-01", "2026-03-31", "2025-Q4"),
        ("2026-01", "2026-01-01", "2026-01-31", "2025-12"),
        ("2025", "2025-01-01", "2025-12-31", "2024"),
        ("2026-10-01..2026-10-10", "2026-10-01", "2026-10-10", "2026-09-21..2026-09-30"),
    ],
)
def test_periods_have_a_first_and_last_day_and_one_before(text, first, last, before):
    """Quarters, months, years and stretches of days."""
    period = parse_period(text)

    assert (str(period.first), str(period.last), period.before().name) == (first, last, before)


@pytest.mark.parametrize("text", ["2026-Q5", "2026-13", "soon", "2026-10-02..2026-10-01", "0000"])
def test_what_is_no_period_is_refused(text):
    """With the forms that are taken, or why it makes no sense."""
    with pytest.raises(SettingsError, match="period"):
        parse_period(text)


def test_a_period_is_made_of_local_days(loaded):
    """In Detroit, the last evening of March is in April by UTC and still belongs to the first quarter."""
    zone = loaded(settings='[workbook]\nzone = "America/Detroit"').settings.workbook.tz
    evening = pd.Series(pd.to_datetime(["2026-04-01T03:00:00Z"]))

    assert parse_period("2026-Q1").contains(evening, zone).all()
    assert isinstance(period_of(evening[0], zone), Period) and period_of(evening[0], zone).name == "2026-Q1"


def test_a_review_counts_its_period(loaded):
    """By severity, each in the period or the one before."""
    incidents = review.incidents_in(loaded(page(), as_of="2026-04-01"), parse_period("2026-Q1"))

    assert review.severity_counts(incidents, incidents.head(0))["incidents"].tolist() == [1, 0, 0, 0]


@settings(deadline=None)
@given(st.lists(st.none() | st.datetimes(*pd.to_datetime(["1990-01-02", "2100-12-30"]).to_pydatetime()), max_size=20))
def test_the_quarters_of_a_column_are_those_of_its_times(times):
    """All at once they come out as one by one, by the days of the zone; a missing time has none."""
    column = pd.Series(times, dtype="datetime64[us]").dt.tz_localize("UTC")
    expected = [period_of(time, BERLIN).name if pd.notna(time) else None for time in column]

    assert [name if isinstance(name, str) else None for name in quarters_of(column, BERLIN)] == expected


def test_a_text_is_found_among_known_ones_or_not_at_all():
    """What stands for it is given; a missing text, and one that nobody knows, stands for nothing."""
    teams = translated(pd.Series(["Ana", None, "Bo"], dtype="str"), {"Bo": "mail", "Ana": "dns"})

    assert teams.fillna("?").tolist() == ["dns", "?", "mail"]
    assert translated(pd.Series(["Ana"], dtype="str"), {}).isna().all()
