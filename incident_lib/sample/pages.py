"""``postmortems/*.md``: the pages that people wrote, from finished prose to drafts that are mostly prompts."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from incident_lib.sample.company import SLACK, ZONE
from incident_lib.sample.facts import Facts, span
from incident_lib.sample.front_matter import field, mapping
from incident_lib.sample.lifecycle import Item, Life, life_of
from incident_lib.sample.pagerduty import alert_title, happenings
from incident_lib.sample.register import tags

MOST_PAGES, OLDEST = 400, timedelta(days=730)
PROMPTS = {
    "Overview": "Two or three sentences for somebody who was not there: what broke, for whom, for how long.",
    "What happened": "Tell it in order, from the first sign to the all-clear. Roles rather than names.",
    "Contributing factors": "What made it possible, what made it worse, what made it hard to see? There is never one.",
    "Resolution": "What ended it, and how do we know?",
    "Impact": "Who noticed what? Add numbers: customers, requests, messages.",
    "What went well": "What should we do again?",
    "What didn't go so well": "Where did we lose time? What surprised us?",
    "Action items": "What will we change? One owner and one date each.",
    "External message": "Summary, what happened, what are we doing about this. It is an incident.",
}


def page_files(incidents: list[Facts], until: datetime) -> Iterator[tuple[str, str]]:
    """Yield the path and text of the newest major incidents' pages."""
    newest = [facts for facts in incidents if facts.is_major and facts.started_at > until - OLDEST][-MOST_PAGES:]
    for facts in newest:
        life = life_of(facts, until)
        if life:
            yield f"postmortems/{facts.incident_id}.md", page_text(facts, life)


def page_text(facts: Facts, life: Life) -> str:
    """Return a whole page."""
    head = "\n".join(["---", *_front_matter(facts, life), "---", f"# {_escaped(facts.title)}", ""])
    parts = [head, *(f"## {heading}\n\n{text}\n" for heading, text in _sections(facts, life))]
    return "\n".join(parts)


def _escaped(text: str) -> str:
    return text.replace("<", "\\<").replace("|", "\\|")


def _front_matter(facts: Facts, life: Life) -> list[str]:
    lines = [field("incident", facts.incident_id), field("title", facts.title), field("severity", facts.severity)]
    lines += [field("owner", life.owner), field("status", life.status)]
    times = ("started_at", "detected_at", "acknowledged_at", "mitigated_at", "resolved_at")
    lines += [field(name, getattr(facts, name)) for name in times]
    lines += [
        field("incident_commander", facts.commander.name if facts.commander else None),
        field("responders", [one.name for one in facts.responders]),
        field("customers", [one.name for one in facts.customers]),
        field("services", [facts.kind.service]),
        field("channel", facts.channel),
        field("tags", list(tags(facts))),
    ]
    lines += [field(name, getattr(life, name)) for name in _LIFE]
    lines += [f"meeting: {mapping({'at': life.meeting_at, 'recording': life.recording})}"] * bool(life.meeting_at)
    lines += _steps(life) + _items(life)
    return lines + [field("references", list(facts.references))] * bool(facts.references)


_LIFE = ("created_at", "assigned_at", "completed_at", "reviewed_at", "closed_at", "not_needed")


def _steps(life: Life) -> list[str]:
    lines = [f"  {step}: {mapping(state)}" for step, state in life.steps.items()]
    return ["follow_up:", *lines] if lines else []


def _items(life: Life) -> list[str]:
    lines = [line for item in life.items for line in _item(item)]
    return ["action_items:", *lines] if lines else []


def _item(item: Item) -> list[str]:
    fields = [field("title", item.title), field("kind", item.kind), field("owner", item.owner)]
    fields += [field("created_on", item.created_on), field("due_on", item.due_on), field("status", item.status)]
    fields += [field(name, value) for name in ("done_on", "because", "touches") if (value := getattr(item, name))]
    fields += [field("customers", list(item.customers))] * bool(item.customers)
    fields.append(field("ticket", item.ticket))
    return [f"  {'- ' if place == 0 else '  '}{line}" for place, line in enumerate(fields)]


def _sections(facts: Facts, life: Life) -> Iterator[tuple[str, str]]:
    """Yield headings and texts; a draft has what the owner got round to, and prompts for the rest."""
    written = _written(facts, life)
    say, prose = facts.say, facts.prose

    def text(heading: str, content: str) -> str:
        return say(content) if heading in written else f"_To write: {PROMPTS[heading]}_"

    if life.not_needed:
        yield "Overview", f"{say(prose.summary)}\n\nNo post-mortem: {life.not_needed}."
        return
    yield "Overview", text("Overview", prose.overview)
    yield "What happened", text("What happened", prose.happened.strip())
    yield "Contributing factors", text("Contributing factors", bullets(prose.factors))
    yield "Resolution", text("Resolution", prose.resolution)
    yield "Impact", "\n\n".join([_numbers(facts), text("Impact", prose.impact)])
    yield "Responders", _responders(facts)
    yield "Timeline", _timeline(facts)
    yield "How'd we do", _how(text, facts)
    yield "Action items", _item_list(life.items) if life.items else text("Action items", "")
    yield "Messaging", _messages(facts, life, text)


def _written(facts: Facts, life: Life) -> set[str]:
    """Return the headings whose text a person has written: all of a complete page, some of a draft."""
    complete = life.completed_at or life.reviewed_at
    return set(PROMPTS) if complete else set(list(PROMPTS)[: facts.rng("draft").choice((0, 1, 2, 2, 3, 5))])


def bullets(lines: tuple[str, ...]) -> str:
    """Return lines as a Markdown list."""
    return "\n".join(f"- {line}" for line in lines)


def _numbers(facts: Facts) -> str:
    """Return the time in each severity, as the template asks for."""
    end = facts.resolved_at
    if end is None:
        return f"Still going on; {facts.severity} since {_clock(facts.raised_at or facts.started_at)} UTC."
    raised = facts.raised_at if facts.raised_from else facts.started_at
    spent = {facts.severity: end - raised}
    if facts.raised_from:
        spent[facts.raised_from] = raised - facts.started_at
    rows = [f"| Time in {name.capitalize()} | {span(time) if time else 'none'} |"
            for name in ("critical", "high") for time in [spent.get(name, timedelta(0))]]  # fmt: skip
    rows.append(f"| Customers | {len(facts.customers)} |")
    return "\n".join(["| | |", "|---|---|", *rows])


def _responders(facts: Facts) -> str:
    lines = [f"- {facts.commander.name} (incident commander)"] if facts.commander else []
    lines += [f"- {one.name}, {one.roles[0]}" for one in facts.responders if one is not facts.commander]
    return "\n".join(lines)


def _timeline(facts: Facts) -> str:
    rows = ["| Time (UTC) | Event | Data link |", "|---|---|---|"]
    rows += [f"| {at:%Y-%m-%d %H:%M} | {_escaped(text)} | {link} |" for at, text, link in _events(facts)]
    return "\n".join(rows)


def _events(facts: Facts) -> list[tuple[datetime, str, str]]:
    alert = f"[alert]({facts.pagerduty_url})" if facts.pagerduty_id and not facts.is_linked_in_chat else ""
    channel = f"[channel]({SLACK}/archives/{facts.channel})" if facts.channel else ""
    first = facts.responders[0].name
    events = [
        (facts.started_at, "**Start of the incident**", ""),
        (facts.detected_at, f"Alert: {alert_title(facts)}" if facts.pagerduty_id else "Reported by a customer", alert),
        (facts.acknowledged_at, f"{first} takes it on", alert),
        (facts.raised_at, f"Raised from {facts.raised_from} to {facts.severity}", channel),
        *((at, text, channel) for at, text in happenings(facts)),
        (facts.mitigated_at, "Impact has stopped", ""),
        (facts.resolved_at, "**Resolved**", alert),
    ]
    return sorted((event for event in events if event[0]), key=lambda event: event[0])


def _how(text, facts: Facts) -> str:
    parts = []
    for heading, lines in (("What went well", facts.prose.well), ("What didn't go so well", facts.prose.badly)):
        parts.append(f"### {heading}\n\n{text(heading, bullets(lines))}")
    return "\n\n".join(parts)


def _item_list(items: tuple[Item, ...]) -> str:
    return "\n".join(
        f"- [{' ' if item.status == 'open' else 'x'}] {item.title} ({item.kind}; {item.owner or 'nobody yet'}, "
        f"due {item.due_on}{', declined: ' + item.because if item.because else ''})"
        for item in items
    )


def _messages(facts: Facts, life: Life, text) -> str:
    parts = [f"### Internal e-mail\n\n{_internal(facts, life)}"]
    external = "".join(f"**{title}:** {facts.prose.external.get(key, '')}\n\n" for title, key in _EXTERNAL)
    summary = f"**Summary:** {_external_summary(facts)}\n\n"
    return "\n\n".join([*parts, f"### External message\n\n{text('External message', summary + external.strip())}"])


_EXTERNAL = (("What happened", "happened"), ("What are we doing about this", "doing"))


def _external_summary(facts: Facts) -> str:
    local, component = facts.started_at.astimezone(ZONE), facts.kind.service
    when = f"On {local:%B} {local.day}, from {local:%H:%M} {local.tzname()}"
    lasted = facts.values["duration"]
    return f"{when} for {lasted}, there was an incident with {component}. We are sorry for the trouble."


def _internal(facts: Facts, life: Life) -> str:
    tasks = len(life.items)
    left = (
        f"{tasks} tasks are on the page." if tasks > 1 else "One task is on the page." if tasks else "No tasks remain."
    )
    owner = f"{life.owner} owns the post-mortem" if life.owner else "the post-mortem has no owner yet"
    lasted = facts.values["duration"]
    return f"{facts.incident_id} ({facts.severity}): {_escaped(facts.title)}. It took {lasted}; {owner}. {left}"


def _clock(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M}"
