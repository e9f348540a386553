"""What the period's pages say: contributing factors and tags as shares with intervals, and people's own words."""

from __future__ import annotations

import json
import re

import pandas as pd

from incident_lib.column_texts import split_names
from incident_lib.records import Records
from incident_lib.review.factors import REFERENCE
from incident_lib.statistics.intervals import multinomial_intervals
from incident_lib.story.message_rules import words_pattern

WELL, NOT_WELL, FACTORS_HEADING = "What went well", "What didn't go so well", "Contributing factors"
_PLACEHOLDER = re.compile(r"^_?to write\b", re.IGNORECASE)


def quotes(records: Records, incidents: pd.DataFrame, heading: str) -> pd.DataFrame:
    """Return what the pages of these incidents say under a heading, a row per line: incident_id, text, source.

    >>> inc.quotes(records, records.incidents, "What went well").columns.tolist()
    ['incident_id', 'text', 'source']
    """
    pages = records.postmortems[records.postmortems["incident_id"].isin(incidents["incident_id"])]
    rows = [
        {"incident_id": page.incident_id, "text": text, "source": f"{page.source}, {heading}"}
        for page in pages.sort_values("incident_id").itertuples()
        for text in _lines(_section(page.sections, heading))
    ]
    return pd.DataFrame(rows, columns=["incident_id", "text", "source"])


def _section(sections: object, heading: str) -> str:
    """Return the text under a heading, be it a section or a part of one; case and quotes don't matter."""
    held = json.loads(sections) if isinstance(sections, str) else {}
    wanted = _bare(heading)
    for name, text in held.items():
        if not isinstance(text, str):
            continue
        if _bare(name) == wanted:
            return text
        parts = re.split(r"(?m)^#{2,6}\s+(.+?)\s*$", text)
        for title, body in zip(parts[1::2], parts[2::2], strict=True):
            if _bare(title) == wanted:
                return body
    return ""


def _bare(heading: str) -> str:
    return heading.casefold().replace("’", "'").strip(" :*")


def _lines(text: str) -> list[str]:
    """Return list items and paragraphs as plain lines, without placeholders and what a program wrote about itself."""
    joined = re.sub(r"\n(?!\s*(?:[-*+]|\d+\.)\s|\s*\n)", " ", text.strip())
    lines = [re.sub(r"^\s*(?:[-*+]|\d+\.)\s+", "", line).strip() for line in joined.splitlines()]
    lines = [" ".join(line.split()) for line in lines]
    return [line for line in lines if line and not _PLACEHOLDER.match(line) and not line.startswith(("|", "<!--"))]


def factor_kinds(records: Records, incidents: pd.DataFrame) -> pd.DataFrame:
    """Return which kinds of contributing factors each page names: incident_id, kind, text (the line), source.

    Each line counts for the first kind of the settings whose words it holds, or as "other"; so a page may name several.

    >>> inc.factor_kinds(records, records.incidents).columns.tolist()
    ['incident_id', 'text', 'source', 'kind']
    """
    lines = quotes(records, incidents, FACTORS_HEADING)
    kind = pd.Series("other", index=lines.index, dtype="str")
    for name, words in reversed(records.settings.review.factors.items()):
        kind = kind.mask(lines["text"].str.contains(words_pattern(words)).fillna(False), name) if len(lines) else kind
    return lines.assign(kind=kind)


def factor_pareto(kinds: pd.DataFrame) -> pd.DataFrame:
    """Return factors by how many lines name them: name, count, share, lower, upper, reference (published share).

    The intervals are Goodman's for all kinds at once; lines of one page are taken as separate statements.

    >>> inc.factor_pareto(inc.factor_kinds(records, records.incidents))["name"].tolist()[:2]
    ['other', 'binary push']
    """
    return _pareto(kinds["kind"]).assign(reference=lambda table: table["name"].map(REFERENCE))


def tag_pareto(incidents: pd.DataFrame, *, most: int = 12) -> pd.DataFrame:
    """Return tags by how many incidents carry them (see ``factor_pareto``); those of urgency and day don't count.

    >>> inc.tag_pareto(records.incidents).columns.tolist()
    ['name', 'count', 'share', 'lower', 'upper']
    """
    tags = incidents["tags"].map(split_names).explode().dropna()
    table = _pareto(tags[~tags.astype("str").str.match(r"(?:critical|high|medium|low)(?:_\d{8})?$")])
    return table.head(most)


def _pareto(names: pd.Series) -> pd.DataFrame:
    counts = names.astype("str").value_counts()
    counts = counts.sort_index().sort_values(ascending=False, kind="stable")
    return multinomial_intervals(counts).rename_axis("name").reset_index()


def surprises(records: Records, incidents: pd.DataFrame, *, most: int = 12) -> pd.DataFrame:
    """Return where people said that something surprised them: incident_id, text, source; pages first, then chat.

    A sentence counts if it holds one of the settings' words. Who said it is left to the source.

    >>> inc.surprises(records, records.incidents).columns.tolist()
    ['incident_id', 'text', 'source']
    """
    pattern = words_pattern(records.settings.review.surprise_words)
    pages = [quotes(records, incidents, heading) for heading in (NOT_WELL, WELL, FACTORS_HEADING, "What happened")]
    own = records.messages["incident_id"].isin(incidents["incident_id"]) & ~records.messages["is_bot"]
    said = records.messages.loc[own, ["incident_id", "text", "source"]].dropna(subset="text")
    every = pd.concat([*pages, said], ignore_index=True)
    every = every[every["text"].str.contains(pattern)] if len(every) else every
    texts = [_sentence_with(text, pattern) for text in every["text"]]
    return (
        every.assign(text=pd.Series(texts, index=every.index, dtype="str"))
        .drop_duplicates(["incident_id", "text"])
        .head(most)
        .reset_index(drop=True)
    )


def _sentence_with(text: str, pattern: re.Pattern[str]) -> str:
    """Return the sentence of a text in which a pattern is found."""
    sentences = re.split(r"(?<=[.!?])\s+", " ".join(text.split()))
    return next((sentence for sentence in sentences if pattern.search(sentence)), text)
