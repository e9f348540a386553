"""By what incidents can be grouped: severity, customer, month, hour, state of the post-mortem, …; counted quickly.

Each grouping holds numbers instead of texts, so that a million incidents are counted anew in milliseconds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from incident_lib.column_texts import split_names
from incident_lib.errors import SettingsError
from incident_lib.explore.selecting import UNSTATED, began_at
from incident_lib.records import Records
from incident_lib.review.learning import factor_kinds
from incident_lib.settings import WEEKDAYS
from incident_lib.tables import SEVERITIES
from incident_lib.timeliness.action_items import action_item_states
from incident_lib.timeliness.states import STATES, postmortem_states
from incident_lib.words import unknown

TASKS = ("all done", "some open", "some overdue")
MOST_MONTHS = 240
_URGENCY_TAG = r"(?:critical|high|medium|low)(?:_\d{8})?$"


@dataclass(frozen=True)
class Dimension:
    """One way to group incidents.

    ``codes`` gives for each incident its group, or, where it may be in several, the number of its combination of
    groups (whose groups ``members`` lists); -1 for none. ``ordered`` groups are shown in their own order, others by
    how many they hold; of a ``whole`` also those at its ends that hold none. ``wish`` is the argument of
    ``records.where`` that chooses a group, ``without`` says of incidents that they are in none.
    """

    name: str
    labels: tuple[str, ...]
    codes: np.ndarray
    members: tuple[np.ndarray, ...] | None = None
    ordered: bool = False
    whole: bool = False
    wish: str | None = None
    without: str = ""

    def counts(self, mask: np.ndarray) -> np.ndarray:
        """Return how many incidents of the mask each group holds; one in two groups counts for both."""
        if self.members is None:
            return self._held(self.codes[mask], len(self.labels))
        held = self._held(self.codes[mask], len(self.members))
        sizes = np.array([len(groups) for groups in self.members], dtype=int)
        groups = np.concatenate([*self.members, np.array([], dtype=int)])
        return np.bincount(groups, weights=np.repeat(held, sizes), minlength=len(self.labels)).astype(int)

    def rows(self, label: str) -> np.ndarray:
        """Return which incidents are in a group, as a mask; none for a group that there isn't."""
        if label not in self._places:
            return np.zeros(len(self.codes), dtype=bool)
        place = self._places[label]
        if self.members is None:
            return self.codes == place
        holding = np.array([place in groups for groups in self.members] + [False])  # the last is for -1
        return holding[self.codes]

    @cached_property
    def inside(self) -> np.ndarray:
        """Return which incidents are in a group at all, as a mask."""
        if self.members is None:
            return self.codes >= 0
        return np.array([len(groups) > 0 for groups in self.members] + [False])[self.codes]  # the last is for -1

    def shown(self, mask: np.ndarray, most: int) -> list[str]:
        """Return the groups to show: in their order, from the first to the last that holds one; or the largest."""
        counts = self.counts(mask)
        if self.ordered:
            held = np.flatnonzero(counts)
            ends = slice(None) if self.whole else slice(held[0], held[-1] + 1) if len(held) else slice(0)
            return list(self.labels[ends]) if len(held) else []
        largest = np.argsort(-counts, kind="stable")[:most]
        return [self.labels[place] for place in largest if counts[place]]

    def count_of(self, counts: np.ndarray, labels: list[str]) -> list[int]:
        """Return the counts of some groups out of those of all."""
        return [int(counts[self._places[label]]) for label in labels]

    @staticmethod
    def _held(codes: np.ndarray, length: int) -> np.ndarray:
        return np.bincount(codes + 1, minlength=length + 1)[1:]

    @cached_property
    def _places(self) -> dict[str, int]:
        return {label: place for place, label in enumerate(self.labels)}


class Dimensions(Mapping[str, Dimension]):
    """All groupings of some records by name, each made when it is first asked for."""

    def __init__(self, records: Records) -> None:
        self._records = records
        self._made: dict[str, Dimension] = {}

    def __getitem__(self, name: str) -> Dimension:
        if name not in _MAKERS:
            raise SettingsError(unknown(str(name), list(_MAKERS), "grouping") + f" ({', '.join(_MAKERS)})")
        if name not in self._made:
            self._made[name] = _MAKERS[name](self._records, name)
        return self._made[name]

    def __contains__(self, name: object) -> bool:
        return name in _MAKERS

    def __iter__(self) -> Any:
        return iter(_MAKERS)

    def __len__(self) -> int:
        return len(_MAKERS)


def _severity(records: Records, name: str) -> Dimension:
    codes = records.incidents["severity"].cat.codes.to_numpy().astype(np.int32)
    codes = np.where(codes < 0, len(SEVERITIES), codes)
    return Dimension(name, (*SEVERITIES, UNSTATED), codes, ordered=True, wish=name)


def _several(column: str) -> Callable[[Records, str], Dimension]:
    """Return a maker for a column that may hold several names."""

    def make(records: Records, name: str) -> Dimension:
        codes, texts = pd.factorize(records.incidents[column])
        lists = [split_names(text) for text in texts]
        labels = pd.Series(sorted({one for names in lists for one in names}), dtype="str")
        if name == "tag":  # those of urgency and day say nothing that the severity doesn't
            labels = labels[~labels.str.match(_URGENCY_TAG)]
        places = {label: place for place, label in enumerate(labels)}
        members = tuple(np.array([places[one] for one in names if one in places], dtype=int) for names in lists)
        return Dimension(name, tuple(labels), codes.astype(np.int32), members, wish=name)

    return make


def _local(records: Records) -> pd.Series:
    return began_at(records.incidents).dt.tz_convert(records.settings.workbook.tz)


def _span(monthly: Callable[[pd.Series], pd.Series], text: Callable[[int], str]) -> Callable[[Records, str], Dimension]:
    """Return a maker for months, quarters or years: numbers that follow each other, and their texts."""

    def make(records: Records, name: str) -> Dimension:
        numbers = monthly(_local(records)).to_numpy(dtype=float, na_value=np.nan)
        known = ~np.isnan(numbers)
        present = np.unique(numbers[known]).astype(int)
        if len(present) and present[-1] - present[0] < MOST_MONTHS:  # a month without an incident is one to see
            present = np.arange(present[0], present[-1] + 1)
        codes = np.full(len(numbers), -1, dtype=np.int32)
        codes[known] = np.searchsorted(present, numbers[known])
        return Dimension(name, tuple(map(text, present)), codes, ordered=True, wish="period")

    return make


def _clock(part: Callable[[pd.Series], pd.Series], labels: tuple[str, ...]) -> Callable[[Records, str], Dimension]:
    def make(records: Records, name: str) -> Dimension:
        codes = part(_local(records)).fillna(-1).to_numpy().astype(np.int32)
        return Dimension(name, labels, codes, ordered=True, whole=True)

    return make


def _by_incident(records: Records, name: str, groups: pd.Series, labels: tuple[str, ...], without: str) -> Dimension:
    """Return a grouping from one group per incident id; the others are in none."""
    stated = records.incidents["incident_id"].map(groups[~groups.index.duplicated()])
    codes = pd.Categorical(stated, list(labels)).codes
    return Dimension(name, labels, codes.astype(np.int32), ordered=True, without=without)


def _postmortem(records: Records, name: str) -> Dimension:
    states = postmortem_states(records).set_index("incident_id")["state"]
    return _by_incident(records, name, states, STATES, "need no post-mortem")


def _tasks(records: Records, name: str) -> Dimension:
    items = action_item_states(records)
    rank = items["state"].map({"overdue": 2, "open": 1}).fillna(0).groupby(items["incident_id"]).max()
    return _by_incident(records, name, rank.map(dict(enumerate(TASKS))), TASKS, "have no action item")


def _factor(records: Records, name: str) -> Dimension:
    kinds = factor_kinds(records, records.incidents)
    lists = kinds.groupby("incident_id")["kind"].unique()
    labels = tuple(sorted({one for names in lists for one in names}))
    members = tuple(np.array([labels.index(one) for one in names], dtype=int) for names in lists)
    codes = pd.Index(lists.index).get_indexer(pd.Index(records.incidents["incident_id"]))
    return Dimension(name, labels, codes.astype(np.int32), members, without="have no page that names a factor")


_MAKERS: dict[str, Callable[[Records, str], Dimension]] = {
    "severity": _severity,
    "customer": _several("customers"),
    "service": _several("services"),
    "tag": _several("tags"),
    "month": _span(lambda at: at.dt.year * 12 + at.dt.month - 1, lambda number: f"{number // 12}-{number % 12 + 1:02}"),
    "quarter": _span(lambda at: at.dt.year * 4 + at.dt.quarter - 1, lambda number: f"{number // 4}-Q{number % 4 + 1}"),
    "year": _span(lambda at: at.dt.year, str),
    "weekday": _clock(lambda at: at.dt.day_of_week, tuple(WEEKDAYS)),
    "hour": _clock(lambda at: at.dt.hour, tuple(f"{hour:02}" for hour in range(24))),
    "factor": _factor,
    "post-mortem": _postmortem,
    "tasks": _tasks,
}
