"""records.where on 25,000 and on 1,000,000 incidents with four events each: seconds of the clock and of the processor.

Run by hand: python benchmarks/selecting.py [how many]
"""

import sys
from pathlib import Path
from time import perf_counter, process_time

import numpy as np
import pandas as pd

from incident_lib.records import Records
from incident_lib.settings import Settings
from incident_lib.tables import INCIDENTS, SEVERITIES, TABLES, TIMELINE

TEXT = "mail delayed queue database slow storage errors login network latency — customers could not reach the panel"
WORDS = np.array(TEXT.split())
EVENTS = 4
QUESTIONS = (
    {"severity": "critical"},
    {"severity": ["medium", "low", "high"]},
    {"customer": "customer 7"},
    {"tag": "service-3", "service": "service-2"},
    {"text": "mail delayed inc-77"},
    {"text": "panel"},
    {"since": "2024"},
    {"period": "2024-Q2"},
    {"since": "2024-02", "severity": "critical", "customer": "Customer 9", "text": "mail slow"},
)


def made(count):
    """Return records of so many incidents, of 300 customers and 40 services, each with a summary of 30 words."""
    chance = np.random.default_rng(0)

    def names(prefix, most):
        first, second = (np.char.add(prefix, chance.integers(0, most, count).astype(str)) for _ in range(2))
        return np.where(chance.random(count) < 0.4, np.char.add(np.char.add(first, "; "), second), first).astype(object)

    seconds = np.sort(chance.integers(0, 7 * 365 * 86_400, count))
    began = pd.Timestamp("2019-01-01", tz="UTC") + pd.to_timedelta(seconds, unit="s")
    ids = np.char.add("INC-", np.arange(count).astype(str))
    texts = np.array([" ".join(WORDS[chance.integers(0, len(WORDS), 30)]) for _ in range(5000)])
    incidents = {
        "incident_id": ids, "title": texts[chance.integers(0, 5000, count)].astype(object), "started_at": began,
        "severity": np.array(SEVERITIES)[chance.integers(0, 4, count)], "first_seen_at": began,
        "customers": names("Customer ", 300), "services": names("service-", 40), "tags": names("service-", 40),
        "summary": np.char.add(texts[chance.integers(0, 5000, count)], ids).astype(object), "source": "x",
    }  # fmt: skip
    events = {"incident_id": np.repeat(ids, EVENTS), "at": np.repeat(began, EVENTS), "text": "something happened"}
    tables = {table.name: table.frame() for table in TABLES}
    tables["incidents"] = INCIDENTS.conform(pd.DataFrame(incidents))
    tables["timeline"] = TIMELINE.conform(pd.DataFrame(events))
    return Records(folder=Path(), settings=Settings(), as_of=began.max(), sources={}, **tables)


def main():
    """Print how long each question takes."""
    for count in [int(one) for one in sys.argv[1:]] or [25_000, 1_000_000]:
        records = made(count)
        print(f"{count:,} incidents, {len(records.timeline):,} events")
        for question in QUESTIONS:
            clock, processor = perf_counter(), process_time()
            found = records.where(**question)
            spent = f"{perf_counter() - clock:6.3f} s  {process_time() - processor:6.3f} s of the processor"
            print(f"{spent}  {len(found.incidents):>9,}  {found.filter_line()}")


if __name__ == "__main__":
    main()
