"""How long everybody takes to ask everybody: a full matrix of an IPVPN of many sites.

    python benchmarks/matrix.py [--sites 50] [--repeat 5] [--json FILE]

Every host asks every other one, in five DSCP classes and two families, both directions: with 50 sites 24,500 flows. The
lab is built once; each time counts from the question to the last answer, as the command that asks has it. Nothing else
may run beside it.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from statistics import median

from ipvpn_sites import DEADLINE_S, plan_of

from lab.bgp import Family
from lab.commands.live import converge
from lab.controller import temporary_lab
from lab.forwarding import Sweep
from lab.questions.packets import AskAll, AskedAll
from lab.questions.plans import Build, Built

CLASSES = (46, 34, 18, 10, 0)
"""EF, AF41, AF21, AF11 and CS0."""


def main() -> None:
    """Build the lab, ask so often, and print the times."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sites", type=int, default=50)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--json", type=Path, help="write every single figure there")
    arguments = parser.parse_args()
    plan = plan_of(arguments.sites, 4, 0)
    hosts = tuple(f"contoso-h{site}" for site in range(1, arguments.sites + 1))
    sweep = Sweep(hosts=hosts, families=tuple(Family), dscps=CLASSES)
    times, asked = [], 0
    with temporary_lab("matrix") as lab:
        lab.channel.ask(Build(plan=plan), Built, deadline_s=DEADLINE_S)
        pending = converge(lab, (), DEADLINE_S).pending
        print(f"{arguments.sites} sites up, {len(pending)} things pending", flush=True)
        for _ in range(arguments.repeat):
            begun_s = time.perf_counter()
            result = lab.channel.ask(AskAll(sweep=sweep, deadline_s=1.0), AskedAll, deadline_s=DEADLINE_S).result
            times.append(time.perf_counter() - begun_s)
            asked = len(result.returned)
            answered = sum(mark >= 0 for mark in result.returned)
            print(f"{asked} flows, {answered} answered: {times[-1]:.2f} s", flush=True)
    print(f"median {median(times):.2f} s, {asked / median(times):,.0f} flows/s")
    if arguments.json:
        arguments.json.write_text(json.dumps(times), encoding="utf-8")


if __name__ == "__main__":
    main()
