"""JupyterLab started by 'incidents lab', and driven in a real Chromium that can reach nothing else."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from typing import Any

CHROMIUM = Path("/usr/bin/chromium")
ALONE = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1"
_ADDRESS = re.compile(r"http://(?:127\.0\.0\.1|localhost):\d+/\S*\?token=\w+")
RAN = """() => { const prompts = [...document.querySelectorAll(".jp-Notebook .jp-CodeCell .jp-InputArea-prompt")];
  return prompts.length && prompts.every((one) => /\\[\\d+\\]/.test(one.textContent)); }"""


@contextmanager
def started_lab(folder: Path, scratch: Path) -> Iterator[str]:
    """Start 'incidents lab' on a workbook, its own settings in a scratch folder; give its address with the token."""
    config = scratch / "config"
    config.mkdir(parents=True, exist_ok=True)
    (config / "jupyter_server_config.json").write_text(json.dumps({"ServerApp": {"allow_root": True}}))
    own = {name: str(scratch / name.lower()) for name in
           ("JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "JUPYTERLAB_SETTINGS_DIR", "JUPYTERLAB_WORKSPACES_DIR", "IPYTHONDIR")}  # fmt: skip
    command = [sys.executable, "-m", "incident_lib", "lab", "--no-browser", "--data", str(folder)]
    lab = subprocess.Popen(command, env={**os.environ, **own, "JUPYTER_CONFIG_DIR": str(config)}, text=True,
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)  # fmt: skip
    try:
        said: list[str] = []
        for line in lab.stdout:
            said.append(line)
            if found := _ADDRESS.search(line):
                break
        else:
            raise AssertionError("JupyterLab did not start:\n" + "".join(said))
        threading.Thread(target=lambda: [None for _ in lab.stdout], daemon=True).start()
        yield found[0]
    finally:
        os.killpg(lab.pid, 15)  # the server and its kernels
        lab.wait(30)


class Lab:
    """The exploring notebook in a browser: what was asked for, what was complained of, and the page itself."""

    def __init__(self, playwright: Any, address: str, width: int = 1360, height: int = 900) -> None:
        self.browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox", ALONE])
        self.context = self.browser.new_context(viewport={"width": width, "height": height})
        self.context.grant_permissions(["clipboard-read", "clipboard-write"])
        self.page = self.context.new_page()
        self.address, self.requests, self.messages = address, [], []
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("console", self._heard)
        self.page.on("pageerror", lambda error: self.messages.append(str(error)))
        self.page.goto(address)
        self.page.wait_for_selector(".jp-Notebook .jp-CodeCell", timeout=60_000)

    def _heard(self, message: Any) -> None:
        """Note what the console says, unless JupyterLab's own scripts say it."""
        ours = not re.search(r"/(static|lab|lsp|api)/", str((message.location or {}).get("url", "")))
        if message.type in ("error", "warning") and ours:
            self.messages.append(message.text)

    def run_all(self) -> None:
        """Run all cells, and wait until the last one has run."""
        self.page.locator(".jp-StatusBar-Widget, #jp-main-statusbar").get_by_text("Idle").first.wait_for(timeout=60_000)
        self.page.click('.lm-MenuBar-item:has-text("Run")')
        self.page.click('.lm-Menu-item:has-text("Run All Cells")')
        self.page.wait_for_function(RAN, timeout=240_000)

    def show(self, heading: str) -> None:
        """Scroll to a section."""
        self.page.locator(f".jp-MarkdownOutput :is(h1, h2):has-text('{heading}')").first.evaluate(
            "node => node.scrollIntoView({block: 'start'})"
        )

    def below(self, code: str) -> Any:
        """Return the view below the cell with this code, scrolled to and drawn."""
        view = self.page.locator(".jp-CodeCell", has_text=code).locator(".iw-view").first
        view.scroll_into_view_if_needed()
        return view

    def bars(self, view: Any) -> list[Any]:
        """Return the bars of a view's figure, once it is drawn, the largest first."""
        view.locator(".bars .point path").first.wait_for(state="attached", timeout=30_000)
        return sorted(view.locator(".bars .point path").all(), key=lambda bar: -_area(bar.bounding_box()))

    def click(self, mark: Any) -> None:
        """Click into the middle of a mark of a figure."""
        mark.scroll_into_view_if_needed()
        box = mark.bounding_box()
        self.page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)

    def timed(self, act: Any, until: str, argument: Any = None) -> float:
        """Do something, wait until a condition holds in the page, and return how many milliseconds that took."""
        begin = perf_counter()
        act()
        self.page.wait_for_function(until, arg=argument, timeout=30_000, polling=10)
        return (perf_counter() - begin) * 1000

    def foreign(self) -> list[str]:
        """Return requests to anywhere but the server."""
        server = re.match(r"https?://[^/]+", self.address)[0]
        return [url for url in self.requests if not url.startswith((server, "blob:", "data:"))]


def _area(box: Any) -> float:
    return box["width"] * box["height"] if box else 0.0
