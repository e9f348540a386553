"""News by mail and by webhook: each cause at most once a day, and a secret address that no message shows."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

import pandas as pd

from incident_lib.errors import WorkbookError
from incident_lib.files import create_only
from incident_lib.letters.correspondence import Letter
from incident_lib.letters.outbox import put
from incident_lib.letters.sending import send_letters
from incident_lib.scheduling.news import News
from incident_lib.scheduling.webhook import post
from incident_lib.settings import Settings

FOLDER = ".told"


def tell(news: Sequence[News], settings: Settings, reports: Path, now: datetime,
         sleep: Callable[[float], None]) -> list[str]:  # fmt: skip
    """Tell the news that were not told today; return a line about each message, and about each that didn't go out.

    What is claimed stands on the disk before it is sent, so that a run that dies says a thing once too few rather than
    twice. A message that is known not to have gone out is tried again by the next run.
    """
    today = f"{now.astimezone(settings.workbook.tz):%Y-%m-%d}"
    forget_told(reports, today)
    lines: list[str] = []
    if settings.tell.mail_to:
        lines += _by_mail(news, settings, reports / FOLDER, today, now)
    if settings.tell.webhook_env:
        lines += _by_webhook(news, settings, reports / FOLDER, today, sleep)
    return lines


def _by_mail(news: Sequence[News], settings: Settings, folder: Path, today: str, now: datetime) -> list[str]:
    """Send each piece of news as a letter; the letters' own ledger sees that each goes out once."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    at = pd.Timestamp(now)
    try:
        written = [put(_letter(one, settings, today), folder, settings, at=at).path for one in news]
        outcomes = send_letters(written, folder, settings.smtp, at=at) if written else []
    except WorkbookError as error:
        return [f"nobody could be told by mail: {error}"]
    return [f"mail about “{one.cause}”: {told.result}{f': {told.why}' if told.why else ''}"
            for one, told in zip(news, outcomes, strict=True) if told.result != "was sent"]  # fmt: skip


def _letter(one: News, settings: Settings, today: str) -> Letter:
    name = settings.workbook.name
    text = f"{one.text}\n\nThe scheduled run of “{name}” says so on {today}, and will not say it again that day.\n"
    return Letter(f"told/{today}/{one.cause}", tuple(("", mail) for mail in settings.tell.mail_to),
                  f"{name}: {one.cause}", text)  # fmt: skip


def _by_webhook(
    news: Sequence[News], settings: Settings, folder: Path, today: str, sleep: Callable[[float], None]
) -> list[str]:
    variable = str(settings.tell.webhook_env)
    url = os.environ.get(variable, "").strip()
    lines = []
    for one in news:
        claim = folder / f"{today}-{hashlib.sha256(one.cause.encode()).hexdigest()[:16]}.webhook"
        if claim.exists():
            continue
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        create_only(claim, json.dumps({"cause": one.cause}).encode())
        trouble = post(url, variable, f"{settings.workbook.name}: {one.text}", sleep)
        if trouble:
            claim.unlink(missing_ok=True)
        lines.append(f"webhook about “{one.cause}”: {trouble or 'told'}")
    return lines


def forget_told(reports: Path, today: str) -> None:
    """Remove what was told on other days; the ledger of letters stays."""
    for path in (reports / FOLDER).glob("*"):
        if path.suffix in (".webhook", ".eml", ".md") and today not in path.name:
            path.unlink(missing_ok=True)
