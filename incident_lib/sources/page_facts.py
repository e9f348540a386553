"""Facts that a page states with a label: "**Severity:** Critical", "- Time to detection: 5 minutes", "Owner: Priya"."""

from __future__ import annotations

import re
from dataclasses import dataclass

from incident_lib.sources.page_layout import Layout

_FACT = re.compile(
    r"[ \t]{0,8}(?:[-*+]\s+|>\s*)?(?:\*\*|__)?(?P<label>[A-Za-z][A-Za-z0-9 /'-]{1,40}?)(?:\*\*|__)?"
    r"\s?:(?:\*\*|__)?(?!//)\s*(?P<value>.*)"
)


@dataclass(frozen=True)
class Fact:
    """A label, what stands behind it, and its line (from 0 in the body)."""

    label: str
    value: str
    line: int


def facts_of(layout: Layout) -> list[Fact]:
    """Return the labelled lines of a page outside its code, headings and tables."""
    found = ((number, _FACT.match(line[:500])) for number, line in enumerate(layout.lines) if number not in layout.code)
    return [Fact(fact["label"].strip(), fact["value"].strip(), number) for number, fact in found if fact]


def first(facts: list[Fact], *labels: str) -> Fact | None:
    """Return the first fact with one of these labels (small letters) that says anything."""
    return next((fact for fact in facts if fact.label.casefold() in labels and fact.value), None)
