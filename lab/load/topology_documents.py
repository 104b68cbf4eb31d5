"""The shape of a topology file: what may be written where.

The shape is not the model: names are not resolved here and short forms are allowed. Descriptions are for the person who
writes the file; missing keys and the JSON Schema show them.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from lab.bgp import Asn, Community
from lab.load import values
from lab.load.container_documents import ContainersDocument
from lab.load.customer_documents import OtherCustomerDocument, SiteDocument
from lab.load.expectation_documents import ExpectDocument
from lab.load.forms import (
    SHIPPED,
    AnyPrefix,
    Document,
    HostPrefix,
    NodeName,
    Number32,
    OneOrMore,
    Reference,
    Standard,
    under,
)
from lab.load.peering_documents import PeeringsDocument
from lab.load.qos_documents import Remarks, RouterQosDocument
from lab.load.scalars import choice, name_of, parsed, whole
from lab.load.shaping_documents import ImpairmentDocument
from lab.plan.naming import CIRCUIT_NAME_LENGTH
from lab.topology import (
    ConnectivityModel,
    Distribution,
    Encapsulation,
    Link,
    MaintenancePhase,
    Provisioning,
    Sku,
)

CircuitName = Annotated[
    str,
    name_of(
        "circuit",
        f"[a-z][a-z0-9]{{0,{CIRCUIT_NAME_LENGTH - 1}}}",
        f"lower-case letters and digits, a letter first, {CIRCUIT_NAME_LENGTH} at most",
        not_reserved=True,
    ),
]


class VpnDocument(Document):
    """The VPN of a provider that joins a customer's sites."""

    name: NodeName = Field(description="the name of the customer's VPN")
    distribution: Annotated[Distribution, choice(Distribution, "distribution")] = Field(
        Distribution.FULL_MESH, description="how its routers tell one another routes: full_mesh or route_reflector"
    )


class ProviderDocument(Document):
    """What carries the circuit from the customer to Microsoft."""

    service: Annotated[str, values.SERVICE] = Field(description="what the provider does: layer2 or layer3")
    s_tag: Annotated[int, values.VLAN_ID] = Field(description="the outer VLAN tag of the circuit, 1 to 4094")
    asn: Annotated[Asn, values.CUSTOMER_ASN] | None = Field(
        None, description="the AS number of a provider that routes (layer3)"
    )
    routers: list[NodeName] | None = Field(
        None,
        min_length=1,
        max_length=2,
        description="the routers that face Microsoft on the primary and the secondary link (layer3); one for both",
    )
    vpn: Annotated[VpnDocument, under("name")] | None = Field(
        None, description="the customer's VPN over the provider's network (any_to_any_ipvpn)"
    )
    remark: Remarks | None = Field(
        None, description="what it makes of marks, both ways: {af31: cs0}, or bleach for all to 0; kept if left out"
    )
    qos: dict[Reference, RouterQosDocument] | None = Field(
        None, description="how single routers of it mark what they forward, by router (layer3)"
    )


class PortDocument(Document):
    """A port pair of ExpressRoute Direct."""

    encapsulation: Annotated[Encapsulation, choice(Encapsulation, "encapsulation")] = Field(
        description="how circuits share the ports: dot1q or qinq"
    )
    s_tag: Annotated[int, values.VLAN_ID] | None = Field(
        None, description="the outer VLAN tag of the circuit, 1 to 4094, with qinq"
    )


class MaintenanceDocument(Document):
    """A planned maintenance of the Microsoft edge of one link."""

    link: Annotated[Link, choice(Link, "link")] = Field(description="primary or secondary")
    phase: Annotated[MaintenancePhase, choice(MaintenancePhase, "phase")] = Field(
        MaintenancePhase.PREPENDED, description="prepended (default): longer AS paths; drained: sessions closed"
    )


class CircuitDocument(Document):
    """The circuit, as ordered."""

    sku: Annotated[Sku, choice(Sku, "sku")] = Field(description="the tier: local, standard or premium")
    bandwidth: Annotated[int, values.BANDWIDTH] = Field(description="the size of each link, such as 1 Gbps")
    peering_location: Annotated[str, parsed(str)] = Field(
        description="where the circuit meets Microsoft, such as Amsterdam"
    )
    provider: ProviderDocument | None = Field(
        None, description="the provider's service: {service: layer2, s_tag: 1034}"
    )
    port: Annotated[PortDocument, under("encapsulation")] | None = Field(
        None, description="the port pair of ExpressRoute Direct: dot1q, or {encapsulation: qinq, s_tag: 10}"
    )
    provisioning: Annotated[Provisioning, choice(Provisioning, "provisioning state")] = Field(
        Provisioning.PROVISIONED,
        description="how far the provider has come; only a provisioned circuit carries anything",
    )
    maintenance: Annotated[MaintenanceDocument, under("link")] | None = Field(
        None, description="a planned maintenance: primary, or {link: primary, phase: drained}"
    )


class NamedCircuitDocument(CircuitDocument):
    """One of several circuits."""

    routers: list[NodeName] | None = Field(
        None,
        min_length=1,
        max_length=2,
        description="the customer's routers that face it, of the primary and the secondary link; all if left out",
    )
    peerings: PeeringsDocument = Field(description="the peerings of the circuit: private, microsoft")


class VnetDocument(Document):
    """A VNet, with the community that Azure sets on its prefixes."""

    prefixes: OneOrMore[HostPrefix] = Field(description="its address space: a prefix or a list of them")
    community: Annotated[Community, values.VNET_COMMUNITY] | None = Field(
        None, description="the VNet's custom community, 12076:value"
    )
    peered_with: Reference | None = Field(None, description="the VNet whose gateway it uses, as its spoke")


class ServiceDocument(Document):
    """A public service of Microsoft's, as Microsoft peering shows it."""

    prefixes: OneOrMore[HostPrefix] | None = Field(None, description="its public prefixes: one, or a list")
    communities: OneOrMore[Standard] | None = Field(None, description="the communities that Microsoft sets on them")


class ConnectionDocument(Document):
    """What joins a circuit to the gateway."""

    weight: Number32 = Field(description="the routing weight; the higher is preferred")


class AzureDocument(Document):
    """Microsoft's side."""

    region: Annotated[str, values.REGION] = Field(description="the Azure region of the VNets, such as West Europe")
    regional_community: Standard | None = Field(
        None, description="the region's community on private peering, only where Microsoft publishes none"
    )
    vnets: dict[NodeName, Annotated[VnetDocument, under("prefixes")]] | None = Field(
        None,
        min_length=1,
        description="the VNets by name, each a prefix, a list of them, or {prefixes: ..., community: ...}",
    )
    gateway_instances: Annotated[int, whole(1, 2)] | None = Field(
        None, description="the instances of the gateway, which share the load: 1 if left out, 2 as in Azure"
    )
    connections: dict[Reference, Annotated[ConnectionDocument, under("weight")]] | None = Field(
        None, description="the routing weights of the gateway's connections, by circuit; 0 if left out"
    )
    services: dict[NodeName, Annotated[ServiceDocument, SHIPPED]] | None = Field(
        None,
        min_length=1,
        description="the public services that Microsoft peering reaches, by name: {prefixes: ..., communities: ...}, "
        "or shipped for one that comes with the lab, such as weu-storage",
    )


class GlobalReachDocument(Document):
    """What joins the private peerings of two circuits."""

    circuits: list[Reference] = Field(min_length=2, max_length=2, description="the two circuits")
    subnet: OneOrMore[AnyPrefix] = Field(description="the block between their edges: a /29, a /125 or a list of both")


class TopologyDocument(Document):
    """A topology file: circuits, both their ends, and what must hold."""

    name: Annotated[
        str, name_of("topology", "[a-z0-9][a-z0-9-]{0,39}", "lower-case letters, digits and dashes, 40 at most")
    ] = Field(description="the name of the lab")
    connectivity_model: Annotated[ConnectivityModel, choice(ConnectivityModel, "connectivity model")] = Field(
        description="how customer and Microsoft are joined: "
        "cloud_exchange, point_to_point_ethernet, any_to_any_ipvpn or direct"
    )
    circuit: CircuitDocument | None = Field(None, description="the circuit, as ordered")
    customer: SiteDocument | None = Field(None, description="the customer's AS, routers and networks")
    peerings: PeeringsDocument | None = Field(None, description="the peerings of the circuit: private, microsoft")
    azure: AzureDocument = Field(description="Microsoft's side: region, VNets and services")
    circuits: dict[CircuitName, NamedCircuitDocument] | None = Field(
        None, min_length=1, description="the circuits by name, where there are several, each with its peerings"
    )
    sites: dict[NodeName, SiteDocument] | None = Field(
        None, min_length=1, description="the customer's sites by name, where there are several"
    )
    other_customers: dict[NodeName, OtherCustomerDocument] | None = Field(
        None, min_length=1, description="other customers of the provider's VPN service, by name (any_to_any_ipvpn)"
    )
    global_reach: OneOrMore[GlobalReachDocument] | None = Field(
        None,
        description="the circuits whose private peerings are joined: {circuits: [ams, lon], subnet: ...}, or a list",
    )
    assume: dict[Reference, Annotated[str, parsed(str, numeric=True)]] | None = Field(
        None, description="answers to what Microsoft does not document, by assumption: see `erlab assumptions`"
    )
    impairments: OneOrMore[ImpairmentDocument] | None = Field(
        None,
        description="wires that are worse than others: {link: primary, delay: 10 ms, loss: 1 %}, or a list of such",
    )
    containers: ContainersDocument | None = Field(
        None, description="what each router may take where it is a container: {memory: 128 MiB, cpus: 0.5}"
    )
    policies: list[Reference] = Field(default=[], description="the policy files, relative to this one")
    expect: list[ExpectDocument] = Field(default=[], description="what must hold")
