"""Repeats made one: what several sources say of the same thing within two minutes, and what it marks."""

from __future__ import annotations

import re
from difflib import SequenceMatcher
from functools import lru_cache
from typing import Any

import pandas as pd

from incident_lib.chat_links import is_permalink
from incident_lib.settings import Settings
from incident_lib.story.severity_time import SeverityReader
from incident_lib.tables import SEVERITIES

NEAR = pd.Timedelta(minutes=2)
AROUND = pd.Timedelta(minutes=5)  # people say that it is over a little after it is
ALIKE = 0.82
MILESTONES = {
    "started_at": ("began", "The incident began"),
    "detected_at": ("detected", "It was detected"),
    "acknowledged_at": ("acknowledged", "A responder acknowledged it"),
    "mitigated_at": ("mitigated", "The impact stopped"),
    "resolved_at": ("resolved", "The incident was resolved"),
}
_BY_KIND = {"alert": "detected", "acknowledged": "acknowledged", "mitigated": "mitigated", "resolved": "resolved"}
_BY_WORDS = (
    ("resolved", re.compile(r"(?i)^\W*(?:INC-\S+\W+)?(?:\[?resolved\b|"
                            r"(?:this|the) incident (?:has been|was|is) resolved|all clear)")),
    ("mitigated", re.compile(r"(?i)\b(?:mitigated|impact has stopped|the impact stopped)\b")),
    ("began", re.compile(r"(?i)\b(?:start of the (?:incident|impact|outage)|"
                         r"(?:the )?(?:incident|impact) (?:began|started|begins))\b")),
    ("acknowledged", re.compile(r"(?i)\b(?:acknowledged|takes? it on)\b")),
    ("detected", re.compile(r"(?i)^\W*(?:alert\b|\[?firing|triggered)")),
)  # fmt: skip
# Which row speaks for those that say the same: a person's words before a tool's, a tool's before our own sentence.
_ORDER = ("note", "message", "status", "severity", "page", "alert", "bot", "escalated", "assigned", "acknowledged",
          "mitigated", "resolved", "milestone")  # fmt: skip
_SPEAKER = {kind: place for place, kind in enumerate(_ORDER)}


def statements(rows: pd.DataFrame, settings: Settings) -> list[str | None]:
    """Return for each row what it states: a milestone's word, a change of severity ("raised to critical"), or None."""
    reader = SeverityReader(settings)
    current: str | None = None
    said: list[str | None] = []
    for row in rows[["kind", "text", "severity"]].itertuples(index=False):
        mark, current = _statement(row, reader, current)
        said.append(mark)
    return said


def _statement(row: object, reader: SeverityReader, current: str | None) -> tuple[str | None, str | None]:
    """Return a row's mark and the severity in force after it."""
    kind, text, severity = row.kind, row.text if isinstance(row.text, str) else "", row.severity
    if kind == "milestone":
        return next(word for word, sentence in MILESTONES.values() if sentence == text), current
    if kind == "severity" or (kind in ("message", "page", "note", "status") and not text.rstrip().endswith("?")):
        read = reader.read(text)
        after = severity if pd.notna(severity) else read[1] if read else None
        if after:
            return _severity_words(current or (read[0] if read else None), after), after
    if kind in _BY_KIND:
        return _BY_KIND[kind], current
    return next((word for word, pattern in _BY_WORDS if pattern.search(text)), None), current


def _severity_words(before: str | None, after: str) -> str:
    if before == after:
        return f"still {after}"
    if before is None:
        return f"declared {after}"
    up = SEVERITIES.index(after) < SEVERITIES.index(before)
    return f"{'raised' if up else 'lowered'} to {after}"


def merged(rows: pd.DataFrame, stated: list[str | None]) -> pd.DataFrame:
    """Return rows with repeats made one, and the column ``milestone``.

    Two rows are one if they stand within two minutes and state the same milestone or severity, or say nearly the same
    words. The first severity statement of a kind and the first row of a milestone's group are marked; a statement that
    only repeats the severity in force is none.
    """
    groups = _groups(rows, stated)
    records = rows.to_dict("records")
    table = pd.DataFrame([_one(records, members, stated) for members in groups])
    if table.empty:
        return rows.assign(milestone=pd.Series(dtype="str"), order=pd.Series(dtype="int64"))
    table = table.astype({**dict.fromkeys(("kind", "text", "who", "severity", "url", "source", "milestone"), "str"),
                          "at": "datetime64[us, UTC]"})  # fmt: skip
    return table.assign(order=range(len(table)))


def _groups(rows: pd.DataFrame, stated: list[str | None]) -> list[list[int]]:
    """Return the rows' positions in groups that are one thing each, in order of time."""
    times, kinds = list(rows["at"]), list(rows["kind"])
    texts = [_normal(text) if isinstance(text, str) else "" for text in rows["text"]]
    groups: list[list[int]] = []
    for place, at in enumerate(times):
        found = next(
            (group for group in reversed(groups) if at - times[group[0]] <= AROUND
             and any(_same(one, place, texts, stated, kinds) and (at - times[one] <= NEAR or "milestone" in
                     (kinds[one], kinds[place])) for one in group)),
            None,
        )  # fmt: skip
        if found is None:
            groups.append([place])
        else:
            found.append(place)
    return groups


def _same(one: int, other: int, texts: list[str], stated: list[str | None], kinds: list[str]) -> bool:
    """Tell whether two rows speak of the same thing."""
    if kinds[one] == kinds[other] == "status":
        return texts[one] == texts[other]  # two public updates alike may name two services: each is kept
    first, second = stated[one], stated[other]
    if first and second:
        alerts = kinds[one] == kinds[other] == "alert"
        return _base(first) == _base(second) and (not alerts or _alike(texts[one], texts[other]))
    if "milestone" in (kinds[one], kinds[other]):
        return False
    return _alike(texts[one], texts[other])


def _base(mark: str) -> str:
    """Return what a mark comes down to: for severities the one from then on."""
    return mark.rsplit(" ", 1)[-1]


def _normal(text: str) -> str:
    words = re.sub(r"https?://\S+|[^\w\s]", " ", text.casefold()).split()
    return " ".join(words)


@lru_cache(maxsize=65_536)
def _alike(one: str, other: str) -> bool:
    """Tell whether two normalised texts say nearly the same words; short ones must be equal."""
    if one == other or not (one and other):
        return one == other
    shorter, longer = sorted((one, other), key=len)
    if len(shorter.split()) >= 4 and shorter in longer:
        return True
    if len(shorter) < 12 or len(shorter) < 0.6 * len(longer) or re.findall(r"\d+", one) != re.findall(r"\d+", other):
        return False
    matcher = SequenceMatcher(None, one, other, autojunk=False)
    return matcher.quick_ratio() >= ALIKE and matcher.ratio() >= ALIKE


def nearly_the_same(one: str, other: str) -> bool:
    """Tell whether two texts say nearly the same words."""
    return _alike(_normal(one), _normal(other))


def _one(rows: list[dict[str, Any]], members: list[int], stated: list[str | None]) -> dict[str, object]:
    """Return a group as one row: the best words, the first time, every pointer; a milestone's own time is believed."""
    # a row that drafting wrote is no evidence beside the record that it was made from
    members = [place for place in members if not rows[place]["drafted"]] or members
    part = [rows[place] for place in members]
    speaker = min(part, key=lambda row: (_SPEAKER.get(row["kind"], len(_SPEAKER)), -len(str(row["text"]))))
    own = [row for row in part if row["kind"] == "milestone"]
    marks = [mark for place in members if (mark := stated[place]) and not mark.startswith("still ")]
    marked = marks and (own or marks[0].split(" ")[0] in ("declared", "raised", "lowered"))
    return {
        "at": (own or part)[0]["at"],
        "kind": speaker["kind"],
        "milestone": marks[0] if marked else None,
        "text": speaker["text"],
        "who": speaker["who"],
        "severity": next((row["severity"] for row in part if pd.notna(row["severity"])), None),
        "url": min((row["url"] for row in part if pd.notna(row["url"])), key=is_permalink, default=None),
        "source": "; ".join(dict.fromkeys(pointer for row in part for pointer in row["source"].split("; "))),
    }
