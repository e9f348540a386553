"""Wording: the lint speaks where the labelled set says so, keeps quiet elsewhere, and says what would be better."""


from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from incident_lib.drafting.wording import Wording, is_action_item, lint_page, lint_text

CASES = [
    (audience, sentence, tuple(rules))
    for audience, sentences in tomllib.loads((Path(__file__).parent / "wording_cases.toml").read_text("utf-8")).items()
    for sentence, rules in sentences.items()
]
PEOPLE = ("Tom Okafor", "Priya Raman", "Mateo Fuentes")


def scores() -> tuple[float, float, list[str]]:
    """Return precision and recall over (sentence, rule) pairs of the labelled set, and what went wrong."""
    wording = Wording(PEOPLE)
    found = {(sentence, rule) for audience, sentence, _ in CASES for rule in wording.rules_of(sentence, audience)}
    wanted = {(sentence, rule) for _, sentence, rules in CASES for rule in rules}
    wrong = [f"said for nothing: {one}" for one in sorted(found - wanted)] + [
        f"kept quiet: {one}" for one in sorted(wanted - found)
    ]
    return len(found & wanted) / len(found), len(found & wanted) / len(wanted), wrong


def test_the_labelled_set_is_large_and_half_of_it_is_clean():
    """At least 80 sentences, the clean ones no fewer than four in ten."""
    clean = sum(not rules for _, _, rules in CASES)

    assert len(CASES) >= 80 and 0.4 <= clean / len(CASES) <= 0.6


def test_precision_and_recall_on_the_labelled_set():
    """Hints that are wrong are not read for long."""
    precision, recall, wrong = scores()

    assert (precision, recall) >= (0.95, 0.95) and recall >= 0.95, wrong


def test_each_finding_has_its_place_reason_and_a_better_form():
    """The line of the file, the section, the words."""
    body = "# T\n\n## Overview\n\nAll went well. Tom Okafor forgot the flag.\n\n## Messaging\n\n### External message\n\nDone by Friday, we promise.\n"
    findings = lint_page(body, PEOPLE, ["Improve monitoring"], first_line=10)

    assert [(one.line, one.section, one.rule) for one in findings] == [
        (10, "Action items", "action-item"), (14, "Overview", "blame"), (20, "Messaging / External message", "promise"),
    ]  # fmt: skip
    assert all(one.why and one.better for one in findings)


@pytest.mark.parametrize(
    "line",
    [
        "> Tom should have known.", "| 13:00 | human error |", "He said: “it was human error”.", "`root cause`",
        "_To write: \"incident\", not \"outage\"._", "```\nroot cause\n```", "Tom said so, human error.[^e3]",
    ],
)  # fmt: skip
def test_quotes_tables_code_prompts_and_generated_lines_are_left_alone(line):
    """Evidence is quoted as it is."""
    assert lint_page(f"## Overview\n\n{line}\n", PEOPLE) == []


def test_names_are_taken_from_the_page_too():
    """The owner and responders of the front matter are people; so are the words of its action items read."""
    text = "---\nincident: INC-1\nresponders: [Zoë Quill]\naction_items:\n  - title: Be careful\n---\n## Overview\n\nZoë missed it.\n"

    assert [(one.rule, one.line) for one in lint_text(text, ())] == [("action-item", 7), ("blame", 9)]


@pytest.mark.parametrize(("title", "good"), [("Kill outgoing calls of PHP after 10 seconds", True), ("Document the restore of mail", True), ("More memory for lb-01", False)])
def test_action_items_begin_with_a_deed(title, good):
    """Any verb will do; a wish or a thing won't."""
    assert is_action_item(title) is good


def test_broken_front_matter_does_not_stop_the_lint():
    """The text is looked at as a whole."""
    assert [one.rule for one in lint_text("no front matter\n\nIt was human error.\n", ())] == ["blame"]
