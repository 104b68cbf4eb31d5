"""Namespaces beside containers: how long `erlab test` takes in each runtime, and what a router weighs there.

    sudo python benchmarks/runtimes.py [--runs 7] [--json FILE] [TOPOLOGY]

The runtimes take turns, so that what else the computer does meets both. Times count from just before the command is
started. Memory is the proportional set size of a router: its process in a namespace, all processes of its container.
Read the ratios: the machine's noise is in the seconds. The image has to be there (`make image`).
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from whole_command import DEFAULT_TOPOLOGY, LEAST_RUNS, erlab

RUNTIMES = ("netns", "docker")
FIGURES = {
    "built": "every router started",
    "established": "all sessions Established",
    "verdict": "all expectations answered with packets",
    "gone": "verdict given, nothing of the lab left",
}


def one_run(runtime: str, topology: Path) -> dict[str, float]:
    """The seconds to each state of one `erlab test`."""
    spawned_s = time.monotonic()
    report = erlab("test", "--runtime", runtime, str(topology), "--timeout", "60")
    start_up_s = report["started_monotonic_s"] - spawned_s
    return {name: start_up_s + report["timings_s"][name] for name in FIGURES}


def memory_mib(runtime: str, topology: Path) -> list[float]:
    """What each router of a converged lab weighs."""
    with tempfile.TemporaryDirectory() as state:
        os.environ["ERLAB_STATE_DIR"] = state
        lab: dict[str, Any] = erlab("up", "--runtime", runtime, str(topology), "--timeout", "60")["labs"][0]
        erlab("down", "--lab", lab["name"])
    return [kib / 1024 for kib in lab["memory_kib"].values()]


def main() -> None:
    """Run, and print medians and their ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("topology", nargs="?", type=Path, default=DEFAULT_TOPOLOGY)
    parser.add_argument("--runs", type=int, default=7, help=f"at least {LEAST_RUNS} (default 7)")
    parser.add_argument("--json", type=Path, help="write every single figure there")
    arguments = parser.parse_args()
    if arguments.runs < LEAST_RUNS:
        parser.error(f"--runs must be at least {LEAST_RUNS}")
    runs: dict[str, list[dict[str, float]]] = {runtime: [] for runtime in RUNTIMES}
    for _ in range(arguments.runs):
        for runtime in RUNTIMES:
            runs[runtime].append(one_run(runtime, arguments.topology))
    memory = {runtime: memory_mib(runtime, arguments.topology) for runtime in RUNTIMES}
    routers = len(memory["netns"])
    print(f"{arguments.topology.name}: medians of {arguments.runs} runs, in seconds from the command's start")
    print("   netns  docker  ratio")
    for name, meaning in FIGURES.items():
        netns, docker = (statistics.median(run[name] for run in runs[runtime]) for runtime in RUNTIMES)
        print(f"  {netns:6.2f}  {docker:6.2f}  {docker / netns:5.2f}  {meaning}")
    netns, docker = (statistics.median(memory[runtime]) for runtime in RUNTIMES)
    print(f"  {netns:6.1f}  {docker:6.1f}  {docker / netns:5.2f}  MiB for each of {routers} routers")
    if arguments.json:
        arguments.json.write_text(json.dumps({"seconds": runs, "memory_mib": memory}, indent=2), encoding="utf-8")


if __name__ == "__main__":
    main()
