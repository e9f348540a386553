"""Damaged files of every format: each is read or refused with a sentence, and a bad line never costs a good one."""

from __future__ import annotations

import io
import json
import time
import zipfile
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import test_foreign_pages
import test_jira
import test_mail
import test_pagerduty
import test_servicenow
import test_slack
import test_statuspage
from factories import page
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_other_tools import RECORDS

from incident_lib.errors import SourceError
from incident_lib.settings import FileRule, Settings
from incident_lib.sources.reading import Batch, Source
from incident_lib.sources.registry import READERS

REAL = Path(__file__).parents[2] / "shared" / "realdata"
CASES, LINE_CASES, SECONDS = 2_000, 400, 20.0
BY_NAME = {reader.name: reader for reader in READERS}
LOCAL = FileRule(path="*", zone="UTC", time_format="%d/%m/%Y %H:%M")
UTC = FileRule(path="*", zone="UTC")
REGISTER = "incident_id,title,severity,started_at,responders\n" + "".join(
    f"INC-{number},Mail down,high,2026-03-02T09:1{number}:00Z,Ann; Tom\n" for number in range(6)
)
REVIEW = """---
review: 2026-Q2
held_at: 2026-07-09T14:00:00Z
attended: [Tom Okafor]
decisions:
  - {text: Name the owner, owner: Tom Okafor, decided_on: 2026-07-09, due_on: 2026-08-01, status: open}
---
notes
"""


def folder_of(factory: pytest.TempPathFactory) -> Path:
    """Return the folder in which this process writes its cases, each over the one before."""
    folder = factory.getbasetemp() / "fuzz"
    folder.mkdir(exist_ok=True)
    return folder


def lines(records: Any) -> str:
    """Return records as JSON lines."""
    return "".join(json.dumps(one) + "\n" for one in records)


def slack_export() -> bytes:
    """Return a small export as a zip."""
    rows = [test_slack.message(), test_slack.message(ts="1772443201.1", files=[{"name": "x"}], thread_ts=test_slack.T)]
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as zipped:
        for name, content in {**test_slack.TOPS, test_slack.DAY: rows}.items():
            zipped.writestr(name, json.dumps(content))
    return target.getvalue()


def samples() -> dict[str, list[tuple[str, str | bytes, FileRule | None]]]:
    """Return small files by reader: name, content, and the rule that they need."""
    log = test_servicenow.log("New 01:23 3", "Resolved 03:00 2 - High")
    log += test_servicenow.log("New 01:23 3", number="INC2")
    found = {module.READER.name: [("x.json", json.dumps(one), UTC)] for module, one in RECORDS.items()}
    found["pagerduty"] = [
        ("a.json", json.dumps({"incidents": [test_pagerduty.incident()], "notes": [{"id": "N", "content": "x"}],
                               "log_entries": [test_pagerduty.entry("trigger")]}), None),
        ("b.json", json.dumps({"data": [test_pagerduty.analysed()], "time_zone": "UTC"}), None),
        ("c.jsonl", lines(test_pagerduty._usual(number) for number in range(4)), None),
    ]  # fmt: skip
    found["servicenow"] += [("log.csv", test_servicenow.LOG_HEAD + log, LOCAL)]
    found["statuspage"] += [("x.json", json.dumps({"incidents": [test_statuspage.incident()]}), None)]
    found["github_status"] += [("x.jsonl", lines(test_statuspage.status_line(id=str(n)) for n in range(3)), None)]
    found["tabular"] += [("x.csv", REGISTER, None), ("y.csv", REGISTER.replace("Mail down", '"Mail, ""down"""'), None)]
    found["jira"] = [("jira.csv", test_jira.HEAD + test_jira.INCIDENT + test_jira.TASK, UTC)]
    found["slack"] = [("export.zip", slack_export(), None)]
    follow_up = "follow_up:\n  page-created: {at: 2026-03-02T13:00:00Z}\n"
    found["mail"] = [("a.eml", test_mail.letter(), None), ("b.mbox", f"From a\n{test_mail.letter()}\nFrom b\n{test_mail.letter()}", None)]
    found["pages"] = [("p.md", page(follow_up, "## Overview\nx"), None)]
    found["reviews"] = [("2026-Q2.md", REVIEW, None)]
    found["foreign_pages"] = [
        (f"{n}.md", text, UTC)
        for n, text in enumerate((test_foreign_pages.TABLE, test_foreign_pages.HEADINGS, test_foreign_pages.STATUS))
    ]
    for reader, path, size in REAL_FILES if REAL.is_dir() else ():
        content = (REAL / path).read_bytes()
        found[reader].append((Path(path).name, content[: content.rfind(b"\n", 0, size)] if size else content, UTC))
    return found


REAL_FILES = (
    ("github_status", "github_status/incidents.jsonl", 8_000),
    ("pagerduty", "pagerduty_api/sample_incidents.json", 0),
    ("pagerduty", "pagerduty_webhooks/resolve_v2.json", 0),
    ("pagerduty", "pagerduty_webhooks/priority_updated_v3.json", 0),
    ("servicenow", "servicenow_rest/incidents_REST.csv", 2_000),
    ("foreign_pages", "statuspage_ugrc/2018-04-12-iis-app-pool-crash.md", 0),
)
TOKENS = st.sampled_from([b'"', b"\n", b",", b"{", b"}", b"[", b"]", b"|", b":", b"\0", b"NaN", b"1e999", b"\xff",
                          b"\\ud800", b"99999-", b"- &a ", b"!!x ", b"---\n"])  # fmt: skip
CHANGES = st.lists(
    st.tuples(st.integers(0, 1 << 20), st.binary(max_size=3) | TOKENS, st.integers(0, 5)), min_size=1, max_size=4
)
ORDINARY = {"max_examples": CASES, "deadline": None, "derandomize": True, "database": None,
            "suppress_health_check": list(HealthCheck)}  # fmt: skip


def attempt(reader: str, path: Path, rule: FileRule | None, *, known: bool = False) -> Batch | None:
    """Return what a reader gives; None if it doesn't know the file, or refuses it with one line, in time.

    With ``known`` it is read whether its reader knows it or not.
    """
    source = Source(path, path.name, Settings(files=(rule,) if rule else ()))
    begun = time.perf_counter()
    try:
        return BY_NAME[reader].read(source) if BY_NAME[reader].recognises(source) or known else None
    except SourceError as error:
        assert str(error) and "\n" not in str(error)
        return None
    finally:
        assert time.perf_counter() - begun < SECONDS


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("reader", sorted(BY_NAME))
@settings(**ORDINARY)
@given(which=st.integers(0, 50), changes=CHANGES)
def test_damage_is_refused_or_told(tmp_path_factory, reader, which, changes):
    """Whatever bytes change, a reader reads or refuses; it never fails otherwise, and its account adds up."""
    name, content, rule = FILES[reader][which % len(FILES[reader])]
    content = content.encode() if isinstance(content, str) else content
    for place, other, length in changes:
        place %= len(content) + 1
        content = content[:place] + other + content[place + length :]
    path = folder_of(tmp_path_factory) / name
    path.write_bytes(content)
    batch = attempt(reader, path, rule)

    for account in batch.accounts if batch else ():
        assert account["rows"] > 0
        assert account["outcome"] == "used" or account["outcome"].startswith("skipped: ")
        if (account["kind"], account["outcome"]) == ("timeline rows", "used"):
            assert account["rows"] == len(batch.tables["timeline"])


LINES: dict[str, tuple[str, str, FileRule | None]] = {
    "tabular csv": ("x.csv", REGISTER, None),
    "tabular jsonl": ("x.jsonl", lines({"incident_id": f"INC-{n}", "title": "Mail"} for n in range(6)), None),
    "pagerduty": ("x.jsonl", lines(test_pagerduty._usual(number) for number in range(6)), None),
    "github_status": ("x.jsonl", lines(test_statuspage.status_line(id=f"gh{n}") for n in range(6)), None),
    "servicenow": ("x.csv", "number,incident_state,opened_at,sys_id,priority\n"
                   + "".join(f"INC{n},New,2026-03-02 10:00:00,s{n},3\n" for n in range(6)), UTC),
    "jira": ("x.csv", test_jira.HEAD + "".join(test_jira.INCIDENT.replace("OPS-", f"OPS-{n}") for n in range(6)), UTC),
}  # fmt: skip


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("sample", LINES)
@settings(**{**ORDINARY, "max_examples": LINE_CASES})
@given(
    line=st.integers(0, 5), place=st.integers(0, 1000), length=st.integers(0, 40),
    other=st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), max_size=4)
    | st.sampled_from(['"', ',"', '""', "{", "}", "[[[[", "\\", "\0", "NaN"]),
)  # fmt: skip
def test_a_bad_line_costs_no_good_one(tmp_path_factory, sample, line, place, length, other):
    """Where a format has a record in each line, all other lines' records are there."""
    name, content, rule = LINES[sample]
    reader = sample.split(" ")[0]
    path = folder_of(tmp_path_factory) / name
    if sample not in WHOLE:
        path.write_text(content, encoding="utf-8")
        WHOLE[sample] = attempt(reader, path, rule, known=True).tables["incidents"]
    whole = WHOLE[sample]
    rows = content.split("\n")
    at = line + (len(rows) - 7)
    place %= len(rows[at]) + 1
    rows[at] = rows[at][:place] + other + rows[at][place + length :]
    path.write_text("\n".join(rows), encoding="utf-8")
    found = set(attempt(reader, path, rule, known=True).tables["incidents"]["incident_id"])

    good = whole.loc[~whole["source"].str.endswith(f"line {at + 1}"), "incident_id"]
    assert len(good) == 5
    assert set(good) <= found


FILES = samples()
WHOLE: dict[str, pd.DataFrame] = {}

