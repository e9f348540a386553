"""Invitations by RFC 5545 and 5546: the post-mortem meeting and the process review, their changes and cancellations.

The last one that was issued for a meeting is kept in the workbook's ``invitations`` folder. It gives the next one its
SEQUENCE, so that calendars see a change as a change of the same meeting.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pandas as pd
from icalendar import Calendar, Event, vCalAddress, vRecur, vText

from incident_lib.column_texts import split_names
from incident_lib.errors import FieldError, SettingsError, WorkbookError
from incident_lib.files import safe_name, write_atomically
from incident_lib.letters.correspondence import Letter, address, one_line, sender_of
from incident_lib.letters.vtimezone import vtimezone
from incident_lib.records import Records
from incident_lib.settings import Settings
from incident_lib.timeliness.deadlines import calendar_of, incident_deadlines

FOLDER = "invitations"
PRODUCT = "-//incident workbook//invitations//EN"
_SEARCHED = 60  # days


@dataclass(frozen=True)
class Meeting:
    """A meeting: ``name`` makes its UID; ``begins`` is a time with a zone; ``rule`` makes it recur.

    ``moved`` holds the times of a recurring one that fall on a holiday, each with the time that stands in for it.
    """

    name: str
    title: str
    begins: datetime
    minutes: int
    attendees: tuple[tuple[str, str], ...]
    agenda: str
    place: str | None = None
    rule: tuple[tuple[str, str | int], ...] = ()
    cancelled: bool = False
    moved: tuple[tuple[datetime, datetime], ...] = ()

    @property
    def first(self) -> datetime:
        """Return when it is held first, which is not when its rule says if that is a holiday."""
        return dict(self.moved).get(self.begins, self.begins)


def postmortem_meeting(
    records: Records, incident_id: str, *, at: pd.Timestamp, begins: pd.Timestamp | None = None
) -> tuple[Meeting, list[str]]:
    """Return an incident's post-mortem meeting, at the first slot that is allowed, and remarks on it.

    Invited are the owner, the on-call responders and the incident commander, and for the severities that the settings
    name a customer liaison.

    Raises:
        SettingsError: for an unknown or minor incident, or if there is no slot.
    """
    incident = records.incident(incident_id)
    due = incident_deadlines(records)["meeting_due_at"].get(incident_id)
    if due is None:
        raise SettingsError(f"{incident_id} is not major by the settings, so no post-mortem meeting is asked for")
    rules, zone = records.settings.meetings, records.settings.workbook.tz
    taken = _taken(records, incident_id)
    moment = begins.to_pydatetime().astimezone(zone) if begins is not None else first_slot(records.settings, at, taken)
    remarks = (
        [f"it is after the deadline, {due.tz_convert(zone):%a %-d %b %Y %H:%M}"]
        if pd.notna(due) and moment > due
        else []
    )
    invited, without = addressed(records, invited_to(records, incident_id))
    title = one_line(f"Post-mortem {incident_id}: {incident['title'] if pd.notna(incident['title']) else 'incident'}")
    meeting = Meeting(
        f"postmortem-{incident_id}", title, moment, rules.minutes, invited, _agenda(records, incident_id), rules.place
    )
    return meeting, [*remarks, *(f"{name} has no address" for name in without)]


def _taken(records: Records, incident_id: str) -> list[tuple[datetime, datetime]]:
    """Return when other post-mortem meetings are."""
    others = records.postmortems.loc[records.postmortems["incident_id"] != incident_id, "meeting_at"].dropna()
    length = timedelta(minutes=records.settings.meetings.minutes)
    return [(one.to_pydatetime(), one.to_pydatetime() + length) for one in others]


def first_slot(settings: Settings, after: datetime, taken: Iterable[tuple[datetime, datetime]] = ()) -> datetime:
    """Return the first time at which a meeting may begin: on a business day, at a slot, with notice, not over another.

    Raises:
        SettingsError: if there is none in the next sixty days.
    """
    rules, calendar, zone = settings.meetings, calendar_of(settings), settings.workbook.tz
    earliest = after + timedelta(hours=rules.notice_hours)
    length, taken = timedelta(minutes=rules.minutes), list(taken)
    first = earliest.astimezone(zone).date()
    for day in (first + timedelta(days=number) for number in range(_SEARCHED)):
        if not calendar.is_business_day(day):
            continue
        for slot in sorted(rules.slots):
            begins = _clock(day, slot, zone)
            free = begins and all(begins >= end or begins + length <= start for start, end in taken)
            if begins and free and begins >= earliest:
                return begins
    raise SettingsError(
        f"no slot for a meeting in {_SEARCHED} days after {earliest:%Y-%m-%d}; see meetings.slots and the calendar"
    )


def _clock(day: date, clock: str, zone: ZoneInfo) -> datetime | None:
    """Return a wall-clock time of a day; None where a clock change skips it."""
    local = datetime.combine(day, time.fromisoformat(clock), zone)
    return local if local.astimezone(UTC).astimezone(zone).replace(tzinfo=None) == local.replace(tzinfo=None) else None


def invited_to(records: Records, incident_id: str) -> list[str]:
    """Return whom the process names for a post-mortem meeting: owner, commander, responders, liaisons if asked for."""
    incident = records.incident(incident_id)
    owners = records.postmortems.loc[records.postmortems["incident_id"] == incident_id, "owner"].dropna()
    liaisons = having(records, "customer liaison")
    asked = str(incident["severity"]) in records.settings.meetings.liaisons_for
    responders = split_names(incident["responders"])
    present = [name for name in responders if name in liaisons]
    commander = [incident["incident_commander"]] if pd.notna(incident["incident_commander"]) else []
    others = [name for name in responders if name not in liaisons]
    return list(dict.fromkeys([*owners, *commander, *others, *((present or sorted(liaisons)) if asked else [])]))


def having(records: Records, role: str) -> set[str]:
    """Return the names of those who have a role."""
    return set(records.people.loc[records.people["roles"].map(split_names).map(lambda roles: role in roles), "name"])


def addressed(records: Records, names: Sequence[str]) -> tuple[tuple[tuple[str, str], ...], list[str]]:
    """Return (name, address) of those who have a valid one, and the names of the others."""
    known = dict(zip(records.people["name"], records.people["email"], strict=True))
    found, without = [], []
    for name in names:
        try:
            found.append((name, address(name, known.get(name)).addr_spec))  # type: ignore[arg-type]
        except FieldError:
            without.append(name)
    return tuple(found), without


def _agenda(records: Records, incident_id: str) -> str:
    url = records.settings.messages.page_url
    page = url.replace("{id}", incident_id) if url else f"postmortems/{incident_id}.md"
    return "\n".join([
        f"Post-mortem of {incident_id}. The page: {page}",
        "Please read it beforehand, and write down what surprised you.",
        "",
        "Agenda",
        "1. What happened: the timeline, told by those who were there",
        "2. Contributing factors; there is never one",
        "3. What went well, what didn't go so well",
        "4. Action items: who, until when; and what we decide not to do",
        "5. What we tell our customers",
    ])  # fmt: skip


@dataclass(frozen=True)
class Issued:
    """An invitation as it is sent: the calendar's bytes, its SEQUENCE, and whether it says anything new."""

    calendar: bytes
    sequence: int
    new: bool


def issue(meeting: Meeting, records: Records, *, at: pd.Timestamp) -> Issued:
    """Return a meeting's invitation: sequence 0 for a new one, one more than the last for a change or cancellation.

    What says the same as the last one is that one, byte for byte.

    Raises:
        SettingsError: if nobody can be invited, or the settings have no sender.
        WorkbookError: if the last invitation can't be read.
    """
    if not meeting.attendees:
        raise SettingsError(f"nobody who is invited to {meeting.name!r} has an address; add email to [[people]]")
    last = _last(meeting, records)
    if last is not None:
        text, event = last
        sequence = int(event.get("SEQUENCE", 0))
        same = _invitation(meeting, records.settings, sequence, event.decoded("DTSTAMP"))
        if same == text:
            return Issued(text, sequence, False)
        return Issued(_invitation(meeting, records.settings, sequence + 1, at.to_pydatetime()), sequence + 1, True)
    if meeting.cancelled:
        raise SettingsError(f"{meeting.name!r} was never issued from this workbook, so there is nothing to cancel")
    return Issued(_invitation(meeting, records.settings, 0, at.to_pydatetime()), 0, True)


def path_of(meeting: Meeting, records: Records) -> Path:
    """Return where the last invitation to a meeting is kept."""
    return records.folder / FOLDER / f"{safe_name(meeting.name)}.ics"


def keep(meeting: Meeting, issued: Issued, records: Records) -> Path:
    """Keep an invitation as the last one of its meeting."""
    path = path_of(meeting, records)
    path.parent.mkdir(exist_ok=True)
    write_atomically(path, issued.calendar)
    return path


def _last(meeting: Meeting, records: Records) -> tuple[bytes, Event] | None:
    path = path_of(meeting, records)
    try:
        text = path.read_bytes()
        return text, Calendar.from_ical(text).walk("VEVENT")[0]
    except FileNotFoundError:
        return None
    except (OSError, ValueError, IndexError) as error:
        raise WorkbookError(
            f"can't read the last invitation {path}: {error}; without it calendars would not take a change"
        ) from error


def last_meeting(meeting: Meeting, records: Records) -> Meeting:
    """Return a meeting as it was issued last, with its time and people; to cancel what calendars really show."""
    last = _last(meeting, records)
    if last is None:
        return meeting
    event = last[1]
    people = event.get("ATTENDEE", [])
    people = people if isinstance(people, list) else [people]
    attendees = tuple((str(one.params.get("CN", "")), str(one).removeprefix("mailto:")) for one in people)
    begins = event.decoded("DTSTART").astimezone(records.settings.workbook.tz)
    return replace(meeting, begins=begins, attendees=attendees or meeting.attendees)


def as_calendar(meeting: Meeting, settings: Settings, stamp: datetime) -> bytes:
    """Return a meeting's first invitation, as of a moment.

    Raises:
        SettingsError: if the settings have no sender.
    """
    return _invitation(meeting, settings, 0, stamp)


def _invitation(meeting: Meeting, settings: Settings, sequence: int, stamp: datetime) -> bytes:
    calendar = Calendar()
    calendar.add("prodid", PRODUCT)
    calendar.add("version", "2.0")
    calendar.add("calscale", "GREGORIAN")
    calendar.add("method", "CANCEL" if meeting.cancelled else "REQUEST")
    zone = meeting.begins.tzinfo
    if isinstance(zone, ZoneInfo) and zone.key not in ("UTC", "Etc/UTC"):
        calendar.add_component(vtimezone(zone, meeting.begins.replace(tzinfo=None)))
    calendar.add_component(_event(meeting, settings, sequence, stamp))
    for regular, instead in () if meeting.cancelled else meeting.moved:
        one = _event(replace(meeting, begins=instead, rule=()), settings, sequence, stamp)
        one.add("recurrence-id", _written(regular))
        calendar.add_component(one)
    return calendar.to_ical()


def _written(moment: datetime) -> datetime:
    """Return a time as invitations write it: in its zone, or in UTC if that is its zone."""
    utc = getattr(moment.tzinfo, "key", "UTC") in ("UTC", "Etc/UTC")
    return moment.astimezone(UTC) if utc else moment


def _event(meeting: Meeting, settings: Settings, sequence: int, stamp: datetime) -> Event:
    sender, begins = sender_of(settings), _written(meeting.begins)
    event = Event()
    event.add("uid", f"{safe_name(meeting.name)}@{sender.split('@')[1]}")
    event.add("dtstamp", stamp.astimezone(UTC).replace(microsecond=0))
    event.add("dtstart", begins)
    event.add("dtend", begins + timedelta(minutes=meeting.minutes))
    event.add("sequence", sequence)
    event.add("status", "CANCELLED" if meeting.cancelled else "CONFIRMED")
    event.add("summary", one_line(meeting.title))
    event.add("description", "\n".join(one_line(line) for line in meeting.agenda.splitlines()))
    if meeting.place:
        event.add("location", one_line(meeting.place))
    if meeting.rule:
        event.add("rrule", vRecur(dict(meeting.rule)))
    event.add("organizer", _person(settings.messages.signed or settings.workbook.name, sender, {}))
    for name, mail in meeting.attendees:
        asked = {"ROLE": "REQ-PARTICIPANT", "PARTSTAT": "NEEDS-ACTION", "RSVP": "TRUE", "CUTYPE": "INDIVIDUAL"}
        event.add("attendee", _person(name, mail, asked))
    return event


def _person(name: str, mail: str, params: dict[str, str]) -> vCalAddress:
    one = vCalAddress(f"mailto:{mail}")
    one.params["CN"] = vText(one_line(name).replace('"', "'"))
    for key, value in params.items():
        one.params[key] = vText(value)
    return one


def as_letter(meeting: Meeting, issued: Issued, incident_id: str | None = None) -> Letter:
    """Return the letter that carries an invitation to everybody who is invited."""
    what = "Cancelled" if meeting.cancelled else "Invitation" if issued.sequence == 0 else "Changed"
    when = f"{meeting.first:%A %-d %B %Y, %H:%M %Z}, {meeting.minutes} minutes"
    text = "\n".join([meeting.title, when, *([meeting.place] if meeting.place else []), "", meeting.agenda]) + "\n"
    key = f"invitation/{meeting.name}/{issued.sequence}"
    method = "CANCEL" if meeting.cancelled else "REQUEST"
    return Letter(key, meeting.attendees, f"{what}: {meeting.title}", text, incident_id, None, issued.calendar, method)
