"""What every part of the settings is made of: a closed model, time zones, severities, spans of days."""

from __future__ import annotations

import difflib
import re
from typing import Annotated, Any, Literal, get_args
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

Severity = Literal["critical", "high", "medium", "low"]
Weekday = Literal["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
WEEKDAYS: tuple[str, ...] = get_args(Weekday)


def _is_zone(name: str) -> bool:
    """Tell whether there is a zone of this name; the list of all is only read where a name looks odd or isn't there."""
    try:
        return bool(re.fullmatch(r"[A-Z][\w+/-]*", name)) and ZoneInfo(name).key == name
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False


def _known_zone(name: str) -> str:
    if not _is_zone(name) and name not in available_timezones():
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

ClockTime = Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")]
