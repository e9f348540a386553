"""The command that shows or installs what starts ``incidents run``."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import click

from incident_lib.commands.options import DATA, REPORTS

KINDS = ("systemd", "cron", "github", "gitlab")
_SECONDS = 30


@click.command()
@click.argument("kind", type=click.Choice(KINDS), default="systemd")
@click.option("--every", "minutes", default=15, show_default=True, type=click.IntRange(5, 60),
              help="Look so often whether something is due, in minutes.")  # fmt: skip
@click.option("--install", is_flag=True, help="Write it where it belongs; it is only shown otherwise.")
@DATA
@REPORTS
def schedule(kind: str, minutes: int, install: bool, data: str, reports: str) -> None:
    """Show what starts 'incidents run' again and again: a systemd timer of yours, a crontab's line, or a CI job.

    What is due when is the workbook's [schedule] to say; the timer only looks whether something is.
    """
    from incident_lib.scheduling import timers
    from incident_lib.settings import read_settings

    read_settings(Path(data))
    job = timers.job_of(_program(), Path(data), Path(reports), minutes)
    if kind == "systemd":
        _systemd(job, timers.systemd_units(job), install)
    elif kind == "cron":
        _cron(job, install)
    else:
        _ci(kind, job, {"data": data, "reports": reports}, install)


def _program() -> tuple[str, ...]:
    """Return how to call us, whatever the PATH of a timer is."""
    beside = Path(sys.executable).with_name("incidents")
    return (str(beside),) if beside.is_file() else (sys.executable, "-m", "incident_lib")


def _systemd(job: Any, units: dict[str, str], install: bool) -> None:
    from incident_lib.files import write_atomically

    home = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    folder = Path(home) / "systemd" / "user"
    for name, text in units.items():
        if install:
            folder.mkdir(parents=True, exist_ok=True)
            write_atomically(folder / name, text.encode())
            click.echo(f"written: {folder / name}")
        else:
            click.echo(f"# {folder / name}\n{text}")
    click.echo(f"# then: systemctl --user daemon-reload && systemctl --user enable --now {job.name}.timer")
    click.echo("# so that it runs while you are logged out: loginctl enable-linger")


def _cron(job: Any, install: bool) -> None:
    from incident_lib.errors import WorkbookError
    from incident_lib.scheduling.timers import cron_lines, with_cron_lines

    if not install:
        click.echo(cron_lines(job), nl=False)
        return
    if not shutil.which("crontab"):
        raise WorkbookError("there is no program 'crontab' on this machine; install cron, or use a systemd timer")
    there = subprocess.run(["crontab", "-l"], capture_output=True, text=True, timeout=_SECONDS, check=False)
    if there.returncode and "no crontab" not in there.stderr:  # anything else than an empty one must not be replaced
        raise WorkbookError(f"can't read your crontab: {there.stderr.strip().splitlines()[-1:]}")
    wanted = with_cron_lines("" if there.returncode else there.stdout, job)
    done = subprocess.run(["crontab", "-"], input=wanted, capture_output=True, text=True, timeout=_SECONDS, check=False)
    if done.returncode:
        raise WorkbookError(f"crontab refuses the line: {' '.join(done.stderr.split())}")
    click.echo(f"in your crontab: {cron_lines(job).splitlines()[1]}")


def _ci(kind: str, job: Any, names: dict[str, str], install: bool) -> None:
    from incident_lib.files import create_only
    from incident_lib.scheduling.timers import github_workflow, gitlab_job

    text = github_workflow(job, names) if kind == "github" else gitlab_job(job, names)
    path = Path(".github/workflows/incident-reports.yml" if kind == "github" else ".gitlab-ci.yml")
    if not install:
        click.echo(text, nl=False)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    create_only(path, text.encode())
    click.echo(f"written: {path}")


COMMANDS = (schedule,)
