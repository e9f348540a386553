"""Evidence: every generated sentence has its place, and following it tells which claims no longer hold."""


from __future__ import annotations

import json
import random
import re
import zipfile
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_draft import REGISTER, ROW
from test_timeline import TALK, export

from incident_lib.drafting.draft import draft, draft_page
from incident_lib.drafting.evidence import verify_claims
from incident_lib.drafting.fragments import Fragments, split_pointer
from incident_lib.drafting.sidecar import read_sidecar
from incident_lib.drafting.writing import write_draft
from incident_lib.loading import load

ID = "INC-2026-042"
SAMPLE = Path(__file__).parents[1] / "data"
# How the lines begin that the template says, not the records.
LABELS = ("#", "_To write:", "|---", "| Time", "| Measure", "| Name", "| Task", "**Owner", "**Call", "What people thought",
          "Questions that", "Proposed in chat")  # fmt: skip


@pytest.fixture
def folder(workbook):
    """Return a workbook with one registered incident, its channel unpacked, and its page drafted."""
    folder = workbook({"incidents.csv": REGISTER + ROW, **unpacked(export())})
    write_draft(load(folder, as_of="2026-03-03T09:00:00Z"), ID)
    return folder


def unpacked(archive: bytes) -> dict[str, bytes]:
    """Return the files of a zipped export in a folder."""
    with zipfile.ZipFile(BytesIO(archive)) as opened:
        return {f"slack/{name}": opened.read(name) for name in opened.namelist()}


def states(folder) -> dict[str, str]:
    """Return the state of each claim of the page."""
    sidecar = read_sidecar(load(folder), ID)
    table = verify_claims(sidecar.as_dict(), folder)
    return dict(zip(table["section"] + "|" + table["claim"], table["state"], strict=True))


def test_every_generated_line_of_the_page_has_evidence(folder):
    """No sentence, row or number that data made stands without a footnote; messages have theirs in the file beside."""
    text = (folder / "postmortems" / f"{ID}.md").read_text()
    body = text.split("\n---\n", 1)[1].split("## Evidence")[0].split("## Messaging")[0]
    generated = [line for line in body.splitlines() if line.strip() and not line.startswith(LABELS)]

    assert generated and [line for line in generated if "[^e" not in line] == []
    assert set(re.findall(r"\[\^(e\d+)\](?!:)", text)) == set(re.findall(r"(?m)^\[\^(e\d+)\]:", text))


def test_the_messages_sentences_have_evidence_without_footnotes(folder):
    """What is sent holds no marks; its claims stand in the file beside the page."""
    sidecar = read_sidecar(load(folder), ID)
    said = {claim.section for claim in sidecar.claims}
    text = (folder / "postmortems" / f"{ID}.md").read_text().split("## Messaging")[1].split("## Evidence")[0]

    assert "[^" not in text and {"Messaging / Internal e-mail", "Messaging / External message"} <= said


def test_every_claim_holds_after_drafting(folder):
    """Each pointer leads to what was read."""
    assert set(states(folder).values()) == {"holds"}


def test_one_changed_byte_breaks_exactly_the_claims_that_rest_on_it(folder):
    """A message's text is changed: its row and the sums over all rows break, and nothing else."""
    path = folder / "slack/inc-2026-042/2026-03-02.json"
    path.write_bytes(path.read_bytes().replace(b"we rolled back mail-02", b"we rolled back mail-03"))
    sidecar = read_sidecar(load(folder), ID)
    number = next(index for index, (_, _, text) in enumerate(TALK) if "rolled back" in text)
    resting = {f"{claim.section}|{claim.text}" for claim in sidecar.claims
               if any(one["pointer"].endswith(f"2026-03-02.json#/{number}") for one in sidecar.evidence[claim.evidence])}  # fmt: skip
    broken = {claim for claim, state in states(folder).items() if state == "changed"}

    assert broken == resting and any(claim.startswith("Timeline|") for claim in broken)
    assert len(broken) < len(states(folder)) / 2


def test_every_byte_of_a_register_row_counts(folder):
    """Whatever byte of the incident's row changes, the claims on it break; those of chat hold."""
    path = folder / "incidents.csv"
    path.write_text(path.read_text().replace("Mail slow", "Mail s1ow"))
    table = states(folder)

    assert table["Resolution|Resolved: 2026-03-02 14:00 UTC."] == "changed"
    assert {state for claim, state in table.items() if "graph:" in claim} == {"holds"}


def test_a_moved_message_is_found_and_a_lost_file_is_gone(folder):
    """More messages before it move it; without the file nothing can be followed."""
    path = folder / "slack/inc-2026-042/2026-03-02.json"
    talk = json.loads(path.read_text())
    path.write_text(json.dumps([{"type": "message", "user": "U2", "text": "early", "ts": "1772452700.000100"}, *talk]))
    moved = states(folder)
    path.unlink()

    assert "holds, moved" in moved.values() and "changed" not in moved.values()
    assert "gone" in states(folder).values()


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 10_000), days=st.integers(1, 4))
def test_shuffled_or_split_day_files_leave_the_page_byte_identical(tmp_path_factory, seed, days):
    """Which day file holds a message, and where in it, is no fact."""
    talk = json.loads(unpacked(export())["slack/inc-2026-042/2026-03-02.json"])
    shuffled = random.Random(seed).sample(talk, len(talk))
    files = {
        f"slack/inc-2026-042/2026-03-0{day + 2}.json": json.dumps(shuffled[day::days]).encode() for day in range(days)
    }
    pages = []
    for own in ({}, files):
        folder = tmp_path_factory.mktemp("workbook")
        every = {**unpacked(export()), "incidents.csv": (REGISTER + ROW).encode(), "workbook.toml": b"", **own}
        for name, content in every.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)
        pages.append(draft_page(load(folder, as_of="2026-03-03T09:00:00Z"), ID))

    assert pages[0] == pages[1]


@pytest.mark.parametrize(
    ("pointer", "parts"),
    [
        ("incidents.csv line 12", ("incidents.csv", "line 12")),
        ("pagerduty/a.json#/incidents/3", ("pagerduty/a.json", "#/incidents/3")),
        ("slack/x.zip!general/2026-03-02.json#/14", ("slack/x.zip", "!general/2026-03-02.json#/14")),
        ("slack/general/2026-03-02.json#/14", ("slack/general/2026-03-02.json", "#/14")),
        ("a.jsonl line 3#/updates/2", ("a.jsonl", "line 3#/updates/2")),
        ("t.parquet row 7", ("t.parquet", "row 7")),
        ("postmortems/a.md", ("postmortems/a.md", "")),
    ],
)
def test_pointers_fall_into_file_and_place(pointer, parts):
    """All forms that readers write."""
    assert split_pointer(pointer) == parts


def test_every_pointer_of_the_workbook_can_be_followed(folder):
    """Nothing that a reader points to is out of reach."""
    records = load(folder)
    fragments = Fragments(folder)
    pointers = {
        one
        for table in (records.incidents, records.timeline, records.messages)
        for source in table["source"]
        for one in source.split("; ")
    }

    assert [one for one in pointers if fragments.digest(one) is None] == []


def test_a_pointer_out_of_the_workbook_is_not_followed(folder):
    """A sidecar that somebody changed can't make us read other files."""
    assert Fragments(folder).digest("../../etc/passwd line 1") is None


def test_drafts_of_all_claims_have_pointers(folder):
    """Not one claim is without a place."""
    made = draft(load(folder), ID)

    assert all(made.pointers[claim.evidence] for claim in made.claims)


def test_a_place_within_a_line_of_json_is_followed(tmp_path):
    """As JSON lines have it; a line before it moves it."""
    (tmp_path / "a.jsonl").write_text('{"updates": ["x", "y"]}\n')
    digest = Fragments(tmp_path).digest("a.jsonl line 1#/updates/1")
    (tmp_path / "a.jsonl").write_text('{"updates": ["a"]}\n{"updates": ["x", "y"]}\n')

    assert digest is not None and Fragments(tmp_path).digest("a.jsonl line 1#/updates/1") is None
    assert Fragments(tmp_path).moved("a.jsonl line 1#/updates/1", digest)


def test_no_sentence_of_the_samples_pages_is_without_evidence():
    """A spread of the sample's major incidents, from every year: each generated line cites places that can be followed."""
    records = load(SAMPLE)
    fragments = Fragments(records.folder)
    for one in records.major["incident_id"].tolist()[::5]:
        made = draft(records, one, fragments=fragments)
        told = "".join(text for key, text in made.sections.items() if not key.startswith("Messaging"))
        lines = [line for line in told.splitlines() if line.strip() and not line.startswith(LABELS)]
        places = {place for claim in made.claims for place in made.pointers[claim.evidence]}

        assert lines and [line for line in lines if "[^e" not in line] == [], one
        assert all(made.pointers[claim.evidence] for claim in made.claims)
        assert [place for place in places if fragments.digest(place) is None] == [], one


def test_the_title_has_evidence_in_the_heading_and_the_mails_subject(folder):
    """A footnote would be in the way there; the file beside the page has it."""
    records = load(folder)
    made = draft(records, ID, sidecar=read_sidecar(records, ID))
    cited = {claim.text: made.pointers[claim.evidence] for claim in made.claims}

    assert cited["Mail slow"] == cited[f"Subject: Incident {ID}: Mail slow"] == ("incidents.csv line 2",)
