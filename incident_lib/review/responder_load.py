"""How the load of incidents falls on people: calls out of hours, hand-offs, silences; about the team, not persons.

Two bad nights make nobody an exception. Each person's rate is drawn towards the team's by as much as chance explains
(partial pooling), with an interval; whoever was called to fewer incidents than a small group counts with the others.
"""

from __future__ import annotations

from dataclasses import dataclass
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
from scipy import special

from incident_lib.periods import Period
from incident_lib.records import Records
from incident_lib.review.process_events import narrowed
from incident_lib.story.responding import hand_offs
from incident_lib.story.severity_time import severity_changes
from incident_lib.story.timeline import incident_timeline, silences

PAGED = ("acknowledged", "assigned", "escalated")
NIGHT = (22, 7)
OTHERS = "others"
FEWEST_NAMED = 3


def calls(records: Records, incidents: pd.DataFrame) -> pd.DataFrame:
    """Return who was called to which incident, once each: incident_id, who, at, and in their zone: local, when, week.

    A page is the first log entry by which somebody acknowledged an incident, was assigned or escalated to. ``when`` is
    "working hours" (by the settings, on a working day), "night" (22 to 7) or "evening or day off"; empty where nobody
    stated the person's zone.

    >>> inc.calls(records, records.incidents).columns.tolist()
    ['incident_id', 'who', 'at', 'when', 'week']
    """
    events = records.timeline[records.timeline["kind"].isin(PAGED) & records.timeline["who"].notna()]
    events = events[events["incident_id"].isin(incidents["incident_id"])].sort_values(["at", "source"], kind="stable")
    first = events.drop_duplicates(["incident_id", "who"])[["incident_id", "who", "at"]].reset_index(drop=True)
    zones = dict(records.people.dropna(subset="zone")[["name", "zone"]].to_numpy())
    local = [
        at.tz_convert(ZoneInfo(zones[who])) if who in zones else None
        for who, at in zip(first["who"], first["at"], strict=True)
    ]
    return first.assign(
        when=pd.Series([None if at is None else _when(at, records) for at in local], dtype="str"),
        week=pd.Series([f"{at.isocalendar()[0]}-W{at.isocalendar()[1]:02}" for at in first["at"]], dtype="str"),
    )


def _when(at: pd.Timestamp, records: Records) -> str:
    """Return which part of somebody's day a time is, on their clock."""
    review = records.settings.review
    works = f"{at:%a}" in records.settings.calendar.workdays
    if works and review.opens <= f"{at:%H:%M}" < review.closes:
        return "working hours"
    return "night" if at.hour >= NIGHT[0] or at.hour < NIGHT[1] else "evening or day off"


def page_counts(paged: pd.DataFrame) -> pd.DataFrame:
    """Return how many pages came in which part of the paged person's own day: when, pages, share.

    >>> inc.page_counts(inc.calls(records, records.incidents))["when"].tolist()
    ['working hours', 'evening or day off', 'night']
    """
    order = ["working hours", "evening or day off", "night", "zone unknown"]
    counts = paged["when"].fillna("zone unknown").value_counts().reindex(order).fillna(0).astype(int)
    counts = counts[(counts > 0) | (counts.index != "zone unknown")]
    return pd.DataFrame(
        {"when": counts.index, "pages": counts.to_numpy(), "share": counts.to_numpy() / max(len(paged), 1)}
    )


@dataclass(frozen=True)
class Pooled:
    """Rates per week drawn towards the team's: ``table`` (who, incidents, rate, lower, upper), and what it says."""

    table: pd.DataFrame
    sentence: str


def pooled_load(paged: pd.DataFrame, weeks: float, *, small_group: int) -> Pooled:
    """Return each person's incidents per week, partially pooled, by name; the whole period counts as exposure.

    Gamma–Poisson by moments (Clayton & Kaldor 1987): the prior has the team's mean and what spread is left of the
    counts after Poisson's own. Intervals are the posterior's. Persons under ``small_group`` incidents become "others",
    whose rate is per person.

    >>> paged, weeks = inc.calls(records, records.incidents), inc.weeks_of(inc.parse_period("2026"))
    >>> inc.pooled_load(paged, weeks, small_group=5).table.columns.tolist()
    ['who', 'incidents', 'rate', 'lower', 'upper']
    """
    counts = paged.groupby("who").size()
    if counts.empty or weeks <= 0:
        return Pooled(_rates(counts, weeks, 1.0, 1.0).head(0), "No call with a name is on record.")
    shape, rate = _prior(counts.to_numpy(dtype=float), weeks)
    table = _rates(counts, weeks, shape, rate)
    small = counts[counts < small_group]
    small = counts if len(counts) - len(small) < FEWEST_NAMED else small
    shown = table[~table["who"].isin(small.index)]
    if len(small):
        why = f"each under {small_group}" if len(small) < len(counts) else "too few to name"
        few = {
            "who": f"{OTHERS} ({len(small)}, {why})",
            "incidents": int(small.sum()),
            "rate": small.sum() / weeks / len(small),
        }
        shown = pd.concat([shown, pd.DataFrame([few])], ignore_index=True)
    return Pooled(shown.reset_index(drop=True), _spread_sentence(counts.to_numpy(dtype=float), weeks))


def _prior(counts: np.ndarray, weeks: float) -> tuple[float, float]:
    """Return shape and rate of the gamma distribution from which the persons' weekly rates seem to come."""
    mean = counts.mean() / weeks
    spread = max(counts.var(ddof=1) / weeks**2 - mean / weeks, 1e-9) if len(counts) > 1 else 1e-9
    shape = min(max(mean**2 / spread, 1e-3), counts.sum())  # the team's own rate is no better known than this
    return shape, shape / mean


def _rates(counts: pd.Series, weeks: float, shape: float, rate: float) -> pd.DataFrame:
    own = counts.to_numpy(dtype=float)
    lower, upper = (special.gammaincinv(shape + own, p) / (rate + weeks) for p in (0.025, 0.975))
    return pd.DataFrame(
        {
            "who": counts.index,
            "incidents": counts.to_numpy(),
            "rate": (shape + own) / (rate + weeks),
            "lower": lower,
            "upper": upper,
        }
    )


def _spread_sentence(counts: np.ndarray, weeks: float) -> str:
    """Return whether the load is spread more unevenly than chance would (Pearson's dispersion test)."""
    people, total = len(counts), int(counts.sum())
    said = f"{total} calls to {people} people, {counts.mean() / weeks:.1f} incidents per person and week"
    if people < 2:
        return f"{said}."
    p = float(special.chdtrc(people - 1, ((counts - counts.mean()) ** 2).sum() / counts.mean()))
    if p > 0.05:
        return f"{said}; the differences among them are no larger than chance makes them (p = {p:.2f})."
    why = "which the rota, skills, or the day may explain"
    return f"{said}; the load is spread more unevenly than by chance (p = {p:.3f}), {why}."


def weeks_of(period: Period) -> float:
    """Return how many weeks a period lasts.

    >>> round(inc.weeks_of(inc.parse_period("2026-Q3")), 1)
    13.1
    """
    return ((period.last - period.first).days + 1) / 7


def changes_of(records: Records, incidents: pd.DataFrame) -> dict[str, list[str]]:
    """Return the severity changes of the major ones of these incidents in words, by incident id.

    >>> inc.changes_of(records, records.where(incident_id="INC-2026-042").incidents)
    {'INC-2026-042': ['declared high', 'raised to critical']}
    """
    major = incidents.loc[incidents["severity"].isin(records.settings.severities.major), "incident_id"]
    records = narrowed(records, major)
    told = _told_of(records)
    return {name: [change.words for change in severity_changes(records, name)] for name in major if name in told}


def hand_overs_of(records: Records, incidents: pd.DataFrame) -> dict[str, int]:
    """Return how often the lead of each major incident was handed over, as far as people said so.

    >>> inc.hand_overs_of(records, records.where(incident_id="INC-2026-042").incidents)
    {'INC-2026-042': 1}
    """
    major = incidents.loc[incidents["severity"].isin(records.settings.severities.major), "incident_id"]
    records = narrowed(records, major)
    told = set(records.messages["incident_id"].dropna())
    return {name: len(hand_offs(records, name)) for name in major if name in told}


def _told_of(records: Records) -> set[str]:
    changes = records.timeline.loc[records.timeline["kind"] == "severity", "incident_id"]
    return set(changes.dropna()) | set(records.messages["incident_id"].dropna())


def silent_gaps(records: Records, incidents: pd.DataFrame, *, most: int = 60) -> pd.DataFrame:
    """Return the longest silence of each major incident that has a chat: incident_id, at, minutes, source.

    A silence is a stretch of the settings' ``quiet_minutes`` or more, until the resolution, of which nothing is on
    record. At most the ``most`` newest incidents are looked at.

    >>> inc.silent_gaps(records, records.where(severity="critical").incidents).columns.tolist()
    ['incident_id', 'severity', 'at', 'minutes', 'silences', 'source']
    """
    major = incidents[incidents["severity"].isin(records.settings.severities.major)]
    major = major[major["incident_id"].isin(records.messages["incident_id"])].tail(most)
    rows = []
    for incident in major.itertuples():
        until = incident.resolved_at if pd.notna(incident.resolved_at) else records.as_of
        gaps = silences(incident_timeline(records, incident.incident_id), until, records.settings.chat.quiet_minutes)
        if len(gaps):
            longest = gaps.sort_values("minutes", ascending=False, kind="stable").iloc[0]
            rows.append(
                {
                    "incident_id": incident.incident_id,
                    "severity": incident.severity,
                    "at": longest["at"],
                    "minutes": longest["minutes"],
                    "silences": len(gaps),
                    "source": longest["source"],
                }
            )
    return pd.DataFrame(rows, columns=["incident_id", "severity", "at", "minutes", "silences", "source"])
