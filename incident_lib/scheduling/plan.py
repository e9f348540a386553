"""What is due, and why: from a time, the settings, and what the ledger says; nothing is read or made here.

Each kind has its slots (see ``slots``). A report is due when a slot has come since the newest one that was handled;
several that were missed are caught up by one run. A review is of the last whole period at its slot, so one that was
missed altogether is caught up by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from itertools import islice, takewhile
from zoneinfo import ZoneInfo

from incident_lib.files import safe_name
from incident_lib.scheduling.slots import slots_after, slots_until
from incident_lib.settings import Settings
from incident_lib.settings.base import WEEKDAYS
from incident_lib.settings.schedule import NEVER

TIMELINESS, FOLLOW_UP = "timeliness", "follow-up"
PROCESS_REVIEW, SERVICE_REVIEW = "process-review", "service-review"
DRAFTS, DRAFT = "drafts", "postmortem-draft"
SETTING_OF = {TIMELINESS: "timeliness", FOLLOW_UP: "follow_up", PROCESS_REVIEW: "process_review",
              SERVICE_REVIEW: "customer_reviews", DRAFTS: "drafts"}  # fmt: skip
# What these say changes with the day, records or not: a deadline may have passed.
MOVING = (TIMELINESS, FOLLOW_UP)
LONGEST_CATCH_UP = 8


@dataclass(frozen=True)
class Due:
    """One report that is due: since which slot (UTC), and why; a review's period and customer."""

    kind: str
    name: str
    slot: datetime
    why: str
    period: str = ""
    customer: str = ""

    @property
    def key(self) -> tuple[str, str]:
        """Return what it is known by in the ledger."""
        return self.kind, self.name


@dataclass(frozen=True)
class Past:
    """What the ledger says of one report: its newest run, how often that slot failed, and its last good run."""

    slot: datetime
    outcome: str
    failures: int = 0
    good_slot: datetime | None = None
    good_at: datetime | None = None
    good_inputs: str = ""


@dataclass(frozen=True)
class Period:
    """A month or a quarter: its name and its last day."""

    name: str
    first: date
    last: date


History = Mapping[tuple[str, str], Past]
IsWorkday = Callable[[date], bool]


def due_reports(
    now: datetime, settings: Settings, past: History, is_workday: IsWorkday, *, force: bool = False
) -> list[Due]:
    """Return the reports that are due, and ``DRAFTS`` if it is time to look for incidents without a page.

    ``is_workday`` is asked only about days that matter. With ``force``, the newest slot of each kind is due, whatever
    was made before.
    """
    known = {} if force else past
    found = [_plain(kind, now, settings, known, is_workday) for kind in (TIMELINESS, FOLLOW_UP)]
    found.append(_plain(DRAFTS, now, settings, known, is_workday) or _left_to_draft(settings, known))
    reviews = [_reviews(PROCESS_REVIEW, "", now, settings, known, is_workday)]
    reviews += [_reviews(SERVICE_REVIEW, name, now, settings, known, is_workday) for name in customers_of(settings)]
    due = [*(one for one in found if one), *(one for several in reviews for one in several)]
    return [replace(one, why="forced") for one in due] if force else due


def due_drafts(without_page: Iterable[str], slot: datetime, settings: Settings, past: History) -> list[Due]:
    """Return the drafts to make: of major incidents without a page, and those that did not come off before."""
    again = [name for (kind, name), last in past.items() if kind == DRAFT and _try_again(last, settings)]
    missing = [name for name in without_page if (DRAFT, name) not in past]
    why = dict.fromkeys(missing, "no page yet") | dict.fromkeys(again, "its last run did not finish")
    return [Due(DRAFT, name, slot, reason) for name, reason in sorted(why.items())]


def is_unchanged(due: Due, past: History, inputs: str) -> bool:
    """Tell whether a report's last good run had the same inputs, so that making it again would change nothing."""
    last = past.get(due.key)
    return bool(inputs and last and last.good_inputs == inputs)


def next_slot(now: datetime, settings: Settings, is_workday: IsWorkday) -> tuple[str, datetime] | None:
    """Return which kind of report is due next, and when; None if nothing is scheduled. Drafts are not counted."""
    found = []
    for kind in SETTING_OF:
        expression = expression_of(kind, settings)
        if kind != DRAFTS and expression != NEVER:
            coming = islice(slots_after(expression, now, settings.workbook.tz), 400)
            found += [(slot, kind) for slot in islice(_working(coming, kind, settings, is_workday), 1)]
    return min(found)[::-1] if found else None


def customers_of(settings: Settings) -> tuple[str, ...]:
    """Return the customers that get a review of their own."""
    return settings.schedule.customers or tuple(customer.name for customer in settings.customers)


def expression_of(kind: str, settings: Settings) -> str:
    """Return the cron expression of a kind of report, or "never"; reviews without one come after their period."""
    stated = getattr(settings.schedule, SETTING_OF[kind])
    if stated:
        return stated
    return "0 7 1-14 * *" if _length(kind, settings) == "month" else "0 7 1-14 1,4,7,10 *"


def slots_of(kind: str, now: datetime, settings: Settings, is_workday: IsWorkday) -> Iterator[datetime]:
    """Yield the slots of a kind up to now, newest first, without those on days off where the kind leaves them out."""
    expression = expression_of(kind, settings)
    if expression != NEVER:
        yield from _working(slots_until(expression, now, settings.workbook.tz), kind, settings, is_workday)


def whole_period(day: date, length: str) -> Period:
    """Return the last month or quarter that was over before a day."""
    months = 3 if length == "quarter" else 1
    begins = day.replace(day=1, month=(day.month - 1) // months * months + 1)
    last = begins - timedelta(days=1)
    first = last.replace(day=1, month=(last.month - 1) // months * months + 1)
    name = f"{first.year}-Q{(first.month + 2) // 3}" if months == 3 else f"{first:%Y-%m}"
    return Period(name, first, last)


def readable(slot: datetime, tz: ZoneInfo) -> str:
    """Return a slot as people write it: Mon 2 Mar 2026 07:00."""
    local = slot.astimezone(tz)
    return f"{WEEKDAYS[local.weekday()]} {local.day} {local:%b %Y %H:%M}"


def _working(slots: Iterable[datetime], kind: str, settings: Settings, is_workday: IsWorkday) -> Iterator[datetime]:
    every_day = SETTING_OF[kind] not in settings.schedule.working_days
    tz = settings.workbook.tz
    return (slot for slot in slots if every_day or is_workday(slot.astimezone(tz).date()))


def _plain(kind: str, now: datetime, settings: Settings, past: History, is_workday: IsWorkday) -> Due | None:
    """Return a report without a name, if it is due."""
    last, tz = past.get((kind, "")), settings.workbook.tz
    expression = expression_of(kind, settings)
    if expression == NEVER:
        return None
    newest = next(slots_until(expression, now, tz), None)
    if last and newest and newest <= last.slot and not _try_again(last, settings):
        return None  # decided without asking for holidays
    slot = next(slots_of(kind, now, settings, is_workday), None)
    if slot is None or not _is_due(slot, last, settings):
        return None
    return Due(kind, "", slot, _why(kind, slot, last, settings, now, is_workday))


def _left_to_draft(settings: Settings, past: History) -> Due | None:
    """Return another look for drafts, if one was begun and did not come off."""
    last = past.get((DRAFTS, ""))
    left = any(kind == DRAFT and _try_again(one, settings) for (kind, _), one in past.items())
    on = expression_of(DRAFTS, settings) != NEVER
    return Due(DRAFTS, "", last.slot, "a draft did not come off") if last and left and on else None


def _reviews(
    kind: str, customer: str, now: datetime, settings: Settings, past: History, is_workday: IsWorkday
) -> list[Due]:
    """Return the reviews of a kind (of one customer) that are due: the newest period's, and those that were missed."""
    due, subject, before = [], (f"-{safe_name(customer)}" if customer else ""), now
    known = any(key[0] == kind and key[1].endswith(subject) for key in past)
    for _ in range(LONGEST_CATCH_UP):
        slot = next(slots_of(kind, before, settings, is_workday), None)
        if slot is None:
            break
        period = whole_period(slot.astimezone(settings.workbook.tz).date(), _length(kind, settings))
        last = past.get((kind, period.name + subject))
        if _is_due(slot, last, settings):
            why = _why(kind, slot, last, settings, now, is_workday) if last or not due else "its period was missed"
            due.append(Due(kind, period.name + subject, slot, why, period.name, customer))
        if last or not known:
            break
        before = _end_of(period.last, settings.workbook.tz)
    return due[::-1]


def _is_due(slot: datetime, last: Past | None, settings: Settings) -> bool:
    return last is None or slot > last.slot or (slot == last.slot and _try_again(last, settings))


def _try_again(last: Past, settings: Settings) -> bool:
    """Tell whether a run that did not come off is tried again; one that was interrupted always is."""
    return last.outcome == "interrupted" or (last.outcome == "failed" and last.failures < settings.schedule.tries)


def _why(
    kind: str, slot: datetime, last: Past | None, settings: Settings, now: datetime, is_workday: IsWorkday
) -> str:  # fmt: skip
    at = readable(slot, settings.workbook.tz)
    if last is None:
        return f"due {at}, never made before"
    if slot == last.slot:
        failed = f"failed {last.failures} of {settings.schedule.tries} times"
        return f"due {at}, {failed if last.outcome == 'failed' else 'was interrupted'}"
    if kind == DRAFTS:  # looked for several times an hour: nobody counts
        return f"due {at}"
    since = takewhile(lambda one: one > last.slot, slots_of(kind, now, settings, is_workday))
    missed = sum(1 for _ in islice(since, 100)) - 1
    return f"due {at}" + (f", for {missed} missed before as well" if missed > 0 else "")


def _length(kind: str, settings: Settings) -> str:
    return settings.meetings.review_every if kind == PROCESS_REVIEW else settings.schedule.customer_period


def _end_of(day: date, tz: ZoneInfo) -> datetime:
    """Return the last second of a local day, in UTC."""
    after = datetime.combine(day + timedelta(days=1), datetime.min.time(), tzinfo=tz)
    return after.astimezone(UTC) - timedelta(seconds=1)
