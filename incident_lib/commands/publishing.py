"""Commands and options of published reports: their forms, and showing them in a browser."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from incident_lib.commands.options import REPORTS

_PDF_WANTED = "incident_lib.pdf"


def _note_pdf(context: click.Context, parameter: click.Parameter, wanted: bool) -> bool:
    context.meta[_PDF_WANTED] = wanted
    return wanted


# Not handed to the command: what makes the report asks for it (see forms_wanted).
PDF = click.option(
    "--pdf", is_flag=True, expose_value=False, callback=_note_pdf,
    help="Also as PDF; needs Chromium or Chrome.",
)


def forms_wanted(report: Any) -> Any:
    """Return in which forms a report is to be published: by the command's options and the workbook's settings."""
    from incident_lib.reports.run import Forms
    from incident_lib.settings import FILE_NAME, read_settings

    context, folder = click.get_current_context(silent=True), Path(str(report.parameters.get("data") or ""))
    shared = (folder / FILE_NAME).is_file() and read_settings(folder).reports.plotly == "shared"
    return Forms(pdf=bool(context and context.meta.get(_PDF_WANTED)), shared_plotly=shared)


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, metavar="ADDRESS",
              help="Another lets others read them.")  # fmt: skip
@click.option("--port", default=8017, show_default=True, type=click.IntRange(0, 65535), help="0 takes a free one.")
@REPORTS
def serve(host: str, port: int, reports: str) -> None:
    """Show the reports in a browser, to this machine only, until Ctrl-C."""
    from incident_lib.reports.serve import is_loopback, report_server

    with report_server(Path(reports), host, port) as server:
        click.echo(f"reports: {server.url}index.html  (Ctrl-C ends)")
        if not is_loopback(host):
            click.echo(f"{host} can be reached from other machines, and nobody is asked for a password.", err=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            click.echo("")


COMMANDS = (serve,)
