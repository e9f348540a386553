"""Sending, against a real mail server on this machine: delivery, refusals, encryption, and what a crash leaves."""

from __future__ import annotations

import json
import os
import socket
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import trustme
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult
from pydantic import ValidationError

from incident_lib.errors import SettingsError, WorkbookError
from incident_lib.letters.correspondence import Letter
from incident_lib.letters.outbox import LEDGER, Ledger, held, put, read_letter, waiting
from incident_lib.letters.sending import say_sent, send_letters
from incident_lib.settings import Messages, Settings, Smtp

AT = pd.Timestamp("2026-09-28T14:30:00Z")
SETTINGS = Settings(messages=Messages(sender="incidents@northlight.example"))
HERE = Path(__file__).parent


class Mailbox:
    """Takes letters, refuses some addresses, and says no to whole letters when told to."""

    def __init__(self) -> None:
        self.letters: list[Any] = []
        self.refused: set[str] = set()
        self.answer = "250 OK"
        self.drop_at: str = ""

    async def handle_MAIL(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        if self.drop_at == "MAIL":
            server.transport.abort()
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        if address in self.refused:
            return "550 5.1.1 nobody of that name here"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        if self.answer.startswith("2"):
            self.letters.append((list(envelope.rcpt_tos), message_from_bytes(envelope.content, policy=policy.default)))
        if self.drop_at == "DATA":
            server.transport.abort()
        return self.answer


@pytest.fixture
def mailbox() -> Mailbox:
    """Return an empty mailbox."""
    return Mailbox()


@pytest.fixture
def server(mailbox: Mailbox) -> Iterator[Callable[..., Smtp]]:
    """Return a maker of running mail servers that fill the mailbox; it gives the settings to reach them."""
    running: list[Controller] = []

    def make(security: str = "none", **given: Any) -> Smtp:
        settings = {name: given.pop(name) for name in ("user", "certificates", "password_env") if name in given}
        controller = Controller(mailbox, hostname="127.0.0.1", port=0, **given)
        running.append(controller)
        port = _start(controller)
        return Smtp(
            host="localhost" if "tls_context" in given else "127.0.0.1",
            port=port,
            security=security,
            seconds=5,
            **settings,
        )

    yield make
    for controller in running:
        controller.stop()


def _start(controller: Controller) -> int:
    """Start a server on whichever port is free, and return it."""

    def knock() -> None:  # its own would knock at the port that it was given, which is 0
        socket.create_connection(controller.server.sockets[0].getsockname(), 5).close()

    controller._trigger_server = knock
    controller.start()
    return controller.server.sockets[0].getsockname()[1]


@pytest.fixture
def letter(tmp_path: Path) -> Callable[..., Path]:
    """Return a maker of letters in an outbox."""

    def make(key: str = "INC-1/internal", *to: str, text: str = "Hello\n", subject: str = "Incident") -> Path:
        pairs = tuple(("Zoë", one) for one in to or ("group@northlight.example",))
        return put(Letter(key, pairs, subject, text), tmp_path / "outbox", SETTINGS, at=AT).path

    return make


def test_a_letter_arrives_as_it_was_written(server, letter, mailbox):
    """All recipients, the subject beyond ASCII, and lines that are only dots."""
    path = letter("INC-1/internal", "a@x.example", "b@x.example", text=".\n..\n.hidden\nZoë\n", subject="Störung")
    smtp = server()

    outcomes = send_letters([path], path.parent, smtp, at=AT)

    assert [one.result for one in outcomes] == ["sent"]
    to, message = mailbox.letters[0]
    assert to == ["a@x.example", "b@x.example"]
    assert message["Subject"] == "Störung"
    assert message.get_content().replace("\r\n", "\n") == ".\n..\n.hidden\nZoë\n"


def test_a_second_run_sends_nothing(server, letter, mailbox):
    """What the ledger has as sent is never sent again, named or not, and not written again either."""
    path, smtp = letter(), server()
    send_letters([path], path.parent, smtp, at=AT)

    again = send_letters([path], path.parent, smtp, at=AT)

    assert [one.result for one in again] == ["was sent"]
    assert len(mailbox.letters) == 1
    assert waiting(path.parent) == []
    written = put(
        Letter("INC-1/internal", (("Z", "group@northlight.example"),), "s", "other\n"), path.parent, SETTINGS, at=AT
    )
    assert "was sent already" in written.line


def test_one_refused_recipient_refuses_the_letter_for_all(server, letter, mailbox):
    """Otherwise a repeated run would send it twice to the others; the next letter goes out."""
    bad, good = letter("a/1", "ok@x.example", "gone@x.example"), letter("b/2")
    mailbox.refused = {"gone@x.example"}

    outcomes = send_letters([bad, good], bad.parent, server(), at=AT)

    assert [one.result for one in outcomes] == ["refused", "sent"]
    assert outcomes[0].why == "gone@x.example: 550 5.1.1 nobody of that name here (so it went to nobody)"
    assert len(mailbox.letters) == 1
    mailbox.refused = set()
    assert send_letters([bad], bad.parent, server(), at=AT)[0].result == "sent"


def test_a_letter_refused_as_a_whole_may_be_tried_again(server, letter, mailbox):
    """A no after the text is a clear answer: nothing is in doubt."""
    path, mailbox.answer = letter(), "554 too much spam"

    assert (
        str(send_letters([path], path.parent, server(), at=AT)[0]) == "INC-1-internal.eml: refused: 554 too much spam"
    )
    mailbox.answer = "250 OK"
    assert send_letters([path], path.parent, server(), at=AT)[0].result == "sent"


def test_a_server_that_does_not_encrypt_gets_nothing(server, letter, mailbox):
    """TLS is required but missing: one sentence, and no letter in the open."""
    path, plain = letter(), server()

    with pytest.raises(WorkbookError, match="offers no STARTTLS, and letters are not sent in the open"):
        send_letters([path], path.parent, plain.model_copy(update={"security": "starttls"}), at=AT)
    with pytest.raises(WorkbookError, match="can't reach the mail server"):
        send_letters([path], path.parent, plain.model_copy(update={"security": "tls"}), at=AT)
    assert mailbox.letters == []


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, str]:
    """Return a server's TLS context, and the file of the authority that vouches for it."""
    ca, folder = trustme.CA(), tmp_path_factory.mktemp("ca")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("localhost").configure_cert(context)
    ca.cert_pem.write_to_path(str(folder / "ca.pem"))
    return context, str(folder / "ca.pem")


def test_starttls_checks_the_certificate(server, letter, mailbox, authority):
    """An unknown authority is refused; with its file in the settings, the letter goes out encrypted."""
    context, certificates = authority
    path, known = letter(), server("starttls", tls_context=context, require_starttls=True, certificates=certificates)

    with pytest.raises(WorkbookError, match="its certificate is not valid"):
        send_letters([path], path.parent, known.model_copy(update={"certificates": None}), at=AT)
    assert send_letters([path], path.parent, known, at=AT)[0].result == "sent"


def test_the_password_comes_from_the_environment_and_shows_nowhere(server, letter, mailbox, authority, monkeypatch):
    """A missing one is said by the variable's name, a wrong one without telling it."""
    context, certificates = authority

    def check(server, session, envelope, mechanism, data):
        return AuthResult(success=data.password == b"right")

    path = letter()
    smtp = server(
        "starttls", tls_context=context, authenticator=check, auth_required=True, certificates=certificates, user="bot"
    )
    with pytest.raises(SettingsError, match="INCIDENTS_SMTP_PASSWORD"):
        send_letters([path], path.parent, smtp, at=AT)
    monkeypatch.setenv("INCIDENTS_SMTP_PASSWORD", "wrong-horse")
    with pytest.raises(WorkbookError, match="did not log bot in: ") as refused:
        send_letters([path], path.parent, smtp, at=AT)
    assert "horse" not in str(refused.value) and refused.value.__cause__ is None
    monkeypatch.setenv("INCIDENTS_SMTP_PASSWORD", "right")
    assert send_letters([path], path.parent, smtp, at=AT)[0].result == "sent"
    assert "right" not in (path.parent / LEDGER).read_text()


def test_a_password_in_the_open_is_refused_in_the_settings():
    """Only on this very machine may one go unencrypted."""
    with pytest.raises(ValidationError, match="in the open"):
        Smtp(host="mail.example", user="bot", security="none")


def test_a_server_that_dies_before_the_end_leaves_the_letter_to_be_sent(server, letter, mailbox):
    """Nothing was accepted, so nothing is in doubt; the letters after it wait as well."""
    first, second = letter("a/1"), letter("b/2")
    mailbox.drop_at = "MAIL"

    assert [one.result for one in send_letters([first, second], first.parent, server(), at=AT)] == [
        "not sent",
        "not sent",
    ]
    mailbox.drop_at = ""
    assert [one.result for one in send_letters([first, second], first.parent, server(), at=AT)] == ["sent", "sent"]


def test_a_server_that_dies_before_its_answer_leaves_a_doubt(server, letter, mailbox):
    """It may have taken the letter: nothing is sent again until somebody has looked."""
    path, mailbox.drop_at = letter(), "DATA"

    assert send_letters([path], path.parent, server(), at=AT)[0].result == "in doubt"
    mailbox.drop_at = ""
    assert "look whether it arrived" in send_letters([path], path.parent, server(), at=AT)[0].why
    assert len(mailbox.letters) == 1
    say_sent([path], path.parent, at=AT)
    assert send_letters([path], path.parent, server(), at=AT)[0].result == "was sent"


def test_a_letter_in_doubt_that_did_not_arrive_is_sent_on_request(server, letter, mailbox):
    """--again is a person's word."""
    path = letter()
    Ledger(path.parent).note(read_letter(path), "sending", at=AT, to=["x@x.example"])

    assert send_letters([path], path.parent, server(), at=AT)[0].result == "in doubt"
    assert send_letters([path], path.parent, server(), at=AT, again=True)[0].result == "sent"


@pytest.mark.parametrize("keep", range(0, 60, 7))
def test_a_ledger_line_cut_short_by_a_crash_says_nothing(letter, keep):
    """The event before it counts, and the next one is written on a line of its own."""
    path = letter()
    ledger = Ledger(path.parent)
    ledger.note(read_letter(path), "sending", at=AT, to=["x@x.example"])
    line = (path.parent / LEDGER).read_bytes()
    (path.parent / LEDGER).write_bytes(line + line[:keep])

    message_id = str(read_letter(path)["Message-ID"])
    again = Ledger(path.parent)
    assert again.state(message_id) == "sending"
    again.note(read_letter(path), "sent", at=AT, to=["x@x.example"])
    assert Ledger(path.parent).state(message_id) == "sent"


def test_two_runs_at_once_are_refused(server, letter, mailbox):
    """The second one says so, and sends nothing."""
    path = letter()
    with held(path.parent), pytest.raises(WorkbookError, match="another run is sending"):
        send_letters([path], path.parent, server(), at=AT)
    assert mailbox.letters == []


def test_no_server_in_the_settings_is_said(letter):
    """The sentence names the setting."""
    path = letter()
    with pytest.raises(SettingsError, match=r"set smtp\.host"):
        send_letters([path], path.parent, Smtp(), at=AT)


def test_a_server_that_speaks_something_else_is_refused(letter):
    """Not even a greeting that makes sense."""
    path = letter()
    controller = Controller(Mailbox(), hostname="127.0.0.1", port=0)
    controller.factory = lambda: _Nonsense(Mailbox())
    port = _start(controller)
    try:
        with pytest.raises(WorkbookError, match="can't reach the mail server"):
            send_letters([path], path.parent, Smtp(host="127.0.0.1", port=port, security="none", seconds=2), at=AT)
    finally:
        controller.stop()


class _Nonsense(SMTP):
    """A server that greets in another language and hangs up."""

    def connection_made(self, transport: Any) -> None:
        transport.write(b"SSH-2.0-OpenSSH_9.2\r\n")
        transport.close()


def test_nothing_is_lost_and_nothing_comes_twice(capsys):
    """Again and again the sender or the server is killed at a random moment, and tried again; the figures are printed.

    INCIDENTS_KILL_ROUNDS=200 does it two hundred times.
    """
    rounds = int(os.environ.get("INCIDENTS_KILL_ROUNDS", "60"))
    command = [sys.executable, str(HERE / "kill_and_retry.py"), str(rounds), "7"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=250, check=True)
    figures = json.loads(done.stdout.splitlines()[-1])

    with capsys.disabled():
        print(f"\nkill and retry: {figures}")  # noqa: T201
    assert (figures["rounds"], figures["letters"]) == (rounds, 3 * rounds)
    assert (figures["lost"], figures["twice"], figures["resent"]) == (0, 0, 0)
    assert figures["interrupted"] > rounds / 20
