"""How long an any-to-any IPVPN of many sites takes, from nothing to packets between all of them, and what it weighs.

    python benchmarks/ipvpn_sites.py [--sites 4 20 50 100] [--sites-an-edge 4] [--reflectors 0] [--json FILE]

Each site is one CE with a host, four of them at an edge router, all in one AS and one VPN. Every time counts from the
start of the lab. Every host sends to every other one, in both families: at 100 sites these are 19,800 flows.

`cpu` is the processors' time that the lab has used by then: unlike the others it hangs little on what else runs.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from itertools import permutations
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from lab.bgp import Family
from lab.commands.live import converge
from lab.controller import temporary_lab
from lab.forwarding import Flow
from lab.plan import Plan
from lab.predict import predict
from lab.questions.control import ReadStatus
from lab.questions.packets import Probe, Probed
from lab.questions.plans import Build, Built, Status
from lab.questions.tables import ReadTables, Tables
from lab.tables import differences
from vpn_networks import VpnNet

DEADLINE_S = 300.0
_PARENT, _SESSION, _USER, _SYSTEM = 1, 3, 11, 12
"""Where /proc/PID/stat has them, behind the name (proc(5))."""


def plan_of(sites: int, sites_an_edge: int, reflectors: int) -> Plan:
    """One VPN with so many sites."""
    net = VpnNet(-(-sites // sites_an_edge), reflectors)
    net.customer("contoso", 100)
    for site in range(1, sites + 1):
        net.site("contoso", site, f"pe{-(-site // sites_an_edge)}")
    return net.plan()


def all_flows(sites: int) -> tuple[Flow, ...]:
    """From every host to every other one, in both families."""
    hosts = [f"contoso-h{site}" for site in range(1, sites + 1)]
    return tuple(Flow(source=one, destination=other, family=f) for one, other in permutations(hosts, 2) for f in Family)


def used_cpu_s() -> float:
    """The processors' time of all processes of the lab that this process started, in seconds."""
    stats = [path.read_text(encoding="ascii").rpartition(") ")[2].split() for path in Path("/proc").glob("[0-9]*/stat")]
    own = str(os.getpid())
    sessions = {fields[_SESSION] for fields in stats if fields[_PARENT] == own}
    used = sum(int(f[_USER]) + int(f[_SYSTEM]) for f in stats if f[_SESSION] in sessions)
    return used / os.sysconf("SC_CLK_TCK")


def measured(plan: Plan, sites: int) -> dict[str, float]:
    """The seconds to each state, the memory of all routers, and what did not go well."""
    flows = all_flows(sites)
    begun_s = time.monotonic()
    predicted = predict(plan).tables
    found = {"predicted": time.monotonic() - begun_s}
    begun_s = time.monotonic()
    with temporary_lab("sites") as lab:
        lab.channel.ask(Build(plan=plan), Built, deadline_s=DEADLINE_S)
        found["built"] = time.monotonic() - begun_s
        settled = converge(lab, (), DEADLINE_S)
        found["settled"] = time.monotonic() - begun_s
        begun_to_build_s = found["settled"] - (settled.converged_s or 0.0)
        found["established"] = begun_to_build_s + (settled.established_s or 0.0)
        found["settled_cpu"] = used_cpu_s()
        found["pending"] = len(settled.pending)
        answer = lab.channel.ask(Probe(flows=flows, deadline_s=DEADLINE_S), Probed, deadline_s=2 * DEADLINE_S)
        found["reachable"] = time.monotonic() - begun_s
        found["reachable_cpu"] = used_cpu_s()
        found["unanswered"] = sum(not one.answered for one in answer.results)
        observed = lab.channel.ask(ReadTables(), Tables, deadline_s=DEADLINE_S).tables
        found["tables"] = time.monotonic() - begun_s
        status = lab.channel.ask(ReadStatus(), Status, deadline_s=DEADLINE_S)
        found["memory_mib"] = sum(status.memory_kib.values()) / 1024
    found["gone"] = time.monotonic() - begun_s
    found["differences"] = len(list(differences(predicted, observed)))
    found["routers"], found["flows"] = len(plan.routers), len(flows)
    return found


def main() -> None:
    """Run each size once, and print it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sites", nargs="+", type=int, default=[4, 20, 50, 100])
    parser.add_argument("--sites-an-edge", type=int, default=4)
    parser.add_argument("--reflectors", type=int, default=0)
    parser.add_argument("--json", type=Path, help="write every single figure there")
    arguments = parser.parse_args()
    results = {}
    for sites in arguments.sites:
        plan = plan_of(sites, arguments.sites_an_edge, arguments.reflectors)
        results[sites] = measured(plan, sites)
        figures = ", ".join(f"{name} {value:.2f}".removesuffix(".00") for name, value in results[sites].items())
        print(f"{sites} sites: {figures}", flush=True)
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=2), encoding="utf-8")


if __name__ == "__main__":
    main()
