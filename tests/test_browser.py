"""Reports in a real Chromium: offline, drawn, quiet, accessible, on every width, in the dark, and on paper."""

import json
from pathlib import Path

import pandas as pd
import plotly.graph_objects as go
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from incident_lib import render, theme
from incident_lib.reports.export import export_page
from incident_lib.reports.incident_pages import Incident, postmortem_html
from incident_lib.reports.index import rebuild_index
from incident_lib.reports.page_parts import shared_plotly
from incident_lib.reports.publish import as_json, manifest_of

sync_api = pytest.importorskip("playwright.sync_api")
CHROMIUM = Path("/usr/bin/chromium")
pytestmark = [pytest.mark.browser, pytest.mark.skipif(not CHROMIUM.exists(), reason="there is no Chromium")]
WATCH = """
window.seen = [];
window.boom = () => window.seen.push("executed");
window.open = (address) => window.seen.push("opened " + address);
addEventListener("securitypolicyviolation", (event) => window.seen.push("refused " + event.blockedURI));
"""
SINKS = [
    "<script>boom()</script>", "<img src=x onerror=boom()>", "<svg onload=boom()>", "</script><script>boom()</script>",
    "<iframe srcdoc='<script>parent.boom()</script>'></iframe>", "<a href='javascript:boom()'>click</a>",
    "<meta http-equiv=refresh content='0;url=https://evil.example'>", "![x](https://evil.example/x.png)",
    "[click](javascript:boom())", '<a href="https://evil.example">Reset password</a>', "<details open ontoggle=boom()>",
    "<form action=https://evil.example><button autofocus onfocus=boom()>", "&lt;img src=x onerror=boom()&gt;",
]  # fmt: skip


@pytest.fixture(scope="module")
def chromium():
    """Give one browser for all tests of this module."""
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        yield browser
        browser.close()


class Visit:
    """A page opened without a network: what it asked for, what it complained of, and the page itself."""

    def __init__(self, browser, path, *, width=1280, scheme="light", script="", scripts=True):
        self.context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=scheme, offline=True, accept_downloads=True,
            java_script_enabled=scripts,
        )  # fmt: skip
        self.page = self.context.new_page()
        self.requests, self.messages, self.address = [], [], path.as_uri()
        self.page.add_init_script(WATCH + script)
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("console", lambda message: self.messages.append(message.text))
        self.page.on("pageerror", lambda error: self.messages.append(str(error)))
        self.page.on("popup", lambda popup: self.messages.append(f"popup {popup.url}"))
        self.page.goto(self.address)

    def read_through(self):
        """Scroll to each figure and wait until it is drawn; return how many there are."""
        figures = self.page.locator("figure.plot")
        for index in range(figures.count()):
            figures.nth(index).scroll_into_view_if_needed()
            figures.nth(index).locator("svg.main-svg").first.wait_for(timeout=20_000)
        return figures.count()

    def until(self, condition):
        """Wait until a condition holds in the page; playwright's own way is forbidden by the page's policy."""
        for _ in range(200):
            if self.page.evaluate(condition):
                return
            self.page.wait_for_timeout(50)
        raise AssertionError(f"never true: {condition}")

    def complaints(self):
        """Return everything that a quiet, offline page does not do."""
        foreign = [url for url in self.requests if url != self.address and not url.startswith(("data:", "blob:"))]
        return [*foreign, *self.messages, *self.page.evaluate("window.seen")]


@pytest.fixture
def visit(chromium):
    """Open pages, and close them after the test."""
    visits = []

    def opened(path, **rest):
        visits.append(Visit(chromium, path, **rest))
        return visits[-1]

    yield opened
    for one in visits:
        one.context.close()


def shown(data):
    """Return a cell with one output, its source hidden."""
    return new_code_cell("", outputs=[new_output("display_data", data)], metadata={"tags": ["remove-input"]})


def as_output(piece):
    """Return what the library shows as a cell."""
    return shown(piece._repr_mimebundle_())


def as_figure(figure, alt="Two bars.", **columns):
    """Return a described figure as a cell."""
    figure.update_layout(template=theme.template())
    return shown({theme.MIMETYPE: json.loads(theme.described(figure, alt=alt, table=pd.DataFrame(columns)).to_json())})


def figures(text="Incidents"):
    """Return one figure of each sort that reports draw, with a text in every place that takes one."""
    names, ends = [text, f"{text} B"], [3, 5]
    traces = [
        go.Bar(x=names, y=ends, name=text, text=names, hovertext=names),
        go.Scatter(x=ends, y=names, mode="lines+text", text=names),
        go.Histogram(x=ends, name=text),
        go.Box(y=ends, name=text),
        go.Heatmap(x=names, y=names, z=[ends, ends]),
    ]
    drawn = [go.Figure(trace) for trace in traces]
    for figure in drawn:
        figure.update_layout(title=text, xaxis_title=text, yaxis_title=text, legend_title=text, showlegend=True)
        figure.add_annotation(text=text, showarrow=False)
    return [as_figure(figure, alt=f"What {text} shows.", incident=names, minutes=ends) for figure in drawn]


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """Give a realistic report: answer, table, prose, five figures, a timeline, warnings."""
    folder = tmp_path_factory.mktemp("reports") / "timeliness"
    folder.mkdir()
    rows = pd.DataFrame({
        "incident": [f"INC-2026-{number:03}" for number in range(30)], "title": ["Outbound mail delayed for long"] * 30,
        "severity": ["critical", "high", "medium"] * 10, "state": ["overdue", "due", "done"] * 10, "minutes": range(30),
    })  # fmt: skip
    cells = [
        new_markdown_cell("# Are we on time?\n\nFor whoever watches progress."),
        new_markdown_cell("## In short"),
        as_output(render.answer("3 of 41 post-mortems are overdue.", "As of 2026-03-31 17:00 UTC.")),
        new_markdown_cell("## What is overdue?"),
        as_output(render.table(rows, "Overdue and coming up", name="overdue")),
        new_markdown_cell("## How long?\n\nSee [there](https://example.com).\n\n| a | b |\n|---|--:|\n| x | 1 |"),
        *figures(),
        new_code_cell("1 + 1", outputs=[new_output("stream", name="stderr", text="careful " * 60)]),
        as_output(render.table(rows.head(3), "Timeline", mark=lambda row: "start" if row["minutes"] == 0 else "")),
    ]
    page = export_page(new_notebook(cells=cells), home="../index.html")
    (folder / "timeliness.html").write_bytes(page.html)
    for name, content in page.tables.items():
        (folder / name).write_bytes(content)
    (folder / "timeliness.md").write_text("Overdue and coming up")
    (folder / "timeliness.ipynb").write_text("{}")
    done = {"answer": "3 are overdue.", "as_of": "2026-03-31T17:00:00Z", "incidents": ["INC-2026-001"]}
    manifest = manifest_of("timeliness", "", "Timeliness", {}, done, {"timeliness.html": b"", "timeliness.ipynb": b""})
    (folder / "manifest.json").write_bytes(as_json(manifest))
    rebuild_index(folder.parent, "All reports")
    return folder / "timeliness.html"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_report_is_drawn_without_network_or_complaint(visit, report, scheme):
    """Every figure is drawn, nothing is requested, and neither console nor policy says a word."""
    opened = visit(report, scheme=scheme)

    assert opened.read_through() == 5
    assert opened.complaints() == []


def test_figures_wait_until_they_are_near(visit, report):
    """A figure far below is not drawn before the reader comes near it."""
    opened = visit(report)
    opened.until("window.Plotly !== undefined")
    assert opened.page.locator("figure.plot").last.locator("svg.main-svg").count() == 0


def test_nothing_offers_to_share_or_to_upload(visit, report):
    """No Share button, no logo, no link to plotly's service."""
    opened = visit(report)
    opened.read_through()
    buttons = opened.page.locator(".modebar-btn").evaluate_all("all => all.map(one => one.outerHTML).join(' ')").lower()

    assert "download" in buttons
    assert not any(word in buttons for word in ("share", "cloud", "chart studio", "logo", "plotly.com"))


def test_figure_can_be_saved_as_a_picture(visit, report):
    """The one button that makes a file works under the policy."""
    opened = visit(report)
    opened.read_through()
    figure = opened.page.locator("figure.plot").first
    figure.hover()
    with opened.page.expect_download() as download:
        figure.locator("[data-title*=Download], [aria-label*=Download]").first.click()
    assert download.value.suggested_filename.endswith(".png")
    assert opened.complaints() == []


def test_the_watch_notices_what_happens(visit, tmp_path):
    """An ordinary page with the same texts does run, ask, and open: the tests below would see it."""
    path = tmp_path / "ordinary.html"
    path.write_text("<img src=https://evil.example/x.png onerror=boom()><script>open('https://evil.example')</script>")
    opened = visit(path)
    opened.until("window.seen.length === 2")

    assert {"https://evil.example/x.png", "executed", "opened https://evil.example"} <= set(opened.complaints())


@pytest.mark.parametrize("text", SINKS)
def test_hostile_text_does_nothing_anywhere(visit, tmp_path, text):
    """In prose, tables, prints, and every text of two sorts of figure: nothing runs, loads, leaves, or links away."""
    rows = pd.DataFrame({text: [text], "state": ["late"]})
    formats = ("text/html", "text/markdown", "text/vnd.mermaid", "text/plain", "image/svg+xml", "text/latex")
    cells = [
        new_markdown_cell(f"# {text}\n\n{text}\n\n| {text} |\n|---|\n| {text} |"),
        as_output(render.answer(text, text)),
        as_output(render.table(rows, text)),
        *(shown({mimetype: text, "text/plain": text}) for mimetype in formats),
        *figures(text)[:2],
        new_code_cell(text, outputs=[new_output("stream", text=text), new_output("error", ename=text, evalue=text)]),
    ]
    path = tmp_path / "hostile.html"
    path.write_bytes(export_page(new_notebook(cells=cells), title=text).html)
    opened = visit(path)

    assert opened.read_through() == 2
    opened.page.locator("figure.plot").first.locator(".nsewdrag").first.hover()
    opened.page.wait_for_timeout(100)
    assert opened.complaints() == [] and opened.page.url == path.as_uri()
    bad = "a[href^='javascript'], figure.plot svg a, .canvas a[href*='evil'], form, iframe, meta[http-equiv=refresh]"
    assert opened.page.locator(bad).count() == 0


@pytest.mark.parametrize("width", [320, 375, 1280])
def test_no_width_scrolls_sideways(visit, report, width):
    """Wide tables scroll in their own region; the page itself never does."""
    for path in (report, report.parents[1] / "index.html"):
        opened = visit(path, width=width)
        opened.read_through()
        assert opened.page.evaluate("document.documentElement.scrollWidth") <= width


def test_figures_follow_the_colour_scheme(visit, report):
    """Figures take the dark forms of our colours when the reader switches, and go back."""
    opened = visit(report)
    opened.read_through()
    fill = "getComputedStyle(document.querySelector('figure.plot .xtick text')).fill"
    for scheme in ("dark", "light"):
        opened.page.emulate_media(color_scheme=scheme)
        red, green, blue = theme.rgb(getattr(theme.PALETTE["muted"], scheme))
        opened.until(f"{fill} === 'rgb({red}, {green}, {blue})'")


def test_paper_has_a_picture_of_every_figure(visit, report):
    """On paper stand the static pictures, light although the screen is dark; what has none is drawn for it."""
    opened = visit(report, scheme="dark")
    opened.until("window.Plotly !== undefined")
    opened.page.evaluate("dispatchEvent(new Event('beforeprint'))")
    opened.page.emulate_media(media="print")
    shown = "some(one => one.getClientRects().length)"
    seen = f"all => all.map(one => [...one.querySelectorAll('.wide, .live svg')].{shown})"

    assert opened.page.locator("figure.plot").evaluate_all(seen) == [True] * 5
    assert opened.page.locator(".static.narrow").evaluate_all(f"all => all.{shown}") is False
    ink = "getComputedStyle(document.querySelector('.wide text')).fill"
    assert opened.page.evaluate(ink) == "rgb({}, {}, {})".format(*theme.rgb(theme.PALETTE["muted"].light))
    assert len(opened.page.pdf(prefer_css_page_size=True, tagged=True)) > 20_000
    assert opened.complaints() == []


def test_a_heading_that_is_repeated_on_paper_keeps_its_words(visit, report):
    """A browser leaves buttons out where a header stands again on the next sheet, so on paper there are none."""
    opened = visit(report)
    button = opened.page.locator("thead th button").first
    button.wait_for()
    style = "one => { const own = getComputedStyle(one); return [own.display, getComputedStyle(one.closest('th')).boxShadow] }"
    before = button.evaluate(style)
    opened.page.emulate_media(media="print")

    assert before[0] == "inline-block" and before[1] != "none"
    assert button.evaluate(style) == ["contents", "none"]


@pytest.mark.parametrize(("width", "kind"), [(375, "narrow"), (1280, "wide")])
def test_without_scripts_there_are_text_tables_and_pictures(visit, report, width, kind):
    """A mail preview shows everything: each figure of ours as a picture that fits, the others as a sentence."""
    opened = visit(report, width=width, scripts=False)

    assert opened.page.locator(f".static.{kind}:visible").count() == 3
    assert opened.page.locator("figure.plot .note:visible").count() == 2
    assert opened.page.locator("table caption", has_text="Overdue and coming up").is_visible()
    boxes = [one.bounding_box() for one in opened.page.locator(f".static.{kind}").all()]
    assert all(box["x"] >= 0 and box["x"] + box["width"] <= width for box in boxes)


def test_picture_stands_until_plotly_has_drawn(visit, report):
    """A figure far below shows its picture; one that is drawn shows only what plotly drew."""
    opened = visit(report)
    opened.page.locator("figure.plot").first.scroll_into_view_if_needed()
    opened.page.locator("figure.plot").first.locator("svg.main-svg").first.wait_for(timeout=20_000)

    assert not opened.page.locator("figure.plot").first.locator(".static.wide").is_visible()
    assert opened.page.locator("figure.plot").last.locator(".static.wide").is_visible()


def test_shared_plotly_works_from_a_disk(visit, tmp_path):
    """With one plotly file beside the reports a page is small, draws all figures, and asks for nothing else."""
    (tmp_path / "timeliness").mkdir()
    name = shared_plotly(tmp_path)
    page = export_page(new_notebook(cells=figures()), plotly=f"../{name}").html
    path = tmp_path / "timeliness" / "timeliness.html"
    path.write_bytes(page)
    opened = visit(path)

    assert len(page) < 300_000 and opened.read_through() == 5
    assert opened.complaints() == [(tmp_path / name).as_uri()]


def test_tables_sort_by_click_and_key(visit, report):
    """Headings are buttons: numbers as numbers, severities by rank, a third time back; the state is announced."""
    opened = visit(report)
    table = opened.page.locator("table.data").first
    firsts = "table => [...table.tBodies[0].rows].slice(0, 3).map(row => row.cells[{}].textContent.trim())"
    minutes, severity = table.get_by_role("button", name="minutes"), table.get_by_role("button", name="severity")

    minutes.click()
    minutes.click()
    assert table.evaluate(firsts.format(4)) == ["29", "28", "27"]
    assert table.locator("th").nth(4).get_attribute("aria-sort") == "descending"
    severity.focus()
    opened.page.keyboard.press("Enter")
    assert table.evaluate(firsts.format(2)) == ["▲ critical"] * 3
    assert table.locator("th").nth(4).get_attribute("aria-sort") is None
    for _ in range(2):
        opened.page.keyboard.press("Space")
    assert table.evaluate(firsts.format(4)) == ["0", "1", "2"]
    assert opened.complaints() == []


def test_heading_of_a_table_stays_in_sight(visit, report):
    """While a long table is read, its heading stands at the top."""
    opened = visit(report)
    table = opened.page.locator("table.data").first
    table.locator("tbody tr").nth(20).evaluate("row => row.scrollIntoView({block: 'center'})")
    box = table.locator("thead th").first.bounding_box()

    assert 0 <= box["y"] < 500


def test_index_finds_words_without_a_server(visit, report):
    """Typing hides what doesn't match, counts, and brings everything back; nothing is asked for."""
    opened = visit(report.parents[1] / "index.html")
    box, status = opened.page.get_by_role("searchbox"), opened.page.get_by_role("status")
    entries = opened.page.locator("[data-entry]")

    assert entries.count() == 2
    box.fill("overd")
    assert entries.filter(visible=True).count() == 1 and status.text_content() == "1 of 2 found"
    box.fill("nothing-like-it")
    assert entries.filter(visible=True).count() == 0
    box.fill("")
    assert opened.page.locator("li[data-entry]:not([hidden])").count() == 2 and opened.complaints() == []


def test_old_browser_gets_the_numbers(visit, report):
    """Where plotly can't be unpacked the tables of numbers stand open, and the page says why."""
    opened = visit(report, script="delete window.DecompressionStream;")
    opened.page.wait_for_selector("figure.plot details[open]")

    assert opened.page.locator("figure.plot .canvas .note").first.is_visible()


def test_sections_are_presented_by_keyboard(visit, report):
    """P shows one section per screen, arrows turn, Esc returns to the page there; paper shows everything."""
    opened = visit(report)
    headings = opened.page.locator("main h2:visible")
    assert headings.count() == 3
    opened.page.keyboard.press("p")
    assert opened.page.get_by_role("status").text_content().startswith("1 of ")
    opened.page.keyboard.press("ArrowRight")
    opened.page.keyboard.press("ArrowRight")
    assert headings.all_text_contents() == ["What is overdue?#"]
    assert opened.page.evaluate("document.activeElement.id") == "s-what-is-overdue"
    opened.page.emulate_media(media="print")
    assert headings.count() == 3 and not opened.page.locator(".presenter").is_visible()
    opened.page.emulate_media(media="screen")
    opened.page.keyboard.press("ArrowRight")
    opened.page.locator("figure.plot").last.scroll_into_view_if_needed()
    opened.page.locator("figure.plot").last.locator("svg.main-svg").first.wait_for(timeout=20_000)
    opened.page.keyboard.press("Escape")
    assert headings.count() == 3 and opened.page.locator(".presenter").count() == 0 and opened.complaints() == []
    opened.page.get_by_role("button", name="Present").click()
    assert opened.page.locator(".presenter").is_visible()


def test_tables_with_long_texts_stand_upright_on_a_phone(visit, tmp_path):
    """Each row is a block whose cells say their heading; nothing scrolls sideways, with and without scripts."""
    long = "a sentence that is long enough to need more room than a phone has in a column"
    rows = pd.DataFrame({"no": [1], "question": [long], "why": [long], "where": ["here"]})
    cells = [as_output(render.stacked(render.table(rows, "Agenda", name="a"))), as_output(render.table(rows, "Auto", name="b"))]
    path = tmp_path / "page.html"
    path.write_bytes(export_page(new_notebook(cells=cells)).html)
    for scripts, upright in ((True, 2), (False, 1)):
        opened = visit(path, width=390, scripts=scripts)
        tables = opened.page.locator("table.stacked")
        assert tables.count() == upright
        assert all(box["x"] + box["width"] <= 390 for box in (one.bounding_box() for one in tables.all()))
        assert tables.first.locator("td").nth(1).get_attribute("data-label") == "question"


KINDS = {"pie": {"values": [1, 2]}, "scattergl": {"x": [1, 2], "y": [1, 2]}, "violin": {"y": [1, 2, 3]}, "sunburst":
         {"labels": ["a", "b"], "parents": ["", "a"]}, "heatmap": {"z": [[1, 2]]}, "candlestick": {"x": [1], "open": [1],
         "high": [3], "low": [0], "close": [2]}}  # fmt: skip


def test_any_kind_of_trace_is_drawn(visit, tmp_path):
    """The kinds that are put aside in plotly's code are set up when a figure needs them, two on one page as well."""
    traces = [{"type": kind, **values} for kind, values in KINDS.items()]
    cells = [shown({theme.MIMETYPE: {"data": [trace, dict(trace)], "layout": {}}}) for trace in traces]
    many = {"type": "bar", "x": [f"point {number}" for number in range(2000)], "y": list(range(2000))}
    cells.append(shown({theme.MIMETYPE: {"data": [many], "layout": {}}}))  # long data are packed
    path = tmp_path / "kinds.html"
    path.write_bytes(export_page(new_notebook(cells=cells)).html)
    opened = visit(path)

    assert opened.read_through() == len(KINDS) + 1
    assert opened.page.locator(".barlayer .point").count() == 2000
    drawn = ".slice, .scatterlayer, .violinlayer .violins, .sunburstlayer .slice, .heatmaplayer image, .boxlayer path"
    assert opened.page.locator(drawn).count() >= len(KINDS)
    assert [text for text in opened.messages if "WebGL" not in text and "GPU" not in text] == []


def test_page_works_from_the_keyboard(visit, report):
    """The first stop is the skip link, which leads to the report."""
    opened = visit(report)
    opened.page.keyboard.press("Tab")
    assert opened.page.evaluate("document.activeElement.textContent") == "Skip to the report"
    opened.page.keyboard.press("Enter")
    assert opened.page.url.endswith("#main")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_accessibility_rule_is_broken(visit, report, scheme):
    """axe finds nothing in the report, the index, an incident's page, or its post-mortem page."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    source = report.parents[2] / "INC-2026-001.md"
    source.write_text("# Mail delayed\n\n## Impact\n\n| | |\n|---|---|\n| High | 1 hour |\n\n| a |\n|---|\n| b |\n\n- [x] it\n")
    written = source.with_suffix(".html")
    written.write_bytes(postmortem_html(Incident("INC-2026-001", "Mail delayed", source), "../x.html"))
    reports = report.parents[1]
    for path in (report, reports / "index.html", reports / "incidents" / "INC-2026-001.html", written):
        opened = visit(path, scheme=scheme)
        opened.read_through()
        opened.page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
        broken = axe.run(opened.page).response["violations"]
        assert [(rule["id"], [node["html"][:160] for node in rule["nodes"]]) for rule in broken] == []
