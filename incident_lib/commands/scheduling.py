"""Commands of the schedule: do what is due, and tell a monitoring system whether it was done."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import Any

import click

from incident_lib.commands.options import ANY_DATA, NOW, REPORTS

NOTEBOOKS = "INCIDENTS_NOTEBOOKS"
_SENTENCES: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "nothing-due": lambda one: "nothing is due" + (f"; next is {one['next']}, {one['at']}" if one["next"] else ""),
    "made": lambda one: f"made {_title(one)} in {one['seconds']:.1f} s: {one['answer']}",
    "unchanged": lambda one: f"left {_title(one)} as it is: nothing changed since it was made",
    "failed": lambda one: f"failed: {_title(one)}: {_reason(one)}",
    "page": lambda one: f"drafted the page of {one['name']}: {one['page']}",
    "removed": lambda one: f"removed {one['folder']}, as the settings of retention say",
    "mended": lambda one: "the run before died; what it left unfinished is made now",
    "ledger-damaged": lambda one: f"the ledger was damaged: it is now {one['aside']}, and a new one is begun",
    "clock-set-back": lambda one: (
        f"the clock was set back: it is {one['now']}, and the last run was at {one['last']}; "
        + ("that is forgotten" if one["forced"] else "what was made then is not made again")
    ),
    "told": lambda one: one["line"],
    "finished": lambda one: (
        f"{one['made']} made, {one['unchanged']} unchanged, {one['failed']} failed; all reports: {one['index']}"
    ),
}


@click.command()
@click.option("--force", is_flag=True, help="Make the newest of each scheduled report, due or not, changed or not.")
@click.option("--log", type=click.Choice(["text", "json"]), default="text", show_default=True,
              help="Lines for people, or one JSON object a line.")  # fmt: skip
@click.option("--now", "--as-of", "now", metavar="TIME", help="Do what was due then: a past time with offset.")
@click.option("--notebooks", metavar="FOLDER", envvar=NOTEBOOKS, type=click.Path(exists=True, file_okay=False),
              help=f"Run these notebooks instead of ours.  [or the variable {NOTEBOOKS}]")  # fmt: skip
@ANY_DATA
@REPORTS
def run(force: bool, log: str, now: str | None, notebooks: str | None, data: str, reports: str) -> None:
    """Make the reports that are due by the workbook's [schedule], and missing drafts; for a timer.

    Each is made once; a run that was missed is caught up. Exit code 0: all that was due is made, or nothing was due;
    1: some report failed (the others are there, and the last good one of that); 2: the settings or arguments make no
    sense; 75: another run is at work.
    """
    from incident_lib.errors import RunningError, WorkbookError

    events: list[dict[str, Any]] = []
    say = _heard(_json_lines(monotonic()) if log == "json" else _lines, events)
    try:
        code = _run(say, force, now, notebooks, data, Path(reports))
        _tell(events, data, Path(reports), say)
    except WorkbookError as error:
        if error.exit_code != RunningError.exit_code:
            refused = {"event": "refused", "error": str(error), "exit_code": error.exit_code}
            _tell([*events, refused], data, Path(reports), say)
        if log != "json":
            raise
        say("refused", error=str(error), exit_code=error.exit_code)
        raise SystemExit(error.exit_code) from error
    raise SystemExit(code)


def _run(say: Any, force: bool, now: str | None, notebooks: str | None, data: str, reports: Path) -> int:
    """Look for what is due, and make it; only the latter imports what reports need."""
    from incident_lib.errors import SettingsError
    from incident_lib.scheduling.look import Task, ledger_of, look, say_nothing_due
    from incident_lib.scheduling.run_lock import run_lock
    from incident_lib.settings import read_settings

    if not Path(data).is_dir():
        raise SettingsError(f"there is no folder {data}; expected a workbook, a folder with a workbook.toml")
    folder = Path(notebooks).resolve() if notebooks else None
    task = Task(data, reports, present(now), read_settings(Path(data)), say, force, folder)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # what a timer's stop sends: clean up
    with run_lock(Path(data), reports), ledger_of(task) as ledger:
        found = look(task, ledger)
        if found.due or found.mended:
            from incident_lib.scheduling.making import make_due

            return make_due(task, ledger, found)
        say_nothing_due(task)
        return 0


def _heard(say: Callable[..., None], events: list[dict[str, Any]]) -> Callable[..., None]:
    """Return what says an event, and remembers it for those who are to be told."""

    def hear(event: str, **facts: Any) -> None:
        events.append({"event": event, **facts})
        say(event, **facts)

    return hear


def _tell(events: list[dict[str, Any]], data: str, reports: Path, say: Callable[..., None]) -> None:
    """Tell those whom the settings name what went wrong; without settings that can be read, nobody is named."""
    from incident_lib.errors import WorkbookError
    from incident_lib.settings import read_settings

    if not any(one["event"] in ("failed", "refused", "made") for one in events):
        return
    try:
        settings = read_settings(Path(data))
    except WorkbookError:
        return
    try:
        if not (settings.tell.mail_to or settings.tell.webhook_env):
            return
        from time import sleep

        from incident_lib.scheduling.news import news_of
        from incident_lib.scheduling.telling import tell

        lines = tell(news_of(events, overdue=settings.tell.overdue), settings, reports, present(None), sleep)
    except (OSError, WorkbookError) as error:
        lines = [f"nobody could be told: {error}"]
    for line in lines:
        say("told", line=line)


def freshness(max_age: str, data: str, reports: str) -> tuple[int, str]:
    """Return the exit code and the line of ``incidents status --max-age``; any trouble is "unknown", code 3."""
    from incident_lib.errors import WorkbookError
    from incident_lib.scheduling.days_off import workday_test
    from incident_lib.scheduling.freshness import UNKNOWN, check_line, parse_age
    from incident_lib.scheduling.ledger import open_ledger, reading
    from incident_lib.settings import read_settings

    try:
        age, settings = parse_age(max_age), read_settings(Path(data))
        with reading(open_ledger(Path(reports), for_reading=True)) as ledger:
            past = ledger.past()
        return check_line(present(None), settings, past, workday_test(settings.calendar), age)
    except WorkbookError as error:
        return UNKNOWN, f"UNKNOWN - {error}".replace("|", "/")


def present(text: str | None) -> datetime:
    """Return the present time, or the past one that was stated (see ``options.moment``); without pandas.

    Raises:
        SettingsError: for a time that can't be read, has no offset, or lies ahead.
    """
    from incident_lib.errors import SettingsError

    stated = os.environ.get(NOW)
    now = _parsed(stated, NOW) if stated else datetime.now(UTC).replace(microsecond=0)
    at = _parsed(text, "--now") if text else now
    if at > now + timedelta(seconds=1):
        raise SettingsError(f"--now: {text} lies ahead; it is {now:%Y-%m-%dT%H:%M:%SZ}")
    return at


def _parsed(text: str, name: str) -> datetime:
    from incident_lib.errors import SettingsError

    try:
        time = datetime.fromisoformat(text)
    except ValueError as error:
        raise SettingsError(f"{name}: not a time: {text!r}; expected one such as 2026-03-02T07:00:00Z") from error
    if time.tzinfo is None:
        raise SettingsError(f"{name}: {text!r} has no offset; expected one such as 2026-03-02T07:00:00Z")
    return time.astimezone(UTC).replace(microsecond=0)


def _title(one: Mapping[str, Any]) -> str:
    return " ".join(filter(None, [one["kind"], one["name"]]))


def _reason(one: Mapping[str, Any]) -> str:
    """Return an error without the report's name, where it begins with that."""
    from incident_lib.files import safe_name

    stem = "-".join(filter(None, [one["kind"], one["name"] and safe_name(one["name"])]))
    return one["error"].removeprefix(f"{stem} failed").lstrip(": ")


def _lines(event: str, **facts: Any) -> None:
    """Say an event to people."""
    click.echo(_SENTENCES[event](facts))


def _json_lines(begun: float) -> Callable[..., None]:
    """Return what says an event as one line of JSON, with the seconds since the run began."""

    def say(event: str, **facts: Any) -> None:
        line = {"event": event, "elapsed": round(monotonic() - begun, 3), **facts}
        click.echo(json.dumps(line, default=str, ensure_ascii=False))

    return say


COMMANDS = (run,)
