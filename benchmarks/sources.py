"""How fast large sources are read, as ratios to the usual way in the same run. By hand: python benchmarks/sources.py

Each contender runs in a process of its own, so that its peak memory is its own (this one stays small: a child's peak
begins with its parent's). Contenders take turns, and the medians count, since other work on the machine comes and goes.
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
from collections.abc import Callable
from pathlib import Path

EVENT_LOG = Path(__file__).parents[2] / "shared/realdata/servicenow_eventlog/incident_event_log.zip"
SETTINGS = {
    "eventlog": '[[files]]\npath = "*"\nzone = "UTC"\ntime_format = "%d/%m/%Y %H:%M"\n',
}


def pandas_csv(folder: Path) -> int:
    """The usual way: read_csv, then to_datetime of the six columns; no validating."""
    import pandas as pd
    from large_sources import TIMES

    frame = pd.read_csv(folder / "incidents.csv")
    for name in TIMES:
        frame[name] = pd.to_datetime(frame[name], utc=True, format="ISO8601")
    return len(frame)


def pandas_json(folder: Path) -> int:
    """The usual way for JSON lines."""
    import pandas as pd

    return len(pd.read_json(folder / "incidents.jsonl", lines=True))


def json_by_file(folder: Path) -> int:
    """The usual way for a chat export: json.load, file by file, into a list."""
    import zipfile

    messages: list[dict] = []
    with zipfile.ZipFile(folder / "export.zip") as export:
        for name in export.namelist():
            if "/" in name:
                with export.open(name) as file:
                    messages.extend(json.load(file))
    return len(messages)


def arrow_csv(folder: Path) -> int:
    """The fastest reader of a CSV file; it looks at no value."""
    from pyarrow import csv

    return csv.read_csv(folder / "log.csv").num_rows


def our_reader(folder: Path) -> int:
    """Our reader alone, each value checked: no joining, no secrets, no findings."""
    from incident_lib.loading import find_sources, open_workbook, read_source

    batches = [read_source(source)[1] for source in find_sources(*open_workbook(folder))]
    return sum(row["rows"] for batch in batches for row in batch.accounts if row["kind"] in ("incidents", "messages"))


def our_load(folder: Path) -> int:
    """Ours: read, check every value, remove secrets, join, look for impossible times, cut to as_of."""
    from incident_lib.loading import load

    records = load(folder)
    return len(records.messages) or len(records.incidents)


def our_states(folder: Path) -> int:
    """Ours, with the state of every major incident's post-mortem."""
    from incident_lib.loading import load
    from incident_lib.timeliness.states import postmortem_states

    return len(postmortem_states(load(folder)))


CONTESTS: dict[str, dict[str, Callable[[Path], int]]] = {
    "register": {"pandas": pandas_csv, "reader": our_reader, "load": our_load, "load again": our_load,
                 "load and states": our_states},
    "pagerduty": {"pandas": pandas_json, "reader": our_reader, "load": our_load, "load again": our_load},
    "chat": {"json.load": json_by_file, "reader": our_reader, "load": our_load, "load again": our_load},
    "eventlog": {"pyarrow.csv": arrow_csv, "reader": our_reader, "load": our_load},
}  # fmt: skip


def write(contest: str, folder: Path, rows: int) -> None:
    """Write a contest's file, and the settings that it needs."""
    import large_sources

    settings = f'[workbook]\nname = "Benchmark"\n{SETTINGS.get(contest, "")}'
    (folder / "workbook.toml").write_text(settings, encoding="utf-8")
    if contest == "register":
        large_sources.write_csv(folder / "incidents.csv", rows)
    elif contest == "pagerduty":
        large_sources.write_pagerduty(folder / "incidents.jsonl", rows)
    elif contest == "chat":
        large_sources.write_slack(folder / "export.zip", rows)
    else:
        shutil.unpack_archive(EVENT_LOG, folder)
        (folder / "incident_event_log.csv").rename(folder / "log.csv")


def child(contest: str, name: str, folder: Path) -> None:
    """Run one contender here, with what it imports imported before, and print its seconds and peak memory."""
    if name.startswith(("load", "reader")):
        import incident_lib.cache
        import incident_lib.loading
        import incident_lib.timeliness.states
    import pandas  # noqa: F401
    import pyarrow.csv  # noqa: F401

    begun, used = time.perf_counter(), processor()
    rows = CONTESTS[contest][name](folder)
    found = {"rows": rows, "seconds": time.perf_counter() - begun, "cpu": processor() - used}
    if name.startswith("load"):  # what is kept for the next time is written aside, while the caller goes on
        incident_lib.cache.settle()
    found["after"] = time.perf_counter() - begun - found["seconds"]
    peaks = [resource.getrusage(who).ru_maxrss / 1000 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    print(json.dumps({**found, "megabytes": sum(peaks)}))


def processor() -> float:
    """Return the processor seconds of this process so far, and of the processes that it started and that ended."""
    return sum(os.times()[:4])


def measured(contest: str, name: str, folder: Path) -> dict[str, float]:
    """Run one contender in a process of its own."""
    caches = folder.parent / f"{folder.name}-caches"
    if name in ("load", "load and states"):
        shutil.rmtree(caches, ignore_errors=True)
    return _called("--child", contest, name, str(folder), caches=caches)


def _called(*arguments: str, caches: Path) -> dict[str, float]:
    command, environment = [sys.executable, __file__, *arguments], {**os.environ, "XDG_CACHE_HOME": str(caches)}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        raise SystemExit(done.stderr)
    return json.loads(done.stdout.splitlines()[-1]) if done.stdout else {}


def compare(contest: str, rows: int, runs: int) -> None:
    """Print a contest's seconds, processor seconds, megabytes, and ratios to the usual way."""
    folder = Path(tempfile.mkdtemp(prefix="incidents-benchmark-"))
    caches = folder.parent / f"{folder.name}-caches"
    try:
        _called("--write", contest, str(folder), str(rows), caches=caches)
        size = sum(path.stat().st_size for path in folder.iterdir()) / 1e6
        found = [{name: measured(contest, name, folder) for name in CONTESTS[contest]} for _ in range(runs)]
    finally:
        shutil.rmtree(folder)
        shutil.rmtree(caches, ignore_errors=True)
    first = next(iter(CONTESTS[contest]))
    print(f"\n{contest}: {found[0][first]['rows']:,.0f} rows, {size:.0f} MB; ratios to {first}")
    for name in CONTESTS[contest]:
        seconds, cpu, peak, after = (
            statistics.median(run[name][key] for run in found) for key in ("seconds", "cpu", "megabytes", "after")
        )
        aside = f"   (cache written {after:.2f} s later)" if after > 0.005 else ""
        wall, work = (
            statistics.median(run[first][key] / run[name][key] for run in found) for key in ("seconds", "cpu")
        )
        cost = f"{cpu:7.2f} s of processor {work:6.2f} ×   {peak:5.0f} MB"
        print(f"  {name:16} {seconds:7.2f} s {wall:6.2f} ×   {cost}{aside}")


def main() -> None:
    """Compare in each contest, or in those that are named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("contests", nargs="*", default=list(CONTESTS))
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--child", nargs=3)
    parser.add_argument("--write", nargs=3)
    options = parser.parse_args()
    if options.child:
        child(options.child[0], options.child[1], Path(options.child[2]))
    elif options.write:
        write(options.write[0], Path(options.write[1]), int(options.write[2]))
    else:
        for contest in options.contests:
            compare(contest, options.rows, options.runs)


if __name__ == "__main__":
    main()
