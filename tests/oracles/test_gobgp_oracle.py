"""Our policies beside what GoBGP does with them as `lab.vendors.gobgp` writes them: the same routes come out.

The cases are those of the oracle beside FRR, in other words where GoBGP has none for them, and policies that are made
at random. One gobgpd has a neighbour outside and one inside of its AS for each case that is imported, who send every
route; another one has a pair of neighbours for each that is exported, and what these are sent is read from the wire.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Interface
from pathlib import Path
from textwrap import indent

import pytest

from frr import body_of
from gobgp import ROUTER, running_gobgp
from lab.bgp import Asn, Family, Route, parse_prefix
from lab.events import SessionUp, UpdateReceived
from lab.plan import BgpPlan, InterfacePlan, NodePlan, Role, SessionPlan, StaticRoute
from lab.policy import Context, Fate, Operation, Policy, SessionRules, Term, evaluate
from lab.router import Router
from lab.tables import RouterTables
from lab.vendors.gobgp.answers import tables
from lab.vendors.gobgp.conditions import Direction
from lab.vendors.gobgp.configuration import configuration
from lab.vendors.gobgp.policies import UnsaidTermError, statements_of
from lab_processes import await_
from networks import policies
from oracle_router import OWN_ASN, ROUTER_ID
from policy_cases import INSIDE, OUTSIDE, PAIRS, apart, pair_of_ours, sent_by
from random_policies import random_policy

RANDOM = 12
IMPORTS_ALONE = {"none of the paths", "a class with the delimiter"}
"""The chains that ask of paths what cannot be told behind the own AS."""
OTHER_WORDS = {
    "weight:": "med:",
    "match: {origin: egp": "match: {community: 65010:1",
    "match: {origin: igp": "match: {community: 65010:2",
}
"""In place of what GoBGP cannot be told, so that what stands beside it is tried all the same."""
OUTSIDE_ASN = {False: Asn(65001), True: Asn(65200)}
"""Of who sends, and of whom is sent to: GoBGP sends no AS a path that it is in."""
NETWORKS = tuple(map(parse_prefix, ("10.77.0.0/16", "10.78.0.0/16", "192.168.77.0/24")))

OVERFLOW = "GoBGP leaves a MED alone that would exceed 4294967295; we stop there"
CONFEDERATION = "GoBGP repeats no AS behind a leading confederation segment"
DIFFERENCES: Mapping[str, tuple[str, Mapping[str, int]]] = {
    "import MED +": (OVERFLOW, {"multi_exit_disc": 4}),
    "export MED +": (OVERFLOW, {"multi_exit_disc": 1}),
    "import prepend last": (CONFEDERATION, {"as_path": 1}),
}


Chain = tuple[Policy, ...]


def cases(*, exports: bool) -> dict[str, Chain]:
    """The chains of policies that GoBGP can be told, by name."""
    made: dict[str, Chain] = {}
    for name in PAIRS:
        if name != "neighbour":  # that is settled before
            made[name] = (pair_of_ours(name, OTHER_WORDS),)
    made |= {name: chain for name, chain in read_chains() if not (exports and name in IMPORTS_ALONE)}
    for seed in range(RANDOM):
        policy = random_policy(random.Random(seed))  # noqa: S311  # the same policies each time
        made[f"random {seed}"] = (_without_unsaid(policy, exports=exports),)
    return {name: chain for name, chain in made.items() if unsaid(chain, exports=exports) == ""}


def read_chains() -> Iterator[tuple[str, Chain]]:
    """The chains of a file: `== name`, and policies in their order, but for those that are called."""
    text = (Path(__file__).parent / "pairs" / "gobgp.txt").read_text(encoding="utf-8")
    for block in text.split("== ")[1:]:
        name, _, lines = block.partition("\n")
        written = policies(f"policies:\n{indent(lines, '  ')}")
        called = {term.call.name for one in written.values() for term in one.terms if term.call is not None}
        yield name, tuple(one for one in written.values() if one.name not in called)


def unsaid(chain: Chain, *, exports: bool) -> str:
    """What GoBGP cannot be told of a chain; empty where it is able to take it."""
    try:
        for name in (OUTSIDE, INSIDE):
            statements_of(chain, Direction(session=session(name, 0, exports=exports), exports=exports))
    except UnsaidTermError as problem:
        return str(problem)
    return ""


def _without_unsaid(policy: Policy, *, exports: bool) -> Policy:
    """A random policy without what is there most often."""
    return replace(policy, terms=tuple(_said(term, exports=exports) for term in policy.terms))


def _said(term: Term, *, exports: bool) -> Term:
    change = replace(term.change, weight=None, origin=None)
    if change.local_pref is not None and (
        change.local_pref.operation is not Operation.SET or not change.local_pref.value
    ):
        change = replace(change, local_pref=None)
    if change.multi_exit_disc is not None and change.multi_exit_disc.operation is not Operation.SET:
        change = replace(change, multi_exit_disc=None)
    change = replace(change, prepend_last=0)
    if exports:
        change = replace(change, prepend=(OWN_ASN,) * len(change.prepend))
    match = replace(term.match, origin=(), multi_exit_disc=None, local_pref=None)
    called = None if term.call is None else _without_unsaid(term.call, exports=exports)
    return replace(term, match=match if not exports else replace(match, next_hop=None), change=change, call=called)


def session(name: str, number: int, *, exports: bool, rules: SessionRules | None = None) -> SessionPlan:
    """A session on which gobgpd listens: the one outside or inside of a number."""
    return SessionPlan(
        neighbor=f"{name} {number}",
        family=Family.IPV4,
        interface="lan",
        local_address=IPv4Address(ROUTER),
        peer_address=IPv4Address(f"198.18.{number}.{name.rpartition('.')[2]}"),
        local_asn=OWN_ASN,
        peer_asn=OUTSIDE_ASN[exports] if name == OUTSIDE else OWN_ASN,
        passive=True,
        hold_time_s=180,
        rules=rules or SessionRules(),
    )


def sessions(chains: Mapping[str, Chain], *, exports: bool) -> Iterator[tuple[str, str, SessionPlan]]:
    """Those of all cases: the case, outside or inside, and the session."""
    for number, (case, chain) in enumerate(chains.items()):
        rules = SessionRules(export_policies=chain) if exports else SessionRules(import_policies=chain)
        for name in (OUTSIDE, INSIDE):
            yield case, name, session(name, number, exports=exports, rules=rules)


def plan_of(*planned: SessionPlan) -> BgpPlan:
    """The plan of gobgpd."""
    return BgpPlan(asn=OWN_ASN, router_id=ROUTER_ID, networks=NETWORKS, sessions=planned)


Both = tuple[dict[tuple[str, str], Route], dict[tuple[str, str], Route]]
"""What comes out of GoBGP, and of ours."""


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Both]:
    """The paths in GoBGP's table, and what our policies accept, by case."""
    planned = list(sessions(IMPORTED, exports=False))
    bgp = plan_of(*(one for _, _, one in planned))
    sent = {name: [body_of(one) for one in sent_by(name)] for name in (OUTSIDE, INSIDE)}
    with running_gobgp(tmp_path_factory.mktemp("gobgp"), configuration(bgp)) as gobgp:
        for _, name, one in planned:
            gobgp.connect(str(one.peer_address), int(one.peer_asn)).send(*sent[name])
        count = sum(len(sent[name]) for _, name, _ in planned)
        neighbors = await_(lambda: _once_received(gobgp.ask("neighbor", "-j"), count), "gobgpd receiving all routes")
        rib = gobgp.ask("global", "rib", "-j")
    node = NodePlan(name="r", role=Role.CUSTOMER_EDGE, interfaces=(), bgp=bgp)
    theirs: dict[str, dict[str, Route]] = {}
    for path in tables(node, neighbors, (rib,)).paths:
        theirs.setdefault(path.session, {})[str(path.route.prefix)] = path.route
    found: dict[str, Both] = {case: ({}, {}) for case in IMPORTED}
    for case, name, one in planned:
        context = Context(
            neighbor=one.neighbor, peer_address=one.peer_address, own_asn=OWN_ASN, own_address=one.local_address
        )
        gobgps, ours = found[case]
        gobgps.update(((name, prefix), route) for prefix, route in theirs.get(one.name, {}).items())
        for each in sent_by(name):
            out = evaluate(IMPORTED[case], each, context).route
            if out is not None:
                ours[name, str(out.prefix)] = out
    return found


def _once_received(neighbors: str, count: int) -> str:
    told = [one["afi_safis"][0]["state"].get("received", 0) for one in json.loads(neighbors)]
    return neighbors if sum(told) == count else ""


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Both]:
    """What GoBGP sent to the neighbours of each case, and what our router sends them."""
    accepts = SessionRules(import_policies=(Policy(name="all", terms=(Term(fate=Fate.ACCEPT),)),))
    sources = [session(name, 200, exports=False, rules=accepts) for name in (OUTSIDE, INSIDE)]
    planned = list(sessions(EXPORTED, exports=True))
    bgp = plan_of(*sources, *(one for _, _, one in planned))
    found: dict[str, Both] = {case: ({}, {}) for case in EXPORTED}
    ours = {one.session: one for one in our_tables(bgp, sources).sessions}
    with running_gobgp(tmp_path_factory.mktemp("gobgp"), configuration(bgp)) as gobgp:
        for network in NETWORKS:
            gobgp.ask("global", "rib", "add", str(network), "origin", "igp")
        for name, one in zip((OUTSIDE, INSIDE), sources, strict=True):
            gobgp.connect(str(one.peer_address), int(one.peer_asn)).send(*map(body_of, known_from(name)))
        count = sum(len(known_from(name)) for name in (OUTSIDE, INSIDE))
        await_(lambda: _once_received(gobgp.ask("neighbor", "-j"), count), "gobgpd receiving all routes")
        for case, name, one in planned:
            neighbor = gobgp.connect(str(one.peer_address), int(one.peer_asn))
            due = json.loads(gobgp.ask("neighbor", str(one.peer_address), "adj-out", "-j"))
            heard = neighbor.hears(len(due), ebgp=one.ebgp) if due else {}
            found[case][0].update(((name, str(prefix)), route) for prefix, route in heard.items())
            found[case][1].update(((name, str(route.prefix)), route) for route in ours[one.name].adj_rib_out)
    return found


def known_from(name: str) -> list[Route]:
    """The routes that are sent on; GoBGP takes the segments of a confederation off before its export policy."""
    return [one for one in sent_by(name) if not one.as_path.has_confederation]


def our_tables(bgp: BgpPlan, sources: list[SessionPlan]) -> RouterTables:
    """Those of our router with this plan, when all sessions are up and the sources have sent their routes."""
    lan = InterfacePlan(name="lan", addresses=(IPv4Interface(f"{ROUTER}/16"),))
    way = StaticRoute(prefix=parse_prefix("192.0.2.0/24"), next_hop=IPv4Address("198.18.0.1"))
    node = NodePlan(name="r", role=Role.CUSTOMER_EDGE, interfaces=(lan,), bgp=bgp, static_routes=(way,))
    router = Router(node)
    router.begin()
    for one in bgp.sessions:
        router.handle(SessionUp(session=one.name, peer_router_id=int(one.peer_address)))
    for name, one in zip((OUTSIDE, INSIDE), sources, strict=True):
        router.handle(UpdateReceived(session=one.name, announced=tuple(known_from(name))))
    return router.tables()


IMPORTED, EXPORTED = cases(exports=False), cases(exports=True)


@pytest.mark.parametrize("case", IMPORTED)
def test_gobgp_imports_as_we_do(imported: Mapping[str, Both], case: str) -> None:
    """The paths in GoBGP's table are those that our policy accepts, changed alike."""
    _, expected = DIFFERENCES.get(f"import {case}", ("", {}))
    assert apart(*imported[case]) == expected


@pytest.mark.parametrize("case", EXPORTED)
def test_gobgp_exports_as_we_do(exported: Mapping[str, Both], case: str) -> None:
    """What GoBGP sends is what our router sends: its choice, its export policy, and what every session adds."""
    _, expected = DIFFERENCES.get(f"export {case}", ("", {}))
    assert apart(*exported[case]) == expected


@pytest.mark.parametrize("chains", [IMPORTED, EXPORTED], ids=["import", "export"])
def test_most_cases_can_be_said(chains: Mapping[str, Chain]) -> None:
    """Few pairs are refused, and nothing of what was written for GoBGP, but what it cannot do at an export."""
    assert len(PAIRS.keys() - chains.keys()) <= 15
    written = {name for name, _ in read_chains()}
    assert written - chains.keys() <= (IMPORTS_ALONE if chains is EXPORTED else set())
    assert sum(name.startswith("random") for name in chains) >= RANDOM * 2 // 3


@pytest.mark.parametrize(("case", "other"), [("le", "ge"), ("community any", "community all"), ("call", "reject")])
def test_the_comparison_can_fail(
    imported: Mapping[str, Both], exported: Mapping[str, Both], case: str, other: str
) -> None:
    """The negative control: GoBGP does something else with another policy."""
    for found in (imported, exported):
        assert apart(found[case][0], found[other][1]) != {}
