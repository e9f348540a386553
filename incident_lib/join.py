"""The same incident, told by several tools, becomes one row: by id, by stated references; never by a guess."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

import pandas as pd

from incident_lib.settings import Settings
from incident_lib.tables import INCIDENTS, PROBLEMS, join_names, split_names

_TIMES = ("started_at", "detected_at", "acknowledged_at", "mitigated_at", "resolved_at")
TOLERANCE = pd.Timedelta(minutes=5)


@dataclass(frozen=True)
class Joined:
    """One row per incident, the id that each source's id stands for, and where the sources disagree."""

    incidents: pd.DataFrame
    ids: dict[str, str]
    problems: pd.DataFrame


def join_incidents(incidents: pd.DataFrame, settings: Settings) -> Joined:
    """Return incidents with those rows made one that share an id or a reference.

    ``incidents`` has the columns of ``tables.INCIDENTS`` and ``format``, the reader that gave the row. Per field the
    first source in ``sources.precedence`` that states it is believed; times that differ by more than five minutes,
    and severities that differ, become problems with both values.
    """
    order = {name: rank for rank, name in enumerate(settings.sources.precedence)}
    ranked = incidents.assign(rank=incidents["format"].map(order).fillna(len(order)))
    ranked = ranked.sort_values(["rank", "source", "incident_id"], kind="stable")
    ids = _canonical_ids(ranked, settings.sources.incident_id)
    ranked = ranked.assign(canonical=ranked["incident_id"].map(ids))
    several = ranked["canonical"].duplicated(keep=False)
    single = ranked[~several]
    single = single.assign(incident_id=single["canonical"])
    merged = _merged(ranked[several])
    joined = pd.concat([INCIDENTS.conform(single), merged], ignore_index=True).sort_values("incident_id", kind="stable")
    return Joined(joined.reset_index(drop=True), ids, _disagreements(ranked[several]))


def _canonical_ids(ranked: pd.DataFrame, pattern: str) -> dict[str, str]:
    """Return, for every id, the id that its group goes by: one written as the team writes it, else the first."""
    groups = _Groups(ranked["incident_id"].unique())
    stated = ranked.loc[ranked["references"].notna(), ["incident_id", "references"]]
    for incident_id, references in stated.itertuples(index=False):
        for reference in split_names(references):
            groups.unite(incident_id, reference)
    team = re.compile(pattern)
    names: dict[str, str] = {}
    for incident_id in ranked["incident_id"].unique():
        root = groups.find(incident_id)
        if root not in names or (team.fullmatch(incident_id) and not team.fullmatch(names[root])):
            names[root] = incident_id
    return {incident_id: names[groups.find(incident_id)] for incident_id in ranked["incident_id"].unique()}


class _Groups:
    """Disjoint sets of names (union–find)."""

    def __init__(self, names: Iterable[str]) -> None:
        self._parent = {name: name for name in names}

    def find(self, name: str) -> str:
        """Return the name that stands for this one's set."""
        parent = self._parent.setdefault(name, name)
        while parent != (above := self._parent[parent]):
            self._parent[name] = parent = above
        return parent

    def unite(self, one: str, other: str) -> None:
        """Make two sets one."""
        first, second = sorted((self.find(one), self.find(other)))
        self._parent[second] = first


def _merged(rows: pd.DataFrame) -> pd.DataFrame:
    """Return one row per canonical id: the first stated value of each field, names of all, earliest first sight."""
    if rows.empty:
        return INCIDENTS.frame()
    groups = rows.groupby("canonical", sort=True)
    merged = groups[[name for name in INCIDENTS.names if name != "incident_id"]].first()
    merged["first_seen_at"] = groups["first_seen_at"].min()
    for name in (*INCIDENTS.of_kind("names"), "source"):
        merged[name] = groups[name].agg(lambda values: join_names(one for text in values for one in split_names(text)))
    return INCIDENTS.conform(merged.rename_axis("incident_id").reset_index())


def _disagreements(rows: pd.DataFrame) -> pd.DataFrame:
    problems = [_disagreement(rows, name) for name in (*_TIMES, "severity")]
    return pd.concat([PROBLEMS.frame(), *problems], ignore_index=True)


def _disagreement(rows: pd.DataFrame, name: str) -> pd.DataFrame:
    """Return a problem for each row whose value of a field clearly differs from the one believed."""
    stated = rows.loc[rows[name].notna(), ["canonical", name, "source"]]
    both = stated.merge(stated.drop_duplicates("canonical"), on="canonical", suffixes=("", "_believed"))
    here, believed = both[name], both[f"{name}_believed"]
    differs = (here - believed).abs() > TOLERANCE if name in _TIMES else here.astype("str") != believed.astype("str")
    both = both[differs]
    message = f"{name} differs between sources: " + _shown(believed[differs]) + " (" + both["source_believed"]
    message = message + ", believed) and " + _shown(here[differs])
    found = {"rule": "sources-disagree", "message": message, "effect": "kept", "incident_id": both["canonical"]}
    return PROBLEMS.conform(pd.DataFrame({**found, "source": both["source"]}))


def _shown(values: pd.Series) -> pd.Series:
    times = isinstance(values.dtype, pd.DatetimeTZDtype)
    return values.dt.strftime("%Y-%m-%d %H:%M UTC") if times else values.astype("str")
