"""The shape of an expectation about a route."""

from __future__ import annotations

from ipaddress import IPv4Address
from typing import Annotated

from pydantic import Field

from lab.expectations import Table
from lab.load import values
from lab.load.forms import (
    AnyPrefix,
    Document,
    Extended,
    Flag,
    Large,
    Number16,
    Number32,
    OriginName,
    Reference,
    Standard,
)
from lab.load.scalars import choice


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
