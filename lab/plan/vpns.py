"""The VPNs of an IPVPN's customers: their access lines, the VRFs of the provider's edges, and what joins those."""

from __future__ import annotations

from collections.abc import Iterable

from lab.bgp import Prefix, parse_prefix
from lab.errors import InputError
from lab.plan.draft import Draft, with_paths
from lab.plan.ipvpn import FIDELITY as VPN_FIDELITY
from lab.plan.ipvpn import Provider, Vpn, ipvpn
from lab.plan.microsoft_edge import EDGE_MAXIMUM_PATHS
from lab.plan.naming import REFLECTOR, vrf
from lab.plan.sites import plan_access
from lab.topology import Distribution, Layer3, Topology

__all__ = ["VPN_FIDELITY", "plan_vpns"]

_FIRST_NUMBER, _STEP = 100, 100
"""The VPNs are numbered 100, 200 ...: their labels, route targets and distinguishers."""
_CORE_BLOCKS = (
    ("100.125.0.0/16", "100.124.0.0/16", "10.254.0.0/16", "172.31.0.0/16"),
    ("fd65:4364::/64", "fd65:4365::/64"),
)


def plan_vpns(draft: Draft, topology: Topology, carrier: Layer3) -> None:
    """The access lines of all customers, and the provider between them."""
    customers = (topology.customer, *topology.other_customers)
    edges = dict.fromkeys(carrier.routers)
    parts = []
    for number, customer in enumerate(customers):
        vpn = Vpn(name=customer.name, number=_FIRST_NUMBER + _STEP * number)
        at = dict.fromkeys(carrier.routers if customer is topology.customer else ())
        for site in customer.sites:
            for access in site.access:
                at[access.provider_edge] = None
                plan_access(draft, access, vrf(access.provider_edge, vpn.name), site.asn, carrier.asn)
        edges |= at
        parts += [draft.vrf_part(edge, vpn, with_paths(EDGE_MAXIMUM_PATHS).best_path) for edge in at]
    provider = Provider(
        asn=carrier.asn,
        edges=tuple(edges),
        reflectors=(REFLECTOR,) if carrier.distribution is Distribution.ROUTE_REFLECTOR else (),
        core_blocks=tuple(_free(candidates, draft.taken) for candidates in _CORE_BLOCKS),
    )
    draft.provider(ipvpn(provider, parts))


def _free(candidates: Iterable[str], taken: Iterable[Prefix]) -> Prefix:
    """The first block that no prefix of the topology overlaps: every VRF knows the core's addresses as next hops."""
    used = tuple(taken)
    for block in map(parse_prefix, candidates):
        if not any(block.version == one.version and block.overlaps(one) for one in used):
            return block
    raise InputError(f"the topology uses every block that the lab could give to the core: {', '.join(candidates)}")
