"""Route distinguishers and the prefixes behind them (RFC 4364 §4.1, §4.2)."""

from __future__ import annotations

import pytest

from lab.bgp import (
    Route,
    VpnPrefix,
    nlri_order,
    parse_nlri,
    parse_prefix,
    parse_route_distinguisher,
    route_distinguisher,
    route_distinguisher_octets,
)
from lab.codec import plain, typed
from lab.explanation import Explanation


@pytest.mark.parametrize(
    ("text", "octets"),
    [
        ("65000:100", "0000fde800000064"),
        ("0:4294967295", "00000000ffffffff"),
        ("192.0.2.1:5", "0001c00002010005"),
        ("70000:7", "0002000111700007"),
        ("65000L:7", "00020000fde80007"),
        ("8000000000000001", "8000000000000001"),
    ],
)
def test_each_type_has_one_text(text: str, octets: str) -> None:
    """A 2-octet AS, an address, a 4-octet AS, and types that nobody has defined."""
    assert route_distinguisher_octets(parse_route_distinguisher(text)).hex() == octets
    assert route_distinguisher(bytes.fromhex(octets)) == parse_route_distinguisher(text) == text


@pytest.mark.parametrize("text", ["", "65000", "65000:", "192.0.2:5", "192.0.2.1:65536", "65536:65536", "-1:2", "a:b"])
def test_what_is_no_distinguisher_is_refused(text: str) -> None:
    """Numbers out of range and other texts."""
    with pytest.raises(ValueError, match="is not a route distinguisher"):
        parse_route_distinguisher(text)


@pytest.mark.parametrize("text", ["10.0.0.0/8", "2001:10:20::/48", "65000:1 10.0.0.0/8", "192.0.2.1:5 2001:db8::/32"])
def test_a_prefix_with_or_without_distinguisher_is_read(text: str) -> None:
    """The text says which of both it is, in either family."""
    nlri = parse_nlri(text)
    assert str(nlri) == text
    assert isinstance(nlri, VpnPrefix) == (" " in text)


def test_tables_list_prefixes_by_address_and_then_by_distinguisher() -> None:
    """What has no distinguisher comes first."""
    texts = ["9.0.0.0/8", "10.0.0.0/8", "9:1 10.0.0.0/8", "10:1 10.0.0.0/8", "1:1 11.0.0.0/8", "2001:db8::/32"]
    assert [str(one) for one in sorted(map(parse_nlri, reversed(texts)), key=nlri_order)] == texts


def test_an_nlri_crosses_from_process_to_process() -> None:
    """As text, with its distinguisher."""
    asked = Explanation(router="pe1", prefix=parse_nlri("65000:1 10.0.0.0/8"), candidates=(), decision=None, exports=())
    assert typed(Explanation, plain(asked)) == asked


def test_a_route_leads_to_its_prefix_behind_its_distinguisher() -> None:
    """Two routes with one prefix and two distinguishers lead to two places."""
    prefix, hop = parse_prefix("10.0.0.0/8"), parse_prefix("192.0.2.1/32").network_address
    one, other = (Route(prefix=prefix, next_hop=hop, rd=parse_route_distinguisher(rd)) for rd in ("1:1", "1:2"))
    assert one.nlri != other.nlri
    assert Route(prefix=prefix, next_hop=hop).nlri == prefix
