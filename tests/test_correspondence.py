"""Letters: to whom, with which words, never with anything that does not belong there."""

from __future__ import annotations

from datetime import date
from email import message_from_bytes, policy

import pandas as pd
import pytest
from factories import page
from hypothesis import given, settings
from hypothesis import strategies as st

from incident_lib.errors import FieldError, SettingsError
from incident_lib.letters.correspondence import Letter, address, as_mail, recipients
from incident_lib.letters.outbox import put, read_letter
from incident_lib.letters.reminders import calendar_of_person, days_after, reminders
from incident_lib.letters.texts import letters_of
from incident_lib.settings import Messages, Settings, parse_settings

AT = pd.Timestamp("2026-03-05T12:00:00Z")
ID = "INC-2026-042"
OWN = Settings(messages=Messages(sender="incidents@northlight.example", signed="Northlight"))
SETTINGS = """
[messages]
internal_to = "all@northlight.example"
signed = "The operations team"
[[people]]
name = "Priya Raman"
email = "priya@northlight.example"
[[people]]
name = "Tom Okafor"
email = "tom@northlight.example"
[[customers]]
name = "Brightwater Clinics"
email = "it@brightwater.example"
[[customers]]
name = "Halyard Freight"
email = "it@halyard.example"
"""
ITEMS = """customers: [Brightwater Clinics, Halyard Freight]
services: [mail]
action_items:
  - {title: Raise the limit of waiting letters, touches: restart, customers: [Brightwater Clinics, Halyard Freight], owner: Priya Raman, due_on: 2026-03-09}
  - {title: Ask Halyard Freight for their list, touches: change, customers: [Brightwater Clinics, Halyard Freight], status: done, done_on: 2026-03-04}
  - {title: Alert on the queue, kind: detect, owner: Tom Okafor, due_on: 2026-03-04}
"""


@pytest.fixture
def records(loaded):
    """Return records with one incident, two customers and three tasks."""
    return loaded(page(ITEMS), settings=SETTINGS, as_of="2026-03-05")


def test_the_internal_letter_tells_what_happened_and_what_remains(records):
    """To the group; without an address of pages the description is in it, with one the link."""
    (letter,) = letters_of(records, ID, "internal")
    assert letter.to == (("Incident workbook", "all@northlight.example"),)
    assert letter.subject == "Incident INC-2026-042 (critical): Outbound mail delayed"
    assert "- 1. Raise the limit of waiting letters (Priya Raman; due 2026-03-09)" in letter.text
    assert "Ask Halyard" not in letter.text
    assert "Priya Raman owns the post-mortem." in letter.text and letter.text.endswith("The operations team\n")


def test_the_internal_letter_links_to_the_page(loaded):
    """{id} in the setting becomes the incident's."""
    settings = SETTINGS.replace("[messages]", '[messages]\npage_url = "https://wiki.northlight.example/{id}"')
    (letter,) = letters_of(loaded(page(ITEMS), settings=settings), ID, "internal")
    assert "The post-mortem page: https://wiki.northlight.example/INC-2026-042" in letter.text


def test_each_customer_gets_a_notice_with_their_own_name_only(records):
    """What is still to be done, before it is done; no other customer, and no person, is in it."""
    letters = letters_of(records, ID, "notice")
    assert [letter.to for letter in letters] == [
        (("Brightwater Clinics", "it@brightwater.example"),), (("Halyard Freight", "it@halyard.example"),),
    ]  # fmt: skip
    assert "- a restart: Raise the limit of waiting letters" in letters[0].text
    assert "Halyard" not in letters[0].text + letters[0].subject and "Brightwater" not in letters[1].text
    assert not any(name in letter.text for letter in letters for name in ("Priya", "Tom"))


def test_all_is_clear_for_a_customer_when_all_their_tasks_are_done(records, loaded):
    """While one is open nobody is told; a title with another's name becomes its kind."""
    with pytest.raises(SettingsError, match="action item 1 is open"):
        letters_of(records, ID, "all-clear")
    done = page(ITEMS.replace("due_on: 2026-03-09", "status: done, done_on: 2026-03-05"))
    letters = letters_of(loaded(done, settings=SETTINGS), ID, "all-clear")
    assert [letter.step for letter in letters] == ["all-clear", "all-clear"]
    assert "- a restart: Raise the limit of waiting letters\n- a change\n" in letters[0].text


def test_feedback_is_asked_for_when_the_page_is_complete(records, loaded):
    """Not before."""
    with pytest.raises(SettingsError, match="no page in review"):
        letters_of(records, ID, "feedback")
    (letter,) = letters_of(loaded(page(ITEMS, status="in review"), settings=SETTINGS), ID, "feedback")
    assert "is complete and waits for your comments" in letter.text


@pytest.mark.parametrize(
    ("settings", "kind", "sentence"),
    [
        ("", "internal", r"set messages\.internal_to"),
        ('[[customers]]\nname = "Brightwater Clinics"\n', "notice", "no address for Brightwater Clinics"),
        (SETTINGS, "notices", "unknown kind of letter 'notices'; did you mean 'notice'"),
    ],
)
def test_what_is_missing_is_said(loaded, settings, kind, sentence):
    """Which setting to add."""
    with pytest.raises(SettingsError, match=sentence):
        letters_of(loaded(page(ITEMS), settings=settings), ID, kind)


def test_a_template_of_ones_own_goes_before_ours(loaded):
    """In another language, say; one without a subject is refused, and so is one that reaches for more."""
    own = {"templates/letters/internal.md.j2": "Subject: Störung {{ incident_id }}\n\nHallo\n"}
    (letter,) = letters_of(loaded(page(), settings=SETTINGS, files=own), ID, "internal")
    assert (letter.subject, letter.text) == ("Störung INC-2026-042", "Hallo\n")
    for bad in ("Hallo\n", "Subject: {{ ''.__class__.__mro__ }}\n", "Subject: {{ nothing }}\n"):
        with pytest.raises(SettingsError, match=r"internal\.md\.j2"):
            letters_of(
                loaded(page(), settings=SETTINGS, files={"templates/letters/internal.md.j2": bad}), ID, "internal"
            )


HOSTILE = "Hello\r\nBcc: everybody@evil.example\r\n\r\nbody\x00\u2028\u202e"


def test_nothing_can_be_smuggled_into_a_header():
    """Not through subject, names, or key: line ends become spaces, and there is no header but ours."""
    letter = Letter(f"k/{HOSTILE}", ((HOSTILE, "a@x.example"),), HOSTILE, "text\n", HOSTILE, "step")
    settings = OWN.model_copy(update={"messages": OWN.messages.model_copy(update={"signed": HOSTILE})})

    message = message_from_bytes(as_mail(letter, settings, at=AT).as_bytes(), policy=policy.default)

    assert message["Bcc"] is None and message.get_content().splitlines() == ["text"]
    assert recipients(message) == ["a@x.example"]
    assert set(message.keys()) <= {
        "From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "X-Incident-Letter", "X-Incident-Step", "X-Incident-Text",
        "Content-Type", "Content-Transfer-Encoding", "MIME-Version",
    }  # fmt: skip


@settings(deadline=None)
@given(st.text(max_size=200), st.text(max_size=200))
def test_any_words_make_one_letter_with_its_own_headers(subject, name):
    """Read back, it goes to that one address and nowhere else."""
    letter = Letter("a/b", ((name, "a@x.example"),), subject, "text\n")
    raw = as_mail(letter, OWN, at=AT).as_bytes()
    message = message_from_bytes(raw, policy=policy.default)
    assert recipients(message) == ["a@x.example"]
    assert message.get_content().splitlines() == ["text"]
    assert max(map(len, raw.split(b"\r\n"))) <= 998


@pytest.mark.parametrize("mail", ["", "a", "a@", "@b", "a@b\nBcc: c@d", "a b@c.example", "a@b..c", "<a@b.example>", "a@b,c@d", "ä@b.example",
                                  ".a@b.example", "a.@b.example", None, "a@-b.example"])  # fmt: skip
def test_what_is_no_address_is_refused(mail):
    """With the name of whose it is."""
    with pytest.raises(FieldError, match=r"not a mail address: .*of Tom"):
        address("Tom", mail)


@pytest.mark.parametrize("key", ["internal_to", "sender"])
def test_settings_refuse_what_is_no_address(key):
    """With its line."""
    with pytest.raises(SettingsError, match=r"not a mail address.*line 2"):
        parse_settings(f'[messages]\n{key} = "all@x.example, b@x.example"\n')


def test_the_same_letter_gives_the_same_bytes(records):
    """And a Message-ID that depends on what the letter is, not on when it was written."""
    (letter,) = letters_of(records, ID, "internal")
    once, again = (as_mail(letter, records.settings, at=AT).as_bytes() for _ in range(2))
    assert once == again
    later = as_mail(letter, records.settings, at=AT + pd.Timedelta(days=1))
    assert later["Message-ID"] == as_mail(letter, records.settings, at=AT)["Message-ID"]


def test_a_letter_that_somebody_changed_stays(tmp_path):
    """What a person wrote goes before a new draft; an unchanged one is renewed; both texts are there to read."""
    letter = Letter("INC-1/internal", (("G", "g@x.example"),), "S", "First.\n")
    path = put(letter, tmp_path, OWN, at=AT).path
    renewed = put(Letter("INC-1/internal", letter.to, "S", "Second.\n"), tmp_path, OWN, at=AT)
    assert renewed.new and read_letter(path).get_content().splitlines() == ["Second."]
    assert path.with_suffix(".md").read_text() == "To: g@x.example\nSubject: S\n\nSecond.\n"

    path.write_bytes(path.read_bytes().replace(b"Second.", b"My own."))
    kept = put(Letter("INC-1/internal", letter.to, "S", "Third.\n"), tmp_path, OWN, at=AT)
    assert "changed by hand" in kept.line and b"My own." in path.read_bytes()


def test_two_letters_never_share_a_file(tmp_path):
    """Also where their keys make the same name."""
    paths = {
        put(Letter(key, (("G", "g@x.example"),), "S", "t\n"), tmp_path, OWN, at=AT).path
        for key in ("a/b c", "a/b-c", "a/ü", "a/ö")
    }
    assert len(paths) == 4


def test_reminders_come_two_days_before_on_the_day_and_after(loaded):
    """At -2, 0, +1, +3 and +5 business days; one digest per person, whatever the number of items."""
    records = loaded(page(ITEMS, status="reviewed"), settings=SETTINGS)
    days = pd.date_range("2026-03-01T12:00:00Z", "2026-03-16T12:00:00Z")
    sent = {f"{day:%d}": [one.to[0][0] for one in reminders(records, day)[0]] for day in days}

    tom = [day for day, names in sent.items() if "Tom Okafor" in names]  # due Wednesday 4 March
    priya = [day for day, names in sent.items() if "Priya Raman" in names]  # due Monday 9 March
    assert tom == ["02", "04", "05", "09", "11"]
    assert priya == ["05", "09", "10", "12", "16"]


def test_a_digest_has_all_that_is_open_in_its_order(loaded):
    """The page itself is one of them, and what is late is counted in the subject."""
    more = ITEMS.replace("owner: Tom Okafor, due_on: 2026-03-04", "owner: Priya Raman, due_on: 2026-03-06")
    (letter,) = reminders(loaded(page(more), settings=SETTINGS), pd.Timestamp("2026-03-09T12:00:00Z"))[0]
    assert letter.subject == "Reminder: 3 open items in the follow-up of incidents, 1 late"
    lines = [line for line in letter.text.splitlines() if line.startswith("- ")]
    assert lines == [
        "- due today: INC-2026-042 action item 1: Raise the limit of waiting letters",
        "- due today: INC-2026-042: complete the post-mortem page",
        "- 1 business day late: INC-2026-042 action item 3: Alert on the queue",
    ]


def test_nobody_is_reminded_on_a_day_off(loaded):
    """Their own days off and their team's holidays are no business days; nothing is skipped by being away."""
    settings = SETTINGS.replace('name = "Tom Okafor"', 'name = "Tom Okafor"\nteam = "Net"\naway = [2026-03-04]')
    settings += '[[calendars]]\nname = "Net"\nteams = ["Net"]\nextra_holidays = [2026-03-05]\n'
    records = loaded(page(ITEMS, status="reviewed"), settings=settings)
    days = pd.date_range("2026-03-01T12:00:00Z", "2026-03-13T12:00:00Z")
    tom = [f"{day:%d}" for day in days if any(one.to[0][0] == "Tom Okafor" for one in reminders(records, day)[0])]
    assert tom == ["03", "06", "10", "12"]  # due on the 4th, so in truth on the 3rd; then +1 on the 6th, +3, +5


def test_somebody_without_an_address_is_named(loaded):
    """The reminder can't be written, and that is said."""
    letters, without = reminders(loaded(page(ITEMS.replace("Tom Okafor", "Una Ness"), status="reviewed"), settings=SETTINGS),
                                 pd.Timestamp("2026-03-04T12:00:00Z"))  # fmt: skip
    assert letters == [] and without == ["Una Ness has no address, so no reminder of 1 open item"]


def test_days_are_counted_in_business_days(records):
    """Over a weekend, and from a due day that is none."""
    calendar = calendar_of_person(records, "Tom Okafor")
    friday, saturday, monday = date(2026, 3, 6), date(2026, 3, 7), date(2026, 3, 9)
    assert [days_after(friday, day, calendar) for day in (friday, monday)] == [0, 1]
    assert days_after(saturday, friday, calendar) == 0
    assert days_after(monday, friday, calendar) == -1
