"""One tool over HTTP: a token from the environment, patience with its limits, and refusals in one sentence."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx2

from incident_lib.errors import SettingsError, SourceError
from incident_lib.settings.fetch import Fetch
from incident_lib.sources.reading import decode, parse_json

BUSY = (429, 500, 502, 503, 504)
REFUSED = {401: "refuses the token", 403: "refuses it to the token"}
_NESTING = 100


@dataclass
class Api:
    """A tool's interface: ``get`` asks it, and waits where it says that it is asked too often.

    ``sleep`` takes seconds; a test gives one that doesn't wait.
    """

    tool: str
    client: httpx2.Client
    token_env: str
    limits: Fetch
    sleep: Callable[[float], None]
    waited: list[float] = field(default_factory=list)

    def get(self, path: str, params: Mapping[str, Any] | None = None) -> Any:
        """Return the JSON that the tool answers.

        Raises:
            SourceError: if it refuses, answers something else, or is still busy or away after all attempts.
        """
        what = f"{self.tool}'s {path}"
        trouble, pause = "", 0.0
        for attempt in range(self.limits.attempts):
            if trouble:
                self._wait(pause, what, trouble)
            try:
                status, headers, content = self._answer(path, params, what)
            except httpx2.TransportError as error:
                trouble, pause = type(error).__name__, 2.0**attempt
                continue
            if status not in BUSY:
                return self._checked(status, content, what)
            trouble, pause = f"status {status}", asked_to_wait(headers, default=2.0**attempt)
        raise SourceError(
            f"{what} gave no answer in {self.limits.attempts} attempts; the last one ended with {trouble}"
        )

    def _wait(self, seconds: float, what: str, trouble: str) -> None:
        if seconds > self.limits.longest_wait_seconds:
            raise SourceError(
                f"{what} asks to wait {seconds:.0f} seconds ({trouble}), longer than fetch.longest_wait_seconds; "
                "what was fetched so far is kept, and the next run goes on from there"
            )
        self.waited.append(seconds)
        self.sleep(seconds)

    def _answer(self, path: str, params: Mapping[str, Any] | None, what: str) -> tuple[int, Mapping[str, str], bytes]:
        """Return status, headers and content; one that is too long is not read to its end."""
        most = self.limits.answer_megabytes * 1_000_000
        with self.client.stream("GET", path, params=params) as response:
            content = b""
            for chunk in response.iter_bytes():
                content += chunk
                if len(content) > most:
                    limit = f"{self.limits.answer_megabytes} MB (fetch.answer_megabytes)"
                    raise SourceError(f"{what} answers more than {limit}")
            return response.status_code, response.headers, content

    def _checked(self, status: int, content: bytes, what: str) -> Any:
        if status in REFUSED:
            raise SourceError(f"{what} {REFUSED[status]} in the variable {self.token_env} (status {status})")
        if status != 200:
            raise SourceError(f"{what} answers with status {status}; expected 200")
        return parse_json(decode(content, what), what, nesting=_NESTING)


def asked_to_wait(headers: Mapping[str, str], *, default: float) -> float:
    """Return for how many seconds a tool asks to be left alone: Retry-After, or PagerDuty's ratelimit-reset."""
    for name in ("retry-after", "ratelimit-reset"):
        try:
            seconds = float(headers.get(name, ""))
        except ValueError:
            continue
        if math.isfinite(seconds) and seconds >= 0:
            return max(seconds, 0.1)
    return default


@contextmanager
def api_of(tool: str, url: str, token_env: str, limits: Fetch, sleep: Callable[[float], None], **headers: str) -> Any:
    """Give a tool's interface; ``headers`` hold "{token}" where the token stands.

    Redirects are not followed, so that a token goes nowhere else.

    Raises:
        SettingsError: if the environment holds no token.
    """
    token = os.environ.get(token_env, "").strip()
    if not token or not token.isascii() or not token.isprintable():
        raise SettingsError(f"{tool} needs a token: put one into the environment variable {token_env}")
    filled = {name.replace("_", "-"): text.replace("{token}", token) for name, text in headers.items()}
    with httpx2.Client(base_url=url, headers=filled, timeout=limits.seconds, follow_redirects=False) as client:
        yield Api(tool, client, token_env, limits, sleep)
