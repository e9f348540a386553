"""``workbook.toml`` as one frozen ``Settings``, laid over the defaults of its profile."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

from incident_lib.errors import SettingsError
from incident_lib.review.rules import Rule, in_force
from incident_lib.settings.base import Model
from incident_lib.settings.fetch import Fetch
from incident_lib.settings.inputs import Chat, Database, FileRule, Sources
from incident_lib.settings.mistakes import explained, line_of
from incident_lib.settings.outputs import Page, Privacy, Reports, Review
from incident_lib.settings.people import Customer, Meetings, Messages, Person, Reminders, Smtp
from incident_lib.settings.process import (
    STEPS,
    Calendar,
    Deadlines,
    PlaceCalendar,
    Severities,
    Step,
    Workbook,
)  # fmt: skip
from incident_lib.settings.schedule import Retention, Schedule
from incident_lib.settings.tell import Tell

FILE_NAME = "workbook.toml"


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
    schedule: Schedule = Schedule()
    retention: Retention = Retention()
    fetch: Fetch = Fetch()
    tell: Tell = Tell()

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
    except (FileNotFoundError, NotADirectoryError) as error:
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
        sentence, place = explained(error, Settings)
        line = line_of(text, place)
        raise SettingsError(f"{sentence} @ {name}{f' line {line}' if line else ''}") from error


def _profile_name(stated: dict[str, Any]) -> str:
    workbook = stated.get("workbook")
    return str(workbook.get("profile", "default")) if isinstance(workbook, dict) else "default"


def _over(base: Any, stated: Any) -> Any:
    """Return nested dictionaries with ``stated`` laid over ``base``."""
    if not (isinstance(base, dict) and isinstance(stated, dict)):
        return stated
    return {key: _over(base[key], stated[key]) if key in base and key in stated else stated.get(key, base.get(key))
            for key in (*base, *(key for key in stated if key not in base))}  # fmt: skip
