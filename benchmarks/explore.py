"""How soon the exploring notebook answers, measured in a real browser: from the click to the changed page.

``python benchmarks/explore.py 25000 1000000`` makes a register of that many incidents (drawn from the sample's, with
times over five years), starts 'incidents lab' on it, runs the notebook, and times each interaction three times: the
middle and the longest, in milliseconds. To be under 300 for 25,000 incidents and under 2,000 for 1,000,000.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from statistics import median
from time import perf_counter, process_time

import numpy as np
import pandas as pd
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))
TIMES = ["started_at", "detected_at", "acknowledged_at", "mitigated_at", "resolved_at"]
FRESH = """([code, before]) => {
  const cell = [...document.querySelectorAll('.jp-CodeCell')].find((one) => one.textContent.includes(code));
  const view = cell?.querySelector('.iw-view');
  return view && view.innerHTML !== before; }"""
CLICK = "css => document.querySelector(css).click()"


def large_register(folder: Path, count: int) -> None:
    """Write a workbook whose register holds that many incidents."""
    from incident_lib.loading import load

    chance, base = np.random.default_rng(7), load(ROOT / "data").incidents
    rows = base.iloc[chance.integers(0, len(base), count)].reset_index(drop=True)
    seconds = np.sort(chance.uniform(0, 5 * 365 * 86400, count))
    began = pd.Timestamp("2021-10-01", tz="UTC") + pd.to_timedelta(seconds, unit="s")
    shift = pd.Series(began) - rows["started_at"]
    table = pd.DataFrame({name: (rows[name] + shift).dt.strftime("%Y-%m-%dT%H:%M:%SZ") for name in TIMES})
    table.insert(0, "incident_id", [f"INC-{number:07}" for number in range(count)])
    table["title"] = rows["title"] + " #" + pd.Series(range(count)).astype("str")
    for name in ("severity", "customers", "services", "tags"):
        table[name] = rows[name].astype("str")
    folder.mkdir(parents=True)
    table.to_csv(folder / "incidents.csv", index=False)
    (folder / "workbook.toml").write_text('[workbook]\nname = "Large"\n', encoding="utf-8")


def interactions(lab):
    """Give each interaction's name, the view that has to change (code of its cell), and what to do, three times."""
    page, table = lab.page, "pick.table()"
    view = lab.below(table)
    for _ in range(3):
        yield "filter: severity", table, lambda: page.click(".iw-filter button.iw-critical")
        yield "filter: all again", table, lambda: page.click(".iw-filter >> text=Clear all")
    for words in ("mail", "portal login", "disk"):
        fill = lambda words=words: page.fill(".iw-filter [aria-label=words]", words)  # noqa: E731
        yield "filter: words (150 ms of waiting for more)", table, fill
    yield "filter: all again", table, lambda: page.click(".iw-filter >> text=Clear all")
    for name in ("Halyard Freight", "Nakamura Precision", "Blue Heron Press"):
        yield "filter: one more customer", table, lambda name=name: page.fill(".iw-filter [aria-label=customer]", name)
    yield "filter: all again", table, lambda: page.click(".iw-filter >> text=Clear all")
    for column in ("title", "duration", "customers", "title"):
        yield "table: sort", table, lambda column=column: view.locator(f".iw-sort:has-text('{column}')").click()
    for _ in range(3):
        yield "table: next page", table, lambda: view.locator("[aria-label='next page']").click()
    for words in ("mail", "disk", ""):
        yield "table: search (150 ms of waiting)", table, lambda words=words: view.locator("[type=search]").fill(words)
    for code in ('pick.bars("month", split="severity")', 'pick.cross("weekday"', "pick.how_long("):
        choice = lab.below(code).locator("select[aria-label^=choose]")
        choice.locator("option").nth(5).wait_for(state="attached")
        for index in (2, 3, 4):
            yield f"pick: {code}", code, lambda choice=choice, index=index: choice.select_option(index=index)
    for code in ('pick.bars("month", split="severity")', 'pick.cross("service"', "pick.how_long("):
        lab.below(code)
        for _ in range(4):
            yield f"filter: {code}", code, lambda: page.evaluate(CLICK, ".iw-filter button.iw-high")


def measured(count: int) -> None:
    """Print how long each interaction takes with that many incidents."""
    from lab_driver import Lab, started_lab

    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        home = Path(name)
        large_register(home / "data", count)
        with started_lab(home / "data", home / "own") as address:
            lab = Lab(playwright, address)
            begin = perf_counter()
            lab.run_all()
            print(f"\n{count:,} incidents; the notebook ran in {perf_counter() - begin:.1f} s")
            times: dict[str, list[float]] = {}
            for what, code, act in interactions(lab):
                before = lab.page.locator(".jp-CodeCell", has_text=code).locator(".iw-view").first.inner_html()
                times.setdefault(what, []).append(lab.timed(act, FRESH, [code, before]))
                lab.page.wait_for_timeout(200)
            for what, took in times.items():
                print(f"  {what:45} {median(took):7.0f} {max(took):7.0f}")
            print(f"  console: {lab.messages or 'quiet'}; foreign requests: {lab.foreign() or 'none'}")
            lab.browser.close()


if __name__ == "__main__":
    for wanted in map(int, sys.argv[1:] or ["160", "25000"]):
        measured(wanted)
    print(f"\n{process_time():.1f} s of this process")
