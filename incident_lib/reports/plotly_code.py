"""plotly.js as the installed wheel brings it, told to set up each kind of trace only when a figure needs it.

Most of what a browser does before the first figure stands is to read plotly's code: 1,100 modules, nearly all of
them for kinds of traces that a report doesn't have (maps, globes, surfaces). Two places of the code are changed for
that, where they are as we know them; any other plotly stays as it is, and its figures merely come later:

- the function around everything is called where it stands, so that it isn't read twice;
- the kinds of traces are not set up at once but put aside by name, as ``Plotly.kinds``, for ``boot.js`` to ask for.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from functools import cache

from incident_lib import theme

_HEAD = re.compile(
    r'\(\s*function\(root, factory\) \{.*?\(typeof self !== "undefined" \? self : this, \(\) => \{\n', re.DOTALL
)
_TAIL = "return Plotly;\n}));"
_MODULE = re.compile(r"(?<=[;}])var ([\w$]+)=[\w$]+\(\(")
_KIND = re.compile(r'moduleType:"trace",name:"(\w+)"')
_HANDED_ON = re.compile(r'var ([\w$]+)=[\w$]+\(\([\w$]+,([\w$]+)\)=>\{(?:"use strict";)?\2\.exports=([\w$]+)\(\)\}\);')
_CALLED = re.compile(r"([\w$]+)\(\)")
_SET_UP = re.compile(r"(?P<core>[\w$]+)\.register\(\[(?P<parts>[\w$]+\(\)(?:,[\w$]+\(\))+)\]\)")


@cache
def plotly_code() -> str:
    """Return the code of plotly.js for a page: no part of it is left out."""
    return kinds_put_aside(called_in_place(theme.plotly_js()))


def called_in_place(code: str) -> str:
    """Return the code with the function around it written as one that is called at once, which browsers read once."""
    head, tail = _HEAD.search(code[:4000]), code.rstrip()
    if head is None or not tail.endswith(_TAIL):
        return code
    return f"{code[: head.start()]}(function () {{\n{tail[head.end() : -len('}));')]}}})();\n"


def kinds_put_aside(code: str) -> str:
    """Return the code with the kinds of traces put aside by name instead of set up."""
    found = list(_SET_UP.finditer(code))
    if len(found) != 1:
        return code
    names = _kinds(code)
    parts = [part.removesuffix("()") for part in found[0]["parts"].split(",")]
    aside = {names[part]: part for part in parts if part in names}
    rest = ",".join(f"{part}()" for part in parts if part not in names)
    held = ",".join(f"{name}:{part}" for name, part in aside.items())
    core = found[0]["core"]
    return f"{code[: found[0].start()]}{core}.register([{rest}]),{core}.kinds={{{held}}}{code[found[0].end() :]}"


def _kinds(code: str) -> dict[str, str]:
    """Return which kind of trace a part sets up: it defines one, or hands on what defines one or calls a single one."""
    modules = [(match.start(), match[1]) for match in _MODULE.finditer(code)]
    starts, place_of = [start for start, _ in modules], {name: place for place, (_, name) in enumerate(modules)}
    defined = {modules[bisect_right(starts, match.start()) - 1][1]: match[1] for match in _KIND.finditer(code)}

    def made_by(name: str) -> set[str]:
        place = place_of.get(name, -1)
        text = code[starts[place] : starts[place + 1]] if 0 <= place < len(starts) - 1 else ""
        return {defined[called] for called in _CALLED.findall(text) if called in defined}

    handed_on = {match[1]: {defined[match[3]]} if match[3] in defined else made_by(match[3])
                 for match in _HANDED_ON.finditer(code)}  # fmt: skip
    return {**{name: next(iter(kinds)) for name, kinds in handed_on.items() if len(kinds) == 1}, **defined}
