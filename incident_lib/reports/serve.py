"""Reports in a browser on this machine: one folder, read only, for nobody but its user unless told otherwise."""

from __future__ import annotations

import ipaddress
import re
import socket
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote_to_bytes, urlsplit

from incident_lib.errors import SettingsError

HOST, PORT = "127.0.0.1", 8017
TYPES = {
    ".html": "text/html; charset=utf-8", ".csv": "text/csv; charset=utf-8", ".json": "application/json",
    ".ipynb": "application/json", ".md": "text/markdown; charset=utf-8", ".pdf": "application/pdf",
    ".prom": "text/plain; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".png": "image/png",
    ".ics": "text/calendar; charset=utf-8",
}  # fmt: skip
NOTHING_RUNS = "default-src 'none'; sandbox"
NOT_FRAMED = "frame-ancestors 'none'"
POLICY_BYTES = 4096  # a page's own policy stands in its first lines
_POLICY = re.compile(r'<meta http-equiv="Content-Security-Policy" content="([^"<>]*)">')
_PART = re.compile(r"[^/\\\0:]+")


class ReportServer(ThreadingHTTPServer):
    """Serves one folder; threads end with it."""

    daemon_threads = True

    def __init__(self, folder: Path, host: str = HOST, port: int = PORT) -> None:
        self.folder = folder.resolve()
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        super().__init__((host, port), Handler)
        self.loopback = is_loopback(host)

    @property
    def url(self) -> str:
        """Return the address to open."""
        host, port = self.server_address[:2]
        return f"http://{f'[{host}]' if ':' in str(host) else host}:{port}/"


def report_server(folder: Path, host: str = HOST, port: int = PORT) -> ReportServer:
    """Return a server for a reports' folder, listening but not yet answering (``serve_forever``).

    Raises:
        SettingsError: if there is no such folder, or the address can't be had.
    """
    if not folder.is_dir():
        raise SettingsError(f"there is no folder {folder}; 'incidents report' makes one")
    try:
        return ReportServer(folder, host, port)
    except (OSError, OverflowError) as error:
        raise SettingsError(
            f"can't listen on {host} port {port}: {getattr(error, 'strerror', None) or error}"
        ) from error


def is_loopback(host: str) -> bool:
    """Return whether only this machine can reach a host name or address."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.casefold() == "localhost"


def file_for(folder: Path, target: str) -> Path | None:
    """Return the file that a request asks for; None if it is nothing that we show.

    That is: a plain file below the folder, no part of whose path begins with a dot, and to which no link leads out of
    it; for a folder its ``index.html``. Folders are never listed.
    """
    try:
        parts = unquote_to_bytes(urlsplit(target).path).decode("utf-8").split("/")
    except ValueError:
        return None
    names = [part for part in parts if part]
    if any(name.startswith(".") or not _PART.fullmatch(name) for name in names):
        return None
    try:
        path = folder.joinpath(*names).resolve(strict=True)
        path = path / "index.html" if path.is_dir() else path
        inside = path.resolve(strict=True).is_relative_to(folder)
        return path if inside and path.is_file() and not hidden(path, folder) else None
    except (OSError, ValueError, RuntimeError):
        return None


def hidden(path: Path, folder: Path) -> bool:
    """Return whether a part of a path below the folder begins with a dot, also where a link leads to it."""
    return any(part.startswith(".") for part in path.resolve().relative_to(folder).parts)


def policy_of(path: Path, content: bytes) -> str:
    """Return the policy for a file: a page's own, and that nobody may frame it; for other files: nothing runs."""
    found = _POLICY.search(content[:POLICY_BYTES].decode("utf-8", errors="ignore")) if path.suffix == ".html" else None
    return f"{found[1].replace('&#39;', chr(39))}; {NOT_FRAMED}" if found else f"{NOTHING_RUNS}; {NOT_FRAMED}"


class Handler(BaseHTTPRequestHandler):
    """Answers GET and HEAD with files; says nothing of itself, and logs nothing."""

    server: ReportServer
    server_version, sys_version, protocol_version = "reports", "", "HTTP/1.1"
    timeout = 30

    def do_GET(self) -> None:
        """Send a file."""
        self._answer(with_body=True)

    def do_HEAD(self) -> None:
        """Send what a GET would be headed by."""
        self._answer(with_body=False)

    def _answer(self, *, with_body: bool) -> None:
        if not self._meant_for_us():
            return self.send_error(HTTPStatus.MISDIRECTED_REQUEST)
        path = file_for(self.server.folder, self.path)
        slash = urlsplit(self.path).path.endswith("/")
        if path is None or (
            path.name == "index.html" and not slash and not urlsplit(self.path).path.endswith("/index.html")
        ):
            return self.send_error(HTTPStatus.NOT_FOUND)
        try:
            content = path.read_bytes()
        except OSError:
            return self.send_error(HTTPStatus.NOT_FOUND)
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", TYPES.get(path.suffix, "application/octet-stream"))
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Content-Security-Policy", policy_of(path, content))
        self.end_headers()
        if with_body:
            self.wfile.write(content)
        return None

    def _meant_for_us(self) -> bool:
        """Return whether the request names us: a page elsewhere whose name leads here by a trick names itself."""
        host = self.headers.get("Host", "")
        return not self.server.loopback or is_loopback(re.sub(r":\d+$", "", host))

    def end_headers(self) -> None:
        """Add what every answer says: no guessing of types, no referrers, no other page's business."""
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("X-Frame-Options", "DENY")
        self.send_header("Referrer-Policy", "no-referrer")
        self.send_header("Cross-Origin-Resource-Policy", "same-origin")
        self.send_header("Cache-Control", "no-cache")
        super().end_headers()

    def log_message(self, format: str, *arguments: object) -> None:
        """Say nothing: what is read is nobody's business."""
