"""What Microsoft's routers do with routes on private peering, in the policy language so that `explain` shows it."""

from __future__ import annotations

from lab.expressroute.facts import MICROSOFT_BFD_INTERVAL_MS, MICROSOFT_BFD_MULTIPLIER
from lab.plan import BfdPlan
from lab.policy import Asked, Change, CommunityChange, Fate, Match, Policy, PrefixList, PrefixRange, Term
from lab.topology import Azure

GATEWAY_MAXIMUM_PATHS = 4
"""ECMP goes over at most four circuits. Source: expressroute-faqs.md, 2026-03-31."""
EDGE_MAXIMUM_PATHS = 8
"""Assumed; the published Cisco sample has `maximum-paths 8`."""

MICROSOFT_BFD = BfdPlan(
    transmit_interval_ms=MICROSOFT_BFD_INTERVAL_MS,
    receive_interval_ms=MICROSOFT_BFD_INTERVAL_MS,
    multiplier=MICROSOFT_BFD_MULTIPLIER,
)
"""What Microsoft's edge has towards the customer by default; it comes up where the customer's edge has it too."""

STRIP_COMMUNITIES = Change(
    communities=CommunityChange(replace=()),
    large_communities=CommunityChange(replace=()),
    extended_communities=CommunityChange(replace=()),
)

FROM_CUSTOMER = Policy(
    name="microsoft-from-customer",
    terms=(Term(fate=Fate.ACCEPT, change=STRIP_COMMUNITIES),),
    source="documented: communities of customers are not honoured (expressroute-routing.md, 2026-03-12); "
    "assumed: they are stripped",
)

ACCEPT_ALL = Policy(
    name="microsoft-accept-all",
    terms=(Term(fate=Fate.ACCEPT),),
    source="documented: on private peering any valid prefix passes, the default route included "
    "(expressroute-routing.md, 2026-03-12)",
)


def from_vnets(azure: Azure) -> Policy:
    """What a gateway announces: the whole address spaces of its VNets, and nothing that it learned.

    A VNet with a custom community shows it together with the region's; one without shows neither (source:
    how-to-configure-custom-bgp-communities.md, 2021-10-18).
    """
    terms = []
    for vnet in azure.vnets:
        ranges = tuple(
            PrefixRange(prefix=prefix, at_least=prefix.prefixlen, at_most=prefix.prefixlen)
            for prefix in vnet.network.prefixes
        )
        tags = (vnet.community, azure.regional_community) if vnet.community else ()
        terms.append(
            Term(
                fate=Fate.ACCEPT,
                match=Match(
                    prefix_list=Asked(sets=(PrefixList(name=f"vnet-{vnet.network.name}", ranges=ranges),)),
                ),
                change=Change(communities=CommunityChange(add=tuple(tag for tag in tags if tag))),
            )
        )
    return Policy(
        name="microsoft-vnets",
        terms=tuple(terms),
        source="documented: whole VNet address spaces (expressroute-routing.md, 2026-03-12)",
    )
