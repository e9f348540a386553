"""What was known at a time: rows that came later are dropped, times that came later are blanked, states recomputed."""

from __future__ import annotations

from datetime import UTC, tzinfo

import pandas as pd

from incident_lib.tables import TABLES
from incident_lib.typed_table import SEVERITY_DTYPE, Table

NEVER = pd.Timestamp("2000-01-01", tz="UTC")
PLANNED = {"due_on", "meeting_at"}
_STAGES = {"in review": "completed_at", "reviewed": "reviewed_at", "closed": "closed_at"}


def newest_time(tables: dict[str, pd.DataFrame], zone: tzinfo = UTC) -> pd.Timestamp:
    """Return the latest time at which something happened, a day counting from its beginning in the workbook's zone.

    What is planned (a meeting, a date by which something is due) may lie ahead and does not count. Where nothing ever
    happened (a new workbook) it is ``NEVER``, a moment within all calendars.
    """
    told = [(tables[table.name], table) for table in TABLES if not tables[table.name].empty]
    times = [frame[name].max() for frame, table in told for name in table.of_kind("time") if name not in PLANNED]
    days = [frame[name].max() for frame, table in told for name in table.of_kind("date") if name not in PLANNED]
    starts = [_begins(day, zone) for day in days if pd.notna(day)]
    return max((time for time in (*times, *starts) if pd.notna(time)), default=NEVER)


def _begins(day: pd.Timestamp, zone: tzinfo) -> pd.Timestamp:
    """Return when a day begins; where the clocks skip its midnight, that is an hour later."""
    return day.tz_localize(zone, nonexistent="shift_forward", ambiguous=True).tz_convert(UTC)


def known_at(tables: dict[str, pd.DataFrame], as_of: pd.Timestamp, zone: tzinfo = UTC) -> dict[str, pd.DataFrame]:
    """Return the tables as they were known at ``as_of``; dates are days of the workbook's zone.

    What can't be seen so: texts that were written later without a time of their own (a page's prose, an owner's name).
    """
    day = as_of.tz_convert(zone).tz_localize(None).normalize()
    known = {table.name: _cut(table, tables[table.name], as_of, day) for table in TABLES}
    known["incidents"] = _with_severity(known["incidents"], tables["timeline"], as_of)
    known["problems"] = _about_known(tables["problems"], tables["incidents"], known["incidents"])
    known["follow_ups"] = _of_known_pages(known["follow_ups"], tables["postmortems"], as_of)
    pages = known["postmortems"]
    known["postmortems"] = pages.assign(
        status=_page_status(tables["postmortems"], pages), not_needed=_not_needed(tables["postmortems"], pages)
    )
    return known


def _about_known(problems: pd.DataFrame, incidents: pd.DataFrame, known: pd.DataFrame) -> pd.DataFrame:
    """Return the problems without those of incidents that were not known yet; one of no incident can't be dated."""
    if len(known) == len(incidents):
        return problems
    later = incidents.loc[incidents.index.difference(known.index), "incident_id"]
    return problems[~problems["incident_id"].isin(later)]


def _of_known_pages(rows: pd.DataFrame, pages: pd.DataFrame, as_of: pd.Timestamp) -> pd.DataFrame:
    """Return the rows without those that state no time and stand in a page that was created later."""
    later = pages.loc[pages["created_at"] > as_of, "incident_id"]
    return rows[rows["at"].notna() | ~rows["incident_id"].isin(later)]


def _not_needed(all_pages: pd.DataFrame, known: pd.DataFrame) -> pd.Series:
    """Return why a post-mortem is not needed; nobody wrote down when that was said, but by the page's close it was."""
    closed_later = all_pages.loc[known.index, "closed_at"].notna() & known["closed_at"].isna()
    return known["not_needed"].mask(closed_later)


def _cut(table: Table, frame: pd.DataFrame, as_of: pd.Timestamp, day: pd.Timestamp) -> pd.DataFrame:
    """Return the rows known at ``as_of``, on this day, with later times and dates blanked (the index is kept)."""
    limits = {**dict.fromkeys(table.of_kind("time"), as_of), **dict.fromkeys(table.of_kind("date"), day)}
    if table.known_from:
        frame = frame[~(frame[table.known_from] > limits[table.known_from])]
    later = {
        name: frame[name].mask(frame[name] > limit)
        for name, limit in limits.items()
        if name not in PLANNED and frame[name].max() > limit
    }
    cut = frame.assign(**later)
    if "done_on" in later:
        cut["status"] = cut["status"].where(~(frame["done_on"] > day), "open")
    if "closed_on" in later:
        cut["status"] = cut["status"].where(~(frame["closed_on"] > day), "open")
    return cut


def _page_status(all_pages: pd.DataFrame, known: pd.DataFrame) -> pd.Series:
    """Return each page's status: as stated, or where a stage came later, the last stage whose time is known by then."""
    times = list(_STAGES.values())
    came_later = (all_pages.loc[known.index, times].notna() & known[times].isna()).any(axis=1)
    reached = pd.Series("draft", index=known.index, dtype="str")
    for status, time in _STAGES.items():
        reached = reached.mask(known[time].notna(), status)
    return known["status"].mask(came_later, reached)


def _with_severity(incidents: pd.DataFrame, changes: pd.DataFrame, as_of: pd.Timestamp) -> pd.DataFrame:
    """Return incidents with the highest severity declared by ``as_of``, as far as the timeline tells of its changes.

    A record's own severity is the final one. It stands, unless a change to it came after ``as_of`` and an earlier one
    says what was known before.
    """
    changes = changes[(changes["kind"] == "severity") & changes["severity"].notna()]
    if changes.empty:
        return incidents
    codes = changes["severity"].cat.codes.astype("int8")
    seen = codes[changes["at"] <= as_of].groupby(changes["incident_id"]).min()
    to_come = changes.loc[changes["at"] > as_of, "incident_id"]
    own = incidents["severity"].cat.codes
    known = incidents["incident_id"].map(seen).astype("float64")
    final = own.where(known.isna() | ((own >= 0) & (own <= known)), known)
    best = final.mask(incidents["incident_id"].isin(to_come) & known.notna(), known).astype("int8")
    return incidents.assign(severity=pd.Categorical.from_codes(best, dtype=SEVERITY_DTYPE))
