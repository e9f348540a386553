"""Mail that was sent shows which follow-up steps were done; what others sent, or what names no incident, shows nothing."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from factories import only, page
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from incident_lib.follow_up.states import step_states
from incident_lib.letters.correspondence import Letter, as_mail
from incident_lib.settings import Settings, parse_settings
from incident_lib.sources import mail
from incident_lib.sources.reading import Batch, Source

SETTINGS = """
[messages]
internal_to = "ops@northlight.example"
sender = "incidents@northlight.example"
[[people]]
name = "Priya Raman"
email = "priya.raman@northlight.example"
[[customers]]
name = "Brightwater Clinics"
email = "it@brightwater.example"
"""
AT = "Mon, 2 Mar 2026 12:14:00 +0100"


def letter(**changed: str) -> str:
    """Return an ordinary letter from Priya to the group, its headers replaced or added by keyword."""
    headers = {
        "From": "Priya <priya.raman@northlight.example>", "To": "Ops <ops@northlight.example>", "Date": AT,
        "Subject": "INC-2026-042: outbound mail delayed", **{name.replace("_", "-"): text for name, text in changed.items()},
    }  # fmt: skip
    return "".join(f"{name}: {text}\n" for name, text in headers.items()) + "\nHello,\nit is over.\n"


@pytest.fixture
def read(tmp_path):
    """Return a function that reads a text as a file of mail, under the settings above."""

    def of(text: str | bytes, name: str = "mail/sent.eml") -> Batch:
        path = tmp_path / Path(name).name
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        source = Source(path, name, parse_settings(SETTINGS))
        assert mail.recognises(source)
        return mail.read(source)

    return of


def steps(batch: Batch) -> list[tuple[str, str]]:
    """Return incident and step of each row."""
    rows = batch.tables.get("follow_ups", pd.DataFrame(columns=["incident_id", "step"]))
    return list(rows[["incident_id", "step"]].itertuples(index=False, name=None))


def outcome(batch: Batch) -> str:
    """Return what became of the only letter."""
    [account] = batch.accounts
    return account["outcome"]


def test_mail_to_the_group_is_the_internal_mail(read):
    """It says when, by whom, and where it was read."""
    row = only(read(letter()), "follow_ups")

    assert row == {"incident_id": "INC-2026-042", "step": "internal-email", "state": "done", "by": "Priya Raman",
                   "at": pd.Timestamp("2026-03-02T11:14Z"), "source": "mail/sent.eml"}  # fmt: skip


def test_mail_to_a_customer(read):
    """It shows that the customer was contacted; with "all clear" in its subject, that as well."""
    first, last = letter(To="it@Brightwater.example"), letter(To="it@brightwater.example", Subject="=?utf-8?q?INC-2026-042=3A_All_clear?=")

    assert steps(read(first)) == [("INC-2026-042", "customer-contacted")]
    assert steps(read(last)) == [("INC-2026-042", "customer-contacted"), ("INC-2026-042", "all-clear")]


def test_our_own_letter_says_its_step(read):
    """A letter that this program wrote is recognised by its header, whatever its subject."""
    own = Letter("INC-1/feedback", (("Ops", "ops@northlight.example"),), "Feedback", "Please read it.", "INC-1", "page-shared")
    content = as_mail(own, parse_settings(SETTINGS), at=pd.Timestamp("2026-03-02T09:00Z")).as_bytes()

    assert steps(read(content)) == [("INC-1", "page-shared")]


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"From": "it@brightwater.example"}, "skipped: not sent by us"),
        ({"From": "evil@example.org", "X_Incident_Step": "INC-2026-042 closed"}, "skipped: not sent by us"),
        ({"Subject": "Lunch?"}, "skipped: shows no step of an incident"),
        ({"To": "someone@else.example"}, "skipped: shows no step of an incident"),
        ({"X_Incident_Step": "INC-2026-042 no-such-step", "Subject": "x"}, "skipped: shows no step of an incident"),
        ({"Date": "yesterday"}, "skipped: no time"),
        ({"Date": "Mon, 2 Mar 2026 12:14:00"}, "skipped: no time"),
    ],
)  # fmt: skip
def test_what_shows_nothing_is_accounted_for(read, changed, told):
    """Letters of others can't mark a step as done, and each letter left out has its reason."""
    batch = read(letter(**changed))

    assert (outcome(batch), steps(batch)) == (told, [])
    assert len(batch.problems) == (told == "skipped: no time")


def test_archive(read):
    """Each letter of an mbox is read, with the line where it begins; a "From" in a text begins none."""
    body = letter() + "\nFrom here on all is well.\nFrom: is no header here\n\n"
    batch = read(f"From priya Mon Mar  2 12:14:00 2026\n{body}From x\n{letter(Subject='INC-2026-043')}", "mail/sent.mbox")

    assert list(batch.tables["follow_ups"]["source"]) == ["mail/sent.mbox line 1", "mail/sent.mbox line 13"]
    assert batch.accounts[0]["rows"] == 2


def test_it_is_evidence_for_the_step(loaded):
    """The step is done at the letter's time, and the evidence is said in words."""
    incident = page(incident="INC-2026-042", severity="critical", resolved_at="2026-03-02T10:40:00Z")
    records = loaded(incident, settings=SETTINGS, files={"mail/sent.eml": letter()})
    states = step_states(records).set_index("step")

    assert list(states.loc["internal-email", ["state", "evidence"]]) == ["done", "a mail that was sent"]
    before = loaded(incident, settings=SETTINGS, files={"mail/sent.eml": letter()}, as_of="2026-03-02T11:00:00Z")
    assert step_states(before).set_index("step").loc["internal-email", "state"] == "due"


def test_a_markdown_page_is_no_mail(tmp_path):
    """A text that merely begins like a header is left to other readers."""
    path = tmp_path / "page.md"
    path.write_text("Note: this is a page\n\nFrom: nobody\nDate: never\nTo: all\n", encoding="utf-8")

    assert not mail.recognises(Source(path, "page.md", Settings()))


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(st.sampled_from(["From", "To", "Date", "Subject", "X_Incident_Step"]), st.binary(max_size=60)))
def test_any_header_is_read_or_refused(tmp_path, headers):
    """Whatever bytes stand in its headers, each letter is accounted for, and the good one beside it is read."""
    bad = letter(**dict.fromkeys(headers, "@@"))
    content = b"From a\n" + bad.encode() + b"\n\nFrom b\n" + letter().encode()
    for value in headers.values():
        content = content.replace(b"@@", value.replace(b"\n", b" ").replace(b"\r", b" "), 1)
    path = tmp_path / "x.mbox"
    path.write_bytes(content)
    batch = mail.read(Source(path, "x.mbox", parse_settings(SETTINGS)))

    assert sum(account["rows"] for account in batch.accounts) == 2
    assert ("INC-2026-042", "internal-email") in steps(batch)
