"""Durations that a page states, held against the span of its own timeline."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from incident_lib.errors import FieldError
from incident_lib.sources.page_facts import Fact
from incident_lib.sources.stated_durations import DETECT, StatedDuration, measured, parse_duration

TOLERANCE_MINUTES, TOLERANCE_SHARE = 5, 0.1


def stated_durations(facts: list[Fact], report: Callable[[Fact, FieldError], None]) -> list[StatedDuration]:
    """Return the durations that a page states with a label, in order; those that can't be read are reported."""
    found: list[StatedDuration] = []
    for fact in facts:
        what = measured(fact)
        if what is None:
            continue
        try:
            found.append(StatedDuration(what, parse_duration(fact.value), fact.value, fact.line))
        except FieldError as error:
            report(fact, error)
    return found


@dataclass(frozen=True)
class Spans:
    """A timeline's times in order, and its own spans: to the row of the detection, and to the end.

    The end is the row that says so, or the last row (``ends_with_last``) where none does.
    """

    rows: tuple[datetime, ...]
    detected: timedelta | None
    whole: timedelta | None
    ends_with_last: bool

    @classmethod
    def of(cls, rows: list[datetime], at: dict[str, datetime | None]) -> Spans:
        """Return the spans between the times of an incident, over the rows of its timeline."""
        started, detected = at.get("started_at"), at.get("detected_at")
        marked = at.get("mitigated_at") or at.get("resolved_at")
        last = max(rows, default=None)
        end = marked or last
        return cls(
            tuple(sorted(rows)),
            detected - started if started and detected else None,
            end - started if started and end and len(rows) > 1 else None,
            marked is None,
        )


def contradictions(stated: list[StatedDuration], spans: Spans) -> Iterator[tuple[StatedDuration, str]]:
    """Yield each stated duration that differs from the timeline's own span by more than 5 minutes and a tenth.

    Where a page states several of one kind, it tells of several incidents, and none is compared.
    """
    for one in stated:
        alone = sum(other.what == one.what for other in stated) == 1
        own = spans.detected if one.what == DETECT else spans.whole
        if not alone or one.minutes is None or own is None:
            continue
        minutes = own / timedelta(minutes=1)
        difference = abs(minutes - one.minutes)
        if difference > TOLERANCE_MINUTES and difference > TOLERANCE_SHARE * max(one.minutes, minutes):
            yield one, _message(one, minutes, spans)


def _message(one: StatedDuration, minutes: float, spans: Spans) -> str:
    last = "its last row" if spans.ends_with_last else "the row that says it was over"
    stated = f"{one.what} is stated as {one.words!r} ({one.minutes:g} minutes)"
    own = f"the timeline takes {minutes:g} minutes from its start to {'the detection' if one.what == DETECT else last}"
    pair = _pair(one.minutes or 0, spans.rows)
    if pair is None:
        return f"{stated}, but {own}"
    first, last = (f"{row:%Y-%m-%d %H:%M}" for row in pair)
    return f"{stated}, but {own}; the rows of {first} and {last} UTC are that far apart"


def _pair(minutes: float, rows: tuple[datetime, ...]) -> tuple[datetime, datetime] | None:
    """Return two rows that are so many minutes apart, the earliest such; None if there are none."""
    known, apart = set(rows), timedelta(minutes=minutes)
    return next(((row, row + apart) for row in rows if apart and row + apart in known), None)
