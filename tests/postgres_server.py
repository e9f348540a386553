"""A throw-away PostgreSQL server for tests: its own cluster in a temporary folder, stopped and removed afterwards."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

USER, PASSWORD = "tester", "pass/w0rd @:%41"  # characters that a URL has to escape


def programs() -> Path | None:
    """Return the folder of PostgreSQL's programs; None where it isn't installed."""
    found = [*sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)]
    on_path = shutil.which("initdb")
    candidates = [*found, *([Path(on_path).parent] if on_path else [])]
    return next((folder for folder in candidates if (folder / "initdb").exists()), None)


def can_run() -> bool:
    """Return whether a server can be started here: it refuses to run as root, who has to lend it a user."""
    return programs() is not None and (os.geteuid() != 0 or shutil.which("runuser") is not None)


@contextmanager
def server() -> Iterator[str]:
    """Start a server and give the address of its database, without user and password ("127.0.0.1:5433/postgres")."""
    folder = Path(tempfile.mkdtemp(prefix="incidents-postgres-"))
    try:
        if os.geteuid() == 0:
            shutil.chown(folder, "postgres")
        port = _free_port()
        _initialise(folder)
        options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder} -c fsync=off"
        _run("pg_ctl", "-D", f"{folder}/data", "-l", f"{folder}/log", "-o", options, "-w", "start")
        try:
            yield f"127.0.0.1:{port}/postgres"
        finally:
            with suppress(subprocess.CalledProcessError):
                _run("pg_ctl", "-D", f"{folder}/data", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _initialise(folder: Path) -> None:
    password = folder / f"pw-{secrets.token_hex(4)}"
    password.write_text(PASSWORD, encoding="utf-8")
    password.chmod(0o644)  # the folder itself is closed to others
    _run("initdb", "-D", f"{folder}/data", "-U", USER, f"--pwfile={password}", "-A", "scram-sha-256", "-E", "UTF8",
         "--locale=C.UTF-8", "--no-sync")  # fmt: skip


def _run(program: str, *arguments: str) -> None:
    as_other = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    command = [*as_other, str(programs() / program), *arguments]  # type: ignore[operator]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, cwd="/", timeout=60)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
