"""How long traffic is out when a link fails, and which part of it each stage takes.

    python benchmarks/failover.py [--runs 10] [--peers PEER_LAB] [--peer-runs 5]

Two edges at one circuit's ports (`direct`, Dot1Q), a stream each way between a host and a VNet. Each run takes the
carrier of the primary link, or loses all that crosses it (BFD 300 ms x 3), and heals it. Only runs that prove something
count; the others are told of. `--peers` is a program that does the same with FRR and BIRD and prints JSON lines with
`kind`, `ok` and `outage_rt_ms`; it is run in turn with each round, and the ratio is printed.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from lab.bgp import Family
from lab.commands.failover import measure
from lab.commands.live import BUILD_DEADLINE_S, converge
from lab.commands.offline import load
from lab.controller import temporary_lab
from lab.failover import MEASURES, Drill, FailoverRun, SteadyStream
from lab.faults import Fault, FaultKind
from lab.questions.plans import Build, Built

SHIPPED = Path(__file__).parents[1] / "topologies" / "failover.yaml"
SETTLE_S = 30.0
EVENTS = {
    "link_down": (FaultKind.LINK_DOWN, 500, ["--event", "linkdown", "--period-ms", "0.5"]),
    "silent_loss": (FaultKind.SILENT_LOSS, 1000, ["--event", "blackhole", "--bfd", "--period-ms", "1"]),
}
PEERS = ("frr-netns", "bird-netns")


def ours(kind: FaultKind, interval_us: int, runs: int) -> tuple[FailoverRun, ...]:
    """What `runs` repetitions in one lab showed."""
    _, plan = load(str(SHIPPED))
    stream = SteadyStream(source="hq", destination="hub", family=Family.IPV4, interval_us=interval_us)
    drill = Drill(fault=Fault(kind=kind, target="primary"), stream=stream, repeat=runs, watch_s=5.0)
    with temporary_lab("failover") as lab:
        lab.channel.ask(Build(plan=plan), Built, deadline_s=BUILD_DEADLINE_S)
        pending = converge(lab, (), SETTLE_S).pending
        if pending:
            raise SystemExit("; ".join(pending))
        result = measure(lab, plan, drill, settle_s=SETTLE_S)
    if result.not_run:
        print(f"  ended early: {result.not_run}")
    for run in result.runs:
        if run.invalid:
            print(f"  does not count: {run.invalid}")
    return tuple(run for run in result.runs if not run.invalid)


def theirs(program: str, kind: str, options: Sequence[str], runs: int) -> list[float]:
    """The outages of a peer's runs that it says are good."""
    with tempfile.NamedTemporaryFile("r", suffix=".jsonl") as lines:
        command = [sys.executable, program, "failover", "--kind", kind, *options]
        subprocess.run([*command, "--runs", str(runs), "--json", lines.name], check=False, stdout=subprocess.DEVNULL)
        found = [json.loads(line) for line in lines]
    return [one["outage_rt_ms"] for one in found if one.get("ok")]


def figures(values: Sequence[float]) -> str:
    """Median, least and most."""
    return f"median {statistics.median(values):.1f} ({min(values):.1f} to {max(values):.1f})" if values else "none"


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--peers", metavar="PEER_LAB")
    parser.add_argument("--peer-runs", type=int, default=5)
    arguments = parser.parse_args()
    for name, (kind, interval_us, options) in EVENTS.items():
        print(f"{name}, a packet every {interval_us / 1000:g} ms each way, {arguments.runs} runs:")
        runs = ours(kind, interval_us, arguments.runs)
        for measure_name, value in MEASURES.items():
            values = [found for run in runs if (found := value(run)) is not None]
            print(f"  {measure_name:18}{figures(values)}")
        for peer in PEERS if arguments.peers else ():
            outages = theirs(arguments.peers, peer, options, arguments.peer_runs)
            print(f"  {peer}: outage_ms {figures(outages)}", end="")
            mine = [run.outage_ms for run in runs]
            print(f", ours / theirs {statistics.median(mine) / statistics.median(outages):.2f}" if outages else "")


if __name__ == "__main__":
    main()
