"""Small networks of routers for the live tests of policies and rules: a few lines make a plan.

    net = Net()
    net.router("r", 65010)
    net.router("a", 65001, networks=["10.1.0.0/16"])
    net.session("r", "a", r=SessionRules(...))
    predicted, observed = both(net.plan())

Each session has a wire of its own, with a /30 and a /126. An eBGP session accepts everything both ways unless its rules
say otherwise. Policies come from YAML, as a user writes them: `policies("...")["name"]`.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import replace
from ipaddress import IPv4Address, ip_address
from typing import Any

from erlab_command import Forked, ending
from lab.bgp import (
    RFC_4271_BEST_PATH,
    Address,
    Aggregate,
    Asn,
    BestPathRules,
    Family,
    LeakedNetwork,
    Route,
    family_of,
    parse_prefix,
)
from lab.codec import plain, typed
from lab.forwarding import Flow, FlowResult, predict_flow
from lab.load import load_policies
from lab.marking import MarkingRule, Remark
from lab.plan import (
    BgpPlan,
    CrossConnect,
    Endpoint,
    InterfacePlan,
    NodePlan,
    Plan,
    Role,
    SessionPlan,
    StaticRoute,
    Tagged,
    Wire,
)
from lab.plan.addressing import host, link
from lab.plan.sources import SourceFilter, SourceNat
from lab.policy import Fate, Policy, SessionRules, Term
from lab.predict import predict
from lab.router.session import DEFAULT_ROUTE
from lab.tables import LabTables, SessionTables, differences

ACCEPT = Policy(name="accept", terms=(Term(fate=Fate.ACCEPT),))
OPEN = SessionRules(import_policies=(ACCEPT,), export_policies=(ACCEPT,))
_BLOCKS = {Family.IPV4: parse_prefix("100.64.0.0/16"), Family.IPV6: parse_prefix("fd00::/64")}
RUN_DEADLINE_S = 90


def policies(text: str) -> dict[str, Policy]:
    """The policies of a policy file."""
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        file.write(text)
        file.flush()
        return {policy.name: policy for policy in load_policies(file.name)}


def importing(*chain: Policy, **rules: object) -> SessionRules:
    """Rules with an import chain; everything is exported."""
    return replace(OPEN, import_policies=chain, **rules)  # type: ignore[arg-type]  # names of SessionRules


def exporting(*chain: Policy, **rules: object) -> SessionRules:
    """Rules with an export chain; everything is imported."""
    return replace(OPEN, export_policies=chain, **rules)  # type: ignore[arg-type]  # names of SessionRules


class Net:
    """A network in the making."""

    def __init__(self) -> None:
        self._asns: dict[str, Asn] = {}
        self._bgp: dict[str, BgpPlan] = {}
        self._interfaces: dict[str, list[InterfacePlan]] = {}
        self._sessions: dict[str, list[SessionPlan]] = {}
        self._static: dict[str, list[StaticRoute]] = {}
        self._wires: list[Wire] = []
        self._cross_connects: list[CrossConnect] = []
        self._links = 0
        self._roles: dict[str, Role] = {}
        self._nat: dict[str, list[SourceNat]] = {}
        self._filters: dict[str, list[SourceFilter]] = {}
        self._marking: dict[str, list[MarkingRule]] = {}

    def router(  # noqa: PLR0913  # each is what a BgpPlan has
        self,
        name: str,
        asn: int,
        networks: Iterable[str] = (),
        *,
        aggregates: Iterable[Aggregate] = (),
        leaked: Iterable[LeakedNetwork] = (),
        best_path: BestPathRules = RFC_4271_BEST_PATH,
        cluster_id: str | None = None,
    ) -> None:
        """Add a router; its router id is 10.255.0.N, in the order in which they are added."""
        self._interfaces[name], self._sessions[name], self._static[name] = [], [], []
        self._bgp[name] = BgpPlan(
            asn=Asn(asn),
            router_id=IPv4Address(f"10.255.0.{len(self._bgp) + 1}"),
            networks=tuple(map(parse_prefix, networks)),
            sessions=(),
            aggregates=tuple(aggregates),
            leaked_networks=tuple(leaked),
            best_path=best_path,
            cluster_id=None if cluster_id is None else IPv4Address(cluster_id),
        )

    def session(
        self,
        one: str,
        other: str,
        families: Iterable[Family] = (Family.IPV4,),
        at: Mapping[str, Tagged] | None = None,
        **rules: SessionRules,
    ) -> tuple[Address, Address]:
        """Join two routers by a wire and a session for each family; rules are given by router name.

        With `at` there is no wire: each has its sub-interface there. Returns the IPv4 addresses of both ends.
        """
        blocks = {family: link(block, self._links) for family, block in _BLOCKS.items()}
        self._links += 1
        ends = []
        for number, (here, there) in enumerate(((one, other), (other, one)), start=1):
            addresses = tuple(host(block, number) for block in blocks.values())
            vlan = at[here] if at else None
            self._interfaces[here].append(InterfacePlan(name=f"to-{there}", addresses=addresses, vlan=vlan))
            ends.append(Endpoint(node=here, interface=f"to-{there}"))
            for family in families:
                local, peer = (host(blocks[family], n).ip for n in (number, 3 - number))
                ebgp = self._bgp[one].asn != self._bgp[other].asn
                self._sessions[here].append(
                    SessionPlan(
                        neighbor=there,
                        family=family,
                        interface=f"to-{there}",
                        local_address=local,
                        peer_address=peer,
                        local_asn=self._bgp[here].asn,
                        peer_asn=self._bgp[there].asn,
                        passive=number == 1,
                        hold_time_s=180,
                        rules=rules.get(here, OPEN if ebgp else SessionRules()),
                    )
                )
        if not at:
            self._wires.append(Wire(name=f"{one}-{other}", ends=(ends[0], ends[1])))
        return host(blocks[Family.IPV4], 1).ip, host(blocks[Family.IPV4], 2).ip

    def trunk(self, one: str, other: str) -> tuple[Endpoint, Endpoint]:
        """Join ports without addresses, named as in `ce:port`, by a wire; what is no router yet becomes a node."""
        ends = []
        for text in (one, other):
            node, _, interface = text.partition(":")
            if node not in self._interfaces:
                self._add_node(node, Role.PROVIDER_EDGE)
            self._interfaces[node].append(InterfacePlan(name=interface))
            ends.append(Endpoint(node=node, interface=interface))
        self._wires.append(Wire(name=f"{one}-{other}", ends=(ends[0], ends[1])))
        return ends[0], ends[1]

    def provider(self, name: str) -> None:
        """Add a provider's switch."""
        self._add_node(name, Role.PROVIDER_SWITCH)

    def cross_connect(self, one: Tagged, other: Tagged, remark: Remark | None = None) -> None:
        """Join two places of a provider's switch, which may rewrite marks."""
        name = f"cross-{len(self._cross_connects)}"
        self._cross_connects.append(CrossConnect(name=name, ends=(one, other), remark=remark))

    def outsider(
        self,
        router: str,
        name: str,
        asn: int,
        rules: SessionRules = OPEN,
        *,
        families: Iterable[Family] = (Family.IPV4,),
    ) -> None:
        """Add a host that may speak BGP with a router by some other program; the router listens."""
        self._add_node(name, Role.HOST, asn)
        self.session(router, name, families, None, **{router: rules})

    def _add_node(self, name: str, role: Role, asn: int = 64999) -> None:
        """Add what is no router; others may take it for one of an AS."""
        self._roles[name] = role
        self._bgp[name] = BgpPlan(asn=Asn(asn), router_id=IPv4Address("9.9.9.9"), networks=(), sessions=())
        self._interfaces[name], self._sessions[name], self._static[name] = [], [], []

    def host(self, name: str, router: str, network: str) -> None:
        """Add a host on a network of its own behind a router: the router has the first address, the host the second."""
        self._roles[name] = Role.HOST
        prefix = parse_prefix(network)
        near, far = host(prefix, 1), host(prefix, 2)
        self._interfaces[router].append(InterfacePlan(name=f"to-{name}", addresses=(near,)))
        self._interfaces[name] = [InterfacePlan(name=f"to-{router}", addresses=(far,))]
        self._static[name] = [StaticRoute(prefix=DEFAULT_ROUTE[family_of(prefix)], next_hop=near.ip)]
        ends = Endpoint(node=router, interface=f"to-{name}"), Endpoint(node=name, interface=f"to-{router}")
        self._wires.append(Wire(name=f"{router}-{name}", ends=ends))

    def nat(self, router: str, neighbor: str, pool: str, exempt: Iterable[str] = ()) -> None:
        """Let a router translate the sources of what it sends to a neighbour."""
        prefixes = tuple(map(parse_prefix, exempt))
        self._nat.setdefault(router, []).append(
            SourceNat(interface=f"to-{neighbor}", pool=parse_prefix(pool), exempt=prefixes)
        )

    def admit(self, router: str, neighbor: str, *sources: str) -> None:
        """Let a router forward what comes from a neighbour only from these sources."""
        self._filters.setdefault(router, []).append(
            SourceFilter(interface=f"to-{neighbor}", admitted=tuple(map(parse_prefix, sources)))
        )

    def mark(self, router: str, *rules: MarkingRule) -> None:
        """Let a router rewrite the marks of what it forwards."""
        self._marking.setdefault(router, []).extend(rules)

    def static(self, router: str, prefix: str, next_hop: Address | str, metric: int = 0) -> None:
        """Give a router a static route, which stands in for one of an IGP."""
        hop = ip_address(next_hop) if isinstance(next_hop, str) else next_hop
        self._static[router].append(StaticRoute(prefix=parse_prefix(prefix), next_hop=hop, metric=metric))

    def plan(self) -> Plan:
        """The plan of all that was added."""
        nodes = tuple(
            NodePlan(
                name=name,
                role=self._roles.get(name, Role.CUSTOMER_EDGE),
                interfaces=tuple(interfaces),
                bgp=None if name in self._roles else replace(self._bgp[name], sessions=tuple(self._sessions[name])),
                static_routes=tuple(self._static[name]),
                nat=tuple(self._nat.get(name, ())),
                source_filters=tuple(self._filters.get(name, ())),
                marking=tuple(self._marking.get(name, ())),
            )
            for name, interfaces in self._interfaces.items()
        )
        return Plan(name="net", nodes=nodes, wires=tuple(self._wires), cross_connects=tuple(self._cross_connects))


class Seen:
    """The tables of a lab, predicted or observed, and short ways to look into them."""

    def __init__(self, tables: LabTables, flows: Iterable[FlowResult] = ()) -> None:
        self.tables = tables
        self.flows = tuple(flows)

    def session(self, router: str, neighbor: str) -> SessionTables:
        """The first session of a router with a neighbour."""
        return next(s for s in self.tables.of(router).sessions if s.neighbor == neighbor)

    def loc_rib(self, router: str) -> dict[str, Route]:
        """The best routes of a router by prefix."""
        return _by_prefix(self.tables.of(router).loc_rib)

    def received(self, router: str, neighbor: str) -> dict[str, Route]:
        """What a router received from a neighbour, by prefix."""
        sessions = (s for s in self.tables.of(router).sessions if s.neighbor == neighbor)
        return _by_prefix(route for session in sessions for route in session.adj_rib_in)

    def fib(self, router: str) -> dict[str, tuple[str, ...]]:
        """The next hops by prefix; none where packets are discarded."""
        return {str(e.prefix): tuple(map(str, e.next_hops)) for e in self.tables.of(router).fib}


def _by_prefix(routes: Iterable[Route]) -> dict[str, Route]:
    return {str(route.prefix): route for route in routes}


def _run(asked: dict[str, Any]) -> Any:  # noqa: ANN401  # JSON has no narrower type
    """What `run_plan.py` saw."""
    ended = ending(Forked(("run_plan",), os.environ, stdin=subprocess.PIPE), json.dumps(asked), RUN_DEADLINE_S)
    assert ended.code == 0, ended.err
    return ended.document


def live(*steps: Plan, flows: Iterable[Flow] = ()) -> list[Seen]:
    """Run a plan as a lab, and apply the others to it one after another; what was seen after each, of flows too.

    Everything has to settle, and to be what the model predicts for that plan; so have the flows' ways.
    """
    asked = tuple(flows)
    answer = _run({"steps": [plain(step) for step in steps], "flows": [plain(flow) for flow in asked]})
    seen = []
    for step, found in zip(steps, answer, strict=True):
        observed = typed(LabTables, found["tables"])
        assert found["pending"] == [], found["pending"]
        predicted = predict(step).tables
        apart = list(differences(predicted, observed))
        assert apart == [], apart
        results = [typed(FlowResult, one) for one in found["flows"]]
        for flow, result in zip(asked, results, strict=True):
            expected = predict_flow(step, predicted, flow)
            assert (result.forward, result.backward) == (expected.forward, expected.backward), result
        seen.append(Seen(observed, results))
    return seen
