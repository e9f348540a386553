"""What stands at a report's end: what was left out, what the settings decided, and how the report was made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from jinja2 import Environment

from incident_lib.as_of import NEVER
from incident_lib.records import Records
from incident_lib.render import Shown, definitions, note, table
from incident_lib.words import counted

DONE_MIMETYPE = "application/vnd.incident-workbook.done+json"
_FILE = Environment(autoescape=True).from_string("<li>{{ name }} <code>{{ digest }}</code></li>")


def left_out(records: Records, *, exact: bool = True) -> Shown:
    """Return how many problems the records have, by rule and effect, and the table of all of them.

    Without ``exact`` the place is the file alone: lines and positions change when a file grows.

    >>> print(inc.left_out(records).text.splitlines()[0])
    8 problems in the records, by rule
    """
    problems = records.problems
    if not exact:
        files = problems["source"].str.replace(r"(#/[^;]*| line \d+)", "", regex=True)
        problems = problems.assign(source=files)
    if problems.empty:
        return note("Nothing was left out: every row of every file could be read.")
    count = f"{len(problems):,} problem{'' if len(problems) == 1 else 's'} in the records"
    counts = problems.groupby(["rule", "effect"]).size().rename("problems").reset_index()
    shown = problems.head(200)
    more = f" (the first 200 of {len(problems):,})" if len(problems) > 200 else ""
    columns = {"message": "what", "effect": "what it cost", "source": "where"}
    listed = table(shown, f"Each of them, with its place{more}", columns, name="problems")
    summary = table(counts, f"{count}, by rule", {"rule": "rule", "effect": "what it cost", "problems": "problems"})
    fold = f"<details><summary>Each of them, with its place</summary>{listed.html}</details>"
    return Shown(summary.html + fold, f"{summary.text}\n\n{listed.text}", listed.data)


def accounting(records: Records) -> Shown:
    """Return what each file held: read = used + skipped, in a fold.

    >>> print(inc.accounting(records.where(severity="critical")).text.splitlines()[0])
    2,537 rows read = 2,389 used + 148 skipped, with the reason
    """
    accounts = records.accounts
    total = int(accounts["rows"].sum())
    used = int(accounts.loc[accounts["outcome"] == "used", "rows"].sum())
    title = f"{total:,} rows read = {used:,} used + {total - used:,} skipped, with the reason"
    by_format = accounts.groupby(["format", "kind", "outcome"], as_index=False)["rows"].sum()
    listed = table(by_format, title, name="accounting", empty="No file was read.")
    return Shown(f"<details><summary>{title}</summary>{listed.html}</details>", listed.text, listed.data)


def assumptions(records: Records) -> Shown:
    """Return what the settings decided, so that a reader can disagree.

    >>> print(inc.assumptions(records).text.splitlines()[1])
    Major: critical, high; these need a post-mortem
    """
    settings = records.settings
    rules, calendar = settings.deadlines, settings.calendar
    place = ", ".join(filter(None, [calendar.country, calendar.subdivision])) or "no country, so no holidays"
    items = {
        "Major": f"{', '.join(settings.severities.major)}; these need a post-mortem",
        "Deadline of the page": _spans(rules.page, settings.severities.major),
        "Deadline of the meeting": _spans(rules.meeting, settings.severities.major),
        "The clock starts": _starts(rules) + ", and a day ends at 23:59:59",
        "Business days": f"{', '.join(calendar.workdays)}; holidays of: {place}; zone: {settings.workbook.zone}",
        "Believed first where sources disagree": ", ".join(settings.sources.precedence),
        **{f"Calendar {one.name}": f"for {', '.join((*one.customers, *one.teams))}" for one in settings.calendars},
        **{f"Until {rule.until}": f"page: {_spans(rule.page, list(rule.page)) or 'as now'}" for rule in rules.earlier},
    }
    return definitions("What the settings decided", items)


def _starts(rules: Any) -> str:
    """Return the start event, and which severities have another."""
    others = [f"{name}: {event.removesuffix('_at')}" for name, event in rules.start_by_severity.items()]
    return "; ".join([rules.start.removesuffix("_at"), *others])


def _spans(spans: Mapping[str, Any], severities: Sequence[str]) -> str:
    return "; ".join(f"{name}: {spans[name]}" if name in spans else f"{name}: none" for name in severities)


def made_from(
    records: Records, *, title: str, answer: str, incidents: Sequence[str] = (), list_files: bool = True
) -> Shown:
    """Return how the report was made, and the mark by which the publisher knows that the notebook came to its end.

    It has to be the notebook's last cell. Without ``list_files`` the page leaves the files to its manifest, so that
    it stays the same to the byte when files grow later.

    >>> print(inc.made_from(records, title="Mine", answer="Nothing is overdue.").text.splitlines()[0])
    Made from 61 files as of 2026-10-01 03:59 UTC.
    """
    as_of = f"{records.as_of:%Y-%m-%dT%H:%M:%SZ}"
    files = "".join(_FILE.render(name=name, digest=digest[:16]) for name, digest in records.sources.items())
    text = f"Made from {counted(len(records.sources), 'file')} as of {records.as_of:%Y-%m-%d %H:%M} UTC."
    if records.as_of == NEVER:
        text = "The workbook holds no record yet."
    fold = f'<details><summary>The files and their SHA-256</summary><ul class="plain">{files}</ul></details>'
    if not list_files:
        text = f"Shows what was known at {records.as_of:%Y-%m-%d %H:%M} UTC. The files that it was read from, each "
        text, fold = text + "with its SHA-256, stand in the manifest.json of the published report.", ""
    html = f'<p class="note">{text}</p>{fold}'
    done = {
        "title": title,
        "answer": answer,
        "as_of": as_of,
        "sources": dict(records.sources),
        "incidents": list(incidents),
        "titles": _titles(records, incidents),
    }
    return Shown(html, text, {DONE_MIMETYPE: done})


def _titles(records: Records, incidents: Sequence[str]) -> dict[str, str]:
    """Return the titles of incidents by id, of those that have one: for the index."""
    known = records.incidents.set_index("incident_id")["title"].dropna()
    return {name: str(known[name]) for name in incidents if name in known.index}
