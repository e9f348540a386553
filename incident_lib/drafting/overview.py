"""What is known of an incident in a few sentences."""

from __future__ import annotations

import pandas as pd

from incident_lib.column_texts import split_names
from incident_lib.drafting.told import Told, inline
from incident_lib.records import Records
from incident_lib.story.facts import mentions
from incident_lib.words import duration_in_words, listed, minute


def overview(told: Told) -> list[str]:
    """Return what is known of the incident in a few sentences."""
    incident = told.incident
    severity = str(incident["severity"]) if pd.notna(incident["severity"]) else "of unstated severity"
    services, customers = split_names(incident["services"]), split_names(incident["customers"])
    what = f"It affected {inline(listed(services))}" if services else "The records name no service"
    whom = f" for {inline(listed(customers))}." if customers else "; the records name no customer."
    named = mentions(told.records, told.incident_id)
    asked = (
        [told.cite(f"Chat also mentions {inline(listed(list(named)))}: were they affected?", *named.values())]
        if named
        else []
    )
    return [
        told.cite(f"{told.incident_id} was {severity}.", told.pointers("severity")),
        told.cite(f"{what}{whom}", told.pointers("services", "customers")),
        told.cite(when(told.records, incident), told.pointers("started_at", "resolved_at")),
        *asked,
    ]


def when(records: Records, incident: pd.Series) -> str:
    """Return when an incident began and ended, in a sentence."""
    start, end = incident["started_at"], incident["resolved_at"]
    if pd.isna(start):
        began = "When the impact began is not stated in the records"
    else:
        local = (
            f" ({start.tz_convert(records.settings.workbook.tz):%H:%M %Z})"
            if records.settings.workbook.zone != "UTC"
            else ""
        )
        began = f"The impact began on {start:%-d %B %Y} at {start:%H:%M} UTC{local}"
    if pd.isna(end):
        return f"{began}; the incident was still open at {minute(records.as_of)} UTC."
    known = pd.notna(start) and end >= start
    lasted = f", {duration_in_words((end - start) / pd.Timedelta(minutes=1))} later" if known else ""
    return f"{began}; the incident was resolved at {minute(end)} UTC{lasted}."
