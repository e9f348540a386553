"""Rules: each violation is found, nothing else is, and what the records don't tell is unknown."""

from __future__ import annotations

import pandas as pd
import pytest
from factories import page
from planted import NAMES, REMOVALS, VIOLATIONS, Book, broken_in, planted_book

from incident_lib.errors import SettingsError
from incident_lib.review.conformance import (
    RULE_STATES,
    by_incident,
    most_broken,
    rule_counts,
    rule_results,
    went_by_the_book,
)
from incident_lib.settings import parse_settings

SEEDS = 12  # benchmarks/conformance.py does 200


def judged(book: Book) -> pd.DataFrame:
    """Return the results of a book."""
    records = book.records()
    return rule_results(records, records.incidents)


def test_every_rule_has_a_violation_and_a_removal():
    """No rule goes untested."""
    assert set(VIOLATIONS) == set(REMOVALS) == set(NAMES)


@pytest.mark.parametrize("seed", range(SEEDS))
def test_one_planted_violation_per_rule_is_found_and_none_else(seed):
    """In a random workbook by the book, with each rule broken once, these and no others are broken."""
    book, planted = planted_book(seed)

    assert broken_in(judged(book)) == planted


@pytest.mark.parametrize("seed", range(5))
def test_by_the_book_everything_is_kept(seed):
    """Without a violation each rule is kept in each incident."""
    results = judged(Book(seed, 4))

    assert set(results["state"]) == {"kept"}, results[results["state"] != "kept"].to_string()
    assert len(went_by_the_book(results)) == 4


@pytest.mark.parametrize("rule", NAMES)
def test_without_the_evidence_a_rule_is_unknown_and_nothing_is_broken(rule):
    """What the records can't show is unknown, even if it was violated before the evidence went."""
    for violated in (False, True):
        book = Book(11, 3)
        if violated:
            VIOLATIONS[rule](book, "INC-2026-001")
        REMOVALS[rule](book, "INC-2026-001")
        results = judged(book)
        state = results.loc[(results["incident_id"] == "INC-2026-001") & (results["rule"] == rule), "state"].item()

        assert state == "unknown"
        assert rule not in {name for _, name in broken_in(results)}


def test_before_its_time_nothing_is_broken(loaded):
    """An hour after the resolution, nothing but the response can be judged."""
    records = loaded(page(), as_of="2026-03-02T15:30:00Z")
    results = rule_results(records, records.incidents)

    assert "broken" not in set(results.loc[~results["rule"].isin(["tags", "status-updates"]), "state"])
    assert results.loc[results["rule"] == "page-in-time", "state"].item() == "not yet"


def test_the_same_day_cannot_tell_who_came_first():
    """A customer who was contacted on the day of the restart may have been so before or after it."""
    book = Book(3, 1)
    book.step("INC-2026-000", "customer-contacted")["at"] += 3 * pd.Timedelta(days=1)
    results = judged(book).set_index("rule")

    assert results.loc["customers-first", "state"] == "unknown"
    assert "can't tell which came first" in results.loc["customers-first", "evidence"]


def test_a_stated_reason_excuses():
    """A step that somebody declared not needed is not asked for."""
    book = Book(5, 1)
    book.step("INC-2026-000", "internal-email").update(state="not needed", at=None, because="nobody was in the office")
    results = judged(book).set_index("rule")

    assert results.loc["internal-mail", "state"] == "not asked"
    assert results.loc["internal-mail", "evidence"] == "nobody was in the office"


def test_a_critical_rule_is_not_asked_of_others():
    """Tags and status updates are asked of critical incidents only."""
    book = Book(5, 1)
    book.one("incidents", "INC-2026-000")["severity"] = "high"
    results = judged(book).set_index("rule")

    assert set(results.loc[["tags", "status-updates", "external-message"], "state"]) == {"not asked"}


def test_minor_incidents_are_not_judged():
    """Rules are about incidents that need a post-mortem."""
    book = Book(5, 1)
    book.one("incidents", "INC-2026-000")["severity"] = "low"

    assert judged(book).empty
    assert by_incident(judged(book)).empty and most_broken(judged(book)).empty


def test_counts_add_up():
    """Per rule, the states add up to all incidents; the most broken rule comes first."""
    book = Book(7, 6)
    for name in ("INC-2026-001", "INC-2026-002"):
        VIOLATIONS["owner-named"](book, name)
    results = judged(book)

    assert (rule_counts(results)[list(RULE_STATES)].sum(axis=1) == 6).all()
    assert most_broken(results).iloc[0][["broken", "judged"]].tolist() == [2, 6]
    assert (
        by_incident(results).set_index("incident_id").loc["INC-2026-001", "broken_rules"]
        == "Owner named within 1 business day"
    )


def test_every_result_has_evidence_and_a_source():
    """Nothing is called kept or broken without saying why, and where that stands."""
    results = judged(Book(8, 3))

    assert results[["evidence", "source"]].notna().all(axis=None)


def test_a_rule_can_be_changed_added_and_dropped():
    """Rules are data: what is stated under our id changes ours, a new id adds, on = false drops."""
    text = '[[rules]]\nid = "owner-named"\nhours = 2\n[[rules]]\nid = "tags"\non = false\n'
    text += '[[rules]]\nid = "ticket"\ntitle = "Every task has a ticket"\ncheck = "tasks"\nfield = "ticket"\n'
    rules = {rule.id: rule for rule in parse_settings(text).rules_in_force}

    assert rules["owner-named"].said == "Owner named within 2 hours" and rules["owner-named"].business_days is None
    assert "tags" not in rules and rules["ticket"].field == "ticket"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('id = "mine"', "needs a title"),
        ('id = "mine"\ntitle = "Mine"', "needs an event"),
        ('id = "mine"\ntitle = "Mine"\ncheck = "tags"', "needs 'tags'"),
        ('id = "mine"\ntitle = "Mine"\nevnt = "closed"', "did you mean 'event'"),
    ],
)
def test_an_incomplete_rule_is_refused_in_a_sentence(text, message):
    """Settings that make no sense stop with the line and what was expected."""
    with pytest.raises(SettingsError, match=message):
        parse_settings(f"[[rules]]\n{text}")
