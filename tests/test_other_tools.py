"""What holds for every reader of other tools' records: damage is refused or told, and no two claim the same file."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from incident_lib.errors import SourceError
from incident_lib.settings import Settings
from incident_lib.sources import (
    firehydrant,
    github_issues,
    github_status,
    googlecloud,
    incident_io,
    opsgenie,
    rootly,
    servicenow,
    statuspage,
    tabular,
)
from incident_lib.sources.reading import Batch, Source
from incident_lib.sources.registry import READERS

AT = "2026-03-02T09:14:00Z"
RECORDS = {
    firehydrant: {"data": [{"id": "a", "number": 1, "severity": "SEV1", "current_milestone": "started",
                            "created_at": AT, "milestones": [{"type": "started", "occurred_at": AT}],
                            "services": [{"name": "mail"}]}]},
    github_issues: [{"number": 1, "title": "Mail", "state": "open", "labels": [{"name": "incident"}], "created_at": AT,
                     "user": {"login": "a"}, "html_url": "https://github.example/a/b/issues/1"}],
    github_status: [{"id": "1", "downtime_start": AT, "downtime_end": AT, "impact": "minor", "components": ["Mail"],
                     "updates": [{"at": AT, "status": "Update", "message": "x"}]}],
    googlecloud: [{"id": "a", "number": "1", "begin": AT, "end": AT, "external_desc": "Mail", "severity": "low",
                   "affected_products": [{"title": "Mail"}], "updates": [{"when": AT, "text": "x"}]}],
    incident_io: {"incidents": [{"id": "a", "reference": "INC-1", "mode": "standard", "created_at": AT,
                                 "incident_status": {"category": "live"}, "severity": {"name": "Major"},
                                 "incident_timestamp_values": [{"incident_timestamp": {"name": "Resolved at"},
                                                                "value": {"value": AT}}]}]},
    opsgenie: {"data": [{"id": "a", "tinyId": "1", "message": "Mail", "createdAt": AT, "priority": "P1",
                         "status": "closed", "updatedAt": AT, "tags": ["x"]}]},
    rootly: {"data": [{"id": "a", "type": "incidents", "attributes": {
        "title": "Mail", "started_at": AT, "services": [{"attributes": {"name": "mail"}}],
        "severity": {"data": {"attributes": {"slug": "sev1"}}}}}]},
    servicenow: {"result": [{"number": "INC1", "sys_id": "a", "incident_state": "1", "opened_at": AT,
                             "priority": "1"}]},
    statuspage: [{"id": "a", "name": "Mail", "impact": "minor", "created_at": AT,
                  "incident_updates": [{"status": "resolved", "body": "x", "display_at": AT}]}],
    tabular: [{"incident_id": "INC-1", "title": "Mail", "started_at": AT}],
}  # fmt: skip
ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(-1e9, 1e9) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)


def read_all(reader, source: Source) -> Batch | None:
    """Return what a reader gives; None if it refuses the file or does not know it."""
    try:
        return reader.READER.read(source) if reader.READER.recognises(source) else None
    except SourceError:
        return None


@pytest.mark.parametrize("reader", RECORDS, ids=lambda reader: reader.READER.name)
def test_one_reader_knows_the_file(tmp_path, reader):
    """The first reader that knows a tool's records is that tool's own."""
    file = tmp_path / "x.json"
    file.write_text(json.dumps(RECORDS[reader]), encoding="utf-8")
    source = Source(file, "x.json", Settings())

    assert next(one for one in READERS if one.recognises(source)) is reader.READER
    assert len(read_all(reader, source).tables["incidents"]) == 1


def replaced(value, at: int, other) -> tuple[object, int]:
    """Return a JSON value with its part number ``at`` replaced, and how many parts are left to count."""
    if at == 0:
        return other, -1
    at -= 1
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    changed = {}
    for key, part in parts:
        changed[key], at = replaced(part, at, other) if at >= 0 else (part, at)
    return (changed if isinstance(value, dict) else list(changed.values()) if isinstance(value, list) else value), at


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(list(RECORDS)), st.integers(1, 30), ODD)
def test_a_value_of_another_type_costs_little(tmp_path_factory, reader, at, other):
    """A value of any type in any place, a list for a text or nothing for a list, is read, refused or told."""
    good = RECORDS[reader]
    changed, _ = replaced(good, at, other)
    file = tmp_path_factory.mktemp("types") / "x.json"
    file.write_text(json.dumps(changed), encoding="utf-8")

    read_all(reader, Source(file, "x.json", Settings()))
