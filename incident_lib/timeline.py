"""Events and messages → one incident's timeline, each row with its evidence, and the account of every message."""

from __future__ import annotations

import re
from datetime import timedelta

import pandas as pd

from incident_lib.records import Records
from incident_lib.settings import Chat
from incident_lib.tables import split_names

COLUMNS = ("at", "kind", "milestone", "text", "who", "severity", "url", "source")
MILESTONES = {
    "started_at": "began",
    "detected_at": "detected",
    "acknowledged_at": "acknowledged",
    "mitigated_at": "mitigated",
    "resolved_at": "resolved",
}
_STATUS_WORDS = re.compile(
    r"(?i)\b(mitigated|resolved|all clear|rolled back|roll(ing)? back|failed over|failing over|restarted|rebooted|"
    r"raising to|lowering to|back up|recovered|declaring|taking over as|handing over|incident commander)\b"
)
_LINK = re.compile(r"https?://[^\s)>\]]+")
NEAR = timedelta(minutes=2)


def incident_timeline(records: Records, incident_id: str) -> pd.DataFrame:
    """Return one incident's timeline in order: alerts, log entries, updates, page entries, key messages, milestones.

    Columns as in ``COLUMNS``; ``milestone`` says in words what a row marks (began, resolved, …), ``url`` is the data
    link, ``source`` the pointers to where it was read. The order depends on the rows alone, never on the files'.
    """
    incident = records.incident(incident_id)
    events = records.timeline[records.timeline["incident_id"] == incident_id]
    chosen = message_choices(records, incident_id)
    messages = _from_messages(chosen[chosen["reason"].str.startswith("used")])
    rows = pd.concat([_marks(incident), events.assign(milestone=None)[list(COLUMNS)], messages], ignore_index=True)
    rows = rows.sort_values(["at", "milestone", "kind", "text", "source"], na_position="last", kind="stable")
    return _merge_repeats(rows).reset_index(drop=True)


def _marks(incident: pd.Series) -> pd.DataFrame:
    """Return a row for each milestone that the records state."""
    rows = [
        {
            "at": incident[name],
            "kind": "milestone",
            "milestone": word,
            "text": _sentence(word),
            "source": incident["source"],
        }
        for name, word in MILESTONES.items()
        if pd.notna(incident[name])
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype({"at": "datetime64[us, UTC]"})


def _sentence(word: str) -> str:
    return {
        "began": "The incident began",
        "detected": "It was detected",
        "acknowledged": "A responder acknowledged it",
        "mitigated": "The impact stopped",
        "resolved": "The incident was resolved",
    }[word]


def _from_messages(messages: pd.DataFrame) -> pd.DataFrame:
    links = messages["text"].str.extract(f"({_LINK.pattern})")[0]
    return pd.DataFrame({
        "at": messages["at"],
        "kind": "message",
        "milestone": None,
        "text": messages["text"],
        "who": messages["who"],
        "severity": None,
        "url": messages["url"].fillna(links),
        "source": messages["source"],
    })  # fmt: skip


def _merge_repeats(rows: pd.DataFrame) -> pd.DataFrame:
    """Return rows with repeats made one: the same words again within two minutes, all pointers kept."""
    words = rows["text"].fillna("").str.casefold().str.replace(r"\W+", " ", regex=True).str.strip()
    apart = rows["at"].groupby(words).diff().fillna(pd.Timedelta(0)).gt(NEAR)
    group = words + "#" + apart.groupby(words).cumsum().astype("str")
    merged = rows.groupby(group, sort=False)
    first = merged[["at", "kind", "milestone", "text", "who", "severity", "url"]].first()
    return first.assign(source=merged["source"].agg(lambda values: "; ".join(dict.fromkeys(values)))).reset_index(
        drop=True
    )


def message_choices(records: Records, incident_id: str) -> pd.DataFrame:
    """Return every message that may belong to an incident, with ``reason``: used (why), or skipped (why).

    A message belongs by its channel, its thread, the id in its text; in shared channels also by the time window of
    the settings. Of those that belong, the key ones are used. The counts of ``reason`` add up to all that were read.
    """
    chat, messages = records.settings.chat, records.messages
    incident = records.incident(incident_id)
    nearby = _in_window(messages, incident, chat) & messages["incident_id"].isna()
    of_incident = messages["incident_id"] == incident_id
    candidates = messages[of_incident | nearby]
    reasons = [_reason(message, chat, bool(belongs)) for message, belongs in
               zip(candidates.to_dict("records"), of_incident[candidates.index], strict=True)]  # fmt: skip
    return candidates.assign(reason=pd.Series(reasons, index=candidates.index, dtype="str"))


def _in_window(messages: pd.DataFrame, incident: pd.Series, chat: Chat) -> pd.Series:
    """Tell which messages stand in a shared channel around the time of the incident."""
    start, end = incident["first_seen_at"], incident["resolved_at"]
    shared = messages["channel"].isin(chat.channels)
    if pd.isna(start) or pd.isna(end):
        return shared & False
    before, after = pd.Timedelta(minutes=chat.minutes_before), pd.Timedelta(minutes=chat.minutes_after)
    return shared & messages["at"].between(start - before, end + after)


def _reason(message: dict[str, object], chat: Chat, belongs: bool) -> str:
    """Return why a message is used or skipped; the first reason that holds."""
    text = str(message["text"] or "").strip() if isinstance(message["text"], str) else ""
    lower = text.casefold()
    pinned_or_marked = message["pinned"] or set(split_names(message["reactions"])) & set(chat.key_reactions)
    if not text:
        return "skipped: no text"
    if not belongs:
        return "skipped: same time, but nothing ties it to this incident"
    if pinned_or_marked:
        return "used: pinned or marked"
    if lower.startswith(tuple(prefix.casefold() for prefix in chat.scribe_prefixes)):
        return "used: scribe note"
    if lower.startswith(tuple(prefix.casefold() for prefix in chat.todo_prefixes)):
        return "skipped: a task, listed under action items"
    if _STATUS_WORDS.search(text):
        return "used: a change of state"
    if message["is_bot"]:
        return "used: from a tool" if _LINK.search(text) else "skipped: from a tool, without a link"
    return "used: holds a link" if _LINK.search(text) else "skipped: talk"


def message_account(choices: pd.DataFrame) -> pd.DataFrame:
    """Return how many messages were used and skipped for each reason; the numbers add up to all that were read."""
    counts = choices["reason"].value_counts().rename_axis("reason").reset_index(name="messages")
    return counts.sort_values(["messages", "reason"], ascending=[False, True]).reset_index(drop=True)


def data_links(timeline: pd.DataFrame) -> tuple[int, int]:
    """Return how many rows of a timeline have a data link, and how many there are; milestones we set don't count."""
    rows = timeline[timeline["kind"] != "milestone"]
    return int(rows["url"].notna().sum()), len(rows)


def silences(timeline: pd.DataFrame, until: pd.Timestamp, minutes: int = 20) -> pd.DataFrame:
    """Return the gaps of more than ``minutes`` between rows up to ``until``: at (start), minutes (float)."""
    times = timeline.loc[timeline["at"] <= until, "at"].drop_duplicates().sort_values()
    gaps = times.diff().shift(-1) / pd.Timedelta(minutes=1)
    long = gaps[gaps > minutes]
    return pd.DataFrame({"at": times[long.index], "minutes": long}).reset_index(drop=True)
