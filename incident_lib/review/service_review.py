"""The service review that a customer gets: their incidents only, in words for outside, and no names.

It is made from few facts: times, services, and the updates that were published, each of which has to pass the screen
for this customer. Titles, causes, people, hosts and other customers are never looked at.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pandas as pd

from incident_lib.column_texts import split_names
from incident_lib.drafting.audiences import Screen, external_line, public_services
from incident_lib.errors import SettingsError
from incident_lib.periods import Period
from incident_lib.records import Records, unknown
from incident_lib.review.meeting import incidents_in
from incident_lib.statistics.comparison import rate_change
from incident_lib.tables import TABLES
from incident_lib.words import counted, duration_in_words


def customer_called(records: Records, name: str) -> str:
    """Return a customer's name as the records write it, found by name or alias in any case.

    Raises:
        SettingsError: for an unknown one, with the nearest known.

    >>> inc.customer_called(records, "Brightwater Clinics")
    'Brightwater Clinics'
    """
    known = _customers(records)
    if name.strip().casefold() not in known:
        raise SettingsError(unknown(name, sorted(set(known.values())), "customer"))
    return known[name.strip().casefold()]


def known_customers(records: Records) -> list[str]:
    """Return every customer that the settings or an incident name, each once, sorted."""
    return sorted(set(_customers(records).values()))


def _customers(records: Records) -> dict[str, str]:
    """Return the customers as the records write them, by each of their names in small letters."""
    stated = {one.name: one.name for one in records.settings.customers}
    aliases = {alias: one.name for one in records.settings.customers for alias in one.aliases}
    told = {one: one for text in records.incidents["customers"].dropna() for one in split_names(text)}
    return {alias.casefold(): full for alias, full in {**told, **aliases, **stated}.items()}


def incidents_of(records: Records, incidents: pd.DataFrame, customer: str) -> pd.DataFrame:
    """Return those incidents that affected a customer."""
    return incidents[incidents["customers"].map(lambda text: customer in split_names(text)).astype(bool)].reset_index(
        drop=True
    )


def customer_table(records: Records, incidents: pd.DataFrame, customer: str) -> pd.DataFrame:
    """Return a customer's incidents for them: reference, began and ended (their text), lasted, services, status, told.

    ``incidents`` as from ``incidents_of``.

    >>> incidents, _ = inc.customer_period(records, inc.parse_period("2026-Q3"), "Brightwater Clinics")
    >>> inc.customer_table(records, incidents, "Brightwater Clinics").columns.tolist()
    ['reference', 'began', 'ended', 'lasted', 'services', 'state', 'told']
    """
    screen, tz = Screen(records, customer), records.settings.workbook.tz
    rows = [
        {
            "reference": row["incident_id"],
            "began": _said(row["began_at"], tz),
            "ended": _said(row["resolved_at"], tz),
            "lasted": _lasted(row["began_at"], row["resolved_at"]),
            "services": ", ".join(public_services(split_names(row["services"]), screen)) or None,
            "state": "done" if pd.notna(row["resolved_at"]) else "open",
            "told": external_line(records, row["incident_id"], customer),
        }
        for row in incidents.to_dict("records")
    ]
    return pd.DataFrame(rows, columns=["reference", "began", "ended", "lasted", "services", "state", "told"])


def _said(time: pd.Timestamp, tz: object) -> str | None:
    return None if pd.isna(time) else f"{time.tz_convert(tz):%Y-%m-%d %H:%M %Z}"


def _lasted(start: pd.Timestamp, end: pd.Timestamp) -> str | None:
    """Return how long it took; nothing while it is open, or where the times can't be true."""
    if pd.isna(end) or end < start:
        return None
    return duration_in_words((end - start) / pd.Timedelta(minutes=1))


def published_updates(records: Records, incidents: pd.DataFrame, customer: str) -> pd.DataFrame:
    """Return what was published about a customer's incidents while they ran: reference, at, text.

    An update that doesn't pass the screen for this customer is left out whole.

    >>> incidents, _ = inc.customer_period(records, inc.parse_period("2026-Q3"), "Brightwater Clinics")
    >>> inc.published_updates(records, incidents, "Brightwater Clinics").columns.tolist()
    ['reference', 'at', 'text']
    """
    screen = Screen(records, customer)
    updates = records.timeline[(records.timeline["kind"] == "status") & records.timeline["text"].notna()]
    updates = updates[updates["incident_id"].isin(incidents["incident_id"])].sort_values(
        ["at", "source"], kind="stable"
    )
    passed = updates[updates["text"].map(screen.passes).astype(bool)]
    at = passed["at"].dt.tz_convert(records.settings.workbook.tz).dt.strftime("%Y-%m-%d %H:%M %Z").astype("str")
    return pd.DataFrame({"reference": passed["incident_id"], "at": at, "text": passed["text"]}).reset_index(drop=True)


def impact_minutes(incidents: pd.DataFrame, as_of: pd.Timestamp) -> float:
    """Return for how long at least one of the incidents ran; times in an impossible order don't count."""
    ends = incidents["resolved_at"].fillna(as_of)
    spans = sorted((start, end) for start, end in zip(incidents["began_at"], ends, strict=True) if end > start)
    total, until = pd.Timedelta(0), None
    for start, end in spans:
        start = start if until is None else max(start, until)
        total += max(end - start, pd.Timedelta(0))
        until = end if until is None else max(until, end)
    return total / pd.Timedelta(minutes=1)


def service_sentence(incidents: pd.DataFrame, customer: str, period: Period, as_of: pd.Timestamp) -> str:
    """Return the review's answer: how many incidents, for how long, and whether one is open.

    >>> quarter = inc.parse_period("2026-Q3")
    >>> now, _ = inc.customer_period(records, quarter, "Brightwater Clinics")
    >>> print(inc.service_sentence(now, "Brightwater Clinics", quarter, records.as_of))
    4 incidents affected Brightwater Clinics in 2026-Q3, for 4 hours 33 minutes in all; all are resolved.
    """
    if incidents.empty:
        return f"No incident affected {customer} in {period.name}."
    still = int(incidents["resolved_at"].isna().sum())
    state = "all are resolved" if not still else f"{counted(still, 'incident')} still open"
    if len(incidents) == 1 and not still:
        state = "it is resolved"
    time = duration_in_words(impact_minutes(incidents, as_of))
    return f"{counted(len(incidents), 'incident')} affected {customer} in {period.name}, for {time} in all; {state}."


def service_change(now: pd.DataFrame, before: pd.DataFrame, period: Period, records: Records) -> str:
    """Return whether there were more or fewer incidents than in the period before, or that it can't be told.

    >>> quarter = inc.parse_period("2026-Q3")
    >>> now, before = inc.customer_period(records, quarter, "Brightwater Clinics")
    >>> print(inc.service_change(now, before, quarter, records))
    4 incidents, 3 in 2026-Q2. Cannot tell: with 3 and 4 incidents you would reliably notice ...
    """
    days = []
    for one in (period.before(), period):
        start, end = one.bounds(records.settings.workbook.tz)
        days.append(max((min(end, records.as_of) - start) / pd.Timedelta(days=1), 0.0))
    found = rate_change(len(before), days[0], len(now), days[1])
    return f"{len(now)} incidents, {len(before)} in {period.before().name}. {found.sentence}"


def task_sentence(records: Records, incidents: pd.DataFrame) -> str:
    """Return how many of the tasks that came of these incidents are done; what they are stays in the house.

    >>> print(inc.task_sentence(records, records.where(period="2026-Q3").incidents))
    Of 11 tasks that came of these incidents, 5 are done.
    """
    items = records.action_items[records.action_items["incident_id"].isin(incidents["incident_id"])]
    items = items[items["status"] != "declined"]
    if items.empty:
        return "No task to keep these incidents from coming again is recorded yet."
    done = int((items["status"] == "done").sum())
    return f"Of {counted(len(items), 'task')} that came of these incidents, {done} {'is' if done == 1 else 'are'} done."


def for_outside(records: Records, incidents: pd.DataFrame) -> Records:
    """Return records that hold nothing but these incidents' ids and times: what the page's footer is made from.

    The names of files would tell of other customers' incidents; one digest of all of them stands for them.

    >>> incidents, _ = inc.customer_period(records, inc.parse_period("2026-Q3"), "Brightwater Clinics")
    >>> len(inc.for_outside(records, incidents).messages)
    0
    """
    empty = {table.name: table.frame() for table in TABLES}
    kept = records.incidents[records.incidents["incident_id"].isin(incidents["incident_id"])]
    few = kept[["incident_id", "started_at", "resolved_at"]]
    return replace(records, **empty | {"incidents": TABLES[0].conform(few)}, sources=for_outside_sources(records))


def for_outside_sources(records: Records) -> dict[str, str]:
    """Return one digest that stands for all files."""
    files = "\n".join(f"{name} {one}" for name, one in sorted(records.sources.items()))
    return {"all records together": hashlib.sha256(files.encode()).hexdigest()}


def customer_period(records: Records, period: Period, customer: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return a customer's incidents of a period, and of the period before.

    >>> quarter = inc.parse_period("2026-Q3")
    >>> [len(part) for part in inc.customer_period(records, quarter, "Brightwater Clinics")]
    [4, 3]
    """
    return tuple(incidents_of(records, incidents_in(records, one), customer) for one in (period, period.before()))  # type: ignore[return-value]
