"""Which chat messages belong to an incident, which of them are key, and why: every message gets one reason."""

from __future__ import annotations

import re
from collections.abc import Iterable

import pandas as pd

from incident_lib.column_texts import split_names
from incident_lib.records import Records
from incident_lib.settings import Chat

LINK = re.compile(r"https?://[^\s)>\]|]+")
TASK = "skipped: a task, listed under action items"
GUESS = "skipped: a guess, quoted under contributing factors"
_ALERT = re.compile(
    r"(?i)\b(firing|triggered|alert\w*|critical|warning|down|recovered|resolved|ok|back to normal|failed)\b"
    r"|rotating_light|_circle:|\(was "
)
_CLOCK = re.compile(r"^\s*\d{1,2}[:.]\d\d\s*(?:UTC|Z)?\s*[-–:]?\s*")


def message_choices(records: Records, incident_id: str) -> pd.DataFrame:
    """Return every message that may belong to an incident, with ``reason``: used (why), or skipped (why).

    A message belongs by its channel, its thread, the id in its text; in shared channels also by the time window of
    the settings. Of those that belong, the key ones are used. The counts of ``reason`` add up to all that were read.

    >>> len(inc.message_choices(records, "INC-2026-042"))
    52
    """
    chat, messages = records.settings.chat, records.messages
    of_incident = messages["incident_id"] == incident_id
    nearby = _in_window(messages, records.incident(incident_id), chat, records.as_of) & messages["incident_id"].isna()
    candidates = messages[of_incident | nearby]
    rules = KeyRules(chat)
    reasons = [rules.reason(message) if belongs else rules.apart(message) for message, belongs in
               zip(candidates.to_dict("records"), of_incident[candidates.index], strict=True)]  # fmt: skip
    return candidates.assign(reason=pd.Series(reasons, index=candidates.index, dtype="str"))


def message_account(choices: pd.DataFrame) -> pd.DataFrame:
    """Return how many messages were used and skipped for each reason; the numbers add up to all that were read.

    >>> inc.message_account(inc.message_choices(records, "INC-2026-042")).columns.tolist()
    ['reason', 'messages']
    """
    counts = choices["reason"].value_counts().rename_axis("reason").reset_index(name="messages")
    return counts.sort_values(["messages", "reason"], ascending=[False, True]).reset_index(drop=True)


def account_sentence(choices: pd.DataFrame) -> str:
    """Return the account as one sentence: read = used + skipped, with the reasons.

    >>> inc.account_sentence(inc.message_choices(records, "INC-2026-042"))
    '52 chat messages read = 18 used (a change of state 9; from a tool 4; pinned or marked 3; ...
    """
    if choices.empty:
        return "No chat message was found for this incident."
    account = message_account(choices)
    used = account["reason"].str.startswith("used")
    parts = [_count(account[used], "used"), _count(account[~used], "skipped")]
    return f"{account['messages'].sum():,} chat messages read = {' + '.join(parts)}."


def _count(account: pd.DataFrame, outcome: str) -> str:
    rows = zip(account["reason"], account["messages"], strict=True)
    listed = "; ".join(f"{reason.partition(': ')[2]} {count:,}" for reason, count in rows)
    return f"{account['messages'].sum():,} {outcome}" + (f" ({listed})" if listed else "")


def _in_window(messages: pd.DataFrame, incident: pd.Series, chat: Chat, as_of: pd.Timestamp) -> pd.Series:
    """Tell which messages stand in a shared channel around the time of the incident, until now if it is open."""
    start = incident["first_seen_at"]
    end = incident["resolved_at"] if pd.notna(incident["resolved_at"]) else as_of
    shared = messages["channel"].isin(chat.channels)
    if pd.isna(start):
        return shared & False
    before, after = pd.Timedelta(minutes=chat.minutes_before), pd.Timedelta(minutes=chat.minutes_after)
    return shared & messages["at"].between(start - before, end + after)


class KeyRules:
    """The settings' rules for key messages, compiled once."""

    def __init__(self, chat: Chat) -> None:
        self._chat = chat
        self._status = words_pattern(chat.status_words)
        self._guess = words_pattern(chat.guess_words)
        self._scribe, self._todo, self._commands = (
            tuple(prefix.casefold() for prefix in prefixes)
            for prefixes in (chat.scribe_prefixes, chat.todo_prefixes, chat.commands)
        )

    def apart(self, message: dict[str, object]) -> str:
        """Return why a message of a shared channel at the same time is skipped."""
        return "skipped: same time, but nothing ties it to this incident" if _text(message) else "skipped: no text"

    def reason(self, message: dict[str, object]) -> str:
        """Return why a message of the incident is used or skipped; the first reason that holds."""
        text = _text(message)
        lower = text.casefold()
        if not text:
            return "skipped: no text"
        if message["pinned"] or set(split_names(message["reactions"])) & set(self._chat.key_reactions):
            return "used: pinned or marked"
        if lower.startswith(self._scribe):
            return "used: scribe note"
        if task_in(text, self._chat.todo_prefixes):
            return TASK
        if lower.startswith(self._commands):
            return "used: a command"
        return self._by_content(text, bool(message["is_bot"]))

    def _by_content(self, text: str, is_bot: bool) -> str:
        if is_bot:
            return (
                "used: from a tool"
                if LINK.search(text) or _ALERT.search(text)
                else "skipped: from a tool, says no state"
            )
        if self._status.search(text) and not text.rstrip().endswith("?"):
            return "used: a change of state"
        if LINK.search(text):
            return "used: holds a link"
        return GUESS if self._guess.search(text) else "skipped: talk"


def _text(message: dict[str, object]) -> str:
    return str(message["text"]).strip() if isinstance(message["text"], str) else ""


def words_pattern(words: Iterable[str]) -> re.Pattern[str]:
    """Return a pattern that finds any of the words, whole and in any case; with no words it finds nothing."""
    listed = "|".join(re.escape(word) for word in words)
    return re.compile(rf"(?i)(?<!\w)(?:{listed})(?!\w)") if listed else re.compile(r"(?!)")


def task_in(text: str, prefixes: Iterable[str]) -> str | None:
    """Return the task that a message states ("… TODO: renew the token"), without its prefix; None if it states none."""
    listed = "|".join(re.escape(prefix) for prefix in prefixes)
    found = re.search(rf"(?i)(?:^|(?<=[\s.!?]))(?:{listed})\s*(\S.*)", text, re.S) if listed else None
    return " ".join(found[1].split()) if found else None


def without_prefix(text: str, chat: Chat) -> str:
    """Return a scribe's note without "scribe:" and the clock time that people put after it."""
    for prefix in chat.scribe_prefixes:
        if text.lstrip().casefold().startswith(prefix.casefold()):
            return _CLOCK.sub("", text.lstrip()[len(prefix) :]).strip()
    return text
