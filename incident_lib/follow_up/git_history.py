"""What a workbook's git history says of its pages: when a page came to be, got its owner, and changed its state.

Read from the commits themselves, so that a time which somebody wrote later can be held against it. A state that the
first commit of a page already has tells nothing (the page may be older than the checkout).

Git runs as a program of its own, without a shell: the repository's own settings can't make it run anything else, no
name of a file or branch is ever an argument, and it is stopped after a minute.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from incident_lib.errors import FieldError
from incident_lib.settings import Limits, Settings
from incident_lib.sources.fields import parse_time
from incident_lib.sources.front_matter import parse_front_matter, split_page
from incident_lib.tables import FOLLOW_UPS, POSTMORTEM_STATUSES, PROBLEMS

SECONDS = 60
TIMES = {"in review": "completed_at", "reviewed": "reviewed_at", "closed": "closed_at"}
_STEP_OF = {"owner": "owner-assigned", "meeting": "meeting-scheduled"}
_SAFE = (
    "--no-pager", "--no-replace-objects", "--literal-pathspecs", "-c", "core.fsmonitor=false",
    "-c", "core.hooksPath=/dev/null", "-c", "log.showSignature=false", "-c", "protocol.allow=never",
    "-c", "log.follow=false",
)  # fmt: skip
_LOG = (
    "log", "--reverse", "--raw", "-z", "--no-renames", "--no-abbrev", "--no-ext-diff", "--no-textconv", "--no-color",
    "--format=%H %ct", "HEAD", "--", "postmortems",
)  # fmt: skip
_KEPT = ("PATH", "HOME", "SYSTEMROOT", "TMPDIR")


@dataclass(frozen=True)
class Version:
    """One commit's form of one page."""

    path: str
    commit: str
    at: pd.Timestamp
    content: Mapping[str, Any]


def is_checkout(folder: Path) -> bool:
    """Tell whether a workbook is a git checkout of its own; one that lies within a larger one is not."""
    return (folder / ".git").exists()


def newest_commit(folder: Path) -> str:
    """Return the commit that a workbook's history is read from; empty for one that is no checkout of its own."""
    return _git(folder, "rev-parse", "HEAD").decode("ascii", "replace").strip() if is_checkout(folder) else ""


def page_versions(folder: Path, limits: Limits) -> list[Version]:
    """Return every committed version of every page of a workbook, the oldest first; none where git can't tell.

    A version whose front matter can't be read is left out.
    """
    changes = list(_changes(_git(folder, *_LOG)))
    texts = _blobs(folder, {blob for *_, blob in changes}, limits)
    versions = []
    for path, commit, at, blob in changes:
        content = _content(texts.get(blob), limits)
        if content is not None:
            versions.append(Version(path, commit, at, content))
    return sorted(versions, key=lambda version: (version.at, version.commit, version.path))


def _git(folder: Path, *arguments: str, given: bytes = b"") -> bytes:
    """Return what git prints; nothing where it isn't there, refuses, or takes too long."""
    own = {name: os.environ[name] for name in _KEPT if name in os.environ}
    quiet = {"GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0", "GIT_NO_LAZY_FETCH": "1", "LC_ALL": "C",
             "GIT_CEILING_DIRECTORIES": str(folder.resolve().parent)}  # fmt: skip
    command = ["git", *_SAFE, *arguments]
    try:
        done = subprocess.run(
            command, cwd=folder, input=given, capture_output=True, timeout=SECONDS, check=True, env={**own, **quiet}
        )
    except (OSError, subprocess.SubprocessError):
        return b""
    return done.stdout


def _changes(log: bytes) -> Iterator[tuple[str, str, pd.Timestamp, str]]:
    """Yield path, commit, time and blob of each change to a page, from ``git log --raw -z``."""
    commit, at = "", pd.NaT
    fields = iter(log.split(b"\0"))
    for field in fields:  # a path comes after what is said of it, so that no name of a file can pass for a commit
        if not field.lstrip(b"\n").startswith(b":"):
            commit, _, seconds = field.strip().decode("ascii", "replace").partition(" ")
            at = pd.Timestamp(int(seconds), unit="s", tz="UTC") if seconds.isdecimal() else pd.NaT
            continue
        parts = field.strip().decode("ascii", "replace").split(" ")
        name = next(fields, b"").decode("utf-8", "surrogateescape")
        if len(parts) == 5 and parts[1] in ("100644", "100755") and name.endswith(".md") and pd.notna(at):
            yield name, commit, at, parts[3]


def _blobs(folder: Path, names: Iterable[str], limits: Limits) -> dict[str, bytes]:
    """Return the content of blobs by their hashes, from one ``git cat-file``."""
    wanted = sorted(names)
    if not wanted:
        return {}
    answer = _git(folder, "cat-file", "--batch", given="".join(f"{name}\n" for name in wanted).encode())
    texts, place = {}, 0
    while place < len(answer):
        end = answer.index(b"\n", place)
        parts = answer[place:end].split(b" ")
        if len(parts) != 3:
            place = end + 1
            continue
        size = int(parts[2])
        if size <= limits.member_megabytes * 1_000_000:
            texts[parts[0].decode("ascii")] = answer[end + 1 : end + 1 + size]
        place = end + 1 + size + 1
    return texts


def _content(text: bytes | None, limits: Limits) -> Mapping[str, Any] | None:
    try:
        return None if text is None else parse_front_matter(split_page(text.decode("utf-8")), limits)
    except (UnicodeDecodeError, FieldError):
        return None


def state_changes(versions: Iterable[Version]) -> pd.DataFrame:
    """Return when each page changed, by its history: incident_id, field, value, before, at, source.

    Fields: created, owner, meeting (its time), a state's time (completed_at, reviewed_at, closed_at), and "rewrote
    completed_at" and so on, where a time that was there was replaced by another.
    """
    rows: list[dict[str, Any]] = []
    last: dict[str, Mapping[str, Any]] = {}
    for version in versions:
        incident_id = str(version.content.get("incident") or "").strip()
        if incident_id:
            before = last.get(incident_id)
            rows += [{**row, "incident_id": incident_id, "at": version.at, "source": _source(version)}
                     for row in _differences(before, version.content)]  # fmt: skip
            last[incident_id] = version.content
    table = pd.DataFrame(rows, columns=["incident_id", "field", "value", "before", "at", "source"])
    return table.astype(
        {"at": "datetime64[us, UTC]", **dict.fromkeys(("incident_id", "field", "value", "before", "source"), "str")}
    )


def _source(version: Version) -> str:
    shown = "".join(one if one.isprintable() else "?" for one in version.path.encode("utf-8", "replace").decode())
    return f"git {version.commit[:12]} {shown}"


def _differences(before: Mapping[str, Any] | None, now: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    if before is None:
        yield {"field": "created", "value": "", "before": ""}
        return
    old, new = _status(before), _status(now)
    for status in POSTMORTEM_STATUSES[old + 1 : new + 1]:
        yield {"field": TIMES[status], "value": status, "before": POSTMORTEM_STATUSES[old]}
    if now.get("owner") and not before.get("owner"):
        yield {"field": "owner", "value": str(now["owner"]), "before": ""}
    if _meeting(now) and not _meeting(before):
        yield {"field": "meeting", "value": str(_meeting(now)), "before": ""}
    for name in TIMES.values():
        if before.get(name) and now.get(name) and str(before[name]) != str(now[name]):
            yield {"field": f"rewrote {name}", "value": str(now[name]), "before": str(before[name])}


def _status(content: Mapping[str, Any]) -> int:
    status = str(content.get("status") or "draft").strip().casefold()
    return POSTMORTEM_STATUSES.index(status) if status in POSTMORTEM_STATUSES else 0


def _meeting(content: Mapping[str, Any]) -> Any:
    meeting = content.get("meeting")
    return meeting.get("at") if isinstance(meeting, dict) else None


def with_history(folder: Path, tables: Mapping[str, pd.DataFrame], settings: Settings) -> dict[str, pd.DataFrame]:
    """Return a workbook's tables with what its pages don't state read from their history, where there is one.

    A missing completed_at, reviewed_at or closed_at becomes the time of the commit in which the page changed its
    state; a missing owner-assigned or meeting-scheduled step likewise. What a page states stays, and where it differs
    from the history by more than the settings allow, it becomes a problem; so does a time that was replaced later.
    """
    wanted = settings.sources.history
    if wanted == "never" or not is_checkout(folder):
        return dict(tables)
    changes = state_changes(page_versions(folder, settings.sources.limits))
    if changes.empty:
        return dict(tables)
    pages, problems = tables["postmortems"], [tables["problems"]]
    for name in TIMES.values():
        found = changes[changes["field"] == name].drop_duplicates("incident_id", keep="last").set_index("incident_id")
        own = found.reindex(pages["incident_id"]).set_axis(pages.index)
        problems.append(_differing(pages, name, own, settings))
        reached = pages["status"].map(POSTMORTEM_STATUSES.index) >= list(TIMES.values()).index(name) + 1
        pages = pages.assign(**{name: pages[name].fillna(own["at"].where(reached))})
    problems.append(_rewritten(changes))
    steps = pd.concat([tables["follow_ups"], _steps(changes, pages, tables["follow_ups"])], ignore_index=True)
    return {**tables, "postmortems": pages, "follow_ups": steps, "problems": pd.concat(problems, ignore_index=True)}


def _differing(pages: pd.DataFrame, name: str, own: pd.DataFrame, settings: Settings) -> pd.DataFrame:
    """Return a problem for each page whose stated time and history are further apart than the settings allow."""
    known = pages[name].notna() & own["at"].notna()
    apart = (pages[name] - own["at"]).abs() > pd.Timedelta(hours=settings.sources.history_hours)
    table = pages.assign(committed_at=own["at"], commit=own["source"], stated_at=pages[name])
    found = table[known & apart]
    return PROBLEMS.frame(
        {
            "rule": "history-differs",
            "message": f"{row.incident_id}: {name} is stated as {row.stated_at:%Y-%m-%d %H:%M} UTC, but by the history "
            f"the page changed its state {row.committed_at:%Y-%m-%d %H:%M} UTC",
            "effect": "kept",
            "incident_id": row.incident_id,
            "source": f"{row.source}; {row.commit}",
        }
        for row in found.itertuples()
    )


def _rewritten(changes: pd.DataFrame) -> pd.DataFrame:
    """Return a problem for each time that was replaced by another after it had been written down."""
    found = changes[changes["field"].str.startswith("rewrote ")]
    return PROBLEMS.frame(
        {
            "rule": "history-rewritten",
            "message": f"{row.incident_id}: {row.field.removeprefix('rewrote ')} was {row.before}, and was changed "
            f"to {row.value} on {row.at:%Y-%m-%d %H:%M} UTC",
            "effect": "kept",
            "incident_id": row.incident_id,
            "source": row.source,
        }
        for row in found.itertuples()
        if _instant(row.before) != _instant(row.value)
    )


def _instant(text: str) -> Any:
    try:
        return parse_time(text)
    except FieldError:
        return text


def _steps(changes: pd.DataFrame, pages: pd.DataFrame, stated: pd.DataFrame) -> pd.DataFrame:
    """Return follow-up steps that only the history shows."""
    rows = changes[changes["field"].isin(list(_STEP_OF))].drop_duplicates(["incident_id", "field"])
    table = pd.DataFrame({"incident_id": rows["incident_id"], "step": rows["field"].map(_STEP_OF), "state": "done",
                          "at": rows["at"], "source": rows["source"]})  # fmt: skip
    known = set(zip(stated["incident_id"], stated["step"], strict=True))
    known |= {(one, "owner-assigned") for one in pages.loc[pages["assigned_at"].notna(), "incident_id"]}
    fresh = [pair not in known for pair in zip(table["incident_id"], table["step"], strict=True)]
    return FOLLOW_UPS.conform(table[fresh])
