"""Action items against their days, and what calls for care when the numbers are read."""

from __future__ import annotations

import pandas as pd
import pytest
from factories import page

from incident_lib.timeliness import action_items, careful_reading

HEAD = "action_items:\n"
FULL = "\n".join(f"## {name}\n\nSomething.\n" for name in careful_reading.PARTS)


def items_of(records) -> pd.DataFrame:
    """Return the action items by title."""
    return action_items.action_item_states(records).set_index("title")


@pytest.mark.parametrize(
    ("item", "state"),
    [
        ("due_on: 2026-03-06, status: done, done_on: 2026-03-06", "on time"),
        ("due_on: 2026-03-06, status: done, done_on: 2026-03-07", "late"),
        ("due_on: 2026-03-06", "overdue"),
        ("due_on: 2026-03-10", "open"),
        ("due_on: 2026-03-06, status: declined, done_on: 2026-03-05, because: too dear", "declined"),
        ("status: done", "no date"),
        ("kind: prevent", "no date"),
    ],
)
def test_each_action_item_is_in_exactly_one_state(loaded, item, state):
    """By its own day, to the end of it; without a day or a date it says so."""
    table = items_of(loaded(page(f"{HEAD}  - {{title: a, {item}}}\n"), as_of="2026-03-10"))

    assert table["state"].tolist() == [state]
    assert set(action_items.MEANINGS) == set(action_items.STATES)


RULES = (
    '[deadlines]\naction_items = { prevent = "10 calendar days" }\naction_item_priorities = { P1 = "2 business days" }'
)


@pytest.mark.parametrize(
    ("item", "due"),
    [
        ("kind: prevent, created_on: 2026-03-05", "2026-03-15"),
        ("kind: prevent, priority: P1, created_on: 2026-03-05", "2026-03-09"),
        ("kind: prevent, priority: P3, created_on: 2026-03-05", "2026-03-15"),
        ("kind: prevent, created_on: 2026-03-05, due_on: 2026-03-08", "2026-03-08"),
        ("kind: clean-up, created_on: 2026-03-05", "2026-03-12"),
    ],
)
def test_without_a_day_the_rule_gives_one(loaded, item, due):
    """By priority before kind, in business or calendar days; a stated day goes before both."""
    table = items_of(loaded(page(f"{HEAD}  - {{title: a, {item}}}\n"), settings=RULES))

    assert table["due_on"].dt.strftime("%Y-%m-%d").tolist() == [due]


def test_open_action_items_know_how_late_they_are(loaded):
    """Business days after the due day; an item without a day says so."""
    done = "  - {title: c, due_on: 2026-03-06, status: done, done_on: 2026-03-05}\n"
    items = f"{HEAD}  - {{title: a, due_on: 2026-03-06}}\n  - {{title: b}}\n{done}"
    table = action_items.open_action_items(loaded(page(items), as_of="2026-03-10"))

    assert table[["title", "state"]].to_numpy().tolist() == [["a", "overdue"], ["b", "no date"]]
    assert table["days_late"].iloc[0] == 2


def test_a_day_is_over_when_it_is_over_where_people_work(loaded):
    """On the evening of the sixth in Detroit it is the seventh by UTC, and nothing is overdue yet."""
    text = page(f"{HEAD}  - {{title: a, due_on: 2026-03-06}}\n")
    settings = '[workbook]\nzone = "America/Detroit"'

    assert items_of(loaded(text, as_of="2026-03-07T04:00:00Z", settings=settings))["state"].tolist() == ["open"]
    assert items_of(loaded(text, as_of="2026-03-07T05:00:00Z", settings=settings))["state"].tolist() == ["overdue"]


def many(*items: str) -> str:
    """Return a page with these action items, all written down on 2 March."""
    return page(
        HEAD + "".join(f"  - {{title: t{n}, created_on: 2026-03-02, {item}}}\n" for n, item in enumerate(items))
    )


def test_cohorts_count_the_open_ones_and_take_declined_for_another_end(loaded):
    """Two of five done in ten days, one declined before: two fifths are done by then, and the rest is open."""
    text = many("status: done, done_on: 2026-03-05", "status: done, done_on: 2026-03-12",
                "status: declined, done_on: 2026-03-04", "kind: detect", "kind: detect")  # fmt: skip
    records = loaded(text, as_of="2026-05-01")
    items = action_items.action_item_states(records)
    times = action_items.item_times(items, records.as_of, records.settings.workbook.tz)

    assert action_items.cohorts(items, times).to_dict("records") == [
        {"month": "2026-03", "created": 5, "done": 2, "declined": 1, "open": 2, "overdue": 2, "share": 0.4}
    ]
    curve = action_items.cohort_curves(times)["2026-03 (n = 5)"]
    assert curve[["time", "incidence"]].round(9).to_numpy().tolist() == [[2, 0], [3, 0.2], [10, 0.4]]
    assert set(curve["seen_until"]) == {60.0}
    assert action_items.declined_action_items(items)["title"].tolist() == ["t2"]
    assert action_items.overdue_action_items(items)["title"].tolist() == ["t3", "t4"]


def test_a_month_that_is_too_small_or_too_young_has_no_share(loaded):
    """Four items, and five of which none is thirty days old."""
    for text, as_of in ((many(*["kind: detect"] * 4), "2026-06-01"), (many(*["kind: detect"] * 5), "2026-03-20")):
        records = loaded(text, as_of=as_of)
        items = action_items.action_item_states(records)
        times = action_items.item_times(items, records.as_of, records.settings.workbook.tz)
        assert action_items.cohorts(items, times)["share"].isna().all()


def test_the_sentence_counts_and_gives_no_rate_of_few(loaded):
    """Of one item no per cent; of none a sentence."""
    few = action_items.action_item_states(loaded(many("due_on: 2026-03-06"), as_of="2026-04-01"))

    assert action_items.action_items_sentence(few) == (
        "Of 1 action items 1 are open, 1 of them past their day; of 1 whose day has come 0 were done by it."
    )
    assert action_items.action_items_sentence(few.head(0)) == "The records hold no action item."
    assert action_items.action_item_counts(few)["items"].sum() == 1


def found_in(records) -> dict[str, list[str]]:
    """Return the details of what calls for care, by pattern."""
    rows = careful_reading.care_rows(records)
    return {pattern: part["detail"].tolist() for pattern, part in rows.groupby("pattern")}


def done(number: int, day: str = "2026-03-05", **more: str) -> str:
    """Return a page that was completed on a day."""
    return page(
        f"completed_at: {day}T1{number}:00:00Z\n", body=FULL, incident=f"INC-{number}", status="in review", **more
    )


REVIEW = (
    "---\nreview: 2026-Q1\nheld_at: {day}T14:00:00Z\ndecisions:\n  - {{text: x, owner: a, decided_on: {day}}}\n---\n"
)


@pytest.mark.parametrize(
    ("day", "pattern"), [("2026-03-09", "closed together before a review"), ("2026-03-20", "closed together")]
)
def test_many_on_one_day_are_pointed_out(loaded, day, pattern):
    """Three pages of one day, and more so in the week before a review."""
    records = loaded(done(1), done(2), done(3), files={"reviews/2026-Q1.md": REVIEW.format(day=day)})

    assert found_in(records) == {pattern: ["page complete, with 2 other incidents"] * 3}
    assert "closed together" not in found_in(loaded(done(1), done(2), done(3, "2026-03-06")))


@pytest.mark.parametrize(
    ("text", "pattern", "detail"),
    [
        (page("completed_at: 2026-03-09T23:59:30Z\n", body=FULL, status="in review"), "last minute", "due 2026-03-09"),
        (page("completed_at: 2026-03-02T14:30:00Z\n", body=FULL, status="in review"),
         "complete before the page was there", "page created 2026-03-02 15:00 UTC"),
        (page("completed_at: 2026-03-06T14:30:00Z\n", body=FULL.replace("Something.", "", 1), status="in review"),
         "complete with empty sections", "empty: Overview"),
        (page(body=FULL, status="reviewed"), "complete without a date", "status: reviewed"),
        (page(f"{HEAD}  - {{title: a, kind: detect, created_on: 2026-03-02, due_on: 2026-05-01}}\n"),
         "day later than the rule", "action item 1: 30 calendar days after the rule's"),
    ],
)  # fmt: skip
def test_what_makes_numbers_look_better_is_pointed_out(loaded, text, pattern, detail):
    """Each pattern alone, with its row and what was seen."""
    assert found_in(loaded(text)) == {pattern: [detail]}


def test_a_severity_lowered_afterwards_is_pointed_out_and_does_not_help(loaded):
    """It is in the list, and the deadline still goes by the highest declared."""
    changes = ("2026-03-02T12:10Z,severity,critical,P1", "2026-03-04T12:10Z,severity,low,P4")
    rows = "".join(f"INC-2026-042,{change}\n" for change in changes)
    records = loaded(page(), files={"timeline.csv": f"incident_id,at,kind,severity,text\n{rows}"})

    assert found_in(records) == {"severity lowered": ["to low"]}
    assert records.major["severity"].tolist() == ["critical"]


def test_what_was_looked_for_is_said_even_where_nothing_was_found(loaded):
    """Every pattern has its count, and an ordinary page none."""
    rows = careful_reading.care_rows(loaded(done(1)))

    assert rows.empty and list(rows) == careful_reading.COLUMNS
    assert careful_reading.care_counts(rows)["rows"].tolist() == [0] * len(careful_reading.EXPLAINED)
