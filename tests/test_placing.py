"""Messages find their incident: by what they say, their channel, its name, an id in their text, or their thread."""

import re

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from incident_lib.placing import _beginning, placed
from incident_lib.tables import INCIDENTS, MESSAGES

PATTERN = r"\bINC-\d{4}-\d{3,}\b"
ONE, TWO, UNKNOWN = "INC-2026-001", "INC-2026-002", "INC-2026-999"


def incidents_of(channels: list[str | None]) -> pd.DataFrame:
    """Return two incidents with these channels."""
    return INCIDENTS.frame(
        {"incident_id": name, "channel": channel} for name, channel in zip((ONE, TWO), channels, strict=True)
    )


def plainly(messages: pd.DataFrame, incidents: pd.DataFrame, pattern: str) -> list[str | None]:
    """Return each message's incident by the rule, row by row."""
    homes = {one.channel: one.incident_id for one in incidents[::-1].itertuples() if isinstance(one.channel, str)}

    def found(text: object) -> str | None:
        match = re.search(pattern, text) if isinstance(text, str) else None
        return match[0] if match else None

    def text(value: object) -> str | None:
        return value if isinstance(value, str) else None

    own = [
        text(one.incident_id) or homes.get(one.channel) or (found(one.channel.upper()) if text(one.channel) else None)
        or found(one.text)
        for one in messages.itertuples()
    ]  # fmt: skip
    by_id = {one: incident for one, incident in zip(messages["message_id"], own, strict=True) if text(one) and incident}
    told = [one or by_id.get(thread) for one, thread in zip(own, messages["thread_id"], strict=True)]
    return [one if one in set(incidents["incident_id"]) else None for one in told]


ROWS = st.lists(
    st.fixed_dictionaries({
        "channel": st.sampled_from(["ops", "mail", "inc-2026-002-mail", "inc-2026-999", None]),
        "text": st.sampled_from(["all well", f"see {ONE}", f"x{ONE}", f"{UNKNOWN} or {TWO}", "INC-", "inc-2026-001", None]),
        "incident_id": st.sampled_from([None, None, None, ONE, UNKNOWN]),
        "thread_id": st.sampled_from(["m0", "m1", "m2", "elsewhere", None]),
    }),
    max_size=8,
)  # fmt: skip


@settings(deadline=None)
@given(
    ROWS,
    st.tuples(*[st.sampled_from(["ops", "mail", "inc-2026-002-mail", None])] * 2),
    st.sampled_from([PATTERN, r"INC-2026-\d+|nothing", r"(?i:inc)-\d+-\d+", r"INC-?\d+-\d+", r"[A-Z]{3}-\d{4}-\d{3}"]),
)
def test_messages_are_placed_by_the_first_that_tells(rows, channels, pattern):
    """All at once gives what the rule gives row by row, whatever the pattern of the ids."""
    numbered = [{**row, "message_id": f"m{number}" if number < 3 else None} for number, row in enumerate(rows)]
    messages, incidents = MESSAGES.frame(numbered), incidents_of(list(channels))
    found = placed(messages, incidents, pattern)

    assert found["incident_id"].astype(object).where(found["incident_id"].notna(), None).tolist() == plainly(
        messages, incidents, pattern
    )
    pd.testing.assert_frame_equal(found.drop(columns="incident_id"), messages.drop(columns="incident_id"))
    assert found["incident_id"].dtype == "str"


@pytest.mark.parametrize(
    ("pattern", "beginning"),
    [
        (PATTERN, "INC-"), (r"INC\d+", "INC"), (r"SEV-?\d+", "SEV"), (r"A{2}\d", ""), (r"INC-\d+|SEV-\d+", ""),
        (r"(?i)inc-\d+", ""), (r"[A-Z]+-\d+", ""), (r"\d+", ""), (r"\bA+", ""), (r"\b(INC|SEV)-\d+", ""), ("", ""),
    ],
)  # fmt: skip
def test_beginning_of_a_pattern(pattern, beginning):
    """Only letters that every find must begin with sift the texts; a pattern that hides them sifts nothing."""
    assert _beginning(pattern) == beginning
