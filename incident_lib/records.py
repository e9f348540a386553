"""``Records``: all tables of a workbook as they were known at one time, with the settings they were read under."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd

from incident_lib.errors import SettingsError
from incident_lib.explore.rows import kept, stand_in
from incident_lib.explore.selecting import Selection, chosen
from incident_lib.settings import Settings
from incident_lib.tables import TABLES
from incident_lib.words import unknown

__all__ = ["Records", "unknown"]
_OF_AN_INCIDENT = ("timeline", "messages", "postmortems", "action_items", "follow_ups")


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
    selection: Selection = field(default=Selection(), repr=False, compare=False)

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

    def where(
        self,
        *,
        period: Any = None,
        since: Any = None,
        until: Any = None,
        severity: Any = None,
        customer: Any = None,
        service: Any = None,
        tag: Any = None,
        text: Any = None,
        incident_id: Any = None,
    ) -> Records:
        """Return the records of the incidents that fulfil every wish, and only what belongs to them.

        A wish is one value or a list of values, any of which will do; ``since`` and ``until`` are one each. Names are
        matched without regard to capitals. ``period`` is "2026", "2026-Q3", "2026-04" or "2026-04-01..2026-04-30";
        ``since`` means from the beginning of a year, quarter, month or day, ``until`` to its end, on the workbook's
        clock, by when the incident began (or was first seen). ``severity`` takes "unstated" too. ``text`` finds the
        incidents whose title or summary hold all of its words.

        Messages without an incident are left out; people, decisions, problems and accounts stay as they are.

        Raises:
            SettingsError: for a name that no incident has, with the nearest known one; for a time that is none.
        """
        given = {
            "period": period, "since": since, "until": until, "severity": severity, "customer": customer,
            "service": service, "tag": tag, "incident_id": incident_id,
        }  # fmt: skip
        wishes = {name: wish for name, wish in given.items() if wish is not None}
        whole = self.incidents if self.selection.whole is None else self.selection.whole
        mask, understood = chosen(self.incidents, wishes, words=text, zone=self.settings.workbook.tz, whole=whole)
        if not understood:
            return self
        incidents = kept(self.incidents, mask)
        with ThreadPoolExecutor(2) as pool:  # what filters rows lets other threads go on
            parts = pool.map(lambda name: _belonging(getattr(self, name), incidents["incident_id"]), _OF_AN_INCIDENT)
            tables = dict(zip(_OF_AN_INCIDENT, parts, strict=True))
        steps = (*self.selection.steps, understood)
        return replace(self, incidents=incidents, **tables, selection=Selection(steps, whole))

    def filter_line(self, name: str = "records") -> str:
        """Return the Python line that chooses these records: ``records.where(severity="critical", since="2026-04")``.

        ``name`` is what the whole records are called there.
        """
        return self.selection.line(name)


def _belonging(table: pd.DataFrame, incident_ids: pd.Series) -> pd.DataFrame:
    return kept(table, stand_in(table["incident_id"], incident_ids)) if len(table) else table
