"""Invitations by RFC 5545 and 5546: the post-mortem meeting and the process review, their changes and cancellations.

The last one that was issued for a meeting is kept in the workbook's ``invitations`` folder. It gives the next one its
SEQUENCE, so that calendars see a change as a change of the same meeting.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pandas as pd
from icalendar import Calendar, Event, vCalAddress, vRecur, vText

from incident_lib.errors import SettingsError, WorkbookError
from incident_lib.files import safe_name, write_atomically
from incident_lib.letters.correspondence import Letter, one_line, sender_of
from incident_lib.letters.meetings import Meeting
from incident_lib.letters.vtimezone import vtimezone
from incident_lib.records import Records
from incident_lib.settings import Settings

FOLDER = "invitations"
PRODUCT = "-//incident workbook//invitations//EN"


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
