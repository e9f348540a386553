"""Post-mortem pages: Markdown with YAML front matter, as people write them; read forgivingly, reported precisely."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from incident_lib.column_texts import join_names
from incident_lib.errors import FieldError
from incident_lib.sources.fields import as_json, parse_choice, parse_date, parse_severity, parse_time
from incident_lib.sources.front_matter import Page, line_of, parse_front_matter, split_page
from incident_lib.sources.markdown import is_filled, plain, sections, table_rows
from incident_lib.sources.reading import Batch, Reader, Source
from incident_lib.tables import (
    ACTION_ITEM_KINDS,
    ACTION_ITEM_STATUSES,
    ACTION_ITEMS,
    FOLLOW_UPS,
    INCIDENTS,
    POSTMORTEM_STATUSES,
    POSTMORTEMS,
    TIMELINE,
)

_INCIDENT_TIMES = ("started_at", "detected_at", "acknowledged_at", "mitigated_at", "resolved_at")
_PAGE_TIMES = ("assigned_at", "completed_at", "reviewed_at", "closed_at")
_INCIDENT_TEXTS = ("title", "incident_commander", "channel", "url")
_INCIDENT_NAMES = ("customers", "services", "responders", "tags", "references")
_OTHERS = ("incident", "severity", "owner", "status", "meeting", "not_needed", "follow_up", "action_items")
_KNOWN = {"created_at", *_INCIDENT_TIMES, *_PAGE_TIMES, *_INCIDENT_TEXTS, *_INCIDENT_NAMES, *_OTHERS}


_LOCAL = re.compile(r"\s*\(\d\d:\d\d [^()]*\)$")  # the local time that stands behind a time in UTC
_FOOTNOTE = re.compile(r"\[\^e\d+\]")


@dataclass(frozen=True)
class _Fields:
    """A mapping of the front matter that reports what it can't read, with its line."""

    content: Mapping[str, Any]
    page: Page
    source: Source
    batch: Batch
    incident_id: str

    def get(self, key: str, parse: Callable[[Any], Any]) -> Any:
        """Return a parsed field; None if it is empty, or unreadable (which becomes a problem)."""
        value = self.content.get(key)
        if value in (None, ""):
            return None
        try:
            return parse(value)
        except FieldError as error:
            self.report(f"{key}: {error}", key)
            return None

    def report(self, message: str, key: Any, rule: str = "unreadable-value", effect: str = "value left out") -> None:
        """Note a problem at a key's line."""
        self.batch.problem(rule, message, self.place(key), effect=effect, incident_id=self.incident_id)

    def place(self, key: Any) -> str:
        """Return the pointer to a key."""
        line = line_of(self.content, key, self.page)
        return f"{self.source.name} line {line}" if line else self.source.name

    def inner(self, content: Any) -> _Fields:
        """Return the same for a nested mapping."""
        return _Fields(content, self.page, self.source, self.batch, self.incident_id)


def _text(value: Any) -> str:
    if isinstance(value, dict | list):
        raise FieldError(f"expected one text, found {json.dumps(value, default=str)[:60]}")
    return " ".join(str(value).split())


def _names(value: Any) -> str | None:
    return join_names(_text(name) for name in (value if isinstance(value, list) else [value]) if name is not None)


def recognises(source: Source) -> bool:
    """Tell a page by its ending and the ``incident:`` in its front matter; also one whose front matter is broken."""
    if not source.name.lower().endswith((".md", ".markdown")) or not source.name.startswith("postmortems/"):
        return _states_incident(source)
    return True


def _states_incident(source: Source) -> bool:
    head = source.head.removeprefix(b"\xef\xbb\xbf").lstrip()
    return head.startswith(b"---") and b"\nincident:" in head


def read(source: Source) -> Batch:
    """Return a page's post-mortem, incident facts, timeline, action items and follow-up steps."""
    batch = Batch()
    try:
        page = split_page(source.text)
        content = parse_front_matter(page, source.limits)
        incident_id = _incident_id(content)
    except FieldError as error:
        batch.problem("unreadable-page", f"{error}", source.name, effect="file left out")
        batch.account(source.name, "pages", "pages", {"skipped: unreadable": 1})
        return batch
    fields = _Fields(content, page, source, batch, incident_id)
    created_at = fields.get("created_at", parse_time)
    _read_page(fields, created_at)
    _read_incident(fields, created_at)
    _read_action_items(fields)
    _read_follow_ups(fields)
    _read_timeline(fields)
    batch.account(source.name, "pages", "pages", {"used": 1})
    return batch


def _incident_id(content: Mapping[str, Any]) -> str:
    incident_id = content.get("incident")
    if not isinstance(incident_id, str | int) or not str(incident_id).strip():
        raise FieldError("the front matter names no incident; expected a line 'incident: INC-2026-042'")
    return str(incident_id).strip()


def _read_page(fields: _Fields, created_at: Any) -> None:
    meeting = fields.content.get("meeting")
    if meeting is not None and not isinstance(meeting, dict):
        fields.report("meeting: expected 'meeting: {at: …, recording: …}'", "meeting")
    of_meeting = fields.inner(meeting if isinstance(meeting, dict) else {})
    written = {section.heading: section.text for section in sections(fields.page.body) if is_filled(section.text)}
    row = {
        "incident_id": fields.incident_id,
        "title": fields.get("title", _text),
        "owner": fields.get("owner", _text),
        "status": fields.get("status", partial(parse_choice, choices=POSTMORTEM_STATUSES, what="status")) or "draft",
        "created_at": created_at,
        **{name: fields.get(name, parse_time) for name in _PAGE_TIMES},
        "meeting_at": of_meeting.get("at", parse_time),
        "recording": of_meeting.get("recording", _text),
        "not_needed": fields.get("not_needed", _text),
        "sections": as_json(written),
        "path": fields.source.name,
        "source": fields.source.name,
        "extra": as_json({key: value for key, value in fields.content.items() if key not in _KNOWN}),
    }
    fields.batch.add(POSTMORTEMS, [row])


def _read_incident(fields: _Fields, created_at: Any) -> None:
    times = {name: fields.get(name, parse_time) for name in _INCIDENT_TIMES}
    aliases = fields.source.settings.severities.aliases
    row = {
        "incident_id": fields.incident_id,
        **times,
        **{name: fields.get(name, _text) for name in _INCIDENT_TEXTS},
        **{name: fields.get(name, _names) for name in _INCIDENT_NAMES},
        "severity": fields.get("severity", partial(parse_severity, aliases=aliases)),
        "first_seen_at": min((time for time in times.values() if time), default=created_at),
        "source": fields.source.name,
    }
    fields.batch.add(INCIDENTS, [row])


def _entries(fields: _Fields, key: str, kind: type) -> Any:
    """Return a list or mapping of the front matter; empty, with a problem, if it is something else."""
    value = fields.content.get(key)
    if value is None:
        return kind()
    if not isinstance(value, kind):
        fields.report(f"{key}: expected {'a list' if kind is list else 'key: value lines'}", key)
        return kind()
    return value


def _read_action_items(fields: _Fields) -> None:
    items = _entries(fields, "action_items", list)
    outcomes = {"used": 0, "skipped: unreadable": 0}
    for number, item in enumerate(items):
        if not isinstance(item, dict) or not item.get("title"):
            place = fields.inner(items).place(number)
            message = f"action item {number + 1} has no title; expected '- title: …'"
            fields.batch.problem("unreadable-row", message, place, incident_id=fields.incident_id)
            outcomes["skipped: unreadable"] += 1
            continue
        fields.batch.add(
            ACTION_ITEMS, [_action_item(fields.inner(item), number + 1, fields.inner(items).place(number))]
        )
        outcomes["used"] += 1
    fields.batch.account(fields.source.name, "pages", "action items", outcomes)


def _action_item(item: _Fields, number: int, place: str) -> dict[str, Any]:
    known = ("title", "kind", "owner", "status", "created_on", "due_on", "done_on", "because", "touches", "customers")
    status = item.get("status", partial(parse_choice, choices=ACTION_ITEM_STATUSES, what="status"))
    return {
        "incident_id": item.incident_id,
        "item": number,
        "title": item.get("title", _text),
        "kind": item.get("kind", partial(parse_choice, choices=ACTION_ITEM_KINDS, what="kind of action item")),
        "owner": item.get("owner", _text),
        "status": status or "open",
        **{name: item.get(name, parse_date) for name in ("created_on", "due_on", "done_on")},
        "because": item.get("because", _text),
        "touches": item.get("touches", partial(parse_choice, choices=("restart", "change"), what="touch")),
        "customers": item.get("customers", _names),
        "ticket": item.get("ticket", _text),
        "source": place,
        "extra": as_json({key: value for key, value in item.content.items() if key not in (*known, "ticket")}),
    }


def _read_follow_ups(fields: _Fields) -> None:
    steps = _entries(fields, "follow_up", dict)
    known = {step.id for step in fields.source.settings.steps}
    outcomes = {"used": 0, "skipped: unreadable": 0}
    for name, stated in steps.items():
        place = fields.inner(steps)
        if stated is None:  # taken back
            continue
        times = stated if isinstance(stated, list) else [stated]  # a step that comes again has a list
        if name not in known or not all(isinstance(one, dict) for one in times):
            what = f"unknown follow-up step {name!r}" if name not in known else f"follow-up step {name!r} is no mapping"
            place.report(f"{what}; expected 'id-of-step: {{at: …, by: …}}'", name, "unreadable-row", "row left out")
            outcomes["skipped: unreadable"] += 1
            continue
        fields.batch.add(FOLLOW_UPS, [_follow_up(place.inner(one), name, place.place(name)) for one in times])
        outcomes["used"] += len(times)
    fields.batch.account(fields.source.name, "pages", "follow-up steps", outcomes)


def _follow_up(stated: _Fields, name: str, place: str) -> dict[str, Any]:
    because = stated.get("not_needed", _text)
    return {
        "incident_id": stated.incident_id,
        "step": name,
        "state": "not needed" if because else "done",
        "at": stated.get("at", parse_time),
        "by": stated.get("by", _text),
        "because": because,
        "source": place,
    }


def _read_timeline(fields: _Fields) -> None:
    found = [section for section in sections(fields.page.body) if section.heading.casefold().startswith("timeline")]
    outcomes = {"used": 0, "skipped: unreadable": 0}
    for section in found:
        for row in table_rows(section.text):
            line = fields.page.body_line + section.line + row.line
            outcomes[_read_timeline_row(fields, row, f"{fields.source.name} line {line}")] += 1
    fields.batch.account(fields.source.name, "pages", "timeline rows", outcomes)


def _read_timeline_row(fields: _Fields, row: Any, place: str) -> str:
    cells = row.cells
    try:
        if len(cells) < 2:
            raise FieldError("a timeline row needs a time and an event")
        at = parse_time(_LOCAL.sub("", plain(cells[0].text)), zone="UTC")
    except FieldError as error:
        fields.batch.problem("unreadable-row", f"timeline: {error}", place, incident_id=fields.incident_id)
        return "skipped: unreadable"
    link = next((cell.link for cell in cells[1:] if cell.link), None)
    marks = _FOOTNOTE.findall(cells[1].text)  # only rows that drafting made have one: they repeat other records
    text = _FOOTNOTE.sub("", cells[1].text)
    extra = as_json({"footnotes": marks}) if marks else None
    entry = {"incident_id": fields.incident_id, "at": at, "kind": "page", "text": text, "url": link, "extra": extra}
    fields.batch.add(TIMELINE, [{**entry, "source": place}])
    return "used"


READER = Reader("pages", recognises, read)
