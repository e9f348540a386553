"""The letters of the follow-up, written from the records: to the group, to customers, and to owners."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import StrictUndefined, TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from incident_lib.column_texts import split_names
from incident_lib.drafting.audiences import Screen, external_sentences
from incident_lib.drafting.overview import when
from incident_lib.errors import SettingsError
from incident_lib.letters.correspondence import Letter, one_line
from incident_lib.records import Records, unknown
from incident_lib.words import listed

TEMPLATES = Path(__file__).parents[1] / "templates" / "letters"
KINDS = ("internal", "notice", "all-clear", "feedback")
_TOUCHES = {"restart": "a restart", "change": "a change"}


def letters_of(records: Records, incident_id: str, kind: str) -> list[Letter]:
    """Return the letters of a kind for an incident: one to the group, or one to each customer concerned.

    Raises:
        SettingsError: for an unknown incident or kind, or where nothing is to be written, with the reason.
    """
    makers = {"internal": internal, "notice": notices, "all-clear": all_clears, "feedback": feedback}
    if kind not in makers:
        raise SettingsError(unknown(kind, list(makers), "kind of letter"))
    records.incident(incident_id)
    return makers[kind](records, incident_id)


def internal(records: Records, incident_id: str) -> list[Letter]:
    """Return the e-mail that tells the group of an incident: the page or a description, and the remaining tasks."""
    incident, page = records.incident(incident_id), _page(records, incident_id)
    items = _items(records, incident_id)
    owner = page.get("owner")
    context = {
        "overview": _overview(records, incident),
        "description": _text(incident["summary"]),
        "owner_line": f"{owner} owns the post-mortem." if _text(owner) else "Nobody owns the post-mortem yet: who can?",
        "tasks": [_task(row) for row in items[items["status"] == "open"].to_dict("records")],
    }
    text = rendered(records, "internal", {**_common(records, incident_id), **context})
    return [Letter(f"{incident_id}/internal", _group(records), *text, incident_id, "internal-email")]


def feedback(records: Records, incident_id: str) -> list[Letter]:
    """Return the request for feedback on a page that is complete.

    Raises:
        SettingsError: if there is no complete page.
    """
    page = _page(records, incident_id)
    if page.get("status") not in ("in review", "reviewed"):
        raise SettingsError(f"{incident_id} has no page in review; feedback is asked for when the page is complete")
    held = page["meeting_at"]
    local = held.tz_convert(records.settings.workbook.tz) if pd.notna(held) and held > records.as_of else None
    context = {
        "owner": _text(page["owner"]) or "The owner",
        "page_path": page["path"],
        "meeting_words": f"; we talk about it on {local:%A %-d %B at %H:%M}" if local is not None else "",
    }
    text = rendered(records, "feedback", {**_common(records, incident_id), **context})
    return [Letter(f"{incident_id}/feedback", _group(records), *text, incident_id, "page-shared")]


def notices(records: Records, incident_id: str) -> list[Letter]:
    """Return a notice to each customer on whose systems something is still to be restarted or changed.

    Raises:
        SettingsError: if no open action item touches a customer's system.
    """
    items = _touching(records, incident_id)
    written = [
        _to_customer(records, incident_id, customer, own, "notice")
        for customer, own in _by_customer(items[items["status"] == "open"])
    ]
    if not written:
        raise SettingsError(
            f"{incident_id} has no open action item that touches a customer's system; nobody is to be told"
        )
    return written


def all_clears(records: Records, incident_id: str) -> list[Letter]:
    """Return the all-clear to each customer all of whose tasks are done.

    Raises:
        SettingsError: if there is no such customer, with what is still open.
    """
    items = _touching(records, incident_id)
    parts = [(customer, own) for customer, own in _by_customer(items) if (own["status"] == "done").all()]
    if not parts:
        numbers = [str(number) for number in items.loc[items["status"] == "open", "item"]]
        one = len(numbers) == 1
        still = f"action item{'' if one else 's'} {listed(numbers)} {'is' if one else 'are'} open"
        why = still if numbers else "no action item touches a customer's system"
        raise SettingsError(f"{incident_id} has no customer who can be told that all is clear: {why}")
    return [_to_customer(records, incident_id, customer, own, "all-clear") for customer, own in parts]


_STEPS = {"notice": ("notice", "customer-contacted"), "all-clear": ("all_clear", "all-clear")}


def _to_customer(records: Records, incident_id: str, customer: str, items: pd.DataFrame, kind: str) -> Letter:
    """Return a letter to one customer: only what concerns them, and only words that may leave the house."""
    template, step = _STEPS[kind]
    screen, incident = Screen(records, customer), records.incident(incident_id)
    began = incident["started_at"] if pd.notna(incident["started_at"]) else incident["first_seen_at"]
    signed = _signed(records)
    context = {
        "customer": customer,
        "day": f"{began.tz_convert(records.settings.workbook.tz):%-d %B %Y}" if pd.notna(began) else "late",
        "sentences": " ".join(external_sentences(records, incident_id, customer)),
        "items": [_outside(row, screen) for row in items.to_dict("records")],
        "planned": listed([_TOUCHES[one] for one in items["touches"].unique()]).capitalize(),
        "signed": signed if screen.passes(signed) else "",
    }
    numbers = ",".join(str(number) for number in items["item"])
    key = f"{incident_id}/{kind}/{customer}/{numbers}"
    return Letter(
        key, (_customer_address(records, customer),), *rendered(records, template, context), incident_id, step
    )


def _outside(row: Mapping[str, Any], screen: Screen) -> str:
    """Return a task as a customer may read it: its title if every word of that may leave the house, else its kind."""
    what = _TOUCHES[row["touches"]]
    title = one_line(row["title"])
    return f"{what}: {title}" if screen.passes(title) else what


def _touching(records: Records, incident_id: str) -> pd.DataFrame:
    items = _items(records, incident_id)
    return items[items["touches"].isin(list(_TOUCHES)) & items["customers"].notna() & (items["status"] != "declined")]


def _by_customer(items: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    names = dict.fromkeys(name for text in items["customers"] for name in split_names(text))
    return [(name, items[items["customers"].map(lambda text, name=name: name in split_names(text))]) for name in names]


def _customer_address(records: Records, customer: str) -> tuple[str, str]:
    found = next((one.email for one in records.settings.customers if one.name == customer), None)
    if not found:
        raise SettingsError(f"the settings have no address for {customer}; add email to its [[customers]] entry")
    return customer, found


def _group(records: Records) -> tuple[tuple[str, str], ...]:
    to = records.settings.messages.internal_to
    if not to:
        raise SettingsError("there is no group to write to: set messages.internal_to in workbook.toml")
    return ((records.settings.workbook.name, to),)


def _common(records: Records, incident_id: str) -> dict[str, Any]:
    incident = records.incident(incident_id)
    url = records.settings.messages.page_url
    return {
        "incident_id": incident_id,
        "title": _text(incident["title"]) or incident_id,
        "severity": _text(incident["severity"]) or "severity not stated",
        "page_url": url.replace("{id}", incident_id) if url else None,
        "signed": _signed(records),
    }


def _signed(records: Records) -> str:
    return one_line(records.settings.messages.signed or records.settings.workbook.name)


def _page(records: Records, incident_id: str) -> dict[str, Any]:
    pages = records.postmortems[records.postmortems["incident_id"] == incident_id]
    return pages.iloc[0].to_dict() if len(pages) else {}


def _items(records: Records, incident_id: str) -> pd.DataFrame:
    return records.action_items[records.action_items["incident_id"] == incident_id]


def _text(value: Any) -> str:
    return "" if value is None or pd.isna(value) else one_line(value)


def _overview(records: Records, incident: pd.Series) -> str:
    services, customers = split_names(incident["services"]), split_names(incident["customers"])
    what = f"It affected {listed(services)}" if services else "The records name no service"
    whom = f" for {listed(customers)}." if customers else "; the records name no customer."
    return one_line(f"{what}{whom} {when(records, incident)}")


def _task(row: Mapping[str, Any]) -> str:
    due = f"due {row['due_on']:%Y-%m-%d}" if pd.notna(row["due_on"]) else "no day yet"
    return f"{row['item']}. {_text(row['title'])} ({_text(row['owner']) or 'nobody yet: who can?'}; {due})"


def rendered(records: Records, name: str, context: Mapping[str, Any]) -> tuple[str, str]:
    """Return a letter's subject and text, from the workbook's own ``templates/letters`` or from ours.

    Raises:
        SettingsError: if the template can't be filled, or does not begin with "Subject: ".
    """
    places = [folder / f"{name}.md.j2" for folder in (records.folder / "templates" / "letters", TEMPLATES)]
    path = next(place for place in places if place.is_file())
    environment = ImmutableSandboxedEnvironment(
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, autoescape=False
    )
    try:
        text = environment.from_string(path.read_text(encoding="utf-8")).render(context)
    except (OSError, UnicodeDecodeError, TemplateError, TypeError, ValueError) as error:
        raise SettingsError(f"the template {path} can't be filled: {error}") from error
    subject, _, body = text.partition("\n")
    if not subject.startswith("Subject: "):
        raise SettingsError(f"the template {path} has to begin with a line 'Subject: …'")
    return one_line(subject.removeprefix("Subject: ")), _tidy(body)


def _tidy(body: str) -> str:
    """Return a text without runs of empty lines."""
    lines: list[str] = []
    for line in body.splitlines():
        if line.strip() or (lines and lines[-1]):
            lines.append(line.rstrip())
    return "\n".join(lines).strip("\n") + "\n"
