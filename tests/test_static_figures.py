"""Pictures without a script: values stand where they belong, nothing in them runs, colours follow the page."""

import gzip
import json
import re
import xml.etree.ElementTree as ET

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest
from hypothesis import given
from hypothesis import strategies as st

from incident_lib import theme
from incident_lib.reports.packing import base_85
from incident_lib.reports.plots import compact, plot_html
from incident_lib.reports.static.axes import axis_of, date_ticks, formatted, linear_ticks, listed, milliseconds
from incident_lib.reports.static.figures import KNOWN, static_pictures
from incident_lib.reports.static.text import paint, width_of, wrapped


def pictures(*traces, name="p", **layout):
    """Return both pictures of a figure as text."""
    figure = json.loads(go.Figure(list(traces), layout={"template": theme.template(), **layout}).to_json())
    return static_pictures(figure, height=300, name=name)


def shapes(text, tag="path"):
    """Return the elements of the wide picture with a tag; the picture has to be well-formed."""
    wide = ET.fromstring(re.findall(r"<svg.*?</svg>", text)[0])
    return [one for one in wide.iter() if one.tag == tag]


def texts(text):
    """Return all texts of the wide picture."""
    return ["".join(one.itertext()) for one in shapes(text, "text")]


def test_every_figure_has_a_wide_and_a_narrow_picture():
    """Both are well-formed, hidden from screen readers (the sentence speaks), and the same each time."""
    text = pictures(go.Bar(x=["a", "b"], y=[1, 2]))

    assert re.findall(r'class="static (\w+)" viewBox="0 0 (\d+) 300"', text) == [("wide", "896"), ("narrow", "358")]
    assert text.count('aria-hidden="true"') == 2 and text == pictures(go.Bar(x=["a", "b"], y=[1, 2]))


def test_bars_are_as_long_as_their_values():
    """Heights are in proportion, and stacked bars stand on each other."""
    stacked = pictures(go.Bar(x=["a"], y=[2]), go.Bar(x=["a"], y=[6]), barmode="stack")
    first, second = [one.get("d") for one in shapes(stacked)
                     if one.get("stroke") == "var(--paper)"]  # fmt: skip
    form = re.compile(r"M\S+ (\S+?)h\S+?v(\S+?)h\S+z")
    (y1, h1), (y2, h2) = (map(float, form.fullmatch(one).groups()) for one in (first, second))

    assert h2 == pytest.approx(3 * h1, abs=0.3) and y2 + h2 == pytest.approx(y1, abs=0.3)


def test_staircase_goes_level_then_upright():
    """A line of shape "hv" turns at each point; a missing value breaks it."""
    text = pictures(go.Scatter(x=[0, 1, 2, 3], y=[0, 1, None, 1], mode="lines", line_shape="hv"))
    line = next(one.get("d") for one in shapes(text) if one.get("stroke-linejoin"))

    assert re.fullmatch(r"M[\d.]+ [\d.]+H[\d.]+V[\d.]+M[\d.]+ [\d.]+", line)


def test_open_marks_are_hollow():
    """Hollow and filled marks differ by more than colour."""
    text = pictures(go.Scatter(x=[1, 2], y=[1, 2], mode="markers", marker_symbol=["circle", "circle-open"]))
    marks = [one for one in shapes(text) if re.fullmatch(r"M[\d.]+ [\d.]+(h0|m-3 0a3 3.*)", one.get("d") or "")]

    assert [one.get("fill") for one in marks] == [None, "none"]
    assert marks[0].get("stroke-linecap") == "round" and marks[0].get("stroke-width") == "6"


def test_heat_map_cells_are_coloured_and_labelled():
    """Each value has a square; signs of a row share one text."""
    text = pictures(
        go.Heatmap(z=[[0, 1], [1, 0]], x=["a", "b"], y=["c", "d"], text=[["✓", "✗"]] * 2, texttemplate="%{text}")
    )
    signs = [one for one in shapes(text, "text") if "".join(one.itertext()) == "✓✗"]

    assert len(signs) == 2 and len(signs[0].get("x").split()) == 2


def test_labels_title_and_legend_are_there():
    """Axis titles, categories and names of traces are texts; one trace has no legend."""
    two = texts(pictures(go.Bar(x=["a"], y=[1], name="one"), go.Bar(x=["b"], y=[1], name="two"), xaxis_title="month"))

    assert {"one", "two", "a", "b", "month"} <= set(two)
    assert "one" not in texts(pictures(go.Bar(x=["a"], y=[1], name="one")))


def test_colours_are_the_page_s_own():
    """Our colours become variables, so that the picture is dark in the dark; nonsense is harmless."""
    assert paint(theme.colour("critical")) == "var(--critical-mark)"
    assert paint(theme.faded("accent", 0.15)) == "color-mix(in srgb,var(--accent) 15%,transparent)"
    assert paint('red" onload="boom()') == "var(--accent)" and paint("url(https://evil.example)") == "var(--accent)"


@pytest.mark.parametrize(
    "text", ["<script>boom()</script>", '" onload="boom()', "</svg><img src=x onerror=boom()>", "a<br>b&amp;c"]
)
def test_hostile_text_stays_text(text):
    """In names, categories, texts, titles and annotations: only our own elements, no attribute that does anything."""
    figure = go.Figure([go.Bar(x=[text], y=[1], name=text, text=[text]),
                        go.Scatter(x=[text], y=[1], name=text, text=[text], mode="markers+text")])  # fmt: skip
    figure.update_layout(xaxis_title=text, yaxis_title=text)
    figure.add_annotation(text=text, x=0.5, y=0.5, xref="paper", yref="paper")
    made = static_pictures(json.loads(figure.to_json()), height=300, name="p")
    for one in re.findall(r"<svg.*?</svg>", made):
        for element in ET.fromstring(one).iter():
            assert element.tag in {"svg", "g", "path", "text", "tspan", "clipPath", "pattern"}
            assert not [name for name in element.attrib if name.startswith("on") or name in ("href", "style")]


def test_figure_of_unknown_parts_gets_a_sentence_instead():
    """What we can't draw is said; the page still holds the figure and its numbers."""
    for made in (go.Figure(go.Pie(values=[1])), go.Figure(go.Bar(x=["a"], y=[1], xaxis="x2"))):
        html = plot_html(json.loads(made.to_json()), number=1)
        assert "<svg" not in html and "is drawn by a script" in html
    assert "pie" not in KNOWN


def test_damaged_figure_does_not_stop_the_page():
    """A figure whose parts are not what they should be has no picture, and no error."""
    broken = {"data": [{"type": "bar", "x": {"bdata": "????", "dtype": "f8"}, "y": [1]}], "layout": {}}

    assert "<figure" in plot_html(broken, number=1)


@pytest.mark.parametrize(
    ("values", "kind"),
    [([1, 2.5], "linear"), (["2026-03-02", "2026-04-01T10:00:00"], "date"), (["a", "2026-01"], "category"),
     (["1", "2"], "linear")],
)  # fmt: skip
def test_kind_of_an_axis_follows_its_values(values, kind):
    """Numbers, times, words, as plotly decides."""
    assert axis_of({}, [values], floor=False, padded=True).kind == kind


def test_axis_puts_values_where_they_belong():
    """Logarithms, reversed axes, and stated ranges."""
    log = axis_of({"type": "log", "range": [0, 2]}, [[1, 100]], floor=False, padded=False)
    log.start, log.end = 0.0, 200.0
    reverse = axis_of({"autorange": "reversed"}, [["a", "b"]], floor=False, padded=True)
    reverse.start, reverse.end = 0.0, 100.0

    assert [log.pixel(unit) for unit in log.units([1, 10, 100, -1, None]) if unit is not None] == [0, 100, 200]
    assert [reverse.pixel(unit) for unit in reverse.units(["a", "b"])] == [75, 25]


@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6), st.integers(2, 12))
def test_linear_ticks_are_round_and_few(low, width, most):
    """Ticks are within the range, evenly spaced, and not more than asked for."""
    ticks = linear_ticks(low, low + width, most)

    assert len(ticks) <= most + 2
    assert all(low - width * 1e-5 <= tick <= low + width * 1.00001 for tick in ticks)


@pytest.mark.parametrize(
    ("span", "first"), [("5h", "19:00<br>30 Sep 2026"), ("20D", "1 Oct<br>2026"), ("500D", "Jan<br>2027")]
)
def test_time_ticks_suit_the_span(span, first):
    """Hours with the day, days with the year, months with the year, each where it changes."""
    start = milliseconds("2026-09-30 18:30")
    ticks = date_ticks(start, start + pd.Timedelta(span) / pd.Timedelta("1ms"), 6)

    assert 2 <= len(ticks) <= 8 and first in [text for _, text in ticks]


def test_packed_arrays_are_read():
    """Plotly packs numbers as base64, also in two dimensions."""
    figure = json.loads(go.Figure(go.Heatmap(z=np.arange(6.0).reshape(2, 3))).to_json())
    assert listed(figure["data"][0]["z"]) == [[0, 1, 2], [3, 4, 5]]


def test_long_labels_are_wrapped_and_shortened():
    """A label takes two lines at most, and ends with a sign where something is missing."""
    lines = wrapped("Page shared twenty-four hours before the meeting begins", 120)

    assert len(lines) == 2 and lines[1].endswith("…") and all(width_of(line) <= 120 for line in lines)
    assert wrapped("short", 120) == ["short"] and wrapped("", 120) == [""]


def test_numbers_are_formatted_as_the_axis_says():
    """Per cent, and the shortest form with a proper minus."""
    assert (formatted(0.25, ".0%"), formatted(-1500, "")) == ("25%", "−1,500")


def test_compact_data_means_the_same():
    """Times lose what says nothing; symbols that are all alike become one; different ones stay."""
    assert compact({"x": ["2026-03-02T09:14:00.000000", "2026-03-02T09:14:07.500000", "a"]}) == {
        "x": ["2026-03-02 09:14", "2026-03-02T09:14:07.500000", "a"]}  # fmt: skip
    assert compact({"symbol": ["circle"] * 3}) == {"symbol": "circle"} and compact({"symbol": ["a", "b"]}) == {
        "symbol": ["a", "b"]
    }
    assert compact({"x": ["a", "a"]}) == {"x": ["a", "a"]}


@given(st.binary(max_size=40))
def test_base_85_reads_back(content):
    """Four bytes are five signs, none of which opens a tag."""
    packed = base_85(content)
    digits = [sign - 40 - (sign > 60) for sign in packed]
    words = [
        sum(digit * 85 ** (4 - place) for place, digit in enumerate(digits[at : at + 5]))
        for at in range(0, len(digits), 5)
    ]

    assert b"".join(word.to_bytes(4, "big") for word in words)[: len(content)] == content and b"<" not in packed


def test_page_brings_the_template_once():
    """A figure of our theme leaves its template to the page's settings; one of another keeps it."""
    ours = json.loads(go.Figure(go.Bar(x=["a"], y=[1]), layout_template=theme.template()).to_json())
    theirs = json.loads(go.Figure(go.Bar(x=["a"], y=[1]), layout_template="plotly_dark").to_json())

    assert '"template"' not in plot_html(ours, number=1) and '"template"' in plot_html(theirs, number=1)


@pytest.mark.parametrize("kind", ["pie", "histogram", "box", "sankey"])
def test_kind_without_a_picture_is_said_to_have_none(kind):
    """Where a script is needed the page says so, by the kind's name; numbers are promised only where there are some."""
    numbers = {"columns": ["a"], "rows": [["x"]]}
    figure = {"data": [{"type": kind, "y": [1, 2], "values": [1]}], "layout": {"meta": {"table": numbers}}}
    told, alone = plot_html(figure, number=1), plot_html({"data": figure["data"]}, number=1)

    said = f"This figure ({kind}) is drawn by a script, which did not run here"
    assert f"{said}; its numbers are below." in told and f"{said}." in alone
    assert '<svg class="static' not in told


def test_crowded_names_stand_at_every_so_many_places():
    """A category axis that is told how many labels there may be shows no more, evenly."""
    names = [f"INC-{number}" for number in range(26)]
    axis = axis_of({"type": "category", "nticks": 14}, [names], floor=False, padded=False)

    assert [name for _, name in axis.ticks(99)] == names[::2]


def test_long_data_are_packed():
    """A figure of many points stands in its script element compressed: its size, and signs without "<"; a short one as JSON."""
    many = {"data": [{"type": "bar", "x": [f"<b>{number}" for number in range(3000)], "y": [1] * 3000}]}
    text = re.search(r'<script type="[^"]*">(.*?)</script>', plot_html(many, number=1), re.DOTALL)[1]
    size, _, packed = text.partition(" ")
    digits = np.frombuffer(packed.encode(), dtype=np.uint8).astype(np.int64)
    words = ((digits - 40 - (digits > 60)).reshape(-1, 5) * 85 ** np.arange(4, -1, -1)).sum(axis=1)
    content = words.astype(">u4").tobytes()[: int(size)]

    assert json.loads(gzip.decompress(content))["data"][0]["x"][7] == "<b>7"
    assert "<" not in packed and len(text) < 12_000
    assert '">{"data"' in plot_html({"data": [{"type": "bar", "y": [1]}]}, number=1)
