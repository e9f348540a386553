"""Sending by SMTP, each letter once: all of its recipients or none, never without the encryption that was asked for."""

from __future__ import annotations

import os
import re
import smtplib
import socket
import ssl
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from typing import Literal

import pandas as pd

from incident_lib.errors import FieldError, SettingsError, WorkbookError
from incident_lib.letters.correspondence import POLICY, address, recipients
from incident_lib.letters.outbox import Ledger, held, read_letter
from incident_lib.settings import Smtp

Result = Literal["sent", "was sent", "in doubt", "refused", "not sent"]
Clock = Callable[[], pd.Timestamp]
DOUBT = "a run ended before the server's answer; look whether it arrived, then: incidents send --arrived, or --again,"
_FAILURES = (smtplib.SMTPException, OSError)


@dataclass(frozen=True)
class Outcome:
    """What became of one letter."""

    path: Path
    result: Result
    why: str = ""

    def __str__(self) -> str:
        return f"{self.path.name}: {self.result}{f': {self.why}' if self.why else ''}"


def send_letters(
    paths: Sequence[Path], outbox: Path, smtp: Smtp, *, at: pd.Timestamp, again: bool = False
) -> list[Outcome]:
    """Send letters that were not sent yet, over one connection, and return what became of each.

    A letter in doubt (see ``outbox``) is left alone unless ``again`` says that it did not arrive. After the connection
    is lost the rest is not tried.

    Raises:
        SettingsError: if the settings name no server, or its password is missing.
        WorkbookError: if the server can't be reached, offers no encryption, or refuses the password; nothing was sent.
    """
    with held(outbox):
        ledger = Ledger(outbox)
        todo, outcomes = _sorted_out(paths, ledger, again=again)
        if todo:
            outcomes += _over_one_connection(todo, ledger, smtp, at)
    order = {path: place for place, path in enumerate(paths)}
    return sorted(outcomes, key=lambda one: order[one.path])


def say_sent(paths: Sequence[Path], outbox: Path, *, at: pd.Timestamp) -> list[Outcome]:
    """Note letters in doubt as sent, because somebody has seen that they arrived."""
    with held(outbox):
        ledger = Ledger(outbox)
        for path in paths:
            message = read_letter(path)
            ledger.note(message, "sent", at=at, to=recipients(message), why="somebody saw that it arrived")
    return [Outcome(path, "was sent", "noted by hand") for path in paths]


def _sorted_out(
    paths: Sequence[Path], ledger: Ledger, *, again: bool
) -> tuple[list[tuple[Path, EmailMessage]], list[Outcome]]:
    todo: list[tuple[Path, EmailMessage]] = []
    outcomes: list[Outcome] = []
    for path in dict.fromkeys(paths):
        message = read_letter(path)
        state = ledger.state(str(message["Message-ID"]))
        if state == "sent":
            outcomes.append(Outcome(path, "was sent", "and is not sent again"))
        elif state == "sending" and not again:
            outcomes.append(Outcome(path, "in doubt", f"{DOUBT} {path}"))
        else:
            todo.append((path, message))
    return todo, outcomes


def _over_one_connection(
    todo: list[tuple[Path, EmailMessage]], ledger: Ledger, smtp: Smtp, at: pd.Timestamp
) -> list[Outcome]:
    outcomes: list[Outcome] = []
    with connected(smtp) as server:
        for path, message in todo:
            outcomes.append(_one(server, path, message, ledger, at))
            if outcomes[-1].result in ("in doubt", "not sent"):
                break
    rest = [Outcome(path, "not sent", "the connection was lost before its turn") for path, _ in todo[len(outcomes) :]]
    return [*outcomes, *rest]


def _one(server: smtplib.SMTP, path: Path, message: EmailMessage, ledger: Ledger, at: pd.Timestamp) -> Outcome:
    """Send one letter; the ledger has "sending" on disk before the full stop that makes the server take it."""
    try:
        to = recipients(message)
        content = _as_sent(message)
    except FieldError as error:
        return Outcome(path, "refused", str(error))
    try:
        refusal = _offered(server, message, to)
        if refusal:
            return Outcome(path, "refused", refusal)
        server.send(content)
    except _FAILURES as error:
        return Outcome(path, "not sent", _explained(error))
    ledger.note(message, "sending", at=at, to=to)
    try:
        server.send(b".\r\n")
        code, answer = server.getreply()
    except _FAILURES as error:
        return Outcome(path, "in doubt", f"the server's answer did not come: {_explained(error)}")
    if not 200 <= code < 300:
        ledger.note(message, "refused", at=at, to=to, why=_reply(code, answer))
        return Outcome(path, "refused", _reply(code, answer))
    ledger.note(message, "sent", at=at, to=to)
    return Outcome(path, "sent", f"to {', '.join(to)}")


def _offered(server: smtplib.SMTP, message: EmailMessage, to: list[str]) -> str:
    """Offer a letter for all its recipients, up to where its text may follow; return why it is refused, if it is."""
    sender = address("", message["From"].addresses[0].addr_spec).addr_spec
    code, answer = server.mail(sender)
    refusals = [] if code == 250 else [f"sender {sender}: {_reply(code, answer)}"]
    for one in to if not refusals else ():
        code, answer = server.rcpt(one)
        refusals += [] if code in (250, 251) else [f"{one}: {_reply(code, answer)}"]
    if not refusals:
        code, answer = server.docmd("DATA")
        refusals += [] if code == 354 else [_reply(code, answer)]
    if refusals:
        with suppress(*_FAILURES):
            server.rset()
    return "; ".join(refusals) + (" (so it went to nobody)" if refusals and len(to) > 1 else "")


def _as_sent(message: EmailMessage) -> bytes:
    """Return a message as SMTP wants it: CRLF line ends, a doubled dot where a line begins with one."""
    content = re.sub(rb"\r?\n|\r", b"\r\n", message.as_bytes(policy=POLICY))
    return re.sub(rb"(?m)^\.", b"..", content if content.endswith(b"\r\n") else content + b"\r\n")


@contextmanager
def connected(smtp: Smtp) -> Iterator[smtplib.SMTP]:
    """Give a connection to the mail server, encrypted and logged in as the settings say.

    Raises:
        SettingsError: if the settings name no server, or the password's variable is not set.
        WorkbookError: if the server can't be reached, does not encrypt, or refuses the password.
    """
    if not smtp.host:
        raise SettingsError("there is no mail server: set smtp.host in workbook.toml")
    password = os.environ.get(smtp.password_env) if smtp.user else None
    if smtp.user and not password:
        raise SettingsError(f"the password of {smtp.user} is missing: put it into the variable {smtp.password_env}")
    place = f"{smtp.host}:{smtp.port}"
    try:
        server = _opened(smtp)
    except _FAILURES as error:
        raise WorkbookError(f"can't reach the mail server {place}: {_explained(error)}; nothing was sent") from error
    try:
        if smtp.user:
            _log_in(server, smtp.user, str(password), place)
        yield server
    finally:
        with suppress(*_FAILURES):
            server.quit()
        server.close()


def _opened(smtp: Smtp) -> smtplib.SMTP:
    host = str(smtp.host)
    if smtp.security == "tls":
        server: smtplib.SMTP = smtplib.SMTP_SSL(host, smtp.port, timeout=smtp.seconds, context=_context(smtp))
    else:
        server = smtplib.SMTP(host, smtp.port, timeout=smtp.seconds)
    try:
        if server.sock is not None:  # a letter's end goes out by itself, and must not wait for the network's answer
            server.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        server.ehlo_or_helo_if_needed()
        if smtp.security == "starttls":
            _encrypt(server, smtp)
    except BaseException:
        server.close()
        raise
    return server


def _encrypt(server: smtplib.SMTP, smtp: Smtp) -> None:
    if not server.has_extn("starttls"):
        why = "it offers no STARTTLS, and letters are not sent in the open (smtp.security)"
        raise smtplib.SMTPNotSupportedError(why)
    server.starttls(context=_context(smtp))
    server.ehlo()


def _context(smtp: Smtp) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=smtp.certificates)


def _log_in(server: smtplib.SMTP, user: str, password: str, place: str) -> None:
    try:
        server.login(user, password)
    except _FAILURES as error:
        why = _explained(error).replace(password, "…")  # whatever it says, it doesn't get to say that
        raise WorkbookError(f"the mail server {place} did not log {user} in: {why}; nothing was sent") from None


def _explained(error: BaseException) -> str:
    if isinstance(error, smtplib.SMTPResponseException):
        return _reply(error.smtp_code, error.smtp_error)
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not valid: {error.verify_message}"
    return str(getattr(error, "strerror", None) or error or type(error).__name__)


def _reply(code: int, answer: bytes | str) -> str:
    text = answer.decode("utf-8", "replace") if isinstance(answer, bytes) else answer
    return f"{code} {' '.join(text.split())}"[:200]
