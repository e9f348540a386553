"""Whom and what an edit names: a person as the records write them, an incident's page, a time as pages write it."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from incident_lib.column_texts import split_names
from incident_lib.errors import SettingsError
from incident_lib.records import Records, unknown


def person(records: Records, name: str) -> str:
    """Return the name of a person as the records write it, given that, a chat name, or another case.

    Raises:
        SettingsError: for a name that nobody has, with the nearest.
    """
    people = records.people
    named = [*people["name"], *_named(records)]
    wanted = name.strip().removeprefix("@").casefold()
    for one in dict.fromkeys(named):
        if one.casefold() == wanted:
            return one
    handles = people[people["handle"].str.casefold() == wanted]
    if len(handles) == 1:
        return str(handles["name"].iloc[0])
    by_word = {word.casefold(): one for one in named for word in (*one.split(), one)}
    nearest = difflib.get_close_matches(wanted, [*by_word, *people["handle"].dropna().str.casefold()], 1, cutoff=0.6)
    if nearest and nearest[0] in by_word:
        raise SettingsError(f"unknown person {name!r}; did you mean {by_word[nearest[0]]!r}?")
    raise SettingsError(unknown(name, sorted(set(named)), "person"))


def _named(records: Records) -> list[str]:
    """Return the people whom incidents and pages name."""
    columns = (records.incidents["responders"], records.incidents["incident_commander"], records.postmortems["owner"])
    return sorted({name for column in columns for text in column.dropna().unique() for name in split_names(text)})


def page_of(records: Records, incident_id: str) -> Path:
    """Return the file of an incident's page.

    Raises:
        SettingsError: for an unknown incident, or one without a page.
    """
    records.incident(incident_id)
    paths = records.postmortems.loc[records.postmortems["incident_id"] == incident_id, "path"].dropna()
    if paths.empty:
        raise SettingsError(f"{incident_id} has no page yet; 'incidents draft {incident_id}' writes one")
    return records.folder / paths.iloc[0]


def moment(at: pd.Timestamp) -> str:
    """Return a time as pages write it."""
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"


def local_day(at: pd.Timestamp, records: Records) -> str:
    """Return the day of a time where the workbook is."""
    return f"{at.tz_convert(records.settings.workbook.tz):%Y-%m-%d}"


def stated_step(content: Mapping[str, Any], step: str) -> Any:
    """Return what a page states about a step; None if nothing."""
    steps = content.get("follow_up")
    return steps.get(step) if isinstance(steps, dict) else None


def done_step(at: pd.Timestamp, by: str | None) -> dict[str, Any]:
    """Return what a page states about a step that was done."""
    return {"at": moment(at), **({"by": by} if by else {})}
