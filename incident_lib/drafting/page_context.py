"""What a page's template may see: texts, numbers and lists, each sentence with the mark of its evidence."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from incident_lib.drafting.audiences import external_sentences
from incident_lib.drafting.evidence import PRIVATE, Citations, Fragments, narrowed
from incident_lib.drafting.page_front_matter import TIMES, kind_of_task, touch_of_task
from incident_lib.records import Records
from incident_lib.story.facts import (
    guesses,
    hand_offs,
    mentions,
    minutes_in,
    proposed_tasks,
    questions,
    related_incidents,
    responders,
    severity_stays,
)  # fmt: skip
from incident_lib.story.message_rules import account_sentence, message_choices
from incident_lib.story.milestones import MILESTONES
from incident_lib.story.severity_time import Stay
from incident_lib.story.timeline import incident_timeline, link_sentence, silence_sentences, silences
from incident_lib.tables import split_names
from incident_lib.timeliness.deadlines import deadline_proof, incident_deadlines
from incident_lib.words import NOT_STATED, duration_in_words, listed, minute

_COLOURS = {"began": "🔴", "resolved": "🟢"}
_FIELD_OF = {word: name for name, (word, _) in MILESTONES.items()}
_DEADLINE_SETTINGS = ("workbook.toml#/deadlines", "workbook.toml#/calendar")


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


def _as_written(value: Any) -> str:
    if isinstance(value, pd.Timestamp):
        return "" if pd.isna(value) else f"{value:%Y-%m-%dT%H:%M}"
    return split_names(value)[0] if isinstance(value, str) and value else ""


def page_context(told: Told) -> dict[str, Any]:
    """Return what the template may see."""
    timeline = incident_timeline(told.records, told.incident_id, own_rows=not told.machine)
    incident, records = told.incident, told.records
    until = incident["resolved_at"] if pd.notna(incident["resolved_at"]) else records.as_of
    stays = severity_stays(records, told.incident_id)
    gaps = silences(timeline, until, records.settings.chat.quiet_minutes, stays)
    everything = "; ".join(timeline["source"])
    tasks = records.action_items[records.action_items["incident_id"] == told.incident_id]
    choices = message_choices(records, told.incident_id)
    return {
        "incident_id": told.incident_id,
        "title": _heading(told),
        "owner": inline(told.owner) if told.owner else None,
        "meeting": _meeting(told),
        "recording": _recording(told),
        "overview": overview(told),
        "summary": inline(told.summary) if told.summary else None,
        "description": _description(told),
        "guesses": _guesses(told),
        "related": _related(told),
        "resolution": _resolution(told),
        "impact": _impact(told, stays),
        "responders": _responders(told),
        "hand_offs": _hand_offs(told),
        "zone": records.settings.workbook.zone,
        "link_line": told.cite(link_sentence(timeline), everything or told.incident["source"]),
        "account_line": told.cite(account_sentence(choices), *(list(choices["source"]) or [incident["source"]])),
        "timeline": [_timeline_row(told, row) for row in timeline.to_dict("records")],
        "silences": [told.cite(*said) for said in zip(silence_sentences(gaps), gaps["source"], strict=True)],
        "questions": [told.cite(inline(text), source) for text, source in questions(records, told.incident_id, gaps)],
        "tasks": [_task(told, row) for row in tasks.to_dict("records")],
        "proposed": _proposed(told),
        "internal_email": _internal_email(told, tasks),
        "external_summary": _external_summary(told),
    }  # fmt: skip


def _description(told: Told) -> str | None:
    """Return the longer description that a record has; None if none has one."""
    summary = told.incident["summary"]
    return told.cite(block(summary), told.pointers("summary")) if pd.notna(summary) else None


def _external_summary(told: Told) -> str:
    """Return what customers are told, with its evidence in the file beside the page alone."""
    said = " ".join(external_sentences(told.records, told.incident_id))
    return told.cite(said, told.pointers("services", *TIMES), quiet=True)


def inline(text: Any) -> str:
    """Return a text that Markdown shows as it is, on one line, also inside a table; it can't make a footnote."""
    escaped = " ".join(PRIVATE.sub("", str(text)).split()).replace("&", "&amp;").replace("<", "&lt;")
    return escaped.replace("|", "\\|").replace("[^", "\\[^")


def block(text: Any) -> str:
    """Return a text as a paragraph of its own: it can't begin a heading, list, quote, or code."""
    shown = inline(text)
    return re.sub(r"^(#|>|-|\+|\*(?!\*)|=|`{3}|~{3}|_To write:|\d+[.)])", r"\\\1", shown)


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


def _meeting(told: Told) -> str:
    if told.page is not None and pd.notna(told.page["meeting_at"]):
        local = told.page["meeting_at"].tz_convert(told.records.settings.workbook.tz)
        return told.cite(f"{local:%A %-d %B %Y, %H:%M %Z}", f"{told.path}#meeting")
    table = incident_deadlines(told.records)
    if told.incident_id not in table.index:
        return told.cite(
            "not asked for by the settings: the incident is not major",
            told.pointers("severity"),
            "workbook.toml#/severities",
        )
    due = table.at[told.incident_id, "meeting_due_at"]
    proof = inline(deadline_proof(told.records, told.incident_id))
    start = told.records.settings.deadlines.start
    if pd.isna(due):
        return told.cite(f"not scheduled yet; {proof}", told.pointers(start), *_DEADLINE_SETTINGS)
    day = due.tz_convert(told.records.settings.workbook.tz)
    return told.cite(
        f"not scheduled yet; to be held by {day:%A %-d %B %Y} ({proof})", told.pointers(start), *_DEADLINE_SETTINGS
    )


def _recording(told: Told) -> str | None:
    if told.page is None or pd.isna(told.page["recording"]):
        return None
    return told.cite(
        f"<{told.page['recording']}>" if is_web(told.page["recording"]) else inline(told.page["recording"]),
        f"{told.path}#meeting",
    )


def _guesses(told: Told) -> list[str]:
    return [
        told.cite(
            f"“{inline(row.text)}” ({inline(row.who) if pd.notna(row.who) else 'somebody'}, {row.at:%H:%M} UTC)",
            row.source,
        )
        for row in guesses(told.records, told.incident_id).itertuples()
    ]


def _related(told: Told) -> list[str]:
    return [
        told.cite(
            f"{row.incident_id}, {row.at:%Y-%m-%d}: {inline(row.title) if pd.notna(row.title) else 'untitled'} "
            f"({inline(row.why)})",
            row.source,
        )
        for row in related_incidents(told.records, told.incident_id).itertuples()
    ]


def _resolution(told: Told) -> list[str]:
    stopped, resolved = told.incident["mitigated_at"], told.incident["resolved_at"]
    if pd.isna(stopped) and pd.isna(resolved):
        return [told.cite("The incident is not resolved.", told.pointers("resolved_at"))]
    return [
        told.cite(
            f"The impact stopped: {minute(stopped)}{'' if pd.isna(stopped) else ' UTC'}.", told.pointers("mitigated_at")
        ),
        told.cite(f"Resolved: {minute(resolved)}{'' if pd.isna(resolved) else ' UTC'}.", told.pointers("resolved_at")),
    ]


def _impact(told: Told, stays: list[Stay]) -> list[tuple[str, str]]:
    spent = minutes_in(stays)
    absent = "none" if spent else NOT_STATED
    still = " so far" if any(stay.open for stay in stays) else ""
    begun = "started_at" if pd.notna(told.incident["started_at"]) else "detected_at"
    evidence = ["; ".join(dict.fromkeys(stay.source for stay in stays)), told.pointers(begun, "resolved_at")]
    times = [(f"Time in {name.capitalize()}",
              told.cite(duration_in_words(spent[name]) + still if name in spent else absent, *evidence))
             for name in ("critical", "high")]  # fmt: skip
    between = [
        ("From the start of the impact to detection", "started_at", "detected_at"),
        ("From detection to acknowledgement", "detected_at", "acknowledged_at"),
        ("From the start of the impact to its end", "started_at", "mitigated_at"),
        ("From detection to resolution", "detected_at", "resolved_at"),
    ]
    durations = [(name, told.cite(_between(told.incident[start], told.incident[end]), told.pointers(start, end)))
                 for name, start, end in between]  # fmt: skip
    lists = [(f"{name.capitalize()} affected",
              told.cite(inline(listed(split_names(told.incident[name]))) or NOT_STATED, told.pointers(name)))
             for name in ("customers", "services")]  # fmt: skip
    return [*times, *durations, *lists]


def _between(start: pd.Timestamp, end: pd.Timestamp) -> str:
    if pd.isna(start) or pd.isna(end):
        return NOT_STATED
    if end < start:
        return "can't be told: the records have the end before the start"
    return duration_in_words((end - start) / pd.Timedelta(minutes=1))


def _responders(told: Told) -> list[dict[str, str]]:
    return [
        {
            "name": inline(row["name"]),
            "role": inline(row["role"]) if pd.notna(row["role"]) else NOT_STATED,
            "first": minute(row["first_at"]),
            "last": told.cite(minute(row["last_at"]), *_not_whole(told, row["source"])),
        }
        for row in responders(told.records, told.incident_id).to_dict("records")
    ]


def _not_whole(told: Told, source: str) -> list[str]:
    """Return a row's pointers with the incident's own ones narrowed to the field that names responders."""
    own = set(told.incident["source"].split("; "))
    pointers = source.split("; ")
    kept = [one for one in pointers if one not in own]
    return kept if len(kept) == len(pointers) else [*kept, told.pointers("responders", "incident_commander")]


def _hand_offs(told: Told) -> list[str]:
    return [
        told.cite(
            f"{inline(row.after)} took over from {inline(row.before)} at {row.at:%H:%M} UTC: “{inline(row.text)}”",
            row.source,
        )
        for row in hand_offs(told.records, told.incident_id).itertuples()
    ]


def _timeline_row(told: Told, row: dict[str, Any]) -> dict[str, str]:
    mark = (
        f"{_COLOURS.get(row['milestone'], '')} **{row['milestone']}**: ".lstrip() if pd.notna(row["milestone"]) else ""
    )
    who = f"{inline(row['who'])}: " if pd.notna(row["who"]) and row["kind"] in ("message", "bot") else ""
    link = f"[{_site(row['url'])}](<{row['url']}>)" if is_web(row["url"]) else ""
    at = f"{row['at']:%Y-%m-%d %H:%M}"
    local = f" ({row['local']})" if told.records.settings.workbook.zone != "UTC" else ""
    text = f"{mark}{who}{inline(row['text']) if pd.notna(row['text']) else ''}"
    return {"at": at + local, "text": told.cite(text, *_row_pointers(told, row)), "link": link}


def _site(url: str) -> str:
    """Return what a link is called: the name of its site, "pagerduty" for northlight.pagerduty.com."""
    parts = re.sub(r"^https?://|[/?#:].*$", "", url).split(".")
    return inline(parts[-2] if len(parts) > 1 else parts[0]) or "link"


def _row_pointers(told: Told, row: dict[str, Any]) -> list[str]:
    """Return a timeline row's pointers; for a milestone the incident's own ones only as far as they state its time."""
    pointers = row["source"].split("; ")
    own = set(told.incident["source"].split("; "))
    name = _FIELD_OF.get(row["milestone"])
    if name is None or not own & set(pointers):
        return pointers
    return [*(one for one in pointers if one not in own), *told.pointers(name).split("; ")]


def is_web(url: Any) -> bool:
    """Tell whether a value is an address that can stand in a link."""
    return isinstance(url, str) and url.startswith(("https://", "http://")) and not set(url) & set(" <>|\n")


def _task(told: Told, row: dict[str, Any]) -> dict[str, str]:
    text = {name: inline(row[name]) if pd.notna(row[name]) else NOT_STATED for name in ("title", "kind", "owner")}
    due = f"{row['due_on']:%Y-%m-%d}" if pd.notna(row["due_on"]) else NOT_STATED
    state = row["status"] if pd.notna(row["status"]) else NOT_STATED
    return {
        **text,
        "due": due,
        "touches": row["touches"] if pd.notna(row["touches"]) else "no",
        "state": told.cite(state, row["source"]),
    }


def _proposed(told: Told) -> list[str]:
    rows = proposed_tasks(told.records, told.incident_id).to_dict("records")
    return [told.cite(_proposal(row), row["source"]) for row in rows]


def _proposal(row: dict[str, Any]) -> str:
    who = inline(row["who"]) if pd.notna(row["who"]) else "somebody"
    owner = f", for {inline(row['owner'])}" if pd.notna(row["owner"]) else ""
    touch = touch_of_task(row["title"])
    touches = f", touches customer systems: {touch}" if touch else ""
    kind = kind_of_task(row["title"])
    return f"{inline(row['title'])} ({kind}{owner}{touches}; written by {who}, {row['at']:%H:%M} UTC)"


def _heading(told: Told) -> str:
    """Return the page's first heading; its title has evidence, though no footnote."""
    title = told.incident["title"]
    words = inline(title) if pd.notna(title) else f"Incident {told.incident_id}"
    return told.cite(words, _of_title(told), quiet=True)


def _of_title(told: Told) -> str:
    """Return where the title is stated; for an incident without one, where the incident is."""
    return told.pointers("title") if pd.notna(told.incident["title"]) else told.incident["source"]


def _internal_email(told: Told, tasks: pd.DataFrame) -> str:
    open_tasks = tasks[tasks["status"] == "open"]
    incident, to = told.incident, told.records.settings.messages.internal_to
    title = inline(incident["title"]) if pd.notna(incident["title"]) else told.incident_id
    listed_tasks = [told.cite(f"- {inline(row.title)}", row.source, quiet=True) for row in open_tasks.itertuples()]
    severity = incident["severity"] if pd.notna(incident["severity"]) else "of unstated severity"
    facts = [told.cite(f"{told.incident_id} was {severity}.", told.pointers("severity"), quiet=True),
             told.cite(when(told.records, incident), told.pointers("started_at", "resolved_at"), quiet=True)]
    count = told.cite(f"Tasks that remain: {len(open_tasks)}." if len(open_tasks) else "No open task is recorded yet.",
                      *(open_tasks["source"] if len(open_tasks) else [incident["source"]]), quiet=True)  # fmt: skip
    lines = [
        f"To: {to or NOT_STATED}  ",
        told.cite(f"Subject: Incident {told.incident_id}: {title}", _of_title(told), quiet=True), "",
        " ".join(facts), "", count, "",
        *listed_tasks, "",
        f"The page: postmortems/{told.incident_id}.md. Add what you saw, and say if you can take a task.",
    ]  # fmt: skip
    return "\n".join(lines)
