"""What is wrong with a ``workbook.toml``, said in one sentence with its line and the nearest valid key."""

from __future__ import annotations

import difflib
import re
from typing import Any, get_args

from pydantic import BaseModel, ValidationError


def explained(error: ValidationError, model: type[BaseModel]) -> tuple[str, tuple[str | int, ...]]:
    """Return the first mistake as a sentence, and the place in the settings where it stands."""
    first: Any = min(error.errors(), key=lambda one: one["type"] != "extra_forbidden")
    return _sentence(first, model), first["loc"]


def _sentence(error: Any, model: type[BaseModel]) -> str:
    """Return one pydantic error as our sentence."""
    place = ".".join(str(part) for part in error["loc"])
    if error["type"] == "extra_forbidden":
        nearest = difflib.get_close_matches(str(error["loc"][-1]), valid_keys(error["loc"][:-1], model), 1, cutoff=0.5)
        hint = (
            f"did you mean {nearest[0]!r}?" if nearest else f"expected {_listed(valid_keys(error['loc'][:-1], model))}"
        )
        return f"unknown setting {place!r}; {hint}"
    message = error["msg"].removeprefix("Value error, ")
    # what a database's settings hold may be a password
    shown = "" if error["loc"][0] == "databases" else f" (it is {error['input']!r})"
    return f"setting {place!r}: {message[0].lower()}{message[1:]}{shown}"


def _listed(names: list[str]) -> str:
    return ", ".join(names[:-1]) + (" or " if len(names) > 1 else "") + names[-1] if names else "nothing here"


def valid_keys(location: tuple[str | int, ...], model: Any) -> list[str]:
    """Return the keys that the settings know at a place such as ``("deadlines",)``."""
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
