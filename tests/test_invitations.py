"""Invitations: at the first slot that is allowed, to the right people, and read the same by others' programs."""

from __future__ import annotations

import base64
import dataclasses
import itertools
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pandas as pd
import pytest
import vobject
from factories import page
from hypothesis import given, settings
from hypothesis import strategies as st
from ical.calendar_stream import IcsCalendarStream
from icalendar import Timezone
from strict_icalendar import broken_rules

from incident_lib.errors import SettingsError, WorkbookError
from incident_lib.letters import invitations
from incident_lib.letters.invitations import as_letter, issue, keep, last_meeting
from incident_lib.letters.meetings import Meeting, first_slot, postmortem_meeting
from incident_lib.letters.review_meeting import process_review, review_invitation, review_of
from incident_lib.letters.vtimezone import vtimezone
from incident_lib.loading import load
from incident_lib.periods import parse_period
from incident_lib.render import FILE_MIMETYPE
from incident_lib.settings import Messages, Settings, parse_settings
from incident_lib.settings_edit import set_interested, with_interest

AT = pd.Timestamp("2026-03-02T20:00:00Z")
ID = "INC-2026-042"
SETTINGS = """[workbook]
zone = "America/Detroit"
[messages]
sender = "incidents@northlight.example"
[[people]]
name = "Priya Raman"
email = "priya@northlight.example"
roles = ["on-call", "incident commander"]
[[people]]
name = "Zoë, \\"Z\\"; Öz"
email = "zoe@northlight.example"
roles = ["customer liaison"]
[[people]]
name = "Tom Okafor"   # leads
email = "tom@northlight.example"
roles = ["incident commander"]
[[people]]
name = "Una Ness"
interested = true
"""
NAMES = "responders: [Priya Raman, Una Ness]\nincident_commander: Tom Okafor\n"


@pytest.fixture
def records(loaded):
    """Return records with one critical incident."""
    return loaded(page(NAMES), settings=SETTINGS)


def test_the_process_names_who_is_invited(records, loaded):
    """Owner, commander, responders; a liaison for critical ones; who has no address is said."""
    meeting, remarks = postmortem_meeting(records, ID, at=AT)
    assert [name for name, _ in meeting.attendees] == ["Priya Raman", "Tom Okafor", 'Zoë, "Z"; Öz']
    assert remarks == ["Una Ness has no address"]
    high = postmortem_meeting(loaded(page(NAMES, severity="high"), settings=SETTINGS), ID, at=AT)[0]
    assert [name for name, _ in high.attendees] == ["Priya Raman", "Tom Okafor"]
    with pytest.raises(SettingsError, match="not major"):
        postmortem_meeting(loaded(page(severity="low"), settings=SETTINGS), ID, at=AT)


def test_the_first_allowed_slot_is_taken(records):
    """Two days' notice, on a business day, not over another meeting, and within the deadline."""
    begins = postmortem_meeting(records, ID, at=AT)[0].begins
    assert f"{begins:%Y-%m-%d %H:%M %Z}" == "2026-03-04 15:00 EST"
    own = parse_settings('[meetings]\nslots = ["09:30"]\nnotice_hours = 0\n[calendar]\nextra_holidays = [2026-03-03]\n')
    monday = datetime(2026, 3, 2, 10, tzinfo=UTC)
    assert first_slot(own, monday) == datetime(2026, 3, 4, 9, 30, tzinfo=UTC)
    taken = [(datetime(2026, 3, 4, 9, tzinfo=UTC), datetime(2026, 3, 4, 9, 31, tzinfo=UTC))]
    assert first_slot(own, monday, taken) == datetime(2026, 3, 5, 9, 30, tzinfo=UTC)


def test_a_slot_that_a_clock_change_skips_is_none():
    """02:30 does not exist on the night when clocks go forward."""
    own = parse_settings('[workbook]\nzone = "America/Detroit"\n[meetings]\nslots = ["02:30"]\nnotice_hours = 0\n'
                         '[calendar]\nworkdays = ["Sun"]\n')  # fmt: skip
    assert f"{first_slot(own, datetime(2026, 3, 7, 12, tzinfo=UTC)):%Y-%m-%d}" == "2026-03-15"


def test_a_meeting_after_the_deadline_is_said(records):
    """Any time may be asked for."""
    remarks = postmortem_meeting(records, ID, at=AT, begins=pd.Timestamp("2026-03-12T15:00:00Z"))[1]
    assert remarks[0] == "it is after the deadline, Mon 9 Mar 2026 23:59"


def read_back(content: bytes):
    """Return the event as a second library reads it."""
    return IcsCalendarStream.calendar_from_ics(content.decode()).events[0]


def test_a_second_library_reads_what_we_meant(records):
    """Time with its zone, length, people, agenda; and a third one finds nothing wrong."""
    meeting = postmortem_meeting(records, ID, at=AT)[0]
    content = issue(meeting, records, at=AT).calendar
    event = read_back(content)

    assert event.uid == "postmortem-INC-2026-042@northlight.example"
    assert event.dtstart.astimezone(UTC) == datetime(2026, 3, 4, 20, tzinfo=UTC)
    assert event.dtend - event.dtstart == timedelta(minutes=30)
    assert [str(one.uri).removeprefix("mailto:") for one in event.attendees] == [mail for _, mail in meeting.attendees]
    assert event.attendees[2].common_name == "Zoë, 'Z'; Öz"
    assert event.description == meeting.agenda and event.summary == meeting.title
    assert vobject.readOne(content.decode()).validate(raiseException=True)
    assert broken_rules(content) == []


def test_a_change_and_a_cancellation_are_of_the_same_meeting(records):
    """The UID stays, SEQUENCE grows, and what says nothing new is the last one byte for byte."""
    meeting = postmortem_meeting(records, ID, at=AT)[0]
    first = issue(meeting, records, at=AT)
    keep(meeting, first, records)
    again = issue(meeting, records, at=AT + pd.Timedelta(days=1))
    assert (again.new, again.calendar) == (False, first.calendar)

    moved = dataclasses.replace(meeting, begins=meeting.begins + timedelta(days=1))
    second = issue(moved, records, at=AT + pd.Timedelta(days=1))
    keep(moved, second, records)
    cancelled = dataclasses.replace(last_meeting(meeting, records), cancelled=True)
    third = issue(cancelled, records, at=AT + pd.Timedelta(days=2))

    events = [read_back(one.calendar) for one in (first, second, third)]
    assert [event.sequence for event in events] == [0, 1, 2]
    assert len({event.uid for event in events}) == 1
    assert events[2].status == "CANCELLED" and events[2].dtstart == events[1].dtstart
    assert b"METHOD:CANCEL\r\n" in third.calendar
    assert [broken_rules(one.calendar) for one in (first, second, third)] == [[], [], []]
    assert [as_letter(one, issued).subject.split(":")[0] for one, issued in ((meeting, first), (moved, second), (cancelled, third))] == [
        "Invitation", "Changed", "Cancelled",
    ]  # fmt: skip


def test_what_was_never_issued_cannot_be_cancelled(records):
    """And a kept invitation that can't be read stops a change, since calendars would not take it."""
    meeting = dataclasses.replace(postmortem_meeting(records, ID, at=AT)[0], cancelled=True)
    with pytest.raises(SettingsError, match="never issued"):
        issue(meeting, records, at=AT)
    path = invitations.path_of(meeting, records)
    path.parent.mkdir()
    path.write_text("nonsense")
    with pytest.raises(WorkbookError, match="can't read the last invitation"):
        issue(meeting, records, at=AT)


def test_the_process_review_recurs_over_both_clock_changes(loaded):
    """Ten in the morning stays ten in the morning, in March, July and November, for another library too."""
    monthly = loaded(page(NAMES), settings=SETTINGS + '[meetings]\nreview_every = "month"\n')
    meeting, remarks = process_review(monthly, at=AT)
    content = issue(meeting, monthly, at=AT).calendar
    calendar = IcsCalendarStream.calendar_from_ics(content.decode())

    instances = [one.dtstart for one in itertools.islice(calendar.timeline, 14)]
    assert {(f"{one:%a %H:%M}", (one.day - 1) // 7 + 1) for one in instances} == {("Thu 10:00", 2)}
    assert {one.astimezone(UTC).hour for one in instances} == {14, 15}  # summer and winter
    assert [f"{one:%Y-%m}" for one in instances[:3]] == ["2026-03", "2026-04", "2026-05"]
    assert sorted(name for name, _ in meeting.attendees) == ["Priya Raman", "Tom Okafor"]
    assert remarks == ["Una Ness has no address"]
    assert broken_rules(content) == []
    assert vobject.readOne(content.decode()).validate(raiseException=True)


def test_a_quarterly_review_is_in_the_quarters_first_month(records):
    """The second Thursday of April, July, October, January."""
    content = issue(process_review(records, at=AT)[0], records, at=AT).calendar
    instances = itertools.islice(IcsCalendarStream.calendar_from_ics(content.decode()).timeline, 4)
    assert [f"{one.dtstart:%Y-%m-%d}" for one in instances] == ["2026-04-09", "2026-07-09", "2026-10-08", "2027-01-14"]


def test_a_review_on_a_holiday_is_on_the_next_business_day(loaded):
    """Veterans Day 2026 is a Wednesday: that one review moves, in others' programs too, and nothing else does."""
    american = '[calendar]\ncountry = "US"\nextra_holidays = [2026-11-12]\n'
    rules = '[meetings]\nreview_every = "month"\nreview_day = "Wed"\n'
    records = loaded(page(NAMES), settings=SETTINGS + american + rules)
    meeting = process_review(records, at=pd.Timestamp("2026-10-15T12:00Z"))[0]
    content = issue(meeting, records, at=AT).calendar
    timeline = IcsCalendarStream.calendar_from_ics(content.decode()).timeline
    seen = [f"{one.dtstart:%Y-%m-%d %H:%M}" for one in itertools.islice(timeline, 3)]

    assert seen == ["2026-11-13 10:00", "2026-12-09 10:00", "2027-01-13 10:00"]
    assert broken_rules(content) == [] and content.count(b"RECURRENCE-ID") == len(meeting.moved) >= 1
    assert "Friday 13 November 2026, 10:00" in as_letter(meeting, issue(meeting, records, at=AT)).text
    cancelled = dataclasses.replace(meeting, cancelled=True)
    keep(meeting, issue(meeting, records, at=AT), records)
    assert b"RECURRENCE-ID" not in issue(cancelled, records, at=AT).calendar


def test_a_report_brings_the_invitation_to_its_own_meeting(loaded):
    """After the period's end, moved from a holiday, with the report's agenda; the same bytes again; or says why not."""
    records = loaded(page(NAMES), settings=SETTINGS + '[calendar]\nextra_holidays = [2026-04-09, 2026-04-10]\n')
    period = parse_period("2026-Q1")
    agenda = pd.DataFrame({"no": [1], "minutes": [30], "question": ["What, then; and “why”?"]})
    shown = review_invitation(records, period, agenda)
    file = shown.data[FILE_MIMETYPE]
    content = base64.b64decode(file["content"])

    assert file["name"] == "process-review-2026-Q1.ics" and "Monday 13 April 2026, 10:00 EDT" in shown.text
    assert broken_rules(content) == [] and b"RRULE:FREQ=MONTHLY" not in content
    assert "What, then; and “why”? (30 min)" in IcsCalendarStream.calendar_from_ics(content.decode()).events[0].description
    assert review_invitation(records, period, agenda) == shown
    assert [name for name, _ in review_of(records, period, agenda).attendees] == ["Priya Raman", "Tom Okafor"]
    alone = loaded(page(NAMES))
    assert review_invitation(alone, period, agenda).text.startswith("There is no invitation: nobody")


@pytest.mark.parametrize("zone", ["America/Detroit", "Europe/Berlin", "Asia/Kolkata", "Africa/Casablanca", "Australia/Lord_Howe",
                                  "America/Santiago", "Europe/Dublin"])  # fmt: skip
def test_a_zone_told_in_our_words_is_the_zone(zone):
    """Read back by another library, every hour of clock-change days has the offset that the zone database gives."""
    ours = Timezone.from_ical(vtimezone(ZoneInfo(zone), datetime(2026, 3, 1)).to_ical()).to_tz()  # noqa: DTZ001
    own = ZoneInfo(zone)
    days = [date(2026, 1, 1) + timedelta(days=number) for number in range(0, 730)]
    wrong = []
    for day in days:
        for hour in (0, 5, 12, 23):
            naive = datetime(day.year, day.month, day.day, hour)  # noqa: DTZ001
            if naive.replace(tzinfo=own).utcoffset() != naive.replace(tzinfo=ours).utcoffset():
                wrong.append(naive)
    assert wrong == []


def test_clock_changes_follow_a_rule_where_there_is_one():
    """Second Sunday of March and first of November; last Sundays in Europe; single dates where no rule holds."""
    texts = {zone: vtimezone(ZoneInfo(zone), datetime(2026, 3, 1)).to_ical().decode() for zone in  # noqa: DTZ001
             ("America/Detroit", "Europe/Berlin", "Africa/Casablanca")}  # fmt: skip
    assert "BYDAY=2SU;BYMONTH=3" in texts["America/Detroit"] and "BYDAY=1SU;BYMONTH=11" in texts["America/Detroit"]
    assert texts["Europe/Berlin"].count("BYDAY=-1SU") == 2
    assert "RRULE" not in texts["Africa/Casablanca"] and "RDATE" in texts["Africa/Casablanca"]


WORDS = st.text(st.characters(exclude_categories=("Cs",)), max_size=120)


@settings(max_examples=60, deadline=None)
@given(title=WORDS, agenda=WORDS, place=WORDS, name=WORDS, hours=st.integers(0, 20_000), cancelled=st.booleans())
def test_whatever_the_words_the_file_is_valid(title, agenda, place, name, hours, cancelled):
    """Line ends, quotes, commas, emoji: nothing breaks out of its property."""
    begins = (datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=hours)).astimezone(ZoneInfo("Europe/Berlin"))
    meeting = Meeting("m", title, begins, 30, ((name, "a@x.example"),), agenda, place, cancelled=cancelled)
    own = Settings(messages=Messages(sender="i@x.example", signed=name or None))
    content = invitations._invitation(meeting, own, 1, datetime(2026, 1, 1, tzinfo=UTC))
    assert broken_rules(content) == []
    assert read_back(content).dtstart.astimezone(UTC) == begins.astimezone(UTC)


def test_the_strict_reader_is_strict(records):
    """It finds what is wrong with a file that is."""
    good = issue(postmortem_meeting(records, ID, at=AT)[0], records, at=AT).calendar
    broken = {
        "a line does not end with CRLF": good.replace(b"\r\n", b"\n", 1),
        "VEVENT without UID": good.replace(b"UID:", b"X-UID:"),
        "no VTIMEZONE for": good.replace(b"TZID:America", b"TZID:Amerika"),
        "DTSTAMP:2026": good.replace(b"T200000Z", b"T200000"),
        "is not escaped": good.replace(b"\\,", b","),
        "STATUS:CANCELLED with METHOD:REQUEST": good.replace(b"CONFIRMED", b"CANCELLED"),
        "a line of": good.replace(b"SUMMARY:", b"SUMMARY:" + b"x" * 80),
        "does not end with": good.removesuffix(b"END:VCALENDAR\r\n"),
    }
    for rule, content in broken.items():
        assert any(rule in one for one in broken_rules(content)), rule


def test_whoever_asks_is_invited_to_reviews_from_then_on(workbook):
    """One line of the settings changes; comments and all else stay, and the same again is no news."""
    folder = workbook({"postmortems/p.md": page(NAMES)}, SETTINGS)
    assert set_interested(folder, 'Zoë, "Z"; Öz', True) is True
    assert set_interested(folder, 'Zoë, "Z"; Öz', True) is False
    text = (folder / "workbook.toml").read_text()
    assert text.replace("interested = true\n", "", 1) == SETTINGS
    names = [name for name, _ in process_review(load(folder), at=AT)[0].attendees]
    assert 'Zoë, "Z"; Öz' in names
    assert set_interested(folder, "Una Ness", False) is True
    assert "interested = false" in (folder / "workbook.toml").read_text()


def test_somebody_new_gets_an_entry():
    """At the end of the file, with Windows' line ends where it has those."""
    after = with_interest('[workbook]\r\nname = "X"\r\n', "Bo \\ Co", True)
    assert after.endswith('\r\n\r\n[[people]]\r\nname = "Bo \\\\ Co"\r\ninterested = true\r\n')
    assert with_interest("a = 1\n", "Bo", False) == "a = 1\n"


def test_an_entry_that_cannot_be_changed_alone_is_refused():
    """Written within a list in one line, say."""
    with pytest.raises(WorkbookError, match="set interested = true by hand"):
        with_interest('people = [{name = "A"}, {name = "B"}]\n', "B", True)
