"""``reviews/*.md``: what the incident commanders decided, quarter by quarter; written by hand."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime

from incident_lib.sample.company import HERE


def review_files(until: datetime) -> Iterator[tuple[str, str]]:
    """Yield the path and text of each review that had been held by ``until``."""
    for path in sorted((HERE / "reviews").glob("*.md")):
        text = path.read_text(encoding="utf-8")
        held = re.search(r"^held_at: (\S+)$", text, re.MULTILINE)
        if held and datetime.fromisoformat(held[1]) <= until:
            yield f"reviews/{path.name}", text
