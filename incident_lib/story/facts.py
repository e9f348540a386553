"""One incident's facts as the records state them: tasks from chat, customers named there, guesses, questions to ask."""

from __future__ import annotations

import re

import pandas as pd

from incident_lib.column_texts import split_names
from incident_lib.records import Records
from incident_lib.story.message_rules import message_choices, task_in, without_prefix, words_pattern
from incident_lib.story.related import related_incidents
from incident_lib.story.responding import hand_offs, responders
from incident_lib.story.severity_time import Stay, minutes_in, severity_changes, severity_stays
from incident_lib.words import NOT_STATED, duration_in_words

__all__ = [
    "NOT_STATED", "Stay", "customers_mentioned", "duration_in_words", "guesses", "hand_offs", "minutes_in",
    "proposed_tasks", "questions", "related_incidents", "responders", "severity_changes", "severity_stays",
]  # fmt: skip


def proposed_tasks(records: Records, incident_id: str) -> pd.DataFrame:
    """Return the tasks that people wrote down in chat ("TODO: …"): title, who (wrote it), owner, at, source.

    ``owner`` is the person whom the task addresses by name, empty if it addresses nobody. A task that is an action
    item already, in nearly the same words, is left out.

    >>> inc.proposed_tasks(records, "INC-2026-081").columns.tolist()
    ['title', 'who', 'owner', 'at', 'source']
    """
    choices = message_choices(records, incident_id)
    rows = []
    for message in choices[choices["text"].notna()].to_dict("records"):
        task = task_in(message["text"], records.settings.chat.todo_prefixes)
        if task and message["incident_id"] == incident_id:
            owner, title = _addressed(task)
            rows.append(
                {
                    "title": title,
                    "who": message["who"],
                    "owner": owner,
                    "at": message["at"],
                    "source": message["source"],
                }
            )
    known = {
        _bare(title) for title in records.action_items.loc[records.action_items["incident_id"] == incident_id, "title"]
    }
    return pd.DataFrame([row for row in rows if _bare(row["title"]) not in known],
                        columns=["title", "who", "owner", "at", "source"])  # fmt: skip


def _addressed(task: str) -> tuple[str | None, str]:
    """Return whom a task addresses ("@Mateo Fuentes put …"), and the task itself."""
    found = re.match(r"@(\S+(?: [A-ZÀ-Þ][\w'’-]+)*)[,:]?\s+(\S.*)", task)
    return (found[1], found[2]) if found else (None, task)


def _bare(text: str) -> str:
    return " ".join(re.findall(r"\w+", str(text).casefold()))


def customers_mentioned(records: Records, incident_id: str) -> list[str]:
    """Return customers that the messages of an incident mention but its records don't name, in alphabetical order.

    >>> inc.customers_mentioned(records, "INC-2026-081")
    []
    """
    return sorted(mentions(records, incident_id))


def mentions(records: Records, incident_id: str) -> dict[str, str]:
    """Return the customers that chat mentions and the records don't name, with the pointer to the first mention."""
    stated = set(split_names(records.incident(incident_id)["customers"]))
    said = (
        records.messages[records.messages["incident_id"] == incident_id]
        .dropna(subset="text")
        .sort_values(["at", "source"])
    )
    found: dict[str, str] = {}
    for customer in records.settings.customers:
        pattern = words_pattern((customer.name, *customer.aliases))
        naming = (
            said[said["text"].map(lambda text, pattern=pattern: bool(pattern.search(text))).astype(bool)]
            if customer.name not in stated
            else said.iloc[:0]
        )
        if len(naming):
            found[customer.name] = str(naming["source"].iloc[0])
    return found


def guesses(records: Records, incident_id: str) -> pd.DataFrame:
    """Return what people thought the reason might be, in their words: at, who, text, source.

    >>> inc.guesses(records, "INC-2026-042").columns.tolist()
    ['at', 'who', 'text', 'source']
    """
    messages = records.messages
    said = messages[(messages["incident_id"] == incident_id) & ~messages["is_bot"] & messages["text"].notna()]
    pattern = words_pattern(records.settings.chat.guess_words)
    found = said[said["text"].map(lambda text, pattern=pattern: bool(pattern.search(text))).astype(bool)].sort_values(
        ["at", "source"]
    )
    texts = found["text"].map(lambda text: without_prefix(text, records.settings.chat))
    return found.assign(text=texts)[["at", "who", "text", "source"]].reset_index(drop=True)


def questions(records: Records, incident_id: str, gaps: pd.DataFrame) -> list[tuple[str, str]]:
    """Return questions that the records raise and can't answer, each with its pointer; how and what, not who and why.

    ``gaps`` are the silences of the timeline.
    """
    incident = records.incident(incident_id)
    source = incident["source"]
    asked: list[tuple[str, str]] = []
    if pd.notna(incident["started_at"]) and pd.notna(incident["detected_at"]):
        minutes = (incident["detected_at"] - incident["started_at"]) / pd.Timedelta(minutes=1)
        if minutes >= 10:
            asked.append((f"It took {duration_in_words(minutes)} to notice. What would have shown it sooner?", source))
    for gap in gaps.sort_values("minutes", ascending=False).head(2).itertuples():
        asked.append(
            (
                f"What was being tried in the {duration_in_words(gap.minutes)} from {gap.at:%H:%M} UTC, "
                "of which nothing is recorded?",
                gap.source,
            )
        )
    for hand in hand_offs(records, incident_id).to_dict("records"):
        asked.append(
            (f"What had to be told at the hand-off at {hand['at']:%H:%M} UTC, and how did that work?", hand["source"])
        )
    if len(found := guesses(records, incident_id)) > 1:
        asked.append(
            (f"{len(found)} guesses are on record. What showed which of them held?", "; ".join(found["source"]))
        )
    related = related_incidents(records, incident_id, 1)
    if len(related):
        asked.append(
            (
                f"How was it like {related['incident_id'].iloc[0]}, and what came of the tasks from then?",
                related["source"].iloc[0],
            )
        )
    return asked
