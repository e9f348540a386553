"""The command that writes a workbook's tables into a database."""

from __future__ import annotations

from pathlib import Path

import click

from incident_lib.commands.options import AS_OF, DATA


@click.command()
@click.argument("url", required=False)
@click.option("--url-env", metavar="NAME", help="The environment variable that holds the URL, instead of URL itself.")
@click.option("--replace", is_flag=True, help="Replace the rows that the tables there have already.")
@AS_OF
@DATA
def export(url: str | None, url_env: str | None, replace: bool, as_of: str | None, data: str) -> None:
    """Write the workbook's tables into a database: SQLite or PostgreSQL.

    URL is sqlite:///incidents.db or postgresql://user@host/name. Passwords given on a command line are seen by others
    on the machine; --url-env reads it from the environment. All is written in one transaction, or nothing.
    """
    from incident_lib.loading import load
    from incident_lib.sources.sql import address_of, engine, export_tables
    from incident_lib.tables import TABLES

    if not (url or url_env):
        raise click.UsageError("say where to: sqlite:///incidents.db, postgresql://user@host/name, or --url-env NAME")
    engine()
    address = address_of(url, url_env, "export")
    records = load(data, as_of=as_of)
    tables = {table.name: getattr(records, table.name) for table in TABLES}
    counts = export_tables(tables, address, replace=replace, folder=Path.cwd())
    click.echo("written: " + ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in counts.items()))


COMMANDS = (export,)
