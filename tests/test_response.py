"""How the response went: open ones count, impossible ones don't, small groups say nothing, nobody is shamed."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from factories import HOUR, NOON, page

from incident_lib.review.responder_load import calls, page_counts, pooled_load
from incident_lib.review.response import (
    FEW,
    MEASURES,
    TIME_TO_RESOLVE,
    WHOLE,
    by_groups,
    doubts,
    duration_summary,
    duration_texts,
    durations,
    for_measuring,
    main_measure,
    span_text,
)
from incident_lib.tables import INCIDENTS


def many(count: int, **fields) -> pd.DataFrame:
    """Return incidents that took 1, 2, … hours."""
    rows = [{"incident_id": f"I{n}", "title": "x", "severity": "high", "started_at": NOON, "detected_at": NOON,
             "resolved_at": NOON + (n + 1) * HOUR, "services": "mail", "customers": "A; B", **fields}
            for n in range(count)]  # fmt: skip
    return INCIDENTS.frame(rows)


def test_an_open_incident_counts_with_the_time_so_far(incidents):
    """An unresolved incident stays in the table, marked unfinished."""
    table = durations(incidents(resolved_at=None), TIME_TO_RESOLVE, as_of=NOON + 3 * HOUR)

    assert table[["minutes", "finished", "believed"]].to_numpy().tolist() == [[180.0, False, True]]


def test_an_end_that_nobody_recorded_is_unknown_and_not_running(incidents):
    """Over, but without a time when the impact stopped: counted as unknown."""
    summary = duration_summary(incidents(mitigated_at=None), as_of=NOON + 9 * HOUR).set_index("measure")

    assert summary.loc["impact began → impact stopped", ["n", "unknown"]].tolist() == [0, 1]


def test_impossible_times_are_taken_out_and_named(loaded):
    """Forensics takes the whole incident out of the durations, and says which."""
    records = loaded(page(resolved_at="2026-03-02T10:00:00Z"))
    measured = for_measuring(records, records.incidents)

    assert not durations(measured, WHOLE, as_of=records.as_of)["believed"].any()
    assert doubts(records, measured)[0].endswith("INC-2026-042.")


def test_the_median_has_its_interval_or_says_that_it_is_too_few():
    """From six on there is an exact interval; below, none is invented."""
    six, five = (duration_texts(duration_summary(many(n), as_of=NOON + 99 * HOUR, measures=[WHOLE])) for n in (6, 5))

    assert six["typical"].item() == "3 h 30 min (1 h 00 min to 6 h 00 min)"
    assert five["typical"].item() == "3 h 00 min (too few for an interval)"


def test_small_groups_say_nothing():
    """Under five incidents a group has its n and no figure; each customer of an incident counts."""
    measured = many(4).assign(weekday=pd.Categorical(["Mon"] * 4), hour="06 to 12")
    table = by_groups(measured, WHOLE, as_of=NOON + 99 * HOUR, small_group=5)

    assert set(table["typical"]) == {FEW} and table["longest"].isna().all()
    assert table.loc[table["by"] == "customer", ["group", "n"]].to_numpy().tolist() == [["A", 4], ["B", 4]]


def test_the_measure_follows_what_is_recorded():
    """Where nobody records when the impact began, the incident is measured from its detection on."""
    assert main_measure(many(3)) is WHOLE
    assert main_measure(many(3, started_at=None)) is TIME_TO_RESOLVE
    assert duration_summary(many(0), as_of=NOON)["n"].tolist() == [0] * len(MEASURES)


@pytest.mark.parametrize(
    ("minutes", "text"), [(0.4, "0 min"), (59.6, "1 h 00 min"), (97, "1 h 37 min"), (4560, "3 d 4 h")]
)
def test_durations_are_said_in_two_units(minutes, text):
    """Short enough for a table."""
    assert span_text(minutes) == text


LOG = "incident_id,kind,at,who,text\n"
PEOPLE = '[[people]]\nname = "Lena"\nzone = "Europe/Zagreb"\n[[people]]\nname = "Tom"\nzone = "America/Detroit"\n'


def test_hours_are_each_persons_own(loaded):
    """One moment is working time for one and night for the other; twice to one person is one call."""
    rows = LOG + "".join(f"INC-2026-042,acknowledged,2026-03-03T08:30:00Z,{who},x\n" for who in ("Lena", "Tom", "Tom"))
    records = loaded(page(), settings=PEOPLE, files={"timeline.csv": rows})
    found = calls(records, records.incidents).set_index("who")["when"].to_dict()

    assert found == {"Lena": "working hours", "Tom": "night"}
    assert page_counts(calls(records, records.incidents))["pages"].sum() == 2


def paged(counts: dict[str, int]) -> pd.DataFrame:
    """Return calls: so many to each person."""
    return pd.DataFrame({"who": [who for who, count in counts.items() for _ in range(count)]})


def test_two_bad_nights_make_nobody_an_exception():
    """A rate is drawn towards the team's, and differences that chance makes are called so."""
    found = pooled_load(paged({"A": 9, "B": 6, "C": 5, "D": 6}), 13.0, small_group=5)
    rates = found.table.set_index("who")["rate"]

    assert rates["A"] < 9 / 13 and rates.idxmax() == "A"
    assert "no larger than chance" in found.sentence
    assert ((found.table["lower"] < found.table["rate"]) & (found.table["rate"] < found.table["upper"])).all()


def test_who_was_called_to_few_is_not_named():
    """Few calls are counted together; where that leaves too few names, nobody is named."""
    one = pooled_load(paged({"A": 9, "B": 8, "C": 7, "D": 1}), 13.0, small_group=5).table
    none = pooled_load(paged({"A": 9, "D": 1}), 13.0, small_group=5).table

    assert one["who"].tolist() == ["A", "B", "C", "others (1, each under 5)"]
    assert none["who"].tolist() == ["others (2, too few to name)"]


def test_an_uneven_load_is_told():
    """Where chance does not explain it, the sentence says so, and offers reasons that are nobody's fault."""
    found = pooled_load(paged({"A": 60, "B": 5, "C": 6, "D": 5}), 13.0, small_group=5)

    assert "more unevenly than by chance" in found.sentence and "rota" in found.sentence
    assert np.isfinite(found.table["rate"]).all()


def test_no_call_is_said_and_nothing_breaks():
    """An empty period has no rates."""
    found = pooled_load(paged({}), 13.0, small_group=5)

    assert found.table.empty and "No call" in found.sentence
