"""How many routes a second the policy engine takes, in both its forms, and what stands around it.

    python benchmarks/policy_engine.py [ROUTES]

Median and range of five rounds, all in one run; what matters is the ratio between lines. The policy has twenty terms
that match nothing before one that does, which is about what a long route map costs.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from ipaddress import IPv4Address, IPv4Network

from lab.bgp import Asn, AsPath, Community, Route
from lab.policy import (
    Asked,
    AsPathEntry,
    AsPathSet,
    Change,
    CommunityPattern,
    CommunitySet,
    Compiled,
    Fate,
    Match,
    NumberChange,
    Operation,
    PatternKind,
    Policy,
    PrefixList,
    PrefixRange,
    Term,
    compiled,
    evaluate,
)
from lab.policy.aspects import NOWHERE
from lab.rib import Path, decide
from lab.wire import decode_update

ROUNDS = 5
TERMS = 20


def routes(count: int) -> list[Route]:
    """Distinct /24s with forty sets of attributes."""
    return [
        Route(
            prefix=IPv4Network((0x0A000000 + (number << 8), 24)),
            next_hop=IPv4Address("192.0.2.1"),
            as_path=AsPath.of(65001, *range(64000, 64000 + number % 8)),
            communities=(Community(f"65001:{number % 5}"),),
        )
        for number in range(count)
    ]


def policy(condition: Callable[[int], Match]) -> Policy:
    """Twenty terms that match nothing, and one that accepts."""
    change = Change(local_pref=NumberChange(operation=Operation.SET, value=200))
    terms = [Term(fate=Fate.REJECT, match=condition(number)) for number in range(TERMS)]
    return Policy(name="long", terms=(*terms, Term(fate=Fate.ACCEPT, change=change)))


def by_prefix(number: int) -> Match:
    """A prefix list that holds none of the routes."""
    prefix = IPv4Network((0xC0000000 + (number << 16), 16))
    return Match(
        prefix_list=Asked(sets=(PrefixList(name="x", ranges=(PrefixRange(prefix=prefix, at_least=16, at_most=24),)),))
    )


def by_community(number: int) -> Match:
    """A community that no route has."""
    pattern = CommunityPattern(kind=PatternKind.EXACT, text=f"65099:{number}")
    return Match(community=Asked(sets=(CommunitySet(name="x", patterns=(pattern,)),)))


def by_as_path(number: int) -> Match:
    """A pattern that is in no path."""
    return Match(as_path=Asked(sets=(AsPathSet(name="x", entries=(AsPathEntry(pattern=f"_65{number:03}0_"),)),)))


def paths(route: Route) -> list[Path]:
    """Four ways to one prefix, equal but for the router id."""
    return [
        Path(
            route=route,
            neighbor=f"n{number}",
            peer_address=IPv4Address(number + 1),
            peer_router_id=4 - number,
            ebgp=True,
            interface="eth0",
        )
        for number in range(4)
    ]


def updates(count: int) -> list[bytes]:
    """UPDATE bodies of two hundred prefixes each, put together by hand (RFC 4271 §4.3)."""
    path = bytes([0x40, 2, 10, 2, 2]) + Asn(65001).to_bytes(4) + Asn(65002).to_bytes(4)
    attributes = bytes([0x40, 1, 1, 0]) + path + bytes([0x40, 3, 4, 192, 0, 2, 1])
    head = b"\0\0" + len(attributes).to_bytes(2) + attributes
    numbers = range(0, count, 200)
    return [head + b"".join(b"\x18" + (0x0A0000 + n + i).to_bytes(3) for i in range(200)) for n in numbers]


def measure(name: str, count: int, work: Callable[[], object]) -> None:
    """Print how many a second `work` does of `count` things."""
    rates = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        work()
        rates.append(count / (time.perf_counter() - started) / 1000)
    print(f"{name:45} {statistics.median(rates):9.1f} k/s   ({min(rates):.1f} to {max(rates):.1f})")


def run_compiled(run: Compiled, some: list[Route]) -> None:
    """Ask the fast form of every route."""
    for one in some:
        run(one, NOWHERE)


def run_traced(long: Policy, some: list[Route]) -> None:
    """Ask the traced form of every route."""
    for one in some:
        evaluate(long, one)


def main() -> None:
    """Measure everything once."""
    count = int(sys.argv[1]) if sys.argv[1:] else 10_000
    some = routes(count)
    for name, condition in (("prefix list", by_prefix), ("community", by_community), ("AS-path pattern", by_as_path)):
        long = policy(condition)
        few = some[: count // 10]
        measure(f"compiled, 21 terms by {name}", count, partial(run_compiled, compiled([long]), some))
        measure(f"traced, 21 terms by {name}", len(few), partial(run_traced, long, few))
    four = [paths(one) for one in some]
    measure("decide among 4 paths", count, lambda: [decide(one) for one in four])
    bodies = updates(count)
    measure("decode UPDATEs, prefixes", count, lambda: [decode_update(body) for body in bodies])


if __name__ == "__main__":
    main()
