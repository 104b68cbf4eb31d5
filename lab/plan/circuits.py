"""The links of a circuit: how each kind of carrier joins the routers that face Microsoft with Microsoft's edges.

    layer 2 over Ethernet   ce1 ─C─ line1 ─S,C─ msee1          two lines, each with a provider's switch on it
    layer 2 at an exchange  ce1 ─V─ exchange ─S,C─ msee1       one fabric, which may translate the customer's VLAN
    layer 3                 ce1 ─── pe1 ─S,C─ msee1            the provider's routers speak with Microsoft
    direct                  ce1 ─(S,)C─ msee1                  a port pair, which several circuits may share

C is the peering's VLAN, S the circuit's.
"""

from __future__ import annotations

from dataclasses import dataclass

from lab.bgp import Asn, Family
from lab.expressroute.assumptions import Assumptions
from lab.expressroute.facts import MICROSOFT_ASN, MICROSOFT_HOLD_TIME_S
from lab.plan import BfdPlan, Endpoint, Role, Tagged
from lab.plan import microsoft_sessions as behaviour
from lab.plan.addressing import CUSTOMER_HOST, MICROSOFT_HOST, host
from lab.plan.draft import Draft, SessionEnd, in_each_family, with_paths
from lab.plan.marking import marking_of_edge
from lab.plan.microsoft_edge import EDGE_MAXIMUM_PATHS, edge_best_path, edge_bfd
from lab.plan.naming import NUMBER, microsoft_edge, of_circuit, port, provider_switch, to_microsoft, towards, vrf
from lab.plan.sources import SourceFilter, SourceNat
from lab.topology import (
    Bfd,
    Circuit,
    ConnectivityModel,
    DirectPort,
    EdgeBgp,
    Encapsulation,
    Layer2,
    Layer3,
    Link,
    Peering,
    PublicPrefixes,
    Topology,
)


def plan_circuit(draft: Draft, topology: Topology, circuit: Circuit, facing_asn: Asn) -> None:
    """The Microsoft edges of a circuit, its links, and the sessions over them with the AS that faces them."""
    _Links(draft=draft, topology=topology, circuit=circuit, facing_asn=facing_asn).plan()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Links:
    """The two links of a circuit in the making."""

    draft: Draft
    topology: Topology
    circuit: Circuit
    facing_asn: Asn

    def _facing(self, link: Link) -> str:
        """The node that faces Microsoft on a link: a router, or its VRF in an IPVPN."""
        router = self.circuit.router_of(link)
        is_vpn = self.topology.connectivity_model is ConnectivityModel.ANY_TO_ANY_IPVPN
        return vrf(router, self.topology.customer.name) if is_vpn else router

    def plan(self) -> None:
        circuit, best_path = self.circuit, edge_best_path(Assumptions(self.topology.assumed))
        for peering in circuit.peerings:
            for link in Link:
                edge = microsoft_edge(circuit.name, link, peering.domain)
                self.draft.router(edge, Role.MICROSOFT_EDGE, MICROSOFT_ASN, bgp=EdgeBgp(best_path=best_path))
        for link in Link:
            ports = self._ports(link)
            for peering in circuit.peerings:
                self._carry(peering, link, *ports)
                for family in Family:
                    self._session(peering, link, family)

    def _ports(self, link: Link) -> tuple[Endpoint, Endpoint]:
        """The ports at both ends of a link, joined by wires and the provider's switch where there is one.

        A VRF of Microsoft's edge has no port of its own: that of the first peering's is the device's.
        """
        draft, circuit, first = self.draft, self.circuit, _first_at_ports(self.topology, self.circuit)
        ours = draft.port(self._facing(link), port(first.name, link), f"{link.value} link")
        device = microsoft_edge(first.name, link, first.peerings[0].domain)
        theirs = draft.port(device, port(first.name, link), f"{link.value} link")
        name = wire_of_link(self.topology, circuit, link)
        if not isinstance(circuit.carrier, Layer2):
            draft.wire(name, ours, theirs)
        else:
            customer_port, microsoft_port = self._switch_ports(link)
            draft.wire(name, ours, customer_port)
            draft.wire(f"{name}-microsoft", microsoft_port, theirs)
        return ours, theirs

    def _switch_ports(self, link: Link) -> tuple[Endpoint, Endpoint]:
        """The two ports of the provider's switch on a link."""
        exchange = self.topology.connectivity_model is ConnectivityModel.CLOUD_EXCHANGE
        switch, number = provider_switch(self.circuit.name, link, exchange=exchange), NUMBER[link] if exchange else ""
        self.draft.switch(switch, Role.PROVIDER_SWITCH)
        return self.draft.port(switch, f"customer{number}"), self.draft.port(switch, f"microsoft{number}")

    def _carry(self, peering: Peering, link: Link, ours: Endpoint, theirs: Endpoint) -> None:
        """The two sub-interfaces of a peering on a link, and the provider's cross connect between them."""
        circuit, router = self.circuit, self._facing(link)
        near = Tagged(port=ours, tags=customer_tags(circuit, peering, link))
        far = Tagged(port=theirs, tags=microsoft_tags(circuit, peering))
        blocks = [s.prefix for s in peering.subnets if s.link is link]
        description = f"{peering.domain.value} peering, {link.value} link"
        edge = microsoft_edge(circuit.name, link, peering.domain)
        for node, name, number, vlan in (
            (router, to_microsoft(circuit, link, peering.domain), CUSTOMER_HOST, near),
            (edge, towards(router), MICROSOFT_HOST, far),
        ):
            self.draft.interface(node, name, tuple(host(block, number) for block in blocks), description, vlan)
        if peering.public is not None:
            out = Endpoint(node=router, interface=to_microsoft(circuit, link, peering.domain))
            self._translate(peering.public, link, out)
            if Assumptions(self.topology.assumed).drops_unlisted_sources:
                admitted = SourceFilter(interface=towards(router), admitted=(*peering.public.advertised, *blocks))
                self.draft.admit(edge, admitted)
            self.draft.mark(edge, marking_of_edge(towards(router), Assumptions(self.topology.assumed)))
        if isinstance(circuit.carrier, Layer2):
            customer_port, microsoft_port = self._switch_ports(link)
            name = f"{of_circuit(circuit.name, link.value)}-{peering.domain.value}"
            ends = Tagged(port=customer_port, tags=near.tags), Tagged(port=microsoft_port, tags=far.tags)
            self.draft.cross_connect(name, *ends, circuit.carrier.remark)

    def _translate(self, public: PublicPrefixes, link: Link, out: Endpoint) -> None:
        """Translate sources that are not among the registered prefixes, where the customer has a pool for that."""
        pool = public.nat.pool_of(link) if public.nat is not None else None
        if pool is not None:
            registered = tuple(prefix for prefix in public.advertised if prefix.version == 4)
            self.draft.translate(out.node, SourceNat(interface=out.interface, pool=pool, exempt=registered))

    def _session(self, peering: Peering, link: Link, family: Family) -> None:
        block = peering.subnet(link, family)
        if block is None:
            return
        circuit, router, facing = self.circuit, self.circuit.router_of(link), self._facing(link)
        self.draft.session(
            listens=SessionEnd(
                node=microsoft_edge(circuit.name, link, peering.domain),
                asn=MICROSOFT_ASN,
                address=host(block, MICROSOFT_HOST).ip,
                interface=towards(facing),
                hold_time_s=MICROSOFT_HOLD_TIME_S,
                rules=behaviour.towards_customer(self.topology, circuit, peering, link, family),
                md5=peering.md5,
                bfd=edge_bfd(Assumptions(self.topology.assumed)),
            ),
            connects=SessionEnd(
                node=facing,
                asn=self.facing_asn,
                address=host(block, CUSTOMER_HOST).ip,
                interface=to_microsoft(circuit, link, peering.domain),
                hold_time_s=peering.hold_time_s,
                rules=peering.rules_of(router),
                md5=peering.md5_at(router),
                bfd=None if peering.bfd is None else _bfd(peering.bfd),
            ),
        )


def wire_of_link(topology: Topology, circuit: Circuit, link: Link) -> str:
    """The name of a link's wire at the router that faces Microsoft, its first end."""
    return of_circuit(_first_at_ports(topology, circuit).name, link.value)


def _first_at_ports(topology: Topology, circuit: Circuit) -> Circuit:
    """The first of the circuits that share a port pair: those of ExpressRoute Direct at the same routers."""
    if not isinstance(circuit.carrier, DirectPort):
        return circuit
    sharing = (one for one in topology.circuits if isinstance(one.carrier, DirectPort))
    return next(one for one in sharing if one.routers == circuit.routers)


def _bfd(bfd: Bfd) -> BfdPlan:
    return BfdPlan(transmit_interval_ms=bfd.interval_ms, receive_interval_ms=bfd.interval_ms, multiplier=bfd.multiplier)


def customer_tags(circuit: Circuit, peering: Peering, link: Link) -> tuple[int, ...]:
    """The tags of a peering at the router that faces Microsoft, the outer one first."""
    match circuit.carrier:
        case Layer2():
            return (peering.customer_vlan(link),)
        case DirectPort(encapsulation=Encapsulation.DOT1Q):
            return (peering.vlan_id,)
        case _:
            return microsoft_tags(circuit, peering)


def microsoft_tags(circuit: Circuit, peering: Peering) -> tuple[int, ...]:
    """The tags of a peering at Microsoft's port, the outer one first."""
    s_tag = circuit.carrier.s_tag
    return (peering.vlan_id,) if s_tag is None else (s_tag, peering.vlan_id)


def plan_provider(draft: Draft, circuit: Circuit, carrier: Layer3) -> None:
    """The routers of a provider that routes, and the iBGP session between them: they are of one VPN."""
    routers = tuple(dict.fromkeys(carrier.routers))
    for router in routers:
        draft.router(router, Role.PROVIDER_EDGE, carrier.asn, bgp=with_paths(EDGE_MAXIMUM_PATHS))
    if len(routers) < 2:
        return
    versions = sorted({s.prefix.version for peering in circuit.peerings for s in peering.subnets})
    pair = routers[0], routers[1]
    blocks = draft.fabric_link(versions)
    draft.link(of_circuit(circuit.name, "provider"), pair, blocks, "the provider's core")
    rules = in_each_family(behaviour.INSIDE_PROVIDER, behaviour.INSIDE_PROVIDER)
    draft.link_sessions(pair, (carrier.asn, carrier.asn), blocks, rules)


def tags_in_words(circuit: Circuit) -> str:
    """The tags of a circuit, for people."""
    inner = " and ".join(f"C-tag {peering.vlan_id} ({peering.domain.value})" for peering in circuit.peerings)
    s_tag = circuit.carrier.s_tag
    return inner if s_tag is None else f"S-tag {s_tag}, {inner}"
