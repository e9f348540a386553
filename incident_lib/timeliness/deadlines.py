"""The deadlines of each major incident, by the settings' spans, start events, calendars, and the rule of its time.

An incident goes by the first of the ``calendars`` that names one of its customers, else by the first that names its
page owner's team, else by the workbook's own. Its severity is the highest declared by the time of the report, so its
deadline is counted anew when that changes.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd

from incident_lib.business_time import BusinessCalendar, business_calendar, deadlines, proof
from incident_lib.column_texts import places_in, split_names
from incident_lib.records import Records
from incident_lib.settings import Settings, Span

NOW = "now"


def calendar_of(settings: Settings) -> BusinessCalendar:
    """Return the workbook's calendar of business days."""
    return business_calendar(settings.calendar, settings.workbook.tz)


def calendars_of(settings: Settings) -> dict[str, BusinessCalendar]:
    """Return all calendars by name; the workbook's own has the empty name."""
    own = {one.name: business_calendar(one, _zone(one.zone, settings)) for one in settings.calendars}
    return {"": calendar_of(settings), **own}


def _zone(name: str | None, settings: Settings) -> object:
    return settings.workbook.model_copy(update={"zone": name}).tz if name else settings.workbook.tz


def calendar_names(customers: pd.Series, owners: pd.Series, records: Records) -> pd.Series:
    """Return the name of the calendar that each row goes by, by its customers and its owner (either may be missing)."""
    names = pd.Series("", index=customers.index, dtype="str")
    if not records.settings.calendars:
        return names
    teams = owners.map(dict(zip(records.people["name"], records.people["team"], strict=True)))
    listed = customers.map(split_names).map(set)
    for calendar in reversed(records.settings.calendars):
        names = names.mask(teams.isin(calendar.teams), calendar.name)
    for calendar in reversed(records.settings.calendars):
        names = names.mask(listed.map(set(calendar.customers).isdisjoint).eq(False), calendar.name)
    return names


def incident_deadlines(records: Records) -> pd.DataFrame:
    """Return for each major incident when its clock started, its deadlines, and by which calendar and rule.

    The index is the incident's id; columns severity, start_at, calendar, rule (see ``rule_names``), meeting_due_at and
    page_due_at, UTC. ``start_at`` is the time of the severity's start event; where it is missing (not resolved yet) the
    deadlines are missing too.

    >>> inc.incident_deadlines(records).columns.tolist()[:3]
    ['severity', 'start_at', 'calendar']
    """
    table = page_deadlines(records).set_index("incident_id")
    return table.assign(
        meeting_due_at=due_by(table, "meeting", records.settings), page_due_at=table.pop("page_due_at")
    )


def page_deadlines(records: Records, *columns: str) -> pd.DataFrame:
    """Return ``incident_deadlines`` of the pages alone, in the order of ``records.major``; the id is a column.

    ``columns`` name those of the incidents that are wanted beside.
    """
    table = _clocks(records, *columns)
    return table.assign(page_due_at=due_by(table, "page", records.settings))


def _clocks(records: Records, *columns: str) -> pd.DataFrame:
    """Return incident_id, severity, start_at, calendar and rule of each major incident, and these columns."""
    events = {records.settings.deadlines.start, *records.settings.deadlines.start_by_severity.values()}
    major = major_of(records, "incident_id", "severity", "customers", *events, *columns)
    owners = pages_of(records, major["incident_id"], "owner")["owner"]
    table = major[["incident_id", "severity", *columns]].assign(
        start_at=_starts(major, records.settings), calendar=calendar_names(major["customers"], owners, records)
    )
    return table.assign(rule=rule_of(table["start_at"], records.settings))


def major_of(records: Records, *columns: str) -> pd.DataFrame:
    """Return some columns of ``records.major``, rows numbered from 0."""
    severity = records.incidents["severity"].cat
    wanted = [name in records.settings.severities.major for name in severity.categories]
    kept = np.array([*wanted, False])[severity.codes]  # the last stands for a missing one, whose code is -1
    # a column by itself is filtered piece by piece, beside another one; a frame would be gathered row by row
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        filtered = pool.map(lambda name: records.incidents[name].array[kept], columns)
    return pd.DataFrame(dict(zip(columns, filtered, strict=True)))


def pages_of(records: Records, ids: pd.Series, *columns: str) -> pd.DataFrame:
    """Return some columns of each incident's page, of the first if there are several; missing without one."""
    pages = records.postmortems.drop_duplicates("incident_id").reset_index(drop=True)
    return pages[list(columns)].reindex(places_in(pages["incident_id"], ids)).set_axis(ids.index)


def _starts(incidents: pd.DataFrame, settings: Settings) -> pd.Series:
    """Return when the clock of each incident starts, by its severity's start event."""
    start_at = incidents[settings.deadlines.start]
    for severity, event in settings.deadlines.start_by_severity.items():
        start_at = start_at.mask(incidents["severity"] == severity, incidents[event])
    return start_at


def rule_names(settings: Settings) -> list[str]:
    """Return the names of the rules, the oldest first: "until 2026-01-01", …, "now"."""
    return [*(f"until {rule.until}" for rule in settings.deadlines.earlier), NOW]


def rule_of(start_at: pd.Series, settings: Settings) -> pd.Series:
    """Return which rule each clock goes by: the first whose last day was not over when it started."""
    local = start_at.dt.tz_convert(settings.workbook.tz).dt.tz_localize(None)
    rules = pd.Series(NOW, index=start_at.index, dtype="str")
    for rule in reversed(settings.deadlines.earlier):
        rules = rules.mask(local < pd.Timestamp(rule.until), f"until {rule.until}")
    return rules


def spans_of(settings: Settings, what: str, rule: str = NOW) -> dict[str, Span]:
    """Return the span of each severity for the page or the meeting, under a rule."""
    spans = dict(getattr(settings.deadlines, what))
    earlier = {f"until {one.until}": getattr(one, what) for one in settings.deadlines.earlier}
    return {**spans, **earlier.get(rule, {})}


def due_by(table: pd.DataFrame, what: str, settings: Settings) -> pd.Series:
    """Return when the page or the meeting is due; ``table`` has severity, start_at, calendar and rule.

    Missing where the clock has not started, or the settings state no span for the severity.
    """
    due = np.full(len(table), np.datetime64("NaT", "us"))
    calendars = calendars_of(settings)
    several = {"severity": True, "calendar": settings.calendars, "rule": settings.deadlines.earlier}
    for rows in table.groupby([name for name in several if several[name]], observed=True).indices.values():
        severity, name, rule = table[list(several)].iloc[rows[0]]
        span = spans_of(settings, what, rule).get(severity)
        if span is not None:
            due[rows] = deadlines(table["start_at"].iloc[rows], span, calendars[name]).to_numpy("datetime64[us]")
    return pd.Series(due, index=table.index).dt.tz_localize("UTC")


def by_calendar(
    table: pd.DataFrame, settings: Settings, function: Callable[[pd.DataFrame, BusinessCalendar], pd.Series]
) -> pd.Series:
    """Return what a function of rows and their calendar gives, for a table with a column ``calendar``."""
    calendars = calendars_of(settings)
    if len(calendars) == 1:
        return function(table, calendars[""])
    parts = [function(part, calendars[name]) for name, part in table.groupby("calendar", sort=False)]
    return pd.concat(parts).reindex(table.index) if parts else function(table, calendars[""])


def local_days(times: pd.Series, calendar: BusinessCalendar) -> pd.Series:
    """Return the day (a date at midnight) of each time where the calendar is."""
    return times.dt.tz_convert(calendar.tz).dt.tz_localize(None).dt.normalize().astype("datetime64[us]")


def deadline_proof(records: Records, incident_id: str, *, severity: str | None = None, rule: str | None = None) -> str:
    """Return how an incident's page deadline was counted, day by day; says so if the clock has not started.

    ``severity`` and ``rule`` ask for the count under another severity or rule than its own.

    >>> print(inc.deadline_proof(records, "INC-2026-042"))
    resolved Thu 21 May 2026 11:12 America/Detroit → day 1 Fri 22 May, Mon 25 May is Memorial ...
    """
    incident = records.incident(incident_id)
    severity = severity or str(incident["severity"])
    start = incident[records.settings.deadlines.start_of(severity)]
    event = records.settings.deadlines.start_of(severity).removesuffix("_at")
    if pd.isna(start):
        return f"no deadline yet: the incident is not {event}"
    rule = rule or rule_of(pd.Series([start]), records.settings).iloc[0]
    span = spans_of(records.settings, "page", rule).get(severity)
    if span is None:
        return f"no deadline: the settings state none for severity {severity}"
    owners = records.postmortems.loc[records.postmortems["incident_id"] == incident_id, "owner"]
    owner = pd.Series([owners.iloc[0] if len(owners) else None], dtype="str")
    name = calendar_names(pd.Series([incident["customers"]], dtype="str"), owner, records).iloc[0]
    return proof(start.to_pydatetime(), span, calendars_of(records.settings)[name], event=event)


def deadline_proofs(records: Records, incident_ids: Iterable[str]) -> dict[str, str]:
    """Return the proof of each incident's page deadline, by its id.

    >>> list(inc.deadline_proofs(records, ["INC-2026-042"]))
    ['INC-2026-042']
    """
    return {incident_id: deadline_proof(records, incident_id) for incident_id in incident_ids}


def deadlines_by_severity(records: Records) -> pd.DataFrame:
    """Return, for each incident whose severity changed, the page's deadline under each severity that it had.

    Columns incident_id, declared_at, severity, due_at, proof, holds (whether it is the one that counts: the highest).

    >>> inc.deadlines_by_severity(records).columns.tolist()
    ['incident_id', 'declared_at', 'severity', 'due_at', 'proof', 'holds']
    """
    changes = records.timeline[(records.timeline["kind"] == "severity") & records.timeline["severity"].notna()]
    major = records.major.set_index("incident_id")
    own = major["severity"]
    changes = changes[changes["incident_id"].isin(own.index)]
    declared = changes[["incident_id", "at", "severity"]].rename(columns={"at": "declared_at"}).reset_index(drop=True)
    rows = declared.join(_clocks(records).set_index("incident_id")["calendar"], on="incident_id")
    under_each = major.loc[declared["incident_id"]].reset_index(drop=True).assign(severity=declared["severity"])
    rows = rows.assign(start_at=_starts(under_each, records.settings))
    rows = rows.assign(rule=rule_of(rows["start_at"], records.settings))
    proofs = [deadline_proof(records, row.incident_id, severity=str(row.severity)) for row in declared.itertuples()]
    return declared.assign(
        due_at=due_by(rows, "page", records.settings),
        proof=pd.Series(proofs, index=declared.index, dtype="str"),
        holds=declared["severity"].astype("str") == declared["incident_id"].map(own).astype("str"),
    )


def due_under_each_rule(records: Records) -> pd.DataFrame:
    """Return each major incident's page deadline under each rule, where the rules differ for it.

    Columns incident_id, severity, start_at, and a time for each of ``rule_names``. Without earlier rules: no row.

    >>> inc.due_under_each_rule(records).columns.tolist()
    ['incident_id', 'severity', 'start_at', 'rule', 'now']
    """
    table, settings = _clocks(records).set_index("incident_id"), records.settings
    due = {name: due_by(table.assign(rule=name), "page", settings) for name in rule_names(settings)}
    both = pd.DataFrame(due, index=table.index)
    differ = both.nunique(axis=1, dropna=False) > 1
    return table[["severity", "start_at", "rule"]].join(both)[differ].rename_axis("incident_id").reset_index()
