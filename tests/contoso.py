"""A whole lab to test with: the Contoso circuit with two edges, IPv4 and IPv6, and ways to break what was seen of it.

    hq ─ lan-hq ┬ ce1 ─ msee1 ┬ gw ─ hub
                └ ce2 ─ msee2 ┘

`ce1` prefers what it learns (local_pref 200), `ce2` prepends its own AS three times to what it sends.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from ipaddress import IPv4Address

from builders import set_to
from lab.bgp import Asn, Prefix, Route, parse_prefix
from lab.checks import Evidence, flows_of
from lab.expectations import Expectation
from lab.forwarding import Crossing, Flow, FlowResult, Seen, predict_flow
from lab.plan import NodePlan, Plan, SessionPlan
from lab.plan.of_topology import plan
from lab.policy import Asked, Change, Fate, Match, Policy, PrefixList, PrefixRange, SessionRules, Term
from lab.predict import Prediction, predict
from lab.secret import Secret
from lab.tables import FibEntry, LabTables, RouterTables, SessionTables
from lab.topology import (
    Azure,
    Circuit,
    ConnectivityModel,
    Customer,
    EdgeBgp,
    Layer2,
    Link,
    LinkSubnet,
    Network,
    Peering,
    Site,
    Sku,
    Topology,
    VirtualNetwork,
)

KEY = "Contoso123"
HQ, HQ6 = parse_prefix("10.10.0.0/16"), parse_prefix("2001:db8:10::/48")
HUB, HUB6 = parse_prefix("10.100.0.0/16"), parse_prefix("2001:db8:100::/48")
OWN = PrefixList(
    name="own",
    ranges=(PrefixRange(prefix=HQ, at_least=16, at_most=24), PrefixRange(prefix=HQ6, at_least=48, at_most=64)),
)
ACCEPT_AZURE = Policy(name="accept-azure", terms=(Term(fate=Fate.ACCEPT),))
PREFER_THIS_LINK = Policy(
    name="prefer-this-link", terms=(Term(fate=Fate.ACCEPT, change=Change(local_pref=set_to(200))),)
)
REJECT_ALL = Policy(name="reject-all", terms=(Term(fate=Fate.REJECT),))
OWN_NETWORKS = Policy(name="own-networks", terms=(Term(fate=Fate.ACCEPT, match=Match(prefix_list=Asked(sets=(OWN,)))),))
OWN_NETWORKS_PREPENDED = Policy(
    name="own-networks-prepended",
    terms=(
        Term(
            fate=Fate.ACCEPT,
            match=Match(prefix_list=Asked(sets=(OWN,))),
            change=Change(prepend=(Asn(65010), Asn(65010), Asn(65010))),
        ),
    ),
)
CE1 = SessionRules(import_policies=(PREFER_THIS_LINK,), export_policies=(OWN_NETWORKS,))
CE2 = SessionRules(import_policies=(ACCEPT_AZURE,), export_policies=(OWN_NETWORKS_PREPENDED,))


def topology(ce1: SessionRules = CE1, ce2: SessionRules = CE2, ce1_key: str = KEY) -> Topology:
    """The circuit; `ce1_key` is the key that ce1 has, where Azure has `KEY`."""
    links = (
        (Link.PRIMARY, "172.16.0.0/30"),
        (Link.SECONDARY, "172.16.0.4/30"),
        (Link.PRIMARY, "2001:db8:ffff::/126"),
        (Link.SECONDARY, "2001:db8:ffff::4/126"),
    )
    return Topology(
        name="contoso",
        connectivity_model=ConnectivityModel.POINT_TO_POINT_ETHERNET,
        circuits=(
            Circuit(
                sku=Sku.STANDARD,
                bandwidth_mbps=1000,
                peering_location="Amsterdam",
                carrier=Layer2(s_tag=1034),
                routers=("ce1", "ce2"),
                peerings=(
                    Peering(
                        vlan_id=100,
                        subnets=tuple(LinkSubnet(link=one, prefix=parse_prefix(block)) for one, block in links),
                        rules=(("ce1", ce1), ("ce2", ce2)),
                        md5=Secret(KEY),
                        customer_md5=(("ce1", Secret(ce1_key)),) if ce1_key != KEY else (),
                    ),
                ),
            ),
        ),
        customer=Customer(
            sites=(Site(asn=Asn(65010), routers=("ce1", "ce2"), networks=(Network(name="hq", prefixes=(HQ, HQ6)),)),)
        ),
        azure=Azure(
            region="West Europe",
            regional_community=None,
            vnets=(VirtualNetwork(network=Network(name="hub", prefixes=(HUB, HUB6))),),
        ),
        expectations=(),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Contoso:
    """A plan of the circuit and what the model says of it."""

    plan: Plan
    prediction: Prediction

    @property
    def tables(self) -> LabTables:
        """The predicted tables."""
        return self.prediction.tables

    def evidence(self, *expectations: Expectation, tables: LabTables | None = None) -> Evidence:
        """The evidence for expectations where the lab has these tables, by default the predicted ones."""
        tables = tables or self.tables
        flows = (flow for one in expectations for flow in flows_of(one, self.plan))
        return Evidence(
            plan=self.plan,
            tables=tables,
            flows={flow: predict_flow(self.plan, tables, flow) for flow in flows},
        )


def contoso(ce1: SessionRules = CE1, ce2: SessionRules = CE2, ce1_key: str = KEY) -> Contoso:
    """The circuit, planned and predicted."""
    return of_plan(plan(topology(ce1, ce2, ce1_key)))


def of_plan(planned: Plan) -> Contoso:
    """A plan, predicted."""
    return Contoso(plan=planned, prediction=predict(planned))


SAMPLE = contoso()
"""The circuit as it should be. Its routers are only read."""


def with_bgp(made: Topology, *bgp: tuple[str, EdgeBgp]) -> Topology:
    """The circuit with BGP of single edges as it is configured."""
    (site,) = made.customer.sites
    return replace(made, customer=replace(made.customer, sites=(replace(site, bgp=bgp),)))


def with_peering(made: Topology, **changes: object) -> Topology:
    """The circuit with its peering changed."""
    (circuit,) = made.circuits
    (peering,) = circuit.peerings
    changed = replace(peering, **changes)  # type: ignore[arg-type]  # names of Peering
    return replace(made, circuits=(replace(circuit, peerings=(changed,)),))


# what was observed, where it is not what was predicted


def at_router(tables: LabTables, router: str, change: Callable[[RouterTables], RouterTables]) -> LabTables:
    """The tables, with one router's changed."""
    return LabTables(routers=tuple(change(one) if one.router == router else one for one in tables.routers))


def at_session(
    tables: LabTables, router: str, session: str, change: Callable[[SessionTables], SessionTables]
) -> LabTables:
    """The tables, with one session's at one router changed."""
    return at_router(
        tables,
        router,
        lambda one: replace(one, sessions=tuple(change(s) if s.session == session else s for s in one.sessions)),
    )


def without_fib(tables: LabTables, router: str, prefix: Prefix) -> LabTables:
    """The tables, with a route gone from the kernel of a router."""
    return with_fib(tables, router, prefix)


def with_fib(tables: LabTables, router: str, prefix: Prefix, *entries: FibEntry) -> LabTables:
    """The tables, with other entries for a prefix in the kernel of a router."""
    return at_router(
        tables, router, lambda one: replace(one, fib=(*(e for e in one.fib if e.prefix != prefix), *entries))
    )


def without(routes: Iterable[Route], prefix: Prefix) -> tuple[Route, ...]:
    """Routes but for those to a prefix."""
    return tuple(route for route in routes if route.prefix != prefix)


def with_flow(evidence: Evidence, flow: Flow, **changes: object) -> Evidence:
    """The evidence, with the result of a flow changed."""
    result: FlowResult = replace(evidence.flows[flow], **changes)  # type: ignore[arg-type]  # mypy checks no **kwargs
    return replace(evidence, flows={**evidence.flows, flow: result})


def crossings(*nodes: str, marks: tuple[int, ...] = ()) -> tuple[Crossing, ...]:
    """A way of IPv4 packets from hq to hub by these nodes, with the marks on entering those behind the first."""
    first, *others = nodes
    source, target = IPv4Address("10.10.0.10"), IPv4Address("10.100.0.4")
    entered = (Seen(interface="eth0", dscp=mark, source=source, target=target) for mark in (*marks, *[0] * len(others)))
    return (Crossing(node=first), *(Crossing(node=node, entered=one) for node, one in zip(others, entered)))  # noqa: B905


# other labs


def with_session_plans(planned: Plan, router: str, change: Callable[[SessionPlan], SessionPlan | None]) -> Contoso:
    """The lab of a plan in which one router's sessions are changed, or left out at both ends."""

    def keep(node: NodePlan, one: SessionPlan) -> SessionPlan | None:
        if node.name == router:
            return change(one)
        far_router, far_session = planned.far_ends()[node.name, one.name]
        return None if far_router == router and change(far_session) is None else one

    nodes = []
    for node in planned.nodes:
        bgp = node.bgp
        if bgp is not None:
            kept = (keep(node, one) for one in bgp.sessions)
            bgp = replace(bgp, sessions=tuple(one for one in kept if one is not None))
        nodes.append(replace(node, bgp=bgp))
    return of_plan(replace(planned, nodes=tuple(nodes)))


def without_network(planned: Plan, router: str, prefix: Prefix) -> Contoso:
    """The lab of a plan in which a router does not originate a prefix."""
    node = planned.node(router)
    if node.bgp is None:
        raise ValueError(router)
    bgp = replace(node.bgp, networks=tuple(one for one in node.bgp.networks if one != prefix))
    changed = replace(node, bgp=bgp)
    return of_plan(replace(planned, nodes=tuple(changed if one.name == router else one for one in planned.nodes)))
