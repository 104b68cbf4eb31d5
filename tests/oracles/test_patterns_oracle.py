"""AS-path patterns as FRR reads them: `lab.policy.patterns` finds the same paths, but where `DIFFERENCES` says why not.

bgpd learns one route for each path, and is asked which of them an `as-path access-list` permits. FRR's access lists
hold digits and `_^|[,{}() ]$*+.?-` and the backslash only, and blanks at the ends are lost in its command line.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from ipaddress import IPv4Address

import pytest

from frr import Frr, body_of, running_frr
from lab.bgp import AsPath, Route, parse_prefix
from lab.policy.patterns import as_path_matches
from lab_processes import await_

PATHS = (
    "",
    "1",
    "12",
    "4294967295",
    "65001",
    "165001",
    "650010 65001",
    "65001 65002",
    "65001 65002 65003",
    "65001 65001 65001",
    "65020 12076",
    "12076 8075",
    "12076 12076 12076 12076",
    "12076 65020 65030",
    "100 200 300 400 500 600",
    "2 23 234 2345",
    "4200000000 65001",
    "{65002}",
    "{65002,65003}",
    "65001 {65002,65003}",
    "65001 {65002} 65004",
    "65001 {65002,65003} {65004}",
    "(65101) 65001",
    "(65101 65102)",
    "[65101,65102] 65001",
    "(65101) [65102,65103] 65001 {65002}",
)
PREFIXES = {f"10.{number}.0.0/16": path for number, path in enumerate(PATHS)}

_WORDS = r"""
^$ . .* $ ^ $^ () ^_$ ^_ _$ _ __ _{2} [^_] (^$) ($|_) (^|_)65001
_65001_ ^65001 65001$ ^65001$ ^65001_ _65001$ ^_65001 _65001 65001_ 1_ _1_ _1 (^)65001 (65001$)
65001_65002 _65001_65002_ ^65001_65002$ ^(65001_)+$ ^(_65001)+$ _(65001|65002)_ ^65001$|^12076
^[0-9]+$ ^[0-9]+_[0-9]+$ _[0-9]+_[0-9]+_[0-9]+_ _6500[1-3]_ _6500[^1]_ ^[0-9]{5}$ ^.{5}$ [0-9]*[02468]$
[{] [}] [(] \{ \( [,] , [[] [.] [$] _65002,65003_ _65002_65003 [0-9]*, ^[{] }$ \($
6500{2} 65001{1,2} 0{2,3} 65* 65+0 6?5 6.001 .65001 0{0} (6(5(0(0(1))))) [1-9][0-9]*
^12076(_12076)*$ ^(12076|65001)_ (.*)_65001 _65001_.*_65003 65001.*65001 ^((65001|65002)_)+$ (|1) 1||2
_*65001 _+65001 _?65001 1+? 1*? 1?? 1** 1+* [0-9]+? 6500(_65001)+? (_65001)+?.*_
- 65001-65002 [0-9-] [,-] \$ \^ \? \* \+ \. \- \, \}
"""
PATTERNS = (*_WORDS.split(), "^65001 65002", "12076( 12076)*$", "^[^ ]+$", "65001 [{]", r"\(65101 65102\)")
"""Those of published configurations, and those at the edges of the language."""

BRACKETS = "for us the _ stands for the brackets of a confederation's set too, so that it finds the set's members"
IN_A_CLASS = "FRR replaces every _ by its text, in a class and behind a backslash too; for us it is a _ there"
BRACE = "FRR refuses a { that begins nothing to repeat; for us it is a brace, as in IOS"
PARENTHESIS = "for FRR a ) that closes nothing is one; we refuse it"
BACK_REFERENCE = "no pattern of ours refers back: it could not be matched in linear time"
REPEATED_ANCHOR = "FRR refuses to repeat the beginning; for us it is there as often as one likes"
LETTERS = "FRR's access lists hold no letters"
DIFFERENCES = {
    "_65101_": BRACKETS,
    "_._": BRACKETS,
    "_[^1]65001$": BRACKETS,
    "[_]": IN_A_CLASS,
    r"\_": IN_A_CLASS,
    "{": BRACE,
    "_{": BRACE,
    "65001 {": BRACE,
    "0{1": BRACE,
    "65001_)": PARENTHESIS,
    "(650..)_\\1": BACK_REFERENCE,
    "^*": REPEATED_ANCHOR,
    "^+6": REPEATED_ANCHOR,
    "a|65001": LETTERS,
    r"\d+": LETTERS,
}
"""Patterns that mean something else to FRR, and why."""

_PIECES = (
    *("_", "_", "^", "$", ".", "65001", "6500", "65002", "1", "12076", "_12076", " ", ",", "|", "*", "+", "?"),
    *("[0-9]", "[12]", "[^1]", "[0-9]+", ".*", "(65001|65002)", "(_65001)+", "[{]", "[}]", "(1|_)", "(^|,)"),
)


def random_patterns(seed: int, count: int) -> Iterator[str]:
    """Patterns put together at random, most of which mean something."""
    draw = random.Random(seed)  # noqa: S311  # the same patterns each time
    for _ in range(count):
        pattern = "".join(draw.choice(_PIECES) for _ in range(draw.randint(1, 6)))
        if pattern == pattern.strip() != "":
            yield pattern


RANDOM = tuple(random_patterns(seed=7, count=600))


@pytest.fixture(scope="module")
def frr(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Frr]:
    """A bgpd that has a route with each path; a neighbour inside may send them all."""
    with running_frr(tmp_path_factory.mktemp("frr")) as running:
        running.configure("router bgp 65010\n neighbor 192.0.2.2 remote-as 65010\n neighbor 192.0.2.2 passive")
        inside = running.connect("192.0.2.2", 65010)
        for prefix, path in PREFIXES.items():
            hop = IPv4Address("192.0.2.2")
            one = Route(prefix=parse_prefix(prefix), next_hop=hop, local_pref=100, as_path=AsPath.parse(path))
            inside.send(body_of(one))
        await_(lambda: len(running.paths()) == len(PATHS), "every route")
        yield running


def by_frr(frr: Frr, pattern: str) -> frozenset[str] | None:
    """The paths that FRR finds; None where it refuses the pattern."""
    if not frr.takes(f"bgp as-path access-list asked permit {pattern}"):
        return None
    found = frr.ask_json("show bgp ipv4 unicast filter-list asked json")
    assert frr.takes(f"no bgp as-path access-list asked permit {pattern}")
    return frozenset(PREFIXES[prefix] for prefix in found.get("routes", ()))


def by_us(pattern: str) -> frozenset[str] | None:
    """The same of ours."""
    try:
        return frozenset(path for path in PATHS if as_path_matches(pattern, path))
    except ValueError:
        return None


def differing(frr: Frr, patterns: Mapping[str, str] | tuple[str, ...]) -> set[str]:
    """The patterns for which FRR and we find different paths."""
    return {pattern for pattern in patterns if by_frr(frr, pattern) != by_us(pattern)}


def test_frr_has_the_paths(frr: Frr) -> None:
    """FRR shows the paths in the text that patterns are matched with here."""
    assert {str(prefix): str(one.route.as_path) for prefix, (one,) in frr.paths().items()} == PREFIXES


def test_patterns_find_the_same_paths(frr: Frr) -> None:
    """FRR finds the same paths with every pattern, and refuses none that we read."""
    assert [pattern for pattern in PATTERNS if by_us(pattern) is None] == []
    assert differing(frr, PATTERNS) == set()


def test_patterns_that_mean_something_else_to_frr(frr: Frr) -> None:
    """Each difference that is explained is one."""
    assert differing(frr, DIFFERENCES) == set(DIFFERENCES)


def test_random_patterns_find_the_same_paths(frr: Frr) -> None:
    """Of random patterns those that both read find the same paths, unless a bracket of a confederation's set is met."""
    read = [pattern for pattern in RANDOM if by_us(pattern) is not None and by_frr(frr, pattern) is not None]
    assert len(read) > len(RANDOM) // 2
    apart = [
        pattern for pattern in read if _without_brackets(by_us(pattern)) != _without_brackets(by_frr(frr, pattern))
    ]
    assert apart == []


def _without_brackets(found: frozenset[str] | None) -> frozenset[str]:
    return frozenset(path for path in found or () if "[" not in path)


def test_the_comparison_can_fail(frr: Frr) -> None:
    """The negative control: a pattern that is not the one that FRR was asked finds other paths."""
    assert by_frr(frr, "_65001_") != by_us("65001")
    assert by_frr(frr, "_65001_") == by_us("_65001_") != frozenset()
