"""The whole process review on 20,769 real incidents: seconds and memory.

Run by hand: python benchmarks/review_at_scale.py

Uses the public ServiceNow event log where it stands, else a sample of as many incidents that the generator writes.
"""

import resource
import shutil
import sys
import tempfile
import threading
import zipfile
from pathlib import Path
from time import perf_counter, sleep

ROOT = Path(__file__).parents[1]
LOG = ROOT.parent / "shared" / "realdata" / "servicenow_eventlog" / "incident_event_log.zip"
INCIDENTS = 20_769
SETTINGS = '[workbook]\nname = "Desk"\n[[files]]\npath = "*.csv"\nzone = "UTC"\ntime_format = "%d/%m/%Y %H:%M"\n'


def workbook(folder):
    """Fill a folder with the log, or with a sample of the same size; return what it is."""
    if not LOG.is_file():
        from incident_lib.sample import write_sample

        write_sample(folder, incidents=INCIDENTS, seed=7)
        return "synthetic sample"
    folder.mkdir()
    (folder / "workbook.toml").write_text(SETTINGS)
    with zipfile.ZipFile(LOG) as archive:
        for name in archive.namelist():
            if name.endswith(".csv"):
                (folder / Path(name).name).write_bytes(archive.read(name))
    return "ServiceNow event log"


def watch_memory(stop, seen):
    """Note the largest resident size of any kernel of ours, in MB; Linux only."""
    own = str(Path(sys.executable).parent)
    while not stop.is_set():
        for status in Path("/proc").glob("[0-9]*/status"):
            try:
                command = (status.parent / "cmdline").read_bytes().decode(errors="replace")
                if "ipykernel" in command and own in command:
                    text = status.read_text()
                    seen.append(int(text.split("VmHWM:")[1].split()[0]) // 1024)
            except (OSError, IndexError):
                continue
        sleep(0.5)


def main():
    """Print seconds and memory of the report, made as the command makes it."""
    from incident_lib.reports.catalogue import process_review
    from incident_lib.reports.run import run_report

    period = sys.argv[1] if len(sys.argv) > 1 else "2016"
    with tempfile.TemporaryDirectory() as scratch:
        data = Path(scratch) / "data"
        kind = workbook(data)
        stop, seen = threading.Event(), [0]
        watcher = threading.Thread(target=watch_memory, args=(stop, seen))
        watcher.start()
        begun = perf_counter()

        def said(stage):
            print(f"{perf_counter() - begun:5.1f} s {stage}")

        done = run_report(process_review(str(data), None, period), reports=Path(scratch) / "reports", progress=said)
        seconds = perf_counter() - begun
        stop.set()
        watcher.join()
        size = done.page.stat().st_size / 1e6
        own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        print(f"{kind}, {period}: {done.answer}")
        print(f"{seconds:.0f} s, kernel {max(seen)} MB, exporter {own} MB, page {size:.1f} MB")
        if len(sys.argv) > 2:
            shutil.copytree(Path(scratch) / "reports", sys.argv[2])


if __name__ == "__main__":
    main()
