"""How often a comparison errs, and what it notices: the tables of the docs. Run by hand: python benchmarks/power.py"""

import sys
from time import perf_counter

import numpy as np

from incident_lib.statistics.comparison import compare

MEAN, SPREAD = 4.25, 1.25  # logs of minutes: Benninghoff; 819 public incidents have the same spread
PAIRS = int(sys.argv[1]) if len(sys.argv) > 1 else 2000


def verdicts(n, drop, *, pairs=PAIRS, other=None, spread=SPREAD, simulations=999):
    """Return the verdicts on simulated pairs of periods, the second of which has durations shorter by ``drop``."""
    rng = np.random.default_rng([n, int(drop * 100)])
    other = other or n
    return np.array([
        compare(rng.lognormal(MEAN, SPREAD, n), (1 - drop) * rng.lognormal(MEAN, spread, other), seed=pair,
                simulations=simulations).verdict
        for pair in range(pairs)
    ])  # fmt: skip


def main():
    """Print false verdicts under no change, and power by size and improvement."""
    begun = perf_counter()
    print(f"{PAIRS} pairs each; Monte-Carlo error at 5 %: ±{1.96 * (0.05 * 0.95 / PAIRS) ** 0.5:.3f}")
    print("nothing changed: share of 'improved' or 'worse'")
    for n, other, spread in ((5, 5, SPREAD), (10, 10, SPREAD), (10, 40, SPREAD), (10, 40, 0.6), (40, 10, 0.6),
                             (26, 26, SPREAD), (52, 52, SPREAD), (100, 100, SPREAD)):  # fmt: skip
        wrong = (verdicts(n, 0, other=other, spread=spread) != "cannot tell").mean()
        print(f"  {n:4} and {other:4}, spread {SPREAD} and {spread}: {wrong:.3f}")
    print("power: share of 'improved' when durations really are shorter by")
    print(f"  {'n':>4} {'10 %':>7} {'25 %':>7} {'50 %':>7}")
    for n in (10, 20, 50, 100, 1000):
        power = [(verdicts(n, drop) == "improved").mean() for drop in (0.10, 0.25, 0.50)]
        print(f"  {n:4} " + " ".join(f"{share:7.3f}" for share in power))
    print(f"{perf_counter() - begun:.0f} s")


if __name__ == "__main__":
    main()
