"""Policies made at random of what FRR's route maps mean too, for `tests/oracles/test_policy_oracle.py`."""

from __future__ import annotations

import random
from ipaddress import ip_address
from typing import Any

from lab.bgp import AnyCommunity, Asn, Community, ExtendedCommunity, LargeCommunity, Origin, parse_prefix
from lab.policy import (
    Asked,
    AsPathEntry,
    AsPathSet,
    Change,
    CommunityChange,
    CommunityPattern,
    CommunitySet,
    Fate,
    Match,
    NumberChange,
    NumberRange,
    Operation,
    PatternKind,
    Policy,
    PrefixList,
    PrefixRange,
    Quantifier,
    Term,
)

_RANGES = (("10.0.0.0/8", 8, 16), ("10.0.0.0/8", 17, 32), ("10.1.0.0/16", 16, 24), ("0.0.0.0/0", 0, 12))
_NEXT_HOPS = (("192.0.2.2/32", 32, 32), ("192.0.2.64/26", 26, 32))
_PATTERNS = ("_65002_", "^65001$", "^$", "_65001_65001_", "[{]", "^[0-9]+_[0-9]+", "65001$")
_STANDARD = tuple(map(Community, ("65010:1", "65010:2", "65010:3", "65535:65281", "65010:9")))
_LARGE = tuple(map(LargeCommunity, ("65010:1:1", "65010:1:2", "65010:2:1")))
_EXTENDED = tuple(map(ExtendedCommunity, ("target:65010:1", "origin:65010:1", "target:4200000000:1")))
_NUMBERS = (0, 1, 50, 200, 4294967290)


def random_policy(draw: random.Random) -> Policy:
    """A policy of a few terms, some of which call others."""
    called = [_policy(draw, f"called{number}", ()) for number in range(draw.randint(0, 2))]
    return _policy(draw, "asked", tuple(called))


def _policy(draw: random.Random, name: str, called: tuple[Policy, ...]) -> Policy:
    terms = [_term(draw, called) for _ in range(draw.randint(1, 4))]
    return Policy(name=name, terms=tuple(terms), default=draw.choice([Fate.ACCEPT, Fate.REJECT]))


def _term(draw: random.Random, called: tuple[Policy, ...]) -> Term:
    fate = draw.choice([Fate.ACCEPT, Fate.ACCEPT, Fate.REJECT, Fate.NEXT_TERM, Fate.NEXT_TERM])
    call = draw.choice([None, *called]) if fate is not Fate.REJECT else None
    return Term(fate=fate, match=_match(draw), change=_change(draw), call=call)


def _match(draw: random.Random) -> Match:
    aspects: list[tuple[str, Any]] = [
        ("prefix_list", _prefixes(draw, _RANGES)),
        ("prefix_list", _prefixes(draw, _RANGES)),
        ("next_hop", _prefixes(draw, _NEXT_HOPS)),
        ("as_path", Asked(sets=(_paths(draw), _paths(draw)))),
        ("community", _asked(draw, _STANDARD)),
        ("large_community", _asked(draw, _LARGE)),
        ("extended_community", _asked(draw, _EXTENDED)),
        ("origin", (draw.choice(list(Origin)),)),
        ("multi_exit_disc", _exactly(draw.choice([5, 7, 50, 4294967295]))),
        ("local_pref", _exactly(draw.choice([0, 100, 200]))),
    ]
    return Match(**dict(draw.sample(aspects, draw.choice([0, 1, 1, 2]))))


def _exactly(number: int) -> NumberRange:
    return NumberRange(low=number, high=number)


def _prefixes(draw: random.Random, ranges: tuple[tuple[str, int, int], ...]) -> Asked[PrefixList]:
    chosen = draw.sample(ranges, draw.randint(1, 2))
    made = [PrefixRange(prefix=parse_prefix(text), at_least=low, at_most=high) for text, low, high in chosen]
    return Asked(sets=(PrefixList(name="ranges", ranges=tuple(made)),))


def _paths(draw: random.Random) -> AsPathSet:
    return AsPathSet(name="paths", entries=(AsPathEntry(pattern=draw.choice(_PATTERNS)),))


def _asked(draw: random.Random, among: tuple[str, ...]) -> Asked[CommunitySet]:
    chosen = draw.sample(among, draw.randint(1, 2))
    quantifier = draw.choice([Quantifier.ANY, Quantifier.ALL])
    return Asked(sets=tuple(map(_only, chosen)), quantifier=quantifier)


def _only(text: str) -> CommunitySet:
    return CommunitySet(name=text, patterns=(CommunityPattern(kind=PatternKind.EXACT, text=text),))


def _change(draw: random.Random) -> Change:
    changes: list[tuple[str, Any]] = [
        ("local_pref", _number(draw)),
        ("multi_exit_disc", _number(draw)),
        ("weight", NumberChange(operation=Operation.SET, value=draw.choice([0, 1, 65535]))),
        ("origin", draw.choice(list(Origin))),
        ("next_hop", ip_address(draw.choice(["192.0.2.2", "192.0.2.66"]))),
        ("prepend", tuple(Asn(draw.choice([65010, 65002, 4200000000])) for _ in range(draw.randint(1, 3)))),
        ("prepend_last", draw.randint(1, 3)),
        ("communities", _replaced(draw, _STANDARD)),
        ("large_communities", _replaced(draw, _LARGE)),
        ("extended_communities", CommunityChange(add=(draw.choice(_EXTENDED),))),
    ]
    chosen = dict(draw.sample(changes, draw.choice([0, 1, 2, 3])))
    if "prepend" in chosen:
        chosen.pop("prepend_last", None)  # a route map has one of them
    return Change(**chosen)


def _number(draw: random.Random) -> NumberChange:
    operation = draw.choice([Operation.SET, Operation.PLUS, Operation.MINUS])
    return NumberChange(
        operation=operation, value=draw.choice(_NUMBERS if operation is Operation.SET else _NUMBERS[1:])
    )


def _replaced(draw: random.Random, among: tuple[AnyCommunity, ...]) -> CommunityChange[AnyCommunity]:
    some = tuple(draw.sample(among, draw.randint(1, 2)))
    gone = tuple(map(_only, draw.sample(among, draw.randint(0, 2))))
    if draw.random() < 0.5:
        return CommunityChange(replace=some, remove=gone)
    return CommunityChange(remove=gone, add=some)
