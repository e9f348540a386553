"""What pages say, what came again, and whether a fix held."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from factories import page

from incident_lib.review.learning import NOT_WELL, WELL, factor_kinds, factor_pareto, quotes, surprises, tag_pareto
from incident_lib.review.recurrence import Likeness, fate_of, fix_sentence, fixes, recurring
from incident_lib.tables import INCIDENTS

BODY = """## Contributing factors

- The release changed a default.
- A disk was
  full.
- We like Mondays.

## How'd we do

### What went well

- Removing came first.

### What didn’t go so well

_To write: Where did we lose time?_
- It turned out that the probe was asleep. We slept too.
"""


def test_lines_are_quoted_with_their_place(loaded):
    """A list item is one line however it is wrapped; placeholders are nobody's words."""
    records = loaded(page(body=BODY))
    factors = factor_kinds(records, records.incidents)

    assert factors["text"].tolist() == ["The release changed a default.", "A disk was full.", "We like Mondays."]
    assert factors["kind"].tolist() == ["binary push", "capacity", "other"]
    assert quotes(records, records.incidents, WELL)["text"].tolist() == ["Removing came first."]
    assert quotes(records, records.incidents, NOT_WELL)["source"].item().endswith(f"0.md, {NOT_WELL}")


def test_surprises_are_the_sentence_alone(loaded):
    """Only the sentence with the word is quoted."""
    records = loaded(page(body=BODY))

    assert surprises(records, records.incidents)["text"].tolist() == ["It turned out that the probe was asleep."]


def test_a_page_without_sections_says_nothing(loaded):
    """No text, no factors, no quotes, and no error."""
    records = loaded(page())

    assert factor_pareto(factor_kinds(records, records.incidents)).empty
    assert surprises(records, records.incidents).empty


def test_shares_come_with_intervals_and_published_ones(loaded):
    """The Pareto is in order, its shares add up, and known kinds have the published share beside them."""
    records = loaded(page(body=BODY))
    table = factor_pareto(factor_kinds(records, records.incidents)).set_index("name")

    assert table["share"].sum() == pytest.approx(1)
    assert (table["lower"] <= table["share"]).all() and (table["share"] <= table["upper"]).all()
    assert table.loc["binary push", "reference"] == 0.37 and np.isnan(table.loc["other", "reference"])


def test_tags_of_urgency_are_no_topics():
    """critical and its day say nothing about what happened."""
    table = tag_pareto(INCIDENTS.frame([{"incident_id": "A", "tags": "critical; critical_20260302; mail"}]))

    assert table["name"].tolist() == ["mail"]


def family(times: list[str], title: str = "certificate of the gateway expired") -> pd.DataFrame:
    """Return incidents alike, at these times, among twenty that are not."""
    others = [f"unlike{place} thing{place}" for place in range(20)]
    rows = [{"incident_id": f"A{place}", "title": title, "services": "vpn", "started_at": at, "first_seen_at": at}
            for place, at in enumerate(times)]  # fmt: skip
    rows += [{"incident_id": f"B{place}", "title": other, "services": "mail", "started_at": "2025-01-01T00:00:00Z",
              "first_seen_at": "2025-01-01T00:00:00Z"} for place, other in enumerate(others)]  # fmt: skip
    return INCIDENTS.frame(rows).assign(began_at=lambda frame: frame["started_at"])


def test_alike_are_those_with_rare_words_and_services_in_common():
    """The why names both; what only shares a service is not alike."""
    incidents = family(["2025-02-01T00:00:00Z", "2025-06-01T00:00:00Z"])
    found = recurring(Likeness(incidents), incidents)

    assert found[["incident_id", "earlier", "times"]].to_numpy().tolist() == [["A1", "A0", 1]]
    assert "service vpn" in found["why"].item() and "certificate" in found["why"].item()


@pytest.mark.parametrize(("after", "expected", "upper", "fate"), [
    (0, 0.5, 9.0, "too early"), (0, 3.5, 1.2, "held"), (2, 9.0, 0.8, "held"), (1, 0.2, 50.0, "came back"),
    (0, 0.0, float("inf"), "too early"),
])  # fmt: skip
def test_a_fix_held_only_where_it_can_be_told(after, expected, upper, fate):
    """None since is no proof where none was to be expected yet."""
    assert fate_of(after, expected, upper) == fate


ITEM = """action_items:
  - {title: Watch it, kind: prevent, created_on: 2026-03-03, due_on: 2026-04-01, status: done, done_on: 2026-03-20}
"""


def test_a_fix_is_judged_by_what_came_since(loaded):
    """One like it after the task was done: it came back, and which one is said."""
    again = page(
        incident="INC-2026-050",
        started_at="2026-05-02T12:00:00Z",
        detected_at=None,
        resolved_at=None,
        created_at="2026-05-02T15:00:00Z",
    )
    records = loaded(page(more=ITEM), again)
    incidents = records.incidents.assign(began_at=records.incidents["started_at"])
    table = fixes(records, Likeness(incidents), until=records.as_of)

    assert table[["incident_id", "tasks", "before", "after", "fate", "again"]].to_numpy().tolist() == [
        ["INC-2026-042", 1, 0, 1, "came back", "INC-2026-050"]
    ]
    assert table["counts"].item() == "0 → 1; 0.0" and table["baseline"].item() == "100 % (n = 1)" and table["rate"].item().startswith("at least 0.0")
    assert "1 were followed by one like them" in fix_sentence(table)
    assert "nothing to judge" in fix_sentence(table.head(0))
