"""Google Cloud incidents in the old and the new schema."""

from __future__ import annotations

import pandas as pd
from factories import only, outcomes

from incident_lib.sources.googlecloud import READER


def incident(**more) -> dict:
    """Return an incident in the new schema."""
    return {
        "id": "ow5i3PPK96RduMcb1SsW", "number": "1234567890", "begin": "2026-03-02T09:14:00+00:00",
        "created": "2026-03-02T09:30:00+00:00", "end": "2026-03-02T10:40:00+00:00", "severity": "medium",
        "external_desc": "Mail delayed\nMore on it.", "status_impact": "SERVICE_DISRUPTION",
        "affected_products": [{"title": "Gmail", "id": "p1"}], "uri": "incidents/ow5i",
        "updates": [{"when": "2026-03-02T10:40:00+00:00", "status": "AVAILABLE", "text": "Solved."},
                    {"when": "2026-03-02T09:30:00+00:00", "status": "SERVICE_DISRUPTION", "text": "We look."}],
        **more,
    }  # fmt: skip


def test_incident_of_the_new_schema(source):
    """Begin and end are the impact's, the page knew of it when it was created, updates come oldest first."""
    file = source([incident()])
    batch = READER.read(file)
    row = only(batch)

    assert READER.recognises(file)
    assert (row["title"], row["severity"], row["services"]) == ("Mail delayed", "medium", "Gmail")
    assert (row["started_at"], row["first_seen_at"]) == (
        pd.Timestamp("2026-03-02T09:14Z"), pd.Timestamp("2026-03-02T09:30Z"))  # fmt: skip
    assert row["url"] == "https://status.cloud.google.com/incidents/ow5i"
    assert batch.tables["timeline"]["text"].tolist() == ["Service disruption: We look.", "Available: Solved."]


def test_old_records_of_one_incident_are_one(source):
    """One record per service under one number becomes one incident with all services."""
    old = [incident(id=None, affected_products=None, service_name=name) for name in ("Mail", "Docs; Drive")]
    batch = READER.read(source(old))

    assert only(batch)["services"] == "Mail; Docs, Drive"
    assert only(batch)["incident_id"] == "1234567890"
    assert outcomes(batch) == {"used": 1, "skipped: another service of the same incident": 1}
    assert len(batch.tables["timeline"]) == 2


def test_open_incident_and_bad_values(source):
    """Without an end it is open; an impact stands in for a missing severity; what can't be read is told."""
    batch = READER.read(source([incident(end=None, severity=None, begin="soon", updates=[{"text": "x"}])]))
    row = only(batch)

    assert row["severity"] == "high"
    assert not {"resolved_at", "started_at"} & row.keys()
    assert [str(problem).split(";")[0] for problem in batch.problems] == [
        "begin: not an ISO 8601 time: 'soon'",
        "an update without a readable time @ x.json#/0/updates/0",
    ]  # fmt: skip
