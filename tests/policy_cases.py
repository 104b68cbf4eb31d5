"""The cases of the policy oracles: routes, and pairs of a route map of FRR's and our policy beside it.

The pairs in `oracles/pairs/` were written side by side.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from ipaddress import IPv4Address
from pathlib import Path
from types import MappingProxyType

from lab.bgp import (
    Aggregator,
    Asn,
    AsPath,
    Community,
    ExtendedCommunity,
    LargeCommunity,
    Origin,
    Route,
    changes_between,
    parse_prefix,
)
from lab.policy import Policy
from networks import policies

OWN_ASN = Asn(65010)
OUTSIDE, INSIDE = "192.0.2.2", "192.0.2.3"
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
    for block in (
        (Path(__file__).parent / "oracles" / "pairs" / f"{name}.txt").read_text(encoding="utf-8").split("== ")[1:]
    ):
        title, _, text = block.partition("\n")
        frr, _, ours = text.partition("--\n")
        yield title, Pair(frr, ours)


PAIRS = dict(pair for name in ("conditions", "changes", "flow") for pair in read_pairs(name))


def apart(one: Table, other: Table) -> Mapping[str, int]:
    """In how many routes two tables differ, by attribute; `fate` where only one of them has the route."""
    count = Counter(fate for fate in ["fate"] for _ in one.keys() ^ other.keys())
    for key in one.keys() & other.keys():
        count.update(change.attribute for change in changes_between(one[key], other[key]))
    return dict(count)


def pair_of_ours(name: str, other_words: Mapping[str, str] = MappingProxyType({})) -> Policy:
    """Our policy of a pair, with other words in the place of some."""
    text = PAIRS[name].ours
    for words, others in other_words.items():
        text = text.replace(words, others)
    return policies(f"policies:\n{_indented(text)}")["asked"]


def _indented(text: str) -> str:
    return "".join(f"  {line}\n" for line in text.splitlines())
