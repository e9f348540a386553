"""Pages written to somebody else's template: what they state, what is read into their words, and what is said of it."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from incident_lib.errors import FieldError, SourceError
from incident_lib.loading import load
from incident_lib.settings import FileRule, Settings
from incident_lib.sources import foreign_pages
from incident_lib.sources.page_marks import marks_of
from incident_lib.sources.page_origin import incident_id_of
from incident_lib.sources.page_sections import our_name
from incident_lib.sources.reading import Batch, Source
from incident_lib.sources.stated_durations import parse_duration
from incident_lib.sources.written_times import any_day, like_time, read_written
from incident_lib.sources.written_zones import parse_zone, statement

REAL = Path(__file__).parents[2] / "shared" / "realdata"
TEAM_IDS = Settings().sources.incident_id


@pytest.fixture
def read(tmp_path):
    """Return a reader of page texts."""

    def make(text: str | bytes, name: str = "pages/2026-03-02-mail.md", zone: str | None = None) -> Batch:
        path = tmp_path / Path(name).name
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return foreign_pages.read(Source(path, name, Settings(files=(FileRule(path="*", zone=zone),))))

    return make


def times_of(batch: Batch) -> list[str]:
    """Return the timeline's times, short."""
    frame = batch.tables.get("timeline")
    return [] if frame is None else frame["at"].dt.strftime("%m-%d %H:%M").to_list()


def rules_of(batch: Batch) -> list[str]:
    """Return the rules that found something, but for the missing end."""
    return [problem.rule for problem in batch.problems if problem.rule != "no-end"]


TABLE = """# Mail delayed

## Summary

Mail was late.

## Timeline

All times in UTC.

| Time             | Event                                  |
| :--------------- | -------------------------------------- |
| 2026-03-02 09:14 | Queue grows [graph](https://g.example) |
| 2026-03-02 09:20 | Alert received                         |
| 2026-03-02 10:02 | Rolled back, service fully restored    |

## Contributing Factors

- One relay only

## Action Items

- [x] Add a relay
- [ ] Alert on the queue. Owner: Priya Raman
  - above 500

## Attendees

- PR, TO

## Stats

- Time to detection: 6 minutes
- Time to recovery: 48 minutes
"""


def test_a_table_gives_the_timeline_and_its_rows_the_times(read):
    """The first row is the start, the row that says so the end, and each row points to its line."""
    batch = read(TABLE)
    incident, rows = batch.tables["incidents"].iloc[0], batch.tables["timeline"]

    times = [str(incident[name])[11:16] for name in ("started_at", "detected_at", "resolved_at")]
    assert times == ["09:14", "09:20", "10:02"]
    assert rows["kind"].to_list() == ["page", "page", "resolved"]
    assert rows["url"].iloc[0] == "https://g.example"
    for row in rows.itertuples():
        assert row.text in TABLE.splitlines()[int(row.source.split()[-1]) - 1]
    assert not batch.problems


def test_sections_action_items_attendees_and_durations_are_taken(read):
    """Headings become ours, a ticked box is done, an owner is named, and durations stand in extra as minutes."""
    batch = read(TABLE)
    page, items = batch.tables["postmortems"].iloc[0], batch.tables["action_items"]
    extra = json.loads(batch.tables["incidents"]["extra"].iloc[0])

    assert {"Overview", "Timeline", "Contributing factors", "Action items"} < set(json.loads(page["sections"]))
    assert items[["title", "status"]].to_numpy().tolist() == [
        ["Add a relay", "done"], ["Alert on the queue. Owner: Priya Raman", "open"],
    ]  # fmt: skip
    assert items["owner"].to_list()[1] == "Priya Raman"
    assert json.loads(page["extra"]) == {"attendees": "PR; TO"}
    assert (extra["stated_time_to_detect_minutes"], extra["stated_time_to_recover_minutes"]) == (6, 48)


def test_a_stated_duration_that_the_timeline_contradicts_is_reported(read):
    """More than five minutes and a tenth away: a problem with both, and the rows that are that far apart."""
    batch = read(TABLE.replace("48 minutes", "42 minutes"))
    (problem,) = batch.problems

    assert (problem.rule, problem.effect, problem.source.split()[-1]) == ("contradiction", "kept", "34")
    assert "stated as '42 minutes' (42 minutes), but the timeline takes 48 minutes" in problem.message
    assert "the rows of 2026-03-02 09:20 and 2026-03-02 10:02 UTC are that far apart" in problem.message
    assert not read(TABLE.replace("48 minutes", "44 minutes")).problems


def test_the_last_row_proves_nothing(read):
    """Without a row that says so there is no end, and that is said."""
    batch = read(TABLE.replace("Rolled back, service fully restored", "Rolled back"))

    assert batch.tables["incidents"]["resolved_at"].isna().all()
    assert [problem.rule for problem in batch.problems] == ["no-end"]


@pytest.mark.parametrize(
    ("text", "marks"),
    [
        ("Issue mitigated", {"mitigated_at"}),
        ("**Recovery:** uncordoned the node", {"resolved_at"}),
        ("Behaviour subsequently returns to\nnormal", {"resolved_at"}),
        ("This does not resolve the issue; it is not resolved", set()),
        ("Believing the issue to be resolved, work resumes", set()),
        ("Service appears to be restored", set()),
        ("Partially restored", set()),
        ("Issue detected and verified", {"detected_at"}),
        ("No loss of service has been detected", set()),
        ("```\nall resolved\n```", set()),
    ],
)
def test_only_plain_words_mark_a_row(text: str, marks: set[str]):
    """What is denied, hoped for, partial, or in a log marks nothing."""
    assert marks_of(text) == marks


HEADINGS = """# 2026-03-02, Hub down

## Timeline

All times in CET

### 2026-03-02 23:50

Launches fail.

```
[E 2026-03-03 01:00 hub] timeout
### 00:30 is no heading
```

### ca. 23:55 - Team alerted

- looking

### 00:20

Hub restarted.

### 00:10

A note.

### 2X:XX (not sure)

Same again.

## 4. March, 08:00

Incident closed.

## Action items

1. Restart it sooner ([issue](https://t.example/1))
"""


def test_time_headings_carry_their_date_and_zone_past_midnight(read):
    """A row far before the one before is the next day's, one a little before is out of order; both are said."""
    batch = read(HEADINGS)

    assert times_of(batch) == ["03-02 22:50", "03-02 22:55", "03-02 23:20", "03-02 23:10", "03-04 07:00"]
    assert rules_of(batch) == ["past-midnight", "out-of-order", "unreadable-row"]
    assert "'00:20' comes after 23:55 without a date: read as the next day, 2026-03-03" in batch.problems[0].message
    assert HEADINGS.splitlines()[int(batch.problems[2].source.split()[-1]) - 1].startswith("### 2X:XX")
    assert json.loads(batch.tables["timeline"]["extra"].iloc[1]) == {"approximate": True}
    assert "[E 2026-03-03 01:00 hub]" in batch.tables["timeline"]["text"].iloc[0]
    assert batch.tables["timeline"]["text"].iloc[1] == "Team alerted\n\n- looking"
    assert batch.tables["action_items"]["ticket"].to_list() == ["https://t.example/1"]


@pytest.mark.parametrize(
    ("body", "times"),
    [
        ("- **14:02 UTC** – it broke\n- **14:05 UTC** - fixed", ["03-02 14:02", "03-02 14:05"]),
        ("- 14:02 UTC it broke\n- 14:05 it is worse", ["03-02 14:02", "03-02 14:05"]),
        ("**14:02 UTC** – it broke\nand how\n\n**14:05 UTC** – fixed", ["03-02 14:02", "03-02 14:05"]),
        ("* 2:02 PM EST: it broke\n* 2:05 pm EST: fixed", ["03-02 19:02", "03-02 19:05"]),
        ("| Date | Time (UTC) | What |\n|---|---|---|\n| Mar 3 | 01:00 | x |", ["03-03 01:00"]),
        ("| Time | What |\n|---|---|\n| 2026-03-02T14:02:00+02:00 | x |", ["03-02 12:02"]),
        ("### 3 March 2026\n\n- 01:00 UTC a\n\n### March 5\n\n- 02:00 UTC b", ["03-03 01:00", "03-05 02:00"]),
        ("- 22:30 UTC (Mar 2) - a\n- 00:10 UTC (Mar 3) - b", ["03-02 22:30", "03-03 00:10"]),
    ],
)
def test_lists_paragraphs_and_tables_in_many_hands(read, body: str, times: list[str]):
    """The page's day comes from the file's name where a row has none."""
    assert times_of(read(f"# Mail down\n\n## Incident Timeline\n\n{body}\n")) == times


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("2026-03-02 HH:mm", "no time of day"), ("2026-03-02 14:??", "no time of day"),
        ("2026-03-02", "no time of day"),
        ("2026-02-?? ??:??", "no time in"), ("noon", "no time in"), ("2026-02-30 12:00", "no such date"),
        ("20202-03-02 12:00", "may be 2002 or 2020 or 2022"), ("1626-03-02 12:00", "can't be right"),
        ("2026-03-02 13:14 am", "no time of day"), ("03/04/2026 12:00", "no time in"),
    ],
)  # fmt: skip
def test_a_row_without_a_time_costs_that_row_and_says_why(read, row: str, message: str):
    """The others stay; the account counts both."""
    batch = read(TABLE.replace("2026-03-02 09:14", row))
    problem = next(problem for problem in batch.problems if problem.effect == "row left out")

    assert message in problem.message
    assert problem.source.endswith("line 13")
    assert {
        one["outcome"]: one["rows"] for one in batch.accounts if one["kind"] == "timeline rows"
    } == {"used": 2, "skipped: unreadable": 1}


def test_a_year_with_a_digit_too_many_is_the_page_s_year_and_said(read):
    """PM2020-003 says which year 20202 was; without such a hint the row is left out."""
    row = "| 20202-01-16 12:00 | x |"
    text = f"# Migration\n\n## Timeline\n\nAll times in CET.\n\n| Time | Event |\n|---|---|\n{row}\n"
    batch = read(text, "pages/PM2020-003 - Migration.md")

    assert batch.tables["timeline"]["at"].astype("str").to_list() == ["2020-01-16 11:00:00+00:00"]
    assert rules_of(batch) == ["year-typo"]
    assert not times_of(read(text, "pages/migration.md"))


@pytest.mark.parametrize(
    ("words", "first", "rules"),
    [
        ("UTC", "07-08 18:00", []),
        ("CEST (UTC+2)", "07-08 16:00", []),
        ("CET", "07-08 17:00", ["zone-contradicts-season"]),
        ("PST (UTC-7)", "07-09 01:00", ["zone-contradiction"]),
        ("UC/Pacific", "07-09 01:00", ["zone-contradiction"]),
        ("US/Pacific", "07-09 01:00", []),
        ("UTC+1 (Zurich time)", "07-08 17:00", []),
        ("Central European Summer Time (CEST)", "07-08 16:00", []),
    ],
)
def test_the_page_s_own_words_say_the_zone(read, words: str, first: str, rules: list[str]):
    """A number goes before an abbreviation, an abbreviation is a fixed offset, and what is odd is said once."""
    batch = read(f"# 2018-07-08, full\n\n## Timeline\n\nAll times in {words}\n\n### 18:00\n\nx\n\n### 19:00\n\ny\n")

    assert times_of(batch)[0] == first
    assert rules_of(batch) == rules


def test_a_setting_says_the_zone_where_the_page_does_not(read):
    """Without either the time is refused; a zone that uses the page's abbreviation goes before it, another doesn't."""
    text = "# 2018-07-08, full\n\n## Timeline\n\nAll times in CET\n\n### 18:00\n\nx\n"

    assert "has no UTC offset" in read(text.replace("CET", "local time")).problems[0].message
    assert times_of(read(text.replace("CET", "local time"), zone="Asia/Tokyo")) == ["07-08 09:00"]
    assert times_of(read(text, zone="Europe/Copenhagen")) == ["07-08 16:00"]
    assert times_of(read(text.replace("CET", "UTC"), zone="Europe/Copenhagen")) == ["07-08 18:00"]


def test_a_local_time_that_the_clock_change_repeats_is_left_out(read):
    """With a zone's name stated, the clock changes count."""
    batch = read("# Full\n\n## Timeline\n\nTimes in Europe/Berlin\n\n- 2026-10-25 02:30 a\n- 2026-10-25 04:00 b\n")

    assert times_of(batch) == ["10-25 03:00"]
    assert "exists twice in Europe/Berlin" in batch.problems[0].message


STATUS = """---
title: Network core outage
date: 2022-10-19T11:07:23.000Z
severity: partial-outage
affectedSystems:
  - api
  - maps
resolved: true
---

import Update from '@components/Update.astro';

Core equipment has issues.

<Update date="2022-10-19T13:23:00.000Z">
  Narrowed down to hardware.
</Update>

<Update date="2022-10-19T08:50:00-06:00">Everything is operating normally.</Update>
<Update date="2022-10-19T15:30:00">Postscript.</Update>
"""


def test_a_status_page_gives_its_updates_and_is_no_post_mortem(read):
    """Announcement and updates are the timeline; a naive time is refused; the end is the update that says so."""
    batch = read(STATUS, "status/2022-10-19-core.mdxx")
    incident = batch.tables["incidents"].iloc[0]

    assert times_of(batch) == ["10-19 11:07", "10-19 13:23", "10-19 14:50"]
    facts = incident[["severity", "services", "summary"]].to_list()
    assert facts == ["high", "api; maps", "Core equipment has issues."]
    assert str(incident["resolved_at"])[:16] == "2022-10-19 14:50"
    assert "postmortems" not in batch.tables
    assert [problem.source[-7:] for problem in batch.problems] == ["line 20"]


def test_a_status_page_that_is_resolved_at_no_stated_time_has_no_end(read):
    """"resolved: true" says that, not when; scheduled maintenance is no incident."""
    open_end = read(STATUS.replace("Everything is operating normally", "New hardware is in").replace(
        "has issues.", "has issues. **Update** All is back to normal."))  # fmt: skip
    planned = read(STATUS.replace("partial-outage", "under-maintenance"))

    assert open_end.tables["incidents"]["resolved_at"].isna().all()
    assert "says that it is resolved, but not when" in open_end.problems[-1].message
    assert planned.accounts[0]["outcome"] == "skipped: scheduled maintenance"
    assert not planned.tables


@pytest.mark.parametrize(
    ("text", "name", "outcome"),
    [
        ("# My project\n\n## Install\n\nmake\n", "README.md", "skipped: no post-mortem"),
        ("MIT License\n\nCopyright 2020-01-01\n", "LICENSE.md", "skipped: no post-mortem"),
        ("# T\n\n## Timeline\n\n| Time | Event |\n|---|---|\n| 20xx-MM-DD HH:mm | x |\n", "a.md", "skipped: template"),
        ("# {{ yyyy-mm-dd }}, {{ name }}\n\n## Summary\n\n## Timeline\n", "a.md", "skipped: template"),
        ("# Outage\n\n## Summary\n\nx\n\n## Lessons learned\n\ny\n", "a.md", "used"),
        ("", "a.md", "skipped: no post-mortem"),
    ],
)
def test_what_is_no_post_mortem_is_accounted_for(read, text: str, name: str, outcome: str):
    """Neither a README nor a template is a page, and neither is lost."""
    assert read(text, name).accounts[0]["outcome"] == outcome


def test_titles_and_days_that_contradict_the_timeline_are_reported(read):
    """The title may have been copied from another page."""
    batch = read("# 2022-01-27, pod limit\n\n## Timeline\n\nTimes in UTC\n\n### 2022-06-02 10:00\n\nx\n")

    assert batch.problems[-1].message == (
        "the title says 2022-01-27, but the timeline begins on 2022-06-02; the timeline is believed"
    )


def test_stated_times_and_facts_go_before_what_rows_suggest(read):
    """Lines such as "Start:" and "Severity:" are the page's own word."""
    facts = "**Severity:** Major (all customers)\n**Incident Lead:** Tom Okafor\n\n"
    facts += "Start: 2026-03-02 09:00\nEnd: 2026-03-02 11:00\n"
    incident = read(TABLE.replace("Mail was late.", facts)).tables["incidents"].iloc[0]

    assert incident[["severity", "incident_commander"]].to_list() == ["high", "Tom Okafor"]
    assert [str(incident[name])[11:16] for name in ("started_at", "resolved_at")] == ["09:00", "11:00"]


@pytest.mark.parametrize(
    ("name", "incident_id"),
    [
        ("a/PM2020-003 - Postmortem for it.md", "PM2020-003"), ("INC-2026-042 mail.md", "INC-2026-042"),
        ("2018-04-18-cull-flood.md", "2018-04-18-cull-flood"), ("x/down to api.example.mdx", "down-to-api.example"),
        ("2026-03-02/postmortem.md", "2026-03-02-postmortem"), ("../../etc.md", "etc"), ("…md", "md"),
    ],
)  # fmt: skip
def test_ids_come_from_the_file_s_name_and_are_safe(name: str, incident_id: str):
    """An id that the name states, else the name itself without what no file name should hold."""
    assert incident_id_of(name, TEAM_IDS) == incident_id


@pytest.mark.parametrize(
    ("words", "minutes"),
    [
        ("19 hours 43 minutes.", 1183), ("~2h", 120), ("11 Days", 15840), ("?", None), ("N/A", None), ("", None),
        ("279 minutes [^3]", 279), ("0 minutes", 0), ("1h 48m", 108), ("1 hour and 30 mins", 90), ("1.5 hours", 90),
        ("21:45 to 23:28 UTC (103 minutes)", 103), ("90 seconds", 1.5),
    ],
)  # fmt: skip
def test_durations_as_people_write_them(words: str, minutes: float | None):
    """Sums of parts; that nobody knows is no error."""
    assert parse_duration(words) == minutes


@pytest.mark.parametrize("words", ["soon", "4 apples", "5", "1 hour 30"])
def test_what_is_no_duration_is_refused(words: str):
    """A number without a unit is none."""
    with pytest.raises(FieldError, match="not a duration"):
        parse_duration(words)


def test_words_of_times_zones_and_headings():
    """The small parsers, each with what it must not take."""
    assert read_written("2 nodes were added") is None
    assert read_written("10:45~ x").approximate
    assert read_written("13:30-13:45 x").until == "13:45"
    assert (any_day("since May we had 12 of them"), any_day("Tuesday, 3rd of March 2026")) == (None, ("2026", 3, 3))
    assert like_time("2X:XX") and not like_time("Nodes: 12")
    assert parse_zone("local time") is None
    assert statement("All times in CET (GMT+1).") == "CET (GMT+1)"
    assert statement("At the same time in Berlin nobody slept") is None
    assert our_name("Root Cause Analysis") == our_name("Contributing Factors (findings)") == "Contributing factors"
    assert (our_name("Follow-ups"), our_name("Stats")) == ("Action items", None)


def test_among_our_own_pages_only_what_is_certainly_foreign_is_taken(workbook):
    """A page of ours without its front matter is reported as such; somebody else's page beside it is read."""
    ours = "# Mail\n\n## Overview\n\nx\n\n## Responders\n\nTom\n\n## Timeline\n\nx\n\n## Messaging\n\ny\n"
    bare = "# Mail\n\nNo front matter here.\n"
    unclosed = "---\nincident: INC-1\n"
    pages = {"a": ours, "b": bare, "c": TABLE, "d": unclosed}
    records = load(workbook({f"postmortems/{name}.md": text for name, text in pages.items()}))
    problems = records.problems.set_index("source")["message"].to_dict()

    assert records.incidents["incident_id"].to_list() == ["c"]
    assert "has no front matter" in problems["postmortems/a.md"]
    assert "has no front matter" in problems["postmortems/b.md"]
    assert "has no end" in problems["postmortems/d.md"]


def test_a_page_without_an_ending_is_known_by_its_first_words(workbook):
    """Somebody forgot the ".md"; a licence beside it stays what it is."""
    licence = "MIT License\n\nPermission is hereby granted\n"
    records = load(workbook({"PM2022-009 - Bad image": TABLE, "LICENSE": licence}))

    assert records.incidents["incident_id"].to_list() == ["PM2022-009"]
    assert Counter(records.accounts["outcome"])["skipped: not a data file"] == 1


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet=st.sampled_from("0123456789:-/.~?X amPMUTCEarJn*_`[](),|T@Z+"), max_size=60))
def test_any_words_are_a_time_or_none(words: str):
    """The parsers of words never raise but what they promise, and keep what stands behind the time."""
    written = read_written(words)
    assert written is None or words.endswith(written.rest)
    parse_zone(words)
    like_time(words)


def test_a_page_larger_than_the_limit_is_refused(read):
    """With the setting's name; nothing of it is parsed."""
    with pytest.raises(SourceError, match=r"larger than a page may be, 400 kB \(sources.limits.page_kilobytes\)"):
        read("# x\n" + "a" * 400_001)


needs_real_files = pytest.mark.skipif(not REAL.is_dir(), reason="the real files are not here")


def real(folder: str) -> list[tuple[Source, Batch]]:
    """Return what the reader makes of a folder of real pages."""
    paths = (path for path in sorted((REAL / folder).rglob("*")) if path.is_file())
    sources = (Source(path, str(path.relative_to(REAL)), Settings()) for path in paths)
    return [(source, foreign_pages.read(source)) for source in sources if foreign_pages.recognises(source)]


@needs_real_files
@pytest.mark.parametrize(
    ("folder", "pages", "with_timeline", "rows", "left_out"),
    [
        ("pages_dfds", 39, 39, 361, 17), ("pages_mybinder", 23, 23, 194, 5), ("pages_posthog", 7, 4, 67, 1),
        ("statuspage_ugrc", 52, 52, 113, 3),
    ],
)  # fmt: skip
def test_every_real_page_with_a_timeline_gives_one(
    folder: str, pages: int, with_timeline: int, rows: int, left_out: int
):
    """Pages, rows and problems are counted; every row's line in the file holds its time or its update."""
    read_pages = real(folder)
    outcomes = Counter()
    for _, batch in read_pages:
        outcomes.update({(one["kind"], one["outcome"]): one["rows"] for one in batch.accounts})
    timelines = [batch.tables["timeline"] for _, batch in read_pages if len(batch.tables.get("timeline", ()))]

    assert outcomes["pages", "used"] + outcomes["status pages", "used"] == pages
    assert len(timelines) == with_timeline
    assert sum(map(len, timelines)) == outcomes["timeline rows", "used"] == rows
    assert outcomes["timeline rows", "skipped: unreadable"] == left_out
    assert sum(problem.effect == "row left out" for _, batch in read_pages for problem in batch.problems) == left_out


@needs_real_files
def test_every_table_row_of_the_real_pages_is_used_or_a_problem():
    """Counted apart from the parser: lines of the timeline tables against rows and problems."""
    for source, batch in real("pages_dfds"):
        if "timeline" not in batch.tables:
            continue
        section = source.text.split("## Timeline", 1)[1].split("\n## ", 1)[0]
        lines = [line for line in section.splitlines() if line.lstrip().startswith("|")][2:]
        lost = sum(problem.effect == "row left out" for problem in batch.problems)

        assert len(lines) == len(batch.tables["timeline"]) + lost, source.name


@needs_real_files
def test_real_pages_read_by_hand_agree():
    """A dozen values that a person took from the pages."""
    batches = (batch for folder in ("pages_dfds", "pages_mybinder", "pages_posthog") for _, batch in real(folder))
    found = {batch.tables["incidents"]["incident_id"].iloc[0]: batch for batch in batches if batch.tables}

    def times(incident_id: str) -> list[str | None]:
        row = found[incident_id].tables["incidents"].iloc[0]
        return [str(row[name])[:16] for name in ("started_at", "resolved_at")]

    assert times("PM2020-002") == ["2020-01-21 14:36", "2020-01-21 17:04"]
    assert times("PM2020-003") == ["2020-01-16 11:00", "NaT"]
    assert times("PM2022-001") == ["2022-01-25 10:21", "2022-01-25 15:00"]
    assert times("PM2022-004") == ["2022-02-08 12:20", "2022-02-09 08:40"]
    assert times("PM2022-009") == ["2022-10-29 01:02", "2022-11-02 14:40"]
    assert times("2017-11-30-oom-proxy") == ["2017-12-01 00:22", "2017-12-01 01:21"]
    assert times("2018-07-30-jupyterlab-build-cpu-saturate") == ["2018-07-30 18:20", "2018-07-30 22:11"]
    assert times("2019-03-24-r2d-upgrade") == ["2019-03-24 07:54", "2019-03-25 06:01"]
    assert times("2020-07-09-simultaneous-launches-scipy") == ["2020-07-09 14:30", "2020-07-09 14:42"]
    assert times("2025-09-29-flags-is-down") == ["2025-09-29 16:58", "2025-09-29 18:46"]
    assert times("2025-10-21-feature-flags-recurring-outages") == ["2025-10-21 21:45", "2025-10-30 05:39"]
    extra = json.loads(found["PM2022-004"].tables["incidents"]["extra"].iloc[0])
    assert (extra["stated_time_to_detect_minutes"], extra["stated_time_to_recover_minutes"]) == (1183, 1220)
