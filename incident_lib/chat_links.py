"""Links of chat: alerts' addresses that tie a tool's incident to the team's talk, and the messages' own addresses."""

from __future__ import annotations

import json
import re

import pandas as pd

from incident_lib.column_texts import join_names, split_names

WITHIN = pd.Timedelta(days=1)
_PERMALINK = re.compile(r"/archives/[A-Z0-9]+/p\d+(?:\?|$)")
_ADDRESS = re.compile(r"https?://[^\s<>()\[\]|]+")


def chat_references(incidents: pd.DataFrame, messages: pd.DataFrame, pattern: str) -> dict[str, list[str]]:
    """Return for each incident the addresses that its chat ties to it: those of a tool's own incident.

    Tied is an incident that the team has not named itself (its id doesn't match ``pattern``) whose address stands in
    messages of exactly one incident, and that was first seen within a day of that one. An address posted under
    several incidents ties nothing: that would be a guess.
    """
    belonging = messages.dropna(subset=["incident_id", "text"])
    if belonging.empty:
        return {}
    alone = incidents[incidents["references"].notna() & ~incidents["incident_id"].str.fullmatch(pattern)]
    homes = {address: row.incident_id for row in alone.itertuples() for address in _addresses(row.references)}
    posted = belonging.assign(address=belonging["text"].map(_ADDRESS.findall)).explode("address")
    posted = posted[posted["address"].isin(homes)][["incident_id", "address"]].drop_duplicates()
    posted["other"] = posted["address"].map(homes).astype("str")
    several = posted.groupby("other")["incident_id"].transform("nunique") > 1
    seen = incidents.set_index("incident_id")["first_seen_at"]
    apart = (posted["incident_id"].map(seen) - posted["other"].map(seen)).abs()
    tied = posted[~several & (apart <= WITHIN) & (posted["incident_id"] != posted["other"])]
    return tied.groupby("incident_id")["address"].agg(list).to_dict()


def _addresses(references: object) -> list[str]:
    return [name for name in split_names(references) if name.startswith(("https://", "http://"))]


def referring(incidents: pd.DataFrame, ids: dict[str, str], addresses: dict[str, list[str]]) -> pd.DataFrame:
    """Return the sources' own rows with these addresses added to the references of the incidents that they tell of."""
    own = incidents["incident_id"]
    canonical = own.map(ids).astype("str").fillna(own)
    rows = canonical.isin(addresses)
    references = incidents["references"].copy()
    references[rows] = [
        join_names([*split_names(known), *addresses[incident_id]])
        for incident_id, known in zip(canonical[rows], references[rows], strict=True)
    ]
    return incidents.assign(references=references)


def permalinks(messages: pd.DataFrame, workspace_url: str | None) -> pd.Series:
    """Return each message's own address: the one that its source states, else the one that the workspace gives it.

    Without ``workspace_url``, and for messages whose channel's id the export doesn't know, only what is stated. The
    form is Slack's: ``…/archives/C07ABC/p1772452800000100``, for an answer with its thread and channel after it.
    """
    if not workspace_url or messages.empty:
        return messages["url"]
    made = [
        _permalink(workspace_url.rstrip("/"), one.message_id, one.thread_id, one.extra)
        for one in messages[["message_id", "thread_id", "extra"]].itertuples()
    ]
    return messages["url"].fillna(pd.Series(made, index=messages.index, dtype="str"))


def _permalink(workspace: str, message_id: object, thread_id: object, extra: object) -> str | None:
    channel = json.loads(extra).get("channel") if isinstance(extra, str) else None
    stamp = message_id.rpartition("/")[2] if isinstance(message_id, str) else ""
    if not isinstance(channel, str) or not re.fullmatch(r"[A-Z0-9]+", channel) or not re.fullmatch(r"\d+\.\d+", stamp):
        return None
    thread = thread_id.rpartition("/")[2] if isinstance(thread_id, str) else stamp
    answer = f"?thread_ts={thread}&cid={channel}" if thread != stamp else ""
    return f"{workspace}/archives/{channel}/p{stamp.replace('.', '')}{answer}"


def is_permalink(url: object) -> bool:
    """Tell whether an address is a chat message's own."""
    return isinstance(url, str) and _PERMALINK.search(url) is not None
