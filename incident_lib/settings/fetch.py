"""Which tools are asked over the network, and where their tokens are: never here, always in the environment."""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated

from pydantic import AfterValidator, Field

from incident_lib.settings.base import Model

_LOOPBACK = re.compile(r"http://(?:127\.0\.0\.1|localhost|\[::1\])(?::\d{1,5})?(?:/[^\s?#@]*)?")


def _safe_address(text: str) -> str:
    """Return an address that a token may be sent to: encrypted, or on this very machine."""
    if not (re.fullmatch(r"https://[^\s/?#@]+(?:/[^\s?#@]*)?", text) or _LOOPBACK.fullmatch(text)):
        raise ValueError(f"not an address that a token may be sent to: {text!r}; expected one with https://")
    return text.rstrip("/")


Address = Annotated[str, AfterValidator(_safe_address)]
Variable = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]


class PagerDutyAccount(Model):
    """An account of PagerDuty; ``since`` is the first day that is fetched."""

    since: date = Field(strict=False)
    url: Address = "https://api.pagerduty.com"
    token_env: Variable = "PAGERDUTY_TOKEN"


class StatuspagePage(Model):
    """A page of Statuspage, by its id."""

    page: str = Field(pattern=r"^[A-Za-z0-9]{1,40}$")
    url: Address = "https://api.statuspage.io"
    token_env: Variable = "STATUSPAGE_TOKEN"


class SlackWorkspace(Model):
    """A workspace of Slack: its channels by name, and the first day that is fetched.

    ``private`` channels are only looked for if asked for: a token that may not see any would be refused.
    """

    channels: tuple[str, ...] = Field(strict=False, min_length=1)
    private: bool = False
    since: date = Field(strict=False)
    url: Address = "https://slack.com/api"
    token_env: Variable = "SLACK_TOKEN"


class Fetch(Model):
    """What ``incidents fetch`` asks, and how patiently: time-outs, attempts, and the longest wait that it accepts."""

    pagerduty: PagerDutyAccount | None = None
    statuspage: StatuspagePage | None = None
    slack: SlackWorkspace | None = None
    seconds: int = Field(default=30, ge=1, le=600)
    attempts: int = Field(default=6, ge=1, le=20)
    longest_wait_seconds: int = Field(default=300, ge=1, le=3600)
    answer_megabytes: int = Field(default=50, ge=1, le=1000)
