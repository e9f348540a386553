"""Reminders: one digest per person of what is due in two days, today, or late; none on a day off."""

from __future__ import annotations

from datetime import date

import pandas as pd

from incident_lib.business_time import BusinessCalendar, add_business_days, business_calendar
from incident_lib.letters.correspondence import Letter, one_line
from incident_lib.letters.texts import rendered
from incident_lib.records import Records
from incident_lib.timeliness.deadlines import calendars_of, incident_deadlines


def reminders(records: Records, at: pd.Timestamp) -> tuple[list[Letter], list[str]]:
    """Return the digests that go out on the day of ``at``, and the people who have no address, each with a reason.

    A day is counted in the person's own calendar: their team's holidays and their own days off are no business days.
    What is due on such a day counts as due on the last business day before.
    """
    letters, without = [], []
    addresses = dict(zip(records.people["name"], records.people["email"], strict=True))
    for name, rows in due_work(records).groupby("owner", sort=True):
        calendar = calendar_of_person(records, str(name))
        day = at.tz_convert(calendar.tz).date()
        if not calendar.is_business_day(day):
            continue
        lines = [(days_after(due, day, calendar), text) for due, text in zip(rows["due_on"], rows["text"], strict=True)]
        lines = sorted((days, text) for days, text in lines if days in records.settings.reminders.days)
        mail = addresses.get(name)
        if lines and not isinstance(mail, str):
            without.append(
                f"{name} has no address, so no reminder of {len(lines)} open item{'' if len(lines) == 1 else 's'}"
            )
        elif lines:
            letters.append(_digest(records, str(name), str(mail), day, lines))
    return letters, without


def _digest(records: Records, name: str, mail: str, day: date, lines: list[tuple[int, str]]) -> Letter:
    late = sum(days > 0 for days, _ in lines)
    count = f"{len(lines)} open item{'' if len(lines) == 1 else 's'} in the follow-up of incidents"
    context = {
        "subject": f"Reminder: {count}" + (f", {late} late" if late else ""),
        "name": name.split()[0],
        "items": [f"{in_words(days)}: {text}" for days, text in lines],
        "signed": one_line(records.settings.messages.signed or records.settings.workbook.name),
    }
    return Letter(f"reminder/{day}/{name}", ((name, mail),), *rendered(records, "reminder", context))


def in_words(days: int) -> str:
    """Return how far a due day is away, in business days."""
    if days == 0:
        return "due today"
    count = f"{abs(days)} business day{'' if abs(days) == 1 else 's'}"
    return f"due in {count}" if days < 0 else f"{count} late"


def days_after(due: date, day: date, calendar: BusinessCalendar) -> int:
    """Return by how many business days a day lies after a due day; negative before it, 0 on it.

    A due day that is no business day counts as the last one before it.
    """
    if not calendar.is_business_day(due):
        due = add_business_days(due, -1, calendar)
    first, last = (calendar.counted[(one - calendar.first).days] for one in (due, day))
    return int(last - first)


def calendar_of_person(records: Records, name: str) -> BusinessCalendar:
    """Return a person's business days: their team's calendar or the workbook's, without their own days off."""
    settings = records.settings
    person = next((one for one in settings.people if one.name == name), None)
    team = person.team if person else None
    rules = next((one for one in settings.calendars if team and team in one.teams), settings.calendar)
    away = person.away if person else ()
    zone = calendars_of(settings)[getattr(rules, "name", "")].tz
    plain = rules.model_copy(update={"extra_holidays": tuple(sorted({*rules.extra_holidays, *away}))})
    return business_calendar(plain, zone)


def due_work(records: Records) -> pd.DataFrame:
    """Return all open work that has an owner and a day: owner, due_on (a date), text."""
    items = records.action_items
    items = items[(items["status"] == "open") & items["owner"].notna() & items["due_on"].notna()]
    titles = items["title"].map(one_line)
    tasks = pd.DataFrame({
        "owner": items["owner"],
        "due_on": items["due_on"].dt.date,
        "text": items["incident_id"] + " action item " + items["item"].astype("str") + ": " + titles,
    })  # fmt: skip
    return pd.concat([tasks, _pages(records)], ignore_index=True)


def _pages(records: Records) -> pd.DataFrame:
    """Return the pages that are not complete, with the day by which they have to be."""
    pages = records.postmortems[(records.postmortems["status"] == "draft") & records.postmortems["owner"].notna()]
    pages = pages[pages["not_needed"].isna()].drop_duplicates("incident_id").set_index("incident_id")
    both = pages.join(incident_deadlines(records)[["page_due_at"]], how="inner").dropna(subset="page_due_at")
    return pd.DataFrame({
        "owner": both["owner"],
        "due_on": both["page_due_at"].dt.tz_convert(records.settings.workbook.tz).dt.date,
        "text": both.index.astype("str") + ": complete the post-mortem page",
    })  # fmt: skip
