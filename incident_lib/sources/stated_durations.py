"""How long something took, as people write it: "19 hours 43 minutes.", "~2h", "11 Days", "?", "N/A"."""

from __future__ import annotations

import re
from dataclasses import dataclass

from incident_lib.errors import FieldError
from incident_lib.sources.page_facts import Fact

DETECT, RECOVER, WHOLE = "time to detect", "time to recover", "duration"
_LABELS = {
    DETECT: re.compile(
        r"(?:mean |average )?time to (?:detect|detection|discover|discovery|notice)|detection (?:delay|time)|m?ttd"
    ),
    RECOVER: re.compile(
        r"(?:mean |average )?time to (?:recover|recovery|restore|resolve|resolution|repair|mitigate|mitigation)"
        r"|(?:recovery|resolution) time|m?ttr"
    ),
    WHOLE: re.compile(r"(?:total )?(?:impact |outage |incident )?duration|total (?:downtime|outage)|downtime"),
}
_MINUTES = {"s": 1 / 60, "m": 1.0, "h": 60.0, "d": 1440.0, "w": 10080.0}
_PART = re.compile(
    r"(\d{1,7}(?:[.,]\d{1,3})?)\s?(weeks?|w|days?|d|hours?|hrs?|h|minutes?|mins?|m|seconds?|secs?|s)\b\.?(?:\s*(?:,|and|&))?\s*",
    re.IGNORECASE,
)
_ABOUT = re.compile(r"^(?:~|≈|ca\.?|about|approx(?:imately|\.)?|around|over|under|almost|<|>)\s*", re.IGNORECASE)
_UNKNOWN = re.compile(r"(?:\?+|n/?a|none|unknown|not (?:known|applicable|available)|tb[da]|[-–—.]*)\.?", re.IGNORECASE)


@dataclass(frozen=True)
class StatedDuration:
    """A duration that a page states: what it measures, its minutes (None: nobody knows), its words and its line."""

    what: str
    minutes: float | None
    words: str
    line: int


def measured(fact: Fact) -> str | None:
    """Return what a labelled duration measures; None if its label is not one of a duration."""
    label = fact.label.casefold().strip()
    return next((what for what, pattern in _LABELS.items() if pattern.fullmatch(label)), None)


def parse_duration(words: str) -> float | None:
    """Return minutes; None where the words say that nobody knows ("?", "N/A").

    Raises:
        FieldError: if they are no duration.
    """
    text = re.sub(r"\[\^\w+\]", "", words).strip().strip("*_ ")
    if _UNKNOWN.fullmatch(text):
        return None
    inside = re.search(r"\(([^()]{1,60})\)", text)
    for candidate in (text, *([inside[1]] if inside else [])):
        minutes = _minutes(candidate)
        if minutes is not None:
            return minutes
    raise FieldError(f"not a duration: {words[:80]!r}; expected something like '2 hours 5 minutes', or '?'")


def _minutes(text: str) -> float | None:
    """Return the sum of the parts at the beginning of a text; None if there is none, or one isn't understood."""
    text = _ABOUT.sub("", text.strip())
    total, at = 0.0, 0
    while found := _PART.match(text, at):
        total += float(found[1].replace(",", ".")) * _MINUTES[found[2][0].casefold()]
        at = found.end()
    return total if at and not re.match(r"\d", text[at:]) else None
