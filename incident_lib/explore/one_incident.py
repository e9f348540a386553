"""One incident in a notebook: ``records["INC-2026-042"]``, its facts, and its timeline."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd

from incident_lib.errors import SettingsError
from incident_lib.explore.dress import dressed
from incident_lib.explore.opening import last_loaded
from incident_lib.explore.selecting import began_at
from incident_lib.explore.shown import lasted, timeline_shown
from incident_lib.records import Records
from incident_lib.render import Shown, answer, definitions, notes
from incident_lib.story.related import related_incidents
from incident_lib.story.timeline import incident_timeline, link_sentence
from incident_lib.tables import INCIDENTS
from incident_lib.words import counted, listed, minute

_TIMES = ("started_at", "detected_at", "acknowledged_at", "mitigated_at", "resolved_at")
_FACTS = ("customers", "services", "incident_commander", "responders", "channel", "tags", "url")
_COUNTED = {"messages": "message", "action_items": "action item", "follow_ups": "follow-up step"}
_OWN_TABLES = ("messages", "action_items", "follow_ups", "postmortems", "problems")


@dataclass(frozen=True)
class Incident:
    """One incident, and all that the records hold of it; the columns of ``incidents`` are its attributes.

    ``timeline``, ``messages``, ``action_items``, ``follow_ups``, ``postmortems`` and ``problems`` are its own rows,
    ``related`` the earlier incidents like it, ``row`` its row of the table.
    """

    records: Records
    row: pd.Series

    def __getattr__(self, name: str) -> Any:
        if name in _OWN_TABLES:
            rows = getattr(self.records, name)
            return rows[rows["incident_id"] == self.row["incident_id"]].reset_index(drop=True)
        if name in INCIDENTS.names:
            return self.row[name]
        raise AttributeError(f"an incident has no {name!r}; it has {', '.join(self._names())}")

    def _names(self) -> list[str]:
        return [*INCIDENTS.names, *_OWN_TABLES, "timeline", "related"]

    def __dir__(self) -> list[str]:
        return sorted([*self._names(), "records", "row"])

    @cached_property
    def timeline(self) -> Timeline:
        """Return its timeline."""
        return timeline(self.records, self.row["incident_id"])

    @property
    def related(self) -> pd.DataFrame:
        """Return earlier incidents like it, each with why."""
        return related_incidents(self.records, self.row["incident_id"])

    def _shown(self) -> Shown:
        row, one = self.row, self.row.to_frame().T.astype({"resolved_at": "datetime64[us, UTC]"})
        began = began_at(one).iloc[0]
        severity = row["severity"] if pd.notna(row["severity"]) else "severity not stated"
        title = row["title"] if pd.notna(row["title"]) else "no title"
        said = f"{row['incident_id']}: {title}"
        length = lasted(one.assign(started_at=began), self.records.as_of).iloc[0]
        first = f"{severity}, began {minute(began)} UTC, lasted {length}."
        summary = [row["summary"]] if pd.notna(row["summary"]) else []
        held = listed([counted(len(getattr(self, name)), noun) for name, noun in _COUNTED.items()])
        times = {_words(name): f"{minute(row[name])} UTC" for name in _TIMES if pd.notna(row[name])}
        facts = {_words(name): str(row[name]) for name in _FACTS if pd.notna(row[name])}
        parts = [answer(said, first, *summary), notes(f"The records hold {held}."), definitions("Times", times),
                 definitions("Facts", facts)]  # fmt: skip
        return Shown("".join(part.html for part in parts), "\n".join(part.text for part in parts))

    def __repr__(self) -> str:
        return self._shown().text

    def _repr_html_(self) -> str:
        return dressed(self._shown().html)


def _words(name: str) -> str:
    return name.removesuffix("_at").replace("_", " ")


@dataclass(frozen=True)
class Timeline:
    """One incident's timeline: ``table`` holds the rows; what a table can do (``head()``, ``["text"]``) works on it."""

    incident_id: str
    table: pd.DataFrame
    title: str

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self.table, name)

    def __getitem__(self, key: Any) -> Any:
        return self.table[key]

    def __len__(self) -> int:
        return len(self.table)

    def __dir__(self) -> list[str]:
        return ["incident_id", "table", "title", *self.table.columns]

    def _shown(self) -> Shown:
        return timeline_shown(self.table, f"{self.title}. {link_sentence(self.table)}")

    def __repr__(self) -> str:
        return self._shown().text

    def _repr_html_(self) -> str:
        return dressed(self._shown().html)


def incident(records: Records, incident_id: str) -> Incident:
    """Return one incident of records, without regard to capitals.

    Raises:
        SettingsError: for an unknown id, with the nearest known one.
    """
    known = records.incidents["incident_id"]
    same = known[known.str.casefold() == str(incident_id).strip().casefold()]
    return Incident(records, records.incident(same.iloc[0] if len(same) else str(incident_id)))


def timeline(records: Records | str, incident_id: str | None = None) -> Timeline:
    """Return one incident's timeline: alerts, log entries, updates, key messages and milestones, in order.

    ``inc.timeline(records, "INC-2026-042")`` asks these records; ``inc.timeline("INC-2026-042")`` asks the workbook
    that ``inc.load`` opened last in this session, and its title says which, and as of when. The rows are in ``.table``.

    Raises:
        SettingsError: for an unknown id, with the nearest known one; if no workbook is open.

    >>> len(inc.timeline(records, "INC-2026-042"))
    21
    >>> inc.timeline(records, "INC-2026-042")["milestone"].dropna().tolist()[:2]
    ['began', 'detected']
    """
    if isinstance(records, str) and incident_id is None:
        records, incident_id = last_loaded(), records
    if not isinstance(records, Records) or not isinstance(incident_id, str):
        raise SettingsError('a timeline needs an incident: inc.timeline(records, "INC-2026-042")')
    one = incident(records, incident_id).row["incident_id"]
    title = f"{one}, {records.settings.workbook.name}, as known at {records.as_of:%Y-%m-%d %H:%M} UTC"
    return Timeline(one, incident_timeline(records, one), title)
