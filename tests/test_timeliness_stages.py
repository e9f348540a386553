"""Stages, groups, what becomes of open ones, and whether it is getting better."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from factories import page

from incident_lib.periods import parse_period
from incident_lib.statistics.comparison import ERROR
from incident_lib.statistics.survival import Chance, Quantile
from incident_lib.timeliness import forecasts, groups, stages, trends, turns
from incident_lib.timeliness.states import completion_times, duration_sentence, not_counted_sentence, postmortem_states

LIFE = """assigned_at: 2026-03-03T12:00:00Z
completed_at: 2026-03-06T12:00:00Z
reviewed_at: 2026-03-10T12:00:00Z
meeting: {at: 2026-03-09T14:00:00Z}
"""
NOT_NEEDED = "not_needed: duplicate of INC-2026-041\nclosed_at: 2026-03-04T14:00:00Z\n"


def table_of(records):
    """Return the stages by name."""
    times = stages.stage_times(records, postmortem_states(records))
    return stages.stage_table(times).set_index("stage"), times.set_index("stage")


def test_each_stage_is_measured_between_its_own_two_times(loaded):
    """A page that was reviewed and is not closed is in the last stage still."""
    table, times = table_of(loaded(page(LIFE, status="reviewed"), as_of="2026-03-20T12:00:00Z"))

    assert times["days"].round(2).to_dict() == {
        "until the page is there": 0.04, "until an owner is named": 0.92, "until the meeting": 7.0, "the draft": 3.0,
        "in review": 4.0, "from review to close": 10.0,
    }  # fmt: skip
    assert table[["done", "running", "no_date"]].to_numpy().tolist() == [[1, 0, 0]] * 5 + [[0, 1, 0]]


def test_a_stage_that_is_over_without_a_date_is_missing_data(loaded):
    """A closed page without times is in no curve, and counted as having none."""
    table, times = table_of(loaded(page(status="closed", created_at="2026-03-02T15:00:00Z"), as_of="2026-03-20"))

    assert table.loc["until the meeting", ["counted", "no_date"]].tolist() == [0, 1]
    assert not times.loc["until an owner is named", "known"]
    assert "until the meeting" not in stages.stage_curves_table(times.reset_index())


def test_a_meeting_that_lies_ahead_has_not_been_held(loaded):
    """It is planned: the stage goes on."""
    table, _ = table_of(loaded(page("meeting: {at: 2026-03-09T14:00:00Z}\n"), as_of="2026-03-05"))

    assert table.loc["until the meeting", ["done", "running"]].tolist() == [0, 1]


def test_not_needed_is_another_end_and_not_a_wait(loaded):
    """It is in no stage and no curve of completion; of what became of them it is its own share."""
    records = loaded(
        page(NOT_NEEDED, status="closed"), page(incident="INC-2", more=LIFE, status="reviewed"), as_of="2026-04-01"
    )
    states = postmortem_states(records)
    fates = stages.fates(states, records.as_of, days=(1, 3, 30))

    assert sorted(states["state"]) == ["not needed", "on time"]
    assert fates[["share_complete", "share_not_needed", "share_open"]].to_numpy().tolist() == [
        [0, 0, 1],
        [0, 0.5, 0.5],
        [0.5, 0.5, 0],
    ]
    assert fates["at_risk"].tolist() == [2, 1, 0]
    assert len(completion_times(states, records.as_of)) == 1
    assert not_counted_sentence(states) == "Not in the curve: 1 declared not needed."


def test_not_needed_is_not_known_before_the_page_was_closed(loaded):
    """Nobody wrote down when it was declared, so an earlier day doesn't know it."""
    assert postmortem_states(loaded(page(NOT_NEEDED, status="closed"), as_of="2026-03-03"))["state"].tolist() == [
        "open"
    ]


def states_of(*rows):
    """Return states of several incidents, each given as (group, state, days, finished)."""
    names = [f"INC-{number}" for number in range(len(rows))]
    states = pd.DataFrame(
        {"incident_id": names, "team": [row[0] for row in rows], "state": [row[1] for row in rows], "has_page": True}
    )
    columns = {
        "team": [row[0] for row in rows],
        "days": [float(row[2]) for row in rows],
        "finished": [row[3] for row in rows],
    }
    times = pd.DataFrame({"incident_id": names, **columns})
    return states, times


def test_groups_under_five_have_no_rate():
    """Four of a team say nothing of the team, and would say it of somebody."""
    few, many = [("A", "on time", 3, True)] * 4, [("B", "late", 9, True)] * 5
    table = groups.by_group(*states_of(*few, *many), "team").set_index("team")

    assert table.loc["A", ["share", "in_time"]].isna().all() and table.loc["A", "typical"] == "fewer than 5"
    assert table.loc["B", ["share", "in_time", "typical"]].tolist() == [0.0, 0, "9.0 (from 9.0)"]


def test_an_incident_of_two_customers_counts_for_both(loaded):
    """And one that names nobody for nobody."""
    records = loaded(page("customers: [Blue Heron Press, Halyard Freight]\n"), page(incident="INC-2"))
    states = postmortem_states(records)
    table = groups.by_group(states, completion_times(states, records.as_of), "customers")

    assert table[["customers", "incidents"]].to_numpy().tolist() == [["Blue Heron Press", 1], ["Halyard Freight", 1]]


def test_records_without_any_page_tell_nothing_of_how_long_pages_take(loaded):
    """Incidents alone are no evidence against anybody: no rate, no curve, no chance."""
    rows = "".join(f"INC-{number},x,high,2026-03-02T14:00:00Z\n" for number in range(8))
    records = loaded(files={"incidents.csv": "incident_id,title,severity,resolved_at\n" + rows})
    states = postmortem_states(records)
    times = completion_times(states, records.as_of)

    assert times.empty and "no page" in duration_sentence(times)
    table = groups.by_group(states, times, "severity")
    assert table["share"].isna().all() and table["typical"].tolist() == ["no page in the records"]
    assert forecasts.outlook(times, states).empty
    assert trends.trend(records, parse_period("2026-Q1"))["sentence"].iloc[0].startswith("Cannot tell: 0 post-mortems")


def test_groups_are_told_apart_only_beyond_chance():
    """Twenty fast and twenty slow ones differ; two halves of one kind don't."""
    fast, slow = (
        [("A", "on time", day, True) for day in range(1, 21)],
        [("B", "late", 30 + day, True) for day in range(20)],
    )

    assert "differ by more than chance" in groups.difference_sentence(states_of(*fast, *slow)[1], "team", "team")
    both = states_of(*[("A", "", day, True) for day in range(1, 9)], *[("B", "", day, True) for day in range(1, 9)])[1]
    assert "cannot tell them apart" in groups.difference_sentence(both, "team", "team")
    assert "nothing to compare" in groups.difference_sentence(both.head(3), "team", "team")
    assert list(groups.group_times(both, "team", most=1)) == ["A"]


@pytest.mark.parametrize(
    ("found", "text"),
    [
        (Quantile(6.2, 4.9, 12.4), "6.2 (4.9 to 12.4)"),
        (Quantile(6.2, 4.9, None), "6.2 (from 4.9)"),
        (Quantile(None, 10.0, None), "not reached (from 10.0)"),
        (Quantile(None, None, None), "not reached"),
    ],
)
def test_a_typical_time_is_short_and_keeps_its_limits(found, text):
    """Also where only one of them is known."""
    assert groups.short(found) == text


def test_what_is_open_is_judged_by_those_that_were_as_old():
    """Of ten, those still open at five days: the share of these that was done within the week after."""
    rows = [("A", "on time", day, True) for day in (1, 2, 3, 4, 6, 7, 9, 20)] + [
        ("A", "open", 5, False),
        ("A", "overdue", 50, False),
    ]
    states, times = states_of(*rows)
    table = forecasts.outlook(times, states.assign(title="x"))

    assert table[["days", "older"]].to_numpy().tolist() == [[5.0, 6], [50.0, 1]]
    assert table["within_7"].tolist()[0].startswith("60% (") and table["within_7"].tolist()[1].startswith("can't tell")
    assert forecasts.outlook_sentence(table).endswith("the oldest by 1 (itself).")


@pytest.mark.parametrize(
    ("chance", "text"),
    [(Chance(0.5, 0.25, 0.75), "50% (25% to 75%)"), (Chance(None, 0.1, 1.0), "at least 10%"),
     (Chance(None, 0.0, 1.0), "can't tell: none was seen that long")],
)  # fmt: skip
def test_a_chance_comes_with_what_is_known_of_it(chance, text):
    """A number with its interval, a lower limit, or neither."""
    assert forecasts.in_words(chance) == text


def times_of(days, finished):
    return pd.DataFrame({"days": np.asarray(days, float), "finished": np.asarray(finished, bool)})


def test_the_pace_is_that_of_a_proportional_hazards_model():
    """Near Cox's hazard ratio, and significant exactly when the log-rank test is; on 40 simulated pairs."""
    duration = pytest.importorskip("statsmodels.duration.hazard_regression")
    rng = np.random.default_rng(5)
    for factor in (1.0, 1.3) * 20:
        days, later = rng.exponential(10, 120) / np.repeat([1, factor], 60), np.repeat([False, True], 60)
        finished = days < 25
        days = np.minimum(days, 25)
        found = trends.pace(days, finished, later)
        cox = duration.PHReg(days, later.astype(float)[:, None], status=finished).fit()
        assert math.log(found.ratio) == pytest.approx(cox.params[0], abs=0.05)
        compared = trends.pace_change(
            times_of(days[~later], finished[~later]), times_of(days[later], finished[later]), noun="pages"
        )
        assert (compared.p <= ERROR) == (not found.lower <= 1 <= found.upper)


def test_unchanged_periods_are_seldom_called_changed():
    """In 400 pairs of 25, a fifth still open, some 5 % are; and a halving of the time is mostly seen at 60."""
    rng = np.random.default_rng(6)

    def verdicts(n, factor, runs):
        for _ in range(runs):
            parts = [rng.lognormal(2, 1, n), rng.lognormal(2, 1, n) / factor]
            yield trends.pace_change(
                *(times_of(np.minimum(part, 18), part < 18) for part in parts), noun="pages"
            ).verdict

    assert np.mean([verdict != "cannot tell" for verdict in verdicts(25, 1, 400)]) < 0.08
    assert np.mean([verdict == "improved" for verdict in verdicts(60, 2, 60)]) > 0.7


def test_a_trend_names_its_periods_and_what_it_could_have_noticed(loaded):
    """Few post-mortems: cannot tell, and the smallest change that so many could show."""
    pages = [page(LIFE, incident=f"INC-{number}", status="reviewed") for number in range(6)]
    old = [
        text.replace("2026-03", "2025-11")
        for text in (page(LIFE, incident=f"INC-1{n}", status="reviewed") for n in range(6))
    ]
    records = loaded(*pages, *old, as_of="2026-06-01")
    table = trends.trend(records, parse_period("2026-Q1")).set_index("question")

    assert table.loc["complete by the deadline", ["before", "after", "verdict"]].tolist() == [6, 6, "cannot tell"]
    assert "you would reliably notice only" in table.loc["complete by the deadline", "sentence"]
    assert trends.trend_sentence(records, parse_period("2026-Q1")) == (
        "Compared: 2026-01-01 to 2026-03-31 with 2025-10-01 to 2025-12-31 before it."
    )
    assert trends.two_periods(records, None)[1].name == "2025-12-03..2026-05-31"


def test_whose_turn_follows_the_step_and_names_no_one_in_vain(loaded):
    """Nobody yet, then the on-call person, then the owner; a complete page is nobody's turn."""
    row = "incident_id,title,severity,resolved_at\nINC-1,DNS,high,2026-03-02T14:00:00Z\n"
    records = loaded(page(), page(incident="INC-2", owner=None), files={"incidents.csv": row}, as_of="2026-04-01")

    assert turns.whose_turn(records).to_dict() == {
        "INC-1": "the on-call person, to create the page", "INC-2": "the on-call person, to name an owner",
        "INC-2026-042": "Priya Raman, to complete the page",
    }  # fmt: skip


def test_waiting_steps_are_counted_by_step_and_team(loaded):
    """Each step that waits, its role and name; the counts add up, and hold no rate."""
    settings = '[[people]]\nname = "Priya Raman"\nteam = "Mail"\n'
    records = loaded(page(), page(incident="INC-2", owner=None), settings=settings, as_of="2026-04-01")
    waiting = turns.waiting_steps(records)
    by_step, by_team = turns.steps_by_turn(waiting), turns.waiting_by_team(waiting, records)

    assert by_step["waiting"].sum() == len(waiting) == by_team.drop(columns="team").to_numpy().sum()
    assert set(by_team["team"]) == {"Mail", "no owner yet"}
    assert "Priya Raman" in waiting.loc[waiting["whose"] == "owner", "who"].tolist()
    assert turns.waiting_by_team(waiting.head(0), records).empty
