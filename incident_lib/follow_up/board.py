"""The follow-up board: every open major incident with its steps, for all, for one owner, or for one customer alone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import pandas as pd

from incident_lib.column_texts import split_names
from incident_lib.drafting.audiences import Screen, external_line
from incident_lib.errors import SettingsError
from incident_lib.follow_up.states import next_steps, open_incidents, step_states
from incident_lib.letters.correspondence import one_line
from incident_lib.records import Records, unknown
from incident_lib.review.service_review import for_outside
from incident_lib.tables import SEVERITIES
from incident_lib.words import counted

NOBODY = "nobody yet"


@dataclass(frozen=True)
class Board:
    """The open follow-ups: ``states`` (see ``follow_up.step_states``), what is ``next``, whose, and whom it concerns.

    ``owners`` and ``customers`` have, by incident id, the page's owner (or "nobody yet") and the customers' names.
    """

    states: pd.DataFrame
    next: pd.DataFrame
    owners: pd.Series
    customers: pd.Series


def follow_up_board(records: Records, *, owner: str | None = None, customer: str | None = None) -> Board:
    """Return the board of all open follow-ups, or of those of one owner or one customer; the most urgent first.

    Raises:
        SettingsError: for an owner or customer whom no open follow-up names, with the nearest.

    >>> len(inc.follow_up_board(records).next)
    39
    """
    states = step_states(records)
    ids = open_incidents(states)
    pages = records.postmortems.drop_duplicates("incident_id").set_index("incident_id")
    owners = pages["owner"].reindex(ids).fillna(NOBODY)
    customers = records.incidents.set_index("incident_id")["customers"].reindex(ids).map(split_names)
    if owner:
        _known(owner, set(owners), "owner of an open follow-up")
        ids = [one for one in ids if owners[one] == owner]
    if customer:
        _known(customer, {name for names in customers for name in names}, "customer with an open follow-up")
        ids = [one for one in ids if customer in customers[one]]
    own = states[states["incident_id"].isin(ids)]
    coming = next_steps(records, own) if len(own) else next_steps(records, states).head(0)
    return Board(own, _most_urgent_first(coming), owners.loc[ids], customers.loc[ids])


def check_names(records: Records, owner: str | None, customers: Iterable[str]) -> None:
    """See that a board or page can be made for these names, before anything is started.

    Raises:
        SettingsError: for one that nobody has, with the nearest.
    """
    if owner:
        follow_up_board(records, owner=owner)
    for name in customers:
        customer_view(records, name)


def _known(name: str, known: set[str], what: str) -> None:
    if name not in known:
        raise SettingsError(unknown(name, sorted(known), what))


def _most_urgent_first(table: pd.DataFrame) -> pd.DataFrame:
    order = table["severity"].astype("str").map({name: place for place, name in enumerate(SEVERITIES)})
    ranked = table.assign(order=order, late=table["state"] != "missing")
    return (
        ranked.sort_values(["late", "due_at", "order", "incident_id"])
        .drop(columns=["order", "late"])
        .reset_index(drop=True)
    )


def board_sentence(board: Board) -> str:
    """Return the board's answer: how many follow-ups are open, and which step has been waiting longest.

    >>> print(inc.board_sentence(inc.follow_up_board(records)))
    39 follow-ups are open, 31 of them with a step whose time has passed; the oldest is ...
    """
    if board.next.empty:
        return "Nothing is open: every follow-up step of every major incident is done or not needed."
    late = board.next[board.next["state"] == "missing"]
    noun = "follow-up is" if len(board.next) == 1 else "follow-ups are"
    if late.empty:
        return f"{len(board.next)} {noun} open, and no step is late."
    oldest = late.sort_values("days_late", ascending=False, kind="stable").iloc[0]
    return (
        f"{len(board.next)} {noun} open, {len(late)} of them with a step whose time has passed; the oldest is "
        f"“{oldest['next']}” of {oldest['incident_id']}, {counted(int(oldest['days_late']), 'business day')} late."
    )


def work_by_owner(board: Board) -> pd.DataFrame:
    """Return per owner how many follow-ups are open, how many steps wait, and since when: to talk about, no ranking.

    Columns owner, open, waiting, oldest (the longest time that a step is late, business days); by name.

    >>> inc.work_by_owner(inc.follow_up_board(records)).columns.tolist()
    ['owner', 'open', 'waiting', 'oldest']
    """
    table = board.next.assign(owner=board.next["incident_id"].map(board.owners))
    groups = table.groupby("owner", sort=True)
    return groups.agg(
        open=("incident_id", "size"), waiting=("waiting", "sum"), oldest=("days_late", "max")
    ).reset_index()


def owners_and_customers(board: Board) -> pd.DataFrame:
    """Return the board's next steps with the page's owner and the customers beside them.

    >>> inc.owners_and_customers(inc.follow_up_board(records)).columns.tolist()[:3]
    ['incident_id', 'severity', 'next']
    """
    customers = board.customers.map(lambda names: ", ".join(names) or None)
    ids = board.next["incident_id"]
    return board.next.assign(owner=ids.map(board.owners), customers=ids.map(customers).astype("str"))


@dataclass(frozen=True)
class CustomerView:
    """What one customer may see, and nothing else: incidents and work on their systems, every word of it screened.

    ``records`` are the records without anything but this customer's incidents, for the report's own mark.
    """

    customer: str
    incidents: pd.DataFrame
    work: pd.DataFrame
    records: Records


def customer_view(records: Records, customer: str | None = None) -> CustomerView:
    """Return one customer's incidents and work, without a name, host or incident of anybody else.

    Without a name it is the customer whose incident was seen last.

    Raises:
        SettingsError: for an unknown customer, or if no incident names any.

    >>> inc.customer_view(records, "Brightwater Clinics").customer
    'Brightwater Clinics'
    """
    tagged = records.incidents.assign(names=records.incidents["customers"].map(split_names))
    customer = customer or _latest(tagged)
    known = {name for names in tagged["names"] for name in names} | {one.name for one in records.settings.customers}
    _known(customer, known, "customer")
    own = tagged[tagged["names"].map(lambda names: customer in names)].sort_values(
        "first_seen_at", ascending=False, kind="stable"
    )
    screen = Screen(records, customer)
    incidents = pd.DataFrame({
        "incident_id": own["incident_id"],
        "began_at": own["started_at"].fillna(own["first_seen_at"]),
        "resolved_at": own["resolved_at"],
        "what": [external_line(records, one, customer) for one in own["incident_id"]],
    })  # fmt: skip
    work = _work(records, own["incident_id"], customer, screen)
    return CustomerView(customer, incidents.reset_index(drop=True), work, for_outside(records, own))


def _latest(tagged: pd.DataFrame) -> str:
    seen = tagged[tagged["names"].map(bool)].sort_values("first_seen_at", kind="stable")
    if seen.empty:
        raise SettingsError("no incident names a customer, so there is no customer's page to make")
    return str(seen["names"].iloc[-1][0])


def _work(records: Records, ids: Iterable[str], customer: str, screen: Screen) -> pd.DataFrame:
    """Return the work on this customer's systems: its kind, its title where every word may be seen, and its state."""
    items = records.action_items[
        records.action_items["incident_id"].isin(list(ids)) & records.action_items["touches"].notna()
    ]
    items = items[items["customers"].map(lambda text: customer in split_names(text))]
    titles = [one_line(title) if screen.passes(title) else None for title in items["title"].astype("str")]
    return pd.DataFrame({
        "incident_id": items["incident_id"],
        "touches": items["touches"],
        "title": pd.Series(titles, index=items.index, dtype="str"),
        "due_on": items["due_on"],
        "state": items["status"],
        "done_on": items["done_on"],
    }).reset_index(drop=True)  # fmt: skip


def customer_sentence(view: CustomerView) -> str:
    """Return the answer of a customer's page.

    >>> inc.customer_sentence(inc.customer_view(records, "Brightwater Clinics"))
    '16 incidents affected Brightwater Clinics; all of them are resolved, and 1 piece of work ...
    """
    still = int(view.incidents["resolved_at"].isna().sum())
    todo = int((view.work["state"] == "open").sum())
    affected = (
        f"{counted(len(view.incidents), 'incident')} affected {view.customer}"
        if len(view.incidents)
        else f"No incident affected {view.customer}"
    )
    goes_on = f"{still} of them still {'goes' if still == 1 else 'go'} on" if still else "all of them are resolved"
    work = (
        f"{counted(todo, 'piece')} of work on your systems {'is' if todo == 1 else 'are'} still to do"
        if todo
        else "no work on your systems is left to do"
    )
    return f"{affected}; {goes_on}, and {work}." if len(view.incidents) else f"{affected}."
