"""What all readers gave → the tables of a workbook: bounded, joined, placed, without secrets, in order."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from incident_lib.chat_links import chat_references, referring
from incident_lib.column_texts import join_names
from incident_lib.join import join_incidents, rises
from incident_lib.offers import possible_matches
from incident_lib.placing import placed
from incident_lib.redact import redact_table
from incident_lib.settings import FILE_NAME, Settings
from incident_lib.sources.reading import Batch
from incident_lib.sources.texts import longer_than
from incident_lib.tables import ACCOUNTS, INCIDENTS, PEOPLE, PROBLEMS, TABLES
from incident_lib.typed_table import Table


def gather(batches: Sequence[tuple[str, Batch]], settings: Settings) -> dict[str, pd.DataFrame]:
    """Return all tables of a workbook from what the readers gave: joined, and sorted (see ``_sorted``)."""
    tables = _bounded({table.name: _stacked(table, batches) for table in TABLES}, settings)
    tables = _each_message_once(tables)
    joined = join_incidents(tables["incidents"], settings)
    tables["messages"] = placed(tables["messages"], joined.incidents, settings.sources.incident_id)
    tied = chat_references(joined.incidents, tables["messages"], settings.sources.incident_id)
    if tied:
        joined = join_incidents(referring(tables["incidents"], joined.ids, tied), settings)
    tables["incidents"] = joined.incidents
    for name in ("timeline", "messages", "postmortems", "action_items", "follow_ups"):
        own = tables[name]["incident_id"]
        told = own.isin(list(joined.ids))
        tables[name]["incident_id"] = own.mask(told, own[told].map(joined.ids).astype("str"))
    tables["people"] = _people(tables["people"], settings)
    several = len({reader for reader, batch in batches if INCIDENTS.name in batch.parts}) > 1
    offers = possible_matches(joined.incidents if several else INCIDENTS.frame(), settings.sources.incident_id)
    tables["problems"] = pd.concat([tables["problems"], joined.problems, offers], ignore_index=True)
    tables = _without_secrets(tables)
    return {table.name: _sorted(table.conform(tables[table.name]), table.names) for table in TABLES}


def _without_secrets(tables: dict[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Return the tables with secrets removed at the edge, so that nothing downstream can draw or write one."""
    cleaned = {table.name: redact_table(table, tables[table.name]) for table in TABLES}
    found = [problems for _, problems in cleaned.values()]
    return {
        **{name: frame for name, (frame, _) in cleaned.items()},
        "problems": pd.concat([cleaned["problems"][0], *found], ignore_index=True),
    }


def _bounded(tables: dict[str, pd.DataFrame], settings: Settings) -> dict[str, pd.DataFrame]:
    """Return the tables without texts longer than the limit, and a problem for each of those."""
    limit = settings.sources.limits.text_kilobytes
    kept, found = dict(tables), []
    for table in (table for table in TABLES if table is not PROBLEMS):
        for name in table.of_kind("string", "names", "json"):
            frame = kept[table.name]
            long = longer_than(frame[name], limit * 1000)
            if not long.any():
                continue
            message = f"{name} is longer than {limit:,} kB (sources.limits.text_kilobytes)"
            problem = {"rule": "long-text", "message": message, "effect": "value left out"}
            found += [{**problem, "source": place} for place in frame.loc[long, "source"].str.slice(0, 300)]
            kept[table.name] = frame[~long].reset_index(drop=True) if name == "incident_id" else frame.assign(
                **{name: frame[name].mask(long)})  # fmt: skip
    return {**kept, "problems": pd.concat([kept["problems"], PROBLEMS.frame(found)], ignore_index=True)}


def _each_message_once(tables: dict[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Return the tables without messages that another export tells too: the one edited last stays, else the first."""
    messages = tables["messages"]
    if rises(messages["message_id"]) or not messages["message_id"].duplicated().any():
        return tables
    stated = messages[messages["message_id"].notna()].sort_values("edited_at", ascending=False, kind="stable")
    again = messages.index.isin(stated.index[stated["message_id"].duplicated()])
    accounts = _moved(tables["accounts"], messages.loc[again, "source"], "skipped: told by another file")
    return {**tables, "messages": messages[~again].reset_index(drop=True), "accounts": accounts}


def _moved(accounts: pd.DataFrame, sources: pd.Series, outcome: str) -> pd.DataFrame:
    """Return the accounts with these messages counted as skipped instead of used, each in its own file's account."""
    used = accounts[(accounts["kind"] == "messages") & (accounts["outcome"] == "used")]
    # what follows a file's name in a pointer
    within = [tuple(name + mark for mark in "!#/ ") for name in used["source"]]
    counts = [int(sources.str.startswith(starts).sum()) for starts in within]
    left = accounts.assign(rows=accounts["rows"].sub(pd.Series(counts, used.index), fill_value=0).astype("Int64"))
    skipped = used.assign(outcome=outcome, rows=counts)
    return ACCOUNTS.conform(pd.concat([left, skipped[skipped["rows"] > 0]], ignore_index=True))


def _stacked(table: Table, batches: Sequence[tuple[str, Batch]]) -> pd.DataFrame:
    """Return what all readers gave for one table, with ``format``, the reader's name."""
    if table is PROBLEMS:
        return PROBLEMS.frame(vars(problem) for _, batch in batches for problem in batch.problems)
    if table is ACCOUNTS:
        return ACCOUNTS.frame(account for _, batch in batches for account in batch.accounts)
    frames = [batch.table(table).assign(format=reader) for reader, batch in batches if table.name in batch.parts]
    frames = frames or [table.frame().assign(format=pd.Series(dtype="str"))]
    return pd.concat(frames, ignore_index=True) if len(frames) > 1 else frames[0].reset_index(drop=True)


def _people(people: pd.DataFrame, settings: Settings) -> pd.DataFrame:
    """Return the people of the settings, with what exports know beside; settings win."""
    rows = [
        {**person.model_dump(), "roles": join_names(person.roles), "source": FILE_NAME} for person in settings.people
    ]
    both = pd.concat([PEOPLE.frame(rows), PEOPLE.conform(people)], ignore_index=True)
    merged = both.groupby("name", sort=True).first().reset_index()
    interested = both.groupby("name")["interested"].any()
    return merged.assign(interested=merged["name"].map(interested))


_ORDER = ("incident_id", "review", "name", "rule", "channel", "at", "item", "step", "decision")


def _sorted(table: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    """Return rows by id, time and the like; rows alike in those stay as they were read, file by file."""
    keys = [name for name in _ORDER if name in names] or ["source", "kind", "outcome"]
    if rises(table[keys[0]]):
        return table.reset_index(drop=True)
    # Arrow's sort is stable: ten updates of one minute keep their order, where "updates/10" would go before "updates/2"
    order = pc.sort_indices(
        pa.Table.from_pandas(table[keys], preserve_index=False), [(key, "ascending") for key in keys]
    )
    return table.take(order.to_numpy()).reset_index(drop=True)
