"""ServiceNow's audit log: the rows in which an incident's state or severity changed, and how each incident ended."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa

from incident_lib.column_texts import spelled
from incident_lib.tables import SEVERITIES
from incident_lib.typed_table import SEVERITY_DTYPE

STATES = {"1": "New", "2": "In Progress", "3": "On Hold", "6": "Resolved", "7": "Closed", "8": "Canceled"}
FINISHED = {"resolved", "closed", "6", "7"}
_UNTOUCHED = {"new", "1"}


@dataclass(frozen=True)
class Log:
    """A log's rows by incident, and within it by the time of the change; rows of one minute stay in the file's order.

    ``order`` are the numbers of the rows in that order, and ``begins`` the places in it at which an incident begins.
    """

    rows: pd.DataFrame
    order: np.ndarray
    begins: np.ndarray

    def words(self, name: str) -> tuple[np.ndarray, list[str]]:
        """Return the number of each row's word, in order, -1 for a missing one; and the words."""
        words = self.rows[name].cat
        return words.codes.to_numpy()[self.order], list(words.categories)

    def holds(self, name: str, test: Callable[[str], bool]) -> np.ndarray:
        """Tell for each row, in order, whether its word is stated and passes a test."""
        codes, words = self.words(name)
        return np.array([*map(test, words), False])[codes]

    def times(self, name: str) -> np.ndarray:
        """Return a column of times in order."""
        return self.rows[name].to_numpy("datetime64[us]")[self.order]

    def first(self, holds: np.ndarray) -> np.ndarray:
        """Return the place of each incident's first row for which something holds; behind all rows if there is none."""
        return np.minimum.reduceat(np.where(holds, np.arange(len(holds)), len(holds)), self.begins)

    def last(self, holds: np.ndarray) -> np.ndarray:
        """Return the place of each incident's last row for which something holds; -1 if there is none."""
        return np.maximum.reduceat(np.where(holds, np.arange(len(holds)), -1), self.begins)

    def changes(self, name: str) -> np.ndarray:
        """Return the numbers of the rows that state another word than the one before of the same incident."""
        codes, _ = self.words(name)
        places = np.arange(len(codes))
        stated = np.maximum.accumulate(np.where(codes >= 0, places, -1))  # the last row so far that states one
        before = np.concatenate([[-1], stated[:-1]])
        begun = np.repeat(self.begins, np.diff(self.begins, append=len(codes)))
        return self.order[(codes >= 0) & ((before < begun) | (codes != codes[before]))]


def log_of(rows: pd.DataFrame) -> Log:
    """Return a log's rows in order."""
    number, _ = pd.factorize(rows["number"])
    order = _order(number, rows["sys_updated_on"].to_numpy("datetime64[us]").view(np.int64))
    return Log(rows, order, np.flatnonzero(np.diff(number[order], prepend=-1)))


def _order(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return the order by two keys; as one key, if both fit in it: rows that are nearly in order take a tenth of it."""
    least, span = int(second.min()), int(second.max()) - int(second.min()) + 1
    if (int(first.max()) + 1) * span >= 1 << 63:
        return np.lexsort((second, first))
    return np.argsort(first * span + (second - least), kind="stable")


def log_rows(log: Log, places: pa.ChunkedArray) -> pd.DataFrame:
    """Return each change of state and of severity as a timeline row; ``places`` has a pointer for each row's number."""
    states, levels = (log.changes(name) for name in ("incident_state", "severity"))
    is_level = np.repeat([False, True], [len(states), len(levels)])
    rows = log.rows.iloc[np.concatenate([states, levels])]
    state, level = rows["incident_state"].cat, rows["severity"].cat
    said = [f"State: {STATES.get(word, word)}" for word in state.categories]
    codes = np.where(is_level, level.codes.astype(int) + len(said), state.codes)
    return pd.DataFrame({
        "incident_id": _written(rows["number"]),
        "at": rows["sys_updated_on"].array,
        "kind": spelled(is_level.astype("int8"), ["status", "severity"], None),
        "text": spelled(codes, [*said, *(f"Severity: {word}" for word in SEVERITIES)], None),
        "who": _written(rows["sys_updated_by"]),
        "severity": pd.Categorical.from_codes(np.where(is_level, level.codes, -1), dtype=SEVERITY_DTYPE),
        "source": places.take(pa.array(rows.index)).to_pandas(),
    })  # fmt: skip


def _written(words: pd.Series) -> pd.Series:
    """Return categories as texts, several times as fast as ``astype``."""
    return spelled(words.cat.codes.to_numpy(), words.cat.categories, None)


def last_states(log: Log) -> pd.DataFrame:
    """Return one row per incident: its last, with the times that the changes of its state tell.

    ``resolved_at`` is when the state became resolved or closed and stayed so; an incident that was opened again is
    resolved when that was over. ``acknowledged_at`` is the first change to a state other than new.
    """
    ends = np.append(log.begins[1:], len(log.order))
    finished = log.holds("incident_state", lambda word: word.casefold() in FINISHED)
    untouched = log.holds("incident_state", lambda word: word.casefold() in _UNTOUCHED)
    closed = np.maximum(log.last(~finished) + 1, log.begins)  # the row after the last one that is open
    updated, opened = log.times("sys_updated_on"), log.times("opened_at")
    seen = np.fmin(log.times("sys_created_on"), updated)
    last = log.rows.iloc[log.order[ends - 1]]
    return last.assign(
        resolved_at=_at(updated, closed, ends),
        acknowledged_at=_at(updated, log.first(~untouched), ends),
        first_seen_at=_utc(np.fmin.reduceat(seen, log.begins)),
        opened_at=_at(opened, log.first(~np.isnat(opened)), ends),
        severity=_worst(log),
    )


def _at(times: np.ndarray, places: np.ndarray, ends: np.ndarray) -> pd.DatetimeIndex:
    """Return the times at these places; missing where a place lies behind its incident's rows."""
    return _utc(np.append(times, np.datetime64("NaT"))[np.where(places < ends, places, len(times))])


def _utc(times: np.ndarray) -> pd.DatetimeIndex:
    return pd.DatetimeIndex(times).tz_localize("UTC")


def _worst(log: Log) -> pd.Categorical:
    """Return the most urgent severity that each incident had."""
    ranks, _ = log.words("severity")
    worst = np.minimum.reduceat(np.where(ranks < 0, len(SEVERITIES), ranks), log.begins)
    return pd.Categorical.from_codes(np.where(worst < len(SEVERITIES), worst, -1), dtype=SEVERITY_DTYPE)
