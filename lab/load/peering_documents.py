"""The shape of what a topology file says of the peerings of a circuit."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from lab.bgp import Asn, Counted, Prefix, RemovePrivate
from lab.load import values
from lab.load.forms import (
    SWITCH,
    AnyAddress,
    AnyPrefix,
    Document,
    FamilyName,
    Flag,
    OneOrMore,
    Reference,
    Standard,
    under,
)
from lab.load.scalars import choice, whole
from lab.secret import Secret
from lab.texts import Wrong
from lab.topology import PrefixState

RemovePrivateName = Annotated[RemovePrivate, choice(RemovePrivate, "way to remove private ASes")]


LinkBlock = Annotated[Prefix, values.LINK_BLOCK]


class LinkBlockDocument(Document):
    """The block of one link in one family, with the addresses of its ends where they are spelt out."""

    subnet: LinkBlock = Field(description="the block: a /30, or a /126 in IPv6")
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
    """BFD of the routers that face Microsoft."""

    interval: Annotated[int, values.BFD_INTERVAL] | None = Field(
        None, description="how often to send and to expect packets, 300 ms if left out; the slower side wins"
    )
    multiplier: Annotated[int, whole(1, 255)] | None = Field(
        None, description="after how many lost packets Microsoft's side takes the path for failed; 3 if left out"
    )


class CustomerVlansDocument(Document):
    """The VLANs that the provider hands over, where they are not the peering's."""

    primary: Annotated[int, values.VLAN_ID] = Field(description="the VLAN on the primary link")
    secondary: Annotated[int, values.VLAN_ID] = Field(description="the VLAN on the secondary link")


class PeeringDocument(Document):
    """What every peering has."""

    vlan_id: Annotated[int, values.VLAN_ID] = Field(description="the VLAN of the peering on both links, 1 to 4094")
    customer_vlan: CustomerVlansDocument | None = Field(
        None, description="the VLANs at the customer's side, where the provider translates them"
    )
    primary: LinkBlocks = Field(description="the primary link's block: a /30, a /126 or a list of both")
    secondary: LinkBlocks = Field(description="the secondary link's block: a /30, a /126 or a list of both")
    md5: Annotated[Secret, values.MD5_KEY] | None = Field(None, description="the MD5 key of the sessions, at Azure")
    customer_md5: dict[Reference, Annotated[Secret, values.MD5_KEY]] | None = Field(
        None, description="the MD5 keys of the routers whose key differs from Azure's, by router"
    )
    hold_time: Annotated[int, values.HOLD_TIME] | None = Field(
        None, description="the BGP hold time of the routers that face Microsoft, such as 30 s; 180 s if left out"
    )
    bfd: Annotated[BfdDocument, SWITCH] | None = Field(
        None,
        description="BFD of the routers that face Microsoft: true, or {interval: 300 ms, multiplier: 3}",
    )
    disabled: OneOrMore[FamilyName] | None = Field(
        None, description="the families in which the peering is disabled: ipv4, ipv6, or a list of both"
    )
    policies: dict[Reference, EdgePoliciesDocument] | None = Field(
        None, description="the policies of each router that faces Microsoft; without one no route passes (RFC 8212)"
    )


class PrivatePeeringDocument(PeeringDocument):
    """Azure private peering."""


class NatDocument(Document):
    """Where the customer's edges translate the sources of what they send: a pool for each link, or one for both."""

    pool: AnyPrefix | None = Field(None, description="the pool of both links, which must end at one router")
    primary: AnyPrefix | None = Field(None, description="the pool of the primary link")
    secondary: AnyPrefix | None = Field(None, description="the pool of the secondary link")

    @model_validator(mode="after")
    def _one_design(self) -> NatDocument:
        if self.model_fields_set not in ({"pool"}, {"primary", "secondary"}):
            raise Wrong("has neither one pool nor one for each link", "give pool, or primary and secondary")
        return self


class MicrosoftPeeringDocument(PeeringDocument):
    """Microsoft peering."""

    advertised_prefixes: OneOrMore[AnyPrefix] = Field(
        description="the customer's public prefixes that are registered for the peering: one, or a list"
    )
    customer_asn: Annotated[Asn, values.AS_NUMBER] | None = Field(
        None, description="the AS that the prefixes are registered to, where it is not the one of the peering"
    )
    validation: Annotated[PrefixState, choice(PrefixState, "state")] = Field(
        PrefixState.CONFIGURED, description="configured (default), or validation_needed: the sessions are kept down"
    )
    route_filter: OneOrMore[Standard] | None = Field(
        None, description="the communities whose prefixes Microsoft announces; without a filter it announces none"
    )
    ipv6_route_filter: OneOrMore[Standard] | None = Field(
        None, description="the filter of IPv6, where it is another one; that of IPv4 if left out"
    )
    nat: Annotated[NatDocument, under("pool")] | None = Field(
        None, description="the translation of private sources: a pool, or {primary: ..., secondary: ...}"
    )


class PeeringsDocument(Document):
    """The peerings of a circuit."""

    private: PrivatePeeringDocument | None = Field(None, description="Azure private peering")
    microsoft: MicrosoftPeeringDocument | None = Field(None, description="Microsoft peering")

    @model_validator(mode="after")
    def _one_at_least(self) -> PeeringsDocument:
        if self.private is None and self.microsoft is None:
            raise Wrong("has no peering", "give private, microsoft, or both")
        return self
