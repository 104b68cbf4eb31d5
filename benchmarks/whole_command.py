"""How long `erlab test` takes and what its routers weigh: medians over several runs of the whole command.

    python benchmarks/whole_command.py [--runs 7] [--json FILE] [TOPOLOGY]

All times count from just before the command is started, so that Python's own start is in them. Memory is the
proportional set size (PSS) of each router's process in a lab that has converged. The machine's noise is in the numbers:
compare ratios of medians taken in one run.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ERLAB = Path(sys.executable).with_name("erlab")
DEFAULT_TOPOLOGY = Path(__file__).parents[1] / "topologies" / "point_to_point_ethernet_layer2.yaml"
FIGURES = {
    "established": "all sessions Established",
    "converged": "every RIB settled, every FIB complete",
    "verdict": "all expectations answered with packets",
    "gone": "verdict given, every process and namespace gone",
    "exit": "the command has ended",
}
LEAST_RUNS = 5


def erlab(*arguments: str) -> dict[str, Any]:
    """The JSON that a command prints. Raises CalledProcessError where it fails."""
    done = subprocess.run([ERLAB, *arguments, "--format", "json"], capture_output=True, text=True, check=True)
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def one_run(topology: Path) -> dict[str, float]:
    """The seconds to each state of one `erlab test`."""
    spawned_s = time.monotonic()
    report = erlab("test", str(topology))
    ended_s = time.monotonic()
    start_up_s = report["started_monotonic_s"] - spawned_s
    seconds = {name: start_up_s + after_s for name, after_s in report["timings_s"].items()}
    return {**{name: seconds[name] for name in FIGURES if name in seconds}, "exit": ended_s - spawned_s}


def memory_mib(topology: Path) -> list[float]:
    """The PSS of each router of a converged lab."""
    with tempfile.TemporaryDirectory() as state:
        os.environ["ERLAB_STATE_DIR"] = state
        lab = erlab("up", str(topology))["labs"][0]
        erlab("down", "--lab", lab["name"])
    return [kib / 1024 for kib in lab["memory_kib"].values()]


def main() -> None:
    """Run, and print the medians."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("topology", nargs="?", type=Path, default=DEFAULT_TOPOLOGY)
    parser.add_argument("--runs", type=int, default=7, help=f"at least {LEAST_RUNS} (default 7)")
    parser.add_argument("--json", type=Path, help="write every single figure there")
    arguments = parser.parse_args()
    if arguments.runs < LEAST_RUNS:
        parser.error(f"--runs must be at least {LEAST_RUNS}")
    runs = [one_run(arguments.topology) for _ in range(arguments.runs)]
    memory = memory_mib(arguments.topology)
    print(f"{arguments.topology.name}: median (least to most) of {len(runs)} runs, in seconds from the command's start")
    for name, meaning in FIGURES.items():
        values = [run[name] for run in runs]
        print(f"  {statistics.median(values):6.3f}  ({min(values):.3f} to {max(values):.3f})  {meaning}")
    middle, least, most = statistics.median(memory), min(memory), max(memory)
    print(f"  {middle:6.1f}  ({least:.1f} to {most:.1f})  MiB for each of {len(memory)} routers")
    if arguments.json:
        arguments.json.write_text(json.dumps({"seconds": runs, "memory_mib": memory}, indent=2), encoding="utf-8")


if __name__ == "__main__":
    main()
