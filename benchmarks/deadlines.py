"""How long a million deadlines take, beside numpy's busday_offset alone. Run by hand: python benchmarks/deadlines.py"""

from time import perf_counter
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from incident_lib.business_time import business_calendar, business_days_between, business_hours, deadlines
from incident_lib.settings import Calendar, Span

ROWS = 1_000_000


def seconds(work, repeats=5):
    """Return the best of several times that a piece of work took."""
    took = []
    for _ in range(repeats):
        begun = perf_counter()
        work()
        took.append(perf_counter() - begun)
    return min(took)


def main():
    """Print seconds, and the ratio to numpy, for each of the vectorised functions."""
    zone = ZoneInfo("America/Detroit")
    begun = perf_counter()
    calendar = business_calendar(Calendar(country="US", subdivision="MI"), zone)
    print(f"laying out the calendar {perf_counter() - begun:6.3f} s")
    micros = np.random.default_rng(1).integers(1_400_000_000_000_000, 1_800_000_000_000_000, ROWS)
    starts = pd.Series(micros.view("M8[us]")).dt.tz_localize("UTC")
    ends = starts + pd.Timedelta(days=12)
    days = starts.to_numpy(dtype="datetime64[us]").astype("datetime64[D]")
    busy = np.busdaycalendar(holidays=sorted(calendar.holidays))
    alone = seconds(lambda: np.busday_offset(days, 5, roll="backward", busdaycal=busy))
    for name, work in {
        "numpy.busday_offset": lambda: np.busday_offset(days, 5, roll="backward", busdaycal=busy),
        "deadlines": lambda: deadlines(starts, Span(days=5, business=True), calendar),
        "business_days_between": lambda: business_days_between(starts, ends, calendar),
        "business_hours": lambda: business_hours(starts, ends, calendar),
    }.items():
        took = seconds(work)
        print(f"{name:23} {took:6.3f} s {took / alone:6.1f} x")


if __name__ == "__main__":
    main()
