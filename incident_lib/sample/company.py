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
    """A service on offer: the register's name, PagerDuty's id and title, and the status page's component."""

    name: str
    pagerduty_id: str
    title: str
    component: str


SERVICES = {
    service.name: service
    for service in (
        Service("mail", "PSML001", "Mail (Postfix, Dovecot)", "E-mail"),
        Service("DNS", "PSDN002", "DNS (authoritative and resolvers)", "Domain names"),
        Service("shared hosting", "PSSH003", "Shared hosting", "Websites"),
        Service("managed PostgreSQL", "PSPG004", "Managed PostgreSQL", "Databases"),
        Service("VPN", "PSVP005", "Customer VPN", "VPN"),
        Service("backups", "PSBK006", "Backups", "Backups"),
        Service("object storage", "PSOS007", "Object storage (Ceph, S3)", "Object storage"),
        Service("load balancers", "PSLB008", "Load balancers (HAProxy)", "Websites"),
        Service("monitoring", "PSMO009", "Monitoring (Prometheus)", "Monitoring"),
        Service("customer portal", "PSCP010", "Customer portal", "Customer portal"),
        Service("network", "PSNW011", "Network core and uplinks", "Network"),
        Service("virtual servers", "PSVM012", "Hypervisors and virtual servers", "Servers"),
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
