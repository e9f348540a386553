"""Databases as sources and as targets: SQLite, and a real PostgreSQL server where one can be started."""

from __future__ import annotations

import json
import sqlite3
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import pandas as pd
import pytest
from click.testing import CliRunner
from factories import page
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from postgres_server import PASSWORD, USER, can_run, server

from incident_lib.cli import cli
from incident_lib.errors import SettingsError, SourceError, WorkbookError
from incident_lib.loading import load
from incident_lib.records import Records
from incident_lib.settings import parse_settings
from incident_lib.sources import sql
from incident_lib.tables import INCIDENTS, MESSAGES, TABLES, TIMELINE

sa = pytest.importorskip("sqlalchemy")
pytest.importorskip("psycopg")

NAMES = ("incidents", "timeline", "messages", "postmortems", "action_items", "follow_ups", "people", "decisions")
SAMPLE = Path(__file__).parents[1] / "data"
needs_postgres = pytest.mark.skipif(not can_run(), reason="no PostgreSQL server can be started here")


@pytest.fixture(scope="module")
def postgres() -> Iterator[str]:
    """Return the URL of a database of a server of our own, with its password."""
    with server() as address:
        yield f"postgresql://{USER}:{quote(PASSWORD, safe='')}@{address}"


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=needs_postgres)])
def url(request, tmp_path) -> Iterator[str]:
    """Return the URL of an empty database: SQLite, and PostgreSQL."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'incidents.db'}"
        return
    url = request.getfixturevalue("postgres")
    yield url
    with connected(url) as connection:
        for statement in ("drop schema public cascade", "create schema public", "drop schema if exists ours cascade"):
            connection.exec_driver_sql(statement)


def connected(url: str):
    """Return a transaction on a database of the tests."""
    return sa.create_engine(sa.make_url(url).set(drivername=DRIVERS[url.split(":")[0]])).begin()


DRIVERS = {"sqlite": "sqlite+pysqlite", "postgresql": "postgresql+psycopg"}


@pytest.fixture
def reads(workbook) -> Callable[..., Records]:
    """Return a reader of a database through a workbook that names it; keywords become its settings."""

    def make(url: str, as_of: str | None = "2030-01-01", **rest: str) -> Records:
        lines = "".join(f"{key} = {value}\n" for key, value in rest.items())
        return load(workbook({}, f"[[databases]]\nurl = {json.dumps(url)}\n{lines}"), as_of=as_of)

    return make


def test_a_workbook_comes_back_from_a_database_as_it_went(url, workbook):
    """Load, export, load again: every table is equal, row for row and value for value."""
    records = load(SAMPLE)
    counts = sql.export_tables({table.name: getattr(records, table.name) for table in TABLES}, url, replace=False,
                               folder=SAMPLE)  # fmt: skip
    again = load(workbook({}, f"[[databases]]\nurl = {json.dumps(url)}\n" + settings_of(SAMPLE)), as_of=records.as_of)

    assert counts["incidents"] == len(records.incidents) > 100
    for name in NAMES:
        pd.testing.assert_frame_equal(getattr(again, name), getattr(records, name), obj=name)


def settings_of(folder: Path) -> str:
    """Return the settings of a workbook that decide what its words mean, without its files."""
    return (folder / "workbook.toml").read_text(encoding="utf-8")


TEXTS = st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12) | st.none()
TIMES = st.none() | st.datetimes(pd.Timestamp("1990-01-01"), pd.Timestamp("2100-12-31")).map(
    lambda time: pd.Timestamp(time, tz="UTC"))  # fmt: skip


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(TIMES.filter(bool), TEXTS, TEXTS, st.booleans()), max_size=5))
def test_any_messages_come_back_from_sqlite(tmp_path, rows):
    """White space, quotes, emoji and line ends survive; an empty text is a missing one."""
    frame = MESSAGES.frame({"at": at, "text": text or None, "who": who or None, "is_bot": bot, "source": "x"}
                           for at, text, who, bot in rows)  # fmt: skip
    url = f"sqlite:///{tmp_path / 'any.db'}"
    sql.export_tables({"messages": frame}, url, replace=True, folder=tmp_path)
    (read,) = sql.read_databases(tmp_path, parse_settings(f"[[databases]]\nurl = {json.dumps(url)}\n"))
    keys = ["at", "text", "who", "is_bot"]
    written, back = (one.sort_values(keys, ignore_index=True) for one in (frame, read.batch.table(MESSAGES)))

    pd.testing.assert_frame_equal(back, written)


def test_a_bad_value_costs_that_value_and_names_its_row(url, reads):
    """Times, severities and years are checked as in any table; a row without its id is left out."""
    with connected(url) as connection:
        columns = "incident_id text, severity text, started_at text, floor int"
        connection.exec_driver_sql(f"create table incidents ({columns})")
        connection.exec_driver_sql(
            "insert into incidents values ('INC-1', 'critical', '2026-03-02T09:14:00Z', 3), ('INC-2', 'urgent', "
            "'2026-03-02T10:00:00+02:00', null), ('INC-3', 'p2', 'noon', null), (null, 'low', null, 1)"
        )
    records = reads(url)
    problems = records.problems.set_index("source")["message"].to_dict()

    assert records.incidents["severity"].astype("str").to_list()[::2] == ["critical", "high"]
    assert str(records.incidents["started_at"].iloc[1]) == "2026-03-02 08:00:00+00:00"
    assert "unknown severity 'urgent'" in problems["db incidents row 2"]
    assert "not an ISO 8601 time: 'noon'" in problems["db incidents row 3"]
    assert "no incident_id" in problems["db incidents row 4"]
    assert json.loads(records.incidents["extra"].iloc[0]) == {"floor": 3}
    assert records.accounts.set_index("outcome")["rows"].to_dict() == {"used": 3, "skipped: no incident_id": 1}


@needs_postgres
def test_what_python_can_t_hold_costs_only_that_value(postgres, reads):
    """Infinite times, the year 12026 and times without a zone: read as texts, checked, reported."""
    with connected(postgres) as connection:
        connection.exec_driver_sql("create schema ours")
        connection.exec_driver_sql(
            "create table ours.incidents (incident_id text, title varchar(9), started_at timestamptz, "
            "resolved_at timestamp, tags jsonb)"
        )
        connection.exec_driver_sql(
            "insert into ours.incidents values ('INC-1', 'a', '2026-03-02 09:14:00.25-05', '2026-03-02 18:00', '[]'), "
            "('INC-2', 'b', 'infinity', null, null), ('INC-3', 'c', '12026-01-01', null, '{\"a\": 1}'), "
            "('INC-4', 'd', '1628-01-01', '2026-10-25 02:30', null)"
        )
    try:
        records = reads(postgres, schema='"ours"', zone='"Europe/Berlin"')
    finally:
        with connected(postgres) as connection:
            connection.exec_driver_sql("drop schema ours cascade")
    incidents = records.incidents

    assert incidents["started_at"].to_list()[0] == pd.Timestamp("2026-03-02T14:14:00.25Z")
    assert incidents["resolved_at"].to_list()[0] == pd.Timestamp("2026-03-02T17:00:00Z")
    assert incidents[["started_at", "resolved_at"]].iloc[1:].isna().all(axis=None)
    assert sorted(records.problems["source"]) == [
        "db incidents row 2", "db incidents row 3", "db incidents row 4", "db incidents row 4",
    ]  # fmt: skip


def test_a_query_gives_a_table_another_way(url, reads):
    """Their names become ours in the query; a percent sign and a colon in it are only text."""
    with connected(url) as connection:
        connection.exec_driver_sql("create table tickets (id text, what text, began text)")
        row = {"a": "INC-1", "b": "100% :x down", "c": "2026-03-02T09:14:00Z"}
        connection.execute(sa.text("insert into tickets values (:a, :b, :c)"), row)
    query = "select id as incident_id, what as title, began as started_at from tickets where what like '%:x%'"
    records = reads(url, queries=f"{{ incidents = {json.dumps(query)} }}")

    assert records.incidents[["incident_id", "title"]].to_numpy().tolist() == [["INC-1", "100% :x down"]]


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("select 1; drop table incidents", "one statement"),
        ("", "one statement"),
        ("select nonsense from nowhere", "nowhere"),
        ("delete from incidents", "database 'db'"),
        ("insert into incidents values ('INC-2', 'x', null) returning incident_id", "database 'db'"),
    ],
)
def test_nothing_is_written_while_reading(url, reads, query: str, message: str):
    """Whatever a query tries, the database stays as it is, and the reason is one sentence."""
    with connected(url) as connection:
        connection.exec_driver_sql("create table incidents (incident_id text, title text, started_at text)")
        connection.exec_driver_sql("insert into incidents values ('INC-1', 'x', '2026-03-02T09:14:00Z')")
    with pytest.raises(SourceError, match=message):
        reads(url, queries=f"{{ incidents = {json.dumps(query)} }}")

    assert reads(url).incidents["incident_id"].to_list() == ["INC-1"]


def test_a_sqlite_query_can_t_reach_other_files(tmp_path, reads):
    """Attaching is refused, so no other file is read or made."""
    url = f"sqlite:///{tmp_path / 'a.db'}"
    with connected(url) as connection:
        connection.exec_driver_sql("create table incidents (incident_id text, title text)")
    attach = json.dumps(f"attach '{tmp_path / 'b.db'}' as b")
    with pytest.raises(SourceError, match="database 'db'"):
        reads(url, queries=f"{{ incidents = {attach} }}")

    assert not (tmp_path / "b.db").exists()


def test_values_that_look_like_sql_stay_values(url, tmp_path):
    """Bound parameters only: an id may be anything."""
    hostile = ["x' OR '1'='1", '"; drop table incidents; --', "%s :id ? {0}", "\\"]
    frame = INCIDENTS.frame({"incident_id": one, "title": one, "source": "x"} for one in hostile)
    for _ in range(2):
        sql.export_tables({"incidents": frame}, url, replace=True, folder=tmp_path)
    (read,) = sql.read_databases(tmp_path, parse_settings(f"[[databases]]\nurl = {json.dumps(url)}\n"))

    assert sorted(read.batch.table(INCIDENTS)["title"]) == sorted(hostile)
    assert not read.batch.problems


def test_rows_that_are_there_are_not_overwritten_unasked(url, tmp_path):
    """Without --replace nothing is written at all, not even into the tables that are empty."""
    one = {"incidents": INCIDENTS.frame([{"incident_id": "INC-1"}]), "timeline": TIMELINE.frame()}
    two = {**one, "timeline": TIMELINE.frame([{"at": pd.Timestamp("2026-03-02", tz="UTC"), "text": "x"}])}
    sql.export_tables(one, url, replace=False, folder=tmp_path)
    with pytest.raises(SourceError, match=r"has rows in incidents; nothing was written \(--replace"):
        sql.export_tables(two, url, replace=False, folder=tmp_path)

    with connected(url) as connection:
        assert connection.exec_driver_sql("select count(*) from timeline").scalar() == 0
    assert sql.export_tables(two, url, replace=True, folder=tmp_path) == {"incidents": 1, "timeline": 1}


def test_an_export_that_fails_half_way_leaves_what_was_there(url, tmp_path):
    """A table of theirs with other columns: the driver's reason, and the old rows still there."""
    sql.export_tables({"incidents": INCIDENTS.frame([{"incident_id": "INC-1"}])}, url, replace=False, folder=tmp_path)
    with connected(url) as connection:
        connection.exec_driver_sql("create table timeline (other text)")
    tables = {
        "incidents": INCIDENTS.frame([{"incident_id": "INC-2"}]),
        "timeline": TIMELINE.frame([{"at": pd.Timestamp("2026-03-02", tz="UTC"), "text": "x"}]),
    }
    with pytest.raises(SourceError, match="database 'export'"):
        sql.export_tables(tables, url, replace=True, folder=tmp_path)

    with connected(url) as connection:
        assert connection.exec_driver_sql("select incident_id from incidents").scalars().all() == ["INC-1"]


SECRET = "s3cr3t/with @:%"
HIDDEN = quote(SECRET, safe="")


@pytest.mark.parametrize(
    "address",
    [
        f"postgresql://me:{HIDDEN}@127.0.0.1:1/x",
        f"postgresql://me@127.0.0.1:1/x?password={HIDDEN}",
        f"postgresql://me:{HIDDEN}@127.0.0.1:notaport/x",
        f"postgresql://me:{HIDDEN}@[broken/x",
        f"postgresql://me:{HIDDEN}@no-such-host.invalid/x",
        f"postgresql://me:{HIDDEN}@127.0.0.1:1/x?{HIDDEN}=1",
        f"mysql://me:{HIDDEN}@127.0.0.1/x",
        f"sqlite:////no/such/folder/{HIDDEN}.db",
        f"{HIDDEN}",
    ],
)
def test_the_address_is_never_said(workbook, tmp_path, address: str):
    """Not in a problem, not in an exception, not in its traceback, not in settings that are printed."""
    folder = workbook({"postmortems/a.md": page()}, f"[[databases]]\nurl = {json.dumps(address)}\n")
    records = load(folder)
    said = [*records.problems["message"], *records.accounts["source"], repr(records.settings)]
    said.append(records.settings.model_dump_json())
    tables = {"incidents": INCIDENTS.frame([{"incident_id": "1"}])}
    with pytest.raises(WorkbookError) as caught:
        sql.export_tables(tables, address, replace=False, folder=tmp_path)
    said += traceback.format_exception(caught.value)
    shown = "\n".join(line for line in said if "sql.export_tables(" not in line)

    assert (records.problems["effect"] == "file left out").any()
    for secret in (SECRET, HIDDEN, address):
        assert secret not in shown


@needs_postgres
def test_a_wrong_password_is_not_said_either(postgres, workbook):
    """The server's own words come through, without the address."""
    wrong = postgres.replace(quote(PASSWORD, safe=""), HIDDEN)
    records = load(workbook({"postmortems/a.md": page()}, f"[[databases]]\nurl = {json.dumps(wrong)}\n"))
    (message,) = records.problems["message"]

    assert "password authentication failed" in message
    assert not any(secret in message for secret in (SECRET, HIDDEN, wrong, "postgresql://"))


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        ("[[databases]]\nname = 'a'\n", "state its address as url, or as url_env"),
        (f"[[databases]]\nurl = 'postgresql://{HIDDEN}'\nurl_env = 'X'\n", "state its address as url, or as url_env"),
        ("[[databases]]\nurl_env = 'NO_SUCH_VARIABLE'\n", "the environment variable NO_SUCH_VARIABLE is not set"),
        (f"[[databases]]\nurll = 'postgresql://{HIDDEN}'\n", "unknown setting 'databases.0.urll'; did you mean 'url'"),
        (f"[databases]\nurl = 'postgresql://{HIDDEN}'\n", "setting 'databases'"),
        (f"[[databases]]\nurl = ['postgresql://{HIDDEN}']\n", "setting 'databases.0.url'"),
        ("[[databases]]\nurl = 'sqlite:///a.db'\nqueries = {incident = 'x'}\n", "setting 'databases.0.queries"),
        ("[[databases]]\nurl = 'sqlite:///a'\n[[databases]]\nurl = 'sqlite:///b'\n", "two databases are called 'db'"),
    ],
)
def test_settings_that_make_no_sense_stop_with_a_sentence(workbook, toml: str, message: str):
    """What is wrong, without what may be a password."""
    with pytest.raises(SettingsError) as caught:
        load(workbook({"postmortems/a.md": page()}, toml))

    assert message in str(caught.value)
    assert HIDDEN not in "".join(traceback.format_exception(caught.value))


def test_the_address_may_come_from_the_environment(workbook, tmp_path, monkeypatch):
    """And a relative SQLite path is looked for from the workbook's folder."""
    folder = workbook({}, '[[databases]]\nname = "tickets"\nurl_env = "INCIDENTS_DB_URL"\n')
    tables = {"incidents": INCIDENTS.frame([{"incident_id": "INC-1"}])}
    sql.export_tables(tables, "sqlite:///in.db", replace=False, folder=folder)
    monkeypatch.setenv("INCIDENTS_DB_URL", "sqlite:///in.db")
    records = load(folder)
    before = records.sources["database tickets"]
    with sqlite3.connect(folder / "in.db") as connection:
        connection.execute("update incidents set title = 'changed'")

    assert records.incidents["source"].isna().all() or records.incidents["source"].iloc[0] == "tickets incidents row 1"
    assert len(before) == 64 and load(folder).sources["database tickets"] != before


def test_without_the_extra_one_sentence_says_what_to_install(workbook, monkeypatch):
    """A workbook without databases doesn't need it."""
    monkeypatch.delitem(sys.modules, "incident_lib.sources.sql_engine", raising=False)
    monkeypatch.setitem(sys.modules, "sqlalchemy", None)
    assert len(load(workbook({"postmortems/a.md": page()})).incidents) == 1

    with pytest.raises(SettingsError, match=r"not installed; install 'incident-workbook\[sql\]'"):
        load(workbook({"postmortems/a.md": page()}, "[[databases]]\nurl = 'sqlite:///a.db'\n"))


def test_a_database_without_our_tables_or_needed_columns_is_a_problem(url, workbook):
    """The rest of the workbook is read all the same."""
    settings = f"[[databases]]\nurl = {json.dumps(url)}\n"
    with connected(url) as connection:
        connection.exec_driver_sql("create table other (a text)")
    none = load(workbook({"postmortems/a.md": page()}, settings))
    with connected(url) as connection:
        connection.exec_driver_sql("create table timeline (text text)")
        connection.exec_driver_sql("insert into timeline values ('x')")
    lacking = load(workbook({"postmortems/a.md": page()}, settings))

    assert "has no table of ours; expected incidents, timeline" in none.problems["message"].iloc[0]
    assert "its table timeline has no column 'at'" in lacking.problems["message"].iloc[0]
    assert lacking.accounts.set_index("outcome")["rows"]["skipped: no column at"] == 1
    assert len(none.incidents) == len(lacking.incidents) == 1


def test_the_command_writes_and_says_how_much(workbook, tmp_path, monkeypatch):
    """By URL or by the variable that holds it."""
    folder = workbook({"postmortems/a.md": page()})
    monkeypatch.setenv("TARGET", f"sqlite:///{tmp_path / 'out.db'}")
    first = CliRunner().invoke(cli, ["export", "--url-env", "TARGET", "--data", str(folder)], catch_exceptions=False)
    again = CliRunner().invoke(cli, ["export", f"sqlite:///{tmp_path / 'out.db'}", "--data", str(folder)])

    assert "written: 1 incidents" in first.output
    assert isinstance(again.exception, SourceError)
    assert CliRunner().invoke(cli, ["export", "--data", str(folder)]).exit_code == 2
