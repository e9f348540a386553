"""What changed since a day, as an identity that must hold, each term a list.

overdue now = overdue then + newly overdue − completed − not needed − reclassified
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import pandas as pd

from incident_lib.as_of import known_at
from incident_lib.errors import ReportError
from incident_lib.loading import as_time
from incident_lib.records import Records
from incident_lib.tables import TABLES
from incident_lib.timeliness.states import postmortem_states

TERMS = ("overdue then", "newly overdue", "completed", "not needed", "reclassified", "overdue now")
SIGNS = dict(zip(TERMS, ("", "+", "−", "−", "−", "="), strict=True))
MEANINGS = {
    "overdue then": "overdue at the earlier time",
    "newly overdue": "became overdue since, even if complete by now",
    "completed": "was overdue, and is complete now",
    "not needed": "was overdue, and has been declared not needed since",
    "reclassified": "was overdue, and is no longer asked for by now: its severity, resolution or deadline is another",
    "overdue now": "overdue at the time of this report",
}
WEEK = pd.Timedelta(days=7)


@dataclass(frozen=True)
class Ledger:
    """The overdue post-mortems of two times and what lies between; each term a list of incident ids, in order."""

    since: pd.Timestamp
    until: pd.Timestamp
    lists: dict[str, list[str]]
    reasons: dict[str, str]

    @property
    def holds(self) -> bool:
        """Return whether the identity holds."""
        then, new, *gone, now = (len(self.lists[term]) for term in TERMS)
        return now == then + new - sum(gone)


def records_at(records: Records, then: pd.Timestamp) -> Records:
    """Return what these records knew at an earlier time."""
    tables = {table.name: getattr(records, table.name) for table in TABLES}
    return replace(records, as_of=then, **known_at(tables, then, records.settings.workbook.tz))


def ledger_since(records: Records, since: object = None) -> Ledger:
    """Return what happened to the overdue post-mortems since a time (an ISO text or a time; None: a week before).

    Raises:
        SettingsError: if ``since`` is no time.
        ReportError: if it is not before the records' own time.

    >>> type(inc.ledger_since(records, "2026-09-01")).__name__
    'Ledger'
    """
    then = records.as_of - WEEK if since is None else as_time(since, records.settings.workbook.zone)
    if then >= records.as_of:
        raise ReportError(
            f"since {then:%Y-%m-%d %H:%M} UTC is not before the report's own time; expected an earlier one"
        )
    return ledger_of(postmortem_states(records_at(records, then)), postmortem_states(records), then, records.as_of)


def ledger_of(before: pd.DataFrame, after: pd.DataFrame, since: pd.Timestamp, until: pd.Timestamp) -> Ledger:
    """Return the ledger between two tables of ``postmortem_states``."""
    earlier, now = (frame.set_index("incident_id") for frame in (before, after))
    was, is_now = (set(frame.index[frame["state"] == "overdue"]) for frame in (earlier, now))
    passed = _passed_through(earlier, now) - was
    new = (is_now - was) | passed
    gone = (was - is_now) | passed
    state = {incident: str(now["state"].get(incident, "gone")) for incident in gone}
    completed = {one for one in gone if state[one] in ("late", "on time", "no date")}
    excused = {one for one in gone if state[one] == "not needed"}
    lists = dict(
        zip(TERMS, map(sorted, (was, new, completed, excused, gone - completed - excused, is_now)), strict=True)
    )
    reasons = {one: _why_new(one, earlier, now, since) for one in new}
    return Ledger(since, until, lists, reasons)


def _passed_through(earlier: pd.DataFrame, now: pd.DataFrame) -> set[str]:
    """Return the incidents that are complete now, late, and were not so before: they were overdue for some time."""
    late_before = set(earlier.index[earlier["state"].isin(["late", "no date", "on time"])])
    return set(now.index[now["state"] == "late"]) - late_before


def _why_new(incident: str, earlier: pd.DataFrame, now: pd.DataFrame, since: pd.Timestamp) -> str:
    """Return why a post-mortem is newly overdue."""
    if now["due_at"][incident] > since:
        return "its deadline passed"
    if incident not in earlier.index:
        return "it was not recorded, or not major, at the earlier time"
    return f"it was “{earlier['state'][incident]}” at the earlier time, and its deadline lay before that"


def ledger_table(ledger: Ledger) -> pd.DataFrame:
    """Return the identity as a table: line (sign and term), term, meaning, count, and the incidents of each term.

    >>> inc.ledger_table(inc.ledger_since(records, "2026-09-01")).columns.tolist()
    ['line', 'term', 'meaning', 'count', 'incidents']
    """
    rows = [{"line": f"{SIGNS[term]} {term}".strip(), "term": term, "meaning": MEANINGS[term],
             "count": len(ledger.lists[term]),
             "incidents": ", ".join(ledger.lists[term]) or None} for term in TERMS]  # fmt: skip
    return pd.DataFrame(rows).astype({"incidents": "str"})


def ledger_rows(ledger: Ledger, states: pd.DataFrame) -> pd.DataFrame:
    """Return every incident of the four terms between then and now: term, incident_id, title, why.

    >>> ledger = inc.ledger_since(records, "2026-09-01")
    >>> inc.ledger_rows(ledger, inc.postmortem_states(records)).columns.tolist()
    ['term', 'incident_id', 'title', 'why']
    """
    titles = states.set_index("incident_id")["title"]
    rows = [(term, one, titles.get(one), ledger.reasons.get(one) if term == TERMS[1] else MEANINGS[term])
            for term in TERMS[1:-1] for one in ledger.lists[term]]  # fmt: skip
    return pd.DataFrame(rows, columns=["term", "incident_id", "title", "why"]).astype("str")


def ledger_sentence(ledger: Ledger) -> str:
    """Return the identity with its numbers, and the two times.

    Raises:
        ReportError: if it does not hold, which would be a mistake of ours.

    >>> print(inc.ledger_sentence(inc.ledger_since(records, "2026-09-01")))
    Since 2026-09-02 03:59 UTC: 7 overdue then + 2 newly overdue − 0 completed − 0 not needed − ...
    """
    if not ledger.holds:
        raise ReportError("the account of overdue post-mortems does not add up; please report this as a bug")
    then, new, completed, excused, other, now = (len(ledger.lists[term]) for term in TERMS)
    return (
        f"Since {ledger.since:%Y-%m-%d %H:%M} UTC: {then:,} overdue then + {new:,} newly overdue "
        f"− {completed:,} completed − {excused:,} not needed − {other:,} reclassified = {now:,} overdue now."
    )
