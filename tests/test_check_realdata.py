"""``incidents check`` over all real files at once: the counts agree with those made apart, and the table adds up."""

from __future__ import annotations

import json
import re
import shutil
import zipfile
from collections import Counter, defaultdict
from pathlib import Path

import pytest
from click.testing import CliRunner

from incident_lib.cli import cli

REAL = Path(__file__).parents[2] / "shared" / "realdata"
pytestmark = pytest.mark.skipif(not REAL.is_dir(), reason="the real files are not here")
SETTINGS = """[workbook]
name = "Real files"

[[files]]
path = "README.md"
ignore = true

[[files]]
path = "servicenow_eventlog/*"
zone = "UTC"
time_format = "%d/%m/%Y %H:%M"

[[files]]
path = "statuspage_ugrc/*"
zone = "America/Denver"

[[files]]
path = "*"
zone = "UTC"
"""


@pytest.fixture(scope="module")
def checked(tmp_path_factory) -> str:
    """Return what ``incidents check`` says of a copy of all real files."""
    folder = tmp_path_factory.mktemp("real") / "workbook"
    shutil.copytree(REAL, folder, copy_function=shutil.copyfile)
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    (folder / "workbook.toml").write_text(SETTINGS, encoding="utf-8")
    done = CliRunner().invoke(cli, ["check", "--data", str(folder)])
    assert done.exit_code == 1, done.output  # there are problems, and no traceback
    return done.output


@pytest.fixture(scope="module")
def accounts(checked) -> list[tuple[str, str, str, int]]:
    """Return the table's rows: folder, kind, outcome, and how many."""
    found = []
    for line in checked.splitlines():
        if match := re.fullmatch(r"(\S+)/(.+?)  +(\w+)  +(.+?)  +(used|skipped: .+?)  +(\d+) *", line):
            found.append((match[1].split("/")[0], match[4], match[5], int(match[6])))
    return found


def counted(accounts, folder: str, kind: str) -> dict[str, int]:
    """Return how many records of a kind a folder's files held, by outcome."""
    counts: Counter[str] = Counter()
    for where, what, outcome, rows in accounts:
        if (where, what) == (folder, kind):
            counts[outcome] += rows
    return dict(counts)


@pytest.mark.parametrize(
    ("folder", "kind", "outcomes"),
    [
        ("github_status", "incidents", {"used": 801, "skipped: scheduled maintenance": 18}),
        ("servicenow_eventlog", "incidents", {"used": 119_998}),
        ("servicenow_rest", "incidents", {"used": 67}),
        ("slack_export", "messages", {"used": 147, "skipped: channel_join": 8, "skipped: bot_add": 3}),
        ("pages_dfds", "pages", {"used": 39, "skipped: template": 1, "skipped: no post-mortem": 1}),
        ("pages_mybinder", "pages", {"used": 23, "skipped: template": 1, "skipped: no post-mortem": 1}),
        ("pages_posthog", "pages", {"used": 7, "skipped: template": 1, "skipped: no post-mortem": 1}),
        ("statuspage_ugrc", "status pages", {"used": 52, "skipped: scheduled maintenance": 5}),
    ],
)
def test_counts_agree_with_those_made_apart(accounts, folder, kind, outcomes):
    """As the README of the real files has them."""
    assert counted(accounts, folder, kind) == outcomes


def test_what_was_read_is_used_or_skipped(accounts):
    """Records counted here by other means: lines, list entries, and rows of the files themselves."""
    sums: dict[tuple[str, str], int] = defaultdict(int)
    for folder, kind, _, rows in accounts:
        sums[folder, kind] += rows
    with zipfile.ZipFile(REAL / "slack_export" / "export.zip") as export:
        days = [json.loads(export.read(name)) for name in export.namelist() if re.search(r"/[\d-]+\.json$", name)]
    with zipfile.ZipFile(REAL / "servicenow_eventlog" / "incident_event_log.zip") as log:
        rows = log.read(log.namelist()[0]).count(b"\n") - 1
    lines = (REAL / "github_status" / "incidents.jsonl").read_text(encoding="utf-8").splitlines()
    updates = sum(len(json.loads(line)["updates"]) for line in lines)

    assert sums["github_status", "incidents"] == len(lines)
    assert updates == 4_570
    assert sums["slack_export", "messages"] == sum(map(len, days))
    assert sums["slack_export", "day files"] == len(days)
    assert sums["servicenow_eventlog", "incidents"] == rows
    assert sums["servicenow_rest", "incidents"] == len(
        (REAL / "servicenow_rest" / "incidents_REST.csv").read_text(encoding="utf-8-sig").splitlines()) - 1  # fmt: skip


def test_every_file_stands_in_the_table(checked):
    """None is passed over but hidden files; a table in a zip stands under both names."""
    paths = (path.relative_to(REAL) for path in REAL.rglob("*") if path.is_file() and not path.name.startswith("."))

    assert [str(path) for path in paths if str(path) != "README.md" and f"\n{path.as_posix()}" not in checked] == []


def test_nothing_is_left_out_as_a_file(checked):
    """Every folder has a reader, and no file is damaged."""
    assert "file left out" not in checked
