"""Matches that are only similar: offered to a person, never made."""

from __future__ import annotations

import pandas as pd

from incident_lib.tables import PROBLEMS

WITHIN = pd.Timedelta(minutes=30)


def possible_matches(incidents: pd.DataFrame, pattern: str) -> pd.DataFrame:
    """Return a problem for each tool's incident that may be one of the team's: the same service, within half an hour.

    The team's incidents are those whose id matches ``pattern``. How to join the two is part of the message.
    """
    named = incidents["incident_id"].str.fullmatch(pattern)
    if named.all() or not named.any():
        return PROBLEMS.frame()
    known = incidents.dropna(subset=["first_seen_at", "services"])
    ours, theirs = (_by_service(known[named[known.index] == is_ours]) for is_ours in (True, False))
    if ours.empty or theirs.empty:
        return PROBLEMS.frame()
    pairs = pd.merge_asof(theirs, ours, on="first_seen_at", by="service", direction="nearest", tolerance=WITHIN,
                          suffixes=("", "_ours"))  # fmt: skip
    pairs = pairs.dropna(subset=["incident_id_ours"]).drop_duplicates("incident_id")
    message = pairs["incident_id"] + " may be " + pairs["incident_id_ours"] + ": the same service ("
    message = message + pairs["service"] + ") within half an hour; if so, add it to that one's references"
    rows = {"rule": "possible-match", "message": message, "effect": "kept", "incident_id": pairs["incident_id_ours"]}
    return PROBLEMS.conform(pd.DataFrame({**rows, "source": pairs["source"]}))


def _by_service(incidents: pd.DataFrame) -> pd.DataFrame:
    """Return one row per incident and service, by time."""
    services = incidents["services"].str.split("; ")
    rows = incidents[["incident_id", "first_seen_at", "source"]].assign(service=services).explode("service")
    rows = rows.assign(service=rows["service"].astype("str").str.casefold())
    return rows.sort_values(["first_seen_at", "incident_id"], kind="stable")
