"""What leaves the house: the customers' texts, made from few facts, each of them screened, per customer.

A text for outside is never the internal one with words taken out. It is built from the times and the services alone,
and every word that came from data passes ``Screen``; what does not pass is left out whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from html import escape

import pandas as pd

from incident_lib.column_texts import split_names
from incident_lib.errors import SettingsError
from incident_lib.records import Records, unknown
from incident_lib.redact import Redactor
from incident_lib.story.message_rules import words_pattern
from incident_lib.words import listed

APOLOGY = "We are sorry for the trouble."
_PERSONAL = tuple(
    re.compile(pattern)
    for pattern in (
        r"[\w.+-]+@[\w-]+\.[\w.-]+",  # e-mail addresses
        r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w.])",  # IPv4
        r"(?i)(?<![\w:])(?:[0-9a-f]{1,4}:){2,7}[0-9a-f:]*[0-9a-f](?![\w:])|(?<![\w:])::1(?![\w:])",  # IPv6, MAC
        r"(?<!\w)\+?\d[\d ()/.-]{7,}\d(?!\w)",  # telephone numbers, long ids
        r"(?i)\b(?:https?|ftp|ssh|s3|gs|postgres\w*|mysql|redis|amqp)://\S+",  # addresses
        r"(?i)\b[a-z0-9_-]+(?:\.[a-z0-9_-]+)+\b",  # anything that looks like a host or file name
        r"(?i)\b[a-z]+[a-z0-9]*(?:-[a-z0-9]+)*-?\d+\b",  # host names such as mail-02, db1
        r"(?<!\w)@\w+|#\w[\w-]+",  # handles and channels
        r"\b[A-Za-z0-9+/_=-]{24,}\b",  # anything that might be a key
        r"(?<!\w)(?:/[\w.-]+){2,}|\\\\\w+",  # paths
    )
)


@dataclass(frozen=True)
class Screen:
    """Tells whether a text may be shown to one customer (None: to all of them)."""

    records: Records
    customer: str | None = None

    def passes(self, text: str) -> bool:
        """Tell whether a text holds no secret, host, address, person's name, other customer, or word of the house."""
        redactor = Redactor()
        redactor(text)
        if redactor.removed or any(pattern.search(text) for pattern in _PERSONAL):
            return False
        return not self._names.search(text) and not self._hosts(text)

    def _hosts(self, text: str) -> bool:
        lower = text.casefold()
        return any(host.casefold() in lower for host in self.records.settings.privacy.internal_hosts)

    @cached_property
    def _names(self) -> re.Pattern[str]:
        """Return a pattern for every name that this customer must not see: in full, and each part of a person's."""
        settings = self.records.settings
        customers = [
            name for one in settings.customers if one.name != self.customer for name in (one.name, *one.aliases)
        ]
        tagged = {name for text in self.records.incidents["customers"].dropna() for name in split_names(text)}
        people = people_named(self.records)
        parts = [part for name in people for part in re.split(r"[\s.@_-]+", name) if len(part) > 2]
        return words_pattern({*customers, *(tagged - {self.customer}), *people, *parts, *settings.privacy.words} - {""})

def people_named(records: Records) -> set[str]:
    """Return every person's name and handle that any table holds."""
    columns = (
        (records.people, ("name", "handle", "email")), (records.timeline, ("who",)), (records.messages, ("who",)),
        (records.incidents, ("incident_commander", "responders")), (records.postmortems, ("owner",)),
        (records.action_items, ("owner",)), (records.follow_ups, ("by",)), (records.decisions, ("owner",)),
    )  # fmt: skip
    return {
        name
        for table, names in columns
        for column in names
        for text in table[column].dropna().unique()
        for name in split_names(text)
    }


def external_sentences(records: Records, incident_id: str, customer: str | None = None) -> list[str]:
    """Return the summary for customers: services and times, which hold no name, host or cause.

    Times are on the workbook's clock, since that is how customers think of the day.
    """
    incident = records.incident(incident_id)
    start, end = (_local(records, incident[name]) for name in ("started_at", "resolved_at"))
    services = public_services(split_names(incident["services"]), Screen(records, customer))
    what = f"an incident affected {listed(services)}" if services else "an incident affected one of our services"
    when = f"On {start:%-d %B %Y} from {start:%H:%M %Z}" if start is not None else "Recently"
    if end is None:
        return [f"{when}, {what}.", "We are still working on it."]
    same_day = start is not None and start.date() == end.date()
    until = (
        f" until {end:%H:%M %Z}" + ("" if same_day else f" on {end:%-d %B}")
        if start is not None and end >= start
        else ""
    )
    return [f"{when}{until}, {what}.", "It is resolved.", APOLOGY]


def external_line(records: Records, incident_id: str, customer: str) -> str:
    """Return the summary for a table of several incidents: an apology in each row would be none."""
    return " ".join(one for one in external_sentences(records, incident_id, customer) if one != APOLOGY)


def public_services(names: Iterable[str], screen: Screen) -> list[str]:
    """Return the services that may be named outside; one that an earlier name says in more words is left out."""
    kept: list[str] = []
    for name in names:
        if screen.passes(name) and not any(one.casefold() in name.casefold() for one in kept):
            kept.append(name)
    return kept


def _local(records: Records, time: pd.Timestamp) -> pd.Timestamp | None:
    return None if pd.isna(time) else time.tz_convert(records.settings.workbook.tz)


def customer_notice(records: Records, incident_id: str, customer: str) -> str:
    """Return the notice to one customer about an incident that is tagged with them, as plain text.

    What we will do, or did, on their systems is told by its kind and state only (a restart, a change), and only if
    the action item is tagged with this customer.

    Raises:
        SettingsError: if the customer is unknown, or the incident is not tagged with them.

    >>> print(inc.customer_notice(records, "INC-2026-042", "Brightwater Clinics").splitlines()[0])
    Dear Brightwater Clinics,
    """
    known = [one.name for one in records.settings.customers]
    if customer not in known:
        raise SettingsError(unknown(customer, known, "customer"))
    if customer not in split_names(records.incident(incident_id)["customers"]):
        raise SettingsError(f"{incident_id} is not tagged with {customer}: nothing about it is written to them")
    signed = records.settings.messages.signed
    lines = [
        f"Dear {customer},",
        "",
        " ".join(external_sentences(records, incident_id, customer)),
        *_work(records, incident_id, customer),
    ]
    return (
        "\n".join(
            [*lines, "", "Kind regards", signed if signed and Screen(records, customer).passes(signed) else ""]
        ).rstrip()
        + "\n"
    )


def notice_html(records: Records, incident_id: str, customer: str) -> str:
    """Return the same notice as a small HTML page for outside: its text and nothing else, no metadata, no hover texts.

    Raises:
        SettingsError: as ``customer_notice`` does.
    """
    paragraphs = "\n".join(
        f"<p>{escape(part)}</p>" for part in customer_notice(records, incident_id, customer).split("\n\n")
    )
    head = '<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>About an incident</title>'
    style = "<style>body{font:1rem/1.5 system-ui,sans-serif;max-width:40rem;margin:2rem auto;padding:0 1rem}</style>"
    return f'<!doctype html>\n<html lang="en"><head>{head}{style}</head>\n<body>\n{paragraphs}\n</body></html>\n'


def _work(records: Records, incident_id: str, customer: str) -> list[str]:
    """Return what is said of work on this customer's systems."""
    items = records.action_items[records.action_items["incident_id"] == incident_id]
    own = items[items["touches"].notna() & items["customers"].map(lambda names: customer in split_names(names))]
    if own.empty:
        return []
    words = {"restart": "a restart", "change": "a change"}
    done = [words[one] for one in own.loc[own["status"] == "done", "touches"].unique()]
    open_ = [words[one] for one in own.loc[own["status"] == "open", "touches"].unique()]
    said = [f"Done on your systems: {listed(done)}."] if done else []
    said += [f"Still to do on your systems: {listed(open_)}. We will agree with you when."] if open_ else []
    return ["", " ".join(said)] if said else []
