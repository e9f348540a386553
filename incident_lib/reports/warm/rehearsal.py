"""What a report does for the first time takes longer: done once in the process from which kernels are forked."""

from __future__ import annotations

import gc
import importlib
from contextlib import suppress
from typing import Any

from incident_lib import loading, theme
from incident_lib.errors import WorkbookError
from incident_lib.records import Records


def share(records: Records, *, as_of: Any = None) -> None:
    """Share records with every kernel that is forked from this process; ``as_of`` is what ``load`` was given."""
    loading.keep(records, as_of=as_of)
    rehearse(records)
    freeze()


def freeze() -> None:
    """Collect, and put all that is left out of the collector's sight: it would write to every page after a fork."""
    gc.collect()
    gc.freeze()


def rehearse(records: Records) -> None:
    """Compute a draft and throw it away, so that calendars, templates and figures are set up before the fork."""
    inc = importlib.import_module(__name__.partition(".")[0])
    with suppress(WorkbookError):
        chosen = inc.newest_major(records)
        timeline = inc.incident_timeline(records, chosen)
        page = inc.preview(records, chosen)
        inc.evidence_sentence(records, page)
        inc.completeness_sentence(inc.page_completeness(records, chosen))
        inc.draft_sentences(records, chosen)
        inc.deadline_proof(records, chosen)
        inc.message_account(inc.message_choices(records, chosen))
        inc.findings_table(inc.lint_text(page.text, list(records.people["name"])))
        for shown in _shown(inc, records, chosen, timeline, page):
            getattr(shown, "_repr_mimebundle_", dict)()


def _shown(inc: Any, records: Records, chosen: str, timeline: Any, page: Any) -> list[Any]:
    go = importlib.import_module("plotly.graph_objects")
    return [
        go.Figure(go.Scatter(x=[1], y=[1]), layout={"template": theme.template()}),
        inc.table(inc.readable(timeline), "", {"at": "time"}, name="t", mark=inc.timeline_mark),
        inc.table(inc.responders(records, chosen), "", name="r"),
        inc.page_text(page.text),
        inc.left_out(records),
        inc.accounting(records),
        inc.assumptions(records),
    ]
