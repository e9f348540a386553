"""How large pages are, how they behave, how long exporting takes beside nbconvert's own, when the first figure stands.

``python benchmarks/export.py [reports]`` takes the executed notebooks of a reports' folder (``make report``). One run
gives all numbers; ratios, not milliseconds, are what to compare between machines. Ours and nbconvert's alternate, and
the median of each counts.
"""

from __future__ import annotations

import logging
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import nbformat
import plotly.graph_objects as go
import plotly.io as pio
from axe_playwright_python.sync_playwright import Axe
from nbconvert import HTMLExporter
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_notebook, new_output
from playwright.sync_api import Page, sync_playwright

from incident_lib import theme
from incident_lib.reports.export import export_page
from incident_lib.reports.page_parts import shared_plotly

ROUNDS, FIGURES = 5, 12
DRAWN = "performance.getEntriesByName('drawn')[0]?.startTime ?? null"
PAINTED = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? null"
WATCH = """
new MutationObserver((changes, observer) => {
  if (!document.querySelector("svg.main-svg .xtick")) return;
  observer.disconnect();
  requestAnimationFrame(() => performance.mark("drawn"));
}).observe(document, { childList: true, subtree: true });
"""


def milliseconds(work: Callable[[], object]) -> float:
    """Return how long something takes."""
    start = time.perf_counter()
    work()
    return (time.perf_counter() - start) * 1000


def with_plotly_html(notebook: NotebookNode) -> NotebookNode:
    """Return a notebook as plotly's "notebook" renderer would leave it: figures as HTML, plotly.js with the first."""
    copied, first = nbformat.from_dict(notebook), True
    for output in [output for cell in copied.cells for output in cell.get("outputs", [])]:
        figure = output.get("data", {}).pop(theme.MIMETYPE, None)
        if figure:
            made = go.Figure({key: figure[key] for key in ("data", "layout")}, skip_invalid=True)
            output.data["text/html"] = pio.to_html(made, include_plotlyjs=first, full_html=False)
            first = False
    return copied


def lab(notebook: NotebookNode) -> str:
    """Return a notebook as nbconvert's own template exports it."""
    return HTMLExporter(template_name="lab").from_notebook_node(notebook)[0]


def compared(path: Path) -> dict[str, float]:
    """Return sizes and times of one notebook, ours and nbconvert's."""
    notebook = nbformat.read(path, as_version=4)
    plain = with_plotly_html(nbformat.read(path, as_version=4))
    page, other = export_page(notebook).html, lab(plain).encode()
    ours, theirs = [], []
    for _ in range(ROUNDS):
        ours.append(milliseconds(lambda: export_page(notebook)))
        theirs.append(milliseconds(lambda: lab(plain)))
    return {
        "kB": len(page) / 1000, "shared kB": len(export_page(notebook, plotly="../plotly.js").html) / 1000,
        "nbconvert kB": len(other) / 1000, "ms": statistics.median(ours), "nbconvert ms": statistics.median(theirs),
    }  # fmt: skip


def seen_offline(page: Page, path: Path) -> str:
    """Return what a page does without a network: figures drawn, what it asks for, and what axe finds in it."""
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(path.as_uri())
    page.wait_for_timeout(1500)
    for figure in page.locator("figure.plot, .plotly-graph-div").all():
        figure.scroll_into_view_if_needed()
        page.wait_for_timeout(150)
    page.wait_for_timeout(1500)
    drawn = page.locator(".plot svg.main-svg:first-child, .plotly-graph-div svg.main-svg:first-child").count()
    foreign = [url for url in asked if not url.startswith(("file:", "data:", "blob:"))]
    found = Axe().run(page).response["violations"]
    return f"{drawn} figures drawn, {len(foreign)} requests, axe: {len(found)} rules broken"


def behaviour(path: Path, folder: Path) -> dict[str, str]:
    """Return how one notebook's pages behave, ours and nbconvert's (with its default renderer, and with plotly's)."""
    notebook = nbformat.read(path, as_version=4)
    pages = {"ours": export_page(notebook).html, "nbconvert": lab(notebook).encode(),
             "nbconvert, plotly's renderer": lab(with_plotly_html(notebook)).encode()}  # fmt: skip
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        said = {}
        for name, content in pages.items():
            (folder / "page.html").write_bytes(content)
            context = browser.new_context(offline=True)
            said[name] = f"{len(content) / 1000:,.0f} kB, {seen_offline(context.new_page(), folder / 'page.html')}"
            context.close()
        browser.close()
    return said


def twelve_figures() -> NotebookNode:
    """Return a notebook with twelve figures."""
    cells = []
    for number in range(FIGURES):
        figure = go.Figure(go.Scatter(x=list(range(200)), y=[(place * (number + 3)) % 17 for place in range(200)]))
        figure.update_layout(template=theme.template(), title=f"Figure {number}", height=300)
        cells.append(new_code_cell("", outputs=[new_output("display_data", {theme.MIMETYPE: figure.to_plotly_json()})]))
    return new_notebook(cells=cells)


def moment_of(page: Page, mark: str) -> float:
    """Return when something happened, in milliseconds from the page's start; playwright's own waiting is forbidden."""
    for _ in range(600):
        found = page.evaluate(mark)
        if found is not None:
            return found
        page.wait_for_timeout(25)
    raise TimeoutError(f"not within 15 seconds: {mark}")


def first_figure(folder: Path) -> dict[str, tuple[float, float]]:
    """Return after how many milliseconds the first of twelve figures is seen (its static picture), and is live."""
    notebook = nbformat.from_dict(nbformat.reads(nbformat.writes(twelve_figures()), as_version=4))
    (folder / "inside.html").write_bytes(export_page(notebook).html)
    (folder / "shared.html").write_bytes(export_page(notebook, plotly=shared_plotly(folder)).html)
    found = {}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        for name in ("inside", "shared"):
            seen, live = [], []
            for _ in range(ROUNDS):
                page = browser.new_page()
                page.add_init_script(WATCH)
                page.goto((folder / f"{name}.html").as_uri())
                live.append(moment_of(page, DRAWN))
                seen.append(moment_of(page, PAINTED))
                page.close()
            found[name] = (statistics.median(seen), statistics.median(live))
        browser.close()
    return found


def main() -> None:
    """Print one line for each notebook, and the times to the first figure."""
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    reports = Path(sys.argv[1] if len(sys.argv) > 1 else "reports")
    say = sys.stdout.write
    for path in sorted(path for path in reports.rglob("*.ipynb") if ".failed" not in path.parts):
        one = compared(path)
        say(f"{path.stem}: {one['kB']:,.0f} kB, {one['shared kB']:,.0f} kB with the shared plotly, nbconvert "
            f"{one['nbconvert kB']:,.0f} kB; {one['ms']:.1f} ms, nbconvert {one['nbconvert ms']:.0f} ms: "
            f"{one['nbconvert ms'] / one['ms']:.0f} times as fast\n")  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        for path in reports.rglob("process-review-*.ipynb"):
            for name, what in behaviour(path, Path(folder)).items():
                say(f"{path.stem}, {name}: {what}\n")
        for name, (seen, live) in first_figure(Path(folder)).items():
            say(f"first of {FIGURES} figures, plotly {name}: seen after {seen:.0f} ms, live after {live:.0f} ms\n")


if __name__ == "__main__":
    main()
