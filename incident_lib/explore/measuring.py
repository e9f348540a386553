"""Durations by a name that one can guess: "time to resolve", or any two points, "detected → mitigated"."""

from __future__ import annotations

import difflib
import re

import pandas as pd

from incident_lib.errors import SettingsError
from incident_lib.records import Records
from incident_lib.review.response import (
    MEASURES,
    TIME_TO_ACKNOWLEDGE,
    TIME_TO_DETECT,
    TIME_TO_MITIGATE,
    TIME_TO_RESOLVE,
    TIME_TO_TELL,
    WHOLE,
    Measure,
    for_measuring,
    main_measure,
)
from incident_lib.review.response import durations as durations_table
from incident_lib.words import listed

NAMED = {
    "time to detect": TIME_TO_DETECT, "time to acknowledge": TIME_TO_ACKNOWLEDGE, "time to tell": TIME_TO_TELL,
    "time to mitigate": TIME_TO_MITIGATE, "time to resolve": TIME_TO_RESOLVE, "whole incident": WHOLE,
}  # fmt: skip
POINTS = {
    "started": "started_at", "detected": "detected_at", "acknowledged": "acknowledged_at",
    "told": "told_at", "mitigated": "mitigated_at", "resolved": "resolved_at",
}  # fmt: skip
_POINT_WORDS = {
    "began": "started", "impact began": "started", "start": "started", "customers told": "told",
    "impact stopped": "mitigated", "end": "resolved",
}  # fmt: skip


def durations(
    incidents: Records | pd.DataFrame, measure: Measure | str | None = None, *, as_of: pd.Timestamp | None = None
) -> pd.DataFrame:
    """Return one row per incident that reached a measure's start: incident_id, severity, title, minutes, finished, …

    ``incidents`` are records, or a table of incidents with ``as_of``. ``measure`` is a name ("time to resolve"), two
    points ("detected → mitigated", "detected to mitigated") or a Measure; without one, it is the whole incident as far
    as the records state it. Columns besides: customers, services, weekday and hour of the detection, ``finished``
    (False: still running, with the minutes so far) and ``believed`` (False: its times can't be true).

    Raises:
        SettingsError: for an unknown measure, with the nearest known one.

    >>> len(inc.durations(records, "time to resolve"))
    156
    >>> inc.durations(records.where(severity="critical"), "detected → mitigated").columns.tolist()[:4]
    ['incident_id', 'severity', 'title', 'customers']
    """
    if isinstance(incidents, Records):
        as_of = incidents.as_of if as_of is None else as_of
        incidents = for_measuring(incidents, incidents.incidents)
    if as_of is None:
        raise SettingsError("durations of a table of incidents need as_of=, the time until which they are counted")
    chosen = as_measure(measure) if measure is not None else main_measure(incidents)
    table = durations_table(incidents, chosen, as_of=as_of)
    table.attrs["measure"] = chosen.name
    return table


def as_measure(wanted: Measure | str) -> Measure:
    """Return a measure by its name, by its two points, or as it is.

    Raises:
        SettingsError: for an unknown one, with the nearest known.
    """
    if isinstance(wanted, Measure):
        return wanted
    text = " ".join(str(wanted).casefold().split())
    known = {**NAMED, **{one.name: one for one in MEASURES}}
    if text in known:
        return known[text]
    ends = re.split(r"\s*(?:→|->|–|\.\.)\s*|(?<!time) to ", text)
    if len(ends) == 2:
        return _between(*(_point(one) for one in ends))
    near = difflib.get_close_matches(text, list(known), 1, cutoff=0.6)
    hint = f"did you mean {near[0]!r}?" if near else f"expected {', '.join(NAMED)},"
    points = f"two points of {listed(list(POINTS))}, as in “detected → mitigated”"
    raise SettingsError(f"unknown measure {text!r}; {hint} or {points}")


def _point(text: str) -> str:
    """Return the point that a word names."""
    word = text.removesuffix("_at").strip()
    word = _POINT_WORDS.get(word, word)
    if word not in POINTS:
        raise SettingsError(f"no point in an incident is called {word!r}; expected {listed(list(POINTS))}")
    return word


def _between(start: str, end: str) -> Measure:
    """Return the measure between two points, ours where it is one of them.

    Raises:
        SettingsError: if the end can't come after the start.
    """
    names = list(POINTS)
    if names.index(start) >= names.index(end):
        raise SettingsError(f"a duration from {start!r} to {end!r} runs backwards; the order is {listed(names)}")
    ours = next((one for one in MEASURES if (one.start, one.end) == (POINTS[start], POINTS[end])), None)
    return ours or Measure(f"{start} → {end}", POINTS[start], POINTS[end])
