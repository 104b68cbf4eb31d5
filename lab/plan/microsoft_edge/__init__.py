"""What Microsoft's routers do with routes: the rules of each of their sessions, in the policy language.

So `explain` shows every step, and each policy names the document that it is from, or that it is assumed. Both ends that
are Microsoft's are here: the edges' towards customers, gateways, one another and the public core, and those of the
gateway and of the core.
"""

from __future__ import annotations

from lab.bgp import Asn, BestPathRules, Family
from lab.expressroute.assumptions import EDGE_PATHS, Assumptions
from lab.expressroute.facts import ECMP_CIRCUITS, MICROSOFT_BFD_INTERVAL_MS
from lab.plan import BfdPlan
from lab.plan.microsoft_edge.availability import Edge
from lab.plan.microsoft_edge.private import (
    edge_towards_gateway,
    edge_towards_global_reach,
    gateway_towards_edge,
    private_towards_customer,
)
from lab.plan.microsoft_edge.public import core_towards_edge, edge_towards_core, public_towards_customer
from lab.policy import SessionRules
from lab.topology import Link, Peering

__all__ = [
    "EDGE_MAXIMUM_PATHS",
    "GATEWAY_BEST_PATH",
    "Edge",
    "core_towards_edge",
    "edge_best_path",
    "edge_bfd",
    "edge_towards_core",
    "edge_towards_customer",
    "edge_towards_gateway",
    "edge_towards_global_reach",
    "gateway_towards_edge",
]

EDGE_MAXIMUM_PATHS = int(EDGE_PATHS.default)
"""Of routers of which nothing else is said."""

GATEWAY_BEST_PATH = BestPathRules(maximum_paths=ECMP_CIRCUITS * len(Link), multipath_relax=True)
"""Equally long paths of up to four circuits share the load (expressroute-faqs.md, 2026-03-31), over both links of each.

That the AS numbers in them may differ is inferred: only weight and length are documented to be compared.
"""


def edge_best_path(assumed: Assumptions) -> BestPathRules:
    """How an edge chooses."""
    return BestPathRules(maximum_paths=assumed.edge_maximum_paths)


def edge_bfd(assumed: Assumptions) -> BfdPlan:
    """What an edge has towards the customer by default; it comes up where the customer's end has it too."""
    return BfdPlan(
        transmit_interval_ms=MICROSOFT_BFD_INTERVAL_MS,
        receive_interval_ms=MICROSOFT_BFD_INTERVAL_MS,
        multiplier=assumed.bfd_multiplier,
    )


def edge_towards_customer(edge: Edge, peering: Peering, family: Family, peer_asn: Asn) -> SessionRules:
    """An edge's rules of its session with who faces it on its link, the customer or a provider, in AS `peer_asn`."""
    if peering.public is None:
        return private_towards_customer(edge, peering, family)
    return public_towards_customer(edge, peering, peering.public, family, peer_asn)
