"""One incident on its way into a page: its records, its evidence, and texts that Markdown shows as they are."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from incident_lib.column_texts import split_names
from incident_lib.drafting.evidence import PRIVATE, Citations, narrowed
from incident_lib.drafting.fragments import Fragments
from incident_lib.records import Records


@dataclass
class Told:
    """One incident on its way into a page: its records, and where its claims' evidence is collected.

    ``machine`` holds the front matter values that an earlier draft wrote: they are no statement of a person, and so no
    evidence while other records say the same.
    """

    records: Records
    incident_id: str
    citations: Citations
    fragments: Fragments
    machine: Mapping[str, str] = field(default_factory=dict)
    owner: str | None = None
    summary: str | None = None

    def __post_init__(self) -> None:
        self.incident = self.records.incident(self.incident_id)
        pages = self.records.postmortems[self.records.postmortems["incident_id"] == self.incident_id]
        self.page = pages.iloc[0] if len(pages) else None
        self.path = self.page["path"] if self.page is not None else None

    def pointers(self, *names: str) -> str:
        """Return where an incident's fields are stated: as near as the records tell."""
        return "; ".join(dict.fromkeys(one for name in names for one in self._of_field(name)))

    def _of_field(self, name: str) -> list[str]:
        every = str(self.incident["source"]).split("; ")
        others = [one for one in every if one != self.path]
        if self.path:
            own = self._on_page(name)
            if own is not None and (own != self.machine.get(name) or not others):
                return [f"{self.path}#{name}"]
            if not others:
                return [self.path]
        return narrowed(others, _as_written(self.incident[name]), self.fragments)

    def _on_page(self, name: str) -> str | None:
        """Return a front matter value of the page as JSON text; None if it is empty or absent."""
        text = self.fragments.text(f"{self.path}#{name}")
        return None if text in (None, '""', '"None"', '"[]"') else text

    def cite(self, text: str, *sources: str, quiet: bool = False) -> str:
        """Return a text with the mark of its evidence; a page that we wrote is no evidence while there is another."""
        every = [one for source in sources for one in str(source).split("; ")]
        others = [one for one in every if one != self.path]
        sources = tuple(others) if self.machine and others else tuple(every)
        return self.citations.cite(text, *sources, quiet=quiet)


def of_title(told: Told) -> str:
    """Return where the title is stated; for an incident without one, where the incident is."""
    return told.pointers("title") if pd.notna(told.incident["title"]) else told.incident["source"]


def _as_written(value: Any) -> str:
    if isinstance(value, pd.Timestamp):
        return "" if pd.isna(value) else f"{value:%Y-%m-%dT%H:%M}"
    return split_names(value)[0] if isinstance(value, str) and value else ""


def inline(text: Any) -> str:
    """Return a text that Markdown shows as it is, on one line, also inside a table; it can't make a footnote."""
    escaped = " ".join(PRIVATE.sub("", str(text)).split()).replace("&", "&amp;").replace("<", "&lt;")
    return escaped.replace("|", "\\|").replace("[^", "\\[^")


def block(text: Any) -> str:
    """Return a text as a paragraph of its own: it can't begin a heading, list, quote, or code."""
    shown = inline(text)
    return re.sub(r"^(#|>|-|\+|\*(?!\*)|=|`{3}|~{3}|_To write:|\d+[.)])", r"\\\1", shown)


def is_web(url: Any) -> bool:
    """Tell whether a value is an address that can stand in a link."""
    return isinstance(url, str) and url.startswith(("https://", "http://")) and not set(url) & set(" <>|\n")
