"""Pages as people write them: read forgivingly, reported precisely."""

from __future__ import annotations

import json
import re

import pytest
from factories import page
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from incident_lib.errors import SourceError
from incident_lib.settings import Settings
from incident_lib.sources import pages, reviews
from incident_lib.sources.markdown import is_filled, plain, sections, table_rows
from incident_lib.sources.reading import Batch, Source


@pytest.fixture
def read(tmp_path):
    """Return a reader of page texts."""

    def make(text: str | bytes) -> Batch:
        path = tmp_path / "a.md"
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return pages.read(Source(path, "postmortems/a.md", Settings()))

    return make


def test_a_page_gives_its_post_mortem_and_its_incident(read):
    """Owner and status go to the post-mortem, times and severity to the incident."""
    batch = read(page())

    assert batch.tables["postmortems"].iloc[0][["owner", "status"]].to_list() == ["Priya Raman", "draft"]
    assert str(batch.tables["incidents"]["started_at"].iloc[0]) == "2026-03-02 12:00:00+00:00"
    assert not batch.problems


def test_a_byte_order_mark_and_windows_line_ends_do_no_harm(read):
    """Editors add both; neither costs anything."""
    assert not read(b"\xef\xbb\xbf" + page().replace("\n", "\r\n").encode()).problems


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("# Only a heading\n", "has no front matter"),
        ("---\nincident: INC-1\n", "the front matter has no end"),
        ("---\nowner: me\n---\n", "names no incident"),
        ("---\nincident: [a\n---\n", "not valid YAML"),
        ("---\n- a\n---\n", "no list of"),
        ("---\nincident: INC-1\nincident: INC-2\n---\n", "not valid YAML"),
        ("---\nincident: INC-1\na: &x [1]\nb: *x\n---\n", "anchors and aliases"),
        ("---\nincident: !!python/object/apply:os.system [ls]\n---\n", "tags"),
        ("---\nincident: " + "[" * 5000 + "\n---\n", "nested too deep"),
        ("---\nincident: INC-1\nx: " + "a" * 70_000 + "\n---\n", "larger than 64 kB"),
    ],
)
def test_a_page_that_cannot_be_read_costs_that_page_and_says_why(read, text: str, message: str):
    """One sentence, the file's name, and nothing executed or expanded."""
    batch = read(text)

    assert [(problem.effect, problem.source) for problem in batch.problems] == [("file left out", "postmortems/a.md")]
    assert re.search(message, batch.problems[0].message)
    assert batch.accounts == [
        {"source": "postmortems/a.md", "format": "pages", "kind": "pages", "outcome": "skipped: unreadable", "rows": 1}
    ]


def test_a_bad_value_costs_that_value_and_names_its_line(read):
    """A time without an offset is left out, the rest of the page is used."""
    batch = read(page(detected_at="2026-03-02 12:05"))

    assert batch.tables["incidents"]["detected_at"].isna().all()
    assert batch.problems[0].source == "postmortems/a.md line 8"
    assert "has no UTC offset" in batch.problems[0].message


def test_action_items_are_numbered_and_a_bad_one_is_reported(read):
    """An item without a title is left out; the numbers of the others stay what a reader counts."""
    batch = read(page("action_items:\n  - {kind: detect}\n  - {title: Alert on the queue, kind: detect, due_on: 2026-04-01}\n"))

    assert batch.tables["action_items"][["item", "title", "status"]].to_numpy().tolist() == [[2, "Alert on the queue", "open"]]
    assert "action item 1 has no title" in batch.problems[0].message


def test_unknown_steps_are_refused_and_unknown_fields_kept(read):
    """A step that the settings don't know is a problem; a field that we don't know is nobody's business but kept."""
    batch = read(page("follow_up: {page-creatd: {at: 2026-03-02T15:00:00Z}}\nweather: stormy\n"))

    assert "unknown follow-up step 'page-creatd'" in batch.problems[0].message
    assert json.loads(batch.tables["postmortems"]["extra"].iloc[0]) == {"weather": "stormy"}


def test_the_timeline_table_gives_rows_with_links_and_lines(read):
    """Each row points to its own line; a row without a time is a problem at its line."""
    text = page(body="## Timeline\n\n| Time (UTC) | Event | Link |\n|---|---|---|\n"
                     "| 2026-03-02 12:00 | It broke \\| badly | [alert](https://x.example/a) |\n| noon | x | |\n")  # fmt: skip
    batch = read(text)
    row = batch.tables["timeline"].iloc[0]

    assert text.splitlines()[int(row["source"].split()[-1]) - 1].startswith("| 2026-03-02 12:00")
    assert (row["text"], row["url"]) == ("It broke | badly", "https://x.example/a")
    assert "timeline: not an ISO 8601 time: 'noon'" in batch.problems[0].message


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_damaged_page_never_ends_in_a_traceback(read, data):
    """Whatever bytes are changed, a page is read or refused with a sentence."""
    content = bytearray(page("action_items:\n  - {title: a}\n", "## Timeline\n\n| a | b |\n|---|---|\n| x | y |\n").encode())
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        assert isinstance(read(bytes(content)), Batch)
    except SourceError as error:
        assert "not UTF-8" in str(error)


def test_sections_are_found_by_heading_and_code_is_no_heading():
    """A line with # inside a code block belongs to its section."""
    body = "## One\n\n```\n## not a heading\n```\n\n## Two\ntext\n### Below\nmore\n# Top\n## Three\n"

    assert [(section.heading, section.line) for section in sections(body)] == [("One", 2), ("Two", 7), ("Three", 12)]
    assert sections(body)[1].text == "text\n### Below\nmore"


@pytest.mark.parametrize(
    ("text", "filled"),
    [("_To write: something._", False), ("<!-- x\ny -->\n", False), ("### Sub\n", False), ("It broke.", True),
     ("| a | b |\n|---|---|\n", False), ("| a | b |\n|---|---|\n| 1 | 2 |", True)],
)  # fmt: skip
def test_prompts_comments_and_empty_tables_are_not_filled(text: str, filled: bool):
    """A section counts as written only if a person or the records put something there."""
    assert is_filled(text) == filled


def test_inline_markdown_becomes_plain_words():
    """Links keep their words, emphasis and code marks go."""
    assert plain("*It* [broke](https://x.example) in `mail`") == "It broke in mail"
    assert table_rows("no table here") == []


def test_a_review_gives_its_decisions(tmp_path):
    """Decisions are numbered; one with an unknown status is a problem at its line."""
    path = tmp_path / "2026-Q2.md"
    path.write_text("---\nreview: 2026-Q2\ndecisions:\n  - {text: Name owners, decided_on: 2026-07-09, status: open}\n"
                    "  - {text: x, status: maybe}\n---\nnotes\n", encoding="utf-8")  # fmt: skip
    source = Source(path, "reviews/2026-Q2.md", Settings())
    batch = reviews.read(source)

    assert reviews.recognises(source)
    assert batch.tables["decisions"][["review", "decision", "text"]].to_numpy().tolist() == [["2026-Q2", 1, "Name owners"]]
    assert batch.problems[0].source == "reviews/2026-Q2.md line 5"
