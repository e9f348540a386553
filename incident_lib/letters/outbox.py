"""The outbox: letters wait there as files until they are sent, and a ledger says what became of each.

The ledger is written ahead. Before a server is given the one character that makes it accept a letter, the ledger has
"sending" on disk; after the server's yes it has "sent". A run that died leaves a letter either untouched (it is sent
again), sent (never again), or in doubt: the server may have it. A letter in doubt is not sent again until a person
has looked and said so, since no mail server can be asked. The doubt lasts for one round trip only.
"""

from __future__ import annotations

import json
import os
import re
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email import message_from_bytes
from email.errors import MessageError
from email.message import EmailMessage
from pathlib import Path
from typing import Literal, cast

import pandas as pd

from incident_lib.errors import WorkbookError
from incident_lib.files import alone, make_folder, safe_name, sync_folder, write_atomically
from incident_lib.letters.correspondence import KEY, POLICY, TEXT, Letter, as_mail, digest, one_line
from incident_lib.settings import Settings

LEDGER = "ledger.jsonl"
State = Literal["sending", "sent", "refused"]


@dataclass(frozen=True)
class Written:
    """What became of a letter that was to be put into the outbox: its file, and a line that says so."""

    path: Path
    line: str
    new: bool


def put(letter: Letter, outbox: Path, settings: Settings, *, at: pd.Timestamp) -> Written:
    """Put a letter into the outbox, its text beside it in Markdown; one that was sent or changed by hand stays.

    Raises:
        SettingsError, FieldError: if it can't be an e-mail.
        WorkbookError: if it can't be written.
    """
    make_folder(outbox)
    message = as_mail(letter, settings, at=at)
    path = _file_of(letter, outbox)
    to = ", ".join(mail for _, mail in letter.to)
    if Ledger(outbox).state(str(message["Message-ID"])) in ("sending", "sent"):
        return Written(path, f"{path}: was sent already, and is not written again", False)
    if path.exists() and _was_changed(path):
        return Written(path, f"{path}: was changed by hand, and stays as it is", False)
    again = path.exists() and read_letter(path)[TEXT] == message[TEXT]
    if not again:
        write_atomically(path, message.as_bytes())
        shown = f"To: {to}\nSubject: {message['Subject']}\n\n{letter.text}"
        write_atomically(path.with_suffix(".md"), shown.encode("utf-8"))
    return Written(path, f"{path}: to {to}: {message['Subject']}", not again)


def _file_of(letter: Letter, outbox: Path) -> Path:
    """Return where a letter is kept: a readable name; with a hash of its key where another letter has that name."""
    plain = unicodedata.normalize("NFKD", letter.key).encode("ascii", "ignore").decode()
    name = safe_name(re.sub(r"[^A-Za-z0-9]+", "-", plain)[:60].strip("-"))
    path = outbox / f"{name}.eml"
    if path.exists() and str(read_letter(path)[KEY] or "") != one_line(letter.key):
        return outbox / f"{name[:50]}-{digest(letter.key)[:8]}.eml"
    return path


def _was_changed(path: Path) -> bool:
    """Tell whether somebody changed a letter's text since it was written."""
    message = read_letter(path)
    body = message.get_body(preferencelist=("plain",))
    return body is not None and str(message[TEXT] or "").strip() != digest(body.get_content())


def read_letter(path: Path) -> EmailMessage:
    """Return a letter from its file.

    Raises:
        WorkbookError: if it can't be read, or is no e-mail.
    """
    try:
        message = cast(EmailMessage, message_from_bytes(path.read_bytes(), policy=POLICY))
    except (OSError, MessageError, ValueError) as error:
        raise WorkbookError(f"can't read the letter {path}: {error}") from error
    if not message["Message-ID"] or not message["From"]:
        raise WorkbookError(
            f"{path} is no letter of ours: it has no Message-ID or no From; expected an .eml from the outbox"
        )
    return message


def waiting(outbox: Path) -> list[Path]:
    """Return the letters in the outbox that were not sent, in the order of their names; those in doubt too."""
    if not outbox.is_dir():
        return []
    ledger = Ledger(outbox)
    paths = sorted(path for path in outbox.glob("*.eml") if path.is_file() and not path.name.startswith("."))
    return [path for path in paths if ledger.state(str(read_letter(path)["Message-ID"])) != "sent"]


class Ledger:
    """What became of each letter, by Message-ID: one line of JSON per event, on disk before the next thing is done."""

    def __init__(self, outbox: Path) -> None:
        self.path = outbox / LEDGER
        self._states = dict(self._read())

    def state(self, message_id: str) -> State | None:
        """Return the last known state of a letter; None if nothing was ever tried, or it was refused."""
        state = self._states.get(message_id)
        return None if state == "refused" else state

    def _read(self) -> Iterator[tuple[str, State]]:
        try:
            lines = self.path.read_bytes().split(b"\n")
        except FileNotFoundError:
            return
        except OSError as error:
            raise WorkbookError(f"can't read {self.path}: {error.strerror}; nothing is sent without it") from error
        for line in lines:
            try:
                event = json.loads(line)
                yield str(event["message_id"]), event["state"]
            except (ValueError, KeyError, TypeError):
                continue  # a line that a crash cut short: what it was about to say had not happened yet

    def note(self, message: EmailMessage, state: State, *, at: pd.Timestamp, to: list[str], why: str = "") -> None:
        """Write down what becomes of a letter, and wait until the disk has it.

        Raises:
            WorkbookError: if it can't be written; then nothing may be sent.
        """
        message_id = str(message["Message-ID"])
        event = {"at": f"{at:%Y-%m-%dT%H:%M:%SZ}", "state": state, "message_id": message_id, "to": to, "why": why,
                 "letter": str(message[KEY] or "")}  # fmt: skip
        line = json.dumps(event, ensure_ascii=False, sort_keys=True).encode()
        try:
            new = not self.path.exists()
            descriptor = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o666)
            with os.fdopen(descriptor, "r+b", buffering=0) as file:
                size = file.seek(0, os.SEEK_END)
                torn = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
                file.write((b"\n" if torn else b"") + line + b"\n")
                os.fsync(descriptor)
            if new:
                sync_folder(self.path.parent)
        except OSError as error:
            raise WorkbookError(
                f"can't write {self.path}: {error.strerror}; the letter {message_id} stays as it is"
            ) from error
        self._states[message_id] = state


@contextmanager
def held(outbox: Path) -> Iterator[None]:
    """Hold the outbox alone, so that two runs at once don't send the same letter.

    Raises:
        WorkbookError: if another run holds it.
    """
    make_folder(outbox)
    busy = WorkbookError(f"another run is sending from {outbox}; wait until it has ended")
    with alone(outbox / ".lock", busy):
        yield
