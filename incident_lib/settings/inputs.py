"""What is read, and how: the chat, files, databases, their limits, and which source is believed first."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, SecretStr

from incident_lib.settings.base import Model, Zone

STATUS_WORDS = (
    "mitigated", "resolved", "all clear", "rolled back", "rolling back", "roll back", "failed over", "failing over",
    "failover", "restarted", "rebooted", "raising to", "lowering to", "raised to", "lowered to", "back up", "recovered",
    "back to normal", "declaring", "impact has stopped", "taking over as", "take over as", "handing over", "hand-off",
    "incident commander", "deployed", "config pushed",
)  # fmt: skip
GUESS_WORDS = (
    "my guess", "i guess", "i think", "i suspect", "suspect", "theory", "hypothesis", "maybe", "perhaps", "could it be",
    "might be", "looks like", "probably", "cause narrowed down", "likely",
)  # fmt: skip


class Chat(Model):
    """Which chat messages belong to an incident, and which of them are key.

    ``workspace_url`` is where the workspace is read, as in "https://our-company.slack.com"; messages of an export that
    knows its channels' ids then have their own address.
    """

    workspace_url: str | None = Field(default=None, pattern=r"^https?://[^\s<>\"?#|]+$")
    channels: tuple[str, ...] = Field(default=("incidents", "ops"), strict=False)
    minutes_before: int = Field(default=15, ge=0, le=1440)
    minutes_after: int = Field(default=60, ge=0, le=1440)
    key_reactions: tuple[str, ...] = Field(default=("pushpin", "star", "memo"), strict=False)
    scribe_prefixes: tuple[str, ...] = Field(default=("scribe:", "timeline:", "note:"), strict=False)
    todo_prefixes: tuple[str, ...] = Field(default=("todo:", "action:", "ai:"), strict=False)
    commands: tuple[str, ...] = Field(default=("/incident", "/inc", "!incident", "!inc", "/severity"), strict=False)
    status_words: tuple[str, ...] = Field(default=STATUS_WORDS, strict=False)
    guess_words: tuple[str, ...] = Field(default=GUESS_WORDS, strict=False)
    quiet_minutes: int = Field(default=20, ge=1, le=1440)


DataTable = Literal[
    "incidents", "timeline", "messages", "postmortems", "action_items", "follow_ups", "people", "decisions"
]


class FileRule(Model):
    """How to read files that a pattern names, where their content leaves it open."""

    path: str
    table: Literal["incidents", "timeline", "messages", "postmortems", "action_items", "people"] | None = None
    zone: Zone | None = None
    time_format: str | None = None
    columns: dict[str, str] = {}
    ignore: bool = False


class Database(Model):
    """A database that is read as a source: SQLite or PostgreSQL, by a URL or the environment variable that holds it.

    Tables named like ours are read, in ``schema`` if one is stated; ``queries`` give a table another way. ``zone`` is
    that of times without an offset.
    """

    name: str = Field(default="db", pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._-]{0,40}$")
    url: SecretStr | None = None
    url_env: str | None = Field(default=None, pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")
    within: str | None = Field(default=None, alias="schema")
    queries: dict[DataTable, str] = {}
    zone: Zone | None = None


class Limits(Model):
    """What a source may cost before it is refused."""

    file_megabytes: int = Field(default=2048, ge=1)
    member_megabytes: int = Field(default=100, ge=1)
    archive_megabytes: int = Field(default=2048, ge=1)
    archive_members: int = Field(default=50_000, ge=1)
    archive_ratio: int = Field(default=200, ge=2)
    nesting: int = Field(default=100, ge=4)
    front_matter_kilobytes: int = Field(default=64, ge=1)
    page_kilobytes: int = Field(default=400, ge=1)
    text_kilobytes: int = Field(default=1000, ge=1)


# What people wrote down first, then the tools that respond, then what was told to the public, then texts of others.
PRECEDENCE = (
    "pages", "tabular", "sql", "pagerduty", "incident_io", "firehydrant", "rootly", "opsgenie", "servicenow", "jira",
    "github_issues", "statuspage", "github_status", "googlecloud", "slack", "foreign_pages",
)  # fmt: skip


class Sources(Model):
    """How sources are joined: which one is believed first where several tell of the same incident."""

    precedence: tuple[str, ...] = Field(default=PRECEDENCE, strict=False)
    incident_id: str = r"\bINC-\d{4}-\d{3,}\b"
    history: Literal["auto", "never"] = "auto"
    history_hours: int = Field(default=24, ge=0, le=8760)
    cache_megabytes: int = Field(default=20, ge=0)
    limits: Limits = Limits()
