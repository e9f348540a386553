"""What starts a run: each file is taken by its own checker, and a path with odd letters stays one path."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from incident_lib.cli import cli
from incident_lib.errors import SettingsError
from incident_lib.scheduling.timers import (
    cron_lines,
    github_workflow,
    gitlab_job,
    job_of,
    systemd_units,
    with_cron_lines,
)

PROGRAM = ("/opt/our tools/incidents",)
ODD = Path("/srv/50% of \"it\" & 'more' $HOME\\x")
EVERY = (5, 15, 60)
needs_systemd = pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="there is no systemd-analyze")
needs_cron = pytest.mark.skipif(not shutil.which("crontab"), reason="there is no crontab")


def verified(units: dict[str, str], folder: Path) -> str:
    """Return what systemd's own checker says of a service and its timer."""
    for name, text in units.items():
        (folder / name).write_text(text, encoding="utf-8")
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", *(str(folder / name) for name in units)],
                          capture_output=True, text=True, timeout=60, check=False)  # fmt: skip
    return "" if done.returncode == 0 and not done.stderr.strip() else done.stderr or "failed"


@needs_systemd
@pytest.mark.parametrize("minutes", EVERY)
def test_systemd_takes_its_units(tmp_path, minutes):
    """systemd-analyze has nothing to say against them."""
    units = systemd_units(job_of((sys.executable, "-m", "incident_lib"), Path("/srv/data"), Path("/srv/reports"), minutes))

    assert verified(units, tmp_path) == ""


@needs_systemd
def test_the_checker_would_notice(tmp_path):
    """A unit that is wrong is told of."""
    units = systemd_units(job_of((sys.executable,), Path("/srv/data"), Path("/srv/reports"), 15))
    units = {name: text.replace("OnCalendar=*:0/15", "OnCalendar=sometimes") for name, text in units.items()}

    assert "sometimes" in verified(units, tmp_path)


@needs_systemd
def test_systemd_gives_odd_paths_as_they_are(tmp_path):
    """Spaces, quotes, percent and dollar signs and backslashes arrive as one argument each."""
    units = systemd_units(job_of((sys.executable,), ODD, Path("/srv/reports"), 15))
    line = next(line for text in units.values() for line in text.splitlines() if line.startswith("ExecStart="))
    words = [re.sub(r"%%|\$\$", lambda found: found[0][0], word) for word in shlex.split(line.removeprefix("ExecStart="))]

    assert str(ODD) in words
    assert verified(units, tmp_path) == ""


@needs_cron
@pytest.mark.parametrize("minutes", EVERY)
@pytest.mark.parametrize("data", [Path("/srv/data"), ODD])
def test_cron_takes_its_lines(tmp_path, minutes, data):
    """crontab's own parser takes them."""
    (tmp_path / "tab").write_text(cron_lines(job_of(PROGRAM, data, Path("/srv/reports"), minutes)), encoding="utf-8")
    done = subprocess.run(["crontab", "-n", str(tmp_path / "tab")], capture_output=True, text=True, timeout=30, check=False)

    assert done.returncode == 0, done.stderr


def test_cron_runs_what_was_meant(tmp_path):
    """What cron hands to a shell, its bare % undone, calls the program with the paths as they are; 75 is no failure."""
    program = tmp_path / "our tools" / "incidents"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > "{tmp_path}/said"\nexit $CODE\n')
    program.chmod(0o755)
    line = cron_lines(job_of((str(program),), ODD, Path("/srv/reports"), 15)).splitlines()[1]
    command = line.split(" ", 5)[5].replace(r"\%", "%")
    codes = [subprocess.run(["/bin/sh", "-c", command], env={"CODE": code}, check=False).returncode for code in ("0", "75", "1")]

    assert (tmp_path / "said").read_text().splitlines() == ["run", "--data", str(ODD), "--reports", "/srv/reports"]
    assert codes == [0, 0, 1]


def test_a_crontab_keeps_its_other_lines():
    """The job's lines are put in once, and renewed where they stand; two workbooks don't meet."""
    one, other = (job_of(PROGRAM, Path(name), Path("/srv/reports"), 15) for name in ("/srv/a", "/srv/b"))
    before = "MAILTO=ops\n5 4 * * * backup # incidents\n"
    tab = with_cron_lines(with_cron_lines(before, one), other) + "1 1 * * * last\n"
    again = with_cron_lines(tab, job_of(PROGRAM, Path("/srv/a"), Path("/srv/reports"), 5))

    assert tab == before + cron_lines(one) + cron_lines(other) + "1 1 * * * last\n"
    assert again == tab.replace(cron_lines(one), cron_lines(one).replace("*/15", "*/5"))
    assert with_cron_lines("no end of line", one).startswith("no end of line\n#")


@pytest.mark.parametrize(("kind", "write"), [("github-workflows", github_workflow), ("gitlab-ci", gitlab_job)])
@pytest.mark.parametrize("minutes", EVERY)
def test_ci_files_fit_their_schema(tmp_path, kind, write, minutes):
    """The services' published schemas take them; what is no such file they refuse."""
    text = write(job_of(PROGRAM, Path("data"), Path("reports"), minutes), {"data": "data", "reports": "out/reports"})
    codes = []
    for name, content in (("good.yml", text), ("bad.yml", text.replace("runs-on", "run-on").replace("image:", "imago: [{}]\n  image: [1]\n  x:"))):
        (tmp_path / name).write_text(content, encoding="utf-8")
        command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", f"vendor.{kind}", str(tmp_path / name)]
        codes.append(subprocess.run(command, capture_output=True, timeout=60, check=False).returncode)

    assert codes == [0, 1]


def test_a_ci_file_holds_no_expression():
    """A path that would begin an expression is refused."""
    with pytest.raises(SettingsError, match="can't stand in a CI file"):
        gitlab_job(job_of(PROGRAM, Path("data"), Path("r"), 15), {"data": "$(rm)", "reports": "r"})


def test_what_can_not_be_is_refused():
    """Minutes that don't divide an hour, and a path with a line's end."""
    with pytest.raises(SettingsError, match="divide an hour"):
        job_of(PROGRAM, Path("data"), Path("reports"), 7)
    with pytest.raises(SettingsError, match="rename it"):
        job_of(PROGRAM, Path("da\nta"), Path("reports"), 15)


def test_installing(workbook, tmp_path, monkeypatch):
    """Units go to the user's own folder, lines into the user's own crontab, which a stand-in plays here."""
    folder, tab = workbook(), tmp_path / "tab"
    tab.write_text("1 1 * * * mine\n")
    (tmp_path / "crontab").write_text(f'#!/bin/sh\n[ "$1" = -l ] && exec cat "{tab}"\ncat > "{tab}.new" && mv "{tab}.new" "{tab}"\n')
    (tmp_path / "crontab").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    options = ["--install", "--data", str(folder), "--reports", str(tmp_path / "reports")]
    units = CliRunner().invoke(cli, ["schedule", "systemd", *options])
    lines = [CliRunner().invoke(cli, ["schedule", "cron", *options]) for _ in range(2)]

    assert units.exit_code == 0 and len(list((tmp_path / "config/systemd/user").glob("incidents-workbook-*.*"))) == 2
    assert [one.exit_code for one in lines] == [0, 0]
    assert tab.read_text().startswith("1 1 * * * mine\n# incidents-workbook-") and tab.read_text().count("\n") == 3


def test_showing_changes_nothing(workbook, tmp_path, monkeypatch):
    """Without --install the files are only shown."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    data = os.path.relpath(workbook(), tmp_path)
    shown = {kind: CliRunner().invoke(cli, ["schedule", kind, "--data", data]) for kind in ("systemd", "cron", "github", "gitlab")}

    assert {one.exit_code for one in shown.values()} == {0}
    assert "OnCalendar=*:0/15" in shown["systemd"].output and "*/15 * * * * " in shown["cron"].output
    assert {path.name for path in tmp_path.iterdir()} == {"workbook"}
