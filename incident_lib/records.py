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
import pyarrow as pa
import pyarrow.compute as pc

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
        return _above("shown").records_shown(self).html

    def __getitem__(self, incident_id: str) -> Any:
        """Return one incident, to look at: ``records["INC-2026-042"]``; ``incident`` gives its bare row.

        Raises:
            SettingsError: for an unknown id, with the nearest known one.
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
        return self.of_major(*self.incidents)

    def of_major(self, *columns: str) -> pd.DataFrame:
        """Return some columns of the incidents whose severity asks for a post-mortem; the rows of ``major``."""
        is_major = self.incidents["severity"].isin(self.settings.severities.major)
        # a column by itself is filtered chunk by chunk; a frame would be gathered row by row
        return pd.DataFrame({name: self.incidents[name][is_major] for name in columns})

    def pages_of(self, ids: pd.Index, *columns: str) -> pd.DataFrame:
        """Return some columns of each incident's page, by its id: of the first, if there are several; else missing."""
        pages = self.postmortems.drop_duplicates("incident_id").reset_index(drop=True)
        known = pa.array(pages["incident_id"], pa.large_string())
        places = pc.index_in(pa.array(ids, pa.large_string()), value_set=known)
        return pages[list(columns)].reindex(places.fill_null(-1).to_numpy()).set_axis(ids)

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

    def sql(self, query: str, parameters: Sequence[Any] | None = None) -> pd.DataFrame:
        """Return what a SELECT finds in these tables, which have the names that they have here; DuckDB's SQL.

        ``?`` stand for the parameters: ``records.sql("select title from incidents where severity = ?", ["high"])``.
        Times are UTC. Needs ``pip install 'incident-workbook[explore]'``. It can reach no file and no address.

        Raises:
            SettingsError: for anything but one SELECT, for what DuckDB refuses, where DuckDB is missing.
        """
        tables = {table.name: getattr(self, table.name) for table in TABLES}
        return _above("sql_view").queried(tables, query, parameters)

    def filter_line(self, name: str = "records") -> str:
        """Return the Python line that chooses these records: ``records.where(severity="critical", since="2026-04")``.

        ``name`` is what the whole records are called there.
        """
        return self.selection.line(name)


def _above(module: str) -> ModuleType:
    """Return a module of exploring, when it is asked for: how records are shown stands above what they are."""
    return import_module(f"incident_lib.explore.{module}")


def _belonging(table: pd.DataFrame, incident_ids: pd.Series) -> pd.DataFrame:
    return kept(table, stand_in(table["incident_id"], incident_ids)) if len(table) else table
