"""``workbook.toml`` as a frozen ``Settings``: severities, deadlines, calendar, steps, people, privacy.

Every number of the process is a setting with a default. An unknown key or a value that makes no sense is refused with
its line and the nearest valid key.
"""

from incident_lib.settings.base import WEEKDAYS, Span
from incident_lib.settings.inputs import Chat, Database, FileRule, Limits, Sources
from incident_lib.settings.mistakes import line_of
from incident_lib.settings.people import Messages, Smtp
from incident_lib.settings.process import STEPS, Calendar, Severities, Step
from incident_lib.settings.whole import FILE_NAME, PROFILES, Settings, parse_settings, read_settings

__all__ = [
    "FILE_NAME", "PROFILES", "STEPS", "WEEKDAYS", "Calendar", "Chat", "Database", "FileRule", "Limits", "Messages",
    "Settings", "Severities", "Smtp", "Sources", "Span", "Step", "line_of", "parse_settings", "read_settings",
]  # fmt: skip
