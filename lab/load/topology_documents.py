"""The shape of a topology file: what may be written where.

The shape is not the model: names are not resolved here and short forms are allowed. Descriptions are for the person who
writes the file; missing keys and the JSON Schema show them.
"""

from __future__ import annotations

from ipaddress import IPv4Address
from typing import Annotated

from pydantic import ConfigDict, Field, model_validator

from lab.bgp import Asn, Community, Counted, Prefix, RemovePrivate
from lab.expectations import SessionState, Table
from lab.load import policy_values, values
from lab.load.forms import (
    SWITCH,
    AnyAddress,
    AnyPrefix,
    Document,
    Extended,
    FamilyName,
    Flag,
    HostPrefix,
    Large,
    NodeName,
    Number16,
    Number32,
    OneOrMore,
    OriginName,
    Reference,
    RoutedPrefix,
    Standard,
    under,
)
from lab.load.scalars import Wrong, choice, name_of, parsed, whole
from lab.plan.microsoft_edge import EDGE_MAXIMUM_PATHS
from lab.topology import Secret, Sku

RemovePrivateName = Annotated[RemovePrivate, choice(RemovePrivate, "way to remove private ASes")]
VrfName = Annotated[str, policy_values.VRF]


class ProviderDocument(Document):
    """What carries the circuit from the customer to Microsoft."""

    service: Annotated[str, values.SERVICE] = Field(description="what the provider does: layer2")
    s_tag: Annotated[int, values.VLAN_ID] = Field(description="the outer VLAN tag of the circuit, 1 to 4094")


class CircuitDocument(Document):
    """The circuit, as ordered."""

    sku: Annotated[Sku, choice(Sku, "sku")] = Field(description="the tier: local, standard or premium")
    bandwidth: Annotated[int, values.BANDWIDTH] = Field(description="the size of each link, such as 1 Gbps")
    peering_location: Annotated[str, parsed(str)] = Field(
        description="where the circuit meets Microsoft, such as Amsterdam"
    )
    provider: ProviderDocument = Field(description="the provider's service: {service: layer2, s_tag: 1034}")


class AggregateDocument(Document):
    """A route that stands for all more specific ones."""

    prefix: RoutedPrefix = Field(description="the prefix of the aggregate")
    summary_only: Flag | None = Field(None, description="true keeps the more specific routes from being sent")
    as_set: Flag | None = Field(
        None, description="true gives it the ASes and communities of what it stands for; RFC 9774 deprecates that"
    )


class BestPathDocument(Document):
    """How an edge chooses between routes, where that differs from RFC 4271."""

    always_compare_med: Flag | None = Field(None, description="true compares MEDs of different neighbouring ASes too")
    missing_med_as_worst: Flag | None = Field(None, description="true takes an absent MED for the highest, not for 0")
    multipath_relax: Flag | None = Field(None, description="true shares load over paths that are only equally long")
    maximum_paths: Annotated[int, whole(1, 64)] | None = Field(
        None, description=f"how many equal routes share the load; {EDGE_MAXIMUM_PATHS} if left out"
    )


class IbgpDocument(Document):
    """The session of a customer edge with the other one."""

    import_: OneOrMore[Reference] | None = Field(
        None,
        alias="import",
        description="the policy for routes from the other edge, or a chain of them; all pass if left out",
    )
    export: OneOrMore[Reference] | None = Field(
        None, description="the policy for routes to the other edge, or a chain of them; all pass if left out"
    )
    next_hop_self: Flag | None = Field(
        None, description="false sends routes from Microsoft on with Microsoft's address as next hop; true if left out"
    )


class EdgeBgpDocument(Document):
    """What one customer edge is configured to do beside its sessions with Microsoft."""

    networks: OneOrMore[RoutedPrefix] | None = Field(
        None, description="prefixes that it announces beside those of its LANs: one, or a list"
    )
    leaked_networks: dict[VrfName, OneOrMore[RoutedPrefix]] | None = Field(
        None, min_length=1, description="prefixes that it announces, leaked from another VRF, by the name of that VRF"
    )
    aggregates: OneOrMore[Annotated[AggregateDocument, under("prefix")]] | None = Field(
        None, description="aggregates that it makes: a prefix, {prefix: ..., summary_only: true}, or a list of these"
    )
    best_path: BestPathDocument | None = Field(None, description="how it chooses between routes")
    ibgp: IbgpDocument | None = Field(None, description="its session with the other customer edge")

    @model_validator(mode="after")
    def _says_something(self) -> EdgeBgpDocument:
        if not self.model_fields_set:
            raise Wrong("says nothing", "leave it out, or give networks, aggregates, best_path or ibgp")
        return self


class CustomerDocument(Document):
    """The customer's side."""

    asn: Annotated[Asn, values.CUSTOMER_ASN] = Field(description="the customer's AS number")
    routers: list[NodeName] = Field(
        min_length=1, max_length=2, description="the edge routers of the primary and the secondary link; one for both"
    )
    networks: dict[NodeName, OneOrMore[HostPrefix]] = Field(
        min_length=1, description="the on-premises networks by name, each a prefix or a list of them"
    )
    bgp: dict[Reference, EdgeBgpDocument] | None = Field(
        None, description="what single customer edges are configured to do beside their sessions with Microsoft"
    )


class LinkBlockDocument(Document):
    """The block of one link in one family, with the addresses of its ends where they are spelt out."""

    subnet: Annotated[Prefix, values.LINK_BLOCK] = Field(description="the block: a /30, or a /126 in IPv6")
    customer: AnyAddress | None = Field(None, description="the customer's address: the first host")
    microsoft: AnyAddress | None = Field(None, description="Microsoft's address: the second host")


LinkBlocks = OneOrMore[Annotated[LinkBlockDocument, under("subnet")]]


class MaxPrefixDocument(Document):
    """The most prefixes that Microsoft may send an edge on one session."""

    limit: Annotated[int, whole(1, 0xFFFFFFFF)] = Field(description="the most prefixes on one session")
    counted: Annotated[Counted, choice(Counted, "way to count")] = Field(
        Counted.RECEIVED, description="which are counted: those received (default), or those the import accepted"
    )
    warning: Annotated[int, values.PERCENT] | None = Field(
        None, description="the part of the limit from which on a warning is given, such as 90 %; 75 % if left out"
    )
    warning_only: Flag | None = Field(None, description="true leaves the session up past the limit too")
    restart: Annotated[int | None, values.RESTART] = Field(
        None, description="when a closed session is tried again: 60 s if left out, or never"
    )

    @model_validator(mode="after")
    def _closes_or_not(self) -> MaxPrefixDocument:
        if self.warning_only and "restart" in self.model_fields_set:
            raise Wrong("has a restart where nothing is closed", "leave out restart, or warning_only")
        return self


class EdgePoliciesDocument(Document):
    """The policies and rules of one customer edge towards Microsoft."""

    import_: OneOrMore[Reference] | None = Field(
        None, alias="import", description="the policy for routes from Microsoft, or a chain of them"
    )
    export: OneOrMore[Reference] | None = Field(
        None, description="the policy for routes to Microsoft, or a chain of them"
    )
    max_prefix: Annotated[MaxPrefixDocument, under("limit")] | None = Field(
        None, description="the most prefixes that Microsoft may send: 4000, or {limit: 4000, restart: never, ...}"
    )
    allowas_in: Annotated[int, whole(1, 10)] | None = Field(
        None, description="how often the own AS may be in a path that Microsoft sends; never if left out"
    )
    as_override: Flag | None = Field(
        None, description="true puts the own AS in the place of Microsoft's in what is sent"
    )
    remove_private_asns: RemovePrivateName | None = Field(
        None, description="which private ASes are taken out of what is sent: leading, all, or replace (by the own)"
    )
    default_originate: Flag | None = Field(None, description="true sends a default route, whatever the policies say")
    accept_blackhole: Flag | None = Field(
        None, description="true discards traffic to prefixes with the community blackhole (RFC 7999)"
    )

    @model_validator(mode="after")
    def _one_at_least(self) -> EdgePoliciesDocument:
        if not self.model_fields_set:
            raise Wrong("names no policy", "give import, export, both, or a rule such as max_prefix")
        return self


class BfdDocument(Document):
    """BFD of the customer edges, for their sessions with Microsoft."""

    interval: Annotated[int, values.BFD_INTERVAL] | None = Field(
        None, description="how often to send and to expect packets, 300 ms if left out; the slower side wins"
    )
    multiplier: Annotated[int, whole(1, 255)] | None = Field(
        None, description="after how many lost packets Microsoft's side takes the path for failed; 3 if left out"
    )


class PrivatePeeringDocument(Document):
    """Azure private peering."""

    vlan_id: Annotated[int, values.VLAN_ID] = Field(description="the VLAN of the peering on both links, 1 to 4094")
    primary: LinkBlocks = Field(description="the primary link's block: a /30, a /126 or a list of both")
    secondary: LinkBlocks = Field(description="the secondary link's block: a /30, a /126 or a list of both")
    md5: Annotated[Secret, values.MD5_KEY] | None = Field(None, description="the MD5 key of the sessions, at Azure")
    customer_md5: dict[Reference, Annotated[Secret, values.MD5_KEY]] | None = Field(
        None, description="the MD5 keys of the customer edges whose key differs from Azure's, by router"
    )
    hold_time: Annotated[int, values.HOLD_TIME] | None = Field(
        None, description="the customer edges' BGP hold time, such as 30 s; 180 s if left out"
    )
    bfd: Annotated[BfdDocument, SWITCH] | None = Field(
        None,
        description="BFD of the customer edges: true, or {interval: 300 ms, multiplier: 3}; if left out they have none",
    )
    policies: dict[Reference, EdgePoliciesDocument] | None = Field(
        None, description="the policies of each customer edge by router; without one no route passes (RFC 8212)"
    )


class PeeringsDocument(Document):
    """The peerings of the circuit."""

    private: PrivatePeeringDocument = Field(description="Azure private peering")


class VnetDocument(Document):
    """A VNet, with the community that Azure sets on its prefixes."""

    prefixes: OneOrMore[HostPrefix] = Field(description="its address space: a prefix or a list of them")
    community: Annotated[Community, values.VNET_COMMUNITY] | None = Field(
        None, description="the VNet's custom community, 12076:value"
    )


class AzureDocument(Document):
    """Microsoft's side."""

    region: Annotated[str, values.REGION] = Field(description="the Azure region of the VNets, such as West Europe")
    regional_community: Standard | None = Field(
        None, description="the region's community on private peering, only where Microsoft publishes none"
    )
    vnets: dict[NodeName, Annotated[VnetDocument, under("prefixes")]] = Field(
        min_length=1, description="the VNets by name, each a prefix, a list of them, or {prefixes: ..., community: ...}"
    )


class SessionDocument(Document):
    """BGP sessions between two routers."""

    between: Annotated[tuple[str, str], values.BETWEEN] = Field(description="the two routers, such as ce1 - msee1")
    family: FamilyName | None = Field(None, description="ipv4 or ipv6; both if left out")
    state: Annotated[SessionState, choice(SessionState, "state")] = Field(
        SessionState.ESTABLISHED, description="established (default) or down"
    )


class RouteDocument(Document):
    """A route in a table of a router, and the attributes that it must have."""

    at: Reference = Field(description="the router")
    prefix: AnyPrefix = Field(description="the prefix, exactly")
    table: Annotated[Table, choice(Table, "table")] = Field(
        Table.LOC_RIB, description="adj_rib_in, loc_rib (default), adj_rib_out or fib"
    )
    neighbor: Reference | None = Field(None, description="the neighbour of an adj_rib; any if left out")
    next_hop: Annotated[str, values.NEXT_HOP] | None = Field(
        None, description="the next hop: an address or a router's name; in the fib also a list of them"
    )
    origin: OriginName | None = Field(None, description="igp, egp or incomplete")
    as_path: Annotated[str, values.AS_PATH_TEXT] | None = Field(
        None, description='the whole AS path, newest first, such as "12076 65010"; "" is the empty one'
    )
    local_pref: Number32 | None = Field(None, description="the local preference")
    med: Number32 | None = Field(None, description="the multi-exit discriminator")
    communities: list[Standard] | None = Field(None, description="all communities of the route")
    large_communities: list[Large] | None = Field(None, description="all large communities of the route")
    extended_communities: list[Extended] | None = Field(
        None, description="all extended communities of the route, such as target:65010:100"
    )
    atomic_aggregate: Flag | None = Field(None, description="whether the route has ATOMIC_AGGREGATE: true or false")
    aggregator: Annotated[str, values.AGGREGATOR] | None = Field(
        None, description="who made the aggregate: AS and router id, such as 65010:10.0.0.1"
    )
    originator_id: Annotated[IPv4Address, values.ROUTER_ID] | None = Field(
        None, description="the router id of who brought the route into the AS (RFC 4456)"
    )
    cluster_list: list[Annotated[IPv4Address, values.ROUTER_ID]] | None = Field(
        None, description="the clusters that reflected the route, newest first (RFC 4456)"
    )
    weight: Number16 | None = Field(None, description="the weight, which is local to the router")


class UnreachableDocument(Document):
    """Two networks whose hosts do not reach each other."""

    from_: Reference = Field(alias="from", description="the network that the packets leave")
    to: Reference = Field(description="the network that they are for")
    family: FamilyName | None = Field(None, description="ipv4 or ipv6; every one that both ends have if left out")
    dscp: Annotated[int, values.DSCP] | None = Field(None, description="the DSCP that is sent: ef, af41 ... or 0 to 63")


class ReachableDocument(UnreachableDocument):
    """Two networks whose hosts reach each other."""

    via: list[Reference] | None = Field(None, description="all customer and Microsoft edges on the way, in order")


class ExpectDocument(Document):
    """One thing that must hold: a mapping with exactly one key."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1, "maxProperties": 1})

    session: Annotated[SessionDocument, under("between")] | None = Field(
        None, description="BGP sessions are up: ce1 - msee1, or {between: ce1 - msee1, family: ipv4, state: down}"
    )
    route: RouteDocument | None = Field(None, description="a router has a route with these attributes")
    no_route: RouteDocument | None = Field(None, description="a router has no route with these attributes")
    reachable: ReachableDocument | None = Field(None, description="packets arrive and are answered")
    unreachable: UnreachableDocument | None = Field(None, description="packets do not arrive")

    @model_validator(mode="after")
    def _exactly_one(self) -> ExpectDocument:
        if len(self.model_fields_set) != 1:
            known = ", ".join(type(self).model_fields)
            raise Wrong(f"an expectation has one key, and this one has {len(self.model_fields_set)}", f"one of {known}")
        return self


class TopologyDocument(Document):
    """A topology file: one circuit, both its ends, and what must hold."""

    name: Annotated[
        str, name_of("topology", "[a-z0-9][a-z0-9-]{0,39}", "lower-case letters, digits and dashes, 40 at most")
    ] = Field(description="the name of the lab")
    connectivity_model: Annotated[str, values.CONNECTIVITY_MODEL] = Field(
        description="how customer and Microsoft are joined: point_to_point_ethernet"
    )
    circuit: CircuitDocument = Field(description="the circuit, as ordered")
    customer: CustomerDocument = Field(description="the customer's AS, routers and networks")
    peerings: PeeringsDocument = Field(description="the peerings of the circuit: private")
    azure: AzureDocument = Field(description="Microsoft's side: region and VNets")
    policies: list[Reference] = Field(default=[], description="the policy files, relative to this one")
    expect: list[ExpectDocument] = Field(default=[], description="what must hold")
