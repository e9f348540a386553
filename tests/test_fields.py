"""Parsers for one field: strict, and clear when they refuse."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incident_lib.errors import FieldError, SourceError
from incident_lib.sources.fields import as_json, parse_choice, parse_date, parse_epoch, parse_severity, parse_time
from incident_lib.sources.reading import parse_json

FIRST, LAST = (datetime(year, 1, 1) for year in (1991, 2099))  # noqa: DTZ001  (hypothesis adds the zone)
AWARE = st.datetimes(FIRST, LAST, timezones=st.just(UTC))


@given(AWARE)
def test_a_time_written_with_its_offset_reads_back(time: datetime):
    """ISO 8601 out and in again is the same moment."""
    assert parse_time(time.isoformat()) == time


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("2026-03-02 10:00", "has no UTC offset"),
        ("02/03/2026 10:00", "not an ISO 8601 time"),
        ("20250101", "not an ISO 8601 time"),
        (1772443200, "not an ISO 8601 time"),
        (True, "not an ISO 8601 time"),
        ("2026-02-30T10:00:00Z", "no such time"),
        ("1628-03-02T10:00:00Z", "the year of"),
        ("9999-12-31T23:59:59-12:00", "the year of|no such time"),
    ],
)
def test_a_time_that_is_none_is_refused(value: object, message: str):
    """Nothing is guessed: no naive times, no epoch numbers, no day-month puzzles, no impossible years."""
    with pytest.raises(FieldError, match=message):
        parse_time(value)


@pytest.mark.parametrize(("text", "what"), [("2026-03-08 02:30", "does not exist"), ("2026-11-01 01:30", "exists twice")])
def test_a_local_time_in_a_clock_change_is_refused(text: str, what: str):
    """A time that the clock change skips or repeats can't be told without its offset."""
    with pytest.raises(FieldError, match=what):
        parse_time(text, zone="America/Detroit")


def test_a_stated_zone_reads_local_times():
    """A file whose zone is stated in the settings may leave offsets out."""
    assert parse_time("2026-03-02 10:00", zone="America/Detroit") == datetime(2026, 3, 2, 15, tzinfo=UTC)


def test_a_slack_timestamp_keeps_its_microseconds():
    """The id of a message is its time to the microsecond; no float comes near it."""
    assert parse_epoch("1772443200.000100").microsecond == 100


@pytest.mark.parametrize("value", ["", "NaN", "inf", "-1", "99999999999999", None, "1e9"])
def test_an_epoch_that_is_none_is_refused(value: object):
    """Not a number, infinite, or far away: refused."""
    with pytest.raises(FieldError):
        parse_epoch(value)


def test_a_date_takes_the_day_of_a_time_too():
    """Dates are read from dates and times."""
    assert str(parse_date("2026-03-02")) == str(parse_date("2026-03-02T23:00:00Z")) == "2026-03-02"


@pytest.mark.parametrize(("word", "severity"), [("Critical", "critical"), ("SEV-2", "high"), ("p3", "medium"), ("Brand", "low")])
def test_severities_are_known_by_many_names(word: str, severity: str):
    """Case doesn't matter, common scales are known, and the settings add more."""
    assert parse_severity(word, {"brand": "low"}) == severity


def test_an_unknown_severity_names_the_known():
    """The message quotes the value and says what was expected."""
    with pytest.raises(FieldError, match="unknown severity 'urgent'; expected critical, high, medium or low"):
        parse_severity("urgent", {})


def test_a_choice_is_one_of_few():
    """Statuses and kinds are closed lists."""
    assert parse_choice("Done", ("open", "done"), "status") == "done"
    with pytest.raises(FieldError, match="unknown status 'don'; expected open or done"):
        parse_choice("don", ("open", "done"), "status")


def test_keys_of_several_kinds_become_texts():
    """YAML takes an empty key beside a word, and a number beside both; JSON with sorted keys takes texts."""
    assert as_json({"b": 1, None: {2: "x", "a": "y"}, "empty": ""}) == '{"None": {"2": "x", "a": "y"}, "b": 1}'


def test_brackets_within_texts_are_no_nesting():
    """A title of many brackets is a title; real depth beyond the limit is refused."""
    assert parse_json('{"a": "' + "[" * 300 + '\\"[["}', "x", nesting=100)["a"].startswith("[[")
    with pytest.raises(SourceError, match="nested more than 100 levels"):
        parse_json("[" * 101 + "]" * 101, "x", nesting=100)
