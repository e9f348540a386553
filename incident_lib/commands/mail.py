"""Commands for letters: write them into the outbox, invite, remind, and send what waits there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from incident_lib.commands.options import AT, BY, DATA, REPORTS, moment, records_now

OUTBOX = "outbox"


@click.command()
@click.argument("incident_id", metavar="ID")
@click.argument("kind", type=click.Choice(["internal", "notice", "all-clear", "feedback"]))
@AT
@DATA
@REPORTS
def letter(incident_id: str, kind: str, at: str | None, data: str, reports: str) -> None:
    """Write letters of a KIND about an incident into the outbox; nothing is sent.

    internal tells the group, notice each customer whose systems will be touched, all-clear each customer whose tasks
    are done, and feedback asks what others think of a complete page.
    """
    from incident_lib.letters.texts import letters_of

    records = records_now(data)
    _put(letters_of(records, incident_id, kind), records, reports, moment(at))


@click.command()
@AT
@DATA
@REPORTS
def remind(at: str | None, data: str, reports: str) -> None:
    """Write today's reminders into the outbox: one digest for each person who has something due or late."""
    from incident_lib.letters.reminders import reminders

    records, now = records_now(data), moment(at)
    letters, without = reminders(records, now)
    if not letters and not without:
        click.echo("nobody is to be reminded today")
    _put(letters, records, reports, now)
    for one in without:
        click.echo(one)


@click.command()
@click.argument("what", metavar="ID|review")
@click.option(
    "--begins", metavar="TIME", help="When the meeting is.  [default: the first slot that the settings allow]"
)
@click.option("--cancel", is_flag=True, help="Cancel the meeting.")
@AT
@BY
@DATA
@REPORTS
def invite(
    what: str, begins: str | None, cancel: bool, at: str | None, by: str | None, data: str, reports: str
) -> None:
    """Invite to the post-mortem meeting of an incident, or to the process review; again after a change.

    The invitation goes into the outbox, and the time onto the incident's page.
    """
    from incident_lib.follow_up.named import page_of, person
    from incident_lib.follow_up.step_edits import set_meeting
    from incident_lib.letters import invitations, meetings
    from incident_lib.letters.review_meeting import process_review

    records, now = records_now(data), moment(at)
    incident_id = None if what == "review" else what
    if incident_id:
        page_of(records, incident_id)
        meeting, remarks = meetings.postmortem_meeting(records, incident_id, at=now, begins=_begins(begins, records))
    else:
        meeting, remarks = process_review(records, at=now)
    meeting = _as_planned(records, meeting, incident_id, cancel=cancel, fixed=bool(begins))
    issued = invitations.issue(meeting, records, at=now)
    _put([invitations.as_letter(meeting, issued, incident_id)], records, reports, now)
    invitations.keep(meeting, issued, records)
    if incident_id:
        set_meeting(
            records, incident_id, None if cancel else meeting.begins, at=now, by=by and person(records, by)
        )
    click.echo("; ".join([f"{meeting.title}: {_said(meeting)}", *remarks]))


def _as_planned(records: Any, meeting: Any, incident_id: str | None, *, cancel: bool, fixed: bool) -> Any:
    """Return the meeting with the time that it already has, unless another was asked for."""
    from dataclasses import replace

    from incident_lib.letters import invitations

    last = invitations.last_meeting(meeting, records)
    if cancel:
        return replace(last, cancelled=True)
    return meeting if fixed or last is meeting or incident_id is None else replace(meeting, begins=last.begins)


def _said(meeting: Any) -> str:
    when = f"{meeting.first:%a %-d %b %Y %H:%M %Z}, {meeting.minutes} minutes, {len(meeting.attendees)} invited"
    return f"cancelled ({when})" if meeting.cancelled else when


def _begins(text: str | None, records: Any) -> Any:
    import pandas as pd

    from incident_lib.errors import FieldError, SettingsError
    from incident_lib.sources.fields import parse_time

    try:
        return pd.Timestamp(parse_time(text)) if text else None
    except FieldError as error:
        raise SettingsError(f"--begins: {error}") from error


@click.command()
@click.argument("name")
@click.option("--no-longer", is_flag=True, help="Does not want to be invited any more.")
@DATA
def interested(name: str, no_longer: bool, data: str) -> None:
    """Invite NAME to process reviews from now on; written down in workbook.toml."""
    from incident_lib.follow_up.named import person
    from incident_lib.settings_edit import set_interested

    records = records_now(data)
    who = person(records, name)
    news = set_interested(records.folder, who, not no_longer)
    will = "is no longer invited" if no_longer else "is invited"
    click.echo(f"{who} {will} to process reviews{'' if news else ' (as before)'}")


@click.command()
@click.argument("files", nargs=-1, type=click.Path(path_type=Path), metavar="[FILE]...")
@click.option("--again", is_flag=True, help="Send FILEs in doubt again: they did not arrive.")
@click.option("--arrived", is_flag=True, help="Note FILEs in doubt as sent: they did arrive.")
@AT
@DATA
@REPORTS
def send(files: tuple[Path, ...], again: bool, arrived: bool, at: str | None, data: str, reports: str) -> None:
    """Send letters from the outbox, each once; all that wait there, or these FILEs. Exit code 1 if one is not sent.

    The server is [smtp] in workbook.toml; its password comes from the environment (INCIDENTS_SMTP_PASSWORD).
    """
    from incident_lib.letters.outbox import waiting
    from incident_lib.letters.sending import say_sent, send_letters

    if (again or arrived) and not files:
        raise click.UsageError("--again and --arrived need the FILEs that somebody has looked for")
    records, now, outbox = records_now(data), moment(at), Path(reports) / OUTBOX
    paths = list(files) or waiting(outbox)
    if not paths:
        click.echo(f"nothing waits in {outbox}")
        return
    outcomes = (
        say_sent(paths, outbox, at=now)
        if arrived
        else send_letters(paths, outbox, records.settings.smtp, at=now, again=again)
    )
    for one in outcomes:
        click.echo(str(one))
    for line in _noted(records, [one.path for one in outcomes if one.result in ("sent", "was sent")], outbox, now):
        click.echo(line)
    if any(one.result not in ("sent", "was sent") for one in outcomes):
        raise SystemExit(1)


def _noted(records: Any, sent: list[Path], outbox: Path, now: Any) -> list[str]:
    """Note the follow-up steps that the sent letters are, unless letters of the same step still wait."""
    from incident_lib.errors import WorkbookError
    from incident_lib.follow_up.step_edits import note_step, state_of
    from incident_lib.letters.outbox import read_letter, waiting
    from incident_lib.sources.mail import STEP

    still = {str(read_letter(path)[STEP] or "") for path in waiting(outbox)}
    steps = dict.fromkeys(str(read_letter(path)[STEP] or "") for path in sent)
    lines = []
    for incident_id, step in (one.split(" ", 1) for one in steps if one and one not in still):
        if state_of(records, incident_id, step) not in ("done", "late", "unknown"):
            try:
                lines.append(note_step(records, incident_id, step, at=now))
            except WorkbookError as error:
                lines.append(f"{incident_id}: {step} was not noted: {error}")
    return lines


def _put(letters: list[Any], records: Any, reports: str, now: Any) -> None:
    from incident_lib.letters.outbox import put

    for one in letters:
        click.echo(put(one, Path(reports) / OUTBOX, records.settings, at=now).line)


COMMANDS = (letter, remind, invite, interested, send)
