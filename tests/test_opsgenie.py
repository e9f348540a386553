"""Opsgenie incidents."""

from __future__ import annotations

import json

import pandas as pd
from factories import only, outcomes

from incident_lib.sources.opsgenie import READER


def incident(**more) -> dict:
    """Return an incident as the API lists it."""
    return {
        "id": "70413a06-38d6", "tinyId": "12", "message": "Mail delayed", "status": "closed", "priority": "P1",
        "createdAt": "2026-03-02T09:17:00.5Z", "updatedAt": "2026-03-02T11:00:00Z", "tags": ["mail", "eu"],
        "impactedServices": ["b9a2fb13"], "responders": [{"type": "team", "id": "t1"}], **more,
    }  # fmt: skip


def test_incident(source):
    """Priorities become severities, both ids are known, the rest is kept."""
    file = source({"data": [incident()], "paging": {}, "took": 0.1, "requestId": "r"})
    row = only(READER.read(file))

    assert READER.recognises(file)
    assert (row["incident_id"], row["severity"], row["tags"]) == ("70413a06-38d6", "critical", "mail; eu")
    assert row["references"] == "70413a06-38d6; 12"
    assert row["detected_at"] == pd.Timestamp("2026-03-02T09:17:00.5Z")
    assert row["source"] == "x.json#/data/0"
    assert json.loads(row["extra"])["responders"] == [{"type": "team", "id": "t1"}]


def test_end_that_is_not_stated_is_taken_from_the_last_update_and_told(source):
    """The list doesn't say when an incident was resolved; an impact's end is better than its last update."""
    batch = READER.read(source({"data": [incident()]}))
    stated = READER.read(source({"data": incident(impactEndDate="2026-03-02T10:02:00Z")}))

    assert only(batch)["resolved_at"] == pd.Timestamp("2026-03-02T11:00Z")
    assert [(problem.rule, problem.effect) for problem in batch.problems] == [("end-not-stated", "kept")]
    assert only(stated)["resolved_at"] == only(stated)["mitigated_at"] == pd.Timestamp("2026-03-02T10:02Z")
    assert not stated.problems


def test_open_incident_has_no_end(source):
    """An open incident has no end, and an unknown priority is told."""
    batch = READER.read(source({"data": [incident(status="open", priority="P9")]}))

    assert "resolved_at" not in only(batch)
    assert "unknown severity 'P9'" in str(batch.problems[0])


def test_record_without_id_is_left_out(source):
    """A record needs an id to be an incident."""
    batch = READER.read(source({"data": [incident(id="", tinyId=None)]}))

    assert outcomes(batch) == {"skipped: no id": 1}
    assert str(batch.problems[0]) == "no id; every incident needs one @ x.json#/data/0"
