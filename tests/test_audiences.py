"""Two audiences: what leaves the house holds nothing that was planted anywhere in the records."""


from __future__ import annotations

import json

import pytest
from canaries import CANARIES
from test_timeline import export

from incident_lib.drafting.audiences import Screen, customer_notice, external_sentences, notice_html
from incident_lib.drafting.draft import draft_page
from incident_lib.errors import SettingsError
from incident_lib.loading import load

ID = "INC-2026-042"
SETTINGS = """
[workbook]
zone = "America/Detroit"
[privacy]
internal_hosts = [".internal", ".corp"]
words = ["Project Lantern"]
[[people]]
name = "Priya Raman"
email = "priya.raman@northlight.example"
handle = "priya"
[[customers]]
name = "Brightwater Clinics"
aliases = ["BWC"]
[[customers]]
name = "Zenith Bank"
aliases = ["zenith", "ZB"]
"""


def planted(canary: str):
    """Return the files of a workbook with one string in every field of every input that can hold a text."""
    row = {
        "incident_id": ID, "title": f"Mail {canary}", "severity": "critical", "started_at": "2026-03-02T12:00:00Z",
        "resolved_at": "2026-03-02T14:00:00Z", "services": [f"mail {canary}", canary, "webmail"], "channel": "inc-2026-042",
        "customers": ["Brightwater Clinics", canary], "incident_commander": f"{canary} Okafor", "responders": ["Priya Raman", canary],
        "summary": f"because of {canary}", "tags": [canary], "url": f"https://x.example/{canary}", "references": [canary],
    }  # fmt: skip
    items = {"incident_id": ID, "title": f"Restart {canary}", "owner": canary, "touches": "restart", "because": canary,
             "customers": ["Brightwater Clinics"], "status": "open", "created_on": "2026-03-02", "ticket": f"https://t.example/{canary}"}  # fmt: skip
    events = {
        "incident_id": ID,
        "at": "2026-03-02T12:10:00Z",
        "kind": "note",
        "text": f"saw {canary}",
        "who": canary,
        "url": f"https://x.example/{canary}",
    }
    files = {
        "incidents.json": json.dumps([row]),
        "action_items.json": json.dumps([items]),
        "timeline.json": json.dumps([events]),
    }
    return {**files, "slack/export.zip": export([("U1", 5, f"scribe: {canary}"), ("U2", 9, f"{canary} my guess")])}


@pytest.mark.parametrize("canary", CANARIES)
def test_no_planted_string_gets_out(workbook, canary):
    """Neither into the external message, nor into a customer's notice; the notice of the tagged customer is still made."""
    records = load(workbook(planted(canary), SETTINGS), as_of="2026-03-03T09:00:00Z")
    external = draft_page(records, ID).split("### External message")[1].split("## Evidence")[0]
    notice = customer_notice(records, ID, "Brightwater Clinics")

    assert len(records.incidents) == 1 and "an incident affected webmail" in external
    page = notice_html(records, ID, "Brightwater Clinics")
    assert not any(canary.casefold() in text.casefold() for text in (external, notice, page))
    assert "Still to do on your systems: a restart." in notice


def test_forty_strings_are_planted():
    """As many as were asked for, all different."""
    assert len(set(CANARIES)) == 40


def test_a_notice_is_for_tagged_customers_only(workbook):
    """Another customer's incident is not told of, and an unknown customer is refused with the nearest."""
    records = load(workbook(planted("x"), SETTINGS), as_of="2026-03-03T09:00:00Z")

    with pytest.raises(SettingsError, match="not tagged with Zenith Bank"):
        customer_notice(records, ID, "Zenith Bank")
    with pytest.raises(SettingsError, match="did you mean 'Brightwater Clinics'"):
        customer_notice(records, ID, "Brightwater Clinic")


def test_a_customer_may_see_their_own_name(workbook):
    """Others' names are screened, theirs is not."""
    records = load(workbook(planted("x"), SETTINGS), as_of="2026-03-03T09:00:00Z")

    assert Screen(records, "Zenith Bank").passes("Portal of Zenith Bank") and not Screen(records).passes(
        "Portal of Zenith Bank"
    )


@pytest.mark.parametrize(
    "name", ["mail", "shared hosting", "Mail (Postfix, Dovecot)", "virtual servers", "Object storage", "DNS"]
)
def test_ordinary_services_pass(workbook, name):
    """The screen leaves the names of services alone."""
    assert Screen(load(workbook(planted("x"), SETTINGS), as_of="2026-03-03T09:00:00Z")).passes(name)


def test_times_for_customers_are_on_their_clock(workbook):
    """The message says 07:00 EST where the records say 12:00 UTC."""
    records = load(workbook(planted("x"), SETTINGS), as_of="2026-03-03T09:00:00Z")

    assert external_sentences(records, ID)[0].startswith("On 2 March 2026 from 07:00 EST until 09:00 EST, ")
