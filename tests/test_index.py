"""The index: the state of each report's last run, search, and a page per incident."""

import json
import re

import nbformat
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_publish import put
from test_run import run

from incident_lib.errors import ReportError
from incident_lib.reports.failures import FAILED, failures, forget_failure, keep_failure
from incident_lib.reports.incident_pages import incident_address
from incident_lib.reports.index import rebuild_index
from incident_lib.reports.searching import inverted, words_of, words_of_page

SAID = {"title": "Timeliness", "section": "Numbers", "reason": "ValueError: no <rows>", "as_of": ""}


def fail(reports, kind="timeliness", name="", **said):
    """Note a failed run."""
    (reports / FAILED).mkdir(parents=True, exist_ok=True)
    keep_failure(reports, kind, name, "-".join(filter(None, [kind, name])), {**SAID, **said})


def found(text, query):
    """Return the numbers of the entries that the page's own search finds for one word."""
    index = json.loads(re.search(r'id="search-index">(.*?)</script>', text)[1])
    numbers = set()
    for word, steps in zip(index["words"].split(), index["entries"].split(), strict=True):
        last = 0
        for step in steps.split(","):
            last += int(step)
            numbers |= {last} if word.startswith(query) else set()
    return numbers


def test_failed_run_is_named_beside_the_last_good_report(tmp_path):
    """The index says which run failed and where, and which report one reads instead."""
    put(tmp_path)
    fail(tmp_path, as_of="2026-04-30T12:00:00Z")
    text = rebuild_index(tmp_path, "R").read_text()

    assert (
        "The last run as of 2026-04-30 12:00 UTC failed in the section “Numbers”: ValueError: no &lt;rows&gt;." in text
    )
    assert "This is the report as of 2026-03-31 17:00 UTC." in text and "last run complete" not in text


def test_report_that_never_succeeded_is_listed_without_a_link(tmp_path):
    """A kind that only ever failed stands in the index, too."""
    fail(tmp_path, "process-review", "2026-Q1", title="Process review 2026-Q1")
    text = rebuild_index(tmp_path, "R").read_text()

    assert "There is no report yet." in text and '<p class="title">Process review 2026-Q1</p>' in text


def test_good_run_clears_the_failure(tmp_path):
    """What is forgotten is gone; a damaged note is passed over."""
    fail(tmp_path)
    forget_failure(tmp_path, "timeliness")
    (tmp_path / FAILED / "other.json").write_text("[")

    assert failures(tmp_path) == {}


def test_search_knows_titles_incidents_and_page_texts(tmp_path):
    """Every text of a published report leads to it; numbers of its tables don't."""
    published = put(tmp_path, incidents=["INC-2026-042"], titles={"INC-2026-042": "Mail <delayed>"})
    (published.folder / "timeliness.md").write_text("Queue at Smörgås </script> 12.5")
    text = rebuild_index(tmp_path, "R").read_text()

    assert found(text, "smorg") == {0} and found(text, "inc-2026-042") == {0, 1} and found(text, "delayed") == {1}
    assert found(text, "title") == {0} and found(text, "12.5") == found(text, "nothing") == set()
    assert text.count("</script>") == 2


def test_each_incident_has_a_page_that_links_its_reports(tmp_path):
    """Draft, review and timeliness of an incident stand together, the draft first; names can't leave the folder."""
    told = {"incidents": ["INC-1", "../../evil"], "titles": {"INC-1": "Mail & more"}}
    put(tmp_path, **told)
    put(tmp_path, "postmortem-draft", "INC-1", text="draft", **told)
    rebuild_index(tmp_path, "R")
    text = (tmp_path / incident_address("INC-1")).read_text()

    assert "<h1>INC-1: Mail &amp; more</h1>" in text
    assert text.index("../postmortem-draft/INC-1/postmortem-draft-INC-1.html") < text.index(
        "../timeliness/timeliness.html"
    )
    assert {path.parent for path in tmp_path.rglob("*evil*.html")} == {tmp_path / "incidents"}


HOSTILE = """---
incident: INC-1
---
# Mail <script>boom()</script> delayed

## Overview

<img src=x onerror=boom()> [go](javascript:boom()) See[^1].

| | |
|---|---|
| Time in Critical | none |

| a |
|---|
| b |

- [x] done
- [ ] open

[^1]: `slack/export.zip#/3`
"""


def test_page_of_an_incident_opens_its_post_mortem(tmp_path, monkeypatch):
    """The workbook's page is shown beside the incident's, where a server has it as well; what it holds only shows."""
    monkeypatch.chdir(tmp_path)
    page = tmp_path / "data" / "postmortems" / "INC-1.md"
    page.parent.mkdir(parents=True)
    page.write_text(HOSTILE)
    put(tmp_path / "reports", incidents=["INC-1"], sources={"postmortems/INC-1.md": "00"})
    manifest = tmp_path / "reports" / "timeliness" / "manifest.json"
    manifest.write_text(json.dumps({**json.loads(manifest.read_text()), "parameters": {"data": "data"}}))
    address = tmp_path / "reports" / "incidents" / "INC-1.html"
    shown = address.parent / "pages" / "INC-1.html"

    rebuild_index(tmp_path / "reports", "R")
    text = shown.read_text()
    assert 'href="pages/INC-1.html"' in address.read_text() and 'href="../INC-1.html"' in text
    assert "<h1>Mail &lt;script&gt;boom()&lt;/script&gt; delayed</h1>" in text and text.count("<h1") == 1
    assert "incident: INC-1" not in text and "<img" not in text and 'href="javascript' not in text
    assert text.count("<th") == 2 and 'aria-label="Table 2"' in text  # <thead> and one <th>: none that is empty
    assert "<li>☑ done</li>" in text and "<li>☐ open</li>" in text
    assert 'href="#s-note-1"' in text and "default-src 'none'" in text.replace("&#39;", "'")
    page.unlink()
    rebuild_index(tmp_path / "reports", "R")
    assert "pages/INC-1" not in address.read_text() and not shown.exists()


def test_pages_of_forgotten_incidents_go(tmp_path):
    """An incident that no report tells of any more has no page."""
    put(tmp_path, incidents=["INC-1"])
    rebuild_index(tmp_path, "R")
    put(tmp_path, incidents=["INC-2"])
    rebuild_index(tmp_path, "R")

    assert [path.name for path in (tmp_path / "incidents").iterdir()] == ["INC-2.html"]


@given(
    st.lists(st.sets(st.text(st.characters(categories=["Ll", "Nd"]), min_size=1, max_size=6), max_size=8), max_size=6)
)
def test_inverted_index_reads_back(entries):
    """Each word leads to exactly the entries that hold it."""
    index = inverted(entries)
    back = [set() for _ in entries]
    for word, steps in zip(index["words"].split(), index["entries"].split(), strict=True):
        last = 0
        for step in steps.split(","):
            last += int(step)
            back[last].add(word)
    assert back == [set(entry) for entry in entries]


def test_words_are_found_in_parts_and_without_accents():
    """Ids count whole and in parts; case and accents don't matter; a page's bare numbers are left out."""
    assert words_of("INC-2026-042: Café!") == {"inc-2026-042", "inc", "2026", "042", "cafe"}
    assert words_of_page("INC-2026-042 took 12.5 or 1,200") == {"inc-2026-042", "inc", "took", "or"}


def test_failed_run_leaves_a_page_with_a_banner(tmp_path):
    """What failed is kept as a page, too, and names what was never run."""

    with pytest.raises(ReportError):
        run(tmp_path, "## Numbers", "raise ValueError('no rows')", "## Later", "1 + 1")
    kept = (tmp_path / "reports" / FAILED / "timeliness.html").read_text()

    assert "This report is not complete" in kept and "<li>Numbers: ValueError: no rows</li>" in kept
    assert "<li>Later: 2 steps not run</li>" in kept
    assert nbformat.read(tmp_path / "reports" / FAILED / "timeliness.ipynb", as_version=4)
    run(tmp_path, "## Numbers", "1")
    assert list((tmp_path / "reports" / FAILED).iterdir()) == []
