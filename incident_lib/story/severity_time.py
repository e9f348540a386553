"""Severity changes as logs and chat state them, and the time that an incident spent in each severity."""

from __future__ import annotations

import re
from dataclasses import dataclass

import pandas as pd

from incident_lib.records import Records
from incident_lib.settings import Settings
from incident_lib.tables import SEVERITIES

NEAR = pd.Timedelta(minutes=2)
_CHANGE = r"rais\w+|lower\w+|upgrad\w+|downgrad\w+|escalat\w+|deescalat\w+|de-escalat\w+|bump\w+|chang\w+|set(?:ting)?"
_DECLARE = r"declar\w+|severity(?: is)?:?|calling (?:it|this)(?: a| an)?"


@dataclass(frozen=True)
class Change:
    """A severity from a time on; ``before`` is what it was until then where that is stated (None: a declaration)."""

    at: pd.Timestamp
    severity: str
    before: str | None
    source: str

    @property
    def words(self) -> str:
        """Return what it is in words: declared high, raised to critical, lowered to medium."""
        if self.before is None:
            return f"declared {self.severity}"
        up = SEVERITIES.index(self.severity) < SEVERITIES.index(self.before)
        return f"{'raised' if up else 'lowered'} to {self.severity}"


@dataclass(frozen=True)
class Stay:
    """A stretch of time in one severity; ``end`` is as_of where the incident is still open."""

    severity: str
    start: pd.Timestamp
    end: pd.Timestamp
    open: bool
    source: str

    @property
    def minutes(self) -> float:
        """Return its length."""
        return (self.end - self.start) / pd.Timedelta(minutes=1)


def severity_words(settings: Settings) -> dict[str, str]:
    """Return our severities' words and the settings' aliases, in small letters, with what they mean."""
    return {
        **{name: name for name in SEVERITIES},
        **{word.casefold(): name for word, name in settings.severities.aliases.items()},
    }


class SeverityReader:
    """Finds severity changes in what people and tools write."""

    def __init__(self, settings: Settings) -> None:
        self._words = severity_words(settings)
        one = "|".join(re.escape(word) for word in sorted(self._words, key=len, reverse=True))
        word = rf"(?<![\w-])[*_]*({one})[*_]*(?![\w-])"
        self._from_to = re.compile(rf"(?i)\bfrom {word} to {word}")
        self._to = re.compile(
            rf"(?i)\b(?:{_CHANGE})\b(?: (?:it|this|severity|the severity|priority))?(?: from {word})? to {word}"
        )
        self._declared = re.compile(rf"(?i)\b(?:{_DECLARE})\b(?:[^.?!\n]{{0,60}}?\bas\b)? ?(?:a |an )?{word}")

    def read(self, text: str) -> tuple[str | None, str] | None:
        """Return (before, after) of the change that a text states, ``before`` None if unsaid; None for no change."""
        found = self._from_to.search(text)
        if found:
            return self._words[found[1].casefold()], self._words[found[2].casefold()]
        found = self._to.search(text)
        if found:
            return self._words.get((found[1] or "").casefold()), self._words[found[2].casefold()]
        found = self._declared.search(text)
        return (None, self._words[found[1].casefold()]) if found else None


def severity_changes(records: Records, incident_id: str) -> list[Change]:
    """Return the changes of an incident's severity in order: of log entries, then of chat; repeats are left out.

    A statement that only repeats the severity in force is no change. In chat, questions don't count.

    >>> len(inc.severity_changes(records, "INC-2026-042"))
    2
    """
    reader = SeverityReader(records.settings)
    changes: list[Change] = []
    for at, text, severity, source in _statements(records, incident_id):
        read = reader.read(text) if isinstance(text, str) else None
        after = str(severity) if pd.notna(severity) else read[1] if read else None
        known = changes[-1].severity if changes else None
        if after is None or after == known:
            continue
        changes.append(Change(at, after, known or (read[0] if read else None), source))
    return changes


def _statements(records: Records, incident_id: str) -> list[tuple[pd.Timestamp, str, object, str]]:
    events, messages = records.timeline, records.messages
    logged = events[(events["incident_id"] == incident_id) & (events["kind"] == "severity")]
    said = messages[(messages["incident_id"] == incident_id) & ~messages["is_bot"]]
    said = said[~said["text"].fillna("?").str.rstrip().str.endswith("?")]
    both = pd.concat([logged[["at", "text", "severity", "source"]], said[["at", "text", "source"]]], ignore_index=True)
    return list(
        both.sort_values(["at", "source"], kind="stable")[["at", "text", "severity", "source"]].itertuples(index=False)
    )


def severity_stays(records: Records, incident_id: str) -> list[Stay]:
    """Return the stretches of an incident in each severity, in order.

    It begins with the impact, or failing that the detection, or the first sight of it. Before the first stated change
    it has the severity that this change came from, or else the one that was declared first. Without any stated change
    the whole incident counts as the severity of its record; where that has none either, there are no stretches.

    >>> [stay.severity for stay in inc.severity_stays(records, "INC-2026-042")]
    ['high', 'critical']
    """
    incident = records.incident(incident_id)
    start = began_at(incident)
    if start is None:
        return []
    changes = severity_changes(records, incident_id)
    points = _points(incident, changes, start)
    is_open = pd.isna(incident["resolved_at"])
    end = records.as_of if is_open else incident["resolved_at"]
    ends = [min(at, end) for at, _, _ in points[1:]] + [end] * bool(points)
    return [
        Stay(severity, at, until, is_open and until == end, source)
        for (at, severity, source), until in zip(points, ends, strict=True)
        if until > at
    ]


def _points(incident: pd.Series, changes: list[Change], start: pd.Timestamp) -> list[tuple[pd.Timestamp, str, str]]:
    if not changes:
        severity = incident["severity"]
        return [(start, str(severity), incident["source"])] if pd.notna(severity) else []
    first = changes[0]
    points = [(start, first.before or first.severity, first.source)]
    points += [
        (max(change.at, start), change.severity, change.source)
        for change in changes
        if change.severity != points[-1][1] or change is not first
    ]
    return points


def began_at(incident: pd.Series) -> pd.Timestamp | None:
    """Return when an incident began: the impact, failing that the detection, failing that the first sight of it."""
    return next(
        (incident[name] for name in ("started_at", "detected_at", "first_seen_at") if pd.notna(incident[name])), None
    )


def minutes_in(stays: list[Stay]) -> dict[str, float]:
    """Return the minutes spent in each severity, most urgent first; only severities that occurred.

    >>> inc.minutes_in(inc.severity_stays(records, "INC-2026-042"))
    {'critical': 84.95577, 'high': 36.04423}
    """
    return {
        severity: sum(stay.minutes for stay in stays if stay.severity == severity)
        for severity in SEVERITIES
        if any(stay.severity == severity for stay in stays)
    }


def severity_at(stays: list[Stay], at: pd.Timestamp) -> str | None:
    """Return the severity in force at a time; None if none was."""
    return next((stay.severity for stay in stays if stay.start <= at < stay.end), None)
