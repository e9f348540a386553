"""Timeliness by severity, customer, quarter or team: small groups are listed, and given no rate."""

from __future__ import annotations

import pandas as pd

from incident_lib.column_texts import split_names
from incident_lib.statistics.survival import Quantile, kaplan_meier, log_rank, median
from incident_lib.timeliness.states import JUDGED

FEWEST = 5
TOO_FEW = f"fewer than {FEWEST}"
NO_PAGE = "no page in the records"


def by_group(states: pd.DataFrame, times: pd.DataFrame, group: str) -> pd.DataFrame:
    """Return timeliness per value of a column: severity, customers (each named one), quarter, or team.

    ``states`` as from ``timeliness.postmortem_states``, ``times`` from ``completion_times``. Columns: the group,
    incidents, judged (whose deadline has passed), in_time, share (in time of judged), typical (days until half are
    complete, with interval). Groups under 5 have neither share nor typical time: of so few a rate says nothing, and
    it would say it of somebody.

    >>> states = inc.postmortem_states(records)
    >>> inc.by_group(states, inc.completion_times(states, records.as_of), "severity")["severity"].tolist()
    ['critical', 'high']
    """
    nothing_known = NO_PAGE if not states["has_page"].any() else TOO_FEW
    states, times = _each(states, group), _each(times, group)
    judged = states["state"].isin(JUDGED)
    table = pd.DataFrame({
        "incidents": states.groupby(group, observed=True).size(),
        "judged": judged.groupby(states[group], observed=True).sum(),
        "in_time": states["state"].eq("on time").groupby(states[group], observed=True).sum(),
    }).rename_axis(group)  # fmt: skip
    enough = (table["judged"] >= FEWEST) & (nothing_known != NO_PAGE)
    typical = {name: _typical(part) for name, part in times.groupby(group, observed=True)}
    table["share"] = (table["in_time"] / table["judged"]).where(enough)
    table["in_time"] = table["in_time"].astype("Int64").where(enough)
    table["typical"] = [typical.get(name, nothing_known) for name in table.index]
    return table.reset_index()


def _each(table: pd.DataFrame, group: str) -> pd.DataFrame:
    """Return the rows with one value in the group's column: an incident of two customers counts for each of them."""
    if group == "customers":
        table = table.assign(customers=table["customers"].map(split_names)).explode("customers")
        table = table.assign(customers=table["customers"].astype("str"))
    return table[table[group].notna()].reset_index(drop=True)


def _typical(times: pd.DataFrame) -> str:
    if len(times) < FEWEST:
        return TOO_FEW
    return short(median(kaplan_meier(times["days"], times["finished"])))


def short(found: Quantile) -> str:
    """Return a typical time with its 95 % limits for a table: "6.2 (4.9 to 12.4)", "not reached (from 10.0)"."""
    if found.lower is None:
        return "not reached"
    value = "not reached" if found.value is None else f"{found.value:.1f}"
    return (
        f"{value} (from {found.lower:.1f})"
        if found.upper is None
        else f"{value} ({found.lower:.1f} to {found.upper:.1f})"
    )


def group_times(times: pd.DataFrame, group: str, most: int = 6) -> dict[str, pd.DataFrame]:
    """Return the times of each group with at least 5, by its name; the ``most`` largest, in the order of names.

    >>> states = inc.postmortem_states(records)
    >>> list(inc.group_times(inc.completion_times(states, records.as_of), "severity"))
    ['critical', 'high']
    """
    parts = {str(name): part for name, part in _each(times, group).groupby(group, observed=True) if len(part) >= FEWEST}
    largest = sorted(parts, key=lambda name: -len(parts[name]))[:most]
    return {name: part for name, part in parts.items() if name in largest}


def difference_sentence(times: pd.DataFrame, group: str, what: str) -> str:
    """Return whether groups differ in how long completion takes (log-rank test), or that it can't be told.

    >>> states = inc.postmortem_states(records)
    >>> print(inc.difference_sentence(inc.completion_times(states, records.as_of), "severity", "severity"))
    By severity: cannot tell them apart; chance alone makes differences like these (log-rank p ...
    """
    parts = group_times(times, group)
    if times.empty:
        return f"By {what}: nothing to compare, since no post-mortem has a page."
    if len(parts) < 2:
        return f"By {what}: fewer than two groups have {FEWEST} post-mortems or more, so there is nothing to compare."
    both = pd.concat([part.assign(name=name) for name, part in parts.items()])
    test = log_rank(both["days"], both["finished"], both["name"].to_numpy(dtype=object))
    sizes = f"n = {len(both)} in {len(parts)} groups"
    if test.p > 0.05:
        told = "cannot tell them apart; chance alone makes differences like these"
        return f"By {what}: {told} (log-rank p = {test.p:.2f}; {sizes})."
    return f"By {what}: they differ by more than chance would make them (log-rank p = {test.p:.3f}; {sizes})."
