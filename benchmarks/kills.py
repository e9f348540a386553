"""Kill 'incidents run' a thousand times at random moments, look at what is left each time, and print a table.

python benchmarks/kills.py FOLDER [KILLS] [SECONDS] [without-kernels]

It goes on where it was left, for so many seconds (150) at most; each folder's name draws moments of its own. Without
kernels, reports are published without running their notebooks: a round takes a second instead of ten, and the kills
fall on the ledger, the pages and the publishing.

The work itself is tests/kill_runs.py; FOLDER keeps the workbook, its reports, and the figures so far.
"""

from __future__ import annotations

import json
import sys
import zlib
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from kill_runs import STAGES, WRONG, kill_runs


def main(folder: Path, kills: int = 1000, seconds: float = 150, *, without_kernels: bool = False) -> None:
    """Do as many rounds as fit, and print the figures of all."""
    folder.mkdir(parents=True, exist_ok=True)
    memory = folder / "figures.json"
    so_far = Counter(json.loads(memory.read_text())) if memory.exists() else Counter()
    longest = so_far.pop("milliseconds of a run", 0) / 1000
    if so_far["kills"] < kills:
        seed = zlib.crc32(folder.name.encode())
        so_far.update(kill_runs(folder, kills - so_far["kills"], seed=seed, seconds=seconds, longest=longest,
                                without_kernels=without_kernels))  # fmt: skip
        memory.write_text(json.dumps(so_far))
    print(f"{so_far['kills']:,} runs killed, {so_far['too late']:,} had ended before\n")
    print("| killed while | times |\n|---|---|")
    print("\n".join(f"| {stage} | {so_far[f'killed {stage}']:,} |" for stage in STAGES))
    print("\n| found wrong, right after the kill or after the next run | times |\n|---|---|")
    print("\n".join(f"| {what} | {so_far[what]:,} |" for what in WRONG))


if __name__ == "__main__":
    numbers = [int(argument) for argument in sys.argv[2:] if argument.isdecimal()]
    main(Path(sys.argv[1]), *numbers, without_kernels="without-kernels" in sys.argv)
