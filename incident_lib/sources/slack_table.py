"""From the columns that were read from a Slack export to its ``messages`` table."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from incident_lib.errors import FieldError
from incident_lib.sources.fields import EARLIEST_YEAR, LATEST_YEAR, parse_epoch
from incident_lib.sources.mrkdwn import all_to_markdown
from incident_lib.sources.reading import Batch
from incident_lib.sources.slack_messages import Columns, extra_json
from incident_lib.sources.slack_names import Names

_USUAL = r"^\d{9,10}\.\d{6}$"
_EARLIEST = int(np.datetime64(f"{EARLIEST_YEAR}-01-01", "us").astype(np.int64))
_LATEST = int(np.datetime64(f"{LATEST_YEAR + 1}-01-01", "us").astype(np.int64))


@dataclass
class Days:
    """Where each run of rows came from: channel and member, with how many rows."""

    channels: list[str] = field(default_factory=list)
    pointers: list[str] = field(default_factory=list)
    counts: list[int] = field(default_factory=list)


def messages_table(
    columns: Columns, days: Days, names: Names, batch: Batch, outcomes: Counter[str]
) -> pd.DataFrame:
    """Return the messages by channel and time, each once; what is left out is counted in ``outcomes``."""
    frame = _frame(columns, days, names)
    frame["edited_at"] = _edited(columns, frame["source"], batch)
    return _with_pins(_ordered(frame, batch, outcomes), columns, outcomes)


def _edited(columns: Columns, sources: pd.Series, batch: Batch) -> pd.Series:
    """Return when each message was last edited; a time that can't be read is a problem, and left out."""
    micros = np.full(len(columns), np.datetime64("NaT", "us"))
    for row, ts in columns.edited.items():
        try:
            micros[row] = parse_epoch(ts).replace(tzinfo=None)
        except FieldError as error:
            batch.problem("unreadable-time", f"edited: {error}", sources.iat[row], effect="value left out")
    return pd.Series(micros).dt.tz_localize("UTC")


def _frame(columns: Columns, days: Days, names: Names) -> pd.DataFrame:
    """Return the messages as a frame, with two helpers: ``ts`` and ``row``, the row number in ``columns``."""
    run = np.repeat(np.arange(len(days.counts)), days.counts)
    channel = pa.array(days.channels, pa.string()).take(pa.array(run))
    pointer = pa.array(days.pointers, pa.string()).take(pa.array(run))
    ts, thread = pa.array(columns.ts, pa.string()), pa.array([one or None for one in columns.thread], pa.string())
    place = pa.array(columns.place, pa.int64()).cast(pa.string())
    rows = len(columns)
    arrays = {
        "message_id": _joined("/", channel, ts),
        "channel": channel,
        "who": pa.array(columns.who, pa.string()),
        "subtype": pa.array(columns.subtype, pa.string()),
        "text": pa.array(all_to_markdown(columns.text, names.mentions), pa.string()),
        "thread_id": _joined("/", channel, thread),
        "reactions": _sparse(columns.reactions, rows),
        "url": _sparse(columns.url, rows),
        "source": _joined("#/", pointer, place),
        "extra": _extra(columns),
        "ts": ts,
    }
    frame = pa.table(arrays).to_pandas()
    frame["is_bot"], frame["pinned"] = _flags(columns.bots, rows), _flags(columns.pinned, rows)
    frame["row"] = np.arange(rows)
    return frame


def _joined(separator: str, *parts: pa.Array) -> pa.Array:
    """Return texts joined row by row; missing where any of them is."""
    return pc.binary_join_element_wise(*parts, separator)


def _sparse(values: dict[int, str], rows: int) -> pa.Array:
    filled: list[str | None] = [None] * rows
    for row, value in values.items():
        filled[row] = value
    return pa.array(filled, pa.string())


def _flags(rows: list[int], length: int) -> np.ndarray:
    flags = np.zeros(length, dtype=bool)
    flags[rows] = True
    return flags


def _extra(columns: Columns) -> pa.Array:
    """Return the ``extra`` column: for most messages just the author's id, which two people of one name don't share."""
    user = pa.array(columns.user, pa.string())
    plain = pc.if_else(pc.match_substring_regex(user, r"^\w+$"), _joined("", '{"user": "', user, '"}'), None)
    rows = {row: extra_json(columns.user[row], extra) for row, extra in columns.extra.items()}
    return pc.coalesce(_sparse(rows, len(columns)), plain)


def _ordered(frame: pd.DataFrame, batch: Batch, outcomes: Counter[str]) -> pd.DataFrame:
    """Return the messages that have a time, by channel and time, each once; the first of several is kept."""
    micros, readable = _times(frame, batch)
    outcomes["unreadable"] += int((~readable).sum())
    codes = pd.factorize(frame["channel"], sort=True)[0]
    order = np.lexsort((micros, codes))
    order = order[readable[order]]
    again = np.zeros(len(order), dtype=bool)
    again[1:] = (np.diff(micros[order]) == 0) & (np.diff(codes[order]) == 0)
    outcomes["duplicate"] += int(again.sum())
    order = order[~again]
    frame = frame.assign(at=pd.to_datetime(micros.view("datetime64[us]"), utc=True))
    untouched = len(order) == len(frame) and bool((np.diff(order) == 1).all())
    return frame if untouched else frame.iloc[order].reset_index(drop=True)


def _times(frame: pd.DataFrame, batch: Batch) -> tuple[np.ndarray, np.ndarray]:
    """Return each message's time in microseconds since 1970, and whether it could be read; a problem for each not."""
    ts = pa.array(frame["ts"], pa.string())
    usual = pc.match_substring_regex(ts, _USUAL)
    digits = pc.if_else(usual, pc.replace_substring(ts, ".", "", max_replacements=1), "0")
    micros = digits.cast(pa.int64()).to_numpy(zero_copy_only=False).copy()
    readable = (micros >= _EARLIEST) & (micros < _LATEST)
    for row in np.flatnonzero(~readable):
        try:
            micros[row] = _micros(frame["ts"].iat[row])
            readable[row] = True
        except FieldError as error:
            batch.problem("unreadable-time", str(error), frame["source"].iat[row])
    return micros, readable


def _micros(ts: object) -> int:
    return int(np.datetime64(parse_epoch(ts).replace(tzinfo=None), "us").astype(np.int64))


def _with_pins(frame: pd.DataFrame, columns: Columns, outcomes: Counter[str]) -> pd.DataFrame:
    """Return the messages with what "pinned a message" notices say told by the messages themselves.

    A notice whose message is not in the export stays a message of its own.
    """
    if columns.pins:
        targets = frame["row"].map(columns.pins)
        target_ids = (frame["channel"] + "/" + targets.astype("str")).where(targets.notna())
        notices = target_ids.isin(frame["message_id"])
        frame["pinned"] |= frame["message_id"].isin(target_ids.dropna())
        outcomes["pinned_item"] += int(notices.sum())
        frame = frame.loc[~notices].reset_index(drop=True)
    return frame
