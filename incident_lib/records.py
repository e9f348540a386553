"""``Records``: all tables of a workbook as they were known at one time, with the settings they were read under."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from incident_lib.errors import SettingsError
from incident_lib.settings import Settings
from incident_lib.tables import TABLES


@dataclass(frozen=True)
class Records:
    """The workbook's tables (see ``tables.py`` for their columns), what was read, and until when.

    ``as_of`` is the moment (UTC) whose knowledge the tables hold; ``sources`` gives each file's SHA-256.
    """

    folder: Path
    settings: Settings
    as_of: pd.Timestamp
    sources: Mapping[str, str]
    incidents: pd.DataFrame
    timeline: pd.DataFrame
    messages: pd.DataFrame
    postmortems: pd.DataFrame
    action_items: pd.DataFrame
    follow_ups: pd.DataFrame
    people: pd.DataFrame
    decisions: pd.DataFrame
    problems: pd.DataFrame
    accounts: pd.DataFrame

    def __repr__(self) -> str:
        sizes = ", ".join(f"{len(getattr(self, table.name)):,} {table.name.replace('_', ' ')}" for table in TABLES)
        return f"Records of {self.settings.workbook.name} as of {self.as_of:%Y-%m-%d %H:%M} UTC: {sizes}"

    @property
    def major(self) -> pd.DataFrame:
        """Return the incidents whose severity asks for a post-mortem."""
        return self.incidents[self.incidents["severity"].isin(self.settings.severities.major)]

    def incident(self, incident_id: str) -> pd.Series:
        """Return one incident as a row.

        Raises:
            SettingsError: for an unknown id, with the nearest known one.
        """
        found = self.incidents[self.incidents["incident_id"] == incident_id]
        if found.empty:
            raise SettingsError(unknown(incident_id, list(self.incidents["incident_id"]), "incident"))
        return found.iloc[0]


def unknown(name: str, known: list[str], what: str) -> str:
    """Return a sentence that refuses a name and offers the nearest known one."""
    nearest = difflib.get_close_matches(name, known, 1, cutoff=0.4)
    hint = f"; did you mean {nearest[0]!r}?" if nearest else f"; there are {len(known):,} of them"
    return f"unknown {what} {name!r}{hint}"
