"""Drafting again without loss: what people changed stays byte for byte, the rest is renewed, what is new is offered."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

import pandas as pd

from incident_lib.drafting.draft import EVIDENCE, FOOTNOTE, Draft, footnote_line, footnotes
from incident_lib.drafting.evidence import Claim, evidence_of
from incident_lib.drafting.fragments import split_pointer
from incident_lib.drafting.page_front_matter import FILLED, filled
from incident_lib.drafting.sidecar import Seen, Sidecar
from incident_lib.settings import Limits
from incident_lib.sources.front_matter import parse_front_matter, split_page
from incident_lib.sources.markdown import blocks
from incident_lib.story.milestones import nearly_the_same


@dataclass(frozen=True)
class Redraft:
    """A page drafted again: its text, what was renewed, kept and filled, what is offered, and its new evidence.

    ``offers`` has the columns section and text: what the records have to say for a section since its people last
    edited it.
    """

    text: str
    renewed: tuple[str, ...]
    kept: tuple[str, ...]
    filled: tuple[str, ...]
    offers: pd.DataFrame
    sidecar: Sidecar


def first_draft(fresh: Draft) -> Redraft:
    """Return a new page with the evidence to put beside it."""
    return redraft(fresh.text, fresh, None, own=True)


def redraft(
    current: str, fresh: Draft, prior: Sidecar | None, *, own: bool = False, owner: str | None = None
) -> Redraft:
    """Return a page as it becomes when it is drafted again.

    A section whose bytes are as some earlier draft left them is renewed; every other one is people's. A page without
    a sidecar is people's as a whole, unless ``own`` says that it was made just now. Front matter: only empty fields
    for facts are filled, and ``owner`` if one is named.

    Raises:
        FieldError: if the page has no front matter that can be read; then nothing may be changed.
    """
    page = split_page(current)
    head = current[: len(current) - len(page.body)]
    head, names = _head(head, page.front_matter, fresh, managed=prior is not None, owner=owner)
    written = dict(blocks(page.body))
    seen = dict(prior.sections) if prior else {}
    untouched = {key for key, text in written.items() if own or (key in seen and _sha(text) in seen[key].hashes)}
    merged = _merged(written, fresh, untouched, seen if prior else None)
    body = _with_footnotes(merged, written, untouched, {**(prior.labels if prior else {}), **fresh.labels})
    kept = tuple(key for key in written if key not in untouched and key != EVIDENCE)
    offers, history = _offers(written, fresh, untouched, seen, merged)
    renewed = tuple(
        key for key, text in merged.items() if key != EVIDENCE and key in fresh.sections and written.get(key) != text
    )
    text = head + body
    changed = None if own else renewed
    return Redraft(text, changed if changed is not None else tuple(fresh.sections), kept, names, offers,
                   _sidecar(text, body, fresh, prior, history, set(kept), names, own))  # fmt: skip


def _head(
    head: str, front_matter: str, fresh: Draft, *, managed: bool, owner: str | None
) -> tuple[str, tuple[str, ...]]:
    """Return the page's beginning with its empty fields filled, and which were."""
    names = (*(FILLED if managed else ()), *(("owner", "assigned_at") if owner else ()))
    if not names:
        return head, ()
    changed, done = filled(front_matter, fresh.front_matter, names)
    place = head.index(front_matter) if front_matter else 0
    return head[:place] + changed + head[place + len(front_matter) :], tuple(done)


def _merged(
    written: Mapping[str, str], fresh: Draft, untouched: set[str], seen: Mapping[str, Seen] | None
) -> dict[str, str]:
    """Return the page's sections: people's as they are, ours renewed, and new ones of ours after those they follow."""
    merged = {
        key: _ending(fresh.sections[key], text) if key in untouched and key in fresh.sections else text
        for key, text in written.items()
        if key not in untouched or key in fresh.sections or key == EVIDENCE
    }
    if seen is None:
        return merged
    order = list(fresh.sections)
    for place, key in enumerate(order):
        before = order[place - 1] if place else None
        if key not in merged and key not in seen and before in merged:
            merged = _inserted(merged, key, fresh.sections[key], before)
    return merged


def _ending(fresh: str, written: str) -> str:
    """Return a renewed section; the last one of a page ends without an empty line, any other with one."""
    return fresh.rstrip("\n") + written[len(written.rstrip("\n")) :]


def _inserted(merged: Mapping[str, str], key: str, text: str, before: str) -> dict[str, str]:
    result: dict[str, str] = {}
    for name, content in merged.items():
        result[name] = content
        if name == before:
            if not content.endswith("\n\n"):
                result[name] = content + ("\n" if content.endswith("\n") else "\n\n")
            result[key] = text.rstrip("\n") + "\n\n"
    return result


def _with_footnotes(
    merged: dict[str, str], written: Mapping[str, str], untouched: set[str], labels: Mapping[str, str]
) -> str:
    """Return the body with a definition for every footnote of ours; a person's changes to that section stay."""
    rest = "".join(text for key, text in merged.items() if key != EVIDENCE)
    if EVIDENCE in merged and EVIDENCE not in untouched:
        body = "".join(merged.values())
        defined = set(re.findall(r"(?m)^\[\^(e\d+)\]:", body))
        missing = [label for label in dict.fromkeys(FOOTNOTE.findall(body)) if label not in defined and label in labels]
        lines = "".join(footnote_line(label, labels[label]) for label in missing)
        return body + ("\n\n" if lines and not body.endswith("\n") else "\n" if lines else "") + lines
    last = EVIDENCE not in merged or list(merged)[-1] == EVIDENCE
    notes = footnotes(rest, labels)
    if not last:
        return "".join(text if key != EVIDENCE else notes.lstrip("\n") + "\n" for key, text in merged.items())
    return (rest.rstrip("\n") + "\n" if notes and EVIDENCE in merged else rest) + _notes_after(rest, notes)


def _notes_after(rest: str, notes: str) -> str:
    return notes if not notes or rest.endswith("\n") else "\n" + notes


def _offers(
    written: Mapping[str, str], fresh: Draft, untouched: set[str], seen: Mapping[str, Seen], merged: Mapping[str, str]
) -> tuple[pd.DataFrame, dict[str, Seen]]:
    """Return what is new for the sections that people changed or took out, and every section's new history."""
    rows: list[dict[str, str]] = []
    history: dict[str, Seen] = dict(seen)
    for key, text in fresh.sections.items():
        said = tuple(dict.fromkeys(claim.text for claim in fresh.claims if claim.section == key))
        before = seen.get(key, Seen())
        if key in untouched or (key not in written and key in merged):
            hashes = tuple(dict.fromkeys([*before.hashes, _sha(merged.get(key, text))]))
            history[key] = Seen(hashes, said, said, "")
            continue
        own = written.get(key, "")
        edited = before.kept_as not in ("", _sha(own))
        known = before.shown if edited else before.known
        history[key] = Seen(before.hashes, known, said, _sha(own))
        rows += [
            {"section": key or "the head of the page", "text": one}
            for one in said
            if one not in known and not _stands_in(one, own)
        ]
    return pd.DataFrame(rows, columns=["section", "text"]), history


def _stands_in(claim: str, own: str) -> bool:
    """Tell whether a person's section says a claim already: in these words, or nearly so in one of its lines."""
    words = re.sub(r"^\W*\*\*[^*]+\*\*: ", "", claim)
    said = [part for line in own.splitlines() for part in (line, *line.split("|")) if part.strip()]
    return claim in own or any(nearly_the_same(words, one) for one in said)


def _sidecar(
    text: str, body: str, fresh: Draft, prior: Sidecar | None, history: Mapping[str, Seen], kept: set[str],
    names: tuple[str, ...], own: bool,
) -> Sidecar:  # fmt: skip
    """Return the evidence of the page as it is now: of renewed sections anew, of people's as far as the words stand."""
    old = [claim for claim in prior.claims if claim.section in kept and claim.text in body] if prior else []
    new = [claim for claim in fresh.claims if claim.section not in kept]
    if prior is None and not own:
        new = []
    evidence = evidence_of({claim.evidence: fresh.pointers[claim.evidence] for claim in new}, fresh.fragments)
    evidence = {**{claim.evidence: prior.evidence[claim.evidence] for claim in old if prior}, **evidence}
    files = {split_pointer(one["pointer"])[0] for cited in evidence.values() for one in cited}
    known = prior.files if prior else {}
    digests = {file: fresh.fragments.file_digest(file) or known.get(file, "") for file in files}
    hashes = dict(history)
    notes = dict(blocks(body)).get(EVIDENCE)
    if notes is not None:
        before = hashes.get(EVIDENCE, Seen())
        hashes[EVIDENCE] = (
            replace(before, hashes=tuple(dict.fromkeys([*before.hashes, _sha(notes)])))
            if EVIDENCE not in kept and _is_ours(notes)
            else before
        )
    labels = {**(prior.labels if prior else {}), **fresh.labels}
    return Sidecar(
        fresh.incident_id,
        hashes,
        _machine(text, prior, names, own),
        labels,
        tuple(_ordered([*old, *new], fresh)),
        evidence,
        digests,
    )


def _is_ours(notes: str) -> bool:
    """Tell whether the section of footnotes holds nothing but what we write there."""
    return all(re.fullmatch(rf"## {EVIDENCE}|\[\^e\d+\]: .*|", line) for line in notes.splitlines())


def _ordered(claims: list[Claim], fresh: Draft) -> list[Claim]:
    order = {key: place for place, key in enumerate(fresh.sections)}
    return sorted(claims, key=lambda claim: order.get(claim.section, len(order)))


def _machine(text: str, prior: Sidecar | None, names: tuple[str, ...], own: bool) -> dict[str, str]:
    """Return the front matter values that we wrote and nobody has changed, as ``Fragments`` would read them."""
    content = parse_front_matter(split_page(text), Limits())
    now = {
        name: json.dumps(str(content[name]), ensure_ascii=False)
        for name in FILLED
        if content.get(name) not in (None, "", [])
    }
    before = prior.front_matter if prior else {}
    return {name: value for name, value in now.items() if own or name in names or before.get(name) == value}


def _sha(text: str) -> str:
    """Return a section's hash; how many empty lines follow it is nobody's statement."""
    return hashlib.sha256(text.rstrip("\n").encode("utf-8", "surrogatepass")).hexdigest()
