"""``records.where``: what it keeps, what it refuses, the line that says it again."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
from factories import NOON
from hypothesis import given, settings
from hypothesis import strategies as st

from incident_lib.errors import SettingsError
from incident_lib.explore.rows import kept, stand_in
from incident_lib.explore.selecting import names_in
from incident_lib.explore.word_search import holds_words
from incident_lib.periods import parse_period
from incident_lib.records import Records
from incident_lib.settings import parse_settings
from incident_lib.tables import TABLES
from incident_lib.words import unknown

ROWS = (
    ("INC-1", "critical", "2026-01-10T08:00:00Z", "Acme; Bright Ltd", "mail", "Mail delayed", "queue over the limit"),
    ("INC-2", "high", "2026-04-12T23:30:00Z", "Bright Ltd", "mail; DNS", "Names lost", "a zone was lost; see MAIL"),
    ("INC-3", "low", "2026-04-30T21:59:00Z", None, "DNS", "Slow answers", None),
    ("INC-4", None, "2026-05-01T00:00:00Z", "Acme", None, "Straße gesperrt", "nothing of ours"),
)
COLUMNS = ("incident_id", "severity", "first_seen_at", "customers", "services", "title", "summary")


@pytest.fixture
def records(tmp_path) -> Records:
    """Return four incidents, each with a message and an action item, and a message of none."""
    tables = {table.name: table.frame() for table in TABLES}
    by_name = {table.name: table for table in TABLES}
    tables["incidents"] = by_name["incidents"].frame(dict(zip(COLUMNS, row, strict=True)) for row in ROWS)
    own = [{"incident_id": name, "at": NOON, "text": name, "title": name} for name in ("INC-4", "INC-2", "INC-1")]
    tables["messages"] = by_name["messages"].frame([*own, {"at": NOON, "text": "lunch?"}])
    tables["action_items"] = by_name["action_items"].frame(own)
    tables["people"] = by_name["people"].frame([{"name": "Priya Raman"}])
    tables["problems"] = by_name["problems"].frame([{"rule": "x", "incident_id": "INC-3"}])
    settings = parse_settings('[workbook]\nzone = "Europe/Berlin"')
    return Records(folder=tmp_path, settings=settings, as_of=NOON, sources={}, **tables)


def ids(records: Records) -> list[str]:
    """Return the numbers of the incidents."""
    return [name.removeprefix("INC-") for name in records.incidents["incident_id"]]


@pytest.mark.parametrize(
    ("wishes", "expected"),
    [
        ({"severity": "critical"}, "1"),
        ({"severity": ["Critical", "LOW"]}, "13"),
        ({"severity": "unstated"}, "4"),
        ({"customer": "bright ltd"}, "12"),
        ({"customer": ["Acme", "Bright Ltd"]}, "124"),
        ({"service": "dns"}, "23"),
        ({"service": "mail", "customer": "Acme"}, "1"),
        ({"since": "2026-04-13"}, "234"),  # 23:30 UTC is the next day in Berlin
        ({"until": "2026-04-12"}, "1"),
        ({"since": "2026-05"}, "4"),
        ({"until": "2026-04"}, "123"),
        ({"until": "2025"}, ""),
        ({"since": "2026-Q2"}, "234"),
        ({"since": "2026-04-12T23:30:00Z"}, "234"),
        ({"since": pd.Timestamp("2026-04-30T22:00Z")}, "4"),
        ({"since": pd.Timestamp("2026-05-01").date()}, "4"),
        ({"period": "2026-Q1"}, "1"),
        ({"period": ["2026-01", parse_period("2026-05")]}, "14"),
        ({"text": "mail"}, "12"),
        ({"text": "LIMIT mail"}, "1"),
        ({"text": ["zone", "slow"]}, "23"),
        ({"text": "STRASSE"}, "4"),
        ({"text": "  "}, "1234"),
        ({"incident_id": "inc-3"}, "3"),
        ({"incident_id": ["INC-3", "inc-1"]}, "13"),
        ({"incident_id": []}, ""),
        ({}, "1234"),
    ],
)
def test_each_wish_keeps_its_incidents(records, wishes, expected):
    """A wish, or a list of them, keeps the incidents that it describes, in the order that they had."""
    assert "".join(ids(records.where(**wishes))) == expected


def test_what_belongs_to_the_incidents_comes_along(records):
    """Rows of the chosen incidents stay, others and messages without an incident go; people and problems stay."""
    few = records.where(severity="high")

    assert few.messages["text"].tolist() == ["INC-2"]
    assert few.action_items["title"].tolist() == ["INC-2"]
    assert len(few.people) == 1 and len(few.problems) == 1
    for table in TABLES:
        pd.testing.assert_series_equal(getattr(few, table.name).dtypes, getattr(records, table.name).dtypes)


def test_no_wish_gives_the_records_themselves(records):
    """``where()`` changes nothing."""
    assert records.where() is records
    assert records.filter_line() == "records"


@pytest.mark.parametrize(
    ("wishes", "message"),
    [
        ({"severity": "critcal"}, "unknown severity 'critcal'; did you mean 'critical'?"),
        ({"customer": "Bright"}, "unknown customer 'Bright'; did you mean 'Bright Ltd'?"),
        ({"service": "mial"}, "unknown service 'mial'; did you mean 'mail'?"),
        ({"tag": "x"}, "unknown tag 'x'; there are none"),
        ({"incident_id": "INC-33"}, "unknown incident 'INC-33'; did you mean 'INC-3'?"),
        ({"since": "April"}, "since: no such time: 'April'; expected 2026"),
        ({"until": "2026-02-30"}, "until: no such time: '2026-02-30'"),
        ({"until": "2026-02-03T10:00"}, "until: no such time: '2026-02-03T10:00'"),
        ({"since": ["2026", "2025"]}, "since: no such time"),
        ({"period": "soon"}, "not a period: 'soon'"),
    ],
)
def test_what_no_incident_has_is_refused(records, wishes, message):
    """An unknown name is refused with the nearest known one, a time that is none with what was expected."""
    with pytest.raises(SettingsError, match=re.escape(message)):
        records.where(**wishes)


def test_a_name_that_only_others_have_finds_nothing(records):
    """In a choice of a choice, names of the whole workbook are known, and simply find nothing."""
    assert ids(records.where(severity="low").where(customer="acme", incident_id="INC-1")) == []


@pytest.mark.parametrize(
    ("line", "same"),
    [
        ('records.where(severity="critical", since="2026-01")', ""),
        ('records.where(customer=["Acme", "Bright Ltd"])', ""),
        ('records.where(severity="high").where(text="mail \\"zone\\"")', 'records.where(severity="high", text="mail \\"zone\\"")'),
        ('records.where(severity=["high", "low"]).where(severity="low")', ""),
        ('records.where(customer="BRIGHT ltd")', 'records.where(customer="Bright Ltd")'),
        ('records.where(incident_id="inc-1")', 'records.where(incident_id="INC-1")'),
    ],
)  # fmt: skip
def test_the_line_makes_the_same_choice_again(records, line, same):
    """``filter_line`` is Python that gives the same incidents, with names as the records have them."""
    few = eval(line)

    assert few.filter_line() == (same or line)
    assert ids(eval(few.filter_line())) == ids(few)
    assert few.filter_line("mine").startswith("mine.where(")


@settings(deadline=None)  # other work on the machine is no failure
@given(st.lists(st.sampled_from(["Mail", "mail late", "ΣΊΣΥΦΟΣ", "a.b", "Ünder", None, "x"])), st.sampled_from(["mail", "MAIL LATE", "a.b", "a+b", "σίσυφος", "ü", "", "."]))
def test_words_are_found_as_pythons_casefold_finds_them(texts, words):
    """A row is found exactly where each word, case-folded, stands in its case-folded text."""
    frame = pd.DataFrame({"title": pd.Series(texts, dtype="str")})
    expected = [all(word in (text or "").casefold() for word in words.casefold().split()) for text in texts]

    assert holds_words(frame, words).tolist() == expected


@settings(deadline=None)  # other work on the machine is no failure
@given(st.lists(st.tuples(st.booleans(), st.sampled_from(["a", "b", None]), st.integers(0, 9))))
def test_rows_are_kept_as_pandas_keeps_them(rows):
    """``kept`` gives what a mask in pandas gives, numbered anew; ``stand_in`` what ``isin`` gives."""
    frame = pd.DataFrame(rows, columns=["mask", "text", "number"]).astype({"text": "str", "number": "Int64"})
    mask = frame.pop("mask").astype(bool).to_numpy()
    wanted = pd.Series(["b", None], dtype="str")

    pd.testing.assert_frame_equal(kept(frame, mask), frame[mask].reset_index(drop=True))
    assert np.array_equal(stand_in(frame["text"], wanted), frame["text"].isin(["b"]))


def test_names_are_listed_once():
    """Several names in one text are told apart, each is there once, in alphabetical order."""
    assert names_in(pd.Series(["b; a", None, "a", ""], dtype="str")) == ["a", "b"]


def test_the_nearest_of_very_many_names_is_found_at_once():
    """Among 100,000 names only those beside it in the alphabet are looked at closely."""
    known = [f"INC-{number:06}" for number in range(100_000)]

    assert "did you mean 'INC-0471" in unknown("INC-04711x", known, "incident")
