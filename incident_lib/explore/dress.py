"""How our HTML looks at the end of a notebook's cell, where no report's style sheet is: quiet, in light and dark."""

from __future__ import annotations

import re

from incident_lib.theme import PALETTE

# Colours for marks stand out on light and on dark paper; all else takes the notebook's own.
_SEVERITIES = "".join(
    f".incident-view .severity-{name}{{color:{PALETTE[f'{name}-mark'].light}}}"
    for name in ("critical", "high", "medium", "low")
)
STYLE = (
    "<style>"
    ".incident-view p{margin:.15em 0}.incident-view p.answer{font-size:1.25em;font-weight:600;margin:.3em 0}"
    ".incident-view table{border-collapse:collapse;margin:.6em 0}"
    ".incident-view caption{text-align:left;font-weight:600;padding:.2em 0;white-space:nowrap}"
    ".incident-view th,.incident-view td{text-align:left;vertical-align:top;padding:.15em .9em .15em 0}"
    ".incident-view .number{text-align:right}.incident-view .badge,.incident-view td:first-child{white-space:nowrap}"
    ".incident-view tr[class] td:first-child{border-left:4px solid;padding-left:.4em}"
    f".incident-view tr.start td:first-child{{border-color:{PALETTE['critical-mark'].light}}}"
    f".incident-view tr.resolution td:first-child{{border-color:{PALETTE['done-mark'].light}}}"
    f".incident-view .scroll{{overflow-x:auto}}{_SEVERITIES}"
    "</style>"
)
_ADDRESS = re.compile(r"<td>(https?://([^/<>\"'\s]+)[^<>\"'\s]*)</td>")


def dressed(html: str) -> str:
    """Return safe HTML with a style of its own, and with each cell that is an address as a link of its host's name."""
    linked = _ADDRESS.sub(r'<td><a href="\1" target="_blank" rel="noopener noreferrer">\2</a></td>', html)
    return f'<div class="incident-view">{STYLE}{linked}</div>'
