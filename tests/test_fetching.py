"""Tools asked over the network, played by a server on this machine: what they say is kept, whatever goes wrong."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest
from click.testing import CliRunner

from incident_lib.cli import cli
from incident_lib.errors import SettingsError, SourceError
from incident_lib.fetching import pagerduty, slack, statuspage
from incident_lib.fetching.api import api_of, asked_to_wait
from incident_lib.fetching.store import months
from incident_lib.loading import load
from incident_lib.settings import parse_settings
from incident_lib.settings.fetch import Fetch, PagerDutyAccount, SlackWorkspace, StatuspagePage

NOW = datetime(2026, 3, 20, 12, tzinfo=UTC)
TOKEN = "u+not-a-real-token"


class Tool:
    """A tool on loopback: ``answer`` takes path and parameters, and returns JSON, or (status, headers, bytes)."""

    def __init__(self, answer: Callable) -> None:
        tool = self
        self.asked: list[tuple[str, dict[str, str], dict[str, str]]] = []

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                params = dict(parse_qsl(parts.query))
                tool.asked.append((parts.path, params, dict(self.headers)))
                given = answer(parts.path, params)
                if given is None:  # hangs up without a word
                    self.close_connection = True
                    self.connection.close()
                    return
                status, headers, body = given if isinstance(given, tuple) else (200, {}, json.dumps(given).encode())
                self.send_response(status)
                for name, text in {**headers, "Content-Length": str(len(body))}.items():
                    self.send_header(name, text)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def tool(monkeypatch):
    """Return a maker of tools; their tokens are in the environment."""
    made: list[Tool] = []
    for name in ("PAGERDUTY_TOKEN", "STATUSPAGE_TOKEN", "SLACK_TOKEN"):
        monkeypatch.setenv(name, TOKEN)
    yield lambda answer: made.append(Tool(answer)) or made[-1]
    for one in made:
        one.server.shutdown()
        one.server.server_close()


def ask(module, name: str, stated, folder: Path, *when: datetime, limits: Fetch | None = None) -> tuple[int, list[float]]:
    """Fetch once without really waiting; return how many files were written, and the waits."""
    with api_of(name, stated.url, stated.token_env, limits or Fetch(), lambda _: None, **module.HEADERS) as api:
        return module.fetch(api, stated, folder, *when, lambda _: None), api.waited


def incident(number: int, at: datetime, status: str = "resolved") -> dict:
    """Return an incident as PagerDuty's API gives it."""
    return {"id": f"P{number:06}", "incident_number": number, "title": "Mail delayed", "status": status,
            "created_at": f"{at:%Y-%m-%dT%H:%M:%SZ}", "urgency": "high", "type": "incident",
            "html_url": f"https://northlight.pagerduty.com/incidents/P{number:06}",
            **({"resolved_at": f"{at + timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}"} if status == "resolved" else {})}  # fmt: skip


def account(incidents: list[dict]) -> Callable:
    """Return what plays PagerDuty: windows and pages over these incidents, no log entries."""

    def answer(path: str, params: dict[str, str]):
        since, until = (datetime.fromisoformat(params[name]) for name in ("since", "until"))
        inside = [one for one in incidents if since <= datetime.fromisoformat(one["created_at"]) < until]
        start, kind = int(params["offset"]), path.strip("/")
        if start + int(params["limit"]) > 10_000:
            return 400, {}, b"{}"
        page = inside[start : start + int(params["limit"])] if kind == "incidents" else []
        return {kind: page, "more": start + len(page) < len(inside) and kind == "incidents"}

    return answer


def stored_incidents(folder: Path) -> list[str]:
    """Return the ids of all incidents in the files that were fetched."""
    paths = sorted((folder / "pagerduty").glob("incidents-*.json"))
    return [one["id"] for path in paths for one in json.loads(path.read_text())["incidents"]]


def test_pagerduty_is_read_month_by_month_and_as_an_export(tool, workbook):
    """All pages of all months are there, the token went along, and the workbook reads the files."""
    known = [incident(number, datetime(2026, 1, 5, tzinfo=UTC) + number * timedelta(hours=7)) for number in range(250)]
    server, folder = tool(account(known)), workbook()
    stated = PagerDutyAccount(since=date(2026, 1, 1), url=server.url)
    written, _ = ask(pagerduty, "PagerDuty", stated, folder, NOW)

    assert written == 6 and stored_incidents(folder) == [one["id"] for one in known]
    assert {headers["Authorization"] for _, _, headers in server.asked} == {f"Token token={TOKEN}"}
    assert len(load(folder).incidents) == 250
    assert not [path for path in folder.rglob("*") if path.is_file() and TOKEN in path.read_text()]


def test_only_what_may_have_changed_is_asked_for_again(tool, tmp_path):
    """A month that is over and settled is left alone; one with an open incident, and the present one, are not."""
    known = [incident(1, datetime(2026, 1, 5, tzinfo=UTC)), incident(2, datetime(2026, 2, 5, tzinfo=UTC), "triggered")]
    server = tool(account(known))
    stated = PagerDutyAccount(since=date(2026, 1, 1), url=server.url)
    ask(pagerduty, "PagerDuty", stated, tmp_path, NOW)
    server.asked.clear()
    known[1] = incident(2, datetime(2026, 2, 5, tzinfo=UTC))
    ask(pagerduty, "PagerDuty", stated, tmp_path, NOW + timedelta(days=1))

    assert {params["since"][:7] for _, params, _ in server.asked} == {"2026-02", "2026-03"}
    assert '"status": "resolved"' in (tmp_path / "pagerduty/incidents-2026-02.json").read_text()


def test_an_earlier_beginning_is_asked_for(tool, tmp_path):
    """Where the settings name an earlier day than before, the rest of its month is fetched, settled or not."""
    known = [incident(1, datetime(2026, 1, 5, tzinfo=UTC)), incident(2, datetime(2026, 1, 20, tzinfo=UTC))]
    server = tool(account(known))
    for day in (10, 1):
        ask(pagerduty, "PagerDuty", PagerDutyAccount(since=date(2026, 1, day), url=server.url), tmp_path, NOW)

    assert stored_incidents(tmp_path) == ["P000001", "P000002"]


def test_more_than_may_be_paged_through_is_asked_for_in_halves(tool, tmp_path):
    """PagerDuty pages no farther than 10,000; a month with more comes whole."""
    minute = timedelta(minutes=1)
    known = [incident(number, datetime(2026, 3, 2, tzinfo=UTC) + number * minute) for number in range(10_150)]
    ask(pagerduty, "PagerDuty", PagerDutyAccount(since=date(2026, 3, 1), url=tool(account(known)).url), tmp_path, NOW)

    assert stored_incidents(tmp_path) == [one["id"] for one in known]


def test_it_waits_as_it_is_asked_to(tool, tmp_path):
    """Retry-After and ratelimit-reset are obeyed, and a tool that hangs up or stumbles is asked again."""
    play, troubles = account([incident(1, NOW - timedelta(days=1))]), [
        (429, {"Retry-After": "7"}, b""), (429, {"ratelimit-reset": "3"}, b""), (503, {}, b"busy"), None,
    ]  # fmt: skip
    server = tool(lambda path, params: troubles.pop(0) if troubles else play(path, params))
    _, waits = ask(pagerduty, "PagerDuty", PagerDutyAccount(since=date(2026, 3, 1), url=server.url), tmp_path, NOW)

    assert waits == [7.0, 3.0, 4.0, 8.0]
    assert stored_incidents(tmp_path) == ["P000001"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ((401, {}, b"{}"), "refuses the token in the variable PAGERDUTY_TOKEN"),
        ((302, {"Location": "http://example.org/"}, b""), "answers with status 302"),
        ((200, {}, b"<html>"), "not valid JSON"),
        ((200, {}, b"[" * 200_000), "nested more than"),
        ((200, {}, b'{"incidents": 5}'), "no list of records"),
        ((200, {}, b"x" * 3_000_000), "answers more than 2 MB"),
        ((429, {"Retry-After": "86400"}, b""), "asks to wait 86400 seconds"),
        ((500, {}, b""), "gave no answer in 3 attempts"),
    ],
)
def test_what_can_not_be_is_refused_in_a_sentence(tool, tmp_path, given, said):
    """Whatever a tool answers, nothing is written, nobody is redirected, and the token stays secret."""
    limits = Fetch(attempts=3, answer_megabytes=2)
    stated = PagerDutyAccount(since=date(2026, 3, 1), url=tool(lambda *_: given).url)
    with pytest.raises(SourceError, match=said) as caught:
        ask(pagerduty, "PagerDuty", stated, tmp_path, NOW, limits=limits)

    assert "\n" not in str(caught.value) and TOKEN not in str(caught.value)
    assert not list(tmp_path.rglob("*.json"))


def test_a_run_that_breaks_off_goes_on_where_it_stopped(tool, tmp_path):
    """The months before the trouble are kept, and not asked for again."""
    play, calls = account([incident(1, datetime(2026, 1, 5, tzinfo=UTC))]), []

    def answer(path, params):
        calls.append(params["since"][:7])
        return (403, {}, b"{}") if params["since"].startswith("2026-02") and len(calls) < 6 else play(path, params)

    stated = PagerDutyAccount(since=date(2026, 1, 1), url=tool(answer).url)
    with pytest.raises(SourceError):
        ask(pagerduty, "PagerDuty", stated, tmp_path, NOW)
    calls[:] = ["x"] * 6
    ask(pagerduty, "PagerDuty", stated, tmp_path, NOW)

    assert set(calls[6:]) == {"2026-02", "2026-03"}


def test_statuspage_merges_what_is_new(tool, workbook):
    """Old incidents stay, changed ones are renewed, and the second time only the first page is asked for."""
    def told(number: int, status: str = "resolved", **more) -> dict:
        at = f"2026-{1 + number // 100:02}-{1 + number % 28:02}T10:00:00Z"
        update = {"id": f"u{number}", "status": status, "body": "Over.", "created_at": at, "display_at": at}
        return {"id": f"i{number:04}", "name": "Mail", "status": status, "impact": "major", "created_at": at,
                "updated_at": at, "incident_updates": [update], **more}  # fmt: skip

    known = [told(number) for number in reversed(range(250))]
    server, folder = tool(lambda _, p: known[(int(p["page"]) - 1) * 100 : int(p["page"]) * 100]), workbook()
    stated = StatuspagePage(page="abc123", url=server.url)
    assert ask(statuspage, "Statuspage", stated, folder)[0] == 1
    known.insert(0, told(299, "investigating"))
    first = len(server.asked)
    assert ask(statuspage, "Statuspage", stated, folder)[0] == 1
    assert len(server.asked) - first == 2  # the page with news, and one without
    del known[50:]
    assert ask(statuspage, "Statuspage", stated, folder)[0] == 0

    assert len(load(folder).incidents) == 251
    assert server.asked[0][2]["Authorization"] == f"OAuth {TOKEN}"


def workspace(messages: list[dict], replies: list[dict] = []) -> Callable:  # noqa: B006
    """Return what plays Slack: two channels, a user, these messages and replies, three to a page."""

    def page(key: str, found: list[dict], params: dict[str, str]) -> dict:
        start = int(params.get("cursor") or 0)
        more = str(start + 3) if start + 3 < len(found) else ""
        return {"ok": True, key: found[start : start + 3], "response_metadata": {"next_cursor": more}}

    def answer(path: str, params: dict[str, str]) -> dict:
        method = path.strip("/")
        if method == "users.list":
            return page("members", [{"id": "U1", "name": "priya", "real_name": "Priya Raman", "profile": {}}], params)
        if method == "conversations.list":
            return page("channels", [{"id": f"C{n}", "name": name} for n, name in enumerate(("ops", "incidents"))], params)
        if params["channel"] != "C1":
            return {"ok": False, "error": "not_in_channel"}
        if method == "conversations.replies":
            return page("messages", [one for one in (*messages, *replies) if one.get("thread_ts") == params["ts"]], params)
        inside = [one for one in messages if float(params["oldest"]) <= float(one["ts"]) <= float(params["latest"])]
        return page("messages", inside[::-1], params)

    return answer


def said(at: datetime, text: str, **more) -> dict:
    """Return a message as Slack's history gives it."""
    return {"type": "message", "user": "U1", "text": text, "ts": f"{at.timestamp():.6f}", **more}


def test_slack_channels_become_an_exports_folder(tool, workbook):
    """Messages and their threads stand in their own days, and the workbook reads them."""
    begin = datetime(2026, 3, 2, 23, 50, tzinfo=UTC)
    root = f"{begin.timestamp():.6f}"
    messages = [said(begin + timedelta(hours=n), f"m{n}", **({"thread_ts": root, "reply_count": 1} if n == 0 else {})) for n in range(9)]
    replies = [said(begin + timedelta(minutes=20), "in the thread", thread_ts=root)]
    folder = workbook()
    stated = SlackWorkspace(channels=("incidents",), since=date(2026, 3, 1), url=tool(workspace(messages, replies)).url)
    ask(slack, "Slack", stated, folder, NOW)
    texts = load(folder).messages.sort_values("at")["text"]

    assert sorted(path.name for path in (folder / "slack/incidents").iterdir()) == ["2026-03-02.json", "2026-03-03.json"]
    assert list(texts) == ["m0", "in the thread", *(f"m{n}" for n in range(1, 9))]
    assert ask(slack, "Slack", stated, folder, NOW)[0] == 0


def test_a_message_that_slack_no_longer_has_is_kept(tool, tmp_path):
    """An edit is taken over; what was deleted since stays."""
    messages = [said(NOW - timedelta(hours=3), "first"), said(NOW - timedelta(hours=2), "second")]
    stated = SlackWorkspace(channels=("incidents",), since=date(2026, 3, 15), url=tool(workspace(messages)).url)
    ask(slack, "Slack", stated, tmp_path, NOW)
    messages[:] = [{**messages[1], "text": "second, edited"}]
    ask(slack, "Slack", stated, tmp_path, NOW)

    [day] = (tmp_path / "slack/incidents").iterdir()
    assert [one["text"] for one in json.loads(day.read_text())] == ["first", "second, edited"]


def test_slack_refuses_in_its_own_word(tool, tmp_path):
    """An unknown channel gets the nearest known one; a channel without access says so."""
    url = tool(workspace([])).url
    with pytest.raises(SettingsError, match="did you mean 'incidents'"):
        ask(slack, "Slack", SlackWorkspace(channels=("incident",), since=date(2026, 3, 15), url=url), tmp_path, NOW)
    with pytest.raises(SourceError, match="not_in_channel"):
        ask(slack, "Slack", SlackWorkspace(channels=("ops",), since=date(2026, 3, 15), url=url), tmp_path, NOW)


def test_the_command(tool, workbook, monkeypatch):
    """It fetches what the settings name, says what it did, and refuses what they don't."""
    server = tool(account([incident(1, NOW - timedelta(days=1))]))
    folder = workbook(settings=f'[fetch.pagerduty]\nsince = 2026-03-01\nurl = "{server.url}"\n')
    monkeypatch.setenv("INCIDENTS_NOW", "2026-03-20T12:00:00Z")
    done = CliRunner().invoke(cli, ["fetch", "--data", str(folder)])
    again = CliRunner().invoke(cli, ["fetch", "pagerduty", "--data", str(folder)])
    other = CliRunner().invoke(cli, ["fetch", "slack", "--data", str(folder)])
    monkeypatch.delenv("PAGERDUTY_TOKEN")
    without = CliRunner().invoke(cli, ["fetch", "--data", str(folder)])

    assert done.exit_code == 0 and "pagerduty: 2 files written" in done.output
    assert "pagerduty: nothing new" in again.output
    assert "[fetch.slack]" in str(other.exception)
    assert "PAGERDUTY_TOKEN" in str(without.exception)


@pytest.mark.parametrize("url", ["http://api.pagerduty.com", "https://me:secret@x.example", "ftp://x", "https://x/?y=1"])
def test_a_token_goes_nowhere_in_the_open(url):
    """Only encrypted addresses are taken, and this very machine."""
    with pytest.raises(SettingsError, match="a token may be sent to"):
        parse_settings(f'[fetch.pagerduty]\nsince = 2026-01-01\nurl = "{url}"\n')


@pytest.mark.parametrize(("told", "seconds"), [("7", 7), ("0", 0.1), ("inf", 5), ("-3", 5), ("soon", 5), ("", 5)])
def test_how_long_to_wait(told, seconds):
    """A wait that is no number of seconds is our own guess."""
    assert asked_to_wait({"retry-after": told}, default=5) == seconds


def test_months_meet_each_other():
    """Each month begins where the one before ended, over the turn of a year as well."""
    windows = list(months(date(2025, 11, 15), NOW))

    assert [one.name for one in windows] == ["2025-11", "2025-12", "2026-01", "2026-02", "2026-03"]
    assert all(one.end == other.start for one, other in pairwise(windows))
    assert (windows[0].start.day, windows[-1].end) == (15, NOW)
