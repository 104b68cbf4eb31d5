"""Policies beside FRR's route maps: the same routes come out, attribute by attribute.

bgpd has every route from a neighbour outside and from one inside, and runs a route map on them as they come in. The
pairs in `pairs/` were written side by side; others are made at random and rendered by `lab.vendors.frr`. Where a pair
means something else to FRR, `DIFFERENCES` says why, and in how many routes it shows.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import replace
from ipaddress import ip_address

import pytest

from frr import ROUTER, Frr, body_of, running_frr
from lab.bgp import Family
from lab.policy import Context, Policy, compiled, evaluate
from lab.vendors.frr.route_maps import RouteMap, Where
from lab_processes import await_
from policy_cases import ASNS, INSIDE, OUTSIDE, OWN_ASN, PAIRS, Table, apart, pair_of_ours, route, sent_by
from random_policies import random_policy

IMPORTING = Where(neighbor="outside", peer_address=None, family=Family.IPV4, importing=True)
MARK = route("223.255.255.0/24")
"""FRR goes through its table in order: once this route is changed, every other one has been."""


WHOLE_LIST = "FRR matches an expanded list with all communities in one text, well-known ones by name; we with each one"
NO_MED = "to FRR's `match metric` an absent MED is 0; to us it is `absent`"
NO_LOCAL_PREF = "to FRR's route maps an absent local preference is 0; to us it is 100, as it is to the decision"
CONFEDERATION = "FRR takes leading confederation segments off what it prepends to, and repeats no AS behind them"
ORDER = "FRR changes communities in the order of its lines; we replace, then remove, then add"
TARGETS = "FRR's `set extcommunity rt` adds; our route_targets replaces, as in IOS"
END = "a route that FRR's `on-match next` sends past the last entry is permitted; no term of ours decided: rejected"
DIFFERENCES: Mapping[str, tuple[str, Mapping[str, int]]] = {
    "community expanded across": (WHOLE_LIST, {"fate": 4}),
    "community expanded numbers of names": (WHOLE_LIST, {"fate": 6}),
    "MED": (NO_MED, {"fate": 53}),
    "local preference": (NO_LOCAL_PREF, {"weight": 28}),
    "local preference +": (NO_LOCAL_PREF, {"local_pref": 28}),
    "prepend": (CONFEDERATION, {"as_path": 1}),
    "prepend last": (CONFEDERATION, {"as_path": 1}),
    "prepend twice": (CONFEDERATION, {"as_path": 1}),
    "community replace and delete": (ORDER, {"communities": 57}),
    "route target": (TARGETS, {"extended_communities": 6}),
    "on-match next at the end": (END, {"fate": 57}),
}


class Oracle:
    """A bgpd that has every route, and can be asked what a route map makes of them."""

    def __init__(self, frr: Frr) -> None:
        self._frr, self._asked = frr, 0

    def begin(self) -> None:
        """Let bgpd receive the routes."""
        self._frr.configure(CONFIGURATION)
        for address, asn in ASNS.items():
            neighbor = self._frr.connect(address, asn)
            mark = MARK if address == INSIDE else replace(MARK, local_pref=None)
            neighbor.send(*map(body_of, (*sent_by(address), mark)))

    def answers(self, text: str) -> Table:
        """What comes out of the route map `asked`."""
        self._asked += 1
        marking = f"route-map asked permit 1\nmatch ip address prefix-list mark\nset weight {self._asked}\n"
        try:
            self._frr.configure(marking + text)
            self._frr.ask("clear bgp ipv4 unicast * soft in")
            await_(self._is_through, "bgpd going through its table")
            return {
                (path.peer, str(prefix)): path.route
                for prefix, paths in self._frr.paths().items()
                for path in paths
                if prefix != MARK.prefix
            }
        finally:
            for line in _undone(text):
                self._frr.takes(f"no {line}")

    def _is_through(self) -> bool:
        return [path.route.weight for path in self._frr.paths().get(MARK.prefix, ())] == [self._asked] * len(ASNS)


CONFIGURATION = f"""
ip prefix-list mark permit {MARK.prefix}
bgp route-map delay-timer 0
router bgp {OWN_ASN}
 bgp router-id {ROUTER}
 neighbor {OUTSIDE} remote-as {ASNS[OUTSIDE]}
 neighbor {OUTSIDE} disable-connected-check
 neighbor {OUTSIDE} passive
 neighbor {INSIDE} remote-as {OWN_ASN}
 neighbor {INSIDE} passive
 address-family ipv4 unicast
  neighbor {OUTSIDE} soft-reconfiguration inbound
  neighbor {OUTSIDE} route-map asked in
  neighbor {INSIDE} soft-reconfiguration inbound
  neighbor {INSIDE} route-map asked in
"""


def _undone(text: str) -> Iterator[str]:
    """The lines that undo a configuration, but for the word `no`."""
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith(" ")]
    maps = dict.fromkeys(" ".join(line.split()[:2]) for line in lines if line.startswith("route-map"))
    yield from maps
    yield from (line for line in lines if not line.startswith("route-map"))


@pytest.fixture(scope="module")
def oracle(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Oracle]:
    """One bgpd for all tests."""
    with running_frr(tmp_path_factory.mktemp("frr")) as frr:
        made = Oracle(frr)
        made.begin()
        yield made


def by_us(policy: Policy) -> Table:
    """What comes out of our policy, by its traced and its compiled form."""
    found = {}
    for address in ASNS:
        context = Context(peer_address=ip_address(address), own_asn=OWN_ASN, own_address=ip_address(ROUTER))
        for one in sent_by(address):
            out = evaluate(policy, one, context).route
            assert compiled((policy,))(one, context)[0] == out
            if out is not None:
                found[address, str(one.prefix)] = out
    return found


@pytest.mark.parametrize("name", PAIRS)
def test_a_route_map_and_our_policy_do_the_same(oracle: Oracle, name: str) -> None:
    """The routes that come out are the same, but for the differences that are explained."""
    _, expected = DIFFERENCES.get(name, ("", {}))
    assert apart(oracle.answers(PAIRS[name].frr), by_us(pair_of_ours(name))) == expected


def test_every_difference_is_of_a_pair() -> None:
    """The list of differences names pairs that there are."""
    assert DIFFERENCES.keys() - PAIRS.keys() == set()


@pytest.mark.parametrize("seed", range(100))
def test_a_random_policy_does_the_same_as_its_route_map(oracle: Oracle, seed: int) -> None:
    """A policy that is made at random, with calls, and its rendering let the same routes out, changed alike."""
    policy = random_policy(random.Random(seed))  # noqa: S311  # the same policies each time
    text = RouteMap(policy.name, (policy,), IMPORTING).text
    assert apart(_comparable(oracle.answers(text)), _comparable(by_us(policy))) == {}, text


def _comparable(table: Table) -> Table:
    """The routes without those of which `DIFFERENCES` tells: confederation segments, and no local preference."""
    return {
        (address, prefix): one
        for (address, prefix), one in table.items()
        if address == INSIDE and prefix != "10.15.0.0/16"
    }


@pytest.mark.parametrize(
    ("name", "other"),
    [("le", "ge"), ("community any", "community all"), ("prepend", "community set"), ("call", "on-match next")],
)
def test_the_comparison_can_fail(oracle: Oracle, name: str, other: str) -> None:
    """The negative control: a policy that is not the route map's does not do the same."""
    _, explained = DIFFERENCES.get(name, ("", {}))
    assert apart(oracle.answers(PAIRS[name].frr), by_us(pair_of_ours(other))) not in ({}, explained)
