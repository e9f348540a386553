"""People, customers, and how they are written to: addresses, the mail server, meetings, reminders."""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from incident_lib.settings.base import ClockTime, Model, Severity, Weekday, Zone


class Person(Model):
    """Somebody whom the records name; ``away`` are days off of their own, on which no reminder is written."""

    name: str
    email: str | None = None
    handle: str | None = None
    roles: tuple[str, ...] = Field(default=(), strict=False)
    team: str | None = None
    zone: Zone | None = None
    interested: bool = False
    away: tuple[date, ...] = Field(default=(), strict=False)


class Customer(Model):
    """A customer, with the names by which chat and alerts know it, and where to write."""

    name: str
    aliases: tuple[str, ...] = Field(default=(), strict=False)
    email: str | None = None


def _mail_address(text: str) -> str:
    if (
        not re.fullmatch(r"[^@\s\x00-\x1f\x7f<>(),;:\\\"\[\]]+@[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?", text)
        or ".." in text
    ):
        raise ValueError(f"not a mail address: {text!r}; expected one such as 'ops@our-company.example'")
    return text


Address = Annotated[str, AfterValidator(_mail_address)]


class Messages(Model):
    """Whom the internal e-mail goes to, who signs, from which address letters come, and where pages can be read.

    ``page_url`` is an address with ``{id}`` in it; without one, the internal e-mail tells what happened itself.
    """

    internal_to: Address | None = None
    signed: str | None = None
    sender: Address | None = None
    page_url: str | None = Field(default=None, pattern=r"^https?://[^\s<>\"]+$")


class Smtp(Model):
    """The mail server. The password is never written here: ``password_env`` names the variable that holds it.

    ``security`` starttls and tls both refuse to go on without a certificate that is valid for the host;
    ``certificates`` is a file of your own authority's, where the system doesn't know it. "none" is for a relay on this
    very machine.
    """

    host: str | None = None
    port: int = Field(default=587, ge=1, le=65535)
    security: Literal["starttls", "tls", "none"] = "starttls"
    user: str | None = None
    password_env: str = Field(default="INCIDENTS_SMTP_PASSWORD", pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")
    certificates: str | None = None
    seconds: int = Field(default=30, ge=1, le=600)

    @model_validator(mode="after")
    def _no_open_password(self) -> Smtp:
        if self.user and self.security == "none" and self.host not in ("localhost", "127.0.0.1", "::1"):
            raise ValueError("a password would cross the network in the open; use security = 'starttls' or 'tls'")
        return self


class Meetings(Model):
    """When meetings may be held, and who is invited.

    ``slots`` are the times of day (in the workbook's zone) at which a post-mortem meeting may begin, on business days;
    ``notice_hours`` lie at least between the invitation and the meeting. The process review is on the ``review_day``
    of each ``review_every``: its ``review_week``-th one of the month, at ``review_at``.
    """

    slots: tuple[ClockTime, ...] = Field(default=("10:00", "11:00", "14:00", "15:00"), strict=False, min_length=1)
    minutes: int = Field(default=30, ge=5, le=240)
    notice_hours: int = Field(default=48, ge=0, le=240)
    place: str | None = None
    liaisons_for: tuple[Severity, ...] = Field(default=("critical",), strict=False)
    review_every: Literal["month", "quarter"] = "quarter"
    review_week: int = Field(default=2, ge=1, le=4)
    review_day: Weekday = "Thu"
    review_at: ClockTime = "10:00"
    review_minutes: int = Field(default=30, ge=5, le=240)


class Reminders(Model):
    """On which days owners are reminded of what is open: business days before (negative) and after it is due."""

    days: tuple[Annotated[int, Field(ge=-30, le=60)], ...] = Field(default=(-2, 0, 1, 3, 5), strict=False)
