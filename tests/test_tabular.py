"""Tables in CSV, JSON, JSON lines and Parquet: typed rows, exact lines, and nothing lost beside a damaged row."""

from __future__ import annotations

import csv
import io
import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from incident_lib.column_texts import join_names
from incident_lib.errors import FieldError, SourceError
from incident_lib.settings import FileRule, Settings, Severities
from incident_lib.sources import delimited, tabular
from incident_lib.sources.fields import parse_time
from incident_lib.sources.raw_table import places
from incident_lib.sources.reading import Batch, Source
from incident_lib.sources.tabular import READER
from incident_lib.sources.texts import TEXT, rows_with, tidy_names, trimmed
from incident_lib.sources.time_columns import Rules, parse_formatted, parse_times

HEAD = "incident_id,title,severity,started_at,resolved_at\n"
GOOD = "INC-1,Mail down,high,2026-03-02T09:14:00Z,2026-03-02T10:40:00Z\n"


@pytest.fixture
def source(tmp_path):
    """Return a function that writes a file into a workbook and gives it as a source; keywords make its rule."""

    def write(name: str, content: str | bytes, **rule) -> Source:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        rules = (FileRule(path=name, **rule),) if rule else ()
        aliases = {"urgent": "critical"} if rule else {}
        return Source(path, name, Settings(files=rules, severities=Severities(aliases=aliases)))

    return write


def incidents(batch: Batch) -> list[dict]:
    """Return the incidents as dictionaries with their filled fields only."""
    return [row.dropna().to_dict() for _, row in batch.tables["incidents"].iterrows()]


def problems(batch: Batch) -> list[tuple[str, str]]:
    """Return each problem's effect, and its sentence with the place."""
    return [(problem.effect, str(problem)) for problem in batch.problems]


def outcomes(batch: Batch) -> dict[str, int]:
    """Return how many rows were used, or skipped and why."""
    return {account["outcome"]: account["rows"] for account in batch.accounts}


def test_csv_row_becomes_a_typed_incident(source):
    """Times become UTC whatever their offset, names are tidied, unknown columns are kept, the line is the source."""
    head = HEAD.replace("\n", ",customers,region,Owner Team\n")
    row = 'INC-1,"Mail, all of it",SEV2,2026-03-02T09:14:00-05:00,,Fernhill ;Oakmoor,eu-1,"the ""A"" team"\n'
    file = source("incidents.csv", head + row)

    assert READER.recognises(file)
    assert incidents(READER.read(file)) == [{
        "incident_id": "INC-1", "title": "Mail, all of it", "severity": "high",
        "started_at": pd.Timestamp("2026-03-02T14:14Z"), "first_seen_at": pd.Timestamp("2026-03-02T14:14Z"),
        "customers": "Fernhill; Oakmoor", "source": "incidents.csv line 2",
        "extra": '{"Owner Team": "the \\"A\\" team", "region": "eu-1"}',
    }]  # fmt: skip


@pytest.mark.parametrize(("delimiter", "mark"), [(",", ""), (";", ""), ("\t", "\ufeff")])
def test_delimiter_and_byte_order_mark_are_found(source, delimiter, mark):
    """Comma, semicolon and tab are told apart by the header; a byte order mark is no part of the first name."""
    batch = READER.read(source("x.csv", mark + (HEAD + GOOD).replace(",", delimiter)))

    assert incidents(batch)[0]["title"] == "Mail down"
    assert outcomes(batch) == {"used": 1}


def test_words_for_nothing_are_texts(source):
    """NA, null and None are names like any other; only an empty cell is missing."""
    batch = READER.read(source("x.csv", HEAD + 'NA,null,high,,\nINC-2,None,,,\n"",=1+1,,,\n'))

    assert [row.get("title") for row in incidents(batch)] == ["null", "None"]
    assert incidents(batch)[0]["incident_id"] == "NA"


@pytest.mark.parametrize(("row", "reason"), [
    ("INC-2,Web,urgent,,\n", "^unknown severity 'urgent'; expected critical, high, medium or low @ x.csv line 3"),
    ("INC-2,Web,,yesterday,\n", "started_at: not an ISO 8601 time: 'yesterday'; .* @ x.csv line 3"),
    ("INC-2,Web,,2026-03-02T09:14:00,\n", "started_at: time has no UTC offset: .* @ x.csv line 3"),
    ("INC-2,Web,,2026-03-02,\n", "started_at: not an ISO 8601 time: '2026-03-02'"),
    ("INC-2,Web,,20202-03-02T09:14:00Z,\n", "started_at: not an ISO 8601 time"),
    ("INC-2,Web,,1970-01-01T00:00:00Z,\n", "started_at: the year of .* can't be right"),
])  # fmt: skip
def test_bad_value_costs_that_value(source, row, reason):
    """A row with one unreadable value stays, without it; the sentence has the line."""
    batch = READER.read(source("x.csv", HEAD + GOOD + row + GOOD.replace("INC-1", "INC-3")))

    assert [row["incident_id"] for row in incidents(batch)] == ["INC-1", "INC-2", "INC-3"]
    assert incidents(batch)[1] == {"incident_id": "INC-2", "title": "Web", "source": "x.csv line 3"}
    [(effect, sentence)] = problems(batch)
    assert effect == "value left out"
    assert re.search(reason, sentence)
    assert batch.problems[0].incident_id == "INC-2"


def test_row_without_an_id_is_left_out(source):
    """An incident needs an id; the row is a problem with its line, and counted."""
    batch = READER.read(source("x.csv", HEAD + ",Mail down,high,,\n" + GOOD))

    assert [row["incident_id"] for row in incidents(batch)] == ["INC-1"]
    assert problems(batch) == [("row left out", "no incident_id; every row of incidents needs one @ x.csv line 2")]
    assert outcomes(batch) == {"used": 1, "skipped: no incident_id": 1}


def test_second_row_of_an_id_is_left_out(source):
    """The first row of an id is believed, and the problem names its line."""
    batch = READER.read(source("x.csv", HEAD + GOOD + GOOD.replace("Mail", "Web")))

    assert [row["title"] for row in incidents(batch)] == ["Mail down"]
    assert problems(batch) == [("row left out", "'INC-1' stands twice; the first is at x.csv line 2 @ x.csv line 3")]


def test_lines_are_physical_lines(source):
    """After a cell of several lines and an empty line, a row still has the line on which it begins."""
    rows = 'INC-1,"Mail\ndown\r\nagain",high,,\n\nINC-2,Web,urgent,,\n'
    batch = READER.read(source("x.csv", HEAD + rows))

    assert [row["source"] for row in incidents(batch)] == ["x.csv line 2", "x.csv line 6"]
    assert incidents(batch)[0]["title"] == "Mail\ndown\r\nagain"
    assert problems(batch)[0][1].endswith("@ x.csv line 6")


@pytest.mark.parametrize("damaged", [
    'INC-2,"Web down,high,,\n',
    'INC-2,Web down,"high,,\n',
    'INC-2,Web,high,,"\n',
    '"INC-2,Web,high,,\n',
])  # fmt: skip
@pytest.mark.parametrize("after", ["INC-3,Full,low,,\n", 'INC-3,"Full",low,,\n', 'INC-3,"a ""b""",low,,\n', ""])
def test_unclosed_quote_costs_its_row_only(source, damaged, after):
    """The rows that an unclosed quote would swallow are read; the problem has the quote's line."""
    batch = READER.read(source("x.csv", HEAD + GOOD + damaged + after))

    assert [row["incident_id"] for row in incidents(batch)] == ["INC-1", "INC-3"][: 1 + bool(after)]
    assert batch.problems[0].source == "x.csv line 3"
    assert len(batch.problems) == 1


@pytest.mark.parametrize(("row", "found"), [("INC-2,Web\n", 2), ("INC-2,Web,high,,,\n", 6), ('INC-2,"W\nx",,,,,\n', 7)])
def test_row_with_too_few_or_many_fields_is_left_out(source, row, found):
    """Fields can't be guessed into columns; the rows around stay."""
    batch = READER.read(source("x.csv", HEAD + GOOD + row + GOOD.replace("INC-1", "INC-3")))

    assert [row["incident_id"] for row in incidents(batch)] == ["INC-1", "INC-3"]
    assert problems(batch) == [
        ("row left out", f"expected 5 fields, as in line 1, and found {found} @ x.csv line 3")
    ]  # fmt: skip
    assert outcomes(batch) == {"used": 2, "skipped: wrong number of fields": 1}


def test_lines_of_miscounted_rows_among_many(source):
    """The fast way leaves them out as well, with the lines of them and of the rows around."""
    rows = "".join("short,row\r\n" if n in (7, 8, 90) else GOOD.replace("INC-1", f"INC-{n}") for n in range(100))
    batch = READER.read(source("x.csv", HEAD + rows + "\n\n"))

    assert [problem.source for problem in batch.problems] == [f"x.csv line {line}" for line in (9, 10, 92)]
    assert incidents(batch)[7] | {"started_at": 0, "resolved_at": 0, "first_seen_at": 0} == {
        "incident_id": "INC-9", "title": "Mail down", "severity": "high", "source": "x.csv line 11",
        "started_at": 0, "resolved_at": 0, "first_seen_at": 0,
    }  # fmt: skip
    assert outcomes(batch) == {"used": 97, "skipped: wrong number of fields": 3}


def test_latin_1_is_refused_with_its_line(source):
    """A file that is not UTF-8 is refused as a whole, naming line and byte."""
    with pytest.raises(SourceError, match=r"x.csv is not UTF-8: byte 0xe4 in line 3"):
        READER.read(source("x.csv", (HEAD + GOOD + "INC-2,Störung,,,\n").replace("ö", "ä").encode("latin-1")))


def test_header_alone_is_an_empty_table(source):
    """A register without incidents yet is read as such."""
    batch = READER.read(source("x.csv", HEAD))

    assert batch.tables["incidents"].empty
    assert not batch.problems


def test_zone_of_a_rule_and_the_clock_change(source):
    """With a stated zone local times are read; an hour that the clock change skips or repeats is refused alone."""
    rows = "".join(f"INC-{n},x,,{time},\n" for n, time in enumerate(
        ["2026-03-02 09:14", "2026-03-29 02:30:00", "2026-10-25T02:30:00", "2026-10-25T02:30:00+01:00"]))  # fmt: skip
    batch = READER.read(source("x.csv", HEAD + rows, zone="Europe/Berlin"))

    assert [str(row.get("started_at")) for row in incidents(batch)] == [
        "2026-03-02 08:14:00+00:00", "None", "None", "2026-10-25 01:30:00+00:00"]  # fmt: skip
    assert [re.search("does not exist|exists twice", sentence)[0] for _, sentence in problems(batch)] == [
        "does not exist", "exists twice"]  # fmt: skip


def test_time_format_of_a_rule(source):
    """A stated format is the only one; its local times need a zone, as all do."""
    rows = "INC-1,x,,02/03/2026 09:14,\nINC-2,x,,2026-03-02T09:14:00Z,\n"
    batch = READER.read(source("x.csv", HEAD + rows, time_format="%d/%m/%Y %H:%M", zone="Asia/Tokyo"))
    zoneless = READER.read(source("y.csv", HEAD + rows, time_format="%d/%m/%Y %H:%M"))

    assert incidents(batch)[0]["started_at"] == pd.Timestamp("2026-03-02T00:14Z")
    assert "not a time in the format '%d/%m/%Y %H:%M'" in problems(batch)[0][1]
    assert "time has no UTC offset" in problems(zoneless)[0][1]


def test_columns_of_a_rule_and_aliases(source):
    """A rule maps a team's own column names; the settings map its own words for severities."""
    text = "Ticket,What,Opened,Severity\nT-1,Mail,2026-03-02T09:14:00Z,Urgent\n"
    file = source("x.csv", text, columns={"incident_id": "Ticket", "title": "What", "started_at": "Opened"})

    assert READER.recognises(file)
    assert incidents(READER.read(file))[0] | {"source": ""} == {
        "incident_id": "T-1", "title": "Mail", "severity": "critical", "source": "",
        "started_at": pd.Timestamp("2026-03-02T09:14Z"), "first_seen_at": pd.Timestamp("2026-03-02T09:14Z"),
    }  # fmt: skip


@pytest.mark.parametrize(("header", "table"), [
    ("incident_id,title,severity", "incidents"),
    ("Incident ID;Title;Owner;Due on;Status", "action_items"),
    ("incident_id,at,kind,text,who", "timeline"),
    ("incident_id,title,owner,status,completed_at", "postmortems"),
    ("message_id,channel,at,who,text", "messages"),
    ("incident_id,step,state,at", "follow_ups"),
    ("name,email,roles", "people"),
    ("review,decision,text,owner,decided_on", "decisions"),
    ("name,price", None),
    ("title", None),
    ("just a sentence, with a comma", None),
])  # fmt: skip
def test_columns_decide_the_table(source, header, table):
    """The table that has most of a file's columns is meant; a file of other columns is not ours."""
    file = source("x.csv", header + "\n")

    assert READER.recognises(file) == (table is not None)
    assert list(READER.read(file).tables if table else ()) == ([table] if table else [])


def test_action_items_are_typed(source):
    """Dates, whole numbers and words of other tables are checked just as strictly."""
    text = (
        "incident_id,item,title,kind,status,created_on,due_on\n"
        "INC-1,1,Add an alert,Detect,open,2026-03-03,2026-04-01\n"
        "INC-1,two,Write it down,chore,open,03.03.2026,\n"
        "INC-1,3,,detect,open,,\n"
    )
    batch = READER.read(source("x.csv", text))
    items = batch.tables["action_items"]

    assert items["item"].tolist() == [1, pd.NA]
    assert items["kind"].tolist()[0] == "detect"
    assert items["due_on"].iloc[0] == pd.Timestamp("2026-04-01")
    assert [sentence.split(":")[0] for _, sentence in problems(batch)] == [
        "no title; every row of action_items needs one @ x.csv line 4", "item", "kind", "created_on"]  # fmt: skip


def test_incidents_without_an_id_column_are_refused(source):
    """Without ids nothing can be joined: one sentence for the file, not one for each row."""
    with pytest.raises(SourceError, match=r"x.csv has no column 'incident_id', which every row of incidents needs"):
        READER.read(source("x.csv", "title,started_at\nMail,2026-03-02T09:14:00Z\n"))


def test_json_records(source):
    """A list of records, or one in an envelope, is read with pointers; nested fields are kept as they are."""
    records = [
        {"incident_id": "INC-1", "severity": "low", "customers": ["Fernhill", "Oakmoor"], "cost": {"eur": 3}},
        {"incident_id": 7, "title": {"en": "Mail"}, "started_at": "2026-03-02T09:14:00Z"},
        "not a record",
    ]
    batch = READER.read(source("x.json", json.dumps({"as": "of today", "incidents": records})))

    assert incidents(batch) == [
        {"incident_id": "INC-1", "severity": "low", "customers": "Fernhill; Oakmoor", "extra": '{"cost": {"eur": 3}}',
         "source": "x.json#/incidents/0"},
        {"incident_id": "7", "started_at": pd.Timestamp("2026-03-02T09:14Z"), "source": "x.json#/incidents/1",
         "first_seen_at": pd.Timestamp("2026-03-02T09:14Z")},
    ]  # fmt: skip
    assert [str(problem) for problem in batch.problems] == [
        "expected an object, found 'not a record' @ x.json#/incidents/2",
        "title: expected a text, not {'en': 'Mail'} @ x.json#/incidents/1",
    ]
    assert outcomes(batch) == {"used": 2, "skipped: not a record": 1}


def test_json_lines(source):
    """A damaged line costs that line, wherever it stands; NaN and infinity are no numbers."""
    good = '{"incident_id": "INC-%d", "title": "Mail"}\n'
    text = good % 1 + '{"incident_id": "INC-2", "ti\n' + '{"incident_id": "INC-3", "cost": 1e999}\n\n' + good % 4
    file = source("x.jsonl", text)
    batch = READER.read(file)

    assert READER.recognises(file)
    assert [row["source"] for row in incidents(batch)] == ["x.jsonl line 1", "x.jsonl line 5"]
    assert [problem.source for problem in batch.problems] == ["x.jsonl line 2", "x.jsonl line 3"]
    first_damaged = READER.read(source("y.jsonl", "\n".join(text.split("\n")[1:])))
    assert [row["incident_id"] for row in incidents(first_damaged)] == ["INC-4"]


def test_json_that_is_none_is_refused(source):
    """A file that stops in the middle of a list is refused, with line and column."""
    with pytest.raises(SourceError, match=r"x.json is not valid JSON: .* line 1 column 26"):
        READER.read(source("x.json", '[{"incident_id": "INC-1",'))


def test_parquet_keeps_its_types(source, tmp_path):
    """Times with a zone are taken as they are; naive ones are refused like any other; lists become names."""
    table = pa.table({
        "incident_id": pa.array(["INC-1", "INC-2"]).dictionary_encode(),
        "title": ["Mail", None],
        "started_at": pa.array([datetime(2026, 3, 2, 9, tzinfo=UTC), None], pa.timestamp("ns", "Asia/Tokyo")),
        "resolved_at": pa.array([1772445600000, None], pa.timestamp("ms")),
        "services": [["mail", "dns"], []],
        "cost": [1.5, float("nan")],
        "tags": pa.array([float("inf"), None]),
    })  # fmt: skip
    pq.write_table(table, tmp_path / "p.parquet")
    file = source("x.parquet", (tmp_path / "p.parquet").read_bytes())
    batch = READER.read(file)

    assert READER.recognises(file)
    assert incidents(batch)[0] == {
        "incident_id": "INC-1", "title": "Mail", "services": "mail; dns", "source": "x.parquet row 1",
        "started_at": pd.Timestamp("2026-03-02T09:00Z"), "first_seen_at": pd.Timestamp("2026-03-02T09:00Z"),
        "extra": '{"cost": 1.5}',
    }  # fmt: skip
    assert [sentence.split(";")[0] for _, sentence in problems(batch)] == [
        "resolved_at: time has no UTC offset: '2026-03-02 10:00:00'",
        "tags: not a number to keep: inf @ x.parquet row 1",
    ]  # fmt: skip


def test_damaged_parquet_is_refused(source):
    """A file that only begins like Parquet is refused with a sentence."""
    with pytest.raises(SourceError, match=r"x.parquet is damaged"):
        READER.read(source("x.parquet", b"PAR1 and no more"))


def test_many_bad_values_are_counted(source, monkeypatch):
    """Beyond a number of problems the rest of a column is counted in one."""
    monkeypatch.setattr(tabular, "MOST_PROBLEMS", 2)
    rows = "".join(f"INC-{n},x,,2026-03-02 09:14,\n" for n in range(5))
    batch = READER.read(source("x.csv", HEAD + rows))

    assert len(batch.problems) == 3
    assert str(batch.problems[2]) == "started_at: 3 more values can't be read, from here on @ x.csv line 4"


def test_fast_and_exact_reading_agree(source):
    """What Arrow reads at once, and what is read line by line, is the same table."""
    rows = "".join(f'INC-{n},"T ""{n}"", x",low,2026-03-02T09:14:00+0{n % 9}:00,\n' for n in range(200))
    file = source("x.csv", HEAD + rows)
    fast = READER.read(file).tables["incidents"]
    slow = READER.read(source("y.csv", HEAD + "\n" + rows)).tables["incidents"]
    slow["source"] = [f"x.csv line {line}" for line in range(2, 202)]

    assert delimited._read_at_once(file, dict.fromkeys(HEAD.strip().split(","), TEXT), ",") is not None
    pd.testing.assert_frame_equal(fast, slow.astype(fast.dtypes))


TIME_TEXTS = st.one_of(
    st.from_regex(r"20[0-9]{2}-[01][0-9]-[0-3][0-9][T ][0-2][0-9]:[0-6][0-9](:[0-6][0-9](\.[0-9]{1,7})?)?"
                  r"(Z|z| Z|[+-][0-2][0-9](:?[0-6][0-9])?)?", fullmatch=True),
    st.from_regex(r"[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}(:[0-9]{2})?)?(Z|[+-][0-9]{2})?", fullmatch=True),
    st.integers(3_000, 45_000_000).map(lambda hours: pd.Timestamp(hours * 100, unit="s", tz="UTC").isoformat()),
    st.text(max_size=12),
)  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(st.lists(TIME_TEXTS, min_size=1, max_size=80), st.sampled_from([None, "Europe/Berlin", "America/New_York"]))
def test_column_of_times_reads_what_one_time_reads(texts, zone):
    """All rows at once give the very times, and the very refusals, that each value alone would."""
    parsed = parse_times(pa.chunked_array([pa.array(texts, pa.large_string())]), Rules(zone))
    for row, text in enumerate(texts):
        try:
            alone = pd.Timestamp(parse_time(text, zone=zone))
        except FieldError:
            alone = pd.NaT
        assert parsed.values.iloc[row] is alone or parsed.values.iloc[row] == alone
        assert (row in parsed.refused) == (alone is pd.NaT)


MICROSECONDS = st.integers(700_000_000_000_000, 4_000_000_000_000_000)
TIMES = MICROSECONDS.map(lambda micro: pd.Timestamp(micro, unit="us", tz="UTC"))
CELLS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(CELLS, st.none() | TIMES), max_size=12))
def test_what_was_written_is_read_back(tmp_path_factory, cells):
    """Any texts and times that the standard library writes as CSV are read as they were, row for row."""
    file = tmp_path_factory.mktemp("csv") / "x.csv"
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["incident_id", "title", "started_at", "note"])
    for number, (text, time) in enumerate(cells):
        writer.writerow([f"INC-{number}", text, time and time.tz_convert("Asia/Kathmandu").isoformat(), text])
    file.write_bytes(out.getvalue().encode())
    batch = READER.read(Source(file, "x.csv", Settings()))
    read = batch.tables["incidents"]

    assert not batch.problems
    assert read["title"].fillna("").tolist() == [text.strip() for text, _ in cells]
    assert [json.loads(extra)["note"] if isinstance(extra, str) else "" for extra in read["extra"]] == [
        text.strip() for text, _ in cells]  # fmt: skip
    assert [None if pd.isna(time) else time for time in read["started_at"]] == [time for _, time in cells]


SAMPLES = {
    "x.csv": (HEAD + "".join(GOOD.replace("INC-1", f'"INC-{n}"') for n in range(6))).encode(),
    "x.json": json.dumps([{"incident_id": f"INC-{n}", "title": "Mail", "started_at": "2026-03-02T09:14:00Z"}
                          for n in range(6)]).encode(),
    "x.jsonl": "".join(json.dumps({"incident_id": f"INC-{n}", "n": n}) + "\n" for n in range(6)).encode(),
}  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(st.integers(1, 6), st.text(st.sampled_from('a",;\r\n\u00e4 0'), max_size=6), st.integers(0, 70))
def test_damaged_row_costs_no_other_row(tmp_path_factory, row, junk, place):
    """Characters put into one line of a CSV, quotes and line breaks among them, leave the other rows as they were."""
    lines = (HEAD + "".join(GOOD.replace("INC-1", f"INC-{n}") for n in range(1, 7))).splitlines()
    lines[row] = lines[row][:place] + junk + lines[row][place:]
    file: Path = tmp_path_factory.mktemp("row") / "x.csv"
    file.write_bytes(("\n".join(lines) + "\n").encode())
    read = READER.read(Source(file, "x.csv", Settings())).tables["incidents"]

    assert {f"INC-{n}" for n in range(1, 7) if n != row} <= set(read["incident_id"])


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("damage", [{}, {20_000: "INC-x,too,few"}, {29_999: 'INC-x,"never closed,low,,'}])
def test_a_file_of_several_blocks_is_the_same_by_line(source, monkeypatch, end, damage):
    """Rows, their lines, and what is said of a damaged one, whether Arrow reads blocks of a megabyte or we each line."""
    rows = [f"INC-{number},{'Mail down é' * 4},high,2026-03-02T09:14:00Z," for number in range(30_000)]
    for row, text in damage.items():
        rows[row] = text
    file = source("x.csv", HEAD.strip() + end + end.join(rows))
    quick = delimited.read_delimited(file)
    monkeypatch.setattr(delimited, "_read_at_once", lambda *_, **__: None)
    slow = delimited.read_delimited(file)

    assert file.path.stat().st_size > 2_000_000
    assert (quick.problems, quick.skipped) == (slow.problems, slow.skipped)
    assert [values.to_pylist() for values in (*quick.columns.values(), quick.places)] == [
        values.to_pylist() for values in (*slow.columns.values(), slow.places)
    ]


NAMES = st.lists(st.none() | st.text(st.sampled_from("aé; \t"), max_size=6), max_size=12)


def in_pieces(texts: list[str | None], size: int = 3) -> pa.ChunkedArray:
    """Return a column as readers give it: in pieces."""
    return pa.chunked_array([pa.array(texts[at : at + size], TEXT) for at in range(0, len(texts), size)], TEXT)


@settings(deadline=None)
@given(NAMES)
def test_names_of_a_column_are_as_tidy_as_one_by_one(texts):
    """One space after each semicolon, none before it, and none without a name; the same for a text by itself."""
    found = tidy_names(trimmed(in_pieces(texts))).to_pylist()

    assert [join_names(text.split("; ")) if text else None for text in found] == [
        join_names((text or "").split(";")) for text in texts
    ]
    assert not any(re.search(r";[^ ]|;  |\s;|;$|^;|^\s|\s$", text) for text in found if text)


@settings(deadline=None)
@given(NAMES, st.sampled_from([1, 30]))
def test_a_pattern_is_found_in_every_row_that_has_it(texts, times):
    """Whether texts differ or come again and again, and wherever one piece of the column ends."""
    column = pd.Series(in_pieces(texts * times).to_pandas(), dtype="str")

    assert rows_with(column, "a;").tolist() == [row for row, text in enumerate(texts * times) if text and "a;" in text]


@settings(deadline=None)
@given(st.lists(st.none() | st.sampled_from(["1/2/2026 09:00", "1/2/2026  09:00", "31/2/2026 09:00", "1/2/2026 24:00",
                                             "29/3/2026 02:30", "1/2/2026", "soon then"])))  # fmt: skip
def test_times_in_a_format_are_read_as_one_by_one(texts):
    """A day that isn't there and an hour that the clock change skips are refused in each row in which they stand."""
    rules = Rules("Europe/Berlin", "%d/%m/%Y %H:%M")
    parsed = parse_times(in_pieces(texts), rules)
    for row, text in enumerate(texts):
        try:
            expected = parse_formatted(text, rules) if text else None
        except FieldError as error:
            expected = None
            assert parsed.refused[row] == str(error)
        assert parsed.values[row] == expected if expected else pd.isna(parsed.values[row])
    good = (None, "1/2/2026 09:00", "1/2/2026  09:00")
    assert parsed.refused.keys() == {row for row, text in enumerate(texts) if text not in good}


@pytest.mark.parametrize("form", [None, "%Y-%m-%d %H:%M"])
@pytest.mark.parametrize("zone", ["America/New_York", "Europe/Berlin"])
def test_times_at_the_ends_of_the_calendar_are_refused(form, zone):
    """Some tools write the last minute of the year 9999 for never; in New York it has no time in UTC."""
    parsed = parse_times(in_pieces(["9999-12-31 23:59", "0001-01-01 00:00"]), Rules(zone, form))

    assert ["can't be right" in reason for reason in parsed.refused.values()] == [True, True]


@pytest.mark.parametrize("text", ["9999-12-31T23:59:00-05:00", "0001-01-01T00:00:00+05:00"])
def test_times_whose_offset_leads_outside_the_calendar_are_refused(text):
    """In UTC they are in the year 10000, or before the first; the row beside them is read."""
    parsed = parse_times(in_pieces([text, "2026-03-01T00:00:00Z"]), Rules("UTC"))
    assert parsed.values.notna().tolist() == [False, True]
    assert "can't be right" in parsed.refused[0]


@settings(deadline=None)
@given(st.lists(st.none() | st.integers(-(2**62), 2**62) | MICROSECONDS | st.sampled_from(
    [datetime(year, 1, 1, tzinfo=UTC).timestamp() * 1_000_000 - before for year in (1990, 2101) for before in (0, 1)]
)))  # fmt: skip
def test_moments_in_years_that_cannot_be_right_are_refused(micros):
    """In a column that holds times already, wherever such a moment stands: the first one that fits is of 1990."""
    whole = [None if micro is None else int(micro) for micro in micros]
    parsed = parse_times(pa.chunked_array([pa.array(whole, pa.timestamp("us", "UTC"))]), Rules())
    first, end = (int(datetime(year, 1, 1, tzinfo=UTC).timestamp()) * 1_000_000 for year in (1990, 2101))

    assert parsed.values.isna().tolist() == [micro is None or not first <= micro < end for micro in whole]
    assert sorted(parsed.refused) == [
        row for row, micro in enumerate(whole) if micro is not None and not first <= micro < end
    ]


@pytest.mark.parametrize("rows", [0, 1, 49_999, 50_001, 100_000])
def test_each_row_has_the_pointer_of_its_number(rows):
    """Pointers are written in pieces of 50,000; some lines may be missing between."""
    numbers = [number for number in range(2, rows + 4) if number not in (7, 50_003)][:rows]

    assert places("a.csv line ", pa.array(numbers, pa.int64())).to_pylist() == [
        f"a.csv line {number}" for number in numbers
    ]


@pytest.mark.parametrize(
    "form", ["%Y-%m-%d %H:%M:%S", "%m/%d/%Y %I:%M:%S %p", "%d %b %Y %H:%M:%S", "%H:%M:%S %d.%m.%y"]
)
def test_times_whose_day_and_clock_are_read_apart_are_the_same(form):
    """Whether a format has its day first, or spaces within its day or its time of day."""
    times = [pd.Timestamp(time) for time in ("2024-02-29T00:00:01Z", "2026-12-31T12:00Z", "2026-03-01T23:59:59Z")]
    parsed = parse_times(in_pieces([time.strftime(form) for time in times] * 2), Rules("UTC", form))

    assert parsed.values.tolist() == times * 2
