"""What tests build on: an ordinary moment and an ordinary page."""

from __future__ import annotations

import pandas as pd

from incident_lib.sources.reading import Batch

NOON = pd.Timestamp("2026-03-02T12:00:00Z")
HOUR = pd.Timedelta(hours=1)
PAGE = """---
incident: INC-2026-042
title: Outbound mail delayed
severity: critical
owner: Priya Raman
status: draft
started_at: 2026-03-02T12:00:00Z
detected_at: 2026-03-02T12:05:00Z
resolved_at: 2026-03-02T14:00:00Z
created_at: 2026-03-02T15:00:00Z
{more}---

# Outbound mail delayed

{body}
"""


def page(more: str = "", body: str = "", **changes: str | None) -> str:
    """Return an ordinary page; ``changes`` replace front matter lines (None removes one), ``more`` adds some."""
    lines = []
    for line in PAGE.format(more=more, body=body).splitlines(keepends=True):
        key = line.split(":")[0]
        if key not in changes:
            lines.append(line)
        elif changes[key] is not None:
            lines.append(f"{key}: {changes[key]}\n")
    return "".join(lines)


def only(batch: Batch, table: str = "incidents") -> dict:
    """Return the only row of a table with its filled fields."""
    [(_, row)] = batch.tables[table].iterrows()
    return row.dropna().to_dict()


def outcomes(batch: Batch) -> dict[str, int]:
    """Return how many records were used, or skipped and why."""
    return {account["outcome"]: account["rows"] for account in batch.accounts}
