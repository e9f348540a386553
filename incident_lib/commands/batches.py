"""Batches on the command line: the options, the progress, and what is said at the end."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Any

import click

from incident_lib.commands.options import Command
from incident_lib.commands.publishing import forms_wanted

_CHOICES = "incident_lib.batches"


def _note(context: click.Context, parameter: click.Parameter, value: Any) -> Any:
    context.meta.setdefault(_CHOICES, {})[parameter.name] = value
    return value


def batch_options(flag: str, explained: str) -> Callable[[Command], Command]:
    """Return what gives a command the flag that makes a batch of it, and the options that all batches share."""

    def give(command: Command) -> Command:
        again = click.option("--again", is_flag=True, expose_value=False, callback=_note,
                             help="In a batch: also those made before from the same inputs.")  # fmt: skip
        scheduler = click.option("--scheduler", metavar="ADDRESS", expose_value=False, callback=_note,
                                 help="In a batch: on a Dask cluster, as in tcp://10.0.0.5:8786.")  # fmt: skip
        return click.option(flag, is_flag=True, help=explained)(again(scheduler(command)))

    return give


def one_of(batch: bool, single: str | None, name: str, flag: str) -> None:
    """Refuse a command that names neither one thing nor the batch, or both; and a batch's options without one.

    Raises:
        UsageError: saying what to do.
    """
    if batch and single is not None:
        raise click.UsageError(f"say either {name} or {flag}")
    if not batch and any(_choices().values()):
        raise click.UsageError(f"--again and --scheduler need {flag}")
    told = click.get_current_context().params
    if flag == "--all-missing" and "://" in str(told["data"]):
        raise click.UsageError("drafts write pages into the workbook: --data has to be a folder")
    for option in ("data", "reports"):
        if "://" in str(told.get(option)) and not _choices().get("scheduler"):
            raise click.UsageError(f"--{option} at a URL needs {flag} with --scheduler; expected a folder")


def draft_all_missing(owner: str | None, data: str, reports: str, as_of: str | None) -> None:
    """Draft every major incident that has no page yet, and say what became of it."""
    from incident_lib.batches.afar import near
    from incident_lib.batches.drafts import Drafts, draft_all, incidents_to_draft
    from incident_lib.loading import load

    with near(data, reports) as where:
        records = load(data, as_of=as_of)
        drafts = Drafts(tuple(incidents_to_draft(records, where.into)), data, as_of, owner, where.into)
        if not drafts.incidents:
            click.echo("every major incident has its page")

        def page(incident_id: str, error: str | None) -> None:
            told.page(incident_id, error)
            if where.mirror:
                where.mirror.begin()

        with _told(where, len(drafts.incidents)) as told:
            draft_all(drafts, records, on_page=page, on_done=told.done,
                      **_how(records, drafts.reports[:1], where))  # fmt: skip


def review_each_customer(period: str, data: str, reports: str, as_of: str | None) -> None:
    """Make the review of a period for each customer, and say what became of it."""
    from incident_lib.batches.afar import near
    from incident_lib.batches.many import make_all
    from incident_lib.loading import load
    from incident_lib.reports.catalogue import service_review
    from incident_lib.review.service_review import known_customers

    with near(data, reports) as where:
        records = load(where.data, as_of=as_of)
        wanted = [service_review(where.data, as_of, period, customer) for customer in known_customers(records)]
        if not wanted:
            click.echo("the records name no customer")
        with _told(where, len(wanted)) as told:
            make_all(wanted, into=where.into, records=records, on_done=told.done,
                     **_how(records, wanted[:1], where))  # fmt: skip


def _choices() -> dict[str, Any]:
    return click.get_current_context().meta.get(_CHOICES, {})


def _how(records: Any, some: list[Any], where: Any) -> dict[str, Any]:
    """Return how a batch is to be made: by the settings and the command's options."""
    from incident_lib.batches.jobs import effort_of
    from incident_lib.batches.many import PLAIN

    forms = forms_wanted(some[0]) if some else PLAIN
    how = {"effort": effort_of(records.settings.reports), "forms": forms, "again": _choices()["again"]}
    if _choices()["scheduler"]:
        from incident_lib.batches.farm import cluster_at

        how["start"] = cluster_at(_choices()["scheduler"], where)
    return how


@contextmanager
def _told(where: Any, count: int) -> Iterator[Told]:
    """Show a batch's progress; at its end, however it comes, bring the index up to date and say how many were made.

    Exit code 1 if one failed, 130 after Ctrl-C.
    """
    from incident_lib.reports.index import rebuild_index

    told, interrupted = Told(count), False
    try:
        with told.shown():
            yield told
    except KeyboardInterrupt:
        interrupted = True
    finally:
        if count and where.into.is_dir():
            rebuild_index(where.into, "All reports")
            where.push()
    if count:
        click.echo(f"all reports: {where.index}")
    if interrupted:
        click.echo("interrupted; what is made is kept, and the same command goes on from there", err=True)
    click.echo(told.sum)
    if interrupted or told.failed:
        raise SystemExit(130 if interrupted else 1)


class Told:
    """Tells what becomes of a batch: by a bar on a terminal, by a line for each report elsewhere."""

    def __init__(self, count: int) -> None:
        self.count, self.made, self.skipped, self.failed = count, 0, 0, 0
        self._say: Callable[[str, int], None] = lambda text, done: None
        self._pages, self._begun = 0, monotonic()

    @property
    def sum(self) -> str:
        """Return how many were made, skipped and failed."""
        return f"{self.made:,} made, {self.skipped:,} skipped, {self.failed:,} failed"

    def page(self, incident_id: str, error: str | None) -> None:
        """Tell that an incident's page was written, or why it was not."""
        self._pages += 1
        self._say(f"page of {incident_id}{' failed' if error else ' is written'}", -1)

    def done(self, outcome: Any) -> None:
        """Tell what became of a report."""
        self.made += outcome.published is not None and not outcome.skipped
        self.skipped += outcome.skipped
        self.failed += outcome.error is not None
        number = self.made + self.skipped + self.failed
        state = "skipped" if outcome.skipped else "failed" if outcome.error else f"made in {outcome.seconds:.1f} s"
        if outcome.error:
            click.echo(f"incidents: {outcome.error}", err=True)
        self._say(f"{outcome.report.stem} {state}", number)

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Show the progress while this lasts."""
        with self._bar() if sys.stderr.isatty() else self._lines():
            yield

    @contextmanager
    def _lines(self) -> Iterator[None]:
        def say(text: str, done: int) -> None:
            where = f"page {self._pages:,}" if done < 0 else f"{done:,} of {self.count:,}"
            click.echo(f"{where}: {text}", err=True)

        self._say = say
        yield

    @contextmanager
    def _bar(self) -> Iterator[None]:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        left = TimeRemainingColumn(compact=True)
        columns = (BarColumn(), MofNCompleteColumn(), left, TextColumn("{task.description}"))
        with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
            task = progress.add_task("", total=self.count)

            def say(text: str, done: int) -> None:
                progress.update(task, description=text, completed=max(done, 0))

            self._say = say
            yield
