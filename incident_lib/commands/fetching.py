"""The command that asks other tools over the network, and writes what they answer into the workbook."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from incident_lib.commands.options import DATA, moment

TOOLS = ("pagerduty", "statuspage", "slack")


@click.command()
@click.argument("tools", nargs=-1, type=click.Choice(TOOLS))
@DATA
def fetch(tools: tuple[str, ...], data: str) -> None:
    """Fetch new records from the TOOLS that workbook.toml names under [fetch]; all of them if none is given.

    They are asked read-only, and their answers become files of the workbook as their exports would be. Tokens come from
    the environment only. A run that was interrupted goes on where it stopped.
    """
    from incident_lib.errors import SettingsError
    from incident_lib.loading import open_workbook
    from incident_lib.settings import FILE_NAME

    folder, settings = open_workbook(data)
    stated = [tool for tool in TOOLS if getattr(settings.fetch, tool)]
    missing = [tool for tool in tools if tool not in stated]
    if missing or not stated:
        wanted = f"how to fetch from {missing[0]}" if missing else "what to fetch"
        tables = f"[fetch.{missing[0]}]" if missing else "[fetch.pagerduty], [fetch.statuspage] or [fetch.slack]"
        raise SettingsError(f"{folder / FILE_NAME} doesn't say {wanted}; expected a table {tables}")
    for tool in tools or stated:
        written = _fetch(tool, settings.fetch, folder)
        click.echo(
            f"{tool}: {written} file{'' if written == 1 else 's'} written" if written else f"{tool}: nothing new"
        )


def _fetch(tool: str, limits: Any, folder: Path) -> int:
    import time

    try:
        from incident_lib.fetching import pagerduty, slack, statuspage
        from incident_lib.fetching.api import api_of
    except ImportError as error:
        from incident_lib.errors import SettingsError

        raise SettingsError("fetching needs httpx2: pip install 'incident-workbook[remote]'") from error
    stated, now = getattr(limits, tool), moment(None).to_pydatetime()
    module: Any = {"pagerduty": pagerduty, "statuspage": statuspage, "slack": slack}[tool]

    def say(line: str) -> None:
        click.echo(f"{tool}: {line}", err=True)

    with api_of(module.NAME, stated.url, stated.token_env, limits,
                time.sleep, **module.HEADERS) as api:  # fmt: skip
        when = () if tool == "statuspage" else (now,)
        return module.fetch(api, stated, folder, *when, say)


COMMANDS = (fetch,)
