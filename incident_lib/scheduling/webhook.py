"""A message to a webhook, as Slack and those compatible with it take it: a JSON object with a text."""

from __future__ import annotations

import re
from collections.abc import Callable

ATTEMPTS, SECONDS, LONGEST_WAIT = 3, 10.0, 30.0
_BUSY = (429, 500, 502, 503, 504)
_ADDRESS = re.compile(r"https://[^\s/@]+/\S*|http://(?:127\.0\.0\.1|localhost|\[::1\])(?::\d{1,5})?(?:/\S*)?")


def post(url: str, variable: str, text: str, sleep: Callable[[float], None]) -> str:
    """Post a text; return why it could not be told, empty if it was. The address, a secret, is in no message.

    A server that is busy or away is asked three times. ``variable`` is where the address came from.
    """
    if not _ADDRESS.fullmatch(url):
        return f"the variable {variable} holds no https address"
    try:
        import httpx2  # noqa: PLC0415  # an extra, which only those who are told need
    except ImportError:
        return "it needs httpx2: pip install 'incident-workbook[remote]'"
    from incident_lib.fetching.api import asked_to_wait  # noqa: PLC0415

    trouble = ""
    for attempt in range(ATTEMPTS):
        try:
            answer = httpx2.post(url, json={"text": escaped(text)}, timeout=SECONDS, follow_redirects=False)
        except httpx2.HTTPError as error:
            trouble, pause = f"its server gave no answer ({type(error).__name__})", 2.0**attempt
        except (httpx2.InvalidURL, UnicodeError, ValueError):
            return f"the variable {variable} holds no address that can be used"
        else:
            if answer.status_code < 300:
                return ""
            trouble, pause = f"its server answers with status {answer.status_code}", 2.0**attempt
            if answer.status_code not in _BUSY:
                break
            pause = asked_to_wait(answer.headers, default=pause)
        if attempt + 1 < ATTEMPTS:
            sleep(min(pause, LONGEST_WAIT))
    return trouble


def escaped(text: str) -> str:
    """Return a text in which nothing is a link, a mention, or a command of Slack's."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
