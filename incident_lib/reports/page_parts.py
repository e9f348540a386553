"""What stands around a page's content: its style, its policy, its scripts, and plotly.js, inside it or shared."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from incident_lib import theme
from incident_lib.files import write_atomically
from incident_lib.reports.packing import packed
from incident_lib.reports.plotly_code import plotly_code
from incident_lib.reports.plots import script_json, theme_template

TEMPLATES = Path(__file__).parent / "templates"
SCRIPTS = "<!--scripts-->"  # where a template leaves room for them
_COMMENT = re.compile(r"//.*|/\*[^*]*\*/")
_CSS_SPACE = re.compile(r"\s*([{};])\s*|(?<=[,:]) (?=[^{}]*\})")  # around rules; in them after colon and comma
INSIDE, NO_PLOTLY = "inside", ""


@dataclass(frozen=True)
class Surroundings:
    """A page's style and policy for its head, and the scripts for its end."""

    style: Markup
    policy: str
    scripts: bytes

    def page(self, text: str) -> bytes:
        """Return a rendered template as a page: with its scripts where it left room for them."""
        before, _, after = text.rpartition(SCRIPTS)
        return b"".join([before.encode("utf-8"), self.scripts, after.encode("utf-8")])


@cache
def surroundings(*, scripts: Sequence[str] = (), plotly: str = NO_PLOTLY) -> Surroundings:
    """Return what a page needs around its content.

    ``scripts`` are files of ours beside the templates. ``plotly`` is "inside", or the way to the shared file, or empty
    for a page without figures. The policy lets exactly these run: the page can load nothing else, and nothing else in
    it can be executed. Only for the shared file it has to name the place ("self") instead of the content: a browser
    checks no digest of a script that it opens from a disk.
    """
    style = Markup(theme.css_variables() + _CSS_SPACE.sub(r"\1", _file("report.css")))
    names = [*scripts, *(["boot.js"] if plotly else [])]
    allowed = [f"'{digest(_file(name))}'" for name in names]
    if plotly:
        allowed.append(f"'{_packed_plotly()[1]}'" if plotly == INSIDE else "'self'")
    styles = "'unsafe-inline'" if plotly else f"'{digest(style)}'"  # plotly writes its own
    images = "data: blob:" if plotly else "data:"
    runs = [f"script-src {' '.join(allowed)}"] if allowed else []
    fonts = ["font-src data:"] if plotly else []
    rest = [f"style-src {styles}", f"img-src {images}", *fonts, "base-uri 'none'", "form-action 'none'"]
    policy = "; ".join(["default-src 'none'", *runs, *rest])
    ours = [f"<script>{_file(name)}</script>\n".encode() for name in names]
    return Surroundings(style, policy, b"".join([*_plotly_parts(plotly), *ours]))


def _plotly_parts(plotly: str) -> list[bytes]:
    """Return plotly.js for a page, and the settings of its figures: what all of them share stands here once."""
    if not plotly:
        return []
    packed, size = _packed_plotly()[0], _packed_plotly()[2]
    code = (
        b'<script type="application/octet-stream" id="plotly-packed" data-bytes="%d">%b</script>\n' % (size, packed)
        if plotly == INSIDE
        else str(Markup('<script src="{}"></script>\n').format(plotly)).encode()
    )
    return [
        code,
        f'<script type="application/json" id="figure-settings">{script_json(figure_settings())}</script>\n'.encode(),
    ]


def figure_settings() -> dict[str, Any]:
    """Return what all figures of a page share: plotly's configuration, our template, the dark forms of our colours."""
    config = {**theme.CONFIG, "modeBarButtonsToRemove": list(theme.REMOVED_BUTTONS)}
    return {"config": config, "dark": theme.swaps(), "template": theme_template()}


def shared_plotly(reports: Path) -> str:
    """Put plotly.js beside the reports if it isn't there, and return its name, which says which one it is.

    Another plotly gets another name, so reports of last year keep the one that they were made with.

    Raises:
        WorkbookError: if it can't be written.
    """
    code = plotly_code().encode("utf-8")
    name = f"plotly-{hashlib.sha256(code).hexdigest()[:16]}.min.js"
    if not (reports / name).is_file() or (reports / name).stat().st_size != len(code):
        write_atomically(reports / name, code)
    return name


@cache
def _packed_plotly() -> tuple[bytes, str, int]:
    """Return plotly.js packed (gzip without a time, base 85), the digest by which it may run, and its packed size."""
    code = plotly_code()
    text, size = packed(code)
    return text.encode(), digest(code), size


@cache
def digest(text: str) -> str:
    """Return a script's or style's digest as a content security policy names it."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode()


@cache
def _file(name: str) -> str:
    """Return a script or style of ours without what only its authors need: comments and indents."""
    text = (TEMPLATES / "report" / name).read_text("utf-8")
    lines = (line.strip() for line in text.splitlines())
    return "\n".join(line for line in lines if line and not _COMMENT.fullmatch(line)) + "\n"


@cache
def environment() -> Environment:
    """Return where the templates of the index and its companions come from; everything in them is escaped."""
    return Environment(loader=FileSystemLoader(TEMPLATES / "report"), autoescape=True, undefined=StrictUndefined)
