"""The timeliness report as of 20 days, before and after later records came. Run by hand: python benchmarks/replay.py"""

import sys
import tempfile
from pathlib import Path

import pandas as pd

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from truncated import truncate  # noqa: E402

from incident_lib.loading import load  # noqa: E402
from incident_lib.reports.catalogue import timeliness  # noqa: E402
from incident_lib.reports.run import run_report  # noqa: E402

LEFT_OUT = (".ipynb", "manifest.json")  # these name the files and their SHA-256, which differ


def published(data, day, reports):
    """Return the published files of a report by name, but for those that name the files' digests."""
    folder = run_report(timeliness(str(data), day), reports=reports).folder
    return {path.name: path.read_bytes() for path in folder.iterdir() if not path.name.endswith(LEFT_OUT)}


def main():
    """Print, for each day, how many records were added later and whether page, tables and metrics are the same."""
    data = ROOT / "data"
    newest = load(data).as_of.tz_convert(None)
    days = pd.date_range(
        "2025-05-20", newest - pd.Timedelta(days=1), periods=int(sys.argv[1]) if len(sys.argv) > 1 else 20
    )
    same = 0
    for day in days.strftime("%Y-%m-%d"):
        with tempfile.TemporaryDirectory() as place:
            before = Path(place) / "before"
            cut = truncate(data, before, pd.Timestamp(f"{day}T23:59:59", tz="America/Detroit"))
            pages = [published(one, day, Path(place) / f"r{number}") for number, one in enumerate((before, data))]
        differ = sorted(name for name in {*pages[0], *pages[1]} if pages[0].get(name) != pages[1].get(name))
        same += not differ
        print(f"{day}: {cut:4} records came later; {differ or 'the same bytes'}", flush=True)
    print(f"{same} of {len(days)} days the same, in page, tables and metrics")


if __name__ == "__main__":
    main()
