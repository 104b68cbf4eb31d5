"""Which models, peerings and address families the shipped topologies prove: the table of docs/reference/models.md.

Run as a program, this writes the table anew. What a cell says is proven by `tests/live/test_topologies.py`, which runs
every file and has all its expectations hold.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from lab.bgp import Family
from lab.checks import flows_of
from lab.expectations import ReachabilityExpectation, SessionExpectation, SessionState
from lab.forwarding import predict_flow
from lab.load import load_topology
from lab.plan import Plan
from lab.plan.naming import microsoft_edge, vrf
from lab.plan.of_topology import plan
from lab.predict import predict
from lab.tables import LabTables
from lab.topology import Circuit, ConnectivityModel, DirectPort, Layer3, Link, RoutingDomain, Topology

TOP = Path(__file__).parents[1]
TOPOLOGIES = sorted(TOP.glob("topologies/*.yaml"))
FILE = TOP / "docs" / "reference" / "models.md"
WAYS = (
    "cloud_exchange, layer2",
    "cloud_exchange, layer3",
    "point_to_point_ethernet, layer2",
    "point_to_point_ethernet, layer3",
    "any_to_any_ipvpn",
    "direct, dot1q",
    "direct, qinq",
)
"""Every way of joining ExpressRoute. Each may carry both peerings in both families (expressroute-faqs.md)."""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Cell:
    """A way of joining, a peering, and an address family."""

    way: str
    domain: RoutingDomain
    family: Family

    def __str__(self) -> str:
        return f"{self.way}, {self.domain.value} peering, {self.family.value}"


CELLS = tuple(
    Cell(way=way, domain=domain, family=family) for way, domain, family in product(WAYS, RoutingDomain, Family)
)


def way_of(topology: Topology, circuit: Circuit) -> str:
    """How a circuit is joined."""
    model = topology.connectivity_model
    if model is ConnectivityModel.ANY_TO_ANY_IPVPN:
        return str(model.value)
    if isinstance(circuit.carrier, DirectPort):
        return f"{model.value}, {circuit.carrier.encapsulation.value}"
    return f"{model.value}, {'layer3' if isinstance(circuit.carrier, Layer3) else 'layer2'}"


def proven_by(topology: Topology) -> set[Cell]:
    """The cells that a topology proves: sessions with both edges, and answered packets from both sides."""
    planned = plan(topology)
    tables = predict(planned).tables
    return {
        cell
        for circuit in topology.circuits
        for peering in circuit.peerings
        for cell in (Cell(way=way_of(topology, circuit), domain=peering.domain, family=family) for family in Family)
        if all(peering.subnet(link, cell.family) for link in Link)
        and _sessions_expected(topology, circuit, cell)
        and _reached(topology, planned, tables, circuit, cell)
    }


def _facing(topology: Topology, circuit: Circuit, link: Link) -> str:
    """The node that faces Microsoft: a router, or its VRF in an IPVPN."""
    router = circuit.router_of(link)
    is_vpn = topology.connectivity_model is ConnectivityModel.ANY_TO_ANY_IPVPN
    return vrf(router, topology.customer.name) if is_vpn else router


def _sessions_expected(topology: Topology, circuit: Circuit, cell: Cell) -> bool:
    """Whether the sessions of both links have to be established."""
    wanted = {
        frozenset({_facing(topology, circuit, link), microsoft_edge(circuit.name, link, cell.domain)}) for link in Link
    }
    expected = {
        frozenset(one.routers)
        for one in topology.expectations
        if isinstance(one, SessionExpectation)
        and one.family in (None, cell.family)
        and one.state is SessionState.ESTABLISHED
    }
    return wanted <= expected


def _reached(topology: Topology, planned: Plan, tables: LabTables, circuit: Circuit, cell: Cell) -> bool:
    """Whether packets have to be answered both ways between a site and what the peering reaches, by this circuit."""
    edges = {microsoft_edge(circuit.name, link, cell.domain) for link in Link}
    sites = {network.name for network in topology.customer.networks}
    private = cell.domain is RoutingDomain.PRIVATE
    azure = topology.azure
    far = {one.network.name for one in azure.vnets} if private else {one.network.name for one in azure.services}
    ways = {
        (flow.source in sites, flow.source in far)
        for one in topology.expectations
        if isinstance(one, ReachabilityExpectation) and one.reachable
        for flow in flows_of(one, planned)
        if flow.family is cell.family
        and {flow.source in sites, flow.destination in sites} == {True, False}
        and (flow.source in far or flow.destination in far)
        and edges.intersection(predict_flow(planned, tables, flow).forward)
    }
    return {(True, False), (False, True)} <= ways


def coverage() -> dict[Cell, list[str]]:
    """The files that prove each cell."""
    found: dict[Cell, list[str]] = {cell: [] for cell in CELLS}
    for file in TOPOLOGIES:
        for cell in proven_by(load_topology(file)):
            found[cell].append(file.stem)
    return found


def table() -> str:
    """The table, in Markdown."""
    found = coverage()
    columns = list(product(RoutingDomain, Family))
    heads = [f"{domain.value}, {_NAMES[family]}" for domain, family in columns]
    rows = [["how it is joined", *heads], ["---"] * (len(heads) + 1)]
    for way in WAYS:
        cells = (found[Cell(way=way, domain=domain, family=family)] for domain, family in columns)
        rows.append([f"`{way}`", *("<br>".join(f"`{one}`" for one in files) or "**not proven**" for files in cells)])
    return "\n".join("| " + " | ".join(row) + " |" for row in rows) + "\n"


_NAMES = {Family.IPV4: "IPv4", Family.IPV6: "IPv6"}


def filled(text: str) -> str:
    """The page with the table of today."""
    return re.sub(
        r"(?<=<!-- begin models -->\n).*(?=<!-- end models -->)", lambda _: f"\n{table()}\n", text, flags=re.DOTALL
    )


def missing() -> Iterator[Cell]:
    """The cells that no file proves."""
    yield from (cell for cell, files in coverage().items() if not files)


if __name__ == "__main__":
    FILE.write_text(filled(FILE.read_text(encoding="utf-8")), encoding="utf-8")
