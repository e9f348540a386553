"""The meeting pack: minutes that add up, comparisons that can say "cannot tell", and pages that run."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from factories import page
from hypothesis import given
from hypothesis import strategies as st

from incident_lib.drafting.audiences import people_named
from incident_lib.errors import SettingsError
from incident_lib.loading import load
from incident_lib.periods import parse_period
from incident_lib.reports.catalogue import process_review, service_review
from incident_lib.reports.run import run_report
from incident_lib.review.agenda import LEAST, MOST, Topic, invited, meeting_agenda
from incident_lib.review.changes import change_sentence, duration_behaviour, season, weekly_behaviour, what_changed
from incident_lib.review.conformance import rule_counts, rule_results
from incident_lib.review.figures import behaviour_chart, duration_strip, season_map
from incident_lib.review.meeting import incidents_in, incidents_until, open_sentence, review_sentence, unknown_sentence
from incident_lib.review.response import WHOLE, for_measuring
from incident_lib.review.rule_figures import rule_bars, rule_map
from incident_lib.review.service_review import (
    customer_called,
    customer_period,
    customer_table,
    for_outside,
    impact_minutes,
    published_updates,
    service_sentence,
)

SAMPLE = Path(__file__).parents[1] / "data"
UTC = ZoneInfo("UTC")
QUARTER = parse_period("2026-Q1")
PEOPLE = """
[[people]]
name = "Priya Raman"
roles = ["incident commander"]
interested = true
[[people]]
name = "Chloé Beaulieu"
roles = ["customer liaison"]
interested = true
[[people]]
name = "Mateo Fuentes"
roles = ["on-call"]
"""


@given(st.lists(st.floats(0.1, 50), max_size=30), st.integers(10, 120))
def test_minutes_always_add_up(values, minutes):
    """Whatever there is to talk about, the agenda fills the meeting and no more."""
    table = meeting_agenda([Topic(f"Q{place}", "", "", value) for place, value in enumerate(values)], minutes=minutes)
    topics = table["minutes"].iloc[1:-1]

    assert table["minutes"].sum() == minutes
    assert topics.between(LEAST, MOST).all()


def test_what_is_worth_more_gets_more_time():
    """Minutes follow value."""
    table = meeting_agenda([Topic("much", "", "", 20.0), Topic("little", "", "", 1.0)] + [Topic("x", "", "", 4.0)] * 5)
    minutes = table.drop_duplicates("question").set_index("question")["minutes"]

    assert minutes["much"] > minutes["x"] >= minutes["little"]


def test_commanders_and_who_asked_are_invited(loaded):
    """Others are not."""
    table = invited(loaded(page(), settings=PEOPLE))

    assert table[["name", "why"]].to_numpy().tolist() == [
        ["Chloé Beaulieu", "asked to be invited"], ["Priya Raman", "incident commander; asked to be invited"],
    ]  # fmt: skip


def test_an_empty_period_says_so(loaded):
    """No incident: no comparison, no rule, no figure, and sentences that say it."""
    records = loaded(page())
    quarter = parse_period("2025-Q1")
    none = for_measuring(records, incidents_in(records, quarter))
    results = rule_results(records, none)
    changes = what_changed(records, none, none, quarter, (results, results))

    assert review_sentence(quarter, none, results) == "No incident began in 2025-Q1."
    assert set(changes["verdict"]) == {"cannot tell"} and "cannot tell, for all 7" in change_sentence(changes)
    assert unknown_sentence(results).startswith("There was nothing")
    for figure in (rule_bars(rule_counts(results), title="a"), rule_map(results, title="b")):
        assert "no major incident" in figure.layout.meta["alt"]


def test_an_unfinished_period_says_so(loaded):
    """A quarter that is still running is called so; one that is over is not."""
    records = loaded(page(), as_of="2026-03-10")

    assert "not over" in open_sentence(QUARTER, records)
    assert open_sentence(parse_period("2025-Q4"), records) == ""


def spread(loaded, counts: dict[str, int], minutes: dict[str, float]):
    """Return records with so many incidents a quarter, of about so many minutes each."""
    rng, rows = np.random.default_rng(5), ["incident_id,title,severity,started_at,detected_at,resolved_at"]
    for quarter, count in counts.items():
        start = parse_period(quarter).bounds(UTC)[0]
        for number in range(count):
            at = start + pd.Timedelta(hours=float(rng.uniform(0, 2100)))
            end = at + pd.Timedelta(minutes=float(minutes[quarter] * rng.lognormal(0, 0.5)))
            rows.append(
                f"INC-{quarter[:4]}-{quarter[-1]}{number:03},x,high,{at.isoformat()},{at.isoformat()},{end.isoformat()}"
            )
    return loaded(page(), as_of="2026-07-01", files={"incidents.csv": "\n".join(rows)})


def test_what_clearly_changed_is_told_and_the_rest_is_not(loaded):
    """Durations five times as long and the same number: worse where it is so, cannot tell elsewhere."""
    records = spread(loaded, {"2025-Q4": 30, "2026-Q1": 30}, {"2025-Q4": 30, "2026-Q1": 150})
    now, before = (for_measuring(records, incidents_in(records, one)) for one in (QUARTER, QUARTER.before()))
    results = tuple(rule_results(records, one) for one in (now, before))
    verdicts = what_changed(records, now, before, QUARTER, results).set_index("what")["verdict"]

    assert verdicts["detected → resolved"] == "worse" and verdicts["incidents a week"] == "cannot tell"


def test_charts_say_what_they_see(loaded):
    """One incident of days among hours is worth a question; the weeks are not."""
    records = spread(loaded, {"2026-Q1": 40}, {"2026-Q1": 60})
    every = for_measuring(records, incidents_until(records, records.as_of))
    every.loc[30, "resolved_at"] = every.loc[30, "started_at"] + pd.Timedelta(days=40)
    found = duration_behaviour(every, WHOLE, as_of=records.as_of + pd.Timedelta(days=60))

    assert every.loc[30, "incident_id"] in found.sentence
    assert behaviour_chart(found, title="t", unit="minutes", log=True).layout.meta["table"]["rows"]
    assert weekly_behaviour(records, QUARTER.bounds(UTC)[1]).chart.n > 10


def test_uniform_incidents_have_no_pattern(loaded):
    """Forty incidents at random times: no pattern distinguishable, and the map is drawn with its numbers."""
    records = spread(loaded, {"2026-Q1": 40}, {"2026-Q1": 60})
    found = season(records, records.as_of)

    assert "No pattern distinguishable" in found.sentence
    assert len(season_map(found, title="t").layout.meta["table"]["rows"]) == 168


def test_of_very_many_the_strip_keeps_a_summary(incidents):
    """A thousand and more marks are drawn, and described by how they are spread."""
    rows = pd.DataFrame({"incident_id": "x", "severity": "high", "title": None, "minutes": np.arange(1.0, 1500.0),
                         "finished": True, "believed": True})  # fmt: skip
    figure = duration_strip(rows, title="t")

    assert len(figure.data[0].x) == 1499 and len(figure.layout.meta["table"]["rows"]) == 1


# The customer's edition


def test_a_customer_is_found_by_any_of_their_names(loaded):
    """Name or alias in any case; an unknown one is refused with the nearest."""
    records = loaded(page(), settings='[[customers]]\nname = "Brightwater Clinics"\naliases = ["BWC"]\n')

    assert customer_called(records, "bwc") == customer_called(records, "brightwater clinics") == "Brightwater Clinics"
    with pytest.raises(SettingsError, match="did you mean 'Brightwater Clinics'"):
        customer_called(records, "Brightwater Clinic")


CANARIES = ("Osei & Hartmann", "O&H", "Priya", "Raman", "web-06.internal", "10.1.2.3", "priya@northlight.example",
            "sk-canary", "Project Lantern", "INC-2026-099", "root cause canary")  # fmt: skip
UPDATES = "incident_id,kind,at,who,text\n" + "".join(
    f'INC-2026-042,status,2026-03-02T12:{place + 10}:00Z,Priya Raman,"Update: {text}"\n'
    for place, text in enumerate(["Mail is late.", *[f"seen by {one}" for one in CANARIES[:-2]]])
)
CUSTOMERS = """
[[people]]
name = "Priya Raman"
[[customers]]
name = "Brightwater Clinics"
[[customers]]
name = "Osei & Hartmann Legal"
aliases = ["Osei & Hartmann", "O&H"]
[privacy]
words = ["Project Lantern", "sk-canary"]
"""


def test_nothing_but_their_own_leaves_the_house(loaded):
    """Planted names, hosts, words and other customers' incidents are in no table and no sentence of the edition."""
    own = page(more="customers: [Brightwater Clinics, Osei & Hartmann Legal]\nservices: [mail, web-06.internal]\n",
               title="root cause canary by Priya")  # fmt: skip
    other = page(incident="INC-2026-099", more="customers: [Osei & Hartmann Legal]\n")
    records = loaded(own, other, settings=CUSTOMERS, files={"timeline.csv": UPDATES})
    name = customer_called(records, "Brightwater Clinics")
    incidents, _ = customer_period(records, QUARTER, name)
    shown = [customer_table(records, incidents, name), published_updates(records, incidents, name)]
    outside = for_outside(records, incidents)
    said = service_sentence(incidents, name, QUARTER, records.as_of)
    text = " ".join([*(table.to_json(force_ascii=False) for table in shown), said,
                     repr(outside), json.dumps(dict(outside.sources)), outside.incidents.to_json(date_format="iso")])  # fmt: skip

    assert list(incidents["incident_id"]) == ["INC-2026-042"]
    assert shown[1]["text"].tolist() == ["Update: Mail is late."]
    assert not [one for one in CANARIES if one in text]


def test_overlapping_incidents_count_their_time_once():
    """Two at the same time are one stretch of impact; an end before its start is none."""
    at = [pd.Timestamp(f"2026-03-02T{hour:02}:00:00Z") for hour in (9, 10, 12, 8)]
    frame = pd.DataFrame(
        {"began_at": [at[0], at[1], at[2]], "resolved_at": [at[1] + pd.Timedelta(minutes=30), at[2], at[3]]}
    )

    assert impact_minutes(frame, at[2]) == 180


@pytest.fixture(scope="module")
def reported(tmp_path_factory) -> dict[str, str]:
    """Return both reports of the sample as HTML, by kind."""
    folder = tmp_path_factory.mktemp("reported")
    shutil.copytree(SAMPLE, folder / "data")
    wanted = [
        process_review(str(folder / "data"), None, "2026-Q3"),
        service_review(str(folder / "data"), None, "2026-Q3", "Brightwater Clinics"),
    ]
    return {one.kind: run_report(one, reports=folder / "reports").page.read_text(encoding="utf-8") for one in wanted}


def test_the_review_opens_with_its_answer_and_has_its_agenda(reported):
    """The sample's quarter: the answer comes first, and each section that the agenda names is there."""
    html = reported["process-review"]
    sections = set(re.findall(r"<h2[^>]*>([^<]+)", html))

    assert html.index('class="answer"') < html.index("The agenda")
    assert {"In short", "Was the process kept?", "Did the fixes hold?", "What do we decide?"} <= {
        one.strip() for one in sections
    }


def test_the_customers_edition_names_nobody(reported):
    """Of the sample's people and other customers none is anywhere in the page, and no incident of others."""
    records, html = load(SAMPLE), reported["service-review"]
    others = {one.name for one in records.settings.customers} - {"Brightwater Clinics"}
    own = customer_period(records, parse_period("2026-Q3"), "Brightwater Clinics")[0]
    ids = set(re.findall(r"INC-\d{4}-\d{3}", html))

    assert not [name for name in (*others, *people_named(records)) if len(name) > 5 and name in html]
    assert ids == set(own["incident_id"])
