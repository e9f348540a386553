"""Whatever is made for outside holds none of forty strings that stand in every field of every input."""

from __future__ import annotations

import html
import json
import re
from pathlib import Path

import pandas as pd
import pytest
from canaries import CANARIES, CUSTOMER, IDS, SETTINGS, everywhere

from incident_lib.drafting.audiences import customer_notice, notice_html
from incident_lib.drafting.draft import draft
from incident_lib.drafting.fragments import Fragments
from incident_lib.letters.correspondence import as_mail
from incident_lib.letters.texts import all_clears, notices
from incident_lib.loading import load
from incident_lib.redact import redact
from incident_lib.reports.catalogue import customer_page, service_review
from incident_lib.reports.run import run_report

AS_OF = "2026-06-20T00:00:00Z"


@pytest.fixture(scope="module", params=[False, True], ids=["texts", "texts and names"])
def planted(request, tmp_path_factory) -> Path:
    """Return a workbook with a canary per incident everywhere; its folder's name is one as well."""
    folder = tmp_path_factory.mktemp("planted") / "Zenith Bank" / "mail-02.northlight.internal"
    for name, content in {"workbook.toml": SETTINGS, **everywhere(names_too=request.param)}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


@pytest.fixture(scope="module")
def records(planted):
    """Return that workbook's records."""
    return load(planted, as_of=AS_OF)


def found_in(text: str) -> list[str]:
    """Return the canaries that stand in a text, also where HTML or JSON write them in their own way.

    Two letters alone also occur in style sheets and digests; they count as a word only.
    """
    forms = (text, html.unescape(text), text.replace("\\/", "/"), text.replace("%20", " "))
    lower = "\n".join(dict.fromkeys(forms)).casefold()
    return [
        one for one in CANARIES
        if (one.casefold() in lower if len(one) > 2 else re.search(rf"(?<!\w){one.casefold()}(?!\w)", lower))
    ]  # fmt: skip


def test_forty_strings_are_planted_where_they_are_read(records):
    """Each stands in the records of its incident, in each table, but for the secrets, which were removed on reading."""
    assert len(set(CANARIES)) == len(IDS) == 40 == len(records.incidents)
    open_ones = [one for one in CANARIES if redact(one) == one]
    for table, column in (("incidents", "title"), ("timeline", "text"), ("messages", "text"), ("action_items", "title"),
                          ("postmortems", "sections")):  # fmt: skip
        told = "\n".join(getattr(records, table)[column].dropna())
        assert [one for one in open_ones if one not in told] == [], table
    assert {"alert", "note", "status", "page"} <= set(records.timeline["kind"])


def test_nothing_gets_into_the_external_message_or_a_notice(records):
    """Neither as text nor as HTML; and the notices still say what they are for."""
    leaks, fragments = {}, Fragments(records.folder)
    for one in IDS:
        message = draft(records, one, fragments=fragments).sections["Messaging / External message"]
        texts = (message, customer_notice(records, one, CUSTOMER), notice_html(records, one, CUSTOMER))
        leaks[one] = [leak for text in texts for leak in found_in(text)]
        assert "webmail" in texts[0] and "Still to do on your systems" in texts[1]

    assert {one: leak for one, leak in leaks.items() if leak} == {}


def test_nothing_gets_into_a_customers_letter(records):
    """The letters that are sent, with their headers."""
    letters = [letter for one in IDS for letter in (*notices(records, one), *_clears(records, one))]
    leaks = {
        letter.key: found_in(f"{letter.text}\n{as_mail(letter, records.settings, at=pd.Timestamp(AS_OF)).as_string()}")
        for letter in letters
        if letter.to[0][1] == "it@brightwater.example"
    }

    assert len(leaks) >= len(IDS) and {key: leak for key, leak in leaks.items() if leak} == {}


def _clears(records, one):
    """Return the all-clear as if all was done."""
    items = records.action_items.assign(status="done")
    return all_clears(type(records)(**{**vars(records), "action_items": items}), one)


@pytest.mark.parametrize("kind", ["customer", "service review"])
def test_nothing_gets_into_a_customers_report(planted, tmp_path, kind):
    """Page, notebook with metadata and outputs, Markdown, CSV, metrics, manifest, and every file's name."""
    data = str(planted)
    report = (
        customer_page(data, AS_OF, CUSTOMER) if kind == "customer" else service_review(data, AS_OF, "2026-Q2", CUSTOMER)
    )
    made = run_report(report, reports=tmp_path / "reports")
    files = {path.name: path.read_text(encoding="utf-8") for path in made.folder.iterdir()}
    leaks = {name: found_in(f"{name}\n{text}") for name, text in files.items()}

    assert {".html", ".ipynb", ".md", ".csv", ".json"} <= {Path(name).suffix for name in files}
    assert {name: leak for name, leak in leaks.items() if leak} == {}
    assert all(one in files[made.page.name] for one in IDS)
    assert not json.loads(files["manifest.json"])["parameters"].get("data")
