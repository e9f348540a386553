"""The process review's numbers for other programs, each with its n and its meaning."""

from __future__ import annotations

from typing import Any

import pandas as pd

from incident_lib.records import Records
from incident_lib.review.conformance import RULE_MEANINGS
from incident_lib.statistics.intervals import wilson

_UNIT = "minutes"


def numbers_of_review(
    records: Records,
    incidents: pd.DataFrame,
    results: pd.DataFrame,
    durations: pd.DataFrame,
    changes: pd.DataFrame,
    decisions: pd.DataFrame,
) -> dict[str, dict[str, Any]]:
    """Return numbers by name, each with value, lower, upper (95 %, or None), n, unit and meaning.

    >>> month = inc.parse_period("2026-09")
    >>> incidents = inc.for_measuring(records, inc.incidents_in(records, month))
    >>> results = inc.rule_results(records, incidents)
    >>> lengths = inc.duration_summary(incidents, as_of=records.as_of)
    >>> changes = inc.what_changed(records, incidents, incidents, month, (results, results))
    >>> decisions = inc.decisions_until(records, month)
    >>> list(inc.numbers_of_review(records, incidents, results, lengths, changes, decisions))[:3]
    ['as_of_seconds', 'incidents', 'major_incidents']
    """
    major = results["incident_id"].nunique()
    states = results["state"].value_counts()
    judged = int(states.get("kept", 0) + states.get("broken", 0))
    share = wilson(int(states.get("kept", 0)), judged)
    numbers = {
        "as_of_seconds": _number(
            records.as_of.timestamp(), None, "the time whose knowledge the report shows, since 1970", "seconds"
        ),
        "incidents": _number(len(incidents), len(incidents), "incidents that began in the period"),
        "major_incidents": _number(major, len(incidents), "major ones among them"),
        **{
            f"rules_{state}": _number(int(states.get(state, 0)), len(results), f"rules by incident: {meaning}")
            for state, meaning in RULE_MEANINGS.items()
        },
        "rules_kept_share": _number(share.value, judged, "share of kept among the rules that could be judged", "1"),
        **{
            f"decisions_{state}": _number(
                int((decisions["status"] == state).sum()), len(decisions), f"decisions that are {state}"
            )
            for state in ("open", "done", "dropped")
        },
        **{
            f"changes_{verdict}": _number(
                int((changes["verdict"] == verdict).sum()),
                len(changes),
                f"comparisons with the period before: {verdict}",
            )
            for verdict in ("improved", "worse", "cannot tell")
        },
        **_medians(durations),
    }
    return {name.replace(" ", "_"): one for name, one in numbers.items()}


def _medians(durations: pd.DataFrame) -> dict[str, dict[str, Any]]:
    return {
        "median " + row.measure.replace(" → ", " to "): _number(
            _or_none(row.median), row.n, f"median time, {row.measure}", _UNIT, _or_none(row.lower), _or_none(row.upper)
        )
        for row in durations.itertuples()
    }


def _or_none(value: float) -> float | None:
    return None if pd.isna(value) else float(value)


def _number(
    value: float | None,
    n: int | None,
    meaning: str,
    unit: str = "1",
    lower: float | None = None,
    upper: float | None = None,
) -> dict[str, Any]:
    return {"value": value, "lower": lower, "upper": upper, "n": n, "unit": unit, "meaning": meaning}
