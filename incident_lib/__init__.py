"""The names that notebooks use, as in ``import incident_lib as inc``; each is imported when it is first asked for.

The late import keeps ``incidents --help`` quick: only what is used costs anything.
"""

import os
from importlib import import_module
from typing import Any

# Arrow's allocator reads this when Arrow is imported: to clear huge pages took a fifth of a large load's processor time
os.environ.setdefault("MIMALLOC_ALLOW_THP", "0")

__version__ = "0.1.0"

_HOMES = {
    "explore.opening": ("load",),
    "periods": ("parse_period", "period_of"),
    "timeliness.deadlines": (
        "deadline_proof", "deadline_proofs", "deadlines_by_severity", "due_under_each_rule", "incident_deadlines",
    ),
    "story.message_rules": ("account_sentence", "message_account", "message_choices"),
    "story.timeline": ("data_links", "incident_timeline", "link_sentence", "readable", "silence_sentences", "silences"),
    "story.severity_time": ("minutes_in", "severity_changes", "severity_stays"),
    "story.responding": ("hand_offs", "responders"),
    "story.related": ("related_incidents",),
    "story.facts": ("customers_mentioned", "guesses", "proposed_tasks"),
    "drafting.draft": ("draft_page", "draft_sentences", "newest_major"),
    "drafting.writing": ("evidence_sentence", "preview", "redraft_sentence"),
    "drafting.completeness": ("completeness_sentence", "page_completeness"),
    "drafting.wording": ("findings_table", "lint_text"),
    "drafting.audiences": ("customer_notice",),
    "drafting.page_html": ("page_text",),
    "follow_up.states": ("MEANINGS", "state_counts", "step_states"),
    "follow_up.board": (
        "board_sentence", "customer_sentence", "customer_view", "follow_up_board", "owners_and_customers",
        "work_by_owner",
    ),
    "timeliness.states": (
        "completion_curve_table", "completion_times", "due_next", "duration_sentence", "not_counted_sentence",
        "not_resolved", "on_time_sentence", "overdue", "overdue_sentence", "postmortem_states", "state_shares",
        "within",
    ),
    "timeliness.turns": ("steps_by_turn", "waiting_by_team", "waiting_steps"),
    "timeliness.groups": ("by_group", "difference_sentence", "group_times"),
    "timeliness.stages": ("fates", "stage_curves_table", "stage_table", "stage_times"),
    "timeliness.forecasts": ("outlook", "outlook_sentence"),
    "timeliness.trends": ("trend", "trend_sentence"),
    "timeliness.action_items": (
        "action_item_counts", "action_item_states", "action_items_sentence", "cohort_curves", "cohorts",
        "declined_action_items", "item_times", "open_action_items", "overdue_action_items",
    ),
    "timeliness.overdue_ledger": ("ledger_sentence", "ledger_table", "ledger_rows", "ledger_since"),
    "timeliness.careful_reading": ("care_counts", "care_rows"),
    "timeliness.numbers": ("report_numbers",),
    "review.response": (
        "MEASURES", "by_groups", "doubts", "duration_summary", "duration_texts", "for_measuring", "main_measure",
        "measure", "response_account",
    ),
    "review.responder_load": (
        "calls", "changes_of", "hand_overs_of", "page_counts", "pooled_load", "silent_gaps", "weeks_of",
    ),
    "review.conformance": (
        "RULE_MEANINGS", "by_incident", "most_broken", "rule_counts", "rule_results", "went_by_the_book",
    ),
    "review.changes": (
        "change_sentence", "duration_behaviour", "season", "weekly_behaviour", "what_changed",
    ),
    "review.learning": ("factor_kinds", "factor_pareto", "quotes", "surprises", "tag_pareto"),
    "review.recurrence": ("Likeness", "fix_sentence", "fixes", "recurring"),
    "review.decisions": ("decisions_sentence", "decisions_until"),
    "review.agenda": ("invited", "meeting_agenda", "topics"),
    "review.meeting": (
        "incidents_in", "incidents_until", "open_sentence", "review_sentence", "severity_counts", "summary_page",
        "unknown_sentence",
    ),
    "review.numbers": ("numbers_of_review",),
    "review.service_review": (
        "customer_called", "customer_period", "customer_table", "for_outside", "published_updates", "service_change",
        "service_sentence", "task_sentence",
    ),
    "explore.measuring": ("durations",),
    "explore.comparing": ("compare",),
    "explore.one_incident": ("timeline",),
    "explore.pictures": (
        "behaviour_chart", "common_factors", "common_tags", "duration_strip", "incidents_by_month", "pareto",
        "rule_bars", "rule_map", "season_map", "timeline_strip",
    ),
    "explore.page_pictures": (
        "cohort_figure", "completion_curve", "completion_curves", "lateness_strip", "stage_curves", "step_board",
    ),
    "live.explorer": ("explorer",),
    "letters.review_meeting": ("review_invitation",),
    "render": ("answer", "definitions", "folded", "metrics", "note", "notes", "stacked", "table", "timeline_mark"),
    "closing": ("accounting", "assumptions", "left_out", "made_from"),
}  # fmt: skip
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}
__all__ = sorted(_HOME_OF)


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        nearest = import_module("difflib").get_close_matches(name, __all__, 1)
        hint = f"; did you mean {nearest[0]!r}?" if nearest else ""
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}{hint}")
    value = getattr(import_module(f"{__name__}.{_HOME_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
