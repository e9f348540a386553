"""incident.io: incidents, updates, follow-ups, documents."""

from __future__ import annotations

import pandas as pd
import pytest
from factories import only, outcomes

from incident_lib.sources.incident_io import READER


def stamp(name: str, value: str | None) -> dict:
    """Return one named timestamp."""
    return {"incident_timestamp": {"id": "t", "name": name, "rank": 1}, "value": value and {"value": value}}


def incident(**more) -> dict:
    """Return an incident."""
    return {
        "id": "01FDAG4SAP5TYPT98WGR2N7W91", "reference": "INC-123", "name": "Mail delayed", "mode": "standard",
        "created_at": "2026-03-02T09:18:00Z", "severity": {"name": "Major", "rank": 2},
        "incident_status": {"name": "Closed", "category": "closed"}, "slack_channel_name": "inc-123-mail",
        "incident_timestamp_values": [
            stamp("Impact started at", "2026-03-02T09:14:00Z"), stamp("Reported at", "2026-03-02T09:17:00Z"),
            stamp("Fixed at", "2026-03-02T10:02:00Z"), stamp("Resolved at", None)],
        "incident_role_assignments": [
            {"role": {"name": "Lead", "role_type": "lead"}, "assignee": {"name": "Tom Okafor"}},
            {"role": {"name": "Scribe", "role_type": "custom"}, "assignee": {"name": "Priya Raman"}}],
        "permalink": "https://app.incident.example/1", **more,
    }  # fmt: skip


def test_incident(source):
    """Named timestamps become our times, the lead commands, the internal id is a reference."""
    file = source({"incidents": [incident()]})
    row = only(READER.read(file))

    assert READER.recognises(file)
    assert (row["incident_id"], row["severity"], row["channel"]) == ("INC-123", "high", "inc-123-mail")
    assert (row["started_at"], row["detected_at"], row["mitigated_at"]) == tuple(
        pd.Timestamp(f"2026-03-02T{time}Z") for time in ("09:14", "09:17", "10:02"))  # fmt: skip
    assert "resolved_at" not in row
    assert (row["incident_commander"], row["responders"]) == ("Tom Okafor", "Tom Okafor; Priya Raman")
    assert row["references"] == "INC-123; 01FDAG4SAP5TYPT98WGR2N7W91; https://app.incident.example/1"


@pytest.mark.parametrize(("more", "reason"), [
    ({"mode": "test"}, "test"), ({"incident_status": {"category": "declined"}}, "declined")])  # fmt: skip
def test_what_is_no_incident_is_accounted_for(source, more, reason):
    """Tests and declined incidents are left out, and counted."""
    assert outcomes(READER.read(source({"incidents": [incident(**more)]}))) == {f"skipped: {reason}": 1}


def test_follow_ups_are_action_items(source):
    """Their states are translated; deleted ones are left out; an unknown state is told."""
    item = {"id": "f1", "incident_id": "01F", "title": "Add an alert", "status": "outstanding", "labels": [],
            "assignee": {"name": "Ana Lima"}, "created_at": "2026-03-03T08:00:00Z", "completed_at": None}  # fmt: skip
    more = [{**item, "status": "deleted"}, {**item, "status": "not_doing"}, {**item, "status": "later"}]
    file = source({"follow_ups": [item, *more]})
    batch = READER.read(file)

    assert READER.recognises(file)
    assert batch.tables["action_items"]["status"].fillna("").tolist() == ["open", "declined", ""]
    assert batch.tables["action_items"]["created_on"].tolist() == [pd.Timestamp("2026-03-03")] * 3
    assert outcomes(batch) == {"used": 3, "skipped: deleted": 1}
    assert "unknown status 'later'; expected outstanding, completed, not_doing" in str(batch.problems[0])


def test_updates_are_timeline(source):
    """An update tells of the status, and of a new severity from then on."""
    update = {"id": "u1", "incident_id": "01F", "created_at": "2026-03-02T09:30:00Z", "message": "Cause found.",
              "new_incident_status": {"name": "Fixing"}, "new_severity": {"name": "Critical"},
              "updater": {"user": {"name": "Tom Okafor"}}}  # fmt: skip
    rows = READER.read(source({"incident_updates": [update]})).tables["timeline"]

    assert rows[["kind", "text"]].values.tolist() == [
        ["status", "Fixing: Cause found."], ["severity", "Severity: critical"]]  # fmt: skip
    assert rows["who"].tolist() == ["Tom Okafor"] * 2


def test_documents_are_postmortems(source):
    """A document's status is known, not when it was completed."""
    document = {"id": "d", "incident_id": "01F", "title": "Post-mortem", "status": "in_review", "editors": [],
                "document_url": "https://docs.example/d", "created_at": "2026-03-03T08:00:00Z"}  # fmt: skip
    row = only(READER.read(source({"postmortem_documents": [document]})), "postmortems")

    assert (row["status"], "completed_at" in row) == ("in review", False)
