"""The explorer without a browser: what a filter leaves, what figures count, what a pick stands for, what tables show."""

from __future__ import annotations

import json
import os
from importlib import metadata
from pathlib import Path

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest
from click.testing import CliRunner
from factories import HOUR, NOON
from hypothesis import given, settings
from hypothesis import strategies as st
from IPython.core.formatters import DisplayFormatter
from nbformat.v4 import new_code_cell, new_notebook, new_output

import incident_lib as inc
from incident_lib import theme
from incident_lib.cli import cli
from incident_lib.errors import SettingsError
from incident_lib.live.dimensions import Dimensions
from incident_lib.live.links import Links, links_of, server_root
from incident_lib.live.listing import COLUMNS, MOST_COPIED, Listing, Wanted
from incident_lib.live.panel import VIEW
from incident_lib.live.pictures import Bars, Cross, HowLong
from incident_lib.loading import load
from incident_lib.render import TABLE_MIMETYPE, note
from incident_lib.reports.executed import settled
from incident_lib.reports.lab import FIRST, lab_command, lab_environment, own_notebooks
from incident_lib.review.response import TIME_TO_RESOLVE

DATA = Path(__file__).parents[1] / "data"
GROUPINGS = ("severity", "customer", "service", "tag", "month", "quarter", "year", "weekday", "hour", "factor",
             "post-mortem", "tasks")  # fmt: skip


@pytest.fixture(scope="module")
def records():
    """Give the sample's records."""
    return load(DATA)


@pytest.fixture(scope="module")
def groups(records):
    """Give the sample's groupings."""
    return Dimensions(records)


@pytest.fixture
def pick(records):
    """Give an explorer with nothing chosen."""
    return inc.explorer(records)


@pytest.fixture
def few(workbook):
    """Return a maker of records from rows of a register; each row is an ordinary incident unless it says otherwise."""

    def make(*rows):
        ordinary = {"severity": "high", "title": "Mail delayed", "started_at": f"{NOON:%Y-%m-%dT%H:%M:%SZ}",
                    "detected_at": f"{NOON:%Y-%m-%dT%H:%M:%SZ}", "resolved_at": f"{NOON + HOUR:%Y-%m-%dT%H:%M:%SZ}",
                    "customers": "", "services": "mail"}  # fmt: skip
        table = pd.DataFrame([{"incident_id": f"INC-{place}", **ordinary, **row} for place, row in enumerate(rows)])
        return load(workbook({"incidents.csv": table.to_csv(index=False)}))

    return make


def state(view):
    """Return what a view tells the browser."""
    return json.loads(view.panel.state)


def everything(records):
    """Return a mask of all incidents."""
    return np.ones(len(records.incidents), dtype=bool)


@pytest.mark.parametrize("name", GROUPINGS)
def test_the_counts_of_groups_are_those_of_their_rows(records, groups, name):
    """What a figure counts, and what a pick of it lists, are the same incidents, under any filter."""
    for mask in (everything(records), records.incidents["severity"].eq("high").to_numpy()):
        labels = groups[name].shown(mask, 1000)
        counted = groups[name].count_of(groups[name].counts(mask), labels)

        assert labels and counted == [int((mask & groups[name].rows(label)).sum()) for label in labels]


def test_an_incident_of_two_customers_counts_for_each(few):
    """Both bars hold it; the note says so."""
    records = few({"customers": "Ash; Birch"}, {"customers": "Birch"})
    bars = Bars("customer")
    drawn = bars.figure(Dimensions(records), everything(records), None).data[0]

    assert dict(zip(drawn.y, drawn.x, strict=True)) == {"Birch": 2, "Ash": 1}
    assert "counts for each" in bars.note(Dimensions(records), everything(records))


def test_a_month_without_an_incident_is_shown_empty(few):
    """A gap in time is a finding, not a missing bar; and it can't be picked."""
    records = few({}, {"started_at": "2026-06-02T12:00:00Z"})
    drawn = Bars("month").figure(Dimensions(records), everything(records), None).data[0]

    assert list(drawn.x) == ["2026-03", "2026-04", "2026-05", "2026-06"]
    assert list(drawn.y) == [1, 0, 0, 1] and drawn.customdata[1] is None


def test_the_largest_bar_is_on_top_where_not_all_incidents_are_counted(records, groups):
    """Only those of which a post-mortem was asked for count, for the order as well; the note says how many don't."""
    bars = Bars("customer", "post-mortem")
    figure = bars.figure(groups, everything(records), None)
    totals = np.sum([trace.x for trace in figure.data], axis=0)

    assert list(totals) == sorted(totals, reverse=True)
    assert "114 of 160 need no post-mortem" in bars.note(groups, everything(records))


def test_names_of_records_are_text_in_figures(few):
    """A customer called like a link is shown as it is written."""
    records = few({"customers": "<a href='https://evil.example'>Ash</a>"})
    figure = Bars("customer", "severity").figure(Dimensions(records), everything(records), None)

    assert "<a" not in str(figure.data[0].y) and "&lt;a" in str(figure.data[0].y)


def test_bars_stand_for_everything_that_is_chosen(records, groups):
    """Split by severity, all bars together hold each incident once."""
    figure = Bars("month", "severity").figure(groups, everything(records), None)

    assert sum(sum(trace.y) for trace in figure.data) == len(records.incidents)


def test_a_heat_map_counts_what_is_in_both(records, groups):
    """Each square holds the incidents of its row and column; a picked one is framed."""
    mark = {"weekday": "Fri", "hour": "11"}
    figure = Cross("weekday", "hour").figure(groups, everything(records), mark)
    began = records.incidents["started_at"].dt.tz_convert(records.settings.workbook.tz)
    expected = int(((began.dt.day_of_week == 4) & (began.dt.hour == 11)).sum())

    assert np.asarray(figure.data[0].z)[4, 11] == expected > 0
    assert figure.data[1].marker.symbol == "square-open"


def test_open_incidents_are_drawn_hollow_and_impossible_ones_counted(few):
    """A running duration is no missing one; an end before the start is not drawn."""
    records = few({"resolved_at": ""}, {}, {"resolved_at": "2026-03-02T11:00:00Z"})
    picture = HowLong(records, TIME_TO_RESOLVE, "severity")
    figure = picture.figure(Dimensions(records), everything(records), None)

    assert list(figure.data[0].marker.symbol) == ["diamond-open", "diamond"]
    assert "1 have no such duration" in picture.note(Dimensions(records), everything(records))


def test_very_many_durations_are_drawn_as_spans_that_can_be_picked(records, groups, monkeypatch):
    """Beyond what marks can show, each row is shaded by spans of time, whose picks list what is in them."""
    monkeypatch.setattr("incident_lib.live.pictures.MOST_POINTS", 10)
    picture = HowLong(records, TIME_TO_RESOLVE, "severity")
    figure = picture.figure(groups, everything(records), None)
    held = {(mark["severity"], mark["span"]): count for marks, counts in
            zip(figure.data[0].customdata, figure.data[0].text, strict=True)
            for mark, count in zip(marks, counts, strict=True) if mark}  # fmt: skip

    assert held and all(
        picture.rows(groups, {"severity": severity, "span": span}).sum() == count
        for (severity, span), count in held.items()
    )


def test_what_is_chosen_is_a_line_that_makes_it_again(records, pick):
    """The filter, its line, and records.where agree, whatever order the browser sends the wishes in."""
    pick.receive({"do": "choose", "wishes": {"text": "mail", "severity": ["high", "critical"], "since": "2025-10"}})

    assert pick.line == 'records.where(severity=["high", "critical"], text="mail", since="2025-10")'
    again = eval(pick.line, {"records": records})
    assert list(again.incidents["incident_id"]) == list(records.incidents.loc[pick.mask, "incident_id"])
    assert list(pick.records.incidents["incident_id"]) == list(again.incidents["incident_id"])


@settings(max_examples=25, deadline=None)
@given(st.fixed_dictionaries({}, optional={
    "severity": st.lists(st.sampled_from(["critical", "high", "medium", "low"]), min_size=1, unique=True),
    "period": st.sampled_from(["2025", "2026-Q1", "2026-03"]), "customer": st.just("Halyard Freight"),
    "service": st.sampled_from(["mail", "DNS"]), "text": st.sampled_from(["mail", "portal login", "zzz"]),
    "until": st.just("2026-06-30"),
}))  # fmt: skip
def test_the_filter_leaves_what_where_leaves(wishes):
    """For any wishes, the masks that views count are those of records.where."""
    records = _sample()
    explorer = _explorer()
    explorer.where(**wishes)

    left = records.incidents.loc[explorer.mask, "incident_id"]
    assert list(left) == list(records.where(**wishes).incidents["incident_id"])


def _sample(kept=[]):  # noqa: B006 -- once for all examples
    return kept[0] if kept else kept.append(load(DATA)) or kept[0]


def _explorer(kept=[]):  # noqa: B006 -- once for all examples
    return kept[0] if kept else kept.append(inc.explorer(_sample())) or kept[0]


def test_a_wish_that_cannot_be_fulfilled_is_said_where_it_was_made(pick):
    """In Python it is refused; from the browser it becomes a sentence, and what was chosen stays."""
    with pytest.raises(SettingsError, match="did you mean 'mail'"):
        pick.where(service="mial")
    pick.panel._received(pick.receive, {"do": "choose", "wishes": {"service": "mial"}})

    assert "did you mean 'mail'" in json.loads(pick.panel.state)["problem"]
    assert pick.line == "records" and pick.mask.all()


def test_an_unknown_grouping_is_refused_with_all_there_are(pick):
    """pick.bars("customers") asks for "customer"."""
    with pytest.raises(SettingsError, match=r"did you mean 'customer'.*post-mortem, tasks"):
        pick.bars("customers")


def test_a_view_is_drawn_anew_only_when_it_is_seen(pick):
    """A changed filter makes views old; they are drawn once somebody looks, and at once while somebody does."""
    view = pick.bars("month", split="severity")
    drawn = [view.panel.figure]
    pick.where(severity="critical")
    assert view.panel.figure == drawn[0] and view.panel.version > state(view)["version"]

    for act in (lambda: view.receive({"do": "seen", "seen": True}), lambda: pick.where(severity="high")):
        act()
        assert view.panel.figure not in drawn and view.panel.version == state(view)["version"]
        drawn.append(view.panel.figure)
    view.receive({"do": "seen", "seen": False})
    pick.where(severity="low")
    assert view.panel.figure == drawn[-1]


def test_a_picked_bar_lists_its_incidents_and_narrows_the_filter(records, pick):
    """The mark's line makes the same choice; "Filter by this" takes it, and every view is old."""
    view, other = pick.bars("month", split="severity"), pick.table()
    view.receive({"do": "pick", "mark": {"month": "2026-09", "severity": "critical"}})
    shown = state(view)

    assert shown["line"] == 'records.where(severity="critical", period="2026-09")'
    assert shown["table"]["total"] == len(pick.picked.incidents) == 3
    view.receive({"do": "narrow"})
    assert pick.line == shown["line"] and int(pick.mask.sum()) == 3
    assert other.panel.version > state(other)["version"]


def test_a_mark_that_no_line_can_choose_has_none(pick):
    """An hour of the week is no wish of records.where; two customers at once are not one either."""
    hours, both = pick.cross("weekday", "hour"), pick.where(customer="Halyard Freight").bars("customer")
    hours.receive({"do": "pick", "mark": {"weekday": "Fri", "hour": "11"}})
    both.receive({"do": "pick", "mark": {"customer": "Straits Tide & Weather"}})

    assert state(hours)["table"]["total"] > 0 and "line" not in state(hours)
    assert state(both)["table"]["total"] > 0 and "line" not in state(both)


def test_a_wider_mark_keeps_the_narrower_filter(pick):
    """The bar of a year under the filter of a quarter stands for the quarter, and its line says so."""
    view = pick.where(period="2026-Q3").bars("year")
    view.receive({"do": "pick", "mark": {"year": "2026"}})

    assert state(view)["line"] == 'records.where(period="2026-Q3")'


def test_picking_the_same_mark_again_lets_it_go(pick):
    """A second click closes the table."""
    view = pick.bars("service")
    for expected in (True, False):
        view.receive({"do": "pick", "mark": {"service": "mail"}})
        assert ("table" in state(view)) is expected


@settings(max_examples=30, deadline=None)
@given(column=st.sampled_from(list(COLUMNS)), down=st.booleans(), size=st.sampled_from([10, 25]), text=st.sampled_from(["", "mail", "zzz"]))
def test_pages_together_hold_every_row_once_in_order(column, down, size, text):
    """Whatever a table is sorted by, its pages add up to its rows, in the order of that column."""
    records = _sample()
    listing, mask = Listing(records), everything(records)
    first = listing.page(mask, Wanted(0, size, column, down, text))
    pages = [listing.page(mask, Wanted(number, size, column, down, text))["rows"] for number in range(first["pages"])]
    ids = [row["incident_id"] for page in pages for row in page]

    assert len(ids) == len(set(ids)) == first["total"]
    if column in ("incident_id", "began", "title"):
        values = [row[column] for page in pages for row in page]
        assert values == sorted(values, reverse=down)


def test_missing_values_come_last_in_both_directions(few):
    """A table sorted by customer begins with a customer."""
    listing = Listing(few({}, {"customers": "Ash"}, {"customers": "Birch"}))
    orders = [[row["customers"] for row in listing.page(np.ones(3, dtype=bool), Wanted(column="customers", down=down))["rows"]]
              for down in (False, True)]  # fmt: skip

    assert orders == [["Ash", "Birch", None], ["Birch", "Ash", None]]


def test_a_page_beyond_the_last_is_the_last(pick):
    """A search that leaves few rows shows them, wherever one was."""
    table = pick.table()
    table.receive({"do": "page", "page": 9})
    table.receive({"do": "sort", "column": "no such column"})
    table.receive({"do": "size", "size": 7})
    pick.where(severity="critical")
    table.receive({"do": "seen", "seen": True})

    assert state(table)["table"]["page"] == 0 and len(state(table)["table"]["rows"]) == 6


def test_csv_holds_all_rows_in_order_and_no_formula(few):
    """What is copied is what is listed, not only its page; a title that looks like a formula stays text."""
    records = few({"title": '=HYPERLINK("https://evil.example")'}, *[{} for _ in range(30)])
    lines = Listing(records).csv(np.ones(31, dtype=bool), Wanted(column="incident_id", down=False)).splitlines()

    assert len(lines) == 32 <= MOST_COPIED and lines[0].startswith("incident_id,began_at,title")
    assert lines[1].startswith("INC-0,2026-03-02T12:00:00Z,\"'=HYPERLINK")


def test_a_timeline_is_shown_without_html_of_the_records(records, pick):
    """The timeline below a table is cleaned; its figure's title is text."""
    table = pick.table()
    table.receive({"do": "timeline", "incident": "INC-2026-081"})
    shown = state(table)["detail"]
    assert shown["title"].startswith("INC-2026-081") and "<table" in shown["html"] and "<script" not in shown["html"]

    table.receive({"do": "close"})
    assert state(table)["detail"] is None


def test_links_lead_to_files_that_are_there(tmp_path):
    """A page and a draft are linked where the server serves them, and only there."""
    page, draft = tmp_path / "data/postmortems/INC-1.md", tmp_path / "reports/postmortem-draft/INC-1/postmortem-draft-INC-1.html"
    for path in (page, draft):
        path.parent.mkdir(parents=True)
        path.write_text("x")
    pages = {"INC-1": "postmortems/INC-1.md", "INC-2": "postmortems/INC-2.md"}

    links = Links(tmp_path / "data", pages, tmp_path)
    assert links.of("INC-1") == {"page": "data/postmortems/INC-1.md", "draft": draft.relative_to(tmp_path).as_posix()}
    assert links.of("INC-2") == links.of("../../etc/passwd") == {}
    assert Links(tmp_path / "data", pages, tmp_path / "data").of("INC-1") == {"page": "postmortems/INC-1.md"}
    assert Links(tmp_path / "data", pages).of("INC-1")["page"] == os.path.relpath(page)


def test_the_servers_folder_is_what_its_own_note_says(tmp_path, monkeypatch, records):
    """The kernel's parent wrote down what it serves; without one there is no folder."""
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setenv("JPY_PARENT_PID", "77")
    assert server_root() is None

    (tmp_path / "jpserver-77.json").write_text(json.dumps({"root_dir": str(tmp_path)}))
    assert server_root() == links_of(records).root == tmp_path.resolve()


def test_any_function_of_records_follows_the_filter(pick):
    """A sentence, a table and a figure are each shown for what is chosen, and again when that changes."""
    sentence = pick.view(lambda chosen: note(f"{len(chosen.incidents)} <b>incidents</b>"))
    frame = pick.view(lambda chosen: chosen.incidents[["title"]].head(2))
    figure = pick.view(inc.incidents_by_month)
    pick.where(severity="critical")
    for view in (sentence, frame, figure):
        view.receive({"do": "seen", "seen": True})

    assert "6 &lt;b&gt;incidents" in state(sentence)["html"] and "<table" in state(frame)["html"]
    assert "html" not in state(figure) and json.loads(figure.panel.figure)["data"]


def test_a_function_that_fails_later_says_so_in_its_place(pick):
    """At first the cell shows what was raised; after a click there is no cell, so it is a sentence."""
    with pytest.raises(ZeroDivisionError):
        pick.view(lambda chosen: 1 / 0)
    view = pick.view(lambda chosen: note(f"{6 / (len(chosen.incidents) - 6)}"))
    pick.where(severity="critical")
    view.receive({"do": "seen", "seen": True})

    assert "ZeroDivisionError" in state(view)["html"]


def test_without_a_browser_each_view_is_a_figure_or_a_table(pick):
    """What is exported is plain: the figure with its note, the table with its rows, the filter as a sentence."""
    bundles = {name: view._repr_mimebundle_()[0] for name, view in
               {"filter": pick, "bars": pick.bars("customer"), "table": pick.table()}.items()}  # fmt: skip

    assert all(VIEW in bundle for bundle in bundles.values())
    assert "160 of 160 incidents: records" in bundles["filter"]["text/html"]
    assert "counts for each" in bundles["bars"][theme.MIMETYPE]["layout"]["meta"]["alt"]
    assert len(bundles["table"][TABLE_MIMETYPE]["rows"]) == 160


def test_the_widget_is_the_first_of_several_vendors_types(pick):
    """VS Code, which knows two of them, shows the one that comes first; a still figure could not be clicked."""
    views = [pick, pick.bars("customer"), pick.table(), pick.view(lambda chosen: go.Figure())]
    types = [[name for name in DisplayFormatter().format(view)[0] if name.startswith("application/vnd.")] for view in views]

    assert [found[0] for found in types] == [VIEW] * 4
    assert theme.MIMETYPE in types[1]


def test_a_figure_that_cannot_be_drawn_is_told(pick):
    """A host that knows neither widgets nor plotly shows a sentence, or the title of somebody's own figure."""
    ours, own = pick.view(inc.behaviour_chart), pick.view(lambda chosen: go.Figure(layout_title_text="My title"))

    assert "weeks" in ours.still()["text/plain"]
    assert own.still()["text/plain"] == "My title"


def test_the_script_that_shows_widgets_is_installed_with_us():
    """VS Code takes it from the environment: a file that maps anywidget's name to its script, and that script."""
    found = {file.name: file.locate() for file in metadata.files("anywidget") if "nbextensions" in file.parts}

    assert 'anywidget: "nbextensions/anywidget/index"' in found["extension.js"].read_text(encoding="utf-8")
    assert "AnyView" in found["index.js"].read_text(encoding="utf-8")


def test_an_executed_notebook_keeps_no_trace_of_widgets(pick):
    """The widget's random id goes, its plain form stays; so two runs give the same bytes."""
    data = pick.bars("month")._repr_mimebundle_()[0]
    kept = settled(new_notebook(cells=[new_code_cell("x", outputs=[new_output("display_data", data)])]))

    assert set(kept.cells[0].outputs[0].data) == {theme.MIMETYPE, "text/plain"}


def test_records_without_incidents_are_explored_without_an_error(workbook):
    """An empty workbook has an empty filter, and figures that say so."""
    explorer = inc.explorer(load(workbook()))
    views = [explorer.bars(name) for name in GROUPINGS]
    views += [explorer.cross(), explorer.how_long("time to resolve"), explorer.table()]

    assert explorer.answer == "0 incidents."
    assert all(view._repr_mimebundle_() for view in views)


def test_a_copy_of_the_notebooks_beside_the_workbook_is_ones_own(workbook):
    """They read the workbook beside them; what is there stays; a checkout's own notebooks are not opened for writing."""
    folder = workbook()
    own = own_notebooks(folder)
    (own / "explore.ipynb").write_text("mine")

    assert own == folder.parent / "notebooks" and own_notebooks(folder) == own
    assert (own / "explore.ipynb").read_text() == "mine"
    assert 'data = \\"../workbook\\"' in (own / "timeliness.ipynb").read_text()
    assert f"--LabApp.default_url=/lab/tree/notebooks/{FIRST}" in lab_command(own)


def test_in_a_checkout_the_copy_stands_beside_the_committed_notebooks(workbook, monkeypatch):
    """Running them would leave outputs in what is committed."""
    folder = workbook({"../notebooks/explore.ipynb": (DATA.parent / "notebooks/explore.ipynb").read_text()})
    monkeypatch.setattr("incident_lib.reports.lab.notebooks_folder", lambda: folder.parent / "notebooks")

    assert own_notebooks(folder) == folder.parent / "own-notebooks"
    assert "--LabApp.default_url=/lab/tree/own-notebooks/explore.ipynb" in lab_command(own_notebooks(folder), browser=False)


def test_jupyterlab_is_started_without_anything_that_asks_the_network():
    """News, updates and the catalogue of extensions are off, and a user's own settings come after ours."""
    command, environment = lab_command(Path("home/notebooks"), port=8899, browser=False), lab_environment()
    folder = Path(environment["JUPYTER_CONFIG_PATH"].split(os.pathsep)[0])

    assert {"--port=8899", "--no-browser", "--LabApp.news_url=None", "--LabApp.extension_manager=readonly"} <= set(command)
    assert not any("token" in part for part in command)
    told = json.loads((folder / "labconfig/default_setting_overrides.json").read_text())
    assert told["@jupyterlab/apputils-extension:notification"]["fetchNews"] == "false"


def test_a_period_is_for_the_exploring_report_only():
    """'incidents report --period' without 'explore' is refused, and so is a period that is none; nothing is made."""
    for arguments, said in ((["report", "--period", "2026-09"], "for 'incidents report explore'"),
                            (["report", "explore", "--data", str(DATA), "--period", "lately"], "not a period")):  # fmt: skip
        done = CliRunner().invoke(cli, arguments)
        assert done.exit_code != 0 and said in f"{done.output}{done.exception}"
