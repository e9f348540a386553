"""What is true of one incident of the sample, and how its texts say it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

from incident_lib.sample.company import PAGERDUTY, Customer, Person
from incident_lib.sample.kinds import Kind, Prose
from incident_lib.sample.told import Told

MAJOR = ("critical", "high")


@dataclass(frozen=True)
class Facts:
    """What is true of one incident. Times are UTC; None means never, or not by the end of the sample."""

    incident_id: str
    number: int
    kind: Kind
    prose: Prose
    values: Mapping[str, str]
    severity: str
    raised_from: str | None
    raised_at: datetime | None
    started_at: datetime
    detected_at: datetime | None
    acknowledged_at: datetime | None
    mitigated_at: datetime | None
    resolved_at: datetime | None
    customers: tuple[Customer, ...]
    commander: Person | None
    responders: tuple[Person, ...]
    channel: str | None
    pagerduty_id: str | None
    statuspage_id: str | None
    told: Told | None

    @property
    def is_major(self) -> bool:
        """Return whether it needs a post-mortem."""
        return self.severity in MAJOR

    @property
    def title(self) -> str:
        """Return its title in the team's own register."""
        return self.say(self.prose.title)

    @property
    def pagerduty_url(self) -> str:
        """Return its address in PagerDuty."""
        return f"{PAGERDUTY}/incidents/{self.pagerduty_id}"

    @property
    def references(self) -> tuple[str, ...]:
        """Return the ids and addresses in other tools that the team noted."""
        noted = (self.pagerduty_id, self.pagerduty_url) if self.pagerduty_id and not self.is_linked_in_chat else ()
        return (*noted, self.statuspage_url) if self.statuspage_id else noted

    @property
    def statuspage_url(self) -> str:
        """Return its short address on the status page."""
        return f"https://stspg.example/{self.statuspage_id[:8]}"

    @property
    def is_linked_in_chat(self) -> bool:
        """Return whether only a link in the chat tells which alert belongs to it."""
        if self.told:
            return self.told.pagerduty == "chat"
        return bool(self.is_major and self.pagerduty_id and self.number % 9 == 4)

    def say(self, text: str) -> str:
        """Return a text with this incident's facts in its braces."""
        return text.format_map(self.values)

    def rng(self, what: str) -> Random:
        """Return a generator of its own for one purpose: drawing more for one never changes another."""
        return Random(f"{self.values['seed']}/{what}")


def listed(names: list[str]) -> str:
    """Return names as a phrase: "a, b and c"."""
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def span(time: timedelta) -> str:
    """Return a length of time as people say it: "45 minutes", "2 hours 5 minutes"."""
    hours, minutes = divmod(max(1, round(time.total_seconds() / 60)), 60)
    parts = ((hours, "hour"), (minutes, "minute"))
    return " ".join(f"{number} {unit}{'s' * (number != 1)}" for number, unit in parts if number)
