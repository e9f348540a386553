"""Axes of a picture without a script: what kind they are, where values stand on them, and their ticks."""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

_DATE = re.compile(r"\d{4}-\d\d(-\d\d)?([T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?)?")
_STEPS = ((60_000, (1, 2, 5, 10, 15, 30)), (3_600_000, (1, 2, 3, 6, 12)), (86_400_000, (1, 2, 7, 14)))
DAY = 86_400_000
MONTH_STEPS = (1, 2, 3, 6, 12, 24, 60, 120)
MOST_TICKS = 60


@dataclass
class Axis:
    """One axis: its kind (linear, log, date, category), its range in its own units, and its place in pixels.

    ``start`` and ``end`` are the pixels of the range's two ends; a category's unit is its number from 0.
    """

    kind: str
    low: float
    high: float
    stated: Mapping[str, Any]
    categories: list[str] = field(default_factory=list)
    start: float = 0.0
    end: float = 1.0

    def units(self, values: Iterable[Any]) -> list[float | None]:
        """Return values in the axis' units; None for what has no place on it."""
        return [self._unit(value) for value in values]

    def _unit(self, value: Any) -> float | None:
        if value is None:
            return None
        if self.kind == "category":
            text = str(value)
            return float(self.categories.index(text)) if text in self.categories else number(value)
        if self.kind == "date":
            return milliseconds(value)
        found = number(value)
        if self.kind == "log":
            return math.log10(found) if found is not None and found > 0 else None
        return found

    def pixel(self, unit: float) -> float:
        """Return where a value (in the axis' units) stands."""
        return self.start + (unit - self.low) / ((self.high - self.low) or 1.0) * (self.end - self.start)

    def share(self, fraction: float) -> float:
        """Return where a fraction of the whole axis stands."""
        return self.start + fraction * (self.end - self.start)

    def ticks(self, most: int) -> list[tuple[float, str]]:
        """Return the ticks that are in range, each with its label; about ``most`` where the figure states none."""
        if self.stated.get("tickvals") is not None:
            values = self.units(listed(self.stated["tickvals"]))
            labels = [str(one) for one in listed(self.stated.get("ticktext"))] or [
                self._label(value) for value in values
            ]
            pairs = [pair for pair in zip(values, labels, strict=False) if pair[0] is not None]
        elif self.kind == "category":
            step = math.ceil(len(self.categories) / (number(self.stated.get("nticks")) or len(self.categories) or 1))
            pairs = [(float(place), name) for place, name in enumerate(self.categories)][:: max(step, 1)]
        elif self.kind == "date":
            pairs = date_ticks(self.low, self.high, most)
        elif self.kind == "log":
            pairs = [
                (float(power), f"{10.0**power:,g}") for power in range(math.floor(self.low), math.ceil(self.high) + 1)
            ]
        else:
            pairs = [
                (value, self._label(value))
                for value in linear_ticks(self.low, self.high, most, self.stated.get("dtick"))
            ]
        low, high = sorted((self.low, self.high))
        slack = (high - low) * 1e-6
        return [pair for pair in pairs if low - slack <= pair[0] <= high + slack][:MOST_TICKS]

    def _label(self, value: float | None) -> str:
        return "" if value is None else formatted(value, str(self.stated.get("tickformat") or ""))


def axis_of(
    stated: Mapping[str, Any], values: Sequence[Sequence[Any]], *, floor: bool, padded: bool, marks: Sequence[Any] = ()
) -> Axis:
    """Return an axis for the values of all traces; ``floor`` begins it at zero, ``padded`` leaves room at the ends.

    ``marks`` are values of lines across the figure, which count for the range.
    """
    flat = [value for part in values for value in part if value is not None]
    kind = _kind(stated, flat)
    axis = Axis(kind, 0.0, 1.0, stated, _categories(stated, flat) if kind == "category" else [])
    axis.low, axis.high = _range(axis, [*flat, *marks], floor=floor, padded=padded)
    if stated.get("autorange") == "reversed":
        axis.low, axis.high = axis.high, axis.low
    return axis


def _kind(stated: Mapping[str, Any], flat: Sequence[Any]) -> str:
    if stated.get("type") in ("linear", "log", "date", "category"):
        return str(stated["type"])
    texts = [value for value in flat if isinstance(value, str)]
    if not texts:
        return "linear"
    if all(_DATE.fullmatch(text) for text in texts):
        return "date"
    return "linear" if all(number(text) is not None for text in texts) else "category"


def _categories(stated: Mapping[str, Any], flat: Sequence[Any]) -> list[str]:
    seen = list(dict.fromkeys(str(value) for value in flat))
    order = str(stated.get("categoryorder") or "")
    if order.startswith("category"):
        return sorted(seen, reverse=order.endswith("descending"))
    first = [str(one) for one in listed(stated.get("categoryarray"))]
    return [*first, *(name for name in seen if name not in first)]


def _range(axis: Axis, values: Sequence[Any], *, floor: bool, padded: bool) -> tuple[float, float]:
    """Return the two ends: as stated, or from the values."""
    stated = listed(axis.stated.get("range"))
    if len(stated) == 2 and None not in stated:
        ends = [milliseconds(end) if axis.kind == "date" else number(end) for end in stated]
        if None not in ends and ends[0] != ends[1]:
            return float(ends[0]), float(ends[1])  # type: ignore[arg-type]
    if axis.kind == "category":
        return -0.5, max(len(axis.categories), 1) - 0.5
    units = [unit for unit in axis.units(values) if unit is not None]
    low, high = (min(units), max(units)) if units else (0.0, 1.0)
    low, high = (min(low, 0.0), max(high, 0.0)) if floor and axis.kind == "linear" else (low, high)
    room = (high - low) * 0.05 or (DAY if axis.kind == "date" else 0.5)
    at_zero = floor and low == 0.0 and axis.kind == "linear"
    return (low if at_zero or not padded else low - room), (high + room if padded else high)


def linear_ticks(low: float, high: float, most: int, step: Any = None) -> list[float]:
    """Return round numbers between two ends: steps of 1, 2 or 5 times a power of ten."""
    low, high = sorted((low, high))
    width = number(step) or _nice((high - low) / max(most, 1))
    first = math.ceil(low / width - 1e-9)
    last = min(math.floor(high / width + 1e-9), first + MOST_TICKS)
    return [round(place * width, 10) for place in range(first, last + 1)]


def _nice(step: float) -> float:
    power = 10.0 ** math.floor(math.log10(step or 1.0))
    return next((factor * power for factor in (1, 2, 5) if factor * power >= step * 0.999), 10 * power)


def date_ticks(low: float, high: float, most: int) -> list[tuple[float, str]]:
    """Return times at round minutes, hours, days or months, labelled with the day where it changes."""
    low, high = sorted((low, high))
    for unit, factors in _STEPS:
        for factor in factors:
            if (high - low) / (unit * factor) <= most:
                return _even_ticks(low, high, unit * factor)
    return _month_ticks(low, high, most)


def _even_ticks(low: float, high: float, step: float) -> list[tuple[float, str]]:
    places = [place * step for place in range(math.ceil(low / step), math.floor(high / step) + 1)]
    ticks, day = [], ""
    for place in places:
        time = moment(place)
        today = f"{time.day} {time:%b %Y}"
        text = f"{time.day} {time:%b}" if step >= DAY else f"{time:%H:%M}"
        ticks.append((place, text if today == day else f"{text}<br>{time.year if step >= DAY else today}"))
        day = today
    return _once(ticks) if step >= DAY else ticks


def _month_ticks(low: float, high: float, most: int) -> list[tuple[float, str]]:
    first, last = moment(low), moment(high)
    months = (last.year - first.year) * 12 + last.month - first.month
    step = next((one for one in MONTH_STEPS if months / one <= most + 0.5), MONTH_STEPS[-1])
    ticks = []
    for count in range(first.year * 12, last.year * 12 + 12, step):
        place = datetime(count // 12, count % 12 + 1, 1, tzinfo=UTC).timestamp() * 1000
        if low <= place <= high:
            ticks.append((place, f"{moment(place):%b}<br>{count // 12}" if step < 12 else str(count // 12)))
    return _once(ticks)


def _once(ticks: list[tuple[float, str]]) -> list[tuple[float, str]]:
    """Return ticks whose second line (the year) stands only where it changes."""
    shown, last = [], ""
    for place, text in ticks:
        first, _, second = text.partition("<br>")
        shown.append((place, first if second == last else text))
        last = second
    return shown


def moment(milliseconds: float) -> datetime:
    """Return the time that many milliseconds after 1970, UTC."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=milliseconds)


def milliseconds(value: Any) -> float | None:
    """Return a time as milliseconds since 1970; like plotly, an offset in its text is not applied."""
    if not isinstance(value, str):
        return number(value)
    if not _DATE.fullmatch(value):
        return None
    text = value if len(value) > 7 else f"{value}-01"
    try:
        return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000
    except ValueError:
        return None


def number(value: Any) -> float | None:
    """Return a finite number, also one in a text; None for anything else."""
    try:
        found = float(value)
    except (TypeError, ValueError):
        return None
    return found if math.isfinite(found) else None


def listed(values: Any) -> list[Any]:
    """Return a figure's array as a list; plotly packs numbers as base64."""
    if isinstance(values, Mapping) and "bdata" in values:
        array = np.frombuffer(base64.b64decode(values["bdata"]), dtype=np.dtype(str(values["dtype"])))
        shape = [int(part) for part in str(values.get("shape", "")).split(",") if part.strip()]
        return (array.reshape(shape) if len(shape) > 1 else array).tolist()
    return list(values) if isinstance(values, list | tuple) else []


def formatted(value: float, pattern: str) -> str:
    """Return a number by a d3 format that Python shares (".0%", ",.1f"), or in its shortest form."""
    if re.fullmatch(r",?(\.\d)?[%fdg]", pattern):
        return format(round(value) if pattern.endswith("d") else value, pattern)
    return f"{value:,.10g}".replace("-", "−")
