"""The YAML at the head of a page: found, bounded, and parsed with line numbers; nothing in it is executed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.constructor import RoundTripConstructor
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, SequenceNode

from incident_lib.errors import FieldError
from incident_lib.settings import Limits

FENCE = "---"
_PLAIN_TAGS = {
    f"tag:yaml.org,2002:{kind}" for kind in ("bool", "float", "int", "map", "null", "seq", "str", "timestamp")
}


class _TextTimes(RoundTripConstructor):
    """Leaves times as texts, so that one without an offset can be told from one with it."""


_TextTimes.add_constructor("tag:yaml.org,2002:timestamp", lambda self, node: node.value)


@dataclass(frozen=True)
class Page:
    """A page in two parts: the front matter's text and the Markdown after it, with their first lines (from 1)."""

    front_matter: str
    body: str
    front_matter_line: int
    body_line: int


def split_page(text: str) -> Page:
    """Return a page's front matter and body.

    Raises:
        FieldError: if it has no front matter, or its end is missing.
    """
    lines = text.lstrip("\ufeff").splitlines(keepends=True)
    start = next((number for number, line in enumerate(lines) if line.strip()), 0)
    if not lines or lines[start].rstrip() != FENCE:
        raise FieldError("the page has no front matter; expected '---' in its first line, then 'incident: …' and so on")
    for end in range(start + 1, len(lines)):
        if lines[end].rstrip() in (FENCE, "..."):
            return Page("".join(lines[start + 1 : end]), "".join(lines[end + 1 :]), start + 2, end + 2)
    raise FieldError("the front matter has no end; expected a second line of '---'")


def parse_front_matter(page: Page, limits: Limits) -> dict[str, Any]:
    """Return the front matter as a dictionary that knows its lines (``.lc``); times stay texts.

    Raises:
        FieldError: if it is too large or too deep, uses anchors, aliases or tags, repeats a key, or is no YAML mapping.
    """
    if len(page.front_matter.encode()) > limits.front_matter_kilobytes * 1000:
        raise FieldError(f"the front matter is larger than {limits.front_matter_kilobytes} kB")
    try:
        yaml = YAML(typ="rt", pure=True)
        yaml.Constructor = _TextTimes
        node = yaml.compose(page.front_matter)
        _check_node(node, min(limits.nesting, 20), page)
        content = yaml.constructor.construct_document(node) if node else None
    except (YAMLError, RecursionError, ValueError) as error:
        raise FieldError(f"the front matter is not valid YAML: {_explained(error, page)}") from error
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise FieldError("the front matter is no list of 'key: value' lines")
    return content


def line_of(content: Any, key: Any, page: Page) -> int | None:
    """Return the line in the file of a key of a mapping (or index of a list) in parsed front matter."""
    try:
        return content.lc.data[key][0] + page.front_matter_line
    except (AttributeError, KeyError, TypeError, IndexError):
        return None


def _check_node(node: Node | None, depth: int, page: Page) -> None:
    """Refuse what could blow up when it is built from its parts: deep nesting, aliases, anchors and tags."""
    if node is None:
        return
    line = node.start_mark.line + page.front_matter_line
    if depth < 0:
        raise ValueError(f"it is nested too deep, line {line}")
    if node.anchor:
        raise ValueError(f"anchors and aliases (&, *) are not taken, line {line}")
    if str(node.ctag) not in _PLAIN_TAGS:
        raise ValueError(f"tags (!…) are not taken, line {line}")
    for child in _children(node):
        _check_node(child, depth - 1, page)


def _children(node: Node) -> list[Node]:
    if isinstance(node, MappingNode):
        return [part for pair in node.value for part in pair]
    return list(node.value) if isinstance(node, SequenceNode) else []


def _explained(error: Exception, page: Page) -> str:
    if isinstance(error, MarkedYAMLError) and error.problem_mark:
        return f"{error.problem} in line {error.problem_mark.line + page.front_matter_line}"
    if isinstance(error, RecursionError):
        return "it is nested too deep"
    return str(error).splitlines()[0] if str(error) else type(error).__name__
