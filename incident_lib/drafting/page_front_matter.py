"""A page's front matter: written for a new page, and later only its empty fields filled, a person's form kept."""

from __future__ import annotations

import re
from collections.abc import Mapping
from io import StringIO
from typing import Any

import pandas as pd
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedSeq
from ruamel.yaml.representer import RoundTripRepresenter

from incident_lib.column_texts import split_names
from incident_lib.records import Records
from incident_lib.settings import Limits
from incident_lib.sources.front_matter import parse_front_matter, split_page
from incident_lib.story.facts import proposed_tasks

TIMES = ("started_at", "detected_at", "acknowledged_at", "mitigated_at", "resolved_at")
# What a later draft may fill in where it is empty: facts of the incident, nothing that people decide.
FILLED = ("title", "severity", *TIMES, "incident_commander", "customers", "services", "channel")
_KINDS = (
    ("process", r"\b(?:runbook|document\w*|calendar|checklist|train\w*|review|process|announce|agree)\b"),
    ("clean-up", r"\b(?:renew|unfreeze|clean\w*|remove|delete|restore|revert|undo|rotate|close|tell|call|re-enable)\b"),
    ("detect", r"\b(?:alert\w*|monitor\w*|dashboard|notice|detect\w*|probe|check that)\b"),
    ("mitigate", r"\b(?:fail ?over|fallback|limit|throttle|spare|degrade|switch|timeout)\b"),
    ("prevent", r"\b(?:config\w*|automat\w*|pin|replace|upgrade|add|keep|move|put|set|validate|refuse|test)\b"),
)  # fmt: skip


class _Moment(str):
    """A time that YAML writes without quotes."""


class _Representer(RoundTripRepresenter):
    """Writes times plainly and missing values as nothing."""


_Representer.add_representer(
    _Moment, lambda self, value: self.represent_scalar("tag:yaml.org,2002:timestamp", str(value))
)
_Representer.add_representer(type(None), lambda self, value: self.represent_scalar("tag:yaml.org,2002:null", ""))


def front_matter_of(records: Records, incident_id: str, owner: str | None) -> dict[str, Any]:
    """Return the front matter of a new page, in the order in which it is written."""
    incident = records.incident(incident_id)
    now = _moment(records.as_of)
    proposed = _proposed(records, incident_id)
    return {
        "incident": incident_id,
        "title": _or_none(incident["title"]),
        "severity": _or_none(incident["severity"]),
        "owner": owner,
        "status": "draft",
        **{name: _moment(incident[name]) for name in TIMES},
        "incident_commander": _or_none(incident["incident_commander"]),
        **{name: split_names(incident[name]) for name in ("customers", "services")},
        "channel": _or_none(incident["channel"]),
        "tags": [*split_names(incident["tags"]), *own_tags(incident)],
        "created_at": now,
        "assigned_at": now if owner else None,
        "completed_at": None,
        "reviewed_at": None,
        "closed_at": None,
        "not_needed": None,
        "meeting": {"at": None, "recording": None},
        "follow_up": {"page-created": {"at": now}, **({"owner-assigned": {"at": now}} if owner else {})},
        "action_items": _recorded_items(records, incident_id),
        **({"proposed_action_items": proposed} if proposed else {}),
        "references": split_names(incident["references"]),
    }


def own_tags(incident: pd.Series) -> list[str]:
    """Return the labels that tickets of a critical incident get: critical and critical_YYYYMMDD."""
    if incident["severity"] != "critical" or pd.isna(incident["first_seen_at"]):
        return []
    tags = ["critical", f"critical_{incident['first_seen_at']:%Y%m%d}"]
    return [tag for tag in tags if tag not in split_names(incident["tags"])]


def kind_of_task(title: str) -> str:
    """Return the kind that a task's words suggest: clean-up, prevent, detect, mitigate or process; a person decides."""
    return next((kind for kind, pattern in _KINDS if re.search(pattern, title, re.IGNORECASE)), "prevent")


def touch_of_task(title: str) -> str | None:
    """Return restart or change where a task's words say that it touches a customer's system; None where they don't."""
    if re.search(r"\b(?:restart|reboot)\w*\b", title, re.IGNORECASE):
        return "restart"
    return "change" if re.search(r"\bcustomers?'?s?\b.*\b(?:system|server|site|config)", title, re.IGNORECASE) else None


def _proposed(records: Records, incident_id: str) -> list[dict[str, Any]]:
    """Return the tasks from chat, ready to be moved to ``action_items`` by a person."""
    tasks = proposed_tasks(records, incident_id)
    return [
        {"title": row["title"], "kind": kind_of_task(row["title"]), "owner": _or_none(row["owner"]),
         "created_on": _Moment(f"{row['at']:%Y-%m-%d}"), "touches": touch_of_task(row["title"])}
        for row in tasks.to_dict("records")
    ]  # fmt: skip


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


def as_yaml(content: Mapping[str, Any]) -> str:
    """Return a mapping as YAML, in its order."""
    stream = StringIO()
    _yaml().dump(dict(content), stream)
    return stream.getvalue()


def _yaml() -> YAML:
    yaml = YAML(typ="rt", pure=True)
    yaml.Representer = _Representer
    yaml.width = 1_000_000
    yaml.preserve_quotes = True
    yaml.indent(mapping=2, sequence=4, offset=2)
    return yaml


def filled(text: str, fresh: Mapping[str, Any], names: tuple[str, ...]) -> tuple[str, list[str]]:
    """Return a page's front matter with its empty fields among ``names`` filled from ``fresh``, and which they were.

    Only the lines of those fields change: comments, order, unknown keys and every other byte stay. A field that has a
    value, or that a person took out, is left alone.
    """
    content = parse_front_matter(split_page(f"---\n{text}---\n"), Limits())
    lines = text.splitlines(keepends=True)
    done: list[str] = []
    for name in names:
        value = fresh.get(name)
        if name in content and content[name] in (None, "", []) and value not in (None, "", []):
            place = content.lc.data[name][0]
            line = _filled_line(lines[place], name, value)
            if line:
                lines[place] = line
                done.append(name)
    return "".join(lines), done


def _filled_line(line: str, name: str, value: Any) -> str | None:
    """Return a line "name:" with a value and the comment that it had; None if it is of another form."""
    found = re.fullmatch(rf"({re.escape(name)}:)(?:[ \t]*(?:\[\s*\]|null|~|''|\"\"))?([ \t]+#.*?)?([ \t]*\r?\n?)", line)
    if not found:
        return None
    flow = CommentedSeq(value) if isinstance(value, list) else value
    if isinstance(flow, CommentedSeq):
        flow.fa.set_flow_style()
    written = as_yaml({name: flow}).rstrip("\n")
    return f"{written}{found[2] or ''}{found[3]}" if "\n" not in written else None
