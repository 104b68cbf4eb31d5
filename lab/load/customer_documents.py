"""The shape of what a topology file says of customers: their sites, edge routers and ways to a provider."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from lab.bgp import Asn
from lab.load import policy_values, values
from lab.load.forms import Document, Flag, HostPrefix, NodeName, OneOrMore, Reference, RoutedPrefix, under
from lab.load.peering_documents import EdgePoliciesDocument, LinkBlock
from lab.load.qos_documents import RouterQosDocument
from lab.load.scalars import choice, whole
from lab.plan.microsoft_edge import EDGE_MAXIMUM_PATHS
from lab.speakers import SpeakerKind
from lab.texts import Wrong

VrfName = Annotated[str, policy_values.VRF]


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


class AccessDocument(Document):
    """How a customer edge reaches a provider that routes, and the BGP sessions over that line."""

    to: Reference = Field(description="the provider's router")
    subnet: OneOrMore[LinkBlock] = Field(
        description="the block of the line: a /30, a /126 or a list of both; first host: customer, second: provider"
    )
    policies: EdgePoliciesDocument | None = Field(
        None, description="the customer edge's policies; without one no route passes (RFC 8212)"
    )
    provider_policies: EdgePoliciesDocument | None = Field(
        None, description="the provider's policies and rules on this line; all routes pass if left out"
    )


class SpeakerDocument(Document):
    """What speaks BGP at a customer edge."""

    kind: Annotated[SpeakerKind, choice(SpeakerKind, "kind")] = Field(
        description="the program: exabgp (the lab's own router), frr, bird or gobgp"
    )
    config: Reference | None = Field(
        None, description="its own configuration file, relative to this one; rendered from this file if left out"
    )


class SiteDocument(Document):
    """One place of a customer."""

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
    access: dict[Reference, AccessDocument] | None = Field(
        None, description="how each customer edge reaches a provider that routes (service layer3)"
    )
    qos: dict[Reference, RouterQosDocument] | None = Field(
        None, description="how single customer edges mark what they forward, by edge"
    )
    speakers: dict[Reference, Annotated[SpeakerDocument, under("kind")]] | None = Field(
        None,
        min_length=1,
        description="the edges that are another vendor's router: {ce1: frr, ce2: {kind: bird, config: ce2.conf}}",
    )


class OtherCustomerDocument(Document):
    """Another customer of the provider's VPN service."""

    sites: dict[NodeName, SiteDocument] = Field(min_length=1, description="its sites by name")
