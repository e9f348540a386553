"""An edit of ``workbook.toml`` that changes one line: whoever wants to be invited to process reviews."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from incident_lib.errors import SettingsError, WorkbookError
from incident_lib.files import replace_unless_changed
from incident_lib.settings import FILE_NAME, line_of, parse_settings


def set_interested(folder: Path, name: str, wanted: bool) -> bool:
    """Write down in the settings whether a person wants to be invited to process reviews; tell if that was news.

    Every other line, comment and line end stays. Somebody who is not in the settings yet gets an entry.

    Raises:
        SettingsError: if the settings can't be read.
        WorkbookError: if they can't be changed without touching anything else, or written.
    """
    path = folder / FILE_NAME
    try:
        before = path.read_bytes()
        text = before.decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} can't be read as UTF-8 text: {error}") from error
    after = with_interest(text, name, wanted)
    parse_settings(after, name=str(path))
    if after != text and not replace_unless_changed(path, before, after.encode("utf-8")):
        raise WorkbookError(f"{path} was not changed: somebody else saved it just now; try once more")
    return after != text


def with_interest(text: str, name: str, wanted: bool) -> str:
    """Return a settings' text with a person's interest in it.

    Raises:
        WorkbookError: if their entry is written in a form in which it can't be changed alone.
    """
    stated = tomllib.loads(text)
    people = stated.get("people", [])
    place = next((number for number, one in enumerate(people) if one.get("name") == name), None)
    if place is not None and bool(people[place].get("interested", False)) == wanted:
        return text
    if place is None:
        if not wanted:
            return text
        newline = "\r\n" if "\r\n" in text else "\n"
        quoted = name.replace("\\", "\\\\").replace('"', '\\"')
        after = (
            f'{text.rstrip()}{newline}{newline}[[people]]{newline}name = "{quoted}"{newline}interested = true{newline}'
        )
    else:
        after = _changed(text, place, wanted)
    _check(after, stated, name, wanted)
    return after


def _changed(text: str, place: int, wanted: bool) -> str:
    lines = text.splitlines(keepends=True)
    value = "true" if wanted else "false"
    number = line_of(text, ("people", place, "interested"))
    if number and re.match(r"\s*interested\s*=", lines[number - 1]):
        lines[number - 1] = re.sub(r"=\s*(true|false)", f"= {value}", lines[number - 1], count=1)
        return "".join(lines)
    number = line_of(text, ("people", place, "name"))
    if number:
        end = re.search(r"\r?\n?$", lines[number - 1])
        lines.insert(number, f"interested = {value}{end[0] if end and end[0] else chr(10)}")
    return "".join(lines)


def _check(after: str, stated: dict[str, object], name: str, wanted: bool) -> None:
    """See that nothing else changed."""
    refusal = f"the entry of {name!r} can't be changed alone; set interested = {'true' if wanted else 'false'} by hand"
    try:
        found = tomllib.loads(after)
    except tomllib.TOMLDecodeError as error:
        raise WorkbookError(refusal) from error
    now = {one.get("name"): bool(one.get("interested", False)) for one in found.get("people", [])}
    for one in (*stated.get("people", []), *found.get("people", [])):  # type: ignore[misc]
        one.pop("interested", None)
    found["people"] = [one for one in found.get("people", []) if one != {"name": name}]
    stated["people"] = [one for one in stated.get("people", []) if one != {"name": name}]  # type: ignore[union-attr]
    if found != stated or now.get(name, False) != wanted:
        raise WorkbookError(refusal)
