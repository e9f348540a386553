"""GitHub issues as incidents and action items."""

from __future__ import annotations

import pandas as pd
from factories import only, outcomes

from incident_lib.sources.github_issues import READER


def issue(*labels: str, **more) -> dict:
    """Return an issue with these labels."""
    return {
        "number": 12, "id": 99, "node_id": "I_1", "title": "Mail delayed", "state": "closed", "user": {"login": "ana"},
        "labels": [{"id": 1, "name": label} for label in labels], "assignee": {"login": "tom"},
        "assignees": [{"login": "tom"}, {"login": "priya"}], "created_at": "2026-03-02T09:18:00Z",
        "closed_at": "2026-03-05T10:40:00Z", "state_reason": "completed", "body": "See INC-2026-042.",
        "html_url": "https://github.example/northlight/ops/issues/12", "milestone": None, **more,
    }  # fmt: skip


def test_labelled_issue_is_an_incident(source):
    """A label makes it an incident, another its severity; an id in its text is its id."""
    file = source([issue("incident", "severity: high")])
    row = only(READER.read(file))
    unnamed = only(READER.read(source([issue("incident", body=None)])))

    assert READER.recognises(file)
    assert (row["incident_id"], row["severity"], row["responders"]) == ("INC-2026-042", "high", "tom; priya")
    assert row["references"] == "northlight/ops#12; https://github.example/northlight/ops/issues/12"
    assert unnamed["incident_id"] == "northlight/ops#12"


def test_action_items(source):
    """They belong to the incident that they mention; closed as not planned means declined."""
    issues = [issue("action item", "detect", milestone={"due_on": "2026-04-01T07:00:00Z"}),
              issue("action-item", state_reason="not_planned"), issue("action item", state="open", closed_at=None)]
    items = READER.read(source(issues)).tables["action_items"]

    assert items["status"].tolist() == ["done", "declined", "open"]
    assert items["incident_id"].tolist() == ["INC-2026-042"] * 3
    assert items.iloc[0][["kind", "due_on", "done_on"]].tolist() == [
        "detect", pd.Timestamp("2026-04-01"), pd.Timestamp("2026-03-05")]  # fmt: skip


def test_others_are_accounted_for(source):
    """Pull requests, and issues without such a label, are left out unless the file's rule names a table."""
    issues = [issue("incident", pull_request={"url": "x"}), issue("bug")]

    assert outcomes(READER.read(source(issues))) == {
        "skipped: pull request": 1, "skipped: no label of an incident or action item": 1}  # fmt: skip
    assert outcomes(READER.read(source(issues, table="action_items"))) == {"skipped: pull request": 1, "used": 1}
