"""Edits of a page: only what is asked for changes, whatever the page looks like, and nobody's save is lost."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from incident_lib import files
from incident_lib.errors import FieldError, WorkbookError
from incident_lib.follow_up.page_edit import _content, _plain, edit_page, edited
from incident_lib.follow_up.yaml_edit import written

ROOT = Path(__file__).parents[1]
HEAD = """---
incident: A # the id
owner:
status: draft   # keep me
meeting: {at: , recording: "x"}
follow_up:
  page-created: {at: 2026-01-01T00:00:00Z}   # at once

  # a remark
action_items:
  - title: a
    owner:
  - title: b
    status: open # st
references: []
extra: {a: 1}
---
# Body: owner:
"""


def changed(text: str, *changes) -> list[str]:
    """Return the lines that an edit adds (+) and takes away (-)."""
    before, after = text.splitlines(), edited(text, changes).splitlines()
    return [f"-{line}" for line in before if line not in after] + [f"+{line}" for line in after if line not in before]


@pytest.mark.parametrize(
    ("path", "value", "lines"),
    [
        (("owner",), "Bo: x", ["-owner:", "+owner: 'Bo: x'"]),
        (("status",), "in review", ["-status: draft   # keep me", "+status: in review   # keep me"]),
        (("meeting", "at"), "2026-01-02T10:00:00Z",
         ['-meeting: {at: , recording: "x"}', '+meeting: {at: 2026-01-02T10:00:00Z, recording: "x"}']),
        (("follow_up", "closed"), {"at": "2026-01-02T10:00:00Z", "by": "Bo, C"},
         ["+  closed: {at: 2026-01-02T10:00:00Z, by: 'Bo, C'}"]),
        (("action_items", 1, "status"), "done", ["-    status: open # st", "+    status: done # st"]),
        (("action_items", 1, "done_on"), "2026-01-05", ["+    done_on: 2026-01-05"]),
        (("action_items", 2), {"title": "c: # d", "owner": None}, ["+  - title: 'c: # d'"]),
        (("references", 0), "x]y", ["-references: []", "+references:", "+  - 'x]y'"]),
        (("extra", "b"), "no", ["-extra: {a: 1}", '+extra: {a: 1, b: "no"}']),
        (("not_needed",), "a drill", ["+not_needed: a drill"]),
    ],
)  # fmt: skip
def test_only_the_line_that_is_meant_changes(path, value, lines):
    """Comments, order, unknown keys, quotes and the body stay."""
    assert changed(HEAD, (path, value)) == lines


def test_a_new_value_is_where_a_reader_expects_it():
    """A step goes below the other steps, a task below the other tasks, a field of a task into that task."""
    text = edited(HEAD, [(("follow_up", "closed"), {"at": "2026-01-02"}), (("action_items", 2), {"title": "c"}),
                         (("action_items", 0, "done_on"), "2026-01-05")])  # fmt: skip

    assert text.index("page-created") < text.index("  closed:") < text.index("action_items")
    assert text.index("  - title: b") < text.index("  - title: c") < text.index("references")
    assert text.index("done_on") < text.index("- title: b")


def test_line_ends_and_a_byte_order_mark_stay():
    """A page from Windows stays one."""
    text = "\ufeff" + HEAD.replace("\n", "\r\n")

    after = edited(
        text, [(("owner",), "Bo"), (("follow_up", "x"), {"at": "2026-01-01"}), (("action_items", 2), {"title": "c"})]
    )

    assert after.startswith("\ufeff---\r\n")
    assert after.count("\n") == after.count("\r\n")


@pytest.mark.parametrize("field", ["follow_up:", "follow_up: {}", "follow_up: ~", "other: 1", "follow_up: # none yet"])
def test_steps_can_be_noted_where_there_are_none(field):
    """Empty, braces, null, absent, or only a comment."""
    text = f"---\nincident: A\n{field}\n---\nbody\n"

    after = edited(text, [(("follow_up", "a"), {"at": "2026-01-01"}), (("follow_up", "b"), {"at": "2026-01-02"})])

    assert _plain(_content(after)["follow_up"]) == [("a", [("at", "2026-01-01")]), ("b", [("at", "2026-01-02")])]
    assert after.endswith("---\nbody\n")


@pytest.mark.parametrize("items", ["action_items:\n- title: x\n- title: y\n", "action_items: [{title: x}, {title: y}]\n",
                                   "action_items:\n    -   title: x\n        owner: Z\n    -   title: y\n"])  # fmt: skip
def test_tasks_are_added_in_every_form_of_list(items):
    """Indented or not, in lines or in brackets."""
    after = edited(f"---\nincident: A\n{items}tags: [a]\n---\n", [(("action_items", 2), {"title": "z", "owner": None})])

    assert [item["title"] for item in _content(after)["action_items"]] == ["x", "y", "z"]


@pytest.mark.parametrize(
    "text", ["---\nincident: A\nowner: |\n  Bo\n  Co\n---\n", "---\nincident: A\nowner:\n  a: 1\n---\n"]
)
def test_what_cannot_be_changed_alone_is_refused(text):
    """A value over several lines is a person's business."""
    with pytest.raises(FieldError, match="by hand"):
        edited(text, [(("owner",), "X")])


@pytest.mark.parametrize(
    "text", ["no front matter", "---\nincident: A\n", "---\na: &x 1\nb: *x\n---\n", "---\n[\n---\n"]
)
def test_a_page_that_cannot_be_read_is_not_touched(tmp_path, text):
    """One sentence that names the page; its bytes stay."""
    page = tmp_path / "p.md"
    page.write_text(text)
    with pytest.raises(WorkbookError, match=r"p\.md was not changed"):
        edit_page(page, lambda content: [(("owner",), "X")])
    assert page.read_text() == text


def test_a_change_that_changes_nothing_writes_nothing(tmp_path):
    """The file's own time stays too."""
    page = tmp_path / "p.md"
    page.write_text(HEAD)
    before = page.stat().st_mtime_ns
    assert edit_page(page, lambda content: [(("status",), "draft")]) is False
    assert page.stat().st_mtime_ns == before


def test_a_person_who_saves_meanwhile_loses_nothing(tmp_path, monkeypatch):
    """Their page is read again and edited; the exchange gives theirs back first."""
    page = tmp_path / "p.md"
    page.write_text(HEAD)
    real, saves = files.exchange, iter([HEAD.replace("# Body", "# New body")])

    def saved_just_before(one, other):
        for text in saves:
            page.write_text(text)
        return real(one, other)

    monkeypatch.setattr(files, "exchange", saved_just_before)
    edit_page(page, lambda content: [(("owner",), "Bo")])

    assert "# New body" in page.read_text() and "owner: Bo\n" in page.read_text()


def test_many_writers_at_once_lose_no_note(tmp_path):
    """Twenty threads each note a step of their own: all are there."""
    page = tmp_path / "p.md"
    page.write_text(HEAD)

    def note(number: int) -> None:
        for _ in range(50):
            try:
                edit_page(page, lambda content: [(("follow_up", f"s{number}"), {"at": "2026-01-01"})])
                return
            except WorkbookError:
                continue

    threads = [threading.Thread(target=note, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {f"s{number}" for number in range(20)} <= set(_content(page.read_text())["follow_up"])


@pytest.mark.parametrize("page", sorted((ROOT / "data" / "postmortems").glob("*.md")), ids=lambda page: page.stem)
def test_every_page_of_the_sample_can_be_edited(page):
    """Owner, a step, a new task and a change of the first one; all other lines stay as they are."""
    text = page.read_text(encoding="utf-8")
    count = len(_content(text).get("action_items") or [])
    after = edited(text, [(("owner",), "Zoë Öz"), (("follow_up", "progress-checked"), {"at": "2026-10-01T00:00:00Z"}),
                          (("action_items", count), {"title": "New", "owner": None}), (("action_items", 0, "status"), "done")])  # fmt: skip

    gone = [line for line in text.splitlines() if line not in after.splitlines()]
    assert all(line.split(":")[0].strip() in ("owner", "status", "action_items", "follow_up") for line in gone)
    assert text.split("\n---\n", 1)[1] == after.split("\n---\n", 1)[1]


@settings(deadline=None, max_examples=40)
@given(st.text(max_size=60))
def test_any_text_survives_being_written(text):
    """What comes back is the text, its white space tidied; or the edit is refused, and then nothing changes."""
    tidy = " ".join(text.split())
    try:
        after = edited(HEAD, [(("owner",), text), (("action_items", 0, "owner"), text), (("meeting", "by"), text)])
    except FieldError:
        return
    content = _content(after)
    assert all(
        str(one or "") == tidy
        for one in (content["owner"], content["action_items"][0]["owner"], content["meeting"]["by"])
    )
    assert after.split("\n---\n", 1)[1] == HEAD.split("\n---\n", 1)[1]


def test_values_are_written_on_one_line():
    """Lists in brackets, mappings in braces, nothing for nothing."""
    assert written({"a": ["x, y", None], "b": "2026-01-01"}) == "{a: ['x, y', ], b: 2026-01-01}"
