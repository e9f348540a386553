"""Edits of a page's front matter that change only what they are told to; every other byte stays as its people left it.

The values to change are found by their exact places in the YAML, the new text is put there, and the result is parsed
again: it has to say what the old page said, with just this change, or the edit is refused. Nothing is written in
another form, so comments, order, unknown keys, quotes and line ends stay.
"""

from __future__ import annotations

import copy
import fcntl
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from incident_lib.errors import FieldError, WorkbookError
from incident_lib.files import replace_unless_changed
from incident_lib.follow_up.yaml_edit import Key, changed
from incident_lib.settings import Limits
from incident_lib.sources.front_matter import parse_front_matter, split_page

TRIES = 20
Change = tuple[tuple[Key, ...], Any]


def edit_page(path: Path, changes: Callable[[dict[str, Any]], Sequence[Change]]) -> bool:
    """Change a page's front matter in one step; return whether anything had to be changed.

    ``changes`` gets the front matter as it stands and returns pairs of a path of keys and the new value: None empties a
    field, a number one past a list's end appends. If somebody saves the page meanwhile, theirs is read and edited.

    Raises:
        WorkbookError: if the page can't be read, edited without touching anything else, or written.
    """
    for _ in range(TRIES):
        with _alone(path.parent):
            before = _read(path)
            try:
                text = before.decode("utf-8")
                after = edited(text, changes(_content(text)))
            except (UnicodeDecodeError, FieldError) as error:
                raise WorkbookError(f"{path} was not changed: {error}") from error
            if replace_unless_changed(path, before, after.encode("utf-8")):
                return after != text
    raise WorkbookError(f"{path} was not changed: it is being saved again and again by somebody else; try once more")


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Wait until no other command of ours edits a page of this folder; people's editors know nothing of it."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError as error:
        raise WorkbookError(f"can't read {folder}: {error.strerror}") from error
    try:
        with suppress(OSError):  # some network disks know no locks
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise WorkbookError(f"can't read {path}: {error.strerror}") from error


def _content(text: str) -> dict[str, Any]:
    return parse_front_matter(split_page(text), Limits())


def edited(text: str, changes: Sequence[Change]) -> str:
    """Return a page's text with changes made to its front matter, one after the other.

    Raises:
        FieldError: if the front matter can't be read, or a change can't be made without touching anything else.
    """
    for path, value in changes:
        before = _content(text)
        expected = _with(before, path, value)
        if _plain(before) == _plain(expected):
            continue
        start, end = _place(text)
        result = text[:start] + changed(text[start:end], path, value) + text[end:]
        _check(result, expected, path)
        text = result
    return text


def _place(text: str) -> tuple[int, int]:
    """Return where in a page its front matter begins and ends, without the fences."""
    page = split_page(text)
    end = len(text) - len(page.body)
    fence = text[:end].splitlines(keepends=True)[-1]
    return end - len(fence) - len(page.front_matter), end - len(fence)


def _check(changed: str, expected: Any, path: tuple[Key, ...]) -> None:
    where = ".".join(str(part) for part in path)
    refusal = f"its front matter is written in a form in which {where!r} can't be changed alone; change it by hand"
    try:
        found = _content(changed)
    except FieldError as error:
        raise FieldError(refusal) from error
    if _plain(found) != _plain(expected):
        raise FieldError(refusal)


def _plain(content: Any) -> Any:
    """Return parsed YAML as plain dictionaries (with their order), lists and texts, to compare."""
    if isinstance(content, dict):
        return [(key, _plain(value)) for key, value in content.items()]
    if isinstance(content, list):
        return ["list", *[_plain(value) for value in content]]
    return content if content is None or isinstance(content, bool) else str(content)


def _with(content: Any, path: tuple[Key, ...], value: Any) -> Any:
    """Return a copy of parsed front matter in which the value at a path is another one."""
    key, *rest = path
    if content is None:
        content = [] if isinstance(key, int) else {}
    _check_kind(content, key)
    result = copy.deepcopy(content)
    if isinstance(key, int) and key == len(result):
        result.append(_with(None, tuple(rest), value) if rest else value)
        return result
    inner = content[key] if isinstance(key, int) else content.get(key)
    result[key] = _with(inner, tuple(rest), value) if rest else value
    return result


def _check_kind(content: Any, key: Key) -> None:
    if isinstance(key, int) and not (isinstance(content, list) and 0 <= key <= len(content)):
        raise FieldError(f"it has no entry {key + 1}")
    if isinstance(key, str) and not isinstance(content, dict):
        raise FieldError(f"{key!r} can't be set, since what should hold it is no list of 'key: value' lines")
