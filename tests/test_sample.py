"""The sample workbook: complete, the same each time, lifelike, and awkward where it says so."""

from __future__ import annotations

import csv
import io
import json
import re
import string
import zipfile
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from incident_lib.errors import WorkbookError
from incident_lib.sample import AWKWARD, write_sample
from incident_lib.sample.company import SERVICES, people, workbook_text
from incident_lib.sample.facts import listed, span
from incident_lib.sample.front_matter import field, mapping
from incident_lib.sample.incidents import END, draw_incidents
from incident_lib.sample.kinds import Prose, kinds
from incident_lib.sample.lifecycle import life_of
from incident_lib.sample.slack_export import zipped
from incident_lib.sample.told import parse_line, told_incidents
from incident_lib.settings import STEPS, parse_settings
from incident_lib.tables import ACTION_ITEM_KINDS, ACTION_ITEM_STATUSES, POSTMORTEM_STATUSES

COMMITTED = Path(__file__).parent.parent / "data"
TIMES = ("started_at", "detected_at", "acknowledged_at", "mitigated_at", "resolved_at")


@pytest.fixture(scope="module")
def sample(tmp_path_factory) -> Path:
    """Return a sample workbook with the default arguments."""
    folder = tmp_path_factory.mktemp("sample") / "workbook"
    write_sample(folder)
    return folder


@pytest.fixture(scope="module")
def register(sample) -> dict[str, dict[str, str]]:
    """Return the register's rows by incident id."""
    with (sample / "incidents.csv").open(encoding="utf-8", newline="") as file:
        return {row["incident_id"]: row for row in csv.DictReader(file)}


@pytest.fixture(scope="module")
def pages(sample) -> dict[str, tuple[dict, str]]:
    """Return each page's front matter and body by incident id."""
    return {path.stem: page_of(path) for path in (sample / "postmortems").glob("*.md")}


@pytest.fixture(scope="module")
def chat(sample) -> dict[str, list[dict]]:
    """Return all chat messages by channel."""
    channels: dict[str, list[dict]] = {}
    with zipfile.ZipFile(sample / "slack" / "northlight-export.zip") as archive:
        for name in sorted(name for name in archive.namelist() if "/" in name):
            channels.setdefault(name.split("/")[0], []).extend(json.loads(archive.read(name)))
    return channels


@pytest.fixture(scope="module")
def pagerduty(sample) -> dict[str, list[dict]]:
    """Return PagerDuty's incidents and log entries."""
    found: dict[str, list[dict]] = {"incidents": [], "log_entries": []}
    for path in sorted((sample / "pagerduty").glob("*.json")):
        content = json.loads(path.read_text(encoding="utf-8"))
        for kind in found.keys() & content.keys():
            found[kind] += content[kind]
    return found


def page_of(path: Path) -> tuple[dict, str]:
    """Return a page's front matter and body."""
    _, head, body = path.read_text(encoding="utf-8").split("---\n", 2)
    return YAML(typ="safe", pure=True).load(head), body


def awkward(words: str) -> str:
    """Return the id of the awkward case whose description has these words."""
    return next(incident_id for what, incident_id in AWKWARD.items() if words in what)


def contents(folder: Path) -> dict[str, bytes]:
    """Return all files of a folder; of a zip file its members, since compression may differ between machines."""
    files: dict[str, bytes] = {}
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        name = path.relative_to(folder).as_posix()
        if path.suffix == ".zip":
            with zipfile.ZipFile(path) as archive:
                files |= {f"{name}!{member}": archive.read(member) for member in archive.namelist()}
        else:
            files[name] = path.read_bytes()
    return files


class TestWriting:
    """write_sample as a command."""

    def test_same_arguments_give_the_same_bytes(self, sample, tmp_path):
        """A second run differs in nothing, zip file included."""
        write_sample(tmp_path / "again")

        again = {path.relative_to(tmp_path / "again"): path.read_bytes() for path in files_of(tmp_path / "again")}
        assert again == {path.relative_to(sample): path.read_bytes() for path in files_of(sample)}

    def test_committed_data_is_what_the_generator_writes(self, sample):
        """data/ in the repository is the default sample, not an edited or outdated one."""
        assert contents(COMMITTED) == contents(sample)

    def test_another_seed_gives_other_incidents(self, sample, tmp_path):
        """The seed matters."""
        write_sample(tmp_path / "other", seed=8)

        assert (tmp_path / "other" / "incidents.csv").read_bytes() != (sample / "incidents.csv").read_bytes()

    def test_a_folder_with_something_in_it_is_refused(self, tmp_path):
        """Nobody's files are overwritten."""
        (tmp_path / "mine.txt").write_text("mine", encoding="utf-8")

        with pytest.raises(WorkbookError, match="is not empty"):
            write_sample(tmp_path)
        assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]

    def test_an_impossible_number_is_refused(self, tmp_path):
        """A negative number of incidents makes no sense."""
        with pytest.raises(WorkbookError, match="expected 0 or more"):
            write_sample(tmp_path / "new", incidents=-1)

    @pytest.mark.parametrize("count", [0, 1, 9, 700])
    def test_any_number_of_incidents_works(self, count, tmp_path):
        """The register has exactly as many rows as were asked for."""
        counts = write_sample(tmp_path / "new", incidents=count)

        rows = csv.DictReader(io.StringIO((tmp_path / "new" / "incidents.csv").read_text(encoding="utf-8")))
        assert len(list(rows)) == counts["incidents"] == count

    def test_pages_and_chat_stay_bounded(self, tmp_path):
        """With thousands of incidents there are at most 400 pages."""
        counts = write_sample(tmp_path / "big", incidents=4000)

        assert 100 < counts["postmortems"] <= 400
        assert (tmp_path / "big" / "slack" / "northlight-export.zip").stat().st_size < 1_000_000

    def test_an_earlier_end_knows_nothing_of_what_came_after(self, tmp_path):
        """``until`` moves the whole sample."""
        until = END - timedelta(days=364)
        write_sample(tmp_path / "earlier", until=until)

        text = (tmp_path / "earlier" / "incidents.csv").read_text(encoding="utf-8")
        times = [datetime.fromisoformat(time) for row in csv.DictReader(io.StringIO(text)) for time in
                 (row[name] for name in TIMES) if time]  # fmt: skip
        assert until - timedelta(days=2) < max(times) <= until

    def test_it_is_small(self, sample):
        """The committed data stays under 1.5 MB."""
        assert sum(path.stat().st_size for path in files_of(sample)) < 1_500_000


def files_of(folder: Path) -> list[Path]:
    """Return all files below a folder."""
    return sorted(path for path in folder.rglob("*") if path.is_file())


class TestLifelike:
    """The default sample is a plausible company's."""

    def test_about_160_incidents_of_which_about_45_are_major(self, register):
        """Numbers are those of a small shop."""
        severities = Counter(row["severity"] for row in register.values())

        assert len(register) == 160
        assert 40 <= severities["critical"] + severities["high"] <= 50

    def test_settings_are_valid_and_name_everybody(self, register):
        """workbook.toml can be read, and knows all responders and customers."""
        settings = parse_settings(workbook_text())

        names = {name for row in register.values() for name in row["responders"].split("; ")}
        customers = {name for row in register.values() for name in row["customers"].split("; ")}
        assert names <= {person.name for person in settings.people}
        assert customers <= {customer.name for customer in settings.customers}
        assert 3 <= sum(person.interested for person in settings.people) < len(settings.people)

    def test_times_are_in_order_but_where_they_are_meant_not_to_be(self, register):
        """Only the case out of order is out of order."""
        wrong = [
            incident_id
            for incident_id, row in register.items()
            if (times := [datetime.fromisoformat(row[name]) for name in TIMES if row[name]]) != sorted(times)
        ]
        assert wrong == [awkward("out of order")]

    def test_ids_follow_the_starts(self, register):
        """Incidents are numbered in order of their start."""
        starts = [datetime.fromisoformat(row["started_at"]) for row in register.values()]

        assert starts == sorted(starts)

    def test_no_two_major_incidents_tell_the_same_story(self, pages):
        """What happened reads differently on every finished page."""
        told = [re.search(r"## What happened\n\n(.{80})", body) for _, body in pages.values()]
        beginnings = [match[1] for match in told if match and not match[1].startswith("_To write")]

        assert len(beginnings) > 25
        assert Counter(beginnings).most_common(1)[0][1] <= 2

    def test_pages_are_in_every_state(self, pages):
        """Draft, in review, reviewed, closed: each several times."""
        states = Counter(head["status"] for head, _ in pages.values())

        assert set(states) == set(POSTMORTEM_STATUSES)
        assert min(states.values()) >= 3

    def test_some_pages_are_late_some_are_missing(self, register, pages):
        """About half are complete within a week; some take longer; a few don't exist."""
        days = [(head["completed_at"] - head["resolved_at"]).days for head, _ in pages.values() if head["completed_at"]]
        major = {key for key, row in register.items() if row["severity"] in ("critical", "high")}

        assert 0.4 <= sum(day <= 7 for day in days) / len(major) <= 0.7
        assert sum(day > 7 for day in days) >= 6
        assert 3 <= len(major - pages.keys()) <= 8

    def test_action_items_have_every_fate(self, pages):
        """Open, overdue, done, and declined with a reason."""
        items = [item for head, _ in pages.values() for item in head.get("action_items", [])]
        fates = Counter(item["status"] for item in items)

        assert set(fates) == set(ACTION_ITEM_STATUSES)
        assert {item["kind"] for item in items} == set(ACTION_ITEM_KINDS)
        assert all(item["because"] for item in items if item["status"] == "declined")
        assert all(item["done_on"] >= item["created_on"] for item in items if item["status"] == "done")
        assert any(item["status"] == "open" and item["due_on"] < END.date() for item in items)

    def test_follow_up_steps_are_those_of_the_process(self, pages):
        """Steps' ids are the settings' ids; some are missing, some not needed with a reason."""
        noted = [(step, state) for head, _ in pages.values() for step, state in head.get("follow_up", {}).items()]

        assert {step for step, _ in noted} == {step.id for step in STEPS if not step.every}
        assert sum("not_needed" in state for _, state in noted) >= 3
        assert any("owner-assigned" not in head.get("follow_up", {}) for head, _ in pages.values())

    def test_unfinished_pages_hold_prompts_and_finished_ones_none(self, pages):
        """A prompt says what to write; a complete page has no prompt left."""
        for head, body in pages.values():
            finished = head["completed_at"] or head["reviewed_at"] or head["not_needed"]
            assert bool(finished) != ("_To write:" in body)

    def test_external_messages_keep_to_the_rules(self, pages):
        """They say incident, never outage, and name no host."""
        for _, body in pages.values():
            message = body.partition("### External message")[2]
            assert "outage" not in message.lower()
            assert ".internal" not in message

    def test_no_text_has_a_place_left_open(self, sample):
        """No braces of a template remain in any text."""
        for name, content in contents(sample).items():
            if name.endswith((".md", ".csv")):
                assert not re.search(r"{\w+}", content.decode()), name


class TestOtherTools:
    """What PagerDuty, the chat and the status page know of the same incidents."""

    def test_pagerduty_is_connected_by_reference_or_by_chat(self, register, pagerduty, chat):
        """Each PagerDuty incident is named by the register, or linked in the chat of its incident."""
        stated = " ".join(row["references"] for row in register.values())
        linked = " ".join(
            text_of(one) for name, said in chat.items() for one in said if "inc-" in name or "INC-" in one["text"]
        )

        for incident in pagerduty["incidents"]:
            assert (incident["id"] in stated) or (incident["html_url"] in linked)
        assert sum(incident["id"] not in stated for incident in pagerduty["incidents"]) >= 4

    def test_pagerduty_titles_are_the_alerts(self, register, pagerduty):
        """No title is the same in the register and in PagerDuty."""
        assert not {row["title"] for row in register.values()} & {one["title"] for one in pagerduty["incidents"]}

    def test_log_entries_tell_the_whole_response(self, pagerduty):
        """All kinds of entries occur, each has an id of its own, and each incident begins with a trigger."""
        kinds_seen = {entry["type"].removesuffix("_log_entry") for entry in pagerduty["log_entries"]}
        ids = [entry["id"] for entry in pagerduty["log_entries"]]
        first: dict[str, str] = {}
        for entry in pagerduty["log_entries"]:
            first.setdefault(entry["incident"]["id"], entry["type"])

        assert {
            "trigger",
            "notify",
            "acknowledge",
            "escalate",
            "annotate",
            "resolve",
            "field_value_change",
        } <= kinds_seen
        assert len(ids) == len(set(ids))
        assert set(first.values()) == {"trigger_log_entry"}

    def test_seven_stories_are_told_message_by_message(self, chat):
        """Each has 25 to 60 messages in a channel of its own."""
        stories = {name: said for name, said in chat.items() if name.startswith("inc-")}

        assert len(stories) == 7
        assert all(25 <= len(said) <= 60 for said in stories.values())

    def test_a_thread_goes_on_in_the_next_days_file(self, sample):
        """A reply lies in another file than the message it answers."""
        with zipfile.ZipFile(sample / "slack" / "northlight-export.zip") as archive:
            days = {name: json.loads(archive.read(name)) for name in archive.namelist() if name.startswith("inc-")}
        place = {one["ts"]: name for name, said in days.items() for one in said}

        assert any(place[one["thread_ts"]] != name for name, said in days.items() for one in said if "thread_ts" in one)

    def test_chat_has_what_exports_have(self, chat):
        """Both kinds of bots, joins, pins, files, edits, reactions, replies, mentions, links, and people unknown."""
        said = [one for messages in chat.values() for one in messages]
        known = {person.slack_id for person in people()}

        assert {"bot_message", "channel_join", "pinned_item"} <= {one.get("subtype") for one in said}
        for name in ("bot_profile", "files", "edited", "reactions", "parent_user_id", "replies"):
            assert any(name in one for one in said), name
        assert any("<@U" in one["text"] for one in said) and any("|" in one["text"] for one in said)
        assert sum(one.get("user", "U07ALERTM") not in known | {"U07ALERTM"} for one in said) >= 2

    def test_timestamps_are_ids(self, chat):
        """No two messages of a channel share a timestamp, and each has six decimals."""
        for messages in chat.values():
            stamps = [one["ts"] for one in messages]
            assert len(stamps) == len(set(stamps))
            assert all(re.fullmatch(r"\d{10}\.\d{6}", stamp) for stamp in stamps)

    def test_secrets_leak_in_chat_and_nowhere_else(self, sample, chat):
        """A token and a key are in the chat; no file of the repository shows either in clear text."""
        said = " ".join(one["text"] for messages in chat.values() for one in messages)
        clear = b"".join(path.read_bytes() for path in files_of(sample))

        for pattern in (r"AKIA[A-Z2-7]{16}", r"xoxb-\d{12}-\d{12}-\w{24}"):
            assert len(re.findall(pattern, said)) == 1
            assert not re.search(pattern.encode(), clear)

    def test_status_page_shows_what_customers_saw(self, sample, register):
        """About thirty incidents with other titles, updates in order, and one planned maintenance."""
        content = json.loads((sample / "statuspage" / "incidents.json").read_text(encoding="utf-8"))
        stated = " ".join(row["references"] for row in register.values())
        incidents = [one for one in content["incidents"] if one["impact"] != "maintenance"]

        assert 24 <= len(incidents) == len(content["incidents"]) - 1 <= 36
        for one in incidents:
            assert one["shortlink"] in stated
            updates = [update["status"] for update in one["incident_updates"][::-1]]
            assert updates == [
                name for name in ("investigating", "identified", "monitoring", "resolved") if name in updates
            ]


def text_of(message: dict) -> str:
    """Return a message's text."""
    return message["text"]


class TestAwkward:
    """Each awkward case is where the package says."""

    def test_every_case_exists(self, register):
        """All ids are in the register."""
        assert set(AWKWARD.values()) <= register.keys()

    def test_never_acknowledged(self, register, pagerduty):
        """Nobody took it on, neither in the register nor in PagerDuty, which escalated three times."""
        row = register[awkward("never acknowledged")]
        log = [one["type"] for one in pagerduty["log_entries"] if one["incident"]["id"] in row["references"]]

        assert row["acknowledged_at"] == "" and row["resolved_at"]
        assert log.count("escalate_log_entry") == 3 and "acknowledge_log_entry" not in log

    def test_still_open(self, register, pages):
        """A critical incident has no end, and no page."""
        row = register[awkward("still open")]

        assert (row["severity"], row["resolved_at"], row["mitigated_at"]) == ("critical", "", "")
        assert row["incident_id"] not in pages

    def test_pages_with_gaps(self, pages):
        """One has no owner, one no time of completion, one says that none is needed."""
        assert pages[awkward("without an owner")][0]["owner"] is None
        reviewed = pages[awkward("without a time of completion")][0]
        assert (reviewed["completed_at"], reviewed["status"]) == (None, "closed") and reviewed["reviewed_at"]
        assert "fire drill" in pages[awkward("no post-mortem")][0]["not_needed"]

    def test_clock_changes(self, register):
        """One began in the repeated hour, one lasts over the missing hour."""
        repeated, missing = register[awkward("comes twice")], register[awkward("does not exist")]

        assert repeated["started_at"] == "2025-11-02T06:41:00Z"
        assert missing["started_at"] < "2026-03-08T07:00:00Z" < missing["resolved_at"]

    def test_nasty_title(self, register, pages):
        """The title has a formula, markup and a table border; the page's front matter keeps it exactly."""
        incident_id = awkward("title that is")

        assert all(part in register[incident_id]["title"] for part in ("=SUM(", "<b>", "|", "&", "*"))
        assert pages[incident_id][0]["title"] == register[incident_id]["title"]

    def test_severity_raised_midway(self, chat, pagerduty, register):
        """The chat and PagerDuty's log both tell of the change from high to critical."""
        row = register[awkward("mail delayed")]
        log = [one for one in pagerduty["log_entries"] if one["incident"]["id"] in row["references"]]

        assert any("raising to critical" in one["text"] for one in chat[row["channel"]])
        assert any(one.get("changeset") == {"field": "priority", "from": "P2", "to": "P1"} for one in log)


class TestParts:
    """The small functions that write it."""

    def test_texts_name_only_facts_that_exist(self):
        """Every place in every text is a fact that all incidents have, or a value of its kind."""
        common = draw_incidents(1, 7, END)[0].values.keys()

        for kind in kinds().values():
            assert kind.service in SERVICES
            for prose in (*kind.prose, *kind.minor):
                assert places(prose) <= common | kind.values.keys(), (kind.name, prose.title)

    def test_told_texts_name_only_facts_that_exist(self):
        """So do the told ones."""
        for facts in draw_incidents(60, 7, END):
            if facts.told:
                assert places(facts.prose) <= facts.values.keys(), facts.told.key

    def test_lifetimes_are_in_order(self):
        """A page is created, assigned, completed, reviewed and closed in this order."""
        for facts in draw_incidents(300, 3, END):
            life = life_of(facts, END) if facts.is_major else None
            if life and not life.not_needed:
                stages = [life.created_at, life.assigned_at, life.reviewed_at, life.closed_at]
                times = [at for at in stages if at]
                assert times == sorted(times) and times[-1] <= END

    def test_shift_keeps_weekdays(self):
        """Told incidents move by whole weeks."""
        here, there = (list(told_incidents(timedelta(weeks=weeks))) for weeks in (0, -3))

        assert all(
            a.started_at.weekday() - b.started_at.weekday() in (0, 1, -1, 6, -6)
            for a, b in zip(here, there, strict=True)
        )

    def test_a_told_line(self):
        """A line has a minute, an author, flags, and a text in which anything may stand."""
        line = parse_line("12.5 priya #a +eyes2 ~ | a | b")

        assert (line.minute, line.who, line.flags, line.text) == (12.5, "priya", ("#a", "+eyes2", "~"), "a | b")

    def test_a_line_that_is_none(self):
        """Anything else is refused, with the text."""
        with pytest.raises(ValueError, match="not a line of a told chat: 'hello'"):
            parse_line("hello")

    def test_zip_files_depend_on_their_members_only(self):
        """Order of members and time of day make no difference."""
        assert zipped({"a": "1", "b": "2"}) == zipped({"b": "2", "a": "1"})

    @pytest.mark.parametrize(("minutes", "words"), [(0, "1 minute"), (60, "1 hour"), (125, "2 hours 5 minutes")])
    def test_spans_in_words(self, minutes, words):
        """Lengths of time read as people say them."""
        assert span(timedelta(minutes=minutes)) == words

    def test_lists_in_words(self):
        """Names are joined by commas and a last "and"."""
        assert [listed(names) for names in (["a"], ["a", "b"], ["a", "b", "c"])] == ["a", "a and b", "a, b and c"]

    @given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1, max_size=40))
    def test_front_matter_reads_back(self, text):
        """Any one-line text written as front matter is read back as the same text."""
        yaml = YAML(typ="safe", pure=True)

        assert yaml.load(field("title", text))["title"] == text
        assert yaml.load(f"a: {mapping({'text': text, 'names': [text, 'b']})}")["a"] == {
            "text": text,
            "names": [text, "b"],
        }


def places(prose: Prose) -> set[str]:
    """Return the names in braces of all texts of a prose."""
    texts = [text for value in vars(prose).values() for text in texts_in(value)]
    return {name for text in texts for _, name, _, _ in string.Formatter().parse(text) if name}


def texts_in(value) -> list[str]:
    """Return all texts in nested values."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [text for one in value.values() for text in texts_in(one)]
    return [text for one in value for text in texts_in(one)] if isinstance(value, tuple) else []
