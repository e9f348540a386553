"""Edits of a page's front matter that change only what they are told to; every other byte stays as its people left it.

The values to change are found by their exact places in the YAML, the new text is put there, and the result is parsed
again: it has to say what the old page said, with just this change, or the edit is refused. Nothing is written in
another form, so comments, order, unknown keys, quotes and line ends stay.
"""

from __future__ import annotations

import copy
import fcntl
import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from io import StringIO
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from incident_lib.errors import FieldError, WorkbookError
from incident_lib.files import replace_unless_changed
from incident_lib.settings import Limits
from incident_lib.sources.front_matter import parse_front_matter, split_page

TRIES = 20
_PLAIN = re.compile(r"\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\dZ)?")
_NO_WORDS = {"yes", "no", "on", "off", "y", "n"}  # truth values for YAML of old
Key = str | int
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
        changed = text[:start] + _changed(text[start:end], path, value) + text[end:]
        _check(changed, expected, path)
        text = changed
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


def _changed(text: str, path: tuple[Key, ...], value: Any) -> str:
    root = YAML(typ="rt", pure=True).compose(text)
    newline = "\r\n" if "\r\n" in text else "\n"
    if root is None:
        return text + written(_nested(path, value)) + newline
    node, rest = _deepest(root, path)
    return _Edit(text, newline).put(node, rest, value)


def _nested(path: tuple[Key, ...], value: Any) -> Any:
    """Return a value within the mappings and lists that its path asks for."""
    for key in reversed(path):
        value = [value] if isinstance(key, int) else {key: value}
    return value


def _deepest(node: Node, path: tuple[Key, ...]) -> tuple[Node, tuple[Key, ...]]:
    """Return the last collection on a path that is there and not empty, and the path from there."""
    inner = _child(node, path[0])
    if len(path) > 1 and isinstance(inner, MappingNode | SequenceNode) and inner.value:
        return _deepest(inner, path[1:])
    return node, path


def _child(node: Node, key: Key) -> Node | None:
    if isinstance(node, SequenceNode) and isinstance(key, int):
        return node.value[key] if key < len(node.value) else None
    if isinstance(node, MappingNode):
        return next((value for name, value in node.value if name.value == key), None)
    return None


class _Edit:
    """Puts a value into a front matter's text at the place that its nodes tell."""

    def __init__(self, text: str, newline: str) -> None:
        self.text, self.newline = text, newline

    def put(self, node: Node, path: tuple[Key, ...], value: Any) -> str:
        """Return the text with the value at a path below a node: replaced, or added at the end."""
        key, rest = path[0], path[1:]
        child = _child(node, key)
        inside = _nested(rest, value)
        if isinstance(node, SequenceNode):
            return self._appended(node, inside) if child is None else self._replaced(child, inside)
        if child is not None:
            name = next(name for name, _ in node.value if name.value == key)
            return self._value(name, child, inside, node)
        if node.flow_style:
            return self._in_braces(node, f"{written(key)}: {written(inside)}")
        return self._line_after(
            node, f"{written(key)}:{self._spaced(inside, node.start_mark.column)}", node.start_mark.column
        )

    def _value(self, name: ScalarNode, child: Node, value: Any, parent: MappingNode) -> str:
        """Return the text with a key's value replaced; an empty value stands right after the colon."""
        empty = isinstance(child, ScalarNode) and child.start_mark.index == child.end_mark.index
        column = parent.start_mark.column
        if empty:
            colon = re.compile(r"\s*:").match(self.text, name.end_mark.index)
            if colon is None:
                raise FieldError(f"the field {name.value!r} has no colon")
            text = f" {written(value)}" if parent.flow_style else self._spaced(value, column)
            rest = self.text[colon.end() :]
            return (
                self.text[: colon.end()]
                + text
                + (rest.lstrip(" ") if parent.flow_style and value is not None else rest)
            )
        if value is None or (isinstance(value, list) and value and not parent.flow_style and not child.value):
            colon = self.text.index(":", name.end_mark.index) + 1
            return self.text[:colon] + self._spaced(value, column) + self.text[child.end_mark.index :]
        return self._replaced(child, value)

    def _replaced(self, child: Node, value: Any) -> str:
        if not (isinstance(child, ScalarNode) or child.flow_style) or getattr(child, "style", None) in ("|", ">"):
            raise FieldError("it is written over several lines; change it by hand")
        return self.text[: child.start_mark.index] + written(value) + self.text[child.end_mark.index :]

    def _spaced(self, value: Any, column: int) -> str:
        """Return what follows a colon in block form: nothing, a value, or lines of their own for lists and mappings."""
        indent = self.newline + " " * (column + 2)
        if isinstance(value, list) and value:
            return "".join(f"{indent}- {self._block(one, column + 4)}" for one in value)
        if isinstance(value, dict) and value and not column:
            return "".join(f"{indent}{written(key)}: {written(one)}" for key, one in value.items())
        return "" if value is None else f" {written(value)}"

    def _block(self, value: Any, column: int) -> str:
        if not (isinstance(value, dict) and value):
            return written(value)
        lines = [f"{written(key)}:{'' if one is None else ' ' + written(one)}" for key, one in value.items()]
        return (self.newline + " " * column).join(lines)

    def _appended(self, node: SequenceNode, value: Any) -> str:
        if node.flow_style:
            return self._in_braces(node, written(value))
        column = node.start_mark.column
        return self._line_after(node, f"- {self._block(value, column + 2)}", column)

    def _in_braces(self, node: Node, text: str) -> str:
        last = _last(node.value[-1]).end_mark.index if node.value else node.start_mark.index + 1
        return self.text[:last] + (", " if node.value else "") + text + self.text[last:]

    def _line_after(self, node: Node, line: str, column: int) -> str:
        """Return the text with a line added after the line on which a block's last value ends."""
        last = _last(node)
        at = last.end_mark.index if last.end_mark.index > last.start_mark.index else _key_end(node)
        end = self.text.find("\n", max(at - (self.text[at - 1 : at] == "\n"), 0))
        head, tail = (self.text, "") if end < 0 else (self.text[: end + 1], self.text[end + 1 :])
        if not head.endswith("\n"):
            head += self.newline
        return f"{head}{' ' * column}{line}{self.newline}{tail}"


def _last(node: Any) -> Node:
    """Return the last value within a node; of a collection in braces, itself."""
    if isinstance(node, tuple):
        node = node[1]
    if isinstance(node, ScalarNode) or node.flow_style or not node.value:
        return node
    return _last(node.value[-1])


def _key_end(node: Any) -> int:
    """Return where the last key within a block ends; its value is empty, and those have no place of their own."""
    last = node.value[-1]
    if isinstance(node, MappingNode):
        name, value = last
        return (
            _key_end(value)
            if isinstance(value, MappingNode | SequenceNode) and not value.flow_style
            else name.end_mark.index
        )
    return _key_end(last)


class _Representer(YAML().Representer):  # type: ignore[misc]
    """Writes a missing value as nothing."""


_Representer.add_representer(type(None), lambda self, value: self.represent_scalar("tag:yaml.org,2002:null", ""))


def written(value: Any) -> str:
    """Return a value as YAML on one line, quoted where it has to be; times and dates plainly, lists in brackets."""
    if isinstance(value, str) and _PLAIN.fullmatch(value):
        return value
    if isinstance(value, dict):
        return "{" + ", ".join(f"{written(key)}: {written(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(written(one) for one in value) + "]"
    if value is None:
        return ""
    return _scalar(str(value))


def _scalar(text: str) -> str:
    """Return a text as a YAML scalar that is safe both in lines and in braces."""
    if text.casefold() in _NO_WORDS:
        return f'"{text}"'
    yaml = YAML(typ="rt", pure=True)
    yaml.width = 10_000_000
    yaml.allow_unicode = True
    stream = StringIO()
    holder = CommentedMap({"k": CommentedSeq([" ".join(text.split())])})
    holder["k"].fa.set_flow_style()
    yaml.dump(holder, stream)
    return stream.getvalue().removeprefix("k: [").rstrip().removesuffix("]")
