"""Who responded to an incident, in which role, when; and who handed over to whom: each with its evidence."""

from __future__ import annotations

import re

import pandas as pd

from incident_lib.column_texts import split_names
from incident_lib.records import Records

_COMMANDER = re.compile(
    r"(?i)\bI(?:'m| am) (?:the )?(?:incident commander|IC)\b|\b(?:incident commander|IC) is me\b|"
    r"\btaking over as (?:incident commander|IC)\b"
)
_SCRIBE = re.compile(r"(?i)\bI(?:'m| am) (?:the )?(?:scrib(?:e|ing))\b|\bI(?:'ll| will) scribe\b")
_LIAISON = re.compile(r"(?i)\bI(?:'m| am) (?:the )?customer liaison\b|\bI have \S+(?: \S+)? on the phone\b")
_ASKS = re.compile(
    r"(?i)@([\w .'’-]+?)[,:]?\s+(?:can|could|would|will) you take over(?: as (?:IC|incident commander))?"
)
_TAKES = re.compile(r"(?i)\b(?:taking over|I have it|I(?:'ll| will) take (?:it|over)|hand-?off read)\b")


def responders(records: Records, incident_id: str) -> pd.DataFrame:
    """Return who responded: name, role, first_at, last_at, signs (how many), source (first sign, and of the role).

    Evidence is a log entry or a message of theirs in the incident; people whom only the register or page names are
    listed without times. A role in this incident is stated where somebody says so or a record does; else the role
    is the one that the settings give the person.

    >>> inc.responders(records, "INC-2026-042").columns.tolist()
    ['name', 'role', 'first_at', 'last_at', 'signs', 'source']
    """
    incident = records.incident(incident_id)
    seen = _seen(records, incident_id)
    stated = [*split_names(incident["responders"]), incident["incident_commander"]]
    named = pd.Index([name for name in dict.fromkeys(stated) if isinstance(name, str)], dtype="str")
    every = seen.reindex(seen.index.union(named, sort=True)).rename_axis("name").reset_index()
    every["source"] = every["source"].fillna(incident["source"])
    roles = {name: _role(records, incident, name) for name in every["name"]}
    every["role"] = pd.Series([roles[name][0] for name in every["name"]], index=every.index, dtype="str")
    every["source"] = [
        _both(source, roles[name][1]) for name, source in zip(every["name"], every["source"], strict=True)
    ]
    every = every.assign(signs=every["signs"].fillna(0).astype(int))
    columns = ["name", "role", "first_at", "last_at", "signs", "source"]
    return every.sort_values(["first_at", "name"], na_position="last")[columns].reset_index(drop=True)


def _seen(records: Records, incident_id: str) -> pd.DataFrame:
    """Return each person's first and last sign of activity, by name."""
    events = records.timeline[(records.timeline["incident_id"] == incident_id) & records.timeline["who"].notna()]
    signs = pd.concat([events[["who", "at", "source"]], _said(records, incident_id)[["who", "at", "source"]]])
    signs = signs.dropna(subset="who").sort_values(["at", "source"])
    signs = signs.assign(who=_full_names(records, signs["who"]))
    return signs.groupby("who").agg(
        first_at=("at", "min"), last_at=("at", "max"), signs=("at", "size"), source=("source", "first")
    )


def _full_names(records: Records, names: pd.Series) -> pd.Series:
    """Return names with handles and addresses replaced by the name of the person they belong to."""
    people = records.people
    known = {
        str(key).removeprefix("@").casefold(): name
        for column in ("handle", "email")
        for key, name in zip(people[column], people["name"], strict=True)
        if pd.notna(key)
    }
    return names.map(lambda name: known.get(name.removeprefix("@").casefold(), name)).astype("str")


def _said(records: Records, incident_id: str) -> pd.DataFrame:
    messages = records.messages
    return messages[(messages["incident_id"] == incident_id) & ~messages["is_bot"] & messages["who"].notna()]


def _role(records: Records, incident: pd.Series, name: str) -> tuple[str | None, str | None]:
    """Return a person's role with its evidence (None: none beyond the settings)."""
    own = _said(records, incident["incident_id"])
    own = own[_full_names(records, own["who"]) == name]
    found = {"incident commander": incident["source"]} if incident["incident_commander"] == name else {}
    for role, pattern in (("incident commander", _COMMANDER), ("scribe", _SCRIBE), ("customer liaison", _LIAISON)):
        says = own[own["text"].fillna("").map(lambda text, pattern=pattern: bool(pattern.search(text)))]
        if len(says):
            found.setdefault(role, str(says["source"].iloc[0]))
    scribed = own[
        own["text"]
        .fillna("")
        .str.casefold()
        .str.startswith(tuple(p.casefold() for p in records.settings.chat.scribe_prefixes))
    ]
    if len(scribed):
        found.setdefault("scribe", str(scribed["source"].iloc[0]))
    took = _took_the_alert(records, incident["incident_id"], name)
    if took is not None:
        found.setdefault("on-call", took)
    if not found:
        usual = records.people.loc[records.people["name"] == name, "roles"].dropna()
        return (
            (f"responder (usually {', '.join(split_names(usual.iloc[0]))})", "workbook.toml")
            if len(usual)
            else (None, None)
        )
    return ", ".join(found), "; ".join(found.values())


def _took_the_alert(records: Records, incident_id: str, name: str) -> str | None:
    """Return the pointer to a person's acknowledgement of the alert; None if there is none."""
    events = records.timeline
    own = events[(events["incident_id"] == incident_id) & (events["kind"] == "acknowledged") & (events["who"] == name)]
    return None if own.empty else str(own.sort_values("at")["source"].iloc[0])


def _both(first: str, second: str | None) -> str:
    return "; ".join(dict.fromkeys([*first.split("; "), *(second or "").split("; ")])).removesuffix("; ").strip("; ")


def hand_offs(records: Records, incident_id: str) -> pd.DataFrame:
    """Return who took over the lead from whom: at, before (empty if unsaid), after, text (their words), source.

    A hand-off is somebody saying that they are the incident commander after somebody else was, or taking over when
    asked to in the ten minutes before.

    >>> inc.hand_offs(records, "INC-2026-042").columns.tolist()
    ['at', 'before', 'after', 'text', 'source']
    """
    said = _said(records, incident_id).sort_values(["at", "source"])
    rows: list[dict[str, object]] = []
    leader, asked = None, None
    for message in said.assign(who=_full_names(records, said["who"])).to_dict("records"):
        text = str(message["text"])
        takes = _COMMANDER.search(text) or (
            asked and message["at"] - asked <= pd.Timedelta(minutes=10) and _TAKES.search(text)
        )
        if takes and message["who"] != leader:
            if leader is not None:
                rows.append(
                    {
                        "at": message["at"],
                        "before": leader,
                        "after": message["who"],
                        "text": text,
                        "source": message["source"],
                    }
                )
            leader, asked = message["who"], None
        elif _ASKS.search(text):
            leader, asked = leader or message["who"], message["at"]
    return pd.DataFrame(rows, columns=["at", "before", "after", "text", "source"])
