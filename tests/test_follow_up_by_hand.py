"""Step states of the sample workbook against a table that was written by hand, before any code ran on it."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from incident_lib.follow_up.states import step_states
from incident_lib.loading import load

HERE = Path(__file__).parent


def test_states_agree_with_the_table_written_by_hand(capsys):
    """Ten incidents, fourteen steps each: every state, and every count of business days late, is as found by reading."""
    by_hand = pd.read_csv(HERE / "step_states_by_hand.csv", dtype={"days_late": "Int64"})
    states = step_states(load(HERE.parent / "data", as_of="2026-10-01T00:47:00Z"))
    both = by_hand.merge(states, on=["incident_id", "step"], how="left", suffixes=("_by_hand", ""))
    counted = both["days_late_by_hand"].notna()
    same = (both["state"] == both["state_by_hand"]) & (~counted | (both["days_late"] == both["days_late_by_hand"]))

    with capsys.disabled():
        print(f"\nstep states: {same.sum()} of {len(by_hand)} as written by hand")  # noqa: T201
    assert by_hand["incident_id"].nunique() == 10
    assert both[~same].empty, both.loc[
        ~same, ["incident_id", "step", "state_by_hand", "state", "days_late"]
    ].to_string()
