"""The drafted page: what records can fill is filled, what is unknown is said to be unknown, nothing is invented."""


from __future__ import annotations

import pytest
from factories import page
from test_timeline import export

from incident_lib.drafting.draft import draft_page, draft_sentences, newest_major
from incident_lib.errors import SettingsError
from incident_lib.loading import load
from incident_lib.settings import Settings
from incident_lib.sources import pages
from incident_lib.sources.markdown import is_filled, sections
from incident_lib.sources.reading import Source

REGISTER = "incident_id,title,severity,started_at,resolved_at,services,customers,channel\n"
ROW = (
    "INC-2026-042,Mail slow,critical,2026-03-02T12:00:00Z,2026-03-02T14:00:00Z,mail,Brightwater Clinics,inc-2026-042\n"
)
HEADINGS = [
    "Overview", "What happened", "Contributing factors", "Resolution", "Impact", "Responders", "Timeline",
    "How'd we do", "Action items", "Messaging", "Evidence",
]  # fmt: skip


@pytest.fixture
def records(workbook):
    """Return the records of one registered incident with its channel, without a page."""
    return load(workbook({"incidents.csv": REGISTER + ROW, "slack/export.zip": export()}), as_of="2026-03-03T09:00:00Z")


def body(text: str) -> dict[str, str]:
    """Return a page's sections by heading."""
    return {section.heading: section.text for section in sections(text)}


def test_the_page_has_all_sections_in_order(records):
    """Owner, meeting and recording stand on top, then the sections of the process."""
    text = draft_page(records, "INC-2026-042")

    assert list(body(text)) == HEADINGS
    assert "**Owner:** not assigned yet" in text and "to be held by Monday 9 March 2026" in text


def test_sections_that_records_fill_are_filled_and_the_others_hold_one_prompt(records):
    """Thinking is left to the owner, looking things up is not."""
    filled = {name: is_filled(text) for name, text in body(draft_page(records, "INC-2026-042")).items()}

    assert [name for name in HEADINGS if not filled[name]] == ["What happened", "Contributing factors"]


def test_the_draft_is_read_back_without_a_problem(records, tmp_path):
    """What we write, we read: times, tags, steps and the timeline."""
    path = tmp_path / "page.md"
    path.write_text(draft_page(records, "INC-2026-042", owner='Priya: the "owner"'), encoding="utf-8")
    batch = pages.read(Source(path, "postmortems/page.md", Settings()))

    assert batch.problems == []
    assert batch.tables["postmortems"]["owner"].iloc[0] == 'Priya: the "owner"'
    assert batch.tables["incidents"]["tags"].iloc[0] == "critical; critical_20260302"
    assert len(batch.tables["timeline"]) >= 5


def test_the_same_records_give_the_same_bytes(records):
    """Drafting twice gives one page."""
    assert draft_page(records, "INC-2026-042") == draft_page(records, "INC-2026-042")


def test_the_unknown_is_said_to_be_unknown(loaded):
    """Without detection, end, service or customer, the page says so instead of guessing."""
    text = draft_page(loaded(page(detected_at=None, resolved_at=None), as_of="2026-03-02T15:00:00Z"), "INC-2026-042")

    assert "still open at 2026-03-02 15:00 UTC" in text
    assert "The records name no service; the records name no customer." in text
    assert "| From detection to acknowledgement | not stated in the records[^" in text
    assert "no deadline yet: the incident is not resolved" in text


def test_hostile_text_stays_text(workbook):
    """Titles and messages can't break out of a table cell, hold HTML, or run in the template."""
    row = 'INC-2026-042,"<script>x</script> | {{ 7*7 }}",critical,2026-03-02T12:00:00Z,,,,inc-2026-042\n'
    talk = [("U1", 5, "scribe: a | b <img src=x onerror=y> {{ cycler }}\n## Heading")]
    text = draft_page(load(workbook({"incidents.csv": REGISTER + row, "s.zip": export(talk)})), "INC-2026-042")
    rendered = text.split("---\n", 2)[2]

    assert "<script" not in rendered and "<img" not in rendered and "{{ 7*7 }}" in rendered
    assert list(body(text)) == HEADINGS


def test_the_external_message_holds_no_name_host_or_cause(records):
    """Customers are told services and times; the rest waits for a person."""
    text = draft_page(records, "INC-2026-042")
    external = text.split("### External message")[1]

    assert "an incident affected mail" in external
    assert not any(word in external for word in ("Priya", "Tom", "Brightwater", "mail-02", "outage affected"))


def test_customers_mentioned_in_chat_become_a_question(workbook):
    """They are not added to the affected ones silently."""
    settings = '[[customers]]\nname = "Zenith Bank"\n'
    records = load(workbook({"incidents.csv": REGISTER + ROW, "slack/export.zip": export()}, settings))

    assert "Chat also mentions Zenith Bank: were they affected?" in draft_page(records, "INC-2026-042")


def test_the_newest_major_incident_is_found_and_a_page_is_named(loaded):
    """The report says which page is there, and that it is not touched."""
    records = loaded(page())

    assert newest_major(records) == "INC-2026-042"
    assert (
        "postmortems/0.md (draft), written by people: it is not touched" in draft_sentences(records, "INC-2026-042")[2]
    )


def test_an_unknown_incident_is_refused_with_the_nearest(records):
    """A slip of the finger gets a hint."""
    with pytest.raises(SettingsError, match="unknown incident 'INC-2026-024'; did you mean 'INC-2026-042'"):
        draft_page(records, "INC-2026-024")
