"""One incident's facts as the records state them: time in each severity, responders, impact, proposed tasks."""

from __future__ import annotations

import re
from dataclasses import dataclass

import pandas as pd

from incident_lib.records import Records
from incident_lib.tables import SEVERITIES, split_names
from incident_lib.timeline import message_choices

NOT_STATED = "not stated in the records"


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


def severity_stays(records: Records, incident_id: str) -> list[Stay]:
    """Return the stretches of an incident in each severity, in order.

    It begins with the impact, or failing that the detection, or the first sight of it. Without a stated change the
    whole incident counts as the severity that was declared; with changes, the time before the first one has the
    severity that this change came from only if the records say so, else it is left out.
    """
    incident = records.incident(incident_id)
    start = next(
        (incident[name] for name in ("started_at", "detected_at", "first_seen_at") if pd.notna(incident[name])), None
    )
    changes = records.timeline[
        (records.timeline["incident_id"] == incident_id) & (records.timeline["kind"] == "severity")
    ]
    changes = changes.dropna(subset=["severity"]).sort_values(["at", "source"])
    is_open = pd.isna(incident["resolved_at"])
    end = records.as_of if is_open else incident["resolved_at"]
    points = [(max(at, start), str(severity), source) for at, severity, source in
              changes[["at", "severity", "source"]].itertuples(index=False)] if start is not None else []  # fmt: skip
    if start is not None and not points and pd.notna(incident["severity"]):
        points = [(start, str(incident["severity"]), incident["source"])]
    ends = [at for at, _, _ in points[1:]] + [end]
    return [
        Stay(severity, at, until, is_open and until == end, source)
        for (at, severity, source), until in zip(points, ends, strict=True)
        if until > at
    ]


def minutes_in(stays: list[Stay]) -> dict[str, float]:
    """Return the minutes spent in each severity, most urgent first; only severities that occurred."""
    return {
        severity: sum(stay.minutes for stay in stays if stay.severity == severity)
        for severity in SEVERITIES
        if any(stay.severity == severity for stay in stays)
    }


def responders(records: Records, incident_id: str) -> pd.DataFrame:
    """Return who responded: name, role, first_at, last_at, signs (how many), source (the first sign of activity).

    Evidence is a log entry or a message of theirs in the incident; people whom only the register or page names are
    listed without times. A role is stated only where the records state it.
    """
    incident = records.incident(incident_id)
    people = records.people.dropna(subset="roles").set_index("name")["roles"]
    events = records.timeline[(records.timeline["incident_id"] == incident_id) & records.timeline["who"].notna()]
    messages = records.messages[(records.messages["incident_id"] == incident_id) & ~records.messages["is_bot"]]
    signs = pd.concat([events[["who", "at", "source"]], messages[["who", "at", "source"]]]).dropna(subset="who")
    signs = signs.sort_values(["at", "source"])
    seen = signs.groupby("who").agg(
        first_at=("at", "min"), last_at=("at", "max"), signs=("at", "size"), source=("source", "first")
    )
    stated = [*split_names(incident["responders"]), incident["incident_commander"]]
    named = pd.Index([name for name in dict.fromkeys(stated) if isinstance(name, str)])
    every = seen.reindex(seen.index.union(named, sort=True)).rename_axis("name").reset_index()
    every["source"] = every["source"].fillna(incident["source"])
    commander = every["name"] == incident["incident_commander"]
    every["role"] = every["name"].map(people).astype("str").where(~commander, "incident commander in this incident")
    every = every.assign(signs=every["signs"].fillna(0).astype(int))
    return every.sort_values(["first_at", "name"], na_position="last")[
        ["name", "role", "first_at", "last_at", "signs", "source"]
    ].reset_index(drop=True)


def proposed_tasks(records: Records, incident_id: str) -> pd.DataFrame:
    """Return the tasks that people wrote down in chat ("TODO: …"): title, who, at, source."""
    choices = message_choices(records, incident_id)
    tasks = choices[choices["reason"] == "skipped: a task, listed under action items"]
    prefix = "|".join(re.escape(one) for one in records.settings.chat.todo_prefixes)
    titles = tasks["text"].str.replace(rf"(?i)^\s*(?:{prefix})\s*", "", regex=True).str.strip()
    return pd.DataFrame(
        {"title": titles, "who": tasks["who"], "at": tasks["at"], "source": tasks["source"]}
    ).reset_index(drop=True)


def customers_mentioned(records: Records, incident_id: str) -> list[str]:
    """Return customers that the messages of an incident mention but its records don't name, in alphabetical order."""
    incident = records.incident(incident_id)
    text = "\n".join(records.messages.loc[records.messages["incident_id"] == incident_id, "text"].dropna())
    stated = set(split_names(incident["customers"]))
    return sorted(
        customer.name
        for customer in records.settings.customers
        if customer.name not in stated and any(_mentions(text, name) for name in (customer.name, *customer.aliases))
    )


def _mentions(text: str, name: str) -> bool:
    return re.search(rf"(?i)(?<!\w){re.escape(name)}(?!\w)", text) is not None


def duration_in_words(minutes: float) -> str:
    """Return minutes as people say them: "48 minutes", "3 hours 5 minutes", "2 days 4 hours"."""
    whole = round(minutes)
    days, hours, rest = whole // 1440, whole % 1440 // 60, whole % 60
    units = [(days, "day"), (hours, "hour"), (rest, "minute")]
    named = [f"{count} {unit}{'' if count == 1 else 's'}" for count, unit in units if count]
    return " ".join(named[:2]) or "less than a minute"
