"""Links in chat that tie a tool's incident to the team's: an alert's address, posted in the incident's own talk."""

from __future__ import annotations

import re

import pandas as pd

from incident_lib.tables import join_names, split_names

WITHIN = pd.Timedelta(days=1)
_ADDRESS = re.compile(r"https?://[^\s<>()\[\]|]+")


def chat_references(incidents: pd.DataFrame, messages: pd.DataFrame, pattern: str) -> dict[str, list[str]]:
    """Return for each incident the addresses that its chat ties to it: those of a tool's own incident.

    Tied is an incident that the team has not named itself (its id doesn't match ``pattern``) whose address stands in
    messages of exactly one incident, and that was first seen within a day of that one. An address posted under
    several incidents ties nothing: that would be a guess.
    """
    belonging = messages.dropna(subset=["incident_id", "text"])
    if belonging.empty:
        return {}
    alone = incidents[incidents["references"].notna() & ~incidents["incident_id"].str.fullmatch(pattern)]
    homes = {address: row.incident_id for row in alone.itertuples() for address in _addresses(row.references)}
    posted = belonging.assign(address=belonging["text"].map(_ADDRESS.findall)).explode("address")
    posted = posted[posted["address"].isin(homes)][["incident_id", "address"]].drop_duplicates()
    posted["other"] = posted["address"].map(homes).astype("str")
    several = posted.groupby("other")["incident_id"].transform("nunique") > 1
    seen = incidents.set_index("incident_id")["first_seen_at"]
    apart = (posted["incident_id"].map(seen) - posted["other"].map(seen)).abs()
    tied = posted[~several & (apart <= WITHIN) & (posted["incident_id"] != posted["other"])]
    return tied.groupby("incident_id")["address"].agg(list).to_dict()


def _addresses(references: object) -> list[str]:
    return [name for name in split_names(references) if name.startswith(("https://", "http://"))]


def referring(incidents: pd.DataFrame, ids: dict[str, str], addresses: dict[str, list[str]]) -> pd.DataFrame:
    """Return the sources' own rows with these addresses added to the references of the incidents that they tell of."""
    own = incidents["incident_id"]
    canonical = own.map(ids).astype("str").fillna(own)
    rows = canonical.isin(addresses)
    references = incidents["references"].copy()
    references[rows] = [
        join_names([*split_names(known), *addresses[incident_id]])
        for incident_id, known in zip(canonical[rows], references[rows], strict=True)
    ]
    return incidents.assign(references=references)
