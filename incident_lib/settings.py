"""``workbook.toml`` as a frozen ``Settings``: severities, deadlines, calendar, steps, people, privacy.

Every number of the process is a setting with a default. An unknown key or a value that makes no sense is refused with
its line and the nearest valid key.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal, get_args
from zoneinfo import ZoneInfo, available_timezones

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)

from incident_lib.errors import SettingsError
from incident_lib.factors import FACTORS, SURPRISE_WORDS
from incident_lib.rules import Rule, in_force
from incident_lib.tables import SEVERITIES

FILE_NAME = "workbook.toml"
Severity = Literal["critical", "high", "medium", "low"]
Weekday = Literal["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
WEEKDAYS: tuple[str, ...] = get_args(Weekday)


def _known_zone(name: str) -> str:
    if name not in available_timezones():
        nearest = difflib.get_close_matches(name, available_timezones(), 1)
        hint = f"; did you mean {nearest[0]!r}?" if nearest else ""
        raise ValueError(f"unknown time zone {name!r}, expected a name such as 'Europe/Berlin'{hint}")
    return name


Zone = Annotated[str, AfterValidator(_known_zone)]


class Model(BaseModel):
    """A part of the settings: frozen, and closed to unknown keys."""

    # a traceback with the input in it could show a password
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)


class Span(Model):
    """A number of days, written "5 business days" or "3 calendar days"."""

    days: int = Field(ge=0, le=3660)
    business: bool

    @classmethod
    def parse(cls, text: Any) -> Any:
        """Return the span that a text states; anything but a text is left to the model itself."""
        if not isinstance(text, str):
            return text
        match = re.fullmatch(r"(\d{1,4}) (business|calendar) days?", text.strip())
        if not match:
            raise ValueError(f"not a span of days: {text!r}; expected '5 business days' or '3 calendar days'")
        return cls(days=int(match[1]), business=match[2] == "business")

    def __str__(self) -> str:
        return f"{self.days} {'business' if self.business else 'calendar'} day{'' if self.days == 1 else 's'}"


SpanText = Annotated[Span, BeforeValidator(Span.parse)]


class Workbook(Model):
    """Who keeps this workbook, and in which time zone its days begin and end."""

    name: str = "Incident workbook"
    zone: Zone = "UTC"
    profile: Literal["default", "pagerduty"] = "default"

    @property
    def tz(self) -> ZoneInfo:
        """Return the workbook's time zone."""
        return ZoneInfo(self.zone)


class Severities(Model):
    """Which severities are major (need a post-mortem), and what the sources' own words mean."""

    major: tuple[Severity, ...] = Field(default=("critical", "high"), strict=False, min_length=1)
    aliases: dict[str, Severity] = {}


class Calendar(Model):
    """Which days are business days; holidays come from the ``holidays`` library by country and subdivision."""

    country: str | None = None
    subdivision: str | None = None
    workdays: tuple[Weekday, ...] = Field(default=("Mon", "Tue", "Wed", "Thu", "Fri"), strict=False, min_length=1)
    extra_holidays: tuple[date, ...] = Field(default=(), strict=False)
    removed_holidays: tuple[date, ...] = Field(default=(), strict=False)


class PlaceCalendar(Calendar):
    """A calendar of its own, and if need be a time zone, for what concerns some customers or teams."""

    name: str
    zone: Zone | None = None
    customers: tuple[str, ...] = Field(default=(), strict=False)
    teams: tuple[str, ...] = Field(default=(), strict=False)

    @model_validator(mode="after")
    def _for_somebody(self) -> PlaceCalendar:
        if not (self.customers or self.teams):
            raise ValueError("a calendar of its own needs the customers or teams that it is for")
        return self


_FIVE = {severity: Span(days=5, business=True) for severity in SEVERITIES}
StartEvent = Literal["started_at", "detected_at", "resolved_at"]


class EarlierRule(Model):
    """The deadlines for incidents whose clock started before the day ``until``; what it doesn't state is as now."""

    until: date
    meeting: dict[Severity, SpanText] = {}
    page: dict[Severity, SpanText] = {}


class Deadlines(Model):
    """How long meeting, page, and action items may take, counted from ``start`` of the incident.

    ``start_by_severity`` names another start for some severities, ``action_item_priorities`` a span for action items
    of a priority (it goes before their kind's), ``earlier`` the rules that held before the present one.
    """

    start: StartEvent = "resolved_at"
    start_by_severity: dict[Severity, StartEvent] = {}
    meeting: dict[Severity, SpanText] = _FIVE
    page: dict[Severity, SpanText] = _FIVE
    action_items: dict[str, SpanText] = {
        "clean-up": Span(days=5, business=True),
        "prevent": Span(days=30, business=False),
        "detect": Span(days=30, business=False),
        "mitigate": Span(days=30, business=False),
        "process": Span(days=30, business=False),
    }
    action_item_priorities: dict[str, SpanText] = {}
    earlier: tuple[EarlierRule, ...] = Field(default=(), strict=False)

    @field_validator("earlier")
    @classmethod
    def _in_order(cls, rules: tuple[EarlierRule, ...]) -> tuple[EarlierRule, ...]:
        days = [rule.until for rule in rules]
        if days != sorted(set(days)):
            raise ValueError("earlier rules stand in the order of their days, each day once")
        return rules

    def start_of(self, severity: str) -> StartEvent:
        """Return the event from which the deadlines of a severity are counted."""
        return self.start_by_severity.get(severity, self.start)  # type: ignore[call-overload]


When = Literal["always", "customers", "touches", "customers-or-touches", "critical"]


class Step(Model):
    """One step of the follow-up: data, not code.

    ``due`` counts from ``after``: resolved, deadline (the page's), meeting, or tasks (the day when they were done). A
    step that is due some time *before* the meeting states ``hours_before`` instead. ``every`` makes it come again, so
    long after each time that it was done, until the page is complete. ``when`` says which incidents need it: those
    with affected customers, with action items that touch customers' systems, with either, or critical ones. ``said``
    are words by which a person's message in the incident's chat, after its end, shows that the step was done.
    """

    id: str = Field(pattern=r"^[a-z][a-z0-9-]*$")
    title: str
    whose: Literal["on-call", "owner", "incident commander", "customer liaison"] = "owner"
    after: Literal["resolved", "deadline", "meeting", "tasks"] = "resolved"
    due: SpanText = Span(days=5, business=True)
    every: SpanText | None = None
    hours_before: int | None = Field(default=None, ge=1, le=240)
    when: When = "always"
    said: tuple[str, ...] = Field(default=(), strict=False)


def _step(id: str, title: str, **rest: Any) -> Step:
    return Step(id=id, title=title, **rest)


_AT_ONCE, _NEXT_DAY, _TWO_DAYS, _FIVE_DAYS = "0 business days", "1 business day", "2 business days", "5 business days"
STEPS = (
    _step("page-created", "Post-mortem page created", whose="on-call", due=_NEXT_DAY),
    _step("owner-assigned", "Owner assigned", whose="on-call", due=_NEXT_DAY),
    _step("tasks-recorded", "Clean-up tasks added or handed over", whose="on-call", due=_NEXT_DAY),
    _step("slack-reviewed", "Slack history reviewed", whose="on-call", due=_TWO_DAYS),
    _step("customer-contacted", "Customer contacted", whose="on-call", due=_NEXT_DAY, when="customers-or-touches"),
    _step("internal-email", "Internal e-mail sent", whose="on-call", due=_NEXT_DAY),
    _step("meeting-scheduled", "Post-mortem meeting scheduled", due=_NEXT_DAY),
    _step("progress-checked", "Progress checked", whose="on-call", due=_TWO_DAYS, every=_TWO_DAYS),
    _step("page-completed", "Page completed", after="deadline", due=_AT_ONCE),
    _step("page-shared", "Page shared 24 hours before the meeting", after="meeting", hours_before=24),
    _step("meeting-held", "Post-mortem meeting held", due=_FIVE_DAYS),
    _step("external-message", "External message posted", due=_FIVE_DAYS, when="critical"),
    _step("all-clear", "Customer told that all is clear", whose="on-call", after="tasks", due=_TWO_DAYS,
          when="touches"),
    _step("closed", "Post-mortem closed", after="tasks", due=_FIVE_DAYS),
)  # fmt: skip


class Person(Model):
    """Somebody whom the records name; ``away`` are days off of their own, on which no reminder is written."""

    name: str
    email: str | None = None
    handle: str | None = None
    roles: tuple[str, ...] = Field(default=(), strict=False)
    team: str | None = None
    zone: Zone | None = None
    interested: bool = False
    away: tuple[date, ...] = Field(default=(), strict=False)


class Customer(Model):
    """A customer, with the names by which chat and alerts know it, and where to write."""

    name: str
    aliases: tuple[str, ...] = Field(default=(), strict=False)
    email: str | None = None


def _mail_address(text: str) -> str:
    if (
        not re.fullmatch(r"[^@\s\x00-\x1f\x7f<>(),;:\\\"\[\]]+@[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?", text)
        or ".." in text
    ):
        raise ValueError(f"not a mail address: {text!r}; expected one such as 'ops@our-company.example'")
    return text


Address = Annotated[str, AfterValidator(_mail_address)]


class Messages(Model):
    """Whom the internal e-mail goes to, who signs, from which address letters come, and where pages can be read.

    ``page_url`` is an address with ``{id}`` in it; without one, the internal e-mail tells what happened itself.
    """

    internal_to: Address | None = None
    signed: str | None = None
    sender: Address | None = None
    page_url: str | None = Field(default=None, pattern=r"^https?://[^\s<>\"]+$")


class Smtp(Model):
    """The mail server. The password is never written here: ``password_env`` names the variable that holds it.

    ``security`` starttls and tls both refuse to go on without a certificate that is valid for the host;
    ``certificates`` is a file of your own authority's, where the system doesn't know it. "none" is for a relay on this
    very machine.
    """

    host: str | None = None
    port: int = Field(default=587, ge=1, le=65535)
    security: Literal["starttls", "tls", "none"] = "starttls"
    user: str | None = None
    password_env: str = Field(default="INCIDENTS_SMTP_PASSWORD", pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")
    certificates: str | None = None
    seconds: int = Field(default=30, ge=1, le=600)

    @model_validator(mode="after")
    def _no_open_password(self) -> Smtp:
        if self.user and self.security == "none" and self.host not in ("localhost", "127.0.0.1", "::1"):
            raise ValueError("a password would cross the network in the open; use security = 'starttls' or 'tls'")
        return self


ClockTime = Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")]


class Meetings(Model):
    """When meetings may be held, and who is invited.

    ``slots`` are the times of day (in the workbook's zone) at which a post-mortem meeting may begin, on business days;
    ``notice_hours`` lie at least between the invitation and the meeting. The process review is on the ``review_day``
    of each ``review_every``: its ``review_week``-th one of the month, at ``review_at``.
    """

    slots: tuple[ClockTime, ...] = Field(default=("10:00", "11:00", "14:00", "15:00"), strict=False, min_length=1)
    minutes: int = Field(default=30, ge=5, le=240)
    notice_hours: int = Field(default=48, ge=0, le=240)
    place: str | None = None
    liaisons_for: tuple[Severity, ...] = Field(default=("critical",), strict=False)
    review_every: Literal["month", "quarter"] = "quarter"
    review_week: int = Field(default=2, ge=1, le=4)
    review_day: Weekday = "Thu"
    review_at: ClockTime = "10:00"
    review_minutes: int = Field(default=30, ge=5, le=240)


class Reminders(Model):
    """On which days owners are reminded of what is open: business days before (negative) and after it is due."""

    days: tuple[Annotated[int, Field(ge=-30, le=60)], ...] = Field(default=(-2, 0, 1, 3, 5), strict=False)


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


class Sources(Model):
    """How sources are joined: which one is believed first where several tell of the same incident."""

    precedence: tuple[str, ...] = Field(default=("pages", "tabular", "pagerduty", "statuspage", "slack"), strict=False)
    incident_id: str = r"\bINC-\d{4}-\d{3,}\b"
    history: Literal["auto", "never"] = "auto"
    history_hours: int = Field(default=24, ge=0, le=8760)
    cache_megabytes: int = Field(default=20, ge=0)
    limits: Limits = Limits()


class Privacy(Model):
    """What never leaves the house, beside secrets: internal host names, and words of your own."""

    internal_hosts: tuple[str, ...] = Field(default=(".internal", ".local", ".lan"), strict=False)
    words: tuple[str, ...] = Field(default=(), strict=False)


class Page(Model):
    """How pages are drafted: the template, and a command that may write a summary (none by default).

    ``template`` is the name of one of ours (``postmortem.md.j2``, ``pagerduty.md.j2``), or of a file in the workbook's
    own ``templates`` folder, which is looked at first. ``summariser`` is a command and its arguments: it gets the
    redacted facts as JSON on stdin, and what it prints goes into the page, marked as written by a machine.
    """

    template: str = Field(default="postmortem.md.j2", pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    summariser: tuple[str, ...] = Field(default=(), strict=False)
    summariser_seconds: int = Field(default=60, ge=1, le=600)


class Review(Model):
    """How the process is reviewed: how long the meeting is, and below which number a group is given no figure.

    ``factors`` names kinds of contributing factors, and the words by which they are known in a page's text.
    """

    minutes: int = Field(default=30, ge=10, le=240)
    small_group: int = Field(default=5, ge=2, le=100)
    opens: str = Field(default="08:00", pattern=r"^([01]\d|2[0-3]):[0-5]\d$")
    closes: str = Field(default="18:00", pattern=r"^([01]\d|2[0-3]):[0-5]\d$")
    factors: dict[str, Annotated[tuple[str, ...], Field(strict=False)]] = FACTORS
    surprise_words: tuple[str, ...] = Field(default=SURPRISE_WORDS, strict=False)

    @model_validator(mode="after")
    def _opens_first(self) -> Review:
        if self.opens >= self.closes:
            raise ValueError(f"working hours must open before they close: {self.opens!r} to {self.closes!r}")
        return self


class Reports(Model):
    """How reports are published: plotly.js inside each page (2 MB, one file is all), or one shared file beside them."""

    plotly: Literal["inside", "shared"] = "inside"


class Settings(Model):
    """All settings of a workbook, with the defaults of the process that README describes."""

    workbook: Workbook = Workbook()
    severities: Severities = Severities()
    calendar: Calendar = Calendar()
    calendars: tuple[PlaceCalendar, ...] = Field(default=(), strict=False)
    deadlines: Deadlines = Deadlines()
    steps: tuple[Step, ...] = Field(default=STEPS, strict=False, min_length=1)
    people: tuple[Person, ...] = Field(default=(), strict=False)
    customers: tuple[Customer, ...] = Field(default=(), strict=False)
    messages: Messages = Messages()
    smtp: Smtp = Smtp()
    meetings: Meetings = Meetings()
    reminders: Reminders = Reminders()
    chat: Chat = Chat()
    files: tuple[FileRule, ...] = Field(default=(), strict=False)
    databases: tuple[Database, ...] = Field(default=(), strict=False)
    sources: Sources = Sources()
    privacy: Privacy = Privacy()
    page: Page = Page()
    rules: tuple[Rule, ...] = Field(default=(), strict=False)
    review: Review = Review()
    reports: Reports = Reports()

    @property
    def rules_in_force(self) -> tuple[Rule, ...]:
        """Return the rules of the process: ours, with the stated ones laid over them."""
        return in_force(self.rules)


_PAGERDUTY: dict[str, Any] = {
    "meeting": {"critical": "3 calendar days"},
    "page": {"critical": "3 calendar days"},
    "action_items": {"clean-up": "15 calendar days", "mitigate": "15 calendar days"},
}
_DEADLINES = Deadlines().model_dump(include={"meeting", "page", "action_items"})
PROFILES: dict[str, dict[str, Any]] = {"default": {}, "pagerduty": {"deadlines": _PAGERDUTY}}


def read_settings(folder: Path) -> Settings:
    """Return the settings of a workbook's folder.

    Raises:
        SettingsError: if there is no ``workbook.toml``, it is not TOML, or a key or value is wrong.
    """
    path = folder / FILE_NAME
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise SettingsError(
            f"{folder} is no workbook: it has no {FILE_NAME}; 'incidents init {folder}' would make one"
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} can't be read as UTF-8 text: {error}") from error
    return parse_settings(text, name=str(path))


def parse_settings(text: str, *, name: str = FILE_NAME) -> Settings:
    """Return the settings that a TOML text states, over its profile's and our defaults.

    Raises:
        SettingsError: with the line, and the nearest valid key for an unknown one.
    """
    try:
        stated = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise SettingsError(f"{name} is not valid TOML: {error}") from error
    defaults = _over({"deadlines": _DEADLINES}, PROFILES.get(_profile_name(stated), {}))
    try:
        return Settings.model_validate(_over(defaults, stated))
    except ValidationError as error:
        first = min(error.errors(), key=lambda one: one["type"] != "extra_forbidden")
        line = line_of(text, first["loc"])
        raise SettingsError(f"{_explained(first)} @ {name}{f' line {line}' if line else ''}") from error


def _profile_name(stated: dict[str, Any]) -> str:
    workbook = stated.get("workbook")
    return str(workbook.get("profile", "default")) if isinstance(workbook, dict) else "default"


def _over(base: Any, stated: Any) -> Any:
    """Return nested dictionaries with ``stated`` laid over ``base``."""
    if not (isinstance(base, dict) and isinstance(stated, dict)):
        return stated
    return {key: _over(base[key], stated[key]) if key in base and key in stated else stated.get(key, base.get(key))
            for key in (*base, *(key for key in stated if key not in base))}  # fmt: skip


def _explained(error: Any) -> str:
    """Return one pydantic error as our sentence."""
    place = ".".join(str(part) for part in error["loc"])
    if error["type"] == "extra_forbidden":
        nearest = difflib.get_close_matches(str(error["loc"][-1]), valid_keys(error["loc"][:-1]), 1, cutoff=0.5)
        hint = f"did you mean {nearest[0]!r}?" if nearest else f"expected {_listed(valid_keys(error['loc'][:-1]))}"
        return f"unknown setting {place!r}; {hint}"
    message = error["msg"].removeprefix("Value error, ")
    # what a database's settings hold may be a password
    shown = "" if error["loc"][0] == "databases" else f" (it is {error['input']!r})"
    return f"setting {place!r}: {message[0].lower()}{message[1:]}{shown}"


def _listed(names: list[str]) -> str:
    return ", ".join(names[:-1]) + (" or " if len(names) > 1 else "") + names[-1] if names else "nothing here"


def valid_keys(location: tuple[str | int, ...]) -> list[str]:
    """Return the keys that the settings know at a place such as ``("deadlines",)``."""
    model: Any = Settings
    for part in location:
        if isinstance(part, int):
            continue
        annotation = model.model_fields[part].annotation
        models = [kind for kind in (annotation, *get_args(annotation)) if isinstance(kind, type) and
                  issubclass(kind, BaseModel)]  # fmt: skip
        if not models:
            return []
        model = models[0]
    return [field.alias or name for name, field in model.model_fields.items()]


def line_of(text: str, location: tuple[str | int, ...]) -> int | None:
    """Return the line (from 1) of a TOML text where a setting stands, or the nearest enclosing one; None if unknown.

    ``tomllib`` keeps no positions; this reads the headers and keys line by line, which is exact but for keys hidden in
    multi-line strings.
    """
    lines = dict(_places(text))
    names = tuple(part for part in location)
    while names:
        if names in lines:
            return lines[names]
        names = names[:-1]
    return None


def _places(text: str) -> list[tuple[tuple[str | int, ...], int]]:
    places: list[tuple[tuple[str | int, ...], int]] = []
    table: tuple[str | int, ...] = ()
    counts: dict[tuple[str, ...], int] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        header = re.match(r"\s*(\[\[?)\s*([^\[\]]+?)\s*\]\]?\s*(#.*)?$", line)
        key = re.match(r"\s*([A-Za-z0-9_.\"'-]+)\s*=", line)
        if header:
            name = _parts(header[2])
            if header[1] == "[[":
                counts[name] = counts.get(name, -1) + 1
                table = (*name, counts[name])
            else:
                table = name
            places.append((table, number))
        elif key:
            places.append(((*table, *_parts(key[1])), number))
            inner = re.findall(r"[{,]\s*([A-Za-z0-9_\"'-]+)\s*=", line[key.end() :])
            places.extend(((*table, *_parts(key[1]), *_parts(name)), number) for name in inner)
    return places


def _parts(name: str) -> tuple[str, ...]:
    return tuple(part.strip().strip("\"'") for part in name.split("."))
