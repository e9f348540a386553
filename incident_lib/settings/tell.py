"""Who is told when a run failed, or something is overdue."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from incident_lib.settings.base import Model
from incident_lib.settings.people import Address


class Tell(Model):
    """Addresses that get a mail, and the variable that holds a webhook's URL; nobody is told twice a day of one thing.

    The URL is a secret, so it is never written here. ``overdue`` tells of post-mortems and action items as well.
    """

    mail_to: tuple[Address, ...] = Field(default=(), strict=False)
    webhook_env: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")] | None = None
    overdue: bool = True
