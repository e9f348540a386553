"""Deadlines by start event, calendar, rule and severity, each with its proof."""

from __future__ import annotations

import pytest
from factories import page

from incident_lib.errors import SettingsError
from incident_lib.settings import parse_settings
from incident_lib.timeliness import deadlines
from incident_lib.timeliness.states import due_next, postmortem_states

DETROIT = '[workbook]\nzone = "America/Detroit"\n'
MAY_DAY = {"resolved_at": "2026-04-28T14:00:00Z", "created_at": "2026-04-28T15:00:00Z"}
BERLIN = '[[calendars]]\nname = "Berlin"\ncountry = "DE"\nzone = "Europe/Berlin"\n'


def due_of(records) -> str:
    """Return the page's deadline of the one incident."""
    return f"{deadlines.incident_deadlines(records)['page_due_at'].iloc[0]:%Y-%m-%dT%H:%M:%SZ}"


def test_the_start_event_can_differ_by_severity(loaded):
    """Critical ones count from detection here, which is still Sunday in Detroit; the proof says so."""
    settings = f'{DETROIT}[deadlines]\nstart_by_severity = {{ critical = "detected_at" }}'
    records = loaded(page(detected_at="2026-03-02T04:50:00Z"), settings=settings)

    assert due_of(records) == "2026-03-07T04:59:59Z"
    assert deadlines.deadline_proof(records, "INC-2026-042").startswith("detected Sun 1 Mar 2026 23:50 America/Detroit")


@pytest.mark.parametrize(
    ("who", "due", "due_on", "holiday"),
    [
        ('customers = ["Brightwater Clinics"]', "2026-05-06T21:59:59Z", "2026-05-06", True),
        ('teams = ["Mail"]', "2026-05-06T21:59:59Z", "2026-05-06", True),
        ('customers = ["Halyard Freight"]', "2026-05-06T03:59:59Z", "2026-05-05", False),
    ],
)
def test_a_customer_or_a_team_can_have_a_calendar_of_its_own(loaded, who, due, due_on, holiday):
    """In Berlin the first of May is a holiday and the day ends earlier; others go by the workbook's own calendar."""
    people = '[[people]]\nname = "Priya Raman"\nteam = "Mail"\n'
    records = loaded(page("customers: [Brightwater Clinics]\n", **MAY_DAY), settings=f"{DETROIT}{people}{BERLIN}{who}")

    assert due_of(records) == due
    assert ("Labor Day" in deadlines.deadline_proof(records, "INC-2026-042")) == holiday
    assert f"{postmortem_states(records)['due_on'].iloc[0]:%Y-%m-%d}" == due_on


def test_customers_go_before_teams(loaded):
    """An incident of a customer with a calendar goes by it, whatever the owner's team."""
    people = '[[people]]\nname = "Priya Raman"\nteam = "Mail"\n'
    team = '[[calendars]]\nname = "Team"\nteams = ["Mail"]\n'
    records = loaded(
        page("customers: [Brightwater Clinics]\n"),
        settings=f'{DETROIT}{people}{team}{BERLIN}customers = ["Brightwater Clinics"]',
    )

    assert deadlines.incident_deadlines(records)["calendar"].tolist() == ["Berlin"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[[calendars]]\nname = "Berlin"', "needs the customers or teams that it is for"),
        ('[[calendars]]\nname = "x"\nteams = ["a"]\nzone = "Berlin"', "unknown time zone 'Berlin'"),
        ('[deadlines]\nstart_by_severity = { critical = "closed_at" }', "deadlines.start_by_severity"),
        ('[deadlines]\nstart_by_severity = { urgent = "resolved_at" }', "deadlines.start_by_severity"),
        ("[[deadlines.earlier]]\nuntil = 2026-02-01\n[[deadlines.earlier]]\nuntil = 2026-01-01", "order of their days"),
        ("[[deadlines.earlier]]\npages = {}", "did you mean 'page'"),
    ],
)
def test_settings_that_make_no_sense_are_refused(text, message):
    """With what is wrong, and where."""
    with pytest.raises(SettingsError, match=message):
        parse_settings(text)


RULES = '[deadlines]\n[[deadlines.earlier]]\nuntil = 2026-03-03\npage = { critical = "10 business days" }'


@pytest.mark.parametrize(("resolved", "due"), [("2026-03-02T14:00:00Z", "2026-03-16T23:59:59Z"),
                                               ("2026-03-03T00:00:00Z", "2026-03-10T23:59:59Z")])  # fmt: skip
def test_an_incident_goes_by_the_rule_of_its_time(loaded, resolved, due):
    """The old rule holds for clocks that started before its last day, and for the severities that it states."""
    assert due_of(loaded(page(resolved_at=resolved), settings=RULES)) == due
    assert due_of(loaded(page(resolved_at=resolved, severity="high"), settings=RULES)) in (
        "2026-03-09T23:59:59Z", "2026-03-10T23:59:59Z",
    )  # fmt: skip


def test_a_change_of_the_rule_is_shown_under_both(loaded):
    """Each incident for which the rules differ has a row with both deadlines, and a proof under each."""
    records = loaded(page(), settings=RULES)
    table = deadlines.due_under_each_rule(records)

    assert deadlines.rule_names(records.settings) == ["until 2026-03-03", "now"]
    assert table[["until 2026-03-03", "now"]].astype("str").to_numpy().tolist() == [
        ["2026-03-16 23:59:59+00:00", "2026-03-09 23:59:59+00:00"]
    ]
    assert "due Mon 9 Mar" in deadlines.deadline_proof(records, "INC-2026-042", rule="now")
    assert deadlines.due_under_each_rule(loaded(page())).empty


CHANGES = """incident_id,at,kind,severity,text
INC-2026-042,2026-03-02T12:10Z,severity,high,P2
INC-2026-042,2026-03-04T12:10Z,severity,critical,P1
"""
TWO_SPANS = '[deadlines]\npage = { critical = "2 calendar days", high = "5 business days" }'


def test_a_deadline_is_counted_anew_when_the_severity_changes(loaded):
    """On the third it is high and has until the ninth; since the fourth it is critical, and was due that day."""
    files = {"timeline.csv": CHANGES}
    before = loaded(page(), files=files, as_of="2026-03-03", settings=TWO_SPANS)
    after = loaded(page(), files=files, as_of="2026-03-05", settings=TWO_SPANS)

    assert (due_of(before), due_of(after)) == ("2026-03-09T23:59:59Z", "2026-03-04T23:59:59Z")
    table = deadlines.deadlines_by_severity(after)
    assert table[["severity", "holds"]].astype("str").to_numpy().tolist() == [["high", "False"], ["critical", "True"]]
    assert [text.split("due ")[1] for text in table["proof"]] == ["Mon 9 Mar 2026 23:59", "Wed 4 Mar 2026 23:59"]


def test_a_proof_says_why_there_is_no_deadline(loaded):
    """Not resolved yet, or no span for the severity."""
    spans = '[severities]\nmajor = ["critical", "high"]\n[deadlines]\npage = { critical = "2 calendar days" }'

    assert "not resolved" in deadlines.deadline_proof(loaded(page(resolved_at=None)), "INC-2026-042")
    proofs = deadlines.deadline_proofs(loaded(page(), settings=spans), ["INC-2026-042"])
    assert proofs["INC-2026-042"].startswith("resolved Mon 2 Mar 2026 14:00 UTC → 2 calendar days → due Wed 4 Mar")


def test_due_days_are_local(loaded):
    """A deadline on Monday evening in Detroit is Tuesday by UTC, and is shown as Monday."""
    states = postmortem_states(records := loaded(page(), settings=DETROIT, as_of="2026-03-02"))

    assert states["due_at"].dt.strftime("%d %H:%M").tolist() == ["10 03:59"]
    assert states["due_on"].dt.strftime("%Y-%m-%d").tolist() == ["2026-03-09"]
    assert len(due_next(states, records)) == 1
