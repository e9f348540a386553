"""Northlight Hosting: its people and customers (read from ``workbook.toml`` beside this file) and its services."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

HERE = Path(__file__).parent
ZONE = ZoneInfo("America/Detroit")
PAGERDUTY = "https://northlight.pagerduty.com"
SLACK = "https://northlight.slack.com"


@dataclass(frozen=True)
class Person:
    """Somebody who works at Northlight."""

    name: str
    email: str
    handle: str
    roles: tuple[str, ...]
    zone: str
    number: int

    @property
    def slack_id(self) -> str:
        """Return the id by which the chat knows them."""
        return f"U07NL{self.number:03d}"

    @property
    def pagerduty_id(self) -> str:
        """Return the id by which PagerDuty knows them."""
        return f"PU{self.number:03d}{self.handle[:2].upper()}"


@dataclass(frozen=True)
class Customer:
    """Somebody whom Northlight hosts; ``alias`` is also part of their hosts' names."""

    name: str
    alias: str


@dataclass(frozen=True)
class Service:
    """A service on offer; it has the same name in every tool, for once."""

    name: str
    pagerduty_id: str


SERVICES = {
    service.name: service
    for service in (
        Service("mail", "PSML001"),
        Service("DNS", "PSDN002"),
        Service("shared hosting", "PSSH003"),
        Service("managed PostgreSQL", "PSPG004"),
        Service("VPN", "PSVP005"),
        Service("backups", "PSBK006"),
        Service("object storage", "PSOS007"),
        Service("load balancers", "PSLB008"),
        Service("monitoring", "PSMO009"),
        Service("customer portal", "PSCP010"),
        Service("network", "PSNW011"),
        Service("virtual servers", "PSVM012"),
    )
}


@cache
def people() -> tuple[Person, ...]:
    """Return everybody of Northlight, in the order of ``workbook.toml``."""
    return tuple(
        Person(one["name"], one["email"], one["handle"], tuple(one["roles"]), one["zone"], number)
        for number, one in enumerate(_workbook()["people"], start=1)
    )


@cache
def customers() -> tuple[Customer, ...]:
    """Return all customers, in the order of ``workbook.toml``."""
    return tuple(Customer(one["name"], one["aliases"][0]) for one in _workbook()["customers"])


@cache
def with_role(role: str) -> tuple[Person, ...]:
    """Return the people who have a role."""
    return tuple(person for person in people() if role in person.roles)


@cache
def person(key: str) -> Person:
    """Return the person with this handle or name."""
    return next(one for one in people() if key in (one.handle, one.name))


def workbook_text() -> str:
    """Return the settings file of the sample workbook."""
    return (HERE / "workbook.toml").read_text(encoding="utf-8")


@cache
def _workbook() -> dict:
    return tomllib.loads(workbook_text())
