"""Who rewrites marks: customers' edges and the provider's routers as the file says, Microsoft's edges as documented."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from lab.expressroute.assumptions import UNLISTED_DSCP, Assumptions
from lab.expressroute.dscp import DSCP_VALUES, MICROSOFT_PEERING_DSCP
from lab.expressroute.facts import QOS
from lab.marking import MarkingRule, PacketMatch
from lab.plan.draft import Draft
from lab.plan.naming import to_microsoft, towards, vrf
from lab.topology import Circuit, ConnectivityModel, Customer, Layer3, Link, RouterQos, Site, Topology, Towards

_UNLISTED = PacketMatch(dscps=tuple(one for one in DSCP_VALUES if one not in MICROSOFT_PEERING_DSCP))


def plan_marking(draft: Draft, topology: Topology) -> None:
    """Let the customers' edges and the provider's routers mark."""
    for customer in (topology.customer, *topology.other_customers):
        for site in customer.sites:
            for router, qos in site.qos:
                uplinks = [*_to_circuits(topology, router), *_access_lines(topology, customer, site, router)]
                draft.mark(router, _rules(qos, uplinks))
    for circuit in topology.circuits:
        if isinstance(circuit.carrier, Layer3):
            _of_provider(draft, topology, circuit, circuit.carrier)


def marking_of_edge(interface: str, assumed: Assumptions) -> Iterator[MarkingRule]:
    """What an edge of Microsoft's does on Microsoft peering, where the customer is behind that interface."""
    answer = assumed.unlisted_dscp
    if answer != "unchanged":
        yield MarkingRule(
            match=_UNLISTED,
            dscp=0 if answer == "reset" else None,
            enters_by=(interface,),
            source=f"assumed: {UNLISTED_DSCP.says(answer)}",
        )
    yield MarkingRule(
        match=_UNLISTED,
        dscp=0,
        leaves_by=(interface,),
        source=f"documented: Microsoft sends only the marks of its table ({QOS})",
    )


def _of_provider(draft: Draft, topology: Topology, circuit: Circuit, carrier: Layer3) -> None:
    """The provider's routers: each marks by its own rules first, then all by the provider's map."""
    qos = dict(carrier.qos)
    for customer in (topology.customer, *topology.other_customers):
        for router in dict.fromkeys(_provider_edges(circuit, carrier, customer, topology)):
            node = _instance(topology, router, customer)
            faces = [*_to_circuits(topology, router)] if customer is topology.customer else []
            draft.mark(node, _rules(qos.get(router, RouterQos()), faces))
            draft.mark(node, carrier.remark.rules() if carrier.remark else ())


def _provider_edges(circuit: Circuit, carrier: Layer3, customer: Customer, topology: Topology) -> Iterator[str]:
    """The provider's routers that have something of a customer's at them."""
    if customer is topology.customer:
        yield from circuit.routers
    if carrier.distribution is not None:
        yield from (access.provider_edge for site in customer.sites for access in site.access)


def _instance(topology: Topology, router: str, customer: Customer) -> str:
    """The routing instance of a provider's router that forwards a customer's packets."""
    is_vpn = topology.connectivity_model is ConnectivityModel.ANY_TO_ANY_IPVPN
    return vrf(router, customer.name) if is_vpn else router


def _rules(qos: RouterQos, uplinks: Iterable[str]) -> Iterator[MarkingRule]:
    """The rules of a router, whose interfaces towards Microsoft or its provider these are."""
    out = tuple(uplinks)
    for one in qos.marking:
        match one.towards:
            case None:
                yield one.rule
            case Towards.MICROSOFT:
                yield replace(one.rule, leaves_by=out)
            case Towards.CUSTOMER:
                yield replace(one.rule, enters_by=out)


def _to_circuits(topology: Topology, router: str) -> Iterator[str]:
    """The interfaces of a router towards Microsoft's edges."""
    for circuit in topology.circuits:
        for link in Link:
            if circuit.router_of(link) == router:
                yield from (to_microsoft(circuit, link, peering.domain) for peering in circuit.peerings)


def _access_lines(topology: Topology, customer: Customer, site: Site, router: str) -> Iterator[str]:
    """The interfaces of a customer's edge towards a provider's routers."""
    for access in site.access:
        if access.customer_edge == router:
            yield towards(_instance(topology, access.provider_edge, customer))
