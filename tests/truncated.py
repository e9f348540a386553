"""A workbook's folder as it was before later records were added: what began after a moment is cut out of its files."""

from __future__ import annotations

import csv
import io
import json
import re
import zipfile
from pathlib import Path

import pandas as pd


def truncate(source: Path, target: Path, moment: pd.Timestamp) -> int:
    """Copy a folder without the records that began after a moment; return how many records were cut."""
    cut = 0
    for path in sorted(path for path in source.rglob("*") if path.is_file()):
        copy = target / path.relative_to(source)
        copy.parent.mkdir(parents=True, exist_ok=True)
        cut += _copy(path, copy, moment)
    return cut


def _copy(path: Path, copy: Path, moment: pd.Timestamp) -> int:
    if path.suffix == ".csv":
        return _copy_csv(path, copy, moment)
    if path.suffix == ".json":
        return _copy_json(path, copy, moment)
    if path.suffix == ".zip":
        return _copy_slack(path, copy, moment)
    text = path.read_text(encoding="utf-8")
    stated = re.search(r"^(?:created_at|held_at): (\S+)$", text, re.MULTILINE) if path.suffix == ".md" else None
    if stated and pd.Timestamp(stated[1]) > moment:
        return 1
    copy.write_text(text, encoding="utf-8")
    return 0


def _copy_csv(path: Path, copy: Path, moment: pd.Timestamp) -> int:
    rows = list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8-sig"))))
    times = [name for name in rows[0] if name.endswith("_at")]
    kept = [
        row for row in rows if min(pd.Timestamp(row[name]).tz_convert("UTC") for name in times if row[name]) <= moment
    ]
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]))
    writer.writeheader()
    writer.writerows(kept)
    copy.write_text(text.getvalue(), encoding="utf-8")
    return len(rows) - len(kept)


def _copy_json(path: Path, copy: Path, moment: pd.Timestamp) -> int:
    content = json.loads(path.read_text(encoding="utf-8"))
    cut = 0
    for key, rows in content.items():
        if isinstance(rows, list):
            kept = [row for row in rows if pd.Timestamp(row.get("started_at") or row["created_at"]) <= moment]
            cut += len(rows) - len(kept)
            content[key] = kept
    if any(isinstance(rows, list) and rows for rows in content.values()):
        copy.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
    return cut


def _copy_slack(path: Path, copy: Path, moment: pd.Timestamp) -> int:
    cut = 0
    with zipfile.ZipFile(path) as whole, zipfile.ZipFile(copy, "w") as part:
        for name in whole.namelist():
            content = json.loads(whole.read(name))
            if "/" in name:
                kept = [row for row in content if float(row["ts"]) <= moment.timestamp()]
                cut += len(content) - len(kept)
                content = kept
            if content or "/" not in name:
                part.writestr(name, json.dumps(content, ensure_ascii=False))
    return cut
