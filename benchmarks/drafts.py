"""Draft the page of every incident in a file of status-page incidents: how many fail, and how many drafts per second.

python benchmarks/drafts.py ../shared/realdata/github_status/incidents.jsonl
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from pathlib import Path

from incident_lib.drafting.draft import draft
from incident_lib.drafting.evidence import Fragments
from incident_lib.loading import load


def main(source: Path) -> None:
    """Print the figures."""
    with tempfile.TemporaryDirectory() as folder:
        workbook = Path(folder)
        (workbook / "workbook.toml").write_text(
            '[severities.aliases]\nmajor = "high"\nminor = "medium"\n', encoding="utf-8"
        )
        shutil.copy(source, workbook / source.name)
        records = load(workbook)
        fragments = Fragments(workbook)
        began, claims, unreferenced = time.perf_counter(), 0, 0
        for incident_id in records.incidents["incident_id"]:
            made = draft(records, incident_id, fragments=fragments)
            claims += len(made.claims)
            unreferenced += sum(not made.pointers[claim.evidence] for claim in made.claims)
            assert made.text.count("## ") >= 10, incident_id
        seconds = time.perf_counter() - began
    count = len(records.incidents)
    print(
        f"{count:,} drafts, {claims:,} claims ({unreferenced} without evidence) in {seconds:.1f} s: "
        f"{count / seconds:.1f} drafts per second"
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
