"""Which incident a message belongs to: by its own word, its channel, an id in the channel's name, its text, its thread.

Of a million messages hardly any names an incident: channels are looked at once each, and only texts that can hold an
id are searched for it.
"""

from __future__ import annotations

import re

import numpy as np
import pandas as pd

from incident_lib.column_texts import places_in, spelled, translated
from incident_lib.join import is_in
from incident_lib.sources.texts import rows_with

_BEGINNING = re.compile(r"(?:\\b)?([\w-]+)([?*{+]?)")


def placed(messages: pd.DataFrame, incidents: pd.DataFrame, pattern: str) -> pd.DataFrame:
    """Return messages with the incident that they belong to, if it is one of these; ``pattern`` is of the team's ids.

    The first that tells is believed. ``message_id`` stands once at most.
    """
    if messages.empty:
        return messages
    homes = incidents.dropna(subset="channel").drop_duplicates("channel").dropna(subset="incident_id")
    by_channel = _named(messages["channel"], pattern) | dict(zip(homes["channel"], homes["incident_id"], strict=True))
    own = _or(messages["incident_id"], translated(messages["channel"], by_channel))
    own = _or(own, _mentioned(messages["text"][own.isna()], pattern))
    found = _or(own, _of_thread(messages, own))
    return messages.assign(incident_id=found.where(is_in(found, incidents["incident_id"])))


def _or(first: pd.Series, second: pd.Series) -> pd.Series:
    return first.fillna(second) if second.notna().any() else first


def _named(channels: pd.Series, pattern: str) -> dict[str, str]:
    """Return the id that each channel's name holds, if it does."""
    names = channels.drop_duplicates().dropna()
    ids = _ids(names.str.upper(), pattern).dropna()
    return dict(zip(names[ids.index], ids, strict=True))


def _ids(texts: pd.Series, pattern: str) -> pd.Series:
    return texts.str.extract(f"({pattern})")[0]


def _mentioned(texts: pd.Series, pattern: str) -> pd.Series:
    """Return the first id that each text holds, for those texts that may hold one."""
    beginning = _beginning(pattern)
    return _ids(texts.iloc[rows_with(texts, re.escape(beginning))] if beginning else texts, pattern)


def _beginning(pattern: str) -> str:
    """Return letters with which every find of a pattern begins, as far as that is plain to see; mostly "INC-"."""
    plain = _BEGINNING.match(pattern)
    if not plain or "|" in pattern or "(?" in pattern:
        return ""
    return plain[1][:-1] if plain[2] else plain[1]


def _of_thread(messages: pd.DataFrame, own: pd.Series) -> pd.Series:
    """Return the incident of the message that began each message's thread."""
    known = own.notna() & messages["message_id"].notna()
    codes = np.full(len(messages), -1)
    if known.any():
        asked = np.flatnonzero(own.isna() & messages["thread_id"].notna())
        codes[asked] = places_in(messages["message_id"][known], messages["thread_id"].iloc[asked])
    return spelled(codes, own[known].tolist(), messages.index)
