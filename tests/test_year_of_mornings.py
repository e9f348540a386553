"""A year of mornings by a fake clock: each report when it is due and never else, bounded disk use, both clock changes."""

import sqlite3
import tempfile
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from publish_only import publish_only
from short_notebooks import add_incident, write_notebooks, write_workbook

from incident_lib.scheduling.ledger import LEDGER
from incident_lib.scheduling.look import Task, ledger_of, look
from incident_lib.scheduling.making import make_due
from incident_lib.settings import read_settings

DETROIT = ZoneInfo("America/Detroit")
SETTINGS = """
[calendar]
country = "US"
subdivision = "MI"
[[customers]]
name = "Acme"
[schedule]
timeliness = "30 2 * * Mon-Fri"       # the hour that clock changes skip
follow_up = "30 1 * * *"              # the hour that they repeat
[retention]
periods = 2
drafts = 6
days = 800
ledger_days = 60
"""
MICHIGAN_2026 = {  # by hand: on weekdays, with Sunday's holidays on the Monday after and Saturday's on the Friday before
    "2026-01-01", "2026-01-19", "2026-02-16", "2026-05-25", "2026-06-19", "2026-07-03", "2026-09-07", "2026-11-03",
    "2026-11-11", "2026-11-26", "2026-11-27", "2026-12-24", "2026-12-25", "2026-12-31",
}  # fmt: skip


@pytest.fixture(scope="module")
def year():
    """Return the rows of a year's ledger as it was written, and what was on the disk each morning."""
    memory = "/dev/shm" if Path("/dev/shm").is_dir() else None  # 365 runs wait for the disk some thousand times
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        yield _year(Path(folder))


def _year(folder):
    data, reports = write_workbook(folder / "data", SETTINGS), folder / "reports"
    notebooks = write_notebooks(folder / "notebooks")
    settings, rows, disk, quiet, number = read_settings(data), {}, [], 0, 0
    reports.mkdir()
    day = date(2026, 1, 1)
    while day.year == 2026:
        now = datetime(day.year, day.month, day.day, 3, 0, 5, tzinfo=DETROIT).astimezone(UTC)
        if day.day == 15:  # records arrive
            number += 1
            times = [f"{now - timedelta(hours=hours):%Y-%m-%dT%H:%M:%SZ}" for hours in (7, 6)]
            add_incident(data, number, *times)
        said = []
        task = Task(str(data), reports, now, settings, lambda event, said=said, **facts: said.append(event), notebooks=notebooks)
        with ledger_of(task) as ledger:
            found = look(task, ledger)
            assert found.due and make_due(task, ledger, found, maker=publish_only) == 0
            again = look(task, ledger)
            quiet += not again.due
        with closing(sqlite3.connect(reports / LEDGER)) as raw:
            rows.update({row[0]: row for row in raw.execute("SELECT id, kind, name, slot, outcome, as_of FROM reports")})
        files = [path for path in reports.rglob("*") if path.is_file()]
        disk.append((len(files), sum(path.stat().st_size for path in files)))
        day += timedelta(days=1)
    return {"rows": [row[1:] for row in rows.values()], "disk": disk, "quiet": quiet, "reports": sorted(
        path.parent.relative_to(reports).as_posix() for path in reports.glob("[!.]*/**/manifest.json"))}  # fmt: skip


def mornings(year, kind):
    """Return on which local days a kind was made, as written in the ledger, and at which local time its slot was."""
    found = [datetime.fromisoformat(slot).astimezone(DETROIT) for of, _, slot, outcome, _ in year["rows"] if of == kind]
    return [f"{slot:%Y-%m-%d}" for slot in found], {f"{slot:%Y-%m-%d}": f"{slot:%H:%M}" for slot in found}


def test_the_board_was_made_each_morning_once(year):
    """365 boards, one a day, each for half past one; on the day that has this time twice, for the first of the two."""
    days, times = mornings(year, "follow-up")

    assert len(days) == len(set(days)) == 365
    assert set(times.values()) == {"01:30"}
    [long_day] = [slot for of, _, slot, _, _ in year["rows"] if of == "follow-up" and slot.startswith("2026-11-01")]
    assert long_day == "2026-11-01T05:30:00Z"


def test_timeliness_was_made_on_working_days_only(year):
    """Each weekday but the holidays of Michigan, once; the first morning is caught up from the year before."""
    days, _ = mornings(year, "timeliness")
    weekdays = {f"{date(2026, 1, 1) + timedelta(days=n)}" for n in range(365)
                if (date(2026, 1, 1) + timedelta(days=n)).weekday() < 5}  # fmt: skip

    assert len(days) == len(set(days))
    assert set(days[1:]) == {day for day in weekdays if day not in MICHIGAN_2026}


def test_reviews_were_made_when_their_period_was_over(year):
    """Each quarter's process review and Acme's, in the two weeks after it, made again only where something changed."""
    for kind, ending in (("process-review", ""), ("service-review", "-Acme")):
        rows = [(name, slot, outcome) for of, name, slot, outcome, _ in year["rows"] if of == kind]
        assert list(dict.fromkeys(name for name, _, _ in rows)) == [
            f"{quarter}{ending}" for quarter in ("2025-Q3", "2025-Q4", "2026-Q1", "2026-Q2", "2026-Q3")]  # fmt: skip
        second = [(slot[5:10], outcome) for name, slot, outcome in rows if name == f"2026-Q1{ending}"]
        assert [day for day, _ in second] == [f"04-{day:02}" for day in range(1, 15)]
        assert second[0] == ("04-01", "made")
        assert [outcome for _, outcome in second[1:]] == ["unchanged"] * 12 + ["made"]  # by then records had arrived


def test_each_incident_was_drafted_once(year):
    """An incident a month, and each got its draft on the morning when it had come in."""
    rows = [(name, as_of) for of, name, _, _, as_of in year["rows"] if of == "postmortem-draft"]

    assert [name for name, _ in rows] == [f"INC-2026-{number:03}" for number in range(1, 13)]
    assert {as_of[8:10] for _, as_of in rows} == {"15"}


def test_nothing_was_made_twice_on_a_morning(year):
    """A second run on the same morning found nothing to make, 365 times; pages that it wrote itself are no news."""
    assert year["quiet"] == 365


def test_the_disk_stays_bounded(year):
    """Of reviews two and of drafts six are kept; from spring on, files and bytes hardly grow."""
    files, sizes = zip(*year["disk"], strict=True)

    assert [name for name in year["reports"] if name.startswith("process")] == ["process-review/2026-Q2", "process-review/2026-Q3"]
    assert sum(name.startswith("postmortem-draft") for name in year["reports"]) == 6
    assert {"follow-up", "timeliness"} <= set(year["reports"])
    assert max(files[120:]) <= max(files[:120]) + 30
    assert max(sizes[200:]) < 1.3 * max(sizes[:200])
