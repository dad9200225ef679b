"""How long `import m5tools` and `m5 --help` take: five runs each, in processes of their own.

python benchmarks/startup.py
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

COMMANDS = {
    "import m5tools": [sys.executable, "-c", "import m5tools"],
    "m5 --help": [sys.executable, "-m", "m5tools.cli.main", "--help"],
}
RUNS = 5


def seconds(command: list[str]) -> float:
    started = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


if __name__ == "__main__":
    for name, command in COMMANDS.items():
        seconds(command)  # the first run reads the files from the disk
        taken = [seconds(command) for _ in range(RUNS)]
        print(f"{name}: median {statistics.median(taken):.2f} s ({min(taken):.2f}–{max(taken):.2f})")
