"""PagerDuty's answers and webhooks, in every envelope, with the traps of its own examples."""

import csv
import io
import json
import re
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from incident_lib.errors import SourceError
from incident_lib.settings import FileRule, Settings, Severities
from incident_lib.sources import json_lines, pagerduty
from incident_lib.sources.json_marks import marked
from incident_lib.sources.pagerduty import READER
from incident_lib.sources.reading import Batch, Source
from incident_lib.tables import ACCOUNTS, INCIDENTS

REAL = Path(__file__).resolve().parents[2] / "shared" / "realdata"
SAMPLE = Path(__file__).resolve().parents[1] / "data" / "pagerduty"
URL = "https://northlight.pagerduty.com/incidents/PABC123"
PRIYA = {"id": "PUSER01", "type": "user_reference", "summary": "Priya Raman"}
TOM = {"id": "PUSER02", "type": "user_reference", "summary": "Tom Okafor"}
POLICY = {"id": "PEP0001", "type": "escalation_policy_reference", "summary": "On-call"}
MAIL = {"id": "PSVC001", "type": "service_reference", "summary": "Mail"}


def incident(**fields) -> dict:
    """Return an ordinary resolved incident with other fields laid over."""
    return {
        "id": "PABC123", "type": "incident", "summary": "[#42] Queue is growing", "title": "Queue is growing",
        "self": "https://api.pagerduty.com/incidents/PABC123", "html_url": URL, "incident_number": 42,
        "created_at": "2026-03-02T09:17:00Z", "resolved_at": "2026-03-02T10:40:00Z", "status": "resolved",
        "incident_key": "mail/42", "service": MAIL, "escalation_policy": POLICY, "urgency": "high",
        "assignments": [{"at": "2026-03-02T09:17:00Z", "assignee": PRIYA}],
        "acknowledgements": [{"at": "2026-03-02T09:25:00Z", "acknowledger": TOM},
                             {"at": "2026-03-02T09:20:00Z", "acknowledger": PRIYA}],
        "priority": {"id": "PPRIO01", "summary": "P1"},
    } | fields  # fmt: skip


def entry(kind: str, **fields) -> dict:
    """Return a log entry of a kind."""
    return {
        "id": f"R{kind}", "type": f"{kind}_log_entry", "summary": f"{kind} by Priya Raman", "agent": PRIYA,
        "created_at": "2026-03-02T09:20:00Z", "incident": {"id": "PABC123", "type": "incident_reference",
        "summary": "[#42] Queue is growing", "html_url": URL}, "service": MAIL,
    } | fields  # fmt: skip


def analysed(**fields) -> dict:
    """Return a raw incident of the analytics."""
    return {
        "id": "PABC123", "description": "Queue is growing", "created_at": "2026-03-02T04:17:00",
        "resolved_at": "2026-03-02T05:40:00", "seconds_to_resolve": 4980, "seconds_to_first_ack": 180,
        "priority_name": "P2", "service_name": "Mail", "escalation_policy_name": "On-call", "urgency": "high",
        "assigned_user_names": ["Priya Raman"], "resolved_by_user_name": "Tom Okafor", "major": False,
    } | fields  # fmt: skip


def utc(text: str) -> datetime:
    """Return a time of the day of the incident."""
    return datetime.fromisoformat(f"2026-03-02T{text}").replace(tzinfo=UTC)


@pytest.fixture
def read(tmp_path):
    """Return a function that writes a value as a file, JSON unless it is text, and reads it."""

    def of(value: object, name: str = "answer.json", **parts: object) -> Batch:
        path = tmp_path / name
        path.write_text(value if isinstance(value, str) else json.dumps(value), encoding="utf-8")
        source = Source(path, f"pagerduty/{name}", Settings(**parts))
        assert READER.recognises(source)
        return READER.read(source)

    return of


def only(batch: Batch, table: str) -> pd.Series:
    """Return the one row of a table."""
    assert len(batch.tables[table]) == 1
    return batch.tables[table].iloc[0]


def outcomes(batch: Batch) -> dict[tuple[str, str], int]:
    """Return what became of each kind of record."""
    table = ACCOUNTS.frame(batch.accounts)
    return {(row.kind, row.outcome): row.rows for row in table.itertuples()}


def test_incident(read):
    """Each field of an incident's row; nobody knows when the impact began."""
    row = only(read({"incidents": [incident(description="Deferred mail on mx2")]}), "incidents")
    assert row["incident_id"] == "PABC123"
    assert (row["title"], row["summary"]) == ("Queue is growing", "Deferred mail on mx2")
    assert row["severity"] == "critical"
    assert (row["detected_at"], row["first_seen_at"]) == (utc("09:17"), utc("09:17"))
    assert (row["acknowledged_at"], row["resolved_at"]) == (utc("09:20"), utc("10:40"))
    assert pd.isna(row["started_at"])
    assert (row["services"], row["responders"]) == ("Mail", "Priya Raman; Tom Okafor")
    assert (row["url"], row["references"]) == (URL, f"PABC123; {URL}")
    assert row["source"] == "pagerduty/answer.json#/incidents/0"


def test_extra_keeps_the_rest_without_numbers_to_dial_in(read):
    """What has no column is kept; references are cut down, and only the bridge's address stays."""
    bridge = {"conference_number": "+1-555-0100,,123456#", "conference_url": "https://meet.example/42"}
    extra = only(read({"incident": incident(conference_bridge=bridge)}), "incidents")["extra"]
    kept = json.loads(extra)
    assert (kept["urgency"], kept["incident_key"], kept["incident_number"]) == ("high", "mail/42", 42)
    assert kept["escalation_policy"] == {"id": "PEP0001", "summary": "On-call"}
    assert kept["conference_url"] == "https://meet.example/42"
    assert "123456" not in extra


@pytest.mark.parametrize(
    ("envelope", "pointer"),
    [
        (lambda one: [one], "#/0"),
        (lambda one: {"incidents": [one], "limit": 25, "more": False}, "#/incidents/0"),
        (lambda one: {"incident": one}, "#/incident"),
        (lambda one: [{"incidents": []}, {"incidents": [one], "more": False}], "#/1/incidents/0"),
        (lambda one: json.dumps(one) + "\n\n" + json.dumps({"incidents": [one | {"id": "PXYZ789"}]}) + "\n", " line 1"),
    ],
)
def test_every_envelope(envelope, pointer, read):
    """A bare list, an envelope, one record, pages of an answer, and lines."""
    table = read(envelope(incident())).tables["incidents"]
    assert table["source"].iat[0] == f"pagerduty/answer.json{pointer}"


def test_severity_comes_from_the_priority_alone(read):
    """Urgency is no severity; a priority that nobody knows is a problem, until the settings say what it means."""
    assert pd.isna(only(read([incident(priority=None)]), "incidents")["severity"])
    batch = read([incident(priority={"summary": "Business critical"})])
    assert pd.isna(only(batch, "incidents")["severity"])
    (problem,) = batch.problems
    assert problem.rule == "unknown-severity"
    assert problem.effect == "value left out"
    assert problem.incident_id == "PABC123"
    known = read([incident(priority={"summary": "Business critical"})],
                 severities=Severities(aliases={"business critical": "high"}))  # fmt: skip
    assert only(known, "incidents")["severity"] == "high"


def test_resolution_of_older_answers(read):
    """Where there is no ``resolved_at``, a resolved incident's last change of status is its resolution."""
    old = incident(resolved_at=None, last_status_change_at="2026-03-02T10:41:00Z", last_status_change_by=TOM)
    assert only(read([old]), "incidents")["resolved_at"] == utc("10:41")
    assert pd.isna(only(read([old | {"status": "acknowledged"}]), "incidents")["resolved_at"])


def test_policies_and_services_are_no_responders(read):
    """Only people respond."""
    machine = {"at": "2026-03-02T09:18:00Z", "acknowledger": MAIL}
    batch = read([incident(assignments=[{"assignee": POLICY}], acknowledgements=[machine])])
    assert pd.isna(only(batch, "incidents")["responders"])


@pytest.mark.parametrize(
    ("fields", "rule", "effect"),
    [
        ({"resolved_at": "2026-03-02T09:00:00Z"}, "impossible-order", "kept"),
        ({"status": "triggered"}, "contradiction", "kept"),
        ({"resolved_at": "tomorrow"}, "unreadable-time", "value left out"),
        ({"created_at": "2026-03-02T09:17:00"}, "unreadable-row", "row left out"),
        ({"created_at": None}, "unreadable-row", "row left out"),
        ({"id": None}, "unreadable-row", "row left out"),
    ],
)
def test_what_can_not_be_right_is_a_problem(fields, rule, effect, read):
    """Kept as it stands, or left out, but never silently."""
    batch = read({"incidents": [incident(**fields), incident(id="PXYZ789")]})
    assert [(one.rule, one.effect, one.source) for one in batch.problems] == [
        (rule, effect, "pagerduty/answer.json#/incidents/0")
    ]
    lost = effect == "row left out"
    assert len(batch.tables["incidents"]) == (1 if lost else 2)
    assert sum(outcomes(batch).values()) == 2


def test_several_states_of_one_incident_become_one_row(read):
    """The later state counts, with the earliest acknowledgement and the highest severity; order doesn't matter."""
    early = incident(status="acknowledged", resolved_at=None, updated_at="2026-03-02T09:30:00Z",
                     priority={"summary": "P1"}, assignments=[{"assignee": TOM}])  # fmt: skip
    late = incident(updated_at="2026-03-02T10:40:00Z", acknowledgements=[], priority={"summary": "P3"},
                    title="Mail late")  # fmt: skip
    for states in ([early, late], [late, early]):
        batch = read({"incidents": states})
        row = only(batch, "incidents")
        assert (row["title"], row["severity"], row["acknowledged_at"]) == ("Mail late", "critical", utc("09:20"))
        assert row["resolved_at"] == utc("10:40")
        assert set(row["responders"].split("; ")) == {"Tom Okafor", "Priya Raman"}
        assert outcomes(batch) == {("incidents", "used"): 2}


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("trigger", "alert"), ("acknowledge", "acknowledged"), ("resolve", "resolved"), ("assign", "assigned"),
        ("delegate", "assigned"), ("escalate", "escalated"), ("exhaust_escalation_path", "escalated"),
        ("annotate", "note"), ("unacknowledge", "status"), ("snooze", "note"), ("urgency_change", "note"),
        ("reach_ack_limit", "note"), ("something_new", "note"),
    ],
)  # fmt: skip
def test_kind_of_a_log_entry(kind, expected, read):
    """Each type of log entry has its kind in the timeline; an unknown one is a note, never lost."""
    row = only(read({"log_entries": [entry(kind)]}), "timeline")
    assert (row["kind"], row["incident_id"], row["at"]) == (expected, "PABC123", utc("09:20"))
    assert row["text"] == f"{kind} by Priya Raman"
    assert row["who"] == "Priya Raman"
    assert json.loads(row["extra"]) == {"type": kind}


def test_notifications_are_counted_not_kept(read):
    """Who was rung is no event of the incident, but it is accounted for."""
    batch = read({"log_entries": [entry("notify"), entry("acknowledge")]})
    assert only(batch, "timeline")["kind"] == "acknowledged"
    assert outcomes(batch) == {("log entries", "skipped: notification"): 1, ("log entries", "used"): 1}


def test_machines_have_no_name_in_the_timeline(read):
    """A service that triggered or resolved is nobody; the alert's own title says what it was about."""
    trigger = entry("trigger", agent=MAIL, channel={"type": "api", "summary": "Queue above 500"},
                    contexts=[{"type": "link", "href": "https://grafana.example/d/1"}])  # fmt: skip
    row = only(read({"log_entries": [trigger]}), "timeline")
    assert pd.isna(row["who"])
    assert (row["text"], row["url"]) == ("Queue above 500", "https://grafana.example/d/1")


def test_note_of_a_log_entry_is_its_own_words(read):
    """Not "Note added by"."""
    batch = read([entry("annotate", channel={"type": "note", "summary": "restarting postfix"})])
    assert only(batch, "timeline")["text"] == "restarting postfix"


@pytest.mark.parametrize(
    "fields",
    [
        {"changeset": {"field": "priority", "from": "P3", "to": "P1"}},
        {"changeset": [{"name": "Priority", "old_value": "P3", "new_value": {"summary": "P1"}}]},
        {"event_details": {"description": "Priority changed from P3 to P1"}},
    ],
)
def test_change_of_priority_is_a_change_of_severity(fields, read):
    """However the change is written."""
    row = only(read([entry("field_value_change", **fields)]), "timeline")
    assert (row["kind"], row["severity"]) == ("severity", "critical")


@pytest.mark.parametrize(
    "fields",
    [
        {"changeset": {"field": "colour", "to": "high"}},
        {"changeset": {"field": "priority", "to": "Whatever"}},
        {"event_details": {"description": "Title changed to high"}},
    ],
)
def test_other_changes_are_notes(fields, read):
    """A field that is no priority, or a priority that nobody knows."""
    row = only(read([entry("field_value_change", **fields)]), "timeline")
    assert row["kind"] == "note"
    assert pd.isna(row["severity"])


def test_log_entries_tell_of_their_incident(read):
    """First trigger, first acknowledgement and last resolution, for an incident that has no record of its own."""
    log = [
        entry("trigger", id="1", created_at="2026-03-02T09:17:00Z"),
        entry("acknowledge", id="2", created_at="2026-03-02T09:31:00Z"),
        entry("acknowledge", id="3", created_at="2026-03-02T09:19:00Z"),
        entry("resolve", id="4", created_at="2026-03-02T10:40:00Z"),
    ]
    row = only(read({"log_entries": log}), "incidents")
    assert (row["detected_at"], row["acknowledged_at"]) == (utc("09:17"), utc("09:19"))
    assert (row["resolved_at"], row["first_seen_at"]) == (utc("10:40"), utc("09:17"))
    assert (row["title"], row["services"], row["references"]) == ("Queue is growing", "Mail", f"PABC123; {URL}")
    reopened = entry("unacknowledge", id="5", created_at="2026-03-02T10:50:00Z")
    assert pd.isna(only(read({"log_entries": [*log, reopened]}), "incidents")["resolved_at"])


def test_acknowledgement_from_the_log_completes_the_record(read):
    """PagerDuty drops acknowledgements on resolution; the log still has them."""
    log = [entry("acknowledge", created_at="2026-03-02T09:19:30Z")]
    row = only(read({"incidents": [incident(acknowledgements=[])], "log_entries": log}), "incidents")
    assert row["acknowledged_at"] == utc("09:19:30")
    assert row["source"].endswith("#/incidents/0")


def test_same_log_entry_twice_counts_once(read):
    """Pages of an answer may overlap."""
    batch = read([{"log_entries": [entry("resolve")]}, {"log_entries": [entry("resolve")]}])
    assert len(batch.tables["timeline"]) == 1
    assert outcomes(batch) == {("log entries", "skipped: duplicate"): 1, ("log entries", "used"): 1}


def test_notes_belong_to_the_incident_around_them(read):
    """By the envelope, or by the file's name; else they are kept without one, and a problem says so."""
    note = {"id": "PN1", "user": PRIYA | {"self": "https://api.pagerduty.com/users/PUSER01"},
            "content": "customers informed", "created_at": "2026-03-02T05:00:00-05:00"}  # fmt: skip
    row = only(read({"notes": [note]}, name="PABC123-notes.json"), "timeline")
    assert row[["incident_id", "kind", "text"]].tolist() == ["PABC123", "note", "customers informed"]
    assert row["who"] == "Priya Raman"
    assert row["at"] == utc("10:00")
    around = read({"incident": {"id": "PABC123", "type": "incident_reference"}, "notes": [note]})
    assert only(around, "timeline")["incident_id"] == "PABC123"
    lost = read({"note": note})
    assert pd.isna(only(lost, "timeline")["incident_id"])
    assert [(one.rule, one.effect) for one in lost.problems] == [("note-without-incident", "kept")]
    assert outcomes(read({"note": note | {"content": ""}})) == {("notes", "skipped: unreadable"): 1}


def test_alerts(read):
    """An alert is a row of the timeline, with the link to what it is about."""
    alert = {"id": "PAL1", "type": "alert", "summary": "Queue above 500", "created_at": "2026-03-02T09:16:40Z",
             "incident": {"id": "PABC123", "type": "incident_reference"}, "service": MAIL, "alert_key": "k",
             "body": {"contexts": [{"type": "link", "href": "https://grafana.example/d/1"}]}}  # fmt: skip
    row = only(read({"alerts": [alert]}), "timeline")
    assert row[["incident_id", "kind", "text", "url"]].tolist() == [
        "PABC123", "alert", "Queue above 500", "https://grafana.example/d/1"
    ]  # fmt: skip


def test_webhook_of_version_2(read):
    """The incident and its log entries, each in its table."""
    body = {"messages": [{"event": "incident.resolve", "id": "m1", "incident": incident(),
                          "log_entries": [entry("resolve", created_at="2026-03-02T10:40:00Z")],
                          "webhook": {"endpoint_url": "https://hooks.example/secret"}}]}  # fmt: skip
    batch = read(body)
    assert only(batch, "incidents")["source"].endswith("#/messages/0/incident")
    assert only(batch, "timeline")["kind"] == "resolved"
    assert "secret" not in batch.tables["incidents"].to_csv() + batch.tables["timeline"].to_csv()


def test_webhooks_of_version_3_line_by_line(read):
    """Events of one incident, as a receiver would append them: a timeline, and one incident."""
    data = {"id": "PABC123", "type": "incident", "html_url": URL, "number": 42, "title": "Queue is growing",
            "service": MAIL, "assignees": [PRIYA], "status": "triggered", "priority": None}  # fmt: skip
    events = [
        ("triggered", "09:17:00", data),
        ("acknowledged", "09:20:00", data | {"status": "acknowledged"}),
        ("priority_updated", "09:30:00", data | {"priority": {"summary": "P1"}}),
        ("annotated", "09:40:00", {"id": "N1", "type": "incident_note", "content": "found it",
                                   "incident": {"id": "PABC123"}}),
        ("resolved", "10:40:00", data | {"status": "resolved"}),
    ]  # fmt: skip
    lines = [json.dumps({"event": {"id": f"E{place}", "event_type": f"incident.{name}", "resource_type": "incident",
                                   "occurred_at": f"2026-03-02T{at}Z", "agent": TOM, "data": told}})
             for place, (name, at, told) in enumerate(events)]  # fmt: skip
    batch = read("\n".join(lines), name="hooks.jsonl")
    timeline, row = batch.tables["timeline"], only(batch, "incidents")
    assert timeline["kind"].tolist() == ["alert", "acknowledged", "severity", "note", "resolved"]
    assert timeline["text"].tolist()[:4] == ["Queue is growing", "acknowledged", "priority updated to P1", "found it"]
    assert timeline["severity"].tolist()[2] == "critical"
    assert set(timeline["incident_id"]) == {"PABC123"}
    assert row[["detected_at", "acknowledged_at", "resolved_at"]].tolist() == [utc("09:17"), utc("09:20"), utc("10:40")]


def test_a_bad_line_costs_that_line(read):
    """The others are read."""
    batch = read(f"{json.dumps(incident())}\n{{oops\n{json.dumps(incident(id='PXYZ789'))}\n", name="lines.jsonl")
    assert len(batch.tables["incidents"]) == 2
    assert [one.source for one in batch.problems] == ["pagerduty/lines.jsonl line 2"]
    assert outcomes(batch)["lines", "skipped: unreadable"] == 1


def test_analytics_in_the_zone_of_the_envelope(read):
    """Naive times are read in the zone that stands beside the data; offsets go before."""
    row = only(read({"data": [analysed()], "time_zone": "America/Detroit"}), "incidents")
    assert row[["detected_at", "acknowledged_at", "resolved_at"]].tolist() == [utc("09:17"), utc("09:20"), utc("10:40")]
    assert (row["severity"], row["services"], row["responders"]) == ("high", "Mail", "Priya Raman; Tom Okafor")
    stated = analysed(created_at="2026-03-02T09:17:00Z", resolved_at="2026-03-02T10:40:00Z")
    assert only(read({"data": [stated], "time_zone": "America/Detroit"}), "incidents")["detected_at"] == utc("09:17")


@pytest.mark.parametrize("zone", [None, "Mars/Olympus", 7])
def test_analytics_without_a_zone_are_refused_not_guessed(zone, read):
    """Unless the settings state the file's zone."""
    batch = read({"data": [analysed()], "time_zone": zone})
    assert outcomes(batch) == {("analytics", "skipped: unreadable"): 1}
    assert "no UTC offset" in batch.problems[0].message
    rule = FileRule(path="pagerduty/*.json", zone="America/Detroit")
    assert only(read({"data": [analysed()]}, files=(rule,)), "incidents")["detected_at"] == utc("09:17")


@pytest.mark.parametrize(
    ("fields", "rule"),
    [({"resolved_at": "2026-03-02T04:00:00"}, "impossible-order"), ({"seconds_to_resolve": 600}, "contradiction")],
)
def test_traps_of_the_analytics_are_kept_and_named(fields, rule, read):
    """PagerDuty's own example is resolved before it began, and counts seconds that its times deny."""
    batch = read({"data": [analysed(**fields)], "time_zone": "UTC"})
    assert len(batch.tables["incidents"]) == 1
    assert [(one.rule, one.effect, one.incident_id) for one in batch.problems] == [(rule, "kept", "PABC123")]


def test_malformed_key_of_the_analytics(read):
    """A key with a quote at its end is read as the key that was meant."""
    text = json.dumps({"data": [analysed(total_interruptions=3)], "time_zone": "UTC"})
    batch = read(text.replace("total_interruptions", 'total_interruptions\\"'))
    assert json.loads(only(batch, "incidents")["extra"])["total_interruptions"] == 3


def test_analytics_as_csv(read):
    """By its header; names in a cell stand as a list or with commas; a torn row is a problem with its line."""
    out = io.StringIO()
    rows = [analysed(created_at="2026-03-02T09:17:00Z", resolved_at="", seconds_to_resolve="", description="a\nb",
                     assigned_user_names="Priya Raman, Tom Okafor"),
            analysed(id="PXYZ789", created_at="2026-03-02T09:17:00Z", resolved_at="2026-03-02T10:40:00Z",
                     assigned_user_names='["Ada Vance"]')]  # fmt: skip
    writer = csv.DictWriter(out, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    batch = read(out.getvalue() + "torn,row\r\n", name="raw.csv")
    table = batch.tables["incidents"].set_index("incident_id")
    assert table.loc["PABC123", "responders"] == "Priya Raman; Tom Okafor"
    assert table.loc["PXYZ789", "responders"] == "Ada Vance; Tom Okafor"
    assert pd.isna(table.loc["PABC123", "resolved_at"])
    assert table["source"].tolist() == ["pagerduty/raw.csv line 2", "pagerduty/raw.csv line 4"]
    assert [one.source for one in batch.problems] == ["pagerduty/raw.csv line 5"]
    assert outcomes(batch) == {("analytics", "used"): 2, ("broken", "skipped: unreadable"): 1}


def test_other_records_of_pagerduty_are_accounted_for(read):
    """Services and the like are no trouble, and no incidents."""
    service = {"id": "PSVC001", "type": "service", "name": "Mail", "escalation_policy": POLICY, "integrations": []}
    batch = read([service, service])
    assert outcomes(batch) == {("other", "skipped: no incident records"): 2}
    assert not batch.problems
    assert not batch.tables


@pytest.mark.parametrize(
    "text",
    [
        '{"page": {"id": "x"}, "incidents": [{"id": "1", "name": "Mail", "impact": "major", "incident_updates": []}]}',
        '[{"number": 7, "title": "pagerduty.com is down", "html_url": "https://github.com/x/y/issues/7"}]',
        "incident_id,title,detected_at\nINC-1,x,2026-03-02T09:17:00Z\n",
        "---\nincident: INC-1\n---\n",
        "",
    ],
)
def test_others_records_are_not_recognised(text, tmp_path):
    """A status page has "incidents" too."""
    path = tmp_path / "file.json"
    path.write_text(text)
    assert not READER.recognises(Source(path, path.name, Settings()))


def test_broken_json_is_refused_with_its_place(read):
    """The sentence says where the text stops being JSON."""
    with pytest.raises(SourceError, match=r"answer\.json is not valid JSON: .* in line 1 column"):
        read(json.dumps({"incidents": [incident()]})[:-9])


def test_elements_that_are_no_records_are_problems(read):
    """A number among the incidents costs that element."""
    batch = read({"incidents": [7, incident()]})
    assert outcomes(batch) == {("broken", "skipped: unreadable"): 1, ("incidents", "used"): 1}


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=st.permutations(range(6)), cut=st.integers(0, 6))
def test_pages_in_any_order_give_the_same(order, cut, read):
    """However an answer is cut into pages."""
    records = [incident(id=f"PABC12{n}", updated_at=f"2026-03-02T10:4{n}:00Z") for n in range(5)]
    records.append(incident(id="PABC120", title="Renamed", updated_at="2026-03-02T11:00:00Z"))
    mixed = [records[place] for place in order]
    tables = [
        read(pages).tables["incidents"].drop(columns="source").sort_values("incident_id").reset_index(drop=True)
        for pages in ({"incidents": records}, [{"incidents": mixed[:cut]}, {"incidents": mixed[cut:]}])
    ]
    pd.testing.assert_frame_equal(*tables)


@pytest.mark.parametrize("value", [None, 7, "x", [], {}, [[]], [None], {"a": None}, True])
def test_odd_values_anywhere_cost_at_most_the_row(value, read):
    """Each field of each kind of record may hold anything."""
    for record in (incident(), entry("annotate"), entry("field_value_change", changeset={}), analysed()):
        for key in set(record) - {"type"}:
            batch = read([record | {key: value}, incident(id="PXYZ789")])
            assert len(batch.tables["incidents"]) >= 1


REAL_COUNTS = {
    "pagerduty_api/sample_incidents.json": {("incidents", "used"): 2},
    "pagerduty_api/sample_alerts.json": {("alerts", "used"): 2},
    "pagerduty_api/sample_incident_create_note_response.json": {("notes", "used"): 1},
    "pagerduty_api/sample_incident_resolve_response.json": {("incidents", "used"): 1},
    "pagerduty_api/sample_incident_snooze_response.json": {("incidents", "used"): 1},
    "pagerduty_api/sample_services.json": {("other", "skipped: no incident records"): 146},
    "pagerduty_api/sample_integrations.json": {("other", "skipped: no incident records"): 2},
    "pagerduty_api/sample_escalation_policies.json": {("other", "skipped: no incident records"): 36},
    "pagerduty_webhooks/resolve_v2.json": {("incidents", "used"): 1, ("log entries", "used"): 1},
    "pagerduty_webhooks/triggered_v3.json": {("events", "used"): 1, ("incidents", "used"): 1},
    "pagerduty_webhooks/priority_updated_v3.json": {("events", "used"): 1, ("incidents", "used"): 1},
}


@pytest.mark.skipif(not REAL.exists(), reason="the real files are not here")
@pytest.mark.parametrize("name", REAL_COUNTS)
def test_real_files(name):
    """PagerDuty's own samples are read whole; the one note that says nowhere whose it is, is named."""
    source = Source(REAL / name, name, Settings())
    assert READER.recognises(source)
    batch = READER.read(source)
    assert outcomes(batch) == REAL_COUNTS[name]
    assert {one.rule for one in batch.problems} == ({"note-without-incident"} if "note_response" in name else set())


@pytest.mark.skipif(not list(SAMPLE.glob("*.json")), reason="the sample is not here")
def test_sample_reads_without_problems():
    """The workbook's own sample: incidents with severities, and a log for each."""
    for path in sorted(SAMPLE.glob("*.json")):
        source = Source(path, f"pagerduty/{path.name}", Settings())
        assert READER.recognises(source)
        batch = READER.read(source)
        assert not [one for one in batch.problems if one.effect != "kept"]
        assert batch.tables["incidents"]["first_seen_at"].notna().all()


def _usual(number: int) -> dict[str, object]:
    """Return an incident of the usual shape, as the API gives it."""
    person = {"id": "PU1", "type": "user_reference", "summary": "Ann", "self": "https://api.pagerduty.com/users/PU1"}
    return {
        "id": f"PQ{number:05}", "type": "incident", "incident_number": number, "title": f"Queue {number}",
        "status": "resolved", "created_at": "2026-03-02T12:00:00Z", "updated_at": "2026-03-02T13:00:00Z",
        "resolved_at": "2026-03-02T13:00:00Z", "last_status_change_at": "2026-03-02T13:00:00Z",
        "last_status_change_by": person, "urgency": "high",
        "service": {"id": "PS1", "type": "service_reference", "summary": "mail"}, "assignments": [], "teams": [],
        "acknowledgements": [{"at": "2026-03-02T12:10:00Z", "acknowledger": person}], "is_mergeable": True,
        "first_trigger_log_entry": {"id": f"R{number}", "type": "trigger_log_entry_reference", "summary": "Triggered"},
        "priority": {"id": "PP1", "type": "priority", "summary": "P1"}, "alert_counts": {"all": 1, "triggered": 0},
        "html_url": f"https://northlight.pagerduty.com/incidents/PQ{number:05}", "external_references": [],
    }  # fmt: skip


ODD_VALUES = st.sampled_from(
    [None, "", [], {}, 5, "x; y", " a ", [1], {"a": 1}, "2099-01-01T00:00:00Z", "triggered", "é\ud800"]
)


def told_both_ways(path: Path) -> tuple[Batch, Batch]:
    """Return what a file of lines tells many at once, and record by record."""
    source = Source(path, path.name, Settings())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pagerduty, "_SHORT", 0)
        fast = pagerduty.read(source)
        lines = np.arange(1, path.read_bytes().count(b"\n") + 2)
        patch.setattr(pagerduty, "usual_incidents", lambda _: (INCIDENTS.frame(), np.array([], int), lines))
        return fast, pagerduty.read(source)


def same(fast: Batch, careful: Batch) -> bool:
    """Tell whether two batches hold the same rows, problems and counts."""
    one, other = (batch.table(INCIDENTS).sort_values("source", ignore_index=True) for batch in (fast, careful))
    pd.testing.assert_frame_equal(one, other)
    return sorted(map(str, fast.problems)) == sorted(map(str, careful.problems)) and outcomes(fast) == outcomes(careful)


FULL_ENTRY = {"id": "R7", "type": "trigger_log_entry_reference", "summary": "R7", "self": "https://x.example/R7"}
ODD_VALUES = st.sampled_from([
    None, "", [], {}, 5, "5", 5.0, True, "true", "x; y", " a ", [1], '["a"]', {"a": 1}, "2099-01-01T00:00:00Z", "é\ud800",
    "triggered", 'say "no"\\', "[" * 120, [{"at": "2026-03-02T12:10:00Z", "acknowledger": TOM}] * 2, FULL_ENTRY,
    [{"acknowledger": TOM, "at": "2026-03-02T12:10:00.5+01:00"}],
])  # fmt: skip
DAMAGE = st.sampled_from([
    b'"', b"\\", b"{", b"}", b"]", b",", b", ", b":", b"NaN", b"1e999", b"\xff", b"\\ud800", b"\x00", b" ", b"\n", b"\r", b",}",
    b'"id": "PX", ', b'"new": 1, ', b"null", b"9", b"\xef\xbb\xbf", b"[" * 120,
])  # fmt: skip


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    values=st.lists(st.tuples(st.integers(0, 7), st.sampled_from([*_usual(0), "new", "description"]), ODD_VALUES), max_size=6),
    moved=st.lists(st.tuples(st.integers(0, 7), st.permutations(list(_usual(0)))), max_size=3),
    damage=st.lists(st.tuples(st.integers(0, 1 << 16), DAMAGE, st.integers(0, 5)), max_size=2), compact=st.booleans(),
)  # fmt: skip
def test_lines_at_once_and_record_by_record_tell_the_same(tmp_path_factory, values, moved, damage, compact):
    """Whatever is unusual about some lines, all give the rows, problems and counts that the careful way gives."""
    records = [_usual(number) for number in range(8)]
    for place, key, value in values:
        records[place][key] = value
    for place, keys in moved:
        records[place] = {key: records[place][key] for key in [*keys, *records[place]]}
    separators = (",", ":") if compact else None
    content = "".join(json.dumps(one, separators=separators) + "\n" for one in [*records, _usual(3)]).encode()
    for place, other, length in damage:
        place %= len(content)
        content = content[:place] + other + content[place + length :]
    file = tmp_path_factory.mktemp("lines") / "a.jsonl"
    file.write_bytes(json.dumps(_usual(8)).encode() + b"\n" + content + b"{broken\n")

    assert same(*told_both_ways(file))


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    values=st.lists(st.tuples(st.integers(0, 19), st.sampled_from([*_usual(0), "new"]), ODD_VALUES), max_size=4),
    swaps=st.lists(st.tuples(st.integers(0, 1 << 16), st.integers(0, 1 << 16), st.integers(1, 40)), max_size=2),
    damage=st.lists(st.tuples(st.integers(0, 1 << 16), DAMAGE, st.integers(0, 5)), max_size=3), compact=st.booleans(),
)  # fmt: skip
def test_lines_cut_by_the_lengths_of_others_are_looked_at_all_the_same(tmp_path_factory, values, swaps, damage, compact):
    """Once lengths are known, quotes are not looked for: damage, even as long as what it replaces, is found as before."""
    separators = (",", ":") if compact else None
    records = [_usual(number) for number in range(20)]
    for place, key, value in values:
        records[place][key] = value
    before, content = (
        "".join(json.dumps(one, separators=separators) + "\n" for one in some).encode()
        for some in ([_usual(number) for number in range(20, 40)], records)
    )
    for place, other, length in swaps:  # of the same length
        place, other = place % len(content), other % len(content)
        content = content[:place] + content[other:][:length] + content[place + len(content[other:][:length]) :]
    for place, other, length in damage:
        place %= len(content)
        content = content[:place] + other + content[place + length :]
    file = tmp_path_factory.mktemp("lines") / "a.jsonl"
    file.write_bytes(before + content + b"{broken\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_lines, "BLOCK", len(before) // 2 + 500)
        patch.setattr(json_lines, "_FEW", 0)
        batches = told_both_ways(file)

    assert same(*batches)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("}\n", "}x\n"), ("}\n", "}}\n"), ("}\n", "} \n"), ("}\n", '} {"id": "PX"}\n'), ("Queue 30", 'Que"e 30'),
        ("Queue 30", "Que\te 30"), ("Queue 30", "Queue\\30"), ("Queue 30", 'Queue3\\"'), ("Queue 30", 'Q", "b":"'),
        ("T13:00:00Z", 'T1":"0:00Z'), (": 30,", ": 03,"), (": 30,", ": -3,"), ('"mail"', '"ma"l"'), ('"Ann"', '"An\\"'),
    ],
)  # fmt: skip
def test_what_is_as_long_as_in_other_lines_is_not_taken_for_it(tmp_path, monkeypatch, old, new):
    """More after a line's end, a quote, an escape or a control character within a text: as if read record by record."""
    lines = [f"{json.dumps(_usual(number))}\n" for number in range(60)]
    assert old in lines[30]
    lines[30] = lines[30].replace(old, new)
    file = tmp_path / "a.jsonl"
    file.write_text("".join(lines), encoding="utf-8")
    monkeypatch.setattr(json_lines, "BLOCK", file.stat().st_size // 3)
    monkeypatch.setattr(json_lines, "_FEW", 0)

    assert same(*told_both_ways(file))


def test_lines_of_a_known_shape_are_cut_without_looking_for_their_quotes(tmp_path, monkeypatch):
    """However long their titles are, and with pieces of several lengths; a line with an escape is cut by its quotes."""
    titles = ["x" * n for n in (1, 20, 31, 32, 33, 255, 256, 300)]
    records = [_usual(n) | {"title": titles[n % 8], "urgency": ("high", "low")[n % 2]} for n in range(400)]
    records[399]["title"] = 'a "quoted" one'
    file = tmp_path / "a.jsonl"
    file.write_text("".join(f"{json.dumps(one)}\n" for one in records))
    sought = []
    monkeypatch.setattr(json_lines, "BLOCK", file.stat().st_size // 2)
    monkeypatch.setattr(json_lines, "_FEW", 0)
    monkeypatch.setattr(json_lines, "marked", lambda lines: sought.append(lines.numbers) or marked(lines))
    frame, lines, _ = pagerduty.usual_incidents(Source(file, "a.jsonl", Settings()))

    assert frame["title"].tolist() == [one["title"] for one in records]
    later = np.concatenate(sought[1:])
    assert set(later[later < 399] % 8) <= {6, 7}  # texts of 256 and more
    assert 399 in later
    assert len(lines) == 400


def test_ids_that_come_again_are_found_whatever_their_length(tmp_path):
    """Ids that begin and end alike are not the same; short ones, and those of different lengths, are compared too."""
    for ids in (["P1", "P2", "P1"], ["PAAAAAAAAAAAAAAAAAAAAAA1", "PAAAAAAAAAAABAAAAAAAAAA1", "PAAAAAAAAAAAAAAAAAAAAAA1"]):
        file = tmp_path / "a.jsonl"
        file.write_text("".join(json.dumps(_usual(n) | {"id": one}) + "\n" for n, one in enumerate(ids)))
        frame, _, others = pagerduty.usual_incidents(Source(file, "a.jsonl", Settings()))
        assert frame["incident_id"].tolist() == [ids[1]]
        assert others.tolist() == [1, 3]
        assert same(*told_both_ways(file))


def test_most_lines_go_at_once(tmp_path):
    """The quick way takes usual lines of several shapes and stretches, and numbers them as the file does."""
    file, records = tmp_path / "a.jsonl", [_usual(n) for n in range(1000)]
    for record in records[::3]:
        record |= {"acknowledgements": [], "summary": "[#1] \u00fc", "title": 'Queue "a\\b" \u00fc\\'}
    file.write_text("".join(f"{json.dumps(one)}\r\n" + "\n" * (n == 500) for n, one in enumerate(records)), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_lines, "_STRETCH", 100_000)
        patch.setattr(json_lines.os, "cpu_count", lambda: 3)
        patch.setattr(json_lines, "BLOCK", 50_000)
        frame, lines, others = pagerduty.usual_incidents(Source(file, "a.jsonl", Settings()))

    assert others.tolist() == [502]
    assert frame["source"].tolist() == [f"a.jsonl line {n}" for n in range(1, 1002) if n != 502]
    assert frame["incident_id"].tolist() == [f"PQ{n:05}" for n in range(1000)]
    assert frame["title"].tolist() == [one["title"] for one in records]
    assert lines.tolist() == [n for n in range(1, 1002) if n != 502]


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ('"urgency": "high"', '"status": "resolved"', "the key 'status' stands twice"),
        ('"status": "resolved"', '"created_at": "2026-03-02T12:00:00Z"', "the key 'created_at' stands twice"),
        ('"type": "incident"', '"id": "PX"', "the key 'id' stands twice"),
        ('"urgency": "high"', '"urgence": "high"', None),
        ('"title": "Queue 7"', '"title": "Queue \\x"', "Invalid \\\\escape"),
        ('"incident_number": 7', '"incident_number": 07', "is not valid JSON"),
        ('"title": "Queue 7"', '"title": "Queue\t7"', "Invalid control character"),
        ('"R7"', '"906090603"', None),
        ('"https://northlight.pagerduty.com/incidents/PQ00007"', '"PQ00007"', None),
    ],
)  # fmt: skip
def test_a_line_like_others_is_looked_at_where_it_differs(tmp_path, old, new, what):
    """As many quotes as in other lines do not make it one of them: what is wrong in it is told, unknown keys are kept."""
    line = json.dumps(_usual(7))
    assert old in line
    file = tmp_path / "a.jsonl"
    file.write_text("\n".join([*(json.dumps(_usual(n)) for n in range(7)), line.replace(old, new)]), encoding="utf-8")
    fast, careful = told_both_ways(file)

    assert same(fast, careful)
    assert [re.search(what, one.message) is not None for one in fast.problems] == ([True] if what else [])
    assert ("urgence" in fast.table(INCIDENTS)["extra"].str.cat()) == ("urgence" in new)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (json.dumps(_usual(1))[:-1] + ', "title": "Other"}', "the key 'title' stands twice in one object"),
        (json.dumps(_usual(1)).replace('"summary": "mail"', '"summary": "mail", "summary": "web"'), "the key 'summary' stands"),
        (json.dumps(_usual(1))[:-1] + ",}", "is not valid JSON"),
        (json.dumps(_usual(1)).replace('"triggered": 0', '"triggered": NaN'), "NaN is no JSON number"),
    ],
)  # fmt: skip
def test_what_json_does_not_allow_is_told_with_its_line(tmp_path, line, why):
    """A key that stands twice, at any depth, a comma too many, or no number: that line's problem, nobody else's."""
    file = tmp_path / "a.jsonl"
    file.write_text("\n".join([json.dumps(_usual(0)), line, json.dumps(_usual(2))]), encoding="utf-8")
    for batch in told_both_ways(file):
        assert batch.table(INCIDENTS)["incident_id"].tolist() == ["PQ00000", "PQ00002"]
        assert [one.source for one in batch.problems] == ["a.jsonl line 2"]
        assert why in batch.problems[0].message


def test_a_very_long_line_is_left_to_the_careful_way(tmp_path):
    """One line of megabytes costs the others nothing, and no memory."""
    file = tmp_path / "a.jsonl"
    records = [_usual(n) | ({"incident_key": "x" * 9_000} if n == 1 else {}) for n in range(3)]
    file.write_text("".join(json.dumps(one) + "\n" for one in records), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_lines, "BLOCK", 4_000)
        _, lines, others = pagerduty.usual_incidents(Source(file, "a.jsonl", Settings()))

    assert (lines.tolist(), others.tolist()) == ([1, 3], [2])
    assert same(*told_both_ways(file))
