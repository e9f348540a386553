"""A page as PDF, printed by a Chromium that is installed anyway."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

from incident_lib.errors import ReportError

BROWSERS = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome", "chrome", "microsoft-edge")
PATH_VARIABLE = "INCIDENTS_CHROMIUM"
SECONDS = 120
# Nothing asks the network, and nothing of the user's own browser takes part.
OPTIONS = (
    "--headless=new", "--disable-gpu", "--no-first-run", "--no-default-browser-check", "--no-pdf-header-footer",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-extensions",
    "--disable-dev-shm-usage", "--no-pings", "--generate-pdf-document-outline",
    "--export-tagged-pdf", "--host-resolver-rules=MAP * ~NOTFOUND",
)  # fmt: skip
_WHEN = re.compile(rb"/(CreationDate|ModDate) \(D:\d{14}")


def pdf_of(page: bytes, scratch: Path, *, as_of: str) -> bytes:
    """Return a page as PDF, tagged, with bookmarks; its dates are the report's, so the same page gives the same file.

    Raises:
        ReportError: if there is no Chromium, or it fails.
    """
    browser = find_browser()
    scratch = scratch.resolve()
    source, target = scratch / "print.html", scratch / "print.pdf"
    source.write_bytes(page)
    as_root = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    own = [f"--user-data-dir={scratch / 'browser'}", f"--print-to-pdf={target}"]
    command = [browser, *OPTIONS, *as_root, *own, source.as_uri()]
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=SECONDS)
        content = target.read_bytes()
    except (OSError, subprocess.SubprocessError) as error:
        said = str(error).splitlines()[0][:200]
        raise ReportError(f"{Path(browser).name} could not print the PDF: {said}") from error
    return dated(content, as_of)


def find_browser() -> str:
    """Return the path of a Chromium.

    Raises:
        ReportError: if none is found.
    """
    stated = os.environ.get(PATH_VARIABLE)
    for name in [stated] if stated else BROWSERS:
        found = shutil.which(name)
        if found:
            return found
    raise ReportError(
        "a PDF needs Chromium or Chrome, and none was found; install one, or name it in the variable "
        f"{PATH_VARIABLE}. The page prints well from any browser, too"
    )


def dated(content: bytes, as_of: str) -> bytes:
    """Return a PDF whose dates are those of the report instead of the clock's."""
    digits = (re.sub(r"\D", "", as_of) + "0" * 14)[:14].encode() if as_of else b"20000101000000"
    return _WHEN.sub(lambda match: b"/" + match[1] + b" (D:" + digits, content)
