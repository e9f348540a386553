"""How long a million durations take to a curve, beside statsmodels. Run by hand: python benchmarks/survival.py"""

import resource
from time import perf_counter

import numpy as np
from statsmodels.duration.survfunc import SurvfuncRight

from incident_lib.statistics.survival import aalen_johansen, kaplan_meier, log_rank, median

ROWS = 1_000_000


def seconds(work, repeats=3):
    """Return the best of several times that a piece of work took."""
    took = []
    for _ in range(repeats):
        begun = perf_counter()
        work()
        took.append(perf_counter() - begun)
    return min(took)


def main():
    """Print seconds for durations to the second (few ties) and to the day (many), and ratios to statsmodels."""
    rng = np.random.default_rng(2)
    exact = rng.lognormal(2, 1, ROWS)
    finished = rng.random(ROWS) < 0.8
    days = np.ceil(exact)
    cause = np.where(finished, rng.integers(1, 3, ROWS), 0)
    groups = rng.integers(0, 4, ROWS)
    theirs = {
        "exact": seconds(lambda: SurvfuncRight(exact, finished), 1),
        "days": seconds(lambda: SurvfuncRight(days, finished), 1),
    }
    for name, work, other in (
        ("curve with limits, all different", lambda: kaplan_meier(exact, finished), theirs["exact"]),
        ("curve with limits, whole days", lambda: kaplan_meier(days, finished), theirs["days"]),
        ("curve and median, all different", lambda: median(kaplan_meier(exact, finished)), theirs["exact"]),
        ("competing ends, whole days", lambda: aalen_johansen(days, cause), None),
        ("log-rank of four groups, whole days", lambda: log_rank(days, finished, groups), None),
    ):
        took = seconds(work)
        ratio = f"{took / other:6.2f} x statsmodels ({other:.3f} s)" if other else ""
        print(f"{name:36} {took:6.3f} s {ratio}")
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


if __name__ == "__main__":
    main()
