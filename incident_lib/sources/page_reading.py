"""A foreign page while it is read: its parts, the clock for its times, and where its problems go."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from incident_lib.errors import FieldError
from incident_lib.sources.page_clock import PageClock
from incident_lib.sources.page_facts import Fact, facts_of, first
from incident_lib.sources.page_layout import Layout
from incident_lib.sources.page_origin import PageDay, Split, day_of, incident_id_of, split, title_of
from incident_lib.sources.page_sections import Part, parts
from incident_lib.sources.reading import Batch, Source
from incident_lib.sources.written_times import read_written
from incident_lib.sources.written_zones import WrittenZone, parse_zone, statement

NAME = "foreign_pages"


@dataclass
class ForeignPage:
    """A page while it is read: its parts, where its problems go, and the clock for its times."""

    source: Source
    batch: Batch
    split: Split
    incident_id: str
    title: str
    sections: list[Part]
    facts: list[Fact]
    day: PageDay
    clock: PageClock

    def place(self, line: int) -> str:
        """Return the pointer to a line of the body."""
        return f"{self.source.name} line {self.split.line + line}"

    def problem(self, rule: str, message: str, place: str | None = None, effect: str = "kept") -> None:
        """Note a problem with this page."""
        self.batch.problem(rule, message, place or self.source.name, effect=effect, incident_id=self.incident_id)

    def stated_time(self, labels: tuple[str, ...]) -> datetime | None:
        """Return a time that the page states on a line with one of these labels."""
        fact = first(self.facts, *labels)
        written = read_written(fact.value) if fact else None
        if fact is None or written is None or not (written.clock or written.iso):
            return None
        try:
            return self.clock.moment(fact.value[:60], written).at
        except FieldError as error:
            self.problem("unreadable-value", f"{fact.label}: {error}", self.place(fact.line), "value left out")
            return None


def open_page(source: Source, batch: Batch) -> ForeignPage:
    """Return a page taken apart.

    Raises:
        SourceError: if it is no UTF-8 text, or larger than a page may be.
        FieldError: if its front matter can't be read.
    """
    page = split(source)
    title, facts = title_of(page, source.name), facts_of(page.layout)
    day = day_of(page, title, facts, source.name)
    clock = PageClock(day.day, day.year, _zone_of(page.layout), source.zone)
    incident_id = incident_id_of(source.name, source.settings.sources.incident_id)
    return ForeignPage(source, batch, page, incident_id, title, parts(page.layout), facts, day, clock)


def _zone_of(layout: Layout) -> WrittenZone | None:
    """Return the zone that the page states for its times ("All times in CET")."""
    stated = (statement(line) for number, line in enumerate(layout.lines) if number not in layout.code)
    return next((zone for words in stated if words and (zone := parse_zone(words))), None)
