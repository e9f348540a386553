"""What a notebook shows live: an anywidget, whose browser's side is ``front_end.js``; and the same without one."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import anywidget
from traitlets import Bytes, Int, Unicode

from incident_lib import theme
from incident_lib.errors import WorkbookError

_FOLDER = Path(__file__).parent
_CONFIG = {**theme.CONFIG, "displayModeBar": False}
_SCRIPT = (_FOLDER / "front_end.js").read_text(encoding="utf-8")
_SCRIPT = _SCRIPT.replace("__SWAPS__", json.dumps(theme.swaps())).replace("__CONFIG__", json.dumps(_CONFIG))
VIEW = "application/vnd.jupyter.widget-view+json"


class Panel(anywidget.AnyWidget):
    """A filter bar (``kind`` "filter") or a view.

    ``state`` and ``figure`` are JSON, set here and shown there; messages from there go to ``receive``. A ``version``
    other than the state's own tells the browser that what it shows is old; it asks for news once somebody sees it.
    """

    _esm = _SCRIPT
    _css = (_FOLDER / "front_end.css").read_text(encoding="utf-8")
    kind = Unicode("view").tag(sync=True)
    options = Unicode("{}").tag(sync=True)
    state = Unicode("{}").tag(sync=True)
    figure = Unicode("").tag(sync=True)
    version = Int(0).tag(sync=True)
    library = Bytes(b"").tag(sync=True)

    def __init__(
        self, receive: Callable[[Mapping[str, Any]], None], still: Callable[[], Mapping[str, Any]], **traits: Any
    ) -> None:
        super().__init__(**traits)
        self._still = still
        self.on_msg(lambda _, content, __: self._received(receive, content))

    def _received(self, receive: Callable[[Mapping[str, Any]], None], content: Mapping[str, Any]) -> None:
        """Pass a message on; what the user can mend is said in the browser, anything else is a bug."""
        try:
            receive(content)
        except WorkbookError as error:
            self.state = json.dumps({**json.loads(self.state), "problem": str(error)})

    def _repr_mimebundle_(self, **rest: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return the widget, and what stands for it where there is no kernel: in an exported page, or on paper.

        The widget comes first: of two vendors' types, VS Code shows the one that it is told of first.
        """
        data, metadata = super()._repr_mimebundle_(**rest)
        return {VIEW: data[VIEW], **self._still()}, metadata


def library_if_asked() -> bytes:
    """Return plotly.js if a browser is likely to be there at once: then figures need not wait for the last cell."""
    return plotly_js() if "JPY_SESSION_NAME" in os.environ else b""


@cache
def plotly_js() -> bytes:
    """Return plotly.js, compressed."""
    return gzip.compress(theme.plotly_js().encode("utf-8"), compresslevel=5, mtime=0)
