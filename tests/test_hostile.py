"""Files that mean harm: each is refused or kept out with a sentence, and what stands beside it is read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from incident_lib.loading import load
from incident_lib.settings import Settings
from incident_lib.sources.fields import EARLIEST_YEAR, LATEST_YEAR

GOOD = {"good.csv": "incident_id,title\nINC-1,Mail\n"}
DEEP = 50_000
FRONT = "---\nincident: INC-2\ntitle: x\n{}\n---\n# x\n"


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("deep.json", '{"incidents": ' + "[" * DEEP + "]" * DEEP + "}", "nested more than 100 levels"),
        ("deep.json", '{"a":' * DEEP + "1" + "}" * DEEP, "nested more than 100 levels"),
        ("deep.jsonl", '{"incident_id": "INC-2", "title": ' + "[" * DEEP + "]" * DEEP + "}\n" * 2, ""),
        ("nan.json", '[{"incident_id": "INC-2", "started_at": NaN}]', "NaN is no JSON number"),
        ("inf.json", '[{"incident_id": "INC-2", "started_at": 1e999}]', "too large"),
        ("a.csv", "incident_id,title,started_at\nINC-2,x,1628-03-02T10:00:00Z\n", "1628"),
        ("a.csv", "incident_id,title,started_at\nINC-2,x,9999-12-31T23:59:59Z\n", "9999"),
        ("a.csv", "incident_id,title,started_at\nINC-2,x,inf\n", "'inf'"),
        ("a.md", FRONT.format("a: &a [1]\nb: [*a, *a]"), "anchors and aliases"),
        ("a.md", FRONT.format("a: !!python/object/apply:os.system [ls]"), "tags"),
        ("a.parquet", b"PAR1" + b"\xff" * 60 + b"PAR1", "a.parquet"),
        ("a.zip", b"PK\x03\x04" + b"\0" * 200, "a.zip"),
    ],
)  # fmt: skip
def test_harm_costs_a_sentence(workbook, name, content, said):
    """The file or value is named; the good file beside it is read."""
    records = load(workbook({**GOOD, name: content}))
    messages = records.problems["message"].tolist()

    assert "INC-1" in set(records.incidents["incident_id"])
    assert any(said in message and "\n" not in message for message in messages)


@pytest.mark.parametrize("name", ["long.csv", "long.json", "long.jsonl"])
def test_a_text_of_a_hundred_megabytes_is_kept_out(workbook, name):
    """It costs its value, not the row, and what it says is not repeated."""
    text = "x" * 100_000_000
    record = {"incident_id": "INC-2", "title": text, "summary": "short"}
    content = f"incident_id,title,summary\nINC-2,{text},short\n" if name == "long.csv" else json.dumps(record) + "\n"
    content = f"[{content}]" if name == "long.json" else content * (2 if name == "long.jsonl" else 1)
    records = load(workbook({**GOOD, name: content}))

    assert records.incident("INC-2")["summary"] == "short"
    assert records.incidents["title"].str.len().max() < 10
    assert any("text_kilobytes" in message for message in records.problems["message"])
    assert records.problems["message"].str.len().max() < 1000


def test_nul_bytes_do_no_harm(workbook):
    """In a table, a page and JSON: read or refused, and the good file is read."""
    files = {"a.csv": "incident_id,title\nINC-2,a\0b\n", "b.json": '[{"incident_id": "INC-3", "title": "a\\u0000b"}]',
             "c.json": b'{"incident_id": "\0"}', "d.md": "---\nincident: INC-4\0\n---\n"}  # fmt: skip

    assert "INC-1" in set(load(workbook({**GOOD, **files})).incidents["incident_id"])


def test_the_documented_limits_are_the_real_ones():
    """What docs/formats.md says of each limit."""
    said = " ".join((Path(__file__).parents[1] / "docs" / "formats.md").read_text(encoding="utf-8").split())
    limits = Settings().sources.limits

    for words in (
        f"files of {limits.file_megabytes:,} MB", f"{limits.archive_members:,} members",
        f"{limits.member_megabytes} MB a member", f"{limits.archive_megabytes:,} MB unpacked",
        f"{limits.archive_ratio} times their size", f"nested {limits.nesting} deep",
        f"pages of {limits.page_kilobytes} kB", f"of {limits.front_matter_kilobytes} kB",
        f"texts of {limits.text_kilobytes:,} kB", f"years outside {EARLIEST_YEAR} to {LATEST_YEAR}",
    ):  # fmt: skip
        assert words in said
