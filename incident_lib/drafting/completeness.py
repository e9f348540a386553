"""How far a page is: per section filled, partly, or not at all, and the words that are left to write."""

from __future__ import annotations

import re

import pandas as pd

from incident_lib.drafting.draft import EVIDENCE, draft
from incident_lib.drafting.sidecar import page_path, read_sidecar
from incident_lib.records import Records
from incident_lib.sources.markdown import UNFILLED, blocks, is_filled

STATES = ("filled", "partly", "not at all")
# What a section that a person finished usually takes; so many words are left where its prompt still stands.
WORDS = {
    "Overview": 50, "What happened": 150, "Contributing factors": 80, "Resolution": 40, "Impact": 40, "Responders": 10,
    "How'd we do / What went well": 40, "How'd we do / What didn't go so well": 40, "Action items": 40,
    "Messaging / External message": 90,
}  # fmt: skip
_OTHER = 40


def page_completeness(records: Records, incident_id: str) -> pd.DataFrame:
    """Return one row per section of an incident's page, of its draft if there is none: section, state, words, left.

    ``state`` is filled, partly (a prompt still waits) or not at all; ``words`` counts those that are there, ``left``
    estimates those to write: what such a section usually takes, as ``WORDS`` says, where its prompt still stands.

    >>> inc.page_completeness(records, "INC-2026-042").columns.tolist()
    ['section', 'state', 'words', 'left']
    """
    path = page_path(records, incident_id)
    if path.is_file():
        body = path.read_text(encoding="utf-8", errors="replace").split("\n---\n", 1)[-1]
    else:
        body = "".join(draft(records, incident_id, sidecar=read_sidecar(records, incident_id)).sections.values())
    return body_completeness(body)


def body_completeness(body: str) -> pd.DataFrame:
    """Return the same for a page's body; a heading that only holds others together is left out."""
    parts = [(key, text) for key, text in blocks(body) if key and key != EVIDENCE]
    parents = {key.split(" / ")[0] for key, _ in parts if " / " in key}
    rows = [
        _row(key, text) for key, text in parts if not (key in parents and not _words(text) and UNFILLED not in text)
    ]
    return pd.DataFrame(rows, columns=["section", "state", "words", "left"])


def _row(key: str, text: str) -> dict[str, object]:
    prompts = sum(line.strip().startswith(UNFILLED) for line in text.splitlines())
    has = is_filled(_without_labels(text))
    state = "not at all" if not has else "partly" if prompts else "filled"
    left = WORDS.get(key, _OTHER) if prompts or not has else 0
    return {"section": key, "state": state, "words": _words(text), "left": left}


def _without_labels(text: str) -> str:
    """Return a section without the bold labels that only announce what is to come ("**What happened:**")."""
    return re.sub(r"(?m)^\*\*[^*]+:\*\*\s*$", "", text)


def _words(text: str) -> int:
    """Return how many words a section holds, prompts, marks and table rules apart."""
    kept = [line for line in text.splitlines() if not line.strip().startswith((UNFILLED, "#"))]
    return len(
        re.findall(r"\w[\w'’:.-]*", re.sub(r"\[\^[\w-]+\]|\]\([^)]*\)|\*\*[^*]+:\*\*\s*$", " ", "\n".join(kept)))
    )


def completeness_sentence(table: pd.DataFrame) -> str:
    """Return how far a page is in one sentence.

    >>> inc.completeness_sentence(inc.page_completeness(records, "INC-2026-042"))
    'Of 12 sections: 12 filled; no prompt is left.'
    """
    counts = table["state"].value_counts()
    shares = ", ".join(f"{counts.get(state, 0)} {state}" for state in STATES if counts.get(state, 0))
    left = int(table["left"].sum())
    rest = f"about {left:,} words are left to write" if left else "no prompt is left"
    return f"Of {len(table)} sections: {shares}; {rest}."
