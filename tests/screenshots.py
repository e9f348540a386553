"""Pictures of every page in a reports' folder, to be looked at: three widths, dark, without scripts, and on paper.

``python tests/screenshots.py reports reports/screenshots``; ``make screenshots`` makes the reports first.
"""

from __future__ import annotations

import sys
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

CHROMIUM = "/usr/bin/chromium"
WIDTHS = (390, 1280, 1920)
TAKES = [*((width, "light", True) for width in WIDTHS), (1280, "dark", True), (390, "light", False)]


def pages(reports: Path) -> list[Path]:
    """Return the pages worth a picture: the index, each report, one incident, and one post-mortem page."""
    found = [path for path in sorted(reports.rglob("*.html")) if not any(part.startswith(".") for part in path.parts)]
    alike = [[path for path in found if path.parent.name == name] for name in ("incidents", "pages")]
    return [path for path in found if not any(path in group[1:] for group in alike)]


def _stem(path: Path) -> str:
    return f"{path.stem}-page" if path.parent.name == "pages" else path.stem


def read_through(page: Page) -> None:
    """Scroll to each figure and wait until it is drawn."""
    figures = page.locator("figure.plot")
    for index in range(figures.count()):
        figures.nth(index).scroll_into_view_if_needed()
        figures.nth(index).locator("svg.main-svg").first.wait_for(timeout=30_000)
    page.evaluate("scrollTo(0, 0)")


def take(browser: Browser, path: Path, target: Path, *, width: int, scheme: str, scripts: bool) -> list[str]:
    """Take one picture, and return what the console said."""
    context = browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme=scheme, offline=True, java_script_enabled=scripts
    )
    page, messages = context.new_page(), []
    page.on("console", lambda message: messages.append(message.text))
    page.on("pageerror", lambda error: messages.append(str(error)))
    page.goto(path.resolve().as_uri())
    if scripts:
        read_through(page)
    page.screenshot(path=target, full_page=True)
    context.close()
    return messages


def take_all(reports: Path, target: Path) -> list[str]:
    """Take all pictures and print all pages; return what consoles said, page by page."""
    target.mkdir(parents=True, exist_ok=True)
    said = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for path in pages(reports):
            for width, scheme, scripts in TAKES:
                kind = f"{'-dark' if scheme == 'dark' else ''}{'' if scripts else '-without-scripts'}"
                name = f"{_stem(path)}-{width}{kind}.png"
                messages = take(browser, path, target / name, width=width, scheme=scheme, scripts=scripts)
                said += [f"{name}: {message}" for message in messages]
            page = browser.new_page()
            page.goto(path.resolve().as_uri())
            page.pdf(path=target / f"{_stem(path)}.pdf", prefer_css_page_size=True, tagged=True)
            page.close()
        browser.close()
    return said


if __name__ == "__main__":
    complaints = take_all(Path(sys.argv[1]), Path(sys.argv[2]))
    sys.stdout.write("".join(f"{line}\n" for line in complaints) or f"pictures: {sys.argv[2]}\n")
    raise SystemExit(bool(complaints))
