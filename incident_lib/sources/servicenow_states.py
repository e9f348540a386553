"""ServiceNow's audit log: the rows in which an incident's state or severity changed, and how each incident ended."""

from __future__ import annotations

import pandas as pd

from incident_lib.tables import SEVERITY_DTYPE

STATES = {"1": "New", "2": "In Progress", "3": "On Hold", "6": "Resolved", "7": "Closed", "8": "Canceled"}
FINISHED = {"resolved", "closed", "6", "7"}
_UNTOUCHED = {"new", "1"}


def _in_order(rows: pd.DataFrame) -> pd.DataFrame:
    """Return rows by number and time of the change; rows of the same minute stay in the file's order."""
    return rows.sort_values(["number", "sys_updated_on"], kind="stable")


def _changed(rows: pd.DataFrame, name: str) -> pd.Series:
    """Return which rows state a value that differs from the one before of the same incident."""
    before = rows.groupby("number", sort=False)[name].ffill().groupby(rows["number"], sort=False).shift()
    return rows[name].notna() & (rows[name] != before.fillna(""))


def log_rows(rows: pd.DataFrame) -> pd.DataFrame:
    """Return each change of state and of severity as a timeline row."""
    ordered = _in_order(rows)
    states = ordered[_changed(ordered, "incident_state")]
    named = states["incident_state"].replace(STATES)
    levels = ordered[_changed(ordered, "severity")]
    changes = [
        _timeline(states, "status", "State: " + named),
        _timeline(levels, "severity", "Severity: " + levels["severity"], severity=levels["severity"]),
    ]
    return pd.concat(changes, ignore_index=True)


def _timeline(rows: pd.DataFrame, kind: str, text: pd.Series, severity: pd.Series | None = None) -> pd.DataFrame:
    return pd.DataFrame({
        "incident_id": rows["number"], "at": rows["sys_updated_on"], "kind": kind, "text": text,
        "who": rows["sys_updated_by"], "severity": severity, "source": rows["source"],
    })  # fmt: skip


def last_states(rows: pd.DataFrame) -> pd.DataFrame:
    """Return one row per incident: its last, with the times that the changes of its state tell.

    ``resolved_at`` is when the state became resolved or closed and stayed so; an incident that was opened again is
    resolved when that was over. ``acknowledged_at`` is the first change to a state other than new.
    """
    ordered = _in_order(rows)
    state = ordered["incident_state"].str.casefold()
    by_number = ordered.groupby("number", sort=False)
    last = ordered.drop_duplicates("number", keep="last").set_index("number")
    finished = state.isin(FINISHED)
    ends = ordered[finished & ~_open_later(finished, ordered["number"])].groupby("number")["sys_updated_on"].min()
    begun = ordered[~state.isin(_UNTOUCHED)].groupby("number")["sys_updated_on"].min()
    levels = pd.Series(ordered["severity"].astype(SEVERITY_DTYPE).cat.codes.where(ordered["severity"].notna()))
    return last.assign(
        resolved_at=ends.reindex(last.index),
        acknowledged_at=begun.reindex(last.index),
        first_seen_at=_first(by_number, "sys_created_on", "sys_updated_on").reindex(last.index),
        opened_at=by_number["opened_at"].first().reindex(last.index),
        severity=_worst(levels, ordered["number"]).reindex(last.index),
    ).reset_index()


def _open_later(finished: pd.Series, number: pd.Series) -> pd.Series:
    """Return which rows are followed by one of the same incident that is not finished."""
    backwards = (~finished)[::-1].groupby(number[::-1]).cummax()[::-1]
    return backwards


def _first(groups: pd.api.typing.DataFrameGroupBy, *names: str) -> pd.Series:
    times = pd.concat([groups[name].min() for name in names], axis=1)
    return times.min(axis=1)


def _worst(levels: pd.Series, number: pd.Series) -> pd.Series:
    """Return the most urgent severity that each incident had."""
    codes = levels.groupby(number).min()
    return pd.Series(pd.Categorical.from_codes(codes.fillna(-1).astype(int), dtype=SEVERITY_DTYPE), codes.index)
