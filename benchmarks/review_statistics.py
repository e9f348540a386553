"""How often the review is fooled by chance: verdicts, charts, and days and hours where nothing changed.

Run by hand: python benchmarks/review_statistics.py. Public status incidents are used where they stand.
"""

import json
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from incident_lib.statistics.comparison import compare
from incident_lib.statistics.control_charts import xmr
from incident_lib.statistics.seasons import exposure, weekday_hour_map, weekday_test

PAIRS, CHARTS, MAPS = 5000, 2000, 1000
GITHUB = Path(__file__).parents[2] / "shared" / "realdata" / "github_status"
UTC = ZoneInfo("UTC")


def public_incidents():
    """Return the public incidents' begin and minutes; empty where they are absent."""
    from incident_lib.loading import read_source
    from incident_lib.settings import Settings
    from incident_lib.sources.reading import Source

    paths = sorted(GITHUB.glob("*.json*")) if GITHUB.is_dir() else []
    frames = [read_source(Source(path, path.name, Settings()))[1].tables.get("incidents") for path in paths]
    frames = [frame for frame in frames if frame is not None]
    table = pd.concat(frames) if frames else pd.DataFrame(columns=["started_at", "resolved_at"])
    return (
        table.assign(minutes=(table["resolved_at"] - table["started_at"]) / pd.Timedelta(minutes=1))
        if len(table)
        else table
    )


def wrong_verdicts(draw):
    """Return the share of "improved" or "worse" over pairs of periods drawn alike."""
    verdicts = [compare(draw(), draw(), seed=pair, simulations=999).verdict for pair in range(PAIRS)]
    return np.mean([verdict != "cannot tell" for verdict in verdicts])


def main():
    """Print each share of false alarms, and the public incidents' weekday test."""
    rng, found = np.random.default_rng(1), public_incidents()
    print(f"lognormal, 26 and 26: {wrong_verdicts(lambda: rng.lognormal(4.25, 1.25, 26)):.3f} wrong of {PAIRS}")
    if len(found):
        pool = found["minutes"][found["minutes"] > 0].to_numpy()
        print(f"public durations resampled: {wrong_verdicts(lambda: rng.choice(pool, 26)):.3f} wrong of {PAIRS}")
    charts = np.mean([len(xmr(rng.lognormal(4.25, 1.25, 24), log=True).signals) > 0 for _ in range(CHARTS)])
    print(f"24-point charts on logs with a false signal: {charts:.3f} of {CHARTS}")
    begin, end = pd.Timestamp("2026-01-01", tz="UTC"), pd.Timestamp("2026-07-01", tz="UTC")
    hours = exposure(begin, end, UTC)
    span = (end - begin) / pd.Timedelta(seconds=1)
    times = [pd.Series(begin + pd.to_timedelta(rng.uniform(0, span, 60), unit="s")) for _ in range(MAPS)]
    flagged = np.mean([(weekday_hour_map(one, UTC, hours)["stands_out"] != "").any() for one in times])
    print(f"uniform maps of 60 with an hour that stands out: {flagged:.3f} of {MAPS}")
    if len(found):
        hours = exposure(found["started_at"].min().floor("D"), found["started_at"].max().ceil("D"), UTC)
        print(f"public incidents by weekday: {json.dumps(weekday_test(found['started_at'], UTC, hours)._asdict())}")


if __name__ == "__main__":
    main()
