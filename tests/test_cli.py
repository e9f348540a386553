"""The commands as a user runs them: one call each, one sentence for what went wrong."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from factories import page

ROOT = Path(__file__).parents[1]
SAMPLE = ROOT / "data"


def run(*arguments: str, cwd: Path, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run the command line as a process of its own."""
    command = [sys.executable, "-m", "incident_lib", *arguments]
    return subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, timeout=280, check=False)


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """Return a folder in which all reports of the sample were made."""
    folder = tmp_path_factory.mktemp("made")
    shutil.copytree(SAMPLE, folder / "data")
    done = run("report", cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder


def files_of(folder: Path) -> dict[str, bytes]:
    """Return every published file by name."""
    paths = [path for path in folder.rglob("*") if path.is_file() and not path.name.startswith(".")]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def test_all_reports_and_an_index_come_out(made):
    """One command gives the timeliness, the quarter's review, the board, and the newest major incident's draft."""
    manifests = [json.loads(path.read_text()) for path in sorted((made / "reports").rglob("manifest.json"))]
    index = (made / "reports" / "index.html").read_text(encoding="utf-8")

    assert sorted(one["kind"] for one in manifests) == [
        "follow-up", "postmortem-draft", "process-review", "timeliness"]  # fmt: skip
    assert all(one["title"] in index for one in manifests)


def test_the_same_records_give_the_same_bytes(made):
    """Made again, every page, notebook, table and manifest is identical."""
    first = files_of(made / "reports")
    done = run("report", "--reports", "again", cwd=made)

    assert done.returncode == 0, done.stderr
    assert files_of(made / "again") == first


def test_the_sample_is_untouched_by_its_reports(made):
    """Reports read; they write nothing into the workbook."""
    assert files_of(made / "data") == files_of(SAMPLE)


def test_a_draft_is_written_once_and_never_over_a_person(workbook, tmp_path):
    """The first run writes the page; the second finds it, and leaves what a person wrote."""
    row = "incident_id,title,severity,started_at,resolved_at\nINC-2026-050,DNS,high,2026-03-02T12:00:00Z,2026-03-02T14:00:00Z\n"
    folder = workbook({"incidents.csv": row})
    options = ("draft", "INC-2026-050", "--owner", "Priya Raman", "--data", str(folder))
    first = run(*options, cwd=tmp_path)
    target = folder / "postmortems" / "INC-2026-050.md"
    target.write_text(target.read_text(encoding="utf-8").replace("## Overview\n", "## Overview\n\nMine.\n"), encoding="utf-8")
    mine = target.read_text(encoding="utf-8")
    second = run(*options, cwd=tmp_path)

    assert "is written" in first.stdout and first.returncode == 0, first.stderr
    assert second.returncode == 0 and target.read_text(encoding="utf-8") == mine
    assert (tmp_path / "reports/postmortem-draft/INC-2026-050/postmortem-draft-INC-2026-050.html").is_file()


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["timeliness", "--data", "nowhere"], 2, "there is no folder nowhere"),
        (["draft", "INC-2026-024", "--data", "workbook"], 2, "unknown incident 'INC-2026-024'; did you mean 'INC-2026-042'"),
        (["review", "2026-Q7", "--data", "workbook"], 2, "not a period: '2026-Q7'"),
        (["timeliness", "--data", "workbook", "--as-of", "yesterday"], 2, "as-of: not an ISO 8601 time"),
        (["init", "workbook"], 1, "workbook is a workbook already"),
        (["sample", "workbook"], 1, "workbook"),
        (["lab", "--data", "nowhere"], 2, "there is no folder nowhere"),
        (["lab", "--data", "."], 2, "is no workbook"),
        (["sample", "workbook/workbook.toml"], 1, "can't make the folder workbook/workbook.toml: a file is in its place"),
        (["report", "--data", "workbook", "--reports", "workbook/workbook.toml"], 1, "a file is in its place"),
        (["timeliness", "--data", "workbook", "--since", "monday"], 2, "--since: not an ISO 8601 time"),
        (["export", "--data", "workbook"], 2, "say where to: sqlite:///incidents.db"),
        (["fetch", "--data", "workbook"], 2, "expected a table [fetch.pagerduty], [fetch.statuspage] or [fetch.slack]"),
        (["task", "INC-2026-042", "x", "--kind", "foo", "--data", "workbook"], 2, "expected clean-up, prevent, detect"),
        (["draft", "--all-missing", "--data", "s3://ours/workbook"], 2, "--data has to be a folder"),
        (["reprot"], 2, "No such command"),
    ],
)
def test_what_cannot_be_done_is_one_sentence_and_an_exit_code(workbook, tmp_path, arguments, code, sentence):
    """Never a traceback."""
    workbook({"postmortems/a.md": page()})
    done = run(*arguments, cwd=tmp_path)

    assert done.returncode == code
    assert sentence in done.stderr and "Traceback" not in done.stderr


def test_an_incident_that_a_register_barely_tells_of_can_be_drafted(workbook, tmp_path):
    """Id, title and one time are enough; no severity is stated, and none is made up."""
    folder = workbook({"ours.csv": "incident_id,title,started_at\nA-2,DNS,2026-10-02T10:00:00Z\n"})
    done = run("draft", "A-2", "--data", str(folder), cwd=tmp_path)

    assert done.returncode == 0 and "Traceback" not in done.stderr, done.stderr
    assert "\nseverity:\n" in (folder / "postmortems/A-2.md").read_text("utf-8")


@pytest.mark.parametrize("command", [["check"], ["status"], ["step", "INC-2026-042", "internal-email"], ["run"]])
def test_a_command_in_the_wrong_folder_says_so(workbook, tmp_path, command):
    """It neither reads nor changes the workbook of the folder above, as a notebook would."""
    folder = workbook({"postmortems/a.md": page()})
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    (tmp_path / "below").mkdir()
    done = run(*command, "--data", folder.name, cwd=tmp_path / "below")

    assert (done.returncode, done.stdout) == (2, "")
    assert f"there is no folder {folder.name}; expected a workbook" in done.stderr
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_check_lists_each_problem_with_its_place_and_exits_with_one(workbook, tmp_path):
    """A clean workbook exits with nothing, one with a problem with 1."""
    clean = run("check", "--data", str(workbook({"postmortems/a.md": page()})), cwd=tmp_path)
    broken = run("check", "--data", str(workbook({"postmortems/a.md": page(severity="urgent")})), cwd=tmp_path)

    assert (clean.returncode, broken.returncode) == (0, 1)
    assert "severity: unknown severity 'urgent'; expected critical, high, medium or low @ postmortems/a.md line 4" in broken.stdout


def test_a_new_workbook_can_be_read_at_once(tmp_path):
    """What init makes is valid and empty, and its reports say so."""
    made = run("init", "ours", cwd=tmp_path)
    report = run("timeliness", "--data", "ours", cwd=tmp_path)

    assert made.returncode == 0 and "incidents check" in made.stdout
    assert report.returncode == 0, report.stderr
    assert "No major incident" in report.stdout


def test_help_loads_nothing_heavy(tmp_path):
    """--help answers at once: no pandas, no plotly, no papermill."""
    code = "import sys; sys.argv = ['incidents', '--help']\n" \
           "from incident_lib.cli import main\n" \
           "try: main()\nexcept SystemExit: pass\n" \
           "print(sorted({name.split('.')[0] for name in sys.modules} & {'pandas', 'numpy', 'plotly', 'papermill', 'pydantic', 'rich'}))"  # fmt: skip
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path)

    assert done.stdout.splitlines()[-1] == "[]"
