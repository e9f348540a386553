"""The command line: arguments in, one call, exit code out."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from incident_lib.commands import (
    batches,
    database,
    drafting,
    exploring,
    fetching,
    mail,
    publishing,
    reviewing,
    scheduling,
    steps,
    timers,
)
from incident_lib.commands.options import AS_OF, DATA, REPORTS
from incident_lib.errors import WorkbookError

if TYPE_CHECKING:
    from incident_lib.reports.run import Report


def _common(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options that all commands share."""
    return DATA(REPORTS(AS_OF(command)))


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="incident-workbook")
def cli() -> None:
    """Post-mortem drafts, their timeliness, and the process review, from your incident records.

    \b
    Try it:   incidents sample demo  &&  incidents report --data demo
    Your own: incidents init ours, put your exports into it, then 'incidents check --data ours'
    """


@cli.command()
@click.argument("incident_id", metavar="[ID]", required=False)
@click.option("--owner", metavar="NAME", help="Who sees that the post-mortem gets done.")
@batches.batch_options("--all-missing", "Every major incident that has no page yet.")
@publishing.PDF
@_common
def draft(
    incident_id: str | None, owner: str | None, all_missing: bool, data: str, reports: str, as_of: str | None
) -> None:
    """Draft the post-mortem of an incident, or with --all-missing of every major one that has no page yet.

    Writes postmortems/ID.md into the workbook, and the draft report into the reports' folder. Where the page is there
    already, sections that nobody changed are renewed, those that people changed stay byte for byte, and what the
    records have to say for them is offered in the report. A page that people wrote without this command stays as it is.
    """
    from incident_lib.loading import load
    from incident_lib.reports.catalogue import postmortem_draft

    batches.one_of(all_missing, incident_id, "an ID", "--all-missing")
    if all_missing:
        return batches.draft_all_missing(owner, data, reports, as_of)
    if incident_id is None:
        raise click.UsageError("Missing argument 'ID': say which incident, or --all-missing")
    records = load(data, as_of=as_of)
    said = drafting.draft_and_say(records, incident_id, owner)
    published = _make(postmortem_draft(data, as_of, incident_id, owner), reports)
    click.echo("\n".join(said))
    _say_where(published, reports)


@cli.command()
@click.option("--period", metavar="PERIOD", help="Only incidents of this period, as in 2026-Q3.")
@click.option("--since", metavar="TIME", help="Tell what changed since then.  [default: a week before]")
@publishing.PDF
@_common
def timeliness(period: str | None, since: str | None, data: str, reports: str, as_of: str | None) -> None:
    """Report which post-mortems are overdue, due next, and how long they really take."""
    from incident_lib.periods import parse_period
    from incident_lib.reports.catalogue import timeliness as report

    _check(data, as_of)
    _check(data, since, "--since")
    _say_where(_make(report(data, as_of, period and parse_period(period).name, since), reports), reports)


@cli.command()
@click.argument("period")
@click.option("--customer", metavar="NAME", help="The edition for this customer: their incidents only, no names.")
@batches.batch_options("--each-customer", "Such an edition for each customer.")
@publishing.PDF
@_common
def review(
    period: str, customer: str | None, each_customer: bool, data: str, reports: str, as_of: str | None
) -> None:
    """Report on the process over a PERIOD: 2026-Q3, 2026-10, 2026, or 2026-10-01..2026-10-31."""
    from incident_lib.periods import parse_period
    from incident_lib.reports.catalogue import process_review, service_review

    batches.one_of(each_customer, customer, "--customer", "--each-customer")
    if "://" not in data:
        _check(data, as_of)
    name = parse_period(period).name
    if each_customer:
        return batches.review_each_customer(name, data, reports, as_of)
    if customer is not None:
        from incident_lib.loading import load
        from incident_lib.review.service_review import customer_called

        customer = customer_called(load(data, as_of=as_of), customer)
        _say_where(_make(service_review(data, as_of, name, customer), reports), reports)
    else:
        _say_where(_make(process_review(data, as_of, name), reports), reports)


@cli.command()
@click.argument("which", metavar="[explore]", required=False, type=click.Choice(["explore"]))
@click.option("--period", metavar="PERIOD", help="For explore: only incidents of this period, as in 2026-09.")
@publishing.PDF
@_common
def report(which: str | None, period: str | None, data: str, reports: str, as_of: str | None) -> None:
    """Make the reports for the newest data: timeliness, the quarter's review, the follow-up board, and a draft.

    The draft is that of the major incident that was seen last; its page is not written into the workbook.
    With 'explore', the exploring notebook as a page instead: the trends of all incidents, or of a period.
    """
    from incident_lib.drafting.draft import newest_major
    from incident_lib.loading import load
    from incident_lib.periods import parse_period, period_of
    from incident_lib.reports import catalogue

    if which or period:
        if not which:
            raise click.UsageError("--period is for 'incidents report explore'")
        _check(data, as_of)
        name = period and parse_period(period).name
        return _say_where(_make(catalogue.explore(data, as_of, name), reports), reports)
    records = load(data, as_of=as_of)
    quarter = period_of(records.as_of, records.settings.workbook.tz).name
    wanted = [catalogue.timeliness(data, as_of), catalogue.process_review(data, as_of, quarter),
              catalogue.follow_up(data, as_of)]  # fmt: skip
    if not records.major.empty:
        wanted.append(catalogue.postmortem_draft(data, as_of, newest_major(records)))
    _make_side_by_side(wanted, records, reports)


@cli.command("follow-up")
@click.option("--owner", metavar="NAME", help="Only the follow-ups of this owner.")
@click.option("--customer", "customers", multiple=True, metavar="NAME", help="This customer's own page. Repeatable.")
@_common
def follow_up(owner: str | None, customers: tuple[str, ...], data: str, reports: str, as_of: str | None) -> None:
    """Report on the board: every open follow-up, its steps' states, and what comes next.

    With --customer, a page that holds nothing but what concerns that customer, and may be shown to them.
    """
    from incident_lib.follow_up.board import check_names
    from incident_lib.loading import load
    from incident_lib.reports import catalogue

    check_names(load(data, as_of=as_of), owner, customers)
    pages = [catalogue.customer_page(data, as_of, name) for name in customers]
    for one in pages or [catalogue.follow_up(data, as_of, owner)]:
        _say_where(_make(one, reports), reports)


@cli.command()
@_common
def check(data: str, reports: str, as_of: str | None) -> None:
    """Read everything and list each problem with file and place; exit code 1 if there is one."""
    from incident_lib.loading import load

    records = load(data, as_of=as_of)
    for problem in records.problems.to_dict("records"):
        click.echo(f"{problem['message']} @ {problem['source']} ({problem['effect']})")
    accounts = records.accounts.groupby(["source", "format", "kind", "outcome"], as_index=False)["rows"].sum()
    click.echo(f"\n{_aligned([list(accounts.columns), *accounts.astype(str).to_numpy().tolist()])}\n")
    click.echo(f"{records!r}")
    if len(records.problems):
        raise SystemExit(1)


def _aligned(lines: list[list[str]]) -> str:
    widths = [max(len(line[place]) for line in lines) for place in range(len(lines[0]))]
    return "\n".join(
        "  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )


@cli.command()
@click.argument("folder")
def init(folder: str) -> None:
    """Make a new workbook in FOLDER: commented settings and empty folders for your exports and pages."""
    from incident_lib.new_workbook import create_workbook

    for name in create_workbook(Path(folder)):
        click.echo(f"made {Path(folder) / name}")
    click.echo(f"Next: put your exports beside {Path(folder) / 'workbook.toml'}, then: incidents check --data {folder}")


@cli.command()
@click.argument("folder")
@click.option("--incidents", default=160, show_default=True, type=click.IntRange(1, 5_000_000), help="How many.")
@click.option("--seed", default=7, show_default=True, help="The same seed gives the same bytes.")
def sample(folder: str, incidents: int, seed: int) -> None:
    """Write a sample workbook of a fictional company into FOLDER, to try things with."""
    from incident_lib.sample import write_sample

    counts = write_sample(Path(folder), incidents=incidents, seed=seed)
    click.echo(f"{folder}: " + ", ".join(f"{count:,} {name}" for name, count in counts.items()))


def _check(data: str, as_of: str | None, option: str = "as-of") -> None:
    """Refuse a folder or a time that makes no sense before anything is started."""
    from incident_lib.loading import as_time, open_workbook

    _, settings = open_workbook(data)
    if as_of is not None:
        as_time(as_of, settings.workbook.zone, option)


def _make(one: Report, reports: str) -> Any:
    """Run one report, showing what goes on, and rebuild the index."""
    from incident_lib.reports.index import rebuild_index
    from incident_lib.reports.run import run_report

    try:
        with _progress(one.title) as progress:
            return run_report(one, reports=Path(reports), progress=progress, forms=publishing.forms_wanted(one))
    finally:  # a run that failed is named there
        if Path(reports).is_dir():
            rebuild_index(Path(reports), "All reports")


def _make_side_by_side(wanted: list[Report], records: Any, reports: str) -> None:
    """Run several reports at once and rebuild the index; one that fails costs itself only, and is told at the end."""
    from incident_lib.batches.many import Outcome, make_all
    from incident_lib.errors import ReportError
    from incident_lib.reports.index import rebuild_index

    def tell(outcome: Outcome) -> None:
        if outcome.published:
            click.echo(f"{outcome.published.title}: {outcome.published.answer}")

    forms = publishing.forms_wanted(wanted[0])
    outcomes = make_all(wanted, into=Path(reports), records=records, again=True, forms=forms, on_done=tell)
    rebuild_index(Path(reports), "All reports")
    _say_where(None, reports)
    if failed := [one.error for one in outcomes if one.error]:
        raise ReportError("; ".join(failed))


@contextmanager
def _progress(title: str) -> Iterator[Callable[[str], None]]:
    """Show the stages of long work: as a moving line on a terminal, as plain lines elsewhere."""
    if not sys.stderr.isatty():
        yield lambda stage: click.echo(f"{title}: {stage}", err=True)
        return
    from rich.console import Console

    with Console(stderr=True).status(title) as status:
        yield lambda stage: status.update(f"{title}: {stage}")


def _say_where(published: Any, reports: str) -> None:
    """Say what a report answers, and where it is."""
    if published:
        click.echo(f"{published.title}: {published.answer}")
        click.echo(f"report: {published.page}")
    click.echo(f"all reports: {Path(reports) / 'index.html'}")


for _group in (steps, mail, drafting, reviewing, database, publishing, exploring, fetching, scheduling, timers):
    for _command in _group.COMMANDS:
        cli.add_command(_command)


def main() -> None:
    """Run the command line; what the user can mend becomes one sentence on stderr and a non-zero exit."""
    try:
        cli(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        raise SystemExit(error.exit_code) from error
    except click.Abort as error:
        raise SystemExit(130) from error
    except WorkbookError as error:
        click.echo(f"incidents: {error}", err=True)
        raise SystemExit(error.exit_code) from error


if __name__ == "__main__":
    main()
