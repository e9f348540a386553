"""The names that notebooks use, as in ``import incident_lib as inc``; each is imported when it is first asked for.

The late import keeps ``incidents --help`` quick: only what is used costs anything.
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_HOMES = {
    "loading": ("load",),
    "periods": ("parse_period", "period_of"),
    "deadlines": ("deadline_proof", "incident_deadlines"),
    "timeline": ("data_links", "incident_timeline", "message_account", "message_choices", "silences"),
    "facts": ("customers_mentioned", "minutes_in", "proposed_tasks", "responders", "severity_stays"),
    "draft": ("draft_page", "draft_sentences", "newest_major"),
    "follow_up": ("state_counts", "step_states"),
    "timeliness": (
        "completion_curve_table", "completion_times", "due_next", "duration_sentence", "on_time_sentence",
        "open_action_items", "overdue", "overdue_sentence", "postmortem_states", "state_shares", "within",
    ),
    "response": ("MEASURES", "duration_summary", "durations", "measure"),
    "review": (
        "by_the_book", "decisions_until", "incidents_in", "most_missed", "review_sentence", "severity_counts",
        "step_matrix", "steps_in",
    ),
    "figures": (
        "completion_curve", "duration_strip", "incidents_by_month", "lateness_strip", "step_bars", "timeline_strip",
    ),
    "render": ("accounting", "answer", "assumptions", "definitions", "left_out", "made_from", "note", "page_text", "table",
               "timeline_mark"),
}  # fmt: skip
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}
__all__ = sorted(_HOME_OF)  # noqa: PLE0605


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOME_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME_OF})
