"""What starts ``incidents run`` again and again: a systemd timer, a line of a crontab, or a job of GitHub or GitLab.

Each only looks every few minutes whether something is due; what is due is the workbook's to say. A change of its
schedule therefore needs no new timer.
"""

from __future__ import annotations

import hashlib
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from incident_lib.errors import SettingsError
from incident_lib.files import safe_name

LOCKED = 75  # another run is at work, which is no failure of a timer's


@dataclass(frozen=True)
class Job:
    """A run to start: the program, the workbook and the reports as absolute paths, and after how many minutes again."""

    program: tuple[str, ...]
    data: Path
    reports: Path
    minutes: int

    @property
    def command(self) -> tuple[str, ...]:
        """Return the command and its arguments."""
        return (*self.program, "run", "--data", str(self.data), "--reports", str(self.reports))

    @property
    def name(self) -> str:
        """Return a name of its own for each workbook and reports folder: incidents-data-1f3a."""
        digest = hashlib.sha256(f"{self.data}\0{self.reports}".encode()).hexdigest()
        return f"incidents-{safe_name(self.data.name.lower())[:30]}-{digest[:4]}"


def job_of(program: Sequence[str], data: Path, reports: Path, minutes: int) -> Job:
    """Return a job, checked: timers start in other folders, and their files are lines.

    Raises:
        SettingsError: for a path that holds a line's end or another character that isn't printable, or an hour that
            the minutes don't divide.
    """
    if 60 % minutes:
        raise SettingsError(f"--every {minutes}: expected minutes that divide an hour: 5, 10, 15, 20, 30 or 60")
    for path in (*program, str(data), str(reports)):
        if not path.isprintable():
            raise SettingsError(f"the path {path!r} can't stand in a timer's file; rename it")
    return Job(tuple(program), data.absolute(), reports.absolute(), minutes)


def systemd_units(job: Job) -> dict[str, str]:
    """Return a user's service and timer by file name; a run that was missed while the machine slept is caught up."""
    start = " ".join(_systemd_word(word) for word in job.command)
    service = f"""[Unit]
Description=Incident reports of {_systemd_plain(job.data)}

[Service]
Type=oneshot
ExecStart={start} --log json
SuccessExitStatus={LOCKED}
TimeoutStartSec=6h
Nice=10
"""
    when = "hourly" if job.minutes == 60 else f"*:0/{job.minutes}"
    timer = f"""[Unit]
Description=Looks every {job.minutes} minutes whether an incident report is due

[Timer]
OnCalendar={when}
Persistent=true
AccuracySec=30s

[Install]
WantedBy=timers.target
"""
    return {f"{job.name}.service": service, f"{job.name}.timer": timer}


def cron_lines(job: Job) -> str:
    """Return the crontab's two lines: a mark by which they are found again, and when to run what.

    cron mails what a command prints: that is only what stopped it. What a report's failure was stands in the ledger.
    """
    command = shlex.join(job.command).replace("%", r"\%")  # cron reads a bare % as a line's end
    return f"# {job.name}\n{_cron_time(job)} {command} >/dev/null || [ $? -eq {LOCKED} ]\n"


def _cron_time(job: Job) -> str:
    return "0 * * * *" if job.minutes == 60 else f"*/{job.minutes} * * * *"


def with_cron_lines(crontab: str, job: Job) -> str:
    """Return a crontab with the job's lines in it once, where they stood or at its end; nothing else is touched."""
    own = re.compile(rf"^# {re.escape(job.name)}\n.*(?:\n|$)", re.MULTILINE)
    lines = cron_lines(job)
    if own.search(crontab):
        return own.sub(lambda _: lines, crontab, count=1)
    return crontab + ("\n" if crontab and not crontab.endswith("\n") else "") + lines


def github_workflow(job: Job, names: Mapping[str, str]) -> str:
    """Return a workflow for GitHub Actions; ``names`` are the folders as the repository has them.

    GitHub's clock is UTC and may be late by many minutes; what is due is caught up by the next run.
    """
    return f"""name: incident reports
on:
  schedule:
    - cron: "{_cron_time(job)}"
  workflow_dispatch: {{}}
permissions:
  contents: read
concurrency:
  group: incident-reports
jobs:
  reports:
    runs-on: ubuntu-latest
    timeout-minutes: 60
    steps:
      - uses: actions/checkout@v5
        with:
          fetch-depth: 0
      - uses: actions/setup-python@v6
        with:
          python-version: "3.13"
      - run: pip install incident-workbook
      - uses: actions/cache@v4
        with:
          path: {_yaml(names["reports"])}
          key: incident-reports-${{{{ github.run_id }}}}
          restore-keys: incident-reports-
      - run: incidents run --log json --data {_yaml_shell(names["data"])} --reports {_yaml_shell(names["reports"])}
      - if: always()
        uses: actions/upload-artifact@v4
        with:
          name: incident-reports
          path: {_yaml(names["reports"])}
"""


def gitlab_job(job: Job, names: Mapping[str, str]) -> str:
    """Return a job for GitLab CI; the schedule itself is made in the project's settings, as GitLab has it.

    ``names`` are the folders as the repository has them.
    """
    return f"""# Make a schedule in the project's settings (Build, Pipeline schedules): every {job.minutes} minutes.
incident-reports:
  image: python:3.13-slim
  rules:
    - if: $CI_PIPELINE_SOURCE == "schedule"
  resource_group: incident-reports
  timeout: 1h
  cache:
    key: incident-reports
    paths:
      - {_yaml(names["reports"])}
  script:
    - pip install incident-workbook
    - incidents run --log json --data {_yaml_shell(names["data"])} --reports {_yaml_shell(names["reports"])}
  artifacts:
    when: always
    paths:
      - {_yaml(names["reports"])}
"""


def _systemd_word(word: str) -> str:
    """Return a word as systemd takes it: quoted, with its specifiers and variables doubled."""
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{escaped}"' if re.search(r"[\s\"'\\;$%]", word) else word


def _systemd_plain(path: Path) -> str:
    return str(path).replace("%", "%%").replace("\\", "/")


def _yaml(text: str) -> str:
    """Return a text as a YAML scalar: one in single quotes can hold anything that fits on a line."""
    return "'" + text.replace("'", "''") + "'"


def _yaml_shell(text: str) -> str:
    """Return a path as a word of a shell command within a plain YAML scalar.

    Raises:
        SettingsError: for a path that would end the scalar or begin an expression.
    """
    if not re.fullmatch(r"[A-Za-z0-9._/-]+", text):
        raise SettingsError(f"the path {text!r} can't stand in a CI file; expected letters, digits and any of ._-/")
    return text
