"""How soon `incidents --help` answers, beside an interpreter that does nothing: python benchmarks/startup.py"""

import statistics
import subprocess
import sys
from time import perf_counter

PAIRS = int(sys.argv[1]) if len(sys.argv) > 1 else 25
OWN_MILLISECONDS = 100
COMMANDS = {"--help": ["--help"], "draft --help": ["draft", "--help"], "--version": ["--version"]}


def milliseconds(*command):
    """Return how long a command takes."""
    begun = perf_counter()
    subprocess.run([sys.executable, *command], check=True, stdout=subprocess.DEVNULL)
    return 1000 * (perf_counter() - begun)


def main():
    """Print medians of paired runs, and how far below the bound the command is."""
    start = "from incident_lib.cli import main; main()"
    for name, arguments in COMMANDS.items():
        pairs = [(milliseconds("-c", "pass"), milliseconds("-c", start, *arguments)) for _ in range(PAIRS)]
        nothing, ours = (statistics.median(values) for values in zip(*pairs, strict=True))
        share = statistics.median(mine / (3 * none + OWN_MILLISECONDS) for none, mine in pairs)
        print(f"incidents {name}: {ours:.0f} ms, 'python -c pass' {nothing:.0f} ms; {ours / nothing:.1f} times; "
              f"{share:.0%} of the bound (3 times, and {OWN_MILLISECONDS} ms)")  # fmt: skip


if __name__ == "__main__":
    main()
