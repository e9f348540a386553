"""What notebooks ask in one line: one incident, a timeline, durations by name, a comparison, and how each is shown."""

from __future__ import annotations

import gc
from dataclasses import replace
from pathlib import Path

import pandas as pd
import plotly.graph_objects as go
import pytest

import incident_lib as inc
from incident_lib.errors import SettingsError
from incident_lib.explore import opening
from incident_lib.explore.dress import dressed
from incident_lib.explore.measuring import as_measure
from incident_lib.records import Records
from incident_lib.review.response import TIME_TO_RESOLVE, WHOLE

ROOT = Path(__file__).parents[1]
ID = "INC-2026-042"
EVIL = "<img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def records() -> Records:
    """Return the sample at a fixed time."""
    return inc.load(ROOT / "data", as_of="2026-09-30")


@pytest.fixture
def evil(records) -> Records:
    """Return records in which every text of an incident, and of its events, is markup."""
    texts = dict.fromkeys(["title", "summary", "customers", "services", "tags", "channel", "incident_commander"], EVIL)
    timeline = records.timeline.assign(text=EVIL, who=EVIL)
    return replace(records, incidents=records.incidents.assign(**texts), timeline=timeline)


def test_a_misspelt_function_is_answered_with_the_nearest():
    """As a misspelt severity or measure is; a name like no other is refused plainly."""
    with pytest.raises(AttributeError, match="did you mean 'season_map'"):
        inc.seasonmap  # noqa: B018
    with pytest.raises(AttributeError, match=r"no attribute 'xyzzy'$"):
        inc.xyzzy  # noqa: B018


def test_what_is_shown_escapes_what_was_recorded(evil):
    """Records, an incident, a timeline, a comparison: no markup of the data's comes through."""
    shown = [evil, evil.where(customer=EVIL), evil[ID], evil[ID].timeline, inc.compare(evil, evil.where(tag=EVIL))]

    for one in shown:
        html = one._repr_html_()
        assert "<img" not in html, type(one)
        assert "<" in html and repr(one)


def test_an_address_becomes_a_link_only_where_it_is_one():
    """A cell that is a web address links to it by its host; scripts, quotes and other text stay text."""
    cells = ["https://a.example/x?a=1&amp;b=2", "javascript:alert(1)", "https://a.example/&#34;onclick=x", "see https://b.example"]
    html = dressed("".join(f"<td>{one}</td>" for one in cells))

    assert '<a href="https://a.example/x?a=1&amp;b=2" target="_blank" rel="noopener noreferrer">a.example</a>' in html
    assert html.count("<a ") == 2 and 'href="javascript' not in html
    assert "<td>see https://b.example</td>" in html and "onclick=x</a>" not in html


def test_records_say_how_many_of_how_many_and_by_which_line(records):
    """A choice shows its size, its line as Python, and its counts by severity; the whole its size alone."""
    few = records.where(severity=["critical", "high"], since="2026-07")
    html, text = few._repr_html_(), repr(few)

    assert "7 of 160 incidents" in html
    assert "records.where(severity=[&#34;critical&#34;, &#34;high&#34;], since=&#34;2026-07&#34;)" in html
    assert 'records.where(severity=["critical", "high"], since="2026-07")' in text
    assert "160 incidents," in records._repr_html_() and "where(" not in repr(records)


def test_an_empty_choice_is_shown_as_such(records):
    """Nothing chosen: it says so, and every figure of it says that there is nothing to draw."""
    none = records.where(until="2020")

    assert "0 of 160 incidents" in none._repr_html_()
    for draw in (inc.incidents_by_month, inc.duration_strip, inc.season_map, inc.rule_map, inc.common_tags,
                 inc.behaviour_chart, inc.lateness_strip, inc.step_board, inc.completion_curve):  # fmt: skip
        assert isinstance(draw(none), go.Figure), draw.__name__
    assert inc.compare(none, records).verdict == "cannot tell"


def test_one_incident_has_its_columns_and_its_own_rows(records):
    """By its id in any case; columns are attributes, tables hold only its rows, completion offers both."""
    one = records[ID.lower()]

    assert one.title == "Outbound mail delayed for shared hosting"
    assert set(one.messages["incident_id"]) == {ID} and len(one.action_items) == 7
    assert "INC-2025-032" in one.related["incident_id"].tolist()
    assert {"severity", "timeline", "related", "messages"} <= set(dir(one))
    assert ID in repr(one) and "2 h 01 min" in repr(one)
    with pytest.raises(AttributeError, match="an incident has no 'colour'; it has incident_id"):
        _ = one.colour


def test_an_unknown_incident_is_refused_with_the_nearest(records):
    """``records["…"]`` and ``inc.timeline`` say which one could be meant."""
    for ask in (lambda: records["INC-2026-42"], lambda: inc.timeline(records, "INC-2026-42")):
        with pytest.raises(SettingsError, match="did you mean 'INC-2026-042'"):
            ask()


def test_completion_offers_the_newest_incidents_first(records):
    """``records["`` and Tab; ``in`` knows an id; iterating, which would mean nothing, is refused."""
    assert records._ipython_key_completions_()[0] == records.incidents["incident_id"].iloc[-1]
    assert ID in records and "INC-0" not in records
    with pytest.raises(TypeError):
        iter(records)


def test_a_running_incident_lasts_so_far(records):
    """The end is not there yet: the length is called so far."""
    assert "so far" in repr(records["INC-2026-081"])


def test_a_timeline_can_be_used_as_its_table(records):
    """Columns, length and ``head`` are the table's; the title says of which records and when."""
    shown = inc.timeline(records, ID)

    assert len(shown) == len(shown.table) == len(shown["text"])
    assert shown.head(2).equals(shown.table.head(2))
    assert "Northlight Hosting, as known at 2026-10-01 03:59 UTC" in repr(shown)
    assert 'class="start"' in shown._repr_html_() and 'class="resolution"' in shown._repr_html_()


def test_a_timeline_without_records_is_of_the_workbook_opened_last(records):
    """``inc.timeline("INC-…")`` asks the last ``inc.load``; without one it says how to open one."""
    opened = inc.load(ROOT / "data", as_of="2026-06-30")
    assert "as known at 2026-07-01" in inc.timeline(ID).title

    del opened
    gc.collect()
    with pytest.raises(SettingsError, match="no workbook is open; records ="):
        inc.timeline(ID)
    opening._LAST.clear()
    with pytest.raises(SettingsError, match="no workbook is open"):
        inc.timeline(ID)
    with pytest.raises(SettingsError, match="a timeline needs an incident"):
        inc.timeline(records)


@pytest.mark.parametrize(
    ("name", "start", "end"),
    [
        ("time to resolve", "detected_at", "resolved_at"),
        ("Time to  Detect", "started_at", "detected_at"),
        ("whole incident", "started_at", "resolved_at"),
        ("detected → resolved", "detected_at", "resolved_at"),
        ("detected to mitigated", "detected_at", "mitigated_at"),
        ("acknowledged -> told", "acknowledged_at", "told_at"),
        ("impact began → impact stopped", "started_at", "mitigated_at"),
        ("started_at to resolved_at", "started_at", "resolved_at"),
    ],
)
def test_a_measure_has_a_name_that_can_be_guessed(name, start, end):
    """"time to …", or any two points in order."""
    found = as_measure(name)

    assert (found.start, found.end) == (start, end)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("time to resolv", "did you mean 'time to resolve'"),
        ("mttr", "expected time to detect, time to acknowledge"),
        ("detected → foo", "no point in an incident is called 'foo'; expected started, detected"),
        ("resolved → detected", "runs backwards"),
    ],
)
def test_an_unknown_measure_is_refused_with_what_is_known(name, message):
    """One sentence says what would do."""
    with pytest.raises(SettingsError, match=message):
        as_measure(name)


def test_two_of_our_own_points_are_our_own_measure():
    """"detected → resolved" is the measure that reports use, not one beside it."""
    assert as_measure("detected to resolved") is TIME_TO_RESOLVE
    assert as_measure(WHOLE) is WHOLE


def test_durations_are_those_of_the_reports(records):
    """Of records as of a table with ``as_of``; a table without one is refused."""
    table = inc.for_measuring(records, records.incidents)
    same = inc.durations(table, TIME_TO_RESOLVE, as_of=records.as_of)

    pd.testing.assert_frame_equal(inc.durations(records, "time to resolve"), same)
    with pytest.raises(SettingsError, match="need as_of="):
        inc.durations(table, TIME_TO_RESOLVE)


def made(minutes: list[float], *, running: int = 0, first: int = 0) -> pd.DataFrame:
    """Return a table of believed durations, the last ``running`` of them not finished."""
    finished = [True] * (len(minutes) - running) + [False] * running
    ids = [f"INC-{first + number}" for number in range(len(minutes))]
    return pd.DataFrame({"incident_id": ids, "minutes": minutes, "finished": finished, "believed": True})


def test_a_clear_difference_is_told_and_a_small_one_is_not():
    """Shorter is improved, longer is worse, anything that chance does is neither."""
    short, long = made([10.0 + i for i in range(20)]), made([100.0 + 9 * i for i in range(20)], first=50)

    assert inc.compare(long, short).verdict == "improved"
    assert inc.compare(short, long).verdict == "worse"
    assert inc.compare(short, short.assign(incident_id="x" + short["incident_id"])).verdict == "cannot tell"
    assert inc.compare(long, short).sentence.startswith("Improved: −")


def test_what_is_still_running_can_take_a_verdict_back():
    """Many long ones still running in the seemingly faster group: then it can't be told."""
    slow, fast = made([60.0 + i for i in range(20)]), made([20.0 + i for i in range(12)] + [500.0] * 20, running=20, first=50)
    finished_only = inc.compare(slow, fast[fast["finished"]])
    found = inc.compare(slow, fast)

    assert finished_only.verdict == "improved"
    assert found.verdict == "cannot tell"
    assert "20 incidents still open count by log-rank" in found.sentence


def test_incidents_in_both_are_named():
    """Selections that overlap are compared, and the reader is told."""
    one = made([10.0 + i for i in range(8)])

    assert inc.compare(one, one).remarks == ("8 incidents in both: the two can't differ by those.",)


def test_different_measures_are_not_compared(records):
    """Two tables of different measures, or a table that holds no durations, are refused."""
    a, b = inc.durations(records, "time to resolve"), inc.durations(records, "time to detect")

    with pytest.raises(SettingsError, match="can't compare “detected → resolved” with “impact began → detected”"):
        inc.compare(a, b)
    with pytest.raises(SettingsError, match="lacks believed, finished, minutes"):
        inc.compare(a, records.incidents)


def test_a_comparison_names_its_two_sides(records):
    """By the lines that chose them, or by the names given; doubted durations are left out and counted."""
    early, late = records.where(until="2026-03"), records.where(since="2026-04")

    assert inc.compare(early, late).table["which"].tolist() == [early.filter_line(), late.filter_line()]
    named = inc.compare(early, late, "time to resolve", names=("before", "after"))
    assert named.table[["which", "n", "left_out"]].to_numpy().tolist() == [["before", 103, 1], ["after", 52, 0]]
    assert named.sentence in repr(named) and "before" in named._repr_html_()


def test_figures_of_a_choice_end_where_the_choice_ends(records):
    """Weeks after ``until`` were not asked for; they would be drawn as weeks without incidents."""
    weeks = inc.behaviour_chart(records.where(until="2026-03")).data[0].x

    assert max(weeks) < "2026-04-01"
    assert max(inc.behaviour_chart(records.where(period=["2025", "2026-01"])).data[0].x) < "2026-02-01"


def test_figures_take_tables_as_reports_do(records):
    """The same figure of records, and of the table that a report makes of them."""
    table = inc.durations(records, "time to resolve")
    of_table = inc.duration_strip(table, title="x")

    assert of_table.to_json() == inc.duration_strip(records, "time to resolve", title="x").to_json()
    assert inc.timeline_strip(records[ID]).to_json() == inc.timeline_strip(records, ID).to_json()
    with pytest.raises(SettingsError, match="of which incident"):
        inc.timeline_strip(records)


def test_what_can_be_mended_shows_as_one_sentence_in_a_notebook():
    """IPython asks an exception for what to show: no way through our code, which would mend nothing."""
    assert SettingsError("unknown tag 'x'")._render_traceback_() == ["SettingsError: unknown tag 'x'"]


def test_names_for_notebooks_are_offered_without_what_is_not_for_them():
    """Tab after ``inc.`` lists the names, not the module's own imports."""
    assert "durations" in dir(inc) and "import_module" not in dir(inc)
