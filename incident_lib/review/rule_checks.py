"""The checks of rules that look at more than one time: updates, links, tags, sections, tasks."""

from __future__ import annotations

import itertools
import json

import pandas as pd

from incident_lib.column_texts import split_names
from incident_lib.review.process_events import Process
from incident_lib.review.rules import Rule
from incident_lib.story.severity_time import severity_stays

_PLACEHOLDERS = ("_to write", "to write")


def _result(state: pd.Series, evidence: pd.Series, source: pd.Series) -> pd.DataFrame:
    return pd.DataFrame({"state": state, "evidence": evidence.astype("str"), "source": source})


def page_running(process: Process) -> pd.Series:
    """Tell where the page is not complete and its deadline not over: too early to judge what stands on it."""
    frame = process.frame
    complete = frame["completed_at"].notna() | frame["status"].isin(["in review", "reviewed", "closed"])
    return ~complete & (frame["page_due_at"].isna() | (frame["page_due_at"] >= process.records.as_of))


def status_updates(rule: Rule, process: Process) -> pd.DataFrame:
    """Return whether customers were told something at least every so many minutes while the incident was critical.

    Without a single update on record nobody knows by which way customers were told: unknown.
    """
    updates = process.records.timeline[process.records.timeline["kind"] == "status"]
    by_incident = {name: part.sort_values("at") for name, part in updates.groupby("incident_id")}
    rows = [_gap(rule, process, name, by_incident.get(name)) for name in process.frame.index]
    return pd.DataFrame(rows, index=process.frame.index, columns=["state", "evidence", "source"]).astype("str")


def _gap(rule: Rule, process: Process, incident_id: str, updates: pd.DataFrame | None) -> tuple[str, str, str]:
    incident = process.frame.loc[incident_id]
    if incident["severity"] != "critical":
        return "not asked", "", incident["source"]
    if updates is None:
        return "unknown", "no update is recorded", incident["source"]
    stays = [stay for stay in severity_stays(process.records, incident_id) if stay.severity == "critical"]
    if not stays:
        return "not asked", "it was not critical for any time", incident["source"]
    gaps = [_longest(max(stay.start, _known_from(incident)), stay.end, updates["at"]) for stay in stays]
    minutes, at = max(gaps)
    words = f"longest without an update: {minutes:.0f} minutes, from {at:%Y-%m-%d %H:%M} UTC"
    if minutes > (rule.minutes or 0):
        return "broken", words, str(updates["source"].iloc[0])
    return ("not yet" if stays[-1].open else "kept"), words, str(updates["source"].iloc[0])


def _known_from(incident: pd.Series) -> pd.Timestamp:
    """Return when people knew of an incident: nobody can tell of what nobody has seen."""
    return incident["detected_at"] if pd.notna(incident["detected_at"]) else incident["first_seen_at"]


def _longest(start: pd.Timestamp, end: pd.Timestamp, updates: pd.Series) -> tuple[float, pd.Timestamp]:
    """Return the longest stretch between start, updates and end in minutes, and its beginning."""
    points = [start, *updates[(updates > start) & (updates < end)], max(start, end)]
    return max(
        ((after - before) / pd.Timedelta(minutes=1), before) for before, after in itertools.pairwise(points)
    )


def data_links(rule: Rule, process: Process) -> pd.DataFrame:
    """Return whether the page's timeline has links to data."""
    rows = process.records.timeline[process.records.timeline["kind"] == "page"].groupby("incident_id")["url"]
    total = rows.size().reindex(process.frame.index).fillna(0).astype(int)
    linked = rows.count().reindex(process.frame.index).fillna(0).astype(int)
    state = process.texts("unknown").mask(total > 0, "broken").mask(page_running(process), "not yet")
    state = state.mask(linked >= rule.least, "kept")
    evidence = linked.astype("str") + " of " + total.astype("str") + " rows have a data link"
    return _result(
        state,
        evidence.mask(total == 0, "no timeline is recorded on a page"),
        process.frame["page_source"].fillna(process.frame["source"]),
    )


def tags(rule: Rule, process: Process) -> pd.DataFrame:
    """Return whether an incident has all the tags; {date} is the day on which it began, here or in UTC."""
    rows = [_tagged(rule, process, row) for row in process.frame.itertuples()]
    state, evidence = (
        pd.Series([row[place] for row in rows], index=process.frame.index, dtype="str") for place in (0, 1)
    )
    return _result(state.mask(state.eq("broken") & page_running(process), "not yet"), evidence, process.frame["source"])


def _tagged(rule: Rule, process: Process, row: object) -> tuple[str, str]:
    had = split_names(row.tags)  # type: ignore[attr-defined]
    if not had:
        return "unknown", "no tag is recorded"
    tz = process.records.settings.workbook.tz
    times = [time for time in (row.started_at, row.detected_at, row.first_seen_at) if pd.notna(time)]  # type: ignore[attr-defined]
    days = {f"{at:%Y%m%d}" for time in times for at in (time, time.tz_convert(tz))} or {""}
    lacking = [tag for tag in rule.tags if not any(tag.replace("{date}", day) in had for day in days)]
    if lacking:
        return "broken", f"tags: {', '.join(had)}; lacking: {', '.join(lacking)}"
    return "kept", f"tags: {', '.join(had)}"


def sections(rule: Rule, process: Process) -> pd.DataFrame:
    """Return whether a complete page's sections are written; without any section on record: unknown."""
    frame = process.frame
    texts = frame["sections"].map(lambda text: json.loads(text) if isinstance(text, str) else {})
    lacking = texts.map(lambda held: [name for name in rule.sections if _unwritten(held.get(name))])
    complete = frame["completed_at"].notna() | frame["status"].isin(["in review", "reviewed", "closed"])
    has_any = texts.map(lambda held: any(isinstance(text, str) and text.strip() for text in held.values())).astype(bool)
    state = process.texts("kept").mask(lacking.map(bool).astype(bool), "broken").mask(~complete, "not yet")
    evidence = lacking.map(lambda names: f"not written: {', '.join(names)}" if names else "all are written")
    evidence = (
        evidence.astype("str")
        .mask(~complete, "the page is not complete")
        .mask(~has_any, "no text of a page is recorded")
    )
    state = state.mask(~has_any, "unknown").mask(~has_any & page_running(process), "not yet")
    return _result(state, evidence, frame["page_source"].fillna(frame["source"]))


def _unwritten(text: object) -> bool:
    """Tell a section that is missing, empty, or holds nothing but our placeholder."""
    if not isinstance(text, str):
        return True
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("|")]
    has_table = any(line.lstrip().startswith("|") for line in text.splitlines())
    return not has_table if not lines else all(line.strip().casefold().startswith(_PLACEHOLDERS) for line in lines)


def tasks(rule: Rule, process: Process) -> pd.DataFrame:
    """Return whether every task that was not declined has what the rule asks for (an owner, a due date)."""
    items = _items(rule, process)
    lacking = items[items[rule.field or "owner"].isna()]
    counts = items.groupby("incident_id").size().reindex(process.frame.index).fillna(0).astype(int)
    without = lacking.groupby("incident_id").size().reindex(process.frame.index).fillna(0).astype(int)
    state = process.texts("kept").mask(without > 0, "broken").mask(counts == 0, "unknown")
    state = state.mask((state != "kept") & page_running(process), "not yet")
    first = lacking.groupby("incident_id")["title"].first().reindex(process.frame.index)
    what = {"due_on": "due date"}.get(rule.field or "", rule.field or "")
    evidence = without.astype("str") + " of " + counts.astype("str") + f" tasks without {what}"
    evidence = evidence + (", as “" + first + "”").fillna("")
    return _result(state, evidence.mask(counts == 0, "no task is recorded"), _source_of(lacking, process))


def tasks_in_time(rule: Rule, process: Process) -> pd.DataFrame:
    """Return whether tasks were done by their day; one without a day, or done on a day unknown, can't be judged."""
    every = process.records.action_items["incident_id"]
    items = _items(rule, process)
    today = process.records.as_of.tz_convert(process.records.settings.workbook.tz).tz_localize(None).normalize()
    ended = items["done_on"].where(items["status"] == "done")
    late = items[(ended > items["due_on"]) | ((items["status"] == "open") & (items["due_on"] < today))]
    unsure = items[items["due_on"].isna() | ((items["status"] == "done") & items["done_on"].isna())]
    is_open = items[(items["status"] == "open") & (items["due_on"] >= today)]
    ids = process.frame.index.to_series()
    state = (
        process.texts("kept")
        .mask(ids.isin(is_open["incident_id"]), "not yet")
        .mask(ids.isin(unsure["incident_id"]), "unknown")
    )
    state = state.mask(ids.isin(late["incident_id"]), "broken")
    state = state.mask(~ids.isin(items["incident_id"]), "not asked").mask(~ids.isin(every), "unknown")
    state = state.mask(~ids.isin(every) & page_running(process), "not yet")
    first = late.groupby("incident_id")["title"].first().reindex(process.frame.index)
    counts = ids.map(late["incident_id"].value_counts()).fillna(0).astype(int).astype("str")
    evidence = (
        (counts + " late, as “" + first + "”")
        .fillna("no such task is late")
        .mask(state == "unknown", "the records don't say")
    )
    return _result(state, evidence.mask(state == "not asked", "no such task is recorded"), _source_of(late, process))


def _items(rule: Rule, process: Process) -> pd.DataFrame:
    items = process.records.action_items
    kept = items[(items["status"] != "declined") & items["incident_id"].isin(process.frame.index)]
    return kept[kept["kind"].isin(rule.kinds)] if rule.kinds else kept


def _source_of(items: pd.DataFrame, process: Process) -> pd.Series:
    found = items.groupby("incident_id")["source"].first().reindex(process.frame.index)
    return found.fillna(process.frame["page_source"]).fillna(process.frame["source"])
