"""``Records``: all tables of a workbook as they were known at one time, with the settings they were read under."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pandas as pd

from incident_lib.errors import SettingsError
from incident_lib.explore.rows import kept, stand_in
from incident_lib.explore.selecting import Selection, chosen
from incident_lib.settings import Settings
from incident_lib.tables import TABLES
from incident_lib.words import unknown

__all__ = ["Records", "unknown"]
_COMPLETED = 5000
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
        chosen = f", by {self.filter_line()}" if self.selection.steps else ""
        return f"Records of {self.settings.workbook.name} as of {self.as_of:%Y-%m-%d %H:%M} UTC{chosen}: {sizes}"

    def _repr_html_(self) -> str:
        return str(_above("shown").records_html(self))

    def __getitem__(self, incident_id: str) -> Any:
        """Return one incident, to look at: ``records["INC-2026-042"]``; ``incident`` gives its bare row.

        Raises:
            SettingsError: for an unknown id, with the nearest known one.

        >>> records["INC-2026-042"].title
        'Outbound mail delayed for shared hosting'
        """
        return _above("one_incident").incident(self, incident_id)

    __iter__ = None  # or Python would try records[0], records[1], …

    def __contains__(self, incident_id: object) -> bool:
        return bool(self.incidents["incident_id"].eq(incident_id).any())

    def _ipython_key_completions_(self) -> list[str]:
        return self.incidents["incident_id"].tail(_COMPLETED).tolist()[::-1]

    @property
    def major(self) -> pd.DataFrame:
        """Return the incidents whose severity asks for a post-mortem."""
        return self.incidents[self.incidents["severity"].isin(self.settings.severities.major)]

    def incident(self, incident_id: str) -> pd.Series:
        """Return one incident as a row.

        Raises:
            SettingsError: for an unknown id, with the nearest known one.

        >>> records.incident("INC-2026-042")["severity"]
        'critical'
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

        >>> len(records.where(severity="critical", since="2026-04").incidents)
        4
        >>> records.where(service="mail").where(text="queue").filter_line()
        'records.where(service="mail", text="queue")'
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

    def sql(self, query: str, parameters: Sequence[Any] | None = None) -> pd.DataFrame:
        """Return what a SELECT finds in these tables, which have the names that they have here; DuckDB's SQL.

        ``?`` stand for the parameters: ``records.sql("select title from incidents where severity = ?", ["high"])``.
        Times are UTC. Needs ``pip install 'incident-workbook[explore]'``. It can reach no file and no address.

        Raises:
            SettingsError: for anything but one SELECT, for what DuckDB refuses, where DuckDB is missing.

        >>> records.sql("select severity, count(*) as n from incidents group by all order by n")["n"].tolist()
        [6, 40, 55, 59]
        """
        tables = {table.name: getattr(self, table.name) for table in TABLES}
        return _above("sql_view").queried(tables, query, parameters)

    def filter_line(self, name: str = "records") -> str:
        """Return the Python line that makes these records again from the whole ones, which it calls ``name``.

        >>> records.where(since="2026-04").where(severity="CRITICAL").filter_line()
        'records.where(severity="critical", since="2026-04")'
        """
        return self.selection.line(name)


def _above(module: str) -> ModuleType:
    """Return a module of exploring, when it is asked for: how records are shown stands above what they are."""
    return import_module(f"incident_lib.explore.{module}")


def _belonging(table: pd.DataFrame, incident_ids: pd.Series) -> pd.DataFrame:
    return kept(table, stand_in(table["incident_id"], incident_ids)) if len(table) else table
