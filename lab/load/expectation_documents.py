"""The shape of what must hold: the `expect` of a topology file."""

from __future__ import annotations

from ipaddress import IPv4Address
from typing import Annotated

from pydantic import ConfigDict, Field, model_validator

from lab.expectations import SessionState, Table
from lab.load import values
from lab.load.forms import (
    AnyPrefix,
    Document,
    Extended,
    FamilyName,
    Flag,
    HostPrefix,
    Large,
    Number16,
    Number32,
    OriginName,
    Reference,
    Standard,
    under,
)
from lab.load.scalars import Wrong, choice


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


class PacketsDocument(Document):
    """Packets from the host of one network to that of another."""

    from_: Reference = Field(alias="from", description="the network that the packets leave")
    to: Reference = Field(description="the network that they are for")
    family: FamilyName | None = Field(None, description="ipv4 or ipv6; every one that both ends have if left out")
    dscp: Annotated[int, values.DSCP] | None = Field(None, description="the DSCP that is sent: ef, af41 ... or 0 to 63")


class UnreachableDocument(PacketsDocument):
    """Two networks whose hosts do not reach each other."""

    stopped_at: Reference | None = Field(
        None, description="the router that the packets have to be seen at last; any if left out"
    )


class ReachableDocument(PacketsDocument):
    """Two networks whose hosts reach each other."""

    source_in: HostPrefix | None = Field(
        None, description="the prefix that the source seen at the far end is in, such as a pool of translation"
    )
    via: list[Reference] | None = Field(
        None, description="all customer, provider and Microsoft edges on the way, in order"
    )


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
