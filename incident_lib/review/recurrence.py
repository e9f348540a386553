"""Incidents that are like each other, and whether a fix held: recurrence before and after, with exact intervals."""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict

import numpy as np
import pandas as pd

from incident_lib.column_texts import split_names
from incident_lib.records import Records
from incident_lib.statistics.intervals import rate_ratio
from incident_lib.words import listed

LEAST = 0.40
MOST_WORDS = 40
ENOUGH_EXPECTED = 3.0  # where three were to be expected, none at all comes by chance in 5 %
_SHUFFLES = 2000
_DAY = pd.Timedelta(days=1)
FATES = ("held", "came back", "too early")


class Likeness:
    """Finds the incidents like one: rare words in common weigh 0.6, services 0.25, customers 0.15 (0 to 1).

    Words of title and summary by the cosine of TF-IDF (Spärck Jones 1972), names by Jaccard. Under 0.4 nothing is like
    another, and without a word in common never.

    >>> incidents = inc.incidents_until(records, records.as_of)
    >>> inc.recurring(inc.Likeness(incidents), incidents).columns.tolist()[:3]
    ['incident_id', 'title', 'earlier']
    """

    def __init__(self, incidents: pd.DataFrame) -> None:
        self.incidents = incidents.reset_index(drop=True)
        texts = self.incidents["title"].fillna("") + " " + self.incidents["summary"].fillna("")
        counts = [Counter(re.findall(r"[a-z][\w-]{2,}", text.casefold())) for text in texts]
        names = {
            word
            for name in self.incidents["customers"].dropna()
            for word in re.findall(r"[a-z][\w-]{2,}", name.casefold())
        }
        counts = [Counter({word: count for word, count in one.items() if word not in names}) for one in counts]
        seen = Counter(word for one in counts for word in one)
        self._weights = [self._weighted(one, seen) for one in counts]
        self._holders: dict[str, list[int]] = defaultdict(list)
        for place, weights in enumerate(self._weights):
            for word in weights:
                self._holders[word].append(place)
        self._names = {
            name: [set(split_names(text)) for text in self.incidents[name]] for name in ("services", "customers")
        }
        self._places = {name: place for place, name in enumerate(self.incidents["incident_id"])}

    def _weighted(self, words: Counter[str], seen: Counter[str]) -> dict[str, float]:
        """Return the rarest words with their weights; a word of more than a tenth of all incidents says nothing."""
        total = len(self.incidents)
        rare = {word: count for word, count in words.items() if seen[word] <= max(total / 10, 3)}
        weights = {
            word: (1 + math.log(count)) * (math.log((1 + total) / (1 + seen[word])) + 1) for word, count in rare.items()
        }
        kept = dict(sorted(weights.items(), key=lambda pair: (-pair[1], pair[0]))[:MOST_WORDS])
        length = math.sqrt(sum(weight**2 for weight in kept.values()))
        return {word: weight / length for word, weight in kept.items()} if length else {}

    def like(self, incident_id: str) -> pd.DataFrame:
        """Return all incidents like one, the most alike first: incident_id, began_at, title, score, why."""
        place = self._places[incident_id]
        cosines: dict[int, float] = defaultdict(float)
        for word, weight in self._weights[place].items():
            for other in self._holders[word]:
                cosines[other] += weight * self._weights[other][word]
        rows = [self._row(place, other, cosine) for other, cosine in cosines.items() if other != place]
        found = pd.DataFrame(
            [row for row in rows if row["score"] >= LEAST], columns=["incident_id", "began_at", "title", "score", "why"]
        )
        return found.sort_values(["score", "incident_id"], ascending=[False, True], kind="stable").reset_index(
            drop=True
        )

    def _row(self, place: int, other: int, cosine: float) -> dict[str, object]:
        score, why = 0.6 * cosine, []
        for name, weight in (("services", 0.25), ("customers", 0.15)):
            mine, theirs = self._names[name][place], self._names[name][other]
            if mine & theirs:
                score += weight * len(mine & theirs) / len(mine | theirs)
                why.append(f"{name[:-1]} {listed(sorted(mine & theirs))}")
        shared = self._weights[place].keys() & self._weights[other].keys()
        words = sorted(shared, key=lambda word: (-self._weights[place][word], word))[:4]
        row = self.incidents.iloc[other]
        began = row["started_at"] if pd.notna(row["started_at"]) else row["first_seen_at"]
        return {
            "incident_id": row["incident_id"],
            "began_at": began,
            "title": row["title"],
            "score": round(score, 2),
            "why": "; ".join([*why, f"the words {listed(words)}"]),
        }


def recurring(likeness: Likeness, incidents: pd.DataFrame, *, most: int = 200) -> pd.DataFrame:
    """Return incidents that came again: incident_id, title, earlier (the one most like it), earlier_title, times, why.

    ``times`` counts the earlier ones like it. Of more than ``most`` incidents the newest are looked at.

    >>> incidents = inc.incidents_until(records, records.as_of)
    >>> inc.recurring(inc.Likeness(incidents), incidents).columns.tolist()
    ['incident_id', 'title', 'earlier', 'earlier_title', 'times', 'score', 'why']
    """
    rows = []
    for incident in incidents.tail(most).to_dict("records"):
        found = likeness.like(incident["incident_id"])
        found = found[found["began_at"] < incident["began_at"]]
        if len(found):
            best = found.iloc[0]
            rows.append(
                {
                    "incident_id": incident["incident_id"],
                    "title": incident["title"],
                    "earlier": best["incident_id"],
                    "earlier_title": best["title"],
                    "times": len(found),
                    "score": best["score"],
                    "why": best["why"],
                }
            )
    table = pd.DataFrame(rows, columns=["incident_id", "title", "earlier", "earlier_title", "times", "score", "why"])
    return table.sort_values(["times", "score"], ascending=False, kind="stable").reset_index(drop=True)


def fixes(records: Records, likeness: Likeness, *, until: pd.Timestamp, most: int = 100) -> pd.DataFrame:
    """Return, for each incident whose preventing tasks were done before ``until``, whether its kind came again.

    Columns: incident_id, title, tasks (done), done_on (the last of them), before and after (incidents like it, without
    itself), days_before, days_after, expected (after, had nothing changed), ratio with its exact 95 % interval (lower,
    upper), by_chance (share of random choices of as many incidents of the records with no more after that day); these
    in words (counts, rate, baseline), fate (``FATES``), again (those after). A clean-up prevents nothing, and is left
    out.

    >>> incidents = inc.incidents_until(records, records.as_of)
    >>> inc.fixes(records, inc.Likeness(incidents), until=records.as_of)["fate"].unique().tolist()
    ['came back', 'too early']
    """
    done = _last_tasks(records, likeness).tail(most)
    began = likeness.incidents["started_at"].fillna(likeness.incidents["first_seen_at"])
    window = (began.min(), min(until, records.as_of))
    every = began[began < window[1]].dt.tz_convert(None).sort_values().to_numpy()
    rows = [_fix(item, likeness.like(item["incident_id"]), window, every, records) for item in done.to_dict("records")]
    columns = [
        "incident_id",
        "title",
        "tasks",
        "done_on",
        "before",
        "after",
        "days_before",
        "days_after",
        "expected",
        "ratio",
        "lower",
        "upper",
        "by_chance",
        "counts",
        "rate",
        "baseline",
        "fate",
        "again",
        "source",
    ]
    table = pd.DataFrame([row for row in rows if row["days_after"] > 0], columns=columns)
    order = table["fate"].map({"came back": 0, "held": 1, "too early": 2})
    table = table.assign(order=order).sort_values(["order", "done_on", "incident_id"], kind="stable")
    return table.drop(columns="order").reset_index(drop=True)


def _last_tasks(records: Records, likeness: Likeness) -> pd.DataFrame:
    """Return each incident's preventing task that was done last, with how many were done, and the incident's title."""
    items = records.action_items
    done = items[(items["status"] == "done") & items["done_on"].notna() & items["kind"].ne("clean-up")]
    done = done[done["incident_id"].isin(likeness.incidents["incident_id"])].sort_values(
        ["done_on", "incident_id", "item"]
    )
    tasks = done.groupby("incident_id").size()
    titles = likeness.incidents.set_index("incident_id")["title"]
    last = done.drop_duplicates("incident_id", keep="last")
    return last.assign(tasks=last["incident_id"].map(tasks), title=last["incident_id"].map(titles))


def _fix(
    item: dict, family: pd.DataFrame, window: tuple[pd.Timestamp, pd.Timestamp], every: np.ndarray, records: Records
) -> dict:
    """Return one incident's fix with what came before and after it."""
    done = (item["done_on"] + _DAY).tz_localize(records.settings.workbook.tz).tz_convert("UTC")
    times = family["began_at"]
    again = family[(times >= done) & (times < window[1])].sort_values("began_at")
    before, after = int((times < done).sum()), len(again)
    days = max((done - window[0]) / _DAY, 0.0), max((window[1] - done) / _DAY, 0.0)
    ratio, lower, upper, _ = rate_ratio(before, days[0], after, days[1])
    expected = before / days[0] * days[1] if days[0] else 0.0
    chance = _by_chance(before + after, after, every, done)
    return {
        **{name: item[name] for name in ("incident_id", "title", "tasks", "done_on", "source")},
        "before": before,
        "after": after,
        "days_before": round(days[0]),
        "days_after": round(days[1]),
        "expected": expected,
        "ratio": ratio,
        "lower": lower,
        "upper": upper,
        "by_chance": chance,
        "counts": f"{before} → {after}; {expected:.1f}",
        "rate": _rate(ratio, lower, upper),
        "baseline": f"{chance:.0%} (n = {before + after})".replace("%", " %") if before + after else None,
        "fate": fate_of(after, expected, upper),
        "again": ", ".join(again["incident_id"].head(3)) or None,
    }


def _rate(ratio: float | None, lower: float, upper: float) -> str | None:
    """Return how much as often it came since, with the interval; None where nothing came at all."""
    known = ratio is not None and math.isfinite(ratio)
    ends = f"{lower:.2g} to {upper:.2g}" if math.isfinite(upper) else f"at least {lower:.2g}"
    return f"{ratio:.2g} ({ends})" if known else ends if lower > 0 else None


def fate_of(after: int, expected: float, upper: float) -> str:
    """Return whether a fix held (clearly fewer since, or none where three were expected), or is too early to judge."""
    if upper < 1 or (not after and expected >= ENOUGH_EXPECTED):
        return "held"
    return "came back" if after else "too early"


def _by_chance(size: int, after: int, every: np.ndarray, done: pd.Timestamp) -> float:
    """Return in which share of random choices of ``size`` incidents no more than ``after`` came since (seeded)."""
    late = int((every >= np.datetime64(done.tz_convert(None))).sum()) if len(every) else 0
    if not size or not len(every):
        return 1.0
    drawn = np.random.default_rng(size).hypergeometric(late, len(every) - late, min(size, len(every)), _SHUFFLES)
    return float((1 + (drawn <= after).sum()) / (1 + _SHUFFLES))


def fix_sentence(table: pd.DataFrame) -> str:
    """Return how many fixes held, came back, or are too early to judge.

    >>> incidents = inc.incidents_until(records, records.as_of)
    >>> print(inc.fix_sentence(inc.fixes(records, inc.Likeness(incidents), until=records.as_of)))
    Of 38 incidents whose preventing tasks were done, 0 held, 10 were followed by one like them ...
    """
    if table.empty:
        return "No task that was meant to prevent anything was done, so there is nothing to judge."
    counts = table["fate"].value_counts().reindex(list(FATES)).fillna(0).astype(int)
    words = {"held": "held", "came back": "were followed by one like them", "too early": "are too early to judge"}
    parts = [f"{counts[fate]} {words[fate]}" for fate in FATES]
    return f"Of {len(table)} incidents whose preventing tasks were done, {listed(parts)}."
