"""How fast large sources are read, as ratios to the usual way in the same run. By hand: python benchmarks/sources.py

Each contender runs in a process of its own, so that its peak memory is its own. Prints one table.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

TIMES = ("started_at", "detected_at", "acknowledged_at", "mitigated_at", "resolved_at", "first_seen_at")


def write_csv(path: Path, rows: int) -> None:
    """Write incidents with 20 columns, six of them times."""
    random = np.random.default_rng(7)
    seconds = np.sort(random.integers(0, 3650 * 86400, rows))
    start = pd.Timestamp("2016-01-01T00:00:00Z") + pd.to_timedelta(seconds, unit="s")
    later = np.cumsum(random.integers(60, 3600, (5, rows)), axis=0)
    steps = {name: start + pd.to_timedelta(later[place], unit="s") for place, name in enumerate(TIMES[:5])}
    words = np.array(["mail", "dns", "hosting", "vpn", "backup", "queue", "slow", "down", "errors", "after", "release"])
    frame = pd.DataFrame({
        "incident_id": [f"INC-2026-{number:07}" for number in range(rows)],
        "title": [" ".join(row) for row in words[random.integers(0, len(words), (rows, 5))]],
        "severity": np.array(["critical", "high", "medium", "low"])[random.integers(0, 4, rows)],
        **{name: times.strftime("%Y-%m-%dT%H:%M:%SZ") for name, times in steps.items()},
        "first_seen_at": start.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "customers": [f"Customer {number}" for number in random.integers(0, 900, rows)],
        "services": words[random.integers(0, len(words), rows)],
        "incident_commander": [f"Person {number}" for number in random.integers(0, 90, rows)],
        "responders": [f"Person {number}; Person {number + 1}" for number in random.integers(0, 90, rows)],
        "channel": [f"inc-{number}" for number in range(rows)],
        "summary": [" ".join(row) for row in words[random.integers(0, len(words), (rows, 9))]],
        "tags": words[random.integers(0, len(words), rows)],
        "url": [f"https://tracker.example/{number}" for number in range(rows)],
        "weather": words[random.integers(0, len(words), rows)],
        "shift": random.integers(0, 3, rows),
        "team": [f"team {number}" for number in random.integers(0, 30, rows)],
    })  # fmt: skip
    frame.to_csv(path, index=False)


def pandas_csv(folder: Path) -> int:
    """The usual way: read_csv, then to_datetime of the six columns; no validating."""
    frame = pd.read_csv(folder / "incidents.csv")
    for name in TIMES:
        frame[name] = pd.to_datetime(frame[name], utc=True, format="ISO8601")
    return len(frame)


def our_load(folder: Path) -> int:
    """Ours: read, check every value, remove secrets, join, look for impossible times, cut to as_of."""
    from incident_lib.loading import load

    return len(load(folder).incidents)


def our_states(folder: Path) -> int:
    """Ours, with the state of every major incident's post-mortem."""
    from incident_lib.loading import load
    from incident_lib.timeliness import postmortem_states

    return len(postmortem_states(load(folder)))


CONTENDERS = {"pandas": pandas_csv, "load": our_load, "load again": our_load, "load and states": our_states}


def child(name: str, folder: Path) -> None:
    """Run one contender here and print its seconds and peak memory."""
    begun = time.perf_counter()
    rows = CONTENDERS[name](folder)
    seconds = time.perf_counter() - begun
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    print(json.dumps({"seconds": seconds, "megabytes": peak, "rows": rows}))


def measured(name: str, folder: Path) -> dict[str, float]:
    """Run one contender in a process of its own."""
    command = [sys.executable, __file__, "--child", name, str(folder)]
    caches = folder.parent / f"{folder.name}-caches"
    if name == "load":
        shutil.rmtree(caches, ignore_errors=True)
    environment = {**os.environ, "XDG_CACHE_HOME": str(caches)}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        raise SystemExit(done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    """Print seconds, megabytes and ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--child", nargs=2)
    parser.add_argument("--write", nargs=2)
    options = parser.parse_args()
    if options.child:
        child(options.child[0], Path(options.child[1]))
        return
    if options.write:
        write_csv(Path(options.write[1]) / "incidents.csv", int(options.write[0]))
        return
    folder = Path(tempfile.mkdtemp(prefix="incidents-benchmark-"))
    try:
        (folder / "workbook.toml").write_text('[workbook]\nname = "Benchmark"\n')
        subprocess.run([sys.executable, __file__, "--write", str(options.rows), str(folder)], check=True)
        print(f"{options.rows:,} rows, {(folder / 'incidents.csv').stat().st_size / 1e6:.0f} MB")
        runs = [{name: measured(name, folder) for name in CONTENDERS} for _ in range(options.runs)]
        for name in CONTENDERS:
            seconds = statistics.median(run[name]["seconds"] for run in runs)
            ratio = statistics.median(run["pandas"]["seconds"] / run[name]["seconds"] for run in runs)
            peak = statistics.median(run[name]["megabytes"] for run in runs)
            print(f"{name:18} {seconds:7.2f} s   {ratio:5.2f} × as fast as pandas   {peak:7.0f} MB peak")
    finally:
        shutil.rmtree(folder)
        shutil.rmtree(folder.parent / f"{folder.name}-caches", ignore_errors=True)


if __name__ == "__main__":
    main()
