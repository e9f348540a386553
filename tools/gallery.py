"""docs/gallery.md: each figure of the sample, with the line that draws it and how to read it.

``python tools/gallery.py`` writes the text; with ``--pictures`` the pictures too, in Debian's Chromium. ``make
gallery`` does both.
"""

from __future__ import annotations

import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path

import plotly.graph_objects as go
from playwright.sync_api import Browser, sync_playwright

import incident_lib as inc
from incident_lib.records import Records
from incident_lib.theme import plotly_js

ROOT = Path(__file__).parents[1]
TEXT, PICTURES = ROOT / "docs" / "gallery.md", ROOT / "docs" / "gallery"
AS_OF = "2026-09-30"
CHROMIUM = "/usr/bin/chromium"
WIDTH = 880
SCALES = (1.5, 1.25, 1.0)  # tried in this order
ENOUGH, MOST_BYTES = 60_000, 120_000  # a picture that is larger is drawn less sharp; patterns in bars take the most


@dataclass(frozen=True)
class Shown:
    """One figure: the question it answers, the line that draws it, how to read it, and what it can't show."""

    name: str
    question: str
    line: str
    reading: str


SECTIONS: dict[str, tuple[Shown, ...]] = {
    "Incidents": (
        Shown(
            "incidents_by_month", "When did incidents begin?", "inc.incidents_by_month(records)",
            "One bar per month, on the workbook's clock, stacked by severity with the most urgent at the bottom. The "
            "last month is not over if the records end within it: a low last bar says nothing.",
        ),
        Shown(
            "behaviour_chart", "Do they come as often as they always do?", "inc.behaviour_chart(records)",
            "One point per week before the end of the records; the dashed line is the mean, the shaded band holds what "
            "weeks do by chance. Only a diamond is worth a question. Weeks inside the band differ, and mean nothing.",
        ),
        Shown(
            "season_map", "On which days, at which hours?", "inc.season_map(records)",
            "A cell per hour of the week; the darker, the more incidents. A red frame marks an hour that stands out "
            "among all 168, with the luck of so many looks taken off. Dark cells without a frame are what chance does.",
        ),
        Shown(
            "common_tags", "What do they have in common?", 'inc.common_tags(records.where(since="2026"))',
            "The share of each tag, the most common first; the thin line is its 95 % interval. Where intervals "
            "overlap, the order could be another. Tags that only repeat the severity are left out.",
        ),
        Shown(
            "common_factors", "What contributed to them?", "inc.common_factors(records)",
            "The kinds of contributing factors that pages name, by the words in workbook.toml; the red mark is the "
            "published share of many companies. “Other” are lines that no word of the settings knows.",
        ),
    ),
    "Response": (
        Shown(
            "timeline_strip", "What happened in one incident?", 'inc.timeline_strip(records["INC-2026-042"])',
            "Below, a mark for each row of the timeline by its kind; above, the milestones in the order in which they "
            "came, each with a line down. A gap without marks is a silence in the records, not in the response.",
        ),
        Shown(
            "duration_strip", "How long did they take?",
            'inc.duration_strip(records.where(since="2026"), "time to resolve")',
            "A mark per incident on a logarithmic axis: each step right is a multiple. A hollow mark is still running, "
            "and stands at what it took so far. Any two points will do: \"detected → mitigated\".",
        ),
        Shown(
            "duration_chart", "Do they take as long as they always do?",
            'inc.behaviour_chart(records, "time to resolve")',
            "The newest 24 finished durations in order, on a logarithmic axis, with the band of what is usual. Long "
            "ones inside the band are no news.",
        ),
    ),
    "Process": (
        Shown(
            "rule_bars", "Which rules of the process are kept?", 'inc.rule_bars(records.where(period="2026-Q3"))',
            "A bar per rule over the major incidents: kept, broken, unknown (no record would show it either way), not "
            "yet due. Unknown is not broken: it asks for a record, not for blame.",
        ),
        Shown(
            "rule_map", "And in which incident?", 'inc.rule_map(records.where(period="2026-Q3"))',
            "The same, a column per major incident, the newest 24 at most. In a notebook, pointing at a cell shows the "
            "evidence for it.",
        ),
    ),
    "Post-mortems and follow-up": (
        Shown(
            "lateness_strip", "How late are post-mortems?", "inc.lateness_strip(records)",
            "A mark per post-mortem at the day on which it was due; the height is business days past the deadline: "
            "zero is in time, what is later than 30 stands at the top edge. A hollow mark is not complete yet.",
        ),
        Shown(
            "completion_curve", "How long do they really take?", "inc.completion_curve(records)",
            "The share complete by each day, with those still open counted as long as they are known (Kaplan and "
            "Meier); ticks are open ones, the band is the 95 % interval, the dashed line the deadline.",
        ),
        Shown(
            "completion_curves", "Are some groups faster?", 'inc.completion_curves(records, by="severity")',
            "A line per group. Lines apart are no proof: inc.difference_sentence says whether chance alone would part "
            "them as far.",
        ),
        Shown(
            "stage_curves", "In which stage do they wait?", "inc.stage_curves(records)",
            "A line per stage: the share that has left it by each day since it began. A line that stays low is where "
            "pages lie.",
        ),
        Shown(
            "cohort_figure", "Do action items get done?", "inc.cohort_figure(records)",
            "A line per month of creation, the newest first, each only as far as its month can tell. Declined items "
            "count as not done.",
        ),
        Shown(
            "step_board", "What is still to do, for which incident?", 'inc.step_board(records.where(since="2026-07"))',
            "A row per open follow-up, the most urgent first, a column per step; filled squares wait for somebody. "
            "In a notebook a menu shows the rows of one owner or one customer.",
        ),
    ),
}  # fmt: skip
OPENING = f"""# Gallery

Every figure, as it looks on the sample workbook, with the one line that draws it and how to read it. All of them start
from

```python
import incident_lib as inc
records = inc.load("data", as_of="{AS_OF}")
```

and each takes a part of the records as well: `records.where(severity="critical", customer="…", since="2026-04")`. With
`incidents lab` the lines can be tried and changed. This page is made by `make gallery`; change `tools/gallery.py`, not
the page.
"""


def shown() -> list[Shown]:
    """Return all figures in order."""
    return [one for every in SECTIONS.values() for one in every]


def drawn(one: Shown, records: Records) -> go.Figure:
    """Return a figure by running its line."""
    return eval(one.line, {"inc": inc, "records": records})  # the lines stand above, none comes from outside


def gallery_text(records: Records) -> str:
    """Return the page; what a picture shows is its alternative text, and so is checked with the rest."""
    parts = [OPENING]
    for section, figures in SECTIONS.items():
        parts.append(f"## {section}\n")
        parts += [_entry(one, drawn(one, records)) for one in figures]
    return "\n".join(parts)


def _entry(one: Shown, figure: go.Figure) -> str:
    alt = " ".join(figure.layout.meta["alt"].replace("[", "(").replace("]", ")").split())
    reading = textwrap.fill(one.reading, 120, break_long_words=False, break_on_hyphens=False)
    return f"### {one.question}\n\n```python\n{one.line}\n```\n\n![{alt}](gallery/{one.name}.png)\n\n{reading}\n"


def take_pictures(records: Records) -> None:
    """Draw every figure in a browser, and keep it as a picture, as sharp as its size allows."""
    PICTURES.mkdir(exist_ok=True)
    left = [(one.name, drawn(one, records)) for one in shown()]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for scale in SCALES:
            left = [(name, figure) for name, figure in left if not _small_enough(browser, figure, name, scale)]
        browser.close()


def _small_enough(browser: Browser, figure: go.Figure, name: str, scale: float) -> bool:
    """Draw one figure, write its picture, and tell whether that is as small as it has to be."""
    page = browser.new_page(viewport={"width": WIDTH, "height": 900}, device_scale_factor=scale)
    page.set_content('<body style="margin:0;background:#fff"><div id="figure"></div></body>')
    page.add_script_tag(content=plotly_js())
    figure.update_layout(width=WIDTH, height=figure.layout.height or figure.layout.template.layout.height)
    page.evaluate("figure => Plotly.newPlot('figure', {...JSON.parse(figure), config: {staticPlot: true}})",
                  figure.to_json())  # fmt: skip
    path = PICTURES / f"{name}.png"
    page.locator("#figure").screenshot(path=path)
    page.close()
    return path.stat().st_size <= ENOUGH


def main(arguments: list[str]) -> None:
    """Write the page, and with ``--pictures`` its pictures."""
    records = inc.load(ROOT / "data", as_of=AS_OF)
    TEXT.write_text(gallery_text(records), encoding="utf-8")
    if "--pictures" in arguments:
        take_pictures(records)


if __name__ == "__main__":
    main(sys.argv[1:])
