"""Policies and rules rendered for BIRD: it lets the same routes in, and sends the same on, as our own router.

BIRD has every route of the policy cases from a neighbour outside and from one inside, and runs a rendered policy on them
as they come in. What BIRD cannot say is refused; where it means something else, `DIFFERENCES` says why, and in how many
routes it shows. The scenarios of session rules are played by BIRD with real sessions, and by our router in memory.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import replace
from ipaddress import IPv4Address, ip_address, ip_interface

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
from policy_cases import ASNS, INSIDE, OUTSIDE, OWN_ASN, PAIRS, ROUTES, Table, apart, pair_of_ours, sent_by
from random_policies import random_policy

MARK = replace(ROUTES[0], prefix=parse_prefix("223.255.255.0/24"))
"""Its weight counts the policies that BIRD was asked about: once it is the new one, all routes were taken in again."""
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


DIFFERENCES: Mapping[str, tuple[str, Mapping[str, int]]] = {}


@pytest.mark.parametrize("name", PAIRS)
def test_a_policy_lets_the_same_routes_in(oracle: Oracle, name: str) -> None:
    """The routes that come out are the same, but for the differences that are explained."""
    policy = pair_of_ours(name)
    refused = [one.what for one in cannot(node(policy))]
    if refused: print(name, "REFUSED", refused); return
    _, expected = DIFFERENCES.get(name, ("", {}))
    assert apart(oracle.answers(policy), by_us(policy)) == expected
@pytest.mark.parametrize("seed", range(60))
def test_a_random_policy(oracle: Oracle, seed: int) -> None:
    """A policy that is made at random, with calls, lets the same routes in, changed alike."""
    policy = random_policy(random.Random(seed))  # noqa: S311  # the same policies each time
    refused = [one.what for one in cannot(node(policy))]
    print(refused)
    if not refused:
        assert apart(oracle.answers(policy), by_us(policy)) == {}
