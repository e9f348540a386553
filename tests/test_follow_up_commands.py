"""The whole follow-up of one incident by commands, in order, as somebody new would do it; and what commands refuse."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from test_sending import _start

from incident_lib.cli import main

ROOT = Path(__file__).parents[1]
ID = "INC-2026-080"


class Mailbox:
    """Takes every letter."""

    def __init__(self) -> None:
        self.letters: list[Any] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.letters.append(message_from_bytes(envelope.content, policy=policy.default))
        return "250 OK"


@pytest.fixture
def mailbox() -> Iterator[tuple[Mailbox, int]]:
    """Return a running mail server's mailbox, and its port."""
    box = Mailbox()
    controller = Controller(box, hostname="127.0.0.1", port=0)
    port = _start(controller)
    yield box, port
    controller.stop()


@pytest.fixture
def run(tmp_path: Path, mailbox: tuple[Mailbox, int], monkeypatch: Any, capsys: Any) -> Callable[..., str]:
    """Return a runner of commands on two of the sample's incidents, at a moment; it returns what they print."""
    pages = tmp_path / "data/postmortems"
    pages.mkdir(parents=True)
    for name in ("workbook.toml", "postmortems/INC-2026-077.md"):
        shutil.copy(ROOT / "data" / name, tmp_path / "data" / name)
    header, *rows = (ROOT / "data/incidents.csv").read_text(encoding="utf-8").splitlines(keepends=True)
    register = [header, *(row for row in rows if row.startswith(ID))]
    (tmp_path / "data/incidents.csv").write_text("".join(register), encoding="utf-8")
    with (tmp_path / "data/workbook.toml").open("a", encoding="utf-8") as settings:
        settings.write(f'\n[smtp]\nhost = "127.0.0.1"\nport = {mailbox[1]}\nsecurity = "none"\n')

    monkeypatch.chdir(tmp_path)

    def go(now: str, *arguments: str, code: int = 0) -> str:
        monkeypatch.setenv("INCIDENTS_NOW", now)
        monkeypatch.setattr(sys, "argv", ["incidents", *arguments])
        try:
            main()
            ended: Any = 0
        except SystemExit as end:
            ended = end.code
        printed = capsys.readouterr()
        assert ended == code, printed
        return printed.out + printed.err

    return go


def test_an_incident_from_its_end_to_its_close(run, tmp_path, mailbox):
    """Page, owner, tasks, notice, internal mail, meeting, reminders, review, tasks done, all clear, closed: each once."""
    first, box = "2026-09-28T14:30:00Z", mailbox[0]
    page = tmp_path / "data/postmortems" / f"{ID}.md"
    page.write_text(PAGE, encoding="utf-8")

    assert "Daniel Kowalczyk owns" in run(first, "assign", ID, "daniel")
    assert "action item 1 added" in run(first, "task", ID, "Restart the session store with more memory", "--kind", "clean-up",
                                        "--touches", "restart", "--owner", "mateo", "--due", "2026-09-30")  # fmt: skip
    assert "reports/outbox/INC-2026-080-notice-Brightwater-Clinics-1.eml" in run(first, "letter", ID, "notice")
    run(first, "letter", ID, "internal")
    assert "Wed 30 Sep 2026 11:00 EDT, 30 minutes, 4 invited" in run(first, "invite", ID, "--by", "daniel")
    sent = run(first, "send")
    assert (
        sent.count(": sent: to ") == 6 and "Customer contacted: done" in sent and "Internal e-mail sent: done" in sent
    )
    assert run(first, "send") == "nothing waits in reports/outbox\n"
    assert len(box.letters) == 6

    assert "Slack history reviewed" in run("2026-09-29T15:00:00Z", "step", ID, "slack-reviewed", "--by", "daniel")
    assert "Progress checked" in run("2026-09-30T13:00:00Z", "step", ID, "progress-checked")
    assert "mateo.fuentes@northlight.example: Reminder" in run("2026-09-30T13:00:00Z", "remind")
    run("2026-09-30T13:00:00Z", "send")
    assert "cannot close INC-2026-080: " in run("2026-09-30T14:00:00Z", "step", ID, "closed", code=2)
    run("2026-09-30T14:00:00Z", "step", ID, "page-shared")
    run("2026-09-30T15:00:00Z", "step", ID, "external-message", "--by", "Sofía Petrenko")
    run("2026-09-30T20:00:00Z", "step", ID, "page-completed", "--by", "daniel")
    run("2026-10-01T14:30:00Z", "step", ID, "meeting-held", "--by", "daniel")
    assert "action item 1 is open" in run("2026-10-01T15:00:00Z", "letter", ID, "all-clear", code=2)
    run("2026-10-01T15:00:00Z", "task", ID, "1", "--done")
    run("2026-10-01T15:00:00Z", "letter", ID, "all-clear")
    assert "Customer told that all is clear: done" in run("2026-10-01T15:10:00Z", "send")
    assert "can be closed" in run("2026-10-01T15:10:00Z", "status", ID)
    assert "Post-mortem closed: done 2026-10-01 16:00 UTC" in run("2026-10-01T16:00:00Z", "step", ID, "closed")
    assert run("2026-10-01T16:00:00Z", "status", ID).endswith("INC-2026-080 is closed\n")

    to = [str(letter["To"]) for letter in box.letters]
    clear = [letter for letter in box.letters if str(letter["Subject"]).startswith("All clear")]
    assert len(clear) == 4 and len(to) == len(box.letters)
    assert len({str(letter["Message-ID"]) for letter in box.letters}) == len(box.letters)
    body = PAGE.split("---\n", 2)[2]
    assert page.read_text(encoding="utf-8").endswith(body)


PAGE = f"""---
incident: {ID}
title: Shops and portals on shared hosting answer with errors   # for everybody
status: draft
created_at: 2026-09-28T14:00:00Z
our_own_field: kept
---
# What we know

Owner: nobody yet
"""


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            ["step", "INC-2026-077", "slack-reviewed", "--at", "2030-01-01T00:00:00Z"],
            "--at: 2030-01-01T00:00:00Z lies ahead",
        ),
        (["step", "INC-2026-077", "slack-reviewed", "--at", "2026-09-30 10:00"], "--at: time has no UTC offset"),
        (["assign", ID, "tom"], f"{ID} has no page yet; 'incidents draft {ID}' writes one"),
        (["task", "INC-2026-077", "x", "--due", "soon"], "--due: not"),
        (["task", "INC-2026-077", "x", "--done"], "a new action item can't be done or declined yet"),
        (["task", "INC-2026-077", "1", "--kind", "detect"], "an action item that is there takes only"),
        (["send", "--again"], "--again and --arrived need the FILEs"),
        (["interested", "nobody"], "unknown person 'nobody'"),
        (["follow-up", "--owner", "Nobody At All"], "unknown owner of an open follow-up"),
        (["follow-up", "--customer", "Halyard"], "unknown customer 'Halyard'"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(run, arguments, sentence):
    """And nothing is written."""
    printed = run("2026-10-01T12:00:00Z", *arguments, code=2)
    assert sentence in printed and "Traceback" not in printed
