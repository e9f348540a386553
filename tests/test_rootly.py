"""Rootly: incidents, action items, events, post-mortems, and never a secret."""

from __future__ import annotations

import json

import pandas as pd
import pytest
from factories import only, outcomes

from incident_lib.sources.rootly import READER


def record(type_: str = "incidents", **attributes) -> dict:
    """Return a record as JSON:API has it."""
    return {"id": "a1b2", "type": type_, "attributes": attributes}


def incident(**more) -> dict:
    """Return an incident."""
    return record(**{
        "title": "Mail delayed", "kind": "normal", "slug": "mail-delayed", "status": "resolved",
        "severity": {"data": {"id": "s", "attributes": {"name": "SEV0", "slug": "sev0"}}},
        "services": [{"id": "x", "attributes": {"name": "mail"}}], "started_at": "2026-03-02T02:14:00.000-07:00",
        "detected_at": "2026-03-02T09:17:00Z", "resolved_at": "2026-03-02T10:40:00Z",
        "created_at": "2026-03-02T09:18:00Z", "zoom_meeting_password": "s3cret-one",
        "zoom_meeting_pstn_password": "s3cret-two",
        "zoom_meeting_start_url": "https://zoom.example/s/1?zak=s3cret-three", "jira_issue_id": "OPS-1",
        "labels": {"api_token": "s3cret-four"}, **more,
    })  # fmt: skip


def test_incident(source):
    """All five times are stated; names come out of the nested relations."""
    file = source({"data": [incident()], "links": {}, "meta": {}})
    row = only(READER.read(file))

    assert READER.recognises(file)
    assert (row["incident_id"], row["severity"], row["services"]) == ("a1b2", "critical", "mail")
    assert (row["started_at"], row["detected_at"]) == (
        pd.Timestamp("2026-03-02T09:14Z"), pd.Timestamp("2026-03-02T09:17Z"))  # fmt: skip
    assert json.loads(row["extra"])["jira_issue_id"] == "OPS-1"


def test_secrets_are_never_kept(source):
    """Passwords and the addresses that open a call are in no column, not in extra, and in no problem."""
    batch = READER.read(source({"data": [incident(zoom_meeting_h323_password=5, started_at="s3cret?")]}))
    kept = batch.tables["incidents"].to_csv() + json.dumps([str(problem) for problem in batch.problems])

    assert "password" not in kept
    assert "s3cret-" not in kept


@pytest.mark.parametrize(("more", "reason"), [
    ({"kind": "test"}, "test"),
    ({"kind": "scheduled"}, "scheduled maintenance"),
    ({"status": "cancelled"}, "cancelled"),
])  # fmt: skip
def test_what_is_no_incident_is_accounted_for(source, more, reason):
    """Tests, maintenance and cancelled incidents are left out, and counted."""
    assert outcomes(READER.read(source({"data": [incident(**more)]}))) == {f"skipped: {reason}": 1}


def test_other_records(source):
    """Action items, events and post-mortems belong to the incident that they name; other kinds are counted."""
    records = [
        record("incident_action_items", incident_id="a1b2", summary="Add an alert", status="cancelled",
               due_date="2026-04-01", created_at="2026-03-03T08:00:00Z"),
        record("incident_events", incident_id="a1b2", event="Queue restarted", occurred_at="2026-03-02T09:40:00Z"),
        record("incident_events", incident_id="a1b2", event="Lost"),
        record("incident_post_mortems", incident_id="a1b2", title="Post-mortem", status="published",
               created_at="2026-03-03T08:00:00Z"),
        record("workflows"), {"id": 1, "type": "incidents", "attributes": None},
    ]  # fmt: skip
    batch = READER.read(source({"data": records}))

    assert only(batch, "action_items")["status"] == "declined"
    assert only(batch, "timeline")["text"] == "Queue restarted"
    assert only(batch, "postmortems")["incident_id"] == "a1b2"
    assert outcomes(batch) == {
        "used": 3, "skipped: no time": 1, "skipped: workflows": 1, "skipped: no attributes": 1}  # fmt: skip
