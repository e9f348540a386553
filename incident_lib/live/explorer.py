"""A filter in a notebook, and figures and tables that follow it; what is clicked stands beside it as a Python line."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from incident_lib.explore.measuring import as_measure
from incident_lib.explore.selecting import Selection, as_list, began_at, chosen, names_in
from incident_lib.live.dimensions import Dimensions
from incident_lib.live.listing import Listing
from incident_lib.live.panel import Panel, library_if_asked, plotly_js
from incident_lib.live.pictures import Bars, Cross, HowLong
from incident_lib.live.views import FreeView, PictureView, TableView, View
from incident_lib.records import Records
from incident_lib.render import note
from incident_lib.review.response import Measure, main_measure
from incident_lib.tables import SEVERITIES
from incident_lib.words import counted

WISHES = ("period", "since", "until", "severity", "customer", "service", "tag", "text", "incident_id")
_LAST_DAYS = (30, 90, 365)
_KEPT_MASKS = 64


def explorer(records: Records, **wishes: Any) -> Explorer:
    """Return a filter over records that figures and tables in the cells below it follow.

    Show it by writing its name in a cell: a bar of widgets. ``wishes`` are those of ``records.where``, to begin with.

    Raises:
        SettingsError: for a wish that can't be fulfilled, as ``records.where`` does.

    >>> inc.explorer(records, severity="critical").line
    'records.where(severity="critical")'
    """
    return Explorer(records, wishes)


class Explorer:
    """What is chosen of some records, and everything that follows it.

    ``filter`` holds the wishes, ``line`` the same as Python, ``records`` what it leaves, ``picked`` what was picked
    last in a figure. ``bars``, ``cross``, ``how_long``, ``table`` and ``view`` give views to show in cells.
    """

    def __init__(self, records: Records, wishes: Mapping[str, Any]) -> None:
        self.whole = records
        self.groups = Dimensions(records)
        self.listing = Listing(records)
        self.version = 0
        self.views: list[View] = []
        self.picked_mask: np.ndarray | None = None
        self._masks: dict[str, tuple[np.ndarray, Any]] = {}
        self._records: Records | None = None
        self.filter, self.mask = self._chosen(wishes)
        self.panel = Panel(self.receive, self._still, kind="filter", options=json.dumps(_options(records)),
                          state=json.dumps(self._state()), library=library_if_asked())  # fmt: skip

    def where(self, **wishes: Any) -> Explorer:
        """Choose anew, as ``records.where`` does; no wish at all chooses everything. Widgets and views follow."""
        self.filter, self.mask = self._chosen(wishes)
        self._records, self.picked_mask = None, None
        self.version += 1
        self.panel.state = json.dumps(self._state())
        for one in self.views:
            one.outdated(self.version)
        return self

    @property
    def line(self) -> str:
        """Return the Python line that makes the same choice."""
        return self.line_of(self.filter)

    @property
    def answer(self) -> str:
        """Return what is chosen in a sentence: how many incidents, by severity."""
        severity = self.groups["severity"]
        held = zip(severity.labels, severity.counts(self.mask), strict=True)
        parts = ", ".join(f"{count:,} {name}" for name, count in held if count)
        chosen = counted(int(self.mask.sum()), "incident")
        return f"{chosen}{f': {parts}' if parts else ''}{f' ({self.line})' if self.filter else ''}."

    @property
    def records(self) -> Records:
        """Return the records of the incidents that are chosen."""
        if self._records is None:
            self._records = self.whole.where(**self.filter) if self.filter else self.whole
        return self._records

    @property
    def picked(self) -> Records:
        """Return the records of the incidents picked last in a figure; all that are chosen if none is picked."""
        if self.picked_mask is None:
            return self.records
        return self.whole.where(incident_id=list(self.whole.incidents.loc[self.picked_mask, "incident_id"]))

    def bars(self, by: str = "month", split: str | None = None, *, most: int = 12) -> View:
        """Show how many incidents each group holds: by severity, customer, service, tag, month, quarter, year,
        weekday, hour, factor, post-mortem or tasks; ``split`` says by what to part each bar, ``most`` how many to show.

        Raises:
            SettingsError: for an unknown grouping, with all there are.
        """
        self._check(by, split)
        return self._added(PictureView(self, Bars(by, split, most)))

    def cross(self, down: str = "weekday", across: str = "hour", *, most: int = 12) -> View:
        """Show as a heat map how many incidents are in both of two groups (see ``bars`` for what there are).

        Raises:
            SettingsError: for an unknown grouping, with all there are.
        """
        self._check(down, across)
        return self._added(PictureView(self, Cross(down, across, most)))

    def how_long(self, measure: Measure | str | None = None, *, by: str = "severity", most: int = 8) -> View:
        """Show how long it takes: ``how_long("time to resolve")``, or from any point to another, ``"detected → told"``.

        Without a measure it is the whole incident. ``by`` and ``most`` as in ``bars``.

        Raises:
            SettingsError: for an unknown grouping or measure, with those there are.
        """
        self._check(by)
        wanted = main_measure(self.whole.incidents) if measure is None else as_measure(measure)
        return self._added(PictureView(self, HowLong(self.whole, wanted, by, most)))

    def table(self) -> View:
        """Show the incidents that are chosen: sorted, searched, paged, and copied as CSV."""
        return self._added(TableView(self))

    def view(self, function: Callable[[Records], Any]) -> View:
        """Show what a function makes of the chosen records, and again whenever they change."""
        return self._added(FreeView(self, function))

    def receive(self, message: Mapping[str, Any]) -> None:
        """Take a message of the filter bar: what was chosen there, or that it has no plotly.js."""
        if message.get("do") == "library":
            self.panel.library = plotly_js()
        elif message.get("do") == "choose":
            wishes = message.get("wishes") or {}
            self.where(**{name: wishes[name] for name in WISHES if wishes.get(name)})

    def mask_of(self, wishes: Mapping[str, Any]) -> np.ndarray:
        """Return which incidents fulfil wishes."""
        return self._chosen(wishes)[1]

    def line_of(self, wishes: Mapping[str, Any]) -> str:
        """Return the Python line for wishes."""
        return Selection((wishes,)).line() if wishes else "records"

    def _check(self, *names: str | None) -> None:
        for name in names:
            if name is not None:
                self.groups[name]

    def _added(self, view: View) -> View:
        self.views.append(view)
        return view

    def _chosen(self, wishes: Mapping[str, Any]) -> tuple[dict[str, Any], np.ndarray]:
        """Return the wishes as they were understood, and which incidents fulfil them all."""
        incidents, understood = self.whole.incidents, {}
        mask = np.ones(len(incidents), dtype=bool)
        for name, wish in wishes.items():
            if wish is not None:
                part, understood[name] = self._mask_of(name, wish)
                mask = mask & part
        return understood, mask

    def _mask_of(self, name: str, wish: Any) -> tuple[np.ndarray, Any]:
        """Return which incidents fulfil one wish; what was asked lately is remembered."""
        key = json.dumps([name, as_list(wish)], default=str)
        if key not in self._masks:
            incidents, zone = self.whole.incidents, self.whole.settings.workbook.tz
            wishes, words = ({}, wish) if name == "text" else ({name: wish}, None)
            mask, understood = chosen(incidents, wishes, words=words, zone=zone, whole=incidents)
            while len(self._masks) >= _KEPT_MASKS:
                self._masks.pop(next(iter(self._masks)))
            self._masks[key] = mask, understood[name]
        return self._masks[key]

    def _state(self) -> dict[str, Any]:
        said = f"{int(self.mask.sum()):,} of {len(self.mask):,} incidents"
        return {"wishes": self.filter, "line": self.line, "said": said}

    def _still(self) -> dict[str, Any]:
        return note(f"{self._state()['said']}: {self.line}")._repr_mimebundle_()

    def _repr_mimebundle_(self, **rest: Any) -> Any:
        return self.panel._repr_mimebundle_(**rest)

    def __repr__(self) -> str:
        return f"{self._state()['said']}: {self.line}"


def _options(records: Records) -> dict[str, Any]:
    """Return what can be chosen in the filter bar."""
    incidents = records.incidents
    names = {one: names_in(incidents[column]) for one, column in
             (("customer", "customers"), ("service", "services"), ("tag", "tags"))}  # fmt: skip
    severities = [*SEVERITIES, *(["unstated"] if incidents["severity"].isna().any() else [])]
    return {"periods": _periods(records), "severity": severities, **names}


def _periods(records: Records) -> list[tuple[str, list[tuple[str, dict[str, str]]]]]:
    """Return the periods to choose from, in groups, the newest first: each with its name and its wish."""
    local = began_at(records.incidents).dropna().dt.tz_convert(records.settings.workbook.tz)
    today = records.as_of.tz_convert(records.settings.workbook.tz).normalize()
    recent = [(f"last {days} days", {"since": f"{today - pd.Timedelta(days=days):%Y-%m-%d}"}) for days in _LAST_DAYS]
    years = local.dt.strftime("%Y")
    quarters = years + "-Q" + local.dt.quarter.astype("str")
    texts = {"quarters": quarters, "months": local.dt.strftime("%Y-%m"), "years": years}
    groups = {name: sorted(text.unique(), reverse=True) for name, text in texts.items()}
    return [("up to now", recent if len(local) else []),
            *((name, [(one, {"period": one}) for one in every]) for name, every in groups.items())]  # fmt: skip
