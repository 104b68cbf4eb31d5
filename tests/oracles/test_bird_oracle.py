"""Policies and rules rendered for BIRD: it lets the same routes in, and sends the same on, as our own router.

BIRD has every route of the policy cases from a neighbour outside and from one inside, and runs a rendered policy on
them as they come in. The scenarios of session rules are played by BIRD with real sessions, and by our router in memory.
What BIRD cannot say is refused; where it does otherwise, a table here says why, and in how many routes it shows.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import replace
from ipaddress import IPv4Address, ip_address, ip_interface
from pathlib import Path

import pytest

from bird import Bird, running_bird
from frr import ROUTER, body_of
from lab.bgp import Asn, Family, Route, parse_prefix
from lab.plan import BgpPlan, InterfacePlan, NodePlan, Role, SessionPlan
from lab.policy import (
    Asked,
    Change,
    Context,
    Fate,
    Match,
    NumberChange,
    Operation,
    Policy,
    PrefixList,
    PrefixRange,
    SessionRules,
    Term,
    evaluate,
)
from lab.vendors.bird import cannot
from lab_processes import await_
from oracle_router import lan_node
from policy_cases import ASNS, INSIDE, OUTSIDE, OWN_ASN, PAIRS, ROUTES, Table, apart, pair_of_ours, sent_by
from random_policies import random_policy
from session_scenarios import MARK as LAST
from session_scenarios import OWN, PEERS, SCENARIOS, Scenario, Tables, bodies, by_prefix, plan_of
from session_scenarios import apart as scenarios_apart
from session_scenarios import by_us as by_us_in

MARK = replace(ROUTES[0], prefix=parse_prefix("223.255.255.0/24"))
"""Its weight counts the policies that BIRD was asked about: once it is the new one, all routes were taken in again."""
# BIRD refuses confederation segments (RFC 5065 §5), and prints only the first 40 or so of many communities
NOT_COMPARED = (MARK.prefix, parse_prefix("10.15.0.0/16"), parse_prefix("203.0.113.0/24"))
NAMES = {OUTSIDE: "outside", INSIDE: "inside"}


def marking(number: int) -> Policy:
    """The policy before the one that is asked about: it decides over the mark only."""
    only = PrefixRange(prefix=MARK.prefix, at_least=24, at_most=24)
    match = Match(prefix_list=Asked(sets=(PrefixList(name="mark", ranges=(only,)),)))
    change = Change(weight=NumberChange(operation=Operation.SET, value=number))
    term = Term(fate=Fate.ACCEPT, match=match, change=change)
    return Policy(name="mark", terms=(term,), default=Fate.NEXT_POLICY)


def node(*policies: Policy) -> NodePlan:
    """The router that runs policies on what its neighbours send."""
    sessions = tuple(
        SessionPlan(
            neighbor=NAMES[address],
            family=Family.IPV4,
            interface="lan",
            local_address=IPv4Address(ROUTER),
            peer_address=IPv4Address(address),
            local_asn=OWN_ASN,
            peer_asn=Asn(asn),
            passive=True,
            hold_time_s=180,
            rules=SessionRules(import_policies=policies),
        )
        for address, asn in ASNS.items()
    )
    lan = InterfacePlan(name="lan", addresses=(ip_interface(f"{ROUTER}/24"),))
    bgp = BgpPlan(asn=OWN_ASN, router_id=IPv4Address(ROUTER), networks=(), sessions=sessions)
    return NodePlan(name="r", role=Role.CUSTOMER_EDGE, interfaces=(lan,), bgp=bgp)


class Oracle:
    """A BIRD that has every route, and can be asked what a policy makes of them."""

    def __init__(self, bird: Bird) -> None:
        self._bird, self._asked = bird, 1

    def begin(self) -> None:
        """Let BIRD receive the routes."""
        for address, asn in ASNS.items():
            neighbor = self._bird.connect(address, asn)
            mark = MARK if address == INSIDE else replace(MARK, local_pref=None)
            neighbor.send(*map(body_of, (*sent_by(address), mark)))

    def answers(self, policy: Policy) -> Table:
        """What comes out of a policy."""
        self._asked += 1
        self._bird.configure(node(marking(self._asked), policy))
        (table,) = await_(self._through, "BIRD going through its tables")
        return table

    def _through(self) -> tuple[Table] | None:
        paths = self._bird.tables().paths
        if [one.route.weight for one in paths if one.route.prefix == MARK.prefix] != [self._asked] * len(ASNS):
            return None
        peers = {f"{name}/ipv4": address for address, name in NAMES.items()}
        routes = {(peers[one.session], one.route.prefix): one.route for one in paths}
        return ({(peer, str(prefix)): one for (peer, prefix), one in routes.items() if prefix not in NOT_COMPARED},)


@pytest.fixture(scope="module")
def oracle(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Oracle]:
    """One BIRD for all policies."""
    with running_bird(tmp_path_factory.mktemp("bird"), node(marking(1))) as bird:
        made = Oracle(bird)
        made.begin()
        yield made


def by_us(policy: Policy) -> Table:
    """What comes out of our policy."""
    found: dict[tuple[str, str], Route] = {}
    for address in ASNS:
        context = Context(
            neighbor=NAMES[address],
            peer_address=ip_address(address),
            own_asn=OWN_ASN,
            own_address=ip_address(ROUTER),
        )
        for one in sent_by(address):
            out = evaluate(policy, one, context).route
            if out is not None and one.prefix not in NOT_COMPARED:
                found[address, str(one.prefix)] = out
    return found


REFUSED = {
    "community expanded across": "BIRD has no expressions for communities",
    "route target": "route_targets: BIRD's filters cannot take away all route targets",
}
"""What BIRD cannot say, of the pairs, and why."""
RANDOM = 25


def refused(policy: Policy) -> str:
    """What of a policy BIRD cannot say; empty where it can say all."""
    return "; ".join(one.what for one in cannot(node(policy)))


def randomly(seed: int) -> Policy:
    """The same policy each time."""
    return random_policy(random.Random(seed))  # noqa: S311


@pytest.mark.parametrize("name", [name for name in PAIRS if name not in REFUSED])
def test_a_policy_lets_the_same_routes_in(oracle: Oracle, name: str) -> None:
    """The routes that come out of each policy of the pairs are the same."""
    policy = pair_of_ours(name)
    assert apart(oracle.answers(policy), by_us(policy)) == {}


@pytest.mark.parametrize("name", REFUSED)
def test_what_bird_cannot_say_is_refused(name: str) -> None:
    """A policy that has no words in BIRD's language is refused with its term."""
    assert refused(pair_of_ours(name)).startswith(f"term 1 of asked: {REFUSED[name]}")


@pytest.mark.parametrize("seed", [seed for seed in range(RANDOM) if not refused(randomly(seed))])
def test_a_random_policy_lets_the_same_routes_in(oracle: Oracle, seed: int) -> None:
    """A policy that is made at random, with calls, lets the same routes in, changed alike, but for paths with sets.

    A mask of BIRD's finds a number in a set as it does in a sequence; an expression sees the brackets, too.
    """
    policy = randomly(seed)
    assert apart(_without_sets(oracle.answers(policy)), _without_sets(by_us(policy))) == {}


def _without_sets(table: Table) -> Table:
    with_sets = {str(one.prefix) for one in ROUTES if "{" in str(one.as_path)}
    return {key: one for key, one in table.items() if key[1] not in with_sets}


@pytest.mark.parametrize(
    ("name", "other"),
    [("le", "ge"), ("community any", "community all"), ("prepend", "community set"), ("call", "on-match next")],
)
def test_the_comparison_can_fail(oracle: Oracle, name: str, other: str) -> None:
    """The negative control: another policy does not do the same."""
    assert apart(oracle.answers(pair_of_ours(name)), by_us(pair_of_ours(other))) != {}


# rules of sessions

STALE = "BIRD keeps what is marked LLGR_STALE (65535:6) from neighbours that do not know long-lived graceful restart"
CONFEDERATION = "BIRD refuses a confederation's path outside of one, as RFC 5065 §5 asks; we pass it on inside"
SCENARIO_DIFFERENCES: Mapping[str, tuple[str, Mapping[str, int]]] = {
    "a confederation's path": (CONFEDERATION, {"fate": 4}),
    "well-known communities": (STALE, {"fate": 5}),
}


def by_bird(directory: Path, scenario: Scenario) -> Tables:
    """What BIRD sends each neighbour in a scenario. Each has a BIRD of its own, which waits for no ended session."""
    plan = plan_of(scenario)
    with running_bird(directory, lan_node(replace(plan, networks=(*plan.networks, OWN)))) as bird:
        speakers = {name: bird.connect(one.address, one.asn, one.router_id) for name, one in PEERS.items()}
        for name, sent in bodies(scenario):
            speakers[name].send(*sent)
        senders = {f"{name}/ipv4" for name in scenario.sent}
        await_(
            lambda: {one.session for one in bird.tables().paths if one.route.prefix == LAST} >= senders, "the routes"
        )
        for one in speakers.values():
            one.ask_for_table()
        return {name: by_prefix(one.table(ebgp=PEERS[name].ebgp)) for name, one in speakers.items()}


@pytest.mark.parametrize("name", [one for one in SCENARIOS if not list(cannot(lan_node(plan_of(SCENARIOS[one]))))])
def test_every_neighbour_is_sent_the_same(tmp_path: Path, name: str) -> None:
    """BIRD and our router send each neighbour the same routes, but for the differences that are explained."""
    _, expected = SCENARIO_DIFFERENCES.get(name, ("", {}))
    assert scenarios_apart(by_bird(tmp_path, SCENARIOS[name]), by_us_in(SCENARIOS[name])) == expected
