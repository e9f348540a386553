"""What is likely to become of the post-mortems that are open now, judged by those that were once as old."""

from __future__ import annotations

import pandas as pd

from incident_lib.statistics.survival import Chance, conditional_finish, kaplan_meier

SOON, LATER = 7, 30


def outlook(times: pd.DataFrame, states: pd.DataFrame) -> pd.DataFrame:
    """Return for each open post-mortem its age, and the chance that it is complete within 7 and 30 more days.

    ``times`` as from ``timeliness.completion_times``, for the whole of the records. Columns: incident_id, title,
    days (its age), older (how many were ever open for as long), within_7 and within_30 (percentages with their 95 %
    interval, as text).

    >>> states = inc.postmortem_states(records)
    >>> inc.outlook(inc.completion_times(states, records.as_of), states).columns.tolist()[:3]
    ['incident_id', 'title', 'days']
    """
    curve = kaplan_meier(times["days"], times["finished"])
    running = times[~times["finished"]].sort_values(["days", "incident_id"], kind="stable")
    running = running.merge(states[["incident_id", "title"]], on="incident_id")
    older = [int((times["days"] >= age).sum()) for age in running["days"]]
    table = running[["incident_id", "title", "days"]].assign(older=older)
    for name, more in (("within_7", SOON), ("within_30", LATER)):
        texts = [in_words(conditional_finish(curve, age, more)) for age in running["days"]]
        table[name] = pd.Series(texts, index=table.index, dtype="str")
    return table.reset_index(drop=True)


def in_words(chance: Chance) -> str:
    """Return a chance with its interval: "12 % (2 % to 38 %)"; or how little can be said of one so old."""
    if chance.value is not None:
        return f"{chance.value:.0%} ({chance.lower:.0%} to {chance.upper:.0%})"
    return f"at least {chance.lower:.0%}" if chance.lower > 0 else "can't tell: none was seen that long"


def outlook_sentence(table: pd.DataFrame) -> str:
    """Return what to make of the outlook in a sentence: by how many older ones each is judged.

    >>> states = inc.postmortem_states(records)
    >>> print(inc.outlook_sentence(inc.outlook(inc.completion_times(states, records.as_of), states)))
    11 open; the youngest is judged by 38 that were once as old, the oldest by 1 (itself).
    """
    if table.empty:
        return "No post-mortem is open, or the records hold no page at all; there is nothing to foresee."
    fewest = int(table["older"].min())
    return (
        f"{len(table):,} open; the youngest is judged by {int(table['older'].max()):,} that were once as old, the "
        f"oldest by {fewest:,} {'(itself)' if fewest == 1 else ''}".rstrip()
        + "."
    )
