"""The meeting: an agenda ranked by what a decision would be worth, with minutes that add up; who is invited."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from incident_lib.column_texts import split_names
from incident_lib.records import Records

OPENING, CLOSING, LEAST, MOST = 2, 3, 2, 8


@dataclass(frozen=True)
class Topic:
    """Something to talk about: a question, why it is worth it, in which section its evidence stands, and its value."""

    question: str
    why: str
    section: str
    value: float


def topics(
    decisions: pd.DataFrame,
    broken: pd.DataFrame,
    changes: pd.DataFrame,
    fixed: pd.DataFrame,
    again: pd.DataFrame,
    tasks: pd.DataFrame,
    well: pd.DataFrame,
) -> list[Topic]:
    """Return all that could be talked about, from the report's own tables; questions, never verdicts about persons.

    ``tasks`` are the open action items with ``days_late``. What can be decided counts more than what can only be noted.

    >>> month, until = inc.parse_period("2026-09"), records.as_of
    >>> incidents, likeness = inc.incidents_in(records, month), inc.Likeness(inc.incidents_until(records, until))
    >>> decisions, tasks = inc.decisions_until(records, month), inc.open_action_items(records)
    >>> broken = inc.most_broken(inc.rule_results(records, incidents))
    >>> changes = pd.DataFrame(columns=["what", "verdict", "sentence"])
    >>> again, fixed = inc.recurring(likeness, incidents), inc.fixes(records, likeness, until=until)
    >>> well = inc.quotes(records, incidents, "What went well")
    >>> inc.topics(decisions, broken, changes, fixed, again, tasks, well)[0].question
    'Which of our own decisions do we still want, and what keeps them open?'
    """
    every = [
        _decisions(decisions),
        *_rules(broken),
        *_changes(changes),
        _fixes(fixed),
        _recurring(again),
        _tasks(tasks),
    ]
    keep = Topic(
        "What should we do again, and what surprised us?",
        f"{len(well)} things went well by the pages" if len(well) else "the pages don't say what went well",
        "What did people learn?",
        2.0,
    )
    return sorted([topic for topic in [*every, keep] if topic], key=lambda topic: -topic.value)


def _decisions(decisions: pd.DataFrame) -> Topic | None:
    still = decisions[decisions["status"] == "open"]
    overdue = int(still["overdue"].sum())
    if still.empty:
        return None
    why = f"{len(still)} open, {overdue} of them overdue"
    return Topic(
        "Which of our own decisions do we still want, and what keeps them open?",
        why,
        "What became of earlier decisions?",
        4 + 3.0 * overdue,
    )


def _rules(broken: pd.DataFrame) -> list[Topic]:
    worst = broken[broken["broken"] > 0].head(3)
    return [
        Topic(
            f"What makes “{row.rule}” hard to keep, or is it the wrong rule?",
            f"broken {row.broken} of {row.judged} times",
            "Was the process kept?",
            2.5 * row.broken,
        )
        for row in worst.itertuples()
    ]


def _changes(changes: pd.DataFrame) -> list[Topic]:
    told = changes[changes["verdict"] != "cannot tell"]
    return [
        Topic(
            f"What is behind it: {row.what}, {row.verdict}?",
            row.sentence,
            "What changed, as far as it can be told?",
            9.0,
        )
        for row in told.itertuples()
    ]


def _fixes(fixed: pd.DataFrame) -> Topic | None:
    back = fixed[fixed["fate"] == "came back"] if len(fixed) else fixed
    if back.empty:
        return None
    why = f"{len(back)} incidents were followed by one like them after their tasks were done"
    return Topic("What did our fixes not reach?", why, "Did the fixes hold?", 3 + 0.5 * min(len(back), 8))


def _recurring(again: pd.DataFrame) -> Topic | None:
    often = again[again["times"] > 1] if len(again) else again
    if often.empty:
        return None
    return Topic(
        "Which recurring incident is worth ending for good?",
        f"{len(often)} of the period came for at least the third time",
        "What came again?",
        3 + 0.5 * min(len(often), 8),
    )


def _tasks(tasks: pd.DataFrame) -> Topic | None:
    late = tasks[tasks["days_late"].fillna(0) > 0] if len(tasks) else tasks
    if late.empty:
        return None
    return Topic(
        "Which open tasks do we do, and which do we decline?",
        f"{len(late)} open action items are past their day",
        "Which action items are open?",
        3 + 0.3 * min(len(late), 20),
    )


def meeting_agenda(found: Sequence[Topic], *, minutes: int = 30) -> pd.DataFrame:
    """Return the agenda: no, minutes, question, why, section; opening and closing included, minutes add up exactly.

    Topics get minutes in proportion to their value, 2 at least and 8 at most; what then has no room is left out.

    >>> inc.meeting_agenda([]).columns.tolist()
    ['no', 'minutes', 'question', 'why', 'section']
    """
    room = minutes - OPENING - CLOSING
    chosen = list(found[: room // LEAST])
    spent = _shared([topic.value for topic in chosen], room)
    closing = CLOSING + room - sum(spent)
    rows = [
        (OPENING, "What happened, in one page?", "so that everybody knows the answer", "In short"),
        *((time, topic.question, topic.why, topic.section) for time, topic in zip(spent, chosen, strict=True)),
        (closing, "What do we decide, who owns it, by when?", "written down before we part", "What do we decide?"),
    ]
    table = pd.DataFrame(rows, columns=["minutes", "question", "why", "section"])
    return table.assign(no=range(1, len(table) + 1))[["no", "minutes", "question", "why", "section"]]


def _shared(values: Sequence[float], room: int) -> list[int]:
    """Return whole minutes for each value, adding up to the room as far as the most allows (largest remainders)."""
    if not values:
        return []
    spent = [LEAST] * len(values)
    for _ in range(max(room - sum(spent), 0)):
        open_ones = [place for place, time in enumerate(spent) if time < MOST]
        if not open_ones:
            break
        spent[max(open_ones, key=lambda place: (values[place] / spent[place], -place))] += 1
    return spent


def invited(records: Records) -> pd.DataFrame:
    """Return who is invited: name, why (incident commander; asked to be), e-mail. Those who led are there by role.

    >>> inc.invited(records).columns.tolist()
    ['name', 'why', 'email']
    """
    people = records.people
    leads = people["roles"].map(lambda roles: "incident commander" in split_names(roles)).astype(bool)
    chosen = people[leads | people["interested"]]
    why = pd.Series("asked to be invited", index=chosen.index, dtype="str").mask(
        leads[chosen.index], "incident commander"
    )
    why = why.mask(leads[chosen.index] & chosen["interested"], "incident commander; asked to be invited")
    return (
        chosen.assign(why=why)[["name", "why", "email"]]
        .sort_values(["why", "name"], kind="stable")
        .reset_index(drop=True)
    )
