"""Are planted violations found, and none else? Run by hand: python benchmarks/conformance.py [WORKBOOKS]"""

import sys
from pathlib import Path
from time import perf_counter

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from planted import NAMES, broken_in, planted_book

from incident_lib.review.conformance import rule_results

WORKBOOKS = int(sys.argv[1]) if len(sys.argv) > 1 else 200


def main():
    """Print how many planted violations were found over random workbooks, and how many others."""
    begun, found, wrong = perf_counter(), 0, 0
    for seed in range(WORKBOOKS):
        book, planted = planted_book(seed)
        records = book.records()
        seen = broken_in(rule_results(records, records.incidents))
        found, wrong = found + len(seen & planted), wrong + len(seen - planted)
    seconds = perf_counter() - begun
    planted = f"{found} of {WORKBOOKS * len(NAMES)} found, {wrong} others"
    print(f"{WORKBOOKS} workbooks, {len(NAMES)} rules: {planted}, {seconds:.0f} s")


if __name__ == "__main__":
    main()
