"""Commands of the follow-up: who owns it, what was done, what is to do, and what comes next."""

from __future__ import annotations

from typing import Any

import click

from incident_lib.commands.options import ANY_DATA, AS_OF, AT, BY, DATA, REPORTS, moment, records_now, workbook_folder
from incident_lib.commands.scheduling import freshness


@click.command()
@click.argument("incident_id", metavar="ID")
@click.argument("name")
@AT
@BY
@DATA
def assign(incident_id: str, name: str, at: str | None, by: str | None, data: str) -> None:
    """Make NAME the owner of an incident's post-mortem."""
    from incident_lib.follow_up.named import person
    from incident_lib.follow_up.step_edits import assign as note_owner

    records = records_now(data)
    click.echo(note_owner(records, incident_id, name, at=moment(at), by=by and person(records, by)))


@click.command()
@click.argument("incident_id", metavar="ID")
@click.argument("step")
@click.option("--not-needed", metavar="WHY", help="It is not needed here, and why.")
@AT
@BY
@DATA
def step(incident_id: str, step: str, not_needed: str | None, at: str | None, by: str | None, data: str) -> None:
    """Note that a follow-up STEP was done; 'incidents status ID' lists their names.

    "page-completed" puts the page into review, "meeting-held" makes a page in review reviewed (so does "reviewed"),
    and "closed" is refused while something is open.
    """
    from incident_lib.follow_up.step_edits import note_step

    records = records_now(data)
    click.echo(note_step(records, incident_id, step, at=moment(at), by=by, not_needed=not_needed))


@click.command()
@click.argument("incident_id", metavar="ID")
@click.argument("what", metavar="TITLE|NUMBER")
@click.option("--owner", metavar="NAME", help="Who does it.")
@click.option("--due", metavar="DATE", help="The day by which it is to be done.  [default: by its kind]")
@click.option("--kind", metavar="KIND", help="clean-up, prevent, detect, mitigate or process.  [default: by its words]")
@click.option("--touches", type=click.Choice(["restart", "change"]), help="It touches customers' systems.")
@click.option(
    "--customer", "customers", multiple=True, metavar="NAME", help="Whose, if not all affected ones'. Repeatable."
)
@click.option("--done", is_flag=True, help="It is done.")
@click.option("--declined", metavar="WHY", help="It won't be done, and why.")
@AT
@DATA
def task(incident_id: str, what: str, at: str | None, data: str, **given: Any) -> None:
    """Add an action item with this TITLE, or change the one with this NUMBER."""
    from incident_lib.follow_up.task_edits import add_task, change_task

    records, moment_ = records_now(data), moment(at)
    changing = {name: given[name] for name in ("done", "declined", "owner")}
    adding = {name: given[name] for name in ("owner", "kind", "touches", "customers")}
    if what.isdecimal():
        _only(given, changing, "an action item that is there takes only --done, --declined and --owner")
        click.echo(change_task(records, incident_id, int(what), at=moment_, **changing))
    else:
        _only(given, {**adding, "due": None}, "a new action item can't be done or declined yet")
        click.echo(add_task(records, incident_id, what, at=moment_, due=_day(given["due"]), **adding))


def _only(given: dict[str, Any], wanted: dict[str, Any], refusal: str) -> None:
    if any(value for name, value in given.items() if name not in wanted):
        raise click.UsageError(refusal)


def _day(text: str | None) -> Any:
    import pandas as pd

    from incident_lib.errors import FieldError, SettingsError
    from incident_lib.sources.fields import parse_date

    try:
        return pd.Timestamp(parse_date(text)) if text else None
    except FieldError as error:
        raise SettingsError(f"--due: {error}") from error


@click.command()
@click.argument("incident_id", metavar="[ID]", required=False)
@click.option("--max-age", metavar="AGE", help="Is any scheduled report older, as in 26h? For a monitoring system.")
@AS_OF
@ANY_DATA
@REPORTS
def status(incident_id: str | None, max_age: str | None, as_of: str | None, data: str, reports: str) -> None:
    """Show what comes next, whose turn it is, and when it is due; with ID, every step of that incident.

    With --max-age, one line as Nagios plugins print it: are the reports of 'incidents run' fresh? Exit code 0: yes;
    1: the last run of one failed; 2: one is older than that, and was due since; 3: unknown.
    """
    if max_age is not None:
        code, line = freshness(max_age, data, reports)
        click.echo(line)
        raise SystemExit(code)
    from incident_lib.follow_up.status_text import status_of_all, status_of_one
    from incident_lib.loading import load

    records = load(workbook_folder(data), as_of=as_of)
    click.echo(status_of_one(records, incident_id) if incident_id else status_of_all(records))


COMMANDS = (assign, step, task, status)
