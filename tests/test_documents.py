"""The documents: what README tells a newcomer to type works on the sample, and links lead somewhere."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from incident_lib.cli import cli

ROOT = Path(__file__).parents[1]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "benchmarks").glob("*.md")])
ELSEWHERE = ("--all-missing", "incidents send")  # many reports; a mail server


def commands_under(heading: str) -> list[list[str]]:
    """Return the commands of the block below a heading of README."""
    block = re.search(rf"## {heading}\n\n```sh\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL)
    assert block
    return [shlex.split(line, comments=True) for line in block[1].splitlines() if not any(one in line for one in ELSEWHERE)]


def test_what_readme_does_after_an_incident_works_on_the_sample_line_by_line(tmp_path):
    """Each command ends well, in the order in which they stand."""
    shutil.copytree(ROOT / "data", tmp_path / "data")
    commands = commands_under("After an incident")
    for command in commands:
        done = subprocess.run([sys.executable, "-m", "incident_lib", *command[1:]], cwd=tmp_path, capture_output=True,
                              text=True, timeout=120, check=False)  # fmt: skip
        assert done.returncode == 0, f"{shlex.join(command)}: {done.stdout}{done.stderr}"

    assert [command[1] for command in commands] == ["draft", "status", "step", "task", "letter", "lint", "verify"]
    assert list((tmp_path / "reports/outbox").glob("*.eml"))


def test_every_command_that_is_named_anywhere_exists():
    """In documents, settings, the sample, messages and notebooks: 'incidents draft', say, in quotation marks."""
    files = [*DOCUMENTS, ROOT / "data/workbook.toml", *(ROOT / "notebooks").glob("*.ipynb"),
             *(path for path in (ROOT / "incident_lib").rglob("*") if path.suffix in (".py", ".toml", ".j2"))]  # fmt: skip
    named = {(path.name, name) for path in files
             for name in re.findall(r"(?:`|(?<![a-z])')incidents ([a-z][a-z-]+)", path.read_text("utf-8"))}  # fmt: skip

    assert len(named) > 50
    assert {(file, name) for file, name in named if name not in cli.commands} == set()


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_of_documents_lead_to_files_that_are_there(document):
    """Relative links only; others are for people to try."""
    text = re.sub(r"```.*?```", "", document.read_text("utf-8"), flags=re.DOTALL)
    links = [link.partition("#")[0] for link in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in link]

    assert [link for link in links if link and not (document.parent / link).exists()] == []
