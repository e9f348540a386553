"""Views that follow an explorer's filter: a figure with a table of what was picked, a table, or anything else."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from incident_lib import theme
from incident_lib.figures import timeline_strip
from incident_lib.live.listing import COLUMNS, SIZES, Wanted
from incident_lib.live.panel import Panel
from incident_lib.live.pictures import Picture, wishes_of, words_of
from incident_lib.render import Shown, note, table, timeline_mark
from incident_lib.reports.sanitise import clean
from incident_lib.story.timeline import incident_timeline, readable

if TYPE_CHECKING:
    from incident_lib.live.explorer import Explorer

MOST_STILL = 500
STILL_ROWS = 25


class View:
    """Something in a cell that follows an explorer; what it shows is made while somebody sees it.

    The browser says when that begins and ends; what nobody sees is only marked as old.
    """

    def __init__(self, explorer: Explorer) -> None:
        self.explorer = explorer
        self.wanted = Wanted()
        self.detail: dict[str, Any] | None = None
        self.drawn = explorer.version
        self.seen = False
        self.panel = Panel(self.receive, self.still, version=explorer.version, **self.traits())

    def traits(self) -> dict[str, str]:
        """Return what the browser is to show, as JSON: ``figure`` and ``state``."""
        shown = {"version": self.drawn, "detail": self.detail, **self.state()}
        return {"figure": self.figure(), "state": json.dumps(shown, ensure_ascii=False)}

    def figure(self) -> str:
        """Return the figure as JSON; empty if there is none."""
        return ""

    def state(self) -> dict[str, Any]:
        """Return what stands around the figure."""
        return {}

    def still(self) -> Mapping[str, Any]:
        """Return the view without a browser's help, by mimetype."""
        raise NotImplementedError

    def rows(self) -> np.ndarray:
        """Return the incidents that the view's table lists, as a mask."""
        return self.explorer.mask

    def outdated(self, version: int) -> None:
        """Note that the filter has changed: what is seen is made anew, the rest once it is."""
        self.wanted, self.detail = replace(self.wanted, page=0), None
        if self.seen:
            self._show()
        else:
            self.panel.version = version

    def receive(self, message: Mapping[str, Any]) -> None:
        """Take a message of the browser: what was clicked, sorted, searched, or that the view is seen, or no more."""
        action = getattr(self, f"_on_{message.get('do')}", None)
        if message.get("do") == "seen":
            self.seen = bool(message.get("seen"))
        elif action is not None:
            action(message)
        if action is not None or (self.seen and self.drawn != self.explorer.version):
            self._show()

    def _show(self) -> None:
        self.drawn = self.explorer.version
        traits = self.traits()
        with self.panel.hold_sync():
            self.panel.version = self.drawn
            self.panel.figure = traits["figure"]
            self.panel.state = traits["state"]

    def _on_page(self, message: Mapping[str, Any]) -> None:
        self.wanted = replace(self.wanted, page=int(message["page"]))

    def _on_size(self, message: Mapping[str, Any]) -> None:
        size = int(message["size"])
        self.wanted = replace(self.wanted, size=size if size in SIZES else SIZES[0], page=0)

    def _on_sort(self, message: Mapping[str, Any]) -> None:
        column = str(message["column"])
        if column in COLUMNS:
            down = not self.wanted.down if column == self.wanted.column else column in ("began", "minutes")
            self.wanted = replace(self.wanted, column=column, down=down, page=0)

    def _on_search(self, message: Mapping[str, Any]) -> None:
        self.wanted = replace(self.wanted, text=str(message["text"]), page=0)

    def _on_csv(self, message: Mapping[str, Any]) -> None:
        self.panel.send({"csv": self.explorer.listing.csv(self.rows(), self.wanted)})

    def _on_timeline(self, message: Mapping[str, Any]) -> None:
        incident = self.explorer.whole.incident(str(message["incident"]))
        rows = readable(incident_timeline(self.explorer.whole, incident["incident_id"]))
        title = f"{incident['incident_id']}: {incident['title']}"
        columns = {"local": "time", "kind": "kind", "milestone": "milestone", "text": "what happened"}
        listed = table(rows, "Timeline", columns, mark=timeline_mark)
        figure = timeline_strip(rows, title=theme.label(title))
        self.detail = {"title": title, "figure": figure.to_json(), "html": clean(listed.html)}

    def _on_close(self, message: Mapping[str, Any]) -> None:
        self.detail = None

    def _repr_mimebundle_(self, **rest: Any) -> Any:
        return self.panel._repr_mimebundle_(**rest)


class TableView(View):
    """The incidents that are chosen."""

    def state(self) -> dict[str, Any]:
        """Return the page of the table that is looked at."""
        return {"table": self.explorer.listing.page(self.rows(), self.wanted)}

    def still(self) -> Mapping[str, Any]:
        """Return the newest incidents as a table."""
        return listed(self.explorer, self.rows())._repr_mimebundle_()


class PictureView(View):
    """A figure whose marks can be picked, and below it a table of the incidents that the picked one stands for."""

    def __init__(self, explorer: Explorer, picture: Picture) -> None:
        self.picture = picture
        self.picked: dict[str, str] | None = None
        super().__init__(explorer)

    def figure(self) -> str:
        """Return the figure as JSON, without a template's repetition."""
        return self._drawn().to_json()

    def _drawn(self) -> Any:
        return self.picture.figure(self.explorer.groups, self.explorer.mask, self.picked)

    def state(self) -> dict[str, Any]:
        """Return the note below the figure, and, if a mark is picked, what it stands for."""
        said = {"note": self.picture.note(self.explorer.groups, self.explorer.mask).strip(), "pickable": True}
        if self.picked is None:
            return said
        wishes = self._wishes()
        line = {} if wishes is None else {"line": self.explorer.line_of(wishes), "narrows": True}
        return {**said, "picked": self.picked, "words": words_of(self.picked), **line,
                "table": self.explorer.listing.page(self.rows(), self.wanted)}  # fmt: skip

    def still(self) -> Mapping[str, Any]:
        """Return the figure for a page that can't ask."""
        figure = self._drawn()
        figure.layout.meta["alt"] += f" {self.picture.note(self.explorer.groups, self.explorer.mask).strip()}".rstrip()
        return {theme.MIMETYPE: {**json.loads(figure.to_json()), "config": dict(theme.CONFIG)},
                "text/plain": figure.layout.meta["alt"]}  # fmt: skip

    def rows(self) -> np.ndarray:
        """Return the chosen incidents that the picked mark stands for."""
        if self.picked is None:
            return self.explorer.mask
        return self.explorer.mask & self.picture.rows(self.explorer.groups, self.picked)

    def outdated(self, version: int) -> None:
        """Note that the filter has changed: what was picked is picked no more."""
        self.picked = None
        super().outdated(version)

    def _on_pick(self, message: Mapping[str, Any]) -> None:
        """Pick a mark; the one that is picked already is let go."""
        mark = {str(name): str(value) for name, value in dict(message["mark"]).items()}
        self.picked = None if mark == self.picked else mark
        self.wanted, self.detail = replace(self.wanted, page=0, text=""), None
        self.explorer.picked_mask = None if self.picked is None else self.rows()

    def _on_clear(self, message: Mapping[str, Any]) -> None:
        self.picked, self.detail, self.explorer.picked_mask = None, None, None

    def _on_narrow(self, message: Mapping[str, Any]) -> None:
        """Take what is picked into the filter; the whole notebook follows."""
        wishes = self._wishes()
        if wishes is not None:
            self.explorer.where(**wishes)

    def _wishes(self) -> dict[str, Any] | None:
        """Return the filter that leaves what is picked and nothing else; None if there is none.

        A picked group may take the place of a wider one, or be in its place already: both are tried.
        """
        own, wider = wishes_of(self.explorer.groups, self.picked or {}), self.explorer.filter
        if own is None:
            return None
        rows = self.rows()
        both = ({**wider, **own}, {**own, **wider})
        return next((one for one in both if np.array_equal(self.explorer.mask_of(one), rows)), None)


class FreeView(View):
    """What a function makes of the chosen records: a figure, a table, a sentence."""

    def __init__(self, explorer: Explorer, function: Callable[[Any], Any]) -> None:
        self.function = function
        super().__init__(explorer)

    def traits(self) -> dict[str, str]:
        """Return the function's result as a figure or as HTML.

        At first what the function raises is the cell's; later there is no cell that could show it, so it is a sentence.
        """
        try:
            self.result = self.function(self.explorer.records)
        except Exception as error:
            if not hasattr(self, "result"):
                raise
            self.result = note(f"This could not be shown for the incidents chosen: {type(error).__name__}: {error}")
        return super().traits()

    def figure(self) -> str:
        """Return the result if it is a figure."""
        return self.result.to_json() if hasattr(self.result, "to_plotly_json") else ""

    def state(self) -> dict[str, Any]:
        """Return the result as HTML if it is none."""
        return {} if hasattr(self.result, "to_plotly_json") else {"html": clean(_as_shown(self.result).html)}

    def still(self) -> Mapping[str, Any]:
        """Return the result itself."""
        if hasattr(self.result, "to_plotly_json"):
            return {theme.MIMETYPE: json.loads(self.result.to_json()), "text/plain": _in_words(self.result)}
        return _as_shown(self.result)._repr_mimebundle_()


def listed(explorer: Explorer, mask: np.ndarray, title: str = "Incidents") -> Shown:
    """Return the newest incidents of a mask as a table for a page; its CSV has more of them."""
    total, frame = int(mask.sum()), explorer.listing.frame(mask, MOST_STILL)
    some = f" (the newest {MOST_STILL:,} of {total:,})" if total > MOST_STILL else ""
    columns = {"incident_id": "incident", "began_at": "began (UTC)", "severity": "severity", "title": "title",
               "customers": "customers", "duration": "duration"}  # fmt: skip
    return table(frame, title + some, columns, name="incidents", empty="none is chosen.", most=STILL_ROWS)


def _in_words(figure: Any) -> str:
    """Return what stands for a figure where none can be drawn: its sentence, or its title."""
    meta = figure.layout.meta
    return str((meta.get("alt") if isinstance(meta, dict) else None) or figure.layout.title.text or "Figure")


def _as_shown(result: Any) -> Shown:
    """Return anything as HTML and text: a table as ours, what can show itself by itself, the rest as its text."""
    if isinstance(result, pd.DataFrame):
        return table(result, "Result", most=STILL_ROWS)
    if hasattr(result, "html") and hasattr(result, "text"):
        return result
    if hasattr(result, "_repr_html_"):
        return Shown(str(result._repr_html_()), repr(result))
    return Shown(f"<p>{theme.label(result)}</p>", str(result))

