"""The few words that settings and tables share; apart from the tables, so that settings are read without pandas."""

from __future__ import annotations

SEVERITIES = ("critical", "high", "medium", "low")
ACTION_ITEM_KINDS = ("clean-up", "prevent", "detect", "mitigate", "process")
