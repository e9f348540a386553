"""What docs/formats.md says of each format: nothing that came after ``as_of`` is seen, whichever tool told it."""

from __future__ import annotations

import pandas as pd
import pytest
import test_fuzz

from incident_lib.as_of import PLANNED
from incident_lib.loading import load
from incident_lib.records import Records
from incident_lib.settings import Settings
from incident_lib.sources.registry import READERS
from incident_lib.tables import TABLES

SETTINGS = '[[files]]\npath = "*"\nzone = "{zone}"\n{format}'
SAMPLES = [(reader, number) for reader, files in sorted(test_fuzz.FILES.items()) for number in range(len(files))]
TWO_YEARS = pd.Timedelta(days=730)


def written(workbook, reader: str, number: int):
    """Return a workbook that holds one sample file of a reader."""
    name, content, rule = test_fuzz.FILES[reader][number]
    told = "" if rule is None else SETTINGS.format(
        zone=rule.zone, format=f'time_format = "{rule.time_format}"\n' if rule.time_format else "")  # fmt: skip
    return workbook({name: content}, told)


def moments(records: Records) -> list[pd.Timestamp]:
    """Return a moment just before each thing that the records tell of, at most twelve of them, spread evenly."""
    told = [getattr(records, table.name)[name].dropna() for table in TABLES for name in table.of_kind("time")]
    times = sorted(set(pd.concat([one.astype("datetime64[us, UTC]") for one in told])))
    return [time - pd.Timedelta(minutes=1) for time in times[:: max(1, len(times) // 12)]]


@pytest.mark.parametrize(("reader", "number"), SAMPLES)
def test_nothing_that_came_later_is_seen(workbook, reader, number):
    """At each moment, no row and no time of later is there, and what was there before stays as it was."""
    folder = written(workbook, reader, number)
    everything = load(folder)
    before: set[str] = set()
    for moment in moments(everything):
        known = load(folder, as_of=moment)
        for table in TABLES:
            frame = getattr(known, table.name)
            for name in set(table.of_kind("time")) - PLANNED:
                assert not (frame[name] > moment).any(), f"{table.name}.{name} tells of later than {moment}"
            for name in set(table.of_kind("date")) - PLANNED:
                assert not (frame[name] > moment.tz_localize(None)).any(), f"{table.name}.{name}"
        ids = set(known.incidents["incident_id"])
        assert before <= ids <= set(everything.incidents["incident_id"])
        before = ids


@pytest.mark.parametrize(("reader", "number"), SAMPLES)
def test_two_years_later_all_is_known(workbook, reader, number):
    """A later moment gives what the newest record gives: nothing depends on the day it is asked."""
    folder = written(workbook, reader, number)
    now, later = load(folder), load(folder, as_of=load(folder).as_of + TWO_YEARS)

    for table in TABLES:
        pd.testing.assert_frame_equal(getattr(now, table.name), getattr(later, table.name))


def test_precedence_names_every_reader():
    """Whichever two sources disagree, the settings' default says which one is believed."""
    assert {*Settings().sources.precedence} == {reader.name for reader in READERS} - {"reviews", "mail"} | {"sql"}
