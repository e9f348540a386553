"""Commands for asking one's own questions: JupyterLab on the notebooks."""

from __future__ import annotations

from pathlib import Path

import click

from incident_lib.commands.options import DATA


@click.command()
@click.option("--port", type=click.IntRange(1, 65535), help="Where to listen.  [default: a free one]")
@click.option("--browser/--no-browser", default=True, help="Open a browser, where there is one.")
@DATA
def lab(port: int | None, browser: bool, data: str) -> None:
    """Open the exploring notebook in JupyterLab, in a copy of your own beside the workbook."""
    from incident_lib.reports.lab import open_lab

    raise SystemExit(open_lab(Path(data), port=port, browser=browser))


COMMANDS = (lab,)
