"""FireHydrant: incidents with milestones, tickets."""

from __future__ import annotations

import pandas as pd
import pytest
from factories import only, outcomes

from incident_lib.sources.firehydrant import READER


def milestone(kind: str, time: str) -> dict:
    """Return a milestone reached on the day of the incident."""
    return {"id": kind, "type": kind, "occurred_at": f"2026-03-02T{time}Z", "created_at": "2026-03-02T12:00:00Z"}


def incident(**more) -> dict:
    """Return an incident."""
    return {
        "id": "6a1c", "number": 42, "name": "Mail delayed", "created_at": "2026-03-02T09:18:00Z", "severity": "SEV1",
        "current_milestone": "resolved", "discarded_at": None, "services": [{"id": "s", "name": "mail"}],
        "milestones": [milestone("started", "09:14:00"), milestone("mitigated", "10:02:00"),
                       milestone("resolved", "10:40:00")],
        "role_assignments": [{"incident_role": {"name": "Incident Commander"}, "user": {"name": "Tom Okafor"}}], **more,
    }  # fmt: skip


def test_incident(source):
    """Milestones are our times, whether in the deprecated list or in phases."""
    file = source({"data": [incident()], "pagination": {}})
    row = only(READER.read(file))
    phases = {"milestones": None, "lifecycle_phases": [{"name": "Active", "milestones": incident()["milestones"]}]}
    newer = only(READER.read(source({"data": [incident(**phases)]})))

    assert READER.recognises(file)
    assert (row["severity"], row["services"], row["incident_commander"]) == ("critical", "mail", "Tom Okafor")
    assert row["resolved_at"] == newer["resolved_at"] == pd.Timestamp("2026-03-02T10:40Z")
    assert row["first_seen_at"] == pd.Timestamp("2026-03-02T09:18Z")


@pytest.mark.parametrize(("more", "reason"), [
    ({"discarded_at": "2026-03-02T10:00:00Z"}, "discarded"), ({"severity": "GAMEDAY"}, "gameday")])  # fmt: skip
def test_what_is_no_incident_is_accounted_for(source, more, reason):
    """Discarded incidents and game days are left out, and counted; an unset severity is no problem."""
    assert outcomes(READER.read(source({"data": [incident(**more)]}))) == {f"skipped: {reason}": 1}
    assert not READER.read(source({"data": [incident(severity="UNSET")]})).problems


def test_retrospective_milestones_are_a_postmortem(source):
    """Its start and its completion are milestones as well."""
    reached = [milestone("postmortem_started", "12:00:00"), milestone("postmortem_completed", "15:00:00")]
    row = only(READER.read(source({"data": [incident(milestones=reached)]})), "postmortems")

    assert (row["created_at"], row["completed_at"]) == (
        pd.Timestamp("2026-03-02T12:00Z"), pd.Timestamp("2026-03-02T15:00Z"))  # fmt: skip


def test_tickets_are_action_items(source):
    """Follow-ups and tasks are action items; the ticket of the incident itself is none."""
    ticket = {"id": "t", "summary": "Add an alert", "state": "in_progress", "type": "follow_up", "incident_id": "6a1c",
              "incident_name": "Mail delayed", "assignees": [{"name": "Ana Lima"}], "due_at": "2026-04-01T00:00:00Z",
              "created_at": "2026-03-03T08:00:00Z", "link": {"href": "https://tickets.example/1"}}  # fmt: skip
    file = source({"data": [ticket, {**ticket, "type": "incident"}]})
    batch = READER.read(file)
    row = only(batch, "action_items")

    assert READER.recognises(file)
    assert (row["status"], row["owner"], row["due_on"]) == ("open", "Ana Lima", pd.Timestamp("2026-04-01"))
    assert outcomes(batch) == {"used": 1, "skipped: the incident's own ticket": 1}
