"""AS-path patterns as Cisco's routers and FRR read them, without a pattern that can stop a router."""

from __future__ import annotations

import time

import pytest

from lab.bgp import AsPath
from lab.policy import AsPathEntry
from lab.policy.patterns import LONGEST_PATTERN, check_as_path_pattern, check_community_pattern, community_matches


@pytest.mark.parametrize(
    ("pattern", "path", "found"),
    [
        pytest.param("_65001_", "65001", True, id="_ is the beginning and the end"),
        pytest.param("_65001_", "65002 65001 65003", True, id="_ is a space"),
        pytest.param("_65001_", "165001", False, id="_ is no digit before"),
        pytest.param("_65001_", "650010", False, id="_ is no digit behind"),
        pytest.param("_65001_", "65002 {65001}", True, id="_ is a brace"),
        pytest.param("_65001_", "{65000,65001,65002}", True, id="_ is a comma"),
        pytest.param("_65001_", "(65001) 65002", True, id="_ is a parenthesis"),
        pytest.param("_65001_", "[65001] 65002", True, id="_ is a bracket"),
        pytest.param("_65001_", "", False, id="nothing is in the empty path"),
        pytest.param("_", "", True, id="_ is in the empty path"),
        pytest.param("_65001_65002_", "65001 65002", True, id="one _ takes the one space between two"),
        pytest.param("_65001__65002_", "65001 65002", False, id="two of them want two, as in IOS"),
        pytest.param("65001", "165001", True, id="without _ a part of a number is found"),
        pytest.param("^$", "", True, id="^$ is the empty path: routes of the own AS"),
        pytest.param("^$", "65001", False, id="^$ is no other path"),
        pytest.param("^65001$", "65001", True, id="^N$ is a path of one AS"),
        pytest.param("^65001$", "65001 65002", False, id="^N$ is no longer path"),
        pytest.param("^65001_", "65001 65002", True, id="^N_ is the neighbour"),
        pytest.param("^65001_", "65001", True, id="^N_ is the neighbour that is the origin, too"),
        pytest.param("^65001_", "65002 65001", False, id="^N_ is nobody behind the neighbour"),
        pytest.param("^65001_", "650010 65002", False, id="^N_ is no longer number"),
        pytest.param("_65001$", "65002 65001", True, id="_N$ is the origin"),
        pytest.param("_65001$", "65001", True, id="_N$ is the origin that is the neighbour, too"),
        pytest.param("_65001$", "65001 65002", False, id="_N$ is nobody before the origin"),
        pytest.param("_65001$", "65002 {65001}", False, id="_N$ is no member of a set: the path ends in a brace"),
        pytest.param("_65001_$", "65002 {65001}", True, id="_N_$ takes the brace"),
        pytest.param(".*", "", True, id=".* is every path, the empty one too"),
        pytest.param(".*", "65001 {1,2}", True, id=".* is every path"),
        pytest.param(".+", "", False, id=".+ wants an AS"),
        pytest.param("^65001 .* 65003$", "65001 65002 65003", True, id="a space is a space"),
        pytest.param("^65001( 65001)*$", "65001 65001 65001", True, id="* repeats a group: prepends of one AS"),
        pytest.param("^65001( 65001)*$", "65001 65002", False, id="* repeats nothing else"),
        pytest.param("^(65001|65002)_", "65002 1", True, id="| is one or the other"),
        pytest.param("^(65001|65002)_", "65003 1", False, id="| is no third"),
        pytest.param("^65001|65002$", "1 65002", True, id="| binds loosest"),
        pytest.param("^6500[1-3]$", "65003", True, id="a range of digits"),
        pytest.param("^6500[1-3]$", "65004", False, id="a range of digits ends"),
        pytest.param("^6500[^1-3]$", "65004", True, id="all digits but some"),
        pytest.param("^6500[^1-3]$", "65001", False, id="some digits but not these"),
        pytest.param("^[0-9]+$", "65001", True, id="any one AS"),
        pytest.param("^[0-9]+$", "65001 65002", False, id="any one AS, not two"),
        pytest.param("^[0-9]+_[0-9]+$", "65001 65002", True, id="any two"),
        pytest.param("65001[_ ]65002", "65001 65002", True, id="_ in a class is itself, beside a space"),
        pytest.param("65001[_]65002", "65001 65002", False, id="_ in a class is no delimiter"),
        pytest.param("65001[]_]65002", "65001 65002", False, id="] at the beginning of a class does not end it"),
        pytest.param(r"65001[\]_]65002", "65001 65002", False, id="an escaped ] does not end a class"),
        pytest.param("65001[[:digit:]_]65002", "65001 65002", False, id="a named class does not end its class"),
        pytest.param("65001[[:space:]_]65002", "65001 65002", True, id="a named class in a class"),
        pytest.param(r"65001\_65002", "65001 65002", False, id="an escaped _ is no delimiter"),
        pytest.param(r"\{1,2\}", "65001 {1,2}", True, id="an escaped brace is a brace"),
        pytest.param("1{2}", "11", True, id="a brace repeats"),
        pytest.param("^65001?$", "6500", True, id="? is once or not at all"),
    ],
)
def test_a_pattern_finds_paths_as_ciscos_do(pattern: str, path: str, *, found: bool) -> None:
    """A pattern is searched in the path's text; `_` is the beginning, the end, or one of the path's delimiters."""
    assert AsPathEntry(pattern=pattern).contains(AsPath.parse(path)) is found


def _says(pattern: str) -> str:
    with pytest.raises(ValueError) as caught:  # noqa: PT011  # the whole message is compared
        AsPathEntry(pattern=pattern)
    return str(caught.value)


@pytest.mark.parametrize(
    ("pattern", "says"),
    [
        ("(65001", "the pattern '(65001' cannot be read: missing ): (65001"),
        ("[65001", "the pattern '[65001' cannot be read: missing ]: [65001"),
        ("*1", "the pattern '*1' cannot be read: no argument for repetition operator: *"),
        (r"(1)\1", r"the pattern '(1)\\1' cannot be read: invalid escape sequence: \1"),
        ("(?=1)", "the pattern '(?=1)' cannot be read: no argument for repetition operator: ?"),
        ("65001\u00e9", "the pattern '65001\u00e9' is not ASCII"),
    ],
)
def test_a_pattern_that_cannot_be_read_is_refused(pattern: str, says: str) -> None:
    """The message repeats what RE2 says; what no automaton can do, such as references back, is not in the language."""
    assert _says(pattern) == says


def test_a_pattern_has_an_end() -> None:
    """Patterns are long enough for every published one, and no longer."""
    assert AsPathEntry(pattern="1" * LONGEST_PATTERN).pattern
    assert _says("1" * (LONGEST_PATTERN + 1)) == "the pattern has 201 characters: at most 200"


@pytest.mark.parametrize(
    "pattern",
    [
        pytest.param("^(([0-9]+ ?)+)+$", id="nested repetition"),
        pytest.param("(.*)*(.*)*(.*)*x", id="repetition of everything"),
        pytest.param("(65001|65001|65001)*x", id="the same thing thrice"),
    ],
)
def test_no_pattern_takes_longer_than_the_path_is_long(pattern: str) -> None:
    """A backtracking matcher would take years for these."""
    path = AsPath.of(*[65001] * 2000)
    began = time.monotonic()
    AsPathEntry(pattern=pattern + "y").contains(path)
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("check", [check_as_path_pattern, check_community_pattern])
def test_a_huge_pattern_is_refused_at_once(check: object) -> None:
    """It is measured before it is read."""
    began = time.monotonic()
    with pytest.raises(ValueError, match="at most 200"):
        check("[" * 1_000_000)  # type: ignore[operator]  # either function
    assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    ("pattern", "community", "found"),
    [
        ("^65010:1[0-9]+$", "65010:100", True),
        ("^65010:1[0-9]+$", "65010:1", False),
        ("65010", "1:65010", True),
        ("_65010", "65010:1", False),
        ("^target:", "target:65010:1", True),
        ("^65010:(1|2):", "65010:2:9", True),
    ],
)
def test_a_community_pattern_is_searched_in_one_community(pattern: str, community: str, *, found: bool) -> None:
    """In a community `_` is an ordinary character, and ends are those of one community."""
    assert community_matches(pattern, community) is found
