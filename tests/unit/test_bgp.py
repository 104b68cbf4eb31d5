"""BGP's values against the RFCs that define them."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Network, ip_address

import pytest

from builders import P1
from lab.bgp import (
    Community,
    Family,
    LargeCommunity,
    MaxPrefix,
    Origin,
    Route,
    family_of,
    is_private_asn,
    parse_asn,
    parse_prefix,
    prefix_order,
)


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


def test_prefixes_are_ordered_by_family_address_and_length() -> None:
    """IPv4 comes first, then the lower address, then the shorter prefix."""
    texts = ["0.0.0.0/0", "10.0.0.0/8", "10.0.0.0/16", "192.0.2.0/24", "::/0", "2001:db8::/32"]
    prefixes = [parse_prefix(text) for text in texts]
    shuffled = [prefixes[number] for number in (5, 2, 0, 4, 1, 3)]
    assert sorted(shuffled, key=prefix_order) == prefixes


@pytest.mark.parametrize(
    ("limit", "percent", "warns_at"),
    [(4000, 75, 3000), (3, 75, 2), (1, 75, 1), (1, 1, 1), (100, 100, 100)],
)
def test_a_prefix_limit_warns_below_itself(limit: int, percent: int, warns_at: int) -> None:
    """The warning level is a part of the limit, rounded down, and at least one prefix."""
    assert MaxPrefix(limit=limit, warning_percent=percent).warning_at == warns_at
