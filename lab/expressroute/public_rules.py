"""What the real circuit refuses of Microsoft peering: the functions that find where a value breaks one of `RULES`."""

from __future__ import annotations

from collections.abc import Collection

from lab.bgp import Community, Prefix, is_private_asn, within
from lab.expressroute.communities import MICROSOFT_365_COMMUNITIES, PUBLIC_COMMUNITIES
from lab.expressroute.facts import DOCUMENTATION_ASNS, MICROSOFT_ASN
from lab.expressroute.public_space import special_range
from lab.expressroute.rules import (
    FILTER_AUTHORIZATION,
    FILTER_COMMUNITY,
    NOT_MICROSOFT_ASN,
    POOL_ADDRESSES,
    POOL_REGISTERED,
    POOLS_APART,
    PUBLIC_ASN,
    PUBLIC_BLOCK,
    PUBLIC_PREFIX,
    SERVICE_PREFIX,
    Finding,
    Rule,
)


def public_block(block: Prefix) -> Finding | None:
    """Whether a link block can be one of Microsoft peering."""
    return _public(PUBLIC_BLOCK, block)


def public_prefix(prefix: Prefix) -> Finding | None:
    """Whether a prefix can be advertised on Microsoft peering."""
    if prefix.prefixlen == 0:
        return Finding(rule=PUBLIC_PREFIX, what=f"{prefix} is the default route", meant="list the prefixes one by one")
    return _public(PUBLIC_PREFIX, prefix)


def _public(rule: Rule, prefix: Prefix) -> Finding | None:
    special = special_range(prefix)
    if special is None:
        return None
    how = "overlaps" if special.prefixlen > prefix.prefixlen else "is inside"
    meant = "for a lab the ranges for benchmarks will do, such as 198.19.0.0/16 or 2001:2:0:8000::/49"
    return Finding(rule=rule, what=f"{prefix} {how} {special}, which is not public", meant=meant)


def service_prefix(prefix: Prefix) -> Finding | None:
    """Whether a prefix can be one of Microsoft's public services."""
    return _public(SERVICE_PREFIX, prefix)


def nat_pool(pool: Prefix, advertised: Collection[Prefix] | None) -> Finding | None:
    """Whether sources can be translated to a pool; `advertised` are the listed prefixes, None where not all are known.

    What Microsoft's network lets in are sources in listed prefixes (expressroute-routing.md).
    """
    if pool.version == 6:
        what = f"{pool} is no pool: IPv6 is not translated"
        return Finding(rule=POOL_ADDRESSES, what=what, meant="an IPv4 prefix of the advertised ones")
    if pool.prefixlen == 0:
        what = f"{pool} is every address"
        return Finding(rule=POOL_ADDRESSES, what=what, meant="an IPv4 prefix of the advertised ones")
    if special_range(pool) is not None:
        return _public(POOL_ADDRESSES, pool)
    if advertised is None or any(within(pool, one) for one in advertised):
        return None
    what = f"pool {pool} is in none of the advertised prefixes"
    return Finding(rule=POOL_REGISTERED, what=what, meant="list it, or use a part of what is listed")


def shared_pool(routers: tuple[str, str]) -> Finding | None:
    """Whether one pool can be that of both links, whose routers these are."""
    if routers[0] == routers[1]:
        return None
    what = f"nat: one pool for two routers, {routers[0]} and {routers[1]}"
    meant = "an answer may come to the one that did not translate: give primary and secondary"
    return Finding(rule=POOLS_APART, what=what, meant=meant)


def public_asn(asn: int, registered: int | None) -> Finding | None:
    """Whether Microsoft peering can be from an AS; `registered` is the one that the prefixes belong to, where given."""
    meant = "write a public one; for a lab those for documentation from 65536 to 65551 will do (RFC 5398)"
    for number in (asn, registered):
        if number in DOCUMENTATION_ASNS:
            return Finding(rule=PUBLIC_ASN, what=f"AS {number} is not allowed in the path", meant=meant)
    if registered == MICROSOFT_ASN:
        what = f"customer_asn {registered} is Microsoft's own"
        return Finding(rule=NOT_MICROSOFT_ASN, what=what, meant="write the customer's")
    if registered is None and is_private_asn(asn):
        meant += ", or the one that the prefixes belong to as customer_asn"
        return Finding(rule=PUBLIC_ASN, what=f"AS {asn} is private", meant=meant)
    if registered is not None and is_private_asn(registered):
        return Finding(rule=PUBLIC_ASN, what=f"customer_asn {registered} is private", meant=meant)
    return None


def filter_community(community: Community, of_services: Collection[Community] = ()) -> Finding | None:
    """Whether a community is published, or one that a service of the topology carries."""
    if community in PUBLIC_COMMUNITIES or community in of_services:
        return None
    what = f"{community} is a community of no region and no service on Microsoft peering"
    return Finding(rule=FILTER_COMMUNITY, what=what, meant="such as westeurope.microsoft, 12076:51002")


def filter_authorization(community: Community, *, authorized: bool) -> Finding | None:
    """Whether a filter may name a community."""
    if authorized or community not in MICROSOFT_365_COMMUNITIES:
        return None
    meant = "assume microsoft_365_authorization: granted, where the subscription has it"
    return Finding(rule=FILTER_AUTHORIZATION, what=f"{community} needs Microsoft's authorisation", meant=meant)
