"""The steps of the follow-up: when they are due, what shows that they were done, and what people do with them."""

from __future__ import annotations

import pandas as pd
import pytest
from factories import page

from incident_lib.errors import SettingsError
from incident_lib.follow_up import step_edits, task_edits
from incident_lib.follow_up.board import board_sentence, customer_view, follow_up_board, work_by_owner
from incident_lib.follow_up.states import next_steps, step_states, why_open
from incident_lib.follow_up.status_text import status_of_all, status_of_one
from incident_lib.loading import load

AT = pd.Timestamp("2026-03-05T12:00:00Z")
ID = "INC-2026-042"
PEOPLE = """
[[people]]
name = "Priya Raman"
handle = "priya"
roles = ["on-call"]
[[people]]
name = "Tom Okafor"
handle = "tom"
[[customers]]
name = "Brightwater Clinics"
[[customers]]
name = "Halyard Freight"
aliases = ["halyard"]
"""
NAMES = "responders: [Priya Raman]\ncustomers: [Brightwater Clinics]\n"


def states_of(records):
    """Return the states of the one incident by step."""
    return step_states(records).set_index("step")


def test_customers_are_contacted_if_they_were_affected_or_a_task_touches_them(loaded):
    """Either is enough; neither says why not."""
    touching = "action_items:\n  - {title: x, touches: change, customers: [A]}\n"
    for more in ("customers: [A]\n", touching):
        assert states_of(loaded(page(more))).loc["customer-contacted", "state"] == "missing"
    assert states_of(loaded(page())).loc["customer-contacted", "state"] == "not needed"


def test_progress_is_checked_again_and_again_until_the_page_is_complete(loaded):
    """Each check sets the next one's day; a complete page needs none any more."""
    checks = (
        "follow_up:\n  progress-checked: [{at: 2026-03-03T10:00:00Z, by: Tom}, {at: 2026-03-05T10:00:00Z, by: Tom}]\n"
    )
    records = loaded(page(checks), as_of="2026-03-06")
    row = states_of(records).loc["progress-checked"]
    assert (row["state"], f"{row['due_at']:%Y-%m-%d %H:%M}") == ("due", "2026-03-09 23:59")
    assert len(records.follow_ups[records.follow_ups["step"] == "progress-checked"]) == 2

    assert states_of(loaded(page(checks), as_of="2026-03-10")).loc["progress-checked", "state"] == "missing"
    assert states_of(loaded(page(), as_of="2026-03-05")).loc["progress-checked", "state"] == "missing"
    done = states_of(loaded(page(status="in review"), as_of="2026-04-01")).loc["progress-checked"]
    assert (done["state"], done["because"]) == ("not needed", "the page is complete")


def test_a_step_is_due_by_its_incidents_own_calendar(loaded):
    """A customer's holiday is no business day of their incidents."""
    settings = '[[calendars]]\nname = "B"\ncustomers = ["Brightwater Clinics"]\nextra_holidays = [2026-03-03]\n'
    due = states_of(loaded(page(NAMES), settings=settings)).loc["internal-email", "due_at"]
    assert f"{due:%Y-%m-%d}" == "2026-03-04"


def test_a_first_clean_up_task_shows_that_tasks_were_recorded(loaded):
    """Its day counts, and it is the evidence; a stated step goes before it."""
    task = "action_items:\n  - {title: x, kind: clean-up, created_on: 2026-03-05}\n"
    row = states_of(loaded(page(task))).loc["tasks-recorded"]
    assert (row["state"], row["days_late"], row["evidence"]) == ("late", 2, "its first clean-up task")
    assert "line" in row["source"]
    stated = states_of(loaded(page(task + "follow_up:\n  tasks-recorded: {at: 2026-03-02T20:00:00Z}\n"))).loc[
        "tasks-recorded"
    ]
    assert (stated["state"], stated["evidence"]) == ("done", "stated on the page")


def test_a_persons_words_in_chat_show_a_step(loaded):
    """Only where the settings give such words, only after the incident's end, never a bot's."""
    settings = """
[[steps]]
id = "internal-email"
title = "Internal e-mail sent"
said = ["mail is out"]
[[steps]]
id = "closed"
title = "Closed"
"""
    header = "incident_id,channel,at,who,is_bot,text\n"
    rows = [f"{ID},c,2026-03-02T13:00:00Z,Priya,false,the mail is out", f"{ID},c,2026-03-02T15:00:00Z,bot,true,mail is out",
            f"{ID},c,2026-03-02T16:00:00Z,Priya,false,The mail is out now"]  # fmt: skip
    files = {"messages.csv": header + "\n".join(rows) + "\n"}
    row = states_of(loaded(page(), settings=settings, files=files)).loc["internal-email"]
    assert (row["state"], row["evidence"]) == ("done", "a chat message")
    assert row["done_at"] == pd.Timestamp("2026-03-02T16:00:00Z")


def test_what_comes_next_and_what_keeps_it_open(loaded):
    """The step that is due first, whose turn it is by name, and every reason against closing."""
    items = "action_items:\n  - {title: a, status: open}\n  - {title: b, status: done, done_on: 2026-03-04}\n"
    records = loaded(page(NAMES + items), settings=PEOPLE, as_of="2026-03-04")
    states = step_states(records)
    row = next_steps(records, states).iloc[0]

    assert (row["next"], row["who"], row["state"]) == ("Clean-up tasks added or handed over", "Priya Raman", "missing")
    assert why_open(records, states, ID)[-1] == "action item 1 open"
    assert "cannot close: " in status_of_one(records, ID)
    assert "1 follow-up open, 1 with a step whose time has passed" in status_of_all(records)


@pytest.fixture
def book(workbook):
    """Return a workbook with one page and two people."""
    return workbook({"postmortems/p.md": page(NAMES)}, PEOPLE)


def text_of(folder):
    """Return the page's text."""
    return (folder / "postmortems/p.md").read_text()


def test_an_owner_is_assigned_by_name_or_chat_name(book):
    """The time and the step are noted the first time; the same again changes nothing."""
    assert step_edits.assign(load(book), ID, "tom", at=AT) == f"{ID}: Tom Okafor owns the post-mortem now"
    text = text_of(book)
    assert "owner: Tom Okafor\n" in text and "assigned_at: 2026-03-05T12:00:00Z\n" in text
    assert step_edits.assign(load(book), ID, "@Tom", at=AT).endswith("already")
    assert text_of(book) == text


@pytest.mark.parametrize(
    ("act", "sentence"),
    [
        (lambda r: step_edits.assign(r, "INC-2026-043", "tom", at=AT), f"unknown incident 'INC-2026-043'; did you mean '{ID}'"),
        (lambda r: step_edits.assign(r, ID, "Priay", at=AT), "unknown person 'Priay'; did you mean 'Priya Raman'"),
        (lambda r: step_edits.note_step(r, ID, "progres", at=AT), "unknown step 'progres'; did you mean 'progress-checked'"),
        (lambda r: step_edits.note_step(r, ID, "closed", at=AT), "cannot close INC-2026-042: .*Internal e-mail sent: due"),
        (lambda r: task_edits.add_task(r, ID, "x", at=AT, kind="fix"), "unknown kind of action item 'fix'"),
        (lambda r: task_edits.add_task(r, ID, "x", at=AT, touches="change", customers=["Halyard Fright"]), "did you mean 'Halyard"),
        (lambda r: task_edits.change_task(r, ID, 3, at=AT, done=True), "has no action item 3; it has 0"),
        (lambda r: task_edits.change_task(r, ID, 1, at=AT), "say what became of it"),
    ],
)  # fmt: skip
def test_what_is_unknown_is_refused_with_the_nearest(book, act, sentence):
    """One sentence, and the page stays as it is."""
    before = text_of(book)
    with pytest.raises(SettingsError, match=sentence):
        act(load(book))
    assert text_of(book) == before


def test_a_step_is_noted_once(book):
    """Another time for it is refused: completion times can't be prettied up by the tool; the same one is fine."""
    step_edits.note_step(load(book), ID, "internal-email", at=AT, by="priya")
    assert "internal-email: {at: 2026-03-05T12:00:00Z, by: Priya Raman}" in text_of(book)
    step_edits.note_step(load(book), ID, "internal-email", at=AT, by="priya")
    with pytest.raises(SettingsError, match="noted already, done 2026-03-05T12:00:00Z"):
        step_edits.note_step(load(book), ID, "internal-email", at=AT - pd.Timedelta(days=1))


def test_the_page_moves_through_its_states_and_never_back(book):
    """Completed: in review; meeting held: reviewed; a time that is there stays."""
    for step in ("page-completed", "meeting-held"):
        step_edits.note_step(load(book), ID, step, at=AT)
    row = load(book).postmortems.iloc[0]
    assert (row["status"], row["completed_at"], row["reviewed_at"]) == ("reviewed", AT, AT)
    step_edits.note_step(load(book), ID, "reviewed", at=AT + pd.Timedelta(days=1))
    assert load(book).postmortems["reviewed_at"].iloc[0] == AT


def test_a_meeting_before_the_page_is_complete_does_not_make_it_reviewed(book):
    """It stays a draft; "reviewed" says when it is."""
    step_edits.note_step(load(book), ID, "meeting-held", at=AT)
    assert load(book).postmortems["status"].iloc[0] == "draft"


def test_a_step_that_comes_again_is_noted_again(book):
    """As a list; the same moment twice is once."""
    for day in (0, 1, 1):
        step_edits.note_step(load(book), ID, "progress-checked", at=AT + pd.Timedelta(days=day))
    assert len(load(book, as_of="2026-03-10").follow_ups.query("step == 'progress-checked'")) == 2


def test_what_is_not_needed_says_why(book):
    """And may still be done later."""
    line = step_edits.note_step(load(book), ID, "page-shared", at=AT, not_needed="read in the meeting")
    assert line.endswith("not needed, read in the meeting")
    assert states_of(load(book)).loc["page-shared", "because"] == "read in the meeting"
    step_edits.note_step(load(book), ID, "page-shared", at=AT)
    assert states_of(load(book)).loc["page-shared", "state"] != "not needed"


def test_tasks_are_added_given_away_done_and_declined(book):
    """The day by the kind's span; customers by the incident; the reason with the refusal."""
    line = task_edits.add_task(load(book), ID, "Restart web-07", at=AT, kind="clean-up", touches="restart")
    assert line == f"{ID}: action item 1 added: Restart web-07 (clean-up; nobody yet; due 2026-03-12)"
    task_edits.add_task(load(book), ID, "Alert on the queue", at=AT)
    task_edits.change_task(load(book), ID, 1, at=AT, owner="tom", done=True)
    task_edits.change_task(load(book), ID, 2, at=AT, declined="too dear")

    items = load(book).action_items
    assert items["kind"].tolist() == ["clean-up", "detect"]
    assert items["status"].tolist() == ["done", "declined"] and items["because"].iloc[1] == "too dear"
    assert (items["owner"].iloc[0], items["customers"].iloc[0]) == ("Tom Okafor", "Brightwater Clinics")
    assert states_of(load(book)).loc["tasks-recorded", "state"] == "late"


def test_it_can_be_closed_when_nothing_is_open(book):
    """Every step done or not needed, every task done: then, and only then."""
    names = ["page-created", "tasks-recorded", "slack-reviewed", "customer-contacted", "internal-email", "meeting-scheduled",
             "page-shared", "meeting-held", "external-message", "page-completed", "reviewed"]  # fmt: skip
    for step in names:
        step_edits.note_step(load(book), ID, step, at=AT)
    assert status_of_one(load(book), ID).endswith(f"can be closed: incidents step {ID} closed")
    step_edits.note_step(load(book), ID, "closed", at=AT)
    assert load(book).postmortems["status"].iloc[0] == "closed"
    assert status_of_one(load(book), ID).endswith("is closed")
    assert status_of_all(load(book)).startswith("Nothing is open")


def test_the_board_shows_all_or_one_owners_or_one_customers(loaded):
    """Names that nobody on it has are refused with the nearest."""
    other = page("customers: [Halyard Freight]\n", incident="INC-2026-043", owner="Tom Okafor", severity="high")
    records = loaded(page(NAMES), other, settings=PEOPLE)

    assert len(follow_up_board(records).next) == 2
    assert follow_up_board(records, owner="Tom Okafor").next["incident_id"].tolist() == ["INC-2026-043"]
    assert follow_up_board(records, customer="Brightwater Clinics").next["incident_id"].tolist() == [ID]
    assert board_sentence(follow_up_board(records)).startswith(
        "2 follow-ups are open, 2 of them with a step whose time"
    )
    assert work_by_owner(follow_up_board(records))["open"].tolist() == [1, 1]
    with pytest.raises(SettingsError, match="did you mean 'Tom Okafor'"):
        follow_up_board(records, owner="Tom Okafur")


def test_a_customers_page_holds_nothing_about_anybody_else(loaded):
    """No other customer, person, host or incident, in any table that it is made of; titles with such words are left out."""
    items = """action_items:
  - {title: Restart the server of Halyard Freight, touches: restart, customers: [Brightwater Clinics, Halyard Freight]}
  - {title: Raise the limit of waiting letters, touches: change, customers: [Brightwater Clinics]}
"""
    mine = page(
        "customers: [Brightwater Clinics, Halyard Freight]\nservices: [mail]\n" + items,
        title="Priya broke mail-02.internal",
    )
    other = page("customers: [Halyard Freight]\n", incident="INC-2026-043")
    view = customer_view(loaded(mine, other, settings=PEOPLE), "Brightwater Clinics")

    shown = view.incidents.to_csv() + view.work.to_csv() + str(view.records.sources)
    assert not [word for word in ("Halyard", "Priya", "Tom", "mail-02", "INC-2026-043", "p.md") if word in shown]
    assert view.work["title"].dropna().tolist() == ["Raise the limit of waiting letters"]
    assert view.records.incidents["incident_id"].tolist() == [ID]
    with pytest.raises(SettingsError, match="did you mean 'Halyard Freight'"):
        customer_view(loaded(mine, settings=PEOPLE), "Halyard Fright")
