"""The same incident, told by several tools, becomes one row: by id, by stated references; never by a guess."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from incident_lib.column_texts import join_names, split_names
from incident_lib.settings import Settings
from incident_lib.tables import INCIDENTS, PROBLEMS, SEVERITIES
from incident_lib.typed_table import SEVERITY_DTYPE

_TIMES = ("started_at", "detected_at", "acknowledged_at", "mitigated_at", "resolved_at")
TOLERANCE = pd.Timedelta(minutes=5)
# PagerDuty's answers come in pages: each file tells a part of an incident, and none of them contradicts the others.
_TOLD_IN_PARTS = ("pagerduty",)
_OF_PARTS = {"detected_at": "min", "acknowledged_at": "min", "first_seen_at": "min", "resolved_at": "max"}


@dataclass(frozen=True)
class Joined:
    """One row per incident, where the sources disagree, and what the ids that were joined stand for.

    ``ids`` has only ids of which several rows tell; every other id stands for itself.
    """

    incidents: pd.DataFrame
    ids: dict[str, str]
    problems: pd.DataFrame


def join_incidents(incidents: pd.DataFrame, settings: Settings) -> Joined:
    """Return incidents with those rows made one that share an id or a reference.

    ``incidents`` has the columns of ``tables.INCIDENTS`` and ``format``, the reader that gave the row. Per field the
    first source in ``sources.precedence`` that states it is believed; times that differ by more than five minutes,
    and severities that differ, become problems with both values.
    """
    links = _links(incidents)
    involved = _told_twice(incidents["incident_id"])
    if len(links):
        involved |= is_in(incidents["incident_id"], pd.concat([links["one"], links["other"]]))
    if not involved.any():
        return Joined(_by_id(INCIDENTS.conform(incidents)), {}, PROBLEMS.frame())
    order = {name: rank for rank, name in enumerate(settings.sources.precedence)}
    told = incidents[involved]
    told = told.assign(rank=told["format"].map(order).astype("float64").fillna(len(order)))
    told = _with_parts(told.sort_values(["rank", "source", "incident_id"], kind="stable"))
    ids = _canonical_ids(told["incident_id"].unique().tolist(), links, settings.sources.incident_id)
    told = told.assign(canonical=told["incident_id"].map(ids).astype("str"))
    joined = pd.concat([INCIDENTS.conform(incidents[~involved]), _merged(told)], ignore_index=True)
    return Joined(_by_id(joined), ids, _disagreements(told))


def _told_twice(ids: pd.Series) -> pd.Series:
    """Tell which ids several rows have; where they rise none has, and nothing need be hashed."""
    return pd.Series(False, index=ids.index) if rises(ids) else ids.duplicated(keep=False)


def rises(column: pd.Series) -> bool:
    """Tell whether no value is missing, and each is greater than the one before."""
    values = pa.array(column)
    return values.null_count == 0 and bool(pc.all(pc.less(values[:-1], values[1:]), min_count=0).as_py())


def _by_id(incidents: pd.DataFrame) -> pd.DataFrame:
    if rises(incidents["incident_id"]):
        return incidents
    return incidents.sort_values("incident_id", kind="stable").reset_index(drop=True)


def _with_parts(told: pd.DataFrame) -> pd.DataFrame:
    """Return the rows with what a tool's own rows of one incident tell together in each of them.

    That is the first alert and acknowledgement, the last resolution, and the highest severity.
    """
    several = told["format"].isin(_TOLD_IN_PARTS) & told.duplicated(["format", "incident_id"], keep=False)
    if not several.any():
        return told
    groups = told[several].groupby(["format", "incident_id"])
    whole = {name: told[name].mask(several, groups[name].transform(of)) for name, of in _OF_PARTS.items()}
    codes = told["severity"].cat.codes.replace(-1, len(SEVERITIES))
    worst = codes.mask(several, codes[several].groupby(told["incident_id"]).transform("min"))
    severity = pd.Categorical.from_codes(worst.replace(len(SEVERITIES), -1).astype("int8"), dtype=SEVERITY_DTYPE)
    return told.assign(**whole, severity=severity)


def _links(incidents: pd.DataFrame) -> pd.DataFrame:
    """Return which names tie ids together: one and other, an id and a reference that another row states or is."""
    stated = incidents.loc[incidents["references"].notna(), ["incident_id", "references"]]
    named = pc.split_pattern(_whole(stated["references"]), "; ")
    ones = _whole(stated["incident_id"]).take(pc.list_parent_indices(named))
    others = named.flatten()
    foreign = pc.not_equal(ones, others)
    pairs = pd.DataFrame({"one": ones.filter(foreign), "other": others.filter(foreign)}, dtype="str")
    if pairs.empty:
        return pairs
    # few tie anything: most are left out before pairs are compared
    pairs = pairs[_tie(pairs["other"], incidents["incident_id"])].drop_duplicates()
    return pairs[_tie(pairs["other"], incidents["incident_id"])]


def _whole(column: pd.Series) -> pa.Array:
    """Return a column of text as one piece of Arrow's."""
    texts = pa.array(column, pa.large_string())
    return texts.combine_chunks() if isinstance(texts, pa.ChunkedArray) else texts


def _tie(others: pd.Series, ids: pd.Series) -> pd.Series:
    return others.duplicated(keep=False) | is_in(others, ids)


def is_in(names: pd.Series, known: pd.Series) -> pd.Series:
    """Tell which names are known; in Arrow, since pandas walks through the known ones in Python."""
    found = pc.is_in(pa.array(names, pa.string()), value_set=pa.array(known, pa.string()))
    return pd.Series(found.to_numpy(zero_copy_only=False), index=names.index)


def _canonical_ids(names: list[str], links: pd.DataFrame, pattern: str) -> dict[str, str]:
    """Return, for each id that is told of more than once, the id that its group goes by.

    That is one written as the team writes it, else the first; ``names`` stand in the order of belief.
    """
    groups = _Groups(names)
    for one, other in links.itertuples(index=False):
        groups.unite(one, other)
    team = re.compile(pattern)
    chosen: dict[str, str] = {}
    for name in names:
        root = groups.find(name)
        if root not in chosen or (team.fullmatch(name) and not team.fullmatch(chosen[root])):
            chosen[root] = name
    return {name: chosen[groups.find(name)] for name in names}


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
