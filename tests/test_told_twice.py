"""What several files tell of the same thing: parts of an incident, messages in two exports, rows of one moment."""

from __future__ import annotations

import io
import json
import zipfile

import pandas as pd
import pytest

from incident_lib.loading import load


def _entry(kind: str, at: str, number: int) -> dict[str, object]:
    incident = {"id": "PABC123", "summary": "[#7] Mail is late"}
    return {"id": f"R{number}", "type": f"{kind}_log_entry", "created_at": at, "summary": kind, "incident": incident}


def test_log_entries_in_several_files_tell_one_incident(workbook):
    """Pages of a paged answer: first alert and acknowledgement, last resolution, and no disagreement between them."""
    entries = [
        _entry("trigger", "2026-03-02T12:00:00Z", 1),
        _entry("acknowledge", "2026-03-02T12:10:00Z", 2),
        _entry("resolve", "2026-03-02T13:00:00Z", 3),
        _entry("trigger", "2026-03-02T13:20:00Z", 4),
        _entry("acknowledge", "2026-03-02T13:30:00Z", 5),
        _entry("resolve", "2026-03-02T15:00:00Z", 6),
    ]
    pages = {f"pagerduty/{9 - place}.json": json.dumps({"log_entries": [one]}) for place, one in enumerate(entries)}
    records = load(workbook(pages))
    incident = records.incident("PABC123")

    assert [incident[name].strftime("%H:%M") for name in ("detected_at", "acknowledged_at", "resolved_at")] == [
        "12:00", "12:10", "15:00",
    ]  # fmt: skip
    assert "sources-disagree" not in set(records.problems["rule"])
    assert len(records.timeline) == 6


def _export(*texts: str, edited: bool = False) -> bytes:
    rows = [{"type": "message", "user": "U1", "ts": f"1772452800.00000{place}", "text": text}
            for place, text in enumerate(texts)]  # fmt: skip
    if edited:
        rows[0]["edited"] = {"user": "U1", "ts": "1772452900.000000"}
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as zipped:
        zipped.writestr("users.json", json.dumps([{"id": "U1", "name": "ann"}]))
        zipped.writestr("channels.json", json.dumps([{"id": "C1", "name": "general"}]))
        zipped.writestr("general/2026-03-02.json", json.dumps(rows))
    return target.getvalue()


def test_a_message_in_two_exports_is_told_once(workbook):
    """The one edited last stays; the other export's account says where the rest went, and still adds up."""
    again = _export("first", "two", "3", edited=True)
    records = load(workbook({"slack/a.zip": _export("frist", "two"), "slack/b.zip": again}))
    counts = records.accounts[records.accounts["kind"] == "messages"].set_index(["source", "outcome"])["rows"].to_dict()

    assert sorted(records.messages["text"]) == ["3", "first", "two"]
    assert counts == {
        ("slack/a.zip", "used"): 1, ("slack/a.zip", "skipped: told by another file"): 1,
        ("slack/b.zip", "used"): 2, ("slack/b.zip", "skipped: told by another file"): 1,
    }  # fmt: skip


def test_rows_of_one_moment_stay_in_their_files_order(workbook):
    """Twelve updates within a minute: the tenth comes after the second."""
    update = {"at": "2026-03-02T12:00:00Z", "status": "update"}
    updates = [{**update, "message": f"number {number}"} for number in range(12)]
    incident = {"id": "gh1", "title": "Mail", "impact": "major", "downtime_start": "2026-03-02T12:00:00Z",
                "downtime_end": "2026-03-02T13:00:00Z", "updates": updates, "impact_window": None}  # fmt: skip
    table = load(workbook({"incidents.jsonl": json.dumps(incident) + "\n"})).timeline

    assert table["text"].str.extract(r"(\d+)")[0].tolist() == [str(number) for number in range(12)]


def _zipped(files: dict[str, str]) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as zipped:
        for name, text in files.items():
            zipped.writestr(name, text)
    return target.getvalue()


LOG = "number,incident_state,opened_at,sys_updated_on,priority\nINC1,New,1/3/2026 10:00,1/3/2026 10:00,2 - High\n" \
      "INC1,Closed,1/3/2026 10:00,1/3/2026 12:00,2 - High\n"  # fmt: skip
RULE = '[[files]]\npath = "*.zip"\nzone = "UTC"\ntime_format = "%d/%m/%Y %H:%M"\n'


def test_a_zip_that_holds_one_table_is_read(workbook):
    """As ServiceNow's event log ships; the zip's own rule holds, and pointers name both."""
    records = load(workbook({"log.zip": _zipped({"log.csv": LOG})}, RULE))

    assert records.incident("INC1")["resolved_at"] == pd.Timestamp("2026-03-01T12:00:00Z")
    assert records.timeline["source"].iloc[0] == "log.zip!log.csv line 2"
    assert set(records.accounts["source"]) == {"log.zip!log.csv"}


@pytest.mark.parametrize("members", [["../../escaped.csv"], ["a/../../escaped.csv"], ["a.csv", "b.csv"]])
def test_other_zips_are_not_unpacked(workbook, tmp_path, members):
    """A member that climbs out of its folder lands nowhere; which of several to believe would be a guess."""
    zipped = _zipped(dict.fromkeys(members, LOG))
    records = load(workbook({"log.zip": zipped, "other.csv": "incident_id,title\nINC-1,a\n"}, RULE))

    assert records.problems["message"].tolist() == ["log.zip: no reader knows this content"]
    assert not list(tmp_path.rglob("escaped.csv"))


def test_a_bomb_in_a_zip_is_refused_within_the_limits(workbook):
    """A table that unpacks to two hundred times its size costs a sentence, not the memory."""
    bomb = _zipped({"log.csv": LOG + "INC1,New,,,\n" * 2_000_000})
    records = load(workbook({"log.zip": bomb, "other.csv": "incident_id,title\nINC-1,a\n"}, RULE))

    assert "sources.limits.archive_ratio" in records.problems["message"].iloc[0]
    assert records.incidents["incident_id"].tolist() == ["INC-1"]
