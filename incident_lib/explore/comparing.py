"""Two selections compared: improved, worse, or cannot tell, with what is still running counted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from incident_lib.errors import SettingsError
from incident_lib.explore.dress import dressed
from incident_lib.explore.measuring import durations
from incident_lib.records import Records
from incident_lib.render import answer, note, table
from incident_lib.review.response import Measure, honest_median, span_text
from incident_lib.statistics.comparison import Comparison, Verdict, with_open
from incident_lib.statistics.comparison import compare as compare_values
from incident_lib.words import counted


@dataclass(frozen=True)
class Compared:
    """What a comparison says: the verdict, the sentence, the numbers behind it (``comparison``), and a small table.

    ``verdict`` judges the second selection against the first: improved (shorter), worse (longer), cannot tell.
    """

    verdict: Verdict
    sentence: str
    measure: str
    table: pd.DataFrame
    comparison: Comparison
    remarks: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return "\n".join([self.sentence, *self.remarks])

    def _repr_html_(self) -> str:
        headings = {"which": "which", "n": "incidents", "open": "still running", "typical": "median",
                    "left_out": "left out"}  # fmt: skip
        listed = table(self.table, f"Compared: {self.measure}", headings)
        return dressed(answer(self.sentence).html + "".join(note(one).html for one in self.remarks) + listed.html)


def compare(
    a: Records | pd.DataFrame,
    b: Records | pd.DataFrame,
    measure: Measure | str | None = None,
    *,
    names: tuple[str, str] | None = None,
) -> Compared:
    """Return whether the durations of ``b`` are shorter or longer than those of ``a`` by more than chance would do.

    ``a`` and ``b`` are records, as from ``records.where(…)``, or two tables as from ``inc.durations``; ``a`` is the
    first in time, or what ``b`` is held against. ``measure`` as in ``inc.durations``. ``names`` say what they are.
    Finished durations are compared by Welch's t over reshuffles (``statistics.comparison``); where some are still
    running, the log-rank test, which counts them, has to agree. What can't be true is left out.

    Raises:
        SettingsError: for an unknown measure, or two tables of different measures.

    >>> inc.compare(records.where(until="2026-03"), records.where(since="2026-04"), "time to resolve").verdict
    'cannot tell'
    """
    parts = [_durations_of(one, measure) for one in (a, b)]
    measured = _one_measure(parts)
    names = names or _names_of(a, b)
    believed = [part[part["believed"]] for part in parts]
    finished = [part.loc[part["finished"], "minutes"] for part in believed]
    found = with_open(compare_values(*finished, noun="incidents"), believed)
    rows = [_row(name, part) for name, part in zip(names, parts, strict=True)]
    return Compared(found.verdict, found.sentence, measured, pd.DataFrame(rows), found, _remarks(*believed))


def _durations_of(one: Records | pd.DataFrame, measure: Measure | str | None) -> pd.DataFrame:
    if isinstance(one, Records):
        return durations(one, measure)
    if missing := {"minutes", "finished", "believed"} - set(one.columns):
        raise SettingsError(f"a table to compare lacks {', '.join(sorted(missing))}; expected one from inc.durations")
    return one


def _one_measure(parts: list[pd.DataFrame]) -> str:
    """Return the measure that both tables hold."""
    first, second = (part.attrs.get("measure", "duration") for part in parts)
    if first != second:
        raise SettingsError(f"can't compare “{first}” with “{second}”; name one measure for both")
    return first


def _names_of(a: Records | pd.DataFrame, b: Records | pd.DataFrame) -> tuple[str, str]:
    """Return what the two are called: by the line that chose them, where they are records."""
    lines = [one.filter_line() if isinstance(one, Records) else "" for one in (a, b)]
    return (lines[0], lines[1]) if all(lines) and lines[0] != lines[1] else ("first", "second")


def _row(name: str, part: pd.DataFrame) -> dict[str, object]:
    good = part[part["believed"]]
    value, lower, upper = honest_median(good["minutes"], good["finished"])
    return {
        "which": name, "n": len(good), "open": int((~good["finished"]).sum()), "typical": _typical(value, lower, upper),
        "median": value, "lower": lower, "upper": upper, "left_out": len(part) - len(good),
    }  # fmt: skip


def _typical(value: float, lower: float, upper: float) -> str | None:
    if np.isnan(value):
        return None
    ends = ["?" if np.isnan(one) else span_text(one) for one in (lower, upper)]
    return f"{span_text(value)} ({ends[0]} to {ends[1]})"


def _remarks(first: pd.DataFrame, second: pd.DataFrame) -> tuple[str, ...]:
    """Return what a reader has to know besides: that some incidents are in both."""
    both = len(set(first["incident_id"]) & set(second["incident_id"]))
    return (f"{counted(both, 'incident')} in both: the two can't differ by those.",) if both else ()
