"""The shape of a file of cases: routes, and what policies must do with them."""

from __future__ import annotations

import re
from ipaddress import IPv4Address
from typing import Annotated, Any

from pydantic import Field, model_validator

from lab.bgp import AsPath, Origin, RouteSource, in_order
from lab.load import policy_values, values
from lab.load.forms import (
    AnyAddress,
    AnyPrefix,
    AsNumber,
    Document,
    Extended,
    Flag,
    Large,
    Number16,
    Number32,
    OneOrMore,
    OriginName,
    Reference,
    Standard,
    under,
)
from lab.load.scalars import NAME, Scalar, choice, parsed, plain_number, schema_of, text, within
from lab.policy import Fate, NextHopRule
from lab.policy.sets import NUMBER_MAX
from lab.texts import Wrong, address, as_address, shown

ABSENT = "absent"
MOST_TERMS = 100_000
_TERM = re.compile(rf"{NAME.pattern}/([1-9][0-9]{{0,4}}|{NAME.pattern})|{NAME.pattern}", re.ASCII)
LONGEST_NAME = 200


def _case_name(value: str) -> str:
    if not value or len(value) > LONGEST_NAME:
        raise Wrong("is empty" if not value else f"has {len(value)} characters", f"1 to {LONGEST_NAME} characters")
    return value


def _number_or_absent(value: object) -> str:
    """A number as `text_of` writes it: empty where there is none."""
    if value == ABSENT:
        return ""
    try:
        return str(within(plain_number(value), 0, NUMBER_MAX))
    except Wrong as wrong:
        raise Wrong(wrong.what, wrong.meant or "write a number or absent") from None


def _by(value: object) -> str:
    """A term by its number or its name, or the default, each of any policy of the chain or of one that is named."""
    if isinstance(value, int):
        return str(within(value, 1, MOST_TERMS))
    name = text(value)
    if not _TERM.fullmatch(name):
        raise Wrong(
            f"{shown(name)} names no term", "write a term's number or its name, default, or with its policy azure/1"
        )
    return name


def _expected_next_hop(value: object) -> str:
    """An address as text, or the word for the policy's choice."""
    word = text(value)
    if word in {rule.value for rule in NextHopRule}:
        return word
    try:
        return str(address(word))
    except Wrong as wrong:
        raise Wrong(wrong.what, wrong.meant or "write an address, unchanged or self") from None


_NUMBER_OR_ABSENT = Scalar(
    _number_or_absent, {"anyOf": [schema_of("integer", minimum=0, maximum=NUMBER_MAX), {"enum": [ABSENT]}]}
)
_BY = Scalar(_by, {"anyOf": [schema_of("integer", minimum=1), schema_of("string", pattern=f"^({_TERM.pattern})$")]})
_EXPECTED_NEXT_HOP = Scalar(
    _expected_next_hop, schema_of("string", examples=["172.16.0.2", *(rule.value for rule in NextHopRule)])
)
_FATE = Annotated[Fate, choice((Fate.ACCEPT, Fate.REJECT), "fate")]


class GivenRouteDocument(Document):
    """A route as a policy gets it."""

    prefix: AnyPrefix = Field(description="the prefix of the route")
    next_hop: AnyAddress | None = Field(None, description="the next hop; an address for documentation if left out")
    origin: OriginName = Field(Origin.IGP, description="igp (default), egp or incomplete")
    as_path: Annotated[AsPath, values.AS_PATH] | None = Field(
        None, description="the AS path, newest first, such as '12076 65010'; the empty one if left out"
    )
    local_pref: Number32 | None = Field(None, description="the local preference; absent if left out")
    med: Number32 | None = Field(None, description="the multi-exit discriminator; absent if left out")
    communities: list[Standard] = Field(default=[], description="its communities: [65010:1, westeurope.private]")
    large_communities: list[Large] = Field(default=[], description="its large communities: [65010:1:2]")
    extended_communities: list[Extended] = Field(default=[], description="its extended ones: [target:65010:100]")
    atomic_aggregate: Flag | None = Field(None, description="true where an aggregate lost part of its path")
    aggregator: Annotated[str, values.AGGREGATOR] | None = Field(
        None, description="who made an aggregate: its AS and router id, such as 65010:10.0.0.1"
    )
    originator_id: Annotated[IPv4Address, values.ROUTER_ID] | None = Field(
        None, description="the router that a route reflector had it from"
    )
    cluster_list: list[Annotated[IPv4Address, values.ROUTER_ID]] = Field(
        default=[], description="the clusters of route reflectors that it passed"
    )
    weight: Number16 = Field(0, description="the weight, which is local to the router; 0 if left out")
    source: Annotated[RouteSource, choice(RouteSource, "source")] = Field(
        RouteSource.BGP, description="how the router has it: bgp (default), connected, static or aggregate"
    )
    vrf: Annotated[str, policy_values.VRF] | None = Field(None, description="the VRF that it was leaked from")


class ContextDocument(Document):
    """Where the policies run."""

    neighbor: Annotated[str, policy_values.NEIGHBOR] | None = Field(
        None, description="the session's neighbour, by name or address: what match neighbor asks about"
    )
    peer_address: AnyAddress | None = Field(None, description="its address, where neighbor is its name")
    asn: AsNumber | None = Field(None, description="the own AS: what remove_private_asns replace puts in")
    address: AnyAddress | None = Field(None, description="the own address on the session: what next_hop self means")

    @model_validator(mode="after")
    def _says_something(self) -> ContextDocument:
        if not self.model_fields_set:
            raise Wrong("says nothing", "leave it out")
        if self.peer_address is not None and as_address(self.neighbor or ""):
            raise Wrong("neighbor and peer_address are two addresses", "write the neighbour's name, or one of them")
        return self


class ExpectedDocument(Document):
    """What must come out. Of the attributes only those that are named are compared."""

    fate: _FATE = Field(description="accept or reject, which alone is enough")
    by: Annotated[str, _BY] | None = Field(
        None, description="the term that decides, by number or name, or default; in a chain azure/1 or azure/default"
    )
    next_hop: Annotated[str, _EXPECTED_NEXT_HOP] | None = Field(
        None, description="its next hop; unchanged or self where the policy has to choose the route's or the own one"
    )
    origin: OriginName | None = Field(None, description="its origin: igp, egp or incomplete")
    as_path: Annotated[str, values.AS_PATH_TEXT] | None = Field(None, description="its whole AS path, '' for none")
    local_pref: Annotated[str, _NUMBER_OR_ABSENT] | None = Field(
        None, description="its local preference: a number or absent"
    )
    med: Annotated[str, _NUMBER_OR_ABSENT] | None = Field(
        None, description="its multi-exit discriminator: a number or absent"
    )
    communities: list[Standard] | None = Field(None, description="exactly its communities; [] for none")
    large_communities: list[Large] | None = Field(None, description="exactly its large communities; [] for none")
    extended_communities: list[Extended] | None = Field(
        None, description="exactly its extended communities; [] for none"
    )
    weight: Number16 | None = Field(None, description="its weight")

    @model_validator(mode="after")
    def _only_routes_have_attributes(self) -> ExpectedDocument:
        if self.fate is Fate.REJECT and (named := sorted(self.model_fields_set - {"fate", "by"})):
            raise Wrong(f"{named[0]} of a route that is rejected", "expect accept, or leave out the attributes")
        return self

    @property
    def next_hop_rule(self) -> NextHopRule | None:
        """What the policy has to choose as next hop."""
        return next((rule for rule in NextHopRule if rule.value == self.next_hop), None)

    @property
    def attributes(self) -> tuple[tuple[str, str], ...]:
        """The attributes that are named, in the words of `lab.bgp.text_of`."""
        written = {
            "next_hop": None if self.next_hop_rule else self.next_hop,
            "origin": None if self.origin is None else self.origin.value,
            "as_path": self.as_path,
            "local_pref": self.local_pref,
            "multi_exit_disc": self.med,
            "communities": _joined(self.communities),
            "large_communities": _joined(self.large_communities),
            "extended_communities": _joined(self.extended_communities),
            "weight": None if self.weight is None else str(self.weight),
        }
        return tuple((name, value) for name, value in written.items() if value is not None)


def _joined(communities: list[Any] | None) -> str | None:
    return None if communities is None else " ".join(in_order(communities))


class CaseDocument(Document):
    """One case."""

    name: Annotated[str, parsed(_case_name)] = Field(description="what the case shows, in words")
    policy: OneOrMore[Reference] = Field(description="the policy that is asked, or a chain of them")
    context: ContextDocument | None = Field(None, description="where it runs: {neighbor: msee1, asn: 65010}")
    route: Annotated[GivenRouteDocument, under("prefix")] = Field(
        description="the route: a prefix alone, or {prefix: 10.0.0.0/8, as_path: '12076', ...}"
    )
    expect: Annotated[ExpectedDocument, under("fate")] = Field(
        description="accept, reject, or {fate: accept, by: keep-azure, local_pref: 200, ...}"
    )


class CasesDocument(Document):
    """A file of cases for the policies of other files."""

    policies: OneOrMore[Reference] = Field(description="the policy file, or several, from the directory of this one")
    cases: list[CaseDocument] = Field(default=[], description="the cases, each a route and what must become of it")


class RoutesDocument(Document):
    """A list of routes."""

    routes: list[Annotated[GivenRouteDocument, under("prefix")]] = Field(description="the routes")
