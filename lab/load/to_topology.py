"""The model of a topology file without mistakes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from lab.bgp import Community, Family, Prefix
from lab.expressroute.communities import private_peering_community
from lab.expressroute.services import BY_NAME
from lab.load.container_documents import to_limits
from lab.load.customer_documents import SiteDocument
from lab.load.edges import to_edge_bgp, to_session_rules
from lab.load.expectations import to_expectation
from lab.load.impairments import to_impairments
from lab.load.peering_documents import (
    BfdDocument,
    MicrosoftPeeringDocument,
    NatDocument,
    PeeringDocument,
    PeeringsDocument,
)
from lab.load.places import Path
from lab.load.qos import to_remark, to_routers_qos
from lab.load.source import SourceFile
from lab.load.speakers import OwnConfigs, to_speakers
from lab.load.topology_documents import CircuitDocument, NamedCircuitDocument, ServiceDocument, TopologyDocument
from lab.policy import NO_RULES, Fate, Policy, SessionRules, Term
from lab.topology import (
    Access,
    Azure,
    Bfd,
    Circuit,
    Connection,
    Customer,
    DirectPort,
    GlobalReach,
    Layer2,
    Layer3,
    Link,
    LinkSubnet,
    Maintenance,
    Nat,
    Network,
    Peering,
    PublicPrefixes,
    RouteFilter,
    RoutingDomain,
    Service,
    Site,
    Topology,
    VirtualNetwork,
)

PROVIDER_ACCEPTS = Policy(
    name="provider-accept-all",
    terms=(Term(fate=Fate.ACCEPT),),
    source="assumed: a provider that routes passes on what it is sent, where the file gives it no policy",
)

Policies = Mapping[str, Policy]


@dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    """The file that a document is of, and the policies and configurations that it names."""

    source: SourceFile
    policies: Policies
    configs: OwnConfigs


def to_topology(document: TopologyDocument, source: SourceFile, policies: Policies, configs: OwnConfigs) -> Topology:
    """The model of a document in which no check found a mistake."""
    file = _File(source=source, policies=policies, configs=configs)
    sites = tuple(_site(name, one, ("sites", name) if name else ("customer",), file) for name, one in _sites(document))
    return Topology(
        name=document.name,
        connectivity_model=document.connectivity_model,
        circuits=tuple(
            _circuit(name, circuit, peerings, sites, file) for name, circuit, peerings in _circuits(document)
        ),
        customer=Customer(name=_vpn_name(document), sites=sites),
        azure=_azure(document),
        expectations=tuple(
            to_expectation(item, source.where(("expect", index))) for index, item in enumerate(document.expect)
        ),
        other_customers=tuple(
            _other_customer(name, other.sites, file) for name, other in (document.other_customers or {}).items()
        ),
        global_reach=tuple(
            GlobalReach(circuits=(one.circuits[0], one.circuits[1]), blocks=tuple(one.subnet))
            for one in document.global_reach or ()
        ),
        assumed=tuple((document.assume or {}).items()),
        impairments=to_impairments(document.impairments),
        limits=to_limits(document.containers),
    )


def _sites(document: TopologyDocument) -> Iterator[tuple[str, SiteDocument]]:
    if document.customer is not None:
        yield "", document.customer
    yield from (document.sites or {}).items()


def _circuits(document: TopologyDocument) -> Iterator[tuple[str, CircuitDocument, PeeringsDocument]]:
    if document.circuit is not None and document.peerings is not None:
        yield "", document.circuit, document.peerings
    for name, circuit in (document.circuits or {}).items():
        yield name, circuit, circuit.peerings


def _vpn_name(document: TopologyDocument) -> str:
    names = (
        circuit.provider.vpn.name for _, circuit, _ in _circuits(document) if circuit.provider and circuit.provider.vpn
    )
    return next(names, "")


# customers


def _other_customer(name: str, sites: Mapping[str, SiteDocument], file: _File) -> Customer:
    where: Path = ("other_customers", name, "sites")
    return Customer(name=name, sites=tuple(_site(site, one, (*where, site), file) for site, one in sites.items()))


def _site(name: str, document: SiteDocument, path: Path, file: _File) -> Site:
    policies = file.policies
    return Site(
        name=name,
        asn=document.asn,
        routers=tuple(document.routers),
        networks=tuple(_network(network, prefixes) for network, prefixes in document.networks.items()),
        bgp=tuple((router, to_edge_bgp(edge, policies)) for router, edge in (document.bgp or {}).items()),
        access=tuple(
            Access(
                customer_edge=edge,
                provider_edge=line.to,
                blocks=tuple(line.subnet),
                rules=to_session_rules(line.policies, policies) if line.policies else NO_RULES,
                provider_rules=(
                    to_session_rules(line.provider_policies, policies, otherwise=PROVIDER_ACCEPTS)
                    if line.provider_policies
                    else SessionRules(import_policies=(PROVIDER_ACCEPTS,), export_policies=(PROVIDER_ACCEPTS,))
                ),
            )
            for edge, line in (document.access or {}).items()
        ),
        qos=to_routers_qos(document.qos, (*path, "qos"), file.source),
        speakers=to_speakers(document.speakers, file.configs),
    )


def _network(name: str, prefixes: list[Prefix]) -> Network:
    return Network(name=name, prefixes=tuple(prefixes))


# circuits


def _circuit(
    name: str, document: CircuitDocument, peerings: PeeringsDocument, sites: tuple[Site, ...], file: _File
) -> Circuit:
    carrier = _carrier(document, ("circuits", name) if name else ("circuit",), file.source)
    written = document.routers if isinstance(document, NamedCircuitDocument) else None
    routers = carrier.routers if isinstance(carrier, Layer3) else tuple(written or sites[0].routers)
    facing_policies = PROVIDER_ACCEPTS if isinstance(carrier, Layer3) else None
    domains = ((RoutingDomain.PRIVATE, peerings.private), (RoutingDomain.MICROSOFT, peerings.microsoft))
    return Circuit(
        name=name,
        sku=document.sku,
        bandwidth_mbps=document.bandwidth,
        peering_location=document.peering_location,
        carrier=carrier,
        routers=routers,
        peerings=tuple(
            _peering(domain, one, file.policies, routers, facing_policies) for domain, one in domains if one is not None
        ),
        provisioning=document.provisioning,
        maintenance=(
            Maintenance(link=document.maintenance.link, phase=document.maintenance.phase)
            if document.maintenance
            else None
        ),
    )


def _carrier(document: CircuitDocument, path: Path, source: SourceFile) -> Layer2 | Layer3 | DirectPort:
    provider = document.provider
    if provider is None:
        if document.port is None:
            raise ValueError("a circuit without provider and port")
        return DirectPort(encapsulation=document.port.encapsulation, s_tag=document.port.s_tag)
    remark = to_remark(provider.remark, (*path, "provider", "remark"), source)
    if provider.asn is None or provider.routers is None:
        return Layer2(s_tag=provider.s_tag, remark=remark)
    return Layer3(
        s_tag=provider.s_tag,
        asn=provider.asn,
        routers=tuple(provider.routers),
        distribution=provider.vpn.distribution if provider.vpn else None,
        remark=remark,
        qos=to_routers_qos(provider.qos, (*path, "provider", "qos"), source),
    )


def _peering(
    domain: RoutingDomain,
    document: PeeringDocument,
    policies: Policies,
    routers: tuple[str, ...],
    otherwise: Policy | None,
) -> Peering:
    links = ((Link.PRIMARY, document.primary), (Link.SECONDARY, document.secondary))
    written = document.policies or {}
    rules = [(router, to_session_rules(edge, policies, otherwise)) for router, edge in written.items()]
    if otherwise is not None:
        usual = SessionRules(import_policies=(otherwise,), export_policies=(otherwise,))
        rules += [(router, usual) for router in routers if router not in written]
    optional = {} if document.hold_time is None else {"hold_time_s": document.hold_time}
    vlans = document.customer_vlan
    return Peering(
        domain=domain,
        vlan_id=document.vlan_id,
        subnets=tuple(LinkSubnet(link=link, prefix=block.subnet) for link, blocks in links for block in blocks),
        rules=tuple(rules),
        md5=document.md5,
        customer_md5=tuple((document.customer_md5 or {}).items()),
        customer_vlans=((Link.PRIMARY, vlans.primary), (Link.SECONDARY, vlans.secondary)) if vlans else (),
        bfd=None if document.bfd is None else _bfd(document.bfd),
        enabled=frozenset(Family) - frozenset(document.disabled or ()),
        public=_public(document) if isinstance(document, MicrosoftPeeringDocument) else None,
        **optional,
    )


def _bfd(document: BfdDocument) -> Bfd:
    written = {"interval_ms": document.interval, "multiplier": document.multiplier}
    return Bfd(**{name: value for name, value in written.items() if value is not None})


def _public(document: MicrosoftPeeringDocument) -> PublicPrefixes:
    filters = ((Family.IPV4, document.route_filter), (Family.IPV6, document.ipv6_route_filter or document.route_filter))
    return PublicPrefixes(
        advertised=tuple(document.advertised_prefixes),
        state=document.validation,
        customer_asn=document.customer_asn,
        route_filters=tuple((f, RouteFilter(communities=tuple(one))) for f, one in filters if one is not None),
        nat=_nat(document.nat) if document.nat else None,
    )


def _nat(document: NatDocument) -> Nat:
    pools = ((Link.PRIMARY, document.primary or document.pool), (Link.SECONDARY, document.secondary or document.pool))
    return Nat(pools=tuple((link, pool) for link, pool in pools if pool is not None))


# Microsoft


def _azure(document: TopologyDocument) -> Azure:
    azure = document.azure
    regional: Community | None = azure.regional_community or private_peering_community(azure.region)
    return Azure(
        region=azure.region,
        regional_community=regional,
        vnets=tuple(
            VirtualNetwork(
                network=_network(name, vnet.prefixes), community=vnet.community, peered_with=vnet.peered_with or ""
            )
            for name, vnet in (azure.vnets or {}).items()
        ),
        services=tuple(_service(name, one) for name, one in (azure.services or {}).items()),
        gateway_instances=azure.gateway_instances or 1,
        connections=tuple(
            Connection(circuit=name, weight=one.weight) for name, one in (azure.connections or {}).items()
        ),
    )


def _service(name: str, document: ServiceDocument) -> Service:
    if document.prefixes is None or document.communities is None:
        shipped = BY_NAME[name]
        return Service(network=Network(name=name, prefixes=shipped.prefixes), communities=shipped.communities)
    return Service(network=_network(name, document.prefixes), communities=tuple(document.communities))
