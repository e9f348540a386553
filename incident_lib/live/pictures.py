"""What a figure counts, and which incidents a picked mark of it stands for: bars, heat maps, durations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from incident_lib.live import drawings
from incident_lib.live.dimensions import Dimension
from incident_lib.records import Records
from incident_lib.review.response import Measure, durations, for_measuring, honest_median, span_text

MOST_PARTS, MOST_POINTS, SPANS = 6, 1500, 32
Pick = Mapping[str, str]
Groups = Mapping[str, Dimension]
_BOTH = "An incident of several counts for each."


@dataclass(frozen=True)
class Bars:
    """How many incidents each group of ``by`` holds, each bar in parts by ``split``."""

    by: str
    split: str | None = None
    most: int = 12

    def figure(self, groups: Groups, mask: np.ndarray, picked: Pick | None) -> go.Figure:
        """Draw it for the incidents of the mask."""
        title = f"Incidents by {self.by}{f' and {self.split}' if self.split else ''}"
        return drawings.bars(self._table(groups, mask), by=self.by, split=self.split, title=title, picked=picked)

    def _table(self, groups: Groups, mask: np.ndarray) -> pd.DataFrame:
        down = groups[self.by]
        if self.split is None:
            names = down.shown(mask, self.most)
            return pd.DataFrame({"incidents": down.count_of(down.counts(mask), names)}, index=names)
        across = groups[self.split]
        names = down.shown(mask & across.inside, self.most)
        parts = {part: mask & across.rows(part) for part in across.shown(mask, MOST_PARTS)}
        return pd.DataFrame(
            {part: down.count_of(down.counts(rows), names) for part, rows in parts.items() if rows.any()}, index=names
        )

    def note(self, groups: Groups, mask: np.ndarray) -> str:
        """Return what has to be said beside it."""
        parts = [] if self.split is None else [_left_out(groups[self.split], mask, MOST_PARTS)]
        return _together([_left_out(groups[self.by], mask, self.most), *parts])

    def rows(self, groups: Groups, picked: Pick) -> np.ndarray:
        """Return which incidents a picked mark stands for."""
        return _in_groups(groups, picked)


@dataclass(frozen=True)
class Cross:
    """How many incidents are in both of two groups."""

    down: str
    across: str
    most: int = 12

    def figure(self, groups: Groups, mask: np.ndarray, picked: Pick | None) -> go.Figure:
        """Draw it for the incidents of the mask."""
        down, across = groups[self.down], groups[self.across]
        rows, columns = down.shown(mask, self.most), across.shown(mask, self.most)
        counts = [across.count_of(across.counts(mask & down.rows(one)), columns) for one in rows]
        table = pd.DataFrame(counts, index=rows, columns=columns)
        title = f"Incidents by {self.down} and {self.across}"
        return drawings.cross(table, down=self.down, across=self.across, title=title, picked=picked)

    def note(self, groups: Groups, mask: np.ndarray) -> str:
        """Return what has to be said beside it."""
        return _together([_left_out(groups[name], mask, self.most) for name in (self.down, self.across)])

    def rows(self, groups: Groups, picked: Pick) -> np.ndarray:
        """Return which incidents a picked mark stands for."""
        return _in_groups(groups, picked)


@dataclass
class HowLong:
    """How long it takes from one point of an incident to another, by groups; one in two groups counts for both."""

    records: Records
    measure: Measure
    by: str
    most: int = 8
    _minutes: np.ndarray = field(init=False, repr=False)
    _finished: np.ndarray = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Measure each incident once: NaN where there is nothing to believe."""
        incidents = self.records.incidents.reset_index(drop=True)
        timed = for_measuring(self.records, incidents)
        table = durations(timed.drop(columns=["title"]).assign(title=np.arange(len(timed))), self.measure,
                          as_of=self.records.as_of)  # fmt: skip
        good = table[table["believed"] & (table["minutes"] > 0)]
        self._minutes, self._finished = np.full(len(incidents), np.nan), np.zeros(len(incidents), dtype=bool)
        places = good["title"].to_numpy(dtype=int)
        self._minutes[places], self._finished[places] = good["minutes"], good["finished"]
        known = self._minutes[~np.isnan(self._minutes)]
        ends = (max(known.min(), 0.5), known.max() * 1.001) if len(known) else (1.0, 10.0)
        self._edges = np.geomspace(ends[0], max(ends[1], ends[0] * 2), SPANS + 1)
        said = [f"{edge:.1f} min" if edge < 60 else span_text(edge) for edge in self._edges]
        self._spans = [f"{start} to {end}" for start, end in pairwise(said)]

    def figure(self, groups: Groups, mask: np.ndarray, picked: Pick | None) -> go.Figure:
        """Draw a mark per incident, or of very many how many lie in each span of time."""
        title = f"How long: {self.measure.name}, by {self.by}"
        drawn = self._drawn(groups, mask)
        if sum(rows.sum() for rows in drawn.values()) > MOST_POINTS:
            counts = {name: np.histogram(self._minutes[rows], self._edges)[0] for name, rows in drawn.items()}
            table = pd.DataFrame.from_dict(counts, orient="index", columns=self._spans)
            return drawings.spans(table, self._edges, by=self.by, title=title, picked=picked)
        parts = [self._points(name, rows) for name, rows in drawn.items()]
        table = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame({"group": []})
        return drawings.points(table, by=self.by, title=title, picked=picked)

    def note(self, groups: Groups, mask: np.ndarray) -> str:
        """Return how soon half of each group have finished, the open ones counted, and how many were left out."""
        drawn = self._drawn(groups, mask)
        said = [f"{name} {self._typical(rows)} (n = {int(rows.sum()):,})" for name, rows in drawn.items()]
        without = int((mask & np.isnan(self._minutes)).sum())
        rest = f" {without:,} have no such duration, or an impossible one." if without else ""
        return f"Half are done within: {', '.join(said)}.{rest}" if said else rest.strip()

    def _typical(self, rows: np.ndarray) -> str:
        value = honest_median(pd.Series(self._minutes[rows]), pd.Series(self._finished[rows]))[0]
        return "not reached" if np.isnan(value) else span_text(value)

    def rows(self, groups: Groups, picked: Pick) -> np.ndarray:
        """Return which incidents a picked mark stands for: one, or those in a span of time."""
        if "incident" in picked:
            return (self.records.incidents["incident_id"] == picked["incident"]).to_numpy()
        rows = groups[self.by].rows(str(picked.get(self.by)))
        if picked.get("span") not in self._spans:
            return np.zeros(len(rows), dtype=bool)
        place = self._spans.index(picked["span"])
        return rows & (self._minutes >= self._edges[place]) & (self._minutes < self._edges[place + 1])

    def _points(self, name: str, rows: np.ndarray) -> pd.DataFrame:
        own = self.records.incidents.loc[rows, ["incident_id", "title"]]
        return own.assign(group=name, minutes=self._minutes[rows], finished=self._finished[rows])

    def _drawn(self, groups: Groups, mask: np.ndarray) -> dict[str, np.ndarray]:
        """Return the incidents to draw, by group; empty groups are left out."""
        timed = mask & ~np.isnan(self._minutes)
        dimension = groups[self.by]
        drawn = {name: timed & dimension.rows(name) for name in dimension.shown(timed, self.most)}
        return {name: rows for name, rows in drawn.items() if rows.any()}


Picture = Bars | Cross | HowLong


def wishes_of(groups: Groups, picked: Pick) -> dict[str, Any] | None:
    """Return the arguments of ``records.where`` that choose what a picked mark stands for; None if none can."""
    if set(picked) == {"incident"}:
        return {"incident_id": picked["incident"]}
    named = {name: groups[name].wish if name in groups else None for name in picked}
    if not all(named.values()) or len(set(named.values())) < len(named):
        return None
    return {str(named[name]): value for name, value in picked.items()}


def words_of(picked: Pick) -> str:
    """Return what was picked in words: "2026-04, critical"."""
    return ", ".join(picked.values())


def _in_groups(groups: Groups, picked: Pick) -> np.ndarray:
    masks = [groups[name].rows(value) for name, value in picked.items()]
    return np.logical_and.reduce(masks)


def _left_out(dimension: Dimension, mask: np.ndarray, most: int) -> list[str]:
    """Return that only the largest groups are shown, that an incident may be in two, or that some are in none."""
    held = int((dimension.counts(mask) > 0).sum())
    some = [f"The {most} largest of {held:,} by {dimension.name}."] if held > most and not dimension.ordered else []
    outside = int((mask & ~dimension.inside).sum())
    without = dimension.without or f"have no {dimension.name}"
    none = [f"{outside:,} of {int(mask.sum()):,} {without}, and are not counted."] if outside else []
    return [*some, *none, *([] if dimension.members is None else [_BOTH])]


def _together(sentences: Sequence[list[str]]) -> str:
    """Return several sentences as one text, each once."""
    return " ".join(dict.fromkeys(one for some in sentences for one in some))
