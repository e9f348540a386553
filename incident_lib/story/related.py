"""Earlier incidents like this one, each with why: the same service or customer, the same words."""

from __future__ import annotations

import math
import re
import weakref
from collections import Counter

import pandas as pd

from incident_lib.column_texts import split_names
from incident_lib.records import Records

LEAST = 0.30
_KNOWN: dict[int, tuple[weakref.ref[pd.DataFrame], dict[str, dict[str, float]]]] = {}
_WORDS = """
    a an and after again all are as at be been but by can customers did do down for from had has have in
    incident into is it its no not of off on one only or our out over per site sites some than that the their
    then there these they this to two up us was we were when which while who with would you slow service
    services
"""
_COMMON = frozenset(_WORDS.split())


def related_incidents(records: Records, incident_id: str, most: int = 5) -> pd.DataFrame:
    """Return at most ``most`` earlier incidents like this one: incident_id, title, at, why, score (0 to 1), source.

    The score weighs the words of title and summary, rare ones more (cosine of TF-IDF, Spärck Jones 1972), by 0.6,
    shared services by 0.25 and shared customers by 0.15 (Jaccard). Below 0.3 nothing is called related, and a shared
    service alone never is.

    >>> inc.related_incidents(records, "INC-2026-042")["incident_id"].tolist()[:2]
    ['INC-2025-032', 'INC-2025-060']
    """
    incidents = records.incidents
    incident = records.incident(incident_id)
    earlier = incidents[
        (incidents["first_seen_at"] < incident["first_seen_at"]) & (incidents["incident_id"] != incident_id)
    ]
    if earlier.empty:
        return pd.DataFrame(columns=["incident_id", "title", "at", "why", "score", "source"])
    weights = _all_weights(incidents)
    columns = ["incident_id", "title", "first_seen_at", "services", "customers", "source"]
    rows = [_compared(row, incident, weights) for row in earlier[columns].to_dict("records")]
    found = pd.DataFrame(
        [row for row in rows if row["score"] >= LEAST and row["words"]],
        columns=["incident_id", "title", "at", "why", "score", "source", "words"],
    )
    ranked = found.sort_values(["score", "incident_id"], ascending=[False, True], kind="stable")
    return ranked.drop(columns="words").head(most).reset_index(drop=True)


def _words(row: object) -> Counter[str]:
    text = " ".join(str(row[name]) for name in ("title", "summary") if pd.notna(row[name]))
    return Counter(word for word in re.findall(r"[a-z][\w-]+[a-z0-9]", text.casefold()) if word not in _COMMON)


def _all_weights(incidents: pd.DataFrame) -> dict[str, dict[str, float]]:
    """Return each incident's words with their weights, of length one; computed once per table."""
    known = _KNOWN.get(id(incidents))
    if known is None or known[0]() is not incidents:
        _KNOWN.clear()
        _KNOWN[id(incidents)] = known = (weakref.ref(incidents), _computed(incidents))
    return known[1]


def _computed(incidents: pd.DataFrame) -> dict[str, dict[str, float]]:
    rows = incidents[["incident_id", "title", "summary"]].to_dict("records")
    words = {row["incident_id"]: _words(row) for row in rows}
    seen = Counter(word for counts in words.values() for word in counts)
    rarity = {word: math.log((1 + len(incidents)) / (1 + count)) + 1 for word, count in seen.items()}
    return {incident_id: _weights(counts, rarity) for incident_id, counts in words.items()}


def _weights(words: Counter[str], rarity: dict[str, float]) -> dict[str, float]:
    weights = {word: (1 + math.log(count)) * rarity[word] for word, count in words.items()}
    length = math.sqrt(sum(weight**2 for weight in weights.values()))
    return {word: weight / length for word, weight in weights.items()} if length else {}


def _compared(row: dict[str, object], incident: pd.Series, weights: dict[str, dict[str, float]]) -> dict[str, object]:
    """Return one earlier incident with its score and the reasons in words."""
    own, other = weights[incident["incident_id"]], weights[str(row["incident_id"])]
    shared = {word: own[word] * other[word] for word in own.keys() & other.keys()}
    words = sorted(shared, key=lambda word: (-shared[word], word))[:4]
    parts, score = [], 0.6 * sum(shared.values())
    for name, weight, label in (("services", 0.25, "the same service"), ("customers", 0.15, "the same customer")):
        mine, theirs = set(split_names(incident[name])), set(split_names(row[name]))
        if mine & theirs:
            score += weight * len(mine & theirs) / len(mine | theirs)
            parts.append(f"{label}: {', '.join(sorted(mine & theirs))}")
    if words:
        parts.append(f"the same words: {', '.join(words)}")
    return {"incident_id": row["incident_id"], "title": row["title"], "at": row["first_seen_at"],
            "why": "; ".join(parts), "score": round(score, 3), "source": row["source"], "words": words}  # fmt: skip
