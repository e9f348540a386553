"""Tables and sentences as safe HTML, and figures that say what they show."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go
import pytest
from factories import HOUR, NOON, page

from incident_lib import closing, figures, render
from incident_lib.drafting import page_html
from incident_lib.review import figures as review_figures
from incident_lib.review import rule_figures
from incident_lib.review.conformance import rule_counts, rule_results
from incident_lib.review.response import WHOLE, durations
from incident_lib.story.timeline import incident_timeline
from incident_lib.typed_table import SEVERITY_DTYPE

HOSTILE = "<script>alert(1)</script>"


def test_what_came_from_data_is_escaped():
    """Titles, cells, headings and sentences: nothing of them is HTML."""
    frame = pd.DataFrame({HOSTILE: [HOSTILE]})

    for shown in (render.table(frame, HOSTILE), render.answer(HOSTILE, HOSTILE), render.note(HOSTILE),
                  render.definitions(HOSTILE, {HOSTILE: HOSTILE})):  # fmt: skip
        assert "<script" not in shown.html and "&lt;script" in shown.html


def test_a_table_has_a_caption_header_cells_and_aligned_numbers():
    """A screen reader can use it; severities and states have words and classes."""
    frame = pd.DataFrame({"severity": pd.Series(["critical"], dtype=SEVERITY_DTYPE), "state": ["overdue"], "n": [1234]})
    html = render.table(frame, "All").html

    assert "<caption>All</caption>" in html and html.count('scope="col"') == 3
    assert '<span class="badge severity-critical">▲ critical</span>' in html
    assert '<span class="state state-missing">✗ overdue</span>' in html
    assert '<td class="number">1,234</td>' in html


def test_missing_values_shares_and_times_read_well():
    """A dash for nothing, per cent for shares, minutes for times."""
    frame = pd.DataFrame({"at": [NOON], "share": [0.256], "who": [None], "ok": [True]}).astype({"who": "str"})

    assert render.table(frame, "t").text.splitlines()[2].split() == ["2026-03-02", "12:00", "26%", "–", "yes"]


def test_an_empty_table_says_so():
    """Nothing to list is a sentence, not an empty grid."""
    assert "none are late" in render.table(pd.DataFrame({"a": []}), "Late", empty="none are late").html


def test_the_exact_values_travel_beside_the_table():
    """For the CSV: ISO times and full numbers under the columns' own names."""
    shown = render.table(pd.DataFrame({"at": [NOON], "x": [1 / 3]}), "t", {"at": "when", "x": "how much"}, name="file")

    assert shown.data[render.TABLE_MIMETYPE] == {
        "name": "file", "title": "t", "columns": ["at", "x"], "rows": [["2026-03-02T12:00:00Z", 1 / 3]],
    }  # fmt: skip


def test_the_last_cell_marks_the_end_and_names_every_file(loaded):
    """The publisher trusts nothing but this mark."""
    records = loaded(page())
    done = closing.made_from(records, title="T", answer="A", incidents=["INC-1"]).data[closing.DONE_MIMETYPE]

    assert (done["title"], done["answer"], done["as_of"]) == ("T", "A", "2026-06-01T23:59:59Z")
    assert set(done["sources"]) == {"postmortems/0.md", "workbook.toml"}


def test_what_was_left_out_is_shown_with_its_place(loaded):
    """Each problem stands with its file and line; the account adds up."""
    records = loaded(page(severity="urgent"))

    assert "postmortems/0.md line 4" in closing.left_out(records).html
    assert "rows read = " in closing.accounting(records).html
    assert "5 business days" in closing.assumptions(records).html


def test_a_page_with_html_in_it_is_shown_as_text():
    """Raw HTML of a page stays visible and powerless; its headings stand below the report's."""
    html = page_html.page_text(f"---\nincident: x\n---\n## Overview\n{HOSTILE}\n").html

    assert "<h4>Overview</h4>" in html and "&lt;script" in html


@pytest.fixture
def drawn(loaded) -> dict[str, go.Figure]:
    """Return every figure, drawn from a page with everything."""
    records = loaded(page("completed_at: 2026-03-20T12:00:00Z\n", title=f'"{HOSTILE}"', status="in review"))
    return all_figures(records)


def all_figures(records) -> dict[str, go.Figure]:
    """Return every figure for some records."""
    incidents = records.incidents.assign(began_at=records.incidents["started_at"])
    timeline = incident_timeline(records, "INC-2026-042") if len(incidents) else pd.DataFrame()
    return {
        "strip": review_figures.duration_strip(durations(incidents, WHOLE, as_of=records.as_of), title="t"),
        "months": review_figures.incidents_by_month(incidents, "UTC", title="t"),
        "rules": rule_figures.rule_bars(rule_counts(rule_results(records, records.incidents)), title="t"),
        "timeline": figures.timeline_strip(timeline, title="t"),
    }  # fmt: skip


def test_every_figure_has_its_sentence_and_its_numbers(drawn):
    """Who can't see it reads what it shows."""
    for name, figure in drawn.items():
        assert figure.layout.meta["alt"].startswith("t: "), name
        assert figure.layout.meta["table"] is not None, name


def test_each_milestone_has_a_row_of_its_own_above_the_events(drawn):
    """So their words never overlap, however close they stand."""
    events, marks = drawn["timeline"].data
    order = drawn["timeline"].layout.yaxis.categoryarray

    assert list(order[: len(marks.y)]) == list(marks.y) == ["began", "detected", "resolved"]
    assert set(events.y) == set(order[len(marks.y) :]) and drawn["timeline"].layout.yaxis.autorange == "reversed"


def test_no_text_from_the_records_is_markup_in_a_figure(drawn):
    """Plotly would read <a href=…> as a link; labels are escaped."""
    for figure in drawn.values():
        for trace in figure.data:
            assert "<script" not in str(trace.to_plotly_json().get("hovertext"))


def test_figures_of_nothing_say_so(loaded):
    """An empty period still renders."""
    for figure in all_figures(loaded()).values():
        assert figure.layout.annotations


def test_hollow_marks_are_still_open(incidents):
    """Meaning never rests on colour alone."""
    figure = review_figures.duration_strip(durations(incidents(resolved_at=None), WHOLE, as_of=NOON + HOUR), title="t")

    assert figure.data[0].marker.symbol == ("triangle-up-open",)
