"""What a workbook's git history adds to its pages, and that nothing in a repository can fool it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from factories import page

from incident_lib.follow_up.git_history import page_versions, state_changes
from incident_lib.follow_up.states import step_states
from incident_lib.loading import load
from incident_lib.settings import Limits

FIRST, SECOND, THIRD = (f"2026-03-0{day}T10:00:00+00:00" for day in (3, 5, 9))


def git(folder: Path, *arguments: str, at: str = FIRST) -> None:
    """Run git as somebody at a time."""
    who = {
        "GIT_AUTHOR_NAME": "P",
        "GIT_AUTHOR_EMAIL": "p@x.example",
        "GIT_COMMITTER_NAME": "P",
        "GIT_COMMITTER_EMAIL": "p@x.example",
    }
    times = {"GIT_AUTHOR_DATE": at, "GIT_COMMITTER_DATE": at}
    done = subprocess.run(
        ["git", *arguments], cwd=folder, env={**os.environ, **who, **times}, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture
def history(workbook: Callable[..., Path]) -> Callable[..., Path]:
    """Return a maker of checkouts: (time, page) pairs in, the workbook out."""

    def make(*versions: tuple[str, str], name: str = "INC-2026-042.md", settings: str = "") -> Path:
        folder = workbook(settings=settings)
        git(folder, "init", "-q")
        for at, text in versions:
            path = folder / "postmortems" / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
            git(folder, "add", ".", at=at)
            git(folder, "commit", "-q", "-m", "x", "--allow-empty", at=at)
        return folder

    return make


def test_a_state_without_a_time_gets_that_of_its_commit(history):
    """When did the status become reviewed? The page doesn't say, its history does."""
    folder = history((FIRST, page()), (SECOND, page(status="in review")), (THIRD, page(status="reviewed")))

    row = load(folder).postmortems.iloc[0]

    assert (row["completed_at"], row["reviewed_at"]) == (pd.Timestamp(SECOND), pd.Timestamp(THIRD))


def test_a_time_that_differs_from_the_history_is_a_problem(history):
    """What is stated stays, with both times and the commit named."""
    pretty = page("completed_at: 2026-03-03T09:00:00Z\n", status="in review")

    far = load(history((FIRST, page()), (THIRD, pretty)))
    problem = far.problems.iloc[0]
    assert far.postmortems["completed_at"].iloc[0] == pd.Timestamp("2026-03-03T09:00:00Z")
    assert problem["rule"] == "history-differs"
    assert (
        "stated as 2026-03-03 09:00 UTC, but by the history the page changed its state 2026-03-09 10:00 UTC"
        in problem["message"]
    )


def test_a_day_between_statement_and_commit_is_allowed(history):
    """People commit when they get round to it; the settings say how much is too much."""
    stated = page("completed_at: 2026-03-04T11:00:00Z\n", status="in review")

    assert load(history((FIRST, page()), (SECOND, stated))).problems.empty


def test_a_time_that_was_replaced_later_is_a_problem(history):
    """A completion time can't be prettied up afterwards; another way to write the same time is no change."""
    late, same, early = ("2026-03-05T09:00:00Z", "2026-03-05T10:00:00+01:00", "2026-03-04T12:00:00Z")
    texts = [page(f"completed_at: {at}\n", status="in review") for at in (late, same, early)]

    problems = load(history((FIRST, page()), (SECOND, texts[0]), (SECOND, texts[1]), (THIRD, texts[2]))).problems

    rewritten = problems[problems["rule"] == "history-rewritten"]
    assert len(rewritten) == 1
    assert (
        f"completed_at was {same}, and was changed to {early} on 2026-03-09 10:00 UTC" in rewritten["message"].iloc[0]
    )


def test_what_the_first_commit_already_has_tells_nothing(history):
    """The page may be older than the checkout."""
    row = load(history((THIRD, page(status="reviewed")))).postmortems.iloc[0]

    assert pd.isna(row["reviewed_at"]) and pd.isna(row["completed_at"])


def test_steps_that_only_the_history_shows_are_done_by_it(history):
    """An owner and a meeting that came with a commit count as of then, with the commit as evidence."""
    meeting = page("meeting: {at: 2026-03-06T15:00:00Z}\n")
    folder = history((FIRST, page(owner=None)), (SECOND, meeting))

    states = step_states(load(folder)).set_index("step")

    for step in ("owner-assigned", "meeting-scheduled"):
        assert states.loc[step, "done_at"] == pd.Timestamp(SECOND)
        assert states.loc[step, "evidence"] == "the page's history"
        assert states.loc[step, "source"].startswith("git ")


def test_a_workbook_that_lies_within_another_checkout_has_no_history(workbook, tmp_path):
    """The sample in a project's own repository is such a one; and a setting turns history off for any other."""
    folder = workbook({"postmortems/1.md": page()})
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-q", "-m", "x")
    (folder / "postmortems/1.md").write_text(page(status="reviewed"))
    git(tmp_path, "commit", "-aqm", "x", at=SECOND)

    assert pd.isna(load(folder).postmortems["reviewed_at"].iloc[0])


def test_history_can_be_turned_off(history):
    """sources.history = "never"."""
    folder = history((FIRST, page()), (SECOND, page(status="in review")), settings='[sources]\nhistory = "never"\n')

    assert pd.isna(load(folder).postmortems["completed_at"].iloc[0])


def test_as_of_an_earlier_day_a_later_commit_is_not_known(history):
    """Times from the history are cut like all others."""
    folder = history((FIRST, page()), (SECOND, page(status="in review")))

    row = load(folder, as_of="2026-03-04").postmortems.iloc[0]
    assert pd.isna(row["completed_at"]) and row["status"] == "draft"


@pytest.mark.parametrize(
    "name",
    [
        "--output=pwned.md",
        "a\nb\x01" + "0" * 40 + " 1.md",
        ":100644 100644 a b M.md",
        "$(touch pwned).md",
        "ü \udcff.md".encode("utf-8", "surrogateescape").decode("utf-8", "surrogateescape"),
        '"quoted\\".md',
    ],
)
def test_no_name_of_a_file_fools_it(history, name):
    """Names that look like options, commits, records or commands are only names."""
    folder = history((FIRST, page()), (SECOND, page(status="in review")), name=name)

    versions = page_versions(folder, Limits())

    assert [version.at for version in versions] == [pd.Timestamp(FIRST), pd.Timestamp(SECOND)]
    assert {version.path for version in versions} == {f"postmortems/{name}"}
    assert not list(folder.rglob("pwned"))
    assert all(source.isprintable() for source in state_changes(versions)["source"])


def test_a_repositorys_own_settings_run_nothing(history, tmp_path):
    """Not a signature checker, pager, file watcher, hook, or filter."""
    folder = history((FIRST, page()), (SECOND, page(status="in review")))
    trap = tmp_path / "trap.sh"
    trap.write_text(f"#!/bin/sh\ntouch {tmp_path}/sprung\n")
    trap.chmod(0o755)
    for key in (
        "gpg.program",
        "core.pager",
        "core.fsmonitor",
        "diff.external",
        "core.sshCommand",
        "core.editor",
        "pager.log",
    ):
        git(folder, "config", key, str(trap))
    git(folder, "config", "log.showSignature", "true")
    git(folder, "config", "diff.evil.textconv", str(trap))
    (folder / ".git/info/attributes").write_text("*.md diff=evil filter=evil\n")

    assert len(page_versions(folder, Limits())) == 2
    assert not (tmp_path / "sprung").exists()


def test_broken_pages_links_and_folders_without_commits_are_left_out(history, tmp_path):
    """One version that can't be read costs that version; no commit at all, or no git, costs nothing else."""
    folder = history((FIRST, page()), (SECOND, "---\n[broken\n---\n"), (THIRD, page(status="in review")))
    (folder / "postmortems/link.md").symlink_to("/etc/passwd")
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "x", at=THIRD)
    assert [version.at for version in page_versions(folder, Limits())] == [pd.Timestamp(FIRST), pd.Timestamp(THIRD)]

    empty = tmp_path / "empty"
    empty.mkdir()
    git(empty, "init", "-q")
    assert page_versions(empty, Limits()) == []


def test_without_git_there_is_no_history(history, monkeypatch):
    """Where the program is missing, pages say what they say."""
    folder = history((FIRST, page()), (SECOND, page(status="in review")))
    monkeypatch.setenv("PATH", "/nowhere")

    assert pd.isna(load(folder).postmortems["completed_at"].iloc[0])
