"""From a topology to its plan, whatever the connectivity model."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from lab.bgp import Prefix
from lab.errors import InputError
from lab.expressroute.facts import ECMP_CIRCUITS
from lab.plan import Plan
from lab.plan.assumed import of_unknown_reach, that_mattered
from lab.plan.azure import plan_private, plan_public
from lab.plan.circuits import plan_circuit, plan_provider, tags_in_words
from lab.plan.draft import HOLD_TIME_S, Draft
from lab.plan.faults import faults
from lab.plan.marking import plan_marking
from lab.plan.microsoft_edge import GATEWAY_BEST_PATH
from lab.plan.microsoft_sessions import facing_asn
from lab.plan.shaping import queues_of, shaped
from lab.plan.sites import plan_access, plan_ibgp, plan_site
from lab.plan.vpns import VPN_FIDELITY, plan_vpns
from lab.topology import ConnectivityModel, Layer3, RoutingDomain, Site, Topology

_MOST_FAULTS = 5
"""That one error names."""


def plan(topology: Topology) -> Plan:
    """The plan of a topology. Raises InputError where no lab can be built of it."""
    return shaped(unshaped_plan(topology), topology)


def unshaped_plan(topology: Topology) -> Plan:
    """The same without impairments and queues."""
    draft = Draft(taken=tuple(_prefixes(topology)))
    customers = (topology.customer, *topology.other_customers)
    for customer in customers:
        for site in customer.sites:
            plan_site(draft, site)
    for circuit in topology.circuits:
        if isinstance(circuit.carrier, Layer3) and circuit.carrier.distribution is None:
            plan_provider(draft, circuit, circuit.carrier)
            _plan_access(draft, topology, circuit.carrier)
        plan_circuit(draft, topology, circuit, facing_asn(topology, circuit))
    for customer in customers:
        for site in customer.sites:
            plan_ibgp(draft, site, _hold_time_s(topology, site))
    for circuit in topology.circuits:
        if isinstance(circuit.carrier, Layer3) and circuit.carrier.distribution is not None:
            plan_vpns(draft, topology, circuit.carrier)
    plan_private(draft, topology)
    plan_public(draft, topology)
    plan_marking(draft, topology)
    planned = replace(draft.plan(topology.name, _fidelity(topology)), limits=topology.limits)
    found = faults(planned)
    if found:
        more = f"; and {len(found) - _MOST_FAULTS} more" if len(found) > _MOST_FAULTS else ""
        raise InputError(f"no lab can be built of this topology: {'; '.join(found[:_MOST_FAULTS])}{more}")
    return planned


def _plan_access(draft: Draft, topology: Topology, carrier: Layer3) -> None:
    """The lines of the customer's edges to a provider's routers."""
    for site in topology.customer.sites:
        for access in site.access:
            if access.provider_edge in carrier.routers:
                plan_access(draft, access, access.provider_edge, site.asn, carrier.asn)


def _prefixes(topology: Topology) -> Iterator[Prefix]:
    """Every prefix that the file names."""
    for circuit in topology.circuits:
        yield from (s.prefix for peering in circuit.peerings for s in peering.subnets)
    for customer in (topology.customer, *topology.other_customers):
        for site in customer.sites:
            yield from (p for network in site.networks for p in network.prefixes)
            yield from (block for access in site.access for block in access.blocks)
    yield from (p for vnet in topology.azure.vnets for p in vnet.network.prefixes)
    yield from (p for one in topology.azure.services for p in one.network.prefixes)
    yield from (block for reach in topology.global_reach for block in reach.blocks)


def _hold_time_s(topology: Topology, site: Site) -> int:
    """The hold time of a site's iBGP session: that of the first peering which ends there."""
    found = (
        peering.hold_time_s
        for circuit in topology.circuits
        if set(circuit.routers) <= set(site.routers)
        for peering in circuit.peerings
    )
    return next(found, HOLD_TIME_S)


def _fidelity(topology: Topology) -> Iterator[str]:
    if topology.connectivity_model is ConnectivityModel.ANY_TO_ANY_IPVPN:
        yield from VPN_FIDELITY
    for circuit in topology.circuits:
        name = f"circuit {circuit.name}: " if circuit.name else ""
        yield f"{name}bandwidth: {circuit.bandwidth_mbps} Mbps is not enforced; tags: {tags_in_words(circuit)}"
    if topology.azure.gateway_instances == 1 and topology.azure.vnets:
        yield "gateway: one instance; a real one has two"
    yield from of_unknown_reach(topology)
    yield from _speakers(topology)
    yield from _stand_ins(topology)
    yield from that_mattered(topology)


def _speakers(topology: Topology) -> Iterator[str]:
    """Who else is a router, and where what is said of its tables comes from."""
    for customer in (topology.customer, *topology.other_customers):
        for site in customer.sites:
            for edge, speaker in site.speakers:
                config = f", configured by {speaker.config.file}" if speaker.config else ""
                yield (
                    f"{edge}: {speaker.kind.value}{config}; its RIBs are what it tells, the Adj-RIBs as its UPDATEs "
                    "were seen on the wire"
                )
                if speaker.habits.forwards_nothing:
                    yield f"{edge}: forwards nothing itself; the lab puts its best routes into the kernel"


def _stand_ins(topology: Topology) -> Iterator[str]:
    """What the lab does in another way than the real routers, where the topology has it."""
    peerings = [peering for circuit in topology.circuits for peering in circuit.peerings]
    if any(peering.bfd for peering in peerings):
        yield "BFD: a process of the lab for each router; a busy computer can delay its packets"
    if any(peering.public and peering.public.nat for peering in peerings):
        yield "NAT: nftables of Linux translates; which address and port a flow gets is the kernel's choice"
    if queues_of(topology):
        yield "queues: HTB of Linux; TCP's large segments wait in them as one, and a real edge may share in another way"
    circuits = sum(one.peering(RoutingDomain.PRIVATE) is not None for one in topology.circuits)
    if circuits > ECMP_CIRCUITS and topology.azure.vnets:
        yield (
            f"gateway: shares load over {GATEWAY_BEST_PATH.maximum_paths} equal paths of any of {circuits} circuits; "
            f"documented are {ECMP_CIRCUITS} circuits at most"
        )
