"""Commands of the process review's meeting: what was decided, and what became of it."""

from __future__ import annotations

from typing import Any

import click

from incident_lib.commands.options import AT, DATA, moment


@click.command()
@click.argument("text")
@click.option("--review", required=True, metavar="PERIOD", help="The review that decides: 2026-Q3.")
@click.option("--owner", metavar="NAME", help="Who sees to it.")
@click.option("--due", metavar="DATE", help="By when.")
@AT
@DATA
def decide(text: str, review: str, owner: str | None, due: str | None, at: str | None, data: str) -> None:
    """Write a decision of the process review into its file, reviews/PERIOD.md."""
    from incident_lib.errors import FieldError, SettingsError
    from incident_lib.review.decisions import decide as write
    from incident_lib.sources.fields import parse_date

    records = _all_records(data)
    try:
        day = parse_date(due) if due else None
    except FieldError as error:
        raise SettingsError(f"--due: {error}") from error
    path, number = write(records, review, text, owner=owner, on=_today(at, records), due=day)
    click.echo(f"decision {number} of {review} is written into {path}")
    if not owner:
        click.echo(f"nobody owns it yet; name somebody in {path}")


@click.command()
@click.argument("number", type=click.IntRange(min=1))
@click.option("--done", is_flag=True, help="It was carried out.")
@click.option("--dropped", metavar="WHY", help="It won't be carried out, and why.")
@click.option("--review", metavar="PERIOD", help="The review that took it.  [default: the newest with decisions]")
@AT
@DATA
def decision(number: int, done: bool, dropped: str | None, review: str | None, at: str | None, data: str) -> None:
    """Note what became of decision NUMBER of a process review: --done, or --dropped WHY."""
    from incident_lib.errors import SettingsError
    from incident_lib.review.decisions import close_decision, newest_review

    if done == bool(dropped):
        raise SettingsError("say either --done, or --dropped and why")
    records = _all_records(data)
    review = review or newest_review(records)
    path = close_decision(records, review, number, on=_today(at, records), dropped=dropped)
    click.echo(f"decision {number} of {review} is {'dropped' if dropped else 'done'}, in {path}")


def _all_records(data: str) -> Any:
    """Return the records with every decision up to today: a decision may be newer than all that was recorded before."""
    import pandas as pd

    from incident_lib.loading import load

    return load(data, as_of=f"{moment(None) + pd.Timedelta(days=1):%Y-%m-%dT%H:%M:%SZ}")


def _today(at: str | None, records: Any) -> Any:
    """Return the day of a moment where the workbook is."""
    return moment(at).tz_convert(records.settings.workbook.tz).date()


COMMANDS = (decide, decision)
