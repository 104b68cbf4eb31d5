"""How long a thousand circuits take: what the model says of each, by one process and by several.

    python benchmarks/fleet.py [--circuits 1000] [--repeat 3] [--command predict] [SCHEDULER ...]

The circuits are the shipped point-to-point one with AS numbers, VLANs and prefixes of their own, a policy file beside
each. Schedulers are those of `--scheduler`; without any, `serial` and as many processes as there are processors, and
half of them. Each repetition runs all of them one after the other. Figures count from the command's start to its end,
and the output of each has to be that of the first, octet by octet. Look at the ratios: the machine is in the numbers.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ERLAB = Path(sys.executable).with_name("erlab")
TOP = Path(__file__).parents[1]


def write_circuits(directory: Path, count: int) -> None:
    """Write so many topology files, and the policy file of each in the directory `policies`."""
    topology = (TOP / "topologies" / "point_to_point_ethernet_layer2.yaml").read_text(encoding="utf-8")
    policies = (TOP / "policies" / "customer_edge.yaml").read_text(encoding="utf-8")
    for name in ("circuits", "policies"):
        (directory / name).mkdir()
    for number in range(count):
        own, asn = f"10.{128 + number // 256 % 64}.{number % 256}.0/24", str(64512 + number % 1000)
        text = topology.replace("contoso-p2p", f"circuit-{number}").replace("65010", asn)
        text = text.replace("vlan_id: 100", f"vlan_id: {1 + number % 4000}").replace(
            "customer_edge", f"edge-{number:05}"
        )
        (directory / "circuits" / f"{number:05}.yaml").write_text(text.replace("10.10.0.0/16", own), encoding="utf-8")
        changed = policies.replace("10.10.0.0/16", own).replace("65010", asn)
        (directory / "policies" / f"edge-{number:05}.yaml").write_text(changed, encoding="utf-8")


def one_run(command: str, circuits: Path, scheduler: str) -> tuple[float, str]:
    """The seconds that a command takes, and a digest of what it says."""
    begun_s = time.perf_counter()
    done = subprocess.run(
        [ERLAB, command, circuits, "--format", "json", "--scheduler", scheduler], capture_output=True, check=False
    )
    took_s = time.perf_counter() - begun_s
    if done.returncode:
        raise SystemExit(done.stderr.decode())
    return took_s, hashlib.sha256(done.stdout + done.stderr).hexdigest()


def main() -> None:
    """Write the circuits, run everything, and print medians and ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("schedulers", nargs="*", metavar="SCHEDULER")
    parser.add_argument("--circuits", type=int, default=1000)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--command", choices=("check", "predict"), default="predict")
    arguments = parser.parse_args()
    processors = len(os.sched_getaffinity(0))
    several = dict.fromkeys(f"processes:{n}" for n in (max(1, processors // 2), processors))
    schedulers = arguments.schedulers or ["serial", *several]
    times: dict[str, list[float]] = {one: [] for one in schedulers}
    said = set()
    with tempfile.TemporaryDirectory() as directory:
        write_circuits(Path(directory), arguments.circuits)
        for _ in range(arguments.repeat):
            for scheduler in schedulers:
                took_s, digest = one_run(arguments.command, Path(directory) / "circuits", scheduler)
                times[scheduler].append(took_s)
                said.add(digest)
    if len(said) > 1:
        raise SystemExit("the schedulers do not say the same")
    first_s = statistics.median(times[schedulers[0]])
    print(f"erlab {arguments.command} of {arguments.circuits} circuits, median (least to most) of {arguments.repeat}:")
    for scheduler, values in times.items():
        middle = statistics.median(values)
        ratio = f"1/{first_s / middle:.2f} of {schedulers[0]}"
        print(f"  {scheduler:14} {middle:7.2f} s ({min(values):.2f} to {max(values):.2f}), {ratio}")


if __name__ == "__main__":
    main()
