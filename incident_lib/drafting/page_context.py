"""What a page's template may see: texts, numbers and lists, each sentence with the mark of its evidence."""

from __future__ import annotations

from typing import Any

import pandas as pd

from incident_lib.drafting.audiences import external_sentences
from incident_lib.drafting.overview import overview
from incident_lib.drafting.page_front_matter import TIMES
from incident_lib.drafting.page_story import hand_off_sentences, impact, resolution, responder_rows, timeline_row
from incident_lib.drafting.page_work import internal_email, meeting, proposals, recording, task_row
from incident_lib.drafting.told import Told, block, inline, of_title
from incident_lib.story.facts import guesses, questions, related_incidents, severity_stays
from incident_lib.story.message_rules import account_sentence, message_choices
from incident_lib.story.timeline import incident_timeline, link_sentence, silence_sentences, silences


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
        "meeting": meeting(told),
        "recording": recording(told),
        "overview": overview(told),
        "summary": inline(told.summary) if told.summary else None,
        "description": _description(told),
        "guesses": _guesses(told),
        "related": _related(told),
        "resolution": resolution(told),
        "impact": impact(told, stays),
        "responders": responder_rows(told),
        "hand_offs": hand_off_sentences(told),
        "zone": records.settings.workbook.zone,
        "link_line": told.cite(link_sentence(timeline), everything or told.incident["source"]),
        "account_line": told.cite(account_sentence(choices), *(list(choices["source"]) or [incident["source"]])),
        "timeline": [timeline_row(told, row) for row in timeline.to_dict("records")],
        "silences": [told.cite(*said) for said in zip(silence_sentences(gaps), gaps["source"], strict=True)],
        "questions": [told.cite(inline(text), source) for text, source in questions(records, told.incident_id, gaps)],
        "tasks": [task_row(told, row) for row in tasks.to_dict("records")],
        "proposed": proposals(told),
        "internal_email": internal_email(told, tasks),
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


def _heading(told: Told) -> str:
    """Return the page's first heading; its title has evidence, though no footnote."""
    title = told.incident["title"]
    words = inline(title) if pd.notna(title) else f"Incident {told.incident_id}"
    return told.cite(words, of_title(told), quiet=True)
