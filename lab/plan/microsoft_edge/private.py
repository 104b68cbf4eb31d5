"""Private peering: the edge between customer, gateway and Global Reach, and the gateway's end."""

from __future__ import annotations

from lab.bgp import Family, MaxPrefix, Prefix
from lab.expressroute.assumptions import Assumptions
from lab.expressroute.facts import (
    CUSTOM_COMMUNITIES,
    FAQ,
    GATEWAY_ASN,
    GATEWAY_PREFIX_LIMITS,
    GLOBAL_REACH,
    MAINTENANCE_PREPENDS,
    MICROSOFT_ASN,
    OPTIMIZE_ROUTING,
    PRIVATE_PREFIX_LIMITS,
    PRIVATE_PREFIX_LIMITS_PREMIUM,
    ROUTING,
    S2S_BACKUP,
)
from lab.plan.microsoft_edge.availability import Edge
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
    SessionRules,
    Term,
)
from lab.topology import Azure, Circuit, Peering, Sku

WELL_KNOWN = CommunitySet(
    name="well-known", patterns=(CommunityPattern(kind=PatternKind.WILDCARD, text="65535:*"),)
)  # RFC 1997: 65535:0 to 65535:65535 are kept for them
STRIP_COMMUNITIES = Change(
    communities=CommunityChange(replace=()),
    large_communities=CommunityChange(replace=()),
    extended_communities=CommunityChange(replace=()),
)
_IGNORE_WELL_KNOWN = Change(communities=CommunityChange(remove=(WELL_KNOWN,)))

FROM_GATEWAY = Policy(
    name="microsoft-from-gateway",
    terms=(Term(fate=Fate.ACCEPT),),
    source=f"documented: the address spaces of all VNets ({ROUTING})",
)


def by_family(limits: dict[int, int], family: Family, assumed: Assumptions) -> MaxPrefix:
    """A documented limit of prefixes; how it counts, warns and ends is assumed."""
    return MaxPrefix(
        limit=limits[4 if family is Family.IPV4 else 6],
        counted=assumed.prefix_limit_counts,
        warning_percent=assumed.prefix_limit_warning_percent,
        restart_s=assumed.prefix_limit_restart_s,
    )


def _begins_with(asn: int) -> Match:
    return Match(as_path=Asked(sets=(AsPathSet(name=f"from-{asn}", entries=(AsPathEntry(pattern=f"^{asn}_"),)),)))


# between edge and customer


def private_towards_customer(edge: Edge, peering: Peering, family: Family) -> SessionRules:
    """An edge's rules of its session on private peering with the customer, or with a provider."""
    limits = PRIVATE_PREFIX_LIMITS_PREMIUM if edge.circuit.sku is Sku.PREMIUM else PRIVATE_PREFIX_LIMITS
    return SessionRules(
        import_policies=(private_from_customer(edge),),
        export_policies=(private_to_customer(edge),),
        max_prefix=by_family(limits, family, edge.assumed),
        allowas_in=edge.assumed.own_asn_accepted,
        shutdown=edge.why_closed(peering, family),
    )


def private_from_customer(edge: Edge) -> Policy:
    """What an edge takes on private peering: any valid prefix, the default route and hosts included."""
    stripped = edge.assumed.strips_communities
    return Policy(
        name="microsoft-from-customer",
        terms=(Term(fate=Fate.ACCEPT, change=STRIP_COMMUNITIES if stripped else _IGNORE_WELL_KNOWN),),
        source=f"documented: any valid prefix, and communities of customers are not honoured ({ROUTING}); "
        f"assumed: they are {'stripped' if stripped else 'carried, but for the well-known ones'}",
    )


def private_to_customer(edge: Edge) -> Policy:
    """What an edge sends on private peering: the VNets, without the gateway's private AS, and Global Reach's routes."""
    how = edge.assumed.private_asns_to_customer
    return Policy(
        name=edge.name_of("microsoft-to-customer"),
        terms=(
            Term(name="private-as-numbers", fate=Fate.NEXT_TERM, change=Change(remove_private_asns=how)),
            *edge.prepends,
            Term(fate=Fate.ACCEPT),
        ),
        source=f"observed: the path of a VNet is 12076 ({S2S_BACKUP}){edge.why_it_prepends}",
    )


# between edge and gateway


def edge_towards_gateway(edge: Edge, family: Family) -> SessionRules:
    """An edge's rules of its session with the gateway of a connection."""
    return SessionRules(
        import_policies=(FROM_GATEWAY,),
        export_policies=(to_gateway(edge),),
        max_prefix=by_family(GATEWAY_PREFIX_LIMITS, family, edge.assumed),
        shutdown=edge.why_drained,
    )


def to_gateway(edge: Edge) -> Policy:
    """What a gateway learns from a circuit: the customer's routes, of Global Reach's those that are assumed."""
    kept_away = Term(name="global-reach", fate=Fate.REJECT, match=_begins_with(MICROSOFT_ASN))
    return Policy(
        name=edge.name_of("microsoft-to-gateway"),
        terms=(
            *(() if edge.assumed.global_reach_to_gateway else (kept_away,)),
            *edge.prepends,
            Term(fate=Fate.ACCEPT),
        ),
        source=f"documented: what the customer announces ({ROUTING}){edge.why_it_prepends}; assumed: routes of "
        f"Global Reach are {'sent too' if edge.assumed.global_reach_to_gateway else 'kept from the gateway'}",
    )


def gateway_towards_edge(azure: Azure, circuit: Circuit) -> SessionRules:
    """A gateway's rules of its sessions with both edges of a circuit."""
    return SessionRules(import_policies=(from_circuit(azure, circuit),), export_policies=(from_vnets(azure),))


def from_circuit(azure: Azure, circuit: Circuit) -> Policy:
    """What a gateway takes from a circuit: everything, with the weight of the connection (0 is every route's own)."""
    weight = azure.weight_of(circuit.name)
    change = Change(weight=NumberChange(operation=Operation.SET, value=weight)) if weight else Change()
    return Policy(
        name="-".join(filter(None, ("gateway-from-circuit", circuit.name))),
        terms=(Term(fate=Fate.ACCEPT, change=change),),
        source=f"documented: the highest connection weight wins, before the AS path's length ({OPTIMIZE_ROUTING})",
    )


def from_vnets(azure: Azure) -> Policy:
    """What a gateway announces: the whole address spaces of its VNets, and nothing that it learned.

    A VNet with a custom community shows it together with the region's; one without shows neither.
    """
    terms = []
    for vnet in azure.vnets:
        tags = (vnet.community, azure.regional_community) if vnet.community else ()
        terms.append(
            Term(
                name=f"vnet-{vnet.network.name}",
                fate=Fate.ACCEPT,
                match=exactly(f"vnet-{vnet.network.name}", vnet.network.prefixes),
                change=Change(communities=CommunityChange(add=tuple(tag for tag in tags if tag))),
            )
        )
    return Policy(
        name="microsoft-vnets",
        terms=tuple(terms),
        source=f"documented: whole VNet address spaces ({FAQ}), the region's community only with one of the VNet's own "
        f"({CUSTOM_COMMUNITIES})",
    )


def exactly(name: str, prefixes: tuple[Prefix, ...]) -> Match:
    """The condition that a route is for one of some prefixes."""
    ranges = tuple(PrefixRange(prefix=one, at_least=one.prefixlen, at_most=one.prefixlen) for one in prefixes)
    return Match(prefix_list=Asked(sets=(PrefixList(name=name, ranges=ranges),)))


# between edges of two circuits


def edge_towards_global_reach(edge: Edge) -> SessionRules:
    """An edge's rules of its session, inside AS 12076, with the edge of a circuit that Global Reach joins to its own.

    As the session is an internal one, what came over it is not passed on over another: it is not transitive.
    """
    own = 1 + edge.assumed.global_reach_extra_prepends
    return SessionRules(
        export_policies=(to_global_reach(edge),),
        next_hop_self=True,
        allowas_in=own + MAINTENANCE_PREPENDS + edge.assumed.own_asn_accepted,
        shutdown=edge.why_drained,
    )


def to_global_reach(edge: Edge) -> Policy:
    """What crosses from one circuit to another: the routes of the customer, and not those of the VNets."""
    own = 1 + edge.assumed.global_reach_extra_prepends
    return Policy(
        name=edge.name_of("microsoft-to-global-reach"),
        terms=(
            Term(name="vnets", fate=Fate.REJECT, match=_begins_with(GATEWAY_ASN)),
            *edge.prepends,
            Term(fate=Fate.ACCEPT, change=Change(prepend=(MICROSOFT_ASN,) * own)),
        ),
        source=f"documented: it joins the customer's sites, pairwise ({GLOBAL_REACH}); observed: each edge adds 12076"
        + ("; inferred: before a maintenance eight times more" if edge.prepends else ""),
    )
