"""The server for reports: what it shows, what it never shows, and what it says with every answer."""

import http.client
import threading

import pytest

from incident_lib.errors import SettingsError
from incident_lib.reports.serve import file_for, is_loopback, policy_of, report_server

POLICY = "default-src 'none'; script-src 'sha256-abc'"
PAGE = f'<!doctype html><meta http-equiv="Content-Security-Policy" content="{POLICY}"><title>t</title>'


@pytest.fixture
def reports(tmp_path):
    """Give a reports' folder with pages, hidden things, and a link that leads out."""
    folder = tmp_path / "reports"
    for name in ("timeliness", ".failed", "draft/INC-1"):
        (folder / name).mkdir(parents=True)
    (folder / "index.html").write_text(PAGE)
    (folder / "timeliness" / "timeliness.html").write_text(PAGE)
    (folder / "timeliness" / "late.csv").write_text("a")
    (folder / "draft" / "INC-1" / "evil.svg").write_text("<svg onload=boom()>")
    (folder / ".failed" / "x.html").write_text(PAGE)
    (tmp_path / "secret.txt").write_text("secret")
    (folder / "out.html").symlink_to(tmp_path / "secret.txt")
    (folder / "shown.html").symlink_to(folder / ".failed" / "x.html")
    (folder / "away").symlink_to(tmp_path)
    return folder


@pytest.fixture
def ask(reports):
    """Give a way to ask a running server: status, headers, and body."""
    with report_server(reports, port=0) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()

        def asked(path, method="GET", **headers):
            connection = http.client.HTTPConnection(*server.server_address[:2], timeout=5)
            connection.putrequest(method, path, skip_host="Host" in headers)
            for name, value in headers.items():
                connection.putheader(name, value)
            connection.endheaders()
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()

        yield asked
        server.shutdown()


@pytest.mark.parametrize(
    "path", ["/", "/index.html", "/timeliness/timeliness.html?x=1#y", "//index.html", "/timeliness/late.csv"]
)
def test_reports_are_shown(ask, path):
    """Pages, tables, and the index of the folder."""
    assert ask(path)[0] == 200


@pytest.mark.parametrize(
    "path",
    [
        "/timeliness/", "/timeliness", "/draft/", "/../secret.txt", "/%2e%2e/secret.txt",
        "/timeliness/..%2f..%2fsecret.txt",
        "/..%5csecret.txt", "/timeliness/%2e%2e/%2e%2e/secret.txt", "/.failed/x.html", "/%2efailed/x.html", "/out.html",
        "/shown.html", "/away/secret.txt", "/index.html%00.png", "/%ff", "/missing.html", "/C:/x", "/" + "a" * 5000,
    ],
)  # fmt: skip
def test_nothing_else_is_shown(ask, path):
    """No listings, no way out of the folder by dots, codes or links, nothing hidden, nothing missing."""
    status, _, body = ask(path)

    assert status == 404 and b"secret" not in body and b"late.csv" not in body


def test_every_answer_guards_itself(ask):
    """Types are not guessed, pages keep their own policy and are never framed; other files run nothing."""
    for path in ("/index.html", "/missing", "/timeliness/late.csv"):
        headers = ask(path)[1]
        assert headers["X-Content-Type-Options"] == "nosniff" and headers["X-Frame-Options"] == "DENY"
        assert headers["Server"].strip() == "reports"
    assert ask("/index.html")[1]["Content-Security-Policy"] == f"{POLICY}; frame-ancestors 'none'"
    assert "sandbox" in ask("/draft/INC-1/evil.svg")[1]["Content-Security-Policy"]
    assert ask("/draft/INC-1/evil.svg")[1]["Content-Type"] == "application/octet-stream"


def test_only_reading(ask):
    """HEAD sends no body; other methods are refused."""
    status, headers, body = ask("/index.html", "HEAD")

    assert (status, body, int(headers["Content-Length"])) == (200, b"", len(PAGE))
    assert all(ask("/index.html", method)[0] == 501 for method in ("POST", "PUT", "DELETE"))


@pytest.mark.parametrize(
    ("host", "status"), [("localhost:1", 200), ("127.0.0.1", 200), ("[::1]:8", 200), ("evil.example", 421), ("", 421)]
)
def test_other_names_for_this_machine_are_refused(ask, host, status):
    """A page elsewhere that had its name lead here can't read reports."""
    assert ask("/index.html", Host=host)[0] == status


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("10.0.0.1", False),
        ("example.org", False),
    ],
)
def test_loopback_is_known(host, loopback):
    """Who can reach it is said by its address."""
    assert is_loopback(host) is loopback


def test_bad_folder_and_bad_port_are_one_sentence(reports, tmp_path):
    """What can't be served says so."""
    with pytest.raises(SettingsError, match="there is no folder"):
        report_server(tmp_path / "none")
    with report_server(reports, port=0) as server, pytest.raises(SettingsError, match="can't listen on"):
        report_server(reports, port=server.server_address[1])


def test_files_by_hand(reports):
    """The two functions by which the server decides, without a socket."""
    assert file_for(reports.resolve(), "/") == reports.resolve() / "index.html"
    assert file_for(reports.resolve(), "/away/reports/index.html") is not None  # leads back in
    assert policy_of(reports / "x.html", b"<p>no policy") == "default-src 'none'; sandbox; frame-ancestors 'none'"
