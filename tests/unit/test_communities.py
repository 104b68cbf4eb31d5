"""Communities of the three kinds (RFC 1997, RFC 8092, RFC 4360): one text for each, and their order."""

from __future__ import annotations

import pytest

from lab.bgp import (
    BLACKHOLE,
    GRACEFUL_SHUTDOWN,
    NO_ADVERTISE,
    NO_EXPORT,
    NO_EXPORT_SUBCONFED,
    Community,
    ExtendedCommunity,
    extended_community,
    extended_community_octets,
    in_order,
    is_route_target,
    parse_community,
    parse_extended_community,
    parse_large_community,
)


@pytest.mark.parametrize(
    ("text", "community"),
    [
        ("0:0", "0:0"),
        ("65535:65535", "65535:65535"),
        ("012076:050", "12076:50"),
        ("graceful-shutdown", GRACEFUL_SHUTDOWN),
        ("blackhole", BLACKHOLE),
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
    [
        (GRACEFUL_SHUTDOWN, 0xFFFF0000),
        (BLACKHOLE, 0xFFFF029A),
        (NO_EXPORT, 0xFFFFFF01),
        (NO_ADVERTISE, 0xFFFFFF02),
        (NO_EXPORT_SUBCONFED, 0xFFFFFF03),
    ],
)
def test_well_known_communities_have_the_values_of_their_rfcs(community: Community, on_the_wire: int) -> None:
    """RFC 1997, Well-known Communities; RFC 8326 §5; RFC 7999 §5."""
    high, low = map(int, community.split(":"))
    assert high << 16 | low == on_the_wire


@pytest.mark.parametrize("text", ["65536:1", "1:65536", "1", "1:2:3", "a:1", ":", "-1:1", "\u0661:1", "internet"])
def test_no_other_text_is_a_community(text: str) -> None:
    """What is not two 16-bit numbers is refused, with the names that would do."""
    with pytest.raises(ValueError, match="blackhole, graceful-shutdown, no-advertise, no-export, no-export-subconfed"):
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
    ("text", "community", "octets"),
    [
        pytest.param("target:65010:100", "target:65010:100", "0002fdf200000064", id="RFC 4360 §3.1, §4: 2-octet AS"),
        pytest.param("rt:65010:100", "target:65010:100", "0002fdf200000064", id="rt is a target"),
        pytest.param("target:65010:4294967295", "target:65010:4294967295", "0002fdf2ffffffff", id="32 bits of value"),
        pytest.param("origin:65010:7", "origin:65010:7", "0003fdf200000007", id="RFC 4360 §5: route origin"),
        pytest.param("soo:065010:07", "origin:65010:7", "0003fdf200000007", id="soo, without leading zeros"),
        pytest.param("target:192.0.2.1:5", "target:192.0.2.1:5", "0102c00002010005", id="RFC 4360 §3.2: an address"),
        pytest.param("origin:192.0.2.1:65535", "origin:192.0.2.1:65535", "0103c0000201ffff", id="16 bits of value"),
        pytest.param("target:65536:5", "target:65536:5", "0202000100000005", id="RFC 5668: 4-octet AS"),
        pytest.param("target:4200000000:1", "target:4200000000:1", "0202fa56ea000001", id="RFC 5668: a private one"),
        pytest.param("target:65010L:5", "target:65010L:5", "02020000fdf20005", id="RFC 5668: a small one, marked"),
        pytest.param("target:65536L:5", "target:65536:5", "0202000100000005", id="a large one needs no mark"),
        pytest.param("0002fdf200000064", "target:65010:100", "0002fdf200000064", id="digits of a known type"),
        pytest.param("030B000000000001", "030b000000000001", "030b000000000001", id="another type (RFC 9012 §4.1)"),
        pytest.param("4004000000000001", "4004000000000001", "4004000000000001", id="a non-transitive type"),
        pytest.param("0004000000000001", "0004000000000001", "0004000000000001", id="another subtype"),
    ],
)
def test_an_extended_community_has_one_canonical_form(text: str, community: str, octets: str) -> None:
    """A route target or origin is read by name, any other extended community from its digits (RFC 4360 §2)."""
    read = parse_extended_community(text)
    assert read == community
    assert extended_community_octets(read) == bytes.fromhex(octets)
    assert extended_community(bytes.fromhex(octets)) == community


@pytest.mark.parametrize(
    "text",
    [
        "",
        "65010:1",
        "target:65010",
        "target:65010:",
        "target::1",
        "target:0x1:1",
        "target:65010:4294967296",
        "target:65536:65536",
        "target:65010L:65536",
        "target:4294967296:1",
        "target:192.0.2.1:65536",
        "target:192.0.2:1",
        "target:192.0.2.256:1",
        "target:192.0.2.01:1",
        "target:1:2:3",
        "color:1:1",
        "0002fdf20000006",
        "0002fdf2000000640",
        "0002fdf20000006g",
    ],
)
def test_no_other_text_is_an_extended_community(text: str) -> None:
    """What fits no form is refused, with the forms that would do."""
    with pytest.raises(ValueError) as caught:  # noqa: PT011  # the whole message is compared
        parse_extended_community(text)
    assert str(caught.value) == (
        f"{text!r} is not an extended community: write target:65010:100, origin:192.0.2.1:5 or 16 hex digits"
    )


def test_extended_communities_are_ordered_by_their_octets() -> None:
    """As on the wire (RFC 4360 §2), also those that are shown as digits only, decimal ones among them."""
    texts = [
        "4004000000000001",
        "030b000000000001",
        "target:65536:1",
        "target:192.0.2.1:1",
        "origin:1:1",
        "target:10:1",
    ]
    texts += ["target:10:1", "target:9:1", "target:9:1"]
    assert in_order(map(ExtendedCommunity, texts)) == (
        "target:9:1",
        "target:10:1",
        "origin:1:1",
        "target:192.0.2.1:1",
        "target:65536:1",
        "030b000000000001",
        "4004000000000001",
    )


@pytest.mark.parametrize(
    ("text", "target"),
    [("target:1:1", True), ("target:192.0.2.1:1", True), ("origin:1:1", False), ("030b000000000001", False)],
)
def test_a_route_target_is_known(text: str, *, target: bool) -> None:
    """A route target is one of the extended communities with the subtype 2 (RFC 4360 §4)."""
    assert is_route_target(ExtendedCommunity(text)) is target
