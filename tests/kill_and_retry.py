"""Kill the sender or the mail server at any moment, try again, and count: is every letter there, and none twice?

Runs as a program of its own, since it forks: ``python tests/kill_and_retry.py ROUNDS SEED`` prints its figures as JSON.
A letter counts as delivered when the server has it on disk, which it has before it says so.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import socket
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pandas as pd
from aiosmtpd.smtp import SMTP

from incident_lib.errors import WorkbookError
from incident_lib.letters.correspondence import Letter
from incident_lib.letters.outbox import put, waiting
from incident_lib.letters.sending import say_sent, send_letters
from incident_lib.settings import Messages, Settings, Smtp

AT = pd.Timestamp("2026-09-28T14:30:00Z")
SETTINGS = Settings(messages=Messages(sender="incidents@northlight.example"))
LETTERS = 3


class Mailbox:
    """Takes every letter: onto the disk first, then says yes."""

    def __init__(self, path: Path) -> None:
        self.path = path

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        message_id = str(message_from_bytes(envelope.content, policy=policy.default)["Message-ID"])
        descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(descriptor, f"{message_id}\n".encode())
        os.fsync(descriptor)
        os.close(descriptor)
        await asyncio.sleep(0.002)  # a real server's answer takes a while, and this is where doubt comes from
        return "250 OK"

    def ids(self) -> list[str]:
        """Return the Message-IDs of all letters that arrived."""
        return self.path.read_text().split() if self.path.exists() else []


def forked(work: Callable[[], None]) -> int:
    """Run something in a process of its own, and return its id."""
    child = os.fork()
    if child:
        return child
    try:
        work()
    finally:
        os._exit(0)


def serve(port: int, mailbox: Mailbox, ready: int) -> None:
    """Be a mail server until somebody kills us."""

    async def run() -> None:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: SMTP(mailbox), "127.0.0.1", port, reuse_address=True)
        os.write(ready, b"!")
        await server.serve_forever()

    asyncio.run(run())


def started(port: int, mailbox: Mailbox) -> int:
    """Start a mail server, and return its process id when it listens."""
    reading, writing = os.pipe()
    child = forked(lambda: serve(port, mailbox, writing))
    os.read(reading, 1)
    os.close(reading)
    os.close(writing)
    return child


def kill(child: int) -> None:
    """End a process at once, wherever it is."""
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def send(outbox: Path, smtp: Smtp) -> None:
    """Send what waits, as the command does."""
    try:
        send_letters(waiting(outbox), outbox, smtp, at=AT)
    except WorkbookError:
        return


def settle(outbox: Path, smtp: Smtp, mailbox: Mailbox) -> int:
    """Try again until all is sent; somebody looks after letters in doubt. Return how many were in doubt."""
    doubts = 0
    for _ in range(10):
        outcomes = send_letters(waiting(outbox), outbox, smtp, at=AT)
        doubtful = [one.path for one in outcomes if one.result == "in doubt"]
        doubts += len(doubtful)
        for path in doubtful:
            arrived = str(message_from_bytes(path.read_bytes(), policy=policy.default)["Message-ID"]) in mailbox.ids()
            if arrived:
                say_sent([path], outbox, at=AT)
            else:
                send_letters([path], outbox, smtp, at=AT, again=True)
        if not waiting(outbox):
            return doubts
    raise AssertionError("letters still wait after ten tries")


def one_round(number: int, folder: Path, port: int, chance: random.Random, longest: float) -> dict[str, int]:
    """Kill one of the two at a random moment, settle, send once more for good measure, and count."""
    outbox, mailbox = folder / f"outbox-{number}", Mailbox(folder / f"mailbox-{number}")
    smtp = Smtp(host="127.0.0.1", port=port, security="none", seconds=5)
    for place in range(LETTERS):
        to = (("A", "a@customer.example"), ("B", "b@customer.example"))
        put(Letter(f"{number}/{place}", to, "Notice", ".\n..\nHello\n"), outbox, SETTINGS, at=AT)
    server = started(port, mailbox)
    sender = forked(lambda: send(outbox, smtp))
    time.sleep(chance.uniform(0, longest))
    dies = "server" if number % 2 else "sender"
    kill(server if dies == "server" else sender)
    if dies == "server":
        os.waitpid(sender, 0)
        before = len(mailbox.ids())
        server = started(port, mailbox)
    else:
        before = len(mailbox.ids())
    doubts = settle(outbox, smtp, mailbox)
    again = send_letters(sorted(outbox.glob("*.eml")), outbox, smtp, at=AT)
    kill(server)
    counts = Counter(mailbox.ids())
    return {
        "lost": LETTERS - len(counts),
        "twice": sum(count > 1 for count in counts.values()),
        "in doubt": doubts,
        "interrupted": int(0 < before < LETTERS or doubts > 0),
        "untouched": int(before == 0 and not doubts),
        "resent": sum(one.result != "was sent" for one in again),
    }


def main(rounds: int, seed: int) -> dict[str, float]:
    """Return the figures of so many rounds."""
    chance = random.Random(seed)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    begun, total = time.monotonic(), Counter({"rounds": rounds, "letters": rounds * LETTERS})
    with tempfile.TemporaryDirectory() as folder:
        for number in range(rounds):
            total.update(one_round(number, Path(folder), port, chance, 0.06))
    return {**total, "seconds": round(time.monotonic() - begun, 1)}


if __name__ == "__main__":
    print(json.dumps(main(int(sys.argv[1]), int(sys.argv[2]))))  # noqa: T201
