"""The process in settings: severities, business days, deadlines, and the steps of the follow-up."""

from __future__ import annotations

from datetime import date
from typing import Any, Literal
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator, model_validator

from incident_lib.settings.base import Model, Severity, Span, SpanText, Weekday, Zone
from incident_lib.vocabulary import SEVERITIES


class Workbook(Model):
    """Who keeps this workbook, and in which time zone its days begin and end."""

    name: str = "Incident workbook"
    zone: Zone = "UTC"
    profile: Literal["default", "pagerduty"] = "default"

    @property
    def tz(self) -> ZoneInfo:
        """Return the workbook's time zone."""
        return ZoneInfo(self.zone)


class Severities(Model):
    """Which severities are major (need a post-mortem), and what the sources' own words mean."""

    major: tuple[Severity, ...] = Field(default=("critical", "high"), strict=False, min_length=1)
    aliases: dict[str, Severity] = {}


class Calendar(Model):
    """Which days are business days; holidays come from the ``holidays`` library by country and subdivision."""

    country: str | None = None
    subdivision: str | None = None
    workdays: tuple[Weekday, ...] = Field(default=("Mon", "Tue", "Wed", "Thu", "Fri"), strict=False, min_length=1)
    extra_holidays: tuple[date, ...] = Field(default=(), strict=False)
    removed_holidays: tuple[date, ...] = Field(default=(), strict=False)


class PlaceCalendar(Calendar):
    """A calendar of its own, and if need be a time zone, for what concerns some customers or teams."""

    name: str
    zone: Zone | None = None
    customers: tuple[str, ...] = Field(default=(), strict=False)
    teams: tuple[str, ...] = Field(default=(), strict=False)

    @model_validator(mode="after")
    def _for_somebody(self) -> PlaceCalendar:
        if not (self.customers or self.teams):
            raise ValueError("a calendar of its own needs the customers or teams that it is for")
        return self


_FIVE = {severity: Span(days=5, business=True) for severity in SEVERITIES}
StartEvent = Literal["started_at", "detected_at", "resolved_at"]


class EarlierRule(Model):
    """The deadlines for incidents whose clock started before the day ``until``; what it doesn't state is as now."""

    until: date
    meeting: dict[Severity, SpanText] = {}
    page: dict[Severity, SpanText] = {}


class Deadlines(Model):
    """How long meeting, page, and action items may take, counted from ``start`` of the incident.

    ``start_by_severity`` names another start for some severities, ``action_item_priorities`` a span for action items
    of a priority (it goes before their kind's), ``earlier`` the rules that held before the present one.
    """

    start: StartEvent = "resolved_at"
    start_by_severity: dict[Severity, StartEvent] = {}
    meeting: dict[Severity, SpanText] = _FIVE
    page: dict[Severity, SpanText] = _FIVE
    action_items: dict[str, SpanText] = {
        "clean-up": Span(days=5, business=True),
        "prevent": Span(days=30, business=False),
        "detect": Span(days=30, business=False),
        "mitigate": Span(days=30, business=False),
        "process": Span(days=30, business=False),
    }
    action_item_priorities: dict[str, SpanText] = {}
    earlier: tuple[EarlierRule, ...] = Field(default=(), strict=False)

    @field_validator("earlier")
    @classmethod
    def _in_order(cls, rules: tuple[EarlierRule, ...]) -> tuple[EarlierRule, ...]:
        days = [rule.until for rule in rules]
        if days != sorted(set(days)):
            raise ValueError("earlier rules stand in the order of their days, each day once")
        return rules

    def start_of(self, severity: str) -> StartEvent:
        """Return the event from which the deadlines of a severity are counted."""
        return self.start_by_severity.get(severity, self.start)  # type: ignore[call-overload]


When = Literal["always", "customers", "touches", "customers-or-touches", "critical"]


class Step(Model):
    """One step of the follow-up: data, not code.

    ``due`` counts from ``after``: resolved, deadline (the page's), meeting, or tasks (the day when they were done). A
    step that is due some time *before* the meeting states ``hours_before`` instead. ``every`` makes it come again, so
    long after each time that it was done, until the page is complete. ``when`` says which incidents need it: those
    with affected customers, with action items that touch customers' systems, with either, or critical ones. ``said``
    are words by which a person's message in the incident's chat, after its end, shows that the step was done; one with
    a "?" shows nothing.
    """

    id: str = Field(pattern=r"^[a-z][a-z0-9-]*$")
    title: str
    whose: Literal["on-call", "owner", "incident commander", "customer liaison"] = "owner"
    after: Literal["resolved", "deadline", "meeting", "tasks"] = "resolved"
    due: SpanText = Span(days=5, business=True)
    every: SpanText | None = None
    hours_before: int | None = Field(default=None, ge=1, le=240)
    when: When = "always"
    said: tuple[str, ...] = Field(default=(), strict=False)


def _step(id: str, title: str, **rest: Any) -> Step:
    return Step(id=id, title=title, **rest)


_REVIEWED = ("slack reviewed", "slack history reviewed", "channel reviewed")
_CONTACTED = ("customer contacted", "customers contacted", "customer informed", "customers informed")
_MAILED = ("internal e-mail sent", "internal email sent", "internal mail sent")
_AT_ONCE, _NEXT_DAY, _TWO_DAYS, _FIVE_DAYS = "0 business days", "1 business day", "2 business days", "5 business days"
STEPS = (
    _step("page-created", "Post-mortem page created", whose="on-call", due=_NEXT_DAY),
    _step("owner-assigned", "Owner assigned", whose="on-call", due=_NEXT_DAY),
    _step("tasks-recorded", "Clean-up tasks added or handed over", whose="on-call", due=_NEXT_DAY),
    _step("slack-reviewed", "Slack history reviewed", whose="on-call", due=_TWO_DAYS, said=_REVIEWED),
    _step("customer-contacted", "Customer contacted", whose="on-call", due=_NEXT_DAY, when="customers-or-touches",
          said=_CONTACTED),
    _step("internal-email", "Internal e-mail sent", whose="on-call", due=_NEXT_DAY, said=_MAILED),
    _step("meeting-scheduled", "Post-mortem meeting scheduled", due=_NEXT_DAY),
    _step("progress-checked", "Progress checked", whose="on-call", due=_TWO_DAYS, every=_TWO_DAYS),
    _step("page-completed", "Page completed", after="deadline", due=_AT_ONCE),
    _step("page-shared", "Page shared 24 hours before the meeting", after="meeting", hours_before=24),
    _step("meeting-held", "Post-mortem meeting held", due=_FIVE_DAYS),
    _step("external-message", "External message posted", due=_FIVE_DAYS, when="critical"),
    _step("all-clear", "Customer told that all is clear", whose="on-call", after="tasks", due=_TWO_DAYS,
          when="touches"),
    _step("closed", "Post-mortem closed", after="tasks", due=_FIVE_DAYS),
)  # fmt: skip
