"""What readers of ticket systems share: which ticket is an incident, which an action item, and of which incident."""

from __future__ import annotations

import re
from collections.abc import Iterable

from incident_lib.errors import FieldError
from incident_lib.sources.fields import parse_severity
from incident_lib.sources.reading import Source
from incident_lib.tables import ACTION_ITEM_KINDS, ACTION_ITEMS, INCIDENTS

_INCIDENT = re.compile(r"\b(incident|outage|post-?mortem)s?\b", re.IGNORECASE)
_ACTION_ITEM = re.compile(
    r"\b(action[ _-]?items?|follow[ _-]?ups?|remediation|clean-?up|task|critical_\d{8})\b", re.IGNORECASE
)


def table_of(words: Iterable[str], source: Source) -> str | None:
    """Return the table that a ticket belongs to by its type or labels, None for neither; a file's rule goes before."""
    words = list(words)
    if source.rule.table in (INCIDENTS.name, ACTION_ITEMS.name):
        return source.rule.table
    if any(_ACTION_ITEM.search(word) for word in words):
        return ACTION_ITEMS.name
    return INCIDENTS.name if any(_INCIDENT.search(word) for word in words) else None


def incident_in(texts: Iterable[str | None], source: Source) -> str | None:
    """Return the first incident id, as the settings write it, that stands in one of the texts."""
    pattern = re.compile(source.settings.sources.incident_id)
    found = (pattern.search(text) for text in texts if text)
    return next((match[0] for match in found if match), None)


def severity_in(labels: Iterable[str], source: Source) -> str | None:
    """Return the severity that a label states: "critical", "sev1", "severity: high"."""
    for label in labels:
        word = re.sub(r"^(severity|impact|priority)\s*[:/ -]\s*", "", label.strip(), flags=re.IGNORECASE)
        try:
            return parse_severity(word, source.settings.severities.aliases)
        except FieldError:
            continue
    return None


def kind_in(labels: Iterable[str]) -> str | None:
    """Return the kind of action item that a label states."""
    return next((label.casefold() for label in labels if label.casefold() in ACTION_ITEM_KINDS), None)
