"""SQL over the records: what it answers, and that it reaches nothing else."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

import incident_lib as inc
from incident_lib.errors import SettingsError
from incident_lib.explore import sql_view
from incident_lib.records import Records
from incident_lib.tables import TABLES

duckdb = pytest.importorskip("duckdb")
ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def records() -> Records:
    """Return the sample at a fixed time."""
    return inc.load(ROOT / "data", as_of="2026-09-30")


def test_every_table_is_there_with_its_columns(records):
    """All ten tables, each with the columns and rows that pandas has."""
    for table in TABLES:
        found = records.sql(f"select * from {table.name}")  # noqa: S608
        assert list(found) == table.names and len(found) == len(getattr(records, table.name))


def test_times_stay_aware_and_keep_their_value(records):
    """A time comes back as UTC, a day without a zone, a difference as a length of time, a sum as a number."""
    found = records.sql(
        "select incident_id, started_at, resolved_at - started_at as lasted, date_trunc('day', started_at) as day, "
        "started_at::date as on_day, sum(1) over () as n from incidents order by started_at desc limit 1 offset 1"
    ).iloc[0]
    row = records.incident(found["incident_id"])

    assert found["started_at"] == row["started_at"] and str(found["started_at"].tz) == "UTC"
    assert found["lasted"] == row["resolved_at"] - row["started_at"]
    assert found["day"] == row["started_at"].floor("D")
    assert found["on_day"] == pd.Timestamp(row["started_at"].date()) and found["n"] == 160.0


def test_a_choice_answers_for_itself(records):
    """SQL over ``where`` sees the chosen incidents only."""
    assert records.where(severity="critical").sql("select count(*) as n from incidents")["n"].item() == 6


def test_parameters_are_values_never_sql(records):
    """``?`` stands for a value, whatever is in it."""
    found = records.sql("select count(*) as n from incidents where title = ?", ["x' or 1=1 --"])

    assert found["n"].item() == 0


def test_two_columns_of_one_kind_of_name_survive(records):
    """A decimal and a length beside each other, and a missing length, are converted each in its place."""
    found = records.sql("select 1.5 as a, interval 90 minute as b, null::interval as c, interval 1 month as d")

    assert found.iloc[0, 0] == 1.5 and found.iloc[0, 1] == pd.Timedelta(minutes=90)
    assert found.iloc[0, 2:].isna().all()


@pytest.mark.parametrize(
    "query",
    [
        "select * from read_csv('{secret}')",
        "select * from read_text('{secret}')",
        "select * from '{secret}'",
        "select * from glob('{folder}/*')",
        "select * from secret_frame",
        "with x as (select * from read_text('{secret}')) select * from x",
    ],
)
def test_nothing_but_the_tables_can_be_read(records, tmp_path, query):
    """No file, no folder, no variable of Python's."""
    secret = tmp_path / "secret.csv"
    secret.write_text("a\n1\n")
    secret_frame = pd.DataFrame({"a": [1]})

    with pytest.raises(SettingsError, match=r"^SQL: [^\n]+$"):
        records.sql(query.format(secret=secret, folder=tmp_path))
    assert len(secret_frame) == 1


@pytest.mark.parametrize(
    "query",
    [
        "copy incidents to '{target}'", "attach '{target}'", "set enable_external_access = true", "install httpfs",
        "load httpfs", "drop view incidents", "delete from incidents", "select 1; select 2", "", "pragma version",
        "create table x as select 1", "export database '{target}'",
    ],
)  # fmt: skip
def test_only_one_select_is_taken(records, tmp_path, query):
    """What would change, write, attach or configure anything is refused before it runs."""
    target = tmp_path / "out"
    with pytest.raises(SettingsError, match=r"^SQL: expected one SELECT"):
        records.sql(query.format(target=target))
    assert not target.exists()


@pytest.mark.parametrize("setting", ["enable_external_access", "lock_configuration", "python_enable_replacements"])
def test_the_locks_are_closed(records, setting):
    """Asked for its own settings, the database says that they are locked."""
    value = records.sql("select value from duckdb_settings() where name = ?", [setting])["value"].item()

    assert value == ("true" if setting == "lock_configuration" else "false")


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("select colour from incidents", 'SQL: Referenced column "colour" not found'),
        ("selct 1", 'SQL: syntax error at or near "selct"'),
        ("select * from incident", 'Did you mean "incidents"'),
    ],
)
def test_a_mistake_is_one_sentence_in_its_own_words(records, query, message):
    """What DuckDB says, in one line, with what it suggests."""
    with pytest.raises(SettingsError, match=message) as caught:
        records.sql(query)
    assert "\n" not in str(caught.value)


def test_without_duckdb_it_says_what_to_install(records, monkeypatch):
    """The extra is named; nothing else of the records needs it."""
    def missing(name):
        raise ImportError(name)

    monkeypatch.setattr(sql_view, "import_module", missing)
    with pytest.raises(SettingsError, match=r"needs DuckDB; python -m pip install 'incident-workbook\[explore\]'"):
        records.sql("select 1")
