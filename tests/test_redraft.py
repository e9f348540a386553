"""Drafting again: what people wrote stays byte for byte, the rest is renewed, what is new is offered."""


from __future__ import annotations

import threading

import pytest
from factories import page
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_draft import REGISTER, ROW
from test_timeline import TALK, export

from incident_lib import files
from incident_lib.drafting.draft import draft
from incident_lib.drafting.redraft import first_draft, redraft
from incident_lib.drafting.sidecar import parse_sidecar, read_sidecar, sidecar_path
from incident_lib.drafting.writing import write_draft
from incident_lib.errors import SourceError
from incident_lib.files import replace_unless_changed
from incident_lib.loading import load
from incident_lib.sources.markdown import blocks

ID = "INC-2026-042"
LATER = [*TALK, ("U1", 70, "scribe: queue is empty again")]


@pytest.fixture
def folder(workbook):
    """Return a workbook with one registered incident and its channel."""
    return workbook({"incidents.csv": REGISTER + ROW, "slack/export.zip": export()})


def drafted(folder, talk=None):
    """Draft the page of a workbook, after its chat has become ``talk``."""
    if talk is not None:
        (folder / "slack/export.zip").write_bytes(export(talk))
    return write_draft(load(folder, as_of="2026-03-03T09:00:00Z"), ID)


def edited(path, old: str, new: str) -> str:
    """Replace a text in a file as a person would, and return the new content."""
    text = path.read_bytes().decode()
    assert old in text
    path.write_bytes(text.replace(old, new, 1).encode())
    return path.read_bytes().decode()


def sections_of(path) -> dict[str, str]:
    """Return a page's sections, body only."""
    return dict(blocks(path.read_text(encoding="utf-8").split("\n---\n", 1)[1]))


def test_drafting_again_without_news_changes_nothing(folder):
    """The page and its evidence stay as they are, byte for byte."""
    first = drafted(folder)
    before = first.path.read_bytes(), sidecar_path(load(folder), ID).read_bytes()
    again = drafted(folder)

    assert (again.path.read_bytes(), sidecar_path(load(folder), ID).read_bytes()) == before
    assert not again.is_new and again.result.renewed == () and again.result.offers.empty


def test_untouched_sections_are_renewed_and_changed_ones_kept(folder):
    """A new scribe note comes into the timeline; the overview that a person wrote stays, and so does their answer."""
    path = drafted(folder).path
    edited(path, "_To write: two or three sentences for somebody who was not there._", "Mail waited; nothing was lost.")
    before = sections_of(path)
    again = drafted(folder, LATER)
    after = sections_of(path)

    assert "queue is empty again" in after["Timeline"]
    assert after["Overview"] == before["Overview"] and again.result.kept == ("Overview",)
    assert again.result.renewed == ("Timeline",) or "Timeline" in again.result.renewed


def test_news_for_a_changed_section_are_offered_until_its_people_edit_it_again(folder):
    """Offered under "since you last edited": once more while nobody answers, no more when they have."""
    path = drafted(folder).path
    edited(path, "## Timeline\n", "## Timeline\n\nOur own words.\n")
    offers = drafted(folder, LATER).result.offers
    unanswered = drafted(folder).result.offers
    edited(path, "Our own words.", "Our own better words.")

    assert any("queue is empty again" in text for text in offers["text"])
    assert unanswered["text"].tolist() == offers["text"].tolist()
    assert drafted(folder).result.offers.empty
    assert "queue is empty again" not in path.read_text()


def test_a_page_that_people_wrote_is_not_touched(workbook):
    """Without a file beside it, the whole page is theirs; what the records would add is offered."""
    text = page(body="## Timeline\n\n| Time | Event |\n|---|---|\n| 2026-03-02 12:06 | queue at 9,000 |\n")
    folder = workbook(
        {"incidents.csv": REGISTER + ROW, "slack/export.zip": export(), "postmortems/INC-2026-042.md": text}
    )
    written = drafted(folder)

    assert written.path.read_text() == text and not sidecar_path(load(folder), ID).exists()
    offered = written.result.offers[written.result.offers["section"] == "Timeline"]["text"].tolist()
    assert any("we rolled back mail-02" in one for one in offered) and not any(
        "queue at 9,000" in one for one in offered
    )


def test_a_section_that_people_took_out_stays_out(folder):
    """It is offered, not put back."""
    path = drafted(folder).path
    gone = sections_of(path)["Responders"]
    edited(path, gone, "")
    again = drafted(folder, LATER)

    assert "Responders" not in sections_of(path)
    assert again.result.kept == ()


def test_front_matter_keeps_comments_order_and_unknown_keys(folder):
    """Only the empty field that records now know is filled; everything else stays as people left it."""
    (folder / "incidents.csv").write_text((REGISTER + ROW).replace("2026-03-02T14:00:00Z", ""))
    path = drafted(folder).path
    text = edited(path, "resolved_at:\n", "resolved_at:   # ask Tom\nmood: calm   # ours\n")
    (folder / "incidents.csv").write_text(REGISTER + ROW)
    again = drafted(folder)

    assert again.result.filled == ("resolved_at",)
    expected = text.split("\n---\n")[0].replace(
        "resolved_at:   # ask Tom", "resolved_at: 2026-03-02T14:00:00Z   # ask Tom"
    )
    assert path.read_text().split("\n---\n")[0] == expected


def test_footnotes_keep_their_numbers(folder):
    """A section that people keep still points to the right evidence after new rows came in."""
    path = drafted(folder).path
    edited(path, "_To write: what ended the impact, and how do you know that it did?_", "Rolling back ended it.")
    marks = sections_of(path)["Resolution"]
    before = dict(line.split(": ", 1) for line in sections_of(path)["Evidence"].splitlines() if line.startswith("[^"))
    drafted(folder, [("U1", 5.5, "scribe: first of all"), *LATER])
    after = dict(line.split(": ", 1) for line in sections_of(path)["Evidence"].splitlines() if line.startswith("[^"))

    assert sections_of(path)["Resolution"] == marks
    assert {label: after[label] for label in before if label in after} == {
        label: before[label] for label in before if label in after
    }


def test_words_at_the_end_of_the_page_stay(folder):
    """Also those after the footnotes, with or without a last line break."""
    path = drafted(folder).path
    path.write_bytes(path.read_bytes() + b"\nP.S. thank you all")
    drafted(folder, LATER)

    text = path.read_text()
    assert "\nP.S. thank you all" in text
    used = {mark.split("]")[0] for mark in text.split("[^")[1:]}
    assert all(f"[^{label}]: " in text for label in used)


def test_a_damaged_evidence_file_stops_drafting(folder):
    """It is not guessed what was generated; the page stays."""
    path = drafted(folder).path
    sidecar_path(load(folder), ID).write_text("{}")
    before = path.read_bytes()

    with pytest.raises(SourceError, match="no evidence file of ours any more"):
        drafted(folder)
    assert path.read_bytes() == before


def test_the_evidence_file_is_read_back(folder):
    """What is written is what is read."""
    drafted(folder)
    sidecar = read_sidecar(load(folder), ID)

    assert parse_sidecar(sidecar.as_json(), "x").as_json() == sidecar.as_json()


WORDS = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cs", "Cc"), exclude_characters="\ufeff"), min_size=1, max_size=30
)
STEPS = st.lists(st.one_of(st.tuples(st.just("edit"), st.integers(0, 99), WORDS), st.tuples(st.just("draft"), st.integers(0, 1), st.just(""))),
                 min_size=1, max_size=5)  # fmt: skip


@pytest.fixture(scope="module")
def two_records(tmp_path_factory):
    """Return the records of the same workbook before and after more was said in chat."""
    made = []
    for name, talk in (("one", TALK), ("two", LATER)):
        folder = tmp_path_factory.mktemp(name)
        (folder / "workbook.toml").write_text("")
        (folder / "incidents.csv").write_text(REGISTER + ROW)
        (folder / "export.zip").write_bytes(export(talk))
        made.append(load(folder, as_of="2026-03-03T09:00:00Z"))
    return made


@settings(
    max_examples=500, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(steps=STEPS)
def test_no_order_of_edits_and_drafts_loses_a_byte_of_peoples_text(two_records, drafts_of, steps):
    """Five hundred interleavings: each section that a person changed is there afterwards, byte for byte."""
    first = first_draft(drafts_of(0, None))
    text, sidecar, own = first.text, first.sidecar, {}
    for what, number, words in steps:
        if what == "draft":
            result = redraft(text, drafts_of(number, sidecar), sidecar)
            text, sidecar = result.text, result.sidecar
            now = dict(blocks(text.split("\n---\n", 1)[1]))
            assert {key: now[key] for key in own if key != "Evidence"} == {
                key: own[key] for key in own if key != "Evidence"
            }
            assert own.get("Evidence", "").rstrip("\n") in text
        else:
            text, own = typed_in(text, number, words, own)


def typed_in(text: str, number: int, words: str, own: dict[str, str]) -> tuple[str, dict[str, str]]:
    """Type a line into one section, and return the page with what is the person's by now."""
    head, body = text.split("\n---\n", 1)
    parts = blocks(body)
    place = number % len(parts)
    key, section = parts[place]
    line = f"{section.rstrip(chr(10))}\n\nI: {' '.join(words.split())} |\n\n"
    changed = [*parts[:place], (key, line), *parts[place + 1 :]]
    return f"{head}\n---\n" + "".join(part for _, part in changed), {**own, key: line}


@pytest.fixture(scope="module")
def drafts_of(two_records):
    """Return a maker of drafts that computes each one once: only the footnotes' numbers depend on the sidecar."""
    known = {}

    def make(number, sidecar):
        key = number, None if sidecar is None else tuple(sidecar.labels.items())
        if key not in known:
            known[key] = draft(two_records[number], ID, sidecar=sidecar)
        return known[key]

    return make


def test_a_save_in_the_very_moment_of_writing_is_never_lost(tmp_path):
    """A person saves again and again while a draft is written again and again; the last save, or a draft on it, stands."""
    path = tmp_path / "page.md"
    path.write_bytes(b"0")
    lost: list[int] = []

    def person() -> None:
        for number in range(300):
            beside = tmp_path / "editor"
            beside.write_bytes(b"person %d" % number)
            beside.replace(path)

    thread = threading.Thread(target=person)
    thread.start()
    while thread.is_alive():
        before = path.read_bytes()
        if replace_unless_changed(path, before, before + b" drafted"):
            continue
    thread.join()
    final = path.read_bytes()
    lost = [] if final.startswith(b"person 299") else [1]

    assert lost == []


def test_without_exchange_a_copy_is_kept(tmp_path, monkeypatch):
    """On a disk that can't exchange two files, the old content stands beside the page."""
    monkeypatch.setattr(files, "exchange", lambda one, other: False)
    path = tmp_path / "page.md"
    path.write_bytes(b"old")

    assert replace_unless_changed(path, b"old", b"new") and path.read_bytes() == b"new"
    assert (tmp_path / "page.md.bak").read_bytes() == b"old"
    assert not replace_unless_changed(path, b"old", b"newer") and path.read_bytes() == b"new"
