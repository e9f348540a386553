"""Post-mortem pages written to somebody else's template: Markdown with a title, sections, and perhaps a timeline.

What a page doesn't state stays empty. The start is the first row of the timeline unless the page states one; the end is
the last row that says in plain words that it is over ("resolved", "restored", "back to normal"), never merely the last
row. A page's own state is never stated by other templates: one that is written counts as "in review", complete on a
day that nobody wrote down. When a page was written can't be known, so a view as of a past day shows it from the first
of its times on.
"""

from __future__ import annotations

import re
from collections import Counter
from datetime import UTC, datetime
from typing import Any

from incident_lib.column_texts import join_names
from incident_lib.errors import FieldError
from incident_lib.sources import page_marks
from incident_lib.sources.fields import as_json, parse_severity, parse_time
from incident_lib.sources.page_actions import actions_of, people_of
from incident_lib.sources.page_durations import stated_durations
from incident_lib.sources.page_facts import first
from incident_lib.sources.page_layout import Layout
from incident_lib.sources.page_origin import ENDINGS, names_in, text_in
from incident_lib.sources.page_reading import NAME, ForeignPage, open_page
from incident_lib.sources.page_rows import IncidentTimes, incident_times, note_contradictions, timeline_rows
from incident_lib.sources.page_sections import OVERVIEW, TIMELINE, looks_like_ours, our_name, texts
from incident_lib.sources.page_timeline import Found, find_timeline
from incident_lib.sources.page_updates import announcement, updates_of
from incident_lib.sources.reading import Batch, Reader, Source
from incident_lib.sources.stated_durations import StatedDuration
from incident_lib.sources.statuspage import MAINTENANCE
from incident_lib.tables import ACTION_ITEMS, INCIDENTS, POSTMORTEMS

NO_POSTMORTEM, TEMPLATE = "skipped: no post-mortem", "skipped: template"
_SEVERITIES = {"major-outage": "critical", "partial-outage": "high", "degraded-performance": "medium"}
_PLANNED = {"under-maintenance", "maintenance", "scheduled-maintenance"}
_PLACEHOLDER = re.compile(r"yyyy|20xx|h{1,2}:mm|dd/mm|mm-dd|\{\{", re.IGNORECASE)
_OURS = re.compile(rb"\n(?:incident|review|owner|status|follow_up|action_items|created_at)[ \t]*:")
_TAKEN = ("title", "date", "severity", "affectedSystems", "affected", "services", "components", "tags", "resolved")


def recognises(source: Source) -> bool:
    """Tell a page by its ending, or by its first words where the name has none; pages of our own kind are not taken.

    Among our own pages (``postmortems/``) only what is certainly foreign is taken, so that a page of ours that lost its
    front matter is reported, not read as something else: it has a heading "Timeline", or front matter with a date and
    no key of ours, and no headings that only our template has.
    """
    head = source.head.removeprefix(b"\xef\xbb\xbf").lstrip()
    ours = head.startswith(b"---") and re.search(rb"\n(?:incident|review):", head)
    if source.path.is_dir() or b"\0" in head or ours:
        return False
    if not source.name.lower().endswith(ENDINGS):
        return _has_no_ending(source.name) and _begins_like_a_page(head)
    return not source.name.startswith("postmortems/") or _certainly_foreign(head)


def _has_no_ending(name: str) -> bool:
    return not re.search(r"\.[A-Za-z0-9]{1,8}$", name)


def _begins_like_a_page(head: bytes) -> bool:
    text = head[:4000].decode("utf-8", "ignore")
    return bool(re.match(r"# \S|---\s*\n\s*\w+:|[^\n]{3,200}\n={3,}\s*\n", text)) and ("\n#" in text or "\n---" in text)


def _certainly_foreign(head: bytes) -> bool:
    if head.startswith(b"---"):
        front = head.split(b"\n---", 1)[0]
        return b"\ndate:" in front and not _OURS.search(front)
    layout = Layout(head.decode("utf-8", "ignore"))
    return any(our_name(block.heading) == TIMELINE for block in layout.blocks) and not looks_like_ours(layout)


def read(source: Source) -> Batch:
    """Return a page's incident, post-mortem, timeline and action items.

    Raises:
        SourceError: if it is no UTF-8 text, or larger than a page may be.
    """
    batch = Batch()
    try:
        page = open_page(source, batch)
    except FieldError as error:
        batch.problem("unreadable-page", str(error), source.name, effect="file left out")
        batch.account(source.name, NAME, "pages", {"skipped: unreadable": 1})
        return batch
    found = find_timeline(page.split.layout, page.sections)
    front = page.split.front
    is_status = bool(front) and ("affectedSystems" in front or bool(updates_of(page.split.layout)))
    outcome = _outcome(page, found, is_status)
    if outcome == "used":
        _tell_status(page) if is_status else _tell_page(page, found)
    batch.account(source.name, NAME, "status pages" if is_status else "pages", {outcome: 1})
    return batch


def _outcome(page: ForeignPage, found: Found, is_status: bool) -> str:
    """Return whether a page is a post-mortem or a status page, and if not, what it is."""
    if is_status:
        planned = str(page.split.front.get("severity")).strip().casefold() in _PLANNED
        return MAINTENANCE if planned else "used"
    if _is_template(page, found):
        return TEMPLATE
    known = {part.name for part in page.sections if part.heading and our_name(part.heading)}
    speaks = re.search(r"\bpost-?\s?mortem\b", "\n".join(page.split.layout.lines), re.IGNORECASE)
    timed = any(entry.written and (entry.written.clock or entry.written.iso) for entry in found.entries)
    dated = page.day.day is not None and page.day.said_in != "first paragraph"
    return "used" if timed or len(known) > 1 or (dated and (known or speaks)) else NO_POSTMORTEM


def _is_template(page: ForeignPage, found: Found) -> bool:
    """Return whether a page is to be filled in: placeholders for times in a heading, or in all rows of the timeline."""
    rows = [bool(_PLACEHOLDER.search(entry.words)) for entry in found.entries]
    headings = (block.heading for block in page.split.layout.blocks)
    return (bool(rows) and all(rows)) or any(_PLACEHOLDER.search(heading) for heading in headings)


def _tell_page(page: ForeignPage, found: Found) -> None:
    rows = timeline_rows(page, found)
    times = incident_times(page, rows)
    stated = stated_durations(page.facts, lambda fact, error: page.problem(
        "unreadable-value", f"{fact.label}: {error}", page.place(fact.line), "value left out"))  # fmt: skip
    note_contradictions(page, rows, times, stated)
    attended, responded = people_of(page.split.layout, page.sections)
    texts_ = texts(page.split.layout, page.sections)
    known = {**times.notes, **_durations(stated)}
    _add_incident(page, times, summary=texts_.get(OVERVIEW), responders=responded, extra=known)
    _add_postmortem(page, texts_, {"attendees": attended, "authors": _fact(page, "author", "authors", "written by")})
    _add_actions(page)


def _fact(page: ForeignPage, *labels: str) -> str | None:
    stated = first(page.facts, *labels)
    return stated.value.strip("*_ @")[:200] or None if stated else None


def _durations(stated: list[StatedDuration]) -> dict[str, Any]:
    """Return stated durations for ``extra``: all of them as they stand, and the first of each kind in minutes."""
    known = {one.what: one.minutes for one in reversed(stated) if one.minutes is not None}
    listed = [{"what": one.what, "minutes": one.minutes, "words": one.words} for one in stated]
    named = {f"stated_{what.replace(' ', '_')}_minutes": minutes for what, minutes in known.items()}
    return {**named, "stated_durations": listed}


def _add_incident(page: ForeignPage, times: IncidentTimes, **rest: Any) -> None:
    extra = {**{key: value for key, value in page.split.front.items() if key not in _TAKEN}, **rest.pop("extra")}
    services = names_in(page.split.front, "affectedSystems", "affected", "services", "components")
    row = {
        "incident_id": page.incident_id,
        "title": page.title,
        "severity": _severity(page),
        **times.at,
        "first_seen_at": min((time for time in times.at.values() if time), default=None),
        "services": join_names(services) or _fact(page, "affected services", "services", "service"),
        "incident_commander": _fact(page, "incident commander", "incident lead", "lead"),
        "tags": join_names(names_in(page.split.front, "tags")),
        "source": page.source.name,
        "extra": as_json(extra),
        **rest,
    }
    page.batch.add(INCIDENTS, [row])


def _severity(page: ForeignPage) -> str | None:
    """Return the severity of the front matter, or of a line "Severity: Major (…)"."""
    fact = first(page.facts, "severity", "incident severity", "sev")
    words = text_in(page.split.front, "severity")
    if words is None and fact:
        words = re.split(r"\s*[(,;–—]", fact.value.strip("*_ "))[0]
    if not words:
        return None
    aliases = page.source.settings.severities.aliases
    key = words.strip().casefold().replace("_", "-").replace(" ", "-")
    try:
        own = key in _SEVERITIES and words.casefold() not in {alias.casefold() for alias in aliases}
        return _SEVERITIES[key] if own else parse_severity(words, aliases)
    except FieldError as error:
        place = page.place(fact.line) if fact else None
        page.problem("unknown-severity", str(error), place, "value left out")
        return None


def _add_postmortem(page: ForeignPage, written: dict[str, str], extra: dict[str, Any]) -> None:
    row = {
        "incident_id": page.incident_id,
        "title": page.title,
        "owner": _fact(page, "owner", "post-mortem owner", "postmortem owner"),
        "status": "in review",
        "sections": as_json(written),
        "path": page.source.name,
        "source": page.source.name,
        "extra": as_json(extra),
    }
    page.batch.add(POSTMORTEMS, [row])


def _add_actions(page: ForeignPage) -> None:
    actions = actions_of(page.split.layout, page.sections)
    rows = [
        {"incident_id": page.incident_id, "item": number, "title": action.title, "owner": action.owner,
         "status": "done" if action.done else "open", "ticket": action.link, "source": page.place(action.line),
         "extra": as_json({"group": action.group, "details": action.details})}
        for number, action in enumerate(actions, start=1)
    ]  # fmt: skip
    if rows:
        page.batch.add(ACTION_ITEMS, rows)
    page.batch.account(page.source.name, NAME, "action items", {"used": len(rows)})


def _tell_status(page: ForeignPage) -> None:
    """Add a status site's page: its announcement and updates are the timeline, its date the first public word of it."""
    posted = _posted(page)
    opening = announcement(page.split.layout)
    rows = [_status_row(page, posted, opening or page.title, page.source.name)] if posted else []
    outcomes: Counter[str] = Counter(used=len(rows))
    for update in updates_of(page.split.layout):
        try:
            at = parse_time(update.words, zone=page.source.zone).astimezone(UTC)
        except FieldError as error:
            page.problem("unreadable-row", f"update: {error}", page.place(update.line), "row left out")
            outcomes["skipped: unreadable"] += 1
            continue
        rows.append(_status_row(page, at, update.text, page.place(update.line)))
        outcomes["used"] += 1
    page.batch.account(page.source.name, NAME, "timeline rows", outcomes)
    times = incident_times(page, rows, telling=1 if posted else 0)
    times.at[page_marks.DETECTED] = None  # a status page tells of its first public word, not of the first alert
    times.notes.pop("detected_at_is", None)
    times.notes["started_at_is"] = "the first public word of it"
    known = {**times.notes, "resolved": page.split.front.get("resolved")}
    _add_incident(page, times, summary=opening or None, extra=known)


def _posted(page: ForeignPage) -> datetime | None:
    try:
        return parse_time(page.split.front.get("date"), zone=page.source.zone)
    except FieldError as error:
        page.problem("unreadable-value", f"date: {error}", effect="value left out")
        return None


def _status_row(page: ForeignPage, at: datetime, text: str, place: str) -> dict[str, Any]:
    return {"incident_id": page.incident_id, "at": at, "kind": "status", "text": text, "source": place}


READER = Reader(NAME, recognises, read)
