"""Letters as e-mail: checked addresses, headers that nothing can be smuggled into, and the same bytes each time."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from email import policy
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime

import pandas as pd

from incident_lib.errors import FieldError, SettingsError
from incident_lib.settings import Settings
from incident_lib.sources.mail import STEP

KEY = "X-Incident-Letter"
TEXT = "X-Incident-Text"
POLICY = policy.SMTP.clone(max_line_length=78, cte_type="7bit")
_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,250}[A-Za-z0-9])?")
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


@dataclass(frozen=True)
class Letter:
    """A letter before it is mail: ``key`` names it for good, so that it is sent once; ``to`` holds (name, address).

    ``step`` is the follow-up step that is done when it is sent; ``calendar`` an invitation (iCalendar text) and its
    method, if it carries one.
    """

    key: str
    to: tuple[tuple[str, str], ...]
    subject: str
    text: str
    incident_id: str | None = None
    step: str | None = None
    calendar: bytes | None = None
    method: str = "REQUEST"
    also: Mapping[str, str] = field(default_factory=dict)


def one_line(text: str) -> str:
    """Return a text without line ends, control characters and marks that turn the writing direction."""
    return " ".join(_UNPRINTABLE.sub(" ", str(text)).split())


def address(name: str, mail: str) -> Address:
    """Return a checked address.

    Raises:
        FieldError: if it is none; only plain ASCII ones are taken, as every mail server can.
    """
    if (
        not isinstance(mail, str)
        or not _ADDRESS.fullmatch(mail)
        or ".." in mail
        or mail.startswith(".")
        or ".@" in mail
    ):
        raise FieldError(
            f"not a mail address: {mail!r} (of {one_line(name)}); expected one such as 'ops@our-company.example'"
        )
    return Address(display_name=one_line(name)[:200], addr_spec=mail)


def as_mail(letter: Letter, settings: Settings, *, at: pd.Timestamp) -> EmailMessage:
    """Return a letter as an e-mail dated ``at``; the same letter gives the same bytes.

    Raises:
        SettingsError: if the settings don't say from which address letters come.
        FieldError: for an address that is none, or a letter without a recipient.
    """
    if not letter.to:
        raise FieldError(f"the letter {letter.key!r} has nobody to go to")
    message = EmailMessage(policy=POLICY)
    try:
        message["From"] = address(settings.messages.signed or settings.workbook.name, sender_of(settings))
        message["To"] = [address(name, mail) for name, mail in letter.to]
        message["Subject"] = one_line(letter.subject)[:400]
        message["Date"] = format_datetime(at.to_pydatetime())
        message["Message-ID"] = message_id(letter, settings)
        message["Auto-Submitted"] = "auto-generated"
        message[KEY] = one_line(letter.key)
        if letter.step and letter.incident_id:
            message[STEP] = one_line(f"{letter.incident_id} {letter.step}")
        message[TEXT] = digest(letter.text)
    except (ValueError, MessageError) as error:  # the library's own last word against header injection
        raise FieldError(f"the letter {letter.key!r} can't be an e-mail: {error}") from error
    _fill(message, letter)
    return message


def _fill(message: EmailMessage, letter: Letter) -> None:
    message.set_content(letter.text, cte="quoted-printable")
    if letter.calendar is not None:
        text = letter.calendar.decode("utf-8")
        message.add_alternative(text, subtype="calendar", cte="base64", params={"method": letter.method})
        message.add_attachment(text, subtype="calendar", cte="base64", filename="invitation.ics")
        message.set_boundary(f"=_{digest(letter.key)[:24]}")
        for part in message.iter_parts():
            if part.is_multipart():
                part.set_boundary(f"=_{digest(letter.key)[24:48]}")


def sender_of(settings: Settings) -> str:
    """Return the address from which letters come.

    Raises:
        SettingsError: if the settings have none.
    """
    sender = settings.messages.sender or settings.messages.internal_to
    if not sender:
        raise SettingsError(
            "letters need a sender: set messages.sender in workbook.toml, as in 'incidents@our-company.example'"
        )
    return sender


def message_id(letter: Letter, settings: Settings) -> str:
    """Return a Message-ID that depends on the letter's key alone, so that a receiver can tell a repeated one."""
    return f"<{digest(letter.key)[:32]}@{sender_of(settings).split('@')[1]}>"


def digest(text: str) -> str:
    """Return the SHA-256 of a text, without regard to how its lines end."""
    return hashlib.sha256("\n".join(text.splitlines()).strip().encode("utf-8", "surrogatepass")).hexdigest()


def recipients(message: EmailMessage) -> list[str]:
    """Return to which addresses a message goes, each once.

    Raises:
        FieldError: for one that is no address, or if there is none.
    """
    found: list[str] = []
    for name in ("To", "Cc"):
        for header in message.get_all(name, []):
            found += [address(one.display_name, one.addr_spec).addr_spec for one in header.addresses]
    if not found:
        raise FieldError("it has no recipient")
    return list(dict.fromkeys(found))


def people_addresses(
    names: Sequence[str], addresses: Mapping[str, str]
) -> tuple[tuple[tuple[str, str], ...], list[str]]:
    """Return (name, address) of those who have one, and the names of the others."""
    known = tuple((name, addresses[name]) for name in names if addresses.get(name))
    return known, [name for name in names if not addresses.get(name)]
