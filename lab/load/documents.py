"""The shape of a topology file and of a policy file: what may be written where.

The shape is not the model: names are not resolved here and short forms are allowed. Descriptions are for the person who
writes the file; missing keys and the JSON Schemas show them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import core_schema

from lab.bgp import (
    Address,
    Asn,
    Community,
    Family,
    LargeCommunity,
    Origin,
    Prefix,
    parse_community,
    parse_large_community,
)
from lab.expectations import SessionState, Table
from lab.load import values
from lab.load.values import Wrong, choice, name_of, parsed, whole
from lab.policy import Fate, PrefixRange
from lab.topology import Secret, Sku

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler

Item = TypeVar("Item")


class Document(BaseModel):
    """A mapping of a file."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, defer_build=True, hide_input_in_errors=True)


@dataclass(frozen=True, slots=True, eq=False)
class _ShortForm:
    """A value may be written shorter than its model: `lengthen` undoes that, `short` is the JSON Schema of it."""

    lengthen: Callable[[Any], Any]
    short: Callable[[dict[str, Any]], dict[str, Any]]

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return core_schema.no_info_before_validator_function(self.lengthen, handler(source))

    def __get_pydantic_json_schema__(
        self, core: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        long = handler(core)
        return {"anyOf": [self.short(handler.resolve_ref_schema(long)), long]}


def _under(key: str) -> _ShortForm:
    """Anything but a mapping stands for a mapping with this one key."""
    return _ShortForm(
        lengthen=lambda value: value if isinstance(value, dict) else {key: value},
        short=lambda long: long["properties"][key],
    )


_ONE = _ShortForm(
    lengthen=lambda value: value if isinstance(value, list) else [value], short=lambda long: long["items"]
)

OneOrMore = Annotated[list[Item], Field(min_length=1), _ONE]

_NODE_NAME = name_of(
    "router or network",
    "[a-z][a-z0-9-]{0,11}",
    "lower-case letters, digits and dashes, a letter first, 12 at most",
    not_reserved=True,
)
_POLICY_NAME = name_of(
    "policy or list", "[A-Za-z][A-Za-z0-9_.-]{0,63}", "letters, digits, '_', '.' and '-', a letter first, 64 at most"
)
_LAB_NAME = name_of("topology", "[a-z0-9][a-z0-9-]{0,39}", "lower-case letters, digits and dashes, 40 at most")

NodeName = Annotated[str, _NODE_NAME]
PolicyName = Annotated[str, _POLICY_NAME]
Reference = Annotated[str, parsed(str)]
HostPrefix = Annotated[Prefix, values.HOST_PREFIX]
AnyPrefix = Annotated[Prefix, values.ANY_PREFIX]
AnyAddress = Annotated[Address, values.ADDRESS]
FamilyName = Annotated[Family, choice(Family, "family")]
AsNumber = Annotated[Asn, values.AS_NUMBER]
Standard = Annotated[Community, parsed(parse_community, examples=["65010:100", "no-export"])]
Large = Annotated[LargeCommunity, parsed(parse_large_community, examples=["65010:1:2"])]
Number32 = Annotated[int, whole(0, 0xFFFFFFFF)]
Number16 = Annotated[int, whole(0, 0xFFFF)]


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


class CustomerDocument(Document):
    """The customer's side."""

    asn: Annotated[Asn, values.CUSTOMER_ASN] = Field(description="the customer's AS number")
    routers: list[NodeName] = Field(
        min_length=1, max_length=2, description="the edge routers of the primary and the secondary link; one for both"
    )
    networks: dict[NodeName, OneOrMore[HostPrefix]] = Field(
        min_length=1, description="the on-premises networks by name, each a prefix or a list of them"
    )


class LinkBlockDocument(Document):
    """The block of one link in one family, with the addresses of its ends where they are spelt out."""

    subnet: Annotated[Prefix, values.LINK_BLOCK] = Field(description="the block: a /30, or a /126 in IPv6")
    customer: AnyAddress | None = Field(None, description="the customer's address: the first host")
    microsoft: AnyAddress | None = Field(None, description="Microsoft's address: the second host")


LinkBlocks = OneOrMore[Annotated[LinkBlockDocument, _under("subnet")]]


class EdgePoliciesDocument(Document):
    """The policies of one customer edge towards Microsoft."""

    import_: Reference | None = Field(None, alias="import", description="the policy for routes from Microsoft")
    export: Reference | None = Field(None, description="the policy for routes to Microsoft")

    @model_validator(mode="after")
    def _one_at_least(self) -> EdgePoliciesDocument:
        if self.import_ is None and self.export is None:
            raise Wrong("names no policy", "give import, export or both")
        return self


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
    vnets: dict[NodeName, Annotated[VnetDocument, _under("prefixes")]] = Field(
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
    origin: Annotated[Origin, choice(Origin, "origin")] | None = Field(None, description="igp, egp or incomplete")
    as_path: Annotated[str, values.AS_PATH] | None = Field(
        None, description='the whole AS path, newest first, such as "12076 65010"; "" is the empty one'
    )
    local_pref: Number32 | None = Field(None, description="the local preference")
    med: Number32 | None = Field(None, description="the multi-exit discriminator")
    communities: list[Standard] | None = Field(None, description="all communities of the route")
    large_communities: list[Large] | None = Field(None, description="all large communities of the route")
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

    session: Annotated[SessionDocument, _under("between")] | None = Field(
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

    name: Annotated[str, _LAB_NAME] = Field(description="the name of the lab")
    connectivity_model: Annotated[str, values.CONNECTIVITY_MODEL] = Field(
        description="how customer and Microsoft are joined: point_to_point_ethernet"
    )
    circuit: CircuitDocument = Field(description="the circuit, as ordered")
    customer: CustomerDocument = Field(description="the customer's AS, routers and networks")
    peerings: PeeringsDocument = Field(description="the peerings of the circuit: private")
    azure: AzureDocument = Field(description="Microsoft's side: region and VNets")
    policies: list[Reference] = Field(default=[], description="the policy files, relative to this one")
    expect: list[ExpectDocument] = Field(default=[], description="what must hold")


class MatchDocument(Document):
    """The conditions of a term, all of which must hold."""

    prefix_list: Reference | None = Field(None, description="the prefix is in this list")
    community: OneOrMore[Standard] | None = Field(None, description="the route has this community, or one of these")
    large_community: OneOrMore[Large] | None = Field(None, description="the route has this one, or one of these")
    as_path_contains: AsNumber | None = Field(None, description="this AS is in the path")
    family: FamilyName | None = Field(None, description="ipv4 or ipv6")

    @model_validator(mode="after")
    def _asks_something(self) -> MatchDocument:
        if not self.model_fields_set:
            raise Wrong("has no condition", "leave it out to match every route")
        return self


class SetDocument(Document):
    """What a term changes."""

    local_pref: Number32 | None = Field(None, description="the local preference")
    med: Number32 | None = Field(None, description="the multi-exit discriminator")
    weight: Number16 | None = Field(None, description="the weight, which is local to the router")
    origin: Annotated[Origin, choice(Origin, "origin")] | None = Field(None, description="igp, egp or incomplete")
    prepend: list[AsNumber] | None = Field(
        None, min_length=1, description="AS numbers to put before the path, newest first"
    )
    communities: list[Standard] | None = Field(None, description="exactly these communities; [] removes all")
    add_communities: OneOrMore[Standard] | None = Field(None, description="communities to add")
    remove_communities: OneOrMore[Standard] | None = Field(None, description="communities to remove")
    large_communities: list[Large] | None = Field(None, description="exactly these; [] removes all")
    add_large_communities: OneOrMore[Large] | None = Field(None, description="large communities to add")
    remove_large_communities: OneOrMore[Large] | None = Field(None, description="large communities to remove")

    @model_validator(mode="after")
    def _changes_something(self) -> SetDocument:
        if not self.model_fields_set:
            raise Wrong("changes nothing", "leave it out")
        return self


class TermDocument(Document):
    """One step of a policy."""

    match: MatchDocument | None = Field(None, description="the conditions; every route if left out")
    set: SetDocument | None = Field(None, description="the changes")
    then: Annotated[Fate, choice(Fate, "fate")] = Field(description="accept, reject or next_term")


class PolicyFileDocument(Document):
    """A policy file: prefix lists and policies by name."""

    prefix_lists: dict[
        PolicyName, Annotated[list[Annotated[PrefixRange, values.PREFIX_RANGE]], Field(min_length=1)]
    ] = Field(default={}, description="prefix lists by name: [10.0.0.0/8 ge 16 le 24, 192.168.0.0/16 orlonger, ...]")
    policies: dict[PolicyName, Annotated[list[TermDocument], Field(min_length=1)]] = Field(
        default={}, description="policies by name, each a list of terms that are tried in order"
    )
