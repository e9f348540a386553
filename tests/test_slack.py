"""Slack exports: every message accounted for, whatever the shape in which the export tells it."""

import json
import random
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from incident_lib.errors import SourceError
from incident_lib.settings import Limits, Settings, Sources
from incident_lib.sources.mrkdwn import Converter, all_to_markdown, to_markdown
from incident_lib.sources.reading import Batch, Source
from incident_lib.sources.slack import READER
from incident_lib.tables import ACCOUNTS

REAL = Path(__file__).resolve().parents[2] / "shared" / "realdata" / "slack_export" / "export.zip"
SAMPLE = Path(__file__).resolve().parents[1] / "data" / "slack"
USERS = [
    {"id": "U1", "name": "priya", "real_name": "Priya Raman", "tz": "Europe/Berlin",
     "profile": {"email": "priya@northlight.example"}},
    {"id": "U2", "name": "tom", "deleted": True, "profile": {"real_name": "Tom Okafor"}},
    {"id": "UBOT", "name": "pager", "real_name": "Pager", "is_bot": True},
    {"id": "USLACKBOT", "name": "slackbot", "real_name": "Slackbot"},
]  # fmt: skip
CHANNELS = [{"id": "C1", "name": "incidents", "created": "1452837318"}, {"id": "C2", "name": "ops", "created": 1}]
TOPS = {"users.json": USERS, "channels.json": CHANNELS}
DAY = "incidents/2026-03-02.json"
T = "1772443200.000100"


def message(**fields) -> dict:
    """Return an ordinary message with other fields laid over."""
    return {"type": "message", "user": "U1", "ts": T, "text": "on it"} | fields


def write_zip(path: Path, members: dict) -> Path:
    """Write members, JSON values or bytes, as a zip."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members.items():
            file.writestr(name, content if isinstance(content, bytes) else json.dumps(content))
    return path


def read(path: Path, **limits: int) -> Batch:
    """Return what the reader gets from a path, which it must recognise."""
    source = Source(path, f"slack/{path.name}", Settings(sources=Sources(limits=Limits(**limits))))
    assert READER.recognises(source)
    return READER.read(source)


@pytest.fixture
def export(tmp_path):
    """Return a function that writes an export of the given day files, or of one day's messages, and reads it."""

    def of(*rows: dict, **members: object) -> Batch:
        days = {DAY: list(rows)} if rows else {}
        return read(write_zip(tmp_path / "export.zip", TOPS | days | members))

    return of


def only(batch: Batch) -> pd.Series:
    """Return the one message of a batch."""
    assert len(batch.tables["messages"]) == 1
    return batch.tables["messages"].iloc[0]


def outcomes(batch: Batch, kind: str = "messages") -> dict[str, int]:
    """Return a batch's account of one kind."""
    table = ACCOUNTS.frame(batch.accounts)
    return dict(table.loc[table["kind"] == kind, ["outcome", "rows"]].itertuples(index=False))


def test_ordinary_message(export):
    """Channel, author, time to the microsecond, text and pointer of a message."""
    row = only(export(message()))
    assert row["message_id"] == "incidents/1772443200.000100"
    assert row["at"] == datetime(2026, 3, 2, 9, 20, 0, 100, tzinfo=UTC)
    assert (row["channel"], row["who"], row["text"], row["is_bot"]) == ("incidents", "Priya Raman", "on it", False)
    assert row["source"] == "slack/export.zip!incidents/2026-03-02.json#/0"
    assert json.loads(row["extra"]) == {"channel": "C1", "user": "U1"}
    assert row[["incident_id", "subtype", "thread_id", "edited_at", "reactions", "url"]].isna().all()


def test_people_of_an_export(export):
    """People come with address and zone; programs are not people; a deleted account still has its name."""
    people = export(message()).tables["people"].set_index("handle")
    assert list(people.index) == ["U1", "U2"]
    assert people.loc["U1", ["name", "email", "zone"]].tolist() == [
        "Priya Raman", "priya@northlight.example", "Europe/Berlin"
    ]  # fmt: skip
    assert people.loc["U2", "name"] == "Tom Okafor"
    assert people.loc["U2", "source"] == "slack/export.zip!users.json#/1"


@pytest.mark.parametrize(
    ("fields", "who", "is_bot"),
    [
        ({"user": "U2"}, "Tom Okafor", False),
        ({"user": "U9"}, "U9", False),
        ({"user": "U9", "user_profile": {"real_name": "Ada Vance"}}, "Ada Vance", False),
        ({"user": "U9", "user_profile": {"real_name": "", "display_name": "ada"}}, "ada", False),
        ({"user": None, "subtype": "bot_message", "username": "Grafana", "bot_id": "B1"}, "Grafana", True),
        ({"user": None, "bot_id": "B1", "bot_profile": {"name": "Deploys"}}, "Deploys", True),
        ({"user": None, "bot_id": "B1"}, "B1", True),
        ({"user": "UBOT", "bot_id": "B1"}, "Pager", True),
        ({"user": "UBOT"}, "Pager", True),
        ({"user": "U1", "bot_id": "B1"}, "Priya Raman", False),
        ({"user": None, "subtype": "file_comment", "comment": {"user": "U2", "comment": "x"}}, "Tom Okafor", False),
    ],
)
def test_author(fields, who, is_bot, export):
    """The author's name comes from wherever the export tells it, else it is the id; programs are marked."""
    row = only(export(message(**fields)))
    assert (row["who"], row["is_bot"]) == (who, is_bot)


def test_program_named_only_when_it_was_added(export):
    """Old exports name a bot only in the notice of its addition."""
    added = message(subtype="bot_add", bot_id="B1", text="added: <https://x.slack.com/services/B1|github>", ts="1.0")
    batch = export(added, message(user=None, subtype="bot_message", bot_id="B1"))
    assert only(batch)["who"] == "github"


def test_membership_noise_is_counted_not_kept(export):
    """Joins and the like are left out, and the account adds up to what was read."""
    noise = ["channel_join", "channel_join", "channel_leave", "bot_add", "tombstone"]
    rows = [message(ts=f"177244320{n}.000000", subtype=one) for n, one in enumerate(noise)]
    batch = export(*rows, message(subtype="channel_topic", text="SEV1, Tom leads"))
    assert only(batch)["subtype"] == "channel_topic"
    assert outcomes(batch) == {
        "used": 1, "skipped: bot_add": 1, "skipped: channel_join": 2, "skipped: channel_leave": 1,
        "skipped: tombstone": 1,
    }  # fmt: skip


def test_threads_join_across_day_files(export):
    """Replies of the next day and broadcasts carry the id of the first message; so does that itself."""
    reply = message(user="U2", ts="1772530000.000200", thread_ts=T, parent_user_id="U1")
    broadcast = message(ts="1772530001.000000", thread_ts=T, subtype="thread_broadcast", root={"ts": T})
    alone = message(ts="1772443201.000000")
    batch = export(**{DAY: [message(thread_ts=T, reply_count=2), alone],
                      "incidents/2026-03-03.json": [reply, broadcast]})  # fmt: skip
    threads = batch.tables["messages"].set_index("message_id")["thread_id"]
    assert threads.dropna().unique().tolist() == [f"incidents/{T}"]
    assert threads.isna().tolist() == [False, True, False, False]


def test_edit_and_reactions(export):
    """The last edit's time, the reactions' names, and how many there were."""
    edited = {"user": "U1", "ts": "1772443260.000000"}
    reactions = [{"name": "eyes", "users": ["U1", "U2"], "count": 2}, {"name": "pushpin", "users": ["U1"], "count": 1}]
    row = only(export(message(edited=edited, reactions=reactions)))
    assert row["edited_at"] == datetime(2026, 3, 2, 9, 21, tzinfo=UTC)
    assert row["reactions"] == "eyes; pushpin"
    assert json.loads(row["extra"]) == {"channel": "C1", "reactions": {"eyes": 2, "pushpin": 1}, "user": "U1"}


def test_files_keep_name_but_no_private_address(export):
    """A file's name stands in the text; addresses that open it without a password are nowhere."""
    file = {"id": "F1", "name": "graph <1>.png", "mimetype": "image/png", "size": 9,
            "url_private": "https://files.slack.com/f?t=xoxe-1", "url_private_download": "https://x/xoxe-2",
            "permalink_public": "https://slack-files.com/T-F-secret", "thumb_64": "https://x/xoxe-3"}  # fmt: skip
    linked = "see <https://files.slack.com/files-pri/T-F/graph.png?t=xoxe-4|graph>"
    batch = export(
        message(files=[file, {"id": "F2", "name": "b.log"}, {"mode": "hidden_by_limit"}], text=linked),
        message(ts="1772443201.000000", text="", subtype="file_share", file=file),
    )
    first, second = batch.tables["messages"].itertuples()
    assert first.text.split("\n") == [
        "see [graph](https://files.slack.com/files-pri/T-F/graph.png)", "[file: graph <1>.png]", "[file: b.log]"
    ]  # fmt: skip
    assert second.text == "[file: graph <1>.png]"
    kept = {"id": "F1", "mimetype": "image/png", "name": "graph <1>.png", "size": 9}
    assert json.loads(first.extra)["files"][0] == kept
    everything = batch.tables["messages"].to_csv()
    assert "xoxe" not in everything
    assert "secret" not in everything


def test_attachments_of_programs_are_text(export):
    """Pretext, title, text and fields of a bot's attachment; its fallback only where it has nothing else."""
    attachments = [
        {"pretext": "ALERT", "title": "Queue", "title_link": "https://g.example/d", "text": "deferred &gt; 500",
         "fallback": "never", "fields": [{"title": "host", "value": "mx2"}, {"title": "n", "value": 7}, None]},
        {"fallback": "plain fallback"},
    ]  # fmt: skip
    row = only(export(message(user=None, subtype="bot_message", bot_id="B1", text="", attachments=attachments)))
    assert row["text"] == "ALERT\n[Queue](https://g.example/d)\ndeferred > 500\nhost: mx2\nn: 7\nplain fallback"
    assert json.loads(row["extra"]) == {"channel": "C1", "bot": "B1", "links": ["https://g.example/d"]}


def test_link_previews_of_people_stay_out_of_the_text(export):
    """What Slack adds below a person's link is not what the person said; where it leads is kept."""
    preview = {"title": "Docs", "text": "long", "from_url": "https://docs.example"}
    row = only(export(message(attachments=[preview])))
    assert row["text"] == "on it"
    assert json.loads(row["extra"])["links"] == ["https://docs.example"]


def test_text_that_stands_only_in_blocks(export):
    """A message without text is read from its blocks."""
    blocks = [
        {"type": "header", "text": {"type": "plain_text", "text": "Incident"}},
        {"type": "section", "fields": [{"type": "mrkdwn", "text": "*P1*"}]},
        {"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": [
            {"type": "user", "user_id": "U2"}, {"type": "text", "text": " leads"}]}]},
    ]  # fmt: skip
    assert only(export(message(text="", blocks=blocks)))["text"] == "Incident\n**P1**\n@Tom Okafor\n leads"


def test_pins(export):
    """Pinned messages are marked, by themselves or by the notice, which is then not kept."""
    notice = message(ts="1772443300.000000", subtype="pinned_item", attachments=[{"ts": "1772443201.000000"}])
    lost = message(ts="1772443301.000000", subtype="pinned_item", item={"type": "C", "ts": "1.0"})
    batch = export(
        message(pinned_to=["C1"]), message(ts="1772443201.000000"), message(ts="1772443202.000000"), notice, lost
    )
    table = batch.tables["messages"]
    assert table["pinned"].tolist() == [True, True, False, False]
    assert table["subtype"].tolist()[-1] == "pinned_item"
    assert outcomes(batch) == {"used": 4, "skipped: pinned_item": 1}


def test_permalink_only_if_the_export_has_one(export):
    """No address is made up."""
    address = "https://northlight.slack.com/archives/C1/p1772443200000100"
    assert only(export(message(permalink=address)))["url"] == address


def test_same_message_twice_counts_once(export):
    """The first of several with the same channel and timestamp is kept; another channel's is another message."""
    batch = export(**{DAY: [message(), message(text="again")], "ops/2026-03-02.json": [message(text="there")]})
    assert batch.tables["messages"]["text"].tolist() == ["on it", "there"]
    assert outcomes(batch) == {"used": 2, "skipped: duplicate": 1}


def test_order_is_by_channel_and_time(export):
    """Whatever the order in the files."""
    rows = [message(ts=f"177244320{n}.000000") for n in (5, 1, 3)]
    batch = export(**{"ops/2026-03-02.json": rows, "incidents/2026-03-03.json": rows[:1], DAY: rows[1:]})
    assert batch.tables["messages"]["message_id"].str[-17:-7].tolist() == ["1772443201", "1772443203", "1772443205"] * 2
    assert batch.tables["messages"]["channel"].tolist() == ["incidents"] * 3 + ["ops"] * 3


@pytest.mark.parametrize(
    ("ts", "rule"),
    [
        ("yesterday", "unreadable-time"),
        ("99999999999.0", "unreadable-time"),
        (None, "unreadable-message"),
        (["1"], "unreadable-message"),
    ],
)
def test_message_without_a_readable_time_is_a_problem(ts, rule, export):
    """It costs that message, and stands among the problems with its place."""
    batch = export(message(), message(ts=ts))
    assert only(batch)["text"] == "on it"
    assert outcomes(batch) == {"used": 1, "skipped: unreadable": 1}
    assert [(one.rule, one.source) for one in batch.problems] == [(rule, f"slack/export.zip!{DAY}#/1")]


def test_time_written_as_a_number_keeps_its_id(export):
    """A tool that made a number of ``ts`` cost its zeros; they come back."""
    assert only(export(message(ts=1772443200.0001)))["message_id"] == f"incidents/{T}"


def test_unreadable_edit_costs_only_that_value(export):
    """The message stays."""
    batch = export(message(edited={"ts": "soon"}))
    assert pd.isna(only(batch)["edited_at"])
    assert [(one.rule, one.effect) for one in batch.problems] == [("unreadable-time", "value left out")]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"[{", "not valid JSON"),
        (b"\xff\xfe[]", "not UTF-8"),
        (b'{"ok": false}', "holds no list"),
        (b"[" * 5000 + b"]" * 5000, "levels deep"),
        (b'[{"ts": "1.0", "x": ' + b"[" * 5000 + b"]" * 5000 + b"}]", "levels deep"),
    ],
)
def test_broken_day_file_costs_that_file(content, said, export):
    """The other days stay, and the problem says which file and why."""
    batch = export(**{DAY: [message()], "incidents/2026-03-03.json": content})
    assert only(batch)["text"] == "on it"
    (problem,) = batch.problems
    assert said in problem.message
    assert problem.effect == "file left out"
    assert problem.source == "slack/export.zip!incidents/2026-03-03.json"
    assert outcomes(batch, "day files") == {"used": 1, "skipped: unreadable": 1}


def test_broken_users_cost_names_not_messages(export):
    """Without users.json authors are known by id."""
    batch = export(**{"users.json": b"oops", DAY: [message(text="<@U1> look")]})
    assert only(batch)[["who", "text"]].tolist() == ["U1", "@U1 look"]
    assert [one.source for one in batch.problems] == ["slack/export.zip!users.json"]


def test_one_broken_user_costs_that_user(export):
    """The others keep their names."""
    batch = export(**{"users.json": [{"name": "no id"}, *USERS], DAY: [message()]})
    assert only(batch)["who"] == "Priya Raman"
    assert [(one.rule, one.source) for one in batch.problems] == [("unreadable-user", "slack/export.zip!users.json#/0")]


def test_odd_rows_cost_those_rows(export):
    """Something that is no message, and half a surrogate pair, don't cost the file."""
    rows = b'[7, {"ts": "1772443200.000100", "user": "U1", "text": "half \\ud83d pair"}, {"ts": 5, "text": {"a": 1}}]'
    batch = export(**{DAY: rows})
    assert only(batch)["text"].startswith("half ")
    assert only(batch)["source"].endswith("#/1")
    assert outcomes(batch) == {"used": 1, "skipped: unreadable": 2}


def test_byte_order_mark_is_no_part_of_a_file(export):
    """Tools that re-save JSON may add one."""
    assert only(export(**{DAY: b"\xef\xbb\xbf" + json.dumps([message()]).encode()}))["text"] == "on it"


def test_other_files_are_counted_not_read(export):
    """Whatever is no day file of a channel is named in the account, and never opened."""
    odd = {"../../evil/2026-03-02.json": b"[1]", "incidents/notes.txt": b"x", "a/b/2026-03-02.json": b"[1]",
           "integration_logs.json": b"?"}  # fmt: skip
    batch = export(message(), **odd)
    assert outcomes(batch, "day files") == {"used": 1, "skipped: no day file": 3}
    assert not batch.problems


def test_export_zipped_with_its_folder(tmp_path):
    """A re-zipped download has one folder around everything."""
    members = {f"northlight/{name}": content for name, content in {**TOPS, DAY: [message()]}.items()}
    batch = read(write_zip(tmp_path / "export.zip", members))
    assert only(batch)["who"] == "Priya Raman"
    assert only(batch)["channel"] == "incidents"





def test_unpacked_export_gives_the_same(tmp_path):
    """A folder is read like the zip, but for the pointers."""
    members = {**TOPS, DAY: [message(), message(ts="1.5")], "dm-1/2026-03-02.json": [message()]}
    packed = read(write_zip(tmp_path / "export.zip", members))
    for name, content in members.items():
        path = tmp_path / "export" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content))
    unpacked = read(tmp_path / "export")
    assert unpacked.tables["messages"]["source"].iat[1] == f"slack/export/{DAY}#/0"
    without = [batch.tables["messages"].drop(columns="source") for batch in (packed, unpacked)]
    pd.testing.assert_frame_equal(*without)


def test_link_out_of_an_unpacked_export_is_refused(tmp_path):
    """A day file that is a link to somewhere else is left out, and named."""
    (tmp_path / "passwd").write_text(json.dumps([message(text="secret")]))
    folder = tmp_path / "export"
    (folder / "incidents").mkdir(parents=True)
    (folder / "users.json").write_text("[]")
    (folder / DAY).write_text(json.dumps([message()]))
    (folder / "incidents" / "2026-03-03.json").symlink_to(tmp_path / "passwd")
    batch = read(folder)
    assert only(batch)["text"] == "on it"
    assert "leads out of the folder" in batch.problems[0].message


def test_empty_export(export):
    """No message at all is fine, and the table is there."""
    batch = export()
    assert batch.tables["messages"].empty
    assert outcomes(batch) == {}


def test_what_is_no_export_is_not_recognised(tmp_path):
    """Other zips, other folders and other files belong to other readers."""
    other = write_zip(tmp_path / "other.zip", {"word/document.xml": b"<x/>", "users.json": []})
    (tmp_path / "pagerduty").mkdir()
    (tmp_path / "pagerduty" / "users.json").write_text("[]")
    (tmp_path / "incidents.csv").write_text("a,b")
    for path in (other, tmp_path / "pagerduty", tmp_path, tmp_path / "incidents.csv"):
        assert not READER.recognises(Source(path, path.name, Settings()))


def test_truncated_export_is_recognised_and_refused(tmp_path):
    """Somebody has to say that the download broke off."""
    path = write_zip(tmp_path / "export.zip", TOPS | {DAY: [message()]})
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(SourceError, match="not a complete zip file"):
        read(path)


def test_export_beyond_a_limit_is_refused(tmp_path):
    """A day file that unpacks to far too much stops the export, not the program."""
    path = write_zip(tmp_path / "export.zip", TOPS | {DAY: b"[" + b" " * 30_000_000 + b"]"})
    with pytest.raises(SourceError, match="archive_ratio"):
        read(path)


rows_of_days = st.lists(
    st.fixed_dictionaries(
        {"user": st.sampled_from(["U1", "U2", "U9", None]), "text": st.text(max_size=20),
         "ts": st.integers(0, 400).map(lambda n: f"17724432{n // 10:02d}.{n % 10:06d}")},
        optional={"subtype": st.sampled_from(["channel_join", "bot_message"]), "thread_ts": st.just(T),
                  "reactions": st.just([{"name": "eyes", "count": 1}])},
    ),
    max_size=25, unique_by=lambda row: row["ts"],
)  # fmt: skip


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=rows_of_days, data=st.data())
def test_splitting_and_shuffling_day_files_changes_nothing(rows, data, export):
    """The messages are the same however they are spread over files, and in whatever order they stand there."""
    one = export(**{DAY: rows})
    cut = data.draw(st.integers(0, len(rows)))
    mixed = data.draw(st.permutations(rows))
    other = export(**{"incidents/2026-03-04.json": mixed[:cut], DAY: mixed[cut:]})
    without = [batch.tables["messages"].drop(columns="source") for batch in (one, other)]
    pd.testing.assert_frame_equal(*without)
    assert outcomes(one) == outcomes(other)
    assert sum(outcomes(one).values()) == len(rows)


def test_mutated_day_files_never_raise_anything_else(tmp_path):
    """Damage inside the JSON costs rows or the file, never the export."""
    rows = [message(edited={"ts": T}, reactions=[{"name": "eyes", "count": 1}]), message(ts="1.2", attachments=[{}]),
            message(ts="1.3", blocks=[{"type": "section"}], user=None, bot_id="B", text="")]  # fmt: skip
    whole, random_bytes = json.dumps(rows).encode(), random.Random(11)
    for _ in range(300):
        content = bytearray(whole)
        for _ in range(random_bytes.randrange(1, 5)):
            content[random_bytes.randrange(len(content))] = random_bytes.choice(b'{}[]",:01nulltrue\\ \x00\xff')
        batch = read(write_zip(tmp_path / "export.zip", {**TOPS, DAY: bytes(content)}))
        assert outcomes(batch, "day files") in ({"used": 1}, {"skipped: unreadable": 1})


@pytest.mark.parametrize(
    ("mrkdwn", "markdown"),
    [
        ("<@U1> in <#C1|old-name>", "@Priya Raman in #incidents"),
        ("<@U9|bob> and <@U8>", "@bob and @U8"),
        ("<!here> <!subteam^S1|@ops> <!subteam^S2>", "@here @ops @S2"),
        ("<!date^1772443200^{date}|2 March>", "2 March"),
        ("<https://a.example/x?a=1&amp;b=2>", "<https://a.example/x?a=1&b=2>"),
        ("<https://a.example/x(1)|the [big] one>", "[the (big) one](https://a.example/x%281%29)"),
        ("<mailto:a@b.example|a@b.example> <mailto:c@d.example>", "a@b.example c@d.example"),
        ("<javascript:alert(1)|click>", "click"),
        ("a &lt; b &amp;&amp; c &gt; d", "a < b && c > d"),
        ("&amp;lt;", "&lt;"),
        ("*bold* and (*too*), 2 * 3 * 4, a*b*c", "**bold** and (**too**), 2 * 3 * 4, a*b*c"),
        ("*<@U1> leads*", "**@Priya Raman leads**"),
        ("~gone~ _same_", "~~gone~~ _same_"),
        ("`*raw* &lt;x&gt;`", "`*raw* <x>`"),
        ("```<http://mx2.example|mx2.example> *x*```", "\n```\nmx2.example *x*\n```\n"),
        ("• one\n  ◦ two • three", "- one\n  - two • three"),
        ("&gt; said\n&gt;&gt;&gt; all\nof it", "> said\n> all\n> of it"),
        ("<> <|x> <@>", "<> x @"),
    ],
)
def test_mrkdwn(mrkdwn, markdown):
    """Slack's markup becomes Markdown, with names for ids."""
    names = {"U1": "Priya Raman", "C1": "incidents"}
    assert to_markdown(mrkdwn, names) == markdown
    assert all_to_markdown(["*a*", mrkdwn, mrkdwn], Converter(names)) == ["**a**", markdown, markdown]


ESCAPED = st.lists(st.sampled_from([
    "a", " ", "\n", "*", "`", "~", "&amp;", "&lt;", "&gt;", "&amp;lt;", "<@U1>", "<gt;>", "<http://a?b&amp;lt;c|&amp;gt;>",
])).map("".join)  # fmt: skip


@settings(deadline=None)
@given(st.lists(st.text(st.sampled_from("a* `~<>&;lgt@#!|\n\0•U1")), max_size=8) | st.lists(ESCAPED, max_size=8))
def test_mrkdwn_of_many_is_mrkdwn_of_each(texts):
    """Converted together or one by one, no text reaches into another, and no entity is taken for two."""
    names = {"U1": "R&amp;D"}
    alone = [to_markdown(text.replace("\0", ""), names) for text in texts]
    assert all_to_markdown(texts, Converter(names)) == alone


@pytest.mark.timeout(20)
def test_hostile_mrkdwn_takes_no_time():
    """Markup that opens and never closes is read once."""
    for piece in ("*", "`", "```", "<", "~", "&gt;&gt;&gt;", "*a ", "• ", "<@", "&gt;&gt;&gt;\n"):
        to_markdown(piece * 20_000, {})


@pytest.mark.skipif(not REAL.exists(), reason="the real export is not here")
def test_real_export_of_2016():
    """158 messages, 94 of them from bots and 95 without ``user``: none is lost but joins and additions of bots."""
    batch = read(REAL)
    table = batch.tables["messages"]
    assert outcomes(batch) == {"used": 147, "skipped: bot_add": 3, "skipped: channel_join": 8}
    assert not batch.problems
    assert table["subtype"].value_counts().to_dict() == {"bot_message": 94, "file_share": 3, "file_comment": 1}
    assert table["is_bot"].sum() == 94
    assert table["who"].notna().all()
    assert set(table.loc[table["is_bot"], "who"]) >= {"github"}
    assert "xoxe" not in table.to_csv()


@pytest.mark.skipif(not list(SAMPLE.glob("*.zip")), reason="the sample is not here")
def test_sample_export_reads_without_problems():
    """The workbook's own sample is read whole."""
    for path in sorted(SAMPLE.glob("*.zip")):
        batch = read(path)
        assert not batch.problems
        assert len(batch.tables["messages"]) > 0
        assert not batch.tables["messages"]["text"].str.contains(r"<@U|&amp;", regex=True).any()
