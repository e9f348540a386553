"""When reports make themselves, how much a run may take, and what is kept of what it made."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal

from cronsim import CronSim, CronSimError
from pydantic import AfterValidator, Field

from incident_lib.settings.base import Model

NEVER = "never"
FIELDS = "minute, hour, day of the month, month and day of the week, as in '0 7 * * Mon-Fri'"
Kind = Literal["timeliness", "follow_up", "process_review", "customer_reviews", "drafts"]


def _expression(text: str) -> str:
    """Return a cron expression as it is, if it is one that is ever due."""
    plain = " ".join(text.split())
    if plain.lower() == NEVER:
        return NEVER
    if len(plain.split()) != 5:
        raise ValueError(f"{text!r} is no cron expression; expected {FIELDS}, or 'never'")
    try:
        next(CronSim(plain, datetime(2024, 1, 1, tzinfo=UTC)))
    except CronSimError as error:
        why = f"{str(error)[:1].lower()}{str(error)[1:]}"
        raise ValueError(f"{text!r} is no cron expression ({why}); expected {FIELDS}, or 'never'") from error
    except StopIteration as error:
        raise ValueError(f"{text!r} names a day that never comes; expected {FIELDS}, or 'never'") from error
    return plain


Cron = Annotated[str, AfterValidator(_expression)]


class Schedule(Model):
    """When each kind of report is made, in the workbook's zone; "never" leaves a kind out.

    Kinds in ``working_days`` are made on business days only, by the workbook's calendar. A review is of the last
    whole period: ``process_review`` of the month or quarter that ``meetings.review_every`` says, ``customer_reviews``
    of ``customer_period``, one for each of ``customers`` (all that the settings name, if none is stated here). Without
    an expression they are looked at each morning of the first two weeks after the period, and made again only where
    records changed. ``drafts`` are written for major incidents that began within ``draft_days`` and have no page.
    """

    timeliness: Cron = "0 7 * * Mon-Fri"
    follow_up: Cron = "0 7 * * *"
    process_review: Cron | None = None
    customer_reviews: Cron | None = None
    drafts: Cron = "*/15 * * * *"
    working_days: tuple[Kind, ...] = Field(default=("timeliness",), strict=False)
    customer_period: Literal["month", "quarter"] = "quarter"
    customers: tuple[str, ...] = Field(default=(), strict=False)
    draft_days: int = Field(default=14, ge=1, le=366)
    tries: int = Field(default=3, ge=1, le=20)


class Retention(Model):
    """How long and how many: dated reports of one kind, notebooks of failed runs, rows of the ledger.

    The newest good report of each kind stays whatever these say, and so do reports that have no date.
    """

    periods: int = Field(default=24, ge=1, le=10_000)
    drafts: int = Field(default=200, ge=1, le=100_000)
    days: int = Field(default=800, ge=1, le=36_600)
    failed_days: int = Field(default=30, ge=1, le=36_600)
    ledger_days: int = Field(default=400, ge=7, le=36_600)
