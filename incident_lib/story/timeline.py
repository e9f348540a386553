"""Events and messages → one incident's timeline: ordered, repeats made one, milestones marked, silences named."""

from __future__ import annotations

import re

import pandas as pd

from incident_lib.chat_links import permalinks
from incident_lib.records import Records
from incident_lib.settings import Settings
from incident_lib.sources.markdown import plain
from incident_lib.story.message_rules import LINK, account_sentence, message_account, message_choices, without_prefix
from incident_lib.story.milestones import MILESTONES, merged, statements
from incident_lib.story.severity_time import Stay, severity_at
from incident_lib.words import duration_in_words

__all__ = [
    "account_sentence", "data_links", "incident_timeline", "link_sentence", "message_account", "message_choices",
    "silence_sentences", "silences",
]  # fmt: skip
COLUMNS = ("at", "local", "kind", "milestone", "text", "who", "severity", "url", "source")
_FOOTNOTE = re.compile(r"\s*\[\^[\w-]+\]")
_EMOJI = re.compile(r"^\s*(?::[a-z0-9_+-]+:\s*)+")
_MARK_WORDS = r"began|detected|acknowledged|mitigated|resolved|(?:declared|raised to|lowered to) \w+"
_TOOL_KINDS = ("alert", "acknowledged", "assigned", "escalated", "note", "severity", "resolved")


def incident_timeline(records: Records, incident_id: str, *, own_rows: bool = True) -> pd.DataFrame:
    """Return one incident's timeline in order: alerts, log entries, updates, page entries, key messages, milestones.

    Columns as in ``COLUMNS``; ``local`` is ``at`` on the workbook's clock as text; ``milestone`` says in words what a
    row marks (began, raised to critical, resolved, …), ``url`` is the data link, ``source`` the pointers to where it
    was read. What several sources say within two minutes is one row with all their pointers. Rows of one moment stand
    in the order of their files' names, and within a file as they stand there, however the files were read.
    ``own_rows`` False leaves out what the page's own timeline says.

    >>> inc.incident_timeline(records, "INC-2026-042")["milestone"].dropna().tolist()[:3]
    ['began', 'detected', 'acknowledged']
    """
    incident = records.incident(incident_id)
    rows = pd.concat(
        [_marks(incident), _events(records, incident, own_rows), _messages(records, incident_id)], ignore_index=True
    )
    rows = rows.assign(place=_places(rows["source"]))
    order = ["at", "place", "kind", "text"]
    rows = rows.sort_values(order, na_position="last", kind="stable", ignore_index=True).drop(columns="place")
    stated = statements(rows, records.settings)
    table = merged(rows, stated).sort_values(["at", "order"], kind="stable", ignore_index=True)
    return table.assign(local=local_times(table["at"], records.settings))[list(COLUMNS)]


def _places(pointers: pd.Series) -> pd.Series:
    """Return the rank of each pointer by file and place: "updates/2" stands before "updates/10"."""
    each = {pointer: _by_number(pointer) for pointer in pointers.unique()}
    ranks = {pointer: rank for rank, pointer in enumerate(sorted(each, key=each.__getitem__))}
    return pointers.map(ranks)


def _by_number(pointer: object) -> list[str | int]:
    """Return a pointer in parts that compare as text and number by turns."""
    parts = re.split(r"([0-9]+)", str(pointer))
    return [int(part) if number % 2 else part for number, part in enumerate(parts)]


def _marks(incident: pd.Series) -> pd.DataFrame:
    """Return a row for each milestone that the records state."""
    rows = [
        {"at": incident[name], "kind": "milestone", "text": sentence, "source": incident["source"]}
        for name, (_, sentence) in MILESTONES.items()
        if pd.notna(incident[name])
    ]
    return _typed(pd.DataFrame(rows))


def _events(records: Records, incident: pd.Series, own_rows: bool) -> pd.DataFrame:
    """Return the incident's events as readers gave them, page entries as plain text, alerts with their address."""
    events = records.timeline[records.timeline["incident_id"] == incident["incident_id"]]
    if not own_rows:
        events = events[events["kind"] != "page"]
    from_page = events["kind"] == "page"
    drafted = from_page & events["extra"].fillna("").str.contains('"footnotes"', regex=False)
    names = tuple(f"{name}: " for name in records.messages["who"].dropna().unique()) if drafted.any() else ()
    texts = events["text"].where(~from_page, events["text"].map(_page_words, na_action="ignore"))
    texts = texts.where(~drafted, texts.map(lambda text: _without_mark(text, names), na_action="ignore"))
    of_tool = events["kind"].isin(_TOOL_KINDS) & events["source"].map(
        lambda source: _same_tool(source, incident["url"])
    ).astype(bool)
    url = events["url"].where(events["url"].notna() | ~of_tool, incident["url"])
    return _typed(events.assign(text=texts, url=url.fillna(_first_link(events["text"])), drafted=drafted))


def _page_words(text: str) -> str:
    """Return a page's entry without emphasis, the sign for red or green, and our footnote marks."""
    return re.sub(r"^[🔴🟢]\s*", "", plain(_FOOTNOTE.sub("", text)))


def _without_mark(text: str, names: tuple[str, ...]) -> str:
    """Return a row that drafting wrote as the record had it: without milestone and author before it."""
    bare = re.sub(rf"^(?:{_MARK_WORDS}): ", "", text)
    return next((bare[len(name) :] for name in names if bare.startswith(name)), bare)


def _same_tool(source: str, url: object) -> bool:
    """Tell whether a row was read from an export of the tool whose address the incident has."""
    parts = re.findall(r"[a-z]{5,}", url.split("/")[2].lower()) if isinstance(url, str) and url.count("/") > 2 else []
    return any(part in source.lower() for part in parts)


def _first_link(texts: pd.Series) -> pd.Series:
    return texts.str.extract(f"({LINK.pattern})")[0].str.rstrip(".,;:")


def _messages(records: Records, incident_id: str) -> pd.DataFrame:
    """Return the key messages as rows."""
    chosen = message_choices(records, incident_id)
    used = chosen[chosen["reason"].str.startswith("used")]
    texts = used["text"].map(
        lambda text: _EMOJI.sub("", without_prefix(text, records.settings.chat)), na_action="ignore"
    )
    kinds = used["is_bot"].map({True: "bot", False: "message"}).astype("str")
    # an address in the text leads to the data; the message's own says only where somebody wrote
    url = _first_link(used["text"]).fillna(permalinks(used, records.settings.chat.workspace_url))
    return _typed(used.assign(kind=kinds, text=texts, url=url))


def _typed(rows: pd.DataFrame) -> pd.DataFrame:
    frame = rows.reindex(columns=["at", "kind", "text", "who", "severity", "url", "source", "drafted"])
    frame = frame.assign(drafted=frame["drafted"].eq(True))
    texts = dict.fromkeys(("kind", "text", "who", "severity", "url", "source"), "str")
    return frame.astype({"at": "datetime64[us, UTC]", **texts})


def readable(timeline: pd.DataFrame, most: int = 2) -> pd.DataFrame:
    """Return a timeline for a report's table: without Markdown's signs, of many pointers the first ones.

    >>> inc.readable(inc.incident_timeline(records, "INC-2026-042"))["text"].iloc[0]
    'Start of the incident'
    """
    pointers = timeline["source"].str.split("; ")
    shown = pointers.map(
        lambda every: "; ".join(every[:most]) + (f"; and {len(every) - most} more" if len(every) > most else "")
    )
    return timeline.assign(text=timeline["text"].map(plain, na_action="ignore"), source=shown.astype("str"))


def local_times(times: pd.Series, settings: Settings) -> pd.Series:
    """Return times on the workbook's clock as "09:14 EDT"."""
    return times.dt.tz_convert(settings.workbook.zone).dt.strftime("%H:%M %Z").astype("str")


def data_links(timeline: pd.DataFrame) -> tuple[int, int]:
    """Return how many rows of a timeline have a data link, and how many there are; milestones we set don't count.

    >>> inc.data_links(inc.incident_timeline(records, "INC-2026-042"))
    (20, 21)
    """
    rows = timeline[timeline["kind"] != "milestone"]
    return int(rows["url"].notna().sum()), len(rows)


def link_sentence(timeline: pd.DataFrame) -> str:
    """Return how many rows have a data link, as a sentence.

    >>> inc.link_sentence(inc.incident_timeline(records, "INC-2026-042"))
    '20 of 21 rows have a data link.'
    """
    linked, total = data_links(timeline)
    if not total:
        return "The records hold no event."
    return f"{linked} of {total} row{'' if total == 1 else 's'} {'has' if linked == 1 else 'have'} a data link."


def silences(
    timeline: pd.DataFrame, until: pd.Timestamp, minutes: float = 20, stays: list[Stay] | None = None
) -> pd.DataFrame:
    """Return the gaps of more than ``minutes`` between rows up to ``until``, which ends the last one.

    Columns: at (start), minutes (float), severity (in force when it began; empty if unknown), source (the row before).

    >>> rows = inc.incident_timeline(records, "INC-2026-042")
    >>> inc.silences(rows, rows["at"].max(), 16)["minutes"].round().tolist()
    [17.0, 18.0, 19.0]
    """
    rows = timeline[timeline["at"] <= until].drop_duplicates("at", keep="last")
    ends = rows["at"].shift(-1).fillna(until)
    length = (ends - rows["at"]) / pd.Timedelta(minutes=1)
    long = rows[length > minutes]
    severity = [severity_at(stays or [], at) for at in long["at"]]
    return pd.DataFrame({
        "at": long["at"], "minutes": length[long.index], "severity": pd.Series(severity, index=long.index, dtype="str"),
        "source": long["source"],
    }).reset_index(drop=True)  # fmt: skip


def silence_sentences(gaps: pd.DataFrame) -> list[str]:
    """Return each silence as a sentence: "No word for 24 minutes while Critical, from 13:02 UTC".

    >>> rows = inc.incident_timeline(records, "INC-2026-042")
    >>> inc.silence_sentences(inc.silences(rows, rows["at"].max(), 18))
    ['No word for 19 minutes, from 2026-05-21 14:36 UTC.']
    """
    return [
        f"No word for {duration_in_words(gap.minutes)}"
        f"{f' while {gap.severity.capitalize()}' if pd.notna(gap.severity) else ''}, "
        f"from {gap.at:%Y-%m-%d %H:%M} UTC."
        for gap in gaps.itertuples()
    ]
