"""The process review as a meeting: on which days, who is invited, what when that is a holiday; and one as a file."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from html import escape
from itertools import islice

import pandas as pd

from incident_lib.errors import SettingsError
from incident_lib.files import safe_name
from incident_lib.letters.invitations import as_calendar
from incident_lib.letters.meetings import Meeting, addressed, having
from incident_lib.periods import Period
from incident_lib.records import Records
from incident_lib.render import FILE_MIMETYPE, Shown, note
from incident_lib.settings import WEEKDAYS, Settings
from incident_lib.timeliness.deadlines import calendar_of

REVIEW = "process-review"
YEARS_AHEAD = 2  # for so long holidays are looked for
_DAYS = dict(zip(WEEKDAYS, ("MO", "TU", "WE", "TH", "FR", "SA", "SU"), strict=True))
_WHAT_FOR = "How well did our incident process work, and what do we change? It judges the process, not persons."
_AGENDA = (
    "What happened, and what was different from before", "Was the process kept?", "What became of earlier decisions",
    "What we decide today",
)  # fmt: skip


def process_review(records: Records, *, at: pd.Timestamp) -> tuple[Meeting, list[str]]:
    """Return the recurring process review: all incident commanders and whoever asked to be invited.

    It begins with the first such day after ``at`` plus the notice; quarterly ones are in January, April, July, October.
    Those of the next two years that fall on a holiday are on the next business day instead.
    """
    rules = records.settings.meetings
    months = 3 if rules.review_every == "quarter" else 1
    days = list(islice(_days_after(records, at), YEARS_AHEAD * 12 // months))
    rule = (("FREQ", "MONTHLY"), ("INTERVAL", months), ("BYDAY", f"{rules.review_week}{_DAYS[rules.review_day]}"))
    agenda = "\n".join([
        _WHAT_FOR, "", "Agenda", *(f"{number}. {line}" for number, line in enumerate(_AGENDA, start=1)),
        "", "Who no longer wants to come says so: incidents interested NAME --no-longer",
    ])  # fmt: skip
    invited, without = _invited(records)
    title = f"Process review of {records.settings.workbook.name}"
    moved = tuple((regular, held) for regular, held in days if held != regular)
    meeting = Meeting(REVIEW, title, days[0][0], rules.review_minutes, invited, agenda, rules.place, rule, moved=moved)
    return meeting, [f"{name} has no address" for name in without]


def review_of(records: Records, period: Period, agenda: pd.DataFrame) -> Meeting:
    """Return the one meeting that talks about a period: the first review after its end.

    ``agenda`` as from ``review.agenda.meeting_agenda``.
    """
    rules = records.settings.meetings
    _, held = next(_days_after(records, period.bounds(records.settings.workbook.tz)[1]))
    lines = [f"{row.no}. {row.question} ({row.minutes} min)" for row in agenda.itertuples()]
    title = f"Process review {period.name} of {records.settings.workbook.name}"
    return Meeting(f"{REVIEW}-{period.name}", title, held, rules.review_minutes, _invited(records)[0],
                   "\n".join([_WHAT_FOR, "", "Agenda", *lines]), rules.place)  # fmt: skip


def review_invitation(records: Records, period: Period, agenda: pd.DataFrame) -> Shown:
    """Return the invitation to the meeting about a period, as a file beside the report, or why there is none.

    The same records give the same bytes: it is stamped with the records' own time.

    >>> print(inc.review_invitation(records, inc.parse_period("2026-Q3"), inc.meeting_agenda([])))
    Thursday 8 October 2026, 10:00 EDT, 30 minutes; the invitation is process-review-2026-Q3.ics
    """
    meeting = review_of(records, period, agenda)
    if not meeting.attendees:
        return note("There is no invitation: nobody who is invited has an address in the settings.")
    try:
        content = as_calendar(meeting, records.settings, records.as_of.to_pydatetime())
    except SettingsError as error:
        return note(f"There is no invitation: {error}.")
    name = f"{safe_name(meeting.name)}.ics"
    when = f"{meeting.begins:%A %-d %B %Y, %H:%M %Z}, {meeting.minutes} minutes"
    file = {"name": name, "label": "Invitation", "about": when, "content": base64.b64encode(content).decode()}
    text = f"{when}; the invitation is {name}"
    return Shown(f"<p>{escape(text)}</p>", text, {FILE_MIMETYPE: file})


def _invited(records: Records) -> tuple[tuple[tuple[str, str], ...], list[str]]:
    interested = set(records.people.loc[records.people["interested"], "name"])
    return addressed(records, sorted(having(records, "incident commander") | interested))


def _days_after(records: Records, at: pd.Timestamp) -> Iterator[tuple[datetime, datetime]]:
    """Yield the reviews after a time and the notice, each with when it is held: not on a holiday."""
    settings = records.settings
    earliest = at + timedelta(hours=settings.meetings.notice_hours)
    for regular in _review_days(settings, at.to_pydatetime().astimezone(settings.workbook.tz)):
        held = _not_on_a_holiday(regular, settings)
        if held > earliest:
            yield regular, held


def _not_on_a_holiday(moment: datetime, settings: Settings) -> datetime:
    """Return a time, or the same clock on the next business day if it falls on a holiday."""
    calendar = calendar_of(settings)
    if moment.date() not in calendar.holidays:
        return moment
    days = (moment.date() + timedelta(days=number) for number in range(1, 60))
    day = next((one for one in days if calendar.is_business_day(one)), moment.date())
    return datetime.combine(day, moment.time(), moment.tzinfo)


def _review_days(settings: Settings, after: datetime) -> Iterator[datetime]:
    """Yield the process reviews of the months from that of ``after`` on, as the settings' rule has them."""
    rules, zone = settings.meetings, settings.workbook.tz
    year, month = after.year, after.month
    while True:
        if rules.review_every == "month" or month % 3 == 1:
            first = date(year, month, 1)
            ahead = (WEEKDAYS.index(rules.review_day) - first.weekday()) % 7 + 7 * (rules.review_week - 1)
            yield datetime.combine(first + timedelta(days=ahead), time.fromisoformat(rules.review_at), zone)
        year, month = (year + 1, 1) if month == 12 else (year, month + 1)
