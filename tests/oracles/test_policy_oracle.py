"""Policies beside FRR's route maps: the same routes come out, attribute by attribute.

bgpd has every route from a neighbour outside and from one inside, and runs a route map on them as they come in. The
pairs in `pairs/` were written side by side; others are made at random and rendered by `lab.vendors.frr`. Where a pair
means something else to FRR, `DIFFERENCES` says why, and in how many routes it shows.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, ip_address
from pathlib import Path

import pytest

from frr import ROUTER, Frr, body_of, running_frr
from lab.bgp import (
    Aggregator,
    Asn,
    AsPath,
    Community,
    ExtendedCommunity,
    Family,
    LargeCommunity,
    Origin,
    Route,
    changes_between,
    parse_prefix,
)
from lab.policy import Context, Policy, compiled, evaluate
from lab.vendors.frr.route_maps import RouteMap, Where
from lab_processes import await_
from networks import policies
from random_policies import random_policy

OWN_ASN = Asn(65010)
OUTSIDE, INSIDE = "192.0.2.2", "192.0.2.3"
IMPORTING = Where(neighbor="outside", peer_address=None, family=Family.IPV4, importing=True)
ASNS = {OUTSIDE: 65001, INSIDE: OWN_ASN}


def route(prefix: str, path: str = "65001", **attributes: object) -> Route:
    """A route as the neighbour inside sends it."""
    made = Route(prefix=parse_prefix(prefix), next_hop=IPv4Address(OUTSIDE), as_path=AsPath.parse(path), local_pref=100)
    return replace(made, **attributes)  # type: ignore[arg-type]  # names of Route


def standard(*texts: str) -> tuple[Community, ...]:
    """Communities."""
    return tuple(map(Community, texts))


def large(*texts: str) -> tuple[LargeCommunity, ...]:
    """Large communities."""
    return tuple(map(LargeCommunity, texts))


def extended(*texts: str) -> tuple[ExtendedCommunity, ...]:
    """Extended communities."""
    return tuple(map(ExtendedCommunity, texts))


ROUTES = (
    route("0.0.0.0/0"),
    route("10.0.0.0/8", ""),
    route("10.1.0.0/16", "65001 65002", communities=standard("65010:1")),
    route("10.1.0.0/17", communities=standard("65010:1", "65010:2")),
    route("10.1.1.0/24", "65002", communities=standard("65010:1", "65010:2", "65010:3")),
    route("10.1.1.1/32", communities=standard("65010:12", "65020:1")),
    route("10.2.0.0/15", origin=Origin.EGP),
    route("10.2.0.0/16", origin=Origin.EGP, multi_exit_disc=5),
    route("10.2.3.0/24", origin=Origin.INCOMPLETE, multi_exit_disc=0),
    route("10.2.3.0/25", multi_exit_disc=7, local_pref=200),
    route("10.3.0.0/16", local_pref=0, multi_exit_disc=8),
    route("10.4.0.0/16", local_pref=4294967295, multi_exit_disc=4294967295),
    route("10.5.0.0/16", "65001 {65002,65003}", communities=standard("65535:65281")),
    route("10.6.0.0/16", "{65002}", communities=standard("65535:65281", "65535:1")),
    route("10.7.0.0/16", large_communities=large("65010:1:1")),
    route("10.8.0.0/16", large_communities=large("65010:1:1", "65010:1:2", "65010:2:1")),
    route("10.9.0.0/16", "65001 65001 65001", large_communities=large("65010:4294967295:0")),
    route("10.10.0.0/16", large_communities=large("65010:2:1")),
    route("10.11.0.0/16", extended_communities=extended("target:65010:1")),
    route(
        "10.12.0.0/16",
        extended_communities=extended("target:65010:1", "origin:192.0.2.1:5", "target:4200000000:1"),
    ),
    route("10.13.0.0/16", extended_communities=extended("origin:65010:1"), next_hop=IPv4Address("192.0.2.3")),
    route("10.14.0.0/16", extended_communities=extended("target:192.0.2.9:65010"), next_hop=IPv4Address("192.0.2.70")),
    route("10.15.0.0/16", "(65101) 65001"),
    route("10.16.0.0/16", "4200000000 65001 1"),
    route(
        "172.16.0.0/12",
        next_hop=IPv4Address("192.0.2.64"),
        atomic_aggregate=True,
        aggregator=Aggregator(Asn(65001), IPv4Address("10.0.0.1")),
    ),
    route("172.16.0.0/16", communities=standard("65010:1", "65535:65281")),
    route("192.168.0.0/24", "64512 65001 64513 {64514,2}"),
    route(
        "198.51.100.0/30",
        originator_id=IPv4Address("10.0.0.9"),
        cluster_list=(IPv4Address("10.0.0.8"), IPv4Address("10.0.0.7")),
    ),
    route("203.0.113.0/24", "65001 " * 20, communities=standard(*(f"65020:{number}" for number in range(60)))),
)
MARK = route("223.255.255.0/24")
"""FRR goes through its table in order: once this route is changed, every other one has been."""


def sent_by(neighbor: str) -> list[Route]:
    """The routes as a neighbour may send them."""
    if neighbor == INSIDE:
        return list(ROUTES)
    return [
        replace(one, local_pref=None, originator_id=None, cluster_list=())
        for one in ROUTES
        if not one.as_path.has_confederation
    ]


Table = Mapping[tuple[str, str], Route]
"""The routes that came out, by neighbour and prefix."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A route map and our policy beside it, both called `asked`."""

    frr: str
    ours: str


def read_pairs(name: str) -> Iterator[tuple[str, Pair]]:
    """The pairs of a file: `== name`, FRR's lines, `--`, ours."""
    for block in (Path(__file__).parent / "pairs" / f"{name}.txt").read_text(encoding="utf-8").split("== ")[1:]:
        title, _, text = block.partition("\n")
        frr, _, ours = text.partition("--\n")
        yield title, Pair(frr, ours)


PAIRS = dict(pair for name in ("conditions", "changes", "flow") for pair in read_pairs(name))

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


def apart(one: Table, other: Table) -> Mapping[str, int]:
    """In how many routes two tables differ, by attribute; `fate` where only one of them has the route."""
    count = Counter(fate for fate in ["fate"] for _ in one.keys() ^ other.keys())
    for key in one.keys() & other.keys():
        count.update(change.attribute for change in changes_between(one[key], other[key]))
    return dict(count)


def pair_of_ours(name: str) -> Policy:
    """Our policy of a pair."""
    return policies(f"policies:\n{_indented(PAIRS[name].ours)}")["asked"]


def _indented(text: str) -> str:
    return "".join(f"  {line}\n" for line in text.splitlines())


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
