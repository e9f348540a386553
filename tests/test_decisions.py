"""Decisions: written by command, kept with everything around them, shown by the next review."""

from __future__ import annotations

from datetime import date

import pytest
from click.testing import CliRunner
from factories import page

from incident_lib.cli import cli
from incident_lib.errors import SettingsError, WorkbookError
from incident_lib.loading import load as load_as_of
from incident_lib.periods import parse_period
from incident_lib.review.decisions import close_decision, decide, decisions_sentence, decisions_until, newest_review

REVIEW = """---
review: 2026-Q1   # ours
held_at: 2026-04-16T18:00:00Z
odd: kept
decisions:
  - {text: "Share pages, a day before", owner: Priya Raman, decided_on: 2026-04-16, due_on: 2026-05-29, status: open}
  # the second came by mail
  - text: Name the owner
    decided_on: 2026-04-17
    status: open
---
We met.
"""
LATER = "2026-10-10"
PEOPLE = '[[people]]\nname = "Priya Raman"\nroles = ["incident commander"]\n'
DAY = date(2026, 7, 9)


def load(folder, as_of=LATER):
    """Return the records with all decisions of these tests."""
    return load_as_of(folder, as_of=as_of)


@pytest.fixture
def book(workbook):
    """Return a workbook with a page and a review of the first quarter."""
    return workbook({"postmortems/a.md": page(), "reviews/2026-Q1.md": REVIEW}, PEOPLE)


def test_a_first_decision_creates_the_file(book):
    """Where a review has no file yet, one is made, and can be read."""
    path, number = decide(
        load(book), "2026-Q2", "Fewer: alerts, {really}", owner="Priya Raman", on=DAY, due=date(2026, 8, 1)
    )
    found = load(book).decisions.set_index("review").loc["2026-Q2"]

    assert path == book / "reviews" / "2026-Q2.md" and number == 1
    assert found[["text", "owner", "status"]].tolist() == ["Fewer: alerts, {really}", "Priya Raman", "open"]


def test_a_decision_is_added_and_the_rest_stays(book):
    """Comments, order, unknown keys and the notes stay as people left them; only lines are added."""
    decide(load(book), "2026-Q1", "Practise", owner=None, on=DAY)
    text = (book / "reviews" / "2026-Q1.md").read_text()
    added = [line for line in text.splitlines() if line not in REVIEW.splitlines()]

    assert added == ["  - text: Practise", "    decided_on: 2026-07-09"]
    assert text.replace("  - text: Practise\n    decided_on: 2026-07-09\n    status: open\n", "") == REVIEW


@pytest.mark.parametrize("number", [1, 2])
def test_closing_changes_one_decision_only(book, number):
    """Done notes the day; the other decisions and the comments stay."""
    close_decision(load(book), "2026-Q1", number, on=DAY)
    found = load(book, as_of="2026-08-01").decisions.set_index("decision")

    assert found["status"].to_dict() == {number: "done", 3 - number: "open"}
    assert "# the second came by mail" in (book / "reviews" / "2026-Q1.md").read_text()


def test_dropped_needs_and_keeps_its_reason(book):
    """A decision that won't be carried out says why, whatever the reason's characters."""
    close_decision(load(book), "2026-Q1", 1, on=DAY, dropped="the tool: it does that, now #1")
    found = load(book, as_of="2026-08-01").decisions.iloc[0]

    assert found[["status", "because"]].tolist() == ["dropped", "the tool: it does that, now #1"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda records: decide(records, "2026-Q9", "x", owner=None, on=DAY), "not a period"),
        (lambda records: decide(records, "2026-Q1", " ", owner=None, on=DAY), "needs a text"),
        (lambda records: decide(records, "2026-Q1", "x", owner="Pria Raman", on=DAY), "did you mean 'Priya Raman'"),
        (lambda records: close_decision(records, "2026-Q1", 7, on=DAY), "has no decision 7; it has 1 to 2"),
        (lambda records: close_decision(records, "2026-Q4", 1, on=DAY), "unknown review"),
    ],
)
def test_what_makes_no_sense_is_refused(book, change, message):
    """One sentence, and the file is untouched."""
    with pytest.raises(SettingsError, match=message):
        change(load(book))

    assert (book / "reviews" / "2026-Q1.md").read_text() == REVIEW


def test_a_file_of_another_review_is_not_edited(book):
    """A file that is named like one review and says it is another is left alone."""
    (book / "reviews" / "2026-Q2.md").write_text(REVIEW.replace("2026-Q1", "2026-Q3"))

    with pytest.raises(WorkbookError, match="2026-Q3"):
        decide(load(book), "2026-Q2", "x", owner=None, on=DAY)


def test_the_next_review_shows_what_became_of_them(book):
    """Open ones first, the overdue marked; decisions of later reviews are not there yet."""
    decide(load(book), "2026-Q3", "Later", owner=None, on=date(2026, 10, 1))
    close_decision(load(book), "2026-Q1", 2, on=DAY)
    found = decisions_until(load(book, as_of="2026-10-10"), parse_period("2026-Q2"))

    assert found["became"].tolist() == ["overdue", "done"]
    assert decisions_sentence(found) == "Of 2 decisions so far: 1 overdue, 1 done."
    assert decisions_sentence(found.head(0)) == "No decision of an earlier review is recorded."


def test_the_newest_review_is_the_default(book):
    """Without --review it is the one whose period ends last."""
    decide(load(book), "2026-Q2", "x", owner=None, on=DAY)

    assert newest_review(load(book)) == "2026-Q2"


def test_the_commands_write_and_close(book, monkeypatch):
    """incidents decide and incidents decision, as they are typed in the meeting."""
    monkeypatch.setenv("INCIDENTS_NOW", "2026-07-09T14:00:00Z")
    run = CliRunner()
    data = ["--data", str(book)]
    said = run.invoke(
        cli,
        ["decide", "Rotate the scribe", "--owner", "Priya Raman", "--review", "2026-Q2", "--due", "2026-08-01", *data],
    )
    closed = run.invoke(cli, ["decision", "1", "--done", *data])

    assert "decision 1 of 2026-Q2 is written" in said.output, said.exception
    assert "decision 1 of 2026-Q2 is done" in closed.output, closed.exception
    assert load(book).decisions.set_index("review").loc["2026-Q2", "status"] == "done"


def test_done_or_dropped_has_to_be_said(book):
    """A decision is not closed by accident."""
    found = CliRunner().invoke(cli, ["decision", "1", "--data", str(book)])

    assert isinstance(found.exception, SettingsError) and "--done" in str(found.exception)
