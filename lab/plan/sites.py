"""A customer's sites: their LANs, their edge routers, and the sessions of these with one another."""

from __future__ import annotations

from lab.bgp import Asn, Family
from lab.plan import Role
from lab.plan.addressing import LAN_HOST, host
from lab.plan.draft import HOLD_TIME_S, Draft, SessionEnd, in_each_family, with_paths
from lab.plan.microsoft_edge import EDGE_MAXIMUM_PATHS
from lab.plan.naming import lan
from lab.policy import SessionRules
from lab.topology import Access, Network, Site


def plan_site(draft: Draft, site: Site) -> None:
    """The LANs and edges of a site."""
    edges = tuple(dict.fromkeys(site.routers))
    networks = tuple(prefix for network in site.networks for prefix in network.prefixes)
    for edge in edges:
        draft.router(edge, Role.CUSTOMER_EDGE, site.asn, networks, site.bgp_of(edge) or with_paths(EDGE_MAXIMUM_PATHS))
    for edge, speaker in site.speakers:
        draft.run(edge, speaker)
    for network in site.networks:
        _lan(draft, network, edges)


def _lan(draft: Draft, network: Network, edges: tuple[str, ...]) -> None:
    """A LAN with the customer edges and one host, whose default route is the primary link's edge."""
    switch = lan(network.name)
    draft.host(network.name)
    draft.switch(switch)
    members = [(network.name, "eth0", LAN_HOST)]
    members += [(edge, f"to-{network.name}", number) for number, edge in enumerate(edges, start=1)]
    for node, interface, number in members:
        addresses = tuple(host(prefix, number) for prefix in network.prefixes)
        end = draft.interface(node, interface, addresses, f"LAN {network.name}")
        draft.wire(f"{network.name}/{node}", end, draft.interface(switch, f"to-{node}"))
    draft.default_routes(network, 1)


def plan_ibgp(draft: Draft, site: Site, hold_time_s: int = HOLD_TIME_S) -> None:
    """The iBGP sessions of a site's two edges, over its first LAN of each family.

    Where the file says nothing of them: no policy, and next hop self.
    """
    edges = tuple(dict.fromkeys(site.routers))
    for family in Family if len(edges) > 1 else ():
        lans = [(n.name, p) for n in site.networks if (p := n.of(family)) is not None]
        if not lans:
            continue
        name, prefix = lans[0]
        ends = [
            SessionEnd(
                node=edge,
                asn=site.asn,
                address=host(prefix, number).ip,
                interface=f"to-{name}",
                hold_time_s=hold_time_s,
                rules=SessionRules(next_hop_self=True) if (bgp := site.bgp_of(edge)) is None else bgp.ibgp,
            )
            for number, edge in enumerate(edges, start=1)
        ]
        draft.session(listens=ends[0], connects=ends[1])


def plan_access(draft: Draft, access: Access, provider: str, customer_asn: Asn, provider_asn: Asn) -> None:
    """The link of a customer edge to a node of the provider's, and a session in each family."""
    edge = access.customer_edge
    draft.link(f"{edge}/{provider}", (edge, provider), list(access.blocks), "access line")
    rules = in_each_family(access.rules, access.provider_rules)
    draft.link_sessions((edge, provider), (customer_asn, provider_asn), access.blocks, rules)
