"""The shape of a policy file: what may be written where. Names are resolved, and literals read, in `lab.load.sets`."""

from __future__ import annotations

from typing import Annotated

from pydantic import ConfigDict, Field, model_validator

from lab.bgp import Address, AsPath, ExtendedCommunity, RemovePrivate, RouteSource
from lab.load import policy_values, values
from lab.load.forms import (
    AnyNumber,
    AsNumber,
    Document,
    Extended,
    FamilyName,
    Large,
    OneOrMore,
    OriginName,
    PolicyName,
    Reference,
    Standard,
    under,
)
from lab.load.policy_values import LONGEST_PREPEND
from lab.load.scalars import choice, parsed, whole
from lab.policy import (
    AsPathEntry,
    CommunityPattern,
    Fate,
    NextHopRule,
    NumberChange,
    NumberRange,
    PrefixRange,
    Quantifier,
)
from lab.texts import Wrong

Item = Annotated[str, parsed(str, numeric=True)]
Range = Annotated[NumberRange, policy_values.NUMBER]
LargePattern = Annotated[CommunityPattern, policy_values.LARGE_PATTERN]
ExtendedPattern = Annotated[CommunityPattern, policy_values.EXTENDED_PATTERN]
RouteTarget = Annotated[ExtendedCommunity, policy_values.ROUTE_TARGET]
FewTimes = Annotated[int, whole(1, LONGEST_PREPEND)]


class AskedDocument(Document):
    """Names of sets and literals, and how many of them must hold: a mapping with exactly one key."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1, "maxProperties": 1})

    any: OneOrMore[Item] | None = Field(None, description="one of these at least, which a list alone means too")
    all: OneOrMore[Item] | None = Field(None, description="each of these")
    none: OneOrMore[Item] | None = Field(None, description="none of these")

    @model_validator(mode="after")
    def _exactly_one(self) -> AskedDocument:
        if len(self.model_fields_set) != 1:
            raise Wrong(f"has {len(self.model_fields_set)} of the keys any, all and none", "write one of them")
        return self

    @property
    def quantifier(self) -> Quantifier:
        """How many of the items must hold."""
        return Quantifier(*self.model_fields_set)

    @property
    def items(self) -> list[str]:
        """What is asked about."""
        return self.any or self.all or self.none or []


Asked = Annotated[AskedDocument, under("any")]


class MatchDocument(Document):
    """The conditions of a term, all of which must hold."""

    prefix_list: Asked | None = Field(
        None,
        examples=["azure", "10.0.0.0/8 le 24"],
        description="the prefix is in this list or range: one, a list, or {any: ...}, {all: ...} or {none: ...}",
    )
    as_path: Asked | None = Field(
        None,
        examples=["microsoft", "_65001_", "^$"],
        description="the AS path is in this set or matches this pattern, where _ stands for an end of an AS number",
    )
    as_path_length: Range | None = Field(None, description="how long the AS path is: 3, '>= 3', '<= 3' or '2-4'")
    community: Asked | None = Field(
        None,
        examples=["blue", "65010:100", "65010:*", "/^65010:1/", "no-export", "westeurope.private"],
        description="a community of the route is this one, or is in this set",
    )
    large_community: Asked | None = Field(
        None,
        examples=["big", "65010:1:2", "65010:1:*"],
        description="a large community of the route is this one, or is in this set",
    )
    extended_community: Asked | None = Field(
        None,
        examples=["vpn", "target:65010:100", "target:65010:*"],
        description="an extended community of the route is this one, or is in this set",
    )
    route_target: Asked | None = Field(
        None,
        examples=["65010:100", "192.0.2.1:5", "65010:*", "vpn"],
        description="a route target of the route is this one, or is in this set of extended communities",
    )
    next_hop: Asked | None = Field(
        None,
        examples=["172.16.0.2", "172.16.0.0/30 orlonger", "azure"],
        description="the next hop is this address, or is in this range or prefix list",
    )
    origin: OneOrMore[OriginName] | None = Field(None, description="igp, egp, incomplete, or a list of them")
    local_pref: Range | None = Field(None, description="the local preference, 100 where absent: 200, '>= 200', '50-99'")
    med: Annotated[NumberRange, policy_values.NUMBER_OR_ABSENT] | None = Field(
        None, description="the multi-exit discriminator: 10, '>= 10', '0-9' or absent"
    )
    weight: Annotated[NumberRange, policy_values.WEIGHT] | None = Field(
        None, description="the weight, which is local to the router: 100, '>= 1'"
    )
    neighbor: OneOrMore[Annotated[str, policy_values.NEIGHBOR]] | None = Field(
        None, description="the session's neighbour: a router's name or address, or a list of them"
    )
    family: FamilyName | None = Field(None, description="ipv4 or ipv6")
    source: OneOrMore[Annotated[RouteSource, choice(RouteSource, "source")]] | None = Field(
        None, description="how the router has the route: bgp, connected, static, aggregate, or a list of them"
    )
    vrf: OneOrMore[Annotated[str, policy_values.VRF]] | None = Field(
        None, description="the VRF that an own route was leaked from, or a list of them"
    )

    @model_validator(mode="after")
    def _asks_something(self) -> MatchDocument:
        if not self.model_fields_set:
            raise Wrong("has no condition", "leave it out to match every route")
        return self


class PrependDocument(Document):
    """AS numbers to put before a path."""

    asns: Annotated[OneOrMore[AsNumber], Field(max_length=LONGEST_PREPEND)] | None = Field(
        None, description="these, newest first, which a list alone means too"
    )
    asn: AsNumber | None = Field(None, description="this one, as often as `times` says")
    times: FewTimes | None = Field(None, description=f"how often, 1 to {LONGEST_PREPEND}; once if left out")
    last_asn: FewTimes | None = Field(None, description="the newest AS of the path, this often more")

    @model_validator(mode="after")
    def _exactly_one(self) -> PrependDocument:
        if len(self.model_fields_set & {"asns", "asn", "last_asn"}) != 1 or (self.times and self.asn is None):
            raise Wrong("must be one thing to prepend", "[65010, 65010], {asn: 65010, times: 2} or {last_asn: 2}")
        return self


class SetDocument(Document):
    """What a term changes."""

    local_pref: Annotated[NumberChange, policy_values.NUMBER_CHANGE] | None = Field(
        None, description="the local preference: 200, '+50' or '-50'"
    )
    med: Annotated[NumberChange, policy_values.REMOVABLE_CHANGE] | None = Field(
        None, description="the multi-exit discriminator: 10, '+10', '-10', or none to remove it"
    )
    weight: Annotated[NumberChange, policy_values.WEIGHT_CHANGE] | None = Field(
        None, description="the weight, which is local to the router: 100, '+10' or '-10'"
    )
    origin: OriginName | None = Field(None, description="igp, egp or incomplete")
    next_hop: Annotated[Address | NextHopRule, policy_values.NEXT_HOP] | None = Field(
        None, description="self (the own address on the session), unchanged, or an address"
    )
    as_path: Annotated[AsPath, values.AS_PATH] | None = Field(
        None, description="the whole path, newest first, such as '65010 65020'; '' is the empty one"
    )
    replace_asns: dict[AsNumber, AsNumber] | None = Field(
        None, min_length=1, description="AS numbers that take the place of others: {65001: 65010}"
    )
    remove_private_asns: Annotated[RemovePrivate, choice(RemovePrivate, "way to remove private ASes")] | None = Field(
        None, description="takes private ASes out of the path: leading, all, or replace (by the own AS)"
    )
    prepend: Annotated[PrependDocument, under("asns")] | None = Field(
        None, description="puts before the path: [65010, 65010], {asn: 65010, times: 2} or {last_asn: 2}"
    )
    communities: AnyNumber[Standard] | None = Field(None, description="exactly these communities; [] removes all")
    add_communities: OneOrMore[Standard] | None = Field(None, description="communities to add")
    remove_communities: OneOrMore[Reference] | None = Field(
        None, description="communities to remove: sets, wildcards, regular expressions, literals"
    )
    large_communities: AnyNumber[Large] | None = Field(
        None, description="exactly these large communities; [] removes all"
    )
    add_large_communities: OneOrMore[Large] | None = Field(None, description="large communities to add")
    remove_large_communities: OneOrMore[Reference] | None = Field(
        None, description="large communities to remove: sets, wildcards, regular expressions, literals"
    )
    extended_communities: AnyNumber[Extended] | None = Field(
        None, description="exactly these extended communities; [] removes all"
    )
    add_extended_communities: OneOrMore[Extended] | None = Field(None, description="extended communities to add")
    remove_extended_communities: OneOrMore[Reference] | None = Field(
        None, description="extended communities to remove: sets, wildcards, regular expressions, literals"
    )
    route_targets: AnyNumber[RouteTarget] | None = Field(
        None, description="exactly these route targets; other extended communities stay; [] removes all"
    )

    @model_validator(mode="after")
    def _changes_something(self) -> SetDocument:
        if not self.model_fields_set:
            raise Wrong("changes nothing", "leave it out")
        return self


class TermDocument(Document):
    """One step of a policy."""

    name: PolicyName | None = Field(None, description="what traces and reports call the term")
    match: MatchDocument | None = Field(None, description="the conditions; every route if left out")
    set: SetDocument | None = Field(None, description="the changes")
    call: Reference | None = Field(
        None, description="a policy of this file that must accept the route too, after set; its changes stay"
    )
    then: Annotated[Fate, choice(Fate, "fate")] = Field(description="accept, reject, next_term or next_policy")


class PolicyDocument(Document):
    """A policy: its terms, and what happens to a route that none of them decides."""

    default: Annotated[Fate, choice((Fate.ACCEPT, Fate.REJECT, Fate.NEXT_POLICY), "default")] = Field(
        Fate.REJECT, description="what happens to a route that no term decides: accept, reject (default) or next_policy"
    )
    terms: list[TermDocument] = Field(min_length=1, description="the terms, which are tried in order")


class PolicyFileDocument(Document):
    """A policy file: sets and policies by name."""

    prefix_lists: dict[PolicyName, OneOrMore[Annotated[PrefixRange, values.PREFIX_RANGE]]] = Field(
        default={}, description="prefix lists by name: [10.0.0.0/8 ge 16 le 24, 192.168.0.0/16 orlonger, ...]"
    )
    as_path_sets: dict[PolicyName, OneOrMore[Annotated[AsPathEntry, policy_values.AS_PATH_ENTRY]]] = Field(
        default={}, description="sets of AS paths by name: [^12076$, _65001_, length >= 3, ...]"
    )
    community_sets: dict[PolicyName, OneOrMore[Annotated[CommunityPattern, policy_values.STANDARD_PATTERN]]] = Field(
        default={}, description="sets of communities by name: [65010:100, 65010:*, /^65010:1/, no-export, ...]"
    )
    large_community_sets: dict[PolicyName, OneOrMore[LargePattern]] = Field(
        default={}, description="sets of large communities by name: [65010:1:2, 65010:1:*, /^65010:/, ...]"
    )
    extended_community_sets: dict[PolicyName, OneOrMore[ExtendedPattern]] = Field(
        default={}, description="sets of extended communities by name: [target:65010:100, target:65010:*, ...]"
    )
    policies: dict[PolicyName, Annotated[PolicyDocument, under("terms")]] = Field(
        default={}, description="policies by name, each a list of terms, or {default: accept, terms: [...]}"
    )
