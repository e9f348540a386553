"""Which incidents a choice of period, severity, customer, service, tag and words means; and the line that makes it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from incident_lib.errors import SettingsError
from incident_lib.explore.rows import kept, stand_in
from incident_lib.explore.word_search import holds_words
from incident_lib.periods import Period, parse_period
from incident_lib.tables import SEVERITIES
from incident_lib.words import unknown

ORDER = ("severity", "customer", "service", "tag", "text", "period", "since", "until", "incident_id")
UNSTATED = "unstated"
_BETWEEN = "; "
_NAMES = {"customer": "customers", "service": "services", "tag": "tags"}
_SPANS = "2026, 2026-Q3, 2026-04, 2026-04-12, or a time with an offset"


@dataclass(frozen=True)
class Selection:
    """What was chosen: a mapping of arguments per ``where``, and the incidents that it was chosen from."""

    steps: tuple[Mapping[str, Any], ...] = ()
    whole: pd.DataFrame | None = None

    def line(self, name: str = "records") -> str:
        """Return the Python line that makes this choice from ``name``; steps without an argument in common are one."""
        merged: list[dict[str, Any]] = []
        for step in self.steps:
            if merged and not merged[-1].keys() & step.keys():
                merged[-1].update(step)
            else:
                merged.append(dict(step))
        return name + "".join(f".where({_arguments(step)})" for step in merged)

    def end(self, zone: ZoneInfo) -> pd.Timestamp | None:
        """Return when the chosen time ends, UTC: the earliest end of what ``until`` and ``period`` say; None: open."""
        ends = [_span(step["until"], "until", zone)[1] for step in self.steps if "until" in step]
        spans = [as_list(step["period"]) for step in self.steps if "period" in step]
        ends += [max(parse_period(one).bounds(zone)[1] for one in every) for every in spans if every]
        return min(ends, default=None)


def _arguments(step: Mapping[str, Any]) -> str:
    ordered = [name for name in ORDER if name in step]
    return ", ".join(f"{name}={json.dumps(step[name], ensure_ascii=False)}" for name in ordered)


def chosen(
    incidents: pd.DataFrame, wishes: Mapping[str, Any], *, words: Any = None, zone: ZoneInfo, whole: pd.DataFrame
) -> tuple[np.ndarray, dict[str, Any]]:
    """Return which incidents fulfil all wishes (a mask), and the wishes as they were understood, for ``Selection``.

    ``words`` are to stand in title or summary: all words of one text, or those of one of several. ``whole`` holds all
    incidents: a name that none of them has is refused, one that only others have finds nothing.

    Raises:
        SettingsError: for an unknown name, with the nearest known one; for a time that is none.
    """
    mask, understood = np.ones(len(incidents), dtype=bool), {}
    for name, wish in wishes.items():
        part, understood[name] = _RULES[name](incidents, name, wish, zone, whole)
        mask &= part
    if texts := as_list(words) if words is not None else []:
        # last, and only where all else is fulfilled: reading texts takes the longest
        understood["text"] = _as_given([str(one).strip() for one in texts])
        left = kept(incidents[["title", "summary"]], mask)
        mask[mask] = _any([holds_words(left, str(one)) for one in texts], len(left))
    return mask, understood


def began_at(incidents: pd.DataFrame) -> pd.Series:
    """Return when each incident began, or else was first seen, UTC."""
    return incidents["started_at"].fillna(incidents["first_seen_at"])


def as_list(value: Any) -> list[Any]:
    """Return one value or several as a list."""
    return list(value) if isinstance(value, Iterable) and not isinstance(value, str) else [value]


def _as_given(values: list[Any]) -> Any:
    return values[0] if len(values) == 1 else values


def _in_periods(incidents: pd.DataFrame, name: str, wish: Any, zone: ZoneInfo, whole: pd.DataFrame) -> Any:
    periods = [one if isinstance(one, Period) else parse_period(str(one)) for one in as_list(wish)]
    began = began_at(incidents)
    parts = [one.contains(began, zone).to_numpy() for one in periods]
    return _any(parts, len(incidents)), _as_given([one.name for one in periods])


def _from_time(incidents: pd.DataFrame, name: str, wish: Any, zone: ZoneInfo, whole: pd.DataFrame) -> Any:
    start, _, text = _span(wish, name, zone)
    return (began_at(incidents) >= start).to_numpy(), text


def _to_time(incidents: pd.DataFrame, name: str, wish: Any, zone: ZoneInfo, whole: pd.DataFrame) -> Any:
    _, end, text = _span(wish, name, zone)
    return (began_at(incidents) < end).to_numpy(), text


def _span(wish: Any, name: str, zone: ZoneInfo) -> tuple[pd.Timestamp, pd.Timestamp, str]:
    """Return the start and the end (exclusive) of what a day, month, quarter, year or time names, and its text."""
    text = wish.isoformat() if isinstance(wish, date | datetime) else str(wish).strip()
    if isinstance(wish, Period):
        return *wish.bounds(zone), wish.name
    try:
        if "T" in text or " " in text:
            moment = pd.Timestamp(text)
            if moment.tzinfo is None:
                raise SettingsError(f"{name}: {text!r} has no offset; expected {_SPANS}")
            return moment.tz_convert("UTC"), moment.tz_convert("UTC"), text
        return *parse_period(f"{text}..{text}" if text.count("-") == 2 else text).bounds(zone), text
    except (ValueError, SettingsError) as error:
        raise SettingsError(f"{name}: no such time: {text!r}; expected {_SPANS}") from error


def _of_severity(incidents: pd.DataFrame, name: str, wish: Any, zone: ZoneInfo, whole: pd.DataFrame) -> Any:
    names = [_known(str(one), (*SEVERITIES, UNSTATED), "severity")[0] for one in as_list(wish)]
    mask = incidents["severity"].isin(names).to_numpy()
    return mask | (incidents["severity"].isna().to_numpy() if UNSTATED in names else False), _as_given(names)


def _of_name(incidents: pd.DataFrame, name: str, wish: Any, zone: ZoneInfo, whole: pd.DataFrame) -> Any:
    column = _NAMES[name]
    known = names_in(whole[column])
    spellings = [_known(str(one), known, name) for one in as_list(wish)]
    texts = _padded(incidents[column])
    parts = [_holds(texts, one) for every in spellings for one in every]
    return _any(parts, len(incidents)), _as_given([every[0] for every in spellings])


def _of_id(incidents: pd.DataFrame, name: str, wish: Any, zone: ZoneInfo, whole: pd.DataFrame) -> Any:
    wanted, known = [str(one) for one in as_list(wish)], whole["incident_id"]
    here = set(known[stand_in(known, pd.Series(wanted, dtype="str"))])
    if others := [one for one in wanted if one not in here]:
        every = known.tolist()
        here |= {spelling for one in others for spelling in _known(one, every, "incident")}
    exact = {one.casefold(): one for one in sorted(here)}
    names = [one if one in here else exact[one.casefold()] for one in wanted]
    return stand_in(incidents["incident_id"], pd.Series(sorted(here), dtype="str")), _as_given(names)


_RULES: dict[str, Callable[..., tuple[np.ndarray, Any]]] = {
    "period": _in_periods, "since": _from_time, "until": _to_time, "severity": _of_severity, "customer": _of_name,
    "service": _of_name, "tag": _of_name, "incident_id": _of_id,
}  # fmt: skip


def names_in(texts: pd.Series) -> list[str]:
    """Return the names in a column of several names each ("a; b"), each once, sorted."""
    parts = pc.list_flatten(pc.split_pattern(pc.unique(pa.array(texts, type=pa.large_string())), _BETWEEN))
    return sorted(one for one in pc.unique(parts).to_pylist() if one)


def _known(wanted: str, names: Iterable[str], what: str) -> list[str]:
    """Return the known spellings of a name, which differ in capitals only.

    Raises:
        SettingsError: if there is none, with the nearest known name.
    """
    folded = wanted.strip().casefold()
    names = list(names)
    if found := [one for one in names if one.casefold() == folded]:
        return found
    raise SettingsError(unknown(wanted, names, what))


def _padded(texts: pd.Series) -> pa.Array:
    """Return names between separators, so that each stands whole: "; a; b; "."""
    column = pa.array(texts, type=pa.large_string())
    edge = pa.scalar(_BETWEEN, type=pa.large_string())
    return pc.binary_join_element_wise(edge, column, edge, pa.scalar("", type=pa.large_string()))


def _holds(padded: pa.Array, name: str) -> np.ndarray:
    found = pc.match_substring(padded, f"{_BETWEEN}{name}{_BETWEEN}")
    return pc.fill_null(found, False).to_numpy(zero_copy_only=False)


def _any(parts: list[np.ndarray], length: int) -> np.ndarray:
    return np.logical_or.reduce(parts) if parts else np.zeros(length, dtype=bool)
