"""The exploring notebook in JupyterLab and a real Chromium, without any network: run, filter, click, sort, copy."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from lab_driver import CHROMIUM, Lab, started_lab

from incident_lib.live.panel import Panel

sync_api = pytest.importorskip("playwright.sync_api")
pytestmark = [pytest.mark.browser, pytest.mark.skipif(not CHROMIUM.exists(), reason="there is no Chromium")]
DATA = Path(__file__).parents[1] / "data"
SAID = "words => document.querySelector('.iw-said').textContent.startsWith(words)"
ROWS = ".iw-table tbody tr"
ALONE = """async ([script, kind, behind]) => {
  document.body.dataset.vscodeThemeKind = kind;
  const traits = {kind: "view", state: '{"version": 0}', figure: "", version: 0};
  const model = {get: (name) => traits[name], on() {}, off() {}, send() {}};
  const el = document.body.appendChild(document.createElement("div"));
  el.style.background = behind;
  const {default: panel} = await import(URL.createObjectURL(new Blob([script], {type: "text/javascript"})));
  panel.render({model, el, signal: new AbortController().signal});
  await new Promise((done) => setTimeout(done, 300));
  return el.querySelector(".iw-view").classList.contains("iw-dark"); }"""


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """Give the notebook, run once, for all tests of this module."""
    home = tmp_path_factory.mktemp("home")
    shutil.copytree(DATA, home / "data")
    with started_lab(home / "data", home / "own") as address, sync_api.sync_playwright() as playwright:
        opened = Lab(playwright, address)
        opened.run_all()
        yield opened
        opened.browser.close()


@pytest.fixture
def quiet(lab):
    """Give the notebook with nothing chosen, and see afterwards that nobody complained and nothing was fetched."""
    lab.page.locator(".iw-filter").scroll_into_view_if_needed()
    if not lab.page.locator(".iw-filter >> text=Clear all").is_disabled():
        lab.page.click(".iw-filter >> text=Clear all")
    lab.page.wait_for_function(SAID, arg="160 of 160")
    yield lab
    assert lab.page.locator("[data-mime-type='application/vnd.jupyter.error'], .jp-RenderedText[data-mime-type*=stderr]").count() == 0
    assert lab.messages == []
    assert lab.foreign() == []


def chosen(lab):
    """Return the Python line of the filter."""
    return lab.page.locator(".iw-filter .iw-line").text_content()


def test_a_filter_is_a_line_of_python_and_the_table_follows(quiet):
    """A click on a severity, and a customer that is typed, stand in the line; the table holds those incidents only."""
    page, table = quiet.page, quiet.below("pick.table()")
    page.click(".iw-filter button.iw-critical")
    page.fill(".iw-filter [aria-label=customer]", "Blue Heron Press")
    page.wait_for_function("() => document.querySelector('.iw-filter .iw-line').textContent.includes('Heron')")

    assert chosen(quiet) == 'records.where(severity="critical", customer="Blue Heron Press")'
    said = int(re.match(r"\d+", page.locator(".iw-said").text_content())[0])
    table.locator(f".iw-total:text-is('{said} incident{'' if said == 1 else 's'}')").wait_for()
    assert 0 < said == table.locator(ROWS).count()
    assert set(table.locator(".iw-badge").all_inner_texts()) == {"▲ critical"}


def test_a_clicked_bar_lists_its_incidents_and_can_become_the_filter(quiet):
    """The table below a figure holds as many incidents as the bar is high; "Filter by this" passes it on to all."""
    view = quiet.below('pick.bars("month"')
    quiet.click(quiet.bars(view)[0])
    view.locator(ROWS).first.wait_for()
    line, rows = view.locator(".iw-pick .iw-line").text_content(), view.locator(ROWS).count()

    assert re.fullmatch(r'records\.where\(severity="\w+", period="\d{4}-\d\d"\)', line)
    assert view.locator(".iw-total").text_content() == f"{rows} incidents"
    view.locator("text=Filter by this").click()
    quiet.page.wait_for_function(SAID, arg=f"{rows} of 160")
    assert chosen(quiet) == line


def test_squares_and_points_are_picked_alike(quiet):
    """The largest square of the week, and one point of the durations, list their incidents."""
    square = quiet.below('pick.cross("weekday"')
    square.locator("select[aria-label^=choose]").select_option(label="Fri, 11")
    square.locator(ROWS).first.wait_for()
    point = quiet.below("pick.how_long(")
    point.locator(".points path").first.wait_for()
    quiet.click(point.locator(".points path").first)
    point.locator(ROWS).first.wait_for()

    assert all(text.split()[1].startswith("11:") for text in square.locator(".iw-cell-began").all_text_contents())
    assert point.locator(ROWS).count() == 1


def test_a_table_sorts_searches_pages_and_is_copied(quiet):
    """Sorted by title, searched for a word, and copied: the clipboard holds all rows, not only the page's."""
    table = quiet.below("pick.table()")
    table.locator("button:has-text('title')").click()
    table.locator("th[aria-sort=ascending]:has-text('title')").wait_for()
    titles = table.locator(".iw-cell-title").all_inner_texts()
    table.locator("[aria-label='search this table']").fill("mail")
    table.locator(".iw-total:not(:text-is('160 incidents'))").wait_for()
    total = int(table.locator(".iw-total").text_content().split()[0])
    table.locator("[aria-label='next page']").click()
    table.locator(".iw-pager:has-text('2 /')").wait_for()
    table.locator("text=Copy as CSV").click()
    table.locator("button:text-is('Copied')").wait_for()
    copied = quiet.page.evaluate("navigator.clipboard.readText()").strip().splitlines()
    table.locator("[aria-label='search this table']").fill("")
    table.locator(".iw-total:text-is('160 incidents')").wait_for()

    assert titles == sorted(titles)
    assert copied[0].startswith("incident_id,began_at,title") and len(copied) == total + 1 > 11


def test_an_incident_opens_its_timeline_and_its_page(quiet):
    """"timeline" shows what happened below the table; "page" opens the post-mortem in JupyterLab."""
    table = quiet.below("pick.table()")
    row = table.locator(ROWS, has=quiet.page.locator("a:text-is('page')")).first
    name = row.locator(".iw-cell-incident_id strong").text_content()
    row.locator("text=timeline").click()
    table.locator(f".iw-detail:has-text('{name}') svg.main-svg").first.wait_for()
    assert "resolved" in table.locator(".iw-detail table").inner_text()
    table.locator(".iw-detail >> text=Close").click()
    row.locator("a:text-is('page')").click()
    quiet.page.locator(f".lm-TabBar-tabLabel:text-is('{name}.md')").wait_for()
    quiet.page.locator(".jp-MarkdownViewer h1").first.wait_for()
    quiet.page.locator(".lm-TabBar-tabLabel:has-text('explore.ipynb')").click()


@pytest.mark.parametrize(
    ("kind", "behind", "dark"),
    [("vscode-light", "transparent", False), ("vscode-dark", "transparent", True), ("vscode-high-contrast", "transparent", True),
     ("vscode-dark", "white", False), ("vscode-light", "#1e1e1e", True)],
)  # fmt: skip
def test_colours_suit_what_lies_behind(lab, kind, behind, dark):
    """VS Code lays white below widgets in its dark theme too: colours for dark would be hard to read there."""
    page = lab.context.new_page()

    assert page.evaluate(ALONE, [str(Panel._esm), kind, behind]) is dark
    page.close()


def test_figures_offer_neither_to_share_nor_to_upload(quiet):
    """No figure of the notebook has a button that sends it anywhere."""
    quiet.below('pick.bars("service"').locator("svg.main-svg").first.wait_for()

    assert quiet.page.locator("[data-title*=hare], [data-title*=loud], [data-attr*=hare]").count() == 0
