"""A meeting before it is an invitation: when it can be, who is asked to come, and what it is about."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pandas as pd

from incident_lib.column_texts import split_names
from incident_lib.errors import FieldError, SettingsError
from incident_lib.letters.correspondence import address, one_line
from incident_lib.records import Records
from incident_lib.settings import Settings
from incident_lib.timeliness.deadlines import calendar_of, incident_deadlines

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
