"""Commands of the page: draft it, look at its wording, follow its evidence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from incident_lib.commands.options import ANY_DATA, DATA


def draft_and_say(records: Any, incident_id: str, owner: str | None) -> list[str]:
    """Write an incident's page, new or again, and return what was done, line by line."""
    from incident_lib.drafting.completeness import completeness_sentence, page_completeness
    from incident_lib.drafting.summariser import machine_summary
    from incident_lib.drafting.writing import write_draft

    written = write_draft(records, incident_id, owner=owner, summary=machine_summary(records, incident_id))
    left = completeness_sentence(page_completeness(records, incident_id))
    if written.is_new:
        return [f"page: {written.path} is written; lines that begin with “To write” wait for you", f"  {left}"]
    result = written.result
    done = [
        *([f"renewed: {', '.join(name or 'the head' for name in result.renewed)}"] if result.renewed else []),
        *([f"filled in the front matter: {', '.join(result.filled)}"] if result.filled else []),
        *(
            [f"kept as people left them: {', '.join(name or 'the head' for name in result.kept)}"]
            if result.kept
            else []
        ),
    ]
    offers = len(result.offers)
    more = (
        [
            f"offered in the report, not written: {offers:,} new line{'' if offers == 1 else 's'} "
            "for sections that people changed"
        ]
        if offers
        else []
    )
    changed = "is drafted again" if result.renewed or result.filled else "is as it was"
    return [f"page: {written.path} {changed}", *(f"  {line}" for line in [*done, *more, left])]


@click.command()
@click.argument("incident_id", metavar="ID")
@DATA
def verify(incident_id: str, data: str) -> None:
    """Follow every pointer of an incident's page, and say which claims no longer hold.

    Exit code 1 if one does not: a source was changed or is gone.
    """
    from incident_lib.drafting.evidence import verify_claims
    from incident_lib.drafting.sidecar import page_path, read_sidecar
    from incident_lib.errors import SettingsError
    from incident_lib.loading import load

    records = load(data)
    records.incident(incident_id)
    sidecar, page = read_sidecar(records, incident_id), page_path(records, incident_id)
    if sidecar is None:
        raise SettingsError(f"{page} has no evidence file beside it: it was not drafted by 'incidents draft'")
    table = verify_claims(sidecar.as_dict(), records.folder)
    broken = table[table["state"].isin(["changed", "gone"])]
    for row in broken.itertuples():
        click.echo(f"{row.state}: {row.section or 'head'}: {row.claim}\n    {row.evidence}")
    moved = int((table["state"] == "holds, moved").sum())
    click.echo(
        f"{len(table) - len(broken):,} of {len(table):,} claims hold"
        + (f", {moved:,} of them with evidence that moved" if moved else "")
        + "."
    )
    if len(broken):
        raise SystemExit(1)


@click.command()
@click.argument(
    "pages", metavar="PAGE...", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
@ANY_DATA
def lint(pages: tuple[Path, ...], data: str) -> None:
    """Look at the wording of one PAGE or more: blame, "outage", promises, a single cause, vague action items.

    Names of people come from the workbook's settings, if there is one. Exit code 1 if something was found.
    """
    from incident_lib.drafting.wording import lint_text
    from incident_lib.settings import read_settings

    folder = Path(data)
    people = [person.name for person in read_settings(folder).people] if (folder / "workbook.toml").is_file() else []
    found = 0
    for path in pages:
        for finding in lint_text(path.read_text(encoding="utf-8", errors="replace"), people):
            found += 1
            click.echo(
                f"{path}:{finding.line}: {finding.section or 'head'}: “{finding.words}”\n"
                f"    {finding.why}; {finding.better}"
            )
    click.echo(f"{found:,} hint{'' if found == 1 else 's'} in {len(pages):,} page{'' if len(pages) == 1 else 's'}.")
    if found:
        raise SystemExit(1)


@click.command()
@click.argument("incident_id", metavar="ID")
@click.argument("customer")
@click.option("--html", is_flag=True, help="As a small HTML page instead of text.")
@DATA
def notice(incident_id: str, customer: str, html: bool, data: str) -> None:
    """Print the notice about an incident to a CUSTOMER that it is tagged with; nothing is sent.

    It is made of times, services and what touches their systems; hosts, people, secrets and others have no way in.
    """
    from incident_lib.drafting.audiences import customer_notice, notice_html
    from incident_lib.loading import load

    click.echo((notice_html if html else customer_notice)(load(data), incident_id, customer), nl=False)


COMMANDS = (verify, lint, notice)
