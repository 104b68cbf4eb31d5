"""Microsoft peering: the edge between customer and Microsoft's public services, and the end of the core behind it.

The core stands for Microsoft's network: it is in AS 12076, and originates the services' prefixes.
"""

from __future__ import annotations

from collections.abc import Iterable

from lab.bgp import Asn, Community, Family, Prefix, RemovePrivate, is_private_asn, parse_prefix
from lab.expressroute.assumptions import Assumptions
from lab.expressroute.communities import (
    NATIONAL_REGIONS,
    REGIONS,
    SERVICES,
    US_GOVERNMENT_SERVICES,
    microsoft_community,
)
from lab.expressroute.facts import (
    DOCUMENTATION_ASNS,
    FAQ,
    PUBLIC_PREFIX_LIMITS,
    ROUTE_FILTER,
    ROUTING,
)
from lab.expressroute.locations import AREAS, LOCATIONS
from lab.expressroute.public_space import NOT_PUBLIC
from lab.plan.microsoft_edge.availability import Edge
from lab.plan.microsoft_edge.private import STRIP_COMMUNITIES, by_family, exactly
from lab.policy import (
    Asked,
    AsPathEntry,
    AsPathSet,
    Change,
    CommunityChange,
    CommunityPattern,
    CommunitySet,
    Fate,
    Match,
    NumberChange,
    Operation,
    PatternKind,
    Policy,
    PrefixList,
    PrefixRange,
    Quantifier,
    SessionRules,
    Term,
)
from lab.topology import Azure, Circuit, Peering, PublicPrefixes, RouteFilter, Sku

_TIERS = (Sku.LOCAL, Sku.STANDARD, Sku.PREMIUM)
"""Each reaches what those before it do."""


def public_towards_customer(
    edge: Edge, peering: Peering, public: PublicPrefixes, family: Family, peer_asn: Asn
) -> SessionRules:
    """An edge's rules of its session on Microsoft peering with the customer, or with a provider."""
    return SessionRules(
        import_policies=(public_from_customer(edge, public, peer_asn),),
        export_policies=(public_to_customer(edge, public.route_filter(family)),),
        max_prefix=by_family(PUBLIC_PREFIX_LIMITS, family, edge.assumed),
        shutdown=edge.why_closed(peering, family),
    )


# from the customer


def _inside(name: str, prefixes: Iterable[Prefix]) -> Match:
    ranges = tuple(PrefixRange(prefix=one, at_least=one.prefixlen, at_most=one.max_prefixlen) for one in prefixes)
    return Match(prefix_list=Asked(sets=(PrefixList(name=name, ranges=ranges),)))


DEFAULT_ROUTE = Term(
    name="default-route",
    fate=Fate.REJECT,
    match=exactly("default", (parse_prefix("0.0.0.0/0"), parse_prefix("::/0"))),
)
NOT_PUBLIC_PREFIX = Term(name="not-public", fate=Fate.REJECT, match=_inside("not-public", NOT_PUBLIC))
DOCUMENTATION_AS = Term(
    name="documentation-as",
    fate=Fate.REJECT,
    match=Match(
        as_path=Asked(
            sets=(
                AsPathSet(
                    name="documentation",
                    entries=(AsPathEntry(pattern=f"_({'|'.join(map(str, DOCUMENTATION_ASNS))})_"),),
                ),
            )
        )
    ),
)


def public_from_customer(edge: Edge, public: PublicPrefixes, peer_asn: Asn) -> Policy:
    """What an edge takes on Microsoft peering: prefixes that the peering lists, and nothing that is not public."""
    validated = _inside if edge.assumed.accepts_more_specifics else exactly
    removed = RemovePrivate.ALL if edge.assumed.removes_private_asns_always or is_private_asn(peer_asn) else None
    return Policy(
        name="-".join(filter(None, ("microsoft-from-public-customer", edge.circuit.name))),
        terms=(
            DEFAULT_ROUTE,
            NOT_PUBLIC_PREFIX,
            DOCUMENTATION_AS,
            Term(name="communities", fate=Fate.NEXT_TERM, change=STRIP_COMMUNITIES),
            Term(
                name="advertised-public-prefixes",
                fate=Fate.ACCEPT,
                match=validated("advertised-public-prefixes", public.advertised),
                change=Change(remove_private_asns=removed),
            ),
        ),
        source=f"documented: validated public prefixes only, no private AS numbers, no documentation ones ({ROUTING}); "
        "inferred: an unlisted prefix is rejected",
    )


# towards the customer


def _any_of(name: str, values: Iterable[int]) -> Match:
    return Match(community=Asked(sets=(_set(name, map(microsoft_community, values)),)))


def _set(name: str, communities: Iterable[Community]) -> CommunitySet:
    patterns = tuple(CommunityPattern(kind=PatternKind.EXACT, text=one) for one in communities)
    return CommunitySet(name=name, patterns=patterns)


def _values(regions: Iterable[str]) -> list[int]:
    """Every community of public prefixes of some regions."""
    wanted = set(regions)
    found = [
        value
        for one in REGIONS
        if one.name in wanted
        for value in (one.microsoft_peering, one.storage, one.sql, one.cosmos_db, one.backup)
    ]
    return found + [one.value for one in NATIONAL_REGIONS if one.name in wanted]


EVERY_REGION = tuple(one.name for one in (*REGIONS, *NATIONAL_REGIONS))
MICROSOFT_365 = Term(
    name="microsoft-365-needs-premium",
    fate=Fate.REJECT,
    match=_any_of(
        "microsoft-365", [one.value for one in (*SERVICES, *US_GOVERNMENT_SERVICES) if one.needs_authorization]
    ),
)
OTHER_REGIONS = Term(name="other-regions", fate=Fate.REJECT, match=_any_of("regional", _values(EVERY_REGION)))
GLOBAL_SERVICES = Term(
    name="global-services",
    fate=Fate.ACCEPT,
    match=_any_of("global-services", [one.value for one in (*SERVICES, *US_GOVERNMENT_SERVICES)]),
)
NO_ROUTE_FILTER = Policy(
    name="microsoft-to-public-customer-without-route-filter",
    terms=(Term(name="no-route-filter", fate=Fate.REJECT),),
    source=f"documented: without a route filter no prefix is announced ({FAQ})",
)


def regions_in_reach(circuit: Circuit) -> tuple[str, ...]:
    """The regions whose public prefixes a circuit reaches; none where its peering location is not known."""
    location = LOCATIONS.get(circuit.peering_location)
    if circuit.sku is Sku.PREMIUM:
        return EVERY_REGION
    if location is None:
        return ()
    return location.local_regions if circuit.sku is Sku.LOCAL else AREAS[location.area]


def in_reach(circuit: Circuit, assumed: Assumptions) -> Policy | None:
    """What the SKU of a circuit lets through, whatever the filter; None for Premium, which reaches everything."""
    if circuit.sku is Sku.PREMIUM:
        return None
    reached = _values(regions_in_reach(circuit))
    everywhere = _TIERS.index(circuit.sku) >= _TIERS.index(Sku(assumed.global_services_from))
    regional = Term(name="regions-in-reach", fate=Fate.ACCEPT, match=_any_of("regions-in-reach", reached))
    return Policy(
        name=f"microsoft-reach-{circuit.sku.value}-{circuit.peering_location.lower().replace(' ', '-')}",
        terms=(
            MICROSOFT_365,
            *((regional,) if reached else ()),
            OTHER_REGIONS,
            *((GLOBAL_SERVICES,) if everywhere else ()),
        ),
        source=f"documented: Local reaches the regions of the peering location, Standard those of its geopolitical "
        f"area, Premium all and Microsoft 365 ({FAQ}); assumed: services of no region from "
        f"{assumed.global_services_from} on",
    )


def public_to_customer(edge: Edge, route_filter: RouteFilter | None) -> Policy:
    """What an edge sends on Microsoft peering: what the route filter names, as far as the SKU reaches."""
    if route_filter is None:
        return NO_ROUTE_FILTER
    if edge.assumed.route_filter_needs_all:
        sets = tuple(_set(one, (one,)) for one in route_filter.communities)
        asked = Asked(sets=sets, quantifier=Quantifier.ALL)
    else:
        asked = Asked(sets=(_set("route-filter", route_filter.communities),))
    return Policy(
        name=edge.name_of("microsoft-to-public-customer", of_circuit=True),
        terms=(
            *edge.prepends,
            Term(
                name="route-filter",
                fate=Fate.ACCEPT,
                match=Match(community=asked),
                call=in_reach(edge.circuit, edge.assumed),
            ),
        ),
        source=f"documented: prefixes that map to the filter's communities ({ROUTE_FILTER}){edge.why_it_prepends}",
    )


# between edge and core


def edge_towards_core(edge: Edge) -> SessionRules:
    """An edge's rules of its session, inside AS 12076, with the core."""
    return SessionRules(
        export_policies=(
            Policy(
                name=edge.name_of("microsoft-to-core"),
                terms=(
                    *edge.prepends,
                    Term(fate=Fate.ACCEPT, change=Change(multi_exit_disc=NumberChange(operation=Operation.REMOVE))),
                ),
                source="assumed: the MED of a customer is not compared across circuits"
                + "; inferred: 12076 eight times before a maintenance" * bool(edge.prepends),
            ),
        ),
        next_hop_self=True,
        shutdown=edge.why_drained,
    )


def core_towards_edge(azure: Azure) -> SessionRules:
    """The core's rules of its sessions with edges."""
    return SessionRules(export_policies=(from_services(azure),))


def from_services(azure: Azure) -> Policy:
    """What Microsoft's core announces: the prefixes of its public services, with their communities."""
    return Policy(
        name="microsoft-services",
        terms=tuple(
            Term(
                name=f"service-{service.network.name}",
                fate=Fate.ACCEPT,
                match=exactly(f"service-{service.network.name}", service.network.prefixes),
                change=Change(communities=CommunityChange(add=service.communities)),
            )
            for service in azure.services
        ),
        source=f"documented: every public prefix carries communities ({ROUTING})",
    )
