"""What routes are compared with: prefix lists, AS-path sets, community sets and ranges of numbers."""

from __future__ import annotations

import pytest

from builders import P1, exactly
from lab.bgp import AsPath, parse_prefix
from lab.policy import (
    Asked,
    AsPathEntry,
    AsPathSet,
    CommunityPattern,
    CommunitySet,
    NumberRange,
    PatternKind,
    PrefixList,
    PrefixRange,
    Quantifier,
)

MOST = 4294967295


def prefixes(prefix: str, at_least: int, at_most: int) -> PrefixRange:
    """A prefix range."""
    return PrefixRange(prefix=parse_prefix(prefix), at_least=at_least, at_most=at_most)


EXACT, EXACT6 = prefixes("10.1.0.0/16", 16, 16), prefixes("2001:db8::/32", 32, 32)
GE, GE_LE, LE = prefixes("10.0.0.0/8", 24, 32), prefixes("10.0.0.0/8", 16, 24), prefixes("10.0.0.0/8", 8, 24)
OR_LONGER, OR_LONGER6 = prefixes("10.0.0.0/8", 8, 32), prefixes("2001:db8::/32", 32, 128)
ALL, HOSTS6 = prefixes("0.0.0.0/0", 0, 32), prefixes("::/0", 128, 128)


@pytest.mark.parametrize(
    ("one", "asked", "inside"),
    [
        pytest.param(EXACT, "10.1.0.0/16", True, id="exact: itself"),
        pytest.param(EXACT, "10.1.0.0/17", False, id="exact: nothing longer"),
        pytest.param(EXACT, "10.0.0.0/15", False, id="exact: nothing shorter"),
        pytest.param(EXACT, "10.2.0.0/16", False, id="exact: no neighbour"),
        pytest.param(EXACT6, "2001:db8::/32", True, id="exact, IPv6: itself"),
        pytest.param(EXACT6, "2001:db8::/33", False, id="exact, IPv6: nothing longer"),
        pytest.param(EXACT6, "2001:db9::/32", False, id="exact, IPv6: no neighbour"),
        pytest.param(GE, "10.0.0.0/23", False, id="ge: shorter"),
        pytest.param(GE, "10.0.0.0/24", True, id="ge: the shortest"),
        pytest.param(GE, "10.255.255.255/32", True, id="ge: up to a host"),
        pytest.param(GE_LE, "10.0.0.0/8", False, id="ge le: shorter than ge"),
        pytest.param(GE_LE, "10.0.0.0/15", False, id="ge le: one bit shorter than ge"),
        pytest.param(GE_LE, "10.0.0.0/16", True, id="ge le: ge itself"),
        pytest.param(GE_LE, "10.255.255.0/24", True, id="ge le: le itself"),
        pytest.param(GE_LE, "10.0.0.0/25", False, id="ge le: longer than le"),
        pytest.param(GE_LE, "11.0.0.0/16", False, id="ge le: elsewhere"),
        pytest.param(GE_LE, "a00::/16", False, id="ge le: the other family with the same first bits"),
        pytest.param(LE, "10.0.0.0/8", True, id="le: the prefix itself"),
        pytest.param(LE, "10.0.0.0/7", False, id="le: nothing shorter than the prefix"),
        pytest.param(LE, "10.9.9.0/24", True, id="le: le itself"),
        pytest.param(LE, "10.9.9.0/25", False, id="le: longer"),
        pytest.param(OR_LONGER, "10.0.0.0/8", True, id="orlonger: itself"),
        pytest.param(OR_LONGER, "10.1.2.3/32", True, id="orlonger: a host"),
        pytest.param(OR_LONGER, "0.0.0.0/0", False, id="orlonger: not the default route"),
        pytest.param(OR_LONGER6, "2001:db8:ffff::1/128", True, id="orlonger, IPv6: a host"),
        pytest.param(OR_LONGER6, "2001:db9::/48", False, id="orlonger, IPv6: elsewhere"),
        pytest.param(ALL, "0.0.0.0/0", True, id="everything: the default route"),
        pytest.param(ALL, "203.0.113.9/32", True, id="everything: a host"),
        pytest.param(ALL, "::/0", False, id="everything of one family"),
        pytest.param(HOSTS6, "2001:db8::1/128", True, id="IPv6 hosts"),
        pytest.param(HOSTS6, "2001:db8::/127", False, id="IPv6 hosts only"),
    ],
)
def test_a_range_holds_the_prefixes_inside_it_of_its_lengths(one: PrefixRange, asked: str, *, inside: bool) -> None:
    """A range holds a prefix that lies in its own and whose length is from ge to le."""
    assert one.contains(parse_prefix(asked)) is inside


@pytest.mark.parametrize(
    ("prefix", "at_least", "at_most", "says"),
    [
        ("10.0.0.0/8", 7, 24, "10.0.0.0/8 ge 7 le 24: lengths must satisfy 8 <= ge <= le <= 32"),
        ("10.0.0.0/8", 24, 16, "10.0.0.0/8 ge 24 le 16: lengths must satisfy 8 <= ge <= le <= 32"),
        ("10.0.0.0/8", 8, 33, "10.0.0.0/8 le 33: lengths must satisfy 8 <= ge <= le <= 32"),
        ("2001:db8::/32", 32, 129, "2001:db8::/32 le 129: lengths must satisfy 32 <= ge <= le <= 128"),
    ],
)
def test_a_range_refuses_lengths_out_of_order(prefix: str, at_least: int, at_most: int, says: str) -> None:
    """Lengths must rise from the prefix's own to the family's longest."""
    with pytest.raises(ValueError) as caught:  # noqa: PT011  # the whole message is compared
        prefixes(prefix, at_least, at_most)
    assert str(caught.value) == says


@pytest.mark.parametrize(
    ("at_least", "at_most", "text"),
    [
        (8, 8, "10.0.0.0/8"),
        (8, 24, "10.0.0.0/8 le 24"),
        (16, 24, "10.0.0.0/8 ge 16 le 24"),
        (16, 16, "10.0.0.0/8 ge 16 le 16"),
        (8, 32, "10.0.0.0/8 le 32"),
    ],
)
def test_a_range_is_shown_as_vendors_write_it(at_least: int, at_most: int, text: str) -> None:
    """Different ranges of one prefix are shown differently."""
    assert str(prefixes("10.0.0.0/8", at_least, at_most)) == text


def test_a_prefix_list_names_the_first_range_that_holds_a_prefix() -> None:
    """A list is the union of its ranges; the first one answers."""
    first, second = prefixes("10.0.0.0/8", 8, 16), prefixes("10.1.0.0/16", 16, 24)
    both = PrefixList(name="both", ranges=(first, second))
    assert both.find(P1) == first
    assert both.find(parse_prefix("10.1.2.0/24")) == second
    assert both.find(parse_prefix("10.2.2.0/24")) is None


@pytest.mark.parametrize(
    ("one", "text", "inside", "outside"),
    [
        (NumberRange(low=3, high=3), "3", [3], [2, 4, None]),
        (NumberRange(low=3), ">= 3", [3, MOST], [0, 2, None]),
        (NumberRange(high=3), "<= 3", [0, 3], [4, MOST, None]),
        (NumberRange(low=2, high=4), "2-4", [2, 3, 4], [1, 5, None]),
        (NumberRange(), ">= 0", [0, MOST], [None]),
        (NumberRange(low=0, high=0), "0", [0], [1, None]),
        (NumberRange(low=MOST, high=MOST), str(MOST), [MOST], [MOST - 1, None]),
        (NumberRange(absent=True), "absent", [None], [0, MOST]),
    ],
)
def test_a_range_of_numbers(one: NumberRange, text: str, inside: list[int | None], outside: list[int | None]) -> None:
    """Both ends belong to a range, and the absence of a number is no number."""
    assert str(one) == text
    assert [number for number in [*inside, *outside] if one.contains(number)] == inside


@pytest.mark.parametrize(("low", "high"), [(-1, 3), (4, 3), (0, MOST + 1)])
def test_a_range_of_numbers_refuses_nonsense(low: int, high: int) -> None:
    """A range lies in 32 bits and does not end before it begins."""
    with pytest.raises(ValueError, match=f"{low}-{high} is no range of numbers from 0 to {MOST}"):
        NumberRange(low=low, high=high)


@pytest.mark.parametrize(
    ("low", "high", "path", "found"),
    [
        (2, 3, "65001 65002", True),
        (2, 3, "65001 65001 65001", True),
        (2, 3, "65001", False),
        (2, 3, "1 2 3 4", False),
        (0, 0, "", True),
        (2, 2, "65001 {1,2,3}", True),
        (1, 1, "(65010 65011) 65001", True),
    ],
)
def test_a_length_in_an_as_path_set(low: int, high: int, path: str, *, found: bool) -> None:
    """The length is what the decision counts: a set 1, a confederation nothing (RFC 4271 §9.1.2.2 a, RFC 5065 §5.3)."""
    assert AsPathEntry(length=NumberRange(low=low, high=high)).contains(AsPath.parse(path)) is found


@pytest.mark.parametrize("entry", [{}, {"pattern": "1", "length": NumberRange()}])
def test_an_entry_of_an_as_path_set_is_a_pattern_or_a_length(entry: dict[str, object]) -> None:
    """Not both, and not neither."""
    with pytest.raises(ValueError, match="an entry of an AS-path set is a pattern or a length"):
        AsPathEntry(**entry)  # type: ignore[arg-type]  # that is the test


def test_an_as_path_set_names_the_first_entry_that_holds_a_path() -> None:
    """A set is the union of its entries; the first one answers, and is shown as it was written."""
    pattern, length = AsPathEntry(pattern="^65001_"), AsPathEntry(length=NumberRange(low=2))
    both = AsPathSet(name="both", entries=(pattern, length))
    assert both.find(AsPath.of(65001, 1)) == pattern
    assert both.find(AsPath.of(1, 2)) == length
    assert both.find(AsPath.of(1)) is None
    assert [str(entry) for entry in both.entries] == ["^65001_", "length >= 2"]


EXACTLY, WILDCARD, EXPRESSION = PatternKind.EXACT, PatternKind.WILDCARD, PatternKind.REGULAR_EXPRESSION


@pytest.mark.parametrize(
    ("kind", "text", "inside", "outside"),
    [
        pytest.param(EXACTLY, "65010:1", ["65010:1"], ["65010:10", "65010:1:1", "165010:1"], id="standard, exact"),
        pytest.param(WILDCARD, "65010:*", ["65010:1", "65010:0"], ["65011:1", "65010:1:1"], id="standard, any value"),
        pytest.param(WILDCARD, "*:1", ["65010:1", "1:1"], ["1:11", "1:1:1"], id="standard, any AS"),
        pytest.param(WILDCARD, "*:*", ["65010:1"], ["1:1:1"], id="standard, all"),
        pytest.param(EXPRESSION, "^65010:1[0-9]$", ["65010:10"], ["65010:1", "65010:100"], id="standard, expression"),
        pytest.param(EXPRESSION, "10:1", ["65010:1", "65010:12"], ["65011:1"], id="an expression is searched for"),
        pytest.param(EXACTLY, "65010:1:2", ["65010:1:2"], ["65010:1:20", "65010:1"], id="large, exact (RFC 8092)"),
        pytest.param(WILDCARD, "65010:*:2", ["65010:0:2"], ["65010:2:0", "65010:2"], id="large, wildcard"),
        pytest.param(EXPRESSION, "^65010:", ["65010:1:2"], ["1:65010:2"], id="large, expression"),
        pytest.param(EXACTLY, "target:65010:1", ["target:65010:1"], ["origin:65010:1"], id="extended (RFC 4360)"),
        pytest.param(WILDCARD, "target:*:1", ["target:192.0.2.1:1"], ["target:1:2"], id="extended, wildcard"),
        pytest.param(EXPRESSION, "^origin:", ["origin:65010:1"], ["target:65010:1"], id="extended, expression"),
        pytest.param(EXPRESSION, "^03", ["030b000000000001"], ["target:3:3"], id="extended, of another type"),
    ],
)
def test_a_community_pattern(kind: PatternKind, text: str, inside: list[str], outside: list[str]) -> None:
    """A pattern is one community, one with numbers left open, or what an expression is found in."""
    pattern = CommunityPattern(kind=kind, text=text)
    assert [one for one in [*inside, *outside] if pattern.matches(one)] == inside


@pytest.mark.parametrize(("kind", "shown"), [(EXACTLY, "65010:1"), (WILDCARD, "65010:1"), (EXPRESSION, "/65010:1/")])
def test_a_community_pattern_is_shown_as_it_is_written(kind: PatternKind, shown: str) -> None:
    """Slashes tell an expression."""
    assert str(CommunityPattern(kind=kind, text="65010:1")) == shown


def test_a_community_expression_that_cannot_be_read_is_refused() -> None:
    """An exact text is never read as an expression, an expression always is."""
    assert CommunityPattern(kind=EXACTLY, text="(").text == "("
    with pytest.raises(ValueError, match=r"the pattern '\(' cannot be read: missing \): \("):
        CommunityPattern(kind=EXPRESSION, text="(")


def test_a_community_set_is_the_union_of_its_patterns() -> None:
    """It finds the first of a route's communities that any pattern is meant for."""
    both = CommunitySet(
        name="both",
        patterns=(CommunityPattern(kind=EXACTLY, text="2:2"), CommunityPattern(kind=WILDCARD, text="1:*")),
    )
    assert [one for one in ("1:1", "1:2", "2:1", "2:2") if both.contains(one)] == ["1:1", "1:2", "2:2"]
    assert both.find(["3:3", "1:9", "2:2"]) == "1:9"
    assert both.find(["3:3"]) is None
    assert both.find([]) is None


ONE, TWO = exactly("1:1", name="one"), exactly("2:2", name="two")


def holds(asked: Asked[CommunitySet], communities: list[str]) -> bool:
    """The answer for a route with some communities."""
    return asked.holds(lambda one: one.find(communities) is not None)


ANY, ALL_OF, NONE = Quantifier.ANY, Quantifier.ALL, Quantifier.NONE


@pytest.mark.parametrize(
    ("quantifier", "sets", "text", "true_for"),
    [
        pytest.param(ANY, (ONE, TWO), "one or two", ["one", "two", "both"], id="any"),
        pytest.param(ALL_OF, (ONE, TWO), "all of one, two", ["both"], id="all"),
        pytest.param(NONE, (ONE, TWO), "none of one, two", ["neither"], id="none"),
        pytest.param(ANY, (ONE,), "one", ["one", "both"], id="any of a single one"),
        pytest.param(ALL_OF, (ONE,), "one", ["one", "both"], id="all of a single one"),
        pytest.param(NONE, (ONE,), "none of one", ["two", "neither"], id="none of a single one"),
    ],
)
def test_any_all_and_none_of_some_sets(
    quantifier: Quantifier, sets: tuple[CommunitySet, ...], text: str, true_for: list[str]
) -> None:
    """A question about sets says how many of them must hold the route."""
    asked = Asked(sets=sets, quantifier=quantifier)
    routes = {"one": ["1:1"], "two": ["2:2"], "both": ["1:1", "2:2"], "neither": ["3:3"]}
    found = [name for name, has in routes.items() if holds(asked, has)]
    assert (str(asked), found) == (text, true_for)


def test_prefixes_of_one_family_are_in_no_list_of_the_other() -> None:
    """An IPv6 prefix is looked for among IPv6 ranges only, however long the IPv4 ones are, and the other way round."""
    host = PrefixList(name="x", ranges=(PrefixRange(prefix=parse_prefix("10.0.0.1/32"), at_least=32, at_most=32),))
    wide = PrefixList(name="y", ranges=(PrefixRange(prefix=parse_prefix("2001:db8::/32"), at_least=32, at_most=128),))
    assert host.find(parse_prefix("2001:db8::1/128")) is None
    assert wide.find(parse_prefix("10.0.0.1/32")) is None
    assert wide.find(parse_prefix("2001:db8::1/128")) is wide.ranges[0]
