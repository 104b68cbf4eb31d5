"""Texts made from regular expressions, and the AS paths and communities that come of them."""

from __future__ import annotations

import pytest

from lab.bgp import parse_community, parse_extended_community, parse_large_community
from lab.policy import AsPathEntry, CommunityPattern, PatternKind
from lab.policy.boundary_values import communities_like, paths_like
from lab.policy.examples import LONGEST, MOST, examples

EXPRESSIONS = [
    "^12076$",
    "_65001_",
    "_6500[0-9]_",
    "^(12076|65010)_64512$",
    "^12076( [0-9]+){2,4}$",
    "^$",
    ".*",
    "(_65010)+$",
    r"^\d+$",
    "^12076_([0-9]+_)*65001$",
    "^65010( [[:digit:]]+)?$",
    "^(65010)+?_1+?$",
    "[^0-8]5$",
]


@pytest.mark.parametrize("pattern", EXPRESSIONS)
def test_an_as_path_pattern_matches_a_path_that_is_made_from_it(pattern: str) -> None:
    """From each of these patterns at least one path is made that it matches."""
    entry = AsPathEntry(pattern=pattern)

    assert [path for path in paths_like(pattern) if entry.contains(path)]


@pytest.mark.parametrize(
    "text", ["^65010:", "^65010:1[0-9]+$", ":666$", "^(65010|65020):[1-3]$", "^65010:(1|2)00$", "0"]
)
def test_a_community_pattern_matches_a_community_that_is_made_from_it(text: str) -> None:
    """From each of these expressions communities are made that it matches, and others that it does not."""
    pattern = CommunityPattern(kind=PatternKind.REGULAR_EXPRESSION, text=text)
    made = communities_like(pattern, parse_community)

    assert any(pattern.matches(one) for one in made)


def test_the_three_kinds_of_communities_are_made() -> None:
    """An expression that does not say its kind becomes a community of the kind that is asked for."""
    pattern = CommunityPattern(kind=PatternKind.REGULAR_EXPRESSION, text="65010")

    assert parse_large_community("65010:1:1") in communities_like(pattern, parse_large_community)
    assert any(one.startswith("target:") for one in communities_like(pattern, parse_extended_community))


def test_a_wildcard_becomes_its_lowest_and_highest_and_what_lies_beside() -> None:
    """A wildcard gives the ends of the number that the star stands for."""
    pattern = CommunityPattern(kind=PatternKind.WILDCARD, text="65010:*")

    assert communities_like(pattern, parse_community)[:3] == ("65010:0", "65010:100", "65010:65535")


def test_every_alternative_and_both_ends_of_a_class_are_made() -> None:
    """Alternatives, ends of classes, and repetitions once and once more are all among the texts."""
    assert set(examples("a|b|c")) == {"a", "b", "c"}
    assert set(examples("[2-8]")) == {"2", "8", "5"}
    assert examples("x+") == ("x", "xx")
    assert examples("x{3}") == ("xxx",)


@pytest.mark.parametrize("pattern", ["(((((((a{9}){9}){9}){9}){9}){9}){9})", "(a|b|c|d){12}" * 15, "(" * 90 + ")" * 90])
def test_nested_repetitions_do_not_explode(pattern: str) -> None:
    """Texts stay few and short however repetitions are nested."""
    made = examples(pattern)

    assert len(made) <= MOST
    assert all(len(one) <= LONGEST * MOST for one in made)


@pytest.mark.parametrize("pattern", ["[", "(", "\\", "a{", "a{12", "x**", "|", ")", "[]", "a{9999999999999}", "(?"])
def test_what_is_no_expression_breaks_nothing(pattern: str) -> None:
    """Whatever the text, some texts come out or none."""
    assert isinstance(examples(pattern), tuple)
