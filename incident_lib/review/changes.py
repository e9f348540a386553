"""What changed since the period before, and whether it can be told at all: comparisons, charts, days and hours."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import pandas as pd

from incident_lib.periods import Period
from incident_lib.records import Records
from incident_lib.review.response import (
    TIME_TO_ACKNOWLEDGE,
    TIME_TO_DETECT,
    TIME_TO_MITIGATE,
    TIME_TO_RESOLVE,
    WHOLE,
    Measure,
    durations,
)
from incident_lib.statistics.comparison import Comparison, compare, rate_change, with_open
from incident_lib.statistics.control_charts import XmR, xmr
from incident_lib.statistics.seasons import (
    FALSE_DISCOVERIES,
    SeasonTest,
    exposure,
    false_discovery_rates,
    hour_test,
    weekday_hour_map,
    weekday_test,
)

COMPARED = (TIME_TO_DETECT, TIME_TO_ACKNOWLEDGE, TIME_TO_MITIGATE, TIME_TO_RESOLVE, WHOLE)
POINTS = 24
WEEKS = 26
_COLUMNS = ("what", "before", "now", "verdict", "sentence")


def what_changed(
    records: Records,
    now: pd.DataFrame,
    before: pd.DataFrame,
    period: Period,
    results: tuple[pd.DataFrame, pd.DataFrame],
) -> pd.DataFrame:
    """Return, for each thing compared with the period before: what, before, now, verdict, sentence.

    Compared are how often incidents came, the share of rules kept of those that could be judged (``results``: now and
    before, as from ``conformance.rule_results``), and each duration. A period that is not over counts until ``as_of``.

    >>> month = inc.parse_period("2026-09")
    >>> now, before = inc.incidents_in(records, month), inc.incidents_in(records, month.before())
    >>> results = inc.rule_results(records, now), inc.rule_results(records, before)
    >>> inc.what_changed(records, now, before, month, results)["what"].tolist()[:2]
    ['incidents a week', 'rules kept per incident, in %']
    """
    days = [_days(one, records) for one in (period.before(), period)]
    rate = rate_change(len(before), days[0], len(now), days[1])
    rows = [_row("incidents a week", _per_week(len(before), days[0]), _per_week(len(now), days[1]), rate)]
    shares = [_kept_shares(one) for one in reversed(results)]
    kept = compare(*shares, log=False, smaller_is_better=False, noun="major incidents")
    rows.append(_row("rules kept per incident, in %", *(_mean(one) for one in shares), kept))
    rows += [_duration_row(measure, before, now, records) for measure in COMPARED]
    table = pd.DataFrame(rows, columns=[*_COLUMNS, "p"])
    return _for_so_many(table)[list(_COLUMNS)]


def _for_so_many(table: pd.DataFrame) -> pd.DataFrame:
    """Return the comparisons with only those told that stand out among all of them (Benjamini & Hochberg 1995).

    Of seven things compared one by one, some seem changed by chance alone in every third review.
    """
    rates = false_discovery_rates(table["p"].astype("float64").fillna(1.0).to_numpy())
    lost = (table["verdict"] != "cannot tell") & (rates > FALSE_DISCOVERIES)
    said = "Cannot tell, as one such comes by chance among so many things compared. Alone it would be "
    sentence = table["sentence"].mask(lost, said + table["sentence"].str[:1].str.lower() + table["sentence"].str[1:])
    return table.assign(verdict=table["verdict"].mask(lost, "cannot tell"), sentence=sentence)


def _days(period: Period, records: Records) -> float:
    """Return how many days of a period have passed."""
    start, end = period.bounds(records.settings.workbook.tz)
    return max((min(end, records.as_of) - start) / pd.Timedelta(days=1), 0.0)


def _per_week(count: int, days: float) -> str:
    return f"{count / days * 7:.1f} ({count})" if days else "–"


def _kept_shares(results: pd.DataFrame) -> pd.Series:
    """Return of each incident how many per cent of the rules that could be judged were kept.

    Rules of one incident go together, so it is incidents that are compared.
    """
    judged = results[results["state"].isin(["kept", "broken"])]
    return judged["state"].eq("kept").groupby(judged["incident_id"]).mean() * 100


def _mean(values: pd.Series) -> str:
    return f"{values.mean():.0f} (of {len(values)})" if len(values) else "none"


def _row(what: str, before: str, now: str, found: Comparison) -> dict[str, object]:
    return {
        "p": found.p,
        "what": what,
        "before": before,
        "now": now,
        "verdict": found.verdict,
        "sentence": found.sentence,
    }


def _duration_row(measure: Measure, before: pd.DataFrame, now: pd.DataFrame, records: Records) -> dict[str, object]:
    """Return a duration's comparison; where some are still open, by log-rank, which counts them."""
    parts = [durations(one, measure, as_of=records.as_of) for one in (before, now)]
    parts = [part[part["believed"]] for part in parts]
    finished = [part.loc[part["finished"], "minutes"] for part in parts]
    found = with_open(compare(*finished, noun="incidents"), parts)
    texts = [f"median {minutes.median():.0f} min of {len(minutes)}" if len(minutes) else "none" for minutes in finished]
    row = _row(measure.name, *texts, found)
    if measure is TIME_TO_DETECT and records.problems["rule"].eq("backfilled-start").any():
        why = "Cannot tell: most starts were filled in afterwards, so the time to detection was not measured."
        return {**row, "verdict": "cannot tell", "sentence": why, "p": None}
    return row


def change_sentence(changes: pd.DataFrame) -> str:
    """Return in one sentence what improved, what got worse, and of how many things it can't be told.

    >>> changes = pd.DataFrame({"what": ["incidents", "time to resolve"], "verdict": ["improved", "cannot tell"]})
    >>> inc.change_sentence(changes)
    'Improved: incidents; cannot tell for the other 1.'
    """
    parts = [
        f"{verdict}: {', '.join(names)}"
        for verdict, names in changes.groupby("verdict", sort=False)["what"]
        if verdict != "cannot tell"
    ]
    unsure = int((changes["verdict"] == "cannot tell").sum())
    if not parts:
        return f"Whether anything changed since the period before: cannot tell, for all {unsure} things compared."
    return f"{'; '.join(parts).capitalize()}; cannot tell for the other {unsure}."


@dataclass(frozen=True)
class Behaviour:
    """A process behaviour chart with its points: ``points`` (label, value) in time order, and what it says."""

    points: pd.DataFrame
    chart: XmR
    sentence: str


def duration_behaviour(
    incidents: pd.DataFrame, measure: Measure, *, as_of: pd.Timestamp, points: int = POINTS
) -> Behaviour:
    """Return the chart of the newest finished durations on a log scale; label is the incident.

    >>> one = inc.measure("detected → resolved")
    >>> inc.duration_behaviour(records.incidents, one, as_of=records.as_of).sentence
    'Nothing unusual: 24 durations vary as they always do.'
    """
    table = durations(incidents, measure, as_of=as_of)
    good = table[table["believed"] & table["finished"] & (table["minutes"] > 0)].tail(points)
    chart = xmr(good["minutes"], log=True)
    frame = pd.DataFrame({"label": good["incident_id"].to_numpy(), "value": good["minutes"].to_numpy()})
    return Behaviour(frame, chart, _chart_sentence(chart, frame, "durations"))


def weekly_behaviour(records: Records, until: pd.Timestamp, weeks: int = WEEKS) -> Behaviour:
    """Return the chart of incidents per week (raw) over the last whole weeks before ``until`` on record.

    >>> inc.weekly_behaviour(records, records.as_of).sentence
    'Nothing unusual: 26 weeks vary as they always do.'
    """
    began = records.incidents["started_at"].fillna(records.incidents["first_seen_at"])
    end = min(until, records.as_of)
    step = pd.Timedelta(days=7)
    weeks = min(weeks, max(int((end - began.min()) // step), 0)) if began.notna().any() else 0
    edges = [end - step * back for back in range(weeks, -1, -1)]
    counts = [int(((began >= a) & (began < b)).sum()) for a, b in itertools.pairwise(edges)]
    labels = [f"{edge:%Y-%m-%d}" for edge in edges[:-1]]
    frame = pd.DataFrame({"label": pd.Series(labels, dtype="str"), "value": pd.Series(counts, dtype="float64")})
    chart = xmr(frame["value"], log=False)
    return Behaviour(frame, chart, _chart_sentence(chart, frame, "weeks"))


def _chart_sentence(chart: XmR, points: pd.DataFrame, noun: str) -> str:
    if chart.n < 2:
        return f"Fewer than two {noun}: there is no chart to draw."
    names = [str(points["label"].iloc[place]) for place in sorted(set(chart.signals["index"]))]
    said = (
        f"Nothing unusual: {chart.n} {noun} vary as they always do."
        if not names
        else f"Worth a question: {', '.join(names[:6])}, of {chart.n} {noun}."
    )
    return f"{said} {chart.note}".strip()


@dataclass(frozen=True)
class Season:
    """Days and hours at which incidents begin: the map, two tests, and what they say."""

    cells: pd.DataFrame
    weekday: SeasonTest
    hour: SeasonTest
    sentence: str


def season(records: Records, until: pd.Timestamp) -> Season:
    """Return whether incidents prefer weekdays or hours, over all that the records cover until a time.

    >>> print(inc.season(records, records.as_of).sentence)
    160 incidents fall more unevenly than chance makes them, by weekday (p = under 0.001) and ...
    """
    times = records.incidents["started_at"].fillna(records.incidents["first_seen_at"])
    times, end = times[times < until], min(until, records.as_of)
    tz = records.settings.workbook.tz
    begin = times.min() if times.notna().any() else end
    hours = exposure(begin.floor("15min"), end, tz)
    cells, weekday, hour = (
        weekday_hour_map(times, tz, hours),
        weekday_test(times, tz, hours),
        hour_test(times, tz, hours),
    )
    return Season(cells, weekday, hour, _season_sentence(cells, weekday, hour))


def _season_sentence(cells: pd.DataFrame, weekday: SeasonTest, hour: SeasonTest) -> str:
    if not weekday.n:
        return "No incident to look for a pattern in."
    tests = {"weekday": weekday.p, "hour of the day": hour.p}
    found = [f"by {what} (p = {_p(p)})" for what, p in tests.items() if p <= FALSE_DISCOVERIES / 2]
    standing = cells[cells["stands_out"] != ""]
    hot = "; ".join(
        f"{row.weekday} {row.hour:02}:00, {row.count_} instead of {row.expected:.1f}"
        for row in standing.rename(columns={"count": "count_"}).head(3).itertuples()
    )
    if not found and standing.empty:
        tested = f"by weekday (p = {_p(weekday.p)}) or hour (p = {_p(hour.p)}) among {weekday.n:,} incidents"
        return f"No pattern distinguishable {tested}; what looks like a hot spot is what chance does."
    where = f", {' and '.join(found)}" if found else " on single hours of the week"
    said = f"{weekday.n:,} incidents fall more unevenly than chance makes them{where}"
    return f"{said}; hours that stand out: {hot}." if hot else f"{said}; no single hour of the week stands out."


def _p(p: float) -> str:
    return "under 0.001" if p < 0.001 else f"{p:.3f}"
