"""YAML front matter in the small form that our pages need: scalars, lists, and flow mappings on one line."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

_PLAIN = re.compile(r"[A-Za-zÀ-ÿ0-9][\w À-ÿ.,'’/()&@+-]*")
_WORDS = {"y", "n", "yes", "no", "on", "off", "true", "false", "null", "none", ""}


def scalar(value: Any, *, flow: bool = False) -> str:
    """Return a value as YAML; what could be read as anything but this text is quoted. None is left empty."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%dT%H:%M:%SZ}"
    if isinstance(value, date):
        return value.isoformat()
    text = str(value)
    plain = _PLAIN.fullmatch(text) and text[-1] != " " and not (flow and "," in text)
    wordy = text.casefold() in _WORDS or re.match(r"[\d.+-]", text)
    return text if plain and not wordy else json.dumps(text, ensure_ascii=False)


def names(values: list[str]) -> str:
    """Return names as a flow list."""
    return "[" + ", ".join(scalar(value, flow=True) for value in values) + "]"


def mapping(values: Mapping[str, Any]) -> str:
    """Return filled values as a flow mapping."""
    return "{" + ", ".join(f"{key}: {_flow(value)}" for key, value in values.items() if value) + "}"


def _flow(value: Any) -> str:
    return names(value) if isinstance(value, list) else scalar(value, flow=True)


def field(name: str, value: Any, indent: str = "") -> str:
    """Return one line: a name and its value."""
    text = names(value) if isinstance(value, list) else scalar(value)
    return f"{indent}{name}: {text}".rstrip()
