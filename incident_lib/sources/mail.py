"""Mail that was sent, as ``.eml`` files or ``mbox`` archives: which steps of the follow-up it shows to have been done.

Only what one of us sent counts: its sender is an address of the settings. Nothing of a letter's text is kept.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime
from email import message_from_bytes, policy
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.message import Message
from email.utils import getaddresses, parsedate_to_datetime

from incident_lib.errors import FieldError
from incident_lib.settings import Settings
from incident_lib.sources.fields import parse_time
from incident_lib.sources.reading import Batch, Reader, Source
from incident_lib.tables import FOLLOW_UPS

NAME = "mail"
STEP = "X-Incident-Step"  # our own letters say which step they are
_HEADER = re.compile(rb"[!-9;-~]{1,76}:[ \t]")
_ENVELOPE = re.compile(rb"^From [^\r\n]*\r?\n(?=[!-9;-~]{1,76}:)", re.MULTILINE)
_ALL_CLEAR = re.compile(r"\ball[ -]?clear\b", re.IGNORECASE)


def recognises(source: Source) -> bool:
    """Return whether the file begins with a letter's headers, or with an archive's envelope and then headers."""
    head = source.head.removeprefix(b"\xef\xbb\xbf").lstrip(b"\r\n")
    envelope = _ENVELOPE.match(head)
    headers = re.split(rb"\r?\n\r?\n", head[envelope.end() :] if envelope else head, maxsplit=1)[0].lower()
    return bool(_HEADER.match(headers)) and all(
        re.search(rb"^(?:%b):" % name, headers, re.MULTILINE) for name in (b"from", b"date", b"to|cc")
    )


def read(source: Source) -> Batch:
    """Return the follow-up steps that the letters show, with when they were sent and by whom.

    Raises:
        SourceError: if the file can't be read, or is larger than the limit.
    """
    batch = Batch()
    told = Counter(_tell(content, place, source, batch) for content, place in _letters(source))
    batch.account(source.name, NAME, "letters", told)
    return batch


def _letters(source: Source) -> Iterator[tuple[bytes, str]]:
    """Yield each letter with its place: the file, or the line of an archive on which it begins."""
    content = source.read_bytes().removeprefix(b"\xef\xbb\xbf").lstrip(b"\r\n")
    starts = [found for found in _ENVELOPE.finditer(content) if _follows_a_gap(content, found.start())]
    if not starts or starts[0].start() > 0:
        yield content, source.name
        return
    line, before = 1, 0
    for one, after in zip(starts, [*starts[1:], None], strict=True):
        line, before = line + content.count(b"\n", before, one.start()), one.start()
        yield content[one.end() : after.start() if after else None], f"{source.name} line {line}"


def _follows_a_gap(content: bytes, start: int) -> bool:
    """Tell whether a line stands first, or after an empty one, as an archive's envelopes do."""
    return start == 0 or content[:start].endswith((b"\n\n", b"\n\r\n"))


def _tell(content: bytes, place: str, source: Source, batch: Batch) -> str:
    """Add what one letter shows; return what became of it."""
    try:
        letter = message_from_bytes(content, policy=policy.compat32)
        sender = next((one for one in getaddresses(_raw(letter, "From")) if one[1]), ("", ""))
        by = _ours(source.settings).get(sender[1].casefold())
        if by is None:
            return "skipped: not sent by us"
        shown = dict.fromkeys(_shown(letter, source.settings))
        if not shown:
            return "skipped: shows no step of an incident"
        at = _sent_at("".join(_raw(letter, "Date")))
    except FieldError as error:
        batch.problem("no-time", str(error), place)
        return "skipped: no time"
    except (
        ValueError,
        LookupError,
        TypeError,
        AttributeError,
        HeaderParseError,
    ) as error:  # headers beyond the library
        batch.problem("unreadable-mail", f"a letter whose headers can't be read: {error}", place)
        return "skipped: unreadable"
    who = {"by": by or _plain(sender[0]) or None, "at": at, "state": "done", "source": place}
    batch.add(FOLLOW_UPS, [{"incident_id": incident, "step": step, **who} for incident, step in shown])
    return "used"


def _raw(letter: Message, name: str) -> list[str]:
    return [str(value) for value in letter.get_all(name, [])]


def _plain(text: str) -> str:
    """Return a header's text with its encoded words read."""
    return " ".join(str(make_header(decode_header(text))).split())


def _ours(settings: Settings) -> Mapping[str, str]:
    """Return the addresses from which we write, with the person's name where it is somebody's own."""
    shared = {mail.casefold(): "" for mail in (settings.messages.sender, settings.messages.internal_to) if mail}
    return {**shared, **{one.email.casefold(): one.name for one in settings.people if one.email}}


def _shown(letter: Message, settings: Settings) -> Iterator[tuple[str, str]]:
    """Yield incident and step: as our own letter says, or by the incident that the subject names and who is written to.

    Mail to the group is the internal e-mail, mail to a customer contact with them, and the all-clear if it says so.
    """
    known = {step.id for step in settings.steps}
    incident, _, stated = "".join(_raw(letter, STEP)).partition(" ")
    if stated in known:
        yield incident, stated
        return
    subject = _plain(" ".join(_raw(letter, "Subject")))
    reached = {mail.casefold() for _, mail in getaddresses([*_raw(letter, "To"), *_raw(letter, "Cc")])}
    to_customer = bool(reached & {one.email.casefold() for one in settings.customers if one.email})
    steps = {
        "internal-email": (settings.messages.internal_to or "").casefold() in reached,
        "customer-contacted": to_customer,
        "all-clear": to_customer and bool(_ALL_CLEAR.search(subject)),
    }
    for named in re.finditer(settings.sources.incident_id, subject):
        yield from ((named[0], step) for step, fits in steps.items() if fits and step in known)


def _sent_at(text: str) -> datetime:
    try:
        sent = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError) as error:
        expected = "expected one such as 'Mon, 2 Mar 2026 09:14:00 +0000'"
        raise FieldError(f"not the date of a letter: {text[:60]!r}; {expected}") from error
    return parse_time(sent.isoformat())


READER = Reader(NAME, recognises, read)
