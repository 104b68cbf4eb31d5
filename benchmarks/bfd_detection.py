"""How long BFD takes to notice silent loss, and whether a busy machine makes it see loss where there is none.

    python benchmarks/bfd_detection.py [--runs 20] [--busy 8] [--quiet 30]

The shipped topology with `bfd: true`. In each run both directions of the primary link lose everything at once, and the
time counts from there until the BGP session over IPv4 is down at both ends: BFD, router and report. Then the same with
so many busy processes beside the lab; before each round nothing is lost for --quiet seconds, and nothing may change.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from lab.controller import Lab, find_lab
from lab.questions.control import ReadStatus
from lab.questions.plans import Status

ERLAB = Path(sys.executable).with_name("erlab")
SHIPPED = Path(__file__).parents[1] / "topologies" / "point_to_point_ethernet.yaml"
LOSE = "; ".join(
    [
        "add table netdev lost",
        *(
            f"add chain netdev lost {hook} {{ type filter hook {hook} device to-msee1 priority 0; policy drop; }}"
            for hook in ("ingress", "egress")
        ),
    ]
)
RESTORE = "delete table netdev lost"
ENDS = ("session ce1 - msee1/ipv4", "session msee1 - ce1/ipv4")
DEADLINE_S = 30.0


def pending(lab: Lab) -> tuple[str, ...]:
    """What is not as it has to be."""
    return lab.channel.ask(ReadStatus(), Status, deadline_s=DEADLINE_S).pending


def seconds_until(condition: Callable[[], bool]) -> float:
    """How long it takes until a condition holds."""
    began_s = time.monotonic()
    while not condition():
        if time.monotonic() - began_s > DEADLINE_S:
            raise TimeoutError
    return time.monotonic() - began_s


class Ce1:
    """A shell in the node ce1, so that a command takes milliseconds."""

    def __init__(self) -> None:
        self._shell = subprocess.Popen(
            [ERLAB, "shell", "ce1", "--", "sh"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def nft(self, command: str) -> None:
        """Change the filter, and wait until it is in force."""
        if self._shell.stdin is None or self._shell.stdout is None:
            raise ValueError
        self._shell.stdin.write(f"nft '{command}' && echo done\n")
        self._shell.stdin.flush()
        if self._shell.stdout.readline() != "done\n":
            raise RuntimeError(command)

    def close(self) -> None:
        """End the shell."""
        self._shell.communicate()


def one_run(lab: Lab, ce1: Ce1) -> tuple[float, float]:
    """The seconds until both ends are down, and, after the loss is over, until all is as before."""
    seconds_until(lambda: not pending(lab))
    ce1.nft(LOSE)
    down_s = seconds_until(lambda: all(any(one.startswith(end) for one in pending(lab)) for end in ENDS))
    ce1.nft(RESTORE)
    return down_s, seconds_until(lambda: not pending(lab))


def one_round(lab: Lab, ce1: Ce1, runs: int, quiet_s: float, what: str) -> None:
    """Print the figures of one round."""
    seconds_until(lambda: not pending(lab))
    changes, end_s = 0, time.monotonic() + quiet_s
    while time.monotonic() < end_s:
        changes += bool(pending(lab))
    down, back = zip(*(one_run(lab, ce1) for _ in range(runs)), strict=True)
    print(f"{what}: in {quiet_s:g} s without loss {changes} times not as it has to be; {runs} silent losses:")
    for figures, meaning in ((down, "until BGP is down at both ends"), (back, "until all is as before")):
        print(f"  median {statistics.median(figures):.3f} s  ({min(figures):.3f} to {max(figures):.3f})  {meaning}")


def spin() -> None:
    """Be busy until killed."""
    while True:
        pass


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--busy", type=int, default=8)
    parser.add_argument("--quiet", type=float, default=30.0)
    arguments = parser.parse_args()
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    with tempfile.TemporaryDirectory() as directory:
        os.environ["ERLAB_STATE_DIR"] = directory
        text = SHIPPED.read_text(encoding="utf-8").replace("\n    policies:\n", "\n    bfd: true\n    policies:\n")
        file = Path(directory) / "bfd.yaml"
        file.write_text(text.replace("../policies", str(SHIPPED.parents[1] / "policies")), encoding="utf-8")
        subprocess.run([ERLAB, "up", file], check=True, stdout=subprocess.DEVNULL)
        ce1, busy = Ce1(), [multiprocessing.Process(target=spin, daemon=True) for _ in range(arguments.busy)]
        try:
            with find_lab(None) as lab:
                one_round(lab, ce1, arguments.runs, arguments.quiet, "as the machine is")
                for process in busy:
                    process.start()
                one_round(lab, ce1, arguments.runs, arguments.quiet, f"beside {arguments.busy} busy processes")
        finally:
            ce1.close()
            for process in busy:
                process.kill()
            subprocess.run([ERLAB, "down"], check=True)


if __name__ == "__main__":
    main()
