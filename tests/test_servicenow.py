"""ServiceNow's incidents: Table API, list export and audit log."""

from __future__ import annotations

import itertools
import json
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from incident_lib.errors import SourceError
from incident_lib.settings import FileRule, Settings
from incident_lib.sources.reading import Batch, Source
from incident_lib.sources.servicenow import READER
from incident_lib.sources.servicenow_states import log_of

REAL = Path(__file__).parents[2] / "shared/realdata"
LOG_HEAD = (
    "number,incident_state,sys_mod_count,opened_at,sys_created_at,sys_updated_by,sys_updated_at,priority,"
    "resolved_at,closed_at\n"
)


@pytest.fixture
def source(tmp_path):
    """Return a function that writes a file into a workbook and gives it as a source; keywords make its rule."""

    def write(name: str, content: str, **rule) -> Source:
        (tmp_path / name).write_text(content, encoding="utf-8")
        return Source(tmp_path / name, name, Settings(files=(FileRule(path=name, **rule),)))

    return write


def log(*changes: str, number: str = "INC0000045") -> str:
    """Return log rows: "state HH:MM priority"; the back-filled end stands on each of them."""
    rows = []
    for count, change in enumerate(changes):
        state, time, priority = change.split(" ", 2)
        rows.append(f"{number},{state},{count},29/2/2016 01:16,29/2/2016 01:23,Ana,29/2/2016 {time},{priority},"
                    "29/2/2016 11:29,5/3/2016 12:00\n")  # fmt: skip
    return "".join(rows)


def read_log(source, *changes: str) -> Batch:
    """Return what a log of these changes gives."""
    return READER.read(source("log.csv", LOG_HEAD + log(*changes), zone="UTC", time_format="%d/%m/%Y %H:%M"))


def at(time: str) -> pd.Timestamp:
    """Return a time of the log's day."""
    return pd.Timestamp(f"2016-02-29T{time}Z")


def test_log_gives_times_from_its_changes(source):
    """Resolution is when the state became resolved, not what is filled in on every row."""
    batch = read_log(source, "New 01:23 3", "Active 02:00 3", "Resolved 08:53 3", "Resolved 11:29 3", "Closed 12:00 3")
    [row] = batch.tables["incidents"].to_dict("records")

    assert (row["detected_at"], row["acknowledged_at"]) == (at("01:16"), at("02:00"))
    assert (row["resolved_at"], row["first_seen_at"]) == (at("08:53"), at("01:23"))
    assert "2016-03-05" not in str(row)
    assert batch.tables["timeline"]["text"].tolist() == [
        "State: New", "State: Active", "State: Resolved", "State: Closed", "Severity: medium"]  # fmt: skip
    assert {account["outcome"]: account["rows"] for account in batch.accounts} == {"used": 5}


def test_log_of_an_open_incident_has_no_end(source):
    """An incident that is not resolved yet stays open, whatever the row says of later."""
    [row] = read_log(source, "New 01:23 3", "Active 02:00 3").tables["incidents"].to_dict("records")

    assert pd.isna(row["resolved_at"])


def test_reopened_incident_is_resolved_when_that_was_over(source):
    """After it was opened again, the first resolution is no longer its end."""
    batch = read_log(source, "New 01:23 3", "Resolved 03:00 3", "Active 04:00 3", "Resolved 05:00 3", "Closed 06:00 3")

    assert batch.tables["incidents"]["resolved_at"].tolist() == [at("05:00")]


def test_log_tells_each_change_of_severity(source):
    """The incident has the worst severity it ever had; the timeline says since when."""
    batch = read_log(source, "New 01:23 3 - Moderate", "Active 02:00 1 - Critical", "Resolved 03:00 4 - Low")
    changes = batch.tables["timeline"].query("kind == 'severity'")

    assert batch.tables["incidents"]["severity"].tolist() == ["critical"]
    assert changes["severity"].tolist() == ["medium", "critical", "low"]
    assert changes["at"].tolist() == [at("01:23"), at("02:00"), at("03:00")]


CHANGES = st.lists(
    st.tuples(st.sampled_from("AB"), st.sampled_from(["New", "Active", "Resolved", "?"]), st.integers(10, 19)),
    min_size=1,
    max_size=10,
)


@settings(max_examples=40, deadline=None)
@given(CHANGES)
def test_a_log_in_any_order_tells_each_incident_by_its_own_rows(tmp_path_factory, changes):
    """Rows of several incidents mixed, and not in the order of time, give what each one's rows in order tell."""
    changes = [*changes, changes[0]]  # an incident has two rows, or it would be no log
    path = tmp_path_factory.mktemp("log") / "log.csv"
    path.write_text(LOG_HEAD + "".join(log(f"{state} {hour}:00 3", number=name) for name, state, hour in changes))
    rule = FileRule(path="log.csv", zone="UTC", time_format="%d/%m/%Y %H:%M")
    batch = READER.read(Source(path, "log.csv", Settings(files=(rule,))))
    found = batch.tables["incidents"].set_index("incident_id")["resolved_at"]
    told = batch.tables["timeline"].query("kind == 'status'")
    for incident in {name for name, *_ in changes}:
        own = sorted((row for row in changes if row[0] == incident), key=lambda row: row[2])
        finished = list(itertools.takewhile(lambda row: row[1] == "Resolved", reversed(own)))
        stated = [state for state, _ in itertools.groupby(state for _, state, _ in own if state != "?")]

        assert found[incident] == at(f"{finished[-1][2]}:00") if finished else pd.isna(found[incident])
        assert told.loc[told["incident_id"] == incident, "text"].tolist() == [f"State: {state}" for state in stated]


def test_question_mark_is_nothing_and_a_change_without_time_is_told(source):
    """The log writes ? for null; a change without a time can't be placed, and is left out."""
    text = LOG_HEAD + log("New 01:23 ?", "Resolved 03:00 ?") + log("Active 02:00 3").replace("29/2/2016 02:00", "?")
    batch = READER.read(source("log.csv", text, zone="UTC", time_format="%d/%m/%Y %H:%M"))

    assert batch.tables["incidents"]["severity"].isna().all()
    assert [str(problem) for problem in batch.problems] == [
        "no readable sys_updated_on; the change can't be placed @ log.csv line 4"]  # fmt: skip
    assert {account["outcome"]: account["rows"] for account in batch.accounts} == {"used": 2, "skipped: no time": 1}


def test_white_space_and_damaged_rows_are_no_changes(source):
    """A word with white space around it is the same word; a log of damaged rows alone has no incident."""
    text = LOG_HEAD + log("New 01:23 3", "New 02:00 3", "Resolved 03:00 3").replace("New", " New ", 1)
    spaced = READER.read(source("log.csv", text, zone="UTC", time_format="%d/%m/%Y %H:%M"))
    damaged = READER.read(source("log.csv", LOG_HEAD + 'INC1,New,"0\n', zone="UTC", time_format="%d/%m/%Y %H:%M"))

    assert spaced.tables["timeline"].query("kind == 'status'")["text"].tolist() == ["State: New", "State: Resolved"]
    assert damaged.tables["incidents"].empty
    assert [problem.rule for problem in damaged.problems] == ["unclosed-quote"]


def test_times_without_a_rule_are_refused_in_one_sentence(source):
    """The zone of a ServiceNow file is never guessed; one sentence says what to state."""
    with pytest.raises(SourceError, match=r"log.csv: not an ISO 8601 time: '29/2/2016 01:16'.*state its zone"):
        READER.read(source("log.csv", LOG_HEAD + log("New 01:23 3")))


TICKET = {
    "number": "INC0010001", "sys_id": "9d385017", "short_description": "Mail is slow", "incident_state": "6",
    "priority": "2", "opened_at": "2026-03-02 09:17:00", "sys_created_on": "2026-03-02 09:17:30",
    "resolved_at": "2026-03-02 10:40:00", "closed_at": "", "assigned_to": {"link": "https://x", "value": "46d44a"},
    "cmdb_ci": {"display_value": "mail-7", "link": "https://x"}, "caller_id": "", "category": "inquiry",
}  # fmt: skip


def test_table_api(source):
    """References and displayed fields are read as texts, empty texts are missing, numbers of states are known."""
    file = source("incident.json", json.dumps({"result": [TICKET, {**TICKET, "number": ""}]}), zone="UTC")
    batch = READER.read(file)
    row = batch.tables["incidents"].iloc[0].dropna().to_dict()

    assert READER.recognises(file)
    assert row == {
        "incident_id": "INC0010001", "title": "Mail is slow", "severity": "high", "services": "mail-7",
        "responders": "46d44a", "references": "INC0010001; 9d385017", "source": "incident.json#/result/0",
        "detected_at": pd.Timestamp("2026-03-02T09:17Z"), "resolved_at": pd.Timestamp("2026-03-02T10:40Z"),
        "first_seen_at": pd.Timestamp("2026-03-02T09:17:30Z"),
        "extra": '{"category": "inquiry", "incident_state": "6"}',
    }  # fmt: skip
    assert str(batch.problems[0]) == "no number; every incident needs one @ incident.json#/result/1"


@pytest.mark.parametrize("header", [
    "Number,Short description,State,Priority,Opened,Resolved,Configuration item",
    "number,short_description,incident_state,priority,opened_at,resolved_at,cmdb_ci",
])  # fmt: skip
def test_list_export_with_labels_or_names(source, header):
    """A list's CSV is read alike with labels and with field names."""
    row = 'INC1,"Mail, slow",Closed,1 - Critical,2026-03-02 10:17:00,2026-03-02 11:40:00,mail-7\n'
    file = source("incident.csv", f"{header}\n{row}", zone="Europe/Berlin")
    found = READER.read(file).tables["incidents"].iloc[0].dropna().to_dict()

    assert READER.recognises(file)
    assert (found["title"], found["severity"], found["services"]) == ("Mail, slow", "critical", "mail-7")
    assert found["resolved_at"] == pd.Timestamp("2026-03-02T10:40Z")


def test_bad_values_cost_themselves(source):
    """An unknown priority or a bad time is left out; a ticket closed before it was resolved is kept, and told."""
    rows = [{**TICKET, "priority": "urgent", "opened_at": "soon"},
            {**TICKET, "number": "INC2", "closed_at": "2026-03-01 00:00:00"}]  # fmt: skip
    batch = READER.read(source("incident.json", json.dumps(rows), zone="UTC"))

    assert [(problem.effect, str(problem).split(";")[0]) for problem in batch.problems] == [
        ("value left out", "opened_at: not an ISO 8601 time: 'soon'"),
        ("value left out", "unknown priority 'urgent'"),
        ("kept", "closed at 2026-03-01 00:00 UTC, resolved only at 2026-03-02 10:40 UTC @ incident.json#/1"),
    ]
    assert len(batch.tables["incidents"]) == 2


@pytest.mark.parametrize("form", ["csv", "json"])
def test_each_incident_keeps_its_own_other_fields(source, form):
    """A field that has no column here stands as JSON in its own row, whatever quotes it holds; an empty one nowhere."""
    rows = [{**TICKET, "number": f"INC{number}", "category": f'"{number}" é' if number % 2 else ""}
            for number in range(5)]  # fmt: skip
    frame = pd.DataFrame(rows)
    content = frame.to_csv(index=False) if form == "csv" else json.dumps(rows)
    found = READER.read(source(f"incident.{form}", content, zone="UTC")).tables["incidents"]
    kept = [json.loads(extra).get("category") for extra in found["extra"].fillna("{}")]

    assert found["incident_id"].tolist() == frame["number"].tolist()
    assert kept == [None, '"1" é', None, '"3" é', None]


@settings(deadline=None, max_examples=50)
@given(st.integers(2, 40), st.sampled_from([1, 60_000_000, 1 << 53, 1 << 60]), st.integers(0, 1 << 32))
def test_the_rows_of_an_incident_are_put_in_order(rows, unit, seed):
    """By the time of the change, those of one moment as in the file, however far apart the first and the last are."""
    random = np.random.default_rng(seed)
    times = pd.Series((random.integers(-3, 4, rows) * unit).astype("datetime64[us]"))
    numbers = pd.Series([f"INC{number}" for number in random.integers(0, 4, rows)])
    found = log_of(pd.DataFrame({"number": numbers.astype("category"), "sys_updated_on": times}))
    first = {number: place for place, number in reversed([*enumerate(numbers)])}

    assert found.order.tolist() == sorted(range(rows), key=lambda row: (first[numbers[row]], times[row], row))
    assert found.begins.tolist() == [
        place for place, row in enumerate(found.order)
        if place == 0 or numbers[row] != numbers[found.order[place - 1]]]  # fmt: skip


@pytest.mark.skipif(not REAL.exists(), reason="the real files are not here")
def test_demo_instance():
    """Twenty of the 67 tickets of the demo instance were closed before they were resolved, and that is said."""
    utc = Settings(files=(FileRule(path="*", zone="UTC"),))
    file = Source(REAL / "servicenow_rest/incidents_REST.csv", "rest.csv", utc)
    batch = READER.read(file)

    assert READER.recognises(file)
    assert len(batch.tables["incidents"]) == 67
    assert [problem.rule for problem in batch.problems] == ["closed-before-resolved"] * 20


@pytest.mark.skipif(not REAL.exists(), reason="the real files are not here")
def test_real_log_does_not_tell_the_future(tmp_path):
    """All rows are used, one incident of 20,769 never ended, and no end comes from a row that was written before it."""
    with zipfile.ZipFile(REAL / "servicenow_eventlog/incident_event_log.zip") as archive:
        archive.extract("incident_event_log.csv", tmp_path)
    rule = FileRule(path="*", zone="UTC", time_format="%d/%m/%Y %H:%M")
    batch = READER.read(Source(tmp_path / "incident_event_log.csv", "log.csv", Settings(files=(rule,))))
    found = batch.tables["incidents"].set_index("incident_id")
    changes = batch.tables["timeline"].query("text in ['State: Resolved', 'State: Closed']")
    seen = changes[changes["at"] == changes["incident_id"].map(found["resolved_at"])]

    assert {account["outcome"]: account["rows"] for account in batch.accounts} == {"used": 119_998}
    assert (len(found), found["resolved_at"].isna().sum()) == (20_769, 1)
    assert seen["incident_id"].nunique() == 20_768
    assert not batch.problems
