"""A batch of 300 drafts, interrupted by Ctrl-C and kill -9, and resumed: what was made each time. Run it by hand:

python benchmarks/batches.py [FOLDER [INCIDENTS]]
"""

import os
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

FOLDER = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(tempfile.mkdtemp(prefix="batches-"))
INCIDENTS = int(sys.argv[2]) if len(sys.argv) > 2 else 300
START = "from incident_lib.cli import main; main()"
SERVICES = ("mail", "dns", "shared hosting", "backups", "control panel")


def write_workbook(folder):
    """Write a workbook of critical incidents that have no page, each with a few events."""
    folder.mkdir(parents=True)
    (folder / "workbook.toml").write_text('[workbook]\nname = "Batches"\n')
    incidents = ["incident_id,title,severity,started_at,detected_at,resolved_at,services"]
    events = ["incident_id,at,kind,text"]
    for n in range(INCIDENTS):
        day, name = f"2026-{1 + n // 28 % 12:02}-{1 + n % 28:02}", f"INC-2026-{n:03}"
        service = SERVICES[n % len(SERVICES)]
        times = f"{day}T09:00:00Z,{day}T09:04:00Z,{day}T10:{n % 60:02}:00Z"
        incidents.append(f"{name},Delays in {service},critical,{times},{service}")
        events += [f"{name},{day}T09:{m:02}:00Z,note,Step {m} of looking at {service}" for m in range(5, 40, 5)]
    (folder / "incidents.csv").write_text("\n".join(incidents) + "\n")
    (folder / "timeline.csv").write_text("\n".join(events) + "\n")


def tree(pid):
    """Return the processes that come from one."""
    found, rest = set(), [pid]
    while rest:
        for path in Path(f"/proc/{rest.pop()}/task").glob("*/children"):
            with suppress(OSError):
                children = set(map(int, path.read_text().split()))
                found |= children
                rest += children
    return found


def counts():
    """Return how many pages and reports there are."""
    pages = len(list((FOLDER / "data" / "postmortems").glob("*.md")))
    return pages, len(list((FOLDER / "reports").glob("postmortem-draft/*/manifest.json")))


def stop_after(enough, how):
    """Run the batch until enough is there, stop it in some way, and tell what became of it."""
    pages, reports = counts()
    begun = time.monotonic()
    command = [sys.executable, "-c", START, "draft", "--all-missing", "--data", "data"]
    running = subprocess.Popen(command, cwd=FOLDER, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    while running.poll() is None and not enough(*counts()):
        time.sleep(0.1)
    others, at = tree(running.pid), time.monotonic()
    if how and running.poll() is None:
        running.send_signal(how)
    said = running.communicate()[0].strip().splitlines()[-1:]
    while any(alive(pid) for pid in others) and time.monotonic() < at + 20:
        time.sleep(0.05)
    left, now = sum(alive(pid) for pid in others), counts()
    scratch = len(list((FOLDER / "reports").glob(".scratch-*")))
    print(f"{signal.Signals(how).name if how else 'to its end':>10}: pages {pages:3} → {now[0]:3}, "
          f"reports {reports:3} → {now[1]:3}, exit {running.returncode:4}, {at - begun:5.1f} s, "
          f"all gone after {time.monotonic() - at:4.1f} s, {left} of {len(others)} processes left, "
          f"{scratch} scratch folders; {''.join(said)}", flush=True)  # fmt: skip


def alive(pid):
    """Tell whether a process is there and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def main():
    """Interrupt a batch while it writes pages and while it makes reports, in both ways, and let it finish."""
    write_workbook(FOLDER / "data")
    print(f"{INCIDENTS} incidents without a page, {len(os.sched_getaffinity(0))} cores")
    third = INCIDENTS // 3
    stop_after(lambda pages, reports: pages >= third, signal.SIGINT)
    stop_after(lambda pages, reports: pages >= 2 * third, signal.SIGKILL)
    stop_after(lambda pages, reports: reports >= third, signal.SIGINT)
    stop_after(lambda pages, reports: reports >= 2 * third, signal.SIGKILL)
    stop_after(lambda pages, reports: False, None)
    stop_after(lambda pages, reports: False, None)


if __name__ == "__main__":
    main()
