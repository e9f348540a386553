"""The rules of a process as data: what is asked of a major incident, by when, and how the records can show it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, model_validator

from incident_lib.vocabulary import ACTION_ITEM_KINDS

Check = Literal[
    "within", "customers-first", "status-updates", "data-links", "tags", "sections", "tasks", "tasks-in-time"
]
StepEvent = Literal[
    "page-created", "owner-assigned", "tasks-recorded", "slack-reviewed", "customer-contacted", "internal-email",
    "meeting-scheduled", "page-completed", "page-shared", "external-message", "all-clear", "closed",
]  # fmt: skip
Event = Literal[StepEvent, "started", "detected", "acknowledged", "resolved", "meeting", "first-update", "tasks-done"]
STEP_EVENTS: tuple[str, ...] = get_args(StepEvent)
ItemKind = Literal[ACTION_ITEM_KINDS]  # type: ignore[valid-type]
Many = Annotated[tuple[str, ...], Field(strict=False)]


class Rule(BaseModel):
    """One rule. One that is stated under the id of ours changes only what it states; ``on = false`` drops it.

    In the title {bound} stands for the bound.

    ``within``: ``event`` at most so many business days, hours or minutes (negative: at least so long before) after
    ``after``, or by the ``deadline`` of the page or the meeting. The other checks: ``customers-first`` (contacted
    before a task touched their systems), ``status-updates`` (every ``minutes`` while critical), ``data-links`` (at
    least ``least`` in the page's timeline), ``tags`` (all of these; {date} is the day it began), ``sections`` (of a
    complete page are written), ``tasks`` (each has its ``field``), ``tasks-in-time`` (done by their day).
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    id: str = Field(pattern=r"^[a-z][a-z0-9-]*$")
    title: str = ""
    check: Check = "within"
    event: Event | None = None
    after: Event = "resolved"
    business_days: int | None = Field(default=None, ge=0, le=3660)
    hours: int | None = Field(default=None, ge=-240, le=8784)
    minutes: int | None = Field(default=None, ge=1, le=10080)
    deadline: Literal["page", "meeting"] | None = None
    severities: Annotated[tuple[Literal["critical", "high", "medium", "low"], ...], Field(strict=False)] = ()
    field: Literal["owner", "due_on", "ticket"] | None = None
    kinds: Annotated[tuple[ItemKind, ...], Field(strict=False)] = ()
    tags: Many = ()
    sections: Many = ()
    least: int = Field(default=1, ge=1)
    on: bool = True

    @property
    def said(self) -> str:
        """Return the title with its bound in words."""
        amounts = {"business day": self.business_days, "hour": self.hours, "minute": self.minutes}
        unit, amount = next(((unit, abs(amount)) for unit, amount in amounts.items() if amount is not None), ("", 0))
        bound = f"the {self.deadline}'s deadline" if self.deadline else f"{amount} {unit}{'' if amount == 1 else 's'}"
        return self.title.replace("{bound}", bound)

    @model_validator(mode="after")
    def _is_whole(self) -> Rule:
        if self.id not in OURS and self.on:
            _refuse_incomplete(self)
        return self


def _refuse_incomplete(rule: Rule) -> None:
    """Raise ValueError for a rule that lacks what its check needs."""
    bounds = [rule.business_days, rule.hours, rule.minutes, rule.deadline]
    if not rule.title:
        raise ValueError(f"the rule {rule.id!r} is not one of ours, so it needs a title")
    if rule.check == "within" and (rule.event is None or sum(bound is not None for bound in bounds) != 1):
        raise ValueError(
            f"the rule {rule.id!r} needs an event, and one of business_days, hours, minutes or deadline to say by when"
        )
    needed = {"status-updates": "minutes", "tags": "tags", "sections": "sections", "tasks": "field"}.get(rule.check)
    if needed and not getattr(rule, needed):
        raise ValueError(f"the rule {rule.id!r} needs {needed!r} for its check {rule.check!r}")


OURS: dict[str, Rule] = {}


def _rule(id: str, title: str, **rest: Any) -> Rule:
    return Rule(id=id, title=title, **rest)


RULES = (
    _rule("acknowledged", "Acknowledged within {bound} of detection", event="acknowledged", after="detected",
          minutes=15),
    _rule("first-update", "Customers told within {bound} of detection", event="first-update", after="detected",
          minutes=30),
    _rule("status-updates", "A status update at least every {bound} while critical", check="status-updates", minutes=60,
          severities=("critical",)),
    _rule("page-created", "Page created within {bound}", event="page-created", business_days=1),
    _rule("owner-named", "Owner named within {bound}", event="owner-assigned", business_days=1),
    _rule("internal-mail", "Internal e-mail within {bound}", event="internal-email", business_days=1),
    _rule("tasks-recorded", "Clean-up tasks recorded within {bound}", event="tasks-recorded", business_days=1),
    _rule("tasks-owned", "Every task has an owner", check="tasks", field="owner"),
    _rule("tasks-dated", "Every task has a due date", check="tasks", field="due_on"),
    _rule("clean-up-in-time", "Clean-up tasks done by their day", check="tasks-in-time", kinds=("clean-up",)),
    _rule("chat-reviewed", "Chat history reviewed within {bound}", event="slack-reviewed", business_days=2),
    _rule("customers-first", "Customers contacted before restarts or changes", check="customers-first",
          event="customer-contacted"),
    _rule("all-clear", "All-clear within {bound} of the last such task", event="all-clear", after="tasks-done",
          business_days=2),
    _rule("meeting-scheduled", "Meeting scheduled within {bound}", event="meeting-scheduled", business_days=1),
    _rule("page-in-time", "Page complete by its deadline", event="page-completed", deadline="page"),
    _rule("page-first", "Page complete before the meeting", event="page-completed", after="meeting", hours=0),
    _rule("page-shared", "Page shared {bound} before the meeting", event="page-shared", after="meeting", hours=-24),
    _rule("meeting-in-time", "Meeting held by its deadline", event="meeting", deadline="meeting"),
    _rule("data-links", "The page's timeline links to data", check="data-links"),
    _rule("sections-written", "Overview, factors, resolution and impact are written", check="sections",
          sections=("Overview", "Contributing factors", "Resolution", "Impact")),
    _rule("tags", "Tagged critical, with the day", check="tags", tags=("critical", "critical_{date}"),
          severities=("critical",)),
    _rule("external-message", "External message within {bound}", event="external-message", business_days=5,
          severities=("critical",)),
    _rule("closed", "Closed within {bound} of the last task", event="closed", after="tasks-done", business_days=5),
)  # fmt: skip
OURS.update({rule.id: rule for rule in RULES})


def in_force(stated: Iterable[Rule]) -> tuple[Rule, ...]:
    """Return our rules with the stated ones laid over those of the same id, and the new ones after them."""
    rules = dict(OURS)
    for rule in stated:
        base = rules.get(rule.id)
        rules[rule.id] = _over(base, rule) if base else rule
    return tuple(rule for rule in rules.values() if rule.on)


def _over(base: Rule, stated: Rule) -> Rule:
    """Return a rule with what was stated laid over it; a new bound replaces the old one, whatever its unit."""
    told = {name: getattr(stated, name) for name in stated.model_fields_set}
    bounds = {"business_days", "hours", "minutes", "deadline"}
    cleared = dict.fromkeys(bounds, None) if bounds & told.keys() else {}
    return base.model_copy(update={**cleared, **told})
