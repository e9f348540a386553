"""From the day files of a Slack export to its ``messages`` table: in order, each message once, pins told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from incident_lib.errors import FieldError
from incident_lib.sources.fields import EARLIEST_YEAR, LATEST_YEAR, parse_epoch
from incident_lib.sources.reading import Batch
from incident_lib.sources.slack_columns import POOL, SCHEMA

_USUAL = r"^\d{9,10}\.\d{6}$"
_EARLIEST = int(np.datetime64(f"{EARLIEST_YEAR}-01-01", "us").astype(np.int64))
_LATEST = int(np.datetime64(f"{LATEST_YEAR + 1}-01-01", "us").astype(np.int64))


@dataclass
class Days:
    """The day files of an export: each one's channel, pointer and number of messages, and the messages of them all.

    ``batches`` has these in order, columns of ``slack_columns.SCHEMA``, those of several days together.

    ``channel_ids`` holds the channels' ids as far as the export knows them: a message's own address is made of it.
    """

    channels: list[str] = field(default_factory=list)
    channel_ids: list[str | None] = field(default_factory=list)
    pointers: list[str] = field(default_factory=list)
    lengths: list[int] = field(default_factory=list)
    batches: list[pa.RecordBatch] = field(default_factory=list)


def messages_table(days: Days, programs: Mapping[str, str], batch: Batch, outcomes: Counter[str]) -> pd.DataFrame:
    """Return the messages by channel and time, each once; what is left out is counted in ``outcomes``.

    ``programs`` names those authors that the messages themselves call by an id.
    """
    frame = _frame(days)
    if programs:
        frame["who"] = frame["who"].replace(dict(programs))
    micros, known = _times(frame["edited"], frame["source"], batch, what="edited: ", effect="value left out")
    frame["edited_at"] = pd.to_datetime(micros.view("datetime64[us]"), utc=True).where(known)
    return _with_pins(_ordered(frame, batch, outcomes), outcomes)


def _frame(days: Days) -> pd.DataFrame:
    """Return the messages with the columns that need no further look, and the helpers ts, edited, and pin."""
    messages = pa.Table.from_batches(days.batches, SCHEMA).combine_chunks(memory_pool=POOL)
    run = pa.array(np.repeat(np.arange(len(days.lengths)), days.lengths))
    channel = pa.array(days.channels, pa.string()).take(run)
    made: dict[str, Callable[[], pa.ChunkedArray]] = {
        "extra": lambda: _with_channel(
            pc.coalesce(messages["extra"], _author_only(messages["user"]), memory_pool=POOL),
            pa.array(days.channel_ids, pa.string()).take(run),
        ),
        "source": lambda: _joined("#/", pa.array(days.pointers, pa.string()).take(run), messages["place"]),
        "message_id": lambda: _joined("/", channel, messages["ts"]),
        "thread_id": lambda: _joined("/", channel, messages["thread"]),
    }
    with ThreadPoolExecutor(len(made)) as pool:  # Arrow lets go of the interpreter's lock
        columns = dict(zip(made, pool.map(lambda make: make(), made.values()), strict=True))
    columns |= {name: messages[name] for name in ("who", "subtype", "text", "reactions", "url", "ts", "edited", "pin")}
    columns |= {name: messages[name].fill_null(False) for name in ("is_bot", "pinned")}
    return pa.table({"channel": channel, **columns}).to_pandas()


def _joined(separator: str, *parts: pa.Array | pa.ChunkedArray) -> pa.ChunkedArray:
    """Return texts joined row by row; missing where any of them is."""
    return pc.binary_join_element_wise(*parts, separator, memory_pool=POOL)


def _author_only(user: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return the ``extra`` of an ordinary message: the author's id, which two people of one name don't share."""
    users = user.combine_chunks().dictionary_encode()
    known = pc.match_substring_regex(users.dictionary, r"^\w+$")
    told = pc.if_else(known, _joined("", '{"user":"', users.dictionary, '"}'), None)
    return pa.chunked_array([told.take(users.indices)])


def _with_channel(extra: pa.ChunkedArray, channel: pa.Array) -> pa.ChunkedArray:
    """Return each ``extra`` with the id of the message's channel as its first field, where that is known."""
    rest = pc.coalesce(pc.binary_join_element_wise("", pc.utf8_slice_codeunits(extra, 1), ",", memory_pool=POOL), "}")
    return pc.coalesce(_joined("", '{"channel":"', channel, '"', rest), extra, memory_pool=POOL)


def _ordered(frame: pd.DataFrame, batch: Batch, outcomes: Counter[str]) -> pd.DataFrame:
    """Return the messages that have a time, by channel and time, each once; the first of several is kept."""
    micros, readable = _times(frame["ts"], frame["source"], batch)
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


def _times(
    stamps: pd.Series, sources: pd.Series, batch: Batch, *, what: str = "", effect: str = "row left out"
) -> tuple[np.ndarray, np.ndarray]:
    """Return timestamps in microseconds since 1970, and which could be read; a problem for each that could not."""
    ts = pa.array(stamps, pa.string())
    usual = pc.match_substring_regex(ts, _USUAL).fill_null(False)
    digits = pc.if_else(usual, pc.replace_substring(ts, ".", "", max_replacements=1), "0")
    micros = digits.cast(pa.int64()).to_numpy(zero_copy_only=False).copy()
    readable = (micros >= _EARLIEST) & (micros < _LATEST)
    for row in np.flatnonzero(~readable & stamps.notna().to_numpy()):
        try:
            micros[row] = _micros(stamps.iat[row])
            readable[row] = True
        except FieldError as error:
            batch.problem("unreadable-time", f"{what}{error}", sources.iat[row], effect=effect)
    return micros, readable


def _micros(ts: object) -> int:
    return int(np.datetime64(parse_epoch(ts).replace(tzinfo=None), "us").astype(np.int64))


def _with_pins(frame: pd.DataFrame, outcomes: Counter[str]) -> pd.DataFrame:
    """Return the messages with what "pinned a message" notices say told by the messages themselves.

    A notice whose message is not in the export stays a message of its own.
    """
    if frame["pin"].isna().all():
        return frame
    targets = (frame["channel"] + "/" + frame["pin"]).where(frame["pin"].notna())
    notices = targets.notna() & targets.isin(frame["message_id"])
    frame["pinned"] |= frame["message_id"].isin(targets.dropna())
    outcomes["pinned_item"] += int(notices.sum())
    return frame.loc[~notices].reset_index(drop=True)
