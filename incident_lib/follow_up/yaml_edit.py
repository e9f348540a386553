"""One value set in a YAML text at its exact place; comments, order, quotes and line ends stay as people left them."""

from __future__ import annotations

import re
from io import StringIO
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from incident_lib.errors import FieldError

_PLAIN = re.compile(r"\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\dZ)?")
_NO_WORDS = {"yes", "no", "on", "off", "y", "n"}  # truth values for YAML of old
Key = str | int


def changed(text: str, path: tuple[Key, ...], value: Any) -> str:
    """Return a YAML text with one value set at a path of keys and places, and every other byte as it was."""
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
