"""Was the process kept? Each rule for each major incident: kept, broken, or unknown, with the evidence.

"Broken" needs evidence: a time that is too late, or a record that is there, would show it, and doesn't. Where no such
record is there the state is "unknown", and unknown is not broken.
"""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd

from incident_lib.business_time import deadlines
from incident_lib.records import Records
from incident_lib.review.process_events import Process, process_of
from incident_lib.review.rule_checks import (
    data_links,
    page_running,
    sections,
    status_updates,
    tags,
    tasks,
    tasks_in_time,
)
from incident_lib.review.rules import Rule
from incident_lib.settings import Span
from incident_lib.timeliness.deadlines import calendar_of

RULE_STATES = ("kept", "broken", "unknown", "not yet", "not asked")
RULE_MEANINGS = {
    "kept": "the records show that it was done in time",
    "broken": "the records show that it was late, or that it was not done",
    "unknown": "no record would show it either way",
    "not yet": "its time is not over",
    "not asked": "the rule doesn't concern this incident, or somebody wrote down why it was not needed",
}
_OF_RESPONSE = {"acknowledged", "first-update"}


def rule_results(records: Records, incidents: pd.DataFrame) -> pd.DataFrame:
    """Return one row for each rule in force and each major one of the incidents.

    Columns: incident_id, severity, rule, title, state (see ``RULE_STATES``), evidence (a sentence), source (where it
    was read). Rows stand in the order of incidents, then of rules.

    >>> incidents = inc.incidents_in(records, inc.parse_period("2026-09"))
    >>> sorted(inc.rule_results(records, incidents)["state"].unique())
    ['broken', 'kept', 'not asked', 'not yet', 'unknown']
    """
    process = process_of(records, incidents)
    rules = records.settings.rules_in_force
    parts = [
        _judged(rule, process).assign(rule=rule.id, title=rule.said, order=order) for order, rule in enumerate(rules)
    ]
    columns = ["incident_id", "severity", "rule", "title", "state", "evidence", "source"]
    if not parts or process.frame.empty:
        return pd.DataFrame({name: pd.Series(dtype="str") for name in columns})
    table = pd.concat(parts).rename_axis("incident_id").reset_index()
    table = table.join(process.frame["severity"], on="incident_id")
    place = table["incident_id"].map({name: number for number, name in enumerate(process.frame.index)})
    return table.assign(place=place).sort_values(["place", "order"], kind="stable").reset_index(drop=True)[columns]


def _judged(rule: Rule, process: Process) -> pd.DataFrame:
    """Return state, evidence and source of a rule for each incident, after what excuses it."""
    checks: dict[str, Callable[[Rule, Process], pd.DataFrame]] = {
        "within": _within,
        "customers-first": _customers_first,
        "status-updates": status_updates,
        "data-links": data_links,
        "tags": tags,
        "sections": sections,
        "tasks": tasks,
        "tasks-in-time": tasks_in_time,
    }
    found = checks[rule.check](rule, process)
    excused = process.texts()
    if rule.check != "status-updates" and rule.event not in _OF_RESPONSE:
        excused = excused.fillna("no post-mortem is needed: " + process.frame["not_needed"])
    if rule.severities:
        concerned = process.frame["severity"].isin(rule.severities)
        excused = excused.mask(~concerned, f"only asked of {', '.join(rule.severities)} incidents")
    state = found["state"].mask(excused.notna(), "not asked")
    return found.assign(state=state, evidence=excused.fillna(found["evidence"]))


def _within(rule: Rule, process: Process) -> pd.DataFrame:
    """Return whether an event came by its time."""
    event, as_of = process.events[rule.event or "resolved"], process.records.as_of
    due, waits = _due(rule, process)
    silent = event.at.isna() & ~event.done
    state = process.texts("unknown")
    state = state.mask(silent & ((due >= as_of) | (due.isna() & waits)), "not yet")
    state = state.mask(silent & (due < as_of) & event.shown, "broken")
    state = state.mask(event.at <= due, "kept").mask((event.at > as_of) & (event.at <= due), "not yet")
    state = state.mask(event.at > due, "broken").mask((event.at > due) & (due >= as_of), "not yet")
    untold = _untold_tasks(rule, process)
    excused = event.excused.where(event.at.isna() & ~event.done & ~untold)
    state = state.mask(excused.notna(), "not asked")
    state = state.mask(untold & silent, "unknown").mask(untold & silent & page_running(process), "not yet")
    words = pd.DataFrame({"at": event.at, "due": due, "done": event.done, "shown": event.shown, "state": state})
    return pd.DataFrame(
        {
            "state": state,
            "evidence": excused.fillna(_words(words)),
            "source": event.source.fillna(process.frame["source"]),
        }
    )


def _due(rule: Rule, process: Process) -> tuple[pd.Series, pd.Series]:
    """Return by when a rule's event is due, and where that can't be said yet since what it counts from is to come."""
    frame = process.frame
    unresolved, running = (
        frame["resolved_at"].isna(),
        frame["page_due_at"].isna() | (frame["page_due_at"] >= process.records.as_of),
    )
    if rule.deadline:
        return frame[f"{rule.deadline}_due_at"], unresolved
    base = process.events[rule.after]
    if rule.business_days is not None:
        span = Span(days=rule.business_days, business=True)
        due = deadlines(base.at, span, calendar_of(process.records.settings))
    else:
        due = base.at + pd.Timedelta(hours=rule.hours or 0, minutes=rule.minutes or 0)
    waits = {"meeting": running, "tasks-done": process.texts("").eq(""), "resolved": unresolved}
    return due, waits.get(rule.after, unresolved & False)


def _untold_tasks(rule: Rule, process: Process) -> pd.Series:
    """Tell where no task at all is recorded, so that nobody can say whether one touched customer systems."""
    if rule.event not in ("customer-contacted", "all-clear"):
        return process.texts("").ne("")
    return ~process.frame.index.to_series().isin(process.records.action_items["incident_id"])


def _words(rows: pd.DataFrame) -> pd.Series:
    """Return the evidence as a sentence: when it was done, when it was due, or what the records lack."""
    at, due = (rows[name].dt.strftime("%Y-%m-%d %H:%M") for name in ("at", "due"))
    text = pd.Series("nothing is recorded, and no record would show it", index=rows.index, dtype="str")
    text = text.mask(rows["shown"], "the records that would show it don't")
    text = text.mask(rows["state"] == "not yet", "not done yet")
    text = text.mask(rows["done"], "done, but the records don't say when").mask(at.notna(), at)
    return (
        text + (", due " + due).fillna("") + pd.Series(" (UTC)", index=rows.index).where(at.notna() | due.notna(), "")
    )


def _customers_first(rule: Rule, process: Process) -> pd.DataFrame:
    """Return whether customers were contacted before the first task on their systems was done.

    Tasks have days, not times: on the same day the records can't tell which came first.
    """
    contact = process.events["customer-contacted"]
    items = process.records.action_items
    touching = items[items["touches"].notna() & (items["status"] != "declined")].groupby("incident_id")["done_on"]
    first = touching.min().reindex(process.frame.index)
    touched = process.frame.index.to_series().isin(touching.size().index)
    any_task = process.frame.index.to_series().isin(items["incident_id"])
    day = contact.at.dt.tz_convert(process.records.settings.workbook.tz).dt.tz_localize(None).dt.normalize()
    state = process.texts("unknown").mask(first.isna() & contact.at.isna() & ~contact.done, "not yet")
    state = state.mask(first.notna() & ~contact.done & contact.shown, "broken")
    state = state.mask((day < first) | (contact.at.notna() & first.isna()), "kept").mask(day > first, "broken")
    state = state.mask(any_task & ~touched, "not asked").mask(~any_task, "unknown")
    state = state.mask(~any_task & page_running(process), "not yet")
    state = state.mask(contact.excused.notna() & touched & ~contact.done, "not asked")
    return pd.DataFrame(
        {
            "state": state,
            "evidence": _contact_words(contact.at, first, state),
            "source": contact.source.fillna(process.frame["source"]),
        }
    )


def _contact_words(contact: pd.Series, first: pd.Series, state: pd.Series) -> pd.Series:
    told = ("contacted " + contact.dt.strftime("%Y-%m-%d %H:%M")).fillna("no contact is recorded")
    text = told + (", first task done " + first.dt.strftime("%Y-%m-%d")).fillna("")
    same = (state == "unknown") & contact.notna() & first.notna()
    text = text.mask(same, text + ": the same day, so the records can't tell which came first")
    return text.mask(state == "not asked", "no task touches customer systems, or it was not needed")


def rule_counts(results: pd.DataFrame) -> pd.DataFrame:
    """Return, per rule in the process's order, in how many incidents it is in each state.

    >>> incidents = inc.incidents_in(records, inc.parse_period("2026-09"))
    >>> inc.rule_counts(inc.rule_results(records, incidents)).columns.tolist()
    ['rule', 'kept', 'broken', 'unknown', 'not yet', 'not asked']
    """
    counts = pd.crosstab(results["title"], results["state"]).reindex(results["title"].unique(), fill_value=0)
    return (
        counts.reindex(columns=list(RULE_STATES), fill_value=0)
        .rename_axis(columns=None)
        .rename_axis("rule")
        .reset_index()
    )


def most_broken(results: pd.DataFrame) -> pd.DataFrame:
    """Return the rules by how often they were broken: rule, broken, judged (kept or broken), unknown, share.

    ``share`` is that of broken among the judged.

    >>> incidents = inc.incidents_in(records, inc.parse_period("2026-09"))
    >>> inc.most_broken(inc.rule_results(records, incidents)).columns.tolist()
    ['rule', 'broken', 'judged', 'unknown', 'share']
    """
    counts = rule_counts(results)
    judged = counts["kept"] + counts["broken"]
    table = counts.assign(judged=judged, share=(counts["broken"] / judged).where(judged > 0))
    kept = table[["rule", "broken", "judged", "unknown", "share"]]
    return kept.sort_values(["broken", "share"], ascending=[False, False], kind="stable").reset_index(drop=True)


def by_incident(results: pd.DataFrame) -> pd.DataFrame:
    """Return, per incident: incident_id, severity, kept, broken, unknown, not_yet, and which rules were broken.

    >>> incidents = inc.incidents_in(records, inc.parse_period("2026-09"))
    >>> inc.by_incident(inc.rule_results(records, incidents)).columns.tolist()
    ['incident_id', 'severity', 'kept', 'broken', 'unknown', 'not_yet', 'broken_rules']
    """
    counts = pd.crosstab(results["incident_id"], results["state"]).reindex(
        results["incident_id"].unique(), fill_value=0
    )
    counts = counts.reindex(columns=list(RULE_STATES), fill_value=0).rename_axis(columns=None)
    broken = results[results["state"] == "broken"].groupby("incident_id")["title"].agg("; ".join)
    severity = results.drop_duplicates("incident_id").set_index("incident_id")["severity"]
    table = counts.join(severity).join(broken.rename("broken_rules"))
    table = table.rename(columns={"not yet": "not_yet"}).rename_axis("incident_id").reset_index()
    return table[["incident_id", "severity", "kept", "broken", "unknown", "not_yet", "broken_rules"]]


def went_by_the_book(results: pd.DataFrame) -> pd.DataFrame:
    """Return the incidents of which no rule was broken: incident_id, kept, unknown, not_yet.

    Those of which less is known to be kept than is unknown are not among them: silence is no merit.

    >>> incidents = inc.incidents_in(records, inc.parse_period("2026-09"))
    >>> len(inc.went_by_the_book(inc.rule_results(records, incidents)))
    0
    """
    table = by_incident(results)
    return table[(table["broken"] == 0) & (table["kept"] > 0) & (table["kept"] >= table["unknown"])][
        ["incident_id", "severity", "kept", "unknown", "not_yet"]
    ].reset_index(drop=True)
