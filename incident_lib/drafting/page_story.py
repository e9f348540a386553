"""What happened, as a page has it: the timeline's rows, who responded, how long it took, how it ended."""

from __future__ import annotations

import re
from typing import Any

import pandas as pd

from incident_lib.column_texts import split_names
from incident_lib.drafting.told import Told, inline, is_web
from incident_lib.story.facts import hand_offs, minutes_in, responders
from incident_lib.story.milestones import MILESTONES
from incident_lib.story.severity_time import Stay
from incident_lib.words import NOT_STATED, duration_in_words, listed, minute

_COLOURS = {"began": "🔴", "resolved": "🟢"}
_FIELD_OF = {word: name for name, (word, _) in MILESTONES.items()}


def responder_rows(told: Told) -> list[dict[str, str]]:
    """Return who responded: name, role, first and last sign."""
    return [
        {
            "name": inline(row["name"]),
            "role": inline(row["role"]) if pd.notna(row["role"]) else NOT_STATED,
            "first": minute(row["first_at"]),
            "last": told.cite(minute(row["last_at"]), *_not_whole(told, row["source"])),
        }
        for row in responders(told.records, told.incident_id).to_dict("records")
    ]


def _not_whole(told: Told, source: str) -> list[str]:
    """Return a row's pointers with the incident's own ones narrowed to the field that names responders."""
    own = set(told.incident["source"].split("; "))
    pointers = source.split("; ")
    kept = [one for one in pointers if one not in own]
    return kept if len(kept) == len(pointers) else [*kept, told.pointers("responders", "incident_commander")]


def hand_off_sentences(told: Told) -> list[str]:
    """Return who took over from whom, in their words."""
    return [
        told.cite(
            f"{inline(row.after)} took over from {inline(row.before)} at {row.at:%H:%M} UTC: “{inline(row.text)}”",
            row.source,
        )
        for row in hand_offs(told.records, told.incident_id).itertuples()
    ]


def timeline_row(told: Told, row: dict[str, Any]) -> dict[str, str]:
    """Return a row of the timeline as the page shows it: time, text with its evidence, link."""
    mark = (
        f"{_COLOURS.get(row['milestone'], '')} **{row['milestone']}**: ".lstrip() if pd.notna(row["milestone"]) else ""
    )
    who = f"{inline(row['who'])}: " if pd.notna(row["who"]) and row["kind"] in ("message", "bot") else ""
    link = f"[{_site(row['url'])}](<{row['url']}>)" if is_web(row["url"]) else ""
    at = f"{row['at']:%Y-%m-%d %H:%M}"
    local = f" ({row['local']})" if told.records.settings.workbook.zone != "UTC" else ""
    text = f"{mark}{who}{inline(row['text']) if pd.notna(row['text']) else ''}"
    return {"at": at + local, "text": told.cite(text, *_row_pointers(told, row)), "link": link}


def _site(url: str) -> str:
    """Return what a link is called: the name of its site, "pagerduty" for northlight.pagerduty.com."""
    parts = re.sub(r"^https?://|[/?#:].*$", "", url).split(".")
    return inline(parts[-2] if len(parts) > 1 else parts[0]) or "link"


def _row_pointers(told: Told, row: dict[str, Any]) -> list[str]:
    """Return a timeline row's pointers; for a milestone the incident's own ones only as far as they state its time."""
    pointers = row["source"].split("; ")
    own = set(told.incident["source"].split("; "))
    name = _FIELD_OF.get(row["milestone"])
    if name is None or not own & set(pointers):
        return pointers
    return [*(one for one in pointers if one not in own), *told.pointers(name).split("; ")]


def resolution(told: Told) -> list[str]:
    """Return when the impact stopped and when the incident was resolved."""
    stopped, resolved = told.incident["mitigated_at"], told.incident["resolved_at"]
    if pd.isna(stopped) and pd.isna(resolved):
        return [told.cite("The incident is not resolved.", told.pointers("resolved_at"))]
    return [
        told.cite(
            f"The impact stopped: {minute(stopped)}{'' if pd.isna(stopped) else ' UTC'}.", told.pointers("mitigated_at")
        ),
        told.cite(f"Resolved: {minute(resolved)}{'' if pd.isna(resolved) else ' UTC'}.", told.pointers("resolved_at")),
    ]


def impact(told: Told, stays: list[Stay]) -> list[tuple[str, str]]:
    """Return measures and their values: times in severities, durations, customers and services."""
    spent = minutes_in(stays)
    absent = "none" if spent else NOT_STATED
    still = " so far" if any(stay.open for stay in stays) else ""
    begun = "started_at" if pd.notna(told.incident["started_at"]) else "detected_at"
    evidence = ["; ".join(dict.fromkeys(stay.source for stay in stays)), told.pointers(begun, "resolved_at")]
    times = [(f"Time in {name.capitalize()}",
              told.cite(duration_in_words(spent[name]) + still if name in spent else absent, *evidence))
             for name in ("critical", "high")]  # fmt: skip
    between = [
        ("From the start of the impact to detection", "started_at", "detected_at"),
        ("From detection to acknowledgement", "detected_at", "acknowledged_at"),
        ("From the start of the impact to its end", "started_at", "mitigated_at"),
        ("From detection to resolution", "detected_at", "resolved_at"),
    ]
    durations = [(name, told.cite(_between(told.incident[start], told.incident[end]), told.pointers(start, end)))
                 for name, start, end in between]  # fmt: skip
    lists = [(f"{name.capitalize()} affected",
              told.cite(inline(listed(split_names(told.incident[name]))) or NOT_STATED, told.pointers(name)))
             for name in ("customers", "services")]  # fmt: skip
    return [*times, *durations, *lists]


def _between(start: pd.Timestamp, end: pd.Timestamp) -> str:
    if pd.isna(start) or pd.isna(end):
        return NOT_STATED
    if end < start:
        return "can't be told: the records have the end before the start"
    return duration_in_words((end - start) / pd.Timedelta(minutes=1))
