"""Records → the post-mortem page: what records can fill is filled; what is unknown is said to be unknown."""

from __future__ import annotations

from collections.abc import Mapping
from io import StringIO
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment
from ruamel.yaml import YAML
from ruamel.yaml.representer import RoundTripRepresenter

from incident_lib.deadlines import deadline_proof, incident_deadlines
from incident_lib.facts import (
    NOT_STATED,
    customers_mentioned,
    duration_in_words,
    minutes_in,
    proposed_tasks,
    responders,
    severity_stays,
)
from incident_lib.errors import SettingsError
from incident_lib.records import Records
from incident_lib.sources.markdown import UNFILLED
from incident_lib.tables import split_names
from incident_lib.timeline import data_links, incident_timeline, silences

TEMPLATE = Path(__file__).parent / "templates" / "postmortem.md.j2"
_TIMES = ("started_at", "detected_at", "acknowledged_at", "mitigated_at", "resolved_at")
_COLOURS = {"began": "🔴", "resolved": "🟢"}


def draft_page(records: Records, incident_id: str, *, owner: str | None = None) -> str:
    """Return the post-mortem page of an incident as Markdown with front matter.

    The same records give the same bytes. Unknown facts are said to be unknown; sections that need a person's thinking
    hold one prompt.

    Raises:
        SettingsError: for an unknown incident.
    """
    front_matter = _front_matter(records, incident_id, owner)
    environment = ImmutableSandboxedEnvironment(
        undefined=StrictUndefined, trim_blocks=False, keep_trailing_newline=True, autoescape=False
    )
    template = environment.from_string(TEMPLATE.read_text(encoding="utf-8"))
    body = template.render(**_context(records, incident_id, owner), prompt=_prompt)
    return f"---\n{_as_yaml(front_matter)}---\n\n{_tidy(body)}"


def newest_major(records: Records) -> str:
    """Return the id of the major incident that was seen last.

    Raises:
        SettingsError: if the records hold no major incident.
    """
    major = records.major.sort_values(["first_seen_at", "incident_id"], na_position="first")
    if major.empty:
        raise SettingsError("the records hold no major incident to draft a post-mortem for; name one of the others")
    return str(major["incident_id"].iloc[-1])


def draft_sentences(records: Records, incident_id: str) -> list[str]:
    """Return what the draft report says first: what is known of the incident, and what its page lacks."""
    incident = records.incident(incident_id)
    page = records.postmortems[records.postmortems["incident_id"] == incident_id]
    title = incident["title"] if pd.notna(incident["title"]) else incident_id
    if page.empty:
        state = "There is no page yet: this report shows the draft of one."
    else:
        state = f"Its page is {page['path'].iloc[0]} ({page['status'].iloc[0]}); it is not touched. A fresh draft stands below."
    return [f"{incident_id}: {title}", _when(records, incident), state]


def _prompt(what: str) -> str:
    """Return the line that stands in a section until a person writes there; lint knows it by its beginning."""
    return f"{UNFILLED} {what}{'' if what.endswith('?') else '.'}_"


def _tidy(body: str) -> str:
    """Return Markdown without runs of empty lines."""
    lines: list[str] = []
    for line in body.splitlines():
        if line.strip() or (lines and lines[-1]):
            lines.append(line.rstrip())
    return "\n".join(lines).rstrip() + "\n"


class _Moment(str):
    """A time that YAML writes without quotes."""


class _Representer(RoundTripRepresenter):
    """Writes times plainly and missing values as nothing."""


_Representer.add_representer(
    _Moment, lambda self, value: self.represent_scalar("tag:yaml.org,2002:timestamp", str(value))
)
_Representer.add_representer(type(None), lambda self, value: self.represent_scalar("tag:yaml.org,2002:null", ""))


def _as_yaml(content: Mapping[str, Any]) -> str:
    yaml = YAML(typ="rt", pure=True)
    yaml.Representer = _Representer
    yaml.width = 1000
    yaml.indent(mapping=2, sequence=4, offset=2)
    stream = StringIO()
    yaml.dump(dict(content), stream)
    return stream.getvalue()


def _front_matter(records: Records, incident_id: str, owner: str | None) -> dict[str, Any]:
    incident = records.incident(incident_id)
    now = _moment(records.as_of)
    return {
        "incident": incident_id,
        "title": _or_none(incident["title"]),
        "severity": _or_none(incident["severity"]),
        "owner": owner,
        "status": "draft",
        **{name: _moment(incident[name]) for name in _TIMES},
        "incident_commander": _or_none(incident["incident_commander"]),
        **{name: split_names(incident[name]) for name in ("customers", "services")},
        "channel": _or_none(incident["channel"]),
        "tags": [*split_names(incident["tags"]), *_own_tags(incident)],
        "created_at": now,
        "assigned_at": now if owner else None,
        "completed_at": None,
        "reviewed_at": None,
        "closed_at": None,
        "not_needed": None,
        "meeting": {"at": None, "recording": None},
        "follow_up": {
            "page-created": {"at": now},
            **({"owner-assigned": {"at": now}} if owner else {}),
        },
        "action_items": _recorded_items(records, incident_id),
        "references": split_names(incident["references"]),
    }


def _own_tags(incident: pd.Series) -> list[str]:
    """Return the labels that tickets of a critical incident get: critical and critical_YYYYMMDD."""
    if incident["severity"] != "critical" or pd.isna(incident["first_seen_at"]):
        return []
    tags = ["critical", f"critical_{incident['first_seen_at']:%Y%m%d}"]
    return [tag for tag in tags if tag not in split_names(incident["tags"])]


def _recorded_items(records: Records, incident_id: str) -> list[dict[str, Any]]:
    items = records.action_items[records.action_items["incident_id"] == incident_id]
    names = ("title", "kind", "owner", "created_on", "due_on", "status", "touches", "ticket")
    return [{name: _or_none(row[name]) for name in names} for row in items.to_dict("records")]


def _or_none(value: Any) -> Any:
    if pd.isna(value):
        return None
    return _Moment(f"{value:%Y-%m-%d}") if isinstance(value, pd.Timestamp) else str(value)


def _moment(time: pd.Timestamp) -> _Moment | None:
    return None if pd.isna(time) else _Moment(f"{time:%Y-%m-%dT%H:%M:%SZ}")


def _context(records: Records, incident_id: str, owner: str | None) -> dict[str, Any]:
    """Return what the template may see: texts, numbers, lists and dictionaries, nothing with behaviour."""
    incident = records.incident(incident_id)
    timeline = incident_timeline(records, incident_id)
    linked, total = data_links(timeline)
    until = incident["resolved_at"] if pd.notna(incident["resolved_at"]) else records.as_of
    tasks = records.action_items[records.action_items["incident_id"] == incident_id]
    return {
        "title": _inline(incident["title"]) if pd.notna(incident["title"]) else f"Incident {incident_id}",
        "owner": _inline(owner) if owner else None,
        "meeting": _meeting(records, incident_id),
        "recording": None,
        "overview": _overview(records, incident),
        "description": _inline(incident["summary"]) if pd.notna(incident["summary"]) else None,
        "resolution": _resolution(incident),
        "impact": _impact(records, incident),
        "responders": _responders(records, incident_id),
        "link_line": f"{linked} of {total} rows have a data link." if total else "The records hold no event.",
        "timeline": [_timeline_row(row) for row in timeline.to_dict("records")],
        "silences": [
            {"words": duration_in_words(gap.minutes), "at": _minute(gap.at)}
            for gap in silences(timeline, until).itertuples()
        ],
        "tasks": [_task(row) for row in tasks.to_dict("records")],
        "proposed": _proposed(records, incident_id),
        "internal_email": _internal_email(records, incident),
        "external_message": _external_message(incident),
    }


def _inline(text: str) -> str:
    """Return a text that Markdown shows as it is, on one line, also inside a table."""
    escaped = " ".join(str(text).split()).replace("&", "&amp;").replace("<", "&lt;")
    return escaped.replace("|", "\\|")


def _minute(time: Any) -> str:
    return NOT_STATED if pd.isna(time) else f"{time:%Y-%m-%d %H:%M}"


def _listed(names: list[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def _meeting(records: Records, incident_id: str) -> str:
    table = incident_deadlines(records)
    if incident_id not in table.index:
        return "not asked for by the settings: the incident is not major"
    due = table.at[incident_id, "meeting_due_at"]
    if pd.isna(due):
        return f"not scheduled yet; {deadline_proof(records, incident_id)}"
    local = due.tz_convert(records.settings.workbook.tz)
    return f"not scheduled yet; to be held by {local:%A %-d %B %Y} ({deadline_proof(records, incident_id)})"


def _overview(records: Records, incident: pd.Series) -> list[str]:
    severity = str(incident["severity"]) if pd.notna(incident["severity"]) else "of unstated severity"
    services, customers = split_names(incident["services"]), split_names(incident["customers"])
    what = f" It affected {_inline(_listed(services))}" if services else " The records name no service"
    whom = f" for {_inline(_listed(customers))}." if customers else "; the records name no customer."
    mentioned = customers_mentioned(records, incident["incident_id"])
    asked = [f"Chat also mentions {_inline(_listed(mentioned))}: were they affected?"] if mentioned else []
    return [f"{incident['incident_id']} was {_inline(severity)}.{what}{whom}", _when(records, incident), *asked]


def _when(records: Records, incident: pd.Series) -> str:
    start, end = incident["started_at"], incident["resolved_at"]
    if pd.isna(start):
        began = "When the impact began is not stated in the records"
    else:
        began = f"The impact began on {start:%-d %B %Y} at {start:%H:%M} UTC"
    if pd.isna(end):
        return f"{began}; the incident was still open at {_minute(records.as_of)} UTC."
    lasted = (
        f", {duration_in_words((end - start) / pd.Timedelta(minutes=1))} later"
        if pd.notna(start) and end >= start
        else ""
    )
    return f"{began}; the incident was resolved at {_minute(end)} UTC{lasted}."


def _resolution(incident: pd.Series) -> str:
    stopped, resolved = incident["mitigated_at"], incident["resolved_at"]
    if pd.isna(stopped) and pd.isna(resolved):
        return "The incident is not resolved."
    return f"The impact stopped: {_minute(stopped)}. Resolved: {_minute(resolved)}. Times are UTC."


def _impact(records: Records, incident: pd.Series) -> list[tuple[str, str]]:
    stays = severity_stays(records, incident["incident_id"])
    spent = minutes_in(stays)
    still = " so far" if any(stay.open for stay in stays) else ""
    times = [(f"Time in {name.capitalize()}", duration_in_words(spent[name]) + still if name in spent else "none")
             for name in ("critical", "high")]  # fmt: skip
    between = [
        ("From the start of the impact to detection", "started_at", "detected_at"),
        ("From detection to acknowledgement", "detected_at", "acknowledged_at"),
        ("From the start of the impact to its end", "started_at", "mitigated_at"),
        ("From detection to resolution", "detected_at", "resolved_at"),
    ]
    durations = [(name, _between(incident[start], incident[end])) for name, start, end in between]
    customers = split_names(incident["customers"])
    return [*times, *durations, ("Customers affected", _inline(_listed(customers)) if customers else NOT_STATED)]


def _between(start: pd.Timestamp, end: pd.Timestamp) -> str:
    if pd.isna(start) or pd.isna(end):
        return NOT_STATED
    if end < start:
        return "can't be told: the records have the end before the start"
    return duration_in_words((end - start) / pd.Timedelta(minutes=1))


def _responders(records: Records, incident_id: str) -> list[dict[str, str]]:
    table = responders(records, incident_id)
    return [
        {
            "name": _inline(row["name"]),
            "role": _inline(row["role"]) if pd.notna(row["role"]) else NOT_STATED,
            "first": _minute(row["first_at"]),
            "last": _minute(row["last_at"]),
        }
        for row in table.to_dict("records")
    ]


def _timeline_row(row: dict[str, Any]) -> dict[str, str]:
    mark = (
        f"{_COLOURS.get(row['milestone'], '')} **{row['milestone']}**: ".lstrip() if pd.notna(row["milestone"]) else ""
    )
    who = f"{_inline(row['who'])}: " if pd.notna(row["who"]) and row["kind"] == "message" else ""
    link = f"[{row['kind']}](<{row['url']}>)" if pd.notna(row["url"]) and _is_web(row["url"]) else ""
    return {"at": f"{row['at']:%Y-%m-%d %H:%M:%S}", "text": f"{mark}{who}{_inline(row['text'])}", "link": link}


def _is_web(url: str) -> bool:
    return url.startswith(("https://", "http://")) and not set(url) & set(" <>|\n")


def _task(row: dict[str, Any]) -> dict[str, str]:
    text = {name: _inline(row[name]) if pd.notna(row[name]) else NOT_STATED for name in ("title", "kind", "owner")}
    due = f"{row['due_on']:%Y-%m-%d}" if pd.notna(row["due_on"]) else NOT_STATED
    return {**text, "due": due, "state": row["status"] if pd.notna(row["status"]) else NOT_STATED}


def _proposed(records: Records, incident_id: str) -> list[dict[str, str]]:
    tasks = proposed_tasks(records, incident_id)
    return [
        {"title": _inline(row["title"]), "who": _inline(row["who"]), "at": _minute(row["at"])}
        for row in tasks.to_dict("records")
    ]


def _internal_email(records: Records, incident: pd.Series) -> str:
    open_tasks = records.action_items[
        (records.action_items["incident_id"] == incident["incident_id"]) & (records.action_items["status"] == "open")
    ]
    to = records.settings.messages.internal_to
    title = _inline(incident["title"]) if pd.notna(incident["title"]) else incident["incident_id"]
    tasks = [f"- {_inline(title)}" for title in open_tasks["title"]]
    lines = [
        f"To: {to or NOT_STATED}  ",
        f"Subject: Incident {incident['incident_id']}: {title}",
        "",
        *_overview(records, incident),
        "",
        f"Tasks that remain ({len(tasks)}):" if tasks else "No task is recorded yet.",
        "",
        *tasks,
        "",
        f"The page: postmortems/{incident['incident_id']}.md. Please add what you saw, and say if you can take a task.",
    ]
    return "\n".join(lines)


def _external_message(incident: pd.Series) -> str:
    """Return the summary for customers: services and times only, which hold no name, host or cause."""
    services = split_names(incident["services"])
    start, end = incident["started_at"], incident["resolved_at"]
    what = f"an incident affected {_inline(_listed(services))}" if services else "an incident affected our services"
    when = f"On {start:%-d %B %Y} from {start:%H:%M} UTC" if pd.notna(start) else "Recently"
    until = f" until {end:%H:%M} UTC on {end:%-d %B}" if pd.notna(end) and pd.notna(start) and end >= start else ""
    return f"**Summary.** {when}{until}, {what}."
