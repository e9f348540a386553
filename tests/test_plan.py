"""What is due: slots, days off, periods, what was missed, what failed, what is unchanged."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from incident_lib.business_time import business_calendar
from incident_lib.errors import SettingsError
from incident_lib.scheduling.days_off import workday_test
from incident_lib.scheduling.plan import (
    DRAFT,
    DRAFTS,
    FOLLOW_UP,
    PROCESS_REVIEW,
    SERVICE_REVIEW,
    TIMELINESS,
    Past,
    due_drafts,
    due_reports,
    is_unchanged,
    next_slot,
    whole_period,
)  # fmt: skip
from incident_lib.settings import parse_settings
from incident_lib.settings.process import Calendar

DETROIT = 'zone = "America/Detroit"\n'
WHOLE = f"[workbook]\n{DETROIT}[calendar]\ncountry = \"US\"\n[[customers]]\nname = \"Acme\"\n"
MONDAY = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)  # seven in the morning in Detroit


def due(now, past=None, settings=WHOLE, **rest):
    """Return what is due, by kind and name; drafts only where they are asked for."""
    settings = parse_settings(settings)
    found = due_reports(now, settings, past or {}, workday_test(settings.calendar), **rest)
    return {one.key: one for one in found if one.kind != DRAFTS or "drafts" in rest}


def made(slot, **rest):
    """Return what the ledger says of a report that was made for a slot."""
    return Past(slot, "made", good_slot=slot, good_at=slot, **rest)


def test_the_first_run_makes_the_newest_of_each_kind():
    """Without a ledger, each kind's newest slot is due: the board, timeliness, the last whole quarter's reviews."""
    found = due(MONDAY + timedelta(hours=5))

    assert list(found) == [(TIMELINESS, ""), (FOLLOW_UP, ""), (PROCESS_REVIEW, "2025-Q4"), (SERVICE_REVIEW, "2025-Q4-Acme")]
    assert found[SERVICE_REVIEW, "2025-Q4-Acme"].customer == "Acme"
    assert found[TIMELINESS, ""].why == "due Mon 2 Mar 2026 07:00, never made before"


def test_nothing_is_due_twice():
    """Between two slots nothing is due, and from the second on it is."""
    past = {key: made(one.slot) for key, one in due(MONDAY).items()}

    assert due(MONDAY + timedelta(hours=23, minutes=59), past) == {}
    assert set(due(MONDAY + timedelta(hours=24), past)) == {(TIMELINESS, ""), (FOLLOW_UP, "")}


@pytest.mark.parametrize("day", ["2026-03-07", "2026-03-08", "2026-05-25", "2026-07-03", "2026-11-26"])
def test_timeliness_rests_on_days_off(day):
    """On weekends, on Memorial Day, on the day kept for Independence Day and on Thanksgiving only the board is due."""
    at_eight = datetime.fromisoformat(f"{day}T08:00").replace(tzinfo=ZoneInfo("America/Detroit")).astimezone(UTC)
    evening_before = at_eight - timedelta(hours=12)
    past = {(TIMELINESS, ""): made(evening_before), (FOLLOW_UP, ""): made(evening_before)}

    assert set(due(at_eight, past)) & set(past) == {(FOLLOW_UP, "")}


def test_working_days_are_a_setting():
    """A team that works on Sundays gets its report then, and the board may rest as well."""
    settings = '[calendar]\nworkdays = ["Sun", "Mon"]\n[schedule]\ntimeliness = "0 7 * * *"\nworking_days = ["timeliness", "follow_up"]\n'
    friday, sunday = datetime(2026, 3, 6, 7, tzinfo=UTC), datetime(2026, 3, 8, 7, tzinfo=UTC)
    past = {(TIMELINESS, ""): made(friday - timedelta(days=4)), (FOLLOW_UP, ""): made(friday - timedelta(days=4))}

    assert not set(due(friday, past, settings)) & set(past)
    assert set(due(sunday, past, settings)) & set(past) == set(past)


def test_missed_runs_are_caught_up_once():
    """After ten days without a run one board is due, and it says for how many it stands."""
    past = {(FOLLOW_UP, ""): made(MONDAY), (TIMELINESS, ""): made(MONDAY)}
    found = due(MONDAY + timedelta(days=10), past)

    assert found[FOLLOW_UP, ""].why == "due Thu 12 Mar 2026 07:00, for 9 missed before as well"
    assert found[TIMELINESS, ""].why.endswith("for 7 missed before as well")


def test_a_review_comes_after_its_period_and_each_missed_period_by_itself():
    """A machine that was off for half a year makes the reviews of both quarters, and no older one."""
    first = due(MONDAY)
    past = {key: made(one.slot) for key, one in first.items()}
    october = datetime(2026, 10, 20, 12, tzinfo=UTC)
    found = due(october, past)

    assert [name for kind, name in found if kind == PROCESS_REVIEW] == ["2026-Q1", "2026-Q2", "2026-Q3"]
    assert found[PROCESS_REVIEW, "2026-Q1"].why == "its period was missed"
    assert [name for kind, name in due(october) if kind == PROCESS_REVIEW] == ["2026-Q3"]


def test_a_review_is_looked_at_again_until_the_meeting():
    """In the first two weeks after a quarter its review is due each morning, and then no more."""
    days = [datetime(2026, 4, day, 12, tzinfo=UTC) for day in range(1, 30)]
    past, seen = {(PROCESS_REVIEW, "2025-Q4"): made(datetime(2026, 1, 14, 12, tzinfo=UTC))}, []
    for day in days:
        if one := due(day, past).get((PROCESS_REVIEW, "2026-Q1")):
            past[one.key] = made(one.slot)
            seen.append(day.day)

    assert seen == list(range(1, 15))


def test_reviews_by_the_month_and_a_new_customer():
    """A monthly review is of the last month; a customer who came in later gets the newest period only."""
    settings = '[meetings]\nreview_every = "month"\n[schedule]\ncustomer_period = "month"\ncustomers = ["Acme", "New & Co"]\n'
    past = {(SERVICE_REVIEW, "2026-01-Acme"): made(datetime(2026, 2, 14, 7, tzinfo=UTC))}
    found = due(datetime(2026, 4, 1, 7, tzinfo=UTC), past, settings)

    assert (PROCESS_REVIEW, "2026-03") in found
    reviews = [(one.period, one.customer) for key, one in found.items() if key[0] == SERVICE_REVIEW]
    assert reviews == [("2026-02", "Acme"), ("2026-03", "Acme"), ("2026-03", "New & Co")]


def test_what_failed_is_tried_again_a_few_times():
    """A slot that failed is due again until it failed as often as the settings say; the next slot begins anew."""
    for failures, expected in [(1, True), (2, True), (3, False)]:
        past = {(FOLLOW_UP, ""): Past(MONDAY, "failed", failures)}
        assert ((FOLLOW_UP, "") in due(MONDAY + timedelta(hours=1), past)) is expected
    exhausted = {(FOLLOW_UP, ""): Past(MONDAY, "failed", 3)}
    assert (FOLLOW_UP, "") in due(MONDAY + timedelta(days=1), exhausted)


def test_what_was_interrupted_is_due_again():
    """A run that died leaves its reports due, however often that was."""
    found = due(MONDAY + timedelta(hours=1), {(FOLLOW_UP, ""): Past(MONDAY, "interrupted")})

    assert found[FOLLOW_UP, ""].why == "due Mon 2 Mar 2026 07:00, was interrupted"


def test_a_clock_set_back_makes_nothing_due():
    """With slots in the ledger that lie ahead of the clock, nothing is made again."""
    past = {key: made(one.slot) for key, one in due(MONDAY).items()}

    assert due(MONDAY - timedelta(days=3), past) == {}


def test_force_makes_the_newest_of_all():
    """With force, all that is scheduled is due, made or not."""
    past = {key: made(one.slot) for key, one in due(MONDAY).items()}
    found = due(MONDAY, past, force=True)

    assert set(found) == set(past)
    assert {one.why for one in found.values()} == {"forced"}


def test_never_is_never():
    """A kind whose expression is "never" is not due, forced or not, and is not named as next."""
    settings = '[schedule]\ntimeliness = "never"\nfollow_up = "Never"\nprocess_review = "never"\ncustomer_reviews = "never"\n'

    assert due(MONDAY, settings=settings, force=True) == {}
    assert next_slot(MONDAY, parse_settings(settings), lambda day: True) is None


def test_next_is_the_first_slot_of_any_kind():
    """After Friday's report the board of Saturday is next, by the workbook's own clock."""
    settings = parse_settings(WHOLE)
    friday = datetime(2026, 3, 6, 13, tzinfo=UTC)

    assert next_slot(friday, settings, workday_test(settings.calendar)) == (FOLLOW_UP, datetime(2026, 3, 7, 12, tzinfo=UTC))


def test_drafts_are_of_incidents_without_a_page_each_once():
    """A missing draft is made once; one that did not come off comes again; an exhausted one does not."""
    past = {(DRAFT, "INC-1"): made(MONDAY), (DRAFT, "INC-2"): Past(MONDAY, "interrupted"), (DRAFT, "INC-3"): Past(MONDAY, "failed", 3)}
    found = due_drafts(["INC-1", "INC-3", "INC-4"], MONDAY, parse_settings(""), past)

    assert [(one.name, one.why) for one in found] == [("INC-2", "its last run did not finish"), ("INC-4", "no page yet")]


def test_a_draft_that_did_not_come_off_asks_for_another_look():
    """Between two slots for drafts, only one that is left to do makes a look due."""
    settings = parse_settings("")
    past = {(kind, ""): made(MONDAY) for kind in (TIMELINESS, FOLLOW_UP, DRAFTS)} | {(PROCESS_REVIEW, "2025-Q4"): made(MONDAY)}
    soon = MONDAY + timedelta(minutes=1)
    left = past | {(DRAFT, "INC-2"): Past(MONDAY, "failed", 1)}

    assert due_reports(soon, settings, past, lambda day: True) == []
    assert [one.kind for one in due_reports(soon, settings, left, lambda day: True)] == [DRAFTS]


def test_unchanged_means_the_same_inputs_as_the_last_good_run():
    """Other inputs, no good run, or inputs that can't be known (a database) are not unchanged."""
    [review] = [one for key, one in due(MONDAY).items() if key[0] == PROCESS_REVIEW]
    past = {review.key: made(MONDAY, good_inputs="abc")}

    assert is_unchanged(review, past, "abc")
    assert not is_unchanged(review, past, "abd")
    assert not is_unchanged(review, past, "")
    assert not is_unchanged(review, {}, "abc")


@pytest.mark.parametrize(
    ("day", "length", "name"),
    [("2026-01-01", "quarter", "2025-Q4"), ("2026-03-31", "quarter", "2025-Q4"), ("2026-04-01", "quarter", "2026-Q1"),
     ("2026-01-01", "month", "2025-12"), ("2026-03-01", "month", "2026-02")],
)  # fmt: skip
def test_the_last_whole_period(day, length, name):
    """A period is whole from the day after its last."""
    assert whole_period(date.fromisoformat(day), length).name == name


@hypothesis_settings(max_examples=60, deadline=None)
@given(st.dates(date(2020, 1, 1), date(2030, 12, 31)), st.sampled_from([("US", "MI"), ("DE", "BY"), (None, None)]))
def test_days_off_are_those_of_the_deadlines(day, place):
    """The light calendar of the plan and the one that counts deadlines know the same business days."""
    calendar = Calendar(country=place[0], subdivision=place[1], extra_holidays=(date(2026, 12, 24), date(2026, 3, 3)),
                        removed_holidays=(date(2026, 3, 3), date(2025, 7, 4)))  # fmt: skip

    assert workday_test(calendar)(day) == business_calendar(calendar, ZoneInfo("UTC")).is_business_day(day)


def test_an_unknown_country_is_refused():
    """A country that the holidays library doesn't know is a mistake in the settings, said in a sentence."""
    with pytest.raises(SettingsError, match="the holidays library knows no country 'XX'"):
        workday_test(Calendar(country="XX"))(date(2026, 3, 2))


@pytest.mark.parametrize(
    ("expression", "message"),
    [("0 7 * *", "is no cron expression; expected minute, hour"), ("61 7 * * *", r"\(bad minute\)"), ("0 7 31 2 *", "bad day-of-month"),
     ("0 7 * * Funday", "bad day-of-week"), ("@daily", "expected minute, hour"), ("0 7 * * 1#2/3", "is no cron expression")],
)  # fmt: skip
def test_a_wrong_expression_is_refused_with_its_line(expression, message):
    """What is no cron expression, or names a day that never comes, is refused where it stands."""
    with pytest.raises(SettingsError, match=message) as caught:
        parse_settings(f'[schedule]\nfollow_up = "{expression}"\n')
    assert "line 2" in str(caught.value)


@given(st.text("0123456789*/-,#L WMONjan", max_size=20))
def test_any_text_is_an_expression_or_a_sentence(text):
    """No text whatever gets through as a traceback."""
    try:
        parse_settings(f'[schedule]\nfollow_up = "{text}"\n')
    except SettingsError as error:
        assert "cron expression" in str(error) or "never comes" in str(error)
