"""The report's numbers for other programs, its pictures, and the notebook on the sample and on nothing at all."""

from __future__ import annotations

import ast
import json
import math
from pathlib import Path

import nbformat
import pandas as pd
import pytest
from factories import page
from hypothesis import given
from hypothesis import strategies as st
from truncated import truncate

from incident_lib.loading import load
from incident_lib.metrics_files import JSON_NAME, TEXT_NAME, metric_name, metrics_files
from incident_lib.render import METRICS_MIMETYPE, metrics
from incident_lib.reports.export import export_page
from incident_lib.statistics.survival import kaplan_meier
from incident_lib.theme import colour
from incident_lib.timeliness import figures as pictures
from incident_lib.timeliness.action_items import action_item_states
from incident_lib.timeliness.numbers import number, report_numbers
from incident_lib.timeliness.overdue_ledger import ledger_since, records_at
from incident_lib.timeliness.states import completion_curve_table, completion_times, postmortem_states

ROOT = Path(__file__).parents[1]
SAMPLE, NOTEBOOK = ROOT / "data", ROOT / "notebooks" / "timeliness.ipynb"
DONE = {"title": "Timeliness", "as_of": "2026-04-01T00:00:00Z"}
parser = pytest.importorskip("prometheus_client.openmetrics.parser")
older_parser = pytest.importorskip("prometheus_client.parser")


def numbers_of(records):
    """Return the report's numbers."""
    states = postmortem_states(records)
    times = completion_times(states, records.as_of)
    return report_numbers(records, states, times, action_item_states(records), ledger_since(records))


def samples_of(text: bytes, read) -> dict[str, float]:
    """Return the samples by name that a parser of Prometheus finds."""
    found = read.text_string_to_metric_families(text.decode())
    return {one.name: one.value for family in found for one in family.samples}


def test_the_numbers_are_those_of_the_report(loaded):
    """Counts add up to all major incidents; shares and medians have limits and n."""
    records = loaded(
        page(), page("completed_at: 2026-03-05T12:00:00Z\n", incident="INC-2", status="in review"), as_of="2026-04-01"
    )
    numbers = numbers_of(records)

    states = [one["value"] for name, one in numbers.items() if name.startswith("postmortems_")]
    assert sum(states) == numbers["major_incidents"]["value"] == 2
    assert (numbers["on_time_share"]["value"], numbers["on_time_share"]["n"]) == (0.5, 2)
    assert numbers["on_time_share"]["lower"] < 0.5 < numbers["on_time_share"]["upper"]
    assert numbers["ledger_overdue_now"]["value"] == numbers["postmortems_overdue"]["value"] == 1
    assert all(
        set(one) == {"value", "lower", "upper", "n", "unit", "meaning"} and one["meaning"] for one in numbers.values()
    )


def test_prometheus_reads_the_text_in_both_formats(loaded):
    """The values are there under their names, those not known are left out, and the last line ends it."""
    records = loaded(page(), as_of="2026-04-01", settings='[workbook]\nname = "A \\"B\\"\\\\C"')
    emitted = metrics(numbers_of(records), records).data[METRICS_MIMETYPE]
    text = metrics_files({}, emitted, DONE)[TEXT_NAME]

    assert text.endswith(b"# EOF\n")
    for read in (parser, older_parser):
        samples = samples_of(text, read)
        assert samples["incident_workbook_postmortems_overdue"] == 1
        assert samples["incident_workbook_on_time_share_upper"] < 1
        assert "incident_workbook_completion_days_median" not in samples


@given(st.text(), st.dictionaries(st.text(min_size=1), st.none() | st.floats(), max_size=4), st.text())
def test_no_name_and_no_number_breaks_the_files(workbook, values, meaning):
    """Any workbook, any meaning, NaN and infinity: both files can be read back."""
    numbers = {metric_name(name): number(value, 1, meaning) for name, value in values.items()}
    files = metrics_files({}, {"workbook": workbook, "numbers": numbers}, DONE)

    for content in files.values():
        content.decode("utf-8")
    if numbers:
        known = {
            name: one["value"]
            for name, one in numbers.items()
            if one["value"] is not None and math.isfinite(one["value"])
        }
        assert json.loads(files[JSON_NAME])["numbers"].keys() == numbers.keys()
        lines = [line for line in files[TEXT_NAME].decode().split("\n") if line and not line.startswith("#")]
        assert len(lines) == len(known)


def outputs(records, period=None):
    """Run the notebook's cells on records, in this process; return what each shows."""
    names, shown = {"data": "", "as_of": None, "period": period, "since": None}, []
    for cell in nbformat.read(NOTEBOOK, 4).cells:
        if cell.cell_type != "code" or "parameters" in cell.metadata.tags:
            continue
        tree = ast.parse(cell.source.replace("inc.load(data, as_of=as_of)", "given"))
        last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
        exec(compile(tree, "cell", "exec"), names | {"given": records}, names)
        if last:
            value = eval(compile(ast.Expression(last.value), "cell", "eval"), names)
            shown.append(value._repr_mimebundle_() if hasattr(value, "html") else json.loads(value.to_json()))
    return shown


@pytest.fixture(scope="module")
def sample():
    """Return the sample's records, read once."""
    return load(SAMPLE)


def test_the_report_opens_with_its_answer_in_two_sentences(sample):
    """And every table and number is in the files beside it."""
    shown = outputs(sample)
    first = shown[0]["text/plain"].split("\n")

    assert len(first) == 2 and "overdue" in first[0] and "deadline has passed" in first[1]
    tables = [one for one in shown if "application/vnd.incident-workbook.table+json" in one]
    results = [nbformat.v4.new_output("display_data", dict(one)) for one in shown if "text/html" in one]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("x", outputs=results)])
    written = json.loads(export_page(notebook).metrics[JSON_NAME])
    assert len(written["tables"]) == len(tables) > 20
    assert written["numbers"]["postmortems_overdue"]["value"] == len(written["tables"]["overdue"]["rows"])


def test_quiet_and_unfinished_workbooks_still_have_a_report(loaded):
    """Nothing at all, one open incident, incidents without pages: every cell runs and says so."""
    row = "incident_id,title,severity,resolved_at\nINC-1,DNS,high,{}\n"
    for records in (
        loaded(),
        loaded(page(resolved_at=None)),
        loaded(files={"incidents.csv": row.format("2026-03-02T14:00Z")}),
    ):
        assert len(outputs(records)) == len(outputs(records, "2026-Q1")) > 30


def test_a_report_as_of_any_day_does_not_change_when_records_are_added(sample):
    """Twenty days: what a later day knew, cut at that day, is the same tables; on three of them, the same outputs."""
    days = pd.date_range("2025-05-20", sample.as_of.tz_convert(None) - pd.Timedelta(days=30), periods=20, tz="UTC")
    for number_of, day in enumerate(days):
        now, later = records_at(sample, day), records_at(records_at(sample, day + pd.Timedelta(days=23)), day)
        pd.testing.assert_frame_equal(postmortem_states(now), postmortem_states(later))
        pd.testing.assert_frame_equal(action_item_states(now), action_item_states(later))
        if number_of % 7 == 0:
            assert outputs(now) == outputs(later)


@pytest.mark.parametrize("day", ["2025-09-01", "2026-06-10"])
def test_a_folder_before_later_records_came_gives_the_same_report(tmp_path, day):
    """What began after that day is cut out of CSV, JSON, chat and pages; what the notebook shows is the same."""
    cut = truncate(SAMPLE, tmp_path / "before", pd.Timestamp(f"{day}T23:59:59", tz="America/Detroit"))
    before, after = load(tmp_path / "before", as_of=day), load(SAMPLE, as_of=day)

    assert cut > 100
    assert outputs(before)[:-1] == outputs(after)[:-1]  # the last one also names each file's digest


def times_of(days, finished, due=7.0):
    names = [f"INC-{number}" for number in range(len(days))]
    return pd.DataFrame(
        {"incident_id": names, "days": [float(day) for day in days], "finished": finished, "due_days": due}
    )


def test_the_axis_ends_where_reading_does():
    """One page that is open for a year doesn't press the rest flat; what lies beyond is said."""
    times = times_of([2, 5, 6, 9, 400], [True, True, True, True, False])
    figure = pictures.completion_curve(completion_curve_table(times), times, title="T")

    assert figure.layout.xaxis.range == (0, 21)
    assert "1 still open after 21 days; the oldest: 400 days" in figure.layout.meta["alt"]
    assert any("typical deadline: day 7.0" in (note.text or "") for note in figure.layout.annotations)
    assert figure.data[2].y[-1] == pytest.approx(0.8) and max(figure.data[2].x) == 21


def test_open_ones_are_ticks_on_the_curve():
    """Each at its age, at the height of the share complete by then."""
    times = times_of([1, 3, 3, 4], [True, True, False, False])
    ticks = pictures.completion_curve(completion_curve_table(times), times, title="T").data[3]

    assert list(ticks.x) == [3, 4] and list(ticks.y) == [0.5, 0.5]


def test_lines_end_with_what_was_seen_and_severities_keep_their_colour():
    """A group seen for four days has no line beyond."""
    groups = {"critical": times_of([1, 4], [True, False]), "high": times_of([2, 30], [True, True])}
    figure = pictures.completion_curves(groups, title="T")

    assert max(figure.data[0].x) == 4 and max(figure.data[1].x) == 30
    assert figure.data[0].line.color == colour("critical") and figure.data[0].line.dash != figure.data[1].line.dash


def test_one_forgotten_page_does_not_press_the_others_flat(loaded):
    """It is drawn at the edge, and its real number is in the text and in the numbers."""
    states = postmortem_states(loaded(page(), as_of="2026-12-01"))
    figure = pictures.lateness_strip(states, title="T")

    assert list(figure.data[0].y) == [30] and "1 of them by more than 30" in figure.layout.meta["alt"]
    assert figure.layout.meta["table"]["rows"][0][-1] > 150


def test_nothing_to_draw_is_said():
    """Each picture has a sentence for it."""
    empty = times_of([], [])
    figures = [
        pictures.completion_curve(kaplan_meier([], []), empty, title="T"), pictures.completion_curves({}, title="T"),
        pictures.stage_curves({}, title="T"), pictures.cohort_figure({}, title="T"),
        pictures.lateness_strip(pd.DataFrame({"state": pd.Series(dtype="str")}), title="T"),
    ]  # fmt: skip

    assert all(figure.layout.annotations for figure in figures)
