"""How records, an incident and a timeline look at the end of a notebook's cell: HTML, and the same as plain text."""

from __future__ import annotations

import pandas as pd

from incident_lib.explore.dress import dressed
from incident_lib.explore.selecting import UNSTATED, began_at
from incident_lib.records import Records
from incident_lib.render import Shown, answer, definitions, note, notes, table, timeline_mark
from incident_lib.review.response import span_text
from incident_lib.story.timeline import readable
from incident_lib.tables import SEVERITIES
from incident_lib.words import NOT_STATED, counted

NEWEST = 5
_LISTED = {
    "incident_id": "incident", "severity": "severity", "began_at": "began (UTC)", "title": "title",
    "services": "services", "lasted": "lasted",
}  # fmt: skip
_EVENTS = {
    "at": "time (UTC)", "local": "local", "milestone": "marks", "text": "event", "who": "who", "url": "data link",
}  # fmt: skip


def records_shown(records: Records) -> Shown:
    """Return what records hold: how many incidents of how many, which choice, counts by severity, the newest."""
    name = records.settings.workbook.name
    said = f"{name}: {_how_many(records)}, as known at {records.as_of:%Y-%m-%d %H:%M} UTC."
    counts = table(severity_table(records), "By severity", empty="No incident was chosen.")
    newest = newest_table(records)
    listed = table(newest, f"The newest {len(newest)}" if len(newest) > 1 else "The newest", _LISTED, empty="None.")
    more = definitions("What to try next", _next_lines(records))
    parts = [answer(said), notes(*_remarks(records)), counts, listed if len(newest) else note(""), more]
    return Shown("".join(part.html for part in parts), "\n\n".join(part.text for part in parts if part.text))


def records_html(records: Records) -> str:
    """Return what records hold, as a notebook shows it."""
    return dressed(records_shown(records).html)


def _how_many(records: Records) -> str:
    count = len(records.incidents)
    whole = records.selection.whole
    return counted(count, "incident") if whole is None else f"{count:,} of {counted(len(whole), 'incident')}"


def _remarks(records: Records) -> list[str]:
    """Return the line of the choice, the days that the incidents span, and how many problems reading found."""
    began = began_at(records.incidents).dropna()
    problems = len(records.problems)
    return [
        *([records.filter_line()] if records.selection.steps else []),
        *([f"They began from {began.min():%Y-%m-%d} to {began.max():%Y-%m-%d}."] if len(began) else []),
        *([f"Reading found {counted(problems, 'problem')}: inc.left_out(records) lists them."] if problems else []),
    ]


def severity_table(records: Records) -> pd.DataFrame:
    """Return per severity: incidents, how many are not resolved, and the post-mortem pages there are."""
    incidents = records.incidents
    severity = incidents["severity"].astype("str").fillna(UNSTATED)
    with_page = incidents["incident_id"].isin(records.postmortems["incident_id"])
    running = incidents["resolved_at"].isna()
    counts = pd.DataFrame({"severity": severity, "not resolved": running, "with a page": with_page})
    grouped = counts.groupby("severity")[["not resolved", "with a page"]].sum().astype("int64")
    grouped.insert(0, "incidents", counts["severity"].value_counts())
    return grouped.reindex([one for one in (*SEVERITIES, UNSTATED) if one in grouped.index]).reset_index()


def newest_table(records: Records, most: int = NEWEST) -> pd.DataFrame:
    """Return the newest incidents, with how long each lasted."""
    incidents = records.incidents
    began = began_at(incidents)
    chosen = began.sort_values(ascending=False, kind="stable").index[:most]
    newest = incidents.loc[chosen]
    return newest.assign(began_at=began[chosen], lasted=lasted(newest, records.as_of))


def lasted(incidents: pd.DataFrame, as_of: pd.Timestamp) -> pd.Series:
    """Return how long each incident lasted, as text: "1 h 12 min", "1 h 12 min so far", or that it is not stated."""
    began, ended = began_at(incidents), incidents["resolved_at"]
    minutes = (ended.fillna(as_of) - began) / pd.Timedelta(minutes=1)
    texts = [NOT_STATED if pd.isna(one) else span_text(one) + (" so far" if running else "")
             for one, running in zip(minutes, ended.isna(), strict=True)]  # fmt: skip
    return pd.Series(texts, index=incidents.index, dtype="str")


def _next_lines(records: Records) -> dict[str, str]:
    first = next(iter(newest_table(records, 1)["incident_id"]), "INC-2026-001")
    return {
        'records.where(severity="critical", since="2026-04")': "only some of them",
        f'records["{first}"]': "one incident, and its .timeline",
        "inc.incidents_by_month(records)": "when they began",
        'inc.duration_strip(records, "time to resolve")': "how long they took",
        "inc.compare(earlier, later)": "whether two selections differ",
        "records.incidents": "the table, for pandas",
        'records.sql("select severity, count(*) from incidents group by all")': "the tables, by SQL",
    }


def timeline_shown(timeline: pd.DataFrame, title: str) -> Shown:
    """Return a timeline as a table, start and resolution marked."""
    shown = readable(timeline)
    return table(shown, title, _EVENTS, empty="The records hold no event.", mark=timeline_mark)
