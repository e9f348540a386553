"""Completeness, the optional summary, the page's front matter, and footnotes in HTML."""


from __future__ import annotations

import sys

import pytest
from factories import page
from test_draft import REGISTER, ROW
from test_timeline import export

from incident_lib.drafting.completeness import body_completeness, completeness_sentence, page_completeness
from incident_lib.drafting.draft import draft
from incident_lib.drafting.page_front_matter import filled, kind_of_task, touch_of_task
from incident_lib.drafting.page_html import page_text
from incident_lib.drafting.summariser import machine_summary, summary_facts
from incident_lib.drafting.writing import write_draft
from incident_lib.errors import SettingsError, WorkbookError
from incident_lib.follow_up.status_text import status_of_one
from incident_lib.loading import load
from incident_lib.redact import redact
from incident_lib.reports.sanitise import clean

ID = "INC-2026-042"


def states(body: str) -> dict[str, str]:
    """Return the state of each section."""
    table = body_completeness(body)
    return dict(zip(table["section"], table["state"], strict=True))


def test_filled_partly_and_not_at_all():
    """A prompt alone is nothing, facts with a prompt are half, no prompt is all."""
    body = "## Overview\n\nFacts.\n\n_To write: more._\n\n## Impact\n\n_To write: numbers._\n\n## Resolution\n\nDone.\n"

    assert states(body) == {"Overview": "partly", "Impact": "not at all", "Resolution": "filled"}


def test_the_sentence_counts_sections_and_words():
    """For the top of the report."""
    body = "## Overview\n\nFacts.\n\n_To write: more._\n\n## Resolution\n\nDone.\n"

    assert (
        completeness_sentence(body_completeness(body))
        == "Of 2 sections: 1 filled, 1 partly; about 50 words are left to write."
    )
    assert completeness_sentence(body_completeness("## A\n\nx\n")).endswith("no prompt is left.")


def test_a_draft_has_its_completeness_before_there_is_a_page(workbook):
    """The records fill what they can; thinking is left."""
    table = page_completeness(load(workbook({"incidents.csv": REGISTER + ROW, "slack/e.zip": export()})), ID).set_index(
        "section"
    )

    assert table.loc["Timeline", "state"] == "filled" and table.loc["Responders", "state"] == "filled"
    assert table.loc["How'd we do / What went well", "state"] == "not at all"


@pytest.fixture
def with_summariser(workbook):
    """Return a maker of records whose settings name a command: Python code in, records out."""

    def make(code: str, seconds: int = 20):
        command = f"[page]\nsummariser = ['{sys.executable}', '-c', '''{code}''']\nsummariser_seconds = {seconds}\n"
        return load(workbook({"incidents.csv": REGISTER + ROW, "slack/e.zip": export()}, command))

    return make


def test_without_a_command_there_is_no_summary(workbook):
    """It is never needed and never on by default."""
    assert machine_summary(load(workbook({"incidents.csv": REGISTER + ROW})), ID) is None


def test_a_summary_is_redacted_and_marked_as_a_machines(with_summariser):
    """Facts go in as JSON, text comes out, a secret in it does not."""
    records = with_summariser(
        'import json,sys; f = json.load(sys.stdin); print(f["title"], "was", f["severity"], "password=hunter2hunter2")'
    )
    summary = machine_summary(records, ID)
    text = draft(records, ID, summary=summary).text

    assert summary == "Mail slow was critical [password removed]"
    assert "> Written by a machine from the facts below, and unverified: Mail slow was critical" in text


@pytest.mark.parametrize(
    ("code", "message"),
    [("raise SystemExit(3)", "the summariser failed"), ("import time; time.sleep(9)", "took more than 1 seconds")],
)
def test_a_summariser_that_fails_is_named(with_summariser, code, message):
    """One sentence, no traceback."""
    with pytest.raises(WorkbookError, match=message):
        machine_summary(with_summariser(code, 1), ID)


def test_the_facts_hold_no_secret(workbook):
    """They are redacted before they leave."""
    talk = [("U1", 5, "scribe: token is xoxb-1234567890-abcdefghij")]
    facts = summary_facts(load(workbook({"incidents.csv": REGISTER + ROW, "slack/e.zip": export(talk)})), ID)

    assert "xoxb" not in str(facts) and facts["minutes_in_severity"] == {"critical": 120.0}


def test_a_workbooks_own_template_is_looked_at_first(workbook):
    """It may leave sections out or add some; a mistake in it is named with its line."""
    settings = '[page]\ntemplate = "ours.md.j2"\n'
    folder = workbook(
        {
            "incidents.csv": REGISTER + ROW,
            "templates/ours.md.j2": "# {{ title }}\n\n## Ours\n\n{{ overview | join(' ') }}\n",
        },
        settings,
    )
    assert list(draft(load(folder), ID).sections) == ["", "Ours"]

    (folder / "templates/ours.md.j2").write_text("# x\n{% for %}\n")
    with pytest.raises(SettingsError, match=r"ours\.md\.j2 can't be read: .* in line 2"):
        draft(load(folder), ID)


@pytest.mark.parametrize(
    "attack",
    ["{{ title.__class__.__mro__ }}", "{{ cycler.__init__.__globals__.os.popen('id').read() }}", "{{ nothing }}"],
)
def test_a_template_can_do_nothing_but_fill_in(workbook, attack):
    """The sandbox refuses, and says so in a sentence."""
    folder = workbook({"incidents.csv": REGISTER + ROW, "templates/postmortem.md.j2": attack})

    with pytest.raises(SettingsError, match="can't be filled"):
        draft(load(folder), ID)


def test_the_other_form_has_the_same_facts(workbook):
    """PagerDuty's headings, our evidence."""
    records = load(
        workbook({"incidents.csv": REGISTER + ROW, "s.zip": export()}, '[page]\ntemplate = "pagerduty.md.j2"\n')
    )
    made = draft(records, ID)

    assert "**Post-mortem owner:**" in made.text and "How'd we do? / What went well?" in made.sections
    assert all(made.pointers[claim.evidence] for claim in made.claims)


@pytest.mark.parametrize(
    ("title", "kind", "touch"),
    [
        ("renew the dashboard token", "clean-up", None), ("alert on slow resolvers", "detect", None),
        ("write a runbook for failover", "process", None), ("restart mail-03", "prevent", "restart"),
        ("put num-threads into our own config", "prevent", None),
    ],
)  # fmt: skip
def test_kinds_are_suggested_by_words(title, kind, touch):
    """A person decides."""
    assert (kind_of_task(title), touch_of_task(title)) == (kind, touch)


def test_filling_changes_only_the_empty_lines():
    """Values, comments, order and unknown keys stay."""
    text = "incident: X\nseverity: high # said Tom\ntitle:   # later\nmood: calm\nservices: []\n"
    new, done = filled(
        text, {"severity": "critical", "title": "Mail: slow", "services": ["mail"]}, ("severity", "title", "services")
    )

    assert done == ["title", "services"]
    assert (
        new == "incident: X\nseverity: high # said Tom\ntitle: 'Mail: slow'   # later\nmood: calm\nservices: [mail]\n"
    )


def test_footnotes_lead_there_and_back():
    """A mark has its place as hover text, the list leads back, and the sanitiser lets both through."""
    html = clean(page_text("## A\n\nSaid.[^e3] Again.[^e3]\n\n## Evidence\n\n[^e3]: `a.csv line 2`\n").html)

    assert html.count('href="#s-note-e3"') == 2 and 'title="a.csv line 2"' in html
    assert 'id="s-note-e3"' in html and 'href="#s-ref-e3"' in html and 'id="s-ref-e3"' in html


def test_hostile_footnotes_stay_text(loaded):
    """A note can't smuggle in markup."""
    html = page_text('A.[^e1]\n\n[^e1]: `"><img src=x onerror=alert(1)>`\n').html

    assert "<img" not in html
    assert "password" not in redact("password=longenough1").replace("[password removed]", "")
    assert page()


def test_the_status_of_an_incident_says_how_far_its_page_is(workbook):
    """Before there is a page it says how far a draft would be, and which command makes it."""
    folder = workbook({"incidents.csv": REGISTER + ROW, "slack/e.zip": export()})
    before = status_of_one(load(folder, as_of="2026-03-03T09:00:00Z"), ID)
    write_draft(load(folder, as_of="2026-03-03T09:00:00Z"), ID)
    after = status_of_one(load(folder, as_of="2026-03-03T09:00:00Z"), ID)

    assert f"no page yet; 'incidents draft {ID}' makes one: Of " in before
    assert "\npage: Of " in after and "words are left to write" in after
