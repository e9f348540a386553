"""A draft written into the workbook beside people who write there too, or shown as it would be; what became of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from incident_lib.drafting.draft import Draft, draft
from incident_lib.drafting.evidence import verify_claims
from incident_lib.drafting.redraft import Redraft, first_draft, redraft
from incident_lib.drafting.sidecar import Sidecar, page_path, read_sidecar, sidecar_path
from incident_lib.errors import FieldError, SourceError, WorkbookError
from incident_lib.files import create_only, replace_unless_changed, write_atomically
from incident_lib.records import Records
from incident_lib.words import counted

TRIES = 20


@dataclass(frozen=True)
class Written:
    """What drafting did to the workbook: the page's path, whether it is new, and the ``Redraft`` behind it."""

    path: Path
    is_new: bool
    result: Redraft


def write_draft(records: Records, incident_id: str, *, owner: str | None = None, summary: str | None = None) -> Written:
    """Write an incident's page and the evidence beside it, new or again, and return what was done.

    A save by a person in the very moment of writing wins: the draft is then made again on what they saved.

    Raises:
        SettingsError: for an unknown incident.
        SourceError: if the page that is there can't be read; nothing is changed then.
        WorkbookError: if a file can't be written, or somebody saves the page again and again.
    """
    records.incident(incident_id)
    path, beside = page_path(records, incident_id), sidecar_path(records, incident_id)
    prior = read_sidecar(records, incident_id)
    fresh = draft(records, incident_id, owner=owner, summary=summary, sidecar=prior)
    path.parent.mkdir(exist_ok=True)
    if not path.exists():
        result = first_draft(fresh)
        # the evidence first: a page without it would count as people's own, if we died in between
        write_atomically(beside, result.sidecar.as_json())
        create_only(path, result.text.encode("utf-8"))
        return Written(path, True, result)
    for _ in range(TRIES):
        content = path.read_bytes()
        result = _again(path, content, fresh, prior, owner)
        if prior is not None or result.sidecar.claims:
            write_atomically(beside, result.sidecar.as_json())
        if replace_unless_changed(path, content, result.text.encode("utf-8")):
            return Written(path, False, result)
    raise WorkbookError(
        f"{path} was saved by somebody each time that it was to be drafted again; it is as they left it"
    )


def _again(path: Path, content: bytes, fresh: Draft, prior: Sidecar | None, owner: str | None) -> Redraft:
    try:
        return redraft(content.decode("utf-8"), fresh, prior, owner=owner)
    except UnicodeDecodeError as error:
        raise SourceError(f"{path} is not UTF-8 text; save it as UTF-8, then draft again") from error
    except FieldError as error:
        raise SourceError(f"{path}: {error}; the page is left as it is") from error


def preview(records: Records, incident_id: str, *, owner: str | None = None) -> Redraft:
    """Return what drafting would make of an incident's page now, without writing anything.

    >>> result = inc.preview(records, "INC-2026-081")
    >>> type(result).__name__
    'Redraft'
    """
    path, prior = page_path(records, incident_id), read_sidecar(records, incident_id)
    fresh = draft(records, incident_id, owner=owner, sidecar=prior)
    return _again(path, path.read_bytes(), fresh, prior, owner) if path.is_file() else first_draft(fresh)


def redraft_sentence(records: Records, incident_id: str, result: Redraft) -> str:
    """Return what is new for the sections that people changed, in a sentence.

    >>> result = inc.preview(records, "INC-2026-081")
    >>> print(inc.redraft_sentence(records, "INC-2026-081", result))
    Nobody has changed a section of this page yet, so there is nothing to offer: drafting again renews it.
    """
    if not page_path(records, incident_id).is_file() or not result.kept:
        return "Nobody has changed a section of this page yet, so there is nothing to offer: drafting again renews it."
    return (
        f"{counted(len(result.kept), 'section')} changed by people and left as they are; "
        f"{counted(len(result.offers), 'line')} below that they don't have yet."
    )


def evidence_sentence(records: Records, result: Redraft) -> str:
    """Return how many generated claims the page holds, and how many of them their sources still bear out.

    >>> result = inc.preview(records, "INC-2026-081")
    >>> print(inc.evidence_sentence(records, result).split("; ")[1])
    the places they point to still bear out 46 of them.
    """
    table = verify_claims(result.sidecar.as_dict(), records.folder)
    if table.empty:
        return "The page holds no sentence of ours, so there is no evidence to follow."
    holds = int(table["state"].str.startswith("holds").sum())
    claims = counted(len(table), "generated claim")
    return f"{claims} on the page; the places they point to still bear out {holds:,} of them."
