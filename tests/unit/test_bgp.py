"""BGP's values against the RFCs that define them."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Network, ip_address

import pytest

from builders import P1
from lab.bgp import (
    NO_ADVERTISE,
    NO_EXPORT,
    NO_EXPORT_SUBCONFED,
    Asn,
    AsPath,
    Community,
    Family,
    LargeCommunity,
    Origin,
    Route,
    Segment,
    SegmentKind,
    family_of,
    in_order,
    is_private_asn,
    parse_asn,
    parse_community,
    parse_large_community,
    parse_prefix,
)


def sequence(*asns: int) -> Segment:
    """An AS_SEQUENCE."""
    return Segment(SegmentKind.SEQUENCE, tuple(map(Asn, asns)))


def as_set(*asns: int) -> Segment:
    """An AS_SET."""
    return Segment(SegmentKind.SET, tuple(map(Asn, asns)))


def confed(*asns: int) -> Segment:
    """An AS_CONFED_SEQUENCE."""
    return Segment(SegmentKind.CONFED_SEQUENCE, tuple(map(Asn, asns)))


def confed_set(*asns: int) -> Segment:
    """An AS_CONFED_SET."""
    return Segment(SegmentKind.CONFED_SET, tuple(map(Asn, asns)))


@pytest.mark.parametrize(
    ("text", "asn"),
    [
        pytest.param("1", 1, id="lowest"),
        pytest.param("65535", 65535, id="two octets"),
        pytest.param("4294967295", 4294967295, id="RFC 6793 §3: four octets"),
        pytest.param("0.65526", 65526, id="RFC 5396 §2: asdot of a two-octet AS number"),
        pytest.param("1.0", 65536, id="RFC 5396 §2: asdot"),
        pytest.param("65535.65535", 4294967295, id="RFC 5396 §2: highest asdot"),
    ],
)
def test_an_as_number_is_read_in_asplain_and_asdot(text: str, asn: int) -> None:
    """An AS number has 32 bits and is written in asplain or asdot."""
    assert parse_asn(text) == asn


@pytest.mark.parametrize(
    "text",
    ["0", "0.0", "4294967296", "65536.0", "1.65536", "-1", "", ".", "1.", "1.2.3", "AS1", "1 ", "\u0661"],
)
def test_no_other_text_is_an_as_number(text: str) -> None:
    """AS 0 (RFC 7607), more than 32 bits and anything but ASCII digits are refused."""
    with pytest.raises(ValueError, match="AS number"):
        parse_asn(text)


@pytest.mark.parametrize(
    ("asn", "private"),
    [
        (64511, False),
        (64512, True),
        (65534, True),
        (65535, False),
        (4199999999, False),
        (4200000000, True),
        (4294967294, True),
        (4294967295, False),
    ],
)
def test_private_as_numbers_are_the_two_ranges_of_rfc_6996(asn: int, *, private: bool) -> None:
    """The private AS numbers are 64512-65534 and 4200000000-4294967294, ends included (RFC 6996 §5)."""
    assert is_private_asn(asn) is private


@pytest.mark.parametrize(
    ("text", "community"),
    [
        ("0:0", "0:0"),
        ("65535:65535", "65535:65535"),
        ("012076:050", "12076:50"),
        ("no-export", NO_EXPORT),
        ("no-advertise", NO_ADVERTISE),
        ("no-export-subconfed", NO_EXPORT_SUBCONFED),
    ],
)
def test_a_community_has_one_canonical_form(text: str, community: str) -> None:
    """A community is read from two 16-bit numbers or a well-known name (RFC 1997), without leading zeros."""
    assert parse_community(text) == community


@pytest.mark.parametrize(
    ("community", "on_the_wire"),
    [(NO_EXPORT, 0xFFFFFF01), (NO_ADVERTISE, 0xFFFFFF02), (NO_EXPORT_SUBCONFED, 0xFFFFFF03)],
)
def test_well_known_communities_have_the_values_of_rfc_1997(community: Community, on_the_wire: int) -> None:
    """The well-known communities are 0xFFFFFF01 to 0xFFFFFF03 (RFC 1997, Well-known Communities)."""
    high, low = map(int, community.split(":"))
    assert high << 16 | low == on_the_wire


@pytest.mark.parametrize("text", ["65536:1", "1:65536", "1", "1:2:3", "a:1", ":", "-1:1", "\u0661:1", "internet"])
def test_no_other_text_is_a_community(text: str) -> None:
    """What is not two 16-bit numbers is refused, with the names that would do."""
    with pytest.raises(ValueError, match="no-advertise, no-export, no-export-subconfed"):
        parse_community(text)


@pytest.mark.parametrize(
    ("text", "community"),
    [("0:0:0", "0:0:0"), ("4294967295:4294967295:4294967295",) * 2, ("064496:01:002", "64496:1:2")],
)
def test_a_large_community_has_one_canonical_form(text: str, community: str) -> None:
    """A large community is three 32-bit numbers without leading zeros (RFC 8092 §3, §5)."""
    assert parse_large_community(text) == community


@pytest.mark.parametrize("text", ["4294967296:0:0", "0:0:4294967296", "1:2", "1:2:3:4", "1::3", "a:1:1"])
def test_no_other_text_is_a_large_community(text: str) -> None:
    """What is not three 32-bit numbers is refused (RFC 8092 §3)."""
    with pytest.raises(ValueError, match="is not a large community"):
        parse_large_community(text)


def test_communities_are_ordered_by_number_without_repetition() -> None:
    """Communities are a set (RFC 1997, RFC 8092 §3), listed by number and not by text."""
    assert in_order([Community("100:2"), Community("9:1"), Community("100:10"), Community("9:1")]) == (
        "9:1",
        "100:2",
        "100:10",
    )


@pytest.mark.parametrize(
    ("text", "prefix"),
    [
        ("0.0.0.0/0", IPv4Network("0.0.0.0/0")),
        ("10.1.2.3/32", IPv4Network("10.1.2.3/32")),
        ("::/0", IPv6Network("::/0")),
        ("2001:DB8:0::/48", IPv6Network("2001:db8::/48")),
    ],
)
def test_a_prefix_is_read(text: str, prefix: IPv4Network | IPv6Network) -> None:
    """A prefix is an address without host bits and a length."""
    assert parse_prefix(text) == prefix


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("10.0.0.1/8", "10.0.0.1/8 has host bits set: the prefix is 10.0.0.0/8"),
        ("2001:db8::1/64", "2001:db8::1/64 has host bits set: the prefix is 2001:db8::/64"),
        ("10.0.0.1", "'10.0.0.1' is not a prefix: it has no length, such as 10.0.0.1/32"),
        ("2001:db8::1", "'2001:db8::1' is not a prefix: it has no length, such as 2001:db8::1/128"),
        ("10.0.0.0/33", "'10.0.0.0/33' is not a prefix such as 10.0.0.0/8 or 2001:db8::/32"),
        ("10.0.0.0/255.0.0.0", "'10.0.0.0/255.0.0.0' is not a prefix such as 10.0.0.0/8 or 2001:db8::/32"),
        ("10.0.0.0/0.0.0.255", "'10.0.0.0/0.0.0.255' is not a prefix such as 10.0.0.0/8 or 2001:db8::/32"),
        ("fe80::%eth0/64", "'fe80::%eth0/64' is not a prefix such as 10.0.0.0/8 or 2001:db8::/32"),
        ("lan/8", "'lan/8' is not a prefix such as 10.0.0.0/8 or 2001:db8::/32"),
    ],
)
def test_no_other_text_is_a_prefix(text: str, says: str) -> None:
    """A text that is no prefix is refused with what was meant."""
    with pytest.raises(ValueError) as caught:  # noqa: PT011  # the whole message is compared
        parse_prefix(text)
    assert str(caught.value) == says


def test_a_family_is_that_of_the_version() -> None:
    """Addresses and prefixes belong to the family of their IP version (RFC 4760)."""
    assert family_of(ip_address("192.0.2.1")) is Family.IPV4
    assert family_of(parse_prefix("2001:db8::/32")) is Family.IPV6


def test_origins_are_preferred_as_on_the_wire() -> None:
    """IGP is 0, EGP 1 and INCOMPLETE 2 (RFC 4271 §4.3 a)."""
    assert [(o.value, o.preference) for o in Origin] == [("igp", 0), ("egp", 1), ("incomplete", 2)]


@pytest.mark.parametrize(
    ("segments", "length"),
    [
        pytest.param((), 0, id="RFC 4271 §5.1.2: a route of the own AS"),
        pytest.param((sequence(1, 2, 2),), 3, id="every AS of a sequence counts, prepended ones too"),
        pytest.param((sequence(1), as_set(2, 3, 4)), 2, id="RFC 4271 §9.1.2.2 a: a set counts as 1"),
        pytest.param((as_set(1, 2), as_set(3)), 2, id="every set counts as 1"),
        pytest.param((confed(1, 2), sequence(3)), 1, id="RFC 5065 §5.3: a confederation sequence counts 0"),
        pytest.param((confed_set(1, 2), sequence(3)), 1, id="RFC 5065 §5.3: a confederation set counts 0"),
    ],
)
def test_the_length_of_an_as_path(segments: tuple[Segment, ...], length: int) -> None:
    """The length is what the decision process compares."""
    assert AsPath(segments).length == length


@pytest.mark.parametrize(
    ("segments", "neighbor"),
    [
        pytest.param((sequence(1, 2),), 1, id="the newest AS of a leading sequence"),
        pytest.param((confed(9), sequence(1)), 1, id="RFC 5065 §5.3: behind the own confederation"),
        pytest.param((), None, id="the own AS where the path is empty"),
        pytest.param((as_set(1), sequence(2)), None, id="the own AS where an aggregate begins with a set"),
        pytest.param((confed(9),), None, id="the own confederation"),
    ],
)
def test_the_neighbour_as_of_an_as_path(segments: tuple[Segment, ...], neighbor: int | None) -> None:
    """The neighbour AS is as RFC 4271 §9.1.2.2 c defines it; None stands for the own AS."""
    assert AsPath(segments).neighbor_asn == neighbor


def test_the_as_numbers_of_a_path_include_those_of_sets() -> None:
    """Loop detection scans the whole path, sets included (RFC 4271 §9.1.2)."""
    assert AsPath((sequence(3, 1), as_set(2, 4))).asns == (3, 1, 2, 4)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param((), (sequence(7, 8),), id="RFC 4271 §5.1.2: an empty path gets a sequence"),
        pytest.param((sequence(1),), (sequence(7, 8, 1),), id="a leading sequence grows at its left"),
        pytest.param((as_set(1),), (sequence(7, 8), as_set(1)), id="a leading set gets a sequence before it"),
        pytest.param((sequence(1), as_set(2)), (sequence(7, 8, 1), as_set(2)), id="what follows stays"),
    ],
)
def test_prepending_follows_rfc_4271_5_1_2(before: tuple[Segment, ...], after: tuple[Segment, ...]) -> None:
    """AS numbers are prepended to the leading sequence, the first given being the newest."""
    assert AsPath(before).prepend(7, 8) == AsPath(after)


def test_prepending_nothing_changes_nothing() -> None:
    """A path with nothing prepended is the same path."""
    assert AsPath.of(1, 2).prepend() == AsPath.of(1, 2)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param((sequence(65001, 4200000000, 12076),), (sequence(12076),), id="both ranges of RFC 6996 §5"),
        pytest.param((sequence(12076, 65001),), (sequence(12076, 65001),), id="none behind a public one"),
        pytest.param((sequence(65001, 65002),), (), id="all private"),
        pytest.param((sequence(65001), as_set(65002)), (as_set(65002),), id="a set stays"),
        pytest.param((as_set(65001),), (as_set(65001),), id="a leading set stays"),
        pytest.param((), (), id="empty"),
    ],
)
def test_leading_private_as_numbers_are_removed(before: tuple[Segment, ...], after: tuple[Segment, ...]) -> None:
    """Only the private AS numbers before the first public one go (RFC 6996 §4)."""
    assert AsPath(before).without_leading_private() == AsPath(after)


def test_sequences_that_follow_one_another_are_one() -> None:
    """Where a long sequence is cut on the wire means nothing (RFC 4271 §4.3): 255 + 45 AS numbers equal 300."""
    path = AsPath((sequence(*range(1, 256)), sequence(*range(256, 301)), as_set(1), as_set(1)))
    assert path == AsPath((sequence(*range(1, 301)), as_set(1), as_set(1)))
    assert path.length == 302


def test_a_set_has_no_order() -> None:
    """An AS_SET is unordered (RFC 4271 §4.3)."""
    assert as_set(3, 1, 2, 1) == as_set(1, 2, 3)
    assert sequence(3, 1) != sequence(1, 3)


@pytest.mark.parametrize("asns", [(), (0,), (1, 4294967296)])
def test_a_segment_refuses_nonsense(asns: tuple[int, ...]) -> None:
    """A segment without AS numbers (RFC 7606 §7.2), with AS 0 (RFC 7607) or one above 32 bits cannot be built."""
    with pytest.raises(ValueError, match=r"segment of an AS path|out of range"):
        sequence(*asns)


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("", AsPath()),
        ("12076 65010", AsPath.of(12076, 65010)),
        ("1.10 2", AsPath.of(65546, 2)),
        ("1 {2,3} 4", AsPath((sequence(1), as_set(2, 3), sequence(4)))),
        ("{1}{2 3}", AsPath((as_set(1), as_set(2, 3)))),
        ("(1 2) [3] 4", AsPath((confed(1, 2), confed_set(3), sequence(4)))),
    ],
)
def test_an_as_path_is_read(text: str, path: AsPath) -> None:
    """A path is read as vendors show it: sets in braces, confederation segments in parentheses and brackets."""
    assert AsPath.parse(text) == path


@pytest.mark.parametrize("text", ["1,2", "{}", "{1 2", "1}", "{1 {2}}", "one", "0", "1 -> 2", "()"])
def test_no_other_text_is_an_as_path(text: str) -> None:
    """A text that is no AS path is refused."""
    with pytest.raises(ValueError, match=r"AS path|AS number"):
        AsPath.parse(text)


def test_an_as_path_is_shown_newest_first() -> None:
    """A path is shown newest AS first, with brackets around what is no sequence."""
    path = AsPath((confed(5), confed_set(6, 7), sequence(1, 2), as_set(4, 3)))
    assert str(path) == "(5) [6 7] 1 2 {3 4}"


def test_routes_that_mean_the_same_are_equal() -> None:
    """The order and repetition of communities mean nothing (RFC 1997, RFC 8092 §3)."""
    one, two = (
        Route(
            prefix=P1,
            next_hop=IPv4Address("192.0.2.2"),
            communities=tuple(map(Community, standard)),
            large_communities=tuple(map(LargeCommunity, large)),
        )
        for standard, large in (
            (("2:1", "10:1", "2:1"), ("1:1:10", "1:1:2")),
            (("10:1", "2:1"), ("1:1:2", "1:1:10", "1:1:2")),
        )
    )
    assert one == two
    assert one.communities == ("2:1", "10:1")
    assert one.large_communities == ("1:1:2", "1:1:10")
