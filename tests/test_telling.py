"""Who is told of failed runs and overdue work: each cause once a day, by mail and by webhook, and no secret with it."""

from __future__ import annotations

import json
import socket
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller

from incident_lib.scheduling.news import OVERDUE, News, news_of
from incident_lib.scheduling.telling import FOLDER, tell
from incident_lib.scheduling.webhook import escaped, post
from incident_lib.settings import Settings, parse_settings

NOW = datetime(2026, 11, 2, 7, 15, tzinfo=UTC)
FAILED = {"event": "failed", "kind": "timeliness", "name": "", "error": "a cell took longer than it may"}
SECRET = "https://127.0.0.1/services/T000/B000/not-a-real-secret"
NEWS = [News("failed timeliness", "timeliness failed: <!channel> & more")]


class Hook:
    """A webhook on loopback; ``codes`` are its answers, in order, then 200."""

    def __init__(self, *codes: int) -> None:
        hook, self.codes, self.got = self, list(codes), []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                hook.got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(hook.codes.pop(0) if hook.codes else 200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/services/not-a-real-secret"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def hook(monkeypatch):
    """Return a maker of webhooks; the variable HOOK holds the address of the last one."""
    made: list[Hook] = []

    def make(*codes: int) -> Hook:
        made.append(Hook(*codes))
        monkeypatch.setenv("HOOK", made[-1].url)
        return made[-1]

    yield make
    for one in made:
        one.server.shutdown()
        one.server.server_close()


@pytest.fixture
def mailbox():
    """Return a mail server's letters and the settings that send to it."""
    got: list[str] = []

    class Handler:
        async def handle_DATA(self, server, session, envelope) -> str:
            got.append(envelope.content.decode())
            return "250 OK"

    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    controller = Controller(Handler(), hostname="127.0.0.1", port=port)
    controller.start()
    yield got, parse_settings(
        '[messages]\nsender = "incidents@northlight.example"\n[tell]\nmail_to = ["ops@northlight.example"]\n'
        f'[smtp]\nhost = "127.0.0.1"\nport = {port}\nsecurity = "none"\n'
    )
    controller.stop()


BY_HOOK = parse_settings('[tell]\nwebhook_env = "HOOK"\n')


def told(settings: Settings, reports: Path, now: datetime = NOW, news: list[News] = NEWS) -> list[str]:
    """Tell the news without really waiting."""
    return tell(news, settings, reports, now, lambda _: None)


def test_a_failure_is_told_once_a_day_by_webhook(hook, tmp_path):
    """The second run of the day says nothing, the next day's says it again; nothing in it is a command of Slack's."""
    server = hook()
    lines = [told(BY_HOOK, tmp_path, NOW + timedelta(hours=hours)) for hours in (0, 1, 24)]

    assert lines == [["webhook about “failed timeliness”: told"], [], ["webhook about “failed timeliness”: told"]]
    assert server.got[0] == {"text": "Incident workbook: timeliness failed: &lt;!channel&gt; &amp; more"}
    assert len(server.got) == 2


def test_and_once_a_day_by_mail(mailbox, tmp_path):
    """The letter has the cause in its subject; the second one of the day is not sent."""
    got, settings = mailbox
    lines = [told(settings, tmp_path, NOW + timedelta(hours=hours)) for hours in (0, 1, 24)]

    sent = ["mail about “failed timeliness”: sent: to ops@northlight.example"]
    assert lines == [sent, [], sent]
    assert len(got) == 2
    assert "Subject: Incident workbook: failed timeliness" in got[0] and "ops@northlight.example" in got[0]


def test_two_causes_are_two_messages(hook, tmp_path):
    """What was told of one thing says nothing of another."""
    server = hook()
    told(BY_HOOK, tmp_path)
    told(BY_HOOK, tmp_path, news=[*NEWS, News("overdue", "2 post-mortems")])

    assert [one["text"].rpartition(": ")[2] for one in server.got] == ["&lt;!channel&gt; &amp; more", "2 post-mortems"]


def test_a_busy_webhook_is_asked_again(hook, tmp_path):
    """Two refusals for now, then it is told."""
    server = hook(503, 429)

    assert told(BY_HOOK, tmp_path) == ["webhook about “failed timeliness”: told"]
    assert len(server.got) == 3


def test_what_did_not_go_out_is_tried_by_the_next_run(hook, tmp_path):
    """A refusal is said, and doesn't count as told."""
    hook(404)
    first, second = told(BY_HOOK, tmp_path), told(BY_HOOK, tmp_path)

    assert first == ["webhook about “failed timeliness”: its server answers with status 404"]
    assert second == ["webhook about “failed timeliness”: told"]


@pytest.mark.parametrize("url", ["", "http://hooks.example/x", "https://me:you@hooks.example/x", "https://127.0.0.1:1/secret-path"])
def test_the_address_stays_secret(monkeypatch, tmp_path, url):
    """Whatever is wrong with it, no message shows it, and it is asked for nothing in the open."""
    monkeypatch.setenv("HOOK", url)
    [line] = told(BY_HOOK, tmp_path)

    assert "secret" not in line and "example" not in line
    assert "HOOK" in line or "gave no answer" in line


def test_a_mail_server_that_is_away_costs_a_line(tmp_path):
    """The run goes on, and the next one tries again."""
    settings = parse_settings(
        '[messages]\nsender = "a@northlight.example"\n[tell]\nmail_to = ["ops@northlight.example"]\n'
        '[smtp]\nhost = "127.0.0.1"\nport = 1\nsecurity = "none"\n'
    )
    [line] = told(settings, tmp_path)

    assert line.startswith("nobody could be told by mail: ")


def test_old_messages_are_removed(hook, tmp_path):
    """What was told on other days leaves no file behind."""
    hook()
    for days in range(5):
        told(BY_HOOK, tmp_path, NOW + timedelta(days=days))

    assert len(list((tmp_path / FOLDER).glob("*.webhook"))) == 1


def test_news_of_a_run(tmp_path):
    """Failures, and what the timeliness report counts as overdue; secrets are removed, a cause comes once."""
    numbers = {"postmortems_overdue": {"value": 2}, "action_items_overdue": {"value": 1}}
    (tmp_path / "metrics.json").write_text(json.dumps({"numbers": numbers}))
    made = {"event": "made", "kind": "timeliness", "name": "", "answer": "2 of 9 are overdue.", "page": str(tmp_path / "x.html")}
    bad = {**FAILED, "error": "no access with xoxb-123456789012-123456789012-abcdefghijklmnopqrstuvwx"}
    news = news_of([made, bad, bad, {"event": "finished"}], overdue=True)

    assert [one.cause for one in news] == ["failed timeliness", "overdue"]
    assert news[1].text == "overdue: 2 post-mortems and 1 action item. 2 of 9 are overdue."
    assert "xoxb" not in news[0].text
    assert news_of([made], overdue=False) == []


def test_nothing_overdue_is_no_news(tmp_path):
    """Neither is a report that has no numbers."""
    made = {"event": "made", "kind": "timeliness", "name": "", "answer": "", "page": str(tmp_path / "x.html")}
    assert news_of([made], overdue=True) == []
    numbers = {name: {"value": 0} for name in OVERDUE}
    (tmp_path / "metrics.json").write_text(json.dumps({"numbers": numbers}))

    assert news_of([made], overdue=True) == []


def test_slack_finds_nothing_to_obey():
    """Links and mentions are made of angle brackets."""
    assert escaped("<https://x|y> & <@U1>") == "&lt;https://x|y&gt; &amp; &lt;@U1&gt;"
    assert post("not an address", "HOOK", "x", lambda _: None).startswith("the variable HOOK")
