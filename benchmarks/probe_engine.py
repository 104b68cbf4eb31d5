"""Answered probes per second between two network namespaces: the prober's engine, scapy's sr, fping and nping.

    python benchmarks/probe_engine.py [--probes 20000] [--repeat 5] [--json FILE]

Two hosts at the two ends of a wire, and everything is asked between them, one program after the other, in each
repetition anew: the ratios are of one run. The engine sweeps with captures at both ends, as `erlab matrix` does at
first, and traces with every packet read by itself, as `erlab test` does. What is not installed (apt-get install fping
nmap) is told as missing. Nothing else may run beside it: it takes both processors of a machine that has two.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from ipaddress import IPv4Interface
from pathlib import Path
from statistics import median

from scapy.config import conf
from scapy.layers.inet import ICMP, IP
from scapy.sendrecv import sr

from lab.bgp import Family
from lab.forwarding import Flow
from lab.plan import Endpoint, InterfacePlan, NodePlan, Plan, Role, Wire
from lab.probes.captures import Captures
from lab.probes.echo_sweeps import EchoSweeper
from lab.probes.tracing import Tracer
from lab.questions.packets import Probe
from lab.runtimes.namespaces import enter_network_namespace, new_network_namespace, start_first_process

NEAR, FAR = "10.0.0.1", "10.0.0.2"
FLOW = Flow(source="near", destination="far", family=Family.IPV4)
DEADLINE_S = 60.0
FPING, NPING = "/usr/bin/fping", "/usr/bin/nping"
SCAPY_PROBES = 2000
"""Of scapy, which takes a millisecond for each."""


def plan_of_a_pair() -> Plan:
    """Two hosts on one wire."""
    nodes = tuple(
        NodePlan(
            name=name,
            role=Role.HOST,
            interfaces=(InterfacePlan(name="eth0", addresses=(IPv4Interface(f"{address}/24"),)),),
        )
        for name, address in (("near", NEAR), ("far", FAR))
    )
    ends = Endpoint(node="near", interface="eth0"), Endpoint(node="far", interface="eth0")
    return Plan(name="pair", nodes=nodes, wires=(Wire(name="wire", ends=ends),))


def make_pair() -> dict[str, int]:
    """The two namespaces, with the wire between them. This thread is in the far one afterwards."""
    pair = {"near": new_network_namespace(), "far": new_network_namespace()}
    near = f"/proc/{os.getpid()}/fd/{pair['near']}"
    run("ip", "link", "add", "eth0", "type", "veth", "peer", "name", "peer", "netns", near)
    for name, address, interface in (("far", FAR, "eth0"), ("near", NEAR, "peer")):
        enter_network_namespace(pair[name])
        run("ip", "address", "add", f"{address}/24", "dev", interface)
        run("ip", "link", "set", interface, "up")
        run("ip", "link", "set", "lo", "up")
    return pair


def run(*argv: str) -> str:
    """What a program says that has to end well."""
    return subprocess.run(argv, check=True, capture_output=True, text=True).stdout


def engines(pair: dict[str, int], probes: int) -> dict[str, Callable[[], float]]:
    """Each way to ask: it returns the answered probes per second."""
    plan = plan_of_a_pair()

    def enter(node: str) -> None:
        enter_network_namespace(pair[node])

    sweeper = EchoSweeper(plan, ["near", "far"], enter)
    tracer = Tracer(plan, Captures(["near", "far"], enter), enter, os.urandom(8))

    def swept() -> float:
        begun_s = time.perf_counter()
        seen = sweeper.sweep([FLOW] * probes, DEADLINE_S)
        return len(seen.returned) / (time.perf_counter() - begun_s)

    def traced() -> float:
        begun_s = time.perf_counter()
        results = tracer.trace(Probe(flows=(FLOW,), count=probes // 10, deadline_s=DEADLINE_S))
        return sum(one.answered for one in results) / (time.perf_counter() - begun_s)

    def by_scapy() -> float:
        enter("near")
        conf.ifaces.reload()
        conf.route.resync()
        packets = [IP(dst=FAR) / ICMP(id=n & 0xFFFF, seq=n >> 16) for n in range(min(probes, SCAPY_PROBES))]
        begun_s = time.perf_counter()
        answered, _ = sr(packets, timeout=2, verbose=0)
        return len(answered) / (time.perf_counter() - begun_s)

    def by_fping() -> float:
        enter("near")
        targets = f"{FAR}\n" * (probes // 10)  # one target can be asked but once a millisecond
        begun_s = time.perf_counter()
        argv = [FPING, "-q", "-C", "1", "-i", "0", "-f", "-"]
        said = subprocess.run(argv, input=targets, capture_output=True, text=True, check=False).stderr
        answered = sum(not line.endswith("-") for line in said.splitlines())
        return answered / (time.perf_counter() - begun_s)

    def by_nping() -> float:
        enter("near")
        begun_s = time.perf_counter()
        said = run(NPING, "--icmp", "-q", "-c", str(probes // 10), "--rate", "1000000", FAR)
        answered = int(said.partition("Rcvd: ")[2].split()[0])
        return answered / (time.perf_counter() - begun_s)

    found = {"sweep": swept, "trace": traced, "scapy sr": by_scapy}
    for path, package, one in ((FPING, "fping", by_fping), (NPING, "nmap", by_nping)):
        if Path(path).exists():
            found[Path(path).name] = one
        else:
            print(f"{path} is missing: apt-get install {package}")
    return found


def measure(arguments: argparse.Namespace) -> int:
    """Run everything so often, and print medians and their ratios to the engine's sweep."""
    ways = engines(make_pair(), arguments.probes)
    rates: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(arguments.repeat):
        for name, way in ways.items():
            rates[name].append(way())
    swept = median(rates["sweep"])
    for name, all_of_them in rates.items():
        rate = median(all_of_them)
        print(f"{name:<10} {rate:>9,.0f} answered probes/s   1/{swept / rate:.1f} of the sweep", flush=True)
    if arguments.json:
        arguments.json.write_text(json.dumps(rates, indent=2), encoding="utf-8")
    return 0


def main() -> None:
    """Measure in namespaces of its own."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--probes", type=int, default=20_000)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--json", type=Path, help="write every single figure there")
    arguments = parser.parse_args()
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    pid = start_first_process(lambda: measure(arguments), print, outlives_parent=False)
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))


if __name__ == "__main__":
    main()
