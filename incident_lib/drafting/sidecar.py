"""The file beside a page, ``INC-….evidence.json``: what was generated, from what, and what people have seen."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from incident_lib.drafting.evidence import ENDING, Claim
from incident_lib.errors import SourceError
from incident_lib.files import safe_name
from incident_lib.records import Records
from incident_lib.sources.reading import parse_json


@dataclass(frozen=True)
class Seen:
    """One section's history: the hashes of all that was generated there, and what its people know of the claims.

    ``known`` are the claims at their last edit, ``shown`` those at the last draft, ``kept_as`` the hash of their text
    then (empty: it was as generated).
    """

    hashes: tuple[str, ...] = ()
    known: tuple[str, ...] = ()
    shown: tuple[str, ...] = ()
    kept_as: str = ""


@dataclass(frozen=True)
class Sidecar:
    """What a page's file beside it says."""

    incident_id: str
    sections: Mapping[str, Seen] = field(default_factory=dict)
    front_matter: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    claims: tuple[Claim, ...] = ()
    evidence: Mapping[str, list[dict[str, Any]]] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {
            "what": "The evidence of the page beside this file, by 'incidents draft'; 'incidents verify' follows it.",
            "incident": self.incident_id,
            "sections": {key: dict(vars(seen)) for key, seen in self.sections.items()},
            "front_matter": dict(self.front_matter),
            "labels": dict(self.labels),
            "claims": [vars(claim) for claim in self.claims],
            "evidence": dict(self.evidence),
            "files": dict(sorted(self.files.items())),
        }  # fmt: skip

    def as_json(self) -> bytes:
        """Return it as the file's content."""
        return (json.dumps(self.as_dict(), indent=1, ensure_ascii=False) + "\n").encode("utf-8")


def page_path(records: Records, incident_id: str) -> Path:
    """Return where an incident's page is, or would be."""
    known = records.postmortems.loc[records.postmortems["incident_id"] == incident_id, "path"]
    return records.folder / (known.iloc[0] if len(known) else f"postmortems/{safe_name(incident_id)}.md")


def sidecar_path(records: Records, incident_id: str) -> Path:
    """Return where the file beside an incident's page is, or would be."""
    page = page_path(records, incident_id)
    return page.with_name(page.stem + ENDING)


def read_sidecar(records: Records, incident_id: str) -> Sidecar | None:
    """Return what stands beside an incident's page; None if nothing does: then the whole page is people's.

    Raises:
        SourceError: if the file is there but can't be read; it is not guessed what was generated.
    """
    path = sidecar_path(records, incident_id)
    return parse_sidecar(path.read_bytes(), path.name) if path.is_file() else None


def parse_sidecar(content: bytes, name: str) -> Sidecar:
    """Return the file's content as a ``Sidecar``.

    Raises:
        SourceError: if it is none.
    """
    try:
        stated = parse_json(content.decode("utf-8"), name)
        sections = {key: Seen(*(tuple(value) if isinstance(value, list) else value for value in
                                (seen["hashes"], seen["known"], seen["shown"], seen["kept_as"])))
                    for key, seen in stated["sections"].items()}  # fmt: skip
        claims = tuple(Claim(one["section"], one["text"], one["evidence"]) for one in stated["claims"])
        return Sidecar(
            stated["incident"],
            sections,
            stated["front_matter"],
            stated["labels"],
            claims,
            stated["evidence"],
            stated["files"],
        )
    except (UnicodeDecodeError, KeyError, TypeError, AttributeError) as error:
        raise SourceError(
            f"{name} is no evidence file of ours any more ({error}); "
            "mend it, or remove it to treat the whole page as yours"
        ) from error
